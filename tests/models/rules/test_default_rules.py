"""Each default rule fires where it should, and not where it should not."""

from __future__ import annotations

import pytest

from models.lanes import GREEN, RED, YELLOW
from models.rules import OfficeRules
from tests.models.rules.shipments import (
    CLASS_MEMBER,
    FENTANYL,
    PRECURSOR,
    PRESS,
    fired_for,
    floor,
    register,
    ruling_on,
    shipment,
)

PERMIT = {"permit_number": "IP-2026-0042"}
REGISTERED = register("IP-2026-0042,Lakeside Pharma Ltd,US,2026-01-01,2026-12-31")
PRIVATE = {"consignee": {"name": "Dana Example", "country": "US"}}


def test_a_watched_substance_without_a_registered_permit_is_at_least_yellow_and_an_opioid_red() -> None:
    assert fired_for(shipment(PRECURSOR)) == ["watched-without-permit"]
    assert fired_for(shipment(FENTANYL)) == ["watched-without-permit", "opioid-without-permit"]
    assert (floor(shipment(PRECURSOR)), floor(shipment(FENTANYL))) == (YELLOW, RED)
    # A permit that no register holds is a declaration, not proof. A firm of the trade may hold it, a private person or a trader
    # may not.
    firm = shipment(FENTANYL | PERMIT)
    assert floor(firm) == floor(firm, register("IP-2026-0043,Lakeside Pharma Ltd,US,,")) == YELLOW
    for name in ("Dana Example", "Sample Imports LLC"):
        assert floor(shipment(FENTANYL | PERMIT, consignee={"name": name, "country": "US"})) == RED
    placeholder = {"permit_number": "N/A"}
    assert floor(shipment(FENTANYL | placeholder)) == RED


def test_a_registered_permit_is_an_exception_of_the_rule_but_never_for_a_private_consignee() -> None:
    assert fired_for(shipment(FENTANYL | PERMIT), REGISTERED) == []
    private = register("IP-2026-0042,Dana Example,US,,")
    assert fired_for(shipment(FENTANYL | PERMIT, **PRIVATE), private) == [
        "watched-without-permit",
        "opioid-without-permit",
    ]


@pytest.mark.parametrize(
    "text",
    ["fentanyl test strips", "book about fentanyl", "fentanyl-free foot cream", "naloxone antidote for fentanyl"],
)
def test_a_mention_is_not_a_declaration(text: str) -> None:
    assert fired_for(shipment({"goods_description": text})) == []


@pytest.mark.parametrize(
    "item",
    [
        {"goods_description": "heroin 1 kg"},
        {"declared_chemical": "cocaine hydrochloride"},
        {"declared_chemical": "methamphetamine", "net_mass_kg": 0.5},
        {"goods_description": "brown powder", "cas_number": "561-27-3"},
        {"goods_description": "ketamine HCl injection 10 ml vials"},
        {"goods_description": "bromazolam powder"},
        {"goods_description": "кокаин 100 г"},
        {"goods_description": "Alprazolam 2 mg tablets"},
        {"goods_description": "toluene 200 l"} | {"declared_chemical": "MDMA"},
    ],
)
def test_a_controlled_drug_that_is_not_watched_is_at_least_yellow(item: dict[str, object]) -> None:
    assert fired_for(shipment(item)) == ["listed-drug-without-permit"]
    assert floor(shipment(item)) == YELLOW


def test_a_registered_permit_lets_a_controlled_medicine_pass() -> None:
    diazepam = {"goods_description": "diazepam tablets 5 mg, 200 boxes", "hs_code": "300490"} | PERMIT
    hospital = {"name": "Lakeside General Hospital", "country": "US"}
    held = register("IP-2026-0042,Lakeside General Hospital,US,2026-01-01,2026-12-31")
    assert fired_for(shipment(diazepam, consignee=hospital), held) == []
    assert floor(shipment(diazepam, consignee=hospital), held) == GREEN
    # Without the register the permit is a declaration, not proof.
    assert fired_for(shipment(diazepam, consignee=hospital)) == ["listed-drug-without-permit"]
    assert fired_for(shipment(diazepam, **PRIVATE), held) == ["listed-drug-without-permit"]


@pytest.mark.parametrize(
    "item",
    [
        {"goods_description": "toluene 20 t", "declared_chemical": "toluene", "cas_number": "108-88-3"},
        {"declared_chemical": "acetone"},
        {"declared_chemical": "sulphuric acid", "cas_number": "7664-93-9"},
        {"declared_chemical": "piperidine"},
        {"declared_chemical": "xylazine"},
        {"goods_description": "hemp t-shirts, 200 pieces"},
        {"goods_description": "hemp seed protein powder"},
        {"goods_description": "CBD oil 10 ml, THC free"},
        {"goods_description": "morphine test strips"},
        {"goods_description": "cocaine t-shirt"},
        {"goods_description": "caffeine powder 25 kg"},
        {"goods_description": "red wine"},
    ],
)
def test_solvents_adulterants_hemp_goods_and_mentions_are_no_controlled_drugs(item: dict[str, object]) -> None:
    assert fired_for(shipment(item)) == []


def test_an_opioid_is_red_with_all_country_fields_blank_too() -> None:
    blank = shipment(
        FENTANYL,
        export_country=None,
        consignor={"name": "Rheinufer Chemie GmbH", "account_opened_on": "2019-02-11"},
        consignee={"name": "Lakeside Pharma Ltd"},
    )
    assert floor(blank) == RED


def test_a_class_member_on_no_list_is_at_least_yellow_also_with_a_permit() -> None:
    assert "class-member-on-no-list" in fired_for(shipment(CLASS_MEMBER))
    assert fired_for(shipment(CLASS_MEMBER | PERMIT), REGISTERED) == ["class-member-on-no-list"]
    # Fentanyl itself is on a list, citric acid in no class.
    assert "class-member-on-no-list" not in fired_for(shipment(FENTANYL))
    assert fired_for(shipment({"declared_chemical": "citric acid"})) == []


def test_a_precursor_to_a_private_or_new_party_is_at_least_yellow() -> None:
    rule = "precursor-to-private-or-new-party"
    licensed = PRECURSOR | PERMIT
    assert fired_for(shipment(licensed), REGISTERED) == []
    assert rule in fired_for(shipment(licensed, **PRIVATE), REGISTERED)
    new = {"name": "Rheinufer Chemie GmbH", "country": "DE", "account_opened_on": "2026-04-01"}
    assert fired_for(shipment(licensed, consignor=new), REGISTERED) == [rule]
    assert rule in fired_for(shipment(PRECURSOR), seen=False)
    assert rule not in fired_for(shipment(PRECURSOR))
    # A consignee in the register is known, though its first shipment is not in the history.
    assert fired_for(shipment(licensed), REGISTERED, seen=False) == []
    assert fired_for(shipment({"goods_description": "citric acid"}, **PRIVATE)) == []


def test_a_press_or_a_die_to_a_private_person_is_at_least_yellow() -> None:
    assert fired_for(shipment(PRESS, **PRIVATE)) == ["press-to-private-person"]
    assert fired_for(shipment({"goods_description": "pill die set M30", "hs_code": "820730"}, **PRIVATE)) == [
        "street-name",
        "press-to-private-person",
    ]
    assert fired_for(shipment({"goods_description": "punch and mould", "hs_code": "820730"}, **PRIVATE)) == [
        "press-to-private-person"
    ]
    # Tablet presses are sold as candy presses.
    for goods in (
        {"goods_description": "candy press mould set", "hs_code": "847989"},
        {"goods_description": "pill press for soap"},
    ):
        assert fired_for(shipment(goods, **PRIVATE)) == ["press-to-private-person"]
    assert fired_for(shipment({"goods_description": "candy tablet press", "hs_code": "847989"}, **PRIVATE)) == [
        "press-to-private-person"
    ]
    assert fired_for(shipment(PRESS)) == []
    for goods in (
        {"goods_description": "garlic press"},
        {"goods_description": "humidifier", "hs_code": "847989"},
        {"goods_description": "leather punch tool set", "hs_code": "820730"},
        {"goods_description": "soap stamping press", "hs_code": "847989"},
        {"goods_description": "gummy mold", "hs_code": "848079"},
    ):
        assert fired_for(shipment(goods, **PRIVATE)) == []


def test_one_item_is_enough_and_a_shipment_of_harmless_goods_fires_nothing() -> None:
    assert "opioid-without-permit" in fired_for(shipment({"goods_description": "mug"}, FENTANYL))
    assert fired_for(shipment()) == []
    # A permit of one item covers that item alone.
    assert "opioid-without-permit" in fired_for(shipment(FENTANYL | PERMIT, FENTANYL), REGISTERED)


def test_the_file_none_switches_all_rules_off() -> None:
    ruling = ruling_on(shipment(FENTANYL), office=OfficeRules(off=True))
    assert (ruling.fired, ruling.digest) == (None, None)


def test_an_unverified_permit_exempts_only_plausible_trade_without_earlier_finds_from_the_red_lane() -> None:
    rule = "unverified-permit-of-the-trade"
    patches = {"goods_description": "fentanyl patches 25 mcg/h", "hs_code": "300490", "net_mass_kg": 4} | PERMIT
    hospital = {"consignee": {"name": "Lakeside General Hospital", "country": "US"}}
    assert fired_for(shipment(patches, **hospital)) == ["watched-without-permit", rule]
    assert floor(shipment(patches, **hospital)) == YELLOW
    for item in (
        patches | {"permit_number": "N/A"},
        patches | {"net_mass_kg": 800},
        {**patches, "permit_number": None},
    ):
        assert rule not in fired_for(shipment(item, **hospital))
    assert rule not in fired_for(shipment(patches, **PRIVATE))
    # One item without a permit is enough.
    assert rule not in fired_for(shipment(patches, FENTANYL, **hospital))


def test_a_street_name_is_at_least_yellow() -> None:
    assert fired_for(shipment({"goods_description": "blue M30 pills"})) == ["street-name"]
    assert floor(shipment({"goods_description": "blue M30 pills"})) == YELLOW
    assert fired_for(shipment({"goods_description": "M30 hex bolts"})) == []
