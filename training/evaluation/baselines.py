"""What simpler means achieve on the same split: chance, rules, a small tree, a logistic regression, LightGBM as it comes.

Each is fitted on the rows and labels the model was fitted on and answers one score per goods item; a shipment has its
largest. A model that does not clearly beat them is not worth its complexity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELDS, Kind, Level
from features.readers.further import FurtherField
from features.table.table import TIME_MISSING, Coded, ManifestTable
from training.evaluation.evaluation import Outcome
from training.evaluation.metrics import MIN_FINDS, RESAMPLES, Curve, Estimate, Ranking, interval, poisson_times
from training.evaluation.rules import price_rule, watch_list_rules
from training.fitting.boosting import Examples

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

BASELINES: Final = (
    "random",
    "watch_list_rules",
    "price_rule",
    "logistic_regression",
    "depth_2_tree",
    "default_lightgbm",
)
#: Misses are compared at this share of traffic inspected: the red lane.
SHARE: Final = 0.005
#: Standardised features beyond this are outliers, not evidence that grows for ever.
_CLIP: Final = 8.0
#: The tree and the regression learn from at most so many rows, all finds among them: enough for some hundred parameters, and
#: their copies of a million rows would not fit beside the model's.
_MOST_ROWS: Final = 200_000
#: Texts and references with more distinct values than this are names and numbers of single shipments, not categories.
_MOST_VALUES: Final = 2000


def baseline_scores(
    train: Examples, train_table: ManifestTable, test: Floats, test_table: ManifestTable, names: Sequence[str], *,
    seed: int, threads: int, further: Sequence[FurtherField] = (),
) -> tuple[dict[str, Floats], dict[str, Any]]:  # fmt: skip
    """Scores (n,) of the test rows by each of `BASELINES`, and what was chosen (the columns and features they use).

    ``train_table`` holds the very rows of ``train``; ``names`` are those of the matrices' columns; ``further`` are columns
    of the tables that the manifest has not.
    """
    find: Bools = np.asarray(train.find.any(axis=1))
    raw, columns = default_lightgbm(
        train_table, find, train.weight, test_table, seed=seed, threads=threads, further=further
    )
    del train_table
    rows, weight = _part(find, train.weight, seed)
    part = train.matrix if len(rows) == len(find) else train.matrix[rows]
    tree, used = depth_2_tree(part, find[rows], weight, test, names, seed=seed)
    scores = {
        "random": np.random.default_rng(seed).random(len(test)),
        "watch_list_rules": watch_list_rules(test, names),
        "price_rule": price_rule(train.matrix, test, names),
        "logistic_regression": _logistic_regression(part, find[rows], weight, test, seed=seed),
        "depth_2_tree": tree,
        "default_lightgbm": raw,
    }
    return scores, {"depth_2_tree": {"features": used}, "default_lightgbm": {"columns": columns}}


def _part(find: Bools, weight: Floats, seed: int) -> tuple[Ints, Floats]:
    """Rows to learn from and their weights: all, or all finds and an even sample of the others that stands for them."""
    if len(find) <= _MOST_ROWS:
        return np.arange(len(find)), weight
    share = max(0.0, _MOST_ROWS - int(find.sum())) / int((~find).sum())
    rows = np.flatnonzero(find | (np.random.default_rng(seed).random(len(find)) < share))
    return rows, weight[rows] * np.where(find[rows], 1.0, 1.0 / share)


def depth_2_tree(
    matrix: Floats, find: Bools, weight: Floats, test: Floats, names: Sequence[str], *, seed: int
) -> tuple[Floats, list[str]]:
    """Scores (n,) of the test rows by a tree of depth 2, finds and clean rows balanced, and the features it asks for."""
    from sklearn.tree import DecisionTreeClassifier

    balance = np.where(find, 0.5 / weight[find].sum(), 0.5 / weight[~find].sum()) * weight * len(find)
    tree = DecisionTreeClassifier(max_depth=2, random_state=seed)
    tree.fit(matrix, find, sample_weight=balance)
    used = sorted({names[f] for f in tree.tree_.feature.tolist() if f >= 0})
    return np.asarray(tree.predict_proba(test)[:, 1]), used


def _logistic_regression(matrix: Floats, find: Bools, weight: Floats, test: Floats, *, seed: int) -> Floats:
    from sklearn.linear_model import LogisticRegression

    prepare = _Standardise(matrix)
    linear = LogisticRegression(C=0.1, max_iter=300, random_state=seed)
    linear.fit(prepare(matrix), find, sample_weight=weight)
    return np.asarray(linear.decision_function(prepare(test)))


class _Standardise:
    """Zero mean, unit variance on the training rows; a missing value becomes the mean, and a flag says so."""

    def __init__(self, matrix: Floats) -> None:
        present = ~np.isnan(matrix)
        count = np.maximum(present.sum(axis=0), 1)
        # In place where that is possible: each copy of 200,000 rows takes 300 MB.
        known = np.where(present, matrix, 0.0)
        self._mean = known.sum(axis=0) / count
        known -= self._mean
        known *= known
        known[~present] = 0.0
        variance = known.sum(axis=0) / count
        self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        missing = 1.0 - present.mean(axis=0)
        self._flagged = (missing > 0.001) & (missing < 0.999)

    def __call__(self, matrix: Floats) -> Floats:
        missing, width = np.isnan(matrix), matrix.shape[1]
        prepared = np.empty((len(matrix), width + int(self._flagged.sum())))
        scaled = prepared[:, :width]
        np.subtract(matrix, self._mean, out=scaled)
        scaled[missing] = 0.0
        scaled /= self._scale
        np.clip(scaled, -_CLIP, _CLIP, out=scaled)
        prepared[:, width:] = missing[:, self._flagged]
        return prepared


def default_lightgbm(
    train: ManifestTable, find: Bools, weight: Floats, test: ManifestTable, *, seed: int, threads: int,
    further: Sequence[FurtherField] = (),
) -> tuple[Floats, list[str]]:  # fmt: skip
    """Scores (n,) of the test rows by LightGBM with its default settings on the columns as they stand, those of the manifest
    and ``further`` ones, and the columns used: numbers as numbers, days as days before the declaration, everything else as
    categories."""
    columns = [column for column in _raw_columns(further) if column.tells(train)]
    codes = {column.name: column.codes(train) for column in columns if column.kind == "category"}
    # Silent, repeatable, and with as many threads as the model has; all else is as it comes.
    settings = {"objective": "binary", "verbosity": -1, "seed": seed, "deterministic": True, "num_threads": threads}
    known = lgb.Dataset(
        np.stack([column.values(train, codes) for column in columns], axis=1),
        find.astype(np.float64),
        weight=weight,
        categorical_feature=[at for at, column in enumerate(columns) if column.kind == "category"],
    )
    booster = lgb.train(settings | {"force_row_wise": True}, known)
    matrix = np.stack([column.values(test, codes) for column in columns], axis=1)
    names = [column.name for column in columns]
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=threads)), names


@dataclass(frozen=True, slots=True)
class _Raw:
    """A column as it stands. ``kind`` is number, days or category; one that is ``free`` text or a reference is a category only
    where it has few values."""

    name: str
    kind: str
    free: bool = False
    further: bool = False

    def _text(self, table: ManifestTable) -> Coded:
        return (table.further(self.name) if self.further else table.text(self.name)).compact()

    def tells(self, table: ManifestTable) -> bool:
        """Whether the column has anything to tell the rows of a table apart by."""
        if self.kind != "category":
            return self.further or self.name in table.raw
        column = self._text(table)
        distinct = len(column.values)
        return distinct + bool((column.codes < 0).any()) > 1 and not (self.free and distinct > _MOST_VALUES)

    def codes(self, table: ManifestTable) -> dict[str, int]:
        return {value: code for code, value in enumerate(self._text(table).values)}

    def values(self, table: ManifestTable, codes: Mapping[str, Mapping[str, int]]) -> Floats:
        """(n_rows,) numbers, or codes of categories: NaN where missing or never seen."""
        if self.kind == "category":
            column, known = self._text(table), codes[self.name]
            of_value = np.array([known.get(value, np.nan) for value in column.values], dtype=np.float64)
            return np.asarray(column.lookup(of_value, np.nan), dtype=np.float64)
        if self.kind == "days":
            seconds = table.seconds(self.name)
            days = (table.declared_s[table.shipment] - seconds) / 86400.0
            return np.where(seconds == TIME_MISSING, np.nan, days)
        return table.further_number(self.name) if self.further else table.number(self.name)


def _raw_columns(further: Sequence[FurtherField]) -> list[_Raw]:
    kinds = {Kind.NUMBER: "number", Kind.TIME: "days"}
    manifest = [
        _Raw(field.name, kinds.get(field.kind, "category"), free=field.kind in (Kind.TEXT, Kind.ID))
        for field in FIELDS
        if field.level is not Level.LABEL and field.name != "declared_at"
    ]
    kind_of = {"numeric": "number", "categorical": "category"}
    return manifest + [_Raw(field.name, kind_of[field.kind], further=True) for field in further]


def misses_against(
    ours: Floats, theirs: Mapping[str, Floats], outcome: Outcome, *, base_rate: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:  # fmt: skip
    """Share of the finds that is missed when `SHARE` of traffic is inspected, ours and theirs, and ours over theirs.

    Scores (n,) of the same shipments; the intervals are of pairs, resampled alike. Too few finds give a reason.
    """
    find, weight = outcome.any, outcome.weight
    key = f"{SHARE:g}"
    if find.sum() < MIN_FINDS or find.all():
        none = Estimate(None, reason=f"{int(find.sum())} finds; at least {MIN_FINDS} are needed").to_json()
        return {name: {key: {"ours": none, "theirs": none, "ratio": none}} for name in theirs}
    rankings = {name: Ranking(score, find, weight) for name, score in {"": ours, **theirs}.items()}

    def missed(curve: Curve | None) -> float:
        return np.nan if curve is None else 1.0 - curve.at_share(SHARE, base_rate)[0]

    value = {name: missed(ranking.curve()) for name, ranking in rankings.items()}
    parts = [
        {name: [missed(curve) for curve in ranking.curves(times)] for name, ranking in rankings.items()}
        for times in poisson_times(len(find), resamples, seed)
    ]
    draws = {name: np.array([one for part in parts for one in part[name]]) for name in rankings}
    out: dict[str, Any] = {}
    for name in theirs:
        whole = np.isfinite(draws[""]) & np.isfinite(draws[name]) & (draws[name] > 0)
        ratio = (
            interval(value[""] / value[name], (draws[""][whole] / draws[name][whole]).tolist())
            if value[name] > 0
            else Estimate(None, reason="they miss no find")
        )
        out[name] = {
            key: {
                "ours": interval(value[""], draws[""][np.isfinite(draws[""])].tolist()).to_json(),
                "theirs": interval(value[name], draws[name][np.isfinite(draws[name])].tolist()).to_json(),
                "ratio": ratio.to_json(),
            }
        }
    return out
