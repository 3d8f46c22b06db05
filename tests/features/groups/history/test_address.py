"""Addresses and contacts: spellings of one place are equal, and different places stay different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.groups.history.address import plain_contacts, plain_names, plain_postcodes, split_addresses
from features.table import normalise


def normal(text: str) -> str:
    return normalise.text(text.strip())[0] or ""


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
def test_an_address_is_split_into_building_and_unit(text: str, expected: tuple[str, str]) -> None:
    assert split_addresses([text]) == ([expected[0]], [expected[1]])


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
def test_all_spellings_of_a_place_are_equal(
    street: tuple[str, str, tuple[str, ...]], unit: tuple[str, str] | None, form: int, upper: bool, gap: str
) -> None:
    number, name, types = street
    plain = f"{number} {name} {types[0]}" + (f" Apt {unit[1]}" if unit else "")
    other = f"{number} {name} {types[form]}" + (f"{gap}{unit[0]} {unit[1]}" if unit else "")
    assert split_addresses([other.upper() if upper else other]) == split_addresses([plain])


@given(_streets, _units, _units)
def test_units_distinguish_places_of_one_building(
    street: tuple[str, str, tuple[str, ...]], one: tuple[str, str], two: tuple[str, str]
) -> None:
    line = f"{street[0]} {street[1]} {street[2][0]}"
    buildings, (first, second, _) = split_addresses([f"{line} {word} {unit}" for word, unit in (one, two)] + [line])
    assert len(set(buildings)) == 1
    assert (first == second) == (one[1] == two[1])


@given(st.text(max_size=60))
def test_any_text_has_an_address_that_does_not_depend_on_case(text: str) -> None:
    text = normal(text)
    (building,), (unit,) = split_addresses([text])
    assert split_addresses([f"  {text}  "]) == ([building], [unit])
    if text.isascii():
        assert split_addresses([text.upper(), text.lower()]) == ([building] * 2, [unit] * 2)
    assert building or not unit


@given(
    st.lists(
        st.text(max_size=12).map(normal) | st.sampled_from(["12 Main St #4", "Café 5", "+1 213 555 0100", "a@b.c"])
    )
)
def test_the_spelling_of_a_text_does_not_depend_on_other_texts(texts: list[str]) -> None:
    assert list(zip(*split_addresses(texts), strict=True)) == [
        (building, unit) for text in texts for (building,), (unit,) in [split_addresses([text])]
    ]
    for plain in (plain_names, plain_postcodes, plain_contacts):
        assert plain(texts) == [plain([text])[0] for text in texts]


def test_the_delivery_sector_of_a_postcode_is_ignored() -> None:
    assert plain_postcodes(["90012-1234", "90012", "sw1a 1aa"]) == [b"90012", b"90012", b"sw1a1aa"]
    assert plain_postcodes(["٩٠٠١٢-١٢٣٤"]) == ["٩٠٠١٢".encode()]


def test_names_are_reduced_to_letters_and_digits() -> None:
    names = ["Café Ñandú, Ltd.", "O'Neil & Sons 3", "北京 化工", "…", ""]
    assert plain_names(names) == [b"cafenandultd", b"oneilsons3", "北京化工".encode(), b"", b""]


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
def test_contacts_are_normalised_and_placeholders_are_dropped(text: str, expected: str) -> None:
    assert plain_contacts([text]) == [expected.encode()]
