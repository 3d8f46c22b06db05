"""The durable history, which preserves the live history across restarts.

Every two seconds, a thread finds the decisions of recent shipments in the log, records shipments that never got a decision, lets
the history learn results of inspections, and sometimes saves a checkpoint. A checkpoint is a copy of the state, taken under the
lock of the live history. The copy is saved once the log has all shipments up to its order, unless the log also has shipments
of other workers, which the copy lacks. Several workers therefore make their checkpoints from the log, see `_merge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from features.groups.history.history import History
from features.groups.history.state import VERSION
from service.core.errors import DatabaseAway
from service.core.logs import logger
from service.core.periodic import repeated
from service.history import checkpoints, learning, log
from service.history import key as history_key
from service.history.key import Sealer, WrongKey
from service.history.replay import Bounds, keys_of_entries, replayed, restore
from service.scoring.live_history import NOT_COUNTED, Lesson, LiveHistory, Moment

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.history.key import Sealer
    from service.scoring.model_host import ModelHost

#: Seconds between two looks at the log.
EVERY: Final = 2.0
#: Number of looks after which a shipment counts as never decided, unless decisions wait in the journal.
_LOOKS: Final = 15
#: Microseconds from the planning of a lesson to its order. By then the plan is committed, and every worker has read it.
_LEAD: Final = 2_000_000
#: Number of attempts to plan a lesson before its order is reached.
_ATTEMPTS: Final = 5
#: Microseconds after which the decisions of all workers are in the log.
_SETTLED: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class DurableSettings:
    """Settings of the durable history.

    Attributes:
        checkpoint_seconds: time between checkpoints.
        replay_days: number of past days that a replay without a checkpoint covers.
        key: key that encrypts checkpoints; None: the key in ``key_file``.
        key_file: file of the key, see `service.history.key`.
    """

    checkpoint_seconds: float
    replay_days: float
    key: str | None
    key_file: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the settings of the durable history of a service."""
        return cls(
            settings.history_checkpoint_seconds,
            settings.history_replay_days,
            settings.history_secret,
            history_key.place_of(settings),
        )


class DurableHistory:
    """Restores the live history (`restore`), and saves its checkpoints while the service runs (`running`)."""

    def __init__(
        self,
        database: Database,
        settings: DurableSettings,
        live: Callable[[], LiveHistory | None],
        waiting: Callable[[], int] = lambda: 0,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        """
        Args:
            live: returns the live history of the model in service.
            waiting: returns the number of decisions that wait in the journal.
            now: clock, in microseconds since 1970.
        """
        self._database = database
        self._settings = settings
        self._opened: Sealer | None = None
        self._served = live
        self._waiting = waiting
        self._now = now
        self._live: LiveHistory | None = None
        self._snapshot = History.empty()
        # Order of the latest checkpoint or restart; None for a history that began with the snapshot of a new model.
        self._base: int | None = None
        # Position of the latest decision at `_base`. Decisions with later positions may have lower orders.
        self._position = 0
        self._lesson = 0
        self._looks: dict[int, int] = {}
        self._moment: Moment | None = None
        self._saved_at = now()
        self._failed = False
        # Whether the history is still to be restored, because the database was away at the start.
        self._is_restore_due = False
        # Order up to which the log must be complete before the history is restored, and position of the latest lesson before it.
        self._target: tuple[int, int] | None = None

    def open(self) -> None:
        """Find or create the key of the history, see `service.history.key.establish`. The database may be away.

        Raises:
            KeyMissing, BadKeyFile, OSError: there is no key for this database.
        """
        with contextlib.suppress(DatabaseAway):
            _ = self._sealer

    @property
    def _sealer(self) -> Sealer:
        if self._opened is None:
            key = history_key.establish(self._database, self._settings.key, self._settings.key_file)
            self._opened = Sealer(key)
        return self._opened

    def restore(self, snapshot: History) -> LiveHistory:
        """Return the live history at the start of the service.

        If the database does not answer, the service uses the snapshot of the model and saves no checkpoints until the database is
        back. If the key does not fit, it does so until a restart.
        """
        self._snapshot = snapshot
        try:
            live, self._position = restore(self._database, self._sealer, snapshot, self._bounds(), self._now)
            with self._database.read() as connection:
                self._lesson = learning.last_position(connection)
        except (SQLAlchemyError, DatabaseAway, WrongKey) as error:
            logger().error("history_not_restored", exc_info=error)
            self._is_restore_due = not isinstance(error, WrongKey)
            # The latest order in the log is unknown. It may belong to a lesson, whose order is up to `_LEAD` ahead of the time.
            order = self._now() + _LEAD
            self._live = LiveHistory(snapshot.copy(), order=order, is_complete=False, is_logged=self._is_restore_due)
            return self._live
        self._live, self._base = live, live.order
        self._saved_at = self._now()
        return live

    def _bounds(self) -> Bounds:
        return Bounds(self._settings.replay_days, self._now())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the log regularly during the context. Save a last checkpoint at its end."""
        try:
            async with repeated(self._look_again, EVERY, "durable-history"):
                yield
        finally:
            await asyncio.to_thread(self._finish)

    def _look_again(self) -> None:
        self._guarded(self.look)

    def _finish(self) -> None:
        self._guarded(self.look)
        self._guarded(self.checkpoint)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            # Go on after errors, because the database may be away for a while. Only the first error in a row is logged.
            if not self._failed:
                logger().error("history_not_kept", exc_info=error)
            self._failed = True
        else:
            self._failed = False

    def look(self) -> None:
        """Do the periodic work once, see the module."""
        live = self._served()
        if live is None:
            return
        if live is not self._live:
            # A new model has begun with its own snapshot, which no replay would find. Save it at once.
            self._live, self._base, self._moment, self._looks = live, None, None, {}
            self._saved_at = 0
        if not live.is_complete:
            if self._is_restore_due:
                try:
                    self._restore_late(live)
                except WrongKey:
                    self._is_restore_due = False
                    raise
            return
        self._find_decisions(live)
        self._learn(live)
        # The absolute difference, so that a clock that is set back does not postpone the checkpoint.
        due = abs(self._now() - self._saved_at) >= self._settings.checkpoint_seconds * 1e6
        if self._moment is not None or (due and (self._base is None or live.order > self._base)):
            self.checkpoint()

    def _restore_late(self, live: LiveHistory) -> None:
        """Restore the history of a service that started without its database, once the log is complete up to the target."""
        if self._waiting():
            # Choose a later target: shipments that `unlogged` has dropped are then in the log.
            self._target = None
            return
        if self._target is None:
            with self._database.read() as connection:
                lesson = learning.last_position(connection)
            self._target = live.pass_to(self._now() + _LEAD), lesson
        until, lesson = self._target
        # Only up to the target: the keys of later shipments are needed until the restored history has counted them.
        self._find_decisions(live, until)
        if (live.unlogged().orders <= until).any():
            return
        history, order, position = replayed(self._database, self._sealer, self._snapshot, self._bounds(), until=until)
        if order > until:
            # Another worker has saved a checkpoint after the target.
            self._target = None
            return
        # As with a new model in a running service, a snapshot that is later than the log replaces it.
        live.complete(None if history.watermark < self._snapshot.watermark else history, until)
        self._lesson, self._saved_at = lesson, self._now()
        self._base, self._position = until, position
        logger().info("history_restored_late", until=until)

    def _find_decisions(self, live: LiveHistory, until: int | None = None) -> None:
        waiting = live.unlogged()
        if until is not None:
            waiting = waiting.take(waiting.orders <= until)
        if not len(waiting.orders):
            self._looks = {}
            return
        with self._database.read() as connection:
            known = log.known_orders(connection, int(waiting.orders.min()), int(waiting.orders.max()))
        live.logged(known)
        undecided = ~np.isin(waiting.orders, known)
        orders, keys = waiting.orders[undecided], waiting.keys[:, undecided]
        if self._waiting():
            # The decisions of these shipments may still be delivered from the journal.
            self._looks = {}
            return
        self._looks = {order: self._looks.get(order, 0) + 1 for order in orders.tolist()}
        overdue = np.array([self._looks[order] > _LOOKS for order in orders.tolist()], dtype=bool)
        if not overdue.any():
            return
        orders, keys = orders[overdue], keys[:, overdue]
        logger().warning("shipments_without_decision", shipments=len(orders))
        bounds = np.flatnonzero(np.diff(orders) != 1) + 1
        for run in np.split(np.arange(len(orders)), bounds):
            log.add_unanswered(self._database, self._sealer, log.Block(orders[run], keys[:, run]))
        live.logged(orders)

    def _learn(self, live: LiveHistory) -> None:
        learning.plan(self._database, now=self._now(), first_order=self._ahead_of(live))
        with self._database.read() as connection:
            planned = learning.planned(connection, self._lesson)
        if not planned:
            return
        entries = [log.Entry(one.order, one.manifest, one.declared_s, one.find, one.undo) for one in planned]
        places, keys, _ = keys_of_entries(entries)
        lessons = [
            Lesson(entries[place].order, keys[:, k : k + 1], planned[place].find, planned[place].undo)
            for k, place in enumerate(places.tolist())
        ]
        positions = [planned[place].position for place in places.tolist()]
        for _ in range(_ATTEMPTS):
            late = live.plan(lessons)
            if not late:
                break
            # Lessons must be learned at their order in the log, so move those whose order has passed.
            first = self._ahead_of(live)
            learning.postpone(self._database, [positions[k] for k in late], first)
            lessons = [lessons[k].at(first + place) for place, k in enumerate(late)]
            positions = [positions[k] for k in late]
        else:
            logger().error("results_not_learned", results=len(lessons))
        self._lesson = max(one.position for one in planned)
        logger().info("results_learned", results=len(planned), without_manifest=len(planned) - len(places))

    def _ahead_of(self, live: LiveHistory) -> int:
        """Return an order that shipments will not reach for `_LEAD`, even if their orders are ahead of a clock set back."""
        return max(self._now(), live.order) + _LEAD

    def checkpoint(self) -> bool:
        """Save a checkpoint if the log is complete up to its order. Return whether it was saved."""
        live = self._live
        if live is None or not live.is_complete:
            return False
        if self._moment is None:
            self._moment = live.moment()
        moment = self._moment
        self._find_decisions(live)
        waiting = live.unlogged().orders
        if len(waiting) and waiting.min() <= moment.order:
            return False
        self._moment = None
        self._saved_at = self._now()
        # Read the position before the log is counted: decisions that are stored later count as late.
        with self._database.read() as connection:
            position = log.last_position(connection)
        if self._base is not None:
            if moment.order == self._base:
                return False
            if self._base < self._needed_from():
                # Later events may have been pruned, so they cannot be counted. Only one of several workers can be so far behind.
                return self._merge(others=None)
            with self._database.read() as connection:
                logged = log.count(connection, self._base, moment.order)
                # Late decisions from the journal of another worker.
                logged += log.count_late(connection, self._position, self._base)
            if logged != moment.counted:
                return self._merge(logged - moment.counted)
        # All these shipments have lanes now, because their decisions are in the log.
        live.finish(moment, NOT_COUNTED if self._base is None else self._base)
        self._save(moment.history, moment.order, position)
        live.settle(moment)
        self._base, self._position = moment.order, position
        return True

    def _needed_from(self) -> int:
        """Return the order below which a restart needs no events; 0 before the first checkpoint."""
        oldest = checkpoints.oldest_order(self._database)
        return 0 if oldest is None else min(oldest, self._bounds().since)

    def _merge(self, others: int | None) -> bool:
        """Save a checkpoint of the traffic of all workers from the log, unless the newest checkpoint is recent.

        Args:
            others: number of shipments of other workers, for the service's log; None if unknown.
        """
        now = self._now()
        newest = checkpoints.newest_at(self._database)
        if newest is not None and now - newest < self._settings.checkpoint_seconds * 1e6:
            return False
        until = now - _SETTLED
        logger().info("history_merging", shipments_of_others=others)
        history, order, position = replayed(self._database, self._sealer, self._snapshot, self._bounds(), until=until)
        if order > until:
            # The newest checkpoint already has later shipments.
            return False
        self._save(history, until, position)
        return True

    def _save(self, history: History, order: int, position: int) -> None:
        started = time.perf_counter()
        content = checkpoints.pack(history.to_full_arrays(), position)
        checkpoints.save(
            self._database,
            self._sealer,
            content,
            order=order,
            version=VERSION,
            shipments=history.sequence,
            at=self._now(),
        )
        seconds = round(time.perf_counter() - started, 2)
        logger().info("history_saved", shipments=history.sequence, order=order, bytes=len(content), seconds=seconds)
        pruned = log.prune(self._database, self._needed_from())
        if pruned:
            logger().info("history_events_pruned", events=pruned)


def durable_history(
    database: Database, waiting: Callable[[], int], settings: Settings, host: ModelHost
) -> DurableHistory:
    """Return the durable history of the model in service. The host starts with the history that it restores.

    Args:
        waiting: returns the number of decisions that wait for the database.
    """
    durable = DurableHistory(
        database,
        DurableSettings.of(settings),
        lambda: host.served.history if host.ready else None,
        waiting,
    )
    host.restore_with(durable.restore)
    return durable
