"""Figures of the simulated year: recall, finds, weeks to a first find, paired differences with intervals, and the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.loop.arms import ARMS
from benchmarks.loop.schemes import SCHEMES
from benchmarks.loop.traffic import DAYS_A_WEEK, Plan, Traffic
from training.arrays import Floats

#: Draws of consignors for an interval, and its percentiles.
_DRAWS: Final = 2_000
_INTERVAL: Final = (2.5, 97.5)
QUARTERS: Final = 4
#: Least part of the gain of entries by hand that proposals must reach.
LIKE_BY_HAND: Final = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an arm found with one seed.

    Attributes:
        illicit: its illicit shipments, with columns of `Traffic.truth`, ``quarter`` and ``found``.
        opened: its inspections.
        weeks_to_first: scheme -> weeks from its start to its first find; NaN if there was none.
        trained, promoted: numbers of trainings, and of those whose model entered service.
        unclear: number of trainings whose verdict had too few finds to tell.
    """

    arm: str
    seed: int
    illicit: pd.DataFrame
    opened: pd.DataFrame
    weeks_to_first: dict[str, float]
    trained: int
    promoted: int
    unclear: int

    @property
    def finds(self) -> int:
        """Number of finds."""
        return int(self.illicit["found"].sum())

    def recall(self, quarter: int | None = None) -> float:
        """Return the share of the illicit shipments of a quarter, or of the year, that were opened."""
        some = self.illicit if quarter is None else self.illicit[self.illicit["quarter"] == quarter]
        return float(some["found"].mean())

    def explored_finds(self) -> int:
        """Return the number of finds by exploration."""
        return int((self.opened["selected_by"].eq("exploration") & self.opened["find"]).sum())


def outcome(traffic: Traffic, arm: str, opened: pd.DataFrame, trained: Sequence[dict[str, Any]]) -> Outcome:
    """Return what an arm found.

    Args:
        opened: its inspections (`benchmarks.loop.office`).
        trained: its trainings.
    """
    plan, truth = traffic.plan, traffic.truth
    illicit = truth[truth["content"] != "none"].copy()
    illicit["found"] = illicit.index.isin(opened["shipment_id"])
    illicit["quarter"] = illicit["day"] * QUARTERS // (plan.weeks * DAYS_A_WEEK)
    first = {}
    opened_on = opened.set_index("shipment_id")["day"]
    for scheme, change in zip(SCHEMES, plan.changes, strict=True):
        days = opened_on.reindex(illicit.index[illicit["scheme"] == scheme.name]).dropna()
        first[scheme.name] = float(days.min()) / DAYS_A_WEEK - change if len(days) else float("nan")
    promoted, unclear = (sum(one["recommended"] is verdict for one in trained) for verdict in (True, None))
    return Outcome(arm, plan.seed, illicit, opened, first, len(trained), promoted, unclear)


def difference(
    ours: Sequence[Outcome], theirs: Sequence[Outcome], quarter: int | None = None
) -> tuple[float, float, float]:
    """Return the difference of the recalls of two arms on the same traffic, with an interval.

    Consignors are drawn with replacement within each seed, because their shipments stand and fall together.
    """
    gains: list[Floats] = []
    sizes: list[Floats] = []
    for our, their in zip(ours, theirs, strict=True):
        chosen = slice(None) if quarter is None else (our.illicit["quarter"] == quarter).to_numpy()
        consignor = our.illicit["consignor"][chosen].fillna("").to_numpy()
        gain = (our.illicit["found"].to_numpy(int) - their.illicit["found"].to_numpy(int))[chosen]
        _, of = np.unique(consignor.astype(str), return_inverse=True)
        gains.append(np.bincount(of, weights=gain).astype(float))
        sizes.append(np.bincount(of).astype(float))
    gain, size = np.concatenate(gains), np.concatenate(sizes)
    draws = _drawn([len(one) for one in gains])
    low, high = np.percentile(draws @ gain / np.maximum(draws @ size, 1.0), _INTERVAL)
    return float(gain.sum() / max(1.0, size.sum())), float(low), float(high)


def _drawn(sizes: Sequence[int]) -> Floats:
    """Return how often each consignor is drawn, (`_DRAWS`, consignors)."""
    draw = np.random.default_rng(0)
    parts = [draw.multinomial(size, np.full(size, 1.0 / size), _DRAWS) for size in sizes if size]
    return np.concatenate(parts, axis=1).astype(float)


def read(traffic: Traffic, folder: Path, arm: str) -> Outcome | None:
    """Return what a finished arm found; None if it is not finished."""
    import json

    opened = folder / "opened.csv"
    if not opened.is_file():
        return None
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return outcome(traffic, arm, pd.read_csv(opened, keep_default_na=False), state["trained"])


@dataclass(frozen=True, slots=True)
class Capacity:
    """The finished arms of a capacity.

    Attributes:
        share: inspections per shipment.
        arms: name of the arm -> outcome of each seed.
    """

    share: float
    plan: Plan
    arms: dict[str, list[Outcome]]

    def paired(self, one: str, other: str) -> tuple[list[Outcome], list[Outcome]]:
        """Return the outcomes of two arms for the seeds that both have."""
        seeds = {of.seed for of in self.arms.get(one, [])} & {of.seed for of in self.arms.get(other, [])}
        return tuple([of for of in self.arms.get(name, []) if of.seed in seeds] for name in (one, other))  # type: ignore[return-value]


def tables(results: Sequence[Capacity]) -> str:
    """Return the figures as Markdown."""
    return "\n\n".join([*(_table(one) for one in results if one.arms), _goals(results)]) + "\n"


def _table(of: Capacity) -> str:
    plan, first = of.plan, [scheme.name for scheme in SCHEMES]
    seeds = sorted({one.seed for arm in of.arms.values() for one in arm})
    lines = [
        f"Capacity {of.share:.0%}, {plan.weeks} weeks of {plan.per_week:,} shipments, seed {', '.join(map(str, seeds))}; recall by "
        "quarter; difference to never retrained in all weeks, and in the last quarter:",
        "",
        f"| arm | Q1 | Q2 | Q3 | Q4 | all | difference (95 %) | in Q4 | finds | by exploration | weeks to {first[0]}, {first[1]} | "
        "promoted |",
        "|---|---:|---:|---:|---:|---:|---|---|---:|---:|---|---:|",
    ]
    for name, outcomes in of.arms.items():
        recalls = [_mean([one.recall(quarter) for one in outcomes]) for quarter in (*range(QUARTERS), None)]
        ours, theirs = of.paired(name, "never")
        gains = [_interval(difference(ours, theirs, quarter)) for quarter in (None, QUARTERS - 1)] if ours else ["", ""]
        if name == "never":
            gains = ["", ""]
        weeks = [_weeks([one.weeks_to_first[scheme] for one in outcomes]) for scheme in first]
        trained, promoted, unclear = (
            sum(getattr(one, key) for one in outcomes) for key in ("trained", "promoted", "unclear")
        )
        cells = [
            ARMS[name].title, *map(_number, recalls), *gains, f"{_mean([one.finds for one in outcomes]):.0f}",
            f"{_mean([one.explored_finds() for one in outcomes]):.0f}", ", ".join(weeks),
            f"{promoted} of {trained} ({unclear} with too few finds)" if trained else "",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _goals(results: Sequence[Capacity]) -> str:
    """Return which goals are met, as far as the arms are finished."""
    lines = ["| goal | measured | met |", "|---|---|---|"]
    for of in results:
        at = f"at {of.share:.0%} capacity"
        ours, theirs = of.paired("loop-10", "never")
        if ours:
            gain = difference(ours, theirs)
            lines.append(_goal(f"the loop beats never retrained {at}", _interval(gain), met=gain[1] > 0.0))
        ours, theirs = of.paired("loop-10", "loop-0")
        if ours:
            cost = difference(ours, theirs)
            lines.append(
                _goal(f"10 % exploration costs at most .02 recall {at}", _interval(cost), met=cost[0] >= -0.02)
            )
        if "loop-10" in of.arms and of.share == 0.05:
            weeks = [week for one in of.arms["loop-10"] for week in one.weeks_to_first.values()]
            middle = float(np.median(np.where(np.isnan(weeks), np.inf, weeks)))
            lines.append(
                _goal(
                    f"10 % exploration finds a new scheme within 4 weeks {at}", f"median {middle:.1f}", met=middle <= 4
                )
            )
        ours, theirs = of.paired("proposals", "entry")
        if ours:
            shares = [_mean([one.recall(QUARTERS - 1) for one in side]) for side in (ours, theirs)]
            part = shares[0] / shares[1] if shares[1] else float("nan")
            what = f"proposed entries reach .85 of those by hand, last quarter {at}"
            lines.append(_goal(what, _number(part), met=part >= LIKE_BY_HAND))
    return "\n".join(lines)


def _goal(what: str, measured: str, *, met: bool) -> str:
    return f"| {what} | {measured} | {'yes' if met else 'no'} |"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _number(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if value < 1.0 else f"{value:.2f}"


def _interval(value: tuple[float, float, float]) -> str:
    middle, low, high = (f"{one:+.3f}".replace("0.", ".", 1) for one in value)
    return f"{middle} ({low} to {high})"


def _weeks(values: Sequence[float]) -> str:
    """Return the median of weeks, where never is the longest."""
    middle = float(np.median([np.inf if np.isnan(one) else one for one in values]))
    return "never" if np.isinf(middle) else f"{max(middle, 0.0):.1f}"


def plot(results: Sequence[Capacity], path: Path) -> None:
    """Draw the recall of each arm over months of four weeks, a panel per capacity."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    shown = [of for of in results if of.arms]
    figure = Figure(figsize=(4.6 * len(shown) + 1.5, 3.4), layout="constrained")
    FigureCanvasSVG(figure)
    for place, of in enumerate(shown):
        axes = figure.add_subplot(1, len(shown), place + 1)
        for name, outcomes in of.arms.items():
            illicit = pd.concat([one.illicit for one in outcomes])
            months = illicit.groupby(illicit["day"] // (4 * DAYS_A_WEEK))["found"].mean()
            axes.plot((months.index + 1) * 4, months.to_numpy(), label=ARMS[name].title, linewidth=1.2)
        for change in of.plan.changes:
            axes.axvline(change, color="0.6", linewidth=0.8, linestyle=":")
        axes.set(title=f"capacity {of.share:.0%}", xlabel="week", ylabel="recall of four weeks", ylim=(0.0, None))
        if place == 0:
            axes.legend(fontsize=7, frameon=False)
    figure.savefig(path, metadata={"Date": None})
