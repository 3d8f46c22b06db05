"""Calibration per author: a calibrator fitted on the left-out scores of the other authors, compared with the observed finds.

Each author has the same total weight and a prevalence of 5e-3. The spread between authors is the real uncertainty of `risk`,
because an office does not know which author its traffic resembles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.calibration import Calibrator, probability
from training.authors.figures import ranked
from training.authors.learning import PREVALENCE
from training.authors.world_data import Bools, Floats

#: The top bin, as a share of the author's traffic at the prevalence.
TOP_SHARE: Final = 0.01
_STEPS: Final = 50


def calibration(worlds: Mapping[str, tuple[Floats, Bools]]) -> dict[str, Any]:
    """Return the slope and the ratio of observed to stated finds in the top percent of each author, and their spread.

    Args:
        worlds: name -> left-out risk log-odds (s,), and whether each shipment is illicit. With fewer than two worlds, the result is
            empty.
    """
    if len(worlds) < 2:
        return {}
    of_author: dict[str, Any] = {}
    for name, (score, illicit) in worlds.items():
        others = [world for other, world in worlds.items() if other != name]
        calibrator = Calibrator.fit(
            np.concatenate([part for part, _ in others]),
            np.concatenate([find for _, find in others]),
            np.concatenate([_weights(find) for _, find in others]),
        )
        stated, weight = calibrator(score), _weights(illicit)
        of_author[name] = {"slope": slope(stated, illicit, weight), "top_ratio": top_ratio(stated, illicit, weight)}
    measures = ("slope", "top_ratio")
    spread = {key: {"least": min(one[key] for one in of_author.values()),
                    "largest": max(one[key] for one in of_author.values())} for key in measures}  # fmt: skip
    return {"authors": of_author, "spread": spread, "prevalence": PREVALENCE}


def _weights(illicit: Bools) -> Floats:
    """Return weights (s,) that add up to 1, with the share `PREVALENCE` for finds."""
    finds = int(illicit.sum())
    return np.where(illicit, PREVALENCE / max(1, finds), (1.0 - PREVALENCE) / max(1, len(illicit) - finds))


def slope(stated: Floats, illicit: Bools, weight: Floats) -> float:
    """Return b of the weighted logistic model a + b * ``stated`` (s,): 1 if calibrated, below 1 if overconfident."""
    design = np.stack([np.ones_like(stated), stated], axis=1)
    coefficients = np.array([0.0, 1.0])
    for _ in range(_STEPS):
        p = probability(design @ coefficients)
        gradient = design.T @ (weight * (illicit - p))
        step = np.linalg.solve((design * (weight * p * (1.0 - p))[:, None]).T @ design, gradient)
        # Bounded steps converge from any start, because the likelihood is concave.
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-9:
            break
    return float(coefficients[1])


def top_ratio(stated: Floats, illicit: Bools, weight: Floats) -> float:
    """Return observed over stated finds in the `TOP_SHARE` of the weight with the largest ``stated`` log-odds (s,)."""
    order = ranked(stated)
    inside = order[: max(1, int(np.searchsorted(np.cumsum(weight[order]), TOP_SHARE * weight.sum())))]
    return float((weight * illicit)[inside].sum() / (weight * probability(stated))[inside].sum())
