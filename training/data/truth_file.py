"""Truth files of `tidewaiter generate --truth`, joined to a labelled file by shipment and item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.table.table import ManifestTable
from training.data.dataset import BadData
from training.data.world_truth import TruthColumns, WorldTruth

Ints = NDArray[np.int64]

_KEYS: Final = ("shipment_id", "item_number")
_NEEDED: Final = (*_KEYS, "content", "network_id", "typologies", "strength", "violation")
_COLUMNS_READ: Final = (*_NEEDED, "reaction")


def read_truth(path: Path, table: ManifestTable) -> WorldTruth:
    """Read the truth of a table's rows. The file may contain further rows, in any order.

    Raises:
        BadData: The file is not a truth file, lacks a column or an item, or contains an item twice.
    """
    collected = TruthColumns()
    keys: list[tuple[str, str]] = []
    for columns in _chunks(path):
        keys.extend(zip(columns["shipment_id"], columns["item_number"], strict=True))
        try:
            collected.add(columns)
        except ValueError as error:
            raise BadData(f"{path}: {error}") from None
    try:
        return collected.of(_rows(path, keys, table), table.first_row)
    except ValueError as error:
        raise BadData(f"{path}: {error}") from None


def _rows(path: Path, keys: list[tuple[str, str]], table: ManifestTable) -> Ints:
    row_of = {key: row for row, key in enumerate(keys)}
    if len(row_of) < len(keys):
        twice = next(key for row, key in enumerate(keys) if row_of[key] != row)
        raise BadData(f"{path}: item {twice[1]!r} of shipment {twice[0]!r} is listed twice")
    ids, numbers = (
        table.raw[name].to_list() if name in table.raw else [None] * table.n_rows for name in _KEYS
    )  # fmt: skip
    try:
        return np.array([row_of[(i or "", n or "")] for i, n in zip(ids, numbers, strict=True)], dtype=np.int64)
    except KeyError as error:
        shipment, number = error.args[0]
        raise BadData(f"{path}: no item {number!r} of shipment {shipment!r}, which is in the data") from None


def _chunks(path: Path) -> Iterator[dict[str, list[str]]]:
    batches: Iterator[pa.RecordBatch]
    if path.suffix.lower() in (".parquet", ".pq"):
        batches = pq.ParquetFile(path).iter_batches()
    else:
        texts = pa.csv.ConvertOptions(
            column_types={name: pa.string() for name in _COLUMNS_READ}, strings_can_be_null=False
        )
        try:
            batches = iter(pa.csv.open_csv(path, convert_options=texts))
        except pa.ArrowInvalid as error:
            raise BadData(f"{path}: cannot be read as a table: {error}") from None
    for batch in batches:
        names = batch.schema.names
        lacking = [name for name in _NEEDED if name not in names]
        if lacking:
            raise BadData(f"{path}: no column {lacking[0]!r}; expected a file of `tidewaiter generate --truth`")
        yield {name: _texts(batch.column(name)) for name in _COLUMNS_READ if name in names}


def _texts(column: Any) -> list[str]:
    return [value or "" for value in column.cast(pa.string()).to_pylist()]
