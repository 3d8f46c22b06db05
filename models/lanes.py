"""Lanes: thresholds on the risk, and the random share that keeps labels honest.

Thresholds stand on the *uncorrected* risk log-odds (see `models.calibration.calibration`): an office that changes its base rate
keeps its lanes. They are part of the bundle and the same for one row and for a file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.calibration.calibration import is_number

#: Lane names by the code `Lanes.assign` gives.
LANE_NAMES: Final = ("green", "yellow", "red")
GREEN, YELLOW, RED = range(3)

#: Shares of base-rate traffic each lane holds until a capacity is configured.
RED_SHARE: Final = 0.005
YELLOW_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Lanes:
    """Two thresholds on the uncorrected risk log-odds: at or above ``red`` is red, else at or above ``yellow`` is
    yellow.

    ``red_share`` and ``yellow_share`` say what share of base-rate traffic each lane was set to hold.
    """

    red: float
    yellow: float
    red_share: float = RED_SHARE
    yellow_share: float = YELLOW_SHARE

    def __post_init__(self) -> None:
        if not (math.isfinite(self.red) and math.isfinite(self.yellow)):
            raise ValueError("Lane thresholds must be finite log-odds.")
        if self.red < self.yellow:
            raise ValueError(f"The red threshold {self.red!r} lies below the yellow one {self.yellow!r}.")
        if not (self.red_share >= 0.0 and self.yellow_share >= 0.0 and self.red_share + self.yellow_share <= 1.0):
            raise ValueError("The shares of the lanes must lie in [0, 1] and add up to no more than 1.")

    @classmethod
    def from_scores(
        cls,
        risk_log_odds: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        red_share: float = RED_SHARE,
        yellow_share: float = YELLOW_SHARE,
    ) -> Lanes:
        """Thresholds by weighted quantiles of the window kept for it.

        Args:
            risk_log_odds: (shipments,) uncorrected risk log-odds.
            weight: (shipments,) how many shipments of base-rate traffic each stands for; default 1.

        Equal scores stay in one lane: of the possible cuts the one nearest to the share is taken. When no cut is nearer
        than an empty lane (a constant model), the lane stays empty.

        Raises:
            ValueError: no shipments, unequal lengths, or values that are not finite.
        """
        scores = np.asarray(risk_log_odds, dtype=np.float64)
        weights = np.ones_like(scores) if weight is None else np.asarray(weight, dtype=np.float64)
        if scores.ndim != 1 or scores.size == 0 or scores.shape != weights.shape:
            raise ValueError(f"Scores and weights of one length are needed, got {scores.shape} and {weights.shape}.")
        if not (
            np.isfinite(scores).all() and np.isfinite(weights).all() and (weights >= 0.0).all() and weights.sum() > 0.0
        ):
            raise ValueError("Scores and weights must be finite, weights not negative and not all zero.")
        values, index = np.unique(scores, return_inverse=True)
        mass = np.bincount(index, weights=weights)
        # at_or_above[i]: share of traffic at or above values[i]; the last entry is the empty lane.
        at_or_above = np.concatenate([np.cumsum(mass[::-1])[::-1] / mass.sum(), [0.0]])
        cuts = np.concatenate([values, [np.nextafter(values[-1], np.inf)]])

        def cut(share: float) -> float:
            distance = np.abs(at_or_above - share)
            # Of equally near cuts the higher one: the smaller lane.
            return float(cuts[len(cuts) - 1 - int(np.argmin(distance[::-1]))])

        red = cut(red_share)
        return cls(red, min(red, cut(red_share + yellow_share)), red_share, yellow_share)

    def assign(self, risk_log_odds: ArrayLike) -> NDArray[np.int8]:
        """Lane codes (index into `LANE_NAMES`) of uncorrected risk log-odds, any shape."""
        scores = np.asarray(risk_log_odds, dtype=np.float64)
        codes: NDArray[np.int8] = (scores >= self.yellow).astype(np.int8) + (scores >= self.red).astype(np.int8)
        return codes

    def to_json(self) -> dict[str, float]:
        return {"red": self.red, "yellow": self.yellow, "red_share": self.red_share, "yellow_share": self.yellow_share}

    @classmethod
    def from_json(cls, data: object) -> Lanes:
        """Read what `to_json` wrote.

        Raises:
            ValueError: a key is missing or unknown, or a value is no finite number, or the thresholds are out of order.
        """
        keys = ("red", "yellow", "red_share", "yellow_share")
        if not isinstance(data, dict) or set(data) != set(keys):
            raise ValueError(f"Lanes have the keys {sorted(keys)}.")
        values: list[Any] = [data[key] for key in keys]
        if not all(map(is_number, values)):
            raise ValueError(f"Lanes hold numbers, got {values!r}.")
        return cls(*(float(value) for value in values))


def random_share(shipment_ids: Sequence[str], key: str | bytes, share: float) -> NDArray[np.bool_]:
    """Whether each shipment (n,) belongs to the random share.

    A keyed hash of ``shipment_id``: the same shipment is always selected or never, in any file, order and process, and
    nobody without the key can tell which. A larger share contains the smaller one.

    Raises:
        ValueError: the share is not in [0, 1], or the key is empty (the selection could be computed by anyone).
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"The random share must lie in [0, 1], got {share!r}.")
    secret = key.encode() if isinstance(key, str) else key
    if not secret:
        raise ValueError(
            "The random share needs a key that is not empty: without one, anyone can tell who is selected."
        )
    if len(secret) > hashlib.blake2b.MAX_KEY_SIZE:
        secret = hashlib.blake2b(secret).digest()
    limit = int(share * 2**64)
    keyed = hashlib.blake2b(key=secret, digest_size=8, person=b"random-share")
    selected = np.empty(len(shipment_ids), dtype=np.bool_)
    for i, shipment_id in enumerate(shipment_ids):
        hasher = keyed.copy()
        hasher.update(shipment_id.encode("utf-8", "surrogatepass"))
        selected[i] = int.from_bytes(hasher.digest(), "big") < limit
    return selected
