"""CAS numbers in the writings of declarants and of spreadsheets."""

from __future__ import annotations

import pytest

from features.texts.cas_numbers import cas_candidates


@pytest.mark.parametrize(
    "text",
    [
        "437-38-7",
        "437_38_7",
        "437.38.7",
        "437 38 7",
        "4 3 7 - 3 8 - 7",
        "٤٣٧-٣٨-٧",
        "４３７－３８－７",
        "437–38–7",
        "437\u00ad38\u00ad7",
        "4\u200b37-38-7",
        "000437-38-7",
        "437387",
        "0000437387",
        "437387.0",
        "437387.00",
        "437,387",
        "4.37387E+05",
        "'437-38-7",
        '="437-38-7"',
        "CAS:437-38-7",
        "CAS No 437-38-7",
        "CAS No. 437.38.7",
        "C.A.S. 437387",
        "cas-rn: 437-38-7",
        "CAS437-38-7",
        "No437-38-7",
        "437-387",
        "437--38--7",
    ],
)
def test_every_writing_of_a_number_yields_it_first(text: str) -> None:
    assert next(cas_candidates(text), None) == "437-38-7"


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert next(cas_candidates("59708-52-O")) == "59708-52-0"
    assert next(cas_candidates("IO1345-66-8")) == "101345-66-8"


def test_a_text_with_several_numbers_yields_all() -> None:
    assert list(cas_candidates("64-17-5; 437-38-7")) == ["64-17-5", "437-38-7", "64-17-5", "437-38-7"]


@pytest.mark.parametrize(
    "text",
    ["", "fentanyl", "n/a", "12", "ill-oi-l", "2026-01-05", "05/01/2026", "1.5", "437387.5", "4.37387E+02", "-" * 300],
)
def test_other_texts_yield_nothing(text: str) -> None:
    assert list(cas_candidates(text)) == []
