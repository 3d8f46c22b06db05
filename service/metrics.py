"""Prometheus metrics of one application.

With several workers the metrics of all are added up through the files in ``PROMETHEUS_MULTIPROC_DIR``, which
`tidewaiter serve` sets before this module is imported (prometheus-client decides at import).
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from models.scoring.scores import Scores

#: Seconds. One POST takes fractions of a millisecond, a CSV minutes.
_SECONDS: Final = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)


class Metrics:
    """What is counted. Each application has its own registry, so several may live in one process."""

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
            "Time from a request's first byte to the last byte of its answer",
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
            "Shipments declared before ones already scored, scored with the present history",
            registry=self.registry,
        )
        self.model = Gauge(
            "tidewaiter_model_info",
            "1 for the model that answers",
            ("name", "version", "digest"),
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        self.model_refused = Gauge(
            "tidewaiter_model_refused",
            "1 while the bundle that the store points at is refused and an older one, or none, is served",
            registry=self.registry,
            multiprocess_mode="max",
        )
        self.model_changes = Counter(
            "tidewaiter_model_changes_total",
            "Bundles put in place (loaded) and bundles refused (refused)",
            ("outcome",),
            registry=self.registry,
        )
        # Time series found again, without their labels being put together anew for each request.
        self._counter_of_lane = cache(self.shipments.labels)
        self._counter_of_answer = cache(self.requests.labels)
        self._histogram_of_route = cache(self.seconds.labels)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request. Every combination of ``method``, ``route`` and ``status`` is a time series."""
        self._counter_of_answer(method, route, status).inc()
        self._histogram_of_route(route).observe(seconds)

    def scored(self, scores: Scores) -> None:
        lanes = scores.lane.tolist()
        for lane in set(lanes):
            self._counter_of_lane(lane).inc(lanes.count(lane))
        late = int(scores.late.sum())
        if late:
            self.late.inc(late)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format, of every worker when there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)
