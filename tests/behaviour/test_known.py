"""What is known counts: street names, permits, abbreviations, and drugs outside what the risk measures."""

from __future__ import annotations

from math import fsum
from typing import Any

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.shipment import shipment_from_json
from features.substances import Substances
from features.substances.rows import resolve
from features.table.table import ManifestTable
from models.permits import Register, are_licensed, are_registered
from models.rules import OfficeRules
from models.scoring import RiskModel, Scores, ScoreSettings

LABORATORY = {
    "name": "Institute of Forensic Toxicology",
    "country": "US",
    "address": "4 Science Road",
    "city": "Denver",
}
REGISTER = Register.from_text(
    "permit_number,party_name,party_country,valid_from,valid_until\n"
    "IP-2026-0042,Institute of Forensic Toxicology,US,2026-01-01,2026-12-31\n"
)


def scored(model: RiskModel, register: Register | None = None, **changes: Any) -> Scores:
    """Score a parcel of one goods item to a private person. ``changes`` are fields of the item, parties or the shipment."""
    parties: dict[str, Any] = {key: changes.pop(key) for key in ("consignor", "consignee") if key in changes}
    shipment: dict[str, Any] = {
        "shipment_id": "K-1",
        "channel": "express",
        "declared_at": "2026-10-05T08:00:00Z",
        "export_country": "DE",
        "currency": "EUR",
        "gross_mass_kg": 1.1,
        "consignor": {"name": "Beispiel Handels GmbH", "country": "DE", "account_opened_on": "2019-05-01"},
        "consignee": {"name": "Dana Example", "address": "12 Sample Street", "postcode": "90012", "country": "US"},
        **parties,
        "items": [{"customs_value": 60, "net_mass_kg": 1.0, **changes}],
    }
    table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=1_790_000_000)
    settings = ScoreSettings(rules=OfficeRules(register=register))
    return model.score(table, History.empty(), update_history=False, explain="all", settings=settings)


def lane(model: RiskModel, text: str, **changes: Any) -> str:
    return str(scored(model, goods_description=text, **changes).lane[0])


def codes(scores: Scores) -> dict[str, str]:
    """Return the texts of the reasons by code, joined."""
    texts: dict[str, str] = {}
    for reason in (*scores.explained[0].to_json(), *scores.ruling.reasons(0)):
        texts[reason["code"]] = "; ".join(filter(None, (texts.get(reason["code"]), reason["text"])))
    return texts


# -- street names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "blue M30 pills",
        "M-30s, 200 tablets",
        "candy blue M30",
        "pastillas azules M30",
        "M30蓝色药片",
        "fent powder",
        "fent powder cut with caffeine",
        "goodfellas TNT powder",
        "china white powder 100 g",
        "china girl pills",
        "apache pills",
        "Tango & Cash tablets",
        "king ivory, pressed tablets",
        "mexican oxys 30 mg",
        "perc 30 pills",
        "murder 8 powder",
        "nitazene",
        "nitazenes for laboratories",
    ],
)
def test_a_street_name_of_an_opioid_in_goods_that_can_be_taken_is_never_green(champion: RiskModel, text: str) -> None:
    scores = scored(champion, goods_description=text)
    assert scores.lane[0] != "green"
    assert "street-name" in scores.ruling.rule_ids(0)
    [reason] = [reason["text"] for reason in scores.ruling.reasons(0) if reason["text"].startswith("Rule street-name")]
    found = scores.substances[0]
    assert found is not None
    assert found.matched_text in text
    assert reason.endswith(f"or one without another meaning: `{found.matched_text}`")


@pytest.mark.parametrize(
    "text",
    [
        "china white paint 5 l",
        "apache toys",
        "apache helicopter model kit",
        "M30 hex bolts",
        "Samsung Galaxy M30 phone case",
        "M30 grade concrete powder sample",
        "china girl t-shirt",
        "white powder coating, made in china",
        "jackpot slot machine toy",
        "he-man action figure",
        "great bear plush",
        "china town restaurant menu cards",
        "fentanyl test strips for fent powder",
    ],
)
def test_a_street_name_with_another_meaning_needs_goods_that_can_be_taken(champion: RiskModel, text: str) -> None:
    assert "street-name" not in scored(champion, goods_description=text).ruling.rule_ids(0)


def test_a_sweet_is_no_press(champion: RiskModel) -> None:
    for text in ("candy blue M30", "milk tablet candy"):
        reasons = scored(champion, goods_description=text).explained[0].reasons
        assert [one.text for one in reasons if one.code == "EQUIPMENT_DECLARED" and one.weight > 0.0] == []


# -- permits ----------------------------------------------------------------------------------------------------------

CARFENTANIL: dict[str, Any] = {
    "goods_description": "carfentanil powder",
    "declared_chemical": "carfentanil",
    "net_mass_kg": 0.01,
}
PARTIES = [
    {},
    {"consignee": LABORATORY},
    {"consignee": LABORATORY | {"name": "Lakeside Pharma Ltd"}, "consignor": {"name": "Rheinufer Chemie GmbH"}},
]


@pytest.mark.parametrize("parties", PARTIES)
def test_an_unverified_permit_lowers_no_risk_and_is_said_to_be_unverified(
    champion: RiskModel, parties: dict[str, Any]
) -> None:
    without = scored(champion, **CARFENTANIL, **parties)
    with_one = scored(champion, permit_number="IP-2026-0042", **CARFENTANIL, **parties)
    assert with_one.risk[0] == without.risk[0]
    # Carfentanil is no human medicine, and the goods are no reference standard.
    assert with_one.lane[0] == without.lane[0] == "red"
    assert with_one.risk[0] > scored(champion, goods_description="powder", **parties).risk[0]
    assert "permit `IP-2026-0042`, not verified" in codes(with_one)["SUBSTANCE_DECLARED"]
    explained = with_one.explained[0]
    total = explained.base_value + fsum(reason.weight for reason in explained.reasons)
    assert total == pytest.approx(explained.raw_score, abs=1e-9)


def test_words_about_a_permit_lower_no_risk(champion: RiskModel) -> None:
    plain: dict[str, Any] = {"goods_description": "carfentanil powder", "consignee": LABORATORY}
    named = plain | {"goods_description": "carfentanil powder, import permit no. 2026-77"}
    answers = [scored(champion, **one) for one in (named, plain)]
    assert [one.lane[0] for one in answers] == ["red", "red"]
    assert [one.text for one in answers[0].explained[0].reasons if one.code == "PERMIT" and one.weight < 0.0] == []
    # More words change the evidence of the text's form by a little.
    assert answers[0].risk[0] > 0.99 * answers[1].risk[0]


def test_only_a_registered_permit_of_the_party_on_the_day_lowers_the_risk(champion: RiskModel) -> None:
    item = CARFENTANIL | {"permit_number": "IP-2026-0042"}
    registered = scored(champion, REGISTER, consignee=LABORATORY, **item)
    unverified = scored(champion, consignee=LABORATORY, **item)
    assert registered.risk[0] < unverified.risk[0] / 1000
    others: tuple[dict[str, Any], ...] = (
        {"consignee": LABORATORY | {"name": "Another Institute of Toxicology"}},
        {"consignee": LABORATORY | {"country": "CA"}},
    )
    for other in others:
        assert scored(champion, REGISTER, **item, **other).risk[0] == pytest.approx(
            scored(champion, **item, **other).risk[0], rel=1e-12
        )


@pytest.mark.parametrize("substance", ["carfentanil", "59708-52-0"])
def test_a_permit_for_another_substance_lowers_nothing_and_is_said_to_be_for_another(
    champion: RiskModel, substance: str
) -> None:
    header = "permit_number,party_name,party_country,valid_from,valid_until,substance\n"
    register = Register.from_text(f"{header}IP-2026-0042,Institute of Forensic Toxicology,US,,,{substance}\n")
    declared: dict[str, Any] = {"consignee": LABORATORY, "permit_number": "IP-2026-0042"}
    hydrochloride = CARFENTANIL | {"declared_chemical": "carfentanil hydrochloride"}
    without = scored(champion, **hydrochloride, **declared)
    registered = scored(champion, register, **hydrochloride, **declared)
    assert registered.risk[0] < without.risk[0] / 1000
    assert "ermit `IP-2026-0042` in the register" in str(codes(registered))
    assert "watched-without-permit" not in registered.ruling.rule_ids(0)

    other: dict[str, Any] = {"goods_description": "isotonitazene powder", "net_mass_kg": 0.01}
    unverified, registered = (scored(champion, one, **other, **declared) for one in (None, register))
    assert registered.risk[0] == unverified.risk[0]
    assert registered.lane[0] == "red"
    assert "watched-without-permit" in registered.ruling.rule_ids(0)
    words = f"permit `IP-2026-0042`, not verified for this substance: the register holds it for `{substance}`"
    assert words in codes(registered)["SUBSTANCE_DECLARED"]
    assert "for this substance" not in str(codes(unverified))

    # A private consignee holds no permit, whatever the substance.
    private = scored(champion, register, **CARFENTANIL, permit_number="IP-2026-0042", consignor=LABORATORY)
    assert "permit `IP-2026-0042`, not verified" in codes(private)["SUBSTANCE_DECLARED"]
    assert "for this substance" not in str(codes(private))


@pytest.mark.parametrize(
    ("item", "counts"),
    [
        ({"goods_description": "carfentanil powder", "declared_chemical": "fentanyl"}, False),
        ({"goods_description": "fentanyl and carfentanil", "declared_chemical": "fentanyl"}, False),
        ({"goods_description": "fentanyl cut with morphine"}, False),
        ({"goods_description": "medicine", "declared_chemical": "fentanyl", "cas_number": "59708-52-0"}, False),
        ({"goods_description": "fentanyl citrate (fentanyl) with paracetamol", "cas_number": "990-73-8"}, True),
        ({"goods_description": "chemical reagent", "declared_chemical": "fentanyl"}, True),
    ],
)
def test_a_permit_for_a_substance_covers_no_item_that_also_declares_another(item: dict[str, Any], counts: bool) -> None:
    header = "permit_number,party_name,party_country,valid_from,valid_until,substance\n"
    register = Register.from_text(f"{header}IP-7,Example Clinic Ltd,,,,fentanyl\nIP-8,Example Clinic Ltd,,,,\n")
    for number, expected in (("IP-7", counts), ("IP-8", True)):
        items = [item | {"permit_number": number}]
        shipment = {"shipment_id": "K-1", "consignee": {"name": "Example Clinic Ltd"}, "items": items}
        table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=1_790_000_000)
        assert are_registered(table, register, np.zeros(1), resolve(table)).tolist() == [expected]


def test_the_items_of_a_shipment_need_permits_for_their_own_substances() -> None:
    header = "permit_number,party_name,party_country,valid_from,valid_until,substance\n"
    register = Register.from_text(
        f"{header}IP-2026-0042,Example Clinic Ltd,,,,fentanyl\nIP-7,Example Clinic Ltd,,,,NPP\n"
    )
    goods = [
        ("fentanyl citrate", "IP-2026-0042"),
        ("N-phenethyl-4-piperidone", "IP-2026-0042"),
        ("N-phenethyl-4-piperidone", "IP-7"),
        ("ceramic mug", "IP-7"),
        ("fent powder", "IP-2026-0042"),
        ("fentanyl", None),
    ]
    items = [{"goods_description": text, "permit_number": number} for text, number in goods]
    shipment = {"shipment_id": "K-1", "consignee": {"name": "Example Clinic Ltd"}, "items": items}
    table = ManifestTable.from_shipments([shipment_from_json(shipment)], receipt=1_790_000_000)
    matches = Substances.load().match_all([text for text, _ in goods])
    private = np.zeros(len(goods))
    assert are_registered(table, register, private, matches).tolist() == [1, 0, 1, 0, 0, 0]
    assert are_registered(table, register, private, ()).tolist() == [0] * 6
    assert are_licensed(table, register, private, matches).tolist() == [0] * 6
    licences = Register.from_text(f"{header},Example Clinic Ltd,,,,fentanyl\n")
    assert are_licensed(table, licences, private, matches).tolist() == [1, 0, 0, 0, 0, 1]


def test_a_number_that_breaks_the_form_of_its_country_is_no_permit(champion: RiskModel) -> None:
    medicine: dict[str, Any] = {
        "goods_description": "fentanyl patches 25 mcg/h, 40 boxes",
        "hs_code": "300490",
        "consignee": LABORATORY,
    }
    right, wrong = (scored(champion, permit_number=number, **medicine) for number in ("DEA RF1234563", "DEA RF1234567"))
    assert (right.lane[0], wrong.lane[0]) == ("yellow", "red")
    assert "its check digit is wrong for a DEA registration" in codes(wrong)["SUBSTANCE_DECLARED"]


# -- abbreviations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("iso powder", {}),
        ("ANPP", {}),
        ("ANPP 5 kg", {}),
        ("4-AP", {"hs_code": "293339"}),
        ("NPP", {"hs_code": "293339"}),
        ("pFF 98 %", {}),
        ("MT-45", {"hs_code": "293359"}),
        ("4-AP intermediate", {"hs_code": "392690"}),
    ],
)
def test_an_abbreviation_counts_beside_chemical_words_or_alone(
    champion: RiskModel, text: str, changes: dict[str, Any]
) -> None:
    assert lane(champion, text, **changes) != "green"


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("NPP", {"hs_code": "850760"}),
        ("R-6129", {"hs_code": "870899"}),
        ("NPP battery 12V", {}),
        ("iso whey protein powder", {}),
        ("MAF sensor", {}),
        ("ISO 9001 certificate frame", {}),
        ("4-AP dalfampridine tablets", {}),
    ],
)
def test_an_abbreviation_does_not_count_as_other_goods(champion: RiskModel, text: str, changes: dict[str, Any]) -> None:
    assert scored(champion, goods_description=text, **changes).ruling.rule_ids(0) == []


# -- opioids and precursors that no list names ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        {"goods_description": "fluetonitazepyne"},
        {"goods_description": "dipyanone powder"},
        {"goods_description": "white powder", "cas_number": "102762-20-9"},
        {"goods_description": "3-methoxycarbonyl-NPP"},
        {"declared_chemical": "methyl 4-oxo-1-(2-phenylethyl)piperidine-3-carboxylate"},
    ],
)
def test_an_opioid_or_masked_precursor_that_no_list_names_is_never_green(
    champion: RiskModel, item: dict[str, Any]
) -> None:
    scores = scored(champion, **item)
    assert scores.lane[0] != "green"
    assert "watched-without-permit" in scores.ruling.rule_ids(0)


# -- other drugs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drug", ["heroin", "cocaine", "methamphetamine", "ketamine", "oxycodone"])
def test_another_drug_is_said_to_be_outside_the_risk_and_which_rule_sets_its_lane(
    champion: RiskModel, drug: str
) -> None:
    scores = scored(champion, goods_description=f"{drug} powder")
    rule = codes(scores)["RULE"]
    assert scores.lane[0] != "green"
    assert "listed-drug-without-permit" in rule
    assert "outside what risk measures" in rule
