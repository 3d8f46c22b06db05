"""The scores of a table: arrays for files and jobs, one JSON answer for a request."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models.reasons.reasons import Explanations
from models.reasons.source import day_of
from models.reasons.substance_texts import substance_json

if TYPE_CHECKING:
    from features.substances import Match
    from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

_FEW_ROWS: Final = 8


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
    explained: Explanations
    substances: list[Match | None]
    late: NDArray[np.bool_]
    base_rates: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.risk)

    def reason_texts(self, shipment: int, count: int = 3) -> list[str]:
        """Texts of the ``count`` strongest reasons for; empty when the shipment was not explained."""
        explanation = self.explained.get(shipment)
        return explanation.texts(count) if explanation else []

    def shipment(self, index: int) -> dict[str, Any]:
        """The answer for one shipment; see `answers`.

        Raises:
            IndexError: there is no such shipment.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Shipment {index} of {len(self)} does not exist.")
        return self.answers(index, index + 1)[0]

    def answers(
        self, start: int = 0, end: int | None = None, decision_ids: Iterable[str] | None = None
    ) -> list[dict[str, Any]]:
        """The answers for all shipments, or for those from ``start`` to before ``end``, as plain JSON values.

        ``explains`` names the head and the item that ``reasons`` speak of; it is None, and ``reasons`` empty, when a
        shipment was not explained. Listings of a substance are those in force on the day of ``declared_at``.
        ``decision_id`` is None unless the caller names the decisions.
        """
        count, table = len(self), self.table
        end = count if end is None else min(end, count)
        if start >= end:
            return []
        # Arrays become lists once: a value taken from an array by itself costs more than all else about it.
        rows = [*table.first_row[start:end].tolist(), int(table.first_row[end]) if end < count else table.n_rows]
        first, last = rows[0], rows[-1]
        items = self._items(rows, start)
        ids = _declared(table, "shipment_id", first, last)
        model = {"name": self.model.name, "version": self.model.version, "digest": self.model.digest}
        answers = [
            {
                "decision_id": decision_id,
                "shipment_id": ids[begin - first],
                "risk": risk,
                "percentile": percentile,
                "content": content,
                "lane": lane,
                "selected_by": selected_by,
                "explains": None,
                "reasons": [],
                "items": items[begin - first : behind - first],
                "warnings": [],
                "late": late,
                "model": model,
            }
            for decision_id, (begin, behind), risk, percentile, content, lane, selected_by, late in zip(
                repeat(None, end - start) if decision_ids is None else decision_ids,
                pairwise(rows),
                self.risk[start:end].tolist(),
                self.percentile[start:end].tolist(),
                _by_head(self.heads, [of_head[start:end].tolist() for of_head in self.heads.values()]),
                self.lane[start:end].tolist(),
                self.selected_by[start:end].tolist(),
                self.late[start:end].tolist(),
                strict=True,
            )
        ]
        if self.explained:
            self._add_reasons(answers, items, start, first)
        for position, warnings in self._warnings(rows).items():
            answers[position]["warnings"] = warnings
        return answers

    def _items(self, rows: list[int], start: int) -> list[dict[str, Any]]:
        """The answers, without reasons, for all goods items of the shipments from ``start`` on whose first rows, and their
        end, are ``rows``."""
        first, last = rows[0], rows[-1]
        return [
            {
                # Undeclared item numbers are counted, so that an answer can always name its item.
                "item_number": number or str(row - rows[shipment - start] + 1),
                "risk": risk,
                "content": content,
                "substance": None if match is None else self._substance(match, shipment),
                "reasons": [],
            }
            for row, number, shipment, risk, content, match in zip(
                range(first, last),
                _declared(self.table, "item_number", first, last),
                self.table.shipment[first:last].tolist(),
                self.item_risk[first:last].tolist(),
                _by_head(self.heads, self.item_heads[first:last].T.tolist()),
                self.substances[first:last],
                strict=True,
            )
        ]

    def _add_reasons(self, answers: list[dict[str, Any]], items: list[dict[str, Any]], start: int, first: int) -> None:
        """Explain, where they were asked for, the answers for the shipments from ``start`` on, and for their items from row
        ``first`` on."""
        explained = self.explained.between(start, start + len(answers))
        for shipment, row, head, base_value, raw_score, reasons in zip(
            explained.shipments,
            explained.rows,
            explained.heads,
            explained.base_values,
            explained.raw_scores,
            explained.to_json(),
            strict=True,
        ):
            answer, item = answers[shipment - start], items[row - first]
            item["reasons"] = answer["reasons"] = reasons
            answer["explains"] = {
                "head": head,
                "item_number": item["item_number"],
                "base_value": base_value,
                "raw_score": raw_score,
            }

    def _warnings(self, rows: list[int]) -> dict[int, list[dict[str, str]]]:
        """Position in ``rows`` (first rows of neighbouring shipments, and their end) -> warnings, where there are any."""
        first, last = rows[0], rows[-1]
        # Which rows of a table have a warning is found for all at once; a few are asked one by one.
        asked = range(first, last) if last - first <= _FEW_ROWS else self.table.warned_rows().tolist()
        # A shipment's own fields stand on each of its rows: their warnings are told once.
        found: dict[int, dict[tuple[str, str], None]] = {}
        for row in asked:
            if first <= row < last and (problems := self.table.warnings_of_row(row)):
                told = found.setdefault(bisect_right(rows, row) - 1, {})
                told.update({(problem.field, problem.problem): None for problem in problems})
        return {
            position: [{"field": field, "problem": problem} for field, problem in told]
            for position, told in found.items()
        }

    def _substance(self, match: Match, shipment: int) -> dict[str, Any]:
        return substance_json(match, day_of(int(self.table.declared_s[shipment])))


def _by_head(heads: Iterable[str], columns: list[list[float]]) -> list[dict[str, float]]:
    """Probabilities of each head, one list after the other, become a mapping for each shipment or item."""
    told: list[dict[str, float]] = [{} for _ in columns[0]]
    for head, column in zip(heads, columns, strict=True):
        for of_one, probability in zip(told, column, strict=True):
            of_one[head] = probability
    return told


def _declared(table: ManifestTable, name: str, start: int, end: int) -> list[str | None]:
    """An identifier as it was declared, of rows from ``start`` to before ``end``: its owner must recognise it."""
    column = table.declared(name)
    values = column.values
    return [values[code] if code >= 0 else None for code in column.codes[start:end].tolist()]
