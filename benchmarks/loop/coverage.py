"""How often the intervals of recall contain the truth: small worlds of numbers, without shipments or models.

Each run draws a year of scores, some of them of illicit shipments, and opens what lanes by capacity and exploration would open. The
interval of recall follows from the weighted finds of exploration, as `tidewaiter plan` states it. The truth is the recall of that
very year.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.capacity import Cut
from models.intervals import weighted_interval
from training.arrays import Bools, Floats

#: Least share of the runs whose interval contains the truth.
GOAL: Final = 0.93


@dataclass(frozen=True, slots=True)
class World:
    """A small world.

    Attributes:
        shipments: shipments of the year, and the share of them that is ``illicit``.
        apart: difference of the mean scores of illicit and clean shipments, in standard deviations.
        capacity: share of the shipments that is opened, and the share of that which explores.
    """

    shipments: int = 100_000
    illicit: float = 0.003
    apart: float = 1.3
    capacity: float = 0.01
    exploration: float = 0.1


#: Worlds of the table: few finds, a better model, a larger capacity, less exploration.
WORLDS: Final = {
    "1 % capacity": World(),
    "1 %, a better model": World(apart=2.2),
    "5 % capacity": World(capacity=0.05),
    "1 %, 5 % exploration": World(exploration=0.05),
}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares of the runs whose interval contains the truth, and mean widths: of recall, and of that in the riskiest tenth."""

    total: float
    total_width: float
    decile: float
    decile_width: float


def measure(world: World, runs: int, seed: int = 0) -> Coverage:
    """Return the coverage over some runs."""
    found = np.array([_run(world, np.random.default_rng([seed, run])) for run in range(runs)])
    inside = (found[:, :, 0] <= found[:, :, 1]) & (found[:, :, 1] <= found[:, :, 2])
    width = found[:, :, 2] - found[:, :, 0]
    total, decile = inside.mean(axis=0).tolist()
    return Coverage(total, float(width[:, 0].mean()), decile, float(width[:, 1].mean()))


def _run(world: World, draw: np.random.Generator) -> list[tuple[float, float, float]]:
    """Return the lower end, the truth and the upper end of both recalls of one year."""
    illicit = draw.random(world.shipments) < world.illicit
    score = draw.normal(size=world.shipments) + world.apart * illicit
    # The thresholds follow the traffic before the year, which is other traffic.
    earlier = draw.normal(size=world.shipments // 10)
    cut = Cut.from_scores(earlier, world.capacity, world.exploration)
    red = score >= cut.red
    probability = cut.exploration_probability(score)
    explored = ~red & (draw.random(world.shipments) < probability)
    near = ~red & (score >= cut.near)
    return [_interval(illicit, red, explored, probability, part) for part in (~red, near)]


def _interval(
    illicit: Bools, red: Bools, explored: Bools, probability: Floats, part: Bools
) -> tuple[float, float, float]:
    """Return lower end, truth and upper end of the recall of the red lane among it and a part of the others."""
    found = float((illicit & red).sum())
    weights = 1.0 / np.unique(probability[part & (probability > 0.0)])
    counts = [
        (w, float((illicit & explored & part & np.isclose(probability, 1.0 / w)).sum())) for w in weights.tolist()
    ]
    low, high = weighted_interval(counts, 0.9)
    truth = found / max(1.0, found + float((illicit & part).sum()))
    return found / max(1.0, found + high), truth, found / max(1.0, found + low)
