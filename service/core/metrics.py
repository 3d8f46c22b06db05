"""Prometheus metrics of one application.

With several workers, metrics are summed over all workers by means of files in ``PROMETHEUS_MULTIPROC_DIR``. `tidewaiter serve`
sets this variable before it imports this module, because prometheus-client reads it at import.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter as Counter_
from functools import cache
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from models.lanes import Lanes, misfit, misfitting
from service.core.logs import logger

if TYPE_CHECKING:
    from models.scoring import Scores

#: Number of shipments after which the shares of the lanes are set anew. Requests for metrics reach only one of several workers.
_REFRESHED: Final = 500
#: Seconds between two log entries on lanes that do not fit the traffic.
_NOTED_EVERY: Final = 86_400.0
#: Upper bounds of the histogram buckets in seconds. A POST takes less than a millisecond, a CSV up to minutes.
_SECONDS: Final = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)


#: Number of shipments after which `LaneShares` starts a new count and keeps one older count. A small office has as many a day.
_JUDGED: Final = 20_000


class LaneShares:
    """Lane counts of the latest 20,000 to 40,000 shipments that this process scored with its model, without random selections."""

    def __init__(self) -> None:
        self._digest = ""
        #: Lanes of the model that scored the counted shipments; None before the first.
        self.of_model: Lanes | None = None
        self._now: Counter_[str] = Counter_()
        self._before: Counter_[str] = Counter_()
        self._judged = 0
        self._lock = threading.Lock()

    def add(self, scores: Scores) -> None:
        """Count the shipments by lane. Start anew when the model changes. Lanes by capacity fit the traffic by themselves."""
        if scores.chosen.group is not None:
            return
        lanes = [
            lane
            for lane, selected_by in zip(scores.lane.tolist(), scores.selected_by.tolist(), strict=True)
            if selected_by != "random"
        ]
        with self._lock:
            if scores.model.digest != self._digest:
                self._digest, self._now, self._before, self._judged = scores.model.digest, Counter_(), Counter_(), 0
                self.of_model = scores.model.lanes
            elif self._judged >= _JUDGED:
                self._now, self._before, self._judged = Counter_(), self._now, 0
            self._judged += len(lanes)
            # For one shipment, `Counter.update` takes longer than this loop.
            for lane in {*lanes}:
                self._now[lane] += lanes.count(lane)

    def counts(self, digest: str) -> dict[str, int]:
        """Return the number of shipments per lane; empty if another model than that of ``digest`` scored them."""
        with self._lock:
            return dict(self._now + self._before) if digest == self._digest else {}

    @property
    def digest(self) -> str:
        """Digest of the model that scored the counted shipments."""
        return self._digest


class MonitoringGauges:
    """Gauges of the report of monitoring (`service.monitoring.report`). NaN: not known yet."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"tidewaiter_{name}", meaning, labels, registry=registry, multiprocess_mode="mostrecent")

        self.precision = gauge(
            "inspection_precision", "Finds per inspected shipment of the last 365 days", "lane", "by_chance", "group"
        )
        self.top_decile_recall = gauge(
            "top_decile_recall", "Share of the illicit shipments of the top decile that was found", "bound"
        )
        self.recall_at_least = gauge("recall_at_least", "Lower bound of the share of illicit shipments that was found")
        self.finds = gauge("finds", "Finds of the last 365 days, and those that risks expect", "kind")
        self.finds_disagree = gauge("finds_disagree", "1 while expected finds lie outside the interval of the observed")
        self.label_delay = gauge("label_delay_days", "Days from receipt to the first result", "quantile")
        self.without_outcome = gauge(
            "red_without_outcome_share", "Share of red decisions without an outcome, by least age in days", "from_days"
        )
        self.drift = gauge("drift_statistic", "Statistic of a series divided by its threshold", "series")
        self.drift_alarm = gauge("drift_alarm", "1 while a series differs from its reference", "series")
        self.reports = Counter(
            "tidewaiter_monitoring_reports_total",
            "Reports of monitoring made, or failed",
            ("outcome",),
            registry=registry,
        )


class Metrics:
    """Counters and gauges of one application in its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tidewaiter_requests_total",
            "HTTP requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tidewaiter_request_seconds",
            "Time from the first byte of a request to the last byte of its response",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.shipments = Counter(
            "tidewaiter_shipments_scored_total", "Shipments scored, by lane", ("lane",), registry=self.registry
        )
        self.refused = Counter(
            "tidewaiter_shipments_refused_total",
            "Shipments of JSON requests that could not be read",
            ("via",),
            registry=self.registry,
        )
        self.late = Counter(
            "tidewaiter_shipments_late_total",
            "Shipments declared before shipments already scored, scored with the present history",
            registry=self.registry,
        )
        self.connections_refused = Counter(
            "tidewaiter_connections_refused_total",
            "Connections and requests that the HTTP protocol refused or closed, by reason",
            ("reason",),
            registry=self.registry,
        )
        self.model = Gauge(
            "tidewaiter_model_info",
            "1 for the model in service",
            ("name", "version", "digest"),
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.lanes = LaneShares()
        self.lane_share = Gauge(
            "tidewaiter_lane_share",
            "Share of the latest shipments of the model in service in the lane, without the random share",
            ("lane",),
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.lane_misfit = Gauge(
            "tidewaiter_lane_misfit",
            "1 while the share of the lane does not fit the traffic: see lane_warning of /v1/model, and tidewaiter adapt",
            ("lane",),
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.model_refused = Gauge(
            "tidewaiter_model_refused",
            "1 while the bundle that the store points at is refused and an older one, or none, is in service",
            registry=self.registry,
            multiprocess_mode="max",
        )
        self.model_changes = Counter(
            "tidewaiter_model_changes_total",
            "Bundles put into service (loaded) and bundles refused (refused)",
            ("outcome",),
            registry=self.registry,
        )
        self.monitoring = MonitoringGauges(self.registry)
        self._add_journal()
        self._scored = 0
        self._next_note = 0.0
        # Cache the results of `labels`: it validates its arguments on every call, which takes longer than counting.
        self._counter_of_lane = cache(self.shipments.labels)
        self._counter_of_response = cache(self.requests.labels)
        self._histogram_of_route = cache(self.seconds.labels)

    def _add_journal(self) -> None:
        self.journaled = Counter(
            "tidewaiter_decisions_journaled_total",
            "Decisions that went to the journal because the database was away",
            registry=self.registry,
        )
        self.delivered = Counter(
            "tidewaiter_decisions_delivered_total",
            "Decisions that were delivered from the journal to the database",
            registry=self.registry,
        )
        self.journal_waiting = Gauge(
            "tidewaiter_journal_waiting",
            "Decisions in the journal that are not in the database",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request and its duration. Each combination of method, route and status is a time series."""
        self._counter_of_response(method, route, status).inc()
        self._histogram_of_route(route).observe(seconds)

    def scored(self, scores: Scores) -> None:
        """Count the shipments of ``scores`` by lane, and the late shipments."""
        lanes = scores.lane.tolist()
        for lane in set(lanes):
            self._counter_of_lane(lane).inc(lanes.count(lane))
        self.lanes.add(scores)
        self._scored += len(lanes)
        if self._scored >= _REFRESHED:
            self._refresh_lanes()
        # For one shipment, a sum of the array takes longer than this list.
        late = scores.late.tolist().count(True)
        if late:
            self.late.inc(late)

    def _refresh_lanes(self) -> None:
        self._scored = 0
        counts = self.lanes.counts(self.lanes.digest)
        for lane, count in counts.items():
            self.lane_share.labels(lane).set(count / sum(counts.values()))
        lanes = self.lanes.of_model
        misfits = [] if lanes is None else misfitting(counts, lanes)
        if lanes is not None and misfits and time.monotonic() >= self._next_note:
            self._next_note = time.monotonic() + _NOTED_EVERY
            logger().warning("lanes_do_not_fit", problem=misfit(counts, lanes), shipments=sum(counts.values()))
        for lane in ("red", "yellow"):
            self.lane_misfit.labels(lane).set(lane in misfits)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format, summed over all workers."""
        self._refresh_lanes()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        all_workers = CollectorRegistry()
        MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
        return generate_latest(all_workers)
