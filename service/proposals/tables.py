"""Tables of proposals and of what people decided on them. Rows are only added."""

from __future__ import annotations

import hashlib
from typing import Final

import orjson
from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.proof import RowCheck, Values
from service.core.database.tables import Base, RowNumber


class Proposal(Base):
    """A drafted rule. Its texts name goods, codes and amounts, no party.

    Attributes:
        outcome_ids: JSON list of the outcomes that it was drafted from.
        text: what the finds share, in plain words.
        conditions: JSON list of leaves of a rule, which must all hold.
        weight: shrunk log-lift (`service.proposals.drafting`).
        until: time at which it ends, in microseconds since 1970.
        floor: precision below which it is retired.
        backtest: JSON of `service.proposals.past.Backtest`.
    """

    __tablename__ = "proposals"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[int]
    created_by: Mapped[str | None]
    outcome_ids: Mapped[str]
    text: Mapped[str]
    conditions: Mapped[str]
    weight: Mapped[float]
    until: Mapped[int]
    floor: Mapped[float]
    backtest: Mapped[str]

    # The order of drafts decides nothing.
    unproven = frozenset({"position"})


class ProposalEvent(Base):
    """A decision on a proposal. The latest one is in force.

    Attributes:
        state: ``accepted``, ``declined`` or ``retired``.
        reason: why.
    """

    __tablename__ = "proposal_events"
    __table_args__ = (Index(None, "proposal_id"),)

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[int]
    created_by: Mapped[str | None]
    proposal_id: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str]

    # A later event of the same proposal has a later time.
    unproven = frozenset({"position"})


_CONTENT: Final = ("outcome_ids", "text", "conditions", "weight", "until", "floor", "backtest")


def facts_of(row: Values) -> dict[str, object]:
    """Return the facts of a proposal for the audit chain."""
    content = orjson.dumps([row[name] for name in _CONTENT])
    return {"conditions": row["conditions"], "until": row["until"], "content": hashlib.sha256(content).hexdigest()}


def facts_of_event(row: Values) -> dict[str, object]:
    """Return the facts of a decision on a proposal. A reason is free text, so the chain has its digest."""
    digest = hashlib.sha256(row["reason"].encode()).hexdigest()
    return {"proposal": row["proposal_id"], "state": row["state"], "reason": digest}


CHECKS: Final = (
    RowCheck(
        "proposal",
        Proposal,
        lambda row: {name: row[name] for name in ("created_at", "created_by")} | facts_of(row),
        columns=("created_at", "created_by", *_CONTENT),
    ),
    RowCheck(
        "proposal_decided",
        ProposalEvent,
        lambda row: {name: row[name] for name in ("created_at", "created_by")} | facts_of_event(row),
        columns=("created_at", "created_by", "proposal_id", "reason", "state"),
    ),
)
