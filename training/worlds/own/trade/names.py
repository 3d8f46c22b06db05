"""Pools of invented names: given names, surnames and streets of each country from Faker, and stems of company names.

Only this module calls Faker, a few thousand times per world. Names of parties are combinations from the pools.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from faker import Faker

from training.arrays import Floats, Ints, Texts

FILE: Final = Path(__file__).parents[1] / "words.toml"

_GIVEN, _SURNAMES, _STREETS = 140, 260, 110
_DRAWS: Final = 420
#: Locales whose names are romanised -> the Faker locale that does it, and other locales -> the Faker locale used instead.
_ROMANISED: Final = {"zh_CN": "zh_CN", "zh_HK": "zh_CN", "zh_TW": "zh_CN", "zh_SG": "zh_CN", "ja_JP": "ja_JP"}
_NEAREST: Final = {"zh_SG": "en_GB", "en_AE": "en_IN", "vi_VN": "vi_VN"}
with FILE.open("rb") as _file:
    _SYLLABLES: Final[dict[str, list[str]]] = tomllib.load(_file)["syllables"]
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "marketplace": ("Store", "Official Shop", "Direct", "Outlet", "E-Commerce", "Home Store", "Fashion"),
    "shop": ("Trading", "Boutique", "Technology", "Home", "Crafts", "Electronics", "Fashion", "Supplies"),
    "consolidator": ("Logistics", "Fulfilment", "Supply Chain", "International Express", "Warehousing"),
    "trader": ("Import Export", "Trading", "Industrial", "International Trade", "Technology", "Commerce"),
    "chemical": ("Chemical", "Biotech", "New Material", "Fine Chemicals", "Pharmatech", "Ingredients"),
    "pharma": ("Pharma", "Healthcare", "Medical Supply", "Laboratories", "Therapeutics"),
    "machinery": ("Machinery", "Mould", "Precision Tools", "Packaging Machinery", "Engineering"),
    "laboratory": ("Diagnostics", "Lab Supply", "Scientific", "Biosciences", "Analytics"),
    "business": ("Trading", "Imports", "Retail", "Workshop", "Distribution", "Services", "Designs", "Supplies"),
    "university": ("University Laboratory", "Research Institute", "Analytical Laboratory", "Toxicology Centre"),
    "hospital": ("General Hospital", "Medical Center", "Clinic Pharmacy", "Hospital Pharmacy"),
    "maker": ("Nutrition", "Supplements", "Confectionery", "Vitamins", "Candy Works", "Naturals"),
    "industry": (
        "Coatings",
        "Polymers",
        "Water Treatment",
        "Food Ingredients",
        "Textile Mills",
        "Agro Sciences",
        "Adhesives",
        "Pharmaceuticals Manufacturing",
        "Rubber Works",
        "Paints",
    ),
    "forwarder": ("Forwarding", "Parcel Services", "Mailbox", "Shipping Center", "Freight", "Self Storage"),
}
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "CN": ("Co., Ltd.", "Co Ltd", "Limited", ""),
    "HK": ("Limited", "Co., Limited", "HK Ltd"),
    "US": ("LLC", "Inc.", "Corp.", ""),
    "DE": ("GmbH", "KG", "e.K."),
    "FR": ("SARL", "SAS"),
    "GB": ("Ltd", "Limited", "LLP"),
    "IT": ("S.r.l.", "S.p.A."),
    "ES": ("S.L.", "S.A."),
    "MX": ("S.A. de C.V.",),
    "NL": ("B.V.",),
    "IN": ("Pvt Ltd", "Enterprises", "Private Limited"),
    "JP": ("K.K.", "Co., Ltd."),
    "KR": ("Co., Ltd.", "Corp."),
    "PL": ("Sp. z o.o.",),
    "TR": ("A.S.", "Ltd. Sti."),
    "BR": ("Ltda",),
    "CA": ("Inc.", "Ltd."),
    "AU": ("Pty Ltd",),
}
_ANY_SUFFIX: Final = ("Ltd", "Co., Ltd.", "")


@dataclass(frozen=True, slots=True)
class Pool:
    """Texts of all groups in one array, with ``first`` and ``count`` per group."""

    texts: Texts
    first: Ints
    count: Ints

    def take(self, group: Ints, u: Floats) -> Texts:
        """Return one text (n,) per entry of ``group`` (n,), selected by ``u`` in [0, 1)."""
        return np.asarray(self.texts[self.first[group] + (u * self.count[group]).astype(np.int64)])


@dataclass(frozen=True, slots=True)
class Names:
    """Pools by country (given names, surnames, streets, stems, suffixes) and by kind of company (words)."""

    given: Pool
    surname: Pool
    street: Pool
    stem: Pool
    suffix: Pool
    word: Pool
    word_index: dict[str, int]


def build_names(codes: list[str], locales: list[str], seed: int) -> Names:
    """Return the pools for the countries. Equal seeds give equal pools."""
    given, surname, street, stem = [], [], [], []
    for number, (code, locale) in enumerate(zip(codes, locales, strict=True)):
        persons = _persons(code, locale, seed + number)
        given.append(persons[0])
        surname.append(persons[1])
        street.append(persons[2])
        eastern = code in {"CN", "HK", "TW", "SG"}
        coined = (
            [a + b.lower() for a in _SYLLABLES["pinyin"] for b in _SYLLABLES["pinyin"] if a != b]
            if eastern
            else [a + b for a in _SYLLABLES["coined_first"] for b in _SYLLABLES["coined_last"]]
        )
        stem.append(coined if eastern else [*coined, *persons[1]])
    suffix = [list(SUFFIXES.get(code, _ANY_SUFFIX)) for code in codes]
    return Names(
        _pool(given),
        _pool(surname),
        _pool(street),
        _pool(stem),
        _pool(suffix),
        _pool([list(words) for words in WORDS.values()]),
        {kind: i for i, kind in enumerate(WORDS)},
    )


def _pool(groups: list[list[str]]) -> Pool:
    count = np.array([len(group) for group in groups], dtype=np.int64)
    return Pool(
        np.array([text for group in groups for text in group], dtype=object),
        np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64),
        count,
    )


def _distinct(draw: Callable[[], str], most: int) -> list[str]:
    """Return at most ``most`` distinct texts of `_DRAWS` draws."""
    texts: dict[str, None] = {}
    for _ in range(_DRAWS):
        texts.setdefault(draw())
        if len(texts) >= most:
            break
    return list(texts)


def _persons(code: str, locale: str, seed: int) -> tuple[list[str], list[str], list[str]]:
    rng = np.random.default_rng(seed)
    if code == "KR":
        given = [f"{a}-{b.lower()}" for a in _SYLLABLES["hangul"] for b in _SYLLABLES["hangul"] if a != b][:_GIVEN]
        return (
            given,
            _SYLLABLES["korean"],
            [f"{a}{b.lower()}-ro" for a in _SYLLABLES["hangul"][:10] for b in _SYLLABLES["hangul"][10:]],
        )
    if locale in _ROMANISED:
        fake = Faker(_ROMANISED[locale])
        fake.seed_instance(seed)
        names = [fake.romanized_name().split() for _ in range(_DRAWS)]
        given = list(dict.fromkeys(name[0] for name in names))[:_GIVEN]
        surnames = list(dict.fromkeys(name[-1] for name in names))[:_SURNAMES]
        kinds = ("Street", "Chome") if code == "JP" else ("Road", "Street", "Avenue", "Industrial Road")
        bases = (
            surnames
            if code == "JP"
            else [a + b.lower() for a in _SYLLABLES["pinyin"][:14] for b in _SYLLABLES["pinyin"][14:]]
        )
        streets = [f"{base} {kinds[int(rng.integers(len(kinds)))]}" for base in bases][:_STREETS]
        return given, surnames, streets
    fake = Faker(_NEAREST.get(locale, locale))
    fake.seed_instance(seed)
    return (
        _distinct(fake.first_name, _GIVEN),
        _distinct(fake.last_name, _SURNAMES),
        _distinct(fake.street_name, _STREETS),
    )
