"""Webhooks and their outbox: add and remove addresses, enqueue deliveries, claim due ones, and record the results.

A delivery is inserted in the transaction of its decision, so that a message is sent for every stored red decision except what-if
ones, and for no other. A worker claims a delivery by a lease in a short transaction, sends it outside of any transaction, and
records the result. After a crash the lease ends and another worker sends the delivery again: receivers get it at least once, always
with the same id.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import insert, or_, select, update

from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import iso_time
from service.core.identifiers import new_ids
from service.webhooks.tables import Delivery, Webhook

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database
    from service.scoring.decision import NewDecision, Stored

WAITING, DELIVERED, FAILED = ("waiting", "delivered", "failed")
EVENT: Final = "decision.red"
_RED: Final = "red"
_SECOND: Final = 1_000_000
_SECRET_BYTES: Final = 32
#: Lease of a claimed delivery, in microseconds: the worker must send it within this time.
LEASE: Final = 120 * _SECOND
#: No valid time lies further in the future: delays grow to 6 hours, and one hour allows for small corrections of the clock.
_FURTHEST: Final = 7 * 3600 * _SECOND
#: Time without a success, in microseconds, after which a failing address is disabled.
PATIENCE: Final = 3 * 24 * 3600 * _SECOND


class Outbox:
    """Deliveries of the red decisions of a service.

    Attributes:
        in_use: whether any address was in use at the last `look`; True before the first one. If False, `add` does nothing.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Some processes, such as commands, never call `look`. True makes `add` query the database.
        self.in_use = True

    def look(self) -> bool:
        """Read whether any address is in use, and return this."""
        with self._database.read() as connection:
            self.in_use = bool(_in_use(connection))
        return self.in_use

    def add(self, connection: Connection, decisions: Sequence[NewDecision], stored: Sequence[Stored], at: int) -> None:
        """Insert the deliveries of new red decisions, in the transaction of the decisions."""
        if not self.in_use:
            return
        red = [
            decision
            for decision, answer in zip(decisions, stored, strict=True)
            if decision.lane == _RED and not decision.what_if and not answer.repeated
        ]
        webhooks = _in_use(connection) if red else []
        if not webhooks:
            return
        ids = iter(new_ids(len(red) * len(webhooks)))
        rows = [
            _delivery(next(ids), webhook, decision.id, _message(decision), at)
            for decision in red
            for webhook in webhooks
        ]
        connection.execute(insert(Delivery), rows)


def _in_use(connection: Connection) -> list[str]:
    return list(
        connection.scalars(
            select(Webhook.id)
            .where(Webhook.removed_at.is_(None), Webhook.disabled_at.is_(None))
            .order_by(Webhook.position)
        )
    )


def _message(decision: NewDecision) -> dict[str, Any]:
    """Return the message about a decision, which contains no personal data and no identifier from the manifest."""
    answer = orjson.loads(decision.answer)
    return {
        "decision_id": decision.id,
        "received_at": iso_time(decision.received_at),
        "lane": decision.lane,
        "selected_by": decision.selected_by,
        "risk": decision.risk,
        "percentile": decision.percentile,
        "reason_codes": list(dict.fromkeys(reason["code"] for reason in answer["reasons"])),
        "rule_ids": answer["rule_ids"],
        "model_digest": decision.model_digest,
    }


def _delivery(id_: str, webhook: str, decision: str, message: dict[str, Any], at: int) -> dict[str, Any]:
    return {
        "id": id_,
        "webhook_id": webhook,
        "decision_id": decision,
        "body": orjson.dumps({"event": EVENT, "delivery_id": id_, "data": message}),
        "state": WAITING,
        "created_at": at,
        "attempts": 0,
        "next_at": at,
        "leased_until": 0,
    }


def add(database: Database, url: str, description: str, actor: str | None, at: int) -> Row[Any]:
    """Add an address with a new secret, and return its row."""
    [id_] = new_ids(1)
    secret = f"whsec_{secrets.token_urlsafe(_SECRET_BYTES)}"
    with database.write() as connection:
        row = {"id": id_, "url": url, "description": description, "secret": secret, "added_by": actor, "added_at": at}
        connection.execute(insert(Webhook), [row])
        facts = {"url": salted(secret.encode(), url.encode())}
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
    body: bytes
    attempts: int


def claim(database: Database, at: int, most: int) -> list[Due]:
    """Claim up to ``most`` deliveries that are due. No other worker claims them before the lease ends."""
    with database.write() as connection:
        query = (
            select(Delivery.id, Delivery.webhook_id, Delivery.body, Delivery.attempts, Webhook.url, Webhook.secret)
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
    return [Due(row.id, row.webhook_id, row.url, row.secret, bytes(row.body), row.attempts) for row in rows]


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
