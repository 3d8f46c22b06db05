"""The latest report of a running service, made every quarter of an hour, and its gauges."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from service.core.errors import DatabaseAway, NotReady
from service.core.logs import logger
from service.core.periodic import repeated

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.metrics import Metrics
    from service.scoring.model_host import ModelHost

#: Seconds between reports.
EVERY: Final = 900.0


class CurrentMonitoring:
    """Makes the reports of a service. No request and no scrape does, except a first request before the first report."""

    def __init__(self, database: Database | None, host: ModelHost, metrics: Metrics) -> None:
        """
        Args:
            database: the store; None if it is off. There are then no reports.
        """
        self._database, self._host, self._metrics = database, host, metrics
        self._lock = threading.Lock()
        self._report: dict[str, Any] | None = None
        #: Series whose alarm is in the log already.
        self._alarms: frozenset[str] = frozenset()

    def report(self) -> dict[str, Any]:
        """Return the latest report; make the first one.

        Raises:
            DatabaseAway, NotReady: it cannot be made now.
        """
        with self._lock:
            return self._made() if self._report is None else self._report

    def refresh(self) -> None:
        """Make a report. An error is logged, and the earlier report stays."""
        try:
            with self._lock:
                self._made()
        except (DatabaseAway, NotReady) as error:
            self._metrics.monitoring.reports.labels("failed").inc()
            logger().warning("monitoring_waits", problem=str(error))
        except Exception as error:
            # The thread must survive.
            self._metrics.monitoring.reports.labels("failed").inc()
            logger().error("monitoring_failed", exc_info=error)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Make a report every `EVERY` seconds, in a thread, until the context ends."""
        if self._database is None:
            yield
            return
        async with repeated(self.refresh, EVERY, "monitoring"):
            yield

    def _made(self) -> dict[str, Any]:
        from service.core.database.times import now_us
        from service.monitoring.report import report

        assert self._database is not None
        self._report = made = report(self._database, self._host.served.model, now_us())
        self._show(made)
        alarms = frozenset(one["series"] for one in made["drift"] if one["alarm"])
        for one in made["drift"]:
            if one["series"] in alarms - self._alarms:
                names = [group["group"] for group in one["groups"]]
                logger().warning("drift", series=one["series"], groups=names, advice=one["advice"])
        self._alarms = alarms
        return made

    def _show(self, made: dict[str, Any]) -> None:
        """Set the gauges."""
        from service.monitoring.drift import ADVICE

        gauges = self._metrics.monitoring
        for row in made["precision"]:
            gauges.precision.labels(row["lane"], str(row["by_chance"]).lower(), row["group"]).set(row["precision"])
        recall = made["top_decile_recall"]
        for bound in ("value", "low", "high"):
            gauges.top_decile_recall.labels(bound).set(_number(recall[bound]))
        gauges.recall_at_least.set(_number(made["recall_at_least"]))
        for kind in ("expected", "observed"):
            gauges.finds.labels(kind).set(made[f"{kind}_finds"])
        gauges.finds_disagree.set(not made["agree"])
        for quantile, days in made["labels"]["delay_days"].items():
            gauges.label_delay.labels(quantile).set(_number(days))
        for age in made["labels"]["by_age"]:
            gauges.without_outcome.labels(str(age["from_days"])).set(_number(age["share"]))
        series = {one["series"]: one for one in made["drift"]}
        for name in ADVICE:
            one = series.get(name)
            gauges.drift.labels(name).set(_number(None if one is None else one["statistic"] / one["threshold"]))
            # A series that is not measured any more must not keep its alarm.
            gauges.drift_alarm.labels(name).set(one is not None and one["alarm"])
        gauges.reports.labels("made").inc()


def _number(value: float | None) -> float:
    """Return a value of a gauge; NaN where nothing is known."""
    return float("nan") if value is None else value
