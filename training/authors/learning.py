"""Trees that correct the prior, learned from worlds by several authors.

The target is the residual: LightGBM starts from the prior's log-odds (``init_score``), so a tree only learns what the prior leaves
unexplained. Common trees learn on the combined prior of all heads; each head goes on from its own prior plus the common trees.
All leaf values are then multiplied by one factor per model: shrinkage towards the prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import lightgbm as lgb
import numpy as np

from models.evidence import Entry, Prior
from training.authors.views import AuthorViews
from training.authors.world_data import Bools, Floats, Ints
from training.fitting.booster_text import first_trees, join_trees, shrunk

#: The prevalence at which trees learn, the same for each author.
PREVALENCE: Final = 5e-3
#: Share of an author's shipments that are learned from as a new office sees them.
NEW_OFFICE: Final = 1 / 3
#: Share of an author's clean shipments that are learned from. They are a hundred times as many as finds.
CLEAN_SHARE: Final = 0.4
_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class ResidualParams:
    """How trees learn the residual. Leaving one author out chose the values (docs/worlds.md).

    Attributes:
        shrinkage: factor of all leaf values; 0 leaves the prior alone.
        common_trees: trees that all heads share.
        head_trees: further trees per head.
        seeds: models whose trees are averaged.
    """

    shrinkage: float = 0.5
    common_trees: int = 300
    head_trees: int = 40
    learning_rate: float = 0.05
    num_leaves: int = 4
    min_data_in_leaf: int = 60
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    lambda_l2: float = 20.0
    max_bin: int = 127
    seed: int = 1
    threads: int = 2

    def lightgbm(self, number: int, monotone: Sequence[int]) -> dict[str, object]:
        """Return LightGBM's parameters for booster ``number``."""
        return {
            "objective": "binary",
            "num_leaves": self.num_leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "max_bin": self.max_bin,
            "boost_from_average": False,
            "monotone_constraints": list(monotone),
            "monotone_constraints_method": "basic",
            "seed": self.seed + number,
            "data_random_seed": 1,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "num_threads": self.threads,
            "verbosity": -1,
        }


def directions(entries: Sequence[Entry], names: Sequence[str], declared: Sequence[int]) -> list[int]:
    """Return the monotone constraint of each feature: the one it declares, else the direction of the entries that rest on it.

    A feature that entries use in both directions, or between two bounds, is free.
    """
    found: dict[str, set[int]] = {}
    for entry in entries:
        sign = {"for": 1, "against": -1}.get(entry.direction, 0)
        for term in (term for clause in entry.when for term in clause):
            if term.is_ramp:
                rising = 1 if term.high > term.low else -1
            elif np.isinf(term.high):
                rising = 1
            elif np.isinf(term.low):
                rising = -1
            elif term.low == term.high:
                # equals 1 of a yes-or-no feature
                rising = 1 if term.low == 1.0 else -1 if term.low == 0.0 else 0
            else:
                rising = 0
            found.setdefault(term.feature, set()).add(sign * rising)
    of_entries = {name: next(iter(signs)) for name, signs in found.items() if len(signs) == 1}
    return [own or of_entries.get(name, 0) for name, own in zip(names, declared, strict=True)]


@dataclass(frozen=True, slots=True)
class Lessons:
    """Rows to learn from, of several authors.

    Attributes:
        matrix: (n, F) features.
        prior: (n, K) prior log-odds.
        find: (n, K) whether the row is a find for the head.
        weight: (n,) each author has the same total, and finds the share `PREVALENCE` of it.
    """

    matrix: Floats
    prior: Floats
    find: Bools
    weight: Floats
    _binned: dict[int, lgb.Dataset] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def join(cls, parts: Sequence[Lessons]) -> Lessons:
        """Join the lessons of several authors."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("matrix", "prior", "find", "weight"))
        )

    def binned(self, names: Sequence[str], settings: Mapping[str, object]) -> lgb.Dataset:
        """Return the features binned once."""
        if not self._binned:
            self._binned[0] = lgb.Dataset(
                self.matrix,
                np.zeros(len(self.matrix)),
                weight=self.weight,
                feature_name=list(names),
                params=dict(settings),
            ).construct()
        return self._binned[0]


def lessons_of(views: AuthorViews, new: Floats, prior: Prior, *, weight: float = 1.0, seed: int = 0) -> Lessons:
    """Return an author's lessons.

    The truth of a world belongs to shipments. The item of an illicit shipment with the largest prior stands for it; its other items
    teach nothing.

    Args:
        new: (m, F) features of the author's scored rows as a new office sees them, for a third of the shipments.
        weight: of the author relative to others.
    """
    draw = np.random.default_rng(seed)
    as_new = draw.random(len(views.first_row)) < NEW_OFFICE
    drawn = draw.random(len(views.first_row)) < CLEAN_SHARE
    matrix = np.where(as_new[views.shipment][:, None], new, views.settled)
    log_odds = prior.log_odds(np.ascontiguousarray(matrix))
    stands = np.zeros(len(matrix), dtype=np.bool_)
    stands[largest_rows(combined(log_odds), views.shipment)] = True
    illicit = views.illicit[views.shipment]
    kept = np.flatnonzero(np.where(illicit, stands, drawn[views.shipment]))
    find = views.content[views.shipment[kept]] & stands[kept][:, None]
    is_find = find.any(axis=1)
    share = np.where(is_find, PREVALENCE / max(1, is_find.sum()), (1.0 - PREVALENCE) / max(1, (~is_find).sum()))
    # LightGBM's regularisation counts in units of a row.
    return Lessons(matrix[kept], log_odds[kept], find, weight * share * len(kept))


def combined(log_odds: Floats) -> Floats:
    """Return the log-odds (n,) of any head, for small probabilities: the logarithm of the sum of the odds (n, K)."""
    return np.asarray(np.logaddexp.reduce(log_odds, axis=1))


def largest_rows(values: Floats, shipment: Ints) -> Ints:
    """Return the row with the largest value of each shipment, the first if several are equal."""
    order = np.lexsort((-values, shipment))
    first = np.append(True, np.diff(shipment[order]) != 0)
    return np.asarray(order[first])


def intercept(log_odds: Floats, find: Bools, weight: Floats) -> float:
    """Return the shift that makes the mean probability of the log-odds (n,) equal to the weighted share of finds."""
    low, high = -40.0, 40.0
    target = float(weight[find].sum())
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        mean = float((weight / (1.0 + np.exp(-np.clip(log_odds + middle, -500.0, 500.0)))).sum())
        low, high = (middle, high) if mean < target else (low, middle)
    return (low + high) / 2.0


def fit_residual(
    lessons: Lessons, heads: Sequence[str], names: Sequence[str], monotone: Sequence[int], params: ResidualParams
) -> dict[str, lgb.Booster]:
    """Fit a booster per head: common trees, then trees of its own, all shrunk."""
    any_find: Bools = np.asarray(lessons.find.any(axis=1))
    start = combined(lessons.prior)
    start = start + intercept(start, any_find, lessons.weight)
    data = lessons.binned(names, params.lightgbm(0, monotone))
    common = _boosted(data, any_find, start, params.common_trees, params.lightgbm(0, monotone))
    on_rows = np.asarray(common.predict(lessons.matrix, raw_score=True, num_threads=params.threads), dtype=np.float64)
    boosters = {}
    for number, head in enumerate(heads):
        find = lessons.find[:, number]
        booster = common
        if params.head_trees and find.any():
            own = lessons.prior[:, number] + on_rows
            own = own + intercept(own, find, lessons.weight)
            further = _boosted(data, find, own, params.head_trees, params.lightgbm(number + 1, monotone))
            booster = join_trees(common, further, params.head_trees)
        boosters[head] = shrunk(first_trees(booster, booster.num_trees()), params.shrinkage)
    return boosters


def _boosted(data: lgb.Dataset, find: Bools, start: Floats, trees: int, settings: dict[str, object]) -> lgb.Booster:
    data.set_label(find.astype(np.float64))
    data.set_init_score(start)
    return lgb.train(settings, data, num_boost_round=trees)
