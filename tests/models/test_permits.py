"""Permits: placeholders and the register."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.permits import COLUMNS, Party, Register, RegisterError, form_fault, is_placeholder

HEADER = ",".join(COLUMNS)
DAY = dt.date(2026, 5, 4).toordinal() - dt.date(1970, 1, 1).toordinal()


def register(*rows: str) -> Register:
    return Register.from_text("\n".join([HEADER, *rows]), "permits.csv")


@pytest.mark.parametrize(
    "number",
    ["N/A", "n.a.", "none", "-", "0", "000", "12345", "123456789", "98765", "pending", "Permit No. 12345", "xxxx", "1111",
     "TBA", "not required", "12", "Lizenz", "import licence 0000", "abc-123", "ＮＡ", "１２３４５"],
)  # fmt: skip
def test_placeholders_count_as_no_permit(number: str) -> None:
    assert is_placeholder(number)


@pytest.mark.parametrize("number", ["IP-2026-0042", "US/3381/26", "40917", "DE12345", "2026-11111", "EXP 77120"])
def test_numbers_of_permits_are_not_placeholders(number: str) -> None:
    assert not is_placeholder(number)


@pytest.mark.parametrize(
    ("number", "countries", "fault"),
    [
        ("RF1234563", ["US"], ""),
        ("DEA R9 1234563", ["US"], ""),
        ("rf-1234567", ["US"], "its check digit is wrong for a DEA registration"),
        ("RF1234567", ["DE"], ""),
        ("IP-2026-0042", ["US"], ""),
        ("XF1234567", ["US"], ""),
    ],
)
def test_a_number_of_a_published_form_needs_its_check_digit(number: str, countries: list[str], fault: str) -> None:
    assert form_fault(number, countries) == fault


@given(st.text())
def test_any_text_is_a_placeholder_or_not(number: str) -> None:
    assert is_placeholder(number) in (True, False)


def test_a_permit_holds_for_its_party_in_its_country_and_its_time() -> None:
    permits = register("IP-2026-0042,Lakeside Pharma Ltd,US,2026-01-01,2026-05-04")
    party = Party("LAKESIDE  PHARMA, LTD.", "US")
    other = Party("Another Company", "US")
    assert permits.holds("ip 2026/0042", (party,), DAY)
    assert permits.holds("IP-2026-0042", (other, party), DAY)
    assert not permits.holds("IP-2026-0043", (party,), DAY)
    assert not permits.holds("IP-2026-0042", (other,), DAY)
    assert not permits.holds("IP-2026-0042", (Party("Lakeside Pharma Ltd", "MX"),), DAY)
    assert not permits.holds("IP-2026-0042", (Party("Lakeside Pharma Ltd", ""),), DAY)
    assert not permits.holds("IP-2026-0042", (party,), DAY + 1)
    assert not permits.holds("IP-2026-0042", (party,), DAY - 200)
    assert not permits.holds("IP-2026-0042", (), DAY)


def test_blank_countries_and_days_set_no_limit_and_a_permit_may_have_several_parties() -> None:
    permits = register("A-77,First Company,,,", "A-77,Société Générique,France,2026-05-04,")
    assert len(permits) == 2
    assert permits.holds("A-77", (Party("First Company", ""),), -100_000)
    assert permits.holds("A77", (Party("SOCIETE GENERIQUE", "FR"),), DAY)
    assert not permits.holds("A77", (Party("SOCIETE GENERIQUE", "FR"),), DAY - 1)


def test_a_party_without_a_permit_number_is_licensed_in_its_country_and_its_time() -> None:
    permits = register(",Lakeside Pharma Ltd,US,2026-01-01,2026-05-04", "IP-2026-0042,First Company,,,")
    party = Party("LAKESIDE  PHARMA, LTD.", "US")
    assert len(permits) == 2
    assert permits.licenses((Party("First Company", "US"), party), DAY)
    assert not permits.licenses((party,), DAY + 1)
    assert not permits.licenses((Party("Lakeside Pharma Ltd", "MX"),), DAY)
    assert not permits.licenses((Party("First Company", "US"),), DAY)
    # A licence does not count as a permit, whatever number is declared.
    assert not any(permits.holds(number, (party,), DAY) for number in ("", "N/A", "IP-2026-0042", "Permit No."))
    assert register().with_permits_of(permits).licenses((party,), DAY)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("12345,Example,US,,", "line 2, permit_number: '12345' is a placeholder"),
        ("IP-26-1,,US,,", "line 2, party_name"),
        ("IP-26-1,Example,Utopia,,", "line 2, party_country: 'Utopia'"),
        ("IP-26-1,Example,US,4 May,", "line 2, valid_from: '4 May'"),
        ("IP-26-1,Example,US,2026-05-04,2026-05-03", "line 2, valid_until: 2026-05-03 is before"),
        ("IP-26-1,Example,US", "line 2: 3 values, expected 5"),
    ],
)
def test_a_fault_names_line_and_column(row: str, words: str) -> None:
    with pytest.raises(RegisterError, match=r"permits\.csv") as caught:
        register(row)
    assert words in str(caught.value)


def test_a_register_needs_its_columns_in_any_order_and_may_be_empty(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match="line 1: the columns are permit,name"):
        Register.from_text("permit,name\n1,2")
    file = tmp_path / "permits.csv"
    file.write_text("\ufeff" + ",".join(reversed(COLUMNS)) + "\r\n,,,Example,IP-26-1\r\n", encoding="utf-8")
    assert Register.load(file).holds("IP-26-1", (Party("example", "DE"),), DAY)
    assert len(Register.from_text(HEADER)) == 0
    with pytest.raises(RegisterError, match="No such file"):
        Register.load(tmp_path / "missing.csv")


def test_a_named_pipe_is_refused_instead_of_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "register.csv")
    with pytest.raises(RegisterError, match="not a regular file"):
        Register.load(tmp_path / "register.csv")
