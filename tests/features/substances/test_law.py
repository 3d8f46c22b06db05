"""Tests of the law that controls a substance on a day: by name, as a member of a class, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import Group, Substance, control_listings, substances
from features.substances import Match, Substances, law

INDEX = Substances.load()
RESOLVED = [row for row in substances() if row.group not in (Group.EQUIPMENT, Group.LEGAL_CLASS)]


def instruments(substance: str, on: date, where: str | None) -> set[str]:
    return {row.jurisdiction for row in law.listings(substance, on, where)}


@pytest.mark.parametrize(
    ("day", "listed"), [(date(2023, 5, 11), False), (date(2023, 5, 12), True), (date(2026, 1, 1), True)]
)
def test_a_listing_applies_from_its_first_day(day: date, listed: bool) -> None:
    assert bool(law.listings("4-Piperidone", day, "US")) is listed


def test_a_permanent_listing_follows_a_temporary_one_after_its_last_day() -> None:
    status = {day: [row.status for row in law.listings("Brorphine", date(2023, 3, day), "US")] for day in (5, 6)}
    assert status == {5: ["temporary"], 6: ["listed"]}
    assert law.listings("Brorphine", date(2021, 2, 28), "US") == ()


@pytest.mark.parametrize(("day", "listed"), [(date(2025, 12, 30), False), (date(2025, 12, 31), True)])
def test_a_listing_known_only_by_year_applies_from_the_last_day_of_that_year_in_every_member_state(
    day: date, listed: bool
) -> None:
    assert bool(law.listings("1-boc-4-piperidone", day, "EU")) is listed
    for member in ("DE", "FR", "GR", "IE", "HR"):
        assert ("EU" in instruments("1-boc-4-piperidone", day, member)) is listed


def test_eu_law_applies_only_in_member_states() -> None:
    day = date(2026, 1, 1)
    assert len(law.eu_members()) == 27
    assert {"GB", "CH", "NO", "XI", "EL"} & law.eu_members() == set()
    for place in ("GB", "CH", "US", "UN"):
        assert "EU" not in instruments("1-boc-4-AP", day, place)


def test_eu_law_applies_in_the_united_kingdom_until_the_transition_period_ends() -> None:
    assert "EU" in instruments("N-Phenethyl-4-piperidone", date(2020, 12, 31), "GB")
    assert "EU" not in instruments("N-Phenethyl-4-piperidone", date(2021, 1, 1), "GB")


def test_hong_kong_and_macao_are_not_under_the_law_of_china() -> None:
    day = date(2026, 1, 1)
    assert instruments("Norfentanyl", day, "CN") == {"CN"}
    assert instruments("Norfentanyl", day, "HK") == set()
    assert instruments("N-Phenethyl-4-piperidone", day, "HK") == {"HK"}
    assert instruments("Norfentanyl", day, "MO") == set()


def test_federal_law_applies_in_a_state_but_state_law_does_not_apply_federally() -> None:
    day = date(2026, 1, 1)
    assert instruments("Xylazine", day, "US-SD") == {"US-SD"}
    assert instruments("Xylazine", day, "US") == set()
    assert instruments("Norfentanyl", day, "US-SD") == {"US"}


def test_proposed_watched_and_absent_entries_are_not_listings() -> None:
    day = date(2026, 10, 1)
    assert law.listings("Phenethyl bromide", day, "US") == ()
    assert law.listings("Propionic anhydride", day, "UN") == ()
    assert law.listings("Medetomidine", day, None) == ()
    assert "CA" in instruments("Phenethyl bromide", day, "CA")


def test_no_place_means_every_jurisdiction_and_an_unknown_substance_has_no_listing() -> None:
    assert instruments("Norfentanyl", date(2026, 1, 1), None) >= {"UN", "US", "CN", "EU", "CA"}
    assert law.listings("citric acid", date(2026, 1, 1), None) == ()


@given(
    st.sampled_from(RESOLVED),
    st.dates(date(1960, 1, 1), date(2027, 1, 1)),
    st.sampled_from(["US", "CN", "DE", "GB", "CA", "UN", "HK"]),
)
def test_listings_of_a_place_are_among_all_listings(row: Substance, day: date, place: str) -> None:
    assert set(law.listings(row.name, day, place)) <= set(law.listings(row.name, day, None))


@pytest.mark.parametrize("place", [None, "US", "DE", "GB"])
@pytest.mark.parametrize("days", [-1, 0, 1])
def test_the_first_day_of_an_era_has_the_same_law_as_its_other_days(days: int, place: str | None) -> None:
    for row in control_listings():
        match = Match("exact", row.substance, "", "", "", "", hit=True)
        for change in filter(None, (row.effective_from, row.effective_to, date(2020, 12, 31))):
            on = change + timedelta(days=days)
            assert replace(law.status(match, law.era(on), place), on=on) == law.status(match, on, place)


def months(substance: str, on: date, where: str | None) -> float | None:
    match = INDEX.match(substance, chemical=True)
    assert match is not None
    return law.status(match, on, where).months


def test_months_since_listing_count_from_the_first_day_of_control() -> None:
    assert months("4-Piperidone", date(2023, 5, 12), "US") == 0.0
    assert months("4-Piperidone", date(2024, 5, 12), "US") == pytest.approx(12, abs=0.05)
    # A temporary listing from 2021-03-01 preceded the permanent one of 2023-03-06 without a gap.
    assert months("Brorphine", date(2023, 4, 1), "US") == pytest.approx(25, abs=0.1)


def test_months_since_listing_do_not_count_from_a_proposal() -> None:
    # Proposed in the United States on 2024-10-28; under a temporary order in Canada from 2025-04-14.
    assert months("Phenethyl bromide", date(2025, 4, 13), None) is None
    assert months("Phenethyl bromide", date(2026, 4, 14), None) == pytest.approx(12, abs=0.1)


def test_months_since_listing_are_missing_without_control_or_a_known_day() -> None:
    assert months("4-Piperidone", date(2023, 5, 11), "US") is None
    assert months("Thenylfentanyl", date(2026, 1, 1), "DE") is None
    assert law.listings("Thenylfentanyl", date(2026, 1, 1), "DE") != ()
    assert months("Thenylfentanyl", date(2026, 1, 1), "US") is None


# Legal status: by name, by class, exempt


def status(text: str, on: date, where: str | None = None) -> law.LegalStatus:
    match = INDEX.match(text, chemical=True)
    assert match is not None, text
    return law.status(match, on, where)


def results(text: str, on: date, where: str | None = None) -> dict[str, str]:
    return {one.jurisdiction: one.by for one in status(text, on, where).controlled}


UNLISTED = "N-(1-phenethylpiperidin-4-yl)-N-phenylhexanamide"


@pytest.mark.parametrize(
    ("day", "places"),
    [
        (date(2018, 2, 5), {"GB"}),
        (date(2018, 2, 6), {"US", "GB"}),
        (date(2019, 4, 30), {"US", "GB"}),
        (date(2019, 5, 1), {"US", "CN", "GB"}),
        (date(2025, 7, 15), {"US", "CN", "GB"}),
        (date(2025, 7, 16), {"US", "CN", "GB"}),
    ],
)
def test_an_unlisted_substance_is_controlled_from_the_first_day_of_each_class(day: date, places: set[str]) -> None:
    result = status(UNLISTED, day)
    assert set(result.listed_in) == places
    assert result.listings == ()
    assert all(one.by == "class" for one in result.controlled if one.jurisdiction in places)


def test_months_of_a_class_count_from_its_temporary_listing() -> None:
    assert status(UNLISTED, date(2026, 2, 6), "US").months == pytest.approx(96, abs=0.1)


def test_a_listing_by_name_takes_precedence_over_the_class() -> None:
    assert results("Fentanyl", date(2026, 1, 1), "US") == {"US": "name"}
    # Listed by name from 2025-09-18; before that as a member of the class.
    assert results("ortho-Chlorofentanyl", date(2025, 9, 17), "US") == {"US": "class"}
    assert results("ortho-Chlorofentanyl", date(2025, 9, 18), "US") == {"US": "name"}


def test_a_substance_of_another_schedule_is_outside_the_class_and_not_called_exempt() -> None:
    controls = status("Sufentanil", date(2026, 1, 1), "US").classes
    assert [(one.match.result, one.outside, one.exempt, one.controls) for one in controls] == [
        ("met", True, False, False)
    ]
    assert not any(
        one.by == "exempt" for row in RESOLVED for one in status(row.cas or row.name, date(2026, 1, 1)).controlled
    )


def test_a_medicine_that_may_be_exempt_is_possible_and_not_listed() -> None:
    assert results("lorcainide", date(2026, 1, 1), "CN") == {"CN": "possible"}
    assert not status("lorcainide", date(2026, 1, 1), "CN").listed


def test_remifentanil_and_thenylfentanyl_are_outside_the_class_of_the_united_states() -> None:
    for name in ("Remifentanil", "Thenylfentanyl"):
        assert [one.match.jurisdiction for one in status(name, date(2026, 1, 1)).classes if one.controls] == ["CN"]


def test_halides_of_a_precursor_are_controlled_from_the_day_of_their_amendment() -> None:
    name = "N-(4-iodophenyl)piperidin-4-amine"
    assert results(name, date(2023, 11, 29), "US") == {}
    assert results(name, date(2023, 11, 30), "US") == {"US": "class"}
    amide = "1-[4-(phenylamino)piperidin-1-yl]ethanone"
    assert results(amide, date(2020, 5, 15), "US") == {"US": "class"}


def test_a_salt_is_listed_where_its_parent_is() -> None:
    places = set(status("4-Piperidone hydrochloride", date(2026, 1, 1)).listed_in)
    assert places >= {"UN", "US", "CN", "CA", "EU"}


def test_a_similar_substance_has_no_listing() -> None:
    result = status("N-phenyl-N-[1-(2-phenylethyl)pyrrolidin-3-yl]propanamide", date(2026, 1, 1))
    assert (result.listed, result.listings, result.months) == (False, (), None)


@given(st.sampled_from(RESOLVED), st.dates(date(1960, 1, 1), date(2027, 1, 1)))
def test_a_substance_is_listed_if_and_only_if_some_place_lists_it(row: Substance, day: date) -> None:
    result = status(row.cas or row.name, day)
    assert result.listed is bool(result.listed_in)
    for place in result.listed_in:
        assert status(row.cas or row.name, day, place).listed
