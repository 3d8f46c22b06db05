"""The OpenAPI document: request schemas, which are generated from the list of manifest fields, and error responses.

Request schemas are as tolerant as the service: numbers may be strings, and unknown keys are allowed. Only records that break the
schema are unreadable.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from features.manifest.fields import FIELDS, ITEM_NAMES, Field, Kind, Level
from features.manifest.records import FURTHER, REFERENCES
from service.core.errors import PROBLEM_JSON, TYPE_PREFIX
from service.core.http.idempotency import document as document_idempotency
from service.core.http.schemas import Problem
from service.core.http.scopes import MEANINGS, SCOPES
from service.goods.answers import MAX_TEXT
from service.inspections.schemas import ClaimRequest, OutcomeRequest, OverrideRequest
from service.substances.answers import MAX_QUERY, jurisdictions

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
        "SubstanceBatch": _substance_batch(),
        "GoodsBatch": _goods_batch(),
        **{kind.__name__: kind.model_json_schema() for kind in (OutcomeRequest, OverrideRequest, ClaimRequest)},
    }


def _substance_batch() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY}
    chemical = {
        "type": "boolean",
        "default": True,
        "description": "false: a goods description, in which an abbreviation counts only next to chemical words",
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
                "description": "Day whose law applies. Default: today, in UTC",
            },
            "jurisdiction": {
                "enum": [*jurisdictions(), None],
                "description": "UN, EU, or an ISO 3166 code, including subdivisions. Default: everywhere",
            },
            "drawing": {"type": ["boolean", "null"], "description": "Draw the structures, as SVG text in `drawing`"},
        },
    }


def _goods_batch() -> dict[str, Any]:
    text = {"type": "string", "maxLength": MAX_TEXT, "description": "A goods description; may be empty"}
    code = {
        "type": ["string", "integer", "null"],
        "description": "Declared HS code of 4 to 10 digits; dots, spaces and hyphens are allowed",
    }
    language = {"type": ["string", "null"], "description": "Language of `q`, ISO 639-1. Default: it is guessed"}
    query = {"type": "object", "required": ["q"], "properties": {"q": text, "hs_code": code, "language": language}}
    return {
        "title": "GoodsBatch",
        "type": "object",
        "required": ["queries"],
        "properties": {"queries": {"type": "array", "minItems": 1, "items": {"anyOf": [text, query]}}},
    }


def json_body(component: str, examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return ``openapi_extra`` of an endpoint with a JSON body.

    Args:
        component: name of the body's schema.
        examples: OpenAPI examples of the body, by name.
    """
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }


#: Documented errors: status -> slug, title, description, and the detail of the example.
_PROBLEMS: Final[dict[int, tuple[str, str, str, str]]] = {
    401: (
        "key-needed",
        "API key needed",
        "The service requires an API key, and the request has no valid one",
        "This route needs an API key: send it as `Authorization: Bearer KEY`.",
    ),
    403: (
        "scope-missing",
        "Scope missing",
        "The key lacks the scope of this route, or a page of another site sent the request",
        "This route needs an API key with the scope score.",
    ),
    404: ("not-found", "Not Found", "No resource at this path", "No resource at /v1/scores."),
    405: (
        "method-not-allowed",
        "Method Not Allowed",
        "The path does not support the method",
        "/v1/score does not support GET.",
    ),
    409: (
        "store-off",
        "The store is off",
        "The store is off, or the state of the resource does not allow the request",
        "This service keeps no decisions, because TIDEWAITER_STORE is off.",
    ),
    413: (
        "too-large",
        "Over a limit",
        "The decompressed body or a list in it exceeds a limit",
        "The body is larger than 1,048,576 bytes, the limit of this endpoint.",
    ),
    415: (
        "unsupported-media-type",
        "Unsupported media type",
        "Unsupported media type, character set or content coding",
        "Content-Type 'text/plain' is not supported; send application/json.",
    ),
    422: (
        "unreadable",
        "Cannot be read",
        "The body or a parameter cannot be read; `errors` names the fields",
        "The shipment cannot be read: items: at least one goods item is needed.",
    ),
    429: (
        "over-rate",
        "Too many requests",
        "The key exceeds its rate; see Retry-After",
        "This key sends more requests than its rate allows.",
    ),
    500: (
        "internal",
        "Internal error",
        "An internal error of the service",
        "The service failed to answer this request because of an internal error; see its log.",
    ),
    503: (
        "not-ready",
        "No model is loaded",
        "No model is loaded, the database or the disk fails, or the service is busy (see Retry-After)",
        "No model is loaded: the model is still being loaded.",
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of an endpoint that may answer with these error statuses."""
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


def install_openapi(app: FastAPI, *, needs_keys: bool) -> None:
    """Add the request schemas, the problem schema and the scopes of keys to the OpenAPI document of ``app``."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
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
            # The service does not send FastAPI's default validation errors.
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            document_idempotency(document["paths"])
            _document_scopes(document, needs_keys=needs_keys)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's documentation recommends replacing the method.
    app.openapi = openapi  # type: ignore[method-assign]


def _document_scopes(document: dict[str, Any], *, needs_keys: bool) -> None:
    """Add the security scheme of API keys. Add to each operation its scope and the error responses of the key check."""
    meanings = "; ".join(f"`{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": f"An API key. Scopes: {meanings}. A service on a loopback address may need no keys.",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = SCOPES.get((method.upper(), path))
            if scope is None:
                operation["security"] = []
                continue
            # An empty requirement means that the service also answers without a key.
            operation["security"] = [{"key": [scope.value]}, *([] if needs_keys else [{}])]
            operation["description"] = f"{operation.get('description', '')}\n\nScope of the key: `{scope}`.".strip()
            for status, response in problems(401, 403, 429).items():
                operation["responses"].setdefault(str(status), response)
