"""Webhooks and their outbox: add and remove addresses, enqueue deliveries, claim due ones, and record the results.

A delivery is inserted in the transaction of its decision, outcome or job, so that a message is sent for each stored one except
what-if ones, and for no other. A worker claims a delivery by a lease in a short transaction, sends it outside of any transaction,
and records the result. After a crash the lease ends and another worker sends the delivery again: receivers get it at least once,
always with the same id.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import insert, or_, select, update

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import iso_time
from service.core.identifiers import new_ids
from service.webhooks.tables import DEFAULT_EVENT, EVENTS, Delivery, Webhook, facts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database
    from service.scoring.decision import NewDecision, Stored

WAITING, DELIVERED, FAILED = ("waiting", "delivered", "failed")
#: Kinds of messages about other things than the lane of a decision.
OUTCOME_RECORDED, LIST_HIT = "outcome.recorded", "list.hit"
#: Beginning of the ``rule_ids`` of hits on watch lists.
_HIT: Final = "watch_list:"
_HIT_IN_ANSWER: Final = f'"{_HIT}'.encode()
_SECOND: Final = 1_000_000
_SECRET_BYTES: Final = 32
#: Lease of a claimed delivery, in microseconds: the worker must send it within this time.
LEASE: Final = 120 * _SECOND
#: No valid time lies further in the future: delays grow to 6 hours, and one hour allows for small corrections of the clock.
_FURTHEST: Final = 7 * 3600 * _SECOND
#: Time without a success, in microseconds, after which a failing address is disabled.
PATIENCE: Final = 3 * 24 * 3600 * _SECOND


@dataclass(frozen=True, slots=True)
class Message:
    """A message to enqueue.

    Attributes:
        event: one of `EVENTS`.
        data: JSON without personal data except the reference of the shipment.
        decision_id: decision that the message concerns; empty for a job.
    """

    event: str
    data: dict[str, Any]
    decision_id: str = ""


class Outbox:
    """Deliveries of the decisions of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Kinds that some address gets. Some processes, such as commands, never call `look`, so that `add` queries the database.
        self._wanted: Collection[str] = EVENTS

    def look(self) -> bool:
        """Read which kinds of messages the addresses in use get, and return whether there are any."""
        with self._database.read() as connection:
            self._wanted = _wanted(connection)
        return bool(self._wanted)

    def add(self, connection: Connection, decisions: Sequence[NewDecision], stored: Sequence[Stored], at: int) -> None:
        """Insert the deliveries of new decisions, in the transaction of the decisions."""
        if not self._wanted:
            return
        new = [
            decision
            for decision, answer in zip(decisions, stored, strict=True)
            if not decision.what_if and not answer.repeated and _events_of(decision, self._wanted)
        ]
        wanted = _wanted(connection) if new else ()
        enqueue(connection, [message for decision in new for message in _messages(decision, wanted)], at)


def _in_use(connection: Connection) -> list[tuple[str, list[str]]]:
    """Return the id of each address in use, and the kinds of its messages."""
    query = (
        select(Webhook.id, Webhook.events)
        .where(Webhook.removed_at.is_(None), Webhook.disabled_at.is_(None))
        .order_by(Webhook.position)
    )
    return [(row.id, row.events.split(",")) for row in connection.execute(query)]


def _wanted(connection: Connection) -> set[str]:
    return {event for _, events in _in_use(connection) for event in events}


def is_wanted(connection: Connection, event: str) -> bool:
    """Return whether an address in use gets messages of a kind."""
    return event in _wanted(connection)


def enqueue(connection: Connection, messages: Sequence[Message], at: int) -> None:
    """Insert a delivery of each message to each address in use that gets its kind, in the caller's transaction."""
    webhooks = _in_use(connection) if messages else []
    wanted = [(message, webhook) for message in messages for webhook, events in webhooks if message.event in events]
    if not wanted:
        return
    ids = new_ids(len(wanted))
    rows = [_delivery(id_, webhook, message, at) for id_, (message, webhook) in zip(ids, wanted, strict=True)]
    connection.execute(insert(Delivery), rows)


def _events_of(decision: NewDecision, wanted: Collection[str]) -> list[str]:
    """Return which of the wanted kinds a decision may have messages of. A declared text may look like a hit."""
    events = [f"decision.{decision.lane}", *([LIST_HIT] if _HIT_IN_ANSWER in decision.answer else [])]
    return [event for event in events if event in wanted]


def _messages(decision: NewDecision, wanted: Collection[str]) -> list[Message]:
    """Return the messages about a decision of the wanted kinds."""
    events = _events_of(decision, wanted)
    if not events:
        return []
    answer = orjson.loads(decision.answer)
    if LIST_HIT in events and not any(rule.startswith(_HIT) for rule in answer["rule_ids"]):
        events.remove(LIST_HIT)
    data = {
        "decision_id": decision.id,
        "shipment_id": answer.get("shipment_id", decision.shipment_id),
        "received_at": iso_time(decision.received_at),
        "lane": decision.lane,
        "selected_by": decision.selected_by,
        "risk": decision.risk,
        "percentile": decision.percentile,
        "reason_codes": reason_codes(answer),
        "rule_ids": answer["rule_ids"],
        "model_digest": decision.model_digest,
    }
    return [Message(event, data, decision.id) for event in events]


def reason_codes(answer: Mapping[str, Any]) -> list[str]:
    """Return the codes of an answer's reasons, each once."""
    return list(dict.fromkeys(reason["code"] for reason in answer["reasons"]))


def _delivery(id_: str, webhook: str, message: Message, at: int) -> dict[str, Any]:
    return {
        "id": id_,
        "webhook_id": webhook,
        "event": message.event,
        "decision_id": message.decision_id,
        "body": orjson.dumps({"event": message.event, "delivery_id": id_, "data": message.data}),
        "state": WAITING,
        "created_at": at,
        "attempts": 0,
        "next_at": at,
        "leased_until": 0,
    }


def add(
    database: Database,
    url: str,
    description: str,
    actor: str | None,
    at: int,
    events: Collection[str] = (DEFAULT_EVENT,),
) -> Row[Any]:
    """Add an address with a new secret, and return its row.

    Args:
        events: kinds of its messages.
    """
    [id_] = new_ids(1)
    secret = f"whsec_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with database.write() as connection:
        row = {"id": id_, "url": url, "description": description, "secret": secret, "added_by": actor, "added_at": at}
        row["events"] = ",".join(event for event in EVENTS if event in events)
        connection.execute(insert(Webhook), [row])
        facts = facts_of(row) | {"url": salted(secret.encode(), url.encode())}
        audit.append(connection, [Fact("webhook_added", id_, facts, actor)], at)
        return connection.execute(select(Webhook.__table__).where(Webhook.id == id_)).one()


def remove(database: Database, id_: str, actor: str | None, at: int) -> bool:
    """Remove an address, and return whether it existed. Its waiting deliveries are never sent."""
    return _change(database, id_, "webhook_removed", {"removed_at": at, "secret": ""}, actor, at)


def enable(database: Database, id_: str, actor: str | None, at: int) -> bool:
    """Use a disabled address again, and return whether it exists. Its waiting deliveries are sent."""
    return _change(database, id_, "webhook_enabled", {"disabled_at": None, "failing_since": None}, actor, at)


def _change(database: Database, id_: str, kind: str, values: dict[str, Any], actor: str | None, at: int) -> bool:
    with database.write() as connection:
        changed = connection.execute(
            update(Webhook).where(Webhook.id == id_, Webhook.removed_at.is_(None)).values(**values)
        ).rowcount
        if changed:
            audit.append(connection, [Fact(kind, id_, {}, actor)], at)
    return bool(changed)


def webhooks(connection: Connection) -> list[Row[Any]]:
    """Return the addresses that were not removed, in order."""
    query = select(Webhook.__table__).where(Webhook.removed_at.is_(None)).order_by(Webhook.position)
    return list(connection.execute(query))


def exists(connection: Connection, id_: str) -> bool:
    """Return whether an address exists and was not removed."""
    return connection.scalar(select(Webhook.id).where(Webhook.id == id_, Webhook.removed_at.is_(None))) is not None


def deliveries(
    connection: Connection, webhook: str, *, state: str | None = None, before: int | None = None, limit: int = 100
) -> list[Row[Any]]:
    """Return up to ``limit`` deliveries of an address with positions below ``before``, the latest first."""
    query = select(Delivery.__table__).where(Delivery.webhook_id == webhook)
    if state is not None:
        query = query.where(Delivery.state == state)
    if before is not None:
        query = query.where(Delivery.position < before)
    return list(connection.execute(query.order_by(Delivery.position.desc()).limit(limit)))


def send_again(database: Database, webhook: str, id_: str, actor: str | None, at: int) -> bool:
    """Queue a delivery to be sent again now, and return whether it exists."""
    with database.write() as connection:
        changed = connection.execute(
            update(Delivery)
            .where(Delivery.id == id_, Delivery.webhook_id == webhook)
            .values(state=WAITING, attempts=0, next_at=at, leased_until=0)
        ).rowcount
        if changed:
            audit.append(connection, [Fact("webhook_redelivery", id_, {"webhook": webhook}, actor)], at)
    return bool(changed)


@dataclass(frozen=True, slots=True)
class Due:
    """A claimed delivery, with the address and its secret."""

    id: str
    webhook_id: str
    url: str
    secret: str
    event: str
    body: bytes
    attempts: int


def claim(database: Database, at: int, most: int) -> list[Due]:
    """Claim up to ``most`` deliveries that are due. No other worker claims them before the lease ends."""
    with database.write() as connection:
        query = (
            select(
                Delivery.id,
                Delivery.webhook_id,
                Webhook.url,
                Webhook.secret,
                Delivery.event,
                Delivery.body,
                Delivery.attempts,
            )
            .join(Webhook, Webhook.id == Delivery.webhook_id)
            .where(
                Delivery.state == WAITING,
                # Times impossibly far in the future were written before the clock was set back.
                or_(Delivery.next_at <= at, Delivery.next_at > at + _FURTHEST),
                or_(Delivery.leased_until <= at, Delivery.leased_until > at + _FURTHEST),
                Webhook.removed_at.is_(None),
                Webhook.disabled_at.is_(None),
            )
            .order_by(Delivery.next_at, Delivery.position)
            .limit(most)
        )
        if not database.is_sqlite:
            query = query.with_for_update(of=Delivery, skip_locked=True)
        rows = list(connection.execute(query))
        if rows:
            claimed = [row.id for row in rows]
            connection.execute(update(Delivery).where(Delivery.id.in_(claimed)).values(leased_until=at + LEASE))
    return [Due(row.id, row.webhook_id, row.url, row.secret, row.event, bytes(row.body), row.attempts) for row in rows]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Result of an attempt.

    Attributes:
        at: time of the attempt, in microseconds since 1970.
        status: HTTP status of the answer; None if no answer came.
        problem: None after a success.
        next_at: time of the next attempt; None to give up after a problem.
    """

    at: int
    status: int | None
    problem: str | None
    next_at: int | None = None


def record(database: Database, due: Due, attempt: Attempt) -> bool:
    """Record an attempt, and return whether it caused its address to be disabled."""
    succeeded = attempt.problem is None
    values: dict[str, Any] = {
        "attempts": due.attempts + 1,
        "status": attempt.status,
        "problem": attempt.problem,
        "leased_until": 0,
    }
    if succeeded:
        values |= {"state": DELIVERED, "delivered_at": attempt.at}
    elif attempt.next_at is None:
        values |= {"state": FAILED}
    else:
        values |= {"next_at": attempt.next_at}
    with database.write() as connection:
        connection.execute(update(Delivery).where(Delivery.id == due.id).values(**values))
        of_webhook = update(Webhook).where(Webhook.id == due.webhook_id)
        if succeeded:
            connection.execute(of_webhook.where(Webhook.problem.is_not(None)).values(failing_since=None, problem=None))
            return False
        connection.execute(of_webhook.where(Webhook.failing_since.is_(None)).values(failing_since=attempt.at))
        connection.execute(of_webhook.values(problem=attempt.problem))
        disabled = connection.execute(
            of_webhook.where(Webhook.failing_since <= attempt.at - PATIENCE, Webhook.disabled_at.is_(None)).values(
                disabled_at=attempt.at
            )
        ).rowcount
        if disabled:
            fact = Fact("webhook_disabled", due.webhook_id, {"failing": PATIENCE // _SECOND})
            audit.append(connection, [fact], attempt.at)
    return bool(disabled)
