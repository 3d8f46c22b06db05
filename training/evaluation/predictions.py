"""Predictions for a holdout file: its rows in order, with an added column ``risk``."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.readers import ColumnMapping, open_table
from features.readers.chunk import Chunk
from features.readers.further import further_columns
from features.table.table import ManifestTable
from models.scoring import RISK, RiskModel
from training.data.sources import manifest_columns

Floats = NDArray[np.float64]


def predict_file(
    model: RiskModel,
    source: Path,
    target: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    threads: int = 1,
) -> int:
    """Write the rows of ``source`` to ``target``, in order and with a column ``risk`` (nine significant digits).

    The output is Parquet if ``target`` has that extension, and CSV otherwise. The history starts from the model's snapshot and
    advances with the file. An unreadable row stays in the output with an empty risk. Label columns are not read. Returns the
    number of rows.
    """
    history = model.history.copy()
    partial = target.with_name(f"{target.name}.partial")
    written = 0
    previous: int | None = None
    writer: _Writer | None = None
    try:
        with open_table(source, mapping=mapping) as reader:
            for chunk in reader:
                columns = manifest_columns(chunk.columns, reader.recognised, label)
                table = ManifestTable.from_columns(
                    columns,
                    chunk.n_rows,
                    decimal=reader.decimal,
                    previous_time=previous,
                    further=further_columns(chunk.native, model.space.further_fields),
                )
                risk = np.full(chunk.n_rows, np.nan)
                accepted = table.accepted()
                if accepted.n_rows:
                    scores = model.score(accepted, history, threads=threads)
                    risk[~table.refused] = scores.risk[accepted.shipment]
                    previous = int(accepted.declared_s[-1])
                if writer is None:
                    writer = _Writer(partial, chunk.raw.column_names, parquet=target.suffix == ".parquet")
                written += writer.write(chunk, risk)
        if writer is not None:
            writer.close()
            os.replace(partial, target)
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)
    return written


class _Writer:
    def __init__(self, path: Path, names: list[str], *, parquet: bool) -> None:
        own = [name for name in names if name != RISK]
        self._own = own
        self._parquet: pq.ParquetWriter | None = None
        self._stream: Any = None
        if parquet:
            fields: list[pa.Field[Any]] = [pa.field(name, pa.string()) for name in own]
            schema = pa.schema([*fields, pa.field(RISK, pa.float64())])
            self._parquet = pq.ParquetWriter(path, schema)
            self._schema = schema
        else:
            self._stream = path.open("w", newline="", encoding="utf-8")
            self._csv = csv.writer(self._stream, lineterminator="\n")
            self._csv.writerow([*own, RISK])

    def write(self, chunk: Chunk, risk: Floats) -> int:
        """Write the rows of a chunk. A row that cannot be aligned becomes a blank row."""
        columns: list[list[str | None]] = [chunk.raw.column(name).to_pylist() for name in self._own]
        risks: list[float | None] = [None if np.isnan(value) else float(value) for value in risk]
        for reject in sorted(chunk.rejected, key=lambda r: r.position, reverse=True):
            for column in columns:
                column.insert(reject.position, None)
            risks.insert(reject.position, None)
        if self._parquet is not None:
            arrays: list[pa.Array[Any]] = [pa.array(column, pa.string()) for column in columns]
            self._parquet.write_table(pa.table([*arrays, pa.array(risks, pa.float64())], schema=self._schema))
        else:
            texts = ["" if value is None else f"{value:.9g}" for value in risks]
            self._csv.writerows(zip(*columns, texts, strict=True))
        return len(risks)

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._stream is not None:
            self._stream.close()
