"""Training examples: features, finds and weights of all finds and of a sample of clean shipments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import lightgbm as lgb
import numpy as np

from features.groups.own.counts import AsNew
from training.arrays import Bools, Floats, Ints
from training.data.dataset import Dataset
from training.data.labels import MOST_LEARNING_WEIGHT, PRESUMED_WEIGHT
from training.data.window_features import WindowFeatures
from training.data.windows import Window

#: Range of the training prevalence. Below the first value, more clean rows cost time, improve nothing and push all raw scores to
#: one end. Above the second, the sample of clean traffic lacks unusual but harmless cases.
LOWEST_PREVALENCE: Final = 1e-3
TARGET_PREVALENCE: Final = 5e-3
#: Minimum number of finds among repeated and among new declarations of the stop window to weigh both equally.
LEAST_STOP_FINDS: Final = 20


@dataclass(frozen=True, slots=True)
class Examples:
    """Training rows, one per goods item.

    Attributes:
        matrix: (n, F) features.
        find: (n, heads) or (n,) whether the item is a find.
        weight: (n,) sample weights.
        shipment: (n,) index of each item's shipment within the window; optional.
        prior: (n, heads) log-odds that boosters start from: slope times the prior's; None for boosters alone.
        slope: factor of the prior's log-odds in ``prior``.
        as_new: copies of rows as if their declarations had never been seen; None without such rows. Boosters learn from the
            original rows and from the copies, with equal total weight.

    All boosters share the binned features.
    """

    matrix: Floats
    find: Bools
    weight: Floats
    shipment: Ints | None = None
    prior: Floats | None = None
    slope: float = 1.0
    as_new: AsNew | None = None
    _binned: dict[object, tuple[lgb.Dataset, lgb.Dataset | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def binned(
        self, names: Sequence[str], settings: dict[str, Any], reference: lgb.Dataset | None = None
    ) -> lgb.Dataset:
        """Return the features in the bins of ``reference``; by default in new bins, followed by the rows as if new."""
        # The entry also stores the reference, so that its id stays unique.
        own = settings["max_bin"], settings.get("bin_construct_sample_cnt")
        key = own if reference is None else f"by {id(reference)}"
        if key not in self._binned:
            as_new = None if reference is not None else self.as_new
            parts: list[lgb.Sequence] = [_Rows(self.matrix), *([] if as_new is None else [_Rows(self.matrix, as_new)])]
            data = lgb.Dataset(
                self.matrix if as_new is None else parts,
                np.zeros(len(self.matrix) + (0 if as_new is None else len(as_new.rows))),
                reference=reference,
                feature_name=list(names),
                params=settings,
            )
            self._binned[key] = data.construct(), reference
        return self._binned[key][0]

    def on(self, prior: Floats | None, slope: float = 1.0) -> Examples:
        """Return the same rows, sharing their bins, for boosters that start from ``slope`` times ``prior`` (n, heads).

        With ``prior`` None, boosters start without a prior.
        """
        other = replace(self, prior=None if prior is None else slope * prior, slope=slope)
        object.__setattr__(other, "_binned", self._binned)
        return other

    def drop_bins(self) -> None:
        """Free the binned features. Call it after the last booster."""
        self._binned.clear()


class _Rows(lgb.Sequence):
    """Rows of a matrix, or some rows as if new. LightGBM bins them in parts, because a copy of a million rows takes gigabytes."""

    batch_size = 50_000

    def __init__(self, matrix: Floats, as_new: AsNew | None = None) -> None:
        self._matrix, self._as_new = matrix, as_new

    def __len__(self) -> int:
        return len(self._matrix if self._as_new is None else self._as_new.rows)

    def __getitem__(self, rows: int | slice | list[int]) -> Floats:
        if self._as_new is None:
            return np.asarray(self._matrix[rows])
        return self._as_new.write(self._matrix[self._as_new.rows[rows]], rows)


def even_seen(examples: Examples, seen: Bools) -> Examples:
    """Return the examples with weights that give repeated and new declarations equal totals.

    In a window full of repeated declarations, early stopping would otherwise measure how well boosters remember the repeats. With
    too few finds in one of the two groups, the weights are unchanged.

    Args:
        seen: (n,) whether the row repeats a declaration of the training rows.
    """
    find = any_head(examples.find)
    if min(find[seen].sum(), find[~seen].sum()) < LEAST_STOP_FINDS:
        return examples
    weight, total = examples.weight.copy(), examples.weight.sum()
    for rows in (seen, ~seen):
        weight[rows] *= 0.5 * total / weight[rows].sum()
    return replace(examples, weight=weight)


def any_head(find: Bools) -> Bools:
    """Return whether each row (n,) of ``find`` (n, heads) has a find for any head."""
    return np.asarray(find.any(axis=1))


def keep_for_prevalence(find: Bools, weight: Floats, *, seed: int) -> tuple[Bools, float]:
    """Choose the shipments (n,) to train on so that finds reach `TARGET_PREVALENCE`.

    All finds are kept, and clean shipments are sampled uniformly with unchanged weights. If the prevalence is at least
    `LOWEST_PREVALENCE`, all shipments are kept. Returns the selection (n,) and the share of clean shipments kept.
    """
    finds, clean = float(weight[find].sum()), float(weight[~find].sum())
    if finds == 0.0 or finds / (finds + clean) >= LOWEST_PREVALENCE:
        return np.ones(len(find), dtype=np.bool_), 1.0
    share = min(1.0, finds * (1.0 - TARGET_PREVALENCE) / TARGET_PREVALENCE / clean)
    return find | (np.random.default_rng(seed).random(len(find)) < share), share


def examples_of(features: WindowFeatures, keep: Bools | None = None) -> Examples:
    """Return the rows of a window as examples; ``keep`` (n_shipments,) selects shipments.

    If all rows are kept, the result shares the matrix, because a million rows take a gigabyte.
    """
    labels, row_shipment = features.labels, features.row_shipment
    rows = slice(None) if keep is None or keep.all() else np.flatnonzero(keep[row_shipment])
    capped = np.minimum(labels.weight, MOST_LEARNING_WEIGHT)
    weight = np.where(labels.presumed, PRESUMED_WEIGHT * capped, capped)[row_shipment]
    as_new = features.as_new
    if as_new is not None and isinstance(rows, np.ndarray):
        as_new = as_new.take(rows)
    return Examples(features.matrix[rows], labels.find[rows], weight[rows], row_shipment[rows], as_new=as_new)


def sample_examples(features: WindowFeatures, seed: int) -> tuple[Examples, float]:
    """Return the examples of a window with a sample of clean shipments, and the share of clean shipments kept."""
    outcome = features.outcome
    keep, share = keep_for_prevalence(outcome.any, outcome.weight, seed=seed)
    return examples_of(features, keep), share


def sampled_rows(data: Dataset, window: Window, seed: int) -> Ints:
    """Return the rows of the data that `sample_examples` selects from a window with this seed."""
    rows = data.window_rows(window)
    row_shipment = np.searchsorted(window.shipments, data.table.shipment[rows])
    labels = data.window_labels(window)
    has_find = np.zeros(len(window.shipments), dtype=np.bool_)
    has_find[row_shipment[labels.find.any(axis=1)]] = True
    keep, _ = keep_for_prevalence(has_find, labels.weight, seed=seed)
    return rows[keep[row_shipment]]
