"""Errors of the triage lanes: clean shipments in red by origin and number of items, and the cost of equal rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from features.table.table import ManifestTable
from models.lanes import GREEN, LANE_NAMES, RED, RED_SHARE, YELLOW
from training.arrays import Bools, Floats, Ints, Texts
from training.data.dataset import Outcome
from training.evaluation.evaluation import Scored
from training.evaluation.metrics import MIN_FINDS, RESAMPLES, Cause, interval, poisson_times, too_few

#: Minimum share of clean traffic of a major origin, and minimum number of its clean shipments.
MAJOR_SHARE: Final = 0.01
MAJOR_SHIPMENTS: Final = 500
#: Minimum number of clean shipments for a ratio of rates. Of 2,000 clean shipments, ten are expected in red; ratios of smaller
#: counts are mostly noise.
RATIO_SHIPMENTS: Final = 2000
#: Maximum ratios between origins for which the cost is reported: the acceptance limit and two stricter ones.
MAX_RATIOS: Final = (3.0, 2.0, 1.25)
#: Target share of the red lane, as a metric key.
_RED: Final = f"{RED_SHARE:g}"
#: Classes of the number of goods items, and the smallest number of each class.
_ITEMS: Final = {"1": 1, "2": 2, "3-5": 3, "6+": 6}


def lane_shares(scored: Scored, outcome: Outcome) -> dict[str, Any]:
    """Return per lane the share of clean traffic and of finds in it, and its number of shipments."""
    if scored.lane is None:
        return {}
    is_find = outcome.any
    out: dict[str, Any] = {}
    for code in (RED, YELLOW, GREEN):
        inside = scored.lane == code
        share: dict[str, Any] = {"clean_traffic": _mean(inside[outcome.clean]), "shipments": int(inside.sum())}
        if is_find.sum() >= MIN_FINDS:
            share["finds"] = float(np.average(inside[is_find], weights=outcome.weight[is_find]))
        else:
            share |= {"finds": None, "reason": f"{int(is_find.sum())} finds; at least {MIN_FINDS} are needed"}
        out[LANE_NAMES[code]] = share
    return out


def _mean(values: Bools) -> float:
    return float(values.mean()) if len(values) else 0.0


def origin_of(table: ManifestTable) -> list[str | None]:
    """Return per shipment (n_shipments,) the declared origin of its first item, or its country of export."""
    origin, export = table.text("origin_country"), table.text("export_country")
    first = table.first_row
    return [
        origin.values[o] if o >= 0 else export.values[e] if e >= 0 else None
        for o, e in zip(origin.codes[first].tolist(), export.codes[first].tolist(), strict=True)
    ]


def items_of(table: ManifestTable) -> Texts:
    """Return per shipment (n_shipments,) the class of its number of goods items."""
    count = np.bincount(table.shipment, minlength=table.n_shipments)
    at = np.searchsorted(np.array(list(_ITEMS.values())), count, side="right") - 1
    return np.array(list(_ITEMS), dtype=object)[at]


def red_by_items(scored: Scored, outcome: Outcome, items: Texts) -> dict[str, Any]:
    """Return the share of clean shipments in red and in yellow, per class of the number of items."""
    if scored.lane is None:
        return {}
    clean = outcome.clean
    out: dict[str, Any] = {}
    for name in _ITEMS:
        lane = scored.lane[clean & (items == name)]
        if len(lane):
            red, yellow = (float((lane == code).mean()) for code in (RED, YELLOW))
            out[name] = {"clean_shipments": len(lane), "red_rate": red, "yellow_rate": yellow}
    return out


def red_by_origin(scored: Scored, outcome: Outcome, origin: Sequence[str | None], *, seed: int = 0) -> dict[str, Any]:
    """Return the red lane's false-positive rate per major origin, and the ratio of the largest to the smallest rate.

    The ratio covers origins with at least `RATIO_SHIPMENTS` clean shipments. ``cost`` gives, per limit in `MAX_RATIOS`, the recall
    that remains and is lost if thresholds per origin keep the ratio within the limit.
    """
    if scored.lane is None:
        return {}
    clean = outcome.clean
    red = scored.lane == RED
    names = np.array([o or "" for o in origin])
    major = _major(names[clean])
    rates = {
        name: {"clean_shipments": int(inside.sum()), "red_rate": float(red[inside].mean())}
        for name in major
        for inside in [clean & (names == name)]
    }
    out: dict[str, Any] = {"origins": rates, "all_clean_red_rate": _mean(red[clean])}
    compared = {name: float(r["red_rate"]) for name, r in rates.items() if r["clean_shipments"] >= RATIO_SHIPMENTS}
    if len(compared) < 2:
        reason = f"{len(compared)} major origins with {RATIO_SHIPMENTS} clean shipments or more; at least 2 are needed"
        cause: Cause = "too little traffic"
        return out | {"ratio": None, "reason": reason, "cause": cause}
    least, most = min(compared.values()), max(compared.values())
    if least == 0.0:
        out |= {"ratio": None, "reason": "an origin has no clean shipment in red"}
    else:
        out["ratio"] = most / least
        out["ratio_interval"] = _ratio_interval([red[clean & (names == name)] for name in compared], seed)
    if most > 0.0:
        out["cost"] = [_cost(scored.risk, red, outcome, names, list(compared), ratio, seed) for ratio in MAX_RATIOS]
    return out


def _ratio_interval(reds: Sequence[Bools], seed: int) -> list[float] | None:
    """Return the 95 % interval of the ratio of the largest to the smallest rate.

    Each bootstrap sample selects its own origins with the largest and smallest rates. Chance alone therefore makes the ratio
    larger than 1. The result is None if the smallest rate is 0 in more than half of the samples.
    """
    rng = np.random.default_rng(seed)
    counts = np.stack([rng.poisson(own.sum(), RESAMPLES) / len(own) for own in reds])
    usable = counts.min(axis=0) > 0
    if usable.sum() < RESAMPLES / 2:
        return None
    ratios = counts.max(axis=0)[usable] / counts.min(axis=0)[usable]
    low, high = np.percentile(ratios, (2.5, 97.5))
    return [float(low), float(high)]


def _least(clean: int) -> float:
    return max(MAJOR_SHIPMENTS, MAJOR_SHARE * clean)


def _major(clean_names: NDArray[np.str_]) -> list[str]:
    """Return the major origins, given the origin (n,) of each clean shipment."""
    names, counts = np.unique(clean_names, return_counts=True)
    least = _least(len(clean_names))
    return [name for name, n in zip(names.tolist(), counts.tolist(), strict=True) if name and n >= least]


def capped_rates(rate: Floats, shipments: Ints, ratio: float) -> Floats:
    """Return rates close to ``rate`` (k,) that differ by at most the factor ``ratio``.

    All rates are clipped to [low, ratio * low]. ``low`` is chosen so that the total number of selected ``shipments`` (k,) stays
    the same.
    """
    total = float(rate @ shipments)
    low = brentq(lambda low: float(np.clip(rate, low, ratio * low) @ shipments) - total, 0.0, float(rate.max()))
    return np.clip(rate, low, ratio * low)


def _cost(
    score: Floats, red: Bools, outcome: Outcome, names: NDArray[np.str_], major: list[str], ratio: float,
    seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Return the recall in red, and the recall lost, if thresholds per major origin keep the ratio of rates at most ``ratio``.

    Other origins keep the common threshold.
    """
    is_find = outcome.any
    inside = [names == name for name in major]
    clean = [own & ~is_find for own in inside]
    rate = np.array([red[own].mean() for own in clean])
    shipments = np.array([own.sum() for own in clean], dtype=np.int64)
    capped = red.copy()
    for own, own_clean, target, before in zip(inside, clean, capped_rates(rate, shipments, ratio), rate, strict=True):
        if target == before:
            continue
        # Set the threshold so that the target number of clean shipments score at or above it.
        n_red = round(float(target) * int(own_clean.sum()))
        ranked = -np.sort(-score[own_clean])
        threshold = ranked[n_red - 1] if n_red else np.inf
        capped[own] = score[own] >= threshold
    if is_find.sum() < MIN_FINDS:
        none = too_few(int(is_find.sum()))
        return {"max_ratio": ratio, "recall": {_RED: none}, "recall_lost": {_RED: none}}
    weight, before_f, after_f = outcome.weight[is_find], red[is_find], capped[is_find]
    draws: list[tuple[float, float]] = []
    for times in poisson_times(int(is_find.sum()), RESAMPLES, seed):
        total = times @ weight
        keep = total > 0
        draws += zip(
            ((times @ (weight * after_f))[keep] / total[keep]).tolist(),
            ((times @ (weight * (1.0 * before_f - after_f)))[keep] / total[keep]).tolist(),
            strict=True,
        )
    after = interval(float(np.average(after_f, weights=weight)), [d[0] for d in draws])
    lost = interval(float(np.average(1.0 * before_f - after_f, weights=weight)), [d[1] for d in draws])
    return {"max_ratio": ratio, "recall": {_RED: after}, "recall_lost": {_RED: lost}}
