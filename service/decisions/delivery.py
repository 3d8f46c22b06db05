"""Decisions while the database is away: the journal stores them, and a thread delivers them when the database is back.

A shipment gets a new decision while the database is away, because earlier decisions cannot be read. Only repetitions of decisions
that this process has journaled and still remembers get the first answer. Delivery stores each decision once under the id that the
client got, and links it to the previous decision on its shipment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from service.core.errors import DatabaseAway
from service.core.logs import logger
from service.decisions import repository as decisions
from service.decisions.journal import Journal
from service.scoring.decision import NewDecision, Stored

if TYPE_CHECKING:
    from pathlib import Path

    from service.core.database.engine import Database
    from service.core.metrics import Metrics
    from service.webhooks.repository import Outbox

#: Decisions per transaction. Other writers wait meanwhile, for about a quarter of a second.
_TOGETHER: Final = 500
#: Seconds between two attempts.
_PAUSE: Final = 1.0
#: Maximum number of remembered decisions: about 100 MB.
_REMEMBERED: Final = 20_000


class Delivery:
    """Adds decisions to the journal and delivers them. Only the thread of the writer may call `add`."""

    def __init__(self, database: Database, outbox: Outbox, journal: Journal, metrics: Metrics | None = None) -> None:
        self._database, self._outbox = database, outbox
        self._journal = journal
        self._metrics = metrics
        self._migrated = False
        self._remembered: dict[Any, Stored] = {}
        self._away = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decision-delivery", daemon=True)

    @property
    def waiting(self) -> int:
        """Number of decisions in the journal."""
        return self._journal.waiting

    @property
    def comes_first(self) -> bool:
        """True if new decisions must wait behind those in the journal, or for the migration of the database."""
        return self._journal.waiting > 0 or not self._migrated

    def start(self) -> None:
        """Deliver the decisions that earlier processes left. If the database is away, the thread does so later.

        Raises:
            BadDatabase: the schema is newer than this code.
            OSError: the folder of the journal cannot be used.
        """
        self._journal.open()
        self._try_delivery()
        self._thread.start()

    def add(self, given: Sequence[NewDecision]) -> list[Stored]:
        """Append decisions to the journal, and return the decisions to answer with, once they are on the disk.

        Raises:
            DatabaseAway: the journal cannot be written either.
        """
        new: list[NewDecision] = []
        answers: list[Stored] = []
        for decision in given:
            first = None if decision.what_if else self._remembered.get(decision.sameness)
            if first is None:
                new.append(decision)
                first = Stored(decision.id, decision.answer, repeated=False)
                if not decision.what_if and len(self._remembered) < _REMEMBERED:
                    self._remembered[decision.sameness] = Stored(decision.id, decision.answer, repeated=True)
            answers.append(first)
        try:
            if new:
                self._journal.append(new)
        except OSError as error:
            for decision in new:
                self._remembered.pop(decision.sameness, None)
            raise DatabaseAway(f"the journal cannot be written either ({error.strerror})") from error
        if not self._away:
            self._away = True
            logger().warning("database_away", waiting=self._journal.waiting)
        if self._metrics is not None:
            self._metrics.journaled.inc(len(new))
        self._update_waiting()
        return answers

    def close(self) -> None:
        """End the thread. Undelivered decisions stay in the journal for the next start."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self._journal.close()

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE):
            if self.comes_first:
                try:
                    self._try_delivery()
                except Exception as error:
                    # The thread must survive, because it alone delivers.
                    logger().error("delivery_failed", exc_info=error)

    def _try_delivery(self) -> None:
        """Deliver all waiting decisions, unless the database is away."""
        try:
            if not self._migrated:
                self._database.migrate()
                self._migrated = True
            self._deliver_all()
        except DatabaseAway as error:
            self._update_waiting()
            logger().warning("delivery_waits", problem=str(error), waiting=self._journal.waiting)

    def deliver_left(self) -> None:
        """Deliver the decisions that ended processes left, without a thread.

        Raises:
            DatabaseAway: the database does not answer. Undelivered decisions stay in the journal.
            OSError: the folder of the journal cannot be used.
        """
        self._journal.open()
        try:
            self._deliver_all()
        finally:
            self._journal.close()

    def _deliver_all(self) -> None:
        while not self._ending.is_set() and (waiting := self._journal.head(_TOGETHER)) is not None:
            self._deliver(waiting.decisions)
            self._journal.delivered(waiting)
            if self._metrics is not None:
                self._metrics.delivered.inc(len(waiting.decisions))
            self._update_waiting()
            if not self._journal.waiting:
                self._away = False
                self._remembered.clear()
                logger().info("journal_delivered")

    def _deliver(self, waiting: Sequence[NewDecision]) -> None:
        try:
            self._record(waiting)
        except DatabaseAway:
            raise
        except Exception:
            # One decision that the database refuses must not block the others.
            for decision in waiting:
                try:
                    self._record([decision])
                except DatabaseAway:
                    raise
                except Exception as error:
                    logger().error("decision_not_delivered", decision_id=decision.id, exc_info=error)
                    self._journal.refuse(decision)

    def _record(self, some: Sequence[NewDecision]) -> None:
        at = time.time_ns() // 1000
        with self._database.write() as connection:
            stored = decisions.record(connection, some, at, sent=True)
            self._outbox.add(connection, some, stored, at)

    def _update_waiting(self) -> None:
        if self._metrics is not None:
            self._metrics.journal_waiting.set(self._journal.waiting)


def deliver_left(database: Database, outbox: Outbox, folder: Path, metrics: Metrics | None = None) -> None:
    """Deliver the decisions that ended processes left in the journal of a folder; see `Delivery.deliver_left`."""
    # A service without a journal may lack permission to create the folder.
    if folder.is_dir():
        Delivery(database, outbox, Journal(folder), metrics).deliver_left()
