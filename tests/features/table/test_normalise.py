"""Declared texts are normalised, or count as missing with a problem that names the expected form."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.fields import FIELD
from features.table import normalise
from features.texts.declared import TIME_MISSING, plain_time
from tests.effort import examples


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
def test_numbers_are_read_in_common_notations(text: str, decimal: str | None, value: float) -> None:
    assert normalise.number(text, decimal) == (value, None, False)


def test_an_ambiguous_comma_counts_as_grouping_with_a_warning() -> None:
    value, problem, _ = normalise.number("1,234")
    assert value == 1234.0
    assert problem is not None
    assert "ambiguous" in problem


@pytest.mark.parametrize("text", ["inf", "-Infinity", "NaN", "1e999"])
def test_numbers_that_are_not_finite_are_distinguished_from_unreadable_ones(text: str) -> None:
    assert normalise.number(text)[2] is True


@pytest.mark.parametrize("text", ["abc", "--", "12kg", "-3", "1e300", "9" * 20])
def test_an_unreadable_amount_is_missing_with_a_problem(text: str) -> None:
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
def test_hs_codes_keep_their_digits_without_padding(text: str, value: str) -> None:
    assert normalise.hs(text)[0] == value


def test_a_spreadsheet_code_is_accepted_with_a_warning() -> None:
    assert "spreadsheet" in (normalise.hs("293339.0")[1] or "")
    assert normalise.code(FIELD["transaction_nature"], "31.0")[0] == "31"


def test_an_unknown_spreadsheet_code_has_both_warnings() -> None:
    assert normalise.hs("770000.0") == (
        "770000",
        "'770000.0' looks like a number from a spreadsheet; read as 770000, "
        "and '770000' is not in the Harmonized System 2022 at 6 digits; kept as declared",
    )


@pytest.mark.parametrize("text", ["12", "abc", "12345678901", "29-33-xx"])
def test_an_invalid_hs_code_is_missing(text: str) -> None:
    value, problem = normalise.hs(text)
    assert value is None
    assert problem is not None


@pytest.mark.parametrize(("text", "value"), [("NA", "NA"), ("na", "NA"), ("Germany", "DE"), ("CHN", "CN")])
def test_countries_are_read_in_any_case_and_na_is_namibia(text: str, value: str) -> None:
    assert normalise.country(text)[0] == value


@pytest.mark.parametrize(
    ("text", "value"), [("40", "4"), ("air", "4"), ("SEA", "1"), ("Mail", "5"), ("3", "3"), ("4.0", "4")]
)
def test_transport_modes_are_read_from_codes_customs_codes_and_words(text: str, value: str) -> None:
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


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_its_offset_moves_out_of_the_calendar_is_missing(text: str) -> None:
    seconds, problem = normalise.time(text)
    assert seconds is None
    assert problem == f"'{text}' is outside the years 1 to 9999; treated as missing"


def test_cas_numbers_need_their_check_digit() -> None:
    assert normalise.cas("437-38-7")[0] == "437-38-7"
    assert normalise.cas("437387")[0] == "437-38-7"
    assert normalise.cas("437-38-8")[0] is None


@pytest.mark.parametrize(
    "text", ["437_38_7", "437387.0", "CAS No. 437 38 7", "٤٣٧-٣٨-٧", "12-34-5; 437-38-7", "437 387"]
)
def test_cas_numbers_in_other_writings_become_normal(text: str) -> None:
    assert normalise.cas(text) == ("437-38-7", None)


@pytest.mark.parametrize("text", ["2026-01-05", "437387.5", "437-38-8.0", "unknown"])
def test_other_texts_are_no_cas_numbers(text: str) -> None:
    value, problem = normalise.cas(text)
    assert value is None
    assert problem is not None


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)), st.sampled_from("Tt "))  # noqa: DTZ001
def test_plain_times_agree_with_the_calendar(moment: datetime, separator: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    day, minute, second = (
        moment.strftime(form).rjust(n, "0") for form, n in (("%Y-%m-%d", 10), ("%H:%M", 5), (":%S", 3))
    )
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    assert plain_time(day) == whole - whole % 86400
    for end in ("", "Z", "z"):
        assert plain_time(f"{day}{separator}{minute}{end}") == whole - whole % 60
        assert plain_time(f"{day}{separator}{minute}{second}{end}") == whole


@given(
    st.from_regex(
        r"[0-9]{3}[0-9\u0664]-[0-2][0-9]-[0-3][0-9](?:[T xt][0-2][0-9]:[0-6][0-9](?::[0-6][0-9])?[Zz+]?)?",
        fullmatch=True,
    )
)
def test_plain_times_are_valid_iso_times(text: str) -> None:
    seconds = plain_time(text)
    if seconds != TIME_MISSING:
        moment = datetime.fromisoformat(text.upper())
        assert seconds == int((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


_grouped = st.from_regex(r"[-+]?[0-9]{1,4}[.,' ][0-9]{2,4}(?:[.,][0-9]{1,3})?", fullmatch=True)
_numbers = st.floats().map(repr) | st.integers(-5, 10**14).map(str) | _grouped


@given(
    st.lists(_numbers | st.sampled_from(["1_000", "\u0663", "-0.0", "nan", "inf", "x", " 7"])),
    st.sampled_from([None, ".", ","]),
)
def test_a_column_of_numbers_is_read_like_single_numbers(texts: list[str], decimal: str | None) -> None:
    numbers, problems, not_finite = normalise.numbers(FIELD["gross_mass_kg"], texts, decimal)
    for index, text in enumerate(texts):
        value, problem, is_not_finite = normalise.number(text, decimal)
        assert repr(numbers[index]) == repr(value)
        assert (not_finite.get(index), None if problems is None else problems[index]) == (
            (problem, None) if is_not_finite else (None, problem)
        )


@given(st.lists(st.text(st.sampled_from("a\u4e2d \t\u00a0\u2028\x1c"), min_size=1, max_size=8)), st.booleans())
def test_runs_of_white_space_become_one_space_and_equal_texts_are_merged(texts: list[str], known: bool) -> None:
    distinct = known and len(set(texts)) == len(texts)
    forms, positions, problems = normalise.texts(FIELD["agent_name"], texts, distinct=distinct)
    normal = forms if positions is None else [forms[position] for position in positions]
    assert normal == [re.sub(r"\s+", " ", text) for text in texts]
    assert len(set(forms)) == len(forms)
    assert problems is None


def test_a_probability_lies_above_0_and_up_to_1() -> None:
    numbers, problems, _ = normalise.numbers(FIELD["selection_probability"], ["0", "0.02", "1", "1.5"], None)
    assert problems is not None
    assert [problem is None for problem in problems] == [False, True, True, False]
    assert numbers[1:3] == [0.02, 1.0]
    assert math.isnan(numbers[0])
    assert math.isnan(numbers[3])


@given(st.lists(st.text("0123456789.a٣-", max_size=12).map(lambda end: f"29{end}"), max_size=8), st.booleans())
@examples(300)
def test_a_column_of_hs_codes_is_read_like_single_codes(texts: list[str], distinct: bool) -> None:
    texts = [*dict.fromkeys([*texts, "293339", "2933391234"])] if distinct else [*texts, "2933", "2933"]
    forms, positions, problems = normalise.texts(FIELD["hs_code"], texts, distinct=distinct)
    for place, text in enumerate(texts):
        at = place if positions is None else positions[place]
        assert (forms[at] if at >= 0 else None, problems[place] if problems is not None else None) == normalise.hs(text)


@given(
    st.sampled_from([*normalise.TESTS]), st.text(st.sampled_from("ACNPS237a \u00e9\u0663-."), min_size=1, max_size=7)
)
@examples(300)
def test_a_text_that_passes_the_test_of_its_field_is_in_normal_form(name: str, text: str) -> None:
    if normalise.TESTS[name](text):
        assert normalise.normaliser(FIELD[name])(text) == (text, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [("loading_location", "CNPVG"), ("carrier_id", "3M"), ("package_type", "BX"), ("quantity_unit", "KGM")],
)
def test_common_codes_pass_the_test_of_their_field(name: str, text: str) -> None:
    assert normalise.TESTS[name](text)


def test_usual_forms_are_in_normal_form() -> None:
    for name, field in FIELD.items():
        for text in normalise.usual_forms()[name]:
            assert normalise.normaliser(field)(text) == (text, None)
    assert {"true", "false"} == normalise.usual_forms()["consignor_known"]
