"""The OpenAPI page: request schemas made from the manifest's one list of fields, and the errors of every endpoint.

Request schemas are as tolerant as the service: a number may come as text, an unknown key is passed over with a
warning. They say what is understood; only what is listed under ``required`` can make a record unreadable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from features.manifest.fields import FIELDS, Field, Kind, Level
from features.manifest.shipment import FURTHER
from service.api.answers import Problem
from service.errors import PROBLEM_JSON, TYPE_PREFIX
from service.substances.answers import MAX_QUERY, jurisdictions

if TYPE_CHECKING:
    from fastapi import FastAPI

#: Of these at least one must say what the goods are.
DESCRIBING: Final = ("goods_description", "declared_chemical", "hs_code")

_TYPES: Final[dict[Kind, list[str]]] = {
    Kind.NUMBER: ["number", "string", "null"],
    Kind.FLAG: ["boolean", "string", "number", "null"],
}


def field_schema(field: Field) -> dict[str, Any]:
    """JSON schema of one field as a request may hold it."""
    schema: dict[str, Any] = {"description": _description(field)}
    if field.kind is Kind.COUNTRIES:
        schema["anyOf"] = [
            {"type": "array", "items": {"type": ["string", "null"]}},
            {"type": ["string", "null"], "description": "separated by `;`"},
        ]
    else:
        schema["type"] = _TYPES.get(field.kind, ["string", "number", "null"])
    if field.example is not None:
        schema["examples"] = [[field.example] if field.kind is Kind.COUNTRIES else field.example]
    return schema


def _description(field: Field) -> str:
    text = field.description
    if field.unit:
        text += f" (unit: {field.unit})"
    if field.codes:
        listed = ", ".join(f"`{code}` {meaning}" for code, meaning in field.codes.items())
        text += f". Codes: {listed}; an unknown one is kept, warned of and treated as missing"
    return text


def request_schemas() -> dict[str, dict[str, Any]]:
    """Schemas of a shipment, its parties and items, and of both batches, by component name."""
    of_level: dict[Level, dict[str, Any]] = {level: {} for level in Level}
    for field in FIELDS:
        of_level[field.level][field.key] = field_schema(field)
    shipment = of_level[Level.SHIPMENT]
    shipment["shipment_id"] |= {"type": ["string", "integer"], "minLength": 1, "pattern": r"[^\s]"}
    for level in (Level.SHIPMENT, Level.ITEM):
        of_level[level][FURTHER] = {
            "type": ["object", "null"],
            "description": "Fields of an office's own that its model was trained with, by their names",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }
    for role in (Level.CONSIGNOR, Level.CONSIGNEE):
        shipment[role.value] = {"$ref": f"#/components/schemas/{role.value.title()}"}
    shipment["items"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/GoodsItem"}}
    return {
        "Shipment": {
            "title": "Shipment",
            "type": "object",
            "description": "One shipment as declared. Times in UTC, masses in kilograms, amounts in `currency`.",
            "required": ["shipment_id", "items"],
            "properties": shipment,
        },
        "Consignor": {"title": "Consignor", "type": "object", "properties": of_level[Level.CONSIGNOR]},
        "Consignee": {"title": "Consignee", "type": "object", "properties": of_level[Level.CONSIGNEE]},
        "GoodsItem": {
            "title": "GoodsItem",
            "type": "object",
            "description": f"One goods item. At least one of {', '.join(DESCRIBING)} says what it is.",
            "properties": of_level[Level.ITEM],
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "pattern": r"[A-Za-z0-9]"}}}
                for name in DESCRIBING
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
        "SubstanceBatch": _substance_batch(),
    }


def _substance_batch() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY}
    chemical = {
        "type": "boolean",
        "default": True,
        "description": "false: a goods description, in which an abbreviation needs chemical words beside it",
    }
    query = {"type": "object", "required": ["q"], "properties": {"q": text, "chemical": chemical}}
    return {
        "title": "SubstanceBatch",
        "type": "object",
        "required": ["queries"],
        "properties": {
            "queries": {"type": "array", "minItems": 1, "items": {"anyOf": [text, query]}},
            "as_of": {
                "type": ["string", "null"],
                "format": "date",
                "description": "The law of that day; default: today, in UTC",
            },
            "jurisdiction": {
                "enum": [*jurisdictions(), None],
                "description": "UN, EU, or an ISO 3166 code, subdivisions included. Default: everywhere",
            },
            "drawing": {"type": ["boolean", "null"], "description": "Draw the structures, as SVG text in `drawing`"},
        },
    }


def json_body(component: str, examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``openapi_extra`` of an endpoint that takes JSON."""
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }


_PROBLEMS: Final[dict[int, tuple[str, str, str, str]]] = {
    404: ("not-found", "Not Found", "There is nothing at this path", "There is nothing at /v1/scores."),
    405: (
        "method-not-allowed",
        "Method Not Allowed",
        "The method is not possible here",
        "GET is not possible at /v1/score.",
    ),
    413: (
        "too-large",
        "Over a limit",
        "The body, once unpacked, or a list in it is over a limit",
        "The body is larger than the 1,048,576 bytes that this endpoint reads.",
    ),
    415: (
        "unsupported-media-type",
        "Unsupported media type",
        "A media type, character set or content coding that is not read here",
        "Content-Type 'text/plain' is not read here; send application/json.",
    ),
    422: (
        "unreadable",
        "Cannot be read",
        "Nothing of the body, or a parameter, can be read; the fields are named",
        "The shipment cannot be read: items: at least one goods item is needed.",
    ),
    500: ("internal", "Internal error", "An error of the service", "The request could not be answered."),
    503: (
        "not-ready",
        "No model is loaded",
        "No model is loaded, or too many files are being scored (see Retry-After)",
        "No model is loaded: the model is still being loaded.",
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of an endpoint that may fail with these statuses."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        slug, title, description, detail = _PROBLEMS[status]
        example = {
            "type": TYPE_PREFIX + slug,
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "/v1/score",
            "errors": [{"field": "items", "problem": "at least one goods item is needed"}] if status == 422 else [],
            "request_id": "3c2f8a52-6a4e-4d0b-8d5b-0c3c5a4f9f10",
        }
        documented[status] = {
            "description": description,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
        }
    return documented


def install_openapi(app: FastAPI) -> None:
    """Make ``app`` publish the request schemas beside what the framework finds by itself."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            from fastapi.openapi.utils import get_openapi

            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(request_schemas())
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            # The framework's own form of a validation error is never sent here.
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    # The documented way to replace it; the attribute is a method of the class.
    app.openapi = openapi  # type: ignore[method-assign]
