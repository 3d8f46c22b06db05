"""Texts of evidence entries, with their places filled from a shipment."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from features.substances import Substances
from models.evidence import PLACES, read_evidence
from models.reasons import Explanations, FeaturesByReason, ScoredTable
from models.reasons.codes import PLACES as WRITERS
from models.reasons.codes import fill
from models.reasons.items import Evidence, ExplainedItems
from tests.models.reasons.test_reasons import SPACE, context

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
            "Declared by name as diacetylmorphine (`heroin`), controlled by the UN conventions",
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
    weights, leading = by_reason.weigh(contributions[:, :-1])
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
    assert by_entry.text == "The description is vague: `parts`"
    assert by_entry.source.startswith("evidence vague (assumed): D1 ")
    assert (by_feature.code, by_feature.weight) == ("DESCRIPTION_VAGUE", 4.0)
    assert by_feature.text.startswith("Goods are described as `parts`.")
    assert by_feature.source.startswith("D1 ")
