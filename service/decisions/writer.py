"""Writer of decisions: one thread that commits the decisions of concurrent requests together.

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

from service.core.errors import DatabaseAway
from service.decisions import repository as decisions
from service.scoring.decision import NewDecision, Stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database
    from service.decisions.delivery import Delivery
    from service.webhooks.repository import Outbox

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
            stored = decisions.record(self._database, self._connection, batch, at, retried=retried)
            self._outbox.add(self._connection, batch, stored, at)
            return stored

    def _disconnect(self) -> None:
        self._connection = None
        self._open.close()
