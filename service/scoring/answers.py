"""Shipments of a request become answers: the one path of ``/v1/score``, ``/v1/score/batch`` and the warm-up."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from features.manifest.fields import FIELD, Level
from features.manifest.problems import Problem, Refused
from features.manifest.records import Record, read_record
from features.table.table import ManifestTable
from service.identifiers import new_ids

if TYPE_CHECKING:
    from features.groups.history.history import History
    from models.scoring.scores import Scores
    from models.scoring.settings import ScoreSettings
    from service.scoring.live_history import LiveHistory
    from service.scoring.model_host import Served

Explain = Literal["none", "shown", "all"]

#: ACAS referral codes of the lanes. DNL (6H, do not load) is a person's decision and is never proposed.
ACAS_ACTIONS: Final[dict[str, dict[str, str] | None]] = {
    "red": {"code": "8H", "name": "RFS"},
    "yellow": {"code": "7H", "name": "RFI"},
    "green": None,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller asked for.

    Attributes:
        update_history: whether these shipments become part of the live history.
        actions: add the ACAS referral of the lane.
    """

    explain: Explain = "shown"
    update_history: bool = True
    actions: Literal["acas"] | None = None


@dataclass(frozen=True, slots=True)
class RefusedShipment:
    """A shipment of a request that cannot be read."""

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
    """Answers in the order of the request, what was refused, and the scores behind the answers."""

    results: list[dict[str, Any]]
    refused: list[RefusedShipment]
    scores: list[Scores]


def score(
    served: Served,
    records: Sequence[object],
    options: Options,
    settings: ScoreSettings,
    *,
    max_items: int,
    receipt: int | None = None,
) -> Outcome:
    """Score parsed JSON records as one table; each record that can be read gets its own answer.

    Args:
        max_items: a shipment of more goods items is refused.
        receipt: seconds since the epoch that fill a missing ``declared_at``; default now.
    """
    received = int(time.time()) if receipt is None else receipt
    refused: list[RefusedShipment] = []
    read: list[tuple[int, Record]] = []
    for index, record in enumerate(records):
        try:
            shipment = read_record(record)
            if len(shipment.items) > max_items:
                problem = f"hold {len(shipment.items):,} goods items; at most {max_items:,} are read"
                raise Refused([Problem("items", problem)], shipment.shipment_id)
            read.append((index, shipment))
        except Refused as error:
            refused.append(RefusedShipment(index, error.shipment_id, error.problems))
    shipments = [shipment for _, shipment in read]
    table = ManifestTable.from_records(shipments, receipt=received)
    if table.refused.any():
        problems = _problems_by_shipment(table, shipments)
        refused += [RefusedShipment(read[k][0], shipments[k].shipment_id, found) for k, found in problems.items()]
        refused.sort(key=lambda one: one.index)
        shipments = [shipment for k, shipment in enumerate(shipments) if k not in problems]
        table = ManifestTable.from_records(shipments, receipt=received)
    if not shipments:
        return Outcome([], refused, [])
    tables = [table] if table.n_shipments == len(shipments) else _parted(table, shipments, received)
    history: LiveHistory | History = served.history
    update = options.update_history
    if len(tables) > 1 and not update:
        # Later parts still see the earlier ones, on a copy that is thrown away.
        history, update = served.history.copy(), True
    for part in tables:
        served.model.space.warn_of_further(part)
    # The live history has what a model needs of a history, behind its lock.
    advanced = cast("History", history)
    scores = [
        served.model.score(part, advanced, update_history=update, explain=options.explain, settings=settings)
        for part in tables
    ]
    results = [answer for part in scores for answer in part.answers(decision_ids=new_ids(len(part)))]
    if options.actions == "acas":
        for result in results:
            result["action"] = ACAS_ACTIONS[result["lane"]]
    return Outcome(results, refused, scores)


def _first_rows(shipments: Sequence[Record]) -> list[int]:
    return [0, *accumulate(len(shipment.items) for shipment in shipments)][:-1]


def _problems_by_shipment(table: ManifestTable, shipments: Sequence[Record]) -> dict[int, list[Problem]]:
    """Position of a shipment -> why it cannot be read, with the field as the request calls it."""
    first_rows = _first_rows(shipments)
    found: dict[int, list[Problem]] = {}
    for row, problems in sorted(table.refusals().items()):
        k = bisect_right(first_rows, row) - 1
        for problem in problems:
            of_item = problem.field in FIELD and FIELD[problem.field].level is Level.ITEM
            where = f"items[{row - first_rows[k]}]." if of_item else ""
            told = Problem(where + problem.field, problem.problem)
            # A shipment's own field stands on each of its rows.
            if told not in found.setdefault(k, []):
                found[k].append(told)
    return found


def _parted(table: ManifestTable, shipments: Sequence[Record], received: int) -> list[ManifestTable]:
    """Tables between which neighbours of one ``shipment_id`` are parted.

    In a file they would be one shipment. In a request each record is one, and a record sent twice must not become a
    shipment of twice the goods.
    """
    parts: list[list[Record]] = []
    before = -1
    for first_row, shipment in zip(_first_rows(shipments), shipments, strict=True):
        part_of = int(table.shipment[first_row])
        if part_of == before or not parts:
            parts.append([])
        parts[-1].append(shipment)
        before = part_of
    return [ManifestTable.from_records(part, receipt=received) for part in parts]
