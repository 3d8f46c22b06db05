"""World "southharbour": sea and air cargo and some courier parcels into ES, FR, IT, PT, NL and MA.

Groups of words.toml yield campaigns of shipments, ordinary trade included; house bills are gathered under masters,
evidence is read in order of time, and every shipment is written as a manifest. Licit and illicit shipments pass through
the same code: groups differ only by their parameters in words.toml.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, log, log1p
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from training.worlds.writer import COLUMNS, World

TITLE = "Sea, air and courier cargo into southern and western Europe and Morocco, with master and house bills"
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
    """A kind of goods as the catalogue describes it: kgp is kg per package, packs the usual packages by sea."""

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
    """A consignor, consignee or agent; site is street, city and postcode; firms of one name share `stem`."""

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
    """One goods item; `lot` is the log of its mass over the usual, `weight` that of the mass per package."""

    good: Good
    kind: str
    number: int
    net: float
    usd: float
    code: str
    lot: float
    weight: float


class Lane(NamedTuple):
    """The way of a shipment."""

    channel: str
    origin: str
    export: str
    ports: tuple[str, str]
    agent: str


@dataclass(slots=True, eq=False)
class Plan:
    """One shipment before it is written; `worth` decides how much of its value the filing shows."""

    when: float
    sender: Party
    receiver: Party
    lane: Lane
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
        """Return one element, each equally likely."""
        return options[int(self.unit() * len(options))]

    def word(self, options: str) -> str:
        """Return one word of a string; an underscore in it stands for a space."""
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
    """Makes firms, persons and agents, and keeps the established firms of each country and trade."""

    def __init__(self, draw: Draw, scale: float) -> None:
        self.draw, self.scale = draw, scale
        self.land = {row[0]: row[1:] for row in (line.split("|") for line in W["countries"].strip().splitlines())}
        self.weight = {code: float(row[2]) for code, row in self.land.items()}
        self.offices: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        self.firms: dict[str, list[Party]] = defaultdict(list)

    def place(self, country: str, shared: float = 0.0) -> tuple[str, str, str]:
        """Return street, city and postcode; with probability `shared` those of a business centre of several firms."""
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
        """Make a firm of a trade, opened on a day counted from the start."""
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
        """Return a firm with years of business, or an agent; a high skew prefers the firms with most of the trade."""
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
        """Make a firm that bears another firm's name: a branch, or a new firm with a copied name."""
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


class Trade:
    """Draws plans of shipments, group by group."""

    def __init__(self, shipments: int, seed: int) -> None:
        self.draw = Draw(seed)
        self.total = round(shipments * (1 + WARMUP))
        self.parties = Parties(self.draw, self.total / 1000)
        self.goods = read_goods(W["goods"]) | read_goods(W["substances"])
        self.codes = [good.hs for good in self.goods.values()]
        self.fams: dict[str, list[Good]] = defaultdict(list)
        for good in self.goods.values():
            if not set("XYNO") & set(good.flags):
                self.fams[good.fam].append(good)
        self.plans: list[Plan] = []
        self.regular: list[Plan] = []

    def pack(self, good: Good, channel: str, small: bool, heavy: float) -> tuple[str, float, int]:
        """Return package type, kg per package and packages; `heavy` shifts the log of the mass per package."""
        draw, kgp, usual = self.draw, good.kgp * exp(self.draw.bell(0.15) + heavy), good.packs
        kind = draw.pick(good.kinds)
        loose = good.fam in CHEMICAL or good.fam == "food"
        if kind == "WA":
            kgp, usual = 1000.0, max(1.0, usual / 8)
        if channel == "express":
            count = 1 + draw.unit() ** 4 * 4
            return draw.pick([kind, "PK", "BX", "CT"]), min(kgp, exp(0.6 + draw.bell(0.9) + heavy)), round(count)
        if small and loose and good.kgp >= 18:
            liquid = "DR" in good.kinds and "BG" not in good.kinds
            kind = draw.word("DR JC DR" if liquid else "1G 1G DR CT BG") if draw.chance(0.75) else kind
            kgp = draw.pick([10.0, 20.0, 25.0, 25.0, 25.0, 30.0, 50.0])
            return kind, kgp, max(1, round((14 if channel == "ocean" else 6) * exp(draw.bell(0.8))))
        if usual < 4:
            kgp, count = kgp * exp(draw.bell(0.4)), usual * exp(draw.bell(0.35))
        else:
            part = draw.pick([1.0, 1.0, 0.3, 0.1, 0.05]) if good.fam in CHEMICAL else draw.pick([1.0, 0.5, 0.2])
            count = usual * exp(draw.bell(0.6)) * part
        if channel == "air_cargo" and kgp * count > 600:
            kgp = min(kgp, 60 * exp(draw.bell(0.5))) if kgp > 120 and usual >= 4 else kgp
            count = exp(5.2 + draw.bell()) / kgp
        return kind, kgp, max(1, round(count))

    def line(self, good: Good, channel: str, small: bool, spec: dict[str, Any]) -> Line:
        """Draw amounts, value and declared code of a goods item."""
        draw = self.draw
        heavy = spec.get("heavy", 0.0) + (draw.bell(0.8) if draw.chance(0.06) else 0.0)
        kind, kgp, count = self.pack(good, channel, small, heavy)
        net = kgp * count * (1 + draw.bell(0.02))
        spread = draw.bell(0.3 if good.usd < 3 else 0.5) + 0.25 * small + spec.get("value", 0.0)
        usual = good.kgp * max(1.0, good.packs * {"ocean": 1.0, "air_cargo": 0.2, "express": 0.05}[channel])
        code = draw.pick([good.hs] * 36 + [draw.pick(good.near)] * 3 + [draw.pick(self.codes), ""])
        if draw.chance(spec.get("slip", 0.0)):
            code = draw.word(W["slips"]["machine" if good.fam in MACHINE else "other"])
        lot, weight = log(max(net, 0.05) / usual), log(kgp / good.kgp)
        return Line(good, kind, count, net, net * good.usd * exp(spread), code, lot, weight)

    def way(self, good: Good, channel: str, free: float) -> tuple[str, str, str]:
        """Return countries of origin, export and destination; `free` is the share by a third-country free port."""
        draw = self.draw
        origin = export = draw.weighted({c: self.parties.weight[c] for c in good.origins})
        if draw.chance(free):
            export = draw.pick([c for c in W["free_ports"] if c != origin])
        elif draw.chance(0.06):
            export = draw.word("HK TR AE GB CH SG")
        return origin, export, draw.weighted({c: w for c, w in W["destinations"].items() if c not in (origin, export)})

    def lane(self, channel: str, origin: str, export: str, dest: str) -> Lane:
        """Return a lane with ports and agent; a few consignments arrive by a neighbour's port."""
        draw, land, column = self.draw, self.parties.land, 4 if channel == "ocean" else 5
        loads = land[export][column].split()
        unloads = land[dest if channel == "express" or draw.chance(0.93) else draw.word("NL ES FR IT")][column].split()
        ports = loads[int(draw.unit() ** 1.7 * len(loads))], unloads[int(draw.unit() ** 1.7 * len(unloads))]
        return Lane(channel, origin, export, ports, self.parties.established(export, "agent").name)

    def choose(self, names: list[str]) -> Good:
        """Return a good from one of several sets, or of ordinary trade where none is named."""
        if not names:
            return self.draw.pick(self.fams[self.draw.weighted(W["families"])])
        return self.goods[self.draw.pick(W["sets"][self.draw.pick(names)])]

    def source(self, spec: dict[str, Any], good: Good, home: str, opened: float) -> Party:
        """Return a consignor."""
        draw, parties, kind = self.draw, self.parties, self.draw.weighted(spec["sender"])
        fam = {"prec": "fine", "opio": "fine", "narc": "api"}.get(good.fam, good.fam)
        fam = draw.pick(spec["sfam"]) if draw.chance(spec.get("s_other", 0.0)) else fam
        if kind == "private":
            return parties.person(home, opened)
        if kind == "agent" or kind == "old":
            return parties.established(home, "agent" if kind == "agent" else fam if draw.chance(0.9) else "trad")
        if kind == "trader":
            return parties.established(home, "trad") if draw.chance(0.5) else parties.firm(home, "trad", opened)
        return parties.firm(home, fam if draw.chance(0.8) else "trad", opened)

    def goal(self, spec: dict[str, Any], good: Good, dest: str, opened: float, post: bool) -> Party:
        """Return a consignee."""
        draw, parties, kind = self.draw, self.parties, self.draw.weighted(spec["receiver"])
        fam = draw.pick(spec["rfam"] if "rfam" in spec else W["buyers"][good.fam].split())
        if draw.chance(spec.get("misfit", 0.05)):
            fam = draw.word("text food cons metl part trad trad cosm addv")
        if kind == "private" or (post and "rfam" not in spec and kind == "new" and draw.chance(0.6)):
            return parties.person(dest, opened)
        if kind in ("copy", "branch"):
            return parties.namesake(parties.established(dest, fam, 4.0), opened, 0.35 if kind == "copy" else 0.1)
        if kind == "agent" or kind == "old":
            return parties.established(dest, "agent" if kind == "agent" else fam)
        if kind == "trader":
            return parties.established(dest, "trad") if draw.chance(0.5) else parties.firm(dest, "trad", opened)
        return parties.firm(dest, fam, opened, 0.3 if kind == "front" else 0.14)

    def ship(self, spec: dict[str, Any], when: float, pair: tuple[Party, Party], lane: Lane, goods: list[Good]) -> Plan:
        """Make one shipment, move it with season and working week, and keep it."""
        draw = self.draw
        season = W["season"].get(goods[0].fam, W["season"]["other"])
        if draw.unit() * 1.15 > season[(START + timedelta(days=when)).month - 1] and spec.get("days", 99) > 9:
            when += draw.bell(40)
        while (START + timedelta(days=when)).weekday() > 4 and draw.chance(0.45):
            when += 1
        when = min(abs(when), 2 * DAYS - 0.01 - abs(when))
        small = draw.chance(spec.get("small", 0.18))
        lines = [self.line(good, lane.channel, small, spec) for good in goods]
        plan = Plan(when, *pair, lane, lines, spec.get("name", ""))
        if draw.chance(spec.get("permit", 0.12 if goods[0].fam in ("med", "food") else 0.02)):
            plan.permit = draw.digits(draw.pick(["LIC-######", f"{plan.receiver.country}##-#####", "AI/####/2025"]))
        if spec.get("odd"):
            plan.lines[0] = lines[0]._replace(code=draw.word(W["slips"]["odd"]))
        sample = any("S" in good.flags and good.fam not in ("cons", "cosm") for good in goods)
        usual = "11 11 11 11 11 11 11 32 31 21 99" if lane.channel == "express" else "11 11 11 11 32 99 _ _ _"
        usual = "31 31 31 99 91" if plan.sender.kind == "private" else "32" if sample and draw.chance(0.6) else usual
        plan.nature = draw.word(usual).strip()
        light = sum(line.net for line in lines) < 5000 or "shared" in spec
        plan.pooled = lane.channel != "express" and draw.chance(0.8 if light else 0.1)
        plan.worth = 0.0 if lane.channel == "express" else draw.unit()
        self.plans.append(plan)
        return plan

    def campaign(self, spec: dict[str, Any], left: int, place: float) -> int:
        """Draw the shipments of one campaign or trade link; return how many there were."""
        draw = self.draw
        size = min(left, draw.whole(*spec["size"]) if spec["size"][1] < 20 else 5 + int(11 * exp(draw.bell(0.5))))
        span = spec.get("days", 0) * (size > 1)
        start, shift = place * (DAYS - span), size
        if "later" in spec:
            start = LISTED_ON - (0.15 + 0.6 * draw.unit()) * span if draw.chance(0.55) else start
            shift = draw.whole(1, 2)
        content = draw.weighted(spec.get("content", {"none": 1}))
        base = spec["equipment"] if content == "equipment" and "equipment" in spec else spec.get("lines", [])
        good = self.choose(base)
        post = draw.chance(0.55 if "S" in good.flags else 0.09) and size < 8
        usual = "express" if post else "ocean" if draw.chance(good.sea * 0.84) else "air_cargo"
        channel = draw.weighted(spec["channel"]) if "channel" in spec else usual
        origin, export, dest = self.way(good, channel, spec.get("free", 0.02))
        opened = start - exp(draw.bell(1.1) + (3.6 if content != "none" else 4.3))
        home = export if draw.chance(0.72) else origin
        pair = self.source(spec, good, home, opened), self.goal(spec, good, dest, opened, channel == "express")
        lane, plan = self.lane(channel, origin, export, dest), None
        for number, when in enumerate(sorted(start + draw.unit() * span for _ in range(size))):
            if number:
                pair = self.again(spec, pair, good, opened)
                if number >= shift or (base and draw.chance(0.5)):
                    good = self.choose(spec["later"] if number >= shift else base)
                lane = lane if draw.chance(0.8) or "shared" in spec else self.lane(channel, origin, export, dest)
            goods = [good] if base or draw.chance(0.6) else [draw.pick(self.fams[good.fam])]
            while draw.chance(spec.get("p_extra", 0.22)) and len(goods) < 6:
                goods.append(self.choose(spec.get("extra", base)) if base else draw.pick(self.fams[good.fam]))
            plan = self.ship(spec, when, pair, lane, goods)
            plan.content, plan.hard = content, content == "none" and "name" in spec
            self.regular += [plan] * (size > 7 and number == 3)
        if draw.chance(0.7 * spec.get("cover", 0)):
            self.cover(pair, lane, start)
        return size

    def again(self, spec: dict[str, Any], pair: tuple[Party, Party], good: Good, opened: float) -> tuple[Party, Party]:
        """Return the parties of a campaign's next shipment: the same, or another name at one end."""
        draw, (sender, receiver) = self.draw, pair
        if draw.chance(spec.get("s_change", 0.35 if "name" in spec else 0.0)):
            sender = self.source(spec, good, sender.country, opened)
        if draw.chance(spec.get("r_change", 0.2 if "name" in spec else 0.0)):
            other = self.goal(spec, good, receiver.country, opened, False)
            same = draw.chance(spec.get("same_place", 0.0)) and receiver.kind == other.kind == "firm"
            receiver = other._replace(site=receiver.site) if same else other
        return sender, receiver

    def cover(self, pair: tuple[Party, Party], lane: Lane, start: float) -> None:
        """Add honest shipments between parties of a campaign, around its start."""
        draw, (sender, receiver) = self.draw, pair
        fam = sender.fam if sender.fam in W["families"] else draw.weighted(W["families"])
        for _ in range(draw.whole(1, 3)):
            buyer = self.parties.established(receiver.country, draw.word(W["buyers"][fam]))
            goods = [draw.pick(self.fams[fam]) for _ in range(draw.whole(1, 2))]
            pair = sender, receiver if draw.chance(0.6) else buyer
            self.ship(W["cover_trade"], start + draw.bell(50), pair, lane, goods).hard = True

    def run(self) -> list[Plan]:
        """Draw all plans, groups first by quota, then ordinary trade up to the total; return them in order of time."""
        draw, total = self.draw, self.total
        inside: dict[str, Any] = {}
        for quota, illicit in ((PREVALENCE, True), (HARD, False)):
            specs = [spec for spec in W["group"] if ("content" in spec) == illicit]
            scale, carry = quota * self.total / sum(spec["share"] for spec in specs), 0.5
            for spec in specs:  # the remainder is carried on, so that the quota holds whatever the number of shipments
                count = int(spec["share"] * scale + carry)
                carry += spec["share"] * scale - count
                left, place = count, draw.unit()
                if spec.get("ghost"):
                    inside, total = spec, total - count
                    continue
                while left > 0:
                    left -= self.campaign(spec, left, place % 1)
                    place += 0.618034  # a golden step spreads the campaigns evenly over the period
        kinds = {str(i): spec["share"] for i, spec in enumerate(W["ordinary"])}
        while len(self.plans) < total:
            self.campaign(W["ordinary"][int(draw.weighted(kinds))], total - len(self.plans), draw.unit())
        while len(self.plans) < self.total:  # finds inside regular business: the firms ship what they always ship
            model = draw.pick(self.regular)
            pair, goods = (model.sender, model.receiver), [line.good for line in model.lines]
            spec = {"name": inside["name"], "days": 0, "small": 0.09}
            plan = self.ship(spec, model.when + draw.bell(80), pair, model.lane, goods)
            plan.content = draw.weighted(inside["content"])
        self.gather()
        return self.plans

    def gather(self) -> None:
        """Put house bills of one lane and agent under common masters, and sort by time."""
        masters: dict[Lane, tuple[list[Plan], int]] = {}
        for plan in sorted(self.plans, key=lambda p: p.when):
            post = plan.lane.channel == "express"
            lane = plan.lane._replace(agent="" if post else plan.lane.agent, origin="", export="")
            plan.master.append(plan)
            if not plan.pooled and not post:
                continue
            house, room = masters.get(lane, ([], 0))
            if len(house) < room and plan.when - house[0].when < (2 if post else 9):
                house.append(plan)
                plan.master, plan.when = house, min(plan.when, house[0].when + self.draw.unit() * 1.5)
            else:
                masters[lane] = plan.master, self.draw.whole(2, 9)
        self.plans.sort(key=lambda p: p.when)


def match(party: Party, good: Good, buys: bool) -> float:
    """Return 1 where a party's trade fits the goods, 0.5 for traders and agents, 0.3 for persons, else 0."""
    if party.kind != "firm" or party.fam == "trad":
        return 0.3 if party.kind == "private" else 0.5
    fams = W["buyers"][good.fam].split() if buys else (good.fam, W["alias"].get(good.fam, good.fam))
    return float(party.fam in fams)


def gap(line: Line) -> float:
    """Return how far the declared code lies from that of the declared words: 0 right or absent, 1 another chapter."""
    code, good = line.code, line.good
    if not code or code[:6] == good.hs[:6]:
        return 0.0
    return 0.3 if code in good.near else 0.6 if code[:2] == good.hs[:2] else 1.0


class Reader:
    """Reads plans in order of time and notes what a perfect reader of the manifests would note."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = defaultdict(int)
        self.fams: dict[str, set[str]] = defaultdict(set)
        self.names: dict[str, set[str]] = defaultdict(set)
        self.times: dict[str, list[tuple[float, str]]] = defaultdict(list)

    def words(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of the goods items alone."""
        lines, flags = plan.lines, [line.good.flags for line in plan.lines]
        post, law = plan.lane.channel == "express", plan.receiver.country == "MA" or plan.when >= LISTED_ON
        listed = any("X" in f or ("Y" in f and law) for f in flags)
        main, dear = max(lines, key=lambda line: line.net), [log(line.usd / line.net / line.good.usd) for line in lines]
        evidence: dict[str, float] = {name: any(letter in f for f in flags) for name, letter in W["letters"].items()}
        return evidence | {
            "listed": listed,
            "listed_no_permit": listed and not plan.permit,
            "permit": bool(plan.permit),
            "equipment": max(2 if "E2" in f else "E1" in f for f in flags),
            "vague": sum("V" in f for f in flags) / len(flags),
            "named_chemical": sum("M" in f for f in flags) / len(flags),
            "chemical": main.good.fam in CHEMICAL,
            "machine": main.good.fam in MACHINE,
            "code_gap": max(map(gap, lines)),
            "density": sum(dear) / len(dear) if plan.worth < VALUED else 0,
            "valued": plan.worth < VALUED,
            "lot": main.lot,
            "repacked": not post and any(line.kind not in line.good.kinds for line in lines),
            "weight": main.weight,
            "weight_odd": 0 if post else max(abs(line.weight) for line in lines),
            "mass": log1p(sum(line.net for line in lines)),
            "items": len(lines),
            "trades": len({line.good.fam for line in lines}),
        }

    def ends(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of the parties, the route and the history before the shipment."""
        sender, receiver, lane = plan.sender, plan.receiver, plan.lane
        at, known = "at ".join(receiver.site), receiver.kind != "agent"
        fams = {line.good.fam for line in plan.lines}
        recent = [name for when, name in self.times[at] if when > plan.when - 14 and known]
        kit = {flag for when, flag in self.times["kit" + at] if when > plan.when - 150 and known}
        kit |= {flag for line in plan.lines for flag in KIT if flag in line.good.flags}
        others = [p for p in plan.master if p is not plan]
        odd = sum((p.lines[0].good.fam in CHEMICAL) != (plan.lines[0].good.fam in CHEMICAL) for p in others)
        own, sold, bought = self.seen[at + receiver.name], self.fams[sender.name], self.fams[at]
        return {
            "private": receiver.kind == "private",
            "to_agent": not known,
            "from_agent": sender.kind == "agent",
            "receiver_fit": min(match(receiver, line.good, True) for line in plan.lines),
            "sender_fit": min(match(sender, line.good, False) for line in plan.lines),
            "sender_seen": log1p(self.seen[sender.name]),
            "receiver_seen": log1p(own),
            "pair_seen": log1p(self.seen[sender.name + at]),
            "account_days": log1p(max(0.0, plan.when - sender.opened)) if lane.channel == "express" else -1,
            "origin_gap": lane.origin != lane.export,
            "sender_gap": sender.country != lane.export,
            "free_port": lane.export in W["free_ports"] and lane.origin != lane.export,
            "copied_name": log1p(self.seen[receiver.stem] - own) if own < 3 else 0,
            "names_here": log1p(len(self.names[at] - {receiver.name})) if known else 0,
            "recent_here": log1p(len(recent)),
            "recent_names": len(set(recent)),
            "kit": len(kit),
            "sender_new_trade": bool(sold) and not fams & sold,
            "receiver_new_trade": bool(bought) and not fams & bought,
            "houses": len(plan.master),
            "odd_house": odd / max(1, len(others)),
            "same_address": sum(p.receiver.site == receiver.site for p in others),
            "express": lane.channel == "express",
            "air": lane.channel == "air_cargo",
        }

    def note(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of one shipment, then add it to the history."""
        evidence = self.words(plan) | self.ends(plan)
        sender, receiver, at = plan.sender, plan.receiver, "at ".join(plan.receiver.site)
        for key in (sender.name, at + receiver.name, sender.name + at, receiver.stem):
            self.seen[key] += 1
        self.names[at].add(receiver.name)
        self.times[at].append((plan.when, receiver.name))
        for good in (line.good for line in plan.lines):
            self.fams[sender.name].add(good.fam)
            self.fams[at].add(good.fam)
            self.times["kit" + at] += [(plan.when, flag) for flag in KIT if flag in good.flags]
        return evidence


class Clerk:
    """Writes plans as manifest rows, with the habits and the noise of the channel."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def bills(self, plan: Plan) -> dict[str, str]:
        """Return carrier, master bill and house bill; all houses of a master share the first two."""
        draw, first, lane = self.draw, plan.master[0], plan.lane
        if not first.bill:
            prefix, _, carrier = draw.word(W["carriers"][lane.channel]).rpartition(":")
            number = draw.whole(1000000, 9999999)
            master = f"{prefix}-{number}{number % 7}" if prefix else draw.digits(f"{carrier}#########")
            first.bill = f"{carrier} {master}"
        carrier, _, master = first.bill.partition(" ")
        house = f"{lane.agent[:3].upper().strip()}{draw.pick([lane.ports[0][2:], '', lane.ports[1][2:]])}#######"
        house = "##########" if lane.channel == "express" else house if plan.pooled else ""
        return {"carrier_id": carrier, "master_id": master, "house_id": draw.digits(house)}

    def plain(self, text: str, capitals: float) -> str:
        """Return text as a clerk keys it: often in capitals, often without accents."""
        if self.draw.chance(0.62):
            text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        return text.upper() if self.draw.chance(capitals) else text

    def describe(self, plan: Plan, line: Line) -> str:
        """Return the goods description."""
        draw, good, channel = self.draw, line.good, plan.lane.channel
        home = {"PT": "es", "MA": "fr"}.get(plan.receiver.country, plan.receiver.country.lower())
        language = home if draw.chance(0.1 if channel == "express" else 0.44) else draw.word("en " * 32 + "es fr")
        name = draw.pick(good.names[language])
        for word, short in W["abbreviations"].items() if draw.chance(0.14) else ():
            name = name.replace(word, short)
        if draw.chance(0.06) and len(name) > 6:
            at = draw.whole(1, len(name) - 3)
            wrong = draw.pick([name[at + 1] + name[at] + name[at + 2 :], name[at + 1 :], name[at] + name[at:]])
            name = name[:at] + wrong
        specs = W["specs"].get(good.fam, W["specs"]["fine" if good.fam in CHEMICAL else "mach"])
        parts = {"r": "#####", "d": str(draw.whole(1, 9)), "u": good.un or "not reg", "k": draw.word("A B KR ST ZX HM")}
        habit = "ocean" if channel == "ocean" and draw.chance(0.08) else language
        form = draw.pick(W["forms"]["express" if channel == "express" else habit])
        words = {"g": name, "s": draw.digits(draw.pick(specs).format(**parts)), "n": str(line.number)}
        words |= {"p": W["packs"][line.kind][LANGUAGES.index(language)], "h": (line.code or good.hs)[:6]}
        text = form.format(r=draw.digits(draw.word("#### 2025/#### PI-#### 25-####")), **words)
        text = text[:1].upper() + text[1:] if draw.chance(0.5) else text
        text = self.plain(text, 0.2 if channel == "express" else 0.76)
        return text[:35].rstrip() if draw.chance(0.05) else text

    def party(self, side: str, who: Party, post: bool) -> dict[str, str]:
        """Return the columns of a party; names and addresses are keyed in several ways."""
        draw, capitals = self.draw, 0.25 if post else 0.78
        street, city, postcode = who.site
        name, address = self.plain(who.name, capitals), self.plain(street, capitals)
        name = name.replace(".", "").replace(",", "") if draw.chance(0.2) else name
        address = draw.pick([address] * 5 + [f"{address}, {city}", address.replace(",", "")])
        row = {"name": name[:35] if draw.chance(0.06) else name, "address": address, "city": self.plain(city, capitals)}
        row |= {"postcode": postcode, "country": who.country, "phone": who.phone, "email": who.email}
        return {f"{side}_{key}": value for key, value in row.items()}

    def head(self, plan: Plan, currency: str) -> dict[str, str]:
        """Return the columns of the shipment, all filled in."""
        draw, lane, sender, lines = self.draw, plan.lane, plan.sender, plan.lines
        post, sea = lane.channel == "express", lane.channel == "ocean"
        gross = sum(line.net / (1 - W["tare"].get(line.kind, 0.04) * exp(draw.bell(0.2))) for line in lines)
        hop = draw.word(W["hops"][lane.channel]) if draw.chance(0.3) else ""
        hops = [c for c in (lane.origin if draw.chance(0.5) else "", lane.export, hop, lane.ports[1][:2]) if c]
        air = "house" if plan.pooled else "direct"
        filing = "express" if post else "ocean" if sea or plan.receiver.country == "MA" else air
        freight = (12 + gross * (5 if post else 0.15 if sea else 2.6)) * exp(draw.bell(0.3))
        old, seller = plan.when - sender.opened > 400, plan.nature == "11" and sender.kind != "private"
        return self.bills(plan) | {
            "filing_type": draw.word(W["filings"][filing]),
            "channel": lane.channel,
            "transport_mode": "1" if sea else "4",
            "declared_at": (START + timedelta(days=plan.when)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "export_country": lane.export,
            "routing_countries": ";".join(dict.fromkeys(hops)),
            "loading_location": lane.ports[0],
            "unloading_location": lane.ports[1],
            "agent_name": self.plain(lane.agent, 0.7),
            "marketplace": draw.pick(W["carriers"]["marketplaces"]) if seller else "",
            "transaction_nature": plan.nature,
            "gross_mass_kg": f"{gross:.{2 if gross < 30 else draw.whole(0, 2)}f}",
            "package_count": str(sum(line.number for line in lines)),
            "package_type": lines[0].kind,
            "freight_charge": f"{freight * W['rates'][currency]:.2f}" if currency else "",
            "currency": currency,
            "permit_number": plan.permit,
            "consignor_account_opened_on": (START + timedelta(days=round(sender.opened))).strftime("%Y-%m-%d"),
            "consignor_known": draw.word("Y N") if old else "N",
        }

    def item(self, plan: Plan, line: Line) -> dict[str, str]:
        """Return the columns of one goods item, all filled in but its value."""
        draw, good, named = self.draw, line.good, "M" in line.good.flags
        unit = draw.word("H87 C62 PCE") if good.fam in COUNTED else "KGM"
        amount = line.net if unit == "KGM" else max(line.number, line.net * 10 / (good.usd + 9))
        if good.fam == "text" and "RO" in good.kinds:
            unit, amount = "MTR", line.net * 3
        return {
            "goods_description": self.describe(plan, line),
            "declared_chemical": good.names["en"][0] if named else "",
            "cas_number": good.cas,
            "cus_number": f"00{sum(map(ord, good.key)) * 37 % 90000 + 10000}-{len(good.key)}" if good.cas else "",
            "hs_code": line.code[: draw.pick([8] * 12 + [6] * 12 + [7])],
            "origin_country": plan.lane.origin,
            "net_mass_kg": f"{line.net:.{draw.pick([1, 2, 2, 3])}f}",
            "undg_number": good.un,
        } | ({"quantity": f"{amount:.0f}", "quantity_unit": unit} if draw.chance(0.6) else {})

    def shipment(self, plan: Plan, number: str) -> list[dict[str, str]]:
        """Return the rows of one shipment; cargo filings often value the shipment only, or nothing."""
        draw, post = self.draw, plan.lane.channel == "express"
        currency = draw.word("USD EUR USD EUR USD EUR " + W["local_money"].get(plan.lane.export, "") * 2)
        currency = currency if plan.worth < VALUED + 0.15 else ""
        single, total = draw.chance(0.62) and not post, sum(line.usd for line in plan.lines)
        base = {"shipment_id": number} | self.head(plan, currency)
        base |= self.party("consignor", plan.sender, post) | self.party("consignee", plan.receiver, post)
        base, rows = self.drop(base, post), []
        for index, line in enumerate(plan.lines):
            value = (total if single else line.usd) * W["rates"].get(currency, 0)
            shown = plan.worth < VALUED and not (single and index)
            row = self.drop(self.item(plan, line), post) | {"item_number": str(index + 1)}
            rows.append(base | row | {"customs_value": f"{value:.2f}" if shown else ""})
        return rows

    def drop(self, row: dict[str, str], post: bool) -> dict[str, str]:
        """Leave columns out as often as the channel's filings do."""
        present = W["present"]
        return {k: v if k not in present or self.draw.chance(present[k][post]) else "" for k, v in row.items()}


def build(shipments: int, seed: int) -> World:
    """Return the world: `shipments` scored shipments, and a warm-up of about a quarter as many before them."""
    trade = Trade(shipments, seed)
    plans = trade.run()
    clerk, reader, numbers = Clerk(trade.draw), Reader(), dict[str, int]()
    rows: list[dict[str, str]] = []
    for plan in plans:
        number = ""
        while not number or number in numbers:
            number = trade.draw.digits(f"25{plan.lane.ports[1][:2]}############")
        numbers[number] = len(numbers)
        rows += clerk.shipment(plan, number)
    items = pd.DataFrame(rows, columns=COLUMNS).fillna("").astype(str)
    index = pd.Index(list(numbers), name="shipment_id")
    evidence = pd.DataFrame([reader.note(plan) for plan in plans], index=index).astype(float)
    truth = pd.DataFrame({name: [getattr(plan, name) for plan in plans] for name in ("content", "group", "hard")})
    truth.insert(0, "shipment_id", list(numbers))
    truth["warmup"] = np.arange(len(plans)) < len(plans) - shipments
    points = pd.Series(0.0, index=index, name="points")
    for rule in W["rule"]:
        points += rule["points"] * np.asarray(evidence.eval(rule["when"]), dtype=float)
    return World(items, truth, evidence, points)
