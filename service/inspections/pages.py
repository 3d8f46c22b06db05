"""Pages of the queue: filters, orders and the number of shipments, from the index of decisions where that is faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import String, cast, func, select, tuple_

from service.inspections.queue import HIDDEN, RANKS, Waiting, entries
from service.inspections.tables import QueueEntry
from service.scoring.selecting import Selection
from service.scoring.tables import conditions_on
from service.search.finding import Finder, IndexBehind, Positions, Wanted, among

if TYPE_CHECKING:
    from sqlalchemy import Connection

Order = Literal["riskiest", "newest"]
#: Order -> columns that it sorts by: from the smallest, or for the newest from the largest on.
_ORDERS: Final[dict[str, tuple[Any, ...]]] = {
    "riskiest": (QueueEntry.rank, QueueEntry.minus_risk, QueueEntry.received_at, QueueEntry.shipment_id),
    "newest": (QueueEntry.received_at, QueueEntry.shipment_id),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the queue.

    Attributes:
        total: number of shipments on all pages now.
        following: values after which the next page begins; None on the last page.
    """

    rows: list[Waiting]
    total: int
    following: list[Any] | None


def waiting(
    connection: Connection,
    selection: Selection,
    order: Order,
    *,
    held: bool | None,
    after: list[Any] | None,
    limit: int,
    now: int,
) -> Page:
    """Return a page of the queue: red before yellow, then by falling risk, then the oldest first; or the newest first.

    Args:
        held: True for shipments with a claim in force, False for others, None for all.
        after: `Page.following` of the previous page.
        now: time in microseconds since 1970. Claims that have ended by then are not shown.

    Raises:
        IndexBehind: the selection has words or countries that the index does not know yet.
    """
    if selection == Selection() and held is None and order == "riskiest":
        return _page_of_columns(connection, selection, order, held, after, limit, now)
    # The lane of a shipment is that of the queue, which may not be that of its latest decision.
    wanted = Wanted.by(replace(selection, lane=None))
    try:
        finder = Finder(connection, words=bool(wanted.words))
    except IndexBehind:
        if wanted.words:
            raise
        return _page_of_columns(connection, selection, order, held, after, limit, now)
    fits = ~finder.mask([]) if wanted == Wanted() else finder.mask([finder.find(wanted)])
    if held is not None:
        claimed = finder.mask([_positions(connection, QueueEntry.rank < HIDDEN, QueueEntry.claimed_until > now)])
        fits &= claimed if held else ~claimed
    by_rank = [
        (rank, _positions(connection, QueueEntry.rank == rank))
        for lane, rank in RANKS.items()
        if selection.lane in (None, lane)
    ]
    # A shipment may have come since the index was read.
    chosen = [(rank, some[fits[np.minimum(some, len(fits) - 1)] & (some < len(fits))]) for rank, some in by_rank]
    positions = np.concatenate([_NO_POSITIONS, *(some for _, some in chosen)])
    total = len(positions)
    if order == "newest":
        keys: list[NDArray[Any]] = [-finder.times()[positions]]
        place = None if after is None else [-after[0]]
    else:
        ranks = np.concatenate([_NO_POSITIONS, *(np.full(len(some), rank) for rank, some in chosen)])
        keys, place = [ranks, -finder.risks()[positions]], None if after is None else after[:2]
    candidates = positions[_first_of(keys, place, limit + 1)]
    columns, is_falling = _ORDERS[order], order == "newest"
    # The database would rather walk its order of the whole queue than look the positions up, so it does not sort.
    query = select(QueueEntry.__table__).where(
        QueueEntry.rank.in_([*RANKS.values()]), among(connection, QueueEntry.position, candidates)
    )
    by_key = {tuple([getattr(row, one.key) for one in columns]): row for row in connection.execute(query)}
    if after is not None:
        start = tuple(after)
        by_key = {key: row for key, row in by_key.items() if (key < start if is_falling else key > start)}
    rows = [by_key[key] for key in sorted(by_key, reverse=is_falling)]
    return _page(connection, rows, order, limit, now, total)


_NO_POSITIONS: Final = np.empty(0, np.int64)


def _positions(connection: Connection, *conditions: Any) -> Positions:
    """Return the positions of rows. As one text they are read several times faster than one by one."""
    joined = func.aggregate_strings(cast(QueueEntry.position, String), ",")
    return np.fromstring(connection.execute(select(joined).where(*conditions)).scalar() or "", np.int64, sep=",")


def _first_of(keys: Sequence[NDArray[Any]], place: Sequence[Any] | None, count: int) -> NDArray[np.intp]:
    """Return indices of the smallest keys that are not before a place.

    Rows with equal keys are in no order, so these include all that are equal to the place or to the last of ``count`` others.
    """
    rows = np.arange(len(keys[0]))
    if place is not None:
        kept = is_equal = np.ones(len(rows), np.bool_)
        for values, value in zip(keys[::-1], place[::-1], strict=True):
            kept = (values > value) | ((values == value) & kept)
            is_equal = is_equal & (values == value)
        rows, count = rows[kept], count + int(is_equal.sum())
    if len(rows) > count:
        first = keys[0][rows]
        rows = rows[first <= np.partition(first, count - 1)[count - 1]]
    order = rows[np.lexsort([values[rows] for values in keys[::-1]])]
    end = count
    while 0 < end < len(order) and all(values[order[end]] == values[order[count - 1]] for values in keys):
        end += 1
    return order[:end]


def _page_of_columns(
    connection: Connection,
    selection: Selection,
    order: Order,
    held: bool | None,
    after: list[Any] | None,
    limit: int,
    now: int,
) -> Page:
    """Return a page as `waiting` does, without the index."""
    conditions = [QueueEntry.rank < HIDDEN, *conditions_on(QueueEntry, selection)]
    if held is not None:
        is_held = func.coalesce(QueueEntry.claimed_until, 0) > now
        conditions.append(is_held if held else ~is_held)
    total = connection.execute(select(func.count()).select_from(QueueEntry).where(*conditions)).scalar_one()
    columns, is_falling = _ORDERS[order], order == "newest"
    if after is not None:
        place = tuple_(*columns)
        conditions.append(place < tuple(after) if is_falling else place > tuple(after))
    query = select(QueueEntry.__table__).where(*conditions)
    found = connection.execute(query.order_by(*(one.desc() if is_falling else one for one in columns)).limit(limit + 1))
    return _page(connection, found.all(), order, limit, now, total)


def _page(connection: Connection, rows: Sequence[Any], order: Order, limit: int, now: int, total: int) -> Page:
    """Return the page that rows in order begin with."""
    following = [getattr(rows[limit - 1], one.key) for one in _ORDERS[order]] if len(rows) > limit else None
    return Page(entries(connection, rows[:limit], now), total, following)


def kinds_of(order: Order) -> list[type]:
    """Return the types of `Page.following`."""
    return [one.type.python_type for one in _ORDERS[order]]
