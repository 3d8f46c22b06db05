"""Permits: placeholders and the register."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.substances import Match, Substances
from models.permit_numbers import form_fault, is_placeholder
from models.permits import COLUMNS, Party, Register, RegisterError, identity

HEADER = ",".join(COLUMNS)
ON = dt.date(2026, 5, 4)
DAY = ON.toordinal() - dt.date(1970, 1, 1).toordinal()


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
    assert permits.holds("ip 2026/0042", (party,), DAY, "")
    assert permits.holds("IP-2026-0042", (other, party), DAY, "")
    assert not permits.holds("IP-2026-0043", (party,), DAY, "")
    assert not permits.holds("IP-2026-0042", (other,), DAY, "")
    assert not permits.holds("IP-2026-0042", (Party("Lakeside Pharma Ltd", "MX"),), DAY, "")
    assert not permits.holds("IP-2026-0042", (Party("Lakeside Pharma Ltd", ""),), DAY, "")
    assert not permits.holds("IP-2026-0042", (party,), DAY + 1, "")
    assert not permits.holds("IP-2026-0042", (party,), DAY - 200, "")
    assert not permits.holds("IP-2026-0042", (), DAY, "")


def test_blank_countries_and_days_set_no_limit_and_a_permit_may_have_several_parties() -> None:
    permits = register("A-77,First Company,,,", "A-77,Société Générique,France,2026-05-04,")
    assert len(permits) == 2
    assert permits.holds("A-77", (Party("First Company", ""),), -100_000, "")
    assert permits.holds("A77", (Party("SOCIETE GENERIQUE", "FR"),), DAY, "")
    assert not permits.holds("A77", (Party("SOCIETE GENERIQUE", "FR"),), DAY - 1, "")


def test_a_party_without_a_permit_number_is_licensed_in_its_country_and_its_time() -> None:
    permits = register(",Lakeside Pharma Ltd,US,2026-01-01,2026-05-04", "IP-2026-0042,First Company,,,")
    party = Party("LAKESIDE  PHARMA, LTD.", "US")
    assert len(permits) == 2
    assert permits.licenses((Party("First Company", "US"), party), DAY, "")
    assert not permits.licenses((party,), DAY + 1, "")
    assert not permits.licenses((Party("Lakeside Pharma Ltd", "MX"),), DAY, "")
    assert not permits.licenses((Party("First Company", "US"),), DAY, "")
    # A licence does not count as a permit, whatever number is declared.
    assert not any(permits.holds(number, (party,), DAY, "") for number in ("", "N/A", "IP-2026-0042", "Permit No."))
    assert register().with_permits_of(permits).licenses((party,), DAY, "")


FIRM = (Party("Lakeside Pharma Ltd", "US"),)


def limited(*rows: str) -> Register:
    return Register.from_text("\n".join([f"{HEADER},substance", *rows]), "permits.csv")


def named(text: str) -> str:
    return identity(Substances.load().match(text, chemical=True))


@pytest.mark.parametrize("substance", ["fentanyl", "437-38-7", "437387", "Fentanyl citrate", "990-73-8", "芬太尼"])
@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fentanyl", True),
        ("fentanyl hydrochloride powder", True),
        ("437-38-7", True),
        ("CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", True),
        ("carfentanil", False),
        ("sufentanil citrate", False),
        ("fent powder", False),
        ("ceramic mug", False),
    ],
)
def test_a_permit_for_a_substance_holds_for_its_salts_and_names_and_for_no_other(
    substance: str, text: str, holds: bool
) -> None:
    permits = limited(f"A-77,Lakeside Pharma Ltd,,,,{substance}", f",Lakeside Pharma Ltd,,,,{substance}")
    assert permits.holds("A-77", FIRM, DAY, named(text)) is holds
    assert permits.licenses(FIRM, DAY, named(text)) is holds
    assert permits.others("A-77", FIRM, ON, named(text)) == ([] if holds else [substance])


def test_a_permit_for_several_substances_has_a_row_for_each_and_a_blank_substance_is_no_limit() -> None:
    rows = ("A-77,Lakeside Pharma Ltd,,,,fentanyl", "A-77,Lakeside Pharma Ltd,,,,NPP", "A-78,Lakeside Pharma Ltd,,,,")
    permits = limited(*rows)
    names = ["fentanyl", "N-phenethyl-4-piperidone", "remifentanil", "ceramic mug"]
    assert [permits.holds("A-77", FIRM, DAY, named(name)) for name in names] == [True, True, False, False]
    assert all(permits.holds("A-78", FIRM, DAY, named(name)) for name in names)
    assert permits.others("A-77", FIRM, ON, named("remifentanil")) == ["fentanyl", "NPP"]
    assert permits.others("A-77", (Party("Another Company", "US"),), ON, named("remifentanil")) == []
    assert permits.others("N/A", FIRM, ON, "") == []


def test_a_substance_without_a_structure_is_known_by_its_name() -> None:
    match = Match("class", "Unheard-of Compound", "fentanyl", "", "", "", hit=True)
    assert identity(match) == "unheard-of compound"


@pytest.mark.parametrize(
    "substance",
    ["opioids", "any", "12-34-5", "fentnyl", "China white", "fentanyl test strips", "fentanyl, carfentanil"],
)
def test_a_substance_that_cannot_be_read_is_a_fault(substance: str) -> None:
    with pytest.raises(RegisterError) as caught:
        limited("A-77,Lakeside Pharma Ltd,,,,fentanyl", f'A-78,Lakeside Pharma Ltd,,,,"{substance}"')
    assert f"permits.csv cannot be used:\n- line 3, substance: {substance!r} names no single known substance" in str(
        caught.value
    )


def test_a_stored_substance_that_can_no_longer_be_read_is_that_of_no_item() -> None:
    row = dict.fromkeys(COLUMNS, "") | {
        "permit_number": "A-77",
        "party_name": "Lakeside Pharma Ltd",
        "substance": "lostol",
    }
    permits = Register.from_rows([row], "of the store")
    assert not any(permits.holds("A-77", FIRM, DAY, substance) for substance in ("", "lostol", named("fentanyl")))


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
    assert Register.load(file).holds("IP-26-1", (Party("example", "DE"),), DAY, "")
    assert len(Register.from_text(HEADER)) == 0
    assert limited().digest != Register.from_text(HEADER).digest
    with pytest.raises(RegisterError, match=r"expected permit_number.* and optionally substance"):
        Register.from_text(f"{HEADER},substance,substance")
    with pytest.raises(RegisterError, match="No such file"):
        Register.load(tmp_path / "missing.csv")


def test_a_named_pipe_is_refused_instead_of_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "register.csv")
    with pytest.raises(RegisterError, match="not a regular file"):
        Register.load(tmp_path / "register.csv")
