"""Registry of output formats by file extension, with their writers.

To add a format, write a class with the methods of `TableWriter` and add an entry to `FORMATS`.
"""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

import pyarrow as pa

from features.readers import OwnValues
from service.core.excel_safe import safe_table
from service.files.csv_lines import csv_lines, header_line
from service.files.json_lines import json_lines
from service.files.output import OutputRefused, whole_file

if TYPE_CHECKING:
    # Only for types at import, because only one format needs this module.
    import pyarrow.parquet as pq

#: Gzip level: compresses text about as well as the common level 6, in two thirds of the time.
_GZIP_LEVEL: Final = 4


class TableWriter(Protocol):
    """Writer of successive tables with the same schema."""

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        """Write the rows of a table.

        Args:
            own: JSON values of the columns of a JSON input; None for other inputs.
        """

    def close(self) -> None:
        """Write buffered data."""


class DelimitedWriter:
    """Writer of CSV or TSV with a header line."""

    def __init__(self, file: IO[bytes], delimiter: str, *, started: bool = False) -> None:
        """
        Args:
            started: whether the file already has its header line.
        """
        self._file, self._delimiter, self._started = file, delimiter, started
        #: Whether texts that spreadsheets would evaluate as formulas get an apostrophe.
        self.excel_safe = False

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        if self.excel_safe:
            table = safe_table(table)
        if not self._started:
            self._file.write(header_line(table.column_names, self._delimiter))
            self._started = True
        self._file.write(csv_lines(table, self._delimiter).data)

    def close(self) -> None:
        """Do nothing, because no data is buffered."""


class JsonLinesWriter:
    """Writer of JSON objects, one per line."""

    def __init__(self, file: IO[bytes], *, started: bool = False) -> None:
        """
        Args:
            started: ignored, because lines need no header.
        """
        self._file = file

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        self._file.write(json_lines(table, own).data)

    def close(self) -> None:
        """Do nothing, because no data is buffered."""


class ParquetWriter:
    """Writer of Parquet with one row group per table."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        # Drop metadata of the input, such as pandas' index columns, which does not describe the output.
        # Join the chunks of each column, because chunks end Parquet's pages. Equal rows then give equal bytes.
        table = table.replace_schema_metadata(None).combine_chunks()
        if self._writer is None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self._file, table.schema)
        if table.num_rows:
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format of output files.

    Attributes:
        writer: creates a writer for an open file.
        media_type: Content-Type of a file.
        endings: file extensions. The first one without its dot is the name of the format.
        grows: whether ``writer`` can continue a file that already has rows (``started``).
        gzip_endings: file extensions of gzipped files.
        unique_names: whether column names must be unique.
        dictionaries: whether the writer accepts dictionary-encoded columns.
    """

    writer: Callable[..., TableWriter]
    media_type: str
    endings: tuple[str, ...]
    gzip_endings: tuple[str, ...] = ()
    unique_names: bool = True
    dictionaries: bool = True
    grows: bool = True

    @property
    def name(self) -> str:
        """Name in requests, and extension of a job's result."""
        return self.endings[0][1:]


FORMATS: Final = (
    OutputFormat(partial(DelimitedWriter, delimiter=","), "text/csv", (".csv",), (".csv.gz",), unique_names=False),
    OutputFormat(
        partial(DelimitedWriter, delimiter="\t"),
        "text/tab-separated-values",
        (".tsv",),
        (".tsv.gz",),
        unique_names=False,
    ),
    OutputFormat(JsonLinesWriter, "application/x-ndjson", (".jsonl", ".ndjson"), (".jsonl.gz",)),
    # The footer of a Parquet file describes all its parts, so the file cannot grow.
    OutputFormat(ParquetWriter, "application/vnd.apache.parquet", (".parquet",), dictionaries=False, grows=False),
)
BY_NAME: Final = {output.name: output for output in FORMATS}


def format_of(path: Path) -> OutputFormat:
    """Return the format for the extension of a path, in upper or lower case.

    Raises:
        OutputRefused: no format has this extension.
    """
    name = path.name.lower()
    for output in FORMATS:
        if name.endswith((*output.endings, *output.gzip_endings)):
            return output
    endings = [ending for output in FORMATS for ending in (*output.endings, *output.gzip_endings)]
    raise OutputRefused(f"{path}: The ending determines the format; use one of {', '.join(endings)}.")


@contextlib.contextmanager
def open_writer(path: Path, *, excel_safe: bool = False) -> Iterator[TableWriter]:
    """Yield a writer in the format of the path's extension. The file appears only if the block ends without an exception.

    Args:
        excel_safe: whether texts that spreadsheets would evaluate as formulas get an apostrophe, in CSV and TSV.

    Raises:
        OutputRefused: see `format_of` and `whole_file`.
    """
    output = format_of(path)
    with whole_file(path) as file, contextlib.ExitStack() as stack:
        target = file
        if path.name.lower().endswith(output.gzip_endings):
            # Omit file name and time from the header, so that equal content gives equal files.
            target = cast(
                "IO[bytes]",
                stack.enter_context(gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0)),
            )
        # Close the writer also after an error, because Arrow warns about open Parquet files.
        writer = output.writer(target)
        if excel_safe and isinstance(writer, DelimitedWriter):
            writer.excel_safe = True
        with contextlib.closing(writer):
            yield writer
