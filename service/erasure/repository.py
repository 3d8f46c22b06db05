"""Erasure of personal data from the database.

An erasure removes the manifests of decisions, the salts of their digests, all texts of answers, and answers stored for repeated
requests. What else it removes stands beside the tables of each subject: ``erased`` of a table, and the functions ``erase_with``
(decisions) and ``erase_before`` (a time). Ids, scores, lanes, reason codes, contents of outcomes and the audit chain remain. An
erasure appends an entry that names all erased rows, so that a missing salt without such an entry is a fault of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, or_, select, update

from service import subjects
from service.core.database import audit, idempotency
from service.core.database.audit import Fact
from service.core.database.times import now_us
from service.core.erasing import Selection
from service.core.identifiers import new_ids
from service.scoring.decision import reference_of
from service.scoring.tables import Decision, erased_answer, remains_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Decisions per transaction, which bounds the time that other writers wait.
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Erased:
    """Result of an erasure.

    Attributes:
        id: subject of its audit entries.
        decisions: ids of the erased decisions, including earlier erased ones with new outcomes or overrides to erase.
        shipments: references of their shipments, as declared.
    """

    id: str
    decisions: list[str]
    shipments: set[str]


def erase(database: Database, selection: Selection, actor: str | None, *, silent: bool = False) -> Erased:
    """Erase personal data, in several transactions, so that the service continues meanwhile. Repeat it after an interruption.

    Args:
        actor: id of the API key, or the name of the command.
        silent: True appends no audit entry if there is nothing to erase.
    """
    erased = Erased(new_ids(1)[0], [], set())
    while True:
        with database.write() as connection:
            database.lock_audit(connection)
            found = connection.execute(_chosen(selection)).all()
            if found:
                facts = _erase_decisions(connection, found)
                audit.append(connection, [Fact("erasure", erased.id, facts, actor)], now_us())
        if not found:
            break
        erased.decisions += [row.id for row in found]
        erased.shipments |= {_declared(row) for row in found}
    with database.write() as connection:
        rest = _erase_rest(connection, selection, erased)
        if any(rest.values()) or not (silent or erased.decisions):
            audit.append(connection, [Fact("erasure", erased.id, rest, actor)], now_us())
    return erased


def shipments_of(database: Database, selection: Selection) -> set[str]:
    """Return the references, as declared, of a selection of one shipment or decision; an empty set for a time."""
    if selection.shipment_id is not None:
        return {selection.shipment_id}
    if selection.decision_id is None:
        return set()
    with database.read() as connection:
        return {_declared(row) for row in connection.execute(_chosen(selection))}


def _declared(row: Any) -> str:
    """Return the reference of a decision as declared. The column contains a shortened form of long ones."""
    return str(orjson.loads(bytes(row.answer)).get("shipment_id", row.shipment_id))


def _chosen(selection: Selection) -> Any:
    # An outcome or override may have been recorded after the decision was erased.
    with_texts = [
        Decision.id.in_(select(table.decision_id).where(table.salt.is_not(None))) for table in _of_decisions()
    ]
    is_unerased = Decision.salt.is_not(None)
    columns = (Decision.id, Decision.shipment_id, Decision.channel, Decision.site, Decision.answer)
    query = select(*columns, is_unerased.label("is_unerased")).where(or_(is_unerased, *with_texts))
    if selection.before is not None:
        query = query.where(Decision.received_at < selection.before)
    if selection.shipment_id is not None:
        query = query.where(Decision.shipment_id == reference_of(selection.shipment_id))
    if selection.decision_id is not None:
        query = query.where(Decision.id == selection.decision_id)
    return query.order_by(Decision.position).limit(_AT_ONCE)


def _of_decisions() -> list[Any]:
    """Return the tables whose rows are erased with their decision."""
    return [table for table in subjects.tables() if table.erased and "decision_id" in table.__table__.c]


def _erase_decisions(connection: Connection, chosen: Sequence[Any]) -> dict[str, Any]:
    """Erase decisions and all that belongs to them. Return the facts for the audit chain: the rows that this call erased."""
    ids = [row.id for row in chosen]
    unerased = [row for row in chosen if row.is_unerased]
    answers = {row.id: erased_answer(bytes(row.answer)) for row in unerased}
    facts: dict[str, Any] = {"decisions": list(answers)}
    if answers:
        _erase_rows(connection, Decision, facts["decisions"])
        connection.execute(
            update(Decision.__table__).where(Decision.id == bindparam("of")).values(answer=bindparam("erased")),  # type: ignore[arg-type]
            [{"of": decision_id, "erased": answer} for decision_id, answer in answers.items()],
        )
        facts["remains"] = [remains_of(row.shipment_id, row.channel, row.site, answers[row.id]) for row in unerased]
    for table in _of_decisions():
        # A row without a salt was erased before, or has no personal value.
        query = select(table.id).where(table.decision_id.in_(ids), table.salt.is_not(None)).order_by(table.position)
        facts[table.__tablename__] = rows = list(connection.execute(query).scalars())
        _erase_rows(connection, table, rows)
    for erase_with in subjects.attributes("tables", "erase_with"):
        erase_with(connection, chosen)
    return facts


def _erase_rest(connection: Connection, selection: Selection, erased: Erased) -> dict[str, list[str]]:
    """Erase personal data that does not belong to one decision. Return the ids of the erased rows by table."""
    if selection.before is None:
        idempotency.forget(connection, erased.decisions)
        return {}
    idempotency.forget_before(connection, selection.before)
    for erase_before in subjects.attributes("tables", "erase_before"):
        erase_before(connection, selection.before)
    facts: dict[str, list[str]] = {}
    for table in subjects.tables():
        if table.erased and "removed_at" in table.__table__.c:
            query = select(table.id).where(table.removed_at < selection.before, table.salt.is_not(None))
            if rows := list(connection.execute(query).scalars()):
                facts[table.__tablename__] = rows
                _erase_rows(connection, table, rows)
    return facts


def _erase_rows(connection: Connection, table: Any, ids: Sequence[str]) -> None:
    connection.execute(update(table).where(table.id.in_(ids)).values(salt=None, **table.erased))
