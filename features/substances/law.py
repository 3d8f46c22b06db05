"""Law that controls a substance in a place on a day, by name or as a member of a class.

A shipment is judged by the law on the day of its declaration. Jurisdictions are ISO 3166 codes, `UN` and `EU`.

A structure that meets a definition (`ClassMatch`) is not always controlled by its class. A listing by name takes precedence
over a class. An exemption removes a substance from a class. A class controls only while a listing puts it in force.

A missing listing means "not listed" only where the law is recorded (`features.substances.coverage`).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final, Literal

from features.reference import (
    ClassExemption,
    Effect,
    Listing,
    Precision,
    class_definitions,
    class_exemptions,
    control_listings,
    drug_listings,
    recorded_law,
)
from features.substances.match import ClassMatch, Match

_DAYS_PER_MONTH: Final = 365.2425 / 12
# European Union law applied to the United Kingdom until the end of the transition period.
_EU_LAW_IN_UK_UNTIL: Final = date(2020, 12, 31)


@cache
def eu_members() -> frozenset[str]:
    """Return the member states of the European Union, ISO alpha-2 (python-stdnum's list)."""
    from stdnum.eu import vat

    # Northern Ireland (XI) belongs to the VAT area but is not a member state.
    return frozenset(state.upper() for state in vat.MEMBER_STATES) - {"XI"}


def applies(listing_jurisdiction: str, place: str, on: date) -> bool:
    """Return whether the law of ``listing_jurisdiction`` applies in ``place`` on that day.

    Law of the Union applies in its member states, and law of a country in its subdivisions (``US`` in ``US-SD``, not the
    other way round). Hong Kong (``HK``) and Macao (``MO``) have their own law, so that of ``CN`` does not apply.
    """
    if listing_jurisdiction == place:
        return True
    country = place.partition("-")[0]
    if listing_jurisdiction == country:
        return True
    if listing_jurisdiction != "EU":
        return False
    return country in eu_members() or (country == "GB" and on <= _EU_LAW_IN_UK_UNTIL)


@cache
def _by_substance() -> dict[str, tuple[Listing, ...]]:
    grouped: dict[str, list[Listing]] = {}
    for listing in (*control_listings(), *drug_listings()):
        if listing.counts:
            grouped.setdefault(listing.substance, []).append(listing)
    return {substance: tuple(rows) for substance, rows in grouped.items()}


@cache
def _limb_begins() -> dict[tuple[str, str], date]:
    """Return (definition, limb) -> first day in force, for limbs that came into force after the listing of their class."""
    return {
        (row.definition, row.limb): row.effective_from for row in class_definitions() if row.effective_from is not None
    }


@cache
def _exemptions() -> dict[tuple[str, str], ClassExemption]:
    return {(row.definition, row.inchikey): row for row in class_exemptions()}


def listings(substance: str, on: date, jurisdiction: str | None) -> tuple[Listing, ...]:
    """Return the listings of a substance in force on that day, in a jurisdiction or, for None, in all.

    Only the statuses `listed` and `temporary` count. A listing whose first day is not known counts from the day that is known.

    Args:
        substance: name of its row in ``substances.csv`` or ``controlled_drugs.csv``.
    """
    return tuple(
        row
        for row in _by_substance().get(substance, ())
        if row.in_force(on) and (jurisdiction is None or applies(row.jurisdiction, jurisdiction, on))
    )


@dataclass(frozen=True, slots=True)
class ClassControl:
    """A class definition that a structure meets or may meet.

    Attributes:
        listings: listings that put the class in force on the day; empty if it is not in force.
        exemption: exemption that removes, or may remove, the substance from the class.
    """

    match: ClassMatch
    listings: tuple[Listing, ...]
    exemption: ClassExemption | None

    @property
    def exempt(self) -> bool:
        """True if a law exempts the substance from the class."""
        return self.exemption is not None and self.exemption.effect is Effect.EXEMPT

    @property
    def outside(self) -> bool:
        """True if the wording of the class itself leaves the substance out, because another list names it."""
        return self.exemption is not None and self.exemption.effect is Effect.OUTSIDE

    @property
    def controls(self) -> bool:
        """True if this class controls the substance on the day."""
        return bool(self.listings) and self.match.result == "met" and self.exemption is None


@dataclass(frozen=True, slots=True)
class Control:
    """Result of the law in one jurisdiction. A listing by name takes precedence over a class.

    Attributes:
        by: ``name``, ``class``, ``exempt`` from a class, or ``possible`` if it is open whether a class covers the substance.
        listing: name of the listing.
    """

    jurisdiction: str
    by: Literal["name", "class", "exempt", "possible"]
    listing: str


@dataclass(frozen=True, slots=True)
class LegalStatus:
    """Legal status of a substance on one day.

    Attributes:
        on: the day.
        jurisdiction: the place, None for all.
        listings: listings by name in force in the place on the day; for a salt or hydrate, also those of its parent.
        classes: class definitions of the place that the substance meets or may meet, in force or not.
        controlled: the result in each jurisdiction with such a listing, or with such a class in force.
        first: the listing by which the control in force began, as far as recorded; None if nothing controls the substance.
    """

    on: date
    jurisdiction: str | None
    listings: tuple[Listing, ...]
    classes: tuple[ClassControl, ...]
    controlled: tuple[Control, ...]
    first: Listing | None

    @property
    def since(self) -> date | None:
        """The first day of the control in force; None without control or if it may have begun before its recorded day."""
        known = self.first is not None and self.first.date_precision is not Precision.BY
        return self.first.effective_from if self.first is not None and known else None

    @property
    def months(self) -> float | None:
        """Months since control began; None where `since` is."""
        return None if self.since is None else months((self.on - self.since).days)

    @property
    def listed(self) -> bool:
        """True if a recorded law lists the substance in the place on the day, by name or by class, also temporarily.

        False also where the law is not recorded. `features.substances.coverage` distinguishes the two cases.
        """
        return bool(self.listed_in)

    @property
    def listed_in(self) -> tuple[str, ...]:
        """Jurisdictions that list the substance: `UN` first, then by code."""
        return tuple(control.jurisdiction for control in self.controlled if control.by in ("name", "class"))


def months(days: int) -> float:
    """Convert days to months of mean length."""
    return days / _DAYS_PER_MONTH


def era(on: date) -> date:
    """Return the first day of the period without a change of law that contains a day: `date.min` before the first change.

    Neither a law nor its record changes within the period. A `LegalStatus` changes only in ``on`` and ``months``.
    """
    changes = _changes()
    return changes[bisect_right(changes, on) - 1]


@cache
def _changes() -> tuple[date, ...]:
    """Return the days on which a law may change or is no longer recorded, ascending."""
    days = {date.min, _EU_LAW_IN_UK_UNTIL + timedelta(days=1), *_limb_begins().values()}
    days.update(row.recorded_until + timedelta(days=1) for row in recorded_law())
    for row in (*control_listings(), *drug_listings()):
        if row.effective_from is not None:
            days.add(row.effective_from)
            if row.date_precision is Precision.YEAR:
                days.add(row.effective_from.replace(month=1, day=1))
        if row.effective_to is not None:
            days.add(row.effective_to + timedelta(days=1))
    return tuple(sorted(days))


def status(match: Match, on: date, jurisdiction: str | None = None) -> LegalStatus:
    """Return the legal status on a day of a substance that a text declares or mentions.

    Args:
        match: the recognised substance.
        on: the day of the declaration.
        jurisdiction: an ISO code, `UN` or `EU`; law of the Union applies in its member states. None means all
            jurisdictions.
    """
    # A structure that only resembles a listed one is on no list itself.
    rows = _named(match) if match.kind != "similar" else ()
    named = tuple(row for row in rows if row.in_force(on) and _applies(row, jurisdiction, on))
    classes = tuple(
        ClassControl(one, _in_force(one, on), _exemptions().get((one.definition, match.inchikey)))
        for one in match.classes
        if jurisdiction is None or applies(one.jurisdiction, jurisdiction, on)
    )
    by_place: dict[str, Control] = {}
    for row in named:
        by_place.setdefault(row.jurisdiction, Control(row.jurisdiction, "name", row.listing))
    for control in sorted(classes, key=lambda one: not one.controls):
        if not control.listings or control.outside:
            continue
        place = control.match.jurisdiction
        by: Literal["class", "exempt", "possible"] = (
            "class" if control.controls else "exempt" if control.exempt else "possible"
        )
        by_place.setdefault(place, Control(place, by, control.listings[0].listing))
    controlled = tuple(sorted(by_place.values(), key=lambda one: (one.jurisdiction != "UN", one.jurisdiction)))
    # A permanent listing continues the temporary one before it.
    begun = [row for row in rows if _applies(row, jurisdiction, on)] if named else []
    begun += [row for one in classes if one.controls for row in _of_class(one.match)]
    recorded = [row for row in begun if row.effective_from is not None and row.effective_from <= on]
    first = min(recorded, key=lambda row: row.effective_from or on, default=None)
    return LegalStatus(on, jurisdiction, named, classes, controlled, first)


def may_have_begun(match: Match, place: str, on: date) -> bool:
    """Return whether a listing of a place whose first day is not known exactly may have been in force before its recorded day.

    Args:
        match: the recognised substance.
        place: the jurisdiction of the listing, without that of its country or of the Union.
        on: the day of the declaration.
    """
    return any(row.jurisdiction == place and row.may_precede(on) for row in ever(match))


def ever(match: Match) -> tuple[Listing, ...]:
    """Return the listings of a substance, by name and by class, of all places and times."""
    return (*_named(match), *(row for one in match.classes for row in _of_class(one)))


def _named(match: Match) -> tuple[Listing, ...]:
    """Return the listings, at any time, of the row of the substance and of the rows of its parent."""
    rows = _by_substance().get(match.substance, ())
    for parent in _parents().get(match.substance, ()):
        rows += _by_substance().get(parent, ())
    return rows


@cache
def _parents() -> dict[str, tuple[str, ...]]:
    """Return the rows of the parent for each row that is a salt or hydrate. Laws list a substance with its salts."""
    from features.reference import substances
    from features.substances.structures import listed_structures

    by_skeleton: dict[str, list[str]] = {}
    salts: list[tuple[str, str]] = []
    for row in substances():
        structure = listed_structures().get(row.smiles)
        if structure is None:
            continue
        if "." in row.smiles:
            salts.append((row.name, structure.skeleton))
        else:
            by_skeleton.setdefault(structure.skeleton, []).append(row.name)
    return {name: tuple(by_skeleton.get(skeleton, ())) for name, skeleton in salts}


def _applies(row: Listing, jurisdiction: str | None, on: date) -> bool:
    return jurisdiction is None or applies(row.jurisdiction, jurisdiction, on)


def _of_class(one: ClassMatch) -> tuple[Listing, ...]:
    return tuple(row for row in _by_substance().get(one.listing, ()) if row.jurisdiction == one.jurisdiction)


def _in_force(one: ClassMatch, on: date) -> tuple[Listing, ...]:
    begins = [_limb_begins()[one.definition, limb] for limb in one.limbs if (one.definition, limb) in _limb_begins()]
    if begins and max(begins) > on:
        return ()
    return tuple(row for row in _of_class(one) if row.in_force(on))
