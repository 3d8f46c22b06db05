"""Schemas of requests with shipments, which are generated from the list of manifest fields.

They are as tolerant as the service: numbers may be strings, and unknown keys are allowed. Only records that break the schema are
unreadable.
"""

from __future__ import annotations

from typing import Any, Final

from features.manifest.fields import FIELDS, ITEM_NAMES, Field, Kind, Level
from features.manifest.records import FURTHER, REFERENCES

#: Fields of a goods item. At least one of them needs a value.
FILLING: Final = tuple(name for name in ITEM_NAMES if name not in REFERENCES)

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
            "anyOf": [
                {"required": [name], "properties": {name: {"type": ["string", "number"], "pattern": r"[A-Za-z0-9]"}}}
                for name in FILLING
            ],
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
