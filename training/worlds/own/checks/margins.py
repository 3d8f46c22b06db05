"""Comparison of the simulated trade with published figures.

Figures are measured on the office's table, or on the ground truth if they concern it, and never read from the priors. Assumed
figures are not compared, because a world always agrees with its own assumptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from rich.table import Table

from training.worlds.own.checks.margin_figures import FIGURES, Figure
from training.worlds.own.checks.margin_sample import Observer, Sample
from training.worlds.own.priors import Priors, load_priors
from training.worlds.own.world import generate

#: Calendars that together cover the periods of all figures: the years of growth, and the changes of law since 2025.
CALENDARS: Final = ((date(2017, 1, 1), date(2025, 8, 1)), (date(2025, 4, 14), date(2026, 10, 31)))
ROWS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Margin:
    """Published figure with its simulated value, which is None if there are too few shipments."""

    figure: str
    published: float
    simulated: float | None
    low: float
    high: float
    source: str

    @property
    def ok(self) -> bool:
        return self.simulated is not None and self.low <= self.simulated <= self.high


def margins(sample: Sample, priors: Priors, figures: Sequence[Figure] = FIGURES) -> list[Margin]:
    """Return the margins of the figures whose period the sample covers."""
    result = []
    for figure in figures:
        if sample.covers(figure.first, figure.last):
            with np.errstate(divide="ignore", invalid="ignore"):
                value = figure.measured(sample, priors)
            simulated = value if np.isfinite(value) else None
            result.append(Margin(figure.name, figure.published, simulated, figure.low, figure.high, figure.source))
    return result


def compare(seed: int, *, rows: int = ROWS, priors: Priors | None = None) -> list[Margin]:
    """Measure all figures on worlds of ``rows`` goods items, one per calendar in `CALENDARS`."""
    priors = priors or load_priors()
    by_figure: dict[str, Margin] = {}
    for first, last in CALENDARS:
        observer = Observer(priors)
        for chunk in generate(rows, seed, priors=priors, first_day=first, last_day=last):
            observer.add(chunk)
        by_figure |= {margin.figure: margin for margin in margins(observer.sample(), priors)}
    return [by_figure[figure.name] for figure in FIGURES if figure.name in by_figure]


def to_json(measured: Sequence[Margin]) -> list[dict[str, Any]]:
    """Return one object per figure: figure, published, simulated (null for too few shipments), low, high, ok, source."""
    return [
        {
            "figure": margin.figure,
            "published": margin.published,
            "simulated": margin.simulated,
            "low": margin.low,
            "high": margin.high,
            "ok": margin.ok,
            "source": margin.source,
        }
        for margin in measured
    ]


def table(measured: Sequence[Margin]) -> Table:
    """Return the margins as a table for the terminal."""
    view = Table("figure", "published", "simulated", "allowed", "ok", "source")
    for margin in measured:
        simulated = "-" if margin.simulated is None else f"{margin.simulated:.3g}"
        allowed = f"{margin.low:.3g} to {margin.high:.3g}"
        view.add_row(
            margin.figure, f"{margin.published:.3g}", simulated, allowed, "yes" if margin.ok else "no", margin.source
        )
    return view
