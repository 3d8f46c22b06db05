"""History of a scored file: replay of an earlier file, and scoring in order of ``declared_at``."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Final

import numpy as np

from features.groups.history.columns import WIDTH
from features.groups.history.history import HistoryRows
from features.groups.history.keys import history_keys
from features.readers import ROWS_PER_CHUNK, open_table
from service.files.chunk_scorer import ChunkScorer
from service.files.pipeline import map_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from features.groups.history.history import History
    from features.table.table import ManifestTable
    from service.files.chunk_scorer import FileModel
    from service.files.options import ScoreOptions

#: Number of shipments per step of the history, which bounds the memory of their values.
_AT_ONCE: Final = 65_536


def replay_file(path: str | os.PathLike[str], model: FileModel, history: History, options: ScoreOptions) -> None:
    """Advance a history with an earlier manifest file, in the order of the file.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    _prepare_all(path, model, history, options)


@contextlib.contextmanager
def sorted_history(path: Path, model: FileModel, history: History, options: ScoreOptions) -> Iterator[SortedHistory]:
    """Read a file, advance the history in order of ``declared_at``, and yield the history values in the order of the file.

    Shipments with equal times keep the order of the file. The values (some 600 bytes per shipment) are in a temporary file, so they
    take no memory; the keys (240 bytes per shipment) are in memory.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    collected = _Keys()
    _prepare_all(path, model, collected, options)
    keys = collected.joined()
    order = np.argsort(keys[0], kind="stable")
    with tempfile.TemporaryFile(prefix="tidewaiter-") as file:
        n = len(order)
        values = np.memmap(file, np.float64, "w+", shape=(max(n, 1), WIDTH))
        late = np.zeros(n, dtype=np.bool_)
        faults: dict[int, Exception] = {}
        for start in range(0, n, _AT_ONCE):
            chosen = order[start : start + _AT_ONCE]
            rows = history.advance_keys(np.ascontiguousarray(keys[:, chosen]), isolate=True)
            values[chosen], late[chosen] = rows.values, rows.late
            faults |= {int(chosen[number]): error for number, error in rows.faults.items()}
        del keys
        yield SortedHistory(HistoryRows(values, late, faults=faults))


class SortedHistory:
    """History values of the shipments of a file, which `advance` returns in the order of the file."""

    def __init__(self, rows: HistoryRows) -> None:
        self._rows = rows
        self._next = 0

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        """Return the values of the table's shipments, which must be the next ones of the file."""
        rows, first = self._rows, self._next
        self._next += table.n_shipments
        chosen = slice(first, self._next)
        faults = {shipment - first: error for shipment, error in rows.faults.items() if first <= shipment < self._next}
        return HistoryRows(np.array(rows.values[chosen]), rows.late[chosen], faults=faults)


class _Keys:
    """Stands in for a history, and collects the history keys of the tables."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.int64]] = []

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> HistoryRows:
        keys = history_keys(table)
        self._parts.append(keys)
        return HistoryRows(np.empty((table.n_shipments, 0)), np.zeros(table.n_shipments, dtype=np.bool_))

    def joined(self) -> NDArray[np.int64]:
        """Return the keys of all shipments, one column per shipment."""
        parts, self._parts = self._parts, []
        return np.concatenate(parts, axis=1) if parts else np.empty((1, 0), dtype=np.int64)


def _prepare_all(
    path: str | os.PathLike[str], model: FileModel, history: History | _Keys, options: ScoreOptions
) -> None:
    """Read a whole file as `score_file` does, and advance the history with its tables."""
    with (
        open_table(path, mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK) as reader,
        map_ahead(ChunkScorer(model, history, options, decimal=reader.decimal).prepare, reader) as prepared,
    ):
        for _ in prepared:
            pass
