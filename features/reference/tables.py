"""The bundled tables, each read and checked on first use and cached.

All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

from features.manifest.fields import CHANNELS, MANIFEST_NAMES
from features.reference.errors import ReferenceDataError
from features.reference.reading import Row, read
from features.reference.rows import (
    BenignChemical,
    Carrier,
    CasNumber,
    CharacterRule,
    DiallingCode,
    EcommerceGood,
    Group,
    HsOfInterest,
    HsRole,
    Listing,
    PolicyDate,
    Precision,
    Statistic,
    Status,
    StopWord,
    StructureMotif,
    Substance,
    Typology,
    Verified,
)
from features.reference.structure_checks import repeated_name, repeated_structure, skeleton

_NOT_SUBSTANCES: Final = (Group.EQUIPMENT, Group.LEGAL_CLASS)


def _substance(row: Row, skeletons: dict[str, str]) -> Substance:
    group = row.one_of("group", Group)
    smiles, inchikey = row.blank_or_text("smiles"), row.blank_or_text("inchikey")
    if smiles and inchikey:
        skeletons[row.text("name")] = skeleton(smiles, inchikey)
    elif smiles or inchikey or group not in _NOT_SUBSTANCES:
        raise ValueError("smiles or inchikey is blank, expected the structure of a substance")
    return Substance(
        name=row.text("name"),
        group=group,
        cas=row.cas("cas"),
        smiles=smiles,
        inchikey=inchikey,
        systematic_name=row.blank_or_text("systematic_name"),
        synonyms=row.many("synonyms"),
        abbreviations=row.many("abbreviations"),
        hs6=row.many("hs6"),
        source=row.text("source"),
        verified=row.one_of("verified", Verified),
        hs_source=row.blank_or_text("hs_source"),
        hs_verified=row.one_of("hs_verified", Verified) if row.blank_or_text("hs_verified") else None,
    )


@cache
def substances() -> tuple[Substance, ...]:
    """Return watched substances, other listed ones, adulterants, equipment and legal classes; one row per name.

    No two rows share a CAS number or a name in any spelling. Two rows share a structure only if the later one is named as a salt
    or isomer of the earlier one.
    """
    file = "substances.csv"
    columns = "name,group,cas,smiles,inchikey,systematic_name,synonyms,abbreviations,hs6,source,verified"
    header = (*columns.split(","), "hs_source", "hs_verified")
    skeletons: dict[str, str] = {}
    rows = read(file, header, lambda row: _substance(row, skeletons), key=lambda row: row.name)
    number = {row.name: line for line, row in enumerate(rows, start=2)}
    owner: dict[str, str] = {}
    for row in rows:
        if row.cas and owner.setdefault(row.cas, row.name) != row.name:
            raise ReferenceDataError(
                file, number[row.name], f"cas {row.cas} belongs to both {owner[row.cas]} and {row.name}"
            )
    if (same_name := repeated_name(rows)) is not None:
        name, earlier, later = same_name
        raise ReferenceDataError(file, number[later], f"{name!r} stands for both {earlier} and {later}, expected one")
    if (same_structure := repeated_structure(rows, skeletons)) is not None:
        earlier, later = same_structure
        reason = (
            f"{later} has the structure of {earlier} (row {number[earlier]}) up to salt and stereochemistry,"
            f" expected one row, or a name that begins or ends with {earlier}"
        )
        raise ReferenceDataError(file, number[later], reason)
    return rows


def _cas_number(row: Row) -> CasNumber:
    return CasNumber(
        cas=row.cas("cas"),
        substance=row.text("substance"),
        form=row.text("form"),
        source=row.text("source"),
        verified=row.one_of("verified", Verified),
    )


@cache
def cas_numbers() -> tuple[CasNumber, ...]:
    """Return CAS numbers of salts, hydrates and isomers, in addition to those of the substances themselves."""
    rows = read(
        "cas_numbers.csv", ("cas", "substance", "form", "source", "verified"), _cas_number, key=lambda row: row.cas
    )
    own = {row.cas: row.name for row in substances() if row.cas}
    names = {row.name for row in substances()}
    for number, row in enumerate(rows, start=2):
        if row.substance not in names:
            raise ReferenceDataError("cas_numbers.csv", number, f"{row.substance!r} is not in substances.csv")
        if row.cas in own:
            raise ReferenceDataError("cas_numbers.csv", number, f"cas {row.cas} is that of {own[row.cas]} itself")
    return rows


def _effective_from(row: Row, precision: Precision) -> date | None:
    value = row.blank_or_text("effective_from")
    if precision is Precision.UNKNOWN:
        if value:
            raise ValueError(f"effective_from is {value!r}, expected blank where date_precision is unknown")
        return None
    if precision is Precision.YEAR:
        # The last day of the year: the listing is then certainly in force.
        return date(int(row.digits("effective_from", 4)), 12, 31)
    return row.day("effective_from")


def listing_of(row: Row) -> Listing:
    """Return the listing of a row of a table of listings.

    Raises:
        ValueError: a value is invalid, or the dates do not agree.
    """
    precision = row.one_of("date_precision", Precision)
    begin, end = _effective_from(row, precision), row.blank_or_day("effective_to")
    if begin is not None and end is not None and end < begin:
        raise ValueError(f"effective_to is {end}, expected a day not before effective_from ({begin})")
    status = row.one_of("status", Status)
    if status is Status.TEMPORARY and (begin is None or end is None):
        missing = "effective_from" if begin is None else "effective_to"
        raise ValueError(f"{missing} is blank, expected the first and last day of a temporary listing")
    return Listing(
        substance=row.text("substance"),
        jurisdiction=row.jurisdiction("jurisdiction"),
        instrument=row.text("instrument"),
        listing=row.text("listing"),
        status=status,
        effective_from=begin,
        effective_to=end,
        date_precision=precision,
        verified=row.one_of("verified", Verified),
        source=row.text("source"),
        note=row.blank_or_text("note"),
    )


@cache
def control_listings() -> tuple[Listing, ...]:
    """Return every recorded listing, including proposed, watched and explicitly absent ones (see `Listing.counts`).

    One instrument lists a substance once under one heading, and a temporary listing ends before the permanent one
    of the same jurisdiction begins.
    """
    file = "control_listings.csv"
    columns = "substance,jurisdiction,instrument,listing,status,effective_from,effective_to,date_precision"
    rows = read(
        file,
        (*columns.split(","), "verified", "source", "note"),
        listing_of,
        key=lambda row: (row.substance, row.jurisdiction, row.instrument, row.listing, row.status.value),
    )
    known = {substance.name for substance in substances()}
    permanent: dict[tuple[str, str], list[tuple[int, date]]] = {}
    for number, row in enumerate(rows, start=2):
        if row.substance not in known:
            raise ReferenceDataError(file, number, f"{row.substance!r} is not in substances.csv")
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
def stop_word_rows() -> tuple[StopWord, ...]:
    """Return vague descriptions with the lists that contain them."""
    return read(
        "stop_words.csv",
        ("term", "chemical_relevant", "source", "verified"),
        lambda row: StopWord(
            row.text("term"), row.flag("chemical_relevant"), row.text("source"), row.one_of("verified", Verified)
        ),
        key=lambda row: row.term,
    )


@cache
def stop_words() -> frozenset[str]:
    """Return the terms of `stop_word_rows` in lower case."""
    return frozenset(row.term for row in stop_word_rows())


@cache
def character_rules() -> tuple[CharacterRule, ...]:
    """Return regular expressions for descriptions without information; each pattern compiles and begins with ``^``."""

    def build(row: Row) -> CharacterRule:
        pattern = row.text("pattern")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"pattern is {pattern!r}, expected a regular expression: {error}") from None
        if not pattern.startswith("^"):
            raise ValueError(f"pattern is {pattern!r}, expected a regular expression that begins with ^")
        return CharacterRule(row.text("rule"), pattern, row.text("source"), row.one_of("verified", Verified))

    return read("character_rules.csv", ("rule", "pattern", "source", "verified"), build, key=lambda row: row.rule)


@cache
def hs_of_interest() -> MappingProxyType[str, HsOfInterest]:
    """Return the HS 2022 subheadings (6 digits) of interest, by code."""
    rows = read(
        "hs_of_interest.csv",
        ("hs6", "role", "note", "source", "verified"),
        lambda row: HsOfInterest(
            row.digits("hs6", 6),
            row.one_of("role", HsRole),
            row.text("note"),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: row.hs6,
    )
    return MappingProxyType({row.hs6: row for row in rows})


@cache
def benign_chemicals() -> tuple[BenignChemical, ...]:
    """Return common chemicals that are not watched; one row per CAS number."""
    return read(
        "benign_chemicals.csv",
        ("name", "cas", "inchikey", "synonyms", "hs6", "source", "verified"),
        lambda row: BenignChemical(
            row.text("name"),
            row.cas("cas"),
            row.blank_or_text("inchikey"),
            row.many("synonyms"),
            row.digits("hs6", 6),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: row.cas,
    )


@cache
def structure_motifs() -> tuple[StructureMotif, ...]:
    """Return parts of structures that are typical of controlled substances or of their precursors."""
    return read(
        "structure_motifs.csv",
        ("motif", "smarts", "about", "source", "verified"),
        lambda row: StructureMotif(
            row.text("motif"),
            row.text("smarts"),
            row.text("about"),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: row.motif,
    )


@cache
def ecommerce_goods() -> tuple[EcommerceGood, ...]:
    """Return consumer goods that are typical of parcels."""
    return read(
        "ecommerce_goods.csv",
        ("hs6", "description", "typical_kg", "typical_usd", "source", "verified"),
        lambda row: EcommerceGood(
            row.digits("hs6", 6),
            row.text("description"),
            row.positive("typical_kg"),
            row.positive("typical_usd"),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: row.description,
    )


@cache
def typologies() -> MappingProxyType[str, Typology]:
    """Return indicators by their id (``D1``, ``E2``, ...)."""

    def build(row: Row) -> Typology:
        fields = row.many("fields")
        if unknown := sorted(set(fields) - set(MANIFEST_NAMES)):
            raise ValueError(f"fields has {', '.join(unknown)}, expected names of manifest fields")
        plain = ("id", "name", "signal", "computation", "group", "observable", "source", "false_positives")
        return Typology(fields=fields, verified=row.one_of("verified", Verified), **{c: row.text(c) for c in plain})

    columns = "id,name,signal,fields,computation,group,observable,source,verified,false_positives"
    rows = read("typologies.csv", tuple(columns.split(",")), build, key=lambda row: row.id)
    return MappingProxyType({row.id: row for row in rows})


def _channel(value: str) -> str:
    if value not in CHANNELS:
        raise ValueError(f"channel is {value!r}, expected one of {', '.join(CHANNELS)}")
    return value


@cache
def dialling_codes() -> MappingProxyType[str, tuple[str, ...]]:
    """Return ITU-T E.164 country code -> countries (ISO alpha-2), for the countries that ship most."""
    rows = read(
        "dialling_codes.csv",
        ("code", "countries", "source", "verified"),
        lambda row: DiallingCode(
            row.text("code"), row.many("countries"), row.text("source"), row.one_of("verified", Verified)
        ),
        key=lambda row: row.code,
    )
    return MappingProxyType({row.code: row.countries for row in rows})


@cache
def carriers() -> tuple[Carrier, ...]:
    """Return air carriers with their air waybill prefixes."""
    return read(
        "carriers.csv",
        ("iata", "name", "channel", "awb_prefix", "source", "verified"),
        lambda row: Carrier(
            row.text("iata"),
            row.text("name"),
            _channel(row.text("channel")),
            row.digits("awb_prefix", 3),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: row.iata,
    )


@cache
def policy_dates() -> tuple[PolicyDate, ...]:
    """Return days on which the flow of parcels or its data changed, in order."""
    rows = read(
        "policy_dates.csv",
        ("date", "event", "effect", "source", "verified"),
        lambda row: PolicyDate(
            row.day("date"),
            row.text("event"),
            row.text("effect"),
            row.text("source"),
            row.one_of("verified", Verified),
        ),
        key=lambda row: (row.date, row.event),
    )
    return tuple(sorted(rows, key=lambda row: row.date))


@cache
def statistics() -> tuple[Statistic, ...]:
    """Return published and assumed figures behind the simulator."""
    optional = ("period", "publisher", "geography", "use", "note", "unit")

    def build(row: Row) -> Statistic:
        return Statistic(
            **{column: row.text(column) for column in ("id", "category", "metric", "value", "source")},
            **{column: row.blank_or_text(column) for column in optional},
            verified=row.one_of("verified", Verified),
        )

    columns = "id,category,metric,value,unit,period,geography,publisher,source,verified,use,note"
    return read("statistics.csv", tuple(columns.split(",")), build, key=lambda row: row.id)
