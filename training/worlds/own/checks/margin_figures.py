"""Published figures of trade that can be measured on simulated trade, read from ``margin_figures.csv``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.worlds.own.checks.margin_measures import MEASURES
from training.worlds.own.checks.margin_sample import Sample
from training.worlds.own.priors import Priors

FILE: Final = Path(__file__).with_name("margin_figures.csv")


@dataclass(frozen=True, slots=True)
class Figure:
    """Published figure with its period (``first`` to the day before ``last``), and the range for the simulated value.

    The range from ``low`` to ``high`` allows for the publisher's rounding, for differences between the simulated and the
    published population, and for the sampling error of some ten thousand shipments. ``measure`` is a name in `MEASURES`, and
    ``argument`` its argument.
    """

    name: str
    published: float
    low: float
    high: float
    first: str
    last: str
    measure: str
    argument: str
    source: str

    def measured(self, sample: Sample, priors: Priors) -> float:
        """Return the figure's value on a sample; NaN if the sample has too few shipments."""
        return MEASURES[self.measure](sample, sample.during(self.first, self.last), self.argument, priors)


def _read() -> tuple[Figure, ...]:
    """Read the figures.

    Raises:
        ValueError: a row has an unknown measure, or a range without the published value. The message names the row.
    """
    with FILE.open(encoding="utf-8", newline="") as file:
        figures = tuple(_figure(row) for row in csv.DictReader(file))
    for line, figure in enumerate(figures, start=2):
        where = f"{FILE.name}, line {line}"
        if figure.measure not in MEASURES:
            raise ValueError(f"{where}: {figure.measure!r} is not a measure; expected one of {', '.join(MEASURES)}")
        if not figure.low <= figure.published <= figure.high:
            raise ValueError(f"{where}: {figure.published} is outside {figure.low} to {figure.high}")
    return figures


def _figure(row: dict[str, str]) -> Figure:
    low, published, high = (float(row[name]) for name in ("low", "published", "high"))
    texts = {name: row[name] for name in ("name", "first", "last", "measure", "argument", "source")}
    return Figure(published=published, low=low, high=high, **texts)


FIGURES: Final = _read()
