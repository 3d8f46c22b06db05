"""The store of a running service: its database and its writer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from service.store.database import Database
from service.store.decisions import NewDecision, Stored
from service.store.webhooks import Outbox
from service.store.writer import DecisionWriter


class Store:
    """Store of a service. `start` migrates the database; `close` writes what was submitted."""

    def __init__(self, url: str) -> None:
        """
        Raises:
            BadDatabase: the URL is wrong.
        """
        self.database: Final = Database(url)
        self.outbox: Final = Outbox(self.database)
        self._writer = DecisionWriter(self.database, self.outbox)

    def start(self) -> None:
        """Bring the schema up to date and start the writer.

        Raises:
            BadDatabase: the schema is newer than this code.
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        self.database.migrate()
        self._writer.start()

    def decide(self, decisions: Sequence[NewDecision]) -> Future[list[Stored]]:
        """Store decisions, see `DecisionWriter.submit`."""
        return self._writer.submit(decisions)

    def close(self) -> None:
        """Write what was submitted and close the database."""
        self._writer.close()
        self.database.close()
