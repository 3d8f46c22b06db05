"""Goods, parties and dice of the continental_road world."""

from __future__ import annotations

import random
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

START, DAYS, LISTING, MINUTES = datetime(2025, 2, 1), 445, "2025-08-14", "%Y-%m-%dT%H:%M:00Z"
WARMUP_SHARE, ILLICIT_SHARE, HARD_SHARE = 0.22, 0.0064, 0.045
W: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
HERE = W["destinations"]


class Good(NamedTuple):
    """A kind of goods; `texts` holds words by language, for a watched substance its common and systematic name."""

    key: str
    sector: str
    hs6: str
    unit_kg: float
    eur_kg: float
    role: str
    cas: str
    un: str
    texts: list[list[str]]
    content: str = ""
    listed: str = ""


class Party(NamedTuple):
    """A consignor or consignee; kind is firm, person, box (customer of a mail forwarder) or platform."""

    uid: int
    name: str
    home: tuple[str, str, str]
    country: str
    phone: str
    email: str
    opened: float
    known: str
    kind: str
    sector: str


class Line(NamedTuple):
    """One goods item as declared; `mode` tells how a watched substance is named."""

    good: Good
    kg: float
    eur: float
    mode: str = ""
    text: str = ""


@dataclass
class Spec:
    """One shipment before it is written down; `day` counts from START."""

    day: float
    channel: str
    far: Party
    near: Party
    lines: list[Line]
    origin: str = ""
    nature: str = ""
    group: str = ""
    content: str = "none"
    hard: bool = False
    permit: str = ""
    master: tuple[str, ...] = ()


class Dice(random.Random):
    """The standard library's draws, fed by one buffered numpy generator."""

    def __init__(self, seed: int) -> None:
        """Start the numpy generator."""
        super().__init__(seed)
        self.source, self.buffer = np.random.default_rng(seed), [0.5]

    def random(self) -> float:
        """Return a draw from [0, 1)."""
        if not self.buffer:
            self.buffer = self.source.random(8192).tolist()
        return self.buffer.pop()

    def chance(self, p: float) -> bool:
        """Return True with probability p."""
        return self.random() < p

    def weighed(self, table: dict[str, float]) -> str:
        """Return a key of the table, by its weight."""
        return self.choices(list(table), list(table.values()))[0]

    def early(self, options: list[Any], steep: float) -> Any:
        """Return one of the options; the steeper, the more often one of the first."""
        return options[int(self.random() ** steep * len(options))]

    def spread(self, median: float, sigma: float) -> float:
        """Return a lognormal draw."""
        return median * exp(self.gauss(0.0, sigma))

    def digits(self, pattern: str) -> str:
        """Return the pattern with # as a digit and X as a letter."""
        return "".join(self.choice({"#": "0123456789", "X": "ABCDEGHKLMNPRSTW"}.get(c, c)) for c in pattern)


def fold(text: str) -> str:
    """Return Latin letters without their marks; Cyrillic stays."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").translate(str.maketrans("łŁıđµ", "lLidu")))
    return "".join(c for c in plain if not unicodedata.combining(c))


def usual_kg(good: Good, channel: str) -> float:
    """Return the median net mass of such goods in this channel."""
    if channel == "express":
        return min(good.unit_kg * (1.3 if good.unit_kg > 4 else 2.5), 25.0)
    return max(210.0 if channel == "truck" else 850.0, good.unit_kg)


def date_of(day: float, form: str = "%Y-%m-%d") -> str:
    """Return a day of the simulation as text."""
    return (START + timedelta(days=day)).strftime(form)


def fits(party: Party, good: Good) -> bool:
    """Return whether the party's branch deals in such goods; private persons buy everyday goods."""
    users = W["users"].get(good.role) or W["users"].get(good.sector) or (good.sector, "trade", "")
    return party.sector in users or (party.kind == "platform" and good.role in ("", "plain", "vaguegoods", "look"))
