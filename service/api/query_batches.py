"""Batches of queries, ``{"queries": [...]}``, and the parameters of single queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from service.errors import TooLarge, Unprocessable


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


def unreadable(field: str, problem: str) -> Unprocessable:
    """Return the error for a member of a batch that cannot be read."""
    return Unprocessable(
        f"The queries cannot be read: {field}: {problem}.", errors=[{"field": field, "problem": problem}]
    )
