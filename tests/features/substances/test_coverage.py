"""Tests of the state of a law on a substance: listed, not listed, or not recorded."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import (
    Group,
    Precision,
    Substance,
    control_listings,
    controlled_drugs,
    convention_parties,
    drug_listings,
    recorded_law,
    substances,
)
from features.substances import Match, Substances, law, law_on, listed, listed_in_place, obligations

INDEX = Substances.load()
TODAY = date(2026, 11, 4)
RESOLVED = [row for row in substances() if row.group not in (Group.EQUIPMENT, Group.LEGAL_CLASS)]
UNLISTED = "N-(1-phenethylpiperidin-4-yl)-N-phenylhexanamide"


def resolve(text: str) -> Match:
    match = INDEX.match(text, chemical=True)
    assert match is not None, text
    return match


def known(text: str, place: str | None, on: date = TODAY) -> bool | None:
    match = resolve(text)
    return listed(law_on(match, law.status(match, on, place), on, place), place)


@pytest.mark.parametrize(
    "place", ["MX", "AU", "IN", "JP", "BR", "FR", "NL", "HK", "NZ", "ES", "IT", "PL", "GB", "CH", "ZW"]
)
def test_fentanyl_is_never_reported_as_not_listed(place: str) -> None:
    assert known("fentanyl", place) is not False


def test_a_recorded_listing_is_true_also_after_the_last_recorded_day() -> None:
    assert known("fentanyl", "NL") is True
    assert known("NPP", "GB") is True
    assert known("NPP", "HK") is True


def test_a_missing_listing_is_unknown_where_the_law_is_not_recorded() -> None:
    assert known("4-AP", "HK") is None
    assert known("acetylfentanyl", "NL") is None
    assert known("isotonitazene", "CA") is None


def test_a_missing_listing_means_not_listed_only_until_the_last_recorded_day() -> None:
    # The law of the United States on precursors is recorded until 2026-03-10.
    assert known("1-Benzyl-4-piperidone", "US", date(2026, 3, 10)) is False
    assert known("1-Benzyl-4-piperidone", "US", date(2026, 3, 11)) is None
    assert known("propionyl chloride", "US", date(2026, 3, 9)) is False
    assert known("propionyl chloride", "US", date(2026, 3, 11)) is True
    assert known(UNLISTED, "US", date(2018, 2, 5)) is False
    assert known(UNLISTED, "US", date(2018, 2, 6)) is True


def test_not_listed_in_a_place_requires_that_all_laws_that_apply_there_are_recorded() -> None:
    # Germany refers to the scheduled substances of the Union, whose law is recorded until 2025-07-25.
    assert known("propionyl chloride", "DE", date(2025, 7, 25)) is False
    assert known("propionyl chloride", "DE", date(2025, 7, 26)) is None
    assert known("1-Benzyl-4-piperidone", "US-SD", date(2026, 1, 1)) is None


def test_hong_kong_and_macao_are_not_china() -> None:
    assert known(UNLISTED, "CN", date(2025, 1, 1)) is True
    assert known(UNLISTED, "HK", date(2025, 1, 1)) is None
    assert known("4-AP", "CN") is True
    assert known("4-AP", "MO") is None


def test_law_of_northern_ireland_is_not_that_of_great_britain() -> None:
    assert known("4-AP", "GB-NIR") is True
    assert known("4-AP", "GB") is None
    assert known("NPP", "GB-NIR") is True


def test_a_possible_member_of_a_class_is_unknown() -> None:
    # The catalogues of China do not name it. The Chinese class of nitazenes may cover it from 2025-07-20.
    assert known("Flunitazene", "CN", date(2025, 7, 19)) is False
    assert known("Flunitazene", "CN", date(2025, 7, 20)) is None
    assert known("CCC(=O)N(c1ccccc1)C1(C#N)CCN(CCc2ccccc2)CC1", "CN", date(2025, 1, 1)) is None


@pytest.mark.parametrize("text", ["citric acid", "N-phenyl-N-[1-(2-phenylethyl)pyrrolidin-3-yl]propanamide"])
def test_common_and_merely_similar_chemicals_are_unknown_everywhere(text: str) -> None:
    for place in (None, "US", "UN", "NL"):
        assert known(text, place, date(2015, 1, 1)) is None


def test_a_day_before_a_listing_of_unknown_begin_is_unknown() -> None:
    # China's catalogues of 2025-07-28 name it; the day on which they first did is not recorded.
    assert known("isotonitazene", "CN", date(2024, 1, 1)) is None
    assert known("isotonitazene", "CN", date(2025, 7, 28)) is True
    # Of the United States' listing of carfentanil only the year is recorded, of that of fentanyl the day.
    assert [known("carfentanil", "US", date(year, 6, 1)) for year in (1987, 1988, 1989)] == [False, None, True]
    assert known("carfentanil", "US", date(1987, 12, 31)) is False
    assert known("carfentanil", "US", date(1988, 1, 1)) is None
    assert listed_in_place(resolve("carfentanil"), law.era(date(1988, 6, 1)), "US") is None
    assert listed_in_place(resolve("carfentanil"), law.era(date(1987, 6, 1)), "US") is False
    assert [known("fentanyl", "US", date(1970, 10, day)) for day in (26, 27)] == [False, True]


@pytest.mark.parametrize(
    "drug",
    ["heroin", "morphine", "ketamine", "etorphine", "bromazolam", "etizolam", "flualprazolam", "dihydroetorphine"],
)
def test_a_controlled_drug_is_never_reported_as_not_listed(drug: str) -> None:
    # Their national laws are not recorded, although they share a group with rows of the substance table whose law is.
    for row in recorded_law():
        for place in (row.jurisdiction, None):
            assert known(drug, place, row.recorded_until) is not False
        listed_there = any(law.applies(one.jurisdiction, row.jurisdiction, TODAY) for one in law.ever(resolve(drug)))
        assert listed_there or known(drug, row.jurisdiction, row.recorded_until) is None
    assert known("xylazine", "CN", date(2025, 7, 28)) is False
    assert known("benzyl chloride", "UN", date(2026, 9, 30)) is False


def test_without_a_place_not_listed_requires_one_recorded_law() -> None:
    assert known("1-Benzyl-4-piperidone", None, date(2016, 11, 29)) is False
    assert known("medetomidine", None, TODAY) is None


def test_without_a_match_every_law_is_unknown() -> None:
    laws = law_on(None, None, TODAY, "US")
    assert [(one.jurisdiction, one.listed) for one in laws] == [("US", None)]


def test_an_unknown_law_still_names_the_groups_that_are_recorded() -> None:
    match = resolve("acetylfentanyl")
    [one] = law_on(match, law.status(match, TODAY, "CA"), TODAY, "CA")
    assert (one.recorded_until, one.groups, one.listed) == (None, ("other_controlled",), None)


@given(
    st.sampled_from(RESOLVED),
    st.dates(date(1960, 1, 1), date(2027, 1, 1)),
    st.sampled_from([None, "US", "CN", "DE", "GB", "CA", "UN", "HK", "MX", "NL", "EU", "US-SD", "CH"]),
)
def test_a_substance_is_listed_if_and_only_if_a_listing_is_in_force(
    row: Substance, day: date, place: str | None
) -> None:
    match = resolve(row.cas or row.name)
    status = law.status(match, day, place)
    answer = listed(law_on(match, status, day, place), place)
    assert (answer is True) is status.listed
    if answer is False and place is not None:
        assert {one.jurisdiction for one in recorded_law() if day <= one.recorded_until and one.group == match.group}


def test_a_convention_binds_a_party_from_its_first_day() -> None:
    match = resolve("fentanyl")
    assert [one.listing.instrument for one in obligations(match, TODAY, "AU")] == ["Single Convention 1961"]
    assert obligations(match, date(1967, 12, 30), "AU") == ()
    assert len(obligations(match, date(1967, 12, 31), "AU")) == 1
    assert obligations(match, date(1964, 12, 30), "CA") == ()


def every_match() -> dict[str, Match]:
    """Return the match of each substance with a listing."""
    written = {row.name: row.cas or row.name for row in RESOLVED}
    written |= {row.name: row.cas or row.name for row in controlled_drugs()}
    listed_rows = {row.substance for row in (*control_listings(), *drug_listings()) if row.counts}
    return {name: resolve(written[name]) for name in sorted(listed_rows & written.keys())}


def test_before_the_earliest_day_known_no_law_lists_a_substance() -> None:
    places = {row.jurisdiction for row in (*control_listings(), *drug_listings())}
    checked = 0
    for name, match in every_match().items():
        for place in places:
            days = [
                (row.effective_from, row.date_precision)
                for row in law.ever(match)
                if row.effective_from is not None and law.applies(row.jurisdiction, place, row.effective_from)
            ]
            for day, precision in sorted(days)[:1]:
                before = day - timedelta(days=1)
                assert law.status(match, before, place).listed is False, (name, place)
                answer = listed_in_place(match, before, place)
                assert answer is None or (answer is False and precision is Precision.DAY), (name, place, answer)
                assert match.classes or listed_in_place(match, day, place), (name, place)
                checked += 1
            # The day of the class, of the name and of the Union's law may differ; none is known for 1930.
            assert listed_in_place(match, date(1930, 1, 1), place) is not True, (name, place)
        assert law.status(match, date(1930, 1, 1)).listed is False
    assert checked > 1000


def test_a_listing_whose_first_day_is_not_known_answers_unknown_before_the_day_that_is_known() -> None:
    assert known("fentanyl", "GB", date(1930, 1, 1)) is None
    assert known("isotonitazene", "DE", date(1990, 1, 1)) is None
    assert known("isotonitazene", "DE", date(2024, 1, 1)) is True


def test_a_convention_binds_subdivisions_and_only_lists_what_it_names() -> None:
    assert [one.listing.listing for one in obligations(resolve("NPP"), TODAY, "US-SD")] == ["Table I"]
    assert obligations(resolve("phenethyl bromide"), TODAY, "US") == ()
    assert obligations(resolve("fentanyl"), TODAY, "UN") == ()
    assert obligations(resolve("fentanyl"), TODAY, None) == ()


def test_a_country_that_is_not_a_recorded_party_has_no_obligation() -> None:
    assert obligations(resolve("fentanyl"), TODAY, "TV") == ()


def test_accessions_that_were_not_read_are_marked() -> None:
    unread = [row for row in convention_parties() if "not read" in row.source]
    assert unread
    assert {row.verified for row in unread} == {"unverified"}
    assert all(row.date_precision is Precision.BY for row in unread)


def test_no_country_is_bound_before_the_day_that_is_known() -> None:
    of = {"Single Convention 1961": "fentanyl", "1971 Convention": "diazepam", "1988 Convention": "NPP"}
    for row in convention_parties():
        day = row.bound_from - timedelta(days=1)
        assert row not in {one.party for one in obligations(resolve(of[row.convention]), day, row.party)}


@pytest.mark.parametrize("place", ["US", "DE", "GB", "CN"])
def test_the_answer_of_an_era_is_that_of_all_its_days(place: str) -> None:
    match = resolve("1-Benzyl-4-piperidone")
    for row in recorded_law():
        for on in (row.recorded_until, date.fromordinal(row.recorded_until.toordinal() + 1)):
            assert listed_in_place(match, law.era(on), place) is listed_in_place(match, on, place)
