"""Answers with reasons are written as any other JSON would be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import to_json

from service.api.written import written

REASONS = [
    [{"code": "X", "text": 'a "quoted" \\ text, 枸橼酸', "weight": -0.25, "fields": ["hs_code"], "source": "s"}],
    [{"code": "Y", "text": "0" * 32, "weight": 1e-7, "fields": [], "source": ""}] * 3,
]


def answer(name: str, items: int, explained: int | None = None, reasons: list[Any] | None = None) -> dict[str, Any]:
    """An answer of some items, one of which may be explained."""
    told = [reasons if place == explained else [] for place in range(items)]
    return {
        "shipment_id": name,
        "reasons": [] if explained is None else reasons,
        "items": [{"item_number": str(place), "reasons": one} for place, one in enumerate(told)],
        "late": False,
    }


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [answer("a", 1)],
        [answer("a", 1, 0, REASONS[0])],
        [answer("a", 3, 1, REASONS[0]), answer("b", 2), answer("c", 2, 1, REASONS[1]), answer("d", 1, 0, REASONS[0])],
    ],
)
def test_reasons_are_where_they_belong(answers: list[dict[str, Any]]) -> None:
    before = to_json(answers)
    assert written(answers, lambda content: {"results": content, "rejected": []}) == (
        b'{"results":' + before + b',"rejected":[]}'
    )
    assert to_json(answers) == before


def test_a_text_that_is_the_mark_all_the_same_brings_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", bytes)
    assert b"0" * 32 in written([answer(f"{0:033}", 1, 0, REASONS[1])], lambda content: content)
    with pytest.raises(ValueError, match="zip"):
        written([answer("0" * 32, 1, 0, REASONS[0])], lambda content: content)
