"""The OpenAPI document with what the service also accepts, and with rules of goods items.

The published document leaves both out, because generators of clients cannot read them.
"""

from __future__ import annotations

from typing import Any

from features.manifest.fields import ITEM_NAMES
from features.manifest.records import REFERENCES
from service.app import create_app
from service.core.settings import Settings


def whole_document() -> dict[str, Any]:
    """Return the document; it needs no model, so the application is not started."""
    document = create_app(Settings()).openapi()
    text: dict[str, Any] = {"schema": {"type": "string"}}
    for path, methods in document["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if path.endswith(("/csv", "/import")):
            content["text/csv"] = text
        if path.endswith("/csv"):
            content["application/gzip"] = {"schema": {"type": "string", "format": "binary"}}
    # An item needs a value of a field other than its number.
    document["components"]["schemas"]["GoodsItem"]["anyOf"] = [
        {"required": [name], "properties": {name: {"type": ["string", "number"], "pattern": "[A-Za-z0-9]"}}}
        for name in ITEM_NAMES
        if name not in REFERENCES
    ]
    return document
