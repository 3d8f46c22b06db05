"""Answers as the bytes of a response."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pydantic_core import to_json

Answers = list[dict[str, Any]]


def written(answers: Answers, content_of: Callable[[Answers], object]) -> bytes:
    """The JSON of what ``content_of`` makes of answers, in which each of them stands once, in their order.

    Reasons stand in an answer twice, as the shipment's and as its riskiest item's, and make up most of it. They are written once
    and put in both places, which a mark holds meanwhile. It is drawn when all texts are there, so none of them can know it.
    """
    explained = [answer["reasons"] for answer in answers if answer["reasons"]]
    if not explained:
        return to_json(content_of(answers))
    mark = os.urandom(16).hex()
    marked = [_marked(answer, mark) if answer["reasons"] else answer for answer in answers]
    pieces = to_json(content_of(marked)).split(f'"{mark}"'.encode())
    parts = pieces[:1]
    for reasons, between, behind in zip(map(to_json, explained), pieces[1::2], pieces[2::2], strict=True):
        parts += reasons, between, reasons, behind
    return b"".join(parts)


def _marked(answer: dict[str, Any], mark: str) -> dict[str, Any]:
    """An answer with a mark in both places of its reasons."""
    items = [{**item, "reasons": mark} if item["reasons"] else item for item in answer["items"]]
    return {**answer, "reasons": mark, "items": items}
