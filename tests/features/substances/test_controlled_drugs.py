"""Drugs under the conventions of 1961 and 1971, or under national control, that are not watched."""

from __future__ import annotations

from datetime import date

import pytest

from features.reference import controlled_drugs, drug_listings
from features.substances import CONTROLLED, Match, Substances, law, law_on, listed, obligations
from features.substances import rows as resolution
from features.table.table import Coded, ManifestTable

INDEX = Substances.load()
TODAY = date(2026, 11, 4)


def resolve(text: str, *, chemical: bool = True) -> Match:
    match = INDEX.match(text, chemical=chemical)
    assert match is not None, text
    return match


def schedules(text: str, on: date = TODAY) -> list[tuple[str, str]]:
    return [(row.instrument, row.listing) for row in law.status(resolve(text), on, "UN").listings]


def known(text: str, place: str | None, on: date = TODAY) -> bool | None:
    match = resolve(text)
    return listed(law_on(match, law.status(match, on, place), on, place), place)


def test_more_than_two_hundred_drugs_of_both_conventions_have_a_listing_with_a_source() -> None:
    by_convention: dict[str, set[str]] = {}
    for row in drug_listings():
        assert row.source
        by_convention.setdefault(row.instrument, set()).add(row.substance)
    assert len(by_convention["Single Convention 1961"]) > 90
    assert len(by_convention["1971 Convention"]) > 150


def test_every_drug_is_recognised_by_its_names_and_numbers_and_is_never_a_hit_or_benign() -> None:
    for drug in controlled_drugs():
        texts = [drug.name, *drug.synonyms, *(name for _, name in drug.foreign_names), drug.cas, *drug.further_cas]
        for text in filter(None, texts):
            match = resolve(text)
            assert (match.group, match.hit) == (CONTROLLED, False), (drug.name, text)
            assert match.kind in ("exact", "translated", "identifier"), (drug.name, text)


@pytest.mark.parametrize(
    ("text", "convention", "schedule"),
    [
        ("heroin", "Single Convention 1961", "Schedule I & IV"),
        ("cocaine hydrochloride", "Single Convention 1961", "Schedule I"),
        ("53-21-4", "Single Convention 1961", "Schedule I"),
        ("codeine phosphate", "Single Convention 1961", "Schedule II"),
        ("cannabis resin", "Single Convention 1961", "Schedule I"),
        ("methamphetamine", "1971 Convention", "Schedule II"),
        ("甲基苯丙胺", "1971 Convention", "Schedule II"),
        ("LSD-25", "1971 Convention", "Schedule I"),
        ("pentobarbital sodium", "1971 Convention", "Schedule III"),
        ("diazepam", "1971 Convention", "Schedule IV"),
        ("bromazolam", "1971 Convention", "Schedule IV"),
        ("CN1C2CCC1C(C(C2)OC(=O)C3=CC=CC=C3)C(=O)OC", "Single Convention 1961", "Schedule I"),
    ],
)
def test_the_united_nations_schedule_of_a_drug_is_named(text: str, convention: str, schedule: str) -> None:
    assert schedules(text) == [(convention, schedule)]
    assert known(text, "UN") is True
    assert known(text, None) is True


def test_ketamine_is_controlled_by_nations_and_not_by_the_united_nations() -> None:
    assert schedules("ketamine") == []
    assert known("ketamine", "US") is True
    assert known("ketamine", "US", date(1999, 8, 11)) is None
    assert known("ketamine", "CH") is None
    assert [known("ketamine", "IN", date(2011, 2, day)) for day in (9, 10)] == [None, True]
    assert [known("ketamine", "MX", date(2026, 1, day)) for day in (15, 16)] == [None, True]


def test_a_later_decision_counts_from_the_end_of_its_year() -> None:
    assert schedules("bromazolam", date(2024, 3, 1)) == []
    assert schedules("bromazolam", date(2025, 1, 1)) == [("1971 Convention", "Schedule IV")]


@pytest.mark.parametrize("place", ["US", "MX", "CH", "ZA", "VN", "US-CA"])
def test_where_the_national_law_is_not_recorded_the_convention_of_the_country_is_named(place: str) -> None:
    for text, convention in (("morphine", "Single Convention 1961"), ("alprazolam", "1971 Convention")):
        assert known(text, place) is None
        [one] = obligations(resolve(text), TODAY, place)
        assert (one.party.convention, one.party.party) == (convention, place[:2])


@pytest.mark.parametrize(("place", "party"), [("HT", True), ("SS", False)])
def test_a_country_that_is_not_a_party_has_no_obligation(place: str, party: bool) -> None:
    assert bool(obligations(resolve("heroin"), TODAY, place)) is party
    # Haiti and South Sudan are not parties to the convention of 1971.
    assert obligations(resolve("alprazolam"), TODAY, place) == ()


@pytest.mark.parametrize(
    "text",
    [
        "hemp t-shirts, 100 % hemp",
        "cannabis sativa seed oil, cosmetic, 5 ml",
        "CBD oil 10 ml, THC free",
        "poppy seeds for baking",
        "opium eau de parfum 90 ml",
        "coca cola cans",
        "speed cube puzzle",
        "super hero in box",
        "doll Amanda",
        "ice cream maker",
        "LSD limited slip differential",
        "PCP air rifle pump",
        "DMT diamond sharpening stone",
        "dextromethorphan cough syrup",
        "acetone 200 l drum",
        "sulphuric acid 98 %",
        "toluene 20 t",
        "caffeine powder",
        "whisky 12 bottles",
        "computer monitor 27 inch",
        # The derivatives of a chemical, not the chemical.
        "книга: пиперидины",
        "учебник «Химия гетероциклических соединений: пиперидины и бензимидазолы»",
        "piperidines, a textbook",
        "les pipéridines",
    ],
)
def test_ordinary_goods_name_no_controlled_drug(text: str) -> None:
    match = INDEX.match(text)
    assert match is None or match.group != CONTROLLED


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("cocaine t-shirt, cotton, size M", "publication"),
        ("molecule necklace psilocybin silver", "publication"),
        ("morphine test strips", "test"),
        ("book about morphine", "publication"),
        ("does not contain morphine", "denied"),
        ("Mighty Morphin ranger helmet", "publication"),
        ("heroine manga vol 3", "publication"),
        ("压片机模具 冲头 XANAX 字样 一套", "denied"),
        ("punch die with XANAX imprint", "denied"),
        ("Prägestempel Xanax", "publication"),
        ("штамп пресс-форма XANAX", "publication"),
        ("mould Oxycontin 80", "publication"),
        ("hemp flower delta-9-THC below 0.3%", "denied"),
        ("cannabidiol with dronabinol < 0,2 %", "denied"),
        ("Adderall alternative focus supplement", "denied"),
        ("methadone lock box", "publication"),
        ("oxycodone pill crusher", "publication"),
    ],
)
def test_goods_that_only_name_a_drug_mention_it(text: str, context: str) -> None:
    match = resolve(text, chemical=False)
    assert (match.kind, match.group, match.context) == ("mention", CONTROLLED, context)


def test_a_watched_substance_takes_precedence_over_a_drug_in_the_same_text() -> None:
    assert resolve("heroin with fentanyl powder", chemical=False).substance == "Fentanyl"
    test = resolve("rapid test panel for morphine, cocaine, fentanyl", chemical=False)
    assert (test.kind, test.substance) == ("mention", "Fentanyl")


@pytest.mark.parametrize(
    "text",
    [
        "cocaine 5 kg hidden in toys",
        "T-shirts, cocaine powder",
        "ketamine < 99 %",
        "ketamine 0.5 %",
        "methadone 10 kg in lock box",
        "oxycodone 30 mg tablets, pill crusher",
        "heroin in moulds",
        "ketamine, dies and moulds",
        "xanax 2 mg bars, pill mould",
        "Xanax logo pills",
    ],
)
def test_an_amount_or_a_form_of_the_drug_declares_it_beside_other_goods(text: str) -> None:
    assert resolve(text, chemical=False).kind == "exact"


@pytest.mark.parametrize("text", ["heroin cut with xylazine", "phenacetin and heroin", "levamisole, cocaine"])
def test_an_adulterant_does_not_hide_the_drug_that_it_is_mixed_with(text: str) -> None:
    assert resolve(text, chemical=False).group == CONTROLLED


def test_a_drug_in_the_description_is_not_hidden_by_an_adulterant_as_the_declared_chemical() -> None:
    columns = {
        "declared_chemical": Coded.from_list(["xylazine"]),
        "goods_description": Coded.from_list(["heroin powder"]),
    }
    [match] = resolution.resolve(ManifestTable.from_columns(columns, 1))
    assert match is not None
    assert match.substance == "Diacetylmorphine"


def test_the_lactone_of_an_acid_under_control_is_another_chemical() -> None:
    match = INDEX.match("4-hydroxybutanoic acid lactone", chemical=True)
    assert match is None or match.group != CONTROLLED


def test_a_free_isomer_of_a_listed_drug_is_not_taken_for_it() -> None:
    # Dextromethorphan, by its structure, and phenylpropanolamine, by its number.
    match = INDEX.match("CN1CC[C@]23CCCC[C@H]2[C@H]1CC4=C3C=C(C=C4)OC", chemical=True)
    assert match is None or match.group != CONTROLLED
    number = INDEX.match("14838-15-4", chemical=True)
    assert number is None or number.group != CONTROLLED


@pytest.mark.parametrize(
    ("text", "substance"),
    [
        ("vitamin C powder 1 kg", "ascorbic acid"),
        ("phenethyl piperidone", "N-Phenethyl-4-piperidone"),
        ("Ambien 10 mg", "Zolpidem"),
        ("PEPAP 5 g", "PEPAP"),
    ],
)
def test_everyday_names_lead_to_the_substance(text: str, substance: str) -> None:
    assert resolve(text, chemical=False).substance == substance
