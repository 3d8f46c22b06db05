"""One declared text becomes its normal form, or missing with words that say what would be right."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import normalise
from features.fields import FIELD


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("12.5", None, 12.5),
        ("1,5", None, 1.5),
        ("1.234,56", None, 1234.56),
        ("1,234.56", None, 1234.56),
        ("1 234,5", None, 1234.5),
        ("1'234.5", None, 1234.5),
        ("1,234", ",", 1.234),
        ("1.234", ",", 1234.0),
        ("12.5", ",", 12.5),
        ("1,234,567", None, 1234567.0),
        ("1e3", None, 1000.0),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, decimal: str | None, value: float) -> None:
    assert normalise.number(text, decimal) == (value, None, False)


def test_an_ambiguous_comma_groups_and_is_warned_of() -> None:
    value, problem, _ = normalise.number("1,234")
    assert value == 1234.0
    assert problem is not None
    assert "ambiguous" in problem


@pytest.mark.parametrize("text", ["inf", "-Infinity", "NaN", "1e999"])
def test_a_number_that_is_not_finite_is_told_apart_from_one_that_cannot_be_read(text: str) -> None:
    assert normalise.number(text)[2] is True


@pytest.mark.parametrize("text", ["abc", "--", "12kg", "-3", "1e300", "9" * 20])
def test_what_is_no_amount_is_missing_with_a_problem(text: str) -> None:
    value, problem, not_finite = normalise.number(text)
    assert math.isnan(value)
    assert problem is not None
    assert text in problem
    assert not not_finite


@given(st.floats(min_value=0, max_value=normalise.LARGEST))
def test_every_number_python_writes_is_read_back_exactly(value: float) -> None:
    assert normalise.number(repr(value))[0] == value


@given(st.text(max_size=30))
def test_no_text_breaks_the_number_parser(text: str) -> None:
    value, problem, not_finite = normalise.number(text)
    assert math.isfinite(value) or problem is not None
    assert not (not_finite and math.isfinite(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("293339.0", "293339"),
        ("2933.39", "293339"),
        ("2933 39 90 00", "2933399000"),
        ("0901", "0901"),
        ("090111", "090111"),
    ],
)
def test_hs_codes_keep_their_digits_and_are_never_padded(text: str, value: str) -> None:
    assert normalise.hs(text)[0] == value


def test_a_spreadsheet_code_is_accepted_and_warned_of() -> None:
    assert "spreadsheet" in (normalise.hs("293339.0")[1] or "")
    assert normalise.code(FIELD["transaction_nature"], "31.0")[0] == "31"


@pytest.mark.parametrize("text", ["12", "abc", "12345678901", "29-33-xx"])
def test_what_is_no_hs_code_is_missing(text: str) -> None:
    value, problem = normalise.hs(text)
    assert value is None
    assert problem is not None


@pytest.mark.parametrize(("text", "value"), [("NA", "NA"), ("na", "NA"), ("Germany", "DE"), ("CHN", "CN")])
def test_countries_are_read_in_any_case_and_na_is_namibia(text: str, value: str) -> None:
    assert normalise.country(text)[0] == value


@pytest.mark.parametrize(
    ("text", "value"), [("40", "4"), ("air", "4"), ("SEA", "1"), ("Mail", "5"), ("3", "3"), ("4.0", "4")]
)
def test_transport_modes_are_read_as_code_customs_code_or_word(text: str, value: str) -> None:
    assert normalise.code(FIELD["transport_mode"], text)[0] == value


def test_an_unknown_code_names_the_accepted_ones() -> None:
    value, problem = normalise.code(FIELD["channel"], "pigeon")
    assert value is None
    assert problem is not None
    assert "'pigeon'" in problem
    assert "postal" in problem


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01Z", 1),
        ("1970/01/02", 86400),
        ("19700102", 86400),
    ],
)
def test_times_are_utc_and_a_date_alone_is_midnight(text: str, seconds: int) -> None:
    assert normalise.time(text) == (seconds, None)


def test_cas_numbers_need_their_check_digit() -> None:
    assert normalise.cas("437-38-7")[0] == "437-38-7"
    assert normalise.cas("437387")[0] == "437-38-7"
    assert normalise.cas("437-38-8")[0] is None
