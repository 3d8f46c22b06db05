"""Calibration check of the same model in a world with a tenth of the illicit traffic.

Real illicit traffic is far rarer than in any world with enough finds to train on. If predictions still agree with observations at
a tenth of the rate, the correction to even lower base rates is more credible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from models.scoring import RiskModel
from training.data.outcome import Outcome
from training.data.sources import simulated
from training.data.window_features import replay_history, transform
from training.data.windows import NEVER, Window
from training.evaluation.calibration_check import calibration_check
from training.evaluation.evaluation import scored_of_model
from training.evaluation.metrics import RESAMPLES
from training.progress import RowProgress
from training.worlds.own.priors import Priors, load_priors

FACTOR: Final = 0.1
_ILLICIT: Final = "illicit.prevalence"


@dataclass(frozen=True, slots=True)
class TenthWorld:
    """Parameters of the world that the model was trained in."""

    rows: int
    seed: int
    draws: int = 1


def scaled_priors(factors: Mapping[str, float], priors: Priors | None = None) -> Priors:
    """Return priors with some numbers multiplied.

    Raises `training.worlds.own.priors.BadPrior` if a name is unknown or its prior is not a number.
    """
    priors = priors or load_priors()
    values = {name: priors.number(name) * factor for name, factor in factors.items()}
    changed = {name: replace(priors.by_name[name], value=value) for name, value in values.items()}
    return Priors(MappingProxyType({**priors.by_name, **changed}))


def calibration_in_tenth(
    model: RiskModel,
    world: TenthWorld,
    window: Window,
    *,
    threads: int,
    resamples: int = RESAMPLES,
    progress: RowProgress | None = None,
) -> dict[str, Any]:
    """Return `calibration_check` on truth and office labels, for the days of ``window``, at a tenth of the base rates.

    The history of the other world is replayed from its first day, but features are computed only for the days of ``window``.
    """
    priors = scaled_priors({_ILLICIT: FACTOR})
    data = simulated(world.rows, world.seed, draws=world.draws, priors=priors, progress=progress)
    history, _ = replay_history(data)
    inside = np.flatnonzero((data.table.declared_s >= window.start_s) & (data.table.declared_s < window.end_s))
    same_days = Window("test", window.start_s, window.end_s, NEVER - 1, inside)
    table = data.window_table(same_days)
    matrix = transform(model.space, table, history[inside])
    rates = {head: FACTOR * rate for head, rate in model.base_rates.items()}
    scored = scored_of_model(model, matrix, table, threads=threads, base_rates=rates)
    labels = data.window_labels(same_days)
    is_find = np.logical_or.reduceat(labels.find, table.first_row, axis=0)
    outcomes = {"office": Outcome(is_find, labels.weight)}
    truth = data.truth_of_shipment()
    if truth is not None:
        outcomes["truth"] = Outcome(truth[inside], np.ones(len(inside)))
    checks = {
        kind: calibration_check(
            scored.risk,
            outcome.any,
            outcome.weight,
            base_rate=sum(rates.values()),
            resamples=resamples,
            seed=world.seed,
        )
        for kind, outcome in outcomes.items()
    }
    best = outcomes.get("truth", outcomes["office"])
    return {"rows": table.n_rows, "prevalence": float(np.average(best.any, weights=best.weight)), **checks}
