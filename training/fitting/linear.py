"""Logistic regression as trees: one tree per feature, whose leaves are steps of the feature's linear term.

With few finds and many weak features, a strongly shrunk linear model ranks new declarations better than trees, and a mean of both
better than either. As trees it needs no other part of a bundle, and has exact contributions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np

from training.arrays import Bools, Floats, Ints
from training.fitting.examples import Examples

#: Inverse strengths of the penalty to compare.
STRENGTHS: Final = (0.001, 0.003, 0.01, 0.1)
#: Shares of the regression to compare in a mean with trees.
SHARES: Final = (0.25, 0.5, 0.75)
#: Bound of standardised features, so that outliers do not dominate the regression.
_CLIP: Final = 8.0
#: Largest number of rows to learn from, and largest share of finds among them.
_MOST_ROWS: Final = 20_000
_MOST_FINDS: Final = 0.5
#: Leaves of a tree, and smallest spread of a term, as a share of the spread of all terms together. With 8 leaves, the ranking loses
#: a tenth of what the regression gains.
_LEAVES: Final = 32
_LEAST_SPREAD: Final = 0.002
_STEPS: Final = {
    "objective": "regression",
    "learning_rate": 1.0,
    "num_leaves": _LEAVES,
    "min_data_in_leaf": 5,
    "min_sum_hessian_in_leaf": 0.0,
    "boost_from_average": False,
    "feature_pre_filter": False,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class LinearRows:
    """Standardised rows to learn a regression from.

    Attributes:
        matrix: (n, F) features as declared.
        terms: (n, T) standardised features, 0 where missing, and indicators of missing values.
        feature: (T,) the feature of each term.
        find, weight: (n,).
    """

    matrix: Floats
    terms: Floats
    feature: Ints
    find: Bools
    weight: Floats

    @classmethod
    def of(cls, train: Examples, find: Bools, rows: Ints | None, seed: int) -> LinearRows:
        """Take a sample of the examples, or of their ``rows``, each row as it is and as if its declaration were new."""
        chosen, weight = _sample(find, train.weight, np.arange(len(find)) if rows is None else rows, seed)
        matrix, of_find = np.asarray(train.matrix[chosen]), find[chosen]
        as_new = None if train.as_new is None else train.as_new.take(chosen)
        if as_new is not None and len(as_new.rows):
            again = as_new.write(matrix[as_new.rows], slice(None))
            factor = float(weight.sum() / weight[as_new.rows].sum())
            weight = 0.5 * np.concatenate([weight, factor * weight[as_new.rows]])
            matrix, of_find = np.concatenate([matrix, again]), np.concatenate([of_find, of_find[as_new.rows]])
        terms, feature = _standardised(matrix)
        return cls(matrix, terms, feature, of_find, weight)

    def fit(self, strength: float, names: Sequence[str], threads: int) -> lgb.Booster:
        """Return the trees of a logistic regression with a penalty of the inverse ``strength``."""
        # Imported here because only the training extra installs scikit-learn.
        from sklearn.linear_model import LogisticRegression

        regression = LogisticRegression(C=strength, max_iter=200)
        regression.fit(self.terms, self.find, sample_weight=self.weight)
        terms = self.terms * regression.coef_[0]
        spread = terms.std(axis=0)
        least = _LEAST_SPREAD * float(terms.sum(axis=1).std())
        # Gains of the steps, and so importances, are then on the scale of those of boosters.
        p = regression.predict_proba(self.terms)[:, 1]
        curvature = np.full(len(terms), float((p * (1.0 - p)).mean()))
        blocks: list[str] = []
        for at in np.unique(self.feature[spread > least]).tolist():
            term = terms[:, self.feature == at].sum(axis=1)
            data = lgb.Dataset(self.matrix[:, [at]], term, weight=curvature, params=_STEPS)
            booster = lgb.train({**_STEPS, "num_threads": threads}, data, num_boost_round=1)
            blocks.append(_tree(booster, at))
        return _booster(blocks, names, self.matrix)


def _sample(find: Bools, weight: Floats, rows: Ints, seed: int) -> tuple[Ints, Floats]:
    """Return at most about `_MOST_ROWS` of the rows, ascending, with weights whose mean is 1.

    Finds are sampled only if they exceed half of the limit. Weights of sampled rows also represent the omitted ones.
    """
    finds = int(find[rows].sum())
    of_finds = min(1.0, _MOST_FINDS * _MOST_ROWS / max(1, finds))
    of_clean = min(1.0, (_MOST_ROWS - of_finds * finds) / max(1, len(rows) - finds))
    share = np.where(find[rows], of_finds, of_clean)
    kept = np.random.default_rng(seed).random(len(rows)) < share
    scaled = weight[rows][kept] / share[kept]
    return rows[kept], scaled / scaled.mean()


def _standardised(matrix: Floats) -> tuple[Floats, Ints]:
    """Return the terms (n, T) of features (n, F), and the feature (T,) of each term. Constant terms are left out."""
    missing = np.isnan(matrix)
    share = missing.mean(axis=0)
    some = np.flatnonzero((share > 0.0) & (share < 1.0))
    terms = np.concatenate([matrix, missing[:, some]], axis=1)
    np.nan_to_num(terms, copy=False)
    values = terms[:, : matrix.shape[1]]
    values -= np.where(missing, 0.0, values.sum(axis=0) / np.maximum(1, (~missing).sum(axis=0)))
    terms[:, matrix.shape[1] :] -= share[some]
    spread = terms.std(axis=0)
    used = np.flatnonzero(spread > 1e-9)
    terms = terms[:, used]
    terms /= spread[used]
    feature = np.concatenate([np.arange(matrix.shape[1]), some])[used]
    return np.clip(terms, -_CLIP, _CLIP, out=terms), feature


def _tree(booster: lgb.Booster, feature: int) -> str:
    """Return the text of the only tree of a booster of one feature, which becomes ``feature``."""
    text = booster.model_to_string().partition("\nTree=0\n")[2].partition("end of trees")[0]
    return re.sub(
        r"^split_feature=.*$",
        lambda line: "split_feature=" + " ".join([str(feature)] * len(line[0].split())),
        text,
        flags=re.MULTILINE,
    )


def _booster(trees: Sequence[str], names: Sequence[str], matrix: Floats) -> lgb.Booster:
    """Return a booster of all features with the trees."""
    some = lgb.Dataset(matrix[:2], np.zeros(min(2, len(matrix))), feature_name=list(names), params=_STEPS)
    text = lgb.train(_STEPS, some, num_boost_round=1).model_to_string()
    header, rest = text.partition("\nTree=0\n")[::2]
    header = "\n".join(line for line in header.splitlines() if not line.startswith("tree_sizes="))
    numbered = "".join(f"Tree={number}\n{tree}" for number, tree in enumerate(trees))
    return lgb.Booster(model_str=f"{header}\n\n{numbered}{rest[rest.index('end of trees') :]}")
