"""The use of `features.substances` as a library, as docs/substances.md shows it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from features.substances import Substances, law_on, opsin, status

PAGE = Path(__file__).resolve().parents[3] / "docs" / "substances.md"


def test_the_five_lines_of_the_documentation_run(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(
        r"^```python\n(.*?)^# (.*?\n)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    exec(example[0], {})  # noqa: S102
    assert capsys.readouterr().out == example[1]


def test_one_module_gives_text_match_and_law() -> None:
    match = Substances.load().match("para-fluorofentanyl 10 g")
    assert match is not None
    assert (match.substance, match.kind, match.hit) == ("para-Fluorofentanyl", "exact", True)
    on = date(2026, 11, 1)
    legal = status(match, on, "GB")
    assert legal.listed
    assert [one.listed for one in law_on(match, legal, on, "GB")] == [True]


def test_the_reader_of_systematic_names_is_configured_started_and_closed_here() -> None:
    opsin().configure(enabled=False)
    try:
        assert not opsin().available
        assert opsin().problem == "systematic names are not read: OPSIN is switched off"
    finally:
        opsin().configure(enabled=True)
    assert opsin().start()
    assert opsin().smiles("ethanol") == "C(C)O"
    opsin().close()
    assert opsin().pid is None
