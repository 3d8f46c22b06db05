"""The swap set: the shipments that one side would open and the other would not, and what is known of them.

Only what was opened has a result, mostly what the first side chose. So the figures of shipments that only the second side would
open rest on the few that chance or another reason opened, and each figure comes with the number of results and an interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.lanes import RED
from service.backtests.decided import FIND, UNKNOWN
from service.proposals.past import interval

if TYPE_CHECKING:
    from service.backtests.contender import Again
    from service.backtests.decided import Decided

BoolArray = NDArray[np.bool_]

#: Names of the parts of a comparison, in order.
PARTS: Final = ("first", "second", "both", "only_first", "only_second", "either", "neither")


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What a side does with S shipments.

    Attributes:
        red: (S,) whether it would open the shipment.
        chosen: (S,) the same without what chance alone chose.
        rank: (S,) score by which it chooses; infinite for what is red whatever its score.
    """

    red: BoolArray
    chosen: BoolArray
    rank: NDArray[np.float64]

    @classmethod
    def of(cls, decided: Decided | Again, shipment: NDArray[np.int64], count: int) -> Side:
        """Return a side by its decisions. A shipment is open if any of its decisions is red.

        Args:
            shipment: (n,) number of the shipment of each decision, below ``count``.
        """
        red = np.zeros(count, dtype=np.bool_)
        chosen = red.copy()
        rank = np.full(count, -np.inf)
        is_red = decided.lane == RED
        red[shipment[is_red]] = True
        chosen[shipment[is_red & ~decided.drawn]] = True
        np.maximum.at(rank, shipment, np.where(decided.floored, np.inf, decided.log_odds))
        return cls(red, chosen, rank)

    def top(self, number: int) -> BoolArray:
        """Return the ``number`` shipments (S,) of the highest rank; of equal ones those that arrived first."""
        opened = np.zeros(len(self.rank), dtype=np.bool_)
        opened[np.argsort(-self.rank, kind="stable")[:number]] = True
        return opened


def compare(
    first: Decided | Again, second: Decided | Again, ids: NDArray[np.object_], known: NDArray[np.int8]
) -> dict[str, Any]:
    """Return a comparison as JSON values.

    Args:
        first, second: decisions (n,) of both sides, in the same order.
        ids: (n,) shipments of the decisions.
        known: (n,) what is known of them (`service.backtests.decided.known_of`).
    """
    _, at, shipment = np.unique(ids.astype(str), return_index=True, return_inverse=True)
    # Number the shipments in the order of their arrival.
    order = np.argsort(at)
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    shipment, known = number[shipment.reshape(-1)], known[at[order]]
    sides = [Side.of(one, shipment, len(order)) for one in (first, second)]
    opened = int(sides[0].chosen.sum())
    return {
        "shipments": len(order),
        "decisions": len(ids),
        "with_result": int((known != UNKNOWN).sum()),
        "finds": int((known == FIND).sum()),
        "as_decided": _parts(sides[0].red, sides[1].red, known),
        "equal_number": {"opened": opened, **_parts(sides[0].top(opened), sides[1].top(opened), known)},
    }


def _parts(first: BoolArray, second: BoolArray, known: NDArray[np.int8]) -> dict[str, Any]:
    parts = (first, second, first & second, first & ~second, second & ~first, first | second, ~(first | second))
    return {name: _cell(part, known) for name, part in zip(PARTS, parts, strict=True)}


def _cell(part: BoolArray, known: NDArray[np.int8]) -> dict[str, Any]:
    """Return the number of shipments of a part, those with a result, the finds, and the precision with its interval of 90 %."""
    found, results = int((known[part] == FIND).sum()), int((known[part] != UNKNOWN).sum())
    precision, low, high = interval(found, results)
    return {
        "shipments": int(part.sum()),
        "with_result": results,
        "finds": found,
        "precision": precision,
        "low": low,
        "high": high,
    }
