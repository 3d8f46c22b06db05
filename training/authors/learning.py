"""Trees that correct the prior, learned from worlds by several authors.

The target is the residual: LightGBM starts from the prior's log-odds (``init_score``), so trees learn only what the prior does not
explain. All heads share the trees, which start from the combined prior. Their leaf values are then multiplied by one factor per
head, the shrinkage towards the prior.

In new worlds, the prior is too confident (docs/worlds.md). Trees that start from its log-odds would learn little except to correct
it on lawful trade. Trees therefore start from ``slope`` times its log-odds. Their leaf values are then divided by the slope, to
fit the full prior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import lightgbm as lgb
import numpy as np

from features.space import FeatureSpace
from models.evidence import Prior
from models.trees import scaled
from training.arrays import Bools, Floats, Ints
from training.authors.views import AuthorViews, NewOffice, changing_columns
from training.fitting.boosting import first_trees
from training.fitting.residual import boosted, combined, intercept, largest_rows

#: Prevalence of finds in training, the same for each author.
PREVALENCE: Final = 5e-3
#: Share of an author's shipments whose training rows are those of a new office.
NEW_OFFICE: Final = 1 / 3
#: Share of an author's clean shipments in training. There are a hundred times as many of them as finds.
CLEAN_SHARE: Final = 0.4
#: Features that trees do not see. Four tell opioids from precursors: trees see only whether a watched substance is declared.
#: The law and its entries decide which of them is a find, but in the authors' worlds opioids are mostly lawful and goods in drums
#: are precursors. Of the others no reason could say in words what is unusual: an officer would read a count of digits as a ground.
UNSEEN: Final = (
    "substance_opioid",
    "substance_precursor",
    "hs_precursor",
    "substance_listed_months",
    "description_length",
    "description_words",
    "description_digit_share",
    "description_numbers",
    "description_unknown_words",
    "description_rarest_word",
    "description_other_script",
    "hs_text_agreement",
    "hs_text_certainty",
    "text_doubt",
    "mass_net_share",
    "shipment_items",
    "export_chapter_share",
)


def hide_unseen(matrix: Floats, names: Sequence[str]) -> None:
    """Set the features of `UNSEEN` to 0 in a matrix (n, F) with these columns, so that trees cannot use them."""
    matrix[:, [names.index(name) for name in UNSEEN]] = 0.0


@dataclass(frozen=True, slots=True)
class ResidualParams:
    """Parameters of the trees. The values were chosen by leaving one author out (docs/worlds.md).

    Attributes:
        shrinkage: factor of all leaf values; 0 leaves the prior alone.
        shrinkage_of_opioids: the same for the head of opioids. Trees that all heads share learn mostly from chemicals. With larger
            factors, the head of equipment would suspect harmless chemicals, and precursors would outrank opioids in the same drum.
        slope: factor of the prior's log-odds from which trees start.
        common_trees: number of trees, which all heads share.
    """

    shrinkage: float = 0.5
    shrinkage_of_opioids: float = 0.6
    slope: float = 0.3
    common_trees: int = 660
    learning_rate: float = 0.08
    num_leaves: int = 9
    min_data_in_leaf: int = 60
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.8
    lambda_l2: float = 20.0
    max_bin: int = 127
    seed: int = 1
    threads: int = 2

    def factor(self, head: str) -> float:
        """Return the factor of a head's leaf values."""
        return self.shrinkage_of_opioids if head == "fentanyl_or_analogue" else self.shrinkage

    def lightgbm(self, monotone: Sequence[int]) -> dict[str, object]:
        """Return LightGBM's parameters."""
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
            "seed": self.seed,
            "data_random_seed": 1,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "num_threads": self.threads,
            "verbosity": -1,
        }


@dataclass(frozen=True, slots=True)
class Lessons:
    """Training rows of several authors.

    Attributes:
        matrix: (n, F) features.
        prior: (n, K) log-odds that trees start from: slope times the prior's, plus the author's intercept.
        find: (n, K) whether the row is a find for the head.
        weight: (n,) weights. Finds have the share `PREVALENCE` of the total of their author.
    """

    matrix: Floats
    prior: Floats
    find: Bools
    weight: Floats
    _binned: dict[int, lgb.Dataset] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def join(cls, parts: Sequence[Lessons], matrix: Floats | None = None) -> Lessons:
        """Join the lessons of several authors.

        Args:
            matrix: (n, F) the features, if those of the parts are already its consecutive rows; None copies them.
        """
        if matrix is None:
            matrix = np.concatenate([part.matrix for part in parts])
        return cls(
            matrix, *(np.concatenate([getattr(part, name) for part in parts]) for name in ("prior", "find", "weight"))
        )

    def without_prior(self) -> Lessons:
        """Return the same rows for trees that start without a prior. Both share the binned features."""
        bare = replace(self, prior=np.zeros_like(self.prior))
        object.__setattr__(bare, "_binned", self._binned)
        return bare

    def binned(self, names: Sequence[str], settings: Mapping[str, object]) -> lgb.Dataset:
        """Return the binned features. They are binned on the first call."""
        if not self._binned:
            self._binned[0] = lgb.Dataset(
                self.matrix,
                np.zeros(len(self.matrix)),
                weight=self.weight,
                feature_name=list(names),
                params=dict(settings),
            ).construct()
        return self._binned[0]


@dataclass(frozen=True, slots=True)
class Taught:
    """Training rows from one run of an author's world, before the statistics of a new office are chosen.

    The truth is known per shipment. An illicit shipment is represented by its item with the largest prior; its other items are left
    out.

    Attributes:
        settled: (r, F) features of the rows for a settled office. The last rows are those of `ByLaw`.
        find: (r, K) whether the row is a find for the head.
        as_new: (r,) whether the row gets the features of a new office. This holds for the share `NEW_OFFICE` of the shipments.
        office: all rows of the shipments with features of a new office.
        within: (a,) row in ``office`` of each row with ``as_new``.
        digest: SHA-256 of the run's manifests and truth.
    """

    settled: Floats
    find: Bools
    as_new: Bools
    office: NewOffice
    within: Ints
    digest: str

    @classmethod
    def of(cls, views: AuthorViews, prior: Prior, *, seed: int = 0) -> Taught:
        """Draw the rows."""
        draw = np.random.default_rng(seed)
        as_new = draw.random(len(views.first_row)) < NEW_OFFICE
        drawn = draw.random(len(views.first_row)) < CLEAN_SHARE
        represents = np.zeros(len(views.shipment), dtype=np.bool_)
        represents[largest_rows(combined(prior.log_odds(views.settled)), views.shipment)] = True
        kept = np.flatnonzero(np.where(views.illicit[views.shipment], represents, drawn[views.shipment]))
        seen = as_new & (views.illicit | drawn)
        # Position of each row among the rows of ``office``.
        position = np.cumsum(seen[views.shipment]) - 1
        as_new_row = as_new[views.shipment[kept]]
        by_law = views.by_law
        return cls(
            np.concatenate([views.settled[kept], by_law.matrix]),
            np.concatenate([views.content[views.shipment[kept]] & represents[kept][:, None], by_law.find]),
            np.append(as_new_row, np.zeros(len(by_law.matrix), dtype=np.bool_)),
            views.office.take(seen),
            position[kept[as_new_row]],
            views.data.digest,
        )

    def lessons(
        self,
        pooled: FeatureSpace,
        prior: Prior,
        *,
        slope: float = 1.0,
        matrix: Floats | None = None,
        blind: bool = True,
    ) -> Lessons:
        """Return the lessons. If they are ``blind``, the features of `UNSEEN` are 0 in them, so trees cannot use them.

        Args:
            pooled: statistics of a new office.
            slope: factor of the prior's log-odds.
            matrix: (r, F) C-ordered array that receives the features; by default a new one.
        """
        matrix = np.empty_like(self.settled) if matrix is None else matrix
        matrix[:] = self.settled
        seen = np.empty((self.office.table.n_rows, matrix.shape[1]))
        self.office.write(pooled, seen)
        changing = changing_columns(pooled)
        matrix[np.ix_(np.flatnonzero(self.as_new), changing)] = seen[np.ix_(self.within, changing)]
        is_find = np.asarray(self.find.any(axis=1), dtype=np.bool_)
        share = np.where(is_find, PREVALENCE / max(1, is_find.sum()), (1.0 - PREVALENCE) / max(1, (~is_find).sum()))
        start = slope * prior.log_odds(matrix)
        # The same score means different odds in different worlds. An intercept per author keeps trees from learning the difference.
        start += intercept(combined(start), is_find, share)
        if blind:
            hide_unseen(matrix, pooled.names)
        # Scale weights to a mean of 1, because LightGBM's regularisation is relative to the weight of a row.
        return Lessons(matrix, start, self.find, share * len(matrix))


@dataclass(frozen=True, slots=True)
class ResidualTrees:
    """The booster of each head, which they share, and the factor that multiplies its leaf values."""

    boosters: Mapping[str, lgb.Booster]
    factors: Mapping[str, float]

    def raw(self, matrix: Floats, threads: int = 1) -> Floats:
        """Return the raw log-odds (n, heads) of feature rows (n, F)."""
        boosters = [scaled(booster, self.factors[head]) for head, booster in self.boosters.items()]
        return np.stack(
            [np.asarray(booster.predict(matrix, raw_score=True, num_threads=threads)) for booster in boosters], axis=1
        )


def fit_residual(
    lessons: Lessons, heads: Sequence[str], names: Sequence[str], monotone: Sequence[int], params: ResidualParams
) -> ResidualTrees:
    """Fit the trees that all heads share. Factors shrink leaf values and divide them by the slope."""
    find: Bools = np.asarray(lessons.find.any(axis=1))
    start = combined(lessons.prior)
    start = start + intercept(start, find, lessons.weight)
    settings = params.lightgbm(monotone)
    trees = boosted(lessons.binned(names, settings), find, start, params.common_trees, settings)
    booster = first_trees(trees, params.common_trees)
    return ResidualTrees(dict.fromkeys(heads, booster), {head: params.factor(head) / params.slope for head in heads})
