"""The store of a running service: its database and its writer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from service.core.database.engine import Database
from service.decisions.delivery import Delivery, deliver_left
from service.decisions.journal import Journal
from service.decisions.writer import DecisionWriter
from service.scoring.decision import NewDecision, Stored
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from pathlib import Path

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
