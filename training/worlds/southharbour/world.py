"""World "southharbour": sea and air cargo and some courier parcels into ES, FR, IT, PT, NL and MA.

Groups of words.toml yield campaigns of shipments, ordinary trade included; house bills are gathered under masters,
evidence is read in order of time, and every shipment is written as a manifest. Licit and illicit shipments pass through
the same code: groups differ only by their parameters in words.toml.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from math import exp, log
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.southharbour.clerk import Clerk, Reader
from training.worlds.southharbour.parties import (
    CHEMICAL,
    DAYS,
    HARD,
    LISTED_ON,
    MACHINE,
    PREVALENCE,
    START,
    WARMUP,
    Draw,
    Good,
    Line,
    Parties,
    Party,
    Plan,
    Route,
    W,
    read_goods,
)
from training.worlds.writer import COLUMNS, World

TITLE = "Sea, air and courier cargo into southern and western Europe and Morocco, with master and house bills"


def build(shipments: int, seed: int) -> World:
    """Return the world: `shipments` scored shipments, and a warm-up of about a quarter as many before them."""
    trade = Trade(shipments, seed)
    plans = trade.run()
    clerk, reader, numbers = Clerk(trade.draw), Reader(), dict[str, int]()
    rows: list[dict[str, str]] = []
    for plan in plans:
        number = ""
        while not number or number in numbers:
            number = trade.draw.digits(f"25{plan.route.ports[1][:2]}############")
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

    def route(self, channel: str, origin: str, export: str, dest: str) -> Route:
        """Return a route with ports and agent; a few consignments arrive by a neighbour's port."""
        draw, land, column = self.draw, self.parties.land, 4 if channel == "ocean" else 5
        loads = land[export][column].split()
        unloads = land[dest if channel == "express" or draw.chance(0.93) else draw.word("NL ES FR IT")][column].split()
        ports = loads[int(draw.unit() ** 1.7 * len(loads))], unloads[int(draw.unit() ** 1.7 * len(unloads))]
        return Route(channel, origin, export, ports, self.parties.established(export, "agent").name)

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

    def ship(
        self, spec: dict[str, Any], when: float, pair: tuple[Party, Party], route: Route, goods: list[Good]
    ) -> Plan:
        """Make one shipment, move it with season and working week, and keep it."""
        draw = self.draw
        season = W["season"].get(goods[0].fam, W["season"]["other"])
        if draw.unit() * 1.15 > season[(START + timedelta(days=when)).month - 1] and spec.get("days", 99) > 9:
            when += draw.bell(40)
        while (START + timedelta(days=when)).weekday() > 4 and draw.chance(0.45):
            when += 1
        when = min(abs(when), 2 * DAYS - 0.01 - abs(when))
        small = draw.chance(spec.get("small", 0.18))
        lines = [self.line(good, route.channel, small, spec) for good in goods]
        plan = Plan(when, *pair, route, lines, spec.get("name", ""))
        if draw.chance(spec.get("permit", 0.12 if goods[0].fam in ("med", "food") else 0.02)):
            plan.permit = draw.digits(draw.pick(["LIC-######", f"{plan.receiver.country}##-#####", "AI/####/2025"]))
        if spec.get("odd"):
            plan.lines[0] = lines[0]._replace(code=draw.word(W["slips"]["odd"]))
        sample = any("S" in good.flags and good.fam not in ("cons", "cosm") for good in goods)
        usual = "11 11 11 11 11 11 11 32 31 21 99" if route.channel == "express" else "11 11 11 11 32 99 _ _ _"
        usual = "31 31 31 99 91" if plan.sender.kind == "private" else "32" if sample and draw.chance(0.6) else usual
        plan.nature = draw.word(usual).strip()
        light = sum(line.net for line in lines) < 5000 or "shared" in spec
        plan.pooled = route.channel != "express" and draw.chance(0.8 if light else 0.1)
        plan.worth = 0.0 if route.channel == "express" else draw.unit()
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
        route, plan = self.route(channel, origin, export, dest), None
        for number, when in enumerate(sorted(start + draw.unit() * span for _ in range(size))):
            if number:
                pair = self.again(spec, pair, good, opened)
                if number >= shift or (base and draw.chance(0.5)):
                    good = self.choose(spec["later"] if number >= shift else base)
                route = route if draw.chance(0.8) or "shared" in spec else self.route(channel, origin, export, dest)
            goods = [good] if base or draw.chance(0.6) else [draw.pick(self.fams[good.fam])]
            while draw.chance(spec.get("p_extra", 0.22)) and len(goods) < 6:
                goods.append(self.choose(spec.get("extra", base)) if base else draw.pick(self.fams[good.fam]))
            plan = self.ship(spec, when, pair, route, goods)
            plan.content, plan.hard = content, content == "none" and "name" in spec
            self.regular += [plan] * (size > 7 and number == 3)
        if draw.chance(0.7 * spec.get("cover", 0)):
            self.cover(pair, route, start)
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

    def cover(self, pair: tuple[Party, Party], route: Route, start: float) -> None:
        """Add honest shipments between parties of a campaign, around its start."""
        draw, (sender, receiver) = self.draw, pair
        fam = sender.fam if sender.fam in W["families"] else draw.weighted(W["families"])
        for _ in range(draw.whole(1, 3)):
            buyer = self.parties.established(receiver.country, draw.word(W["buyers"][fam]))
            goods = [draw.pick(self.fams[fam]) for _ in range(draw.whole(1, 2))]
            pair = sender, receiver if draw.chance(0.6) else buyer
            self.ship(W["cover_trade"], start + draw.bell(50), pair, route, goods).hard = True

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
            plan = self.ship(spec, model.when + draw.bell(80), pair, model.route, goods)
            plan.content = draw.weighted(inside["content"])
        self.gather()
        return self.plans

    def gather(self) -> None:
        """Put house bills of one route and agent under common masters, and sort by time."""
        masters: dict[Route, tuple[list[Plan], int]] = {}
        for plan in sorted(self.plans, key=lambda p: p.when):
            post = plan.route.channel == "express"
            route = plan.route._replace(agent="" if post else plan.route.agent, origin="", export="")
            plan.master.append(plan)
            if not plan.pooled and not post:
                continue
            house, room = masters.get(route, ([], 0))
            if len(house) < room and plan.when - house[0].when < (2 if post else 9):
                house.append(plan)
                plan.master, plan.when = house, min(plan.when, house[0].when + self.draw.unit() * 1.5)
            else:
                masters[route] = plan.master, self.draw.whole(2, 9)
        self.plans.sort(key=lambda p: p.when)
