"""The live history of a service: a history with a lock, and with orders for its log.

The event loop advances it for single requests, and threads advance it for CSV files. Each `advance` covers a whole table, so
requests are processed between the chunks of a file but never within a chunk.

Each shipment gets an order, which is stored with its decision. Another history that advances with the same shipments in the same
order, and learns the same results at the same orders, gets the same state; `service.history.replay` relies on that. Shipments wait
in `unlogged` until their decisions are found in the log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.history.declarations import Earlier, LaneArray, contents
from features.groups.history.history import HistoryRows
from features.groups.history.keys import history_keys

if TYPE_CHECKING:
    from features.groups.history.declarations import Declarations
    from features.groups.history.history import History
    from features.table.table import ManifestTable

IntArray = NDArray[np.int64]

#: Maximum number of shipments that wait for their decisions in the log; with their keys they take 50 MB. It is reached if the
#: database is away for long.
_MOST_UNLOGGED: Final = 200_000
#: Number of waiting tables that are joined to one, because a table of one shipment takes more than twice as much as its keys. A
#: table with as many shipments is joined at once, so that the others stay small.
_JOINED: Final = 256
#: Order of a shipment that does not change the history, because its time is far from the present.
NOT_COUNTED: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class LiveRows(HistoryRows):
    """History features of a table, and the ``orders`` (n_shipments,) of its shipments in the live history.

    The first order of a table is the time in microseconds since 1970, or one more than the last order if that is higher. Each
    further shipment has the next order. A shipment that does not change the history has `NOT_COUNTED`. ``orders`` is None if the
    whole table does not change it.
    """

    orders: IntArray | None
    live: LiveHistory | None = field(default=None, kw_only=True)

    def amend(self, table: ManifestTable, lanes: LaneArray) -> dict[int, Earlier]:
        """Do the same as `HistoryRows.amend` with the live history."""
        return {} if self.live is None else self.live.judge(table, lanes, self.orders)

    def take(self, shipments: IntArray) -> Self:
        """Return the rows of some shipments."""
        orders = None if self.orders is None else self.orders[shipments]
        return replace(self, values=self.values[shipments], late=self.late[shipments], orders=orders, faults={})


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A result of an inspection, which the history learns before it counts a shipment of ``order`` or later.

    Attributes:
        keys: (KEY_ROWS, 1) keys of the inspected shipment.
        find: whether the inspection found something.
        undo: whether the lesson reverts an earlier one.
    """

    order: int
    keys: IntArray
    find: bool
    undo: bool

    def at(self, order: int) -> Lesson:
        """Return the lesson at another order."""
        return replace(self, order=order)

    def teach(self, history: History) -> None:
        """Apply the result to a history."""
        find = np.array([self.find])
        if self.undo:
            history.unlearn_keys(self.keys, find)
        else:
            history.learn_keys(self.keys, find)


@dataclass(frozen=True, slots=True, eq=False)
class Unlogged:
    """Shipments whose decisions are not yet in the log: ``orders`` (n,), ascending, and ``keys`` (KEY_ROWS, n)."""

    orders: IntArray
    keys: IntArray

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the shipments of all parts, of which there is at least one, in order."""
        return cls(np.concatenate([one.orders for one in parts]), np.concatenate([one.keys for one in parts], axis=1))

    def take(self, chosen: NDArray[np.bool_]) -> Unlogged:
        """Return the shipments for which ``chosen`` (n,) is True."""
        return Unlogged(self.orders[chosen], np.ascontiguousarray(self.keys[:, chosen]))


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The state of a live history after the shipment of ``order``.

    Attributes:
        counted: number of shipments that were counted since the previous checkpoint (`LiveHistory.settle`).
    """

    history: History
    order: int
    counted: int


class LooksAtEarlier(Protocol):
    """Knowledge of earlier declarations beyond the history's."""

    def look(self, earlier: Earlier, table: ManifestTable, shipment: int) -> Earlier:
        """Return an earlier declaration of a shipment of a table with its decision and with what officers decided since."""
        ...


class LiveHistory:
    """A `History` that several threads may advance.

    Attributes:
        is_complete: whether it has all shipments and results of its log. Until `complete` is called, an incomplete history must not
            become a checkpoint or learn results.
        is_resumed: whether `complete` added traffic from before a restart.
        is_logged: whether shipments wait in `unlogged` for their decisions.
        earlier: what a store knows of earlier declarations; None without a store.
    """

    def __init__(
        self,
        history: History,
        *,
        order: int = 0,
        is_complete: bool = True,
        is_restored: bool = False,
        is_logged: bool = False,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """
        Args:
            order: order of the latest shipment or lesson in ``history``.
            is_restored: whether ``history`` has traffic from before a restart.
            is_logged: whether the caller looks for the decisions of its shipments, see `unlogged`.
            now: clock, in microseconds since 1970.
        """
        self.is_complete = is_complete
        self.is_resumed = False
        self.is_logged: Final = is_logged
        self.earlier: LooksAtEarlier | None = None
        self._history = history
        self._first_sequence = None if is_restored else history.sequence
        self._order = order
        self._now = now
        self._counted = 0
        self._lessons: deque[Lesson] = deque()
        self._unlogged: deque[Unlogged] = deque()
        # The latest ones, which are not joined yet.
        self._recent: list[Unlogged] = []
        self._waiting = 0
        self._lock = threading.Lock()

    def advance(self, table: ManifestTable, *, update: bool = True, isolate: bool = False) -> LiveRows:
        """Call `History.advance` with the lock held."""
        with self._lock:
            if not update:
                self._teach(self._now() + 1)
                rows = self._history.advance(table, update=False, isolate=isolate)
                return LiveRows(rows.values, rows.late, None, faults=rows.faults, live=self)
            orders = self._orders(table.n_shipments)
            rows = self._history.advance(table, isolate=isolate)
            # After `advance`, so that shipments do not wait for decisions if it raises.
            self._count(table, orders, rows.faults)
            return LiveRows(rows.values, rows.late, orders, faults=rows.faults, live=self)

    def judge(self, table: ManifestTable, lanes: LaneArray, orders: IntArray | None) -> dict[int, Earlier]:
        """Return the earlier declarations of the table's shipments that had other content, and remember the shipments.

        Args:
            lanes: (n_shipments,) codes of the lanes without earlier declarations.
            orders: (n_shipments,) orders of the shipments; None if the table does not change the history.
        """
        content = contents(table)
        with self._lock:
            return self._history.declarations.judge(
                content,
                lanes,
                orders=orders,
                counted=None if orders is None else orders != NOT_COUNTED,
                update=orders is not None,
                look=partial(self._look, table),
            )

    def _look(self, table: ManifestTable, earlier: Earlier, shipment: int) -> Earlier:
        return earlier if self.earlier is None else self.earlier.look(earlier, table, shipment)

    def _orders(self, n: int) -> IntArray:
        """Return the orders of n shipments, and apply the lessons that come before them."""
        first = max(self._order + 1, self._now())
        # No lesson may lie within a table, because the live history and a replay would apply it at different shipments.
        while self._lessons and self._lessons[0].order < first + n:
            self._teach(first + n)
            first = max(first, self._order + 1)
        self._order = first + n - 1
        return np.arange(first, first + n)

    def _count(self, table: ManifestTable, orders: IntArray, faults: Mapping[int, Exception]) -> None:
        """Count the shipments of a table, and set the ``orders`` of far-dated and faulty shipments to `NOT_COUNTED`."""
        if table.far_dated is None and not faults:
            self._counted += len(orders)
            self._wait(orders, history_keys(table))
            return
        counted = np.ones(len(orders), dtype=np.bool_) if table.far_dated is None else ~table.far_dated
        counted[list(faults)] = False
        self._counted += int(counted.sum())
        self._wait(orders[counted], history_keys(table)[:, counted])
        orders[~counted] = NOT_COUNTED

    def _teach(self, before: int) -> None:
        """Apply the lessons with orders below ``before``. Later shipments get higher orders."""
        while self._lessons and self._lessons[0].order < before:
            lesson = self._lessons.popleft()
            lesson.teach(self._history)
            self._order = max(self._order, lesson.order)

    def _wait(self, orders: IntArray, keys: IntArray) -> None:
        if not self.is_logged or not len(orders):
            return
        self._recent.append(Unlogged(orders, keys))
        self._waiting += len(orders)
        if len(orders) >= _JOINED or len(self._recent) >= _JOINED:
            self._join()
        while self._waiting > _MOST_UNLOGGED and self._unlogged:
            self._waiting -= len(self._unlogged.popleft().orders)

    def _join(self) -> None:
        if self._recent:
            self._unlogged.append(Unlogged.joined(self._recent))
            self._recent.clear()

    def plan(self, lessons: Sequence[Lesson]) -> list[int]:
        """Schedule lessons at their orders. Return the indices of lessons whose order has passed; they are not scheduled."""
        with self._lock:
            late = [place for place, lesson in enumerate(lessons) if lesson.order <= self._order]
            self._lessons.extend(lesson for lesson in lessons if lesson.order > self._order)
        return late

    def unlogged(self) -> Unlogged:
        """Return the shipments that wait for their decisions."""
        with self._lock:
            self._join()
            waiting = list(self._unlogged)
        if not waiting:
            return Unlogged(np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.int64))
        return Unlogged.joined(waiting)

    def logged(self, orders: IntArray) -> None:
        """Drop the keys of shipments that are in the log. Only one thread at a time may call this."""
        in_log = set(orders.tolist())
        with self._lock:
            self._join()
            waiting, self._unlogged = self._unlogged, deque()
        # Search without the lock, because thousands of shipments may wait.
        remaining: list[Unlogged] = []
        for one in waiting:
            missing = [order not in in_log for order in one.orders.tolist()]
            if all(missing):
                remaining.append(one)
            elif any(missing):
                remaining.append(one.take(np.array(missing)))
        with self._lock:
            self._unlogged.extendleft(reversed(remaining))
            self._waiting = sum(len(one.orders) for one in (*self._unlogged, *self._recent))

    def pass_to(self, order: int) -> int:
        """Give later shipments orders above ``order``. Return the highest order that is not given to later shipments."""
        with self._lock:
            self._order = max(self._order, order)
            return self._order

    def complete(self, history: History | None, order: int) -> None:
        """Continue with a history that has all shipments and results up to ``order``, and add the later shipments to it.

        Args:
            history: the complete history; None: the present history is complete.
        """
        with self._lock:
            self._counted = 0
            self._join()
            for one in self._unlogged:
                later = one.take(one.orders > order)
                self._counted += len(later.orders)
                if history is not None and len(later.orders):
                    history.advance_keys(later.keys)
            if history is not None:
                history.declarations.absorb(self._history.declarations, order)
                self._history, self._first_sequence, self.is_resumed = history, None, True
            self.is_complete = True

    def remember(self, declarations: Declarations) -> None:
        """Add the declarations that another history remembers."""
        with self._lock:
            self._history.declarations.absorb(declarations, NOT_COUNTED - 1)

    def moment(self) -> Moment:
        """Return a copy of the present state with its order."""
        with self._lock:
            return Moment(self._history.copy(), self._order, self._counted)

    def finish(self, moment: Moment, after: int) -> None:
        """Add the declarations of shipments that were counted before ``moment`` and got their lanes after it.

        Args:
            after: an order up to which all shipments had their lanes at the moment.
        """
        with self._lock:
            moment.history.declarations.absorb(self._history.declarations, after, moment.order)

    def settle(self, moment: Moment) -> None:
        """Count shipments from ``moment`` on, because it became a checkpoint."""
        with self._lock:
            self._counted -= moment.counted

    @property
    def order(self) -> int:
        """Order of the latest shipment or lesson."""
        return self._order

    @property
    def counted(self) -> int:
        """Number of shipments that were counted since the last checkpoint (`settle`)."""
        return self._counted

    def copy(self) -> History:
        """Return a copy of the current state."""
        with self._lock:
            return self._history.copy()

    def supersedes(self, snapshot: History) -> bool:
        """Return whether a new model should use this history instead of the model's ``snapshot``.

        True if this history has traffic of the service (scored since its start, or restored) and its latest shipment is at least
        as late as the latest shipment of the snapshot. The snapshot then lacks the latest traffic. Both have the same version,
        because other bundles are refused. Inspection results that are only in the snapshot take effect at the next start.
        """
        with self._lock:
            return self._history.sequence != self._first_sequence and self._history.watermark >= snapshot.watermark
