"""Bulk import of outcomes from a file in any format of `features.readers`.

A row contains a shipment or a decision, and the columns of an outcome. A shipment stands for its latest decision. A row that is
already stored with the same values for the same decision is skipped, so a file may be imported again.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from features.readers import Unreadable, open_pieces
from features.readers.as_text import text_column
from features.readers.headers import squeeze
from service.core.database import audit
from service.core.errors import ServiceError
from service.core.excel_safe import safe_cell
from service.core.http.schemas import read_request
from service.inspections import queue
from service.inspections.outcomes import Finding, NotRecorded, Recorded, add_outcome, outcomes_of
from service.inspections.schemas import OutcomeRequest
from service.scoring.decision import reference_of
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

_FIELDS: Final = ("content", "found_at", "by", "substance", "quantity", "unit", "method", "corrects", "kind")
COLUMNS: Final = ("shipment_id", "decision_id", *_FIELDS)
REJECT_COLUMNS: Final = ("line", "field", "value", "problem")
#: Rows per transaction.
_ROWS: Final = 500
_ACTOR: Final = "tidewaiter outcomes import"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not imported, with the invalid ``field``, its value, and the problem."""

    line: int
    field: str
    value: str
    problem: str


@dataclass(slots=True)
class ImportReport:
    """Counts of an import.

    Attributes:
        added: number of new outcomes.
        known: number of rows that were already stored.
        rejected: rows that are not imported.
        ignored: names of unknown columns.
    """

    added: int = 0
    known: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    values: Mapping[str, str]


def import_outcomes(database: Database, file: Path) -> ImportReport:
    """Import a file and return the counts of its rows.

    Raises:
        Unreadable: the file cannot be read, or lacks a column.
    """
    report = ImportReport()
    rows: list[_Row] = []
    for row in _rows(file, report):
        rows.append(row)
        if len(rows) == _ROWS:
            _store(database, rows, report)
            rows = []
    _store(database, rows, report)
    report.rejected.sort(key=lambda rejected: rejected.line)
    return report


def write_rejects(path: Path, rejected: Sequence[RejectedRow], *, excel_safe: bool = False) -> None:
    """Write the rejected rows as CSV.

    Args:
        excel_safe: whether texts that spreadsheets would evaluate as formulas get an apostrophe.
    """
    safe = safe_cell if excel_safe else str
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REJECT_COLUMNS)
        writer.writerows((row.line, *map(safe, (row.field, row.value, row.problem))) for row in rejected)


def _rows(file: Path, report: ImportReport) -> Iterator[_Row]:
    opened = open_pieces(file, expected=COLUMNS)
    try:
        places = _places(opened.pieces.names, opened.name, report)
        for piece in opened.pieces:
            report.rejected += [RejectedRow(one.line, "", one.row, one.reason) for one in piece.rejected]
            columns = {name: text_column(piece.table.column(place)).to_pylist() for name, place in places.items()}
            for number, line in enumerate(piece.lines.tolist()):
                values = {
                    name: text.strip() for name, texts in columns.items() if (text := texts[number]) and text.strip()
                }
                yield _Row(line, values)
    finally:
        opened.pieces.close()


def _places(names: Sequence[str], file: str, report: ImportReport) -> dict[str, int]:
    known = {squeeze(name): name for name in COLUMNS}
    places = {known[squeeze(name)]: place for place, name in enumerate(names) if squeeze(name) in known}
    report.ignored = [name for name in names if squeeze(name) not in known]
    if not places.keys() & {"shipment_id", "decision_id"}:
        raise Unreadable(
            file, "It has no column shipment_id or decision_id.", "One of them must name the inspected shipment."
        )
    for name in ("content", "found_at", "by"):
        if name not in places:
            raise Unreadable(file, f"It has no column {name}.", f"The columns of an outcome are {', '.join(_FIELDS)}.")
    return places


def _store(database: Database, rows: Sequence[_Row], report: ImportReport) -> None:
    """Store the valid rows in one transaction."""
    findings = [(row, finding) for row in rows if (finding := _finding(row, report)) is not None]
    if not findings:
        return
    at = time.time_ns() // 1000
    with database.write() as connection:
        database.lock_audit(connection)
        decisions = _decisions(connection, [row for row, _ in findings])
        known = {one: set(map(_content, of_one)) for one, of_one in _known(connection, decisions.values()).items()}
        facts, shipments = [], []
        for row, finding in findings:
            decision_id = decisions.get(row.line)
            if decision_id is None:
                report.rejected.append(_unknown(row))
                continue
            stored = known.setdefault(decision_id, set())
            if _content(finding) in stored:
                report.known += 1
                continue
            try:
                recorded, fact = add_outcome(connection, decision_id, finding, caller=_ACTOR, at=at)
            except NotRecorded as error:
                report.rejected.append(RejectedRow(row.line, error.field, row.values.get(error.field, ""), str(error)))
                continue
            stored.add(_content(recorded))
            facts.append(fact)
            shipments.append(recorded.shipment_id)
            report.added += 1
        queue.refresh(connection, shipments)
        audit.append(connection, facts, at)


def _finding(row: _Row, report: ImportReport) -> Finding | None:
    """Return the finding of a row; None if it is rejected."""
    values: dict[str, Any] = {name: text for name, text in row.values.items() if name in _FIELDS}
    values.setdefault("content", "")
    try:
        return read_request(OutcomeRequest, values).finding()
    except ServiceError as error:
        first = error.details.errors[0]
        value = row.values.get(first["field"], "")
        report.rejected.append(RejectedRow(row.line, first["field"], value, first["problem"]))
        return None


def _decisions(connection: Connection, rows: Sequence[_Row]) -> dict[int, str]:
    """Return line -> decision id. The ``decision_id`` of a row may be unknown to the store."""
    named = {row.line: row.values["decision_id"] for row in rows if "decision_id" in row.values}
    others = {
        row.line: row.values["shipment_id"] for row in rows if row.line not in named and "shipment_id" in row.values
    }
    latest = _latest_of_shipments(connection, set(others.values()))
    return named | {line: latest[name] for line, name in others.items() if name in latest}


def _known(connection: Connection, decision_ids: Any) -> dict[str, list[Recorded]]:
    return outcomes_of(connection, sorted(set(decision_ids)))


def _unknown(row: _Row) -> RejectedRow:
    if "shipment_id" not in row.values:
        return RejectedRow(row.line, "shipment_id", "", "is missing, and so is decision_id; one is needed")
    problem = "no decision is stored on this shipment; expected a shipment that this service has scored"
    return RejectedRow(row.line, "shipment_id", row.values["shipment_id"], problem)


def _content(outcome: Finding | Recorded) -> tuple[Any, ...]:
    return tuple(getattr(outcome, name) for name in _FIELDS)


def _latest_of_shipments(connection: Connection, shipment_ids: Collection[str]) -> dict[str, str]:
    """Return the id of the latest decision on each shipment that has one, by shipment. What-if decisions do not count."""
    references = {shipment_id: reference_of(shipment_id) for shipment_id in shipment_ids}
    positions = (
        select(func.max(Decision.position))
        .where(Decision.shipment_id.in_(references.values()), Decision.what_if.is_(False))
        .group_by(Decision.shipment_id)
    )
    found = connection.execute(select(Decision.shipment_id, Decision.id).where(Decision.position.in_(positions)))
    latest = {row.shipment_id: row.id for row in found}
    return {name: latest[reference] for name, reference in references.items() if reference in latest}
