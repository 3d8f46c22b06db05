"""Texts of the reasons about substances: the declared name, and the legal status on the day of declaration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from features.reference import Listing
from features.substances import BENIGN, ClassControl, Match, applies, era, listed_in_place, status
from models.reasons.items import Evidence, quote
from models.reasons.texts import hs

_MAX_LISTINGS: Final = 3
#: The field of the country whose law is shown before that of other countries.
_DESTINATION: Final = "consignee_country"
#: Fields that may name a substance, in descending order of specificity.
_NAMED_IN: Final = {
    "cas_number": "as CAS number",
    "declared_chemical": "as declared chemical",
    "goods_description": "in the goods description",
}


def listing_text(listing: Listing) -> str:
    """Return the jurisdiction, list and first day of a listing, and whether the entry is unverified."""
    since = ""
    if listing.effective_from is not None:
        day = listing.effective_from
        word = "by" if listing.date_precision == "by" else "since"
        since = f" {word} {day.year if listing.date_precision == 'year' else day.isoformat()}"
    unverified = " (unverified)" if listing.verified == "unverified" else ""
    return f"{listing.jurisdiction} {listing.listing}{since}{unverified}"


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
                "exempt": control.exemption is not None,
            }
            for control in legal.classes
        ],
        "confidence": round(match.confidence, 4),
        "context": match.context or None,
        "nearest": match.nearest or None,
        "similarity": None if match.similarity is None else round(match.similarity, 4),
    }


def substance(evidence: Evidence) -> list[str]:
    """Write the named substance, the field that names it, and its legal status."""
    items = evidence.items
    declared = zip(*map(items.text, _NAMED_IN), strict=True)
    return [
        "No known substance is named in description, declared chemical or CAS number"
        if match is None
        else _substance(match, texts, on, place)
        for match, texts, on, place in zip(
            items.substances(), declared, items.declared_on(), items.text(_DESTINATION), strict=True
        )
    ]


def _substance(match: Match, declared: Sequence[str | None], on: dt.date, place: str | None) -> str:
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
    return f"{quote(match.matched_text)}{meaning} is {verb} {field}: {_legal_status(match, on, place)}"


def _legal_status(match: Match, on: dt.date, place: str | None) -> str:
    """Return the legal status on a day: the most important listings, and a note if the law of the destination is not recorded."""
    if match.group == BENIGN:
        return "a common chemical that is not watched"
    legal = status(match, on)
    missing = f"; law of {place} is not recorded" if place and listed_in_place(match, era(on), place) is None else ""
    listings = sorted(legal.listings, key=lambda listing: _listing_order(listing, on, place))
    if not listings:
        controls = [control for control in legal.classes if control.controls]
        return (class_text(controls) if controls else f"no recorded law lists it on {on}") + missing
    more = f" and {len(listings) - _MAX_LISTINGS} more" if len(listings) > _MAX_LISTINGS else ""
    return "listed in " + ", ".join(map(listing_text, listings[:_MAX_LISTINGS])) + more + missing


def class_text(controls: Sequence[ClassControl]) -> str:
    """Return the class definitions that control a substance, each with its first day and limbs."""
    texts = []
    for control in controls[:_MAX_LISTINGS]:
        limbs = ", ".join(control.match.limbs)
        word = "limb" if len(control.match.limbs) == 1 else "limbs"
        listing = listing_text(control.listings[0])
        texts.append(f"{listing}, {word} {limbs}" if limbs else listing)
    return "not listed by name, controlled as a class: " + "; ".join(texts)


def substance_class(evidence: Evidence) -> list[str]:
    """Write the class definitions that the structure of an unlisted substance meets."""
    items = evidence.items
    return [
        f"{quote(match.matched_text)}: {_legal_status(match, on, place)}"
        if match is not None and match.classes
        else "No substance is named whose structure meets a class definition"
        for match, on, place in zip(items.substances(), items.declared_on(), items.text(_DESTINATION), strict=True)
    ]


def similar_substance(evidence: Evidence) -> list[str]:
    """Write the listed substance with the most similar structure. Similarity is not a legal result."""
    return [
        f"{quote(match.matched_text)} resembles {match.nearest} (similarity {match.similarity:.2f}), not a legal match"
        if match is not None and match.similarity is not None
        else "No substance is named whose structure only resembles a listed one"
        for match in evidence.items.substances()
    ]


def name_variant(evidence: Evidence) -> list[str]:
    """Write a misspelt or foreign name and its interpretation."""
    how = {"misspelt": "a misspelling of", "translated": "a name in another language for"}
    return [
        "No known substance is named"
        if match is None
        else f"{quote(match.matched_text)} reads as {how.get(match.kind, 'a name for')} {match.substance}"
        for match in evidence.items.substances()
    ]


def substance_and_hs(evidence: Evidence) -> list[str]:
    """Write the declared HS code and the named substance."""
    items = evidence.items
    return [
        "No known substance is named that the HS code could agree with"
        if match is None
        else f"{declared} for {match.substance}{measured}"
        for match, declared, measured in zip(items.substances(), items.declared(hs), evidence.measured, strict=True)
    ]


def _listing_order(listing: Listing, on: dt.date, place: str | None) -> tuple[bool, bool, bool, str]:
    # UN conventions come first, because they bind nearly every country. Then come the law of the destination and verified entries.
    abroad = place is None or not applies(listing.jurisdiction, place, on)
    return listing.jurisdiction != "UN", abroad, listing.verified == "unverified", listing.jurisdiction
