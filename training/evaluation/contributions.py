"""Mean contributions to the raw score by group of features, for finds and for clean shipments."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.lanes import RED
from models.scoring import RiskModel
from training.arrays import Bools, Floats
from training.data.dataset import Outcome
from training.data.window_features import WindowFeatures
from training.evaluation.evaluation import Scored

#: Maximum number of explained shipments per class: contributions cost a hundred times as much as a score.
_EXPLAINED: Final = 300


def contributions(
    model: RiskModel, features: WindowFeatures, scored: Scored, outcome: Outcome, *, seed: int = 0
) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean contributions to the raw log-odds as JSON values: part (``evidence``, ``trees``) -> group -> class -> mean.

    Classes are ``finds``, ``red_clean`` (clean shipments in red) and ``clean`` (all clean shipments); classes without a shipment
    are left out, and so are means of 0. As in reasons, a shipment is represented by its riskiest item, and that by the head whose
    raw log-odds lie furthest above their base value. An entry of evidence belongs to the group of its first feature.
    """
    if scored.items is None:
        return {}
    classes: dict[str, Bools] = {"finds": outcome.any, "clean": outcome.clean}
    if scored.lane is not None:
        classes["red_clean"] = outcome.clean & (scored.lane == RED)
    groups = {feature.name: feature.group for feature in model.space.features}
    owner = [("trees", group) for group in groups.values()]
    owner += [("evidence", groups[entry.features[0]]) for entry in model.prior.entries]
    sums: dict[str, dict[str, dict[str, float]]] = {"evidence": {}, "trees": {}}
    rng = np.random.default_rng(seed)
    ends = np.append(features.first_row[1:], len(features.matrix))
    for name, members in classes.items():
        shipments = np.flatnonzero(members)
        if not len(shipments):
            continue
        if len(shipments) > _EXPLAINED:
            shipments = rng.choice(shipments, _EXPLAINED, replace=False)
        rows = [
            int(start + np.argmax(scored.items[start:end]))
            for start, end in zip(features.first_row[shipments], ends[shipments], strict=True)
        ]
        means = _explained(model, np.ascontiguousarray(features.matrix[rows])).mean(axis=0)
        for (part, group), mean in zip(owner, means.tolist(), strict=True):
            if mean:
                of_group = sums[part].setdefault(group, {})
                of_group[name] = of_group.get(name, 0.0) + mean
    return {part: groups for part, groups in sums.items() if groups}


def _explained(model: RiskModel, matrix: Floats) -> Floats:
    """Return the contributions (n, F + E), without the base value, to the head that each row (n, F) is explained for."""
    of_heads = np.stack([model.explain_rows(matrix, head) for head in model.heads])
    above = of_heads[:, :, :-1].sum(axis=2)
    return np.asarray(of_heads[above.argmax(axis=0), np.arange(len(matrix)), :-1])
