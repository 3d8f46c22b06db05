"""Pydantic models of decisions, for the documentation of responses."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from service.core.http.schemas import Answer, Lane, Probability, Score
from service.inspections.schemas import OutcomeAnswer, OverrideAnswer

_TIME = "2026-05-04T09:31:12.402113Z"


class DecisionSummary(Answer):
    """Summary of a decision in a list."""

    decision_id: str = Field(examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    shipment_id: str = Field(examples=["HB-2026-000184"])
    received_at: str = Field(description="Time of receipt, ISO 8601, UTC", examples=[_TIME])
    lane: Lane = Field(description="Lane of the answer", examples=["yellow"])
    selected_by: str | None = Field(description="What set the lane; null for a plain green", examples=["score"])
    risk: Probability = Field(examples=[0.000412])
    percentile: Probability = Field(examples=[0.9871])
    channel: str | None = Field(
        description="Code of the channel; the declared text if the channel is unknown", examples=["express"]
    )
    site: str | None = Field(
        description="UN/LOCODE of the unloading location; the declared text if the location is unknown",
        examples=["USJFK"],
    )
    what_if: bool = Field(description="Whether the request left the history unchanged (`update_history=false`)")
    via: str = Field(
        description="How the shipment was scored: score, batch or csv (the routes), job, or file (the command line)",
        examples=["score"],
    )
    caller: str | None = Field(
        description="Id of the API key, or the name of the command; null without keys", examples=[None]
    )
    model_version: str = Field(examples=["1"])
    earlier_id: str | None = Field(
        description="Id of the previous decision on the same shipment; null if it is the first", examples=[None]
    )


class Decisions(Answer):
    """A page of decisions in the order in which they were stored."""

    decisions: list[DecisionSummary]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=["100"])


class Versions(Answer):
    """Versions of model, features and rules that a decision used."""

    model: str = Field(description="Version of the model", examples=["1"])
    model_digest: str = Field(description="SHA-256 of its bundle", examples=["9f2c..."])
    features_digest: str = Field(description="SHA-256 of the ordered names of its features", examples=["41d0..."])
    rules_digest: str | None = Field(description="SHA-256 of the rules; null without rules", examples=["c7a9..."])


class StoredDecision(DecisionSummary):
    """A decision with all its stored data."""

    answer: Score = Field(description="The answer as it was sent; without personal fields after erasure")
    manifest: dict[str, Any] | None = Field(
        description="The manifest as received; for a shipment of a file, the declared texts. Null after erasure"
    )
    versions: Versions
    duration_us: int = Field(description="Duration of scoring in microseconds", examples=[412])
    later: list[str] = Field(description="Ids of later decisions on the same shipment, oldest first", examples=[[]])
    outcomes: list[OutcomeAnswer] = Field(description="Results of inspections, with all corrections", examples=[[]])
    overrides: list[OverrideAnswer] = Field(description="Lanes that officers set, with reasons", examples=[[]])
