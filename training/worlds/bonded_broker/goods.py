"""Goods, items, parties and shipments of the bonded_broker world."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

START, WARM, DAYS, PREVALENCE = datetime(2023, 12, 1), 76, 442, 0.0066
LISTING = 275  # 2024-09-01, when China listed 4-AP, 1-boc-4-AP and norfentanyl
WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
SUFFIXES = ("0000", "0090", "0050", "0010", "5000", "9000", "2000", "8095")
CHANNELS = ("postal", "express", "air_cargo", "ocean", "truck", "rail")
CHEMICAL = {"base_chem", "fine_chem", "vague_chem", "listed", "designer", "opioid", "standard"}
T = TypeVar("T")


@dataclass(frozen=True)
class Good:
    """A kind of goods; `kg` and `usd` are those of one piece, `names` its English, Spanish and Chinese words."""

    family: str
    kind: str
    hs: str
    kg: float
    usd: float
    names: list[list[str]]
    cas: str


@dataclass
class Item:
    """A goods item as declared; `seen` is the kind that the words show, `hs` the declared code."""

    good: Good
    kg: float
    usd: float
    qty: int
    seen: str = ""
    hs: str = ""
    research: bool = False
    cas: bool = False


@dataclass(eq=False)
class Party:
    """A consignor or consignee; `contact` or `site` is equal where phone and e-mail, or the address, are shared."""

    uid: int
    kind: str
    country: str
    place: str
    text: dict[str, str]
    opened: float
    contact: int
    site: int
    focus: dict[str, list[Good]] = field(default_factory=dict)
    partners: list[Party] = field(default_factory=list)


@dataclass
class Ship:
    """A shipment before it is written down; `shown` keeps what the written rows say."""

    day: float
    channel: str
    sender: Party
    receiver: Party
    items: list[Item]
    style: str
    nature: str
    permit: str
    export: str
    label: tuple[str, str, bool]
    shown: dict[str, Any] = field(default_factory=dict)


def mix(text: str) -> list[str]:
    """Read "a*3 b" as a, a, a, b."""
    return [name for name, _, times in (part.partition("*") for part in text.split()) for _ in range(int(times or 1))]


def read_goods() -> dict[str, list[Good]]:
    """Read the kinds of goods by family; what is named among the designer precursors is one in every family."""
    result: dict[str, list[Good]] = defaultdict(list)
    designers = {line.split("|")[6] for line in WORDS["goods"]["designer"]} - {""}
    for family, lines in WORDS["goods"].items():
        for number, line in enumerate(lines):
            hs, kg, usd, *names, cas = [*line.split("|"), ""][:7]
            kind = "designer" if cas in designers else WORDS["kinds"].get(family, "consumer")
            hs += SUFFIXES[(number * 3 + len(names[0])) % len(SUFFIXES)]
            words = [[word for word in text.split("/") if word] for text in names]
            result[family].append(Good(family, kind, hs, float(kg), float(usd), words, cas))
    return result


GOODS = read_goods()
