"""State of the law on a substance: listed, not listed, or not recorded.

A recorded listing means "listed". No listing means "not listed" only up to the day until which the law is recorded for the
substance's group. Otherwise the state is unknown, which does not mean that the substance is not controlled.

Watched groups are judged by name and structure. In the other groups, only the rows of the substance table were compared
with the laws. For drugs and adulterants without a row, every law is therefore unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from features.reference import (
    ConventionParty,
    Group,
    Listing,
    RecordedLaw,
    control_listings,
    convention_parties,
    drug_listings,
    recorded_law,
    register_numbers,
    substances,
)
from features.substances.law import LegalStatus, applies, may_have_begun, status
from features.substances.match import Match

_JUDGED_BY_NAME_ALONE: Final = (Group.OTHER_CONTROLLED, Group.ADULTERANT)


@dataclass(frozen=True, slots=True)
class LawOn:
    """Law of one jurisdiction on a substance on one day.

    Attributes:
        jurisdiction: the jurisdiction; law of the Union has a separate entry.
        recorded_until: the last day for which the law on the substance's group is recorded; None if it is not recorded.
        groups: all groups for which the law is recorded.
        listed: whether the law lists the substance. Without a recorded listing, None if the law is not recorded for the group
            and day, if a class may cover the substance, or if a listing may have begun before the first day that is recorded.
    """

    jurisdiction: str
    recorded_until: date | None
    groups: tuple[str, ...]
    listed: bool | None


@dataclass(frozen=True, slots=True)
class Obligation:
    """A listing by a convention of the United Nations to which a country is a party."""

    party: ConventionParty
    listing: Listing


@cache
def _recorded() -> dict[str, dict[str, RecordedLaw]]:
    """Return the recorded laws by jurisdiction and group."""
    by_place: dict[str, dict[str, RecordedLaw]] = {}
    for row in recorded_law():
        by_place.setdefault(row.jurisdiction, {})[str(row.group)] = row
    return by_place


@cache
def _named_rows() -> frozenset[str]:
    """Return the names of the rows of the substance table."""
    return frozenset(row.name for row in substances())


@cache
def _of_registers() -> frozenset[str]:
    """Return the names of the opioids and precursors that only registers name and no class definition covers."""
    return frozenset(row.name for row in register_numbers() if row.smiles and not row.by_class)


def _compared_with_laws(match: Match) -> bool:
    """Return whether a substance without a listing was compared with the laws that are recorded for its group."""
    if match.substance in _of_registers():
        return False
    return match.group not in _JUDGED_BY_NAME_ALONE or match.substance in _named_rows()


@cache
def _known_jurisdictions() -> tuple[str, ...]:
    """Return all jurisdictions with a listing or a recorded law: `UN`, `EU`, then by code."""
    places = {row.jurisdiction for row in (*control_listings(), *drug_listings())} | set(_recorded())
    return tuple(sorted(places, key=lambda place: (place != "UN", place != "EU", place)))


def _applying(place: str, on: date) -> list[str]:
    """Return the jurisdictions whose law applies in a place: the place itself, its country and the Union."""
    country = place.partition("-")[0]
    return [code for code in dict.fromkeys((place, country, "EU")) if applies(code, place, on)]


def law_on(match: Match | None, legal: LegalStatus | None, on: date, jurisdiction: str | None) -> tuple[LawOn, ...]:
    """Return the law of each jurisdiction that applies in a place, or of all known jurisdictions.

    Args:
        match: the recognised substance, None if nothing was recognised.
        legal: its legal status on that day in that place, None without a match.
        on: the day whose law applies.
        jurisdiction: the place, as for `status`; None means all known jurisdictions.
    """
    places = _known_jurisdictions() if jurisdiction is None else _applying(jurisdiction, on)
    return tuple(_law_of(place, match, legal, on) for place in places)


def _law_of(place: str, match: Match | None, legal: LegalStatus | None, on: date) -> LawOn:
    groups = _recorded().get(place, {})
    # No law is recorded for the group of a common chemical, or of a structure that only resembles a listed one.
    row = groups.get(match.group) if match is not None and _compared_with_laws(match) else None
    listed: bool | None = None
    if legal is not None and place in legal.listed_in:
        listed = True
    elif match is not None and legal is not None and row is not None and on <= row.recorded_until:
        listed = None if _open(legal, place) or may_have_begun(match, place, on) else False
    return LawOn(place, None if row is None else row.recorded_until, tuple(groups), listed)


def _open(legal: LegalStatus, place: str) -> bool:
    """Return whether the result in a jurisdiction is open because of an open-ended class or a possible exemption."""
    return any(control.by == "possible" for control in legal.controlled if control.jurisdiction == place)


def listed(laws: Iterable[LawOn], jurisdiction: str | None) -> bool | None:
    """Return whether the substance is listed; None if this is not known.

    In a place, a substance is not listed only if all laws that apply there are recorded and none of them lists it.
    Without a place, it is not listed if no law lists it and at least one is recorded for its group and day.
    """
    answers = [law.listed for law in laws]
    if True in answers:
        return True
    if jurisdiction is None:
        return False if False in answers else None
    return None if None in answers else False


def listed_in_place(match: Match, on: date, jurisdiction: str) -> bool | None:
    """Return whether a substance is listed in a place on a day; None if this is not known."""
    return listed(law_on(match, status(match, on, jurisdiction), on, jurisdiction), jurisdiction)


@cache
def _parties() -> dict[str, tuple[ConventionParty, ...]]:
    by_country: dict[str, tuple[ConventionParty, ...]] = {}
    for row in convention_parties():
        by_country[row.party] = (*by_country.get(row.party, ()), row)
    return by_country


def obligations(match: Match, on: date, jurisdiction: str | None) -> tuple[Obligation, ...]:
    """Return the listings under United Nations conventions to which the country of a place is known to be a party on that day.

    They oblige the country to control the substance. The country's own law may do so in another way, or not yet.
    """
    if jurisdiction is None or jurisdiction == "UN":
        return ()
    parties = {
        row.convention: row for row in _parties().get(jurisdiction.partition("-")[0], ()) if row.bound_from <= on
    }
    return tuple(
        Obligation(parties[row.instrument], row)
        for row in status(match, on, "UN").listings
        if row.instrument in parties
    )
