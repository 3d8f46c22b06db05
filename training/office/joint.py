"""One fit of trees over the authors' lessons and the rows of an office.

An office has few finds. Trees that learn from these alone forget what the authors' worlds taught, and trees continued from the
champion cannot correct its splits. In one fit, own finds weigh more than those of the lessons, and an own intercept keeps trees
from learning how frequent finds are. All weights were chosen on the open worlds, each playing the office (docs/learning.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np

from models.evidence import Prior
from models.trees import scaled
from training.arrays import Bools, Floats, Ints
from training.authors.learning import Lessons, ResidualParams, fit_residual, hide_unseen
from training.authors.lessons_file import StoredLessons
from training.fitting.boosting import join_trees
from training.fitting.residual import combined, intercept


@dataclass(frozen=True, slots=True)
class JointParams:
    """Weights of an office's rows. A weight of 1 is the mean weight of a find, or of a clean row, of the lessons.

    Attributes:
        find: weight of an own find.
        presumed: weight of a row that nobody inspected. Most illicit shipments are among these.
        half: number of own finds at which the trees of the joint fit count half; the champion's count the rest. Without finds, the
            model is the champion.
        growth: factor of the leaf values of the joint fit, relative to the champion's shrinkage, with many own finds.
    """

    find: float = 10.0
    presumed: float = 0.1
    half: float = 10.0
    growth: float = 1.4

    def share(self, finds: int) -> float:
        """Return how much the trees of the joint fit count."""
        return finds / (finds + self.half)


PARAMS: Final = JointParams()


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Rows of an office to learn from.

    Attributes:
        matrix: (r, F) features.
        prior: (r, K) log-odds of the prior.
        find: (r, K) whether the row is a find for the head. A find is represented by one item.
        inspected: (r,) whether the result of the row is known.
        times: (r,) number of rows that each row represents.
        selection: (r,) inverse of the probability with which a row was selected for inspection, capped; 1 where it is unknown; None
            if all are alike. Only its differences count: the finds together weigh as much as without it, and so do the clean
            inspections.
    """

    matrix: Floats
    prior: Floats
    find: Bools
    inspected: Bools
    times: Floats
    selection: Floats | None = None

    @property
    def is_find(self) -> Bools:
        """(r,) True if the row is a find for any head."""
        return np.asarray(self.find.any(axis=1))

    def take(self, rows: Ints | Bools) -> OwnRows:
        """Return some of the rows."""
        selection = None if self.selection is None else self.selection[rows]
        return OwnRows(
            self.matrix[rows], self.prior[rows], self.find[rows], self.inspected[rows], self.times[rows], selection
        )

    def lessons(self, stored: StoredLessons, slope: float, params: JointParams) -> Lessons:
        """Return the rows as further lessons that start from ``slope`` times the prior, with an intercept of the office."""
        # Before they were sampled, clean rows of the lessons had a mean weight of 1.
        weight = np.where(self.inspected, 1.0, params.presumed) * self.times
        find = self.is_find
        weight[find] = params.find * float(stored.weight[stored.find.any(axis=1)].mean())
        if self.selection is not None:
            for rows in (find, self.inspected & ~find):
                if rows.any():
                    weight[rows] *= self.selection[rows] / self.selection[rows].mean()
        start = combined(slope * self.prior)
        start = start + intercept(start, find, weight / weight.sum())
        matrix = stored.rounded(self.matrix)
        hide_unseen(matrix, stored.names)
        return Lessons(matrix, start[:, None], self.find, weight)


@dataclass(frozen=True, slots=True)
class Teacher:
    """Lessons, and the prior and the parameters with which trees learn from them."""

    stored: StoredLessons
    prior: Prior
    monotone: Sequence[int]
    params: ResidualParams

    def learned(self, own: OwnRows | None, weights: JointParams = PARAMS) -> lgb.Booster:
        """Return the trees of one fit over the lessons and the office's rows, which all heads share. None: lessons alone."""
        slope = self.params.slope
        lessons = self.stored.lessons(self.prior, slope)
        if own is not None:
            lessons = Lessons.join([lessons, own.lessons(self.stored, slope, weights)])
        return self.fit(lessons, self.params)

    def fit(self, lessons: Lessons, params: ResidualParams) -> lgb.Booster:
        """Return the trees of a fit."""
        return fit_residual(lessons, ("any",), self.stored.names, self.monotone, params).boosters["any"]


def blended(champion: lgb.Booster, joint: lgb.Booster, finds: int, weights: JointParams = PARAMS) -> lgb.Booster:
    """Return the mean of the champion's trees and those of the joint fit, weighted by the number of own finds."""
    share = weights.share(finds)
    if share == 0.0:
        return champion
    own = scaled(joint, share * (1.0 + (weights.growth - 1.0) * share))
    return own if share == 1.0 else join_trees(scaled(champion, 1.0 - share), own, own.num_trees())
