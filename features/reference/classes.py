"""Class definitions in law, with their limbs and exemptions.

`features.substances.structures` tests structures. These tables describe the tests in words for users, and say how far the
wording was verified. All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import Group, Verified
from features.reference.structure_checks import skeleton
from features.reference.tables import control_listings

_DEFINITIONS = "class_definitions.csv"
_EXEMPTIONS = "class_exemptions.csv"
_GROUPS = (Group.FENTANYL, Group.NITAZENE, Group.OTHER_OPIOID, Group.PRECURSOR)


@dataclass(frozen=True, slots=True)
class ClassDefinition:
    """One limb of a class definition.

    Attributes:
        definition: identifier of the definition, the same for all its limbs.
        group: group of a substance that meets the definition.
        jurisdiction: its jurisdiction.
        listing: name of the substance or class in ``control_listings.csv`` whose listing puts the wording in force.
        limb: number of the limb in the law, or a word if the number is unknown; ``parent`` for the unchanged parent.
        where: site of the parent structure that the limb concerns.
        change: changes that the limb admits there, in our words.
        open_ended: whether the wording goes beyond the changes that it names, so that other changes are ``possible``.
        effective_from: first day of this limb if it is later than the listing's, otherwise None.
        verified: how far the wording was checked.
        source: source of the wording.
    """

    definition: str
    group: Group
    jurisdiction: str
    listing: str
    limb: str
    where: str
    change: str
    open_ended: bool
    effective_from: date | None
    verified: Verified
    source: str


class Effect(StrEnum):
    """Effect of an exemption on a substance that meets the wording of a class."""

    OUTSIDE = "outside"  # excluded by the class's own wording
    REVIEW = "review"  # the class provides for an exclusion; whether it was made is unknown


@dataclass(frozen=True, slots=True)
class ClassExemption:
    """Substance that meets the wording of a class but is, or may be, outside the class."""

    definition: str
    substance: str
    smiles: str
    inchikey: str
    effect: Effect
    reason: str
    verified: Verified
    source: str


def _definition(row: Row) -> ClassDefinition:
    group = row.one_of("group", Group)
    if group not in _GROUPS:
        raise ValueError(f"group is {group.value!r}, expected one of {', '.join(_GROUPS)}")
    return ClassDefinition(
        definition=row.text("definition"),
        group=group,
        jurisdiction=row.jurisdiction("jurisdiction"),
        listing=row.text("listing"),
        limb=row.text("limb"),
        where=row.text("where"),
        change=row.text("change"),
        open_ended=row.flag("open_ended"),
        effective_from=row.blank_or_day("effective_from"),
        verified=row.one_of("verified", Verified),
        source=row.text("source"),
    )


@cache
def class_definitions() -> tuple[ClassDefinition, ...]:
    """Return all limbs of all definitions; the rows of a definition are adjacent, in the order of the law."""
    columns = "definition,group,jurisdiction,listing,limb,where,change,open_ended,effective_from,verified,source"
    rows = read(_DEFINITIONS, tuple(columns.split(",")), _definition, key=lambda row: (row.definition, row.limb))
    listed = {(listing.substance, listing.jurisdiction) for listing in control_listings() if listing.counts}
    heads: dict[str, ClassDefinition] = {}
    for number, row in enumerate(rows, start=2):
        head = heads.setdefault(row.definition, row)
        for attribute in ("group", "jurisdiction", "listing"):
            if (got := getattr(row, attribute)) != (expected := getattr(head, attribute)):
                reason = f"{attribute} is {got!r}, expected {expected!r} as in the other rows of {row.definition}"
                raise ReferenceDataError(_DEFINITIONS, number, reason)
        if (row.listing, row.jurisdiction) not in listed:
            reason = (
                f"listing is {row.listing!r}, expected a substance listed in {row.jurisdiction} by control_listings.csv"
            )
            raise ReferenceDataError(_DEFINITIONS, number, reason)
    return rows


def _exemption(row: Row) -> ClassExemption:
    smiles, inchikey = row.text("smiles"), row.text("inchikey")
    skeleton(smiles, inchikey)  # raises if the key is not that of the structure
    return ClassExemption(
        definition=row.text("definition"),
        substance=row.text("substance"),
        smiles=smiles,
        inchikey=inchikey,
        effect=row.one_of("effect", Effect),
        reason=row.text("reason"),
        verified=row.one_of("verified", Verified),
        source=row.text("source"),
    )


@cache
def class_exemptions() -> tuple[ClassExemption, ...]:
    """Return the exemptions: substances that meet, or seem to meet, the wording of a class that may not apply to them."""
    columns = "definition,substance,smiles,inchikey,effect,reason,verified,source"
    rows = read(_EXEMPTIONS, tuple(columns.split(",")), _exemption, key=lambda row: (row.definition, row.inchikey))
    known = {row.definition for row in class_definitions()}
    for number, row in enumerate(rows, start=2):
        if row.definition not in known:
            reason = f"definition is {row.definition!r}, expected one of class_definitions.csv"
            raise ReferenceDataError(_EXEMPTIONS, number, reason)
    return rows
