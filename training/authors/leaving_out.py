"""Leave one author out: learn from all other authors, and score the left-out author's world with the features of a new office."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from features.manifest.fields import HEADS
from features.space import FeatureSpace
from features.substances import opsin
from models.calibration import LEAST_SPARED, Calibrator, spare_facts
from models.evidence import Evidence, Prior, read_evidence
from models.evidence.reading import DEFAULT
from models.lanes import Lanes
from training.arrays import Bools, Floats
from training.authors.calibrating import Outcomes, calibration, fit
from training.authors.comparison import Resamples, best_of_author, compare, figures, origin_figures
from training.authors.learning import Lessons, ResidualParams, Taught, fit_residual
from training.authors.views import RUNS, SEALED, SHIPMENTS, AuthorViews, load_author, pooled_space
from training.fitting.residual import combined, directions
from training.worlds.writer import author_names

Progress = Callable[[str], None]
#: Time limits of OPSIN while features are computed for training, in seconds.
_PATIENCE_S: Final = 300.0
#: The three scores that are compared.
KINDS: Final = ("prior", "boosters", "both")


@dataclass(slots=True)
class Authors:
    """Worlds of several authors, as data for leaving each author out.

    Attributes:
        views: name of the author -> views of the first run of the author's world.
        taught: name of the author -> training rows of each run of the author's world.
        prior: the evidence as a prior on the features.
        names, monotone: names of the features, and their monotone constraints for trees.
    """

    views: dict[str, AuthorViews]
    taught: dict[str, list[Taught]]
    evidence: Evidence
    prior: Prior = field(init=False)
    names: tuple[str, ...] = field(init=False)
    monotone: list[int] = field(init=False)
    _spaces: dict[frozenset[str], FeatureSpace] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        space = FeatureSpace()
        self.names = space.names
        self.prior = Prior(self.evidence, tuple(HEADS), space.names)
        self.monotone = directions(self.prior.entries, space.names, space.monotone)

    @classmethod
    def load(
        cls,
        names: Sequence[str] | None = None,
        *,
        shipments: int = SHIPMENTS,
        runs: int = RUNS,
        evidence: Evidence | None = None,
        progress: Progress = lambda _: None,
    ) -> Authors:
        """Simulate the worlds and compute their features; by default all worlds by other authors.

        The first run of a world is used for training and for scoring. Further runs, with other seeds, are used for training only.

        Raises:
            RuntimeError: OPSIN runs but did not read some names, so the features would depend on the load of the machine.
        """
        reader = opsin()
        reader.configure(time_limit_s=_PATIENCE_S, start_limit_s=_PATIENCE_S)
        reads, skipped = reader.start(), reader.counters.skipped + reader.counters.timeouts
        authors = cls({}, {}, read_evidence(DEFAULT) if evidence is None else evidence)
        for name in author_names() if names is None else names:
            for run in range(runs):
                progress(f"{name}, run {run + 1} of {runs}")
                views = AuthorViews.of(load_author(name, shipments, seed=run + 1))
                authors.views.setdefault(name, views)
                authors.taught.setdefault(name, []).append(Taught.of(views, authors.prior, seed=run))
        unread = reader.counters.skipped + reader.counters.timeouts - skipped
        if reads and unread:
            raise RuntimeError(f"OPSIN did not read {unread} systematic names: {reader.problem or 'too slow'}")
        return authors

    def pooled(self, names: frozenset[str]) -> FeatureSpace:
        """Return statistics pooled over the warm-up of the named authors."""
        space = self._spaces.get(names)
        if space is None:
            space = self._spaces[names] = pooled_space([self.views[name].data for name in sorted(names)])
        return space

    def new(self, name: str) -> Floats:
        """Return the features of an author's rows for a new office (see `usual`)."""
        return self.views[name].new(self.usual(name))

    def usual(self, name: str, *, without: str = "") -> FeatureSpace:
        """Return the statistics of a new office: those pooled over the other authors, except the author ``without``."""
        others = frozenset(self.views) - {name, without}
        return self.pooled(others or frozenset({name}))

    def lessons(self, *, slope: float, without: str = "", blind: bool = True) -> Lessons:
        """Return the lessons of all authors except ``without``. Trees start from ``slope`` times the prior."""
        every = [(name, taught) for name, of_author in self.taught.items() if name != without for taught in of_author]
        # The features of all rows take most of the memory. Write them in place instead of joining copies.
        ends = np.cumsum([0, *(len(taught.find) for _, taught in every)]).tolist()
        matrix = np.empty((ends[-1], len(self.names)))
        parts = [
            taught.lessons(
                self.usual(name, without=without), self.prior, slope=slope, matrix=matrix[start:end], blind=blind
            )
            for (name, taught), (start, end) in zip(every, pairwise(ends), strict=True)
        ]
        return Lessons.join(parts, matrix)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Scores of one author's world by models that were not trained on it.

    Attributes:
        views: the author's views.
        raw: (m, K) raw log-odds of prior plus trees for the scored rows.
        facts: (m, K) whether the declaration states content of the head.
        scores: kind of model -> (s,) risk log-odds per shipment. Those of ``both`` are calibrated on the other worlds.
    """

    views: AuthorViews
    raw: Floats
    facts: Bools
    scores: dict[str, Floats]

    @property
    def outcomes(self) -> Outcomes:
        """The uncalibrated scores, and the truth. Content counts as declared where `spare_facts` may keep its odds."""
        score = np.asarray(combined(self.raw))
        declared = self.facts.any(axis=1) & (score > LEAST_SPARED)
        return Outcomes(
            self.per_shipment(score), self.views.illicit, np.logical_or.reduceat(declared, self.views.first_row)
        )

    def per_shipment(self, values: Floats) -> Floats:
        """Return the largest of ``values`` (m,) of each shipment (s,)."""
        return np.asarray(np.maximum.reduceat(values, self.views.first_row))

    def stated(self, calibrator: Calibrator) -> Floats:
        """Return the risk log-odds (s,) that a model with this calibrator states at the default base rates."""
        score = np.asarray(combined(self.raw))
        return self.per_shipment(spare_facts(calibrator(score), score, np.asarray(self.facts.any(axis=1))))


def leave_out(authors: Authors, name: str, params: ResidualParams) -> LeftOut:
    """Learn from all authors except ``name``, and score the world of ``name``."""
    views, heads = authors.views[name], tuple(HEADS)
    lessons = authors.lessons(slope=params.slope, without=name)
    matrix = np.ascontiguousarray(authors.new(name))
    log_odds = authors.prior.log_odds(matrix)
    both = fit_residual(lessons, heads, authors.names, authors.monotone, params)
    alone = fit_residual(lessons.without_prior(), heads, authors.names, authors.monotone, params)

    raw = log_odds + both.raw(matrix, params.threads)
    of_kind = {"prior": log_odds, "boosters": alone.raw(matrix, params.threads), "both": raw}
    result = LeftOut(views, raw, authors.prior.facts(matrix), {})
    return replace(
        result, scores={kind: result.per_shipment(np.asarray(combined(values))) for kind, values in of_kind.items()}
    )


def leave_each_out(authors: Authors, params: ResidualParams, progress: Progress = lambda _: None) -> dict[str, LeftOut]:
    """Return the left-out scores of each author, calibrated on those of the others."""
    results = {}
    for name in authors.views:
        progress(name)
        results[name] = leave_out(authors, name, params)
    for name, result in results.items():
        if others := [other.outcomes for key, other in results.items() if key != name]:
            result.scores["both"] = result.stated(fit(others))
    return results


def lanes_of(results: Sequence[LeftOut], kind: str) -> Lanes:
    """Return lanes set on the clean shipments of several authors, with the same weight for each author."""
    scores = [result.scores[kind][~result.views.illicit] for result in results]
    weight = [np.full(len(part), 1.0 / len(part)) for part in scores]
    return Lanes.from_scores(np.concatenate(scores), np.concatenate(weight))


def best_scores(
    results: Mapping[str, LeftOut], *, threads: int = 2, progress: Progress = lambda _: None
) -> dict[str, Floats]:
    """Return the scores (s,) of `best_of_author` for each author."""
    best = {}
    for name, result in results.items():
        progress(name)
        best[name] = best_of_author(result.views.data, threads)
    return best


def report(results: Mapping[str, LeftOut], best: Mapping[str, Floats]) -> dict[str, Any]:
    """Return the figures of each left-out world, as JSON values.

    ``authors`` contains the figures of each world, ``comparison`` the paired comparison of both with the better of prior and trees,
    ``calibration`` the calibration per author, and ``origins`` the false positives by origin.
    """
    of_authors: dict[str, Any] = {}
    origins: dict[str, Any] = {}
    for name, result in results.items():
        views = result.views
        others = [other for key, other in results.items() if key != name]
        figures_of: dict[str, Any] = {
            kind: figures(result.scores[kind], views.illicit, views.hard, lanes_of(others, kind) if others else None)
            for kind in KINDS
        }
        figures_of["best"] = figures(best[name], views.illicit, views.hard)
        figures_of["points"] = figures(views.data.points[views.data.scored], views.illicit, views.hard)
        figures_of["shipments"] = len(views.illicit)
        figures_of["finds"] = int(views.illicit.sum())
        figures_of["sealed"] = name in SEALED
        origins[name] = origin_figures(views, result.scores["both"], Resamples.of(views))
        figures_of["false_positives_by_origin"] = origins[name]["rates"]
        of_authors[name] = figures_of
    return {
        "authors": of_authors,
        "comparison": compare({name: (result.views, result.scores) for name, result in results.items()}),
        "calibration": calibration({name: result.outcomes for name, result in results.items()}),
        "origins": origins,
    }
