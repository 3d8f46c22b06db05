"""Reader of Parquet files in batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.readers.chunk import Piece
from features.readers.errors import Unreadable, check_width

_BATCH_ROWS: Final = 16_384


class ParquetPieces:
    """Rows of a Parquet file. A struct column becomes one column per member (``consignor.name``)."""

    format = "parquet"
    encoding = None
    delimiter = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the schema.

        Raises:
            Unreadable: the file is damaged, truncated or encrypted, or has too many columns.
        """
        self._name = str(path)
        try:
            self._file = pq.ParquetFile(str(path))
            self.names = tuple(_flat(self._file.schema_arrow.empty_table()).column_names)
        except Exception as error:  # Damaged files raise errors of any kind, such as UnicodeDecodeError.
            raise Unreadable(
                self._name, f"The Parquet file cannot be opened ({_first_line(error)}).", "Write or copy it again."
            ) from error
        check_width(self._name, len(self.names))
        self._rows_read = 0
        self._size = Path(path).stat().st_size

    @property
    def bytes_read(self) -> int:
        """Number of bytes read, estimated from the number of rows, because columnar files are not read sequentially."""
        total = self._file.metadata.num_rows
        return self._size * self._rows_read // total if total else self._size

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Piece]:
        try:
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS):
                if batch.num_rows:
                    _check(batch)
                    lines = np.arange(self._rows_read + 1, self._rows_read + 1 + batch.num_rows, dtype=np.int64)
                    self._rows_read += batch.num_rows
                    yield Piece(_flat(pa.Table.from_batches([batch])), lines, batch.nbytes)
        except Exception as error:
            raise Unreadable(
                self._name,
                f"The Parquet file is damaged after row {self._rows_read} ({_first_line(error)}).",
                "Write or copy it again.",
            ) from error


def _check(batch: pa.RecordBatch) -> None:
    """Raise `ArrowInvalid` with the column's name if a column of a batch is damaged, for example by text that is not UTF-8."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowException as error:
            raise pa.ArrowInvalid(f"column {name!r}: {_first_line(error)}") from error


def _flat(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(column.type) for column in table.schema):
        table = table.flatten()
    return table


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
