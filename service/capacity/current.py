"""The lanes by capacity in service: the plan of each day enters every worker, the service's own jobs, and commands."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from service.core.errors import DatabaseAway, NotReady
from service.core.logs import logger
from service.core.periodic import repeated

if TYPE_CHECKING:
    from models.scoring import RiskModel
    from service.capacity.planning import Plan
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.lists.current import CurrentLists
    from service.scoring.model_host import ModelHost

#: Seconds between looks for the plan of a new day.
EVERY: Final = 20.0


class CurrentCapacity:
    """Brings the plan of the day into the settings of scores.

    Attributes:
        plan: the plan in force for the latest model; None if there is none yet.
    """

    def __init__(self, settings: Settings, database: Database | None, lists: CurrentLists) -> None:
        """
        Args:
            database: the store; None if it is off. There are then no plans.
            lists: holds the settings of scores.
        """
        self._capacity, self._database, self._lists = settings.capacity, database, lists
        self._key = settings.random_key.get_secret_value().encode() if settings.random_key else None
        self._lock = threading.Lock()
        self.plan: Plan | None = None

    def prepare(self, model: RiskModel) -> None:
        """Set the plan of today for a model, before it enters service. While the database is away, lanes stay as they are.

        A second model keeps the plan of the first, because both score during an exchange.
        """
        if self._capacity is None or self._database is None:
            return
        from service.capacity.planning import in_force

        with self._lock:
            try:
                plan = in_force(self._database, self._capacity, model, key=self._key)
            except DatabaseAway as error:
                logger().error("capacity_not_read", problem=str(error))
                return
            if plan is None or (self.plan is not None and plan.lanes.id == self.plan.lanes.id):
                return
            self._lists.set_capacity({**(self._lists.settings.capacity or {}), model.digest: plan.lanes})
            self.plan = plan
            logger().info("capacity_plan", plan=plan.lanes.id, day=plan.day, groups=len(plan.lanes.cuts))

    @contextlib.asynccontextmanager
    async def watching(self, host: ModelHost) -> AsyncIterator[None]:
        """Look for the plan of a new day every `EVERY` seconds, in a thread, until the context ends."""
        if self._capacity is None or self._database is None:
            yield
            return

        def look() -> None:
            try:
                self.prepare(host.served.model)
            except NotReady:
                return
            except Exception as error:
                # The thread must survive, because it alone finds the plan of the next day.
                logger().error("capacity_not_planned", fault=type(error).__name__, problem=str(error))

        async with repeated(look, EVERY, "capacity"):
            yield
