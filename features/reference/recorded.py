"""Coverage of the listings: the laws that are recorded, and the parties to the conventions of the United Nations.

If a law is recorded for a group, a missing listing means that the law does not list the substance. If the law is not recorded,
a missing listing means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import Group, Verified
from features.reference.tables import control_listings

#: Groups of substances that a text can declare: all but equipment and legal classes.
SUBSTANCE_GROUPS: Final = tuple(group for group in Group if group not in (Group.EQUIPMENT, Group.LEGAL_CLASS))
#: Conventions, by their name in the column `instrument` of listings.
CONVENTIONS: Final = ("Single Convention 1961", "1971 Convention", "1988 Convention")


@dataclass(frozen=True, slots=True)
class RecordedLaw:
    """Law that is recorded for one group: each row of the group in the substance table was compared with it.

    ``recorded_until`` is the last day for which the law is known.
    """

    jurisdiction: str
    group: Group
    recorded_until: date
    verified: Verified
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class ConventionParty:
    """Country that is bound by a convention. ``bound_from`` is the first day on which it is bound; None if not recorded."""

    convention: str
    party: str
    bound_from: date | None
    verified: Verified
    source: str
    note: str


@cache
def recorded_law() -> tuple[RecordedLaw, ...]:
    """Return the recorded laws, one row per jurisdiction and group."""
    file = "recorded_law.csv"

    def build(row: Row) -> RecordedLaw:
        group = row.one_of("group", Group)
        if group not in SUBSTANCE_GROUPS:
            raise ValueError(f"group is {group.value!r}, expected one of {', '.join(SUBSTANCE_GROUPS)}")
        return RecordedLaw(
            jurisdiction=row.jurisdiction("jurisdiction"),
            group=group,
            recorded_until=row.day("recorded_until"),
            verified=row.one_of("verified", Verified),
            source=row.text("source"),
            note=row.blank_or_text("note"),
        )

    rows = read(
        file,
        ("jurisdiction", "group", "recorded_until", "verified", "source", "note"),
        build,
        key=lambda row: (row.jurisdiction, row.group),
    )
    known = {listing.jurisdiction for listing in control_listings()}
    for number, row in enumerate(rows, start=2):
        if row.jurisdiction not in known:
            raise ReferenceDataError(file, number, f"{row.jurisdiction} has no row in control_listings.csv")
    return rows


@cache
def convention_parties() -> tuple[ConventionParty, ...]:
    """Return the parties to the conventions of 1961, 1971 and 1988 that are recorded."""

    def build(row: Row) -> ConventionParty:
        convention = row.text("convention")
        if convention not in CONVENTIONS:
            raise ValueError(f"convention is {convention!r}, expected one of {', '.join(CONVENTIONS)}")
        return ConventionParty(
            convention=convention,
            party=row.jurisdiction("party"),
            bound_from=row.blank_or_day("bound_from"),
            verified=row.one_of("verified", Verified),
            source=row.text("source"),
            note=row.blank_or_text("note"),
        )

    return read(
        "convention_parties.csv",
        ("convention", "party", "bound_from", "verified", "source", "note"),
        build,
        key=lambda row: (row.convention, row.party),
    )
