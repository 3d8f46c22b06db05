"""Legal status of a chemical as JSON values, and warnings about law that is not recorded or not verified."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from features.reference import Group, Verified, class_definitions

if TYPE_CHECKING:
    from features.reference import ClassDefinition, Listing
    from features.substances import ClassControl, ClassMatch, LawOn, LegalStatus, Match, Obligation


def law_json(law: LawOn) -> dict[str, Any]:
    """Return whether the law of one jurisdiction lists the substance, and until when that law is recorded."""
    return {
        "jurisdiction": law.jurisdiction,
        "recorded_until": law.recorded_until.isoformat() if law.recorded_until else None,
        "groups": list(law.groups),
        "listed": law.listed,
    }


def convention_json(one: Obligation) -> dict[str, Any]:
    """Return a listing under a convention that binds the requested country."""
    return {
        "party": one.party.party,
        "bound_from": one.party.bound_from.isoformat(),
        "bound_precision": str(one.party.date_precision),
        "party_verified": str(one.party.verified),
        "party_source": one.party.source,
        "listing": listing_json(one.listing),
    }


def listing_json(listing: Listing) -> dict[str, Any]:
    """Return all fields of a listing."""
    return {
        "jurisdiction": listing.jurisdiction,
        "instrument": listing.instrument,
        "listing": listing.listing,
        "status": str(listing.status),
        "effective_from": listing.effective_from.isoformat() if listing.effective_from else None,
        "effective_to": listing.effective_to.isoformat() if listing.effective_to else None,
        "date_precision": str(listing.date_precision),
        "verified": str(listing.verified),
        "source": listing.source,
        "note": listing.note or None,
    }


def class_json(control: ClassControl) -> dict[str, Any]:
    """Return a class definition that a structure meets, with its limbs in words and its legal status on the day."""
    one, exemption = control.match, control.exemption
    return {
        "definition": one.definition,
        "name": one.listing,
        "jurisdiction": one.jurisdiction,
        "result": one.result,
        "limbs": [
            {
                "limb": row.limb,
                "where": row.where,
                "wording": row.change,
                "verified": str(row.verified),
                "source": row.source,
            }
            for row in _limbs(one)
        ],
        "wording_verified": str(_wording_verified(one)),
        "in_force": bool(control.listings),
        "listing": listing_json(control.listings[0]) if control.listings else None,
        "exemption": None
        if exemption is None
        else {
            "substance": exemption.substance,
            "effect": str(exemption.effect),
            "reason": exemption.reason,
            "verified": str(exemption.verified),
            "source": exemption.source,
        },
    }


@cache
def _limb_rows() -> dict[tuple[str, str], ClassDefinition]:
    return {(row.definition, row.limb): row for row in class_definitions()}


def _limbs(one: ClassMatch) -> list[ClassDefinition]:
    return [_limb_rows()[one.definition, limb] for limb in one.limbs]


def of_precursors(one: ClassMatch) -> bool:
    """Return whether a class definition covers precursors."""
    return any(row.group is Group.PRECURSOR for row in _limbs(one))


def _wording_verified(one: ClassMatch) -> Verified:
    """Return the weakest verification status of the limbs that the structure meets."""
    return max((row.verified for row in _limbs(one)), key=list(Verified).index)


def law_warnings(
    place: str | None, match: Match | None, legal: LegalStatus | None, laws: tuple[LawOn, ...]
) -> Iterator[str]:
    """Yield warnings about law that is not recorded and about recorded facts that are not verified.

    Args:
        place: the requested jurisdiction; None for all.
    """
    if match is not None and legal is not None and place is not None:
        unknown = [law.jurisdiction for law in laws if law.listed is None]
        if unknown and not legal.listed:
            yield (
                f"Not recorded for this substance and day: law of {', '.join(unknown)}. The substance may be listed there."
            )
    if legal is None:
        return
    for one in (control.match for control in legal.classes):
        if _wording_verified(one) in (Verified.UNVERIFIED, Verified.ASSUMED):
            yield (
                f"{one.jurisdiction}, {one.listing}: the structure was compared with the recorded wording, which was not "
                "verified."
            )
    unverified = sum(row.verified is Verified.UNVERIFIED for row in legal.listings)
    if unverified:
        yield f"Not checked against a publication: {unverified} of {len(legal.listings)} listings."
