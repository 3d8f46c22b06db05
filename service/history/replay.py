"""Replay of the log of the live history, from a checkpoint or from the snapshot of the model.

The keys of shipments are computed in tables of thousands of shipments, which takes a fraction of the time of one table per
shipment. Keys do not depend on other shipments. The history then advances in the order of the log, and learns each result at the
order at which the live history learned it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from features.groups.base import FloatArray
from features.groups.history.columns import WIDTH
from features.groups.history.declarations import CONTENT_ROWS, contents
from features.groups.history.history import History
from features.groups.history.keys import history_keys
from features.groups.history.state import KEY_ROWS, UNDECLARED, VERSION, KeyRow
from features.manifest.records import HEAD_NAMES, Record, Refused, read_record
from features.table import normalise
from features.table.table import ManifestTable
from models.lanes import LANE_NAMES
from models.scoring.isolating import failing
from service.core.database.times import now_us
from service.core.logs import logger
from service.history import checkpoints, key, log
from service.history.checkpoints import Checkpoint
from service.scoring.live_history import Lesson, LiveHistory
from service.scoring.portions import tables_of_distinct

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.history.checkpoints import Checkpoint
    from service.history.key import Sealer
    from service.history.log import Block, Entry, Page

IntArray = NDArray[np.int64]

#: Decisions per page: enough to make the work per table negligible, and few enough that their manifests take only some megabytes.
PAGE: Final = 4096
_DAY: Final = 86_400 * 1_000_000
#: Seconds between progress entries in the service's log.
_PROGRESS_EVERY: Final = 10.0
_DECLARED_AT: Final = HEAD_NAMES.index("declared_at")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Period of a replay without a checkpoint.

    Attributes:
        days: number of days before ``now``.
        now: microseconds since 1970.
    """

    days: float
    now: int

    @property
    def since(self) -> int:
        """Earliest time of receipt, in microseconds since 1970."""
        return self.now - round(self.days * _DAY)


def restore(
    database: Database, sealer: Sealer, snapshot: History, bounds: Bounds, clock: Callable[[], int] = now_us
) -> tuple[LiveHistory, int]:
    """Return the live history from the newest valid checkpoint and the log after it, and the position of `replayed`.

    Args:
        snapshot: history of the bundle. A replay without a checkpoint starts from it. It is also the result if it is later than the
            whole log.
        clock: clock of the live history, in microseconds since 1970.
    """
    history, order, position = replayed(database, sealer, snapshot, bounds)
    if history.watermark < snapshot.watermark:
        # As with a new model in a running service, use the snapshot, because it has later traffic.
        return LiveHistory(snapshot.copy(), order=order, is_logged=True, now=clock), position
    return LiveHistory(history, order=order, is_restored=order > 0, is_logged=True, now=clock), position


def stored_history(database: Database, settings: Settings, snapshot: History) -> History:
    """Return the history that a service with these settings would restore now.

    Raises:
        WrongKey, BadKeyFile, OSError: the key of the history is missing or a different one.
    """
    secret = key.secret_of(settings)
    with database.read() as connection:
        key.check(connection, secret)
    live, _ = restore(database, key.Sealer(secret), snapshot, Bounds(settings.history_replay_days, now_us()))
    return live.copy()


def replayed(
    database: Database, sealer: Sealer, snapshot: History, bounds: Bounds, *, until: int | None = None
) -> tuple[History, int, int]:
    """Return the history of the log, its last order, and the position of the latest decision that it may contain.

    Args:
        until: highest order to replay; None for all.
    """
    checkpoint = _newest(database, sealer)
    if checkpoint is None:
        history, after, since = snapshot.copy(), -1, bounds.since
    else:
        history, after, since = History.from_full_arrays(checkpoint.arrays), checkpoint.history_order, None
    started = time.perf_counter()
    with database.read() as connection:
        position = log.last_position(connection)
    pages = log.pages(database, sealer, after=after, since=since, size=PAGE, until=until, stored=position)
    if checkpoint is not None and checkpoint.log_position is not None:
        stored = (checkpoint.log_position, position)
        pages = itertools.chain(log.late_pages(database, stored=stored, last=after, size=PAGE), pages)
    order, shipments, lost = _replay(history, pages)
    logger().info(
        "history_replayed",
        checkpoint=None if checkpoint is None else checkpoint.history_order,
        replayed=shipments,
        without_manifest=lost,
        shipments=history.sequence,
        seconds=round(time.perf_counter() - started, 2),
    )
    return history, max(order, after, 0), position


def _newest(database: Database, sealer: Sealer) -> Checkpoint | None:
    for one in checkpoints.newest_first(database, sealer, VERSION):
        if isinstance(one, Checkpoint):
            return one
        logger().warning("checkpoint_refused", problem=one)
    return None


def _replay(history: History, pages: Iterator[Page]) -> tuple[int, int, int]:
    """Advance a history with the log. Return the last order, and the numbers of shipments and of entries that cannot be read."""
    last, shipments, lost = -1, 0, 0
    reported = time.perf_counter()
    for page in pages:
        advanced = advance(history, page)
        last, shipments, lost = max(last, advanced.last), shipments + advanced.shipments, lost + advanced.lost
        if time.perf_counter() - reported >= _PROGRESS_EVERY:
            reported = time.perf_counter()
            logger().info("history_replaying", shipments=shipments, at=_iso(history.watermark))
    return last, shipments, lost


@dataclass(frozen=True, slots=True, eq=False)
class Advanced:
    """What a history did with a page of its log.

    Attributes:
        entries, records: entries that could be read, and their manifests with the times that the history used.
        undeclared: whether each manifest declares no plausible time.
        values: (n, H) history features of the entries, as of the moment before each; NaN for lessons.
        shipments: number of shipments, including those of blocks.
        lost: number of entries that cannot be read.
        last: last order of the page.
    """

    entries: list[Entry]
    records: list[Record]
    undeclared: list[bool]
    values: FloatArray
    shipments: int
    lost: int
    last: int


def advance(history: History, page: Page) -> Advanced:
    """Advance a history with a page of its log."""
    in_blocks = {order for block in page.blocks for order in block.orders.tolist()}
    entries = [entry for entry in page.entries if entry.find is not None or entry.order not in in_blocks]
    found = _read(entries)
    read = [entries[k] for k in found.places.tolist()]
    orders, source, all_keys = _in_order(read, found.keys, page.blocks)
    is_lesson = np.array([*(entry.find is not None for entry in read), False])
    lessons = np.flatnonzero(is_lesson[source])
    values = np.full((len(read), WIDTH), np.nan)
    start = 0
    for place in [*lessons.tolist(), len(orders)]:
        if place > start:
            rows = history.advance_keys(np.ascontiguousarray(all_keys[:, start:place]))
            of_entries = source[start:place] >= 0
            values[source[start:place][of_entries]] = rows.values[of_entries]
        if place < len(orders):
            entry = read[source[place]]
            Lesson(entry.order, all_keys[:, place : place + 1], bool(entry.find), entry.undo).teach(history)
        start = place + 1
    decided = [k for k, entry in enumerate(read) if entry.lane is not None]
    lanes = np.array([LANE_NAMES.index(read[k].lane or LANE_NAMES[0]) for k in decided], dtype=np.int8)
    of_decided = np.array([read[k].order for k in decided], dtype=np.int64)
    history.declarations.replay(np.ascontiguousarray(found.content[:, decided]), lanes, of_decided)
    last = max([entry.order for entry in page.entries] + [int(block.orders[-1]) for block in page.blocks])
    return Advanced(
        read, found.records, found.undeclared, values, len(orders) - len(lessons), len(entries) - len(read), last
    )


def _in_order(read: Sequence[Entry], keys: IntArray, blocks: Sequence[Block]) -> tuple[IntArray, IntArray, IntArray]:
    """Return entries and blocks together, in order: orders, index of each entry (-1 for shipments of a block), and keys."""
    of_entries = np.array([entry.order for entry in read], dtype=np.int64)
    orders = np.concatenate([of_entries, *(block.orders for block in blocks)])
    source = np.full(len(orders), -1, dtype=np.int64)
    source[: len(read)] = np.arange(len(read))
    is_shipment = np.ones(len(orders), dtype=np.bool_)
    is_shipment[: len(read)] = [entry.find is None for entry in read]
    together = np.concatenate([keys, *(block.keys for block in blocks)], axis=1)
    place = np.lexsort((is_shipment, orders))
    return orders[place], source[place], together[:, place]


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Entries whose manifests can be read: indices (n,), records, whether each declares no plausible time, keys (KEY_ROWS, n) and
    contents (CONTENT_ROWS, n)."""

    places: IntArray
    records: list[Record]
    undeclared: list[bool]
    keys: IntArray
    content: IntArray


_NOTHING: Final = _Read(
    np.empty(0, dtype=np.int64),
    [],
    [],
    np.empty((KEY_ROWS, 0), dtype=np.int64),
    np.empty((CONTENT_ROWS, 0), dtype=np.int64),
)


def keys_of_entries(entries: Sequence[Entry]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the indices (n,) of the entries whose manifests can be read, their keys (KEY_ROWS, n) and contents (CONTENT_ROWS, n).

    An erased manifest is missing. A manifest that this version cannot read is reported in the service's log.
    """
    found = _read(entries)
    return found.places, found.keys, found.content


def records_of(entries: Sequence[Entry]) -> tuple[list[int], list[Record], list[bool]]:
    """Return the indices of the entries whose manifests can be read, their records, and which declare no plausible time."""
    places: list[int] = []
    records: list[Record] = []
    undeclared: list[bool] = []
    for place, entry in enumerate(entries):
        if entry.manifest is not None:
            record, is_undeclared = _record(entry)
            if record is not None:
                places.append(place)
                records.append(record)
                undeclared.append(is_undeclared)
    return places, records, undeclared


def _read(entries: Sequence[Entry]) -> _Read:
    places, records, undeclared = records_of(entries)
    if not records:
        return _NOTHING
    receipt = max(entry.declared_s for entry in entries)
    try:
        keys = _keys(records, receipt)
    except Exception as error:
        faults = failing(len(records), lambda some: _keys([records[k] for k in some], receipt))
        logger().error("manifests_not_replayed", shipments=len(faults), fault=repr(error))
        places = [place for k, place in enumerate(places) if k not in faults]
        records = [record for k, record in enumerate(records) if k not in faults]
        undeclared = [one for k, one in enumerate(undeclared) if k not in faults]
        if not records:
            return _NOTHING
        keys = _keys(records, receipt)
    keys[KeyRow.TIME, undeclared] += UNDECLARED
    return _Read(np.array(places, dtype=np.int64), records, undeclared, keys[:KEY_ROWS], keys[KEY_ROWS:])


def _record(entry: Entry) -> tuple[Record | None, bool]:
    """Return the record of an entry, None if it cannot be read, and whether it declares no plausible time."""
    assert entry.manifest is not None
    try:
        # Parse as requests are parsed, because orjson would convert integers beyond 64 bits to floats.
        record = read_record(from_json(entry.manifest, cache_strings="keys"))
    except (ValueError, Refused) as error:
        logger().error("manifest_not_replayed", problem=str(error))
        return None, False
    declared = record.texts[_DECLARED_AT]
    is_undeclared = declared is None or normalise.times([declared])[0] != [entry.declared_s]
    # Use the time that the history used: the time of receipt if the manifest has no plausible time.
    record.texts[_DECLARED_AT] = _iso(entry.declared_s)
    return record, is_undeclared


def _keys(records: Sequence[Record], receipt: int) -> IntArray:
    """Return the keys of records, and below them their contents."""
    table = ManifestTable.from_records(records, receipt=receipt)
    distinct = table.n_shipments == len(records)
    parts = [table] if distinct else tables_of_distinct(table, records, receipt)
    return np.concatenate([np.concatenate([history_keys(part), contents(part)]) for part in parts], axis=1)


def _iso(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
