"""Baselines on the same split: chance, rules, a small tree, logistic regression, and LightGBM with default settings.

Each baseline is fitted on the same rows and labels as the model and returns one score per goods item. The score of a shipment
is the largest of its items. A model is worth its complexity only if it clearly beats the baselines. Watch-list rules and a price
rule need no labels; they read the model's features by name, so they have the same information as the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.manifest.fields import FIELDS, Kind, Level
from features.readers.headers import FurtherField
from features.table.table import TIME_MISSING, Coded, ManifestTable
from training.arrays import Bools, Floats, Ints
from training.data.dataset import Outcome
from training.evaluation.metrics import (
    RESAMPLES,
    Curve,
    Estimate,
    Ranking,
    interval,
    lacking,
    poisson_times,
    share_for,
    without_value,
)
from training.fitting.examples import Examples


@dataclass(frozen=True, slots=True)
class Rule:
    """Rule that gives ``points`` to goods items whose feature satisfies ``holds``. Missing values never satisfy it."""

    feature: str
    holds: Callable[[Floats], Bools]
    points: float


def _at_least(least: float) -> Callable[[Floats], Bools]:
    return lambda values: values >= least


def _at_most(most: float) -> Callable[[Floats], Bools]:
    return lambda values: values <= most


#: Published red flags with assumed weights. A watched name outweighs all circumstances together, and an earlier find comes second.
#: Circumstances weigh little, because each one alone is common in lawful trade.
WATCH_LIST: Final = (
    Rule("substance_opioid", _at_least(2), 10.0),
    Rule("substance_precursor", _at_least(2), 10.0),
    Rule("substance_opioid", _at_least(1), 3.0),
    Rule("substance_precursor", _at_least(1), 3.0),
    Rule("substance_class", _at_least(2), 6.0),
    Rule("substance_similarity", _at_least(0.8), 4.0),
    Rule("description_equipment", _at_least(1), 6.0),
    Rule("hs_fentanyl", _at_least(1), 6.0),
    Rule("hs_precursor", _at_least(1), 5.0),
    Rule("hs_equipment", _at_least(1), 4.0),
    Rule("consignor_finds", _at_least(1), 8.0),
    Rule("consignee_finds", _at_least(1), 8.0),
    Rule("address_finds", _at_least(1), 8.0),
    Rule("description_stop_word", _at_least(1), 1.0),
    Rule("description_uninformative", _at_least(1), 1.0),
    Rule("description_grade", _at_least(1), 0.5),
    Rule("account_age_days", _at_most(30), 1.5),
    Rule("consignee_forwarder", _at_least(1), 1.0),
    Rule("agent_present", _at_least(1), 0.5),
    Rule("consignor_chemical", _at_least(1), 1.0),
    Rule("consignor_contact", _at_most(0), 0.5),
    Rule("consignor_free_mail", _at_least(1), 0.5),
    Rule("phone_country_contradicts", _at_least(1), 1.0),
    Rule("gift_from_company", _at_least(1), 1.0),
    Rule("routing_third_country", _at_least(1), 1.0),
    Rule("package_industrial_parcel", _at_least(1), 1.0),
)
#: A trusted consignor and a permit lower the points.
_TRUST: Final = (Rule("consignor_known", _at_least(1), -2.0), Rule("permit_present", _at_least(1), -4.0))


def watch_list_rules(matrix: Floats, names: Sequence[str]) -> Floats:
    """Return the watch-list points (n_rows,) of features ``matrix`` (n_rows, F) with the column names ``names``.

    A rule without its feature gives no points; models of an office's own data may lack some features.
    """
    at = {name: k for k, name in enumerate(names)}
    points = np.zeros(len(matrix))
    for rule in (*WATCH_LIST, *_TRUST):
        if rule.feature in at:
            points += rule.points * rule.holds(matrix[:, at[rule.feature]])
    return points


#: Features of the price rule, and whether only high values are unusual.
PRICE_FEATURES: Final = {"value_per_kg_unusual": False, "freight_to_value": True}


def price_columns(matrix: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return the columns (n_rows,) of `PRICE_FEATURES` in a matrix (n_rows, F) with the column names ``names``."""
    return {name: matrix[:, at].copy() for at, name in enumerate(names) if name in PRICE_FEATURES}


def price_deviations(train: Mapping[str, Floats], matrix: Floats, names: Sequence[str]) -> Floats:
    """Return how unusual prices are (n_rows,): the deviation of the value per kilogram, plus that of a high freight-to-value ratio.

    Deviations are in median absolute deviations of the price columns (m,) of the training rows. Missing values count as 0.
    """
    at = {name: k for k, name in enumerate(names)}
    score = np.zeros(len(matrix))
    for name, one_sided in PRICE_FEATURES.items():
        if name not in at:
            continue
        values = train[name]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        middle = float(np.median(values))
        # 1.4826 scales the median absolute deviation to the standard deviation of a normal distribution.
        spread = max(1.4826 * float(np.median(np.abs(values - middle))), 1e-6)
        distance = (matrix[:, at[name]] - middle) / spread
        score += np.nan_to_num(np.maximum(distance, 0.0) if one_sided else np.abs(distance))
    return score


BASELINES: Final = (
    "random",
    "watch_list_rules",
    "price_rule",
    "logistic_regression",
    "depth_2_tree",
    "default_lightgbm",
)
#: Bound at which standardised features are clipped, so that outliers do not dominate the regression.
_CLIP: Final = 8.0
#: Row limit for the tree and the regression. Finds take at most half of it. It is large enough for a few hundred parameters, and
#: copies of a million rows would not fit into memory beside the model's own.
_MOST_ROWS: Final = 200_000
#: Columns of free text or references, and the maximum number of their distinct values for which they serve as a category.
_FREE: Final = frozenset(field.name for field in FIELDS if field.kind in (Kind.TEXT, Kind.ID))
_MOST_VALUES: Final = 2000


@dataclass(frozen=True, slots=True)
class BaselineRows:
    """Training examples of the baselines: all outcomes (n,), the features of a sample, and those of the price rule.

    The features of a million rows take more than two gigabytes. With this sample, the caller can free them before baselines are
    fitted.

    Attributes:
        find, weight: (n,) of all rows.
        rows: (m,) indices of the sampled rows.
        matrix: (m, F) features of the sample.
        sampled: (m,) weights of the sample, scaled to represent all rows.
        prices: feature name -> (n,) values for the price rule.
    """

    find: Bools
    weight: Floats
    rows: Ints
    matrix: Floats
    sampled: Floats
    prices: dict[str, Floats]

    @classmethod
    def of(cls, examples: Examples, names: Sequence[str], seed: int) -> BaselineRows:
        """Sample the examples, whose features have these names."""
        find: Bools = np.asarray(examples.find.any(axis=1))
        rows, sampled = _sample(find, examples.weight, seed)
        matrix = examples.matrix if len(rows) == len(find) else examples.matrix[rows]
        return cls(find, examples.weight, rows, matrix, sampled, price_columns(examples.matrix, names))

    @classmethod
    def none(cls) -> BaselineRows:
        """Return no rows, for runs without baselines."""
        return cls(np.zeros(0, np.bool_), np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0), {})


def baseline_scores(
    train: Examples | BaselineRows, train_table: ManifestTable, test: Floats, test_table: ManifestTable, names: Sequence[str], *,
    seed: int, threads: int, further: Sequence[FurtherField] = (),
) -> tuple[dict[str, Floats], dict[str, Any]]:  # fmt: skip
    """Return the scores (n,) of the test rows per name in `BASELINES`, and the columns and features used.

    ``train_table`` contains the same rows as ``train``. ``names`` are the column names of both matrices. ``further`` are table
    columns beyond those of the manifest.
    """
    training = train if isinstance(train, BaselineRows) else BaselineRows.of(train, names, seed)
    raw, columns = default_lightgbm(
        train_table, training.find, training.weight, test_table, seed=seed, threads=threads, further=further
    )
    del train_table
    find = training.find[training.rows]
    tree, used = depth_2_tree(training.matrix, find, training.sampled, test, names, seed=seed)
    scores = {
        "random": np.random.default_rng(seed).random(len(test)),
        "watch_list_rules": watch_list_rules(test, names),
        "price_rule": price_deviations(training.prices, test, names),
        "logistic_regression": _logistic_regression(training.matrix, find, training.sampled, test, seed=seed),
        "depth_2_tree": tree,
        "default_lightgbm": raw,
    }
    return scores, {"depth_2_tree": {"features": used}, "default_lightgbm": {"columns": columns}}


def _sample(find: Bools, weight: Floats, seed: int) -> tuple[Ints, Floats]:
    """Return indices (m,) and weights (m,) of at most about `_MOST_ROWS` training rows.

    If there are more, finds are sampled only if they exceed half of the limit, and clean rows fill the rest. Weights of sampled
    rows also represent the omitted ones.
    """
    if len(find) <= _MOST_ROWS:
        return np.arange(len(find)), weight
    finds = int(find.sum())
    most_finds = min(finds, _MOST_ROWS // 2)
    # `max` avoids division by zero if there are no finds or no clean rows.
    of_finds, of_clean = most_finds / max(1, finds), min(1.0, (_MOST_ROWS - most_finds) / max(1, len(find) - finds))
    draw = np.random.default_rng(seed).random(len(find))
    rows = np.flatnonzero(draw < np.where(find, of_finds, of_clean))
    return rows, weight[rows] * np.where(find[rows], 1.0 / max(of_finds, 1e-300), 1.0 / of_clean)


def depth_2_tree(
    matrix: Floats, find: Bools, weight: Floats, test: Floats, names: Sequence[str], *, seed: int
) -> tuple[Floats, list[str]]:
    """Return scores (n,) of the test rows by a decision tree of depth 2 with balanced classes, and the features it uses."""
    from sklearn.tree import DecisionTreeClassifier

    balance = np.where(find, 0.5 / weight[find].sum(), 0.5 / weight[~find].sum()) * weight * len(find)
    tree = DecisionTreeClassifier(max_depth=2, random_state=seed)
    tree.fit(matrix, find, sample_weight=balance)
    used = sorted({names[f] for f in tree.tree_.feature.tolist() if f >= 0})
    return np.asarray(tree.predict_proba(test)[:, 1]), used


def _logistic_regression(matrix: Floats, find: Bools, weight: Floats, test: Floats, *, seed: int) -> Floats:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    # Work in place where possible: each copy of 200,000 rows takes 300 MB.
    linear = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True),
        StandardScaler(copy=False),
        FunctionTransformer(lambda values: np.clip(values, -_CLIP, _CLIP, out=values)),
        LogisticRegression(C=0.1, max_iter=300, random_state=seed),
    )
    linear.fit(matrix, find, logisticregression__sample_weight=weight)
    return np.asarray(linear.decision_function(test))


def default_lightgbm(
    train: ManifestTable, find: Bools, weight: Floats, test: ManifestTable, *, seed: int, threads: int,
    further: Sequence[FurtherField] = (),
) -> tuple[Floats, list[str]]:  # fmt: skip
    """Return scores (n,) of the test rows by LightGBM with default settings on raw columns, and the columns used.

    Raw columns are manifest columns and ``further`` ones. Times become days before the declaration, and all columns except
    numbers and times are categorical.
    """
    rows = _raw_frame(train, further)
    names = [str(name) for name in rows if _distinguishes(rows[name])]
    # Only logging, repeatability and the number of threads differ from the defaults.
    settings = {"objective": "binary", "verbosity": -1, "seed": seed, "deterministic": True, "num_threads": threads}

    def numbered(frame: pd.DataFrame) -> pd.DataFrame:
        # LightGBM refuses some characters in names.
        return frame[names].set_axis([str(number) for number in range(len(names))], axis=1)

    dataset = lgb.Dataset(numbered(rows), find.astype(np.float64), weight=weight)
    booster = lgb.train(settings | {"force_row_wise": True}, dataset)
    tested = numbered(_raw_frame(test, further))
    return np.asarray(booster.predict(tested, raw_score=True, num_threads=threads)), names


def _raw_frame(table: ManifestTable, further: Sequence[FurtherField]) -> pd.DataFrame:
    """Return the raw columns of a table: numbers, days before the declaration, and categories."""
    columns: dict[str, Any] = {}
    for field in FIELDS:
        if field.level is Level.LABEL or field.name == "declared_at":
            continue
        if field.kind is Kind.NUMBER:
            columns[field.name] = table.number(field.name)
        elif field.kind is Kind.TIME:
            seconds = table.seconds(field.name)
            days = (table.declared_s[table.shipment] - seconds) / 86400.0
            columns[field.name] = np.where(seconds == TIME_MISSING, np.nan, days)
        else:
            columns[field.name] = _categories(table.text(field.name))
    for own in further:
        name = own.name if own.name not in columns else f"own {own.name}"
        is_number = own.kind == "numeric"
        columns[name] = table.further_number(own.name) if is_number else _categories(table.further(own.name))
    return pd.DataFrame(columns)


def _categories(column: Coded) -> pd.Categorical[str]:
    used = column.compact()
    return pd.Categorical.from_codes(used.codes, categories=pd.Index(used.values, dtype=object))


def _distinguishes(column: pd.Series) -> bool:
    """Return whether a column may distinguish rows. Free texts and references with many values identify single shipments."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return bool(column.notna().any())
    identifies = column.name in _FREE and column.nunique() > _MOST_VALUES
    return column.nunique(dropna=False) > 1 and not identifies


def misses_against(
    ours: Floats, theirs: Mapping[str, Floats], outcome: Outcome, *, base_rate: float, seed: int = 0
) -> dict[str, Any]:  # fmt: skip
    """Return per baseline the shares of finds that the model and the baseline miss, and the ratio of the two shares (`against`).

    Both inspect the share of the traffic that `training.evaluation.metrics.share_for` chooses.
    """
    share = share_for(base_rate)

    def missed(curve: Curve) -> float:
        return 1.0 - curve.at_share(share, base_rate)[0]

    found = against(ours, theirs, outcome, missed, seed=seed, zero="the baseline misses no find")
    return {name: {f"{share:g}": one} for name, one in found.items()}


def against(
    ours: Floats,
    theirs: Mapping[str, Floats],
    outcome: Outcome,
    figure: Callable[[Curve], float],
    *,
    seed: int = 0,
    zero: str = "the figure is 0",
) -> dict[str, dict[str, Estimate]]:
    """Return per rival a figure of the model and of the rival, and the ratio of the two, as JSON values.

    ``ours`` and ``theirs`` are scores (n,) of the same shipments. Intervals come from a paired bootstrap. With too few finds or no
    clean shipment, the result is a reason instead of a figure; ``zero`` is the reason why a rival's figure of 0 gives no ratio.
    """
    find, weight = outcome.any, outcome.weight
    none = lacking(find)
    if none is not None:
        return {name: dict.fromkeys(("ours", "theirs", "ratio"), none) for name in theirs}
    rankings = {name: Ranking(score, find, weight) for name, score in {"": ours, **theirs}.items()}
    value = {name: figure(ranking.curve()) for name, ranking in rankings.items()}
    parts = [
        {
            name: [np.nan if curve is None else figure(curve) for curve in ranking.curves(times)]
            for name, ranking in rankings.items()
        }
        for times in poisson_times(len(find), RESAMPLES, seed)
    ]
    draws = {name: np.array([one for part in parts for one in part[name]]) for name in rankings}
    out: dict[str, dict[str, Estimate]] = {}
    for name in theirs:
        usable = np.isfinite(draws[""]) & np.isfinite(draws[name]) & (draws[name] > 0)
        ratio = (
            interval(value[""] / value[name], (draws[""][usable] / draws[name][usable]).tolist())
            if value[name] > 0
            else without_value(zero)
        )
        out[name] = {
            "ours": interval(value[""], draws[""][np.isfinite(draws[""])].tolist()),
            "theirs": interval(value[name], draws[name][np.isfinite(draws[name])].tolist()),
            "ratio": ratio,
        }
    return out
