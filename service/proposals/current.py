"""The accepted proposals in service: every worker takes over a decision within a second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

from service.core.logs import logger
from service.core.periodic import repeated

if TYPE_CHECKING:
    from models.rules import RuleSet
    from service.core.database.engine import Database
    from service.lists.current import CurrentLists

#: Seconds between looks for decisions, and between looks for proposals to retire.
EVERY: Final = 0.5
_RETIRING: Final = 600.0


class CurrentProposals:
    """Brings accepted proposals into the settings of scores."""

    def __init__(self, database: Database | None, lists: CurrentLists) -> None:
        """
        Args:
            database: the store; None if it is off. There are then no proposals.
            lists: holds the settings of scores.
        """
        self._database, self._lists = database, lists
        self._revision: int | None = None
        self._rules: RuleSet | None = None
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Read the decisions, and set the rules in force if they changed.

        Raises:
            DatabaseAway: the database does not answer. The rules stay in force.
        """
        if self._database is None:
            return
        from service.proposals import repository

        with self._lock, self._database.read() as connection:
            revision = repository.revision(connection)
            if revision == self._revision:
                return
            rules = repository.in_force(connection, time.time_ns() // 1000) if revision else None
            if rules is not None or self._rules is not None:
                self._lists.set_rules(rules)
                logger().info("proposals_in_force", rules=0 if rules is None else len(rules.rules))
            self._revision, self._rules = revision, rules

    def retire(self) -> None:
        """Retire proposals that have ended or find too little."""
        if self._database is None:
            return
        from service.proposals import repository

        for proposal in repository.retire(self._database, time.time_ns() // 1000):
            logger().info("proposal_retired", proposal=proposal)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look for decisions and for proposals to retire, in threads, until the context ends."""
        if self._database is None:
            yield
            return
        async with (
            repeated(lambda: _logged(self.refresh), EVERY, "proposals", at_once=True),
            repeated(lambda: _logged(self.retire), _RETIRING, "proposals-retired", at_once=True),
        ):
            yield


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        # The thread must survive, because it alone reads later decisions.
        logger().error("proposals_not_read", fault=type(error).__name__, problem=str(error))
