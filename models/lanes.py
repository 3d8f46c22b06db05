"""Triage lanes by thresholds on the risk, and random selection of shipments for labels without selection bias.

Thresholds apply to the *uncorrected* risk log-odds (see `models.calibration.calibrator`), so a change of base rate does not move
shipments between lanes. The bundle stores the thresholds, so single requests and files use the same ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.calibration import is_number
from models.calibration.percentile import weighted_scores

#: Lane names, indexed by the codes that `Lanes.assign` returns.
LANE_NAMES: Final = ("green", "yellow", "red")
GREEN, YELLOW, RED = range(3)

#: Default shares of base-rate traffic in the lanes.
RED_SHARE: Final = 0.005
YELLOW_SHARE: Final = 0.02

#: Lowest and highest share of the traffic that a lane may have, as factors of the share that it was set for.
_FITTING: Final = (0.5, 2.0)
#: Part of a lane's share that is left to the score even if rules and unread items alone would fill the lane.
_LEAST_BY_SCORE: Final = 0.5
#: Fewest shipments for comparing lanes with the shares that they were set for: ten of them are red at the default share.
LEAST_JUDGED: Final = 2_000


@dataclass(frozen=True, slots=True)
class Lanes:
    """Two thresholds on the uncorrected risk log-odds.

    Attributes:
        red: lower bound of the red lane.
        yellow: lower bound of the yellow lane, which ends below ``red``.
        red_share: share of base-rate traffic that the red lane was set for.
        yellow_share: share of base-rate traffic that the yellow lane was set for.
    """

    red: float
    yellow: float
    red_share: float = RED_SHARE
    yellow_share: float = YELLOW_SHARE

    def __post_init__(self) -> None:
        if not (math.isfinite(self.red) and math.isfinite(self.yellow)):
            raise ValueError("Lane thresholds must be finite log-odds.")
        if self.red < self.yellow:
            raise ValueError(f"The red threshold {self.red!r} lies below the yellow threshold {self.yellow!r}.")
        if not (self.red_share >= 0.0 and self.yellow_share >= 0.0 and self.red_share + self.yellow_share <= 1.0):
            raise ValueError("The shares of the lanes must lie in [0, 1] and add up to no more than 1.")

    @classmethod
    def from_scores(
        cls,
        risk_log_odds: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        floor: ArrayLike | None = None,
        red_share: float = RED_SHARE,
        yellow_share: float = YELLOW_SHARE,
    ) -> Lanes:
        """Return thresholds at weighted quantiles of the calibration window's scores.

        Equal scores stay in one lane, so only some shares are possible. The threshold gives the possible share that is nearest to
        the requested one. That may be an empty lane, for example for a model with constant scores.

        Shipments that ``floor`` puts into a lane count towards its share. At least half of the share is left to the score.

        Args:
            risk_log_odds: (shipments,) uncorrected risk log-odds.
            weight: (shipments,) number of shipments of base-rate traffic that each one represents; default 1.
            floor: (shipments,) code of the lowest lane that rules and unread items allow; default green.

        Raises:
            ValueError: there are no shipments, lengths differ, or a score or weight is not finite.
        """
        scores, weights = weighted_scores(risk_log_odds, weight)
        values, index = np.unique(scores, return_inverse=True)
        floors = np.full(scores.shape, GREEN) if floor is None else np.asarray(floor)
        total = np.bincount(index, weights=weights).sum()
        thresholds = np.concatenate([values, [np.nextafter(values[-1], np.inf)]])

        def threshold(share: float, lane: int) -> float:
            floored = floors >= lane
            mass = np.bincount(index, weights=np.where(floored, 0.0, weights))
            # Share of traffic at or above each possible threshold. The last threshold gives an empty lane.
            at_or_above = np.concatenate([np.cumsum(mass[::-1])[::-1] / total, [0.0]])
            by_score = max(share - weights[floored].sum() / total, share * _LEAST_BY_SCORE)
            distance = np.abs(at_or_above - by_score)
            # Resolve ties towards the higher threshold, which gives the smaller lane.
            return float(thresholds[len(thresholds) - 1 - int(np.argmin(distance[::-1]))])

        red = threshold(red_share, RED)
        return cls(red, min(red, threshold(red_share + yellow_share, YELLOW)), red_share, yellow_share)

    @property
    def designed(self) -> dict[str, float]:
        """Lane -> share of base-rate traffic that it was set for."""
        return {"red": self.red_share, "yellow": self.yellow_share}

    def assign(self, risk_log_odds: ArrayLike, red: ArrayLike | None = None) -> NDArray[np.int8]:
        """Return lane codes (index into `LANE_NAMES`) for uncorrected risk log-odds, any shape.

        Args:
            red: lower bound of the red lane instead of these lanes' own, of the shape of the log-odds. Yellow ends below it.
        """
        scores = np.asarray(risk_log_odds, dtype=np.float64)
        red = self.red if red is None else np.asarray(red, dtype=np.float64)
        return np.asarray(np.add(scores >= np.minimum(self.yellow, red), scores >= red, dtype=np.int8))

    def to_json(self) -> dict[str, float]:
        return {"red": self.red, "yellow": self.yellow, "red_share": self.red_share, "yellow_share": self.yellow_share}

    @classmethod
    def from_json(cls, data: object) -> Lanes:
        """Return the lanes that `to_json` wrote.

        Raises:
            ValueError: a key is missing or unknown, a value is not a finite number, or the thresholds are out of order.
        """
        keys = ("red", "yellow", "red_share", "yellow_share")
        if not isinstance(data, dict) or set(data) != set(keys):
            raise ValueError(f"Lanes must have the keys {sorted(keys)}.")
        values: list[Any] = [data[key] for key in keys]
        if not all(map(is_number, values)):
            raise ValueError(f"Thresholds and shares of lanes must be numbers, got {values!r}.")
        return cls(*(float(value) for value in values))


def misfitting(counts: Mapping[str, int], lanes: Lanes) -> list[str]:
    """Return the lanes with less than half or more than twice the share of the shipments that they were set for.

    Below `LEAST_JUDGED` shipments the list is empty.

    Args:
        counts: shipments per lane, without those of the random share.
    """
    total = sum(counts.values())
    if total < LEAST_JUDGED:
        return []
    least, most = _FITTING
    return [
        lane
        for lane, share in lanes.designed.items()
        if not least * share <= counts.get(lane, 0) / total <= most * share
    ]


def misfit(counts: Mapping[str, int], lanes: Lanes) -> str | None:
    """Return a warning if lanes do not fit the traffic (`misfitting`), otherwise None.

    >>> misfit({"red": 930, "yellow": 60, "green": 2010}, Lanes(red=2.0, yellow=1.0))
    '31 % red, designed for 0.5 %: run `tidewaiter adapt`'

    Args:
        counts: shipments per lane, without those of the random share.
    """
    wrong = [
        f"{_percent(counts.get(lane, 0) / sum(counts.values()))} {lane}, designed for {_percent(lanes.designed[lane])}"
        for lane in misfitting(counts, lanes)
    ]
    return f"{'; '.join(wrong)}: run `tidewaiter adapt`" if wrong else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def random_share(shipment_ids: Sequence[str], key: str | bytes, share: float) -> NDArray[np.bool_]:
    """Return whether each shipment (n,) is selected at random.

    The selection depends on a keyed hash of ``shipment_id`` only, not on file, order or process. It cannot be predicted without
    the key. The selection for a larger share contains that for a smaller one.

    Raises:
        ValueError: the share is not in [0, 1], or the key is empty.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"The random share must lie in [0, 1], got {share!r}.")
    secret = key.encode() if isinstance(key, str) else key
    if not secret:
        raise ValueError(
            "The random share needs a key that is not empty: without one, anyone can compute the selection."
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
