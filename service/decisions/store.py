"""The store of a running service: its database, and a thread that commits the decisions of concurrent requests.

A commit waits for the disk, so one commit per request would allow only some hundred requests per second. While the writer commits
one group of decisions, the next group gathers in its queue. An answer is sent after the commit of its group or, while the database
is away, after its decision is in the journal.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.core.database.engine import Database
from service.core.errors import DatabaseAway
from service.decisions import repository as decisions
from service.decisions.delivery import Delivery, deliver_left
from service.decisions.journal import Journal
from service.scoring.decision import NewDecision, Stored
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from service.core.metrics import Metrics

#: Seconds that writers wait for SQLite's lock if there is a journal.
_WAIT_WITH_JOURNAL: Final = 2


class Store:
    """Store of a service. `start` migrates the database; `close` writes all submitted decisions."""

    def __init__(
        self, url: str, *, journal: Path | None = None, is_journaling: bool = True, metrics: Metrics | None = None
    ) -> None:
        """
        Args:
            journal: folder of the decisions that wait while the database is away; None for a store without a journal.
            is_journaling: whether new decisions may wait there. Otherwise they are refused while the database is away, and
                `start` delivers the decisions that earlier processes left.
            metrics: counters of the decisions that wait or were delivered.

        Raises:
            BadDatabase: the URL is wrong.
        """
        taken = journal if is_journaling else None
        # With a journal, no request need wait long for a locked database.
        self.database: Final = Database(url) if taken is None else Database(url, wait=_WAIT_WITH_JOURNAL)
        self.outbox: Final = Outbox(self.database)
        self._journal, self._metrics = journal, metrics
        self._delivery = None if taken is None else Delivery(self.database, self.outbox, Journal(taken), metrics)
        self._writer = DecisionWriter(self.database, self.outbox, self._delivery)

    @property
    def waiting(self) -> int:
        """Number of decisions in the journal."""
        return 0 if self._delivery is None else self._delivery.waiting

    @property
    def has_journal(self) -> bool:
        """True if decisions are accepted while the database is away."""
        return self._delivery is not None

    def start(self) -> None:
        """Bring the schema up to date, deliver the decisions in the journal, and start the writer.

        Raises:
            BadDatabase: the schema is newer than this code.
            DatabaseAway: the database does not answer, and there is no journal for new decisions.
            OSError: the folder of the journal cannot be used.
        """
        if self._delivery is not None:
            self._delivery.start()
        else:
            self.database.migrate()
            if self._journal is not None:
                deliver_left(self.database, self.outbox, self._journal, self._metrics)
        self._writer.start()

    def decide(self, decisions: Sequence[NewDecision]) -> Future[list[Stored]]:
        """Store decisions, see `DecisionWriter.submit`."""
        return self._writer.submit(decisions)

    def close(self) -> None:
        """Write all submitted decisions and close the database."""
        self._writer.close()
        if self._delivery is not None:
            self._delivery.close()
        self.database.close()


#: A group with this number of decisions or more is committed without further submissions.
_FULL_GROUP: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Submission:
    decisions: Sequence[NewDecision]
    stored: Future[list[Stored]] = field(default_factory=Future)


class DecisionWriter:
    """Thread that writes decisions in the order of `submit`. Any thread may submit."""

    def __init__(self, database: Database, outbox: Outbox, delivery: Delivery | None = None) -> None:
        """
        Args:
            outbox: gets the deliveries of red decisions, in the same transaction.
            delivery: receives the decisions while the database is away; if None, they fail with `DatabaseAway`.
        """
        self._database, self._outbox = database, outbox
        self._delivery = delivery
        self._queue: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
        self._connection: Connection | None = None
        self._open = ExitStack()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, decisions: Sequence[NewDecision]) -> Future[list[Stored]]:
        """Queue decisions, and return a future of the stored decisions in the same order, which completes after the commit.

        The future fails with the error of the database: `DatabaseAway` if it does not answer.
        """
        submission = _Submission(decisions)
        self._queue.put(submission)
        return submission.stored

    def close(self) -> None:
        """Write all submitted decisions and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            group, ending = self._gather()
            if group:
                self._write(group)
        self._disconnect()

    def _gather(self) -> tuple[list[_Submission], bool]:
        """Wait for a submission. Return it with the other queued ones, and whether the thread should end."""
        group: list[_Submission] = []
        count = 0
        while count < _FULL_GROUP:
            try:
                submission = self._queue.get(block=not group)
            except queue.Empty:
                break
            if submission is None:
                return group, True
            group.append(submission)
            count += len(submission.decisions)
        return group, False

    def _write(self, group: list[_Submission]) -> None:
        batch = [decision for submission in group for decision in submission.decisions]
        try:
            stored = self._stored(batch)
        except BaseException as error:
            if len(group) > 1 and not isinstance(error, DatabaseAway):
                # Retry one by one, so that a faulty submission does not fail the others.
                for submission in group:
                    self._write([submission])
                return
            for submission in group:
                submission.stored.set_exception(error)
            return
        start = 0
        for submission in group:
            end = start + len(submission.decisions)
            submission.stored.set_result(stored[start:end])
            start = end

    def _stored(self, batch: list[NewDecision]) -> list[Stored]:
        """Commit decisions, or add them to the journal, and return the stored decisions."""
        delivery = self._delivery
        if delivery is not None and delivery.comes_first:
            return delivery.add(batch)
        try:
            return self._committed(batch)
        except DatabaseAway:
            if delivery is None:
                raise
            return delivery.add(batch)

    def _committed(self, batch: list[NewDecision]) -> list[Stored]:
        reused = self._connection is not None
        try:
            return self._commit(batch, retried=False)
        except DatabaseAway:
            self._disconnect()
            if not reused or self._database.is_sqlite:
                raise
        # Retry with a new connection. The old one may have ended since its last commit, for example by a restart of PostgreSQL.
        # It may also have ended during this commit, which then may be complete.
        try:
            return self._commit(batch, retried=True)
        except DatabaseAway:
            self._disconnect()
            raise

    def _commit(self, batch: list[NewDecision], *, retried: bool) -> list[Stored]:
        if self._connection is None:
            self._connection = self._open.enter_context(self._database.writing())
        at = time.time_ns() // 1000
        with self._database.reporting_writes(), self._connection.begin():
            stored = decisions.record(self._connection, batch, at, retried=retried)
            self._outbox.add(self._connection, batch, stored, at)
            return stored

    def _disconnect(self) -> None:
        self._connection = None
        self._open.close()
