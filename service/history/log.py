"""Log of the live history: decisions and events in the order in which the history counted them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, delete, func, insert, or_, select

from service.core.logs import logger
from service.history.key import Sealer, WrongKey
from service.history.tables import HistoryEvent
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

IntArray = NDArray[np.int64]

REPEATED: Final = "repeated"
UNANSWERED: Final = "unanswered"
LEARNED: Final = "learned"
UNLEARNED: Final = "unlearned"
# Conditions are constants, because `in_` leaves cyclic garbage, and the service looks at the log every two seconds.
_OF_SHIPMENTS: Final = HistoryEvent.kind.in_((REPEATED, UNANSWERED))
OF_LESSONS: Final = HistoryEvent.kind.in_((LEARNED, UNLEARNED))
#: Ways of decisions that have no place in the history of the service.
FILES: Final = ("file", "job")
#: First byte before the keys of an unanswered block: sealed or open.
_SEALED: Final = b"\x01"
_OPEN: Final = b"\x00"
#: Events deleted per transaction. On SQLite other writers wait meanwhile, for some milliseconds.
_PRUNED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A shipment or a lesson (a result of an inspection) in the log.

    Attributes:
        order: position in the history; a time in microseconds since 1970.
        manifest: JSON as received; None after erasure.
        declared_s: time that the history uses for the shipment, in seconds since 1970.
        find: for a lesson, whether the result is a find; None for a shipment.
        undo: for a lesson, whether it takes an earlier one back.
        lane: name of the lane of a shipment's own decision; None for others.
        position: position of a shipment's own decision; None for others.
    """

    order: int
    manifest: bytes | None
    declared_s: int
    find: bool | None = None
    undo: bool = False
    lane: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Shipments in the log without decisions: ``orders`` (n,) and history keys ``keys`` (KEY_ROWS, n)."""

    orders: IntArray
    keys: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Part of the log: entries by order, and the blocks that begin in it."""

    entries: list[Entry]
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repeated shipment: its order and time (seconds since 1970) in the live history, and the decision that it got again."""

    order: int
    declared_s: int
    decision_id: str


def repeated(connection: Connection, repeats: Sequence[Repeat]) -> None:
    """Record repeated shipments, in the transaction of the decisions."""
    rows = [
        {
            "history_order": repeat.order,
            "kind": REPEATED,
            "decision_id": repeat.decision_id,
            "declared_s": repeat.declared_s,
            "shipments": 1,
        }
        for repeat in repeats
    ]
    if rows:
        connection.execute(insert(HistoryEvent), rows)


def add_unanswered(database: Database, sealer: Sealer, block: Block) -> None:
    """Record shipments that have no decisions, with their keys sealed if there is a key."""
    row = {
        "history_order": int(block.orders[0]),
        "kind": UNANSWERED,
        "shipments": len(block.orders),
        "orders": block.orders.astype("<i8").tobytes(),
        "keys": (_SEALED if sealer.seals else _OPEN) + sealer.seal(block.keys.astype("<i8").tobytes()),
    }
    with database.write() as connection:
        connection.execute(insert(HistoryEvent), [row])


def known_orders(connection: Connection, first: int, last: int) -> IntArray:
    """Return the orders from ``first`` to ``last`` of shipments in the log, unsorted."""
    orders = list(
        connection.execute(select(Decision.history_order).where(Decision.history_order.between(first, last))).scalars()
    )
    events = connection.execute(
        select(HistoryEvent.history_order, HistoryEvent.orders).where(
            HistoryEvent.history_order.between(first, last), _OF_SHIPMENTS
        )
    )
    for event in events:
        orders += [event.history_order] if event.orders is None else np.frombuffer(event.orders, "<i8").tolist()
    return np.array(orders, dtype=np.int64)


def count(connection: Connection, after: int, last: int) -> int:
    """Return the number of shipments in the log with orders above ``after`` and up to ``last``."""
    decisions = select(func.count()).where(Decision.history_order > after, Decision.history_order <= last)
    events = select(func.coalesce(func.sum(HistoryEvent.shipments), 0)).where(
        HistoryEvent.history_order > after, HistoryEvent.history_order <= last
    )
    return int(connection.execute(decisions).scalar_one()) + int(connection.execute(events).scalar_one())


def last_position(connection: Connection) -> int:
    """Return the position of the latest decision; 0 if there are no decisions. Positions follow the order of commits."""
    return connection.execute(select(func.coalesce(func.max(Decision.position), 0))).scalar_one()


def _unindexed_order() -> Any:
    """Return the order of a decision as an expression, for queries of few positions: SQLite must not scan its index of orders."""
    return Decision.history_order + 0


def count_late(connection: Connection, position: int, last: int) -> int:
    """Return the number of shipments with orders up to ``last`` whose decisions were stored after a position."""
    return connection.execute(
        select(func.count()).where(Decision.position > position, _unindexed_order().between(0, last))
    ).scalar_one()


def prune(database: Database, before: int) -> int:
    """Delete the events of shipments with orders below ``before``, in small transactions, and return their number.

    Lessons stay, because a replay without a checkpoint and the learning of a correction need them.
    """
    old = (
        select(HistoryEvent.position)
        .where(HistoryEvent.history_order < before, _OF_SHIPMENTS)
        .order_by(HistoryEvent.history_order)
        .limit(_PRUNED_AT_ONCE)
    )
    pruned = 0
    while True:
        with database.write() as connection:
            positions = list(connection.execute(old).scalars())
            if positions:
                connection.execute(delete(HistoryEvent).where(HistoryEvent.position.in_(positions)))
        pruned += len(positions)
        if len(positions) < _PRUNED_AT_ONCE:
            return pruned


def late_pages(database: Database, *, stored: tuple[int, int], last: int, size: int) -> Iterator[Page]:
    """Yield the decisions with orders up to ``last`` whose positions are above the first and up to the second of ``stored``.

    Such decisions waited in the journal of a worker while another worker saved a checkpoint.
    """
    first, end = stored
    by_order = _unindexed_order()
    order, position = -1, 0
    while True:
        further = or_(by_order > order, and_(by_order == order, Decision.position > position))
        query = (
            select(Decision.history_order, Decision.position, Decision.declared_s, Decision.lane, Decision.manifest)
            .where(Decision.position > first, Decision.position <= end, by_order <= last, further)
            .order_by(by_order, Decision.position)
        )
        with database.read() as connection:
            found = connection.execute(query.limit(size)).all()
        if found:
            yield Page([_decided(row) for row in found], [])
        if len(found) < size:
            return
        order, position = found[-1].history_order, found[-1].position


def pages(
    database: Database,
    sealer: Sealer,
    *,
    after: int,
    since: int | None,
    size: int,
    until: int | None = None,
    stored: int | None = None,
) -> Iterator[Page]:
    """Yield the log above the order ``after``, in pages of about ``size`` decisions.

    Args:
        since: only shipments received at this time or later, in microseconds since 1970, and all lessons; None for all.
        until: only entries up to this order; None for all.
        stored: only decisions up to this position; None for all.
    """
    order, position = after, 0
    while True:
        query = _decisions(order, position, since, until)
        if stored is not None:
            query = query.where(Decision.position <= stored)
        with database.read() as connection:
            found = connection.execute(query.limit(size)).all()
            full = len(found) == size
            last = found[-1].history_order if full else until
            # Events of the last order belong to this page. Further decisions of that order are on the next page, by position.
            events = connection.execute(_events(order, last, since)).all()
        entries, blocks = _of_page(found, events, sealer)
        if entries or blocks:
            yield Page(entries, blocks)
        if not full:
            return
        order, position = found[-1].history_order, found[-1].position


def page_after(
    database: Database, sealer: Sealer, *, position: int, order: int, size: int
) -> tuple[Page, list[Entry], int]:
    """Return the next decisions after a position: a page of the log, those on shipments of files, and the last position.

    Args:
        order: highest order so far. Lessons and shipments without decisions above it belong to the page, up to its highest order.
    """
    query = (
        select(
            *(Decision.history_order, Decision.position, Decision.declared_s, Decision.lane, Decision.manifest),
            *(Decision.what_if, Decision.via),
        )
        .where(Decision.position > position)
        .order_by(Decision.position)
    )
    with database.read() as connection:
        found = connection.execute(query.limit(size)).all()
        if not found:
            return Page([], []), [], position
        counted = [row for row in found if row.history_order is not None]
        last = max((row.history_order for row in counted), default=order)
        events = connection.execute(_events(order, last, None)).all() if last > order else []
    entries, blocks = _of_page(counted, events, sealer)
    files = [
        replace(_decided(row), lane=None)
        for row in found
        if row.history_order is None and not row.what_if and row.via in FILES
    ]
    return Page(entries, blocks), files, found[-1].position


def _of_page(found: Sequence[Any], events: Sequence[Any], sealer: Sealer) -> tuple[list[Entry], list[Block]]:
    """Return the entries of decisions and events in the order of the history, and the blocks of shipments without decisions."""
    entries = [_decided(row) for row in found]
    entries += [
        Entry(
            row.history_order,
            _bytes(row.manifest),
            row.of_decision if row.declared_s is None else row.declared_s,
            row.find,
            row.kind == UNLEARNED,
        )
        for row in events
        if row.kind != UNANSWERED
    ]
    # Lessons come before the shipments of their order.
    entries.sort(key=lambda entry: (entry.order, entry.find is None))
    blocks = [block for row in events if row.kind == UNANSWERED and (block := _block(row, sealer)) is not None]
    return entries, blocks


def _decisions(order: int, position: int, since: int | None, until: int | None) -> Any:
    later = and_(Decision.history_order == order, Decision.position > position)
    query = (
        select(Decision.history_order, Decision.position, Decision.declared_s, Decision.lane, Decision.manifest)
        .where(or_(Decision.history_order > order, later) if position else Decision.history_order > order)
        .order_by(Decision.history_order, Decision.position)
    )
    if until is not None:
        query = query.where(Decision.history_order <= until)
    return query if since is None else query.where(Decision.received_at >= since)


def _events(order: int, last: int | None, since: int | None) -> Any:
    query = (
        select(
            HistoryEvent.history_order,
            HistoryEvent.kind,
            HistoryEvent.declared_s,
            HistoryEvent.find,
            HistoryEvent.orders,
            HistoryEvent.keys,
            Decision.manifest,
            Decision.declared_s.label("of_decision"),
        )
        .outerjoin(Decision, Decision.id == HistoryEvent.decision_id)
        .where(HistoryEvent.history_order > order)
        .order_by(HistoryEvent.history_order, HistoryEvent.position)
    )
    if since is not None:
        # Lessons count regardless of their age. An order is a time in microseconds.
        query = query.where(or_(OF_LESSONS, HistoryEvent.history_order >= since))
    return query if last is None else query.where(HistoryEvent.history_order <= last)


def _block(row: Any, sealer: Sealer) -> Block | None:
    """Return the block of a row; None if it is sealed with another key, so that its shipments no longer count."""
    orders = np.frombuffer(row.orders, "<i8")
    content = bytes(row.keys)
    try:
        keys = np.frombuffer(sealer.unseal(content[1:], sealed=content[:1] == _SEALED), "<i8")
    except WrongKey as error:
        logger().warning("unanswered_refused", shipments=len(orders), problem=str(error))
        return None
    return Block(orders, keys.reshape(-1, len(orders)))


def _decided(row: Any) -> Entry:
    order = -1 if row.history_order is None else row.history_order
    return Entry(order, _bytes(row.manifest), row.declared_s, lane=row.lane, position=row.position)


def _bytes(content: Any) -> bytes | None:
    return None if content is None else bytes(content)
