"""Goods, parties and shipments of the andes_ports world, as words.toml states them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
TABLE: dict[str, Any] = WORDS["table"]
START, DAYS = datetime(2024, 7, 15, tzinfo=UTC), 443
WARMUP, PREVALENCE, WAYS = 1.21, 0.0067, ("ocean", "air_cargo", "express", "truck")
Party = dict[str, str]


def unfold(text: str) -> list[str]:
    """Return the words of a text split at ";" or blanks, "CN2" as CN twice."""
    parts = text.split(";") if ";" in text else text.split()
    weighted = all(p[:2].isalpha() and p[2:].isdigit() for p in parts)
    return [p[:2] for p in parts for _ in range(int(p[2:]))] if weighted else parts


class Good(NamedTuple):
    """A line of words.toml: code, words by language, usual package, mass, price, tags."""

    sector: str
    hs: str
    words: tuple[list[str], list[str], list[str]]
    pack: str
    kg: float
    usd: float
    cas: str
    un: str
    tags: frozenset[str]
    listed: str = ""


@dataclass
class Bond:
    """Two parties, their goods and habits; scale is the usual size of a lot."""

    consignor: Party
    consignee: Party
    goods: list[Good]
    way: str
    export: str
    load: str
    unload: str
    agent: str
    price: float
    scale: float
    nature: str = "11"
    permit: float = 0.0


@dataclass
class Item:
    """One declared good with mass, value, declared HS6, package and how it is named."""

    good: Good
    kg: float
    usd: float
    code: str
    pack: str
    how: str = "name"


@dataclass
class Draft:
    """One shipment before it is written."""

    day: float
    bond: Bond
    items: list[Item]
    label: tuple[str, str, bool] = ("none", "", False)  # content, group, hard
    papers: tuple[str, str, str, bool, float] = ("", "", "", False, 0.0)  # master, house, carrier, permit, freight


def read_good(sector: str, line: str) -> Good:
    """Return the good of one line of a sector."""
    hs, es, pt, en, pack, kg, usd, cas, un, tags = line.split("|")
    listed = "2024-12-03" if "listed2" in tags else ("1961-01-01" if "listed" in tags else "")
    words = (es.split(";"), pt.split(";"), en.split(";"))
    return Good(sector, hs, words, pack, float(kg), float(usd), cas, un, frozenset(tags.split()), listed)


def read_watch(line: str) -> dict[str, Good]:
    """Return the goods that declare one watched substance by name, systematic name and CAS number."""
    listed, _, hs, un, es, pt, en, system, cas = line.split("|")
    name = read_good("fine", f"{hs}|{es}|{pt}|{en}|DR|200|38|{cas.split(';')[0]}|{un}|watch")._replace(listed=listed)
    numbers = [f"{w} CAS {n}" for n in cas.split(";") if n for w in ("quimico", "producto", "polvo", "chemical")]
    bare = system.split(";")
    return {"name": name, "sys": name._replace(words=(bare,) * 3), "cas": name._replace(words=(numbers or bare,) * 3)}


def read_mode(name: str) -> list[Good]:
    """Return a good for each wording of a kind of declaration."""
    codes, kg, usd, pack, sector, tags = WORDS["mode"][name]
    lines = [(code, *line.partition("|")) for code, line in zip(codes.split() * 9, WORDS["vague"][name], strict=False)]
    return [read_good(sector, f"{c}|{t}|{t}|{t}|{pack}|{kg}|{usd}|||{tags} {more}") for c, t, _, more in lines]


GOODS = {s: [read_good(s, line) for line in d["goods"]] for s, d in WORDS["sector"].items()}
HARD = {
    k: [read_good({"industry": "fine", "press": "mach"}.get(k, "drug"), g) for g in v] for k, v in WORDS["hard"].items()
}
WATCH = {k: read_watch(v) for k, v in WORDS["watch"].items()}
MODES = {name: read_mode(name) for name in WORDS["mode"]}
PLACES = {c: [tuple(p.split(":")) for p in text.split("|")] for c, text in WORDS["place"].items()}
ALL_CODES = [g.hs for goods in GOODS.values() for g in goods]
