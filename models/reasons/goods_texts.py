"""Writers of facts about the goods: substance, legal status on the day of declaration, permit, description and HS code."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from features.reference import Listing, hs_text
from features.substances import (
    ADULTERANT,
    BENIGN,
    ClassControl,
    Match,
    Substances,
    applies,
    era,
    listed_in_place,
    status,
)
from models.permit_numbers import form_fault, is_placeholder
from models.permits import FEATURE, REGISTERED, Party, Register, identity
from models.reasons.items import Evidence, ExplainedItems, FactWriter, quote

_MAX_LISTINGS: Final = 3
#: Kind of match -> the way in which a text names the substance.
_HOW: Final = {
    "identifier": "by an identifier",
    "exact": "by name",
    "systematic": "by its systematic name",
    "translated": "in another language",
    "misspelt": "by a misspelt name",
    "class": "by name",
}
_CAS: Final = re.compile(r"\d{2,7}-\d{2}-\d")
_CAPITAL: Final = re.compile(r"\b[A-Z](?=[a-z]{2})")
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
#: Fields that may name a substance, in descending order of specificity.
_NAMED_IN: Final = {
    "cas_number": "as CAS number",
    "declared_chemical": "as declared chemical",
    "goods_description": "in the goods description",
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
    unverified = " (unverified)" if listing.verified == "unverified" else ""
    place = place_name(listing.jurisdiction).removeprefix("the ").removesuffix(" conventions")
    return f"{place} {listing.listing}{_since(listing)}{unverified}"


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


def _routes(items: ExplainedItems) -> list[dict[str, str]]:
    """Return the countries of each item's route, in the order of `_ROUTE`, with their part in it."""
    routes: list[dict[str, str]] = []
    for codes in zip(*map(items.text, _ROUTE), strict=True):
        route: dict[str, str] = {}
        for part, code in zip(_ROUTE.values(), codes, strict=True):
            for country in filter(None, (code or "").split(";")):
                route.setdefault(country, part)
        routes.append(route)
    return routes


def substance(items: ExplainedItems) -> list[str]:
    """Write the named substance, the field that names it, and its legal status on the route."""
    declared = zip(*map(items.text, _NAMED_IN), strict=True)
    return [
        "No known substance is named in description, declared chemical or CAS number"
        if match is None
        else _substance(match, texts, on, route) + contradiction
        for match, texts, on, route, contradiction in zip(
            items.substances(),
            declared,
            items.declared_on(),
            _routes(items),
            items.facts(_contradictions),
            strict=True,
        )
    ]


def _substance(match: Match, declared: Sequence[str | None], on: dt.date, route: dict[str, str]) -> str:
    matched = match.matched_text.casefold()
    # The matched text may already contain the substance's name or its group.
    details = [word for word in (match.substance, str(match.group).replace("_", " ")) if word.casefold() not in matched]
    meaning = f" ({', '.join(details)})" if details and match.group != BENIGN else ""
    verb = "mentioned" if match.kind == "mention" else "declared"
    fields = [
        field
        for field, text in zip(_NAMED_IN.values(), declared, strict=True)
        if text is not None and matched in text.casefold()
    ]
    field = fields[0] if fields else "on the manifest"
    return f"{quote(match.matched_text)}{meaning} is {verb} {field}: {_legal_status(match, on, route)}"


def _legal_status(match: Match, on: dt.date, route: dict[str, str]) -> str:
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


def substance_class(items: ExplainedItems) -> list[str]:
    """Write the class definitions of the route that the structure of an unlisted substance meets."""
    return [
        f"{quote(match.matched_text)}: {_legal_status(match, on, route)}"
        if match is not None and match.classes
        else "No substance is named whose structure meets a class definition"
        for match, on, route in zip(items.substances(), items.declared_on(), _routes(items), strict=True)
    ]


def resemblance(nothing: str) -> FactWriter:
    """Return a writer of the listed substance with the most similar structure. Similarity is not a legal result."""
    return lambda items: [
        f"{quote(match.matched_text)} resembles {match.nearest} (similarity {match.similarity:.2f}), not a legal match"
        if match is not None and match.similarity is not None
        else nothing
        for match in items.substances()
    ]


def name_variant(items: ExplainedItems) -> list[str]:
    """Write a misspelt or foreign name and its interpretation."""
    how = {"misspelt": "a misspelling of", "translated": "a name in another language for"}
    return [
        "No known substance is named"
        if match is None
        else f"{quote(match.matched_text)} reads as {how.get(match.kind, 'a name for')} {match.substance}"
        for match in items.substances()
    ]


def substance_and_hs(evidence: Evidence) -> list[str]:
    """Write the declared HS code and the named substance."""
    items = evidence.items
    return [
        "No known substance is named that the HS code could agree with"
        if match is None
        else f"{declared} for {match.substance}{measured}"
        for match, declared, measured in zip(items.substances(), items.facts(hs_fact), evidence.measured, strict=True)
    ]


def naming(items: ExplainedItems) -> list[str]:
    """Write how the substance is declared."""
    return [
        "No known substance is declared" if match is None else _naming(match) + contradiction
        for match, contradiction in zip(items.substances(), items.facts(_contradictions), strict=True)
    ]


def _contradictions(items: ExplainedItems) -> list[str]:
    """Write both substances where the CAS number is that of another substance than the words name; otherwise nothing."""
    index = Substances.load()
    texts = []
    for number, *words in zip(*map(items.text, _NAMED_IN), strict=True):
        by_number = index.match_cas(number) if number else None
        chemical, goods = words
        by_words = (index.match(chemical, chemical=True) if chemical else None) or (
            index.match(goods) if goods else None
        )
        if by_number is None or by_words is None or by_number.substance == by_words.substance:
            texts.append("")
        else:
            texts.append(
                f" (the CAS number {number} is that of {by_number.substance}, but the words name {by_words.substance})"
            )
    return texts


def _naming(match: Match) -> str:
    verb = "Mentioned" if match.kind == "mention" else "Declared"
    by_cas = match.kind == "identifier" and _CAS.search(match.matched_text) is not None
    how = "by CAS number" if by_cas else _HOW.get(match.kind, "")
    # Keep the capitals of a code: U-47700.
    name = _CAPITAL.sub(lambda letter: letter[0].lower(), match.substance, count=1)
    is_same = by_cas or match.matched_text.casefold() == match.substance.casefold()
    shown = "" if is_same else f" ({quote(match.matched_text)})"
    adulterant = ", an adulterant of opioids" if match.group == ADULTERANT else ""
    return " ".join(filter(None, (verb, how, f"as {name}{shown}{adulterant}")))


def law(items: ExplainedItems) -> list[str]:
    """Write the law that controls the substance on the route, on the day of declaration."""
    return [
        "" if match is None else _control(match, on, route)
        for match, on, route in zip(items.substances(), items.declared_on(), _routes(items), strict=True)
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
        return f"law of this route not fully recorded for it on {on}"
    return f"no listing on record for this route on {on}"


def _listing_order(listing: Listing, on: dt.date, place: str | None) -> tuple[bool, bool, bool, str]:
    # UN conventions come first, because they bind nearly every country. Then come the law of the destination and verified entries.
    abroad = place is None or not applies(listing.jurisdiction, place, on)
    return listing.jurisdiction != "UN", abroad, listing.verified == "unverified", listing.jurisdiction


# -- permit, description and HS code ----------------------------------------------------------------------------------


def permit_fact(items: ExplainedItems) -> list[str]:
    """Write the permit number and whether it is in the office's register."""
    return [
        "No permit is declared" if text == _NO_PERMIT else text[0].upper() + text[1:] for text in items.facts(permit)
    ]


_NO_PERMIT: Final = "no permit"


def permit(items: ExplainedItems) -> list[str]:
    """Write the permit number and whether it is in the office's register. An unverified one lowers no score."""
    permits = (
        items.text("permit_number"),
        items.feature(FEATURE),
        items.parties(),
        items.declared_on(),
        items.substances(),
    )
    return [_permit(items.scored.register, *of_item) for of_item in zip(*permits, strict=True)]


def _permit(
    register: Register | None,
    number: str | None,
    value: float | None,
    parties: tuple[Party, ...],
    day: dt.date,
    match: Match | None,
) -> str:
    if number is None or is_placeholder(number):
        return _NO_PERMIT
    if value == REGISTERED:
        return f"permit {quote(number)} in the register"
    others = register.others(number, parties, day, identity(match)) if register is not None else []
    held = f" for this substance: the register holds it for {' and '.join(map(quote, others))}" if others else ""
    fault = form_fault(number, [party.country for party in parties])
    return f"permit {quote(number)}, not verified{held}{f'; {fault}' if fault else ''}"


def description(items: ExplainedItems) -> list[str]:
    """Write the goods description."""
    return [
        f"Goods are described as {quote(text)}" if text else "No goods description is declared"
        for text in items.text("goods_description")
    ]


def hs_and_description(items: ExplainedItems) -> list[str]:
    """Write the HS code and the goods description."""
    return [
        f"{declared} for goods described as {quote(text)}" if text else declared
        for declared, text in zip(items.facts(hs_fact), items.text("goods_description"), strict=True)
    ]


def hs(items: ExplainedItems) -> list[str]:
    """Write the HS code within a sentence."""
    return [f"HS {code}" if code else "no HS code" for code in items.text("hs_code")]


def hs_fact(items: ExplainedItems) -> list[str]:
    """Write the HS code."""
    return [f"HS {code} is declared" if code else "No HS code is declared" for code in items.text("hs_code")]


#: Short titles of chapters whose full title, up to its first semicolon, names goods unlike most of the chapter.
_CHAPTER_TITLES: Final = {
    "66": "umbrellas and sticks",
    "71": "pearls, precious stones and precious metals",
    "84": "machines and their parts",
    "90": "optical, measuring and medical instruments",
}


def hs_chapter(items: ExplainedItems) -> list[str]:
    """Write the HS code and the chapter that it belongs to."""
    return [
        f"HS {code} is of chapter {code[:2]}, {title}" if code and title else declared
        for declared, code, title in (
            (declared, code, _chapter_title((code or "")[:2]))
            for declared, code in zip(items.facts(hs_fact), items.text("hs_code"), strict=True)
        )
    ]


def _chapter_title(chapter: str) -> str:
    return _CHAPTER_TITLES.get(chapter) or (hs_text(chapter) or "").partition(";")[0].lower()


def hs_digits(items: ExplainedItems) -> list[str]:
    """Write the HS code and how many digits it has."""
    return [f"HS {code} has {len(code)} digits" if code else "No HS code is declared" for code in items.text("hs_code")]
