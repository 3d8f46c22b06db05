"""Scores of a table, as arrays for files and as JSON answers for requests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import HEADS
from features.substances import Match
from features.table.table import ManifestTable
from models.lanes import Lanes
from models.reasons import Explanations, SubstanceAnswers, day_of
from models.rules import Ruling, amended

FloatArray: TypeAlias = NDArray[np.float64]

#: Number of reasons in files.
N_REASONS: Final = 3
_BEFORE_HEADS: Final = ("risk", "percentile")
_AFTER_HEADS: Final = (
    "item_risk",
    "lane",
    "selected_by",
    *(f"reason_{n + 1}" for n in range(N_REASONS)),
    "substance",
    "substance_kind",
    "substance_hit",
    "warnings",
    "model_version",
    "bundle_digest",
    "one_in",
    "rank_one_in",
    "rule_ids",
    "unread",
)
#: All columns that scoring may append, in order.
ALL_SCORE_COLUMNS: Final = (*_BEFORE_HEADS, *(f"risk_{head}" for head in HEADS), *_AFTER_HEADS)
#: Largest number in "one in ...": the resolution of the reference traffic.
MOST_ONE_IN: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Identity of the model that computed scores, and its lanes."""

    name: str
    version: str
    digest: str
    lanes: Lanes


@dataclass(slots=True, eq=False)
class Chosen:
    """How the capacity of the office chose among S shipments.

    Attributes:
        threshold: (S,) lower bound of the red lane by score, on the uncorrected log-odds; one number if it is the model's own.
        group: (S,) groups of the capacity (`models.capacity`); None if no capacity is configured.
        probability: (S,) probability with which each shipment was to be inspected.
        shift: shift of log-odds to the base rate in use.
    """

    threshold: FloatArray | float
    group: NDArray[np.object_] | None
    probability: FloatArray
    shift: float

    def add_to(self, answers: Iterable[dict[str, Any]], start: int) -> None:
        """Write the threshold as a risk, the group and the probability into answers of shipments from ``start`` on."""
        if self.group is None:
            return
        thresholds = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(self.threshold) + self.shift, -700.0, 700.0)))
        for shipment, answer in enumerate(answers, start):
            answer["threshold"] = float(thresholds[shipment])
            answer["capacity_group"] = self.group[shipment]
            answer["inspection_probability"] = float(self.probability[shipment])


# Not frozen, because freezing doubles the time to create an instance, and each request creates one.
@dataclass(slots=True, eq=False)
class Scores:
    """Scores of S shipments with n goods items; K heads.

    Attributes:
        risk: (S,) probability of illicit content at the base rate in use.
        percentile: (S,) share of reference traffic that scores lower.
        heads: head -> (S,) probability at the base rate in use, of the shipment's largest item for that head.
        item_risk: (n,), item_heads: (n, K) the same per goods item, heads in the model's order.
        risk_log_odds: (S,) uncorrected risk log-odds, which decide lane and percentile.
        lane: (S,) ``red``, ``yellow`` or ``green``.
        selected_by: (S,) origin of the final lane: ``score``, ``rule``, ``watch_list``, ``unread``, ``random``, ``exploration``
            or None. It is ``random`` for the whole random share, even where the score alone is red, so that the random share is a
            fair sample of all traffic.
        riskiest_row: (S,) row of the riskiest item; the first of equal ones.
        explained: shipment -> explanation, for the explained shipments.
        substances: (n,) the substance that each row's declared chemical, CAS number or description names.
        late: (S,) whether the shipment arrived after later ones, and was therefore scored with the present state of history.
        base_rates: the base rates in use, per head.
        substance_answers: the model's cache of substances as JSON values.
        ruling: the rules that fired, the hits on watch lists, and the items that could not be read.
        lane_by_score: (S,) lane codes before rules, watch lists, unread items and the random share.
        chosen: thresholds and probabilities of inspection.
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
    substance_answers: SubstanceAnswers
    ruling: Ruling
    lane_by_score: NDArray[np.int8]
    chosen: Chosen

    def __len__(self) -> int:
        return len(self.risk)

    @property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Whether chance alone chose the lane (S,) of each shipment: the random share, or exploration."""
        return np.asarray((self.selected_by == "random") | (self.selected_by == "exploration"), dtype=np.bool_)

    @property
    def one_in(self) -> NDArray[np.int64]:
        """Number (S,) of shipments with this risk, one of which is illicit: 1 / risk, rounded, at most `MOST_ONE_IN`."""
        return _one_in(self.risk)

    @property
    def rank_one_in(self) -> NDArray[np.int64]:
        """Number (S,) of shipments of reference traffic, one of which scores at least as high: 1 / (1 - percentile), rounded, at
        most `MOST_ONE_IN`."""
        return _one_in(1.0 - self.percentile)

    def reason_texts(self, shipment: int, count: int = 3) -> list[str]:
        """Return the texts of exploration or a changed declaration and of the strongest reasons for illicit content, at most
        ``count``.

        A shipment that is not explained has only the former.
        """
        explanation = self.explained.get(shipment)
        first = self.ruling.first_texts().get(shipment)
        texts = explanation.texts(count) if explanation else []
        return texts if first is None else [first, *texts][:count]

    def shipment(self, index: int) -> dict[str, Any]:
        """Return the answer for one shipment; see `answers`.

        Raises:
            IndexError: there is no such shipment.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Shipment {index} of {len(self)} does not exist.")
        return self.answers(index, index + 1)[0]

    def answers(
        self,
        start: int = 0,
        end: int | None = None,
        decision_ids: Iterable[str] | None = None,
        reasons: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the answers for shipments from ``start`` to before ``end``, by default all, as plain JSON values.

        ``explains`` names the head and the item of the ``reasons`` with a weight. If a shipment is not explained, ``explains`` is
        None, and ``reasons`` contains only those of rules, lists and unread items. Listings of a substance are those in force on
        the day of ``declared_at``. ``decision_id`` is None unless the caller gives ``decision_ids``.

        Args:
            reasons: maximum number of reasons with a weight per shipment; one reason `OTHER` stands for the others.
        """
        count, table = len(self), self.table
        end = count if end is None else min(end, count)
        if start >= end:
            return []
        # Arrays become lists once, because taking single values from an array is slow.
        rows = [*table.first_row[start:end].tolist(), int(table.first_row[end]) if end < count else table.n_rows]
        first, last = rows[0], rows[-1]
        items = self._items(rows, start)
        ids = _declared(table, "shipment_id", first, last)
        rules_digest = self.ruling.digest
        model = {"name": self.model.name, "version": self.model.version, "digest": self.model.digest}
        answers = [
            {
                "decision_id": decision_id,
                "shipment_id": ids[begin - first],
                "risk": risk,
                "percentile": percentile,
                "one_in": one_in,
                "rank_one_in": rank_one_in,
                "content": content,
                "lane": lane,
                "selected_by": selected_by,
                "rule_ids": [],
                "rules_digest": rules_digest,
                "unread": [],
                "explains": None,
                "reasons": [],
                "items": items[begin - first : stop - first],
                "warnings": [],
                "late": late,
                "model": model,
            }
            for decision_id, (
                begin,
                stop,
            ), risk, percentile, one_in, rank_one_in, content, lane, selected_by, late in zip(
                repeat(None, end - start) if decision_ids is None else decision_ids,
                pairwise(rows),
                self.risk[start:end].tolist(),
                self.percentile[start:end].tolist(),
                _one_in(self.risk[start:end]).tolist(),
                _one_in(1.0 - self.percentile[start:end]).tolist(),
                _by_head(self.heads, [of_head[start:end].tolist() for of_head in self.heads.values()]),
                self.lane[start:end].tolist(),
                self.selected_by[start:end].tolist(),
                self.late[start:end].tolist(),
                strict=True,
            )
        ]
        if self.explained:
            self._add_reasons(answers, items, (start, first), reasons)
        if not self.ruling.is_empty:
            self._add_rules(answers, start)
        self.chosen.add_to(answers, start)
        for position, warnings in self._warnings(rows).items():
            answers[position]["warnings"] = warnings
        return answers

    def _add_rules(self, answers: list[dict[str, Any]], start: int) -> None:
        """Write rules, hits on lists and unread items into answers of shipments from ``start`` on, before their other reasons."""
        for shipment in self.ruling.shipments_with_reasons():
            if start <= shipment < start + len(answers):
                answer = answers[shipment - start]
                answer["rule_ids"] = self.ruling.rule_ids(shipment)
                answer["unread"] = self.ruling.unread_json(shipment)
                answer["reasons"] = [*self.ruling.reasons(shipment), *answer["reasons"]]
                if shipment in self.ruling.earlier:
                    answer["earlier"] = amended.to_json(self.ruling.earlier[shipment])

    def _items(self, rows: list[int], start: int) -> list[dict[str, Any]]:
        """Return the answers, without reasons, for all goods items of consecutive shipments.

        Args:
            rows: first row of each shipment, and the end of the last.
            start: the first shipment.
        """
        first, last = rows[0], rows[-1]
        return [
            {
                # Without a declared item number, an answer names the item by its position.
                "item_number": number or str(row - rows[shipment - start] + 1),
                "risk": risk,
                "content": content,
                "substance": None if match is None else self._substance(match, shipment),
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

    def _add_reasons(
        self, answers: list[dict[str, Any]], items: list[dict[str, Any]], begin: tuple[int, int], count: int | None
    ) -> None:
        """Write the reasons of explained shipments into their answers.

        Args:
            answers: answers of consecutive shipments.
            items: their goods items.
            begin: the first shipment and the first row.
            count: number of reasons; None for all.
        """
        start, first = begin
        explained = self.explained.between(start, start + len(answers))
        for shipment, row, head, base_value, raw_score, reasons in zip(
            explained.shipments,
            explained.rows,
            explained.heads,
            explained.base_values,
            explained.raw_scores,
            explained.to_json(count),
            strict=True,
        ):
            answer, item = answers[shipment - start], items[row - first]
            answer["reasons"] = reasons
            answer["explains"] = {
                "head": head,
                "item_number": item["item_number"],
                "base_value": base_value,
                "raw_score": raw_score,
            }

    def _warnings(self, rows: list[int]) -> dict[int, list[dict[str, str]]]:
        """Return warnings by position in ``rows``: first rows of consecutive shipments, and the end of the last."""
        first, last = rows[0], rows[-1]
        # A shipment's own fields are repeated on each of its rows. A dict drops repeated warnings and keeps their order.
        by_position: dict[int, dict[tuple[str, str], None]] = {}
        for row in self.table.warned_rows().tolist():
            if first <= row < last and (problems := self.table.warnings_of_row(row)):
                warnings = by_position.setdefault(bisect_right(rows, row) - 1, {})
                warnings.update({(problem.field, problem.problem): None for problem in problems})
        return {
            position: [{"field": field, "problem": problem} for field, problem in warnings]
            for position, warnings in by_position.items()
        }

    def _substance(self, match: Match, shipment: int) -> dict[str, Any]:
        return self.substance_answers.answer(match, day_of(int(self.table.declared_s[shipment])))


def score_columns(heads: Sequence[str]) -> tuple[str, ...]:
    """Return the columns appended by a model with these heads.

    A model trained on an office's own label has the single head ``risk`` and no columns ``risk_...``.
    """
    per_head = () if tuple(heads) == ("risk",) else tuple(f"risk_{head}" for head in heads)
    return (*_BEFORE_HEADS, *per_head, *_AFTER_HEADS)


def _one_in(share: FloatArray) -> NDArray[np.int64]:
    """Return 1 / share, rounded, at most `MOST_ONE_IN`, also for a share of 0."""
    return np.rint(1.0 / np.maximum(share, 1.0 / MOST_ONE_IN)).astype(np.int64)


def _by_head(heads: Iterable[str], columns: list[list[float]]) -> list[dict[str, float]]:
    """Return a mapping head -> probability per shipment or item, from one list of probabilities per head."""
    mappings: list[dict[str, float]] = [{} for _ in columns[0]]
    for head, column in zip(heads, columns, strict=True):
        for mapping, probability in zip(mappings, column, strict=True):
            mapping[head] = probability
    return mappings


def _declared(table: ManifestTable, name: str, start: int, end: int) -> list[str | None]:
    """Return identifiers exactly as declared, so that users recognise them, for rows from ``start`` to before ``end``."""
    column = table.declared(name)
    values = column.values
    return [values[code] if code >= 0 else None for code in column.codes[start:end].tolist()]
