"""Output files: formats by file extension with their writers, and files that appear only when they are complete.

To add a format, write a class with the methods of `TableWriter` and add an entry to `FORMATS`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol, cast

import pyarrow as pa

from features.readers import OwnValues
from service.core.excel_safe import safe_table
from service.files.delimited import csv_lines, header_line, json_lines

if TYPE_CHECKING:
    import pyarrow.parquet as pq

#: Error numbers of a full, broken or read-only disk. Only another folder or a repair helps.
DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
_DEVICES: Final = (Path("/dev"), Path("/proc"), Path("/sys"))
#: Folder below `/dev` that contains ordinary files.
_MEMORY: Final = Path("/dev/shm")


class OutputRefused(ValueError):
    """Error for an unusable output path. The message contains the path and the remedy."""


class OutputFailed(RuntimeError):
    """Error of the disk while writing an output file. The message contains the path."""


def check_paths(named: Sequence[tuple[str, Path]]) -> None:
    """Check the paths of a run before it starts.

    Args:
        named: (name in messages, path) of the input file, then of each output file.

    Raises:
        OutputRefused: a file would overwrite another, or an output file would replace a device, is in a folder of devices, or is in
            a folder that does not exist.
    """
    for index, (name, path) in enumerate(named):
        for other_name, other in named[:index]:
            if path.absolute() == other.absolute() or (path.exists() and other.exists() and path.samefile(other)):
                raise OutputRefused(
                    f"{path}: The {name} file would overwrite the {other_name} file; choose another name."
                )
    for name, path in named[1:]:
        if not path.parent.is_dir():
            raise OutputRefused(f"{path}: There is no folder {path.parent}; create it first.")
        folder = path.parent.resolve()
        if any(map(folder.is_relative_to, _DEVICES)) and not folder.is_relative_to(_MEMORY):
            raise OutputRefused(f"{path}: The {name} file would lie among devices; choose another folder.")
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OutputRefused(f"{path}: This is a pipe or a device, which the output would replace; name a file.")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces ``path`` if the block ends without an exception.

    The temporary file is beside ``path``; its name starts with a dot and ends with ``.part``. After an exception, Ctrl-C or SIGTERM
    it is removed, and ``path`` is unchanged. After a kill or a power failure, the next call for the same path removes it.

    Raises:
        OutputRefused: the folder does not exist or cannot be written, or ``path`` is a folder.
        OutputFailed: the disk is full or broken.
    """
    if path.is_dir():
        raise OutputRefused(f"{path}: This is a folder; name a file.")
    remove_stale(path)
    part, file = _part_of(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Replace while the file is locked, so that no other process removes it as stale.
            part.replace(path)
    except OSError as error:
        _remove(part)
        if error.errno in DISK_ERRORS:
            raise OutputFailed(f"{path}: It cannot be written completely ({error.strerror}).") from error
        raise
    except BaseException:
        _remove(part)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_stale(path: Path) -> None:
    """Remove temporary files of ``path`` that ended processes have left behind."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.part")
    with contextlib.suppress(OSError):
        for part in path.parent.iterdir():
            if pattern.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                with contextlib.suppress(OSError), part.open("rb") as file:
                    # The lock fails while another process writes the file.
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(part)


def _part_of(path: Path) -> tuple[Path, IO[bytes]]:
    """Create and lock a temporary file for ``path``."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            file = part.open("xb")
        except OSError as error:
            raise OutputRefused(f"{path}: It cannot be written ({error.strerror}).") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another process found the file before it was locked here, and removes it.
            file.close()
            continue
        except OSError:
            # Some network file systems have no locks.
            return part, file
        if os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()


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
