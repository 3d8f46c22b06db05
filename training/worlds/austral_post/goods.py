"""Dice, parties, lines and lists of goods of the austral_post world."""

from __future__ import annotations

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
RATES, LISTS = WORDS["rates"], WORDS["lists"]
WARMUP_SHARE, DAYS, ILLICIT_SHARE = 0.24, 374.0, 0.0064
START = datetime(2024, 10, 21)
CN_LISTING = 272.0  # 2025-07-20: China lists 4-piperidone, its boc form and the nitazenes
LANGUAGES = ("en", "zh", "ja", "py", "ko", "vi", "de")
PRESS_WORDS, OTHER_COMPOUND = (re.compile(RATES[key], re.IGNORECASE) for key in ("press_words", "other_compound"))
CHEMISTRY = ("28", "29", "38")


class Rand(np.random.Generator):
    """A generator with the few draws that a world needs."""

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.random() < p

    def pick(self, values: Sequence[Any], power: float = 1.0) -> Any:
        """One of the values; a power above 1 prefers the first ones."""
        return values[int(self.random() ** power * len(values))]

    def weighted(self, weights: dict[str, float]) -> str:
        """One key by its weight."""
        at = self.random() * sum(weights.values())
        for key, weight in weights.items():
            at -= weight
            if at < 0:
                return key
        return next(iter(weights))

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high."""
        return low + int(self.random() * (high - low + 1))

    def spread(self, median: float, sigma: float) -> float:
        """A lognormal number."""
        return median * math.exp(sigma * self.standard_normal())


@dataclass
class Party:
    """A sender or receiver; `kind` is what a careful reader sees, `fields` what a manifest says of it."""

    number: int
    kind: str
    country: str
    fields: dict[str, str]
    port: str
    opened: float
    known: bool
    box: bool
    categories: list[str]


@dataclass
class Line:
    """One goods item before noise: `tag` is the reader's class of the words, `norm_*` what such goods have."""

    text: str
    tag: str
    hs: str
    norm_kg: float
    norm_usd: float
    kg: float
    usd: float
    quantity: int = 1
    substance: str = ""
    cas: str = ""
    declared: str = ""
    code: str = ""


@dataclass
class Draft:
    """One shipment before it is written; `fields` are those that its flow decides."""

    day: float
    sender: Party
    receiver: Party
    flow: dict[str, Any]
    truth: dict[str, Any]
    fields: dict[str, str]
    lines: list[Line]
    shown: str = ""


def read_list(name: str) -> dict[str, list[tuple[str, float, float, str]]]:
    """A special word list by language; a prefix such as "de:" names the language where the script does not."""
    texts: dict[str, list[tuple[str, float, float, str]]] = defaultdict(list)
    for row in LISTS[name]:
        hs, kg, usd, text = (RATES["defaults"].get(name, "") + row).split("|")
        head, colon, tail = text.partition(":")
        marked = bool(colon) and head in LANGUAGES
        language = head if marked else next((k for k, v in RATES["scripts"].items() if re.search(v, text)), "en")
        texts[language].append((hs, float(kg), float(usd), tail if marked else text))
    return texts


TEXTS = {name: read_list(name) for name in [*RATES["defaults"], *RATES["own_codes"]]}
GOODS = {c: [row.split("|") for row in LISTS["goods"] if row.split("|")[3] == c] for c in "AFGJETBHCSMPZWVKNLX"}
SUBSTANCES: dict[str, list[str]] = {row.split("|")[0]: row.split("|") for row in LISTS["substances"]}


def keys_of(listing: str) -> list[str]:
    """The watched substances of a listing: a content, "opioid" or a precursor's legal state."""
    return [k for k, row in SUBSTANCES.items() if listing in (row[1], row[2])]
