"""Chunks of a simulated world: consecutive rows, which can be cut to size, and merged over several worlds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class WorldChunk:
    """Consecutive rows, one per goods item.

    ``office`` contains the office's data: the columns `features.manifest.fields.FIELDS`, in that order, as texts with '' for
    missing. ``truth`` contains the ground truth: the columns `training.worlds.own.world.TRUTH`, with the content 'none' for lawful
    goods.
    """

    n_rows: int
    office: dict[str, Texts]
    truth: dict[str, Texts]


def merged(worlds: Sequence[Iterator[WorldChunk]]) -> Iterator[WorldChunk]:
    """Yield the rows of several worlds in the order of ``declared_at``. Rows of a shipment stay adjacent.

    Memory contains one block of each world, and further blocks of a world until the other worlds have reached their days.
    """
    pending: list[list[WorldChunk]] = [[] for _ in worlds]
    # Time of the last row so far of each unfinished world.
    end = dict.fromkeys(range(len(worlds)), "")
    while end:
        # No world will yield rows before the end of the world that is furthest behind.
        behind = min(end, key=lambda number: (end[number], number))
        chunk = next(worlds[behind], None)
        if chunk is None:
            del end[behind]
        else:
            pending[behind].append(chunk)
            end[behind] = str(chunk.office["declared_at"][-1])
        limit = min(end.values(), default=None)
        ready = [part for of_world in pending for part in _take_until(of_world, limit)]
        if ready:
            rows = joined(ready)
            yield _take(rows, np.argsort(rows.office["declared_at"].astype("U20"), kind="stable"))


def _take_until(pending: list[WorldChunk], limit: str | None) -> list[WorldChunk]:
    """Remove and return a world's rows up to the time ``limit``, or all rows if it is None."""
    ready = []
    while pending:
        chunk = pending.pop(0)
        time = chunk.office["declared_at"].astype("U20")
        count = chunk.n_rows if limit is None else int(np.searchsorted(time, limit, side="right"))
        if count:
            ready.append(cut(chunk, 0, count))
        if count < chunk.n_rows:
            pending.insert(0, cut(chunk, count, chunk.n_rows))
            break
    return ready


def recut(blocks: Iterator[WorldChunk], size: int) -> Iterator[WorldChunk]:
    """Yield the same rows in chunks of ``size`` rows, the last one possibly smaller."""
    pending: list[WorldChunk] = []
    count = 0
    for block in blocks:
        pending.append(block)
        count += block.n_rows
        if count < size:
            continue
        rows = joined(pending)
        stop = count - count % size
        for start in range(0, stop, size):
            yield cut(rows, start, start + size)
        pending, count = ([cut(rows, stop, count)], count - stop) if count > stop else ([], 0)
    if count:
        yield joined(pending)


def joined(chunks: Sequence[WorldChunk]) -> WorldChunk:
    """Return the rows of several chunks in their order."""
    if len(chunks) == 1:
        return chunks[0]
    office = {name: np.concatenate([chunk.office[name] for chunk in chunks]) for name in chunks[0].office}
    truth = {name: np.concatenate([chunk.truth[name] for chunk in chunks]) for name in chunks[0].truth}
    return WorldChunk(sum(chunk.n_rows for chunk in chunks), office, truth)


def cut(chunk: WorldChunk, start: int, stop: int) -> WorldChunk:
    """Return the rows from ``start`` to ``stop``."""
    return WorldChunk(
        stop - start,
        {name: column[start:stop] for name, column in chunk.office.items()},
        {name: column[start:stop] for name, column in chunk.truth.items()},
    )


def _take(chunk: WorldChunk, rows: NDArray[np.int64]) -> WorldChunk:
    return WorldChunk(
        len(rows),
        {name: column[rows] for name, column in chunk.office.items()},
        {name: column[rows] for name, column in chunk.truth.items()},
    )
