"""Words of the index, and the bytes of its blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.records import read_record
from service.search.postings import PARTS, STRETCH, Piece, Postings, part_of, places_of, read_block
from service.search.words import HASH_BITS, hash_of, hashes_of, of_filter, of_name, of_party, parties_of, words_of
from tests.service.conftest import shipment

_HASHES = st.integers(0, 2**HASH_BITS - 1)
_SETS = st.dictionaries(
    st.integers(0, STRETCH - 1), st.sets(st.one_of(_HASHES, st.integers(0, 3)), max_size=6), max_size=20
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mens COTTON t-shirt", ["mens", "cotton", "t", "shirt"]),
        ("Café Müller", ["cafe", "muller"]),
        ("ООО Ромашка", ["ооо", "ромашка"]),
        ("儿童玩具", ["儿童", "童玩", "玩具"]),
        ("ABC化学品", ["abc", "化学", "学品"]),
        ("화학물질", ["화학", "학물", "물질"]),
        ("شركة الكيماويات", ["شركة", "الكيماويات"]),
        ("!?", []),
    ],
)
def test_words_of_any_script(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_part_of_a_run_without_spaces_has_words_of_the_run() -> None:
    assert set(words_of("玩具")) <= set(words_of("儿童玩具"))
    assert set(words_of("เคมี")) <= set(words_of("สารเคมีภัณฑ์"))


def test_a_shipment_has_the_words_of_goods_parties_addresses_and_numbers() -> None:
    record = read_record(
        shipment(
            shipment_id="HB-2026-000187",
            consignor={"name": "Qinghe Fine Chemical", "country": "CN", "phone": "+86 10 5555 0187"},
            consignee={"name": "Anna Petrova", "address": "12 Main Street", "city": "Boston", "country": "us"},
            items=[{"goods_description": "citric acid", "cas_number": "77-92-9", "origin_country": "CN"}],
        )
    )
    hashes = hashes_of(record)
    consignor, consignee = parties_of(record)
    for word in (
        *("citric", "acid", "77929", "77", "hb2026000187", "000187", "861055550187", "qinghe", "main", "boston"),
        *(of_name("petrova"), of_party(consignor.id), of_party(consignee.id), "address:12mainst//boston"),
        *(of_filter("origin", "CN"), of_filter("destination", "US")),
    ):
        assert hash_of(word) in hashes, word
    assert hash_of(of_name("citric")) not in hashes


def test_a_party_is_the_same_in_another_spelling() -> None:
    def consignor(name: str, country: str = "CN") -> str:
        return parties_of(read_record(shipment(consignor={"name": name, "country": country})))[0].id

    assert consignor("QINGHE Fine-Chemical.") == consignor("Qinghe fine chemical", "cn")
    assert consignor("Qinghe Fine Chemical") != consignor("Qinghe Fine Chemical", "IN")


@given(sets=_SETS)
def test_blocks_keep_all_pairs(sets: dict[int, set[int]]) -> None:
    postings = Postings.of(sets)
    pairs = {(number, place) for place, some in sets.items() for number in some}
    assert {*zip(postings.hashes.tolist(), postings.places.tolist(), strict=True)} == pairs
    whole = read_block(postings.block(is_part=False))
    parts = postings.parts()
    together = Postings.together([Postings.of({}), *(read_block(block, part) for part, block in parts.items())])
    for other in (whole, together):
        assert np.array_equal(other.hashes, postings.hashes)
        assert np.array_equal(other.places, postings.places)
    for number in {number for number, _ in pairs} | {7}:
        places = sorted(place for other, place in pairs if other == number)
        assert postings.places_of(number).tolist() == places
        block = parts.get(part_of(number))
        assert (places_of(block, number).tolist() if block else []) == places
    assert all(part < PARTS for part in parts)


@given(positions=st.sets(st.integers(0, STRETCH - 1), min_size=2, max_size=30), cut=st.integers(1, 29))
def test_pieces_together_are_the_whole(positions: set[int], cut: int) -> None:
    rows = [(position, 1_000 + position, position / STRETCH) for position in sorted(positions)]
    hashes = {position: {position % 3} for position in positions}

    def piece(some: list[tuple[int, int, float]]) -> Piece:
        return Piece.of(some, {row[0]: hashes[row[0]] for row in some})

    parts = [piece(some) for some in (rows[:cut], rows[cut:]) if some]
    whole, joined = piece(rows), Piece.together([Piece.read(one.first, one.data()) for one in parts])
    assert whole.first == joined.first
    assert np.array_equal(whole.times, joined.times)
    assert np.array_equal(whole.risks, joined.risks, equal_nan=True)
    assert np.array_equal(whole.postings.places, joined.postings.places)
