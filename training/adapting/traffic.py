"""Unlabelled traffic of an office: earlier manifest files as one table in order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from features.groups.history.keys import keys_of
from features.groups.history.state import KeyRow
from features.manifest.fields import FIELD, LABEL_NAMES, MANIFEST_NAMES, Kind
from features.readers import ColumnMapping, open_table
from features.readers.headers import FurtherField, further_columns
from features.table import normalise
from features.table.table import TIME_MISSING, Coded, ManifestTable
from training.arrays import Ints
from training.data.dataset import BadData, ColumnsBuilder, file_digest, rows_of, span_of
from training.progress import RowProgress

#: Minimum number of shipments. Five of them are in the red lane.
LEAST_SHIPMENTS: Final = 1_000
_USED: Final = frozenset(MANIFEST_NAMES) - frozenset(LABEL_NAMES)
_FURTHER: Final = "further:"


@dataclass(frozen=True, slots=True)
class TrafficFile:
    """Name, SHA-256 and number of rows of a file."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Accepted shipments of several files in order of (declared_at, arrival), each ``shipment_id`` once.

    Attributes:
        table: the S shipments and their goods items.
        files: the files, in the given order.
        rows_refused: number of rows that could not be read.
        repeated: number of shipments left out because their ``shipment_id`` occurred before.
        has_times: whether any row states a time.
        notes: remarks for the user.
    """

    table: ManifestTable
    files: tuple[TrafficFile, ...]
    rows_refused: int
    repeated: int
    has_times: bool
    notes: tuple[str, ...]

    @property
    def span(self) -> tuple[str, str]:
        """First and last day, ISO 8601; for files without times, the day of the previous model."""
        return span_of(self.table)


def read_traffic(
    paths: Sequence[Path],
    *,
    mapping: ColumnMapping | None = None,
    further: Sequence[FurtherField] = (),
    otherwise_s: int = 0,
    progress: RowProgress | None = None,
) -> Traffic:
    """Read manifest files. Label columns are ignored.

    Args:
        further: fields outside the manifest that the model uses.
        otherwise_s: time of the shipments in files without any time, in seconds since 1970. The current time would give different
            bytes in each run.

    Raises:
        Unreadable, MappingError: a file cannot be read, or does not fit the mapping.
        BadData: fewer than `LEAST_SHIPMENTS` shipments can be read.
    """
    builder = ColumnsBuilder()
    files: list[TrafficFile] = []
    notes: list[str] = []
    rejected = 0
    for path in paths:
        before = builder.n_rows
        with open_table(path, mapping=mapping) as reader:
            for chunk in reader:
                columns = {name: column for name, column in chunk.columns.items() if name in _USED}
                if reader.decimal == ",":
                    columns = _with_points(columns)
                found = further_columns(chunk.native, further)
                builder.add(columns | {f"{_FURTHER}{name}": one for name, one in found.items()}, chunk.n_rows)
                rejected += len(chunk.rejected)
                if progress is not None:
                    progress(builder.n_rows)
            notes += [f"{path.name}: {note}" for note in reader.notes]
        files.append(TrafficFile(path.name, file_digest(path), builder.n_rows - before))
    n_rows = builder.n_rows
    return traffic_of(builder.columns(), n_rows, tuple(files), rejected, tuple(notes), otherwise_s)


def created_s(created_at: str) -> int:
    """Return the time of a model in seconds since 1970. Shipments in files without any time get this time."""
    return int(datetime.fromisoformat(created_at).timestamp())


def traffic_of(
    columns: Mapping[str, Coded],
    n_rows: int,
    files: tuple[TrafficFile, ...],
    rejected: int = 0,
    notes: tuple[str, ...] = (),
    otherwise_s: int = 0,
) -> Traffic:
    """Return the traffic of declared columns: accepted rows, in order of time, without repeated shipments.

    Args:
        columns: canonical name, or further field with a prefix -> (n_rows,) declared texts.
        rejected: rows that did not match the header of their file.

    Raises:
        BadData: fewer than `LEAST_SHIPMENTS` shipments can be read.
    """
    first_s, has_times = _first_time(columns, otherwise_s)
    table = _table(columns, n_rows, first_s).accepted()
    # Remove repeats before sorting: sorting would make repeats with the same time adjacent, and so merge them into one shipment.
    references = keys_of(table)[KeyRow.REFERENCE]
    firsts = np.sort(np.unique(references, return_index=True)[1])
    repeated = table.n_shipments - len(firsts)
    if repeated:
        table = table.take(rows_of(table, firsts))
        notes = (
            *notes,
            f"{repeated:,} shipments were left out, because their shipment_id occurred before.",
        )
    if (np.diff(table.declared_s) < 0).any():
        table = _reordered(table, np.argsort(table.declared_s, kind="stable"), first_s)
        notes = (*notes, "The shipments were sorted by time.")
    if table.n_shipments < LEAST_SHIPMENTS:
        names = ", ".join(file.name for file in files)
        raise BadData(
            f"{names}: {table.n_shipments:,} shipments can be read; adapting needs at least {LEAST_SHIPMENTS:,} "
            "from earlier months"
        )
    refused = n_rows + rejected - table.n_rows
    return Traffic(table, files, refused, repeated, has_times, notes)


def _with_points(columns: Mapping[str, Coded]) -> dict[str, Coded]:
    """Return the columns with decimal points, because files with commas and files with points become one table."""

    def point(text: str) -> str:
        value, _, infinite = normalise.number(text, ",")
        return text if infinite or value != value else repr(value)

    return {
        name: column.mapped(point) if FIELD[name].kind is Kind.NUMBER else column for name, column in columns.items()
    }


def _first_time(columns: Mapping[str, Coded], otherwise_s: int) -> tuple[int, bool]:
    """Return the first stated time in the order of the rows, and True; ``otherwise_s`` and False if no row states a time."""
    column = columns.get("declared_at")
    if column is not None and len(column.values):
        seconds = np.array(normalise.times(column.values)[0], dtype=np.int64)
        stated = column.lookup(seconds, TIME_MISSING)
        known = np.flatnonzero(stated != TIME_MISSING)
        if len(known):
            return int(stated[known[0]]), True
    return otherwise_s, False


def _table(columns: Mapping[str, Coded], n_rows: int, first_s: int) -> ManifestTable:
    further = {name.removeprefix(_FURTHER): one for name, one in columns.items() if name.startswith(_FURTHER)}
    manifest = {name: one for name, one in columns.items() if not name.startswith(_FURTHER)}
    return ManifestTable.from_columns(manifest, n_rows, decimal=".", previous_time=first_s, further=further)


def _reordered(table: ManifestTable, order: Ints, first_s: int) -> ManifestTable:
    rows = rows_of(table, order)
    columns = {name: column.take(rows) for name, column in table.raw.items()}
    further = {f"{_FURTHER}{name}": table.further(name).take(rows) for name in table.further_names}
    return _table(columns | further, len(rows), first_s)


def recorded_files(path: Path) -> list[Path]:
    """Return a record's rotated files, the oldest first, and the file itself.

    Raises:
        BadData: there is no such file.
    """
    rotated = [
        (int(number), one)
        for one in path.parent.glob(f"{path.name}.*")
        if (number := one.name.removeprefix(f"{path.name}.")).isdecimal()
    ]
    files = [one for _, one in sorted(rotated, reverse=True)]
    if path.is_file():
        files.append(path)
    if not files:
        raise BadData(f"{path}: no such file; the service writes it if TIDEWAITER_RECORD names it")
    return files
