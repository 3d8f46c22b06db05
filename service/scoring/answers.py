"""Scoring of JSON records, shared by ``/v1/score``, ``/v1/score/batch`` and the warm-up."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import HistoryRows
from features.manifest.fields import FIELD, Level
from features.manifest.problems import Problem, Refused
from features.manifest.records import Record, read_record
from features.table.parts import alone
from features.table.table import ManifestTable
from models.scoring.isolating import failing, fault
from service.identifiers import new_ids
from service.logs import logger

if TYPE_CHECKING:
    from models.scoring import AdvancingHistory, RiskModel, Scores, ScoreSettings
    from service.scoring.model_host import ServedModel

Explain = Literal["none", "shown", "all"]

#: ACAS referral by lane. The service never proposes DNL (6H, do not load), which a person decides.
ACAS_ACTIONS: Final[dict[str, dict[str, str] | None]] = {
    "red": {"code": "8H", "name": "RFS"},
    "yellow": {"code": "7H", "name": "RFI"},
    "green": None,
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a request.

    Attributes:
        explain: shipments to explain: none, shown (red and yellow) or all.
        update_history: whether the shipments become part of the live history.
        actions: ``acas`` adds the ACAS referral of the lane.
    """

    explain: Explain = "shown"
    update_history: bool = True
    actions: Literal["acas"] | None = None


@dataclass(frozen=True, slots=True)
class RefusedShipment:
    """Unreadable shipment. ``index`` is its position in the request."""

    index: int
    shipment_id: str | None
    problems: list[Problem]

    def to_json(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "shipment_id": self.shipment_id,
            "problems": [{"field": p.field, "problem": p.problem} for p in self.problems],
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a request: answers in the order of the request, refused shipments, and the scores of each table."""

    results: list[dict[str, Any]]
    refused: list[RefusedShipment]
    scores: list[Scores]


def score(
    served: ServedModel,
    records: Sequence[object],
    options: Options,
    settings: ScoreSettings,
    *,
    max_items: int,
    receipt: int | None = None,
    isolate: bool = False,
) -> Outcome:
    """Score parsed JSON records as one table. Each readable record is a shipment and gets its own answer.

    Args:
        max_items: largest number of goods items per shipment; larger shipments are refused.
        receipt: replacement for a missing ``declared_at``, in seconds since the epoch; by default the current time.
        isolate: whether a shipment that the program fails on is refused. Otherwise the error is raised.
    """
    received = int(time.time()) if receipt is None else receipt
    refused: list[RefusedShipment] = []
    readable: list[tuple[int, Record]] = []
    for index, record in enumerate(records):
        try:
            shipment = read_record(record)
            if len(shipment.items) > max_items:
                problem = f"got {len(shipment.items):,} goods items; at most {max_items:,} are accepted"
                raise Refused([Problem("items", problem)], shipment.shipment_id)
            readable.append((index, shipment))
        except Refused as error:
            refused.append(RefusedShipment(index, error.shipment_id, error.problems))
    shipments = [shipment for _, shipment in readable]
    try:
        table = ManifestTable.from_records(shipments, receipt=received)
    except Exception:
        if not isolate:
            raise
        faults = failing(
            len(shipments), lambda some: ManifestTable.from_records([shipments[k] for k in some], receipt=received)
        )
        if not faults:
            raise
        refused += [_failed(readable[k][0], shipments[k].shipment_id, why) for k, why in faults.items()]
        readable = [one for k, one in enumerate(readable) if k not in faults]
        shipments = [shipment for _, shipment in readable]
        table = ManifestTable.from_records(shipments, receipt=received)
    if table.refusals():
        problems_of = _problems_by_shipment(table, shipments)
        refused += [
            RefusedShipment(readable[k][0], shipments[k].shipment_id, problems) for k, problems in problems_of.items()
        ]
        refused.sort(key=lambda shipment: shipment.index)
        shipments = [shipment for k, shipment in enumerate(shipments) if k not in problems_of]
        table = ManifestTable.from_records(shipments, receipt=received)
    if not shipments:
        return Outcome([], refused, [])
    tables = [table] if table.n_shipments == len(shipments) else _tables_of_distinct(table, shipments, received)
    history: AdvancingHistory = served.history
    update = options.update_history
    if len(tables) > 1 and not update:
        # Later tables must see earlier ones as history, so update a temporary copy.
        history, update = served.history.copy(), True
    for part in tables:
        served.model.space.warn_of_further(part)
    scores: list[Scores] = []
    results: list[dict[str, Any]] = []
    failed: dict[int, str] = {}
    first = 0
    for part in tables:
        rows = history.advance(part, update=update)
        of_part, answers, of_faults = _answers(served.model, part, rows, options, settings, isolate=isolate)
        scores += of_part
        results += answers
        failed |= {first + number: why for number, why in of_faults.items()}
        first += part.n_shipments
    if failed:
        known = {one.index for one in refused}
        indices = [index for index, _ in readable if index not in known]
        refused += [_failed(indices[k], shipments[k].shipment_id, why) for k, why in failed.items()]
        refused.sort(key=lambda shipment: shipment.index)
    if options.actions == "acas":
        for result in results:
            result["action"] = ACAS_ACTIONS[result["lane"]]
    return Outcome(results, refused, scores)


def _failed(index: int, shipment_id: str | None, why: str) -> RefusedShipment:
    return RefusedShipment(index, shipment_id, [Problem("shipment", why)])


def _answers(
    model: RiskModel,
    table: ManifestTable,
    rows: HistoryRows,
    options: Options,
    settings: ScoreSettings,
    *,
    isolate: bool,
) -> tuple[list[Scores], list[dict[str, Any]], dict[int, str]]:
    """Return the scores and answers of a table, and the faults of the shipments that the program failed on."""

    def of(part: ManifestTable, of_part: HistoryRows) -> tuple[Scores, list[dict[str, Any]]]:
        scores = model.score_rows(part, of_part, explain=options.explain, settings=settings)
        return scores, scores.answers(decision_ids=new_ids(len(scores)))

    def some(shipments: NDArray[np.int64]) -> tuple[Scores, list[dict[str, Any]]]:
        part = alone(table, np.flatnonzero(np.isin(table.shipment, shipments)))
        return of(part, HistoryRows(rows.values[shipments], rows.late[shipments]))

    try:
        scores, answers = of(table, rows)
    except Exception as error:
        if not isolate:
            raise
        faults = failing(table.n_shipments, some)
        if not faults:
            raise
        logger().error("shipments_not_scored", shipments=len(faults), fault=fault(error))
        if len(faults) == table.n_shipments:
            return [], [], faults
        scores, answers = some(np.setdiff1d(np.arange(table.n_shipments), list(faults)))
        return [scores], answers, faults
    return [scores], answers, {}


def _first_rows(shipments: Sequence[Record]) -> list[int]:
    return [0, *accumulate(len(shipment.items) for shipment in shipments)][:-1]


def _problems_by_shipment(table: ManifestTable, shipments: Sequence[Record]) -> dict[int, list[Problem]]:
    """Return the problems of refused shipments by position. Fields have the names that the request uses."""
    first_rows = _first_rows(shipments)
    by_shipment: dict[int, list[Problem]] = {}
    for row, problems in sorted(table.refusals().items()):
        k = bisect_right(first_rows, row) - 1
        for problem in problems:
            is_item_field = problem.field in FIELD and FIELD[problem.field].level is Level.ITEM
            prefix = f"items[{row - first_rows[k]}]." if is_item_field else ""
            renamed = Problem(prefix + problem.field, problem.problem)
            # A shipment-level field has the same problem on each row.
            if renamed not in by_shipment.setdefault(k, []):
                by_shipment[k].append(renamed)
    return by_shipment


def _tables_of_distinct(table: ManifestTable, shipments: Sequence[Record], received: int) -> list[ManifestTable]:
    """Split shipments into tables without adjacent shipments of the same ``shipment_id``.

    Adjacent rows of a table with the same ``shipment_id`` form one shipment. In a request, each record is a shipment, so a
    repeated record must not become one shipment with twice the goods.
    """
    parts: list[list[Record]] = []
    previous = -1
    for first_row, shipment in zip(_first_rows(shipments), shipments, strict=True):
        number = int(table.shipment[first_row])
        if number == previous or not parts:
            parts.append([])
        parts[-1].append(shipment)
        previous = number
    return [ManifestTable.from_records(part, receipt=received) for part in parts]
