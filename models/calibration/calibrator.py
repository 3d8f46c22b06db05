"""Calibration of raw log-odds.

Steps from raw log-odds to the risk of a shipment:

1. Each head's calibrator maps the head's raw log-odds to p_head at the *training* prevalence.
2. `combine` returns the item's log-odds of 1 - prod(1 - p_head).
3. The calibrator named ``risk`` maps these to the item's risk log-odds, still at the training prevalence.
4. The shipment's risk log-odds are the largest of its items.
5. `shift` adjusts p_head and the risk to the office's base rates.

If the calibrator ``risk`` spares facts, it maps the combined *raw* log-odds of the heads instead, so the order of risks is that of
raw scores. Goods whose declaration states the content then keep their raw log-odds where these are above even (`spare_facts`).

Lanes and percentiles use the uncorrected risk log-odds of step 4. A base rate adds the same constant to every shipment, so it
changes the reported probability but never the lane.

Calibrators are fitted on one item per shipment, the largest. They are strictly increasing, so they create no ties. Beyond the last
knot the slope is 1, so that evidence stronger than the fitted data, such as law, keeps its weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.calibration.log_odds import FloatArray, map_segments, probability

CalibratorKind = Literal["piecewise", "slope", "intercept", "identity"]

#: Bounds of slopes. A slope outside them indicates a broken head (flat, or a step) rather than a miscalibrated one.
MIN_SLOPE: Final = 0.05
MAX_SLOPE: Final = 5.0
#: Minimum number of positives for several slopes; fewer positives give one slope.
MIN_POSITIVES_PIECEWISE: Final = 50
#: Minimum number of positives for one slope; fewer positives give only the intercept.
MIN_POSITIVES_SLOPE: Final = 10
#: Number of positives per knot. More than `MAX_KNOTS` knots would fit noise.
POSITIVES_PER_KNOT: Final = 25
MAX_KNOTS: Final = 8
#: Approximate number of negatives above the last knot. So few negatives do not determine a slope.
NEGATIVES_BEYOND: Final = 10
#: Weight of (slope - 1)^2 relative to the log-likelihood of one positive: a prior of slope 1 +- 0.5.
RIDGE: Final = 2.0
#: Fitted numbers are rounded, because their last digits depend on the number of BLAS threads.
_DECIMALS: Final = 6


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number. Booleans are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A strictly increasing, piecewise-linear map of log-odds.

    Attributes:
        knots: (k,) strictly increasing raw log-odds where the slope changes; k >= 1.
        anchor: value of the map at ``knots[0]``.
        slopes: (k + 1,) slopes left of the first knot, between knots, and right of the last knot; each in [0.05, 5]. Fitting
            leaves the last at 1.
        kind: ``piecewise``, or a simpler map for few positives: ``slope`` (fewer than 50), ``intercept`` (fewer than 10) or
            ``identity`` (no positives or no negatives).
        n_positive: number of fitted shipments with a find.
        n: number of fitted shipments.
        prevalence: weighted share of finds among fitted shipments; the output is calibrated at this prevalence. For ``identity``
            it is the mean uncalibrated probability.
        spares_facts: True if it was fitted without declared content, for which it does not hold.
    """

    knots: tuple[float, ...]
    anchor: float
    slopes: tuple[float, ...]
    kind: CalibratorKind
    n_positive: int
    n: int
    prevalence: float
    spares_facts: bool = False

    def __post_init__(self) -> None:
        numbers = (*self.knots, self.anchor, *self.slopes, self.prevalence)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("A calibrator needs finite numbers.")
        if not self.knots or len(self.slopes) != len(self.knots) + 1:
            raise ValueError(f"{len(self.knots)} knots need {len(self.knots) + 1} slopes, got {len(self.slopes)}.")
        if any(right <= left for left, right in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError("The knots of a calibrator must increase strictly.")
        if not all(MIN_SLOPE <= slope <= MAX_SLOPE for slope in self.slopes):
            raise ValueError(f"The slopes of a calibrator must lie in [{MIN_SLOPE}, {MAX_SLOPE}].")
        if not 0.0 < self.prevalence < 1.0:
            raise ValueError(f"A calibrator's prevalence must lie in (0, 1), got {self.prevalence!r}.")

    @classmethod
    def identity(cls, prevalence: float = 0.5) -> Calibrator:
        """Return the identity map."""
        return cls((0.0,), 0.0, (1.0, 1.0), "identity", 0, 0, prevalence)

    @classmethod
    def fit(
        cls,
        raw_log_odds: ArrayLike,
        positive: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        spares_facts: bool = False,
    ) -> Calibrator:
        """Fit on one row per shipment by penalised maximum likelihood of a weighted logistic model.

        The penalty pulls slopes towards 1. The calibrated probability holds at the *weighted* prevalence.

        Args:
            raw_log_odds: (n,) raw log-odds of each shipment's largest item.
            positive: (n,) whether the shipment was a find.
            weight: (n,) number of shipments that each one represents; default 1.
            spares_facts: see `Calibrator`.

        Raises:
            ValueError: shapes differ, a log-odds or a weight is not finite, a weight is negative, or all weights are zero.
        """
        x = np.asarray(raw_log_odds, dtype=np.float64)
        y = np.asarray(positive).astype(np.float64)
        w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
        if not (x.ndim == 1 and x.shape == y.shape == w.shape):
            raise ValueError(f"The three arrays must have one length, got shapes {x.shape}, {y.shape} and {w.shape}.")
        if not (np.isfinite(x).all() and np.isfinite(w).all() and (w >= 0.0).all() and w.sum() > 0.0):
            raise ValueError("Raw log-odds and weights must be finite, weights not negative and not all zero.")
        is_positive = (y > 0.0) & (w > 0.0)
        n_positive = int(is_positive.sum())
        if n_positive == 0 or not ((y <= 0.0) & (w > 0.0)).any():
            mean = float(np.average(probability(x), weights=w))
            prevalence = min(max(mean, 1e-12), 1.0 - 1e-12)
            return cls((0.0,), 0.0, (1.0, 1.0), "identity", n_positive, len(x), prevalence, spares_facts)
        prevalence = float((w * y).sum() / w.sum())
        # Scale the weights so that those of the positives add up to their effective number (Kish). The strength of the penalty
        # then does not depend on how negatives were sampled.
        scaled = w * (w[is_positive].sum() / np.square(w[is_positive]).sum())
        kind, knots = _shape(x[is_positive], _tail(x, w, is_positive), n_positive)
        anchor, slopes = _maximise(x, y, scaled, knots, kind)
        places = tuple(float(knot) for knot in knots)
        return cls(places, anchor, slopes, kind, n_positive, len(x), prevalence, spares_facts)

    def __call__(self, raw_log_odds: ArrayLike) -> FloatArray:
        """Return calibrated log-odds for raw log-odds of any shape."""
        x = np.asarray(raw_log_odds, dtype=np.float64)
        return Calibrators([self])(x.reshape(-1, 1)).reshape(x.shape)

    def values_at_knots(self) -> list[float]:
        """Return the value of the map at each knot."""
        # Use the same arithmetic as between knots. The value just left of a knot then never rounds to more than the value at the
        # knot, so the map also increases in floating point.
        values = [self.anchor]
        for i in range(1, len(self.knots)):
            values.append(values[-1] + self.slopes[i] * (self.knots[i] - self.knots[i - 1]))
        return values

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `from_json`."""
        return {
            "kind": self.kind,
            "n_positive": self.n_positive,
            "n": self.n,
            "prevalence": self.prevalence,
            "knots": list(self.knots),
            "anchor": self.anchor,
            "slopes": list(self.slopes),
            "spares_facts": self.spares_facts,
        }

    @classmethod
    def from_json(cls, data: object) -> Calibrator:
        """Return the calibrator that `to_json` wrote.

        Raises:
            ValueError: a key is missing or unknown, a value has another type, or the map would not increase.
        """
        keys = {"kind", "n_positive", "n", "prevalence", "knots", "anchor", "slopes", "spares_facts"}
        # Bundles of earlier versions have calibrators without the last key, which spare nothing.
        if not isinstance(data, dict) or {"spares_facts", *data} != keys:
            raise ValueError(f"A calibrator must have the keys {sorted(keys)}.")
        if not isinstance(data.get("spares_facts", False), bool):
            raise ValueError("spares_facts of a calibrator must be true or false.")
        if data["kind"] not in ("piecewise", "slope", "intercept", "identity"):
            raise ValueError(f"A calibrator of kind {data['kind']!r} is unknown.")
        if not all(isinstance(data[key], int) and not isinstance(data[key], bool) for key in ("n_positive", "n")):
            raise ValueError("n_positive and n of a calibrator must be whole numbers.")
        if not all(isinstance(data[key], list) for key in ("knots", "slopes")):
            raise ValueError("knots and slopes of a calibrator must be lists.")
        if not all(map(is_number, (data["prevalence"], data["anchor"], *data["knots"], *data["slopes"]))):
            raise ValueError("prevalence, anchor, knots and slopes of a calibrator must be numbers.")
        return cls(
            tuple(float(knot) for knot in data["knots"]),
            float(data["anchor"]),
            tuple(float(slope) for slope in data["slopes"]),
            cast(CalibratorKind, data["kind"]),
            data["n_positive"],
            data["n"],
            float(data["prevalence"]),
            data.get("spares_facts", False),
        )


#: Below even odds, declared content counts for less the stronger the evidence against it, by this slope.
_DOUBT: Final = 2.0
#: At lower raw log-odds `spare_facts` changes nothing: a calibrator fitted at the base rates states more than `_DOUBT` times them.
LEAST_SPARED: Final = -6.0


def spare_facts(calibrated: FloatArray, raw: FloatArray, facts: NDArray[np.bool_]) -> FloatArray:
    """Return log-odds that are at least the raw ones where the declaration states the content and raw odds are above even.

    Declared content is not an estimate, so the frequency of finds among similar scores says nothing about it. Where other evidence
    makes raw odds less than even (a registered permit, a clinical form to a hospital), the limit falls twice as fast as they do,
    down to `LEAST_SPARED`.

    Args:
        calibrated, raw: calibrated and raw log-odds, of one shape.
        facts: whether the declaration states the content, of the same shape.
    """
    spared = np.maximum(calibrated, np.minimum(raw, _DOUBT * raw))
    return np.where(facts & (raw > LEAST_SPARED), spared, calibrated)


class Calibrators:
    """Several calibrators, one per column."""

    def __init__(self, calibrators: Sequence[Calibrator]) -> None:
        self._first_knot = np.cumsum([0, *(len(one.knots) for one in calibrators)], dtype=np.int64)
        self._knots = np.array([knot for one in calibrators for knot in one.knots])
        # A calibrator's segment left of all knots is anchored at its first knot, and each other segment at the knot to its left.
        self._start = np.array([knot for one in calibrators for knot in (one.knots[0], *one.knots)])
        values = [one.values_at_knots() for one in calibrators]
        self._value = np.array([value for of_one in values for value in (of_one[0], *of_one)])
        self._slope = np.array([slope for one in calibrators for slope in one.slopes])

    def __call__(self, raw_log_odds: FloatArray) -> FloatArray:
        """Return calibrated log-odds for raw log-odds, both (n, calibrators)."""
        out = np.empty(raw_log_odds.shape)
        map_segments(raw_log_odds, self._first_knot, self._knots, self._start, self._value, self._slope, out)
        return out


def _shape(positives: FloatArray, tail: float, n_positive: int) -> tuple[CalibratorKind, FloatArray]:
    """Return the kind of map for a number of positives, and its knots at quantiles of the positives' scores and at ``tail``."""
    middle = np.array([round(float(np.median(positives)), _DECIMALS)])
    if n_positive < MIN_POSITIVES_SLOPE:
        return "intercept", middle
    if n_positive < MIN_POSITIVES_PIECEWISE:
        return "slope", np.unique([middle[0], max(middle[0], tail)])
    count = min(max(n_positive // POSITIVES_PER_KNOT, 2), MAX_KNOTS)
    quantiles = np.quantile(positives, (np.arange(count) + 0.5) / count)
    knots = np.unique(np.round(quantiles, _DECIMALS))
    # Drop knots that are too close: a handful of shipments would determine the slope between them.
    spaced = [float(knots[0])]
    for knot in [*knots[1:], tail]:
        if knot - spaced[-1] >= 0.05:
            spaced.append(float(knot))
    return "piecewise", np.array(spaced)


def _tail(x: FloatArray, weight: FloatArray, is_positive: NDArray[np.bool_]) -> float:
    """Return the score that `NEGATIVES_BEYOND` negatives, by weight, exceed, but at most the largest score of a positive."""
    negatives, counts = x[~is_positive], weight[~is_positive]
    order = np.argsort(-negatives, kind="stable")
    beyond = int(np.searchsorted(np.cumsum(counts[order]), NEGATIVES_BEYOND))
    return round(min(float(negatives[order[min(beyond, len(order) - 1)]]), float(x[is_positive].max())), _DECIMALS)


def _maximise(
    x: FloatArray, y: FloatArray, weight: FloatArray, knots: FloatArray, kind: CalibratorKind
) -> tuple[float, tuple[float, ...]]:
    """Return the anchor and slopes that maximise the penalised likelihood."""
    # Imported here because only the training extra installs scipy.
    from scipy.optimize import minimize

    # Column j is the part of the distance from the first knot to x that lies in segment j, negative left of the first knot.
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    columns = [np.minimum(x - knots[0], 0.0)]
    columns += [np.clip(x, edges[j], edges[j + 1]) - edges[j] for j in range(1, len(edges) - 1)]
    # Use one slope for all segments but the last, whose slope is always 1.
    tied = kind == "slope" and len(columns) > 2
    basis = np.stack([np.sum(columns[:-1], axis=0), columns[-1]] if tied else columns, axis=1)
    n_slopes = basis.shape[1]
    free = (1.0, 1.0) if kind == "intercept" else (MIN_SLOPE, MAX_SLOPE)
    bounds = [*[free] * (n_slopes - 1), (1.0, 1.0)]

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        z = theta[0] + basis @ theta[1:]
        residual = weight * (probability(z) - y)
        value = (weight * (np.logaddexp(0.0, z) - y * z)).sum() + RIDGE * np.square(theta[1:] - 1.0).sum()
        gradient = np.concatenate([[residual.sum()], basis.T @ residual + 2.0 * RIDGE * (theta[1:] - 1.0)])
        return float(value), gradient

    start = np.concatenate([[knots[0]], np.ones(n_slopes)])
    result = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), *bounds],
        options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-8},
    )
    theta = np.round(np.asarray(result.x, dtype=np.float64), _DECIMALS)
    slopes = np.clip(theta[1:], MIN_SLOPE, MAX_SLOPE)
    if tied:
        slopes = np.repeat(slopes, [len(columns) - 1, 1])
    return float(theta[0]), tuple(float(slope) for slope in slopes)
