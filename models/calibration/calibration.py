"""Raw log-odds become calibrated log-odds, heads become one risk, and a base rate is put in.

The order, for one goods item:

1. each head's raw log-odds pass through that head's calibrator: p_head at the *training* prevalence;
2. `combine` gives the item's log-odds of 1 - prod(1 - p_head);
3. the calibrator named ``risk`` turns that into the risk log-odds, still at the training prevalence;
4. a shipment is its largest item;
5. only then `shift` moves p_head and risk to the office's base rates.

Lanes and percentiles are decided after step 4, on the uncorrected risk log-odds: a base rate is one constant added to
every shipment, so it may change what a score *says*, never which shipment stands in which lane.

Calibrators are fitted per shipment (largest item) and are strictly increasing, so they make no new ties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.calibration.shipments import calibrate

FloatArray = NDArray[np.float64]
CalibratorKind = Literal["piecewise", "slope", "intercept", "identity"]

#: Slopes outside these bounds would be a broken head (flat, or a step), not a miscalibrated one.
MIN_SLOPE: Final = 0.05
MAX_SLOPE: Final = 5.0
#: Below this many positives the shape is not estimable: one slope only.
MIN_POSITIVES_PIECEWISE: Final = 50
#: Below this many not even a slope is: intercept only.
MIN_POSITIVES_SLOPE: Final = 10
#: A knot costs about this many positives, and more than this many knots only follow noise.
POSITIVES_PER_KNOT: Final = 25
MAX_KNOTS: Final = 8
#: Weight of (slope - 1)^2 against the log-likelihood of one positive: a prior of slope 1 +- 0.5.
RIDGE: Final = 2.0
#: The optimiser's last digits depend on the number of threads of the linear algebra; rounding keeps a refit
#: reproducible.
_DECIMALS: Final = 6


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def logit(p: float) -> float:
    """Log-odds of one probability strictly between 0 and 1.

    Raises:
        ValueError: p is not in (0, 1).
    """
    if not 0.0 < p < 1.0:
        raise ValueError(f"A probability strictly between 0 and 1 is needed, got {p!r}.")
    return math.log(p) - math.log1p(-p)


def probability(log_odds: ArrayLike) -> FloatArray:
    """Probabilities of log-odds, any shape; neither overflows nor loses small values (p = 1e-300 stays 1e-300)."""
    x = np.asarray(log_odds, dtype=np.float64)
    # exp of a non-positive number only: no overflow on either side.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, small) / (1.0 + small)


def shift(log_odds: ArrayLike, pi_train: float, pi: float) -> FloatArray:
    """Log-odds moved from prevalence ``pi_train`` to prevalence ``pi``: logit p += logit(pi) - logit(pi_train).

    Exact when the distribution within each class is the same at both prevalences (Saerens, Latinne and Decaestecker
    2002, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14(1)).

    Raises:
        ValueError: a prevalence is not in (0, 1).
    """
    moved: FloatArray = np.asarray(log_odds, dtype=np.float64) + (logit(pi) - logit(pi_train))
    return moved


def combine(head_log_odds: ArrayLike) -> FloatArray:
    """Log-odds (n,) of 1 - prod(1 - p) over the heads' log-odds (n, K).

    With S = sum over heads of log(1 + odds), the answer is log(exp(S) - 1). This is done without ever forming p or 1 -
    p, so it is exact for p of 1e-9 as for p of 1 - 1e-9, and it is never below the largest head.
    """
    heads = np.asarray(head_log_odds, dtype=np.float64)
    if heads.ndim != 2 or heads.shape[1] == 0:
        raise ValueError(f"Log-odds of shape (n, heads) are needed, got {heads.shape}.")
    # The ufuncs by their own names: for one row, a method around each would cost as much as the sum.
    largest: FloatArray = np.maximum.reduce(heads, axis=1)
    if heads.shape[1] == 1:
        return largest
    total = np.add.reduce(np.logaddexp(0.0, heads), axis=1)
    # Large S: log(exp(S) - 1) = S + log(1 - exp(-S)), which cannot overflow. S that underflows to 0 (odds below 1e-308)
    # would give -inf; there the largest head is the answer to within a factor of K.
    with np.errstate(divide="ignore"):
        combined = total + np.log(-np.expm1(-total))
    # Rounding may put the result an ulp below the largest head; by definition it is not.
    bounded: FloatArray = np.maximum(combined, largest)
    return bounded


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A strictly increasing, piecewise-linear map of log-odds.

    Attributes:
        knots: (k,) strictly increasing raw log-odds where the slope changes; k >= 1.
        anchor: value of the map at ``knots[0]``.
        slopes: (k + 1,) slopes: left of the first knot, between knots, right of the last; each in [0.05, 5].
        kind: ``piecewise``, or what too few positives fell back to: ``slope`` (under 50), ``intercept`` (under 10),
            ``identity`` (none, or no negatives: nothing could be learned).
        n_positive: shipments with a find in the window it was fitted on.
        n: shipments in that window.
        prevalence: weighted share of finds in that window, the prevalence its output is calibrated to. For
            ``identity``: the mean of the uncalibrated probabilities.
    """

    knots: tuple[float, ...]
    anchor: float
    slopes: tuple[float, ...]
    kind: CalibratorKind
    n_positive: int
    n: int
    prevalence: float

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
        """The map that changes nothing."""
        return cls((0.0,), 0.0, (1.0, 1.0), "identity", 0, 0, prevalence)

    @classmethod
    def fit(cls, raw_log_odds: ArrayLike, positive: ArrayLike, weight: ArrayLike | None = None) -> Calibrator:
        """Fit on one row per shipment: its largest item's raw log-odds (n,), whether it was a find (n,), its weight
        (n,).

        Penalised maximum likelihood of a weighted logistic model whose slopes are pulled towards 1. Weights of
        uninspected or sampled shipments are the number of shipments each stands for; the calibrated probability holds
        at the *weighted* prevalence.

        Raises:
            ValueError: shapes differ, or a log-odds or a weight is not finite, or a weight is negative or all are zero.
        """
        x = np.asarray(raw_log_odds, dtype=np.float64)
        y = np.asarray(positive).astype(np.float64)
        w = np.ones_like(x) if weight is None else np.asarray(weight, dtype=np.float64)
        if not (x.ndim == 1 and x.shape == y.shape == w.shape):
            raise ValueError(f"Three arrays of one length are needed, got {x.shape}, {y.shape} and {w.shape}.")
        if not (np.isfinite(x).all() and np.isfinite(w).all() and (w >= 0.0).all() and w.sum() > 0.0):
            raise ValueError("Raw log-odds and weights must be finite, weights not negative and not all zero.")
        found = (y > 0.0) & (w > 0.0)
        n_positive = int(found.sum())
        if n_positive == 0 or not ((y <= 0.0) & (w > 0.0)).any():
            mean = float(np.average(probability(x), weights=w))
            return cls((0.0,), 0.0, (1.0, 1.0), "identity", n_positive, len(x), min(max(mean, 1e-12), 1.0 - 1e-12))
        prevalence = float((w * y).sum() / w.sum())
        # The prior's weight is set against that of one positive, however the negatives were sampled: weights are scaled
        # so that the positives' add up to their effective number (Kish).
        scaled = w * (w[found].sum() / np.square(w[found]).sum())
        kind, knots = _shape(x[found], n_positive)
        anchor, slopes = _maximise(x, y, scaled, knots, kind)
        return cls(tuple(float(knot) for knot in knots), anchor, slopes, kind, n_positive, len(x), prevalence)

    def __call__(self, raw_log_odds: ArrayLike) -> FloatArray:
        """Calibrated log-odds of raw log-odds, any shape."""
        x = np.asarray(raw_log_odds, dtype=np.float64)
        return Calibrators([self])(x.reshape(-1, 1)).reshape(x.shape)

    def values_at_knots(self) -> list[float]:
        """The map at each knot."""
        # The same arithmetic as between knots, knot by knot: the value just left of a knot can then never round to more
        # than the value at the knot, so the map stays increasing in floating point too.
        values = [self.anchor]
        for i in range(1, len(self.knots)):
            values.append(values[-1] + self.slopes[i] * (self.knots[i] - self.knots[i - 1]))
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` gives an equal calibrator back."""
        return {
            "kind": self.kind,
            "n_positive": self.n_positive,
            "n": self.n,
            "prevalence": self.prevalence,
            "knots": list(self.knots),
            "anchor": self.anchor,
            "slopes": list(self.slopes),
        }

    @classmethod
    def from_json(cls, data: object) -> Calibrator:
        """Read what `to_json` wrote.

        Raises:
            ValueError: a key is missing or unknown, a value is of another type, or the map would not be increasing.
        """
        keys = {"kind", "n_positive", "n", "prevalence", "knots", "anchor", "slopes"}
        if not isinstance(data, dict) or set(data) != keys:
            raise ValueError(f"A calibrator has the keys {sorted(keys)}.")
        if data["kind"] not in ("piecewise", "slope", "intercept", "identity"):
            raise ValueError(f"A calibrator of kind {data['kind']!r} is unknown.")
        if not all(isinstance(data[key], int) and not isinstance(data[key], bool) for key in ("n_positive", "n")):
            raise ValueError("n_positive and n of a calibrator are whole numbers.")
        if not all(isinstance(data[key], list) for key in ("knots", "slopes")):
            raise ValueError("knots and slopes of a calibrator are lists.")
        if not all(map(is_number, (data["prevalence"], data["anchor"], *data["knots"], *data["slopes"]))):
            raise ValueError("prevalence, anchor, knots and slopes of a calibrator are numbers.")
        return cls(
            tuple(float(knot) for knot in data["knots"]),
            float(data["anchor"]),
            tuple(float(slope) for slope in data["slopes"]),
            cast(CalibratorKind, data["kind"]),
            data["n_positive"],
            data["n"],
            float(data["prevalence"]),
        )


class Calibrators:
    """Several calibrators, each for its own column, ready to be applied at once."""

    def __init__(self, calibrators: Sequence[Calibrator]) -> None:
        self._first_knot = np.cumsum([0, *(len(each.knots) for each in calibrators)], dtype=np.int32)
        self._knots = np.array([x for each in calibrators for x in each.knots])
        self._values = np.array([x for each in calibrators for x in each.values_at_knots()])
        self._slopes = np.array([x for each in calibrators for x in each.slopes])

    def __call__(self, raw_log_odds: FloatArray) -> FloatArray:
        """Calibrated log-odds of raw log-odds (n, calibrators)."""
        out = np.empty(raw_log_odds.shape)
        calibrate(raw_log_odds, self._first_knot, self._knots, self._values, self._slopes, out)
        return out


def _shape(positives: FloatArray, n_positive: int) -> tuple[CalibratorKind, FloatArray]:
    """Which map this many positives can carry, and its knots: quantiles of the positives' scores, where the map
    matters."""
    middle = np.array([round(float(np.median(positives)), _DECIMALS)])
    if n_positive < MIN_POSITIVES_SLOPE:
        return "intercept", middle
    if n_positive < MIN_POSITIVES_PIECEWISE:
        return "slope", middle
    count = min(max(n_positive // POSITIVES_PER_KNOT, 2), MAX_KNOTS)
    quantiles = np.quantile(positives, (np.arange(count) + 0.5) / count)
    knots = np.unique(np.round(quantiles, _DECIMALS))
    # Knots closer than this would leave a segment's slope to a handful of shipments.
    kept = [float(knots[0])]
    for knot in knots[1:]:
        if knot - kept[-1] >= 0.05:
            kept.append(float(knot))
    return "piecewise", np.array(kept)


def _maximise(
    x: FloatArray, y: FloatArray, weight: FloatArray, knots: FloatArray, kind: CalibratorKind
) -> tuple[float, tuple[float, ...]]:
    """The anchor and slopes of the largest penalised likelihood."""
    # Only fitting needs scipy; a serving process never comes here.
    from scipy.optimize import minimize

    tied = kind != "piecewise"
    # Column j: how far x has gone, from the first knot, within segment j (negative to the left of it).
    edges = np.concatenate([[-np.inf], knots, [np.inf]])
    columns = [np.minimum(x - knots[0], 0.0)]
    columns += [np.clip(x, edges[j], edges[j + 1]) - edges[j] for j in range(1, len(edges) - 1)]
    basis = np.stack([x - knots[0]] if tied else columns, axis=1)
    n_slopes = basis.shape[1]
    bounds = [(MIN_SLOPE, MAX_SLOPE)] * n_slopes if kind != "intercept" else [(1.0, 1.0)]

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
        slopes = np.repeat(slopes, 2)
    return float(theta[0]), tuple(float(slope) for slope in slopes)
