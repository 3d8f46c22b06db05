"""Dice, parties and plans of the levant_freezone world, and segments of trade, played out as flows between parties."""

from __future__ import annotations

import datetime as dt
import math
import re
import tomllib
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
GOODS, PLACE, NAME = WORDS["goods"], WORDS["place"], WORDS["name"]
START = dt.datetime(2024, 7, 15)
DAYS, WARMUP = 470.0, 0.22
UN_LISTING, CN_LISTING = 141.0, 370.0  # 2024-12-03 (4-piperidones, UN) and 2025-07-20 (China), days after START
HOME = ("TR", "AE", "EG", "IL", "GE")
HUBS, RATE, CARRIERS, PREFIX, SCALE = (WORDS[k] for k in ("hubs", "rate", "carriers", "prefix", "scale"))
MISSING, FORM, BOX, SCALARS = (WORDS[k] for k in ("missing", "form", "box", "scalars"))
TRADES, AGENTS, TAGS = SCALARS["trades"], SCALARS["agents"], SCALARS["tags"].split()
BROAD = ("trader", "forwarder", "market", "private")  # these deal in anything
PER_ITEM = ("hs_code", "net_mass_kg", "quantity", "customs_value", "origin_country")  # gaps differ between items
KINDS: dict[str, list[str]] = {
    g["trade"]: [k for k in GOODS if GOODS[k]["trade"] == g["trade"]] for g in GOODS.values()
}


def stream(draw: Callable[[int], Any]) -> Iterator[float]:
    """Draw in blocks, because single draws are slow."""
    while True:
        yield from draw(65536).tolist()


class Dice:
    """Random draws from one numpy generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.weights = cache(weights)
        self.u = stream(self.rng.random).__next__  # uniform on [0, 1)
        self.n = stream(self.rng.standard_normal).__next__

    def hit(self, chance: float) -> bool:
        """Return True with this chance."""
        return self.u() < chance

    def of(self, options: Sequence[str] | str) -> str:
        """Pick one of the options; a text is cut at bars."""
        seq = options.split("|") if isinstance(options, str) else options
        return seq[int(self.u() * len(seq))]

    def weigh(self, text: str) -> str:
        """Pick one word of 'a:3 b:1' by weight."""
        names, sums = self.weights(text)
        return names[bisect(sums, self.u() * sums[-1])]

    def more(self, mean: float) -> int:
        """Draw a geometric count with this mean."""
        return int(math.log(1 - self.u()) / math.log(mean / (1 + mean))) if mean > 0 else 0

    def digits(self, count: int) -> str:
        """Draw a text of digits."""
        return f"{int(self.u() * 10**count):0{count}d}" if count else ""


def weights(text: str) -> tuple[list[str], list[float]]:
    """Read 'a:3 b:1' as names and running sums."""
    pairs = [word.partition(":") for word in text.split()]
    return [p[0] for p in pairs], np.cumsum([float(p[2] or 1) for p in pairs]).tolist()


@dataclass
class Party:
    """One sender or receiver; `key` is who it really is."""

    key: int
    kind: str
    country: str
    trade: str
    name: str
    address: str
    city: str
    postcode: str
    phone: str
    email: str
    opened: float
    known: str
    free_zone: bool


@dataclass
class Plan:
    """One shipment to be written."""

    day: float
    segment: dict[str, Any]
    sender: Party
    receiver: Party
    channel: str
    kinds: list[str]
    content: str
    route: tuple[str, list[str], bool] = ("", [], False)
    carrier: str = ""
    agent: str = ""
    currency: str = "USD"
    master: str = ""
    facts: dict[str, float] = field(default_factory=dict)


class Town:
    """Makes parties and keeps them for later business."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.number = count(1).__next__
        self.pool: dict[tuple[str, str, str], list[Party]] = {}

    def name(self, kind: str, trade: str, country: str, city: str) -> str:
        """Invent the name of a person or company as that country writes it."""
        d, words = self.dice, NAME[PLACE[country]["n"]]
        if kind == "private" or (kind == "market" and d.hit(0.25)):
            second = f" {d.of(words['g'])}" if d.hit(0.25) else f" {chr(65 + int(d.u() * 26))}." if d.hit(0.3) else ""
            return f"{d.of(words['g'])}{second} {d.of(words['f'])}"
        stem = d.of(words["s"])
        if words.get("two"):
            stem = (stem + d.of(words["s"]) + (d.of(words["s"]) if d.hit(0.2) else "")).capitalize()
            stem = f"{city.split()[0]} {stem}" if d.hit(0.7) else stem
        elif d.hit(0.6):
            stem += " " + d.of(words["s"])
        word = d.of(WORDS["trade"].get(trade, WORDS["trade"]["general"])) + " " if d.hit(0.75) else ""
        return f"{stem} {word}{d.of(words['e'])}"

    def make(self, kind: str, trade: str, country: str, segment: dict[str, Any], day: float) -> Party:
        """Invent a party that opens its account some time before `day`."""
        d, place = self.dice, PLACE[country]
        city, head = place["c"][int(d.u() ** 1.5 * len(place["c"]))]
        name = self.name(kind, trade, country, city)
        zone = kind in ("trader", "forwarder", "chemco") and d.hit(segment.get("free", 0.12))
        street = d.of(place["fz"]) + " Office " + d.digits(4) if zone else d.of(NAME[place["n"]]["t"])
        address = street if zone else f"{street} No {1 + int(d.u() * 400)}/{1 + int(d.u() * 60)}"
        phone = f"+{place['cc']} {d.digits(3)} 000 {d.digits(4)}"
        if country in ("US", "GB"):
            phone = (
                f"+1 {d.of('212|713|310')} 555 01{d.digits(2)}" if country == "US" else f"+44 20 7946 0{d.digits(3)}"
            )
        slug = re.sub(r"[^a-z]", "", name.lower())[:14]
        free_mail = kind in ("private", "market") or d.hit(0.3)
        email = (
            f"{slug}{d.digits(2)}@mailbox.example.net"
            if free_mail
            else f"{d.of('info|sales|export')}@{slug}.example.com"
        )
        quiet = segment.get("nocontact", 0.0) + (0.2 if kind == "private" else 0.08)
        young = d.hit(segment.get("fresh", 0.05 if kind != "private" else 0.3))
        age = 4 + 50 * d.u() ** 1.3 if young else 80 + 700 * math.exp(0.8 * d.n())
        known = "Y" if not young and kind not in ("private", "market") and d.hit(0.45) else "N"
        old = self.pool.get(("any", "company", country))
        if old and kind != "private" and d.hit(0.05):  # business centres and sister firms share an address
            address = old[int(d.u() * len(old))].address
        return Party(
            self.number(),
            kind,
            country,
            trade,
            name,
            address,
            city,
            head + d.digits(max(0, place["pc"] - len(head))),
            "" if d.hit(quiet) else phone,
            "" if d.hit(quiet + 0.1) else email,
            day - age,
            known,
            zone,
        )

    def alias(self, party: Party, segment: dict[str, Any], day: float) -> Party:
        """Give a party another name, mostly at the same address, often with the same telephone."""
        other = self.make(party.kind, "general", party.country, segment, day)
        address, city = (party.address, party.city) if self.dice.hit(0.65) else (other.address, other.city)
        phone = party.phone if self.dice.hit(0.4) else other.phone
        return replace(other, address=address, city=city, phone=phone, opened=day - 30)

    def find(self, role: str, segment: dict[str, Any], trade: str, day: float, avoid: str = "") -> Party:
        """Return an old party of the wanted kind and country, or a new one, and remember it."""
        d = self.dice
        kind = d.weigh(segment["sender" if role == "from" else "receiver"])
        country = d.weigh(segment[role])
        if country == avoid:  # no inland trade
            country = d.of([c for c in HOME if c != avoid])
        if d.hit(segment.get("offtrade", 0.15)) or trade not in WORDS["trade"]:  # a firm whose trade the goods are not
            trade = d.of(("general", d.weigh(TRADES)))
        place = (role, kind if kind in BROAD else kind + trade, country)
        known = self.pool.setdefault(place, [])
        if known and d.hit(segment.get("old", [0.2, 0.2])[role == "to"]):
            party = known[int(d.u() * len(known))]
            if d.hit(0.3):
                known.append(party)
            return party
        party = self.make(kind, trade, country, segment, day)
        known.append(party)
        if kind != "private":
            self.pool.setdefault(("any", "company", country), []).append(party)
        return party


def route(dice: Dice, sender: str, receiver: str, segment: dict[str, Any]) -> tuple[str, list[str], bool]:
    """Choose the country of export, the countries passed, and whether the way makes no sense."""
    hubs = HUBS.get(receiver, "AE TR").split()
    way, export = [sender], sender
    if dice.hit(0.7 if receiver not in HOME else 0.12):
        hub = dice.of(hubs)
        if hub not in (sender, receiver):
            way.append(hub)
            export = hub if dice.hit(0.35) else sender
    odd = dice.hit(segment.get("detour", 0.006))
    if odd:
        strange = [c for c in (*HOME, "JO", "HK", "NL") if c not in (*hubs, sender, receiver)]
        way.append(dice.of(strange))
        if dice.hit(0.3):
            way.append(dice.of([c for c in strange if c not in way]))
        export = dice.of(way[1:]) if dice.hit(0.4) else export
    return export, [*way, receiver], odd


def profile(dice: Dice, text: str, width: int, one: bool = False) -> list[str]:
    """Choose the kinds of goods of a flow; of one trade if wanted."""
    chosen: list[str] = []
    for _ in range(1 + int(dice.u() * width)):
        word = dice.weigh(text)
        word = dice.weigh(TRADES) if word == "*" else word
        word = GOODS[chosen[0]]["trade"] if chosen and one else word
        chosen.append(word[1:] if word[0] == "@" else dice.of(KINDS[word]))
    return chosen


def flow(dice: Dice, town: Town, segment: dict[str, Any], number: int) -> list[Plan]:
    """Plan one order or run of business: a sender, a receiver and dates."""
    start = (number * 0.6180339887) % 1.0 * DAYS  # evenly spread, so that no period is without a group
    kinds = profile(dice, segment["goods"], segment.get("width", 2), segment["name"] == "maker")
    later = profile(dice, segment.get("later", segment["goods"]), segment.get("width", 2))
    sender = town.find("from", segment, GOODS[kinds[0]]["trade"], start)
    receiver = town.find("to", segment, GOODS[kinds[0]]["trade"], start, sender.country)
    way, channel = route(dice, sender.country, receiver.country, segment), dice.weigh(segment["chan"])
    if channel == "truck" and not {sender.country, receiver.country} <= set(SCALARS["road"].split()):
        channel = "air_cargo"
    carrier, agent = dice.of(CARRIERS[channel].split()), dice.of(AGENTS)
    currency = dice.of(["USD", "USD", "USD", PLACE[sender.country]["cur"], PLACE[receiver.country]["cur"]])
    illicit = bool(segment.get("content"))
    runs = min(1 + dice.more(segment.get("k", 1) * (1 if illicit or dice.hit(0.85) else 3)), 7 if illicit else 99)
    plans, day, new = [], start, None
    content = dice.weigh(segment["content"]) if illicit else "none"
    for index in range(runs):
        if index:
            day += -math.log(1 - dice.u()) * segment.get("gap", 24)
        if day >= DAYS:
            day = start + (DAYS - start) * dice.u() if illicit else day % DAYS  # old business runs on from before
        to, by = receiver, sender
        if index and dice.hit(segment.get("split", 0)):  # the same door under another name
            to = replace(town.alias(receiver, segment, day), key=receiver.key, phone=receiver.phone)
        changed = segment.get("rename") and index >= max(1, runs // 2)
        if changed or (index and segment.get("master")):  # a later name, or houses of one sender under several names
            new = by = new if changed and new else town.alias(sender, segment, day)
        shifted = changed or ("later" in segment and not segment.get("rename") and day > UN_LISTING + 20 * dice.n())
        master = f"{number}" if segment.get("master") else ""
        plans.append(
            Plan(
                day,
                segment,
                by,
                to,
                channel,
                later if shifted else kinds,
                content,
                way,
                carrier,
                agent,
                currency,
                master,
            )
        )
    for index in range(dice.more(segment.get("cover", 0.0))):  # the same sender's honest business
        base = plans[index % runs]
        honest = {"name": "", "chan": "", "items": 1.0, "mix": 0.6}
        other = (
            base.receiver if dice.hit(0.4) else town.make("trader", "general", base.receiver.country, segment, base.day)
        )
        when = base.day + 0.05 * index if base.master else dice.u() * DAYS
        plans.append(
            replace(
                base,
                day=min(when, DAYS - 0.01),
                segment=honest,
                receiver=other,
                content="none",
                kinds=profile(dice, "*:1", 3),
                facts={},
            )
        )
    return plans


def plan_all(dice: Dice, total: int) -> list[Plan]:
    """Play all segments until each has its share; what is left goes to the marketplaces."""
    town, plans, number, owed = Town(dice), list[Plan](), 0, 0.0
    segments = WORDS["segment"]
    base = sum(s["share"] for s in segments if not s.get("hard") and not s.get("content"))
    factor = (0.996 - sum(s["share"] for s in segments) + base) / base
    for segment in [*segments, {**next(s for s in segments if s["name"] == "market"), "share": 1.0}]:
        special = segment.get("hard") or segment.get("content")
        owed += segment["share"] * (1.0 if special else factor) * total
        part: list[Plan] = []
        own = 0
        while own < round(owed) and len(plans) + len(part) < total:
            number += 1
            new = flow(dice, town, segment, number)
            mine = [p for p in new if p.segment is segment][: round(owed) - own]
            part += mine + [p for p in new if p.segment is not segment]
            own += len(mine)
        owed -= own
        plans += part[: total - len(plans)]
    for plan in plans:  # quiet days push goods to the next
        date = START + dt.timedelta(days=plan.day)
        new_year = plan.sender.country == "CN" and (date.month, date.day // 12) in ((1, 2), (2, 0))
        quiet = 0.45 * (date.weekday() in (4, 6)) + 0.4 * new_year
        if dice.hit(quiet) and plan.day < DAYS - 3:
            plan.day += 1 + 2 * dice.u() * (0 if plan.master else 1)
        plan.sender.opened = min(plan.sender.opened, plan.day - 1 - 2 * dice.u())
    return sorted(plans, key=lambda p: p.day)
