"""Operations of the OpenAPI document that `make test` tries."""

from __future__ import annotations

from tests.fuzz.operations import client, operation_tests

__all__ = ["client"]

globals().update(operation_tests(short=True))
