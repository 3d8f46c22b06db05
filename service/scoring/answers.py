"""Scoring of JSON records, shared by ``/v1/score``, ``/v1/score/batch`` and the warm-up."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import HistoryRows
from features.groups.history.keys import history_keys
from features.manifest.fields import FIELD, Level
from features.manifest.records import FURTHER, Problem, Record, Refused, read_record
from features.table.parts import alone
from features.table.table import ManifestTable
from features.texts.reading import ReadingBudget, reading_within
from models.reasons import ENOUGH
from models.scoring.isolating import failing, fault
from service.core.identifiers import new_ordered_ids
from service.core.logs import logger
from service.scoring.live_history import LiveRows
from service.scoring.portions import MOST_FURTHER, first_rows, further_names, portions_of, tables_of_distinct

if TYPE_CHECKING:
    from features.groups.history.history import History
    from features.space import FeatureSpace
    from models.scoring import AdvancingHistory, RiskModel, Scores, ScoreSettings
    from service.scoring.live_history import LiveHistory
    from service.scoring.model_host import ServedModel

Explain = Literal["none", "shown", "all"]

#: Maximum number of goods items whose answers are in memory at the same time. Answers take a few kilobytes per item.
MOST_ROWS_AT_ONCE: Final = 2_000

#: ACAS referral by lane. The service never proposes DNL (6H, do not load), which only a person may decide.
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
        reasons: number of reasons per explained shipment, or `ENOUGH`; one reason `OTHER` summarises the others.
        update_history: whether the shipments advance the live history.
        actions: ``acas`` adds the ACAS referral of the lane.
    """

    explain: Explain = "shown"
    update_history: bool = True
    actions: Literal["acas"] | None = None
    reasons: int = ENOUGH


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


class Outcome:
    """Result of a request.

    Attributes:
        refused: refused shipments.
        scores: the scores of each table, in the order of the request.
        orders: per table, the orders of its shipments in the live history (`LiveRows`); None if it did not advance the history.
        bodies: JSON of the stored answers; None if the store is off.
    """

    def __init__(
        self,
        refused: list[RefusedShipment],
        scores: list[Scores],
        options: Options,
        results: list[dict[str, Any]] | None,
        orders: list[NDArray[np.int64] | None],
    ) -> None:
        """
        Args:
            results: the answers in the order of the request; None if they would take too much memory at once.
        """
        self.refused = refused
        self.scores = scores
        self.orders = orders
        self.bodies: list[bytes] | None = None
        self._options = options
        self._results = results

    def __len__(self) -> int:
        """Return the number of scored shipments."""
        return sum(map(len, self.scores))

    @property
    def is_large(self) -> bool:
        """True if the answers should be created in pieces."""
        return self._results is None

    @property
    def results(self) -> list[dict[str, Any]]:
        """Answers in the order of the request."""
        if self._results is None:
            self._results = [answer for piece in self.pieces(MOST_ROWS_AT_ONCE) for answer in piece]
        return self._results

    def pieces(self, most_rows: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the answers in order, in lists of shipments. A list has at most ``most_rows`` goods items, or one shipment.

        Answers take ten times the memory of scores, so large ones should not all be in memory at once.
        """
        for scores in self.scores:
            yield from pieces_of(scores, self._options, most_rows)


def pieces_of(scores: Scores, options: Options, most_rows: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the answers to the shipments of ``scores`` in order, see `Outcome.pieces`."""
    bounds = np.append(scores.table.first_row, scores.table.n_rows)
    start = 0
    while start < len(scores):
        end = int(np.searchsorted(bounds, bounds[start] + most_rows, side="right")) - 1
        end = max(end, start + 1)
        yield _answers_of(scores, start, end, options)
        start = end


def _answers_of(scores: Scores, start: int, end: int, options: Options) -> list[dict[str, Any]]:
    answers = scores.answers(start, end, decision_ids=new_ordered_ids(end - start), reasons=options.reasons)
    if options.actions == "acas":
        for answer in answers:
            answer["action"] = ACAS_ACTIONS[answer["lane"]]
    return answers


@dataclass(frozen=True, slots=True)
class _Reading:
    """Parameters for reading records, see `score`."""

    max_items: int
    received: int
    isolate: bool


def score(
    served: ServedModel,
    records: Sequence[object],
    options: Options,
    settings: ScoreSettings,
    *,
    max_items: int,
    receipt: int | None = None,
    isolate: bool = False,
    reading_seconds: float | None = None,
) -> Outcome:
    """Score parsed JSON records; a few records form one table. Each readable record is a shipment and gets a separate answer.

    Args:
        max_items: maximum number of goods items per shipment; larger shipments are refused.
        receipt: replacement for a missing ``declared_at``, in seconds since 1970; default: the current time.
        isolate: True: refuse a shipment on which the program fails. False: raise the error.
        reading_seconds: budget for reading texts that may name a substance, in seconds of processor time; None for no limit.
    """
    with reading_within(None if reading_seconds is None else ReadingBudget(reading_seconds)):
        received = int(time.time()) if receipt is None else receipt
        return _score(served, records, options, settings, _Reading(max_items, received, isolate))


def _score(
    served: ServedModel,
    records: Sequence[object],
    options: Options,
    settings: ScoreSettings,
    reading: _Reading,
) -> Outcome:
    refused: list[RefusedShipment] = []
    # Read one portion at a time, because records take several times the memory of their JSON.
    portions = portions_of(_readable(records, reading.max_items, refused))
    following = next(portions, None)
    live: _Live | None = None
    outcomes: list[Outcome] = []
    while following is not None:
        portion, following = following, next(portions, None)
        if live is None:
            live = _Live.of(served, update=options.update_history, has_more=following is not None)
        outcomes.append(_score_portion(live, portion, options, settings, reading))
    refused += [one for outcome in outcomes for one in outcome.refused]
    refused.sort(key=lambda shipment: shipment.index)
    scores = [one for outcome in outcomes for one in outcome.scores]
    orders = [one for outcome in outcomes for one in outcome.orders]
    if any(outcome.is_large for outcome in outcomes) or sum(one.table.n_rows for one in scores) > MOST_ROWS_AT_ONCE:
        return Outcome(refused, scores, options, None, orders)
    return Outcome(refused, scores, options, [one for outcome in outcomes for one in outcome.results], orders)


def _readable(
    records: Sequence[object], max_items: int, refused: list[RefusedShipment]
) -> Iterator[tuple[int, Record]]:
    """Yield the readable records with their indices. Add the other records to ``refused``."""
    for index, record in enumerate(records):
        try:
            shipment = read_record(record)
            if len(shipment.items) > max_items:
                problem = f"got {len(shipment.items):,} goods items; at most {max_items:,} are accepted"
                raise Refused([Problem("items", problem)], shipment.shipment_id)
            if (names := len(further_names(shipment))) > MOST_FURTHER:
                problem = f"got {names:,} different names; at most {MOST_FURTHER:,} are accepted"
                raise Refused([Problem(FURTHER, problem)], shipment.shipment_id)
        except Refused as error:
            refused.append(RefusedShipment(index, error.shipment_id, error.problems))
        else:
            yield index, shipment


@dataclass(frozen=True, slots=True)
class _Live:
    """The model, and the history that portions advance, or only read if ``update`` is False."""

    model: RiskModel
    history: LiveHistory | History
    update: bool

    @classmethod
    def of(cls, served: ServedModel, *, update: bool, has_more: bool) -> _Live:
        """Return the model with its live history. If further portions follow and the live history must not change, use a copy.

        Later portions need earlier ones as history.
        """
        if has_more and not update:
            return cls(served.model, served.history.copy(), True)
        return cls(served.model, served.history, update)


def _score_portion(
    live: _Live,
    readable: list[tuple[int, Record]],
    options: Options,
    settings: ScoreSettings,
    reading: _Reading,
) -> Outcome:
    """Score a portion of readable records with their indices in the request."""
    refused: list[RefusedShipment] = []
    shipments = [shipment for _, shipment in readable]
    space = live.model.space
    try:
        tables, problems_of = _tables(space, shipments, reading.received)
    except Exception:
        if not reading.isolate:
            raise
        faults = failing(
            len(shipments), lambda some: _tables(space, [shipments[k] for k in some.tolist()], reading.received)
        )
        if not faults:
            raise
        refused += [_failed(readable[k][0], shipments[k].shipment_id, why) for k, why in faults.items()]
        readable = [one for k, one in enumerate(readable) if k not in faults]
        shipments = [shipment for _, shipment in readable]
        tables, problems_of = _tables(space, shipments, reading.received)
    if problems_of:
        refused += [
            RefusedShipment(readable[k][0], shipments[k].shipment_id, problems) for k, problems in problems_of.items()
        ]
        shipments = [shipment for k, shipment in enumerate(shipments) if k not in problems_of]
    if not shipments:
        return Outcome(refused, [], options, [], [])
    history: AdvancingHistory = live.history
    update = live.update
    if len(tables) > 1 and not update:
        # Later tables need earlier ones as history, so advance a temporary copy.
        history, update = live.history.copy(), True
    scores: list[Scores] = []
    results: list[dict[str, Any]] | None = []
    orders: list[NDArray[np.int64] | None] = []
    failed: dict[int, str] = {}
    first = 0
    for part in tables:
        rows = history.advance(part, update=update, isolate=reading.isolate)
        of_part, answers, of_faults = _answers(live.model, part, rows, options, settings, isolate=reading.isolate)
        scores += of_part
        scored = np.setdiff1d(np.arange(part.n_shipments), list(of_faults)) if of_faults else slice(None)
        of_scored = rows.orders[scored] if isinstance(rows, LiveRows) and rows.orders is not None else None
        orders += [of_scored] * len(of_part)
        results = None if results is None or answers is None else results + answers
        failed |= {first + number: why for number, why in of_faults.items()}
        first += part.n_shipments
    if failed:
        known = {one.index for one in refused}
        indices = [index for index, _ in readable if index not in known]
        refused += [_failed(indices[k], shipments[k].shipment_id, why) for k, why in failed.items()]
    return Outcome(refused, scores, options, results, orders)


def _tables(
    space: FeatureSpace, shipments: list[Record], received: int
) -> tuple[list[ManifestTable], dict[int, list[Problem]]]:
    """Return tables of the readable shipments (`tables_of_distinct`), and the problems of the other shipments by position.

    Everything that depends on the texts of one shipment is computed here, including its history keys: once the history has counted
    a table, a shipment on which the program fails can no longer be left out.
    """
    table = ManifestTable.from_records(shipments, receipt=received)
    problems_of: dict[int, list[Problem]] = {}
    if table.refusals():
        problems_of = _problems_by_shipment(table, shipments)
        shipments = [shipment for k, shipment in enumerate(shipments) if k not in problems_of]
        table = ManifestTable.from_records(shipments, receipt=received)
    if not shipments:
        return [], problems_of
    tables = [table]
    if table.n_shipments != len(shipments):
        tables = tables_of_distinct(table, shipments, received)
    for part in tables:
        space.warn_of_further(part)
        history_keys(part)
    return tables, problems_of


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
) -> tuple[list[Scores], list[dict[str, Any]] | None, dict[int, str]]:
    """Return the scores and answers of a table, and the faults of the shipments on which the program failed.

    The answers are None if the table has more than `MOST_ROWS_AT_ONCE` goods items. They were created once to find faults, and are
    created again when they are sent.
    """
    if rows.faults:
        uncounted = {shipment: fault(error) for shipment, error in rows.faults.items()}
        logger().error("shipments_not_counted", shipments=len(uncounted), fault=next(iter(uncounted.values())))
        counted = np.setdiff1d(np.arange(table.n_shipments), list(uncounted))
        if not len(counted):
            return [], [], uncounted
        part = alone(table, np.flatnonzero(np.isin(table.shipment, counted)))
        scored, results, faults = _answers(model, part, rows.take(counted), options, settings, isolate=isolate)
        return scored, results, uncounted | {int(counted[number]): why for number, why in faults.items()}

    def of(part: ManifestTable, of_part: HistoryRows) -> tuple[Scores, list[dict[str, Any]] | None]:
        scores = model.score_rows(part, of_part, explain=options.explain, settings=settings)
        if part.n_rows <= MOST_ROWS_AT_ONCE:
            return scores, _answers_of(scores, 0, len(scores), options)
        deque(pieces_of(scores, options, MOST_ROWS_AT_ONCE), maxlen=0)
        return scores, None

    def some(shipments: NDArray[np.int64]) -> tuple[Scores, list[dict[str, Any]] | None]:
        part = alone(table, np.flatnonzero(np.isin(table.shipment, shipments)))
        return of(part, rows.take(shipments))

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


def _problems_by_shipment(table: ManifestTable, shipments: Sequence[Record]) -> dict[int, list[Problem]]:
    """Return the problems of refused shipments by position. Fields are named as in the request, such as ``items[0].hs_code``."""
    firsts = first_rows(shipments)
    by_shipment: dict[int, list[Problem]] = {}
    for row, problems in sorted(table.refusals().items()):
        k = bisect_right(firsts, row) - 1
        for problem in problems:
            is_item_field = problem.field in FIELD and FIELD[problem.field].level is Level.ITEM
            prefix = f"items[{row - firsts[k]}]." if is_item_field else ""
            renamed = Problem(prefix + problem.field, problem.problem)
            # A field of the shipment has the same problem in each row.
            if renamed not in by_shipment.setdefault(k, []):
                by_shipment[k].append(renamed)
    return by_shipment
