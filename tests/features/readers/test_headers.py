from __future__ import annotations

import pytest

from features.manifest.fields import FIELD
from features.readers.headers import ALIASES, nearest, recognise, squeeze


@pytest.mark.parametrize("spelling", ["hs_code", "HS Code", "hs-code", "HSCODE", "HsCode", " Hs.Code "])
def test_letter_case_spaces_and_dashes_do_not_matter(spelling: str) -> None:
    columns = recognise([spelling])
    assert columns.position == {"hs_code": 0}
    assert columns.guessed == {}


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("Weight", "gross_mass_kg"),
        ("Gross Weight", "gross_mass_kg"),
        ("Shipper", "consignor_name"),
        ("Sender Name", "consignor_name"),
        ("Addressee", "consignee_name"),
        ("Receiver ZIP", "consignee_postcode"),
        ("Declared Value", "customs_value"),
        ("Description", "goods_description"),
        ("CAS No.", "cas_number"),
        ("Country of Origin", "origin_country"),
        ("HAWB", "shipment_id"),
    ],
)
def test_a_recognised_alias_is_reported(column: str, name: str) -> None:
    columns = recognise([column])
    assert columns.position == {name: 0}
    assert columns.guessed == {name: column}


def test_a_fields_own_name_takes_precedence_over_an_alias_with_a_note() -> None:
    columns = recognise(["Weight", "gross mass kg"])
    assert columns.position == {"gross_mass_kg": 1}
    assert columns.guessed == {}
    assert columns.notes == ("'Weight' could mean gross_mass_kg too; 'gross mass kg' is used.",)


def test_a_house_bill_is_the_reference_only_without_a_better_one() -> None:
    assert recognise(["HAWB", "Goods"]).position == {"shipment_id": 0, "goods_description": 1}
    assert recognise(["HAWB", "Shipment No"]).position == {"shipment_id": 1, "house_id": 0}


def test_columns_in_other_units_are_not_read_as_kilograms() -> None:
    assert recognise(["Gross Mass (kg)"]).position == {"gross_mass_kg": 0}
    assert recognise(["Weight (lb)", "net_weight_g", "gross mass g"]).position == {}


def test_the_exact_name_takes_precedence_over_an_earlier_variant() -> None:
    columns = recognise(["HS Code", "hs_code"])
    assert columns.position == {"hs_code": 1}
    assert columns.notes == ("'hs_code' and 'HS Code' mean the same; the first is used for hs_code.",)


def test_score_columns_of_an_earlier_run_are_not_recognised_as_fields() -> None:
    assert recognise(["risk", "lane", "substance", "warnings", "item_risk", "percentile", "reason_1"]).position == {}


def test_aliases_belong_to_existing_fields_and_differ_from_field_names() -> None:
    own = {squeeze(name) for name in FIELD}
    assert set(ALIASES) <= set(FIELD)
    assert [alias for aliases in ALIASES.values() for alias in aliases if squeeze(alias) in own] == []


def test_similar_names_are_suggested() -> None:
    assert nearest("Goods Discription", list(FIELD))[0] == "goods_description"
    assert nearest("xyzzy", list(FIELD)) == []
