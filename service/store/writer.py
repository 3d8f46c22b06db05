"""Writer of decisions: one thread that commits the decisions of concurrent requests together.

A commit waits for the disk, so one commit per request would allow some hundred requests per second. While the writer commits one
group, the next one gathers. An answer is sent after its group is committed.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from service.store import decisions
from service.store.decisions import NewDecision, Stored

if TYPE_CHECKING:
    from service.store.database import Database
    from service.store.webhooks import Outbox

#: Most decisions of one commit. A larger submission is committed alone.
_MOST_TOGETHER: Final = 2_000


@dataclass(frozen=True, slots=True)
class _Submission:
    decisions: Sequence[NewDecision]
    stored: Future[list[Stored]] = field(default_factory=Future)


class DecisionWriter:
    """Thread that writes decisions in the order of `submit`. Any thread may submit."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database, self._outbox = database, outbox
        self._queue: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, decisions: Sequence[NewDecision]) -> Future[list[Stored]]:
        """Write decisions, and return a future of what to answer, in their order. It is done after the commit.

        The future's exception is that of the database.
        """
        submission = _Submission(decisions)
        self._queue.put(submission)
        return submission.stored

    def close(self) -> None:
        """Write what was submitted and end the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        ending = False
        while not ending:
            group, ending = self._gather()
            if group:
                self._write(group)

    def _gather(self) -> tuple[list[_Submission], bool]:
        """Wait for a submission, and return it with those that are waiting too, and whether the writer should end."""
        group: list[_Submission] = []
        count = 0
        while count < _MOST_TOGETHER:
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
        try:
            with self._database.write() as connection:
                of_all = [decision for submission in group for decision in submission.decisions]
                at = time.time_ns() // 1000
                stored = decisions.record(self._database, connection, of_all, at)
                self._outbox.add(connection, of_all, stored, at)
        except BaseException as error:
            if len(group) > 1:
                # One submission must not fail the others.
                for submission in group:
                    self._write([submission])
            else:
                group[0].stored.set_exception(error)
            return
        start = 0
        for submission in group:
            end = start + len(submission.decisions)
            submission.stored.set_result(stored[start:end])
            start = end
