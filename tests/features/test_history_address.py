"""One place in several spellings is one place; two places are never made one by a spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.history_address import plain_contact, plain_postcode, split_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 Main Street", ("12mainst", "")),
        ("12 MAIN ST.", ("12mainst", "")),
        ("12 Main Street, Apt. 4-B", ("12mainst", "4b")),
        ("12 main st #4B", ("12mainst", "4b")),
        ("12 Main St Unit No. 4b", ("12mainst", "4b")),
        ("Suite 200, 1500 North Oak Avenue", ("1500noakave", "200")),
        ("1500 N. Oak Ave ste200", ("1500noakave", "200")),
        ("77 Harbour Blvd PMB 31", ("77harbourblvd", "31")),
        ("77 Harbour Boulevard Private Mailbox 31", ("77harbourblvd", "31")),
        ("8 Example Road, Parcel Locker 17", ("8examplerd", "17")),
        ("P.O. Box 88", ("box88", "")),
        ("PO BOX 88", ("box88", "")),
        ("5 Flat Rock Road", ("5flatrockrd", "")),
        ("Calle Peñón 9, piso 3", ("callepenon9", "3")),
        ("Hauptstraße 5", ("hauptstrasse5", "")),
        ("北京市朝阳区88号", ("北京市朝阳区88号", "")),
        ("???", ("", "")),
        ("", ("", "")),
    ],
)
def test_buildings_and_units(text: str, expected: tuple[str, str]) -> None:
    assert split_address(text) == expected


_streets = st.tuples(
    st.integers(1, 9999).map(str),
    st.sampled_from(["Main", "Oak", "Sunset", "Peñón", "Saint Mary's"]),
    st.sampled_from(
        [("Street", "St", "st."), ("Avenue", "Ave", "AV"), ("Boulevard", "Blvd.", "boul"), ("Road", "Rd", "RD.")]
    ),
)
_units = st.tuples(
    st.sampled_from(["Apt", "apt.", "Apartment", "Suite", "STE", "Unit", "#", "PMB", "Room", "Parcel Locker", "Apt #"]),
    st.from_regex(r"[1-9][0-9]{0,3}[A-D]?", fullmatch=True),
)


@given(_streets, st.none() | _units, st.integers(0, 2), st.booleans(), st.sampled_from([" ", "  ", ", ", " , "]))
def test_spelling_makes_no_other_place(
    street: tuple[str, str, tuple[str, ...]], unit: tuple[str, str] | None, form: int, upper: bool, gap: str
) -> None:
    number, name, types = street
    plain = f"{number} {name} {types[0]}" + (f" Apt {unit[1]}" if unit else "")
    other = f"{number} {name} {types[form]}" + (f"{gap}{unit[0]} {unit[1]}" if unit else "")
    assert split_address(other.upper() if upper else other) == split_address(plain)


@given(_streets, _units, _units)
def test_units_part_places_of_one_building(
    street: tuple[str, str, tuple[str, ...]], one: tuple[str, str], two: tuple[str, str]
) -> None:
    line = f"{street[0]} {street[1]} {street[2][0]}"
    (building, first), (other, second) = (split_address(f"{line} {word} {unit}") for word, unit in (one, two))
    assert building == other == split_address(line)[0]
    assert (first == second) == (one[1] == two[1])


@given(st.text(max_size=60))
def test_any_text_has_an_address_that_case_cannot_change(text: str) -> None:
    building, unit = split_address(text)
    assert split_address(f"  {text}  ") == (building, unit)
    if text.isascii():
        assert split_address(text.upper()) == split_address(text.lower()) == (building, unit)
    assert building or not unit


def test_a_delivery_sector_is_no_other_postcode() -> None:
    assert plain_postcode("90012-1234") == plain_postcode("90012") == "90012"
    assert plain_postcode("sw1a 1aa") == "sw1a1aa"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+1 (213) 555-0100", "12135550100"),
        ("001 213 555 0100", "12135550100"),
        (" Sales@Lianhe.Example ", "sales@lianhe.example"),
        ("n/a", ""),
        ("0000000000", ""),
        ("11111111", ""),
        ("12345", ""),
    ],
)
def test_contacts_that_are_none_link_nobody(text: str, expected: str) -> None:
    assert plain_contact(text) == expected
