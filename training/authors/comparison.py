"""Paired comparison of prior plus trees with the better of prior and trees, in worlds on which the models were not trained.

Shipments of one consignor resemble each other, so the bootstrap draws consignors with replacement. A draw gives each shipment an
integer weight. All draws are computed at once from sparse sums per consignor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_array

from training.authors.figures import SHARES, ranked
from training.authors.views import AuthorViews
from training.authors.world_data import Bools, Floats, Ints

DRAWS: Final = 500
#: Bounds of a 90 % interval, in percent.
INTERVAL: Final = (5.0, 95.0)
SHARE: Final = SHARES[-1]
MEASURES: Final = ("pr_auc", f"recall_{SHARE:g}")


@dataclass(frozen=True, slots=True)
class Resamples:
    """Bootstrap draws of consignors.

    Attributes:
        consignor: (s,) consignor of each shipment, counted from 0.
        times: (G, draws + 1) how often each of G consignors is drawn. The first column is the world itself, with each consignor
            once.
    """

    consignor: Ints
    times: Floats

    @classmethod
    def of(cls, views: AuthorViews, *, draws: int = DRAWS, seed: int = 0) -> Resamples:
        """Draw the consignors of an author's scored shipments. A shipment without a consignor's name is its own group."""
        codes = views.office.table.text("consignor_name").codes[views.first_row].astype(np.int64)
        nameless = codes < 0
        codes[nameless] = -1 - np.arange(nameless.sum())
        return cls.from_groups(np.unique(codes, return_inverse=True)[1], draws=draws, seed=seed)

    @classmethod
    def from_groups(cls, consignor: Ints, *, draws: int = DRAWS, seed: int = 0) -> Resamples:
        """Draw consignors (s,), counted from 0."""
        count = int(consignor.max()) + 1
        drawn = np.random.default_rng(seed).integers(count, size=(draws, count))
        cells = drawn + count * np.arange(draws)[:, None]
        times = np.bincount(cells.ravel(), minlength=draws * count).reshape(draws, count).T
        return cls(consignor, np.concatenate([np.ones((count, 1)), times], axis=1))

    def totals(self, column: Ints, columns: int) -> Floats:
        """Return the weight (columns, draws + 1) of the shipments by ``column`` (s,). Shipments with column -1 are left out."""
        kept = column >= 0
        ones = np.ones(int(kept.sum()))
        counts = csr_array((ones, (column[kept], self.consignor[kept])), shape=(columns, len(self.times)))
        return np.asarray(counts @ self.times)


def pr_aucs(score: Floats, illicit: Bools, resamples: Resamples) -> Floats:
    """Return the average precision (draws + 1,) of scores (s,). Equal scores count as one step."""
    step = np.unique(-score, return_inverse=True)[1]
    with_finds = np.unique(step[illicit])
    # Shipments between two steps with finds count at the step with the lower score. Shipments below the last one change nothing.
    place = np.searchsorted(with_finds, step)
    place = np.where(place < len(with_finds), place, -1)
    finds = resamples.totals(np.where(illicit, place, -1), len(with_finds))
    passed = np.cumsum(resamples.totals(place, len(with_finds)), axis=0)
    precision = np.divide(np.cumsum(finds, axis=0), passed, out=np.zeros_like(passed), where=passed > 0.0)
    return np.asarray((finds * precision).sum(axis=0) / np.maximum(finds.sum(axis=0), 1.0))


def recalls(score: Floats, illicit: Bools, resamples: Resamples, share: float = SHARE) -> Floats:
    """Return the share of finds (draws + 1,) inside the top ``share`` of scores (s,)."""
    order = ranked(score)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    finds = np.sort(rank[illicit])
    place = np.searchsorted(finds, rank)
    place = np.where(place < len(finds), place, -1)
    weight = resamples.totals(np.where(illicit, place, -1), len(finds))
    before = np.cumsum(resamples.totals(place, len(finds)), axis=0) - weight
    capacity = np.maximum(1.0, np.round(share * resamples.totals(np.zeros(len(rank), dtype=np.int64), 1)[0]))
    # The copies of a find that is drawn several times may lie on both sides of the limit.
    inside = np.clip(capacity - before, 0.0, weight)
    return np.asarray(inside.sum(axis=0) / np.maximum(weight.sum(axis=0), 1.0))


def compare(worlds: Mapping[str, tuple[AuthorViews, Mapping[str, Floats]]]) -> dict[str, Any]:
    """Return the differences between ``both`` and the better of ``prior`` and ``boosters``, per world and as mean over the worlds.

    Args:
        worlds: name -> the views, and kind of model -> scores (s,).

    Returns:
        ``worlds``: name -> measure -> ``against``, ``value``, ``low``, ``high`` (90 %). ``mean``: the same without ``against``.
    """
    of_world: dict[str, Any] = {}
    draws: dict[str, list[Floats]] = {measure: [] for measure in MEASURES}
    for number, (name, (views, scores)) in enumerate(worlds.items()):
        resamples = Resamples.of(views, seed=number)
        of_world[name] = {}
        for measure, measured in zip(MEASURES, (pr_aucs, recalls), strict=True):
            values = {kind: measured(scores[kind], views.illicit, resamples) for kind in ("prior", "boosters", "both")}
            # Choose the better one on the world itself, which is the first column.
            against = max(("prior", "boosters"), key=lambda kind: float(values[kind][0]))
            difference = values["both"] - values[against]
            draws[measure].append(difference)
            of_world[name][measure] = {"against": against, **interval(difference)}
    mean = {measure: interval(np.mean(of_measure, axis=0)) for measure, of_measure in draws.items() if of_measure}
    return {"worlds": of_world, "mean": mean}


def interval(values: Floats) -> dict[str, float]:
    """Return the first of ``values`` (draws + 1,), which is that of the world itself, and the `INTERVAL` of the others."""
    low, high = np.percentile(values[1:], INTERVAL)
    return {"value": float(values[0]), "low": float(low), "high": float(high)}
