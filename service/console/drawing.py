"""Geometry of plots: values become places in an SVG, which the macros of ``templates/charts_model.html`` draw."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

#: Space for the labels of the axes.
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 14.0, 10.0, 24.0
#: Steps between ticks, times a power of ten.
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)

#: Fewest ticks of a logarithmic axis, if it has room for more.
_FEWEST: Final = 3


@dataclass(slots=True)
class Plot:
    """A plot with linear axes from 0, or a logarithmic upright one.

    Attributes:
        most_x, y: largest x; least and largest y.
        x_ticks, y_ticks: place and value of each tick.
        bands, lines: class, points and name of each; ``dots``, ``uprights`` and ``levels``: class and place.
    """

    most_x: float
    y: tuple[float, float]
    width: int = 460
    height: int = 220
    is_log: bool = False
    x_ticks: list[tuple[float, float | str]] = field(default_factory=list)
    y_ticks: list[tuple[float, float]] = field(default_factory=list)
    bands: list[tuple[str, str]] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    dots: list[tuple[str, float, float]] = field(default_factory=list)
    uprights: list[tuple[str, float]] = field(default_factory=list)
    levels: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        low, high = self.y
        values = powers(low, high) if self.is_log else ticks(high)
        self.y_ticks = [(self.y_of(value), value) for value in values]

    @property
    def bottom(self) -> float:
        """Place of the lower axis."""
        return self.height - _BOTTOM

    @property
    def left(self) -> float:
        """Place of the upright axis."""
        return _LEFT

    @property
    def right(self) -> float:
        """End of the lower axis."""
        return self.width - _RIGHT

    def x_of(self, value: float) -> float:
        """Return the place of an x; beyond the axis, its end."""
        return round(_LEFT + (self.right - _LEFT) * min(1.0, max(0.0, value / self.most_x)), 1)

    def y_of(self, value: float) -> float:
        """Return the place of a y; beyond the axis, its end."""
        low, high = (math.log10(end) for end in self.y) if self.is_log else self.y
        value = (math.log10(value) if value > 0.0 else low) if self.is_log else value
        share = (value - low) / (high - low) if high > low else 0.0
        return round(_TOP + (self.bottom - _TOP) * (1.0 - min(1.0, max(0.0, share))), 1)

    def points(self, pairs: Iterable[tuple[float, float]]) -> str:
        """Return the places of pairs as SVG writes them."""
        return " ".join(f"{self.x_of(x)},{self.y_of(y)}" for x, y in pairs)

    def add_line(self, kind: str, pairs: Sequence[tuple[float, float]], name: str = "") -> None:
        """Draw a line, or a dot for one pair alone."""
        if len(pairs) == 1:
            self.dots.append((kind, self.x_of(pairs[0][0]), self.y_of(pairs[0][1])))
        elif pairs:
            self.lines.append((kind, self.points(pairs), name))

    def add_band(self, kind: str, lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]]) -> None:
        """Fill the area between two lines."""
        self.bands.append((kind, self.points([*upper, *reversed(lower)])))


def ticks(most: float, count: int = 4) -> list[float]:
    """Return round values from 0 to at most ``most``, about ``count`` steps."""
    if not most > 0.0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most / count))
    step = next(one * power for one in _STEPS if one * power * count >= most * 0.999)
    return [step * k for k in range(int(most / step * 1.001) + 1)]


def powers(low: float, high: float) -> list[float]:
    """Return the powers of ten within an interval, with their doubles and fives if there are fewer than three."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)

    def within(*factors: float) -> list[float]:
        found = [factor * 10.0**exponent for exponent in exponents for factor in factors]
        return [value for value in found if low * 0.999 <= value <= high * 1.001]

    found = within(1.0)
    return found if len(found) >= _FEWEST else within(1.0, 2.0, 5.0)
