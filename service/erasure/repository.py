"""Erasure of personal data from the database.

An erasure removes the manifests of decisions, the salts of their digests, and all texts of answers. It also removes the watch-list
entries that messages to webhooks name, ``by`` and ``method`` of outcomes, reasons of overrides, places in the queue, and answers
stored for repeated requests. An erasure by time also covers texts of list entries that were removed before that time, and history
keys of unanswered shipments. Ids, scores, lanes, reason codes, contents of outcomes and the audit chain remain. An erasure appends
an entry that names all erased rows, so that a missing salt without such an entry is a fault of the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, delete, func, or_, select, update

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.tables import IdempotentRequest
from service.core.database.times import now_us
from service.core.erasing import Selection
from service.core.identifiers import new_ids
from service.history.tables import HistoryEvent
from service.inspections.tables import Outcome, Override, QueueEntry
from service.lists.tables import Dismissal, PermitRow, SuppressionRow, WatchEntry
from service.scoring.references import reference_of
from service.scoring.tables import Decision
from service.webhooks.tables import Delivery

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Decisions per transaction, which bounds the time that other writers wait.
_AT_ONCE: Final = 500
#: Ids per search of the answers. SQLite limits the depth of an expression to 1,000.
_IDS_AT_ONCE: Final = 100
#: Members of an answer that contain nothing about a person. All others are emptied, including those that later versions add.
_KEPT_MEMBERS: Final = frozenset(
    {
        *(
            "decision_id",
            "shipment_id",
            "risk",
            "percentile",
            "one_in",
            "rank_one_in",
            "content",
            "lane",
            "selected_by",
        ),
        *("action", "rule_ids", "rules_digest", "unread", "explains", "late", "model"),
    }
)
_KEPT_OF_ITEM: Final = frozenset({"item_number", "risk", "content"})
_KEPT_OF_REASON: Final = frozenset({"code", "weight", "fields"})
#: Separator before the id of an entry in ``watch_list:ID``. Ids of rules do not contain it.
_ENTRY: Final = ":"
#: Replacement of the SHA-256 of an erased manifest, which would confirm a guess.
NO_DIGEST: Final = b""


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
                audit.append(database, connection, [Fact("erasure", erased.id, facts, actor)], now_us())
        if not found:
            break
        erased.decisions += [row.id for row in found]
        erased.shipments |= {_declared(row) for row in found}
    with database.write() as connection:
        rest = _erase_rest(connection, selection, erased)
        if any(rest.values()) or not (silent or erased.decisions):
            audit.append(database, connection, [Fact("erasure", erased.id, rest, actor)], now_us())
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


def erased_answer(answer: bytes) -> bytes:
    """Return an answer without its texts. Numbers, codes and names of fields stay."""
    content = orjson.loads(answer)
    remaining: dict[str, Any] = {
        name: value if name in _KEPT_MEMBERS else _emptied(value) for name, value in content.items()
    }
    remaining["items"] = [_part(item, _KEPT_OF_ITEM) for item in content.get("items", ())]
    remaining["reasons"] = [_part(reason, _KEPT_OF_REASON) for reason in content.get("reasons", ())]
    if "rule_ids" in content:
        remaining["rule_ids"] = [_without_entry(rule) for rule in content["rule_ids"]]
    remaining["warnings"] = [_part(warning, {"field"}) for warning in content.get("warnings", ())]
    return orjson.dumps(remaining)


def _without_entry(rule: str) -> str:
    """Return the id of a rule without the id of a watch-list entry, whose text may name the party."""
    return rule.partition(_ENTRY)[0]


def _part(values: dict[str, Any], unchanged: frozenset[str] | set[str]) -> dict[str, Any]:
    return {name: value if name in unchanged else _emptied(value) for name, value in values.items()}


def _emptied(value: object) -> object:
    """Return the empty value of the same kind, so that the answer keeps its form."""
    return type(value)() if isinstance(value, str | list) else None


def _chosen(selection: Selection) -> Any:
    # An outcome or override may have been recorded after the decision was erased.
    with_texts = [
        Decision.id.in_(select(table.decision_id).where(table.salt.is_not(None))) for table in (Outcome, Override)
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


def _erase_decisions(connection: Connection, chosen: Sequence[Any]) -> dict[str, Any]:
    """Erase decisions and all that belongs to them. Return the facts for the audit chain: the rows that this call erased."""
    ids = [row.id for row in chosen]
    unerased = [row for row in chosen if row.is_unerased]
    answers = {row.id: erased_answer(bytes(row.answer)) for row in unerased}
    connection.execute(
        update(Decision).where(Decision.id.in_(answers)).values(manifest=None, salt=None, content_digest=NO_DIGEST)
    )
    if answers:
        _store_answers(connection, answers)
        _erase_hits_in_messages(connection, [row.id for row in unerased if b"watch_list" in bytes(row.answer)])
    facts: dict[str, Any] = {"decisions": list(answers)}
    if unerased:
        facts["remains"] = [remains_of(row.shipment_id, row.channel, row.site, answers[row.id]) for row in unerased]
    personal: tuple[tuple[str, Any, dict[str, None]], ...] = (
        ("outcomes", Outcome, {"by": None, "method": None}),
        ("overrides", Override, {"reason": None}),
    )
    for name, table, fields in personal:
        # A row without a salt was erased before, or has no personal value.
        rows = list(
            connection.execute(
                select(table.id).where(table.decision_id.in_(ids), table.salt.is_not(None)).order_by(table.position)
            ).scalars()
        )
        connection.execute(update(table).where(table.id.in_(rows)).values(salt=None, **fields))
        facts[name] = rows
    connection.execute(delete(QueueEntry).where(QueueEntry.decision_id.in_(ids)))
    return facts


def _store_answers(connection: Connection, answers: dict[str, bytes]) -> None:
    connection.execute(
        update(Decision.__table__).where(Decision.id == bindparam("of")).values(answer=bindparam("erased")),  # type: ignore[arg-type]
        [{"of": decision_id, "erased": answer} for decision_id, answer in answers.items()],
    )


def _erase_hits_in_messages(connection: Connection, decisions: Sequence[str]) -> None:
    """Erase the ids of watch-list entries in messages to webhooks."""
    if not decisions:
        return
    found = connection.execute(select(Delivery.id, Delivery.body).where(Delivery.decision_id.in_(decisions))).all()
    for row in found:
        message = orjson.loads(bytes(row.body))
        message["data"]["rule_ids"] = [_without_entry(rule) for rule in message["data"]["rule_ids"]]
        connection.execute(update(Delivery).where(Delivery.id == row.id).values(body=orjson.dumps(message)))


def remains_of(shipment_id: str, channel: str | None, site: str | None, answer: bytes) -> str:
    """Return the SHA-256 of values that an erased decision keeps, but that cannot be proven without its salt."""
    return salted(orjson.dumps([shipment_id, channel, site]), answer)


def _erase_rest(connection: Connection, selection: Selection, erased: Erased) -> dict[str, list[str]]:
    """Erase personal data that does not belong to one decision. Return the ids of the erased list entries by table."""
    if selection.before is None:
        _forget_answers(connection, erased)
        return {}
    connection.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < selection.before))
    connection.execute(
        delete(HistoryEvent).where(HistoryEvent.kind == "unanswered", HistoryEvent.history_order < selection.before)
    )
    entries: dict[str, list[str]] = {}
    lists = (
        (WatchEntry, {"text": None, "source": ""}),
        (SuppressionRow, {"consignor": None}),
        (PermitRow, {"party_name": None}),
        (Dismissal, {"party": b""}),
    )
    for table, personal in lists:
        ids = list(
            connection.execute(
                select(table.id).where(table.removed_at < selection.before, table.salt.is_not(None))
            ).scalars()
        )
        if ids:
            connection.execute(update(table).where(table.id.in_(ids)).values(reason="", salt=None, **personal))
            entries[str(table.__tablename__)] = ids
    return entries


def _forget_answers(connection: Connection, erased: Erased) -> None:
    """Delete the answers that are stored for repeated requests and contain an erased decision."""
    body = IdempotentRequest.body
    for start in range(0, len(erased.decisions), _IDS_AT_ONCE):
        ids = [decision_id.encode() for decision_id in erased.decisions[start : start + _IDS_AT_ONCE]]
        # SQLite's LIKE does not search bytes, and PostgreSQL has no instr. Neither loads the answers into this process.
        if connection.dialect.name == "sqlite":
            named = [func.instr(body, decision_id) > 0 for decision_id in ids]
        else:
            named = [body.bool_op("LIKE")(b"%" + decision_id + b"%") for decision_id in ids]
        connection.execute(delete(IdempotentRequest).where(or_(*named)))
