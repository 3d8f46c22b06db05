"""Dice, goods and parties of the gateway_hub world."""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
PARTY, DECOR, NOISE, FORMS = WORDS["parties"], WORDS["decor"], WORDS["noise"], WORDS["forms"]
FLOWS, GROUPS, MISC = WORDS["flows"], WORDS["groups"], WORDS["parties"]["misc"]
START, SCORED, END = datetime(2023, 12, 1), datetime(2024, 3, 1), datetime(2025, 2, 1)
SHIFT = date(2024, 9, 2)  # listings of China (1 September) and Canada (3 September)
PREVALENCE, WARMUP = 0.0062, 0.24
Weights = dict[str, float]


class Dice:
    """Fast draws from one numpy generator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self._uniform: list[float] = []

    def u(self) -> float:
        """Uniform in [0, 1)."""
        if not self._uniform:
            self._uniform = self.rng.random(8192).tolist()
        return self._uniform.pop()

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.u() < p

    def pick(self, options: Any) -> Any:
        """One of a sequence."""
        return options[int(self.u() * len(options))]

    def whole(self, low: int, high: int) -> int:
        """Whole number from low to high, both included."""
        return low + int(self.u() * (high - low + 1))

    def spread(self, median: float, sigma: float) -> float:
        """Log-normal around a median."""
        return median * math.exp(sigma * float(self.rng.standard_normal()))

    def weigh(self, weights: Weights) -> str:
        """One key, by weight."""
        point = self.u() * sum(weights.values())
        for key, weight in weights.items():
            point -= weight
            if point < 0:
                return key
        return next(iter(weights))

    def form(self, patterns: list[str], **parts: str) -> str:
        """One of the patterns with its parts put in, then # a digit, $ a digit but 0, ? a letter."""
        kinds = {"#": "0123456789", "$": "123456789", "?": "ABCEGHJKLMNPRSTVXY"}
        return "".join(self.pick(kinds[c]) if c in kinds else c for c in self.pick(patterns).format_map(parts))

    def respell(self, text: str, table: list[list[str]]) -> str:
        """The text with some of its words in another spelling."""
        for word, others in table:
            text = text.replace(word, self.pick(others.split("|"))) if word in text and self.chance(0.6) else text
        return text


class Goods(NamedTuple):
    """One kind of goods as words.toml describes it: masses and values are those of one unit."""

    family: str
    hs6: str
    kg: float
    usd: float
    words: tuple[str, ...]


@dataclass
class Party:
    """A consignor or consignee. `show`: name, address, city, postcode, phone, email; manifests have variants."""

    pid: int
    kind: str
    line: str
    country: str
    place: str
    show: dict[str, str]
    opened: date
    known: str
    agent: str
    upper: bool
    first: datetime
    forwarder: bool = False


@dataclass
class Item:
    """A goods item as declared, with what a perfect reader notes in it (`code_fit` as `Maker.code` returns it)."""

    text: str
    hs6: str
    code_fit: float
    kg: float
    usd: float
    units: int
    line: str
    origin: str
    goods: Goods
    chemical: str = ""
    cas: str = ""
    traits: Weights = field(default_factory=dict)


@dataclass
class Shipment:
    """A shipment before it is written down. `permit`: the field and its kind."""

    when: datetime
    sender: Party
    receiver: Party
    items: list[Item]
    market: str
    nature: str
    permit: tuple[str, str]
    via: str
    group: str
    hard: bool
    content: str = "none"
    wave: int = -1  # houses of one wave and country fly under one master


def read_goods(family: str) -> list[Goods]:
    """Goods of one family."""
    parts = [line.split(";") for line in WORDS["goods"][family]]
    return [Goods(family, hs, float(kg), float(usd), tuple(words.split("|"))) for hs, kg, usd, words in parts]


def read_traits(text: str) -> tuple[str, Weights]:
    """Line of business and noted traits of one family."""
    line, _, rest = text.partition(";")
    return line, {pair.split("=")[0]: float(pair.split("=")[1]) for pair in rest.split()}


GOODS = {family: read_goods(family) for family in WORDS["goods"]}
TRAITS = {family: read_traits(text) for family, text in WORDS["traits"].items()}


def day_weights() -> np.ndarray:
    """Cumulated weight of each day: weekdays, the year's end, Chinese New Year, slow growth."""
    weights = []
    for number in range((END - START).days):
        day = START + timedelta(days=number)
        weight = (1, 1.05, 1.05, 1, 0.95, 0.6, 0.35)[day.weekday()] * (1 + 0.0006 * number)
        weight *= 1.35 if (11, 5) <= (day.month, day.day) <= (12, 20) else 1
        quiet = datetime(2024, 2, 8) <= day <= datetime(2024, 2, 20) or day >= datetime(2025, 1, 25)
        weights.append(weight * (0.55 if quiet else 1))
    return np.asarray(np.cumsum(weights) / np.sum(weights))


class Parties:
    """Makes parties and remembers who has shipped before, by flow, role and country."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.count = dice, 0
        self.used: dict[tuple[str, str, str], list[Party]] = defaultdict(list)
        self.partners: dict[int, list[Party]] = defaultdict(list)

    def new(self, kind: str, country: str, line: str, when: datetime, young: float = 0.13) -> Party:
        """A party that was never seen before."""
        d = self.dice
        self.count += 1
        cities = [entry.split(",") for entry in PARTY[f"city_{country}"]]
        city, postcode, place, _, *area = cities[int(d.weigh({str(n): float(e[3]) for n, e in enumerate(cities)}))]
        syllables = PARTY.get(f"syllable_{'CN' if country == 'HK' else country}", PARTY["syllable_XX"])
        word = d.pick(PARTY["linea" if country == "MX" else "line"][line])
        parts = {key: d.pick(PARTY[f"{key}_{country}"]) for key in ("family", "given", "street")} | {
            "city": city, "initial": d.pick("ABCDEFGHJKLMNPRSTVW"), "free": d.pick(MISC["free"]),
            "other": d.pick(PARTY[f"family_{country}"]).split()[0], "word": word,
            "suffix": d.pick([text for text in PARTY[f"suffix_{country}"] if word[:6] not in text]),
            "stem": "".join(d.pick(syllables) for _ in range(1 if country == "MX" else 2 + d.chance(0.55))).title(),
        }  # fmt: skip
        private = kind == "person" or (kind == "seller" and d.chance(0.3))
        shape = kind if kind in ("lab", "hospital") else NOISE["firm"].get(country, "west")
        first = {"family": parts["family"].split()[0]}
        name = d.form(FORMS["firm"]["person" if private else shape], **(parts if private else parts | first))
        box = "private" if private else "free" if d.chance(0.45 if kind == "seller" else 0.15) else "own"
        short = {key: "".join(c for c in text.split()[0] if c.isalnum()) for key, text in parts.items()}
        short |= {"free": parts["free"], "stem": parts["stem"].replace(" ", "")}
        abroad = d.pick(["CN", "HK", "IN"]) if d.chance(0.035) else country
        if country == "US" and d.chance(0.18):
            postcode += "-$###"
        elif country == "CN" and d.chance(0.5):
            postcode = postcode[:4] + "00"
        show = {
            "name": name, "address": d.form(FORMS["street"][NOISE["street"].get(country, "other")], **parts),
            "city": city, "postcode": d.form([postcode]), "email": d.form(FORMS["email"][box], **short).lower(),
            "phone": d.form([PARTY["phone"][abroad]], a="".join(area)),
        }  # fmt: skip
        age = d.spread(22, 0.8) if d.chance(young) else 30 + d.spread(600, 1.0)
        known = "Y" if d.chance(NOISE["known"].get(kind, 0.01)) else "N"
        kind, line = "person" if private else kind, "retail" if name[0].isdigit() else line
        opened, agent, upper = (when - timedelta(days=age)).date(), d.pick(MISC["agents"]), d.chance(0.35)
        return Party(self.count, kind, line, country, place, show, opened, known, agent, upper, when)

    def take(self, key: tuple[str, str, str], fresh: float, when: datetime, make: tuple[str, str, float]) -> Party:
        """An earlier party of this flow (the busier the likelier), or with chance `fresh` a new one."""
        past, d = self.used[key], self.dice
        if past and not d.chance(fresh):
            party: Party = d.pick(past)
        else:
            party = self.new(make[0], key[2], make[1], when, make[2])
            if past and d.chance(0.045):
                self.sibling(party, d.pick(past))
            if key[1] == "r" and d.chance(0.035):
                self.relay(party)
        past.append(party)
        return party

    def relay(self, party: Party) -> None:
        """Gives the party the address of a forwarder, mailbox or store."""
        relay = self.dice.pick(MISC["forwarder"])
        party.show["address"] = self.dice.form(["{x} $##, {y}"], x=relay, y=party.show["address"])
        party.forwarder = True

    def sibling(self, party: Party, other: Party) -> Party:
        """The party with one or more contacts of another: one operator with several names."""
        which = self.dice.weigh({"phone": 4, "email": 3, "address": 3})
        taken = [key for key in ("phone", "email") if key == which or self.dice.chance(0.17)]
        party.show |= {key: other.show[key] for key in taken}
        if which == "address":
            party.show |= {key: other.show[key] for key in ("address", "city", "postcode")}
            party.place = other.place
        return party

    def earlier(self, flow: str, role: str, country: str, when: datetime) -> Party | None:
        """A party of a licit flow that was active before `when`."""
        past = self.used.get((flow, role, country), [])
        tries = [self.dice.pick(past) for _ in range(12 if past else 0)]
        return next((party for party in tries if party.first < when), None)
