"""Tests of reading shipments from JSON: few values are refused, and unusual ones get a note."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.manifest.fields import FIELDS, Level
from features.manifest.shipment import GoodsItem, Party, Refused, Shipment, shipment_from_json, shipment_to_json
from features.table.table import ManifestTable

ITEM = {"goods_description": "ceramic mug"}

_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=12
)
_maybe = st.none() | _text


def test_domain_types_have_every_field_of_the_manifest() -> None:
    names = {
        Level.SHIPMENT: set(Shipment.__slots__),
        Level.ITEM: set(GoodsItem.__slots__),
        Level.CONSIGNOR: set(Party.__slots__),
    }
    for field in FIELDS:
        if field.level in names:
            assert field.key in names[field.level], field.name


def test_nested_and_flat_json_give_the_same_shipment() -> None:
    nested = shipment_from_json({"shipment_id": "S1", "consignor": {"name": "Acme Example"}, "items": [ITEM]})
    flat = shipment_from_json({"shipment_id": "S1", "consignor_name": "Acme Example", **ITEM})
    assert nested == flat
    assert nested.consignor.name == "Acme Example"


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ([], "shipment", "a list"),
        ({"items": [ITEM]}, "shipment_id", "missing"),
        ({"shipment_id": "  ", "items": [ITEM]}, "shipment_id", "missing"),
        ({"shipment_id": "S1"}, "items", "no goods item"),
        ({"shipment_id": "S1", "items": []}, "items", "no goods item"),
        ({"shipment_id": "S1", "items": [{}]}, "items", "no goods item"),
        (
            {"shipment_id": "S1", "channel": "express", "items": [{"item_number": 2, "hs_code": " "}]},
            "items",
            "no goods",
        ),
        ({"shipment_id": "S1", "item_number": "1"}, "items", "no goods item"),
        ({"shipment_id": "S1", "items": "mug"}, "items", "a list of goods items"),
        ({"shipment_id": "S1", "gross_mass_kg": float("inf"), "items": [ITEM]}, "gross_mass_kg", "finite"),
        ({"shipment_id": "S1", "items": [ITEM | {"customs_value": float("nan")}]}, "items[0].customs_value", "finite"),
    ],
)
def test_an_unreadable_shipment_is_refused_with_its_field(data: Any, field: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        shipment_from_json(data)
    assert any(problem.field == field and words in problem.problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    "data",
    [
        {"items": [{"net_mass_kg": 2}]},
        {"items": [{"origin_country": "CN"}]},
        {"items": [{"further": {"Genus": "Python"}}]},
        {"goods_description": "", "loading_location": "CNPVG"},
    ],
)
def test_a_value_of_any_field_makes_a_goods_item(data: dict[str, Any]) -> None:
    shipment = shipment_from_json({"shipment_id": "S1", **data})
    assert len(shipment.items) == 1
    assert shipment.items[0].goods_description is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"consignor": "Acme"}, "consignor"),
        ({"consignor": {"nmae": "Acme"}}, "consignor.nmae"),
        ({"chanel": "express"}, "chanel"),
        ({"currency": ["USD"]}, "currency"),
        ({"items": [ITEM, {"item_number": 3}]}, "items[1]"),
        ({"items": [ITEM, None]}, "items[1]"),
    ],
)
def test_other_deviations_are_kept_with_a_note_on_the_field(change: dict[str, Any], field: str) -> None:
    shipment = shipment_from_json({"shipment_id": "S1", "items": [ITEM]} | change)
    assert [note.field for note in shipment.notes] == [field]
    assert len(shipment.items) == 1


def test_each_item_field_outside_items_is_named() -> None:
    outside = {"goods_description": "cup", "hs_code": "6912", "net_mass_kg": " ", "quantity": None}
    shipment = shipment_from_json({"shipment_id": "S1", "items": [ITEM]} | outside)
    assert [note.field for note in shipment.notes] == ["goods_description", "hs_code"]
    assert shipment == dataclasses.replace(
        shipment_from_json({"shipment_id": "S1", "items": [ITEM]}), notes=shipment.notes
    )


def test_blank_extra_fields_are_ignored() -> None:
    plain = shipment_from_json({"shipment_id": "S1", "items": [ITEM]})
    padded = shipment_from_json(
        {"shipment_id": "S1", "extra": "", "master_id": " ", "consignor": {}, "items": [ITEM | {"other": None}]}
    )
    assert padded == plain
    assert padded.notes == []


@st.composite
def shipments(draw: st.DrawFn) -> Shipment:
    def party(known: bool) -> Party:
        values = {key: draw(_maybe) for key in ("name", "address", "city", "postcode", "country", "phone", "email")}
        return Party(**values, known=draw(_maybe) if known else None)

    items = [
        GoodsItem(goods_description=draw(_text), hs_code=draw(_maybe), customs_value=draw(st.none() | st.just("12.5")))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Shipment(draw(_text), items, channel=draw(_maybe), consignor=party(True), consignee=party(False))


@given(st.lists(shipments(), min_size=1, max_size=4, unique_by=lambda s: s.shipment_id))
def test_shipments_round_trip_through_table_and_json(given_shipments: list[Shipment]) -> None:
    table = ManifestTable.from_shipments(given_shipments, receipt=0)
    assert table.to_shipments() == given_shipments
    assert [shipment_from_json(shipment_to_json(shipment)) for shipment in given_shipments] == given_shipments
