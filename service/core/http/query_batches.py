"""Batches of queries, ``{"queries": [...]}``, and the parameters of single queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from service.core.errors import TooLarge, Unprocessable, shortened


def checked(read: Callable[[str], object]) -> BeforeValidator:
    """Return a validator that parses a text parameter with ``read`` and reports the message of its ValueError."""

    def validate(value: object) -> object:
        try:
            return read(value) if isinstance(value, str) else value
        except ValueError as error:
            raise PydanticCustomError("unreadable", "{problem}", {"problem": str(error)}) from None

    return BeforeValidator(validate)


def queries_of(data: object, limit: int) -> list[Any]:
    """Return the queries of a batch.

    Raises:
        Unprocessable: there is no list of queries, or it is empty.
        TooLarge: there are more than ``limit`` queries.
    """
    queries = data.get("queries") if isinstance(data, dict) else None
    if not isinstance(queries, list) or not queries:
        raise unreadable("queries", 'an object {"queries": [...]} with at least one query is needed')
    if len(queries) > limit:
        problem = f"at most {limit:,} queries are accepted at once, got {len(queries):,}"
        raise TooLarge(f"queries: {problem}.", errors=[{"field": "queries", "problem": problem}])
    return queries


def text_problem(text: object, limit: int) -> str:
    """Return why ``text`` cannot be the ``q`` of a query of a batch: no text, or more than ``limit`` characters. Otherwise ""."""
    if not isinstance(text, str):
        return f'q: a text is needed, or an object {{"q": ...}}, got {shortened(text)}'
    return f"q: has {len(text):,} characters; at most {limit:,} are accepted" if len(text) > limit else ""


def unanswered(text: object, limit: int, problem: str) -> dict[str, Any]:
    """Return the result of a query of a batch that cannot be read, with at most ``limit`` characters of its text."""
    return {"query": text[:limit] if isinstance(text, str) else None, "problem": problem}


def unreadable(field: str, problem: str) -> Unprocessable:
    """Return the error for a member of a batch that cannot be read."""
    return Unprocessable(
        f"The queries cannot be read: {field}: {problem}.", errors=[{"field": field, "problem": problem}]
    )
