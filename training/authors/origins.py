"""False positives by origin at 1 % inspected, and the recall under a bound on their ratio.

An origin is the country of export. Origins with fewer than 2,000 clean shipments are left out, because their rates are noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from training.authors.comparison import SHARE, Resamples, interval
from training.authors.figures import ranked
from training.authors.views import AuthorViews
from training.authors.world_data import Bools, Floats, Ints

#: Minimum number of clean shipments of an origin.
LEAST_CLEAN: Final = 2_000
#: Largest acceptable ratio of the rates of two origins.
BOUND: Final = 3.0
#: Factor of the bound in the search: rates are whole numbers of shipments, so the ratio must stay a little below the bound.
_MARGIN: Final = 0.97
_FLOORS: Final = 40
_STEPS: Final = 40


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
    for _ in range(_STEPS):
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
