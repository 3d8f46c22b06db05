"""Random draws, goods, firms and persons of the southharbour world."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

W: dict[str, Any] = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
START, DAYS = datetime(2025, 2, 1, tzinfo=UTC), 453.0
LISTED_ON = 174.0  # EU listing of 4-piperidone and 1-boc-4-piperidone, 25 July 2025
WARMUP, PREVALENCE, HARD = 0.24, 0.0057, 0.022
VALUED = 0.58  # share of cargo filings that show a value
LANGUAGES = ("en", "es", "fr", "it", "nl")
CHEMICAL = ("solv", "fine", "addv", "dye", "exci", "api", "plas", "cosm", "prec", "opio", "narc", "lab")
MACHINE = ("mach", "fmac", "cmac", "press", "tool", "part")
COUNTED = ("text", "cons", "med", *MACHINE)
KIT = ("E1", "E2", "B", "D", "P")
T = TypeVar("T")


class Good(NamedTuple):
    """Kind of goods in the catalogue; `kgp` is the mass per package in kg, `packs` the usual number of packages by sea."""

    key: str
    fam: str
    flags: str
    hs: str
    near: list[str]
    kgp: float
    packs: float
    usd: float
    kinds: list[str]
    sea: float
    origins: list[str]
    cas: str
    un: str
    names: dict[str, list[str]]


class Party(NamedTuple):
    """Consignor, consignee or agent; `site` is street, city and postcode. Namesakes have the same `stem`."""

    name: str
    site: tuple[str, str, str]
    country: str
    phone: str
    email: str
    opened: float
    kind: str
    fam: str
    stem: str


class Line(NamedTuple):
    """Goods item; `lot` is the log of its mass relative to the usual mass, `weight` the same for its mass per package."""

    good: Good
    kind: str
    number: int
    net: float
    usd: float
    code: str
    lot: float
    weight: float


class Route(NamedTuple):
    """Channel, countries, ports and agent of a shipment."""

    channel: str
    origin: str
    export: str
    ports: tuple[str, str]
    agent: str


@dataclass(slots=True, eq=False)
class Plan:
    """Shipment before it is written. The filing shows its value only if `worth` is below `VALUED`."""

    when: float
    sender: Party
    receiver: Party
    route: Route
    lines: list[Line]
    group: str = ""
    content: str = "none"
    hard: bool = False
    permit: str = ""
    nature: str = ""
    pooled: bool = False
    worth: float = 0.0
    master: list[Plan] = field(default_factory=list)
    bill: str = ""


class Draw:
    """Fast seeded draws from one numpy Generator."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._flat: list[float] = []
        self._bell: list[float] = []

    def unit(self) -> float:
        """Return a uniform number in [0, 1)."""
        if not self._flat:
            self._flat = self._rng.random(65536).tolist()
        return self._flat.pop()

    def bell(self, spread: float = 1.0) -> float:
        """Return a normal number around 0."""
        if not self._bell:
            self._bell = self._rng.standard_normal(65536).tolist()
        return self._bell.pop() * spread

    def chance(self, p: float) -> bool:
        """Return True with probability p."""
        return self.unit() < p

    def pick(self, options: Sequence[T]) -> T:
        """Return a random element; all are equally likely."""
        return options[int(self.unit() * len(options))]

    def word(self, options: str) -> str:
        """Return a random word of a string, with underscores replaced by spaces."""
        return self.pick(options.split()).replace("_", " ")

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self.unit() * (high - low + 1))

    def weighted(self, table: dict[str, float]) -> str:
        """Return a key with probability in proportion to its value."""
        left = self.unit() * sum(table.values())
        for key, weight in table.items():
            left -= weight
            if left < 0:
                return key
        return key

    def digits(self, pattern: str) -> str:
        """Fill each # of a pattern with a digit."""
        return "".join(str(int(self.unit() * 10)) if c == "#" else c for c in pattern)


def read_goods(text: str) -> dict[str, Good]:
    """Read the catalogue: one good per line, fields separated by bars."""
    goods = {}
    for row in text.strip().splitlines():
        if not row.startswith("#"):
            key, fam, flags, hs, near, kgp, packs, usd, kinds, sea, origins, ids, *names = row.split("|")
            cas, _, un = ids.partition(";")
            words = {code: name.split(";") for code, name in zip(LANGUAGES, names, strict=True)}
            numbers, lists = (float(kgp), float(packs), float(usd)), (kinds.split(), float(sea), origins.split())
            goods[key] = Good(key, fam, flags, hs, near.split(), *numbers, *lists, cas, un, words)
    return goods


class Parties:
    """Maker of firms, persons and agents, with a pool of established firms for each country and trade."""

    def __init__(self, draw: Draw, scale: float) -> None:
        self.draw, self.scale = draw, scale
        self.land = {row[0]: row[1:] for row in (line.split("|") for line in W["countries"].strip().splitlines())}
        self.weight = {code: float(row[2]) for code, row in self.land.items()}
        self.offices: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self.firms: dict[str, list[Party]] = defaultdict(list)

    def place(self, country: str, shared: float = 0.0) -> tuple[str, str, str]:
        """Return street, city and postcode; with probability `shared` those of a business centre that several firms share."""
        draw, land, pool = self.draw, self.land[country], self.offices[country]
        centre = draw.chance(shared)
        if centre and len(pool) >= max(3, round(self.scale * 14)):
            return draw.pick(pool)
        city, _, pattern = draw.pick(land[3].split(";")).partition("=")
        words = W["firms"][land[0]]
        core = draw.word(words["roots"]) + draw.word(words["ends"])
        form = draw.pick(words["streets"])
        street = form.format(n=draw.whole(1, 240), d=draw.whole(1, 9), A=core, S=draw.word(words["last"]))
        site = street, city, draw.digits(pattern)
        pool += [site] * centre
        return site

    def firm(self, country: str, fam: str, opened: float, shared: float = 0.13) -> Party:
        """Make a firm of the trade `fam`; `opened` is in days since `START`."""
        draw, land = self.draw, self.land[country]
        words = W["firms"][land[0]]
        trades = W["trades"].get("tr" if land[0] == "tr" else land[1], W["trades"]["en"])
        core = draw.word(words["roots"]) + draw.word(words["ends"])
        site = self.place(country, shared)
        trade = draw.pick(trades[W["alias"].get(fam, fam)] if draw.chance(0.82) else trades["trad"])
        name = draw.pick(words["forms"]).format(A=core, S=draw.word(words["last"]), C=site[1], T=trade)
        name = name.replace("International International", "International")
        domain = core.lower().replace(" ", "") + draw.word(".example.com .example.net .example.org")
        email = draw.word("info sales export import office") + "@" + domain
        return Party(name, site, country, draw.digits(land[6]), email, opened, "firm", fam, country + name)

    def person(self, country: str, opened: float) -> Party:
        """Make a private person."""
        draw, land = self.draw, self.land[country]
        words = W["firms"][land[0]]
        first, last = draw.word(words["first"]), draw.word(words["last"])
        second = draw.word(words["last"]) if land[0] in ("es", "pt", "la") and draw.chance(0.5) else ""
        name, site = f"{first} {last} {second}".strip(), self.place(country)
        email = f"{first}.{last}{draw.whole(1, 99)}@mail.example.{draw.word('com net org')}".lower().replace(" ", "")
        return Party(name, site, country, draw.digits(land[6]), email, opened, "private", "none", country + email)

    def established(self, country: str, fam: str, skew: float = 1.6) -> Party:
        """Return an established firm or agent. With a higher `skew`, fewer firms do most of the trade."""
        draw, pool = self.draw, self.firms[country + fam]
        share = W["destinations"].get(country, self.weight[country])
        size = 6 if fam == "agent" else max(3, round(self.scale * 0.3 * share**0.7))
        while len(pool) < size:
            firm = self.firm(country, "trad" if fam == "agent" else fam, -draw.unit() * 4000 - 300, 0.05)
            if fam == "agent":
                head, *_, tail = firm.name.replace("M/s ", "").split()
                words = draw.pick(["Logistics", "Forwarding", "Cargo", "Shipping", "Global Logistics", "Transport"])
                firm = firm._replace(name=f"{head} {words} {tail}", kind="agent")
            pool.append(firm)
        return draw.pick(pool) if fam == "agent" else pool[int(draw.unit() ** skew * size)]

    def namesake(self, model: Party, opened: float, shared: float) -> Party:
        """Make a firm with a similar name to another one: a branch, or a new firm with a copied name."""
        draw, words = self.draw, model.name.split()
        other = self.firm(model.country, model.fam, opened, shared)
        style = draw.unit()
        if style < 0.3 and len(words[0]) > 4:
            at = draw.whole(1, len(words[0]) - 3)
            words[0] = words[0][:at] + words[0][at + 1] + words[0][at] + words[0][at + 2 :]
        elif style < 0.65:
            words.insert(1, draw.pick(["Group", "Import", other.site[1], "Trade", "II"]))
        elif style < 0.85:
            words[-1] = draw.word("S.L.U. SASU S.r.l.s. B.V. Lda SARL")
        return other._replace(name=" ".join(words), stem=model.stem)
