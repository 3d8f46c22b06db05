"""Law: listings, class definitions, what is recorded, and the parties to the conventions of the United Nations.

- `control_listings.csv`: what instruments say about the rows of `substances.csv`
- `class_definitions.csv`, `class_exemptions.csv`: classes of substances. `features.substances.structures` tests structures. These
  tables describe the tests in words for users, and say how far the wording was verified.
- `recorded_law.csv`: if a law is recorded for a group, a missing listing means that the law does not list the substance. Otherwise
  it means nothing.
- `convention_parties.csv`: the countries that the conventions bind
- `controlled_drugs.csv`: drugs of the Yellow List and the Green List of the INCB outside the watched families, and some drugs under
  national control alone (ketamine, tramadol). `drug_listings.csv` has their listings, in the columns of `control_listings.csv`.
  They are separate, because the simulator draws on the tables of the watched substances.

All tables are read on first use. All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Final

from features.reference.chemicals import (
    Group,
    Relation,
    one_owner_of_each_number,
    skeleton,
    substance_group,
    substances,
)
from features.reference.reading import (
    BlankOrDay,
    BlankOrText,
    Cas,
    Jurisdiction,
    ReferenceDataError,
    Row,
    Verified,
    table,
)
from features.reference.translations import Language

#: Conventions, by their name in the column `instrument` of listings.
CONVENTIONS: Final = ("Single Convention 1961", "1971 Convention", "1988 Convention")
_CLASS_GROUPS: Final = (Group.FENTANYL, Group.NITAZENE, Group.OTHER_OPIOID, Group.PRECURSOR)


class Status(StrEnum):
    """An instrument's statement about a substance; only `LISTED` and `TEMPORARY` mean control."""

    LISTED = "listed"
    TEMPORARY = "temporary"
    PROPOSED = "proposed"
    WATCH = "watch"
    NOT_LISTED = "not_listed"


class Precision(StrEnum):
    """Precision of the first day of a listing."""

    DAY = "day"
    BY = "by"  # in force by this day; its first day is not known
    YEAR = "year"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """Effect of an exemption on a substance that meets the wording of a class."""

    EXEMPT = "exempt"  # the law exempts it by an act of its own
    OUTSIDE = "outside"  # outside the class's own wording, for example because another list names it
    REVIEW = "review"  # the class provides for an exemption; whether it was made is unknown


def _effective_from(row: Row, column: str) -> date | None:
    precision = row.one_of("date_precision", Precision)
    if precision is Precision.UNKNOWN:
        if value := row.blank_or_text(column):
            raise ValueError(f"{column} is {value!r}, expected blank where date_precision is unknown")
        return None
    if precision is Precision.YEAR:
        # The last day of the year: the listing is then certainly in force.
        return date(int(row.digits(column, 4)), 12, 31)
    return row.day(column)


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument's statement about one substance.

    ``effective_from`` is, by ``date_precision``, the first day in force, a day by which it was in force, 31 December of a year,
    or None for a statement that means no control. ``effective_to`` is the last day in force; None if there is no end.
    """

    substance: str
    jurisdiction: Jurisdiction
    instrument: str
    listing: str
    status: Status
    effective_from: Annotated[date | None, _effective_from]
    effective_to: BlankOrDay
    date_precision: Precision
    verified: Verified
    source: str
    note: BlankOrText

    @property
    def counts(self) -> bool:
        """True if the statement means control: listed or temporarily listed."""
        return self.status in (Status.LISTED, Status.TEMPORARY)

    def in_force(self, on: date) -> bool:
        """Return whether the substance was under this control on that day (both ends inclusive)."""
        begun = self.effective_from is not None and self.effective_from <= on
        ended = self.effective_to is not None and self.effective_to < on
        return self.counts and begun and not ended

    def may_precede(self, on: date) -> bool:
        """Return whether the control, not yet in force on record, may have begun by that day: its first day is not known."""
        if not self.counts or self.effective_from is None or self.effective_from <= on:
            return False
        if self.date_precision is Precision.YEAR:
            return on.year == self.effective_from.year
        return self.date_precision is Precision.BY


def _class_group(row: Row, column: str) -> Group:
    group = row.one_of(column, Group)
    if group not in _CLASS_GROUPS:
        raise ValueError(f"{column} is {group.value!r}, expected one of {', '.join(_CLASS_GROUPS)}")
    return group


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
    group: Annotated[Group, _class_group]
    jurisdiction: Jurisdiction
    listing: str
    limb: str
    where: str
    change: str
    open_ended: bool
    effective_from: BlankOrDay
    verified: Verified
    source: str


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


@dataclass(frozen=True, slots=True)
class RecordedLaw:
    """Law that is recorded for one group: each row of the group in the substance table was compared with it.

    ``recorded_until`` is the last day for which the law is known.
    """

    jurisdiction: Jurisdiction
    group: Annotated[Group, substance_group]
    recorded_until: date
    verified: Verified
    source: str
    note: BlankOrText


def _day_or_by(row: Row, column: str) -> Precision:
    precision = row.one_of(column, Precision)
    if precision not in (Precision.DAY, Precision.BY):
        raise ValueError(f"{column} is {precision.value!r}, expected day or by")
    return precision


def _convention(row: Row, column: str) -> str:
    convention = row.text(column)
    if convention not in CONVENTIONS:
        raise ValueError(f"{column} is {convention!r}, expected one of {', '.join(CONVENTIONS)}")
    return convention


@dataclass(frozen=True, slots=True)
class ConventionParty:
    """Country that is bound by a convention. ``bound_from`` is the first day on which it is bound or, if ``date_precision`` is
    ``by``, a day on which it was bound already.
    """

    convention: Annotated[str, _convention]
    party: Jurisdiction
    bound_from: date
    date_precision: Annotated[Precision, _day_or_by]
    verified: Verified
    source: str
    note: BlankOrText


def _foreign_names(row: Row, column: str) -> tuple[tuple[Language, str], ...]:
    names: list[tuple[Language, str]] = []
    for part in filter(None, row.blank_or_text(column).split(";")):
        code, _, texts = part.partition("=")
        if code not in set(Language) or not all(text.strip() for text in texts.split("|")):
            raise ValueError(f"{column} has {part!r}, expected a language, = and names separated by | signs")
        names.extend((Language(code), text) for text in texts.split("|"))
    return tuple(names)


@dataclass(frozen=True, slots=True)
class ControlledDrug:
    """Drug under control that is not watched.

    Attributes:
        name: its international nonproprietary name, otherwise a usual name.
        cas, smiles, inchikey: identifiers, empty if unknown. A drug whose other isomers are free has no structure, because
            structures are compared without stereochemistry.
        further_cas: CAS numbers of its salts.
        synonyms, abbreviations: further names. An abbreviation counts only next to chemical words.
        foreign_names: (language, name) in other languages.
        whole: whether the names count only as the whole of a declared chemical, because goods are named after the drug too.
        source: source of the identifiers, otherwise of the name.
        verified: how far the source was checked.
    """

    name: str
    cas: Cas
    further_cas: tuple[str, ...]
    smiles: BlankOrText
    inchikey: BlankOrText
    synonyms: tuple[str, ...]
    abbreviations: tuple[str, ...]
    foreign_names: Annotated[tuple[tuple[Language, str], ...], _foreign_names]
    whole: bool
    source: str
    verified: Verified

    @property
    def group(self) -> Relation:
        """Relation to the watched substances, whose ``value`` names the group of the drug's matches."""
        return Relation.CONTROLLED


def _listings(file: str, names: set[str], table_of_names: str) -> tuple[Listing, ...]:
    """Return the rows of a table of listings. One instrument lists a substance once under one heading."""

    def check(row: Listing) -> None:
        begin, end = row.effective_from, row.effective_to
        if row.counts and begin is None:
            raise ValueError(
                "effective_from is blank, expected the first day or, with date_precision by, a day on which it was in force"
            )
        if begin is not None and end is not None and end < begin:
            raise ValueError(f"effective_to is {end}, expected a day not before effective_from ({begin})")
        if row.status is Status.TEMPORARY and end is None:
            raise ValueError("effective_to is blank, expected the last day of a temporary listing")
        if row.substance not in names:
            raise ValueError(f"{row.substance!r} is not in {table_of_names}")

    return table(
        file,
        Listing,
        lambda row: (row.substance, row.jurisdiction, row.instrument, row.listing, row.status.value),
        check,
    )


@cache
def control_listings() -> tuple[Listing, ...]:
    """Return every recorded listing, including proposed, watched and explicitly absent ones (see `Listing.counts`).

    A temporary listing ends before the permanent one of the same jurisdiction begins.
    """
    file = "control_listings.csv"
    rows = _listings(file, {substance.name for substance in substances()}, "substances.csv")
    permanent: dict[tuple[str, str], list[tuple[int, date]]] = {}
    for number, row in enumerate(rows, start=2):
        if row.status is Status.LISTED and row.effective_from is not None:
            permanent.setdefault((row.substance, row.jurisdiction), []).append((number, row.effective_from))
    for number, row in enumerate(rows, start=2):
        if row.status is not Status.TEMPORARY or row.effective_from is None or row.effective_to is None:
            continue
        for follows, begins in permanent.get((row.substance, row.jurisdiction), ()):
            if row.effective_from < begins <= row.effective_to:
                reason = (
                    f"effective_to is {row.effective_to}, expected a day before {begins}, when row {follows} begins"
                )
                raise ReferenceDataError(file, number, reason)
    return rows


@cache
def controlled_drugs() -> tuple[ControlledDrug, ...]:
    """Return the drugs under control that are not watched; no two rows share a name or a CAS number with each other or with a
    row of `substances`.
    """
    owns = one_owner_of_each_number()
    watched = {row.name for row in substances()}
    for substance in substances():
        owns(substance, substance.cas)

    def check(row: ControlledDrug) -> None:
        if row.smiles and row.inchikey:
            skeleton(row.smiles, row.inchikey)  # raises if the key is not that of the structure
        elif row.smiles or row.inchikey:
            raise ValueError("smiles or inchikey is blank, expected both or neither")
        if row.name in watched:
            raise ValueError(f"{row.name} is in substances.csv, expected a drug that is not")
        for cas in (row.cas, *row.further_cas):
            owns(row, cas)

    return table("controlled_drugs.csv", ControlledDrug, lambda row: row.name, check)


@cache
def drug_listings() -> tuple[Listing, ...]:
    """Return the listings of the controlled drugs. Each drug has at least one, and each listing belongs to a drug."""
    drugs = {row.name for row in controlled_drugs()}
    rows = _listings("drug_listings.csv", drugs, "controlled_drugs.csv")
    if without := drugs - {row.substance for row in rows}:
        raise ReferenceDataError("drug_listings.csv", None, f"has no listing of {min(without)}")
    return rows


@cache
def class_definitions() -> tuple[ClassDefinition, ...]:
    """Return all limbs of all definitions; the rows of a definition are adjacent, in the order of the law."""
    listed = {(listing.substance, listing.jurisdiction) for listing in control_listings() if listing.counts}
    heads: dict[str, ClassDefinition] = {}

    def check(row: ClassDefinition) -> None:
        head = heads.setdefault(row.definition, row)
        for attribute in ("group", "jurisdiction", "listing"):
            if (got := getattr(row, attribute)) != (expected := getattr(head, attribute)):
                raise ValueError(
                    f"{attribute} is {got!r}, expected {expected!r} as in the other rows of {row.definition}"
                )
        if (row.listing, row.jurisdiction) not in listed:
            raise ValueError(
                f"listing is {row.listing!r}, expected a substance listed in {row.jurisdiction} by control_listings.csv"
            )

    return table("class_definitions.csv", ClassDefinition, lambda row: (row.definition, row.limb), check)


@cache
def class_exemptions() -> tuple[ClassExemption, ...]:
    """Return the exemptions: substances that meet, or seem to meet, the wording of a class that may not apply to them."""
    known = {row.definition for row in class_definitions()}

    def check(row: ClassExemption) -> None:
        skeleton(row.smiles, row.inchikey)  # raises if the key is not that of the structure
        if row.definition not in known:
            raise ValueError(f"definition is {row.definition!r}, expected one of class_definitions.csv")

    return table("class_exemptions.csv", ClassExemption, lambda row: (row.definition, row.inchikey), check)


@cache
def recorded_law() -> tuple[RecordedLaw, ...]:
    """Return the recorded laws, one row per jurisdiction and group."""
    known = {listing.jurisdiction for listing in control_listings()}

    def check(row: RecordedLaw) -> None:
        if row.jurisdiction not in known:
            raise ValueError(f"{row.jurisdiction} has no row in control_listings.csv")

    return table("recorded_law.csv", RecordedLaw, lambda row: (row.jurisdiction, row.group), check)


@cache
def convention_parties() -> tuple[ConventionParty, ...]:
    """Return the parties to the conventions of 1961, 1971 and 1988 that are recorded."""
    return table("convention_parties.csv", ConventionParty, lambda row: (row.convention, row.party))
