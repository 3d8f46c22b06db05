"""Rows of the reference tables: frozen, typed, each with its source and the verification of that source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verified(StrEnum):
    """Support for the facts of a row; shown to users with the row."""

    YES = "yes"  # read at the publisher or in its text
    SECONDARY = "secondary"  # read on a page, or in a data set, that quotes the publisher
    ASSUMED = "assumed"  # our own assumption, derivation or classification
    UNVERIFIED = "unverified"  # not checked anywhere; never presented as fact


class Group(StrEnum):
    """Kind of a row of the substance table."""

    FENTANYL = "fentanyl"
    NITAZENE = "nitazene"
    OTHER_OPIOID = "other_opioid"
    PRECURSOR = "precursor"
    OTHER_CONTROLLED = "other_controlled"  # listed, but no evidence of illicit content
    ADULTERANT = "adulterant"  # shown, not illicit content
    EQUIPMENT = "equipment"  # a kind of machine
    LEGAL_CLASS = "legal_class"  # names a class of substances, not a substance


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


@dataclass(frozen=True, slots=True)
class Substance:
    """A substance, a kind of equipment or a legal class. Unknown attributes are empty."""

    name: str
    group: Group
    cas: str
    smiles: str
    inchikey: str
    systematic_name: str
    synonyms: tuple[str, ...]
    abbreviations: tuple[str, ...]
    hs6: tuple[str, ...]
    source: str
    verified: Verified
    hs_source: str
    hs_verified: Verified | None


@dataclass(frozen=True, slots=True)
class CasNumber:
    """CAS number of a form of a substance: a salt, a hydrate, an isomer."""

    cas: str
    substance: str
    form: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument's statement about one substance.

    ``effective_from`` is, by ``date_precision``, the first day in force, a day by which it was in force, 31 December of a year,
    or None. ``effective_to`` is the last day in force; None if there is no end.
    """

    substance: str
    jurisdiction: str
    instrument: str
    listing: str
    status: Status
    effective_from: date | None
    effective_to: date | None
    date_precision: Precision
    verified: Verified
    source: str
    note: str

    @property
    def counts(self) -> bool:
        """True if the statement means control: listed or temporarily listed."""
        return self.status in (Status.LISTED, Status.TEMPORARY)

    def in_force(self, on: date) -> bool:
        """Return whether the substance was under this control on that day (both ends inclusive)."""
        begun = self.effective_from is None or self.effective_from <= on
        ended = self.effective_to is not None and self.effective_to < on
        return self.counts and begun and not ended


@dataclass(frozen=True, slots=True)
class StopWord:
    """A description that carriers or customs reject as too vague."""

    term: str
    chemical_relevant: bool
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class CharacterRule:
    """A regular expression for descriptions without information."""

    rule: str
    pattern: str
    source: str
    verified: Verified


class HsRole(StrEnum):
    """Reason for interest in an HS subheading."""

    FENTANYL = "fentanyl"
    NITAZENE = "nitazene"
    PRECURSOR = "precursor"
    ADULTERANT = "adulterant"
    EQUIPMENT = "equipment"
    EQUIPMENT_LOOKALIKE = "equipment_lookalike"
    DOSAGE_FORM = "dosage_form"
    EXCIPIENT = "excipient"
    REAGENT = "reagent"
    RESIDUAL = "residual"
    LOOKALIKE = "lookalike"
    COVER = "cover"


@dataclass(frozen=True, slots=True)
class HsOfInterest:
    """An HS 2022 subheading of interest."""

    hs6: str
    role: HsRole
    note: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class BenignChemical:
    """A common chemical that is not watched. ``inchikey`` is empty if its structure is not known."""

    name: str
    cas: str
    inchikey: str
    synonyms: tuple[str, ...]
    hs6: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class StructureMotif:
    """A part of a structure (SMARTS) that is typical of controlled substances or of their precursors."""

    motif: str
    smarts: str
    about: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class EcommerceGood:
    """A consumer good with its HS 2022 subheading and a typical weight (kg) and value (USD) of one piece."""

    hs6: str
    description: str
    typical_kg: float
    typical_usd: float
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Typology:
    """An indicator that a manifest can show. ``fields`` are names of `features.manifest.fields`."""

    id: str
    name: str
    signal: str
    fields: tuple[str, ...]
    computation: str
    group: str
    observable: str
    source: str
    verified: Verified
    false_positives: str


@dataclass(frozen=True, slots=True)
class DiallingCode:
    """An international dialling code and its countries."""

    code: str
    countries: tuple[str, ...]
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Carrier:
    """An airline that carries parcels, with its air waybill prefix."""

    iata: str
    name: str
    channel: str
    awb_prefix: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class PolicyDate:
    """A day on which trade flows or their data changed."""

    date: date
    event: str
    effect: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class Statistic:
    """A published or assumed figure; ``value`` is text, because some are ranges or pairs."""

    id: str
    category: str
    metric: str
    value: str
    unit: str
    period: str
    geography: str
    publisher: str
    source: str
    verified: Verified
    use: str
    note: str
