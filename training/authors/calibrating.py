"""Calibration on the left-out worlds, at the base rates.

A calibrator is fitted on the scores of worlds that the model did not see, each world with the same weight, and is compared with the
finds of a further world. The spread between worlds is the real uncertainty of `risk`, because an office does not know which world
its traffic resembles. Shipments whose declaration states the content are left out of the fit and of the comparison: how often
lawful trade declares a controlled substance differs between worlds by a factor of ten and says nothing about hidden content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from models.calibration import Calibrator, probability
from models.calibration.calibrator import MAX_SLOPE, MIN_SLOPE
from models.scoring import DEFAULT_BASE_RATES
from training.arrays import Bools, Floats
from training.authors.comparison import ranked

#: Share of finds in the traffic.
BASE_RATE: Final = fsum(DEFAULT_BASE_RATES.values())
#: Shares of the traffic, from the highest score down, in which stated and observed finds are compared.
TOP_SHARES: Final = (0.01, 0.001)
#: Acceptable stated over observed finds in one world, and on average.
BOUNDS_OF_WORLD: Final = (1 / 3, 3.0)
BOUNDS_OF_MEAN: Final = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Left-out scores and truth of one world.

    Attributes:
        score: (s,) uncalibrated risk log-odds.
        illicit: (s,) whether the shipment is illicit.
        declared: (s,) whether the declaration states the content.
    """

    score: Floats
    illicit: Bools
    declared: Bools

    @property
    def weight(self) -> Floats:
        """Number (s,) of shipments of traffic at `BASE_RATE` that each one represents: 1 for a clean shipment."""
        finds = int(self.illicit.sum())
        of_find = BASE_RATE / (1.0 - BASE_RATE) * (len(self.illicit) - finds) / max(1, finds)
        return np.where(self.illicit, of_find, 1.0)


#: Number of knots at quantiles of the finds' scores, and the strength with which neighbouring slopes pull at each other. Otherwise
#: the few shipments beyond the last knots would decide what the riskiest traffic states.
_KNOTS: Final = 8
_SMOOTHNESS: Final = 300.0


def fit(worlds: Iterable[Outcomes]) -> Calibrator:
    """Return the calibrator of several worlds with the same total weight each, by penalised maximum likelihood.

    It is linear between knots, and beyond the last one as before it: worlds differ most in what stands highest.
    """
    worlds = list(worlds)
    mean = float(np.mean([len(world.score) for world in worlds]))
    kept = [~world.declared for world in worlds]
    x = np.concatenate([world.score[of_world] for world, of_world in zip(worlds, kept, strict=True)])
    y = np.concatenate([world.illicit[of_world] for world, of_world in zip(worlds, kept, strict=True)])
    weight = np.concatenate(
        [world.weight[of_world] * mean / len(world.score) for world, of_world in zip(worlds, kept, strict=True)]
    )
    knots = np.unique(np.round(np.quantile(x[y], (np.arange(_KNOTS) + 0.5) / _KNOTS), 6))
    # Column j is the part of the distance from the first knot to x that lies in segment j, negative left of the first knot.
    columns = [np.minimum(x - knots[0], 0.0)]
    columns += [np.clip(x, start, end) - start for start, end in pairwise([*knots[:-1], np.inf])]
    basis = np.stack(columns, axis=1)
    # The strength of the penalty does not depend on how finds were sampled: their weights add up to their effective number (Kish).
    scaled = weight * (weight[y].sum() / np.square(weight[y]).sum())

    def loss(theta: Floats) -> tuple[float, Floats]:
        z, bends = theta[0] + basis @ theta[1:], np.diff(theta[1:])
        residual = scaled * (probability(z) - y)
        value = (scaled * (np.logaddexp(0.0, z) - y * z)).sum() + _SMOOTHNESS * np.square(bends).sum()
        gradient = np.concatenate([[residual.sum()], basis.T @ residual])
        gradient[1:-1] -= 2.0 * _SMOOTHNESS * bends
        gradient[2:] += 2.0 * _SMOOTHNESS * bends
        return float(value), gradient

    start = np.concatenate([[knots[0]], np.full(len(columns), 0.5)])
    bounds = [(None, None), *[(MIN_SLOPE, MAX_SLOPE)] * len(columns)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000})
    anchor, *slopes = np.round(found.x, 6).tolist()
    prevalence = float((weight * y).sum() / weight.sum())
    return Calibrator(
        tuple(knots.tolist()),
        anchor,
        (*slopes, slopes[-1]),
        "piecewise",
        int(y.sum()),
        len(x),
        prevalence,
        spares_facts=True,
    )


def calibration(worlds: Mapping[str, Outcomes]) -> dict[str, Any]:
    """Return stated over observed finds of each world, with a calibrator of the others, and their mean and bounds.

    With fewer than two worlds, the result is empty.
    """
    if len(worlds) < 2:
        return {}
    of_world: dict[str, Any] = {}
    for name, world in worlds.items():
        calibrator = fit(other for key, other in worlds.items() if key != name)
        of_world[name] = {
            **{f"ratio_{share:g}": ratio(calibrator(world.score), world, share) for share in TOP_SHARES},
            "declared": int(world.declared.sum()),
            "declared_finds": int((world.declared & world.illicit).sum()),
        }
    mean = {}
    for key in (f"ratio_{share:g}" for share in TOP_SHARES):
        known = [one[key] for one in of_world.values() if one[key] is not None]
        mean[key] = float(np.mean(known)) if known else None
    return {
        "worlds": of_world,
        "mean": mean,
        "base_rate": BASE_RATE,
        "bounds": {"world": list(BOUNDS_OF_WORLD), "mean": list(BOUNDS_OF_MEAN)},
    }


def ratio(stated: Floats, world: Outcomes, share: float) -> float | None:
    """Return stated over observed finds among the top ``share`` of the traffic by ``stated`` log-odds (s,); None without a find.

    Shipments whose declaration states the content are left out.
    """
    order = ranked(np.where(world.declared, -np.inf, stated))
    weight = world.weight
    inside = order[: max(1, int(np.searchsorted(np.cumsum(weight[order]), share * weight.sum())))]
    found = float((weight * world.illicit)[inside].sum())
    return float((weight * probability(stated))[inside].sum() / found) if found else None
