"""All other operations of the OpenAPI document."""

from __future__ import annotations

from tests.fuzz.operations import client, operation_tests

__all__ = ["client"]

globals().update(operation_tests(short=False))
