"""Lanes by capacity: red is what an office can open, and a share of its inspections explores what scores lower.

Each group of shipments, such as those of a site, has a threshold that follows the scores of its recent traffic. Exploration gives
every shipment below the threshold a known chance of inspection, so that what the model does not expect can be found, and labels
can be weighted by the inverse of that chance.

In published logs of customs inspections, a fixed share of a tenth found as much as adaptive shares in three countries of four
(Kim et al., "Customs fraud detection with active exploration", 2021). So the share is fixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from features.table.table import ManifestTable
from models.calibration.percentile import weighted_scores
from models.lanes import RED, Lanes

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]

#: Part of a group -> the field of the shipment that states it.
FIELD_OF: Final = {"site": "unloading_location", "channel": "channel"}
#: Setting ``by`` -> the parts of a group.
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "site": ("site",),
    "channel": ("channel",),
    "both": ("site", "channel"),
}
#: Name of the group of all shipments. Its thresholds also hold for groups without thresholds of their own.
ALL: Final = ""
#: Name of a part that a shipment does not state, or states without a known code.
NOT_STATED: Final = "-"
#: Default share of the inspections that explore.
EXPLORATION: Final = 0.1
#: Share of the exploration that falls on the riskiest tenth below the threshold. The rest falls on all lower scores.
NEAR_SHARE: Final = 0.7
_NEAR_PERCENTILE: Final = 0.9
#: Threshold that no score reaches, of a group that cannot inspect anything. It is finite, because JSON has no infinity.
NEVER: Final = 1e9


@dataclass(frozen=True, slots=True)
class Cut:
    """Thresholds of a group, on the uncorrected risk log-odds (`models.lanes.Lanes`).

    Attributes:
        red: lower bound of the red lane.
        near: lower bound of the riskiest tenth below ``red``.
        p_near, p_far: probability that exploration selects a shipment of this tenth, or one below it.
    """

    red: float
    near: float
    p_near: float
    p_far: float

    @classmethod
    def from_scores(
        cls,
        risk_log_odds: ArrayLike,
        share: float,
        exploration: float = EXPLORATION,
        *,
        weight: ArrayLike | None = None,
        floored: ArrayLike | None = None,
    ) -> Cut:
        """Return the thresholds at which the expected inspections of this traffic meet the capacity.

        Shipments that rules and lists raise to red count towards the capacity. At least half of it is left to the score, so that
        many rules cannot crowd out the riskiest shipments.

        Args:
            risk_log_odds: (n,) scores of recent traffic.
            share: inspections per shipment, 0 to 1.
            exploration: share of the inspections that explore, 0 to 1.
            weight: (n,) number of shipments that each one represents; default 1.
            floored: (n,) whether the shipment is red whatever its score; default none.

        Raises:
            ValueError: there are no shipments, or a value is not finite.
        """
        scores, weights = weighted_scores(risk_log_odds, weight)
        lanes = np.zeros(len(scores), np.int8) if floored is None else np.where(np.asarray(floored), RED, 0)
        share = min(max(share, 0.0), 1.0)
        red = NEVER
        if share > 0.0:
            by_score = share * (1.0 - exploration)
            red = Lanes.from_scores(scores, weights, floor=lanes, red_share=by_score, yellow_share=0.0).red
        rest = (scores < red) & (lanes != RED)
        explored = exploration * share * float(weights.sum())
        below, of_below = scores[rest], weights[rest]
        total = float(of_below.sum())
        if total <= 0.0 or explored <= 0.0:
            return cls(red, red, 0.0, 0.0)
        order = np.argsort(below)
        at = int(np.searchsorted(np.cumsum(of_below[order]), _NEAR_PERCENTILE * total))
        near = float(below[order[min(at, len(order) - 1)]])
        in_near = float(of_below[below >= near].sum())
        if in_near >= total:
            # All scores are equal.
            return cls(red, near, min(1.0, explored / total), 0.0)
        of_near = min(NEAR_SHARE * explored, in_near)
        return cls(red, near, of_near / in_near, min(1.0, (explored - of_near) / (total - in_near)))

    def exploration_probability(self, risk_log_odds: ArrayLike) -> FloatArray:
        """Return the probability that exploration selects a shipment with a score; 0 where the score alone makes it red."""
        scores = np.asarray(risk_log_odds, dtype=np.float64)
        return np.where(scores >= self.red, 0.0, np.where(scores >= self.near, self.p_near, self.p_far))


# Not frozen, because each table creates one.
@dataclass(slots=True, eq=False)
class CutRows:
    """Thresholds of the S shipments of a table.

    Attributes:
        group: (S,) name of the group.
        red, near, p_near, p_far: (S,) see `Cut`.
        draw: (S,) keyed number in [0, 1) of each shipment.
    """

    group: NDArray[np.object_]
    red: FloatArray
    near: FloatArray
    p_near: FloatArray
    p_far: FloatArray
    draw: FloatArray

    def explore(self, risk_log_odds: FloatArray, is_red: BoolArray) -> tuple[BoolArray, FloatArray]:
        """Return which shipments (S,) exploration selects, and with which probability each was to be inspected (S,).

        Args:
            is_red: (S,) whether the shipment is red without exploration. It is then to be inspected anyway.
        """
        p = np.where(risk_log_odds >= self.near, self.p_near, self.p_far)
        selected = ~is_red & (self.draw < p)
        return selected, np.where(is_red, 1.0, p)


@dataclass(frozen=True, slots=True, eq=False)
class CapacityLanes:
    """The thresholds in force.

    Attributes:
        id: names the plan that they belong to.
        model: digest of the model on whose scores they are.
        by: parts of a group, keys of `FIELD_OF`.
        cuts: name of a group -> its thresholds. `ALL` is always there.
        key: secret key of the exploration.
    """

    id: str
    model: str
    by: tuple[str, ...]
    cuts: Mapping[str, Cut]
    key: bytes

    def __post_init__(self) -> None:
        if ALL not in self.cuts:
            raise ValueError("Lanes by capacity need thresholds of all shipments, for groups without their own.")
        if not self.key:
            raise ValueError("Exploration needs a key: without one, anyone can compute what it selects.")

    def rows(self, table: ManifestTable) -> CutRows:
        """Return the thresholds of the shipments of a table."""
        names = groups_of(table, self.by)
        distinct, codes = np.unique(names, return_inverse=True) if len(names) else (names, np.empty(0, np.int64))
        of_each = [self.cuts.get(name, self.cuts[ALL]) for name in distinct.tolist()]
        values = np.array([[cut.red, cut.near, cut.p_near, cut.p_far] for cut in of_each]).reshape(-1, 4)[codes]
        column = table.text("shipment_id")
        ids = [column.values[code] for code in column.codes[table.first_row].tolist()]
        red, near, p_near, p_far = np.ascontiguousarray(values.T)
        return CutRows(names, red, near, p_near, p_far, draws(ids, self.key))

    def to_json(self) -> dict[str, Any]:
        """Return everything but the key as plain JSON values."""
        return {
            "model": self.model,
            "by": list(self.by),
            "cuts": {name: asdict(cut) for name, cut in self.cuts.items()},
        }

    @classmethod
    def from_json(cls, plan: str, content: Mapping[str, Any], key: bytes) -> CapacityLanes:
        """Return the thresholds that `to_json` wrote."""
        cuts = {name: Cut(**cut) for name, cut in content["cuts"].items()}
        return cls(plan, content["model"], tuple(content["by"]), cuts, key)


def group_name(parts: Iterable[str | None]) -> str:
    """Return the name of a group: its parts, joined by ``/``."""
    return "/".join(NOT_STATED if part is None else part for part in parts)


def groups_of(table: ManifestTable, by: tuple[str, ...]) -> NDArray[np.object_]:
    """Return the name (S,) of the group of each shipment of a table."""
    parts = []
    for part in by:
        column = table.text(FIELD_OF[part])
        parts.append([column.values[code] if code >= 0 else None for code in column.codes[table.first_row].tolist()])
    names = np.empty(table.n_shipments, np.object_)
    names[:] = [group_name(one) for one in zip(*parts, strict=True)] if by else ALL
    return names


def draws(shipment_ids: Iterable[str], key: bytes) -> FloatArray:
    """Return a number in [0, 1) for each shipment (n,), which nobody can compute without the key.

    It depends on ``shipment_id`` alone, so that a repeated declaration gets the same answer.
    """
    secret = key if len(key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(key).digest()
    keyed = hashlib.blake2b(key=secret, digest_size=8, person=b"exploration")
    numbers = []
    for shipment_id in shipment_ids:
        hasher = keyed.copy()
        hasher.update(shipment_id.encode("utf-8", "surrogatepass"))
        numbers.append(int.from_bytes(hasher.digest(), "big") >> 11)
    return np.array(numbers, dtype=np.float64) * 2.0**-53
