"""Schemas of requests and answers of scoring.

Schemas of requests are generated from the list of manifest fields. They are as tolerant as the service: numbers may be strings, and
unknown keys are allowed. Only records that break the schema are unreadable.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field as SchemaField

from features.manifest.fields import FIELDS, Field, Kind, Level
from features.manifest.records import FURTHER
from service.core.http.schemas import Answer, FieldProblem, Lane, Listing, Probability, RejectedShipment

SelectedBy = Literal["score", "rule", "watch_list", "unread", "random", "exploration"]
_TYPES: Final[dict[Kind, list[str]]] = {
    Kind.NUMBER: ["number", "string", "null"],
    Kind.FLAG: ["boolean", "string", "number", "null"],
}


def field_schema(field: Field) -> dict[str, Any]:
    """Return the JSON schema of one field in a request."""
    schema: dict[str, Any] = {"description": _description(field)}
    if field.kind is Kind.COUNTRIES:
        schema["anyOf"] = [
            {"type": "array", "items": {"type": ["string", "null"]}},
            {"type": ["string", "null"], "description": "Separated by `;`"},
        ]
    else:
        schema["type"] = _TYPES.get(field.kind, ["string", "number", "null"])
        if field.kind is Kind.NUMBER:
            # A number that is not finite makes the shipment unreadable. Other invalid texts only cause warnings.
            schema["pattern"] = r"^(?![-+\s]*[iInN])"
    if field.example is not None:
        schema["examples"] = [[field.example] if field.kind is Kind.COUNTRIES else field.example]
    return schema


def _description(field: Field) -> str:
    text = field.description
    if field.unit:
        text += f" (unit: {field.unit})"
    if field.codes:
        listed = ", ".join(f"`{code}` {meaning}" for code, meaning in field.codes.items())
        text += f". Codes: {listed}. An unknown code is kept, reported as a warning and treated as missing"
    return text


def request_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of request bodies and their parts, by component name."""
    of_level: dict[Level, dict[str, Any]] = {level: {} for level in Level}
    for field in FIELDS:
        of_level[field.level][field.key] = field_schema(field)
    shipment = of_level[Level.SHIPMENT]
    shipment["shipment_id"] |= {"type": ["string", "integer"], "minLength": 1, "pattern": r"[^\s]"}
    for level in (Level.SHIPMENT, Level.ITEM):
        of_level[level][FURTHER] = {
            "type": ["object", "null"],
            "description": "Further fields that the office's model was trained on, by name",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }
    for role in (Level.CONSIGNOR, Level.CONSIGNEE):
        shipment[role.value] = {"$ref": f"#/components/schemas/{role.value.title()}"}
    shipment["items"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/GoodsItem"}}
    return {
        "Shipment": {
            "title": "Shipment",
            "type": "object",
            "description": "One declared shipment. Times are in UTC, masses in kilograms, amounts in `currency`.",
            "required": ["shipment_id", "items"],
            "properties": shipment,
        },
        "Consignor": {"title": "Consignor", "type": "object", "properties": of_level[Level.CONSIGNOR]},
        "Consignee": {"title": "Consignee", "type": "object", "properties": of_level[Level.CONSIGNEE]},
        "GoodsItem": {
            "title": "GoodsItem",
            "type": "object",
            "description": "One goods item. At least one field other than `item_number` needs a value.",
            "properties": of_level[Level.ITEM],
        },
        "Batch": {
            "title": "Batch",
            "type": "object",
            "required": ["shipments"],
            "properties": {
                "shipments": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Shipment"}}
            },
        },
    }


class Reason(Answer):
    """One piece of evidence."""

    code: str = SchemaField(description="Kind of evidence", examples=["VALUE_DENSITY"])
    text: str = SchemaField(examples=["Declared at 0.9 USD per kg; goods described like this usually declare 18 to 60"])
    weight: float | None = SchemaField(
        description="Change in the raw log-odds of the explained head; positive: evidence for illicit content. Null for rules "
        "(`RULE`), watch lists (`WATCH_LIST`, `DISMISSED`), suppressions (`SUPPRESSED`), unread items (`UNREAD`), changed "
        "declarations (`CHANGED`) and exploration (`EXPLORATION`), which "
        "concern the lane and never the score",
        examples=[0.84],
    )
    fields: list[str] = SchemaField(
        description="Manifest fields that the reason is based on", examples=[["customs_value", "net_mass_kg"]]
    )
    source: str = SchemaField(
        description="Published source, or the data from which the model learned the reason; for `OTHER`, the summarised reasons"
    )


class MetDefinition(Answer):
    """A class-wide definition that a structure meets or may meet; `GET /v1/substances` returns its wording."""

    jurisdiction: str = SchemaField(examples=["US"])
    definition: str = SchemaField(examples=["us-fentanyl-related"])
    result: Literal["met", "possible"]
    limbs: list[str] = SchemaField(examples=[["D", "E"]])
    in_force: bool = SchemaField(description="Whether a listing controls the class on that day")
    exempt: bool = SchemaField(description="Whether the substance is exempt from the class")


class Substance(Answer):
    """Substance that the declared chemical, CAS number or description resolved to."""

    name: str = SchemaField(examples=["citric acid"])
    group: str = SchemaField(description="Kind of substance", examples=["benign"])
    kind: str = SchemaField(
        description="How the substance was recognised; a mention is never a hit", examples=["exact"]
    )
    hit: bool = SchemaField(description="Whether a watched substance is declared")
    matched_text: str = SchemaField(description="The recognised words", examples=["citric acid"])
    cas: str | None = SchemaField(examples=["77-92-9"])
    inchikey: str | None
    listings: list[Listing]
    classes: list[MetDefinition]
    confidence: Probability = SchemaField(
        description="Confidence that the text means this substance; not a probability of illicit content"
    )
    context: str | None = SchemaField(description="Meaning of the surrounding words: test, publication, denied, ...")
    nearest: str | None = SchemaField(description="Listed substance with the most similar structure; not a legal match")
    similarity: Probability | None


class Item(Answer):
    """One goods item."""

    item_number: str = SchemaField(examples=["1"])
    risk: Probability
    content: dict[str, Probability] = SchemaField(description="Probability per head")
    substance: Substance | None


class Explained(Answer):
    """The score that the reasons explain."""

    head: str = SchemaField(description="Head whose raw score for the riskiest item exceeds its base value the most")
    item_number: str = SchemaField(description="The riskiest item")
    base_value: float = SchemaField(description="Raw log-odds of that head before any evidence")
    raw_score: float = SchemaField(description="Raw log-odds of that head for that item: base value plus all weights")


class ModelName(Answer):
    """Identity of the model that scored."""

    name: str = SchemaField(examples=["tidewaiter"])
    version: str = SchemaField(examples=["1"])
    digest: str = SchemaField(description="SHA-256 of the bundle", examples=["9f2c..."])


class Action(Answer):
    """ACAS style referral. The service never proposes 6H (do not load), which only a person may decide."""

    code: Literal["7H", "8H"]
    name: Literal["RFI", "RFS"] = SchemaField(description="RFI: request for information; RFS: request for screening")


class Unread(Answer):
    """A field of a goods item that could not be read."""

    item_number: str = SchemaField(examples=["1"])
    field: str = SchemaField(examples=["declared_chemical"])


class ChangedField(Answer):
    """A field that differs from an earlier declaration. The values are null if they are not stored, or may name a person."""

    field: str = SchemaField(examples=["goods_description"])
    old: str | None
    new: str | None


class Earlier(Answer):
    """An earlier declaration of the shipment with other content."""

    decision_id: str | None = SchemaField(description="Its decision; null if it is not stored")
    lane: Lane = SchemaField(description="Its lane")
    declared_at: str = SchemaField(examples=["2026-05-04T09:31:12Z"])
    same: list[str] = SchemaField(description="Fields by which it was recognised", examples=[["shipment_id"]])
    changed: list[ChangedField]


class Score(Answer):
    """Risk of one shipment, with the evidence for it."""

    decision_id: str = SchemaField(
        description="Identifier of this answer", examples=["0b3c7a4e-93a0-4f0e-9f0b-0f4f6e2f3f11"]
    )
    shipment_id: str = SchemaField(examples=["HB-2026-000184"])
    risk: Probability = SchemaField(
        description="Probability of illicit content if finds are as frequent in the traffic as the base rates say, "
        "calibrated on worlds that the model did not see; near 1 where the declaration itself states controlled content "
        "without a permit"
    )
    percentile: Probability = SchemaField(description="Share of reference traffic that scores lower")
    one_in: int = SchemaField(
        description="1 / `risk`, rounded: of this many shipments with this risk, one is illicit; at most 10,000,000",
        examples=[2],
    )
    rank_one_in: int = SchemaField(
        description="1 / (1 - `percentile`), rounded: of this many reference shipments, one scores as high; at most 10,000,000",
        examples=[4_000],
    )
    content: dict[str, Probability] = SchemaField(description="Probability per head: the largest over all items")
    lane: Lane = SchemaField(description="Recommended lane; a person decides")
    selected_by: SelectedBy | None = SchemaField(
        description="What set the final lane; null for green, unless an exemption made it green (`rule`)"
    )
    rule_ids: list[str] = SchemaField(
        description="Ids of the rules that fired, including those that did not change the lane, then of matching entries of watch "
        "lists, as `watch_list:ID`",
        examples=[["watched-without-permit"]],
    )
    rules_digest: str | None = SchemaField(
        description="SHA-256 of the rules in force, the register of permits, the watch lists and the suppressions; null if the "
        "rules are switched off and there are no lists"
    )
    unread: list[Unread] = SchemaField(
        description="Fields of goods items that could not be read. Such a shipment is at least yellow, even without rules"
    )
    action: Action | None = SchemaField(default=None, description="Only with `actions=acas`; null for green")
    explains: Explained | None = SchemaField(
        description="The score that the weights of `reasons` explain; null if the shipment is not explained"
    )
    reasons: list[Reason] = SchemaField(
        description="Rules that fired, watch lists and unread items, then evidence for and against, by falling weight"
    )
    earlier: Earlier | None = SchemaField(
        default=None,
        description="Only if an earlier declaration of the shipment had other content. Until an officer decides, the shipment "
        "keeps at least its lane (rule `changed-declaration`)",
    )
    threshold: Probability | None = SchemaField(
        default=None,
        description="Only with a configured capacity: least `risk` at which the score alone makes a shipment of this group red",
    )
    capacity_group: str | None = SchemaField(
        default=None,
        description="Only with a configured capacity: site, channel or both; empty if all shipments share one capacity",
        examples=["USLAX"],
    )
    inspection_probability: Probability | None = SchemaField(
        default=None,
        description="Only with a configured capacity: probability with which this shipment was to be inspected; 1 if it is red "
        "without exploration",
    )
    items: list[Item]
    warnings: list[FieldProblem] = SchemaField(description="Problems of fields that did not prevent scoring")
    late: bool = SchemaField(
        description="Whether the shipment was declared before shipments already scored. It is scored with the present history"
    )
    model: ModelName


class BatchScore(Answer):
    """Results in the order of the request. `rejected` lists the shipments that cannot be read."""

    results: list[Score]
    rejected: list[RejectedShipment]
