"""Texts of evidence entries, with their places filled from a shipment."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from features.groups.base import Feature
from features.groups.reason_codes import ReasonCode
from features.substances import Substances
from models.evidence import PLACES, read_evidence
from models.reasons import ENOUGH, Explanations, FeaturesByReason, ScoredTable
from models.reasons.by_reason import MeasuredText
from models.reasons.codes import PLACES as WRITERS
from models.reasons.codes import REASON_KINDS, cited, fill
from models.reasons.items import Evidence, ExplainedItems
from models.reasons.value_texts import declared_mass
from models.rules.ruling import ListHit, Ruling
from tests.models.reasons.test_reasons import ITEM, SPACE, context, explanations, text_of

INDEX = Substances.load()


def write(template: str, substance: str | None = None, *, permit: float = 1.0, **changes: str | None) -> str:
    match = None if substance is None else INDEX.match(substance, chemical=True)
    scored: ScoredTable = context(match, **changes)
    columns = {name: column for column, name in enumerate(SPACE.names)}
    features = np.full((1, len(columns)), np.nan)
    features[0, columns["shipment_items"]], features[0, columns["permit_present"]] = 12.0, permit
    return fill(template, Evidence(ExplainedItems(scored, [0], columns, features, [0])))[0]


def test_every_place_that_a_text_may_have_is_filled() -> None:
    assert set(WRITERS) >= PLACES


@pytest.mark.parametrize(
    "entry", [entry for entry in read_evidence().entries if entry.text], ids=lambda entry: entry.id
)
def test_every_entry_reads_as_a_sentence_even_if_nothing_is_declared(entry: object) -> None:
    text = write(entry.text, **dict.fromkeys(("goods_description", "hs_code", "net_mass_kg", "gross_mass_kg")))  # type: ignore[attr-defined, arg-type]
    assert text
    assert "{" not in text
    assert "None" not in text


LAW = "{declared}, {law}, {permit}"


@pytest.mark.parametrize(
    ("substance", "changes", "text"),
    [
        (
            "59708-52-0",
            {},
            "Declared by CAS number as carfentanil, controlled in the US since 1988, no permit",
        ),
        ("fentanyl", {"permit_number": "IP-7"}, "Declared by name as fentanyl, controlled in the US since"),
        (
            "4-苯胺基哌啶",
            {},
            "Declared in another language as 4-anilinopiperidine (`4-苯胺基哌啶`), controlled in the US",
        ),
        # The conventions bind the destination; the law of the country of export comes after them.
        ("carfentanil", {"consignee_country": "BR", "export_country": "US"}, "controlled by the UN conventions since"),
        ("xylazine", {"consignee_country": "CA", "export_country": "CN"}, "not fully recorded"),
        (
            "isotonitazene",
            {"consignee_country": "CA", "export_country": "CN", "routing_countries": None},
            "controlled by the UN conventions since",
        ),
        (
            "bucinnazine",
            {"consignee_country": "AU", "export_country": "CN", "routing_countries": None},
            "controlled in China (the country of export) since 2014 or earlier",
        ),
        ("etonitazene", {"consignee_country": "GB"}, "controlled in the UK since 1991 or earlier"),
        (
            "carfentanil",
            {"consignee_country": "ZZ", "export_country": None, "origin_country": None},
            "controlled by the UN",
        ),
        ("citric acid", {}, "Declared by name as citric acid, on no list, no permit"),
        (
            "heroin",
            {},
            "Declared by name as diacetylmorphine (`heroin`), controlled in the US since 1970, no permit",
        ),
        (
            "phenethyl bromide",
            dict.fromkeys(("consignee_country", "export_country", "consignor_country", "routing_countries")),
            "Declared by name as phenethyl bromide, no listing on record for this route on 20",
        ),
        (None, {}, "No known substance is declared"),
    ],
)
def test_the_text_on_a_substance_contains_its_name_legal_status_and_permit(
    substance: str | None, changes: dict[str, str | None], text: str
) -> None:
    assert text in write(LAW, substance, **changes)  # type: ignore[arg-type]


def test_a_permit_number_is_described_as_a_declaration() -> None:
    assert write("{permit}", permit_number="IP-7") == "permit `IP-7`, not verified"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{goods} under {hs}", "`silicone phone case` under HS 392690"),
        ("{mass}, {gross_mass}", "2 kg, 2.5 kg"),
        ("{value}; {freight}", "USD 4.20; Freight of USD 75.00"),
        ("{items} goods items", "12 goods items"),
        ("{consignor} of {consignor_country} to {consignee} at {address}",
         "`Lianhe Novelty Trading` of CN to `Dana Example` at `12 Sample Street`"),
        ("{account}", "Consignor's account was opened 6 days before the shipment"),
        ("{route}", "CN to KR to JP to US"),
    ],
)  # fmt: skip
def test_places_are_filled_with_declared_facts(template: str, text: str) -> None:
    assert write(template) == text


def test_a_reason_led_by_an_entry_has_its_text_and_source_and_one_led_by_a_feature_keeps_its_own() -> None:
    features = [feature for feature in SPACE.features if feature.reason == "DESCRIPTION_VAGUE"]
    entry = next(entry for entry in read_evidence().entries if entry.id == "vague")
    by_reason = FeaturesByReason(features, [entry])
    contributions = np.zeros((2, len(features) + 2))
    contributions[0, :2], contributions[0, -2] = (0.25, -0.5), 2.0
    contributions[1, 1], contributions[1, -2] = 3.0, 1.0
    weights, leading = by_reason.weigh(contributions[:, :-1], np.zeros((2, len(features))))
    scored = context(goods_description="parts")
    scored = dataclasses.replace(scored, substances=[None])
    explained = Explanations(
        scored=scored,
        by_reason=by_reason,
        shipments=[0, 1],
        rows=[0, 0],
        heads=["precursor"] * 2,
        base_values=[0.0] * 2,
        raw_scores=weights[:, 0].tolist(),
        features=np.ones((2, len(features))),
        weights=weights,
        leading=leading,
    )
    (by_entry,), (by_feature,) = explained[0].reasons, explained[1].reasons
    assert (by_entry.code, by_entry.weight) == ("DESCRIPTION_VAGUE", 1.75)
    assert by_entry.text == "The description is vague: `parts` (raises the score)"
    assert by_entry.source.startswith("Vague or generic description (EU ICS2")
    assert (by_feature.code, by_feature.weight) == ("DESCRIPTION_VAGUE", 4.0)
    assert by_feature.text.startswith("Goods are described as `parts`.")
    assert by_feature.source.startswith("Vague or generic description (EU ICS2")


#: Codes, ids and marks of missing texts that no officer can read.
UNREADABLE = re.compile(
    r"\(S\d+\)|\b[DEMPRTV]\d{1,2}\b|(?<!UPU )\bS\d{2,3}\b|`-`|usual spread|\b[\w-]+\.csv\b|\b\d (?:with|without|declared)\b"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


@pytest.mark.parametrize("value", [0.0, 1.0, 2.0, 0.37, -3.1])
def test_no_text_of_a_feature_has_codes(value: float) -> None:
    for feature in SPACE.features:
        text = MeasuredText(feature)[value]
        assert not UNREADABLE.search(text), text


def test_no_text_and_no_source_has_codes() -> None:
    bare = {name: None for name in ITEM if name not in ("shipment_id", "goods_description")}
    entries = [entry for entry in read_evidence().entries if entry.text]
    for entry in entries:
        assert not UNREADABLE.search(write(entry.text, **bare)), entry.id  # type: ignore[arg-type]
        assert not UNREADABLE.search(cited(entry.source)), cited(entry.source)
    for code, kind in REASON_KINDS.items():
        assert not UNREADABLE.search(text_of(code, context(**bare))), code
        assert not UNREADABLE.search(kind.source), code
    hit = ListHit("0f8fad5b-d9cb-469f-a165-70867728950e", "brokers", "consignor_name", 0.9, 2, "Order")
    (reason,) = Ruling(None, None, {}, {0: (hit,)}).reasons(0)
    assert not UNREADABLE.search(reason["text"] + reason["source"])


@pytest.mark.parametrize(
    ("template", "changes", "text"),
    [
        ("{hs} for {consignor_line}", {"consignor_name": "Shenzhen Yixing Electronics"}, "HS 392690 for electronics"),
        # The name also tells of food; only the line that the code fits is named.
        (
            "{hs} is usual for {consignee_line}",
            {"consignee_name": "Vina Electronics Co Ltd", "hs_code": "854232"},
            "HS 854232 is usual for electronics",
        ),
        ("{consignor_finds} of {consignor}", {"consignor_name": None}, "No earlier find of an unnamed consignor"),
    ],
)
def test_a_text_claims_no_more_than_is_known(template: str, changes: dict[str, str | None], text: str) -> None:
    assert write(template, **changes) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["xylazine", "medetomidine"])
def test_an_adulterant_is_called_one(name: str) -> None:
    assert write("{declared}", name) == f"Declared by name as {name}, an adulterant of opioids"


def test_a_cas_number_of_another_substance_is_named_with_both() -> None:
    text = write("{declared}", "fentanyl", cas_number="437-38-7", goods_description="citric acid")
    assert text.endswith("(the CAS number 437-38-7 is that of Fentanyl, but the words name citric acid)")


def test_the_net_mass_of_an_item_and_the_gross_mass_of_all_say_so() -> None:
    scored = context(net_mass_kg="2", gross_mass_kg="900")
    columns = {name: column for column, name in enumerate(SPACE.names)}
    features = np.full((1, len(columns)), np.nan)
    features[0, columns["shipment_items"]] = 60.0
    items = ExplainedItems(scored, [0], columns, features, [0])
    assert declared_mass(items) == ["Mass declared: net 2 kg for this item, gross 900 kg for all 60 items"]


def test_by_default_the_reasons_that_are_left_out_are_small() -> None:
    features = [Feature(f"f{i}", "g", f"Count of {i}", code) for i, code in enumerate(list(ReasonCode)[:20])]
    for weights, most in (([8.0, -4.0, 2.0, *[0.05] * 17], 3), ([1.0] * 20, 12)):
        whole = explanations(features, [weights], [[1.0] * 20], context())
        (reasons,) = whole.to_json(ENOUGH)
        assert len(reasons) == most + 1
        assert reasons[-1]["code"] == "OTHER"
        assert "reasons (" in reasons[-1]["text"]
        assert sum(reason["weight"] for reason in reasons) == pytest.approx(sum(weights), abs=1e-9)
