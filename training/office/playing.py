"""An open world that plays an office, for the learning curve (`training.office.curve`).

The lessons are those of the other worlds, and the champion learned from these alone. The office is another, larger run of its
world. Some of the illicit shipments of the first part are its finds; all others count as not inspected, but for ten clean
inspections per find. The adapted champion sees the same history, with the same finds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import lightgbm as lgb
import numpy as np

from features.groups.history.history import History
from features.manifest.fields import HEADS
from features.space import FeatureSpace
from models.evidence import Prior, read_evidence
from training.arrays import Bools, Floats, Ints
from training.authors.comparison import Resamples
from training.authors.learning import ResidualParams
from training.authors.lessons_file import StoredLessons
from training.authors.views import RESULT_DELAY_S, AuthorViews, load_author
from training.data.window_features import is_history
from training.fitting.residual import combined, directions, largest_rows
from training.office.joint import PARAMS, JointParams, OwnRows, Teacher
from training.office.rows import MOST_CLEAN

#: Scored shipments of an office, and the share of them from which it learns.
SHIPMENTS: Final = 80_000
EARLIER: Final = 0.6
#: Seed of an office's world. Lessons come from the seeds 1 to `training.authors.views.RUNS`.
_SEED: Final = 101
#: Clean inspections per find.
_CLEAN_PER_FIND: Final = 10
#: Rows of lessons in a joint fit. The champion learns from all of them.
LESSONS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Worlds:
    """Lessons of the open worlds, and the settings of their trees."""

    lessons: StoredLessons
    params: ResidualParams
    prior: Prior
    space: FeatureSpace
    monotone: list[int]

    @classmethod
    def of(cls, lessons: StoredLessons, params: ResidualParams) -> Worlds:
        """Read the evidence and the features that belong to the lessons."""
        space, evidence = FeatureSpace(), read_evidence()
        prior = Prior(evidence, tuple(HEADS), space.names)
        return cls(lessons, params, prior, space, directions(prior.entries, space.names, space.monotone))

    def others(self, name: str) -> StoredLessons:
        """Return the lessons of all worlds but one."""
        return self.lessons.take(np.flatnonzero(self.lessons.author != [*self.lessons.worlds].index(name)))

    def teacher(self, lessons: StoredLessons) -> Teacher:
        """Return a teacher of some lessons."""
        return Teacher(lessons, self.prior, self.monotone, self.params)


@dataclass(frozen=True, slots=True)
class Office:
    """A world that plays an office.

    Attributes:
        views: features of s scored shipments with m rows, settled.
        earlier: (s,) whether the office can learn from the shipment.
        sampled: (s,) number of shipments that each one represents, 0 if it was not drawn.
    """

    views: AuthorViews
    earlier: Bools
    sampled: Floats

    @classmethod
    def of(cls, name: str, shipments: int = SHIPMENTS) -> Office:
        """Simulate the world."""
        views = AuthorViews.of(load_author(name, shipments, seed=_SEED))
        n = len(views.first_row)
        earlier = np.arange(n) < EARLIER * n
        share = min(1.0, MOST_CLEAN / earlier.sum())
        drawn = np.random.default_rng(0).random(n) < share
        return cls(views, earlier, np.where(earlier & drawn, 1.0 / share, 0.0))

    @property
    def consignor(self) -> Ints:
        """Consignor of each later shipment, counted from 0."""
        every = Resamples.of(self.views, draws=1).consignor[~self.earlier]
        return np.asarray(np.unique(every, return_inverse=True)[1], dtype=np.int64)

    @property
    def most(self) -> int:
        """Number of illicit shipments among those from which the office can learn."""
        return int((self.views.illicit & self.earlier).sum())

    def draw(self, finds: int, seed: int, wrong: float = 0.0) -> Drawn:
        """Inspect some shipments.

        Args:
            finds: number of finds.
            wrong: share of results that are wrong.
        """
        views, data = self.views, self.views.data
        draw = np.random.default_rng(seed)
        inspected = np.zeros(len(self.earlier), dtype=np.bool_)
        # Larger draws contain the smaller ones.
        for illicit, count in ((True, finds), (False, _CLEAN_PER_FIND * finds)):
            inspected[draw.permutation(np.flatnonzero(self.earlier & (views.illicit == illicit)))[:count]] = True
        mistaken = inspected & (draw.random(len(inspected)) < wrong)
        content = views.content & inspected[:, None]
        content[mistaken] = np.where(views.illicit[mistaken][:, None], False, np.arange(content.shape[1]) == 1)
        scored = np.flatnonzero(data.scored)
        find, known = np.zeros(len(data.scored), dtype=np.bool_), np.full(len(data.scored), -1, dtype=np.int64)
        find[scored] = content.any(axis=1)
        known[scored[inspected]] = data.table.declared_s[scored[inspected]] + RESULT_DELAY_S
        history = History.empty().replay(data.table, find, known).values[scored]
        return Drawn(self, history, content, inspected)


@dataclass(frozen=True, slots=True)
class Drawn:
    """An office after some inspections.

    Attributes:
        history: (s, H) history features.
        content: (s, K) whether the shipment is a known find of the head.
        inspected: (s,) whether its result is known.
    """

    office: Office
    history: Floats
    content: Bools
    inspected: Bools

    def matrix(self, rows: Ints, space: FeatureSpace) -> Floats:
        """Return the features of some rows."""
        views = self.office.views
        matrix = views.settled[rows]
        matrix[:, space.columns_of(is_history)] = self.history[views.shipment[rows]]
        return matrix

    def own(self, worlds: Worlds) -> OwnRows:
        """Return the rows from which the office learns."""
        office, views = self.office, self.office.views
        find: Bools = np.asarray(self.content.any(axis=1))
        times = np.where(self.inspected, 1.0, office.sampled)
        rows = np.flatnonzero(((times > 0.0) & office.earlier)[views.shipment])
        matrix = self.matrix(rows, worlds.space)
        prior = worlds.prior.log_odds(matrix)
        shipment = views.shipment[rows]
        represents = np.zeros(len(rows), dtype=np.bool_)
        represents[largest_rows(combined(prior), shipment)] = True
        kept = np.flatnonzero(represents | ~find[shipment])
        of = shipment[kept]
        return OwnRows(matrix[kept], prior[kept], self.content[of], self.inspected[of], times[of])

    def scored(self, worlds: Worlds, champion: lgb.Booster, learned: lgb.Booster) -> Scored:
        """Score the later shipments with the trees of the champion and with other trees."""
        office, views = self.office, self.office.views
        rows = np.flatnonzero(~office.earlier[views.shipment])
        matrix = self.matrix(rows, worlds.space)
        threads = worlds.params.threads
        of_champion, of_learned = (
            np.asarray(one.predict(matrix, raw_score=True, num_threads=threads)) for one in (champion, learned)
        )
        return Scored(
            worlds.prior.log_odds(matrix),
            of_champion,
            of_learned,
            np.flatnonzero(np.diff(views.shipment[rows], prepend=-1)),
            views.illicit[~office.earlier],
            office.consignor,
            np.array([self.content.any(axis=1).sum()]),
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of s later shipments with m rows.

    Attributes:
        prior: (m, K) log-odds of the prior.
        champion, learned: (m,) sums of leaf values of the champion's trees, and of the trees of a fit.
        first: (s,) first row of each shipment.
        illicit: (s,) truth.
        consignor: (s,) consignor, counted from 0.
        finds: (1,) number of own finds.
    """

    prior: Floats
    champion: Floats
    learned: Floats
    first: Ints
    illicit: Bools
    consignor: Ints
    finds: Ints

    def save(self, path: Path) -> None:
        """Write the scores to a file."""
        np.savez_compressed(path, **{one.name: getattr(self, one.name) for one in fields(self)})

    @classmethod
    def read(cls, path: Path) -> Scored:
        """Read the scores from a file."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(**{one.name: arrays[one.name] for one in fields(cls)})

    def risk(self, trees: Floats, params: ResidualParams) -> Floats:
        """Return the risk log-odds (s,) of the prior and of trees (m,) with the champion's factors."""
        factors = np.array([params.factor(head) / params.slope for head in HEADS])
        return np.asarray(np.maximum.reduceat(combined(self.prior + trees[:, None] * factors), self.first))

    def blended(self, weights: JointParams = PARAMS) -> Floats:
        """Return what the trees (m,) of `training.office.joint.blended` would score."""
        share = weights.share(int(self.finds[0]))
        return (1.0 - share) * self.champion + share * (1.0 + (weights.growth - 1.0) * share) * self.learned
