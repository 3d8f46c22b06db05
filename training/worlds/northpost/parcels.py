"""Dice, kinds of goods, parties and parcels of the northpost world."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

FIRST, WARM_DAYS, DAYS = dt.date(2024, 11, 27), 66, 400
LISTING_DAY = (dt.date(2025, 7, 25) - FIRST).days  # Delegated Regulation (EU) 2025/1475
PREVALENCE = 0.0074
CN_PHONE = "+86 1@@ 0000 ####"
HOMES = ("FI", "SE", "EE", "LV")
ROMAN = "a b v g d e z i y k l m n o p r s t u f h c y e e zh ch sh sch   yu ya".split(" ")  # noqa: SIM905
CYRILLIC = dict(zip("абвгдезийклмнопрстуфхцыэёжчшщъьюя", ROMAN, strict=True))
LATIN_TABLE = str.maketrans(CYRILLIC | {c.upper(): r.title() for c, r in CYRILLIC.items()})
LANGUAGES = ("en", "zh", "de", "ru", "et", "fi")
WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
POST: dict[str, Any] = WORDS["post"]
LANDS: dict[str, dict[str, Any]] = WORDS["country"]
LISTS: dict[str, list[str]] = WORDS["lists"]
FORMS = WORDS["ends"].values()
T = TypeVar("T")
Row = dict[str, str]
Notes = dict[str, float]


class Draw:
    """Random draws from one generator, taken in blocks because single draws of numpy are slow."""

    def __init__(self, seed: int) -> None:
        """Seed the generator."""
        self.rng = np.random.default_rng(seed)
        self._uniform: list[float] = []
        self._normal: list[float] = []

    def u(self) -> float:
        """Return a number in [0, 1)."""
        if not self._uniform:
            self._uniform = self.rng.random(50_000).tolist()
        return self._uniform.pop()

    def yes(self, p: float) -> bool:
        """Return True with probability p."""
        return self.u() < p

    def below(self, n: int) -> int:
        """Return a whole number from 0 to n - 1."""
        return int(self.u() * n)

    def pick(self, options: Sequence[T]) -> T:
        """Return one option, all equally likely."""
        return options[int(self.u() * len(options))]

    def weigh(self, options: Sequence[T], sums: list[float]) -> T:
        """Return one option by cumulated weights."""
        return options[min(bisect_right(sums, self.u() * sums[-1]), len(options) - 1)]

    def spread(self, median: float, sigma: float) -> float:
        """Return a lognormal number."""
        if not self._normal:
            self._normal = self.rng.standard_normal(50_000).tolist()
        return median * math.exp(sigma * self._normal.pop())

    def digits(self, form: str) -> str:
        """Fill a form: # is any digit, @ one to nine."""
        return "".join(str(self.below(10)) if c == "#" else str(1 + self.below(9)) if c == "@" else c for c in form)


class Kind(NamedTuple):
    """One kind of goods: usual code, mass (kg) and value (EUR) of a piece, tags for a reader, words by language."""

    hs: str
    kg: float
    eur: float
    family: str
    tags: list[str]
    words: dict[str, list[str]]
    cas: str


@dataclass
class Party:
    """A sender or receiver with the habits that its manifests show; city is name, postcode and UN/LOCODE."""

    key: int
    role: str
    country: str
    name: str
    city: tuple[str, str, str]
    street: str
    phone: str
    email: str
    opened: int
    post: str
    lang: str
    habit: Notes
    goods: list[Kind] = field(default_factory=list)
    agent: str = ""
    market: str = ""


@dataclass
class Shipment:
    """The rows of one shipment, what a perfect reader sees in it, and its truth."""

    day: int
    minute: int
    sender: Party
    receiver: Party
    rows: list[Row]
    seen: Notes
    family: str
    content: str = "none"
    group: str = ""
    hard: bool = False


def plain(text: str) -> str:
    """Return the text in ASCII letters, Cyrillic transliterated."""
    text = text.translate(LATIN_TABLE).replace("ß", "ss").replace("ł", "l").replace("ı", "i")
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def inflect(given: str, family: str, country: str) -> str:
    """Return a person's name, the family name in the gender of the given name where the language asks for it."""
    if given[-1] in "ae":
        for old, new in WORDS["endings"].get(country, ()):
            if family.endswith(old):
                return f"{given} {family.removesuffix(old)}{new}"
    return f"{given} {family}"


def item_number(prefix: str, number: int, country: str) -> str:
    """Return a UPU S10 item identifier with its check digit."""
    digits = f"{number:08d}"
    check = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"{prefix}{digits}{({10: 0, 11: 5}).get(check, check)}{country}"
