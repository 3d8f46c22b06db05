"""Schemas of the answers about the audit chain."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from service.core.http.schemas import Answer

_TIME = "2026-05-04T09:31:12.402113Z"
_DIGEST = "4f1c..."


class State(Answer):
    """Latest entry of a kind up to the time."""

    digest: str = Field(description="Subject of the entry: a digest of what was in service", examples=[_DIGEST])
    since: str = Field(description="Time of the entry, ISO 8601, UTC", examples=[_TIME])
    entry: int = Field(description="Number of the entry in the chain", examples=[3])


class ModelState(State):
    """The model in service."""

    name: str | None = Field(examples=["tidewaiter"])
    version: str | None = Field(examples=["9"])
    folder: str | None = Field(examples=["champion"])


class RulesState(State):
    """The rules in force."""

    rules: int | None = Field(description="Number of rules", examples=[17])


class FurtherState(State):
    """Another part of the service."""

    facts: dict[str, Any] = Field(description="Facts of the entry", examples=[{}])


class ListState(Answer):
    """Entries of a list in force."""

    entries: int = Field(description="Number of entries in force", examples=[2])
    expired: int = Field(description="Number of entries that were not removed, but had expired", examples=[0])
    recorded: int = Field(description="Number of entries by the chain, with expired ones", examples=[2])
    revision: int = Field(description="Revision of the list; 0 if it never changed", examples=[4])
    since: str | None = Field(description="Time of its last change", examples=[_TIME])
    digest: str | None = Field(description="SHA-256 of the ids in order; null if there are none", examples=[_DIGEST])
    ids: list[str] = Field(description="Ids of the entries, at most the first 1,000", examples=[["0b3c7a4e"]])


class ProposalState(Answer):
    """An accepted proposal in force."""

    id: str
    by: str | None = Field(description="Who accepted it", examples=["3c2f8a52"])
    since: str = Field(examples=[_TIME])
    until: str = Field(description="Its end", examples=[_TIME])
    entry: int = Field(examples=[812])


class Promotion(Answer):
    """A promotion or a rollback."""

    at: str = Field(examples=[_TIME])
    digest: str = Field(description="Digest of the bundle", examples=[_DIGEST])
    version: str | None = Field(examples=["9"])
    by: str | None = Field(description="Id of the API key, or name of the command", examples=["tidewaiter promote"])
    reason: str | None = Field(description="Why it was forced", examples=[None])
    entry: int = Field(examples=[802])


class NearestDecision(Answer):
    """A decision near the time, with the versions that its answer names."""

    id: str
    at: str = Field(description="Time of receipt", examples=[_TIME])
    version: str = Field(examples=["9"])
    digest: str = Field(description="Digest of its model", examples=[_DIGEST])
    rules_digest: str | None = Field(description="Digest of rules and lists together", examples=[_DIGEST])


class NearestDecisions(Answer):
    """The last decision up to the time and the first after it."""

    before: NearestDecision | None
    after: NearestDecision | None


class Chain(Answer):
    """Extent of the chain."""

    entries: int = Field(examples=[4711])
    begins_at: str | None = Field(examples=[_TIME])


class Served(Answer):
    """What was in service at a time, by the audit chain."""

    at: str = Field(examples=[_TIME])
    known: bool = Field(description="Whether the chain names a model in service at this time")
    model: ModelState | None
    rules: RulesState | None
    settings: State | None
    further: dict[str, FurtherState] = Field(
        description="`history_key`, `keys_file` and `capacity` (thresholds in force), if they have entries"
    )
    lists: dict[str, ListState] = Field(description="`watch_entries`, `dismissals`, `suppressions`, `permits`")
    proposals: list[ProposalState]
    promotions: list[Promotion] = Field(description="The last three promotions and rollbacks, and the next one")
    decisions: NearestDecisions
    chain: Chain
    notes: list[str] = Field(description="What the chain cannot tell")
