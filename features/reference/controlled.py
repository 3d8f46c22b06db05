"""Drugs under the conventions of 1961 and 1971, or under national control, that are not watched; and their listings.

`controlled_drugs.csv` names the drugs of the Yellow List and the Green List of the INCB outside the watched families, and
some drugs under national control alone (ketamine, tramadol). `drug_listings.csv` has their listings, in the columns of
`control_listings.csv`. The two tables are separate, because the simulator draws on the tables of the watched substances.
Both loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.related import Relation
from features.reference.rows import Listing, Verified
from features.reference.structure_checks import skeleton
from features.reference.tables import listing_of, substances
from features.reference.translations import Language

_DRUGS: Final = "controlled_drugs.csv"
_LISTINGS: Final = "drug_listings.csv"
#: Columns of `drug_listings.csv`, as in `control_listings.csv`.
_COLUMNS: Final = (
    "substance,jurisdiction,instrument,listing,status,effective_from,effective_to,date_precision,verified,source,note"
)


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
    cas: str
    further_cas: tuple[str, ...]
    smiles: str
    inchikey: str
    synonyms: tuple[str, ...]
    abbreviations: tuple[str, ...]
    foreign_names: tuple[tuple[Language, str], ...]
    whole: bool
    source: str
    verified: Verified

    @property
    def relation(self) -> Relation:
        """Relation to the watched substances."""
        return Relation.CONTROLLED

    @property
    def group(self) -> Relation:
        """Relation, whose ``value`` names the group of the drug's matches."""
        return Relation.CONTROLLED


def _foreign(row: Row) -> tuple[tuple[Language, str], ...]:
    names: list[tuple[Language, str]] = []
    for part in filter(None, row.blank_or_text("foreign_names").split(";")):
        code, _, texts = part.partition("=")
        if code not in set(Language) or not all(text.strip() for text in texts.split("|")):
            raise ValueError(f"foreign_names has {part!r}, expected a language, = and names separated by | signs")
        names.extend((Language(code), text) for text in texts.split("|"))
    return tuple(names)


def _drug(row: Row) -> ControlledDrug:
    smiles, inchikey = row.blank_or_text("smiles"), row.blank_or_text("inchikey")
    if smiles and inchikey:
        skeleton(smiles, inchikey)  # raises if the key is not that of the structure
    elif smiles or inchikey:
        raise ValueError("smiles or inchikey is blank, expected both or neither")
    return ControlledDrug(
        name=row.text("name"),
        cas=row.cas("cas"),
        further_cas=row.many("further_cas"),
        smiles=smiles,
        inchikey=inchikey,
        synonyms=row.many("synonyms"),
        abbreviations=row.many("abbreviations"),
        foreign_names=_foreign(row),
        whole=row.flag("whole"),
        source=row.text("source"),
        verified=row.one_of("verified", Verified),
    )


@cache
def controlled_drugs() -> tuple[ControlledDrug, ...]:
    """Return the drugs under control that are not watched; no two rows share a name or a CAS number with each other or with a
    row of `substances`.
    """
    columns = "name,cas,further_cas,smiles,inchikey,synonyms,abbreviations,foreign_names,whole,source,verified"
    rows = read(_DRUGS, tuple(columns.split(",")), _drug, key=lambda row: row.name)
    owner = {row.cas: row.name for row in substances() if row.cas}
    watched = {row.name for row in substances()}
    for number, row in enumerate(rows, start=2):
        if row.name in watched:
            raise ReferenceDataError(_DRUGS, number, f"{row.name} is in substances.csv, expected a drug that is not")
        for cas in (row.cas, *row.further_cas):
            if cas and owner.setdefault(cas, row.name) != row.name:
                raise ReferenceDataError(_DRUGS, number, f"cas {cas} belongs to both {owner[cas]} and {row.name}")
    return rows


@cache
def drug_listings() -> tuple[Listing, ...]:
    """Return the listings of the controlled drugs. Each drug has at least one, and each listing belongs to a drug."""
    rows = read(
        _LISTINGS,
        tuple(_COLUMNS.split(",")),
        listing_of,
        key=lambda row: (row.substance, row.jurisdiction, row.instrument, row.listing, row.status.value),
    )
    drugs = {row.name for row in controlled_drugs()}
    for number, row in enumerate(rows, start=2):
        if row.substance not in drugs:
            raise ReferenceDataError(_LISTINGS, number, f"{row.substance!r} is not in {_DRUGS}")
    without = drugs - {row.substance for row in rows}
    if without:
        raise ReferenceDataError(_LISTINGS, None, f"has no listing of {min(without)}")
    return rows
