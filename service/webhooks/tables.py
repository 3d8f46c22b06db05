"""Tables of webhooks and of their deliveries, which form the outbox; the proof of webhooks, and what an erasure removes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
from sqlalchemy import Index, select, update
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.audit import salted
from service.core.database.proof import Entry, RowCheck, Values, has_salt
from service.core.database.tables import Base, RowNumber
from service.scoring.tables import without_entry

if TYPE_CHECKING:
    from sqlalchemy import Connection


#: Kinds of messages. By default an address gets the first one.
EVENTS: Final = ("decision.red", "decision.yellow", "job.done", "job.failed", "outcome.recorded", "list.hit")
DEFAULT_EVENT: Final = EVENTS[0]


class Webhook(Base):
    """Address that gets messages.

    Attributes:
        events: kinds of its messages, separated by commas, in the order of `EVENTS`.
        secret: key of the signatures. Signing needs it, so it is not hashed. Empty after removal.
        failing_since: time of the first failure since the last success; None while deliveries succeed.
        disabled_at: time at which it was disabled after three days of failures; None while it is in use.
        problem: reason why the latest delivery failed; None after a success.
    """

    __tablename__ = "webhooks"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    url: Mapped[str]
    description: Mapped[str]
    secret: Mapped[str]
    events: Mapped[str]
    added_by: Mapped[str | None]
    added_at: Mapped[int]
    failing_since: Mapped[int | None]
    problem: Mapped[str | None]
    disabled_at: Mapped[int | None]
    removed_at: Mapped[int | None]

    # The chain names the address, and who added and removed it. The rest is its state.
    unproven: ClassVar = frozenset({"description", "added_by", "added_at", "failing_since", "problem", "disabled_at"})


class Delivery(Base):
    """One message to one address. Rows stay after delivery.

    Attributes:
        event: kind of the message, one of `EVENTS`.
        decision_id: empty for a message about a job.
        body: JSON of the message. Each attempt sends the same bytes.
        state: ``waiting``, ``delivered`` or ``failed`` (given up).
        next_at: time of the next attempt of a waiting delivery.
        leased_until: end of the lease of a worker that is sending it.
        status: HTTP status of the latest answer; None if no answer came.
        problem: reason why the latest attempt failed.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "webhook_id", "position"))

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    webhook_id: Mapped[str]
    event: Mapped[str]
    decision_id: Mapped[str]
    body: Mapped[bytes]
    state: Mapped[str]
    created_at: Mapped[int]
    attempts: Mapped[int]
    next_at: Mapped[int]
    leased_until: Mapped[int]
    status: Mapped[int | None]
    problem: Mapped[str | None]
    delivered_at: Mapped[int | None]


def facts_of(row: Values) -> dict[str, Any]:
    """Return the facts about a new address without its URL. Those of earlier versions have no kinds, because there was one only."""
    return {"events": None if row["events"] == DEFAULT_EVENT else row["events"]}


def _unerased(row: Values, _: Entry) -> str | None:
    # The removal of an address deletes its secret, so its URL can no longer be checked.
    return None if has_salt(row) or row["removed_at"] is not None else "the table holds other values of url"


CHECKS: Final = (
    RowCheck(
        "webhook_added",
        Webhook,
        facts_of,
        lambda row: {"url": salted(row["secret"].encode(), row["url"].encode())},
        columns=("events", "url", "secret", "removed_at"),
        unerased=_unerased,
    ),
    RowCheck("webhook_removed", Webhook, ("removed_at",), required=("removed_at",)),
)


def erase_with(connection: Connection, decisions: Sequence[Any]) -> None:
    """Erase the references of shipments and the ids of watch-list entries in the messages about decisions and their outcomes."""
    ids = [row.id for row in decisions]
    for row in connection.execute(select(Delivery.id, Delivery.body).where(Delivery.decision_id.in_(ids))).all():
        message = orjson.loads(bytes(row.body))
        data = message["data"]
        data["shipment_id"] = None
        if "rule_ids" in data:
            data["rule_ids"] = [without_entry(rule) for rule in data["rule_ids"]]
        connection.execute(update(Delivery).where(Delivery.id == row.id).values(body=orjson.dumps(message)))
