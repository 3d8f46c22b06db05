"""Targets of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.files import COMPARED, cost_us, file_label, of_floor
from benchmarks.reason_tables import rows_label, speedup
from benchmarks.script import Result
from benchmarks.servers.catalogue import OURS
from benchmarks.serving import over_rounds, ratio, request_label
from benchmarks.tables import Table, number

_MOST_ROWS: Final = 10_000_000
#: Input of the other servers -> its name in a row.
_INPUTS: Final = {"manifests": "both given manifests", "numbers": "the other given features"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure with its target; ``value`` is None if it was not measured."""

    what: str
    wanted: float
    value: float | None
    at_most: bool = False
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """True if the target is met; None if it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def row(self) -> tuple[str, str, str, str]:
        """Return name, target, figure, and whether the target is met."""
        unit = f" {self.unit}" if self.unit else ""
        sign = "at most" if self.at_most else "at least"
        verdict = {True: "yes", False: "**no**", None: "not measured"}[self.met]
        return (
            self.what,
            f"{sign} {self.wanted:,g}{unit}",
            number(self.value) + (unit if self.value is not None else ""),
            verdict,
        )


def bars(results: Mapping[str, Result]) -> list[Bar]:
    """Return every target with its figure, from the results of all benchmarks by name."""
    return [
        *_of_requests(results["serving"]),
        *_of_files(results["files"]),
        *_of_contributions(results["reason_tables"]),
        *_of_starts(results["serving"]),
    ]


def _of_requests(serving: Result) -> list[Bar]:
    kinds = {kind["name"]: kind for kind in serving["own_requests"]}
    ours = next(server for server in serving["servers"] if server["name"] == OURS)
    targets: list[Bar] = []
    for name, limit in (
        ("natural repetition", 1.0),
        ("texts never seen", 3.0),
        ("reasons for every one", 3.0),
        ("never seen, reasons", 3.0),
    ):
        label = request_label(name)
        p50, p99 = (over_rounds(kinds[name], 1, figure) for figure in ("p50_ms", "p99_ms"))
        targets.append(Bar(f"{label}: median latency", limit, p50, at_most=True, unit="ms"))
        targets.append(Bar(f"{label}: 99th percentile of latency", 5.0, p99, at_most=True, unit="ms"))
    label, rate = request_label("natural repetition"), over_rounds(kinds["natural repetition"], 8, "rate")
    targets.append(Bar(f"{label}: shipments per second", 2_000.0, rate))
    for given, label in _INPUTS.items():
        for other in serving["servers"]:
            if other is not ours and other["given"] == given:
                name = f"throughput relative to {other['name']} ({label})"
                targets.append(Bar(name, 1.0, ratio(ours, other, 8), unit="x"))
    for batch in (kind for kind in serving["own_requests"] if kind["shipments"] > 1):
        rows = over_rounds(batch, 8, "rate") * batch["shipments"] * batch["items"]
        targets.append(Bar(f"{request_label(batch['name'])}: goods items per second", 20_000.0, rows))
    return targets


def _of_files(files: Result) -> list[Bar]:
    targets = [
        Bar(f"{file_label(kind['name'])}: throughput relative to the minimal work", 0.6, of_floor(kind))
        for kind in files["formats"]
    ]
    by_rows = {size["rows"]: size for size in files["scaling"]}
    largest = by_rows.get(_MOST_ROWS)
    figures: list[tuple[str, float, str, Callable[[Result], float]]] = [
        ("peak memory", 700.0, "MB", lambda size: max(size["peak_mb"])),
        (
            f"time per row relative to {COMPARED:,} rows",
            1.1,
            "x",
            lambda size: cost_us(size) / cost_us(by_rows[COMPARED]),
        ),
    ]
    targets += [
        Bar(f"CSV of {_MOST_ROWS:,} rows: {what}", limit, figure(largest) if largest else None, at_most=True, unit=unit)
        for what, limit, unit, figure in figures
    ]
    return targets


def _of_contributions(explaining: Result) -> list[Bar]:
    return [
        Bar(
            f"feature contributions, {record['booster']}, {rows_label(record['rows'])}: speed relative to LightGBM",
            10.0,
            speedup(explaining, record),
            unit="x",
        )
        for record in explaining["records"]
        if record["way"].startswith(OURS)
    ]


def _of_starts(serving: Result) -> list[Bar]:
    starts = {key: median(values) for key, values in serving["starts"].items()}
    return [
        Bar("start of the service: time until ready", 3.0, starts["ready_s"], at_most=True, unit="s"),
        Bar("`tidewaiter --help`: run time", 0.3, starts["help_s"], at_most=True, unit="s"),
        Bar(
            "first request: latency relative to the thousandth",
            1.5,
            starts["first_ms"] / starts["thousandth_ms"],
            at_most=True,
            unit="x",
        ),
        # This comparison is stricter, because after a pause the processor's caches have lost the service's data.
        Bar(
            "first request: latency relative to one in a stream",
            1.5,
            starts["first_ms"] / starts["stream_ms"],
            at_most=True,
            unit="x",
        ),
    ]


def table(results: Mapping[str, Result]) -> Table:
    """Return all targets as a table."""
    return Table(
        "Targets",
        ("figure", "target", "measured", "met"),
        tuple(bar.row() for bar in bars(results)),
        "Latencies are measured at one connection, throughput at eight. *Throughput relative to* another server is Tidewaiter's "
        "divided by that of the server. Tidewaiter always receives raw manifests.",
    )
