"""Pydantic models for the documentation of responses. At run time, responses consist of plain values without validation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Lane = Literal["red", "yellow", "green"]


class Answer(BaseModel):
    """Base of the response models: undocumented members are not allowed."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Answer):
    """A field and its problem."""

    field: str = Field(description="Name of the field in the request", examples=["gross_mass_kg"])
    problem: str = Field(description="The problem, and what is expected", examples=["'1,2,3' is not a number"])


class Problem(BaseModel):
    """RFC 9457 problem details, the form of every error."""

    type: str = Field(description="Kind of problem", examples=["urn:tidewaiter:problem:unreadable"])
    title: str = Field(examples=["Cannot be read"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The shipment cannot be read: shipment_id: is missing."])
    instance: str = Field(description="Path of the request", examples=["/v1/score"])
    errors: list[FieldProblem] = Field(description="Fields and their problems")
    request_id: str | None = Field(default=None, examples=["3c2f8a52-6a4e-4d0b-8d5b-0c3c5a4f9f10"])
    limit_bytes: int | None = Field(default=None, description="With 413: the limit that was exceeded")
    claimed_by: str | None = Field(default=None, description="With 409 of a claim: holder of the shipment")
    by: str | None = Field(
        default=None, description="With 409 of a claim: name given with the claim, if an API key holds the shipment"
    )
    claimed_until: str | None = Field(default=None, description="With 409 of a claim: when the claim ends")
    rejected: list[RejectedShipment] | None = Field(
        default=None, description="With 422 of a batch: the refused shipments and their problems"
    )


class Reason(Answer):
    """One piece of evidence."""

    code: str = Field(description="Kind of evidence", examples=["VALUE_DENSITY"])
    text: str = Field(examples=["Declared at 0.9 USD per kg; goods described like this usually declare 18 to 60"])
    weight: float | None = Field(
        description="Change in the raw log-odds of the explained head; positive: evidence for illicit content. Null for rules "
        "(`RULE`), watch lists (`WATCH_LIST`, `DISMISSED`), suppressions (`SUPPRESSED`) and unread items (`UNREAD`), which "
        "concern the lane and never the score",
        examples=[0.84],
    )
    fields: list[str] = Field(
        description="Manifest fields that the reason is based on", examples=[["customs_value", "net_mass_kg"]]
    )
    source: str = Field(
        description="Published source, or the data from which the model learned the reason; for `OTHER`, the summarised reasons"
    )


class Listing(Answer):
    """A listing of the substance that is in force on the day of ``declared_at``."""

    jurisdiction: str = Field(description="ISO code, UN or EU", examples=["UN"])
    instrument: str = Field(examples=["1988 Convention"])
    listing: str = Field(description="Schedule or table of the instrument", examples=["Table I"])
    status: str = Field(description="listed or temporary", examples=["listed"])
    effective_from: str | None = Field(examples=["2017-10-18"])
    date_precision: str = Field(
        description="day; by: in force by that day; year: from 31 December of that year; unknown", examples=["day"]
    )
    source: str
    verified: str = Field(description="Whether the row was checked against the instrument itself")


class MetDefinition(Answer):
    """A class-wide definition that a structure meets or may meet; `GET /v1/substances` returns its wording."""

    jurisdiction: str = Field(examples=["US"])
    definition: str = Field(examples=["us-fentanyl-related"])
    result: Literal["met", "possible"]
    limbs: list[str] = Field(examples=[["D", "E"]])
    in_force: bool = Field(description="Whether a listing controls the class on that day")
    exempt: bool = Field(description="Whether the substance is exempt from the class")


class Substance(Answer):
    """Substance that the declared chemical, CAS number or description resolved to."""

    name: str = Field(examples=["citric acid"])
    group: str = Field(description="Kind of substance", examples=["benign"])
    kind: str = Field(description="How the substance was recognised; a mention is never a hit", examples=["exact"])
    hit: bool = Field(description="Whether a watched substance is declared")
    matched_text: str = Field(description="The recognised words", examples=["citric acid"])
    cas: str | None = Field(examples=["77-92-9"])
    inchikey: str | None
    listings: list[Listing]
    classes: list[MetDefinition]
    confidence: Probability = Field(
        description="Confidence that the text means this substance; not a probability of illicit content"
    )
    context: str | None = Field(description="Meaning of the surrounding words: test, publication, denied, ...")
    nearest: str | None = Field(description="Listed substance with the most similar structure; not a legal match")
    similarity: Probability | None


class Item(Answer):
    """One goods item."""

    item_number: str = Field(examples=["1"])
    risk: Probability
    content: dict[str, Probability] = Field(description="Probability per head")
    substance: Substance | None


class Explained(Answer):
    """The score that the reasons explain."""

    head: str = Field(description="Head whose raw score for the riskiest item exceeds its base value the most")
    item_number: str = Field(description="The riskiest item")
    base_value: float = Field(description="Raw log-odds of that head before any evidence")
    raw_score: float = Field(description="Raw log-odds of that head for that item: base value plus all weights")


class ModelName(Answer):
    """Identity of the model that scored."""

    name: str = Field(examples=["tidewaiter"])
    version: str = Field(examples=["1"])
    digest: str = Field(description="SHA-256 of the bundle", examples=["9f2c..."])


class Action(Answer):
    """ACAS style referral. The service never proposes 6H (do not load), which only a person may decide."""

    code: Literal["7H", "8H"]
    name: Literal["RFI", "RFS"] = Field(description="RFI: request for information; RFS: request for screening")


class Unread(Answer):
    """A field of a goods item that could not be read."""

    item_number: str = Field(examples=["1"])
    field: str = Field(examples=["declared_chemical"])


class Score(Answer):
    """Risk of one shipment, with the evidence for it."""

    decision_id: str = Field(description="Identifier of this answer", examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"])
    shipment_id: str = Field(examples=["HB-2026-000184"])
    risk: Probability = Field(description="Calibrated P(illicit content of any kind) at the base rate in use")
    percentile: Probability = Field(description="Share of reference traffic that scores lower")
    one_in: int = Field(
        description="1 / `risk`, rounded: of this many shipments with this risk, one is illicit; at most 10,000,000",
        examples=[2],
    )
    rank_one_in: int = Field(
        description="1 / (1 - `percentile`), rounded: of this many reference shipments, one scores as high; at most 10,000,000",
        examples=[4_000],
    )
    content: dict[str, Probability] = Field(description="Probability per head: the largest over all items")
    lane: Lane = Field(description="Recommended lane; a person decides")
    selected_by: Literal["score", "rule", "watch_list", "unread", "random"] | None = Field(
        description="What set the final lane; null for green, unless an exemption made it green (`rule`)"
    )
    rule_ids: list[str] = Field(
        description="Ids of the rules that fired, including those that did not change the lane, then of matching entries of watch "
        "lists, as `watch_list:ID`",
        examples=[["watched-without-permit"]],
    )
    rules_digest: str | None = Field(
        description="SHA-256 of the rules in force, the register of permits, the watch lists and the suppressions; null if the "
        "rules are switched off and there are no lists"
    )
    unread: list[Unread] = Field(
        description="Fields of goods items that could not be read. Such a shipment is at least yellow, even without rules"
    )
    action: Action | None = Field(default=None, description="Only with `actions=acas`; null for green")
    explains: Explained | None = Field(
        description="The score that the weights of `reasons` explain; null if the shipment is not explained"
    )
    reasons: list[Reason] = Field(
        description="Rules that fired, watch lists and unread items, then evidence for and against, by falling weight"
    )
    items: list[Item]
    warnings: list[FieldProblem] = Field(description="Problems of fields that did not prevent scoring")
    late: bool = Field(
        description="Whether the shipment was declared before shipments already scored. It is scored with the present history"
    )
    model: ModelName


class RejectedShipment(Answer):
    """A shipment of the request that cannot be read."""

    index: int = Field(description="Position in the request, from 0", ge=0, examples=[3])
    shipment_id: str | None = Field(examples=["HB-2026-000187"])
    problems: list[FieldProblem]


class BatchScore(Answer):
    """Results in the order of the request. `rejected` lists the shipments that cannot be read."""

    results: list[Score]
    rejected: list[RejectedShipment]


class UnreadableQuery(Answer):
    """A query of a batch that cannot be read."""

    query: str | None
    problem: str = Field(description="The problem, and what is expected")


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


Problem.model_rebuild()
