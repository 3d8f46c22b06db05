"""Which listings of a substance are in force where and when.

A shipment is judged by the law on the day of its declaration. Jurisdictions are ISO 3166 codes, `UN` and `EU`.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

from features.reference import Listing, control_listings

_DAYS_PER_MONTH: Final = 365.2425 / 12
# European Union law applied to the United Kingdom until the end of the transition period.
_EU_LAW_IN_UK_UNTIL: Final = date(2020, 12, 31)


@cache
def eu_members() -> frozenset[str]:
    """Member states of the European Union, ISO alpha-2 (python-stdnum's list)."""
    from stdnum.eu import vat

    # Northern Ireland (XI) is in the VAT area but no member state.
    return frozenset(state.upper() for state in vat.MEMBER_STATES) - {"XI"}


def applies(listing_jurisdiction: str, place: str, on: date) -> bool:
    """Whether law of ``listing_jurisdiction`` applies in ``place`` on that day.

    Law of the Union applies to its members, law of a country to its subdivisions (``US`` to ``US-SD``, not the other
    way round). Hong Kong (``HK``) and Macao (``MO``) have their own law: that of ``CN`` does not apply.
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
    for listing in control_listings():
        if listing.counts:
            grouped.setdefault(listing.substance, []).append(listing)
    return {substance: tuple(rows) for substance, rows in grouped.items()}


def listings(substance: str, on: date, jurisdiction: str | None) -> tuple[Listing, ...]:
    """Listings of the substance (by name of its row) in force that day; ``None`` asks everywhere.

    Only `listed` and `temporary` count; a listing of unknown date counts on every day.
    """
    return tuple(
        row
        for row in _by_substance().get(substance, ())
        if row.in_force(on) and (jurisdiction is None or applies(row.jurisdiction, jurisdiction, on))
    )


def months_since_listing(substance: str, on: date, jurisdiction: str | None) -> float | None:
    """Months since control of the substance began, as far as it is in force that day and its first day is recorded.

    A temporary listing that a permanent one followed counts from the temporary one. ``None``: not listed, or listed
    without a recorded day.
    """
    if not listings(substance, on, jurisdiction):
        return None
    begun = [
        row.effective_from
        for row in _by_substance()[substance]
        if row.effective_from is not None
        and row.effective_from <= on
        and (jurisdiction is None or applies(row.jurisdiction, jurisdiction, on))
    ]
    return (on - min(begun)).days / _DAYS_PER_MONTH if begun else None
