"""Errors of bodies that do not match their schema."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from service.core.errors import schema_mismatch


class _Body(BaseModel):
    parts: list[int]


@pytest.mark.parametrize(
    ("body", "field", "value"), [({"parts": [1, "secret"]}, "parts.1", "'secret'"), ("secret", "", "'secret'")]
)
def test_a_mismatch_names_the_field_and_quotes_the_value_unless_it_may_be_secret(
    body: object, field: str, value: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate(body)
    shown, hidden = (schema_mismatch("No", caught.value, show_values=show).details for show in (True, False))
    assert [error["field"] for error in shown.errors] == [error["field"] for error in hidden.errors] == [field]
    assert shown.detail.startswith(f"No: {field}: Input" if field else "No: Input")
    assert shown.detail.endswith(f"; got {value}.")
    assert "secret" not in hidden.detail + str(hidden.errors)
