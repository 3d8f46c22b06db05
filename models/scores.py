"""The scores of a table: arrays for files and jobs, one JSON answer for a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.reasons import Explanation, day_of
from models.substance_texts import substance_json

if TYPE_CHECKING:
    from features.substances import Match
    from features.table import ManifestTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model scored."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of S shipments with n goods items; K heads.

    Attributes:
        risk: (S,) probability of illicit content at the base rate in use.
        percentile: (S,) share of reference traffic that scores lower.
        heads: head -> (S,) probability at the base rate in use, of the shipment's largest item for that head.
        item_risk: (n,), item_heads: (n, K) the same per goods item, heads in the model's order.
        risk_log_odds: (S,) uncorrected risk log-odds, on which lanes and percentile are decided.
        lane: (S,) ``red``, ``yellow`` or ``green``.
        selected_by: (S,) ``score``, ``random`` or None. Every member of the random share says ``random``, also one
            whose score alone is red, so that the random share is a fair sample of all traffic.
        riskiest_row: (S,) row of the riskiest item; of equal ones the first.
        explained: shipment -> explanation, of those asked for.
        substances: (n,) what each row's declared chemical, CAS or description resolved to.
        late: (S,) whether the shipment came after later ones and was scored with the present state of history.
        base_rates: the base rates in use, per head.
    """

    table: ManifestTable
    model: ModelIdentity
    risk: FloatArray
    percentile: FloatArray
    heads: Mapping[str, FloatArray]
    item_risk: FloatArray
    item_heads: FloatArray
    risk_log_odds: FloatArray
    lane: NDArray[np.str_]
    selected_by: NDArray[np.object_]
    riskiest_row: NDArray[np.int64]
    explained: Mapping[int, Explanation]
    substances: list[Match | None]
    late: NDArray[np.bool_]
    base_rates: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.risk)

    def reason_texts(self, shipment: int, count: int = 3) -> list[str]:
        """Texts of the ``count`` strongest reasons for; empty when the shipment was not explained."""
        explanation = self.explained.get(shipment)
        return [reason.text for reason in explanation.strongest(count)] if explanation else []

    def shipment(self, index: int) -> dict[str, Any]:
        """The answer for one shipment, as plain JSON values.

        ``explains`` names the head and the item that ``reasons`` speak of; it is None, and ``reasons`` empty, when the
        shipment was not explained. Listings of a substance are those in force on the day of ``declared_at``.

        Raises:
            IndexError: there is no such shipment.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Shipment {index} of {len(self)} does not exist.")
        first = int(self.table.first_row[index])
        end = int(self.table.first_row[index + 1]) if index + 1 < len(self) else self.table.n_rows
        explanation = self.explained.get(index)
        reasons = [reason.to_json() for reason in explanation.reasons] if explanation else []
        items = []
        for row in range(first, end):
            explained_here = explanation is not None and explanation.item_row == row
            items.append(
                {
                    "item_number": self._item_number(row, first),
                    "risk": float(self.item_risk[row]),
                    "content": {head: float(self.item_heads[row, k]) for k, head in enumerate(self.heads)},
                    "substance": self._substance(row, index),
                    "reasons": reasons if explained_here else [],
                }
            )
        return {
            "shipment_id": _declared(self.table, "shipment_id", first),
            "risk": float(self.risk[index]),
            "percentile": float(self.percentile[index]),
            "content": {head: float(values[index]) for head, values in self.heads.items()},
            "lane": str(self.lane[index]),
            "selected_by": self.selected_by[index],
            "explains": None
            if explanation is None
            else {
                "head": explanation.head,
                "item_number": self._item_number(explanation.item_row, first),
                "base_value": explanation.base_value,
                "raw_score": explanation.raw_score,
            },
            "reasons": reasons,
            "items": items,
            "warnings": self._warnings(first, end),
            "late": bool(self.late[index]),
            "model": {"name": self.model.name, "version": self.model.version, "digest": self.model.digest},
        }

    def _warnings(self, first: int, end: int) -> list[dict[str, str]]:
        # A shipment's own fields stand on each of its rows: their warnings are told once.
        found = {
            (problem.field, problem.problem): None
            for row in range(first, end)
            for problem in self.table.warnings_of_row(row)
        }
        return [{"field": field, "problem": problem} for field, problem in found]

    def _item_number(self, row: int, first: int) -> str:
        # Undeclared item numbers are counted, so that an answer can always name its item.
        return _declared(self.table, "item_number", row) or str(row - first + 1)

    def _substance(self, row: int, shipment: int) -> dict[str, Any] | None:
        match = self.substances[row]
        return None if match is None else substance_json(match, day_of(int(self.table.declared_s[shipment])))


def _declared(table: ManifestTable, name: str, row: int) -> str | None:
    """An identifier as it was declared: its owner must recognise it."""
    column = table.raw.get(name)
    code = -1 if column is None else int(column.codes[row])
    return column.values[code] if column is not None and code >= 0 else None
