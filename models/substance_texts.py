"""How reasons about the declared substance are told: what is named, and what the law of the day says of it."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from features.substances import BENIGN
from features.substances.law import status
from models.reason_texts import quote
from models.reasons import Evidence, RowContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.reference import Listing
    from features.substances import Match
    from features.substances.law import ClassControl

_LISTINGS_SHOWN: Final = 3


def listing_text(listing: Listing) -> str:
    """One listing: jurisdiction, list, since when, and whether nobody has verified it."""
    since = ""
    if listing.effective_from is not None:
        day = listing.effective_from
        since = f" since {day.year if listing.date_precision == 'year' else day.isoformat()}"
    doubt = " (unverified)" if listing.verified == "unverified" else ""
    return f"{listing.jurisdiction} {listing.listing}{since}{doubt}"


@lru_cache(maxsize=512)
def substance_json(match: Match, on: dt.date) -> dict[str, Any]:
    """A resolved substance as an answer carries it, with its listings and the class definitions in force on ``on``.

    Answers share it: the same goods are declared again and again, and most of them on one day.
    """
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


def substance(evidence: Evidence) -> str:
    """Which substance is named, where, and what the law of the day says of it."""
    row = evidence.context
    match = row.substance
    if match is None:
        return "No known substance is named in description, declared chemical or CAS number"
    # What the matched text does not say itself: the substance's name, and what kind of substance it is.
    said = match.matched_text.casefold()
    more = [word for word in (match.substance, str(match.group).replace("_", " ")) if word.casefold() not in said]
    meaning = f" ({', '.join(more)})" if more and match.group != BENIGN else ""
    named = "mentioned" if match.kind == "mention" else "declared"
    where, legal = _where(row, match.matched_text), _legal(match, row.declared_on)
    return f"{quote(match.matched_text)}{meaning} is {named} {where}: {legal}"


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


def substance_class(evidence: Evidence) -> str:
    """Which class definitions the structure of a substance on no list meets."""
    row = evidence.context
    if row.substance is None or not row.substance.classes:
        return "No substance is named whose structure meets a class definition"
    return f"{quote(row.substance.matched_text)}: {_legal(row.substance, row.declared_on)}"


def substance_similar(evidence: Evidence) -> str:
    """Which listed substance the structure is most like; likeness is not a legal result."""
    row = evidence.context
    if row.substance is None or row.substance.similarity is None:
        return "No substance is named whose structure only resembles a listed one"
    match = row.substance
    return f"{quote(match.matched_text)} is like {match.nearest} (similarity {match.similarity:.2f}), which is no legal match"


def substance_otherwise(evidence: Evidence) -> str:
    """How a name that is misspelt or in another language was understood."""
    row = evidence.context
    if row.substance is None:
        return "No known substance is named"
    how = {"misspelt": "a misspelling of", "translated": "a name in another language for"}.get(
        row.substance.kind, "a name for"
    )
    return f"{quote(row.substance.matched_text)} reads as {how} {row.substance.substance}"


def _well_known(listing: Listing) -> tuple[bool, bool, str]:
    # The conventions bind nearly everyone, and what was verified can be acted on.
    return listing.jurisdiction != "UN", listing.verified == "unverified", listing.jurisdiction


def _where(row: RowContext, matched: str) -> str:
    for name, label in (
        ("cas_number", "as CAS number"),
        ("declared_chemical", "as declared chemical"),
        ("goods_description", "in the goods description"),
    ):
        text = row.text(name)
        if text is not None and matched.casefold() in text.casefold():
            return label
    return "on the manifest"


def substance_and_hs(evidence: Evidence) -> str:
    """Whether the declared HS code is that of the named substance."""
    row = evidence.context
    if row.substance is None:
        return "No known substance is named that the HS code could agree with"
    code = row.text("hs_code")
    declared = f"HS {code} is declared" if code else "No HS code is declared"
    return evidence.with_lead(f"{declared} for {row.substance.substance}")
