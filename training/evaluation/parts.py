"""The parts of a score: the prior of evidence alone, boosters alone, and both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.evidence import Prior
from training.config import Run
from training.data.window_features import WindowFeatures
from training.evaluation.evaluation import WindowScores, score_figures
from training.fitting.boosting import HeadFit
from training.fitting.calibrating import raw_scores
from training.fitting.residual import combined

Floats = NDArray[np.float64]

PARTS: Final = ("prior", "trees", "both")
#: Number of bootstrap samples; the same as for baselines.
_RESAMPLES: Final = 50


def parts_of_score(
    prior: Prior, alone: Mapping[str, HeadFit], features: WindowFeatures, evaluated: WindowScores, run: Run
) -> dict[str, Any]:
    """Return the metrics of each part per kind of label, as JSON values.

    ``alone`` contains boosters fitted without the prior on the same rows as the model's. ``evaluated`` contains the model's scores.
    """
    matrix = features.matrix

    def per_shipment(log_odds: Floats) -> Floats:
        return np.asarray(np.maximum.reduceat(combined(log_odds), features.first_row))

    scores = {
        "prior": per_shipment(prior.log_odds(np.ascontiguousarray(matrix))),
        "trees": per_shipment(raw_scores(alone, matrix, run.threads)),
        "both": evaluated.scored.risk,
    }
    rate = sum(evaluated.scored.base_rates.values())
    metrics: dict[str, Any] = {}
    for name in PARTS:
        metrics[name] = {}
        for kind, outcome in evaluated.outcomes.items():
            figures = score_figures(
                scores[name], outcome.any, outcome.weight, base_rate=rate, resamples=_RESAMPLES, seed=run.seed
            )
            # The scores of prior and trees alone are not calibrated.
            metrics[name][kind] = {key: value for key, value in figures.items() if not key.startswith("reliability")}
    return metrics
