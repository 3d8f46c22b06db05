from __future__ import annotations

import pytest

from features.manifest.fields import FIELD
from features.readers.headers import ALIASES, nearest, recognise, squeeze


@pytest.mark.parametrize("spelling", ["hs_code", "HS Code", "hs-code", "HSCODE", "HsCode", " Hs.Code "])
def test_letter_case_blanks_and_dashes_do_not_matter(spelling: str) -> None:
    found = recognise([spelling])
    assert found.position == {"hs_code": 0}
    assert found.guessed == {}


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
def test_aliases_are_used_and_told(column: str, name: str) -> None:
    found = recognise([column])
    assert found.position == {name: 0}
    assert found.guessed == {name: column}


def test_an_alias_yields_to_the_fields_own_column_and_says_so() -> None:
    found = recognise(["Weight", "gross mass kg"])
    assert found.position == {"gross_mass_kg": 1}
    assert found.guessed == {}
    assert found.notes == ("'Weight' could mean gross_mass_kg too; 'gross mass kg' is used.",)


def test_a_house_bill_is_the_reference_only_where_there_is_no_better_one() -> None:
    assert recognise(["HAWB", "Goods"]).position == {"shipment_id": 0, "goods_description": 1}
    assert recognise(["HAWB", "Shipment No"]).position == {"shipment_id": 1, "house_id": 0}


def test_other_units_are_never_taken_for_kilograms() -> None:
    assert recognise(["Gross Mass (kg)"]).position == {"gross_mass_kg": 0}
    assert recognise(["Weight (lb)", "net_weight_g", "gross mass g"]).position == {}


def test_the_exact_name_wins_over_another_spelling_that_comes_first() -> None:
    found = recognise(["HS Code", "hs_code"])
    assert found.position == {"hs_code": 1}
    assert found.notes == ("'hs_code' and 'HS Code' mean the same; the first is used for hs_code.",)


def test_score_columns_of_an_earlier_run_are_not_taken_for_fields() -> None:
    assert recognise(["risk", "lane", "substance", "warnings", "item_risk", "percentile", "reason_1"]).position == {}


def test_no_alias_is_a_fields_own_name_and_all_stand_for_real_fields() -> None:
    own = {squeeze(name) for name in FIELD}
    assert set(ALIASES) <= set(FIELD)
    assert [alias for aliases in ALIASES.values() for alias in aliases if squeeze(alias) in own] == []


def test_the_nearest_names_are_offered() -> None:
    assert nearest("Goods Discription", list(FIELD))[0] == "goods_description"
    assert nearest("xyzzy", list(FIELD)) == []
