"""Figures of scores on one author's world.

Prior plus trees is compared with the better of prior and trees, in pairs. Shipments of one consignor resemble each other, so the
bootstrap draws consignors with replacement. A draw gives each shipment an integer weight. All draws are computed at once from
sparse sums per consignor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from scipy.sparse import csr_array

from models.lanes import GREEN, RED, YELLOW, Lanes
from training.arrays import Bools, Floats, Ints
from training.authors.views import AuthorData, AuthorViews

SHARES: Final = (0.001, 0.005, 0.01)
_FOLDS: Final = 5
_TREES: Final = 150
#: LightGBM's parameters for `best_of_author`.
_BEST: Final = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "verbosity": -1,
}


def ranked(score: Floats) -> Ints:
    """Return the shipments (n,) from the highest score down. A draw with a fixed seed orders equal scores."""
    return np.lexsort((np.random.default_rng(0).random(len(score)), -score))


def figures(score: Floats, illicit: Bools, hard: Bools, lanes: Lanes | None = None) -> dict[str, float]:
    """Return figures on the ranking by scores (n,).

    Args:
        illicit, hard: (n,) truth of each shipment.
        lanes: thresholds on the scores; None leaves out the figures of lanes.
    """
    # Imported here, because the gate compares rankings without the packages for training.
    from sklearn.metrics import average_precision_score

    order = ranked(score)
    measured = {"pr_auc": float(average_precision_score(illicit, score))}
    for share in SHARES:
        inside = order[: max(1, round(share * len(order)))]
        measured[f"recall_{share:g}"] = float(illicit[inside].sum() / illicit.sum())
    inside = order[: round(SHARES[-1] * len(order))]
    measured["hard_in_0.01"] = float(hard[inside].sum() / max(1, hard.sum()))
    if lanes is not None:
        lane = lanes.assign(score[~illicit])
        measured |= {"red_clean": float((lane == RED).mean()), "yellow_clean": float((lane == YELLOW).mean())}
        measured["green_illicit"] = float((lanes.assign(score[illicit]) == GREEN).mean())
    return measured


def best_of_author(data: AuthorData, threads: int) -> Floats:
    """Return the score (s,) of trees on the generator's own noise-free evidence, cross-validated by consignor.

    No model that reads manifests has more information, so this score shows how much can be found in a world.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    scored = data.scored
    evidence, illicit = data.evidence[scored], data.illicit[scored]
    consignor = data.table.text("consignor_name").codes[data.table.first_row[scored]]
    score = np.zeros(len(illicit))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(evidence, illicit, consignor):
        lessons = lgb.Dataset(evidence[train], illicit[train].astype(np.float64))
        booster = lgb.train({**_BEST, "num_threads": threads}, lessons, _TREES)
        score[test] = np.asarray(booster.predict(evidence[test], num_threads=threads))
    return score


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


#: Minimum number of clean shipments of an origin.
LEAST_CLEAN: Final = 2_000
#: Largest acceptable ratio of the rates of two origins.
BOUND: Final = 3.0
#: Factor of the bound in the search: rates are whole numbers of shipments, so the ratio must stay a little below the bound.
_MARGIN: Final = 0.97
_FLOORS: Final = 40
_OFFSET_STEPS: Final = 40


def origins_of(views: AuthorViews) -> tuple[Ints, dict[int, str]]:
    """Return the origin code (s,) of each scored shipment, and the names of the origins with enough clean shipments."""
    column = views.office.table.text("export_country")
    origin = column.codes[views.first_row].astype(np.int64)
    clean = np.bincount(origin[~views.illicit & (origin >= 0)], minlength=len(column.values))
    return origin, {code: column.values[code] for code in np.flatnonzero(clean >= LEAST_CLEAN).tolist()}


def rates(inside: Bools, clean: Bools, origin: Ints, names: Mapping[int, str]) -> dict[str, float]:
    """Return the share of clean shipments of each origin that are ``inside``."""
    return {name: float(inside[clean & (origin == code)].mean()) for code, name in names.items()}


def origin_figures(views: AuthorViews, score: Floats, resamples: Resamples) -> dict[str, Any]:
    """Return the ratios of false-positive rates with 90 % intervals, and the recall at 1 % under the bound.

    The intervals are those of the origins with the largest and the smallest rate in the world itself. A ratio is None if the
    smallest rate is 0, or if fewer than two origins have enough clean shipments.
    """
    origin, names = origins_of(views)
    clean = ~views.illicit
    inside = np.zeros(len(score), dtype=np.bool_)
    inside[ranked(score)[: round(SHARE * len(score))]] = True
    of_origin = rates(inside, clean, origin, names)
    out: dict[str, Any] = {"rates": of_origin, "overall": float(inside[clean].mean())}
    if len(of_origin) < 2 or min(of_origin.values()) == 0.0:
        return out | {"largest_over_smallest": None, "largest_over_overall": None}
    code_of = {name: code for code, name in names.items()}
    largest, smallest = (choose(of_origin, key=lambda name: of_origin[name]) for choose in (max, min))

    def drawn(of: Bools) -> Floats:
        column = np.where(clean & of, inside.astype(np.int64), -1)
        missed, false_positives = resamples.totals(column, 2)
        return np.asarray(false_positives / np.maximum(missed + false_positives, 1.0))

    top, low = drawn(origin == code_of[largest]), drawn(origin == code_of[smallest])
    overall = drawn(np.ones(len(score), dtype=np.bool_))
    # If a draw has no false positive of the smallest origin, count half a false positive.
    least = 0.5 / (clean & (origin == code_of[smallest])).sum()
    return out | {
        "largest": largest,
        "smallest": smallest,
        "largest_over_smallest": interval(top / np.maximum(low, least)),
        "largest_over_overall": interval(top / np.maximum(overall, least)),
        "bounded": bounded(score, views.illicit, origin, names),
    }


def bounded(
    score: Floats, illicit: Bools, origin: Ints, names: Mapping[int, str], bound: float = BOUND
) -> dict[str, Any]:
    """Return the recall at 1 % if an offset per origin limits the ratio of false-positive rates to ``bound``.

    Offsets keep all rates between a floor and ``bound`` times the floor. The floor that changes the fewest inspections
    is chosen. The number of inspected shipments stays the same.

    Returns:
        ``recall`` with and ``recall_without`` offsets, ``ratio`` of the rates, and nonzero ``offsets`` per origin, in log-odds.
    """
    many = round(SHARE * len(score))
    inside = np.zeros(len(score), dtype=np.bool_)
    inside[ranked(score)[:many]] = True
    now = rates(inside, ~illicit, origin, names)
    without = float(illicit[inside].sum() / illicit.sum())
    if max(now.values()) <= bound * min(now.values()):
        return {"recall": without, "recall_without": without, "ratio": _ratio(now), "offsets": {}}
    clean_scores = {code: np.sort(score[~illicit & (origin == code)]) for code in names}
    tried = []
    for floor in np.linspace(max(now.values()) / bound / 3.0, max(now.values()), _FLOORS):
        offsets = _offsets(score, clean_scores, origin, (floor, _MARGIN * bound * floor), many)
        moved = score + _per_shipment(offsets, origin)
        chosen = np.zeros(len(score), dtype=np.bool_)
        chosen[ranked(moved)[:many]] = True
        found = rates(chosen, ~illicit, origin, names)
        if _ratio(found) <= bound:
            recall = float(illicit[chosen].sum() / illicit.sum())
            tried.append((int((chosen != inside).sum()), recall, _ratio(found), offsets))
    if not tried:
        return {"recall": None, "recall_without": without, "ratio": None, "offsets": {}}
    _, recall, ratio, offsets = min(tried, key=lambda one: one[0])
    shown = {names[code]: offset for code, offset in offsets.items() if abs(offset) > 1e-9}
    return {"recall": recall, "recall_without": without, "ratio": ratio, "offsets": shown}


def _ratio(of_origin: Mapping[str, float]) -> float:
    least = min(of_origin.values())
    return max(of_origin.values()) / least if least > 0.0 else float("inf")


def _per_shipment(offsets: Mapping[int, float], origin: Ints) -> Floats:
    """Return the offset (s,) of each shipment, 0 for other origins."""
    table = np.zeros(int(max(origin.max(), *offsets)) + 2)
    for code, offset in offsets.items():
        table[code] = offset
    return np.asarray(table[origin])


def _offsets(
    score: Floats, clean: Mapping[int, Floats], origin: Ints, limits: tuple[float, float], many: int
) -> dict[int, float]:
    """Return the offset of each origin that keeps its rate within the limits if ``many`` shipments are inspected.

    Args:
        clean: ascending scores of the clean shipments of each origin.
        limits: the smallest and the largest rate.
    """
    low, high = float(score.min()), float(score.max())
    offsets = dict.fromkeys(clean, 0.0)
    for _ in range(_OFFSET_STEPS):
        threshold = (low + high) / 2.0
        for code, scores in clean.items():
            rate = 1.0 - float(np.searchsorted(scores, threshold)) / len(scores)
            wanted = min(max(rate, limits[0]), limits[1])
            own = (
                threshold
                if wanted == rate
                else float(scores[max(0, len(scores) - max(1, round(wanted * len(scores))))])
            )
            offsets[code] = threshold - own
        inspected = int((score + _per_shipment(offsets, origin) >= threshold).sum())
        low, high = (threshold, high) if inspected > many else (low, threshold)
    return offsets
