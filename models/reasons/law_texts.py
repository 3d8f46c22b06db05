"""Words for the law of a substance: its listings, and its legal status on the route on the day of declaration."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from features.reference import Group, Listing
from features.substances import BENIGN, ClassControl, Match, applies, era, listed_in_place, listings, status
from models.reasons.items import ExplainedItems

_MAX_LISTINGS: Final = 3
#: Listings without a name of their own.
_UNNAMED: Final = frozenset({"named", "and its salts"})
#: Start of a remark after the name of a listing.
_REMARK: Final = re.compile(r" \(|;")
#: Fields of the countries of the route, whose law is consulted in this order, and how a country is named there.
_ROUTE: Final = {
    "consignee_country": "the destination",
    "export_country": "the country of export",
    "origin_country": "the country of origin",
    "consignor_country": "the consignor's country",
    "routing_countries": "in transit",
}
#: Short names of places that have a long name in ISO 3166, or an article.
_PLACES: Final = {
    "US": "the US",
    "EU": "the EU",
    "GB": "the UK",
    "NL": "the Netherlands",
    "PH": "the Philippines",
    "AE": "the United Arab Emirates",
    "CD": "the DR Congo",
    "CZ": "the Czech Republic",
    "DO": "the Dominican Republic",
    "KP": "North Korea",
    "TR": "Turkey",
    "HK": "Hong Kong",
    "MO": "Macao",
    "UN": "the UN conventions",
}

#: Group of a substance -> what it is.
KINDS: Final[dict[str, str]] = {
    Group.FENTANYL: "a fentanyl",
    Group.NITAZENE: "a nitazene",
    Group.OTHER_OPIOID: "an opioid",
    Group.PRECURSOR: "a precursor",
    Group.ADULTERANT: "an adulterant of opioids",
}


def place_name(code: str) -> str:
    """Return the usual English name of a country, `EU` or `UN`; the code itself if it is none of them."""
    import pycountry

    found = pycountry.countries.get(alpha_2=code)
    if code in _PLACES or found is None:
        return _PLACES.get(code, code)
    return str(getattr(found, "common_name", found.name.partition(",")[0]))


def _since(listing: Listing, *, by_year: bool = False) -> str:
    """Return the first day of a listing as words: "since 2018-02-06", "since 1964", "since 1991-07-01 or earlier"."""
    if listing.effective_from is None:
        return ""
    day = listing.effective_from
    text = str(day.year) if by_year or listing.date_precision == "year" else day.isoformat()
    return f" since {text}{' or earlier' if listing.date_precision == 'by' else ''}"


def _listing_text(listing: Listing) -> str:
    """Return the place and the name of a listing, without remarks, and its first day; also that of a temporary one before it."""
    unverified = " (unverified)" if listing.verified == "unverified" else ""
    place = place_name(listing.jurisdiction).removeprefix("the ").removesuffix(" conventions")
    name = listing.instrument if listing.listing in _UNNAMED else listing.listing
    return f"{place} {_REMARK.split(name)[0]}{_since(listing)}{_temporary(listing)}{unverified}"


def _temporary(listing: Listing) -> str:
    first = listing.effective_from
    if first is None or listing.date_precision != "day":
        return ""
    before = listings(listing.substance, first - dt.timedelta(days=1), listing.jurisdiction)
    return next((f", temporarily{_since(row)}" for row in before if row.status == "temporary"), "")


class SubstanceAnswers:
    """Cached JSON values of resolved substances. Equal answers are one shared object.

    The cache is effective because the same goods are declared repeatedly, nearly always under the same law.
    """

    def __init__(self, size: int = 512) -> None:
        self._answer = lru_cache(maxsize=size)(_substance_json)

    def answer(self, match: Match, on: dt.date) -> dict[str, Any]:
        """Return a substance with the listings and class definitions in force on the day ``on``."""
        return self._answer(match, era(on))


def _substance_json(match: Match, on: dt.date) -> dict[str, Any]:
    legal = status(match, on)
    return {
        "name": match.substance,
        "group": str(match.group),
        "kind": str(match.kind),
        "hit": bool(match.hit),
        "matched_text": match.matched_text,
        "cas": match.cas or None,
        "inchikey": match.inchikey or None,
        "listings": [
            {
                "jurisdiction": listing.jurisdiction,
                "instrument": listing.instrument,
                "listing": listing.listing,
                "status": str(listing.status),
                "effective_from": listing.effective_from.isoformat() if listing.effective_from else None,
                "date_precision": str(listing.date_precision),
                "source": listing.source,
                "verified": str(listing.verified),
            }
            for listing in legal.listings
        ],
        "classes": [
            {
                "jurisdiction": control.match.jurisdiction,
                "definition": control.match.definition,
                "result": control.match.result,
                "limbs": list(control.match.limbs),
                "in_force": bool(control.listings),
                "exempt": control.exempt,
            }
            for control in legal.classes
        ],
        "confidence": round(match.confidence, 4),
        "context": match.context or None,
        "nearest": match.nearest or None,
        "similarity": None if match.similarity is None else round(match.similarity, 4),
    }


def routes(items: ExplainedItems) -> list[dict[str, str]]:
    """Return the countries of each item's route, in the order of `_ROUTE`, with their part in it."""
    routes: list[dict[str, str]] = []
    for codes in zip(*map(items.text, _ROUTE), strict=True):
        route: dict[str, str] = {}
        for part, code in zip(_ROUTE.values(), codes, strict=True):
            for country in filter(None, (code or "").split(";")):
                route.setdefault(country, part)
        routes.append(route)
    return routes


def legal_status(match: Match, on: dt.date, route: dict[str, str]) -> str:
    """Return the legal status on a day: the most important listings by the UN and on the route, otherwise the classes there, and
    whether the law of the destination is not recorded.
    """
    if match.group == BENIGN:
        return "a common chemical that is not watched"
    legal = status(match, on)
    place = _destination(route)
    missing = (
        f"; law of {place_name(place)} is not recorded"
        if place and listed_in_place(match, era(on), place) is None
        else ""
    )
    listings = sorted(
        (row for row in legal.listings if _on_route(row.jurisdiction, on, route)),
        key=lambda listing: _listing_order(listing, on, place),
    )
    if listings:
        more = f" and {len(listings) - _MAX_LISTINGS} more" if len(listings) > _MAX_LISTINGS else ""
        return "listed in " + ", ".join(map(_listing_text, listings[:_MAX_LISTINGS])) + more + missing
    controls = [one for one in legal.classes if one.controls and _on_route(one.match.jurisdiction, on, route)]
    return (_class_text(controls) if controls else f"no recorded law of this route lists it on {on}") + missing


def _destination(route: dict[str, str]) -> str | None:
    return next((country for country, part in route.items() if part == _ROUTE["consignee_country"]), None)


def _on_route(jurisdiction: str, on: dt.date, route: dict[str, str]) -> bool:
    """Return whether a law applies in a country of the route. The conventions of the United Nations apply everywhere."""
    return jurisdiction == "UN" or any(applies(jurisdiction, country, on) for country in route)


def _class_text(controls: Sequence[ClassControl]) -> str:
    """Return the class definitions that control a substance, each with its first day and limbs."""
    texts = []
    for control in controls[:_MAX_LISTINGS]:
        limbs = ", ".join(control.match.limbs)
        word = "limb" if len(control.match.limbs) == 1 else "limbs"
        listing = _listing_text(control.listings[0])
        texts.append(f"{listing}, {word} {limbs}" if limbs else listing)
    return "not listed by name, controlled as a class: " + "; ".join(texts)


def law(items: ExplainedItems) -> list[str]:
    """Write the law that controls the substance on the route, on the day of declaration."""
    return [
        "" if match is None else _control(match, on, route)
        for match, on, route in zip(items.substances(), items.declared_on(), routes(items), strict=True)
    ]


def _control(match: Match, on: dt.date, route: dict[str, str]) -> str:
    """Return the control of a substance and its year: at the destination, otherwise by the UN, or elsewhere on the route."""
    if match.group == BENIGN:
        return "on no list"
    destination = _destination(route)
    others = [country for country in route if country != destination]
    for place in filter(None, (destination, "UN", *others)):
        legal = status(match, on, place)
        if legal.listed:
            since = "" if legal.first is None else _since(legal.first, by_year=True)
            as_class = "" if legal.listings else " as a class"
            where = "by" if place == "UN" else "in"
            part = f" ({route[place]})" if place in others else ""
            return f"controlled {where} {place_name(place)}{part}{as_class}{since}"
    if any(listed_in_place(match, era(on), place) is None for place in (*route, "UN")):
        kind = f"{KINDS[match.group]}; " if match.group in KINDS else ""
        return f"{kind}law of this route not fully recorded for it on {on}, so check it"
    return f"no listing on record for this route on {on}"


def _listing_order(listing: Listing, on: dt.date, place: str | None) -> tuple[bool, bool, bool, str]:
    # UN conventions come first, because they bind nearly every country. Then come the law of the destination and verified entries.
    abroad = place is None or not applies(listing.jurisdiction, place, on)
    return listing.jurisdiction != "UN", abroad, listing.verified == "unverified", listing.jurisdiction
