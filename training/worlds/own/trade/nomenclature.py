"""Goods of business trade and of e-commerce, derived from the texts of the Harmonized System.

The nomenclature uses legal terms, but traders write "mens shirts cotton". Each text is therefore reduced to its head and up to
three plain properties. Subheadings without such a text are not traded.
"""

from __future__ import annotations

import csv
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from features.reference import hs_of_interest
from features.reference.codes import hs_codes, hs_text
from training.worlds.own.priors import Priors
from training.worlds.own.trade.hashing import spread, unit

FILE: Final = Path(__file__).with_name("chapters.csv")
#: Alkaloids, most of which are controlled.
_CONTROLLED: Final = "2939"
#: Words that mark a property as an exception or legal reference, which declarants do not write.
_LEGAL: Final = re.compile(
    r"\d|n\.e\.c|n\.e\.s|\bother\b|\bnot\b|\bheading|\bsubheading|\bexcept|\bexclud|\bthan\b|\bwhether\b|\bexceed|\bitem no|"
    r"\bchapter|\bkinds? used\b|\bsimilar\b|\blike\b|\bincluding\b|\bspecified\b|\bpurposes\b|\bthereof\b|\bwithout\b|\bany\b"
)
_SHORTER: Final = (
    (re.compile(r"\([^)]*\)?"), " "),
    # Remove the remains of nested parentheses.
    (re.compile(r"[()]|\bincl\."), " "),
    (re.compile(r"men's or boys'"), "mens"),
    (re.compile(r"women's or girls'"), "womens"),
    (re.compile(r"babies'"), "baby"),
    (re.compile(r"['’]"), ""),
    (re.compile(r"\bparts and accessories( thereof)?\b|\bparts thereof\b"), "parts"),
    (re.compile(r"\bof textile materials\b"), "textile"),
    (re.compile(r"\bof (man-made|synthetic|artificial) fibres\b"), r"\1 fibre"),
    (re.compile(r"\bknitted or crocheted\b"), "knitted"),
    (re.compile(r"\bmachinery; (industrial)\b"), r"\1 machinery"),
)
_LEADING: Final = re.compile(r"^(of|for|with|in|being|having|containing|used for|the|and)\s+")
_MAX_NAME_LENGTH: Final = 48


@dataclass(frozen=True, slots=True)
class Subheading:
    """Traded subheading. ``kg`` and ``usd`` are mass and price of one unit, and ``weight`` is the share in the chapter.

    ``ordered`` states that private persons order such goods abroad.
    """

    hs6: str
    name: str
    kg: float
    usd: float
    chapter_weight: float
    weight: float
    ordered: bool


def commercial_name(text: str) -> str:
    """Return a trader's wording of a legal text, or '' if the text contains only legal terms.

    >>> commercial_name("Shirts; men's or boys', of cotton, knitted or crocheted")
    'mens cotton knitted shirts'
    """
    short = text.lower()
    for pattern, replacement in _SHORTER:
        short = pattern.sub(replacement, short)
    head, *rest = (" ".join(part.split()) for part in re.split(r"[;,:]", short))
    if not head or _LEGAL.search(head):
        return ""
    properties = [_LEADING.sub("", part) for part in rest if part and not _LEGAL.search(part)]
    plain = [part for part in properties if len(part.split()) <= 3][:3]
    before = [part for part in plain if len(part.split()) == 1 or part in ("man-made fibre", "synthetic fibre")]
    after = [part for part in plain if part not in before]
    words = " ".join([*before, *head.split(), *after]).split()
    name = " ".join(word for i, word in enumerate(words) if i == 0 or word != words[i - 1])
    while len(name) > _MAX_NAME_LENGTH and " " in name:
        name = name.rsplit(" ", 1)[0]
    return re.sub(r"\s(and|or|of|for|with|in|to|the|a)$", "", name)


def subheadings(priors: Priors) -> tuple[Subheading, ...]:
    """Return the traded subheadings, except those watched for drugs, which are in the trade table.

    Raises `ValueError` with file and row if the table of chapters is invalid.
    """
    chapters = _chapters()
    kg_sigma, usd_sigma = priors.number("goods.unit_kg_sigma"), priors.number("goods.unit_usd_sigma")
    of_mass, first = priors.number("goods.price_of_mass"), priors.number("goods.first_rank")
    watched = hs_of_interest()
    of_chapter: dict[str, list[tuple[str, str]]] = {}
    for hs6 in hs_codes(6):
        name = commercial_name(hs_text(hs6) or "")
        if hs6[:2] in chapters and hs6 not in watched and not hs6.startswith(_CONTROLLED) and name:
            of_chapter.setdefault(hs6[:2], []).append((hs6, name))
    traded = []
    for chapter, rows in of_chapter.items():
        weight, kg, usd, ordered = chapters[chapter]
        # Assumption: the ranking of goods within a chapter is random, and a few goods make up most of the trade.
        order = sorted(rows, key=lambda row: zlib.crc32(row[0].encode()))
        share = 1 / (np.arange(len(order)) + first)
        share /= share.sum()
        number = np.array([int(hs6) for hs6, _ in order], dtype=np.int64)
        mass = kg * np.exp(kg_sigma * spread(unit(number, 1)))
        price = usd * (mass / kg) ** of_mass * np.exp(usd_sigma * spread(unit(number, 2)))
        for i, (hs6, name) in enumerate(order):
            traded.append(
                Subheading(hs6, name, float(mass[i]), float(price[i]), weight, float(share[i]), hs6.startswith(ordered))
            )
    return tuple(traded)


def _chapters() -> dict[str, tuple[float, float, float, tuple[str, ...]]]:
    """Return per chapter the weight in business trade, kg and USD of one unit, and the code prefixes of ordered goods."""
    chapters: dict[str, tuple[float, float, float, tuple[str, ...]]] = {}
    with FILE.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                weight, kg, usd = float(row["weight"]), float(row["kg"]), float(row["usd"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{FILE.name}, row {number}: {error!r}; expected the columns of the header") from None
            if min(weight, kg, usd) <= 0 or len(row["chapter"]) != 2:
                raise ValueError(f"{FILE.name}, row {number}: {row}; expected two digits and numbers above 0")
            chapters[row["chapter"]] = weight, kg, usd, tuple(row["ordered"].split())
    return chapters
