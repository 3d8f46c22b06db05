"""Schemas of answers about the service and its model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from service.core.http.schemas import Answer, Probability
from service.scoring.schemas import ModelName


class FeatureDescription(Answer):
    """One feature of the model."""

    name: str
    group: str
    meaning: str
    reason: str = Field(description="Code of the reason to which the feature contributes")
    monotone: Literal[-1, 0, 1] = Field(
        description="1: the risk never falls as the feature rises; -1: it never rises as the feature rises; 0: no constraint"
    )
    share_of_gain: Probability | None = Field(
        description="Share of the total gain in training; null if it was not recorded"
    )


class BaseRate(Answer):
    """Share of shipments with illicit content that the probabilities assume."""

    head: str
    rate: Probability
    source: Literal["configured", "assumed", "trained"] = Field(
        description="configured: set by this office; assumed: the documented default; trained: from the training data"
    )


class LaneThresholds(Answer):
    """Thresholds of the lanes."""

    red: float = Field(description="Uncorrected risk log-odds at or above which a shipment is red")
    yellow: float = Field(description="The same for yellow")
    red_share: Probability = Field(description="Share of base-rate traffic that the red threshold was set for")
    yellow_share: Probability


class RefusedBundle(Answer):
    """A refused bundle to which the store points, or a store whose pointer is damaged or lost."""

    folder: str
    problems: list[str]
    since: str


class ModelDescription(Answer):
    """The model in service: its card, its features and its limits."""

    name: str
    version: str
    digest: str
    created_at: str
    serving_since: str
    history: Literal["snapshot", "restored", "carried over"] = Field(
        description="snapshot: history began with the bundle's snapshot; restored: it continues from before the restart; "
        "carried over: it continues from the previous model"
    )
    predictor: Literal["kernels", "lightgbm"] = Field(
        description="Implementation that computes raw scores: this project's compiled kernels or LightGBM, with identical results"
    )
    heads: list[str]
    base_rates: list[BaseRate]
    lanes: LaneThresholds
    lane_warning: str | None = Field(
        description="Warning if, of at least 2,000 shipments that this model scored in this process, the share of red is outside "
        "0.25 to 1 % or the share of yellow outside 1 to 4 %; otherwise null"
    )
    random_share: Probability
    features: list[FeatureDescription]
    limits: list[str] = Field(description="Limits of the model's use")
    data: dict[str, Any] = Field(description="Training data")
    metrics: dict[str, Any] = Field(description="Quality of the model, and the data on which it was measured")
    card: dict[str, Any] = Field(description="The rest of the model card")
    refused: RefusedBundle | None = Field(description="A newer bundle that was refused, or a lost pointer")


class Column(Answer):
    """One field of the manifest."""

    name: str
    level: Literal["shipment", "consignor", "consignee", "item"]
    key: str = Field(description="Name of the member in its JSON object")
    kind: str
    description: str
    unit: str | None
    codes: dict[str, str] | None = Field(description="Accepted values and their meaning; null if any value is accepted")
    example: str | float | int | bool | None


class OutputColumn(Answer):
    """One column that scoring adds to a file."""

    name: str
    description: str


class ManifestSchema(Answer):
    """Columns of a manifest, flat and nested, with kinds, units and codes, and the columns that scoring adds."""

    required: list[str]
    columns: list[Column]
    output_columns: list[OutputColumn]
    limits: dict[str, int]


class Health(Answer):
    """State of a running process."""

    status: Literal["ok"]


class Chemistry(Answer):
    """State of OPSIN, which reads systematic names. All other lookups work without OPSIN."""

    systematic_names: Literal["ready", "starting", "unavailable"]
    problem: str | None = Field(description="Why OPSIN is unavailable")


class StoreState(Answer):
    """State of the database."""

    database: Literal["answers", "away"] = Field(description="away: decisions go to the journal on this machine")
    waiting: int = Field(
        description="Decisions in this process's journal that are not yet in the database", examples=[0]
    )
    lists: Literal["read", "unread"] = Field(
        description="unread: shipments are scored without the office's lists, with a warning, until the database has answered once"
    )
    history: Literal["complete", "incomplete"] = Field(
        description="incomplete: the history lacks the traffic from before the start. Either the database was away at the start, "
        "and the history is completed when the database is back, or the key does not fit the checkpoints, and the service needs a "
        "restart with the right key"
    )


class Readiness(Answer):
    """State of a service that is ready: its model is loaded and warm, and the database answers or a journal replaces it."""

    status: Literal["ready"]
    model: ModelName
    refused: RefusedBundle | None
    chemistry: Chemistry
    store: StoreState | None = Field(description="Null if the store is off")
