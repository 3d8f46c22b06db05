"""Targets of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.files import COMPARED, cost_us, of_floor
from benchmarks.reason_tables import speedup
from benchmarks.script import Result
from benchmarks.servers.catalogue import OURS
from benchmarks.serving import over_rounds, ratio
from benchmarks.tables import Table, number

_LARGEST: Final = 10_000_000


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
        """Whether the target is met; None if it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def row(self) -> tuple[str, str, str, str]:
        """Return name, target, figure, and whether it is met."""
        unit = f" {self.unit}" if self.unit else ""
        sign = "at most" if self.at_most else "at least"
        told = {True: "yes", False: "**no**", None: "not measured"}[self.met]
        return (
            self.what,
            f"{sign} {self.wanted:,g}{unit}",
            number(self.value) + (unit if self.value is not None else ""),
            told,
        )


def bars(results: Mapping[str, Result]) -> list[Bar]:
    """Return every target with its figure, from the results of all benchmarks by name."""
    serving, files = results["serving"], results["files"]
    kinds = {one["name"]: one for one in serving["own_requests"]}
    ours = next(one for one in serving["servers"] if one["name"] == OURS)
    found: list[Bar] = []
    for name, limit in (
        ("natural repetition", 1.0),
        ("texts never seen", 3.0),
        ("reasons for every one", 3.0),
        ("never seen, reasons", 3.0),
    ):
        found.append(Bar(f"p50, {name}", limit, over_rounds(kinds[name], 1, "p50_ms"), at_most=True, unit="ms"))
        found.append(Bar(f"p99, {name}", 5.0, over_rounds(kinds[name], 1, "p99_ms"), at_most=True, unit="ms"))
    found.append(Bar("requests/s, 8 connections", 2_000.0, over_rounds(kinds["natural repetition"], 8, "rate")))
    for given in ("manifests", "numbers"):
        for other in serving["servers"]:
            if other is not ours and other["given"] == given:
                found.append(Bar(f"ahead of {other['name']}, given {given}", 1.0, ratio(ours, other, 8), unit="x"))
    for batch in (one for one in serving["own_requests"] if one["shipments"] > 1):
        rows = over_rounds(batch, 8, "rate") * batch["shipments"] * batch["items"]
        found.append(Bar(f"{batch['name']}, rows/s", 20_000.0, rows))
    found += [Bar(f"file of the floor, {one['name']}", 0.6, of_floor(one)) for one in files["formats"]]
    sized = {one["rows"]: one for one in files["scaling"]}
    largest = sized.get(_LARGEST)
    asked: list[tuple[str, float, str, Callable[[Result], float]]] = [
        (f"memory of {_LARGEST:,} rows", 700.0, "MB", lambda one: max(one["peak_mb"])),
        (
            f"cost a row of {_LARGEST:,} rows, of {COMPARED:,}",
            1.1,
            "x",
            lambda one: cost_us(one) / cost_us(sized[COMPARED]),
        ),
    ]
    found += [
        Bar(what, limit, figure(largest) if largest else None, at_most=True, unit=unit)
        for what, limit, unit, figure in asked
    ]
    explaining = results["reason_tables"]
    found += [
        Bar(
            f"contributions of {one['rows']:,}, of pred_contrib, {one['booster']}",
            10.0,
            speedup(explaining, one),
            unit="x",
        )
        for one in explaining["records"]
        if one["way"].startswith(OURS)
    ]
    starts = {key: median(values) for key, values in serving["starts"].items()}
    found += [
        Bar("start to ready", 3.0, starts["ready_s"], at_most=True, unit="s"),
        Bar("`tidewaiter --help`", 0.3, starts["help_s"], at_most=True, unit="s"),
        Bar(
            "first request, of the thousandth",
            1.5,
            starts["first_ms"] / starts["thousandth_ms"],
            at_most=True,
            unit="x",
        ),
        # The stricter comparison: in a stream the service has the processor's caches to itself, after a pause it does
        # not.
        Bar(
            "first request, of one in a stream",
            1.5,
            starts["first_ms"] / starts["stream_ms"],
            at_most=True,
            unit="x",
        ),
    ]
    return found


def table(results: Mapping[str, Result]) -> Table:
    """Return all targets as a table."""
    return Table(
        "Against the bars",
        ("figure", "bar", "measured", "met"),
        tuple(bar.row() for bar in bars(results)),
        "Latencies at one connection; *ahead*: the service's requests at 8 connections for one of the other's, the "
        "service always given raw manifests.",
    )
