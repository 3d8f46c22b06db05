"""What simpler means achieve on the same split: a watch-list, one feature, a small tree, a logistic regression.

Each is fitted on the rows the model was fitted on and answers one score per goods item; a shipment has its largest. A
model that does not clearly beat them is not worth its complexity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.space import FeatureSpace
from features.table import ManifestTable
from training.boosting import Examples
from training.metrics import Ranking

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BASELINES: Final = ("keyword_watch_list", "best_single_feature", "depth_2_tree", "logistic_regression")

#: Words for presses and their parts, as a watch-list has them.
_EQUIPMENT: Final = re.compile(
    r"\b(?:(?:pill|tablet|tdp)[ -]?(?:press|punch|die|mould|mold|machine)\w*|tableting|encapsulat\w+"
    r"|capsule fill\w+|punch dies?)\b",
    re.IGNORECASE,
)
#: Standardised features beyond this are outliers, not evidence that grows for ever.
_CLIP: Final = 8.0


def keyword_watch_list(space: FeatureSpace, table: ManifestTable) -> Floats:
    """(n_rows,) one point for a watched substance declared by name or number, one for a word of press equipment."""
    substance = np.array([1.0 if match is not None and match.hit else 0.0 for match in space.substances(table)])
    description = table.text("goods_description")
    words = np.array([1.0 if _EQUIPMENT.search(text) else 0.0 for text in description.values])
    return np.asarray(substance + description.lookup(words, 0.0), dtype=np.float64)


def fitted_baselines(
    train: Examples, test_matrix: Floats, names: Sequence[str], *, seed: int
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Scores (n,) of the test rows by each fitted baseline, and what was chosen (the feature, the tree's features)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    find: Bools = np.asarray(train.find.any(axis=1))
    single, direction = _best_feature(train.matrix, find, train.weight)
    column = direction * test_matrix[:, single]
    scores: dict[str, Floats] = {"best_single_feature": np.where(np.isnan(column), -np.inf, column)}

    balance = np.where(find, 0.5 / train.weight[find].sum(), 0.5 / train.weight[~find].sum()) * train.weight * len(find)
    tree = DecisionTreeClassifier(max_depth=2, random_state=seed)
    tree.fit(train.matrix, find, sample_weight=balance)
    scores["depth_2_tree"] = np.asarray(tree.predict_proba(test_matrix)[:, 1])

    prepare = _Standardise(train.matrix)
    linear = LogisticRegression(C=0.1, max_iter=300, random_state=seed)
    linear.fit(prepare(train.matrix), find, sample_weight=train.weight)
    scores["logistic_regression"] = np.asarray(linear.decision_function(prepare(test_matrix)))
    used = sorted({names[f] for f in tree.tree_.feature.tolist() if f >= 0})
    chosen = {
        "best_single_feature": {"feature": names[single], "direction": direction},
        "depth_2_tree": {"features": used},
    }
    return scores, chosen


def _best_feature(matrix: Floats, find: Bools, weight: Floats) -> tuple[int, int]:
    """The feature and the direction (+1, -1) with the largest ROC-AUC on the training rows; missing ranks last."""
    best = (0.0, 0, 1)
    for f in range(matrix.shape[1]):
        for direction in (1, -1):
            auc = Ranking(direction * matrix[:, f], find, weight).curve().roc_auc()
            if auc > best[0]:
                best = (auc, f, direction)
    return best[1], best[2]


class _Standardise:
    """Zero mean, unit variance on the training rows; a missing value becomes the mean, and a flag says so."""

    def __init__(self, matrix: Floats) -> None:
        present = ~np.isnan(matrix)
        count = np.maximum(present.sum(axis=0), 1)
        self._mean = np.where(present, matrix, 0.0).sum(axis=0) / count
        variance = np.where(present, (matrix - self._mean) ** 2, 0.0).sum(axis=0) / count
        self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        missing = 1.0 - present.mean(axis=0)
        self._flagged = (missing > 0.001) & (missing < 0.999)

    def __call__(self, matrix: Floats) -> Floats:
        missing = np.isnan(matrix)
        scaled = np.clip((np.where(missing, self._mean, matrix) - self._mean) / self._scale, -_CLIP, _CLIP)
        return np.hstack([scaled, missing[:, self._flagged].astype(np.float64)])
