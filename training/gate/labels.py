"""The newest matured results of the office: does the candidate find what was found?

History features are those of the decisions, which `train --from-store` replays. Usual trade is that of each model. Opening 1 % of
the newest stored shipments by each model's scores, the shares of the finds inside are compared, in pairs.

The comparison is fair where the probability of the inspection is known, because results can then be weighted, and where the
shipments are later than all that either model learned from. Otherwise the finds were mostly chosen by the model in service, or the
candidate learned from them, so only a collapse counts: less than half of the finds of the model in service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.table.table import ManifestTable
from models.permits import mark_permits
from models.scoring import RiskModel
from training.arrays import Bools, Floats
from training.authors.comparison import SHARE, ranked
from training.data.selection import effective
from training.data.window_features import parts_of
from training.evaluation.metrics import MIN_FINDS, RESAMPLES, interval, poisson_times
from training.gate.checks import NOT_ENOUGH, Verdict

NAME: Final = "office's labels"
_COLLAPSE: Final = 0.5


@dataclass(frozen=True, slots=True)
class OfficeLabels:
    """Stored shipments of an office, with results.

    Attributes:
        table: S shipments in order of time.
        history: (S, H) history features.
        find: (S,) whether content was found.
        matured: (S,) whether there is a result, and the shipment is older than the label delay.
        fair: (S,) whether a matured result has a known probability of selection, and neither model learned from it.
        weight: (S,) capped inverse of that probability.
    """

    table: ManifestTable
    history: Floats
    find: Bools
    matured: Bools
    fair: Bools
    weight: Floats


def labels(ours: RiskModel, theirs: RiskModel, office: OfficeLabels | str) -> Verdict:
    """Compare the finds of a candidate and of the model in service among an office's results.

    Args:
        office: a text says why there are none.
    """
    if isinstance(office, str):
        return Verdict(NAME, NOT_ENOUGH, office)
    is_fair = effective(office.weight[office.fair & office.find]) >= MIN_FINDS
    judged = np.flatnonzero(office.fair if is_fair else office.matured)
    find = office.find[judged]
    finds = int(find.sum())
    if finds < MIN_FINDS:
        return Verdict(NAME, NOT_ENOUGH, f"{finds} matured finds; at least {MIN_FINDS} are needed.", {"finds": finds})
    weight = office.weight[judged] if is_fair else np.ones(len(judged))
    inside = [_opened(model, office)[judged] for model in (ours, theirs)]
    recall = np.array([_shares(weight, of_model, find) for of_model in inside])
    precision = [float(_mean(find[of_model], weight[of_model])) for of_model in inside]
    difference = interval(float(recall[0, 0] - recall[1, 0]), (recall[0, 1:] - recall[1, 1:]).tolist())
    half = interval(0.0, (recall[0, 1:] - _COLLAPSE * recall[1, 1:]).tolist())
    lost = difference["high"] < 0.0 if is_fair else half["high"] < 0.0
    kind = (
        "weighted by the probability of inspection"
        if is_fair
        else "chosen by the model in service or learned from, so only a collapse fails"
    )
    text = (
        f"Of {finds} matured finds ({kind}), the riskiest {SHARE:.0%} hold {recall[0, 0]:.3f}, with the model in service "
        f"{recall[1, 0]:.3f}: {difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})."
    )
    figures: dict[str, Any] = {
        "finds": finds,
        "results": len(judged),
        "shipments": office.table.n_shipments,
        "weighted": is_fair,
        "recall": {"ours": recall[0, 0], "theirs": recall[1, 0], "difference": difference},
        "precision": {"ours": precision[0], "theirs": precision[1]},
    }
    return Verdict(NAME, "fail" if lost else "pass", text, figures)


def _mean(find: Bools, weight: Floats) -> float:
    return float(np.average(find, weights=weight)) if len(find) else 0.0


def _shares(weight: Floats, inside: Bools, find: Bools) -> Floats:
    """Return the weighted share of the finds that is inside: of the results themselves, then of bootstrap draws."""
    weight, inside = weight[find], inside[find]
    times = np.concatenate([np.ones((1, len(weight))), *poisson_times(len(weight), RESAMPLES, seed=0)])
    return np.asarray(times @ (weight * inside) / np.maximum(times @ weight, 1e-300))


def _opened(model: RiskModel, office: OfficeLabels) -> Bools:
    """Return which shipments (S,) are the riskiest 1 % by a model's scores, without rules."""
    table = office.table
    columns = {name: column for column, name in enumerate(model.space.names)}
    risk = np.empty(table.n_shipments)
    for _, part, shipments in parts_of(table):
        matrix = model.space.transform(part, office.history[shipments])
        mark_permits(part, matrix, columns, None)
        _, items = model.calibrate(model.predict_raw(matrix, threads=2), matrix)
        risk[shipments] = np.maximum.reduceat(items, part.first_row)
    opened = np.zeros(len(risk), dtype=np.bool_)
    opened[ranked(risk)[: max(1, round(SHARE * len(risk)))]] = True
    return opened
