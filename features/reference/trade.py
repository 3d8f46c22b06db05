"""Facts of trade: vague words, HS subheadings of interest, consumer goods, indicators, carriers, dates, figures, limits.

All tables are read on first use. All loaders raise `ReferenceDataError`, which names file, row and reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Final

from features.manifest.fields import CHANNELS, MANIFEST_NAMES
from features.reference.reading import BlankOrText, Hs6, Jurisdiction, Row, Verified, table

#: Value in dollars below which consignments are exempt from duty or formalities in the United States (19 U.S.C. 1321(a)(2)(C),
#: until it was suspended), also assumed for all countries outside the Union.
LIMIT_USD: Final = 800
#: The same in euros in the European Union (Council Regulation (EC) 1186/2009, article 23).
LIMIT_EUR: Final = 150
#: Values from this share of a limit up to the limit count as just below it; an assumption.
JUST_BELOW: Final = 0.95


@dataclass(frozen=True, slots=True)
class StopWord:
    """A description that carriers or customs reject as too vague."""

    term: str
    chemical_relevant: bool
    source: str
    verified: Verified


def _pattern(row: Row, column: str) -> str:
    pattern = row.text(column)
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{column} is {pattern!r}, expected a regular expression: {error}") from None
    if not pattern.startswith("^"):
        raise ValueError(f"{column} is {pattern!r}, expected a regular expression that begins with ^")
    return pattern


@dataclass(frozen=True, slots=True)
class CharacterRule:
    """A regular expression for descriptions without information."""

    rule: str
    pattern: Annotated[str, _pattern]
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

    hs6: Hs6
    role: HsRole
    note: str
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class EcommerceGood:
    """A consumer good with its HS 2022 subheading and a typical weight (kg) and value (USD) of one piece."""

    hs6: Hs6
    description: str
    typical_kg: float
    typical_usd: float
    source: str
    verified: Verified


def _manifest_fields(row: Row, column: str) -> tuple[str, ...]:
    fields = row.many(column)
    if unknown := sorted(set(fields) - set(MANIFEST_NAMES)):
        raise ValueError(f"{column} has {', '.join(unknown)}, expected names of manifest fields")
    return fields


@dataclass(frozen=True, slots=True)
class Typology:
    """An indicator that a manifest can show. ``fields`` are names of `features.manifest.fields`."""

    id: str
    name: str
    signal: str
    fields: Annotated[tuple[str, ...], _manifest_fields]
    computation: str
    group: str
    observable: str
    source: str
    verified: Verified
    false_positives: str


@dataclass(frozen=True, slots=True)
class _DiallingCode:
    code: str
    countries: tuple[str, ...]
    source: str
    verified: Verified


def _channel(row: Row, column: str) -> str:
    value = row.text(column)
    if value not in CHANNELS:
        raise ValueError(f"{column} is {value!r}, expected one of {', '.join(CHANNELS)}")
    return value


def _awb_prefix(row: Row, column: str) -> str:
    return row.digits(column, 3)


@dataclass(frozen=True, slots=True)
class Carrier:
    """An airline that carries parcels, with its air waybill prefix."""

    iata: str
    name: str
    channel: Annotated[str, _channel]
    awb_prefix: Annotated[str, _awb_prefix]
    source: str
    verified: Verified


@dataclass(frozen=True, slots=True)
class PermitForm:
    """The published form of the numbers of a permit.

    Attributes:
        shape: regular expression on lower-case letters and digits. The last digit is a check digit.
        weights: weight of each digit before it, as digits. The check digit is the last digit of the weighted sum.
    """

    jurisdiction: Jurisdiction
    permit: str
    shape: str
    weights: str
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
    unit: BlankOrText
    period: BlankOrText
    geography: BlankOrText
    publisher: BlankOrText
    source: str
    verified: Verified
    use: BlankOrText
    note: BlankOrText


@cache
def stop_word_rows() -> tuple[StopWord, ...]:
    """Return vague descriptions with the lists that contain them."""
    return table("stop_words.csv", StopWord, lambda row: row.term)


@cache
def stop_words() -> frozenset[str]:
    """Return the terms of `stop_word_rows` in lower case."""
    return frozenset(row.term for row in stop_word_rows())


@cache
def character_rules() -> tuple[CharacterRule, ...]:
    """Return regular expressions for descriptions without information; each pattern compiles and begins with ``^``."""
    return table("character_rules.csv", CharacterRule, lambda row: row.rule)


@cache
def hs_of_interest() -> MappingProxyType[str, HsOfInterest]:
    """Return the HS 2022 subheadings (6 digits) of interest, by code."""
    rows = table("hs_of_interest.csv", HsOfInterest, lambda row: row.hs6)
    return MappingProxyType({row.hs6: row for row in rows})


@cache
def ecommerce_goods() -> tuple[EcommerceGood, ...]:
    """Return consumer goods that are typical of parcels."""
    return table("ecommerce_goods.csv", EcommerceGood, lambda row: row.description)


@cache
def typologies() -> MappingProxyType[str, Typology]:
    """Return indicators by their id (``D1``, ``E2``, ...)."""
    rows = table("typologies.csv", Typology, lambda row: row.id)
    return MappingProxyType({row.id: row for row in rows})


@cache
def dialling_codes() -> MappingProxyType[str, tuple[str, ...]]:
    """Return ITU-T E.164 country code -> countries (ISO alpha-2), for the countries that ship most."""
    rows = table("dialling_codes.csv", _DiallingCode, lambda row: row.code)
    return MappingProxyType({row.code: row.countries for row in rows})


@cache
def carriers() -> tuple[Carrier, ...]:
    """Return air carriers with their air waybill prefixes."""
    return table("carriers.csv", Carrier, lambda row: row.iata)


@cache
def permit_forms() -> tuple[PermitForm, ...]:
    """Return the forms of permit numbers that countries publish."""
    return table("permit_forms.csv", PermitForm, lambda row: (row.jurisdiction, row.permit))


@cache
def policy_dates() -> tuple[PolicyDate, ...]:
    """Return days on which the flow of parcels or its data changed, in order."""
    rows = table("policy_dates.csv", PolicyDate, lambda row: (row.date, row.event))
    return tuple(sorted(rows, key=lambda row: row.date))


@cache
def statistics() -> tuple[Statistic, ...]:
    """Return published and assumed figures behind the simulator."""
    return table("statistics.csv", Statistic, lambda row: row.id)
