"""How reasons about the declared substance are told: what is named, and what the law of the day says of it."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from features.substances import BENIGN
from features.substances.law import era, status
from models.reasons.source import Evidence, quote
from models.reasons.texts import hs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.reference import Listing
    from features.substances import Match
    from features.substances.law import ClassControl

_LISTINGS_SHOWN: Final = 3
#: Where a substance may be named, the most telling first.
_NAMED_IN: Final = {
    "cas_number": "as CAS number",
    "declared_chemical": "as declared chemical",
    "goods_description": "in the goods description",
}


def listing_text(listing: Listing) -> str:
    """One listing: jurisdiction, list, since when, and whether nobody has verified it."""
    since = ""
    if listing.effective_from is not None:
        day = listing.effective_from
        since = f" since {day.year if listing.date_precision == 'year' else day.isoformat()}"
    doubt = " (unverified)" if listing.verified == "unverified" else ""
    return f"{listing.jurisdiction} {listing.listing}{since}{doubt}"


def substance_json(match: Match, on: dt.date) -> dict[str, Any]:
    """A resolved substance as an answer carries it, with its listings and the class definitions in force on ``on``.

    Answers share it: the same goods are declared again and again, nearly always under the same law.
    """
    return _substance_json(match, era(on))


@lru_cache(maxsize=512)
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
    """Which substance is named, where, and what the law of the day says of it."""
    items = evidence.items
    declared = zip(*map(items.text, _NAMED_IN), strict=True)
    return [
        "No known substance is named in description, declared chemical or CAS number"
        if match is None
        else _substance(match, texts, on)
        for match, texts, on in zip(items.substances(), declared, items.declared_on(), strict=True)
    ]


def _substance(match: Match, declared: Sequence[str | None], on: dt.date) -> str:
    # What the matched text does not say itself: the substance's name, and what kind of substance it is.
    said = match.matched_text.casefold()
    more = [word for word in (match.substance, str(match.group).replace("_", " ")) if word.casefold() not in said]
    meaning = f" ({', '.join(more)})" if more and match.group != BENIGN else ""
    named = "mentioned" if match.kind == "mention" else "declared"
    labels = [
        label
        for label, text in zip(_NAMED_IN.values(), declared, strict=True)
        if text is not None and said in text.casefold()
    ]
    where = labels[0] if labels else "on the manifest"
    return f"{quote(match.matched_text)}{meaning} is {named} {where}: {_legal(match, on)}"


def _legal(match: Match, on: dt.date) -> str:
    """What the law of the day says about a substance."""
    if match.group == BENIGN:
        return "a common chemical that is not watched"
    legal = status(match, on)
    listings = sorted(legal.listings, key=_well_known)
    if not listings:
        controls = [control for control in legal.classes if control.controls]
        return class_text(controls) if controls else f"no listing known on {on}"
    more = f" and {len(listings) - _LISTINGS_SHOWN} more" if len(listings) > _LISTINGS_SHOWN else ""
    return "listed: " + ", ".join(map(listing_text, listings[:_LISTINGS_SHOWN])) + more


def class_text(controls: Sequence[ClassControl]) -> str:
    """By which class definitions a substance is under control, since when, and by which limbs."""
    told = []
    for control in controls[:_LISTINGS_SHOWN]:
        limbs = ", ".join(control.match.limbs)
        word = "limb" if len(control.match.limbs) == 1 else "limbs"
        told.append(
            f"{listing_text(control.listings[0])}, {word} {limbs}" if limbs else listing_text(control.listings[0])
        )
    return "on no list by name, controlled as a class: " + "; ".join(told)


def substance_class(evidence: Evidence) -> list[str]:
    """Which class definitions the structure of a substance on no list meets."""
    items = evidence.items
    return [
        f"{quote(match.matched_text)}: {_legal(match, on)}"
        if match is not None and match.classes
        else "No substance is named whose structure meets a class definition"
        for match, on in zip(items.substances(), items.declared_on(), strict=True)
    ]


def substance_similar(evidence: Evidence) -> list[str]:
    """Which listed substance the structure is most like; likeness is not a legal result."""
    return [
        f"{quote(match.matched_text)} is like {match.nearest} (similarity {match.similarity:.2f}), which is no legal match"
        if match is not None and match.similarity is not None
        else "No substance is named whose structure only resembles a listed one"
        for match in evidence.items.substances()
    ]


def substance_otherwise(evidence: Evidence) -> list[str]:
    """How a name that is misspelt or in another language was understood."""
    how = {"misspelt": "a misspelling of", "translated": "a name in another language for"}
    return [
        "No known substance is named"
        if match is None
        else f"{quote(match.matched_text)} reads as {how.get(match.kind, 'a name for')} {match.substance}"
        for match in evidence.items.substances()
    ]


def substance_and_hs(evidence: Evidence) -> list[str]:
    """Whether the declared HS code is that of the named substance."""
    items = evidence.items
    return [
        "No known substance is named that the HS code could agree with"
        if match is None
        else f"{declared} for {match.substance}{measured}"
        for match, declared, measured in zip(items.substances(), items.facts(hs), evidence.measured, strict=True)
    ]


def _well_known(listing: Listing) -> tuple[bool, bool, str]:
    # The conventions bind nearly everyone, and what was verified can be acted on.
    return listing.jurisdiction != "UN", listing.verified == "unverified", listing.jurisdiction
