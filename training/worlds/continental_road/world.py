"""Road groupage, rail containers and courier vans into the EU; words, places and groups stand in `words.toml`."""

from __future__ import annotations

from bisect import bisect
from collections import Counter, defaultdict
from datetime import timedelta
from math import log, log1p
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.continental_road.goods import (
    DAYS,
    HARD_SHARE,
    HERE,
    ILLICIT_SHARE,
    LISTING,
    MINUTES,
    START,
    WARMUP_SHARE,
    Dice,
    Good,
    Line,
    Party,
    Spec,
    W,
    date_of,
    fits,
    fold,
    usual_kg,
)
from training.worlds.writer import COLUMNS, World

TITLE = "Continental road: groupage, rail containers and courier vans into DE, PL, CZ, AT, NL and RO (ICS2-like data)"


class Ledger:
    """Notes of a perfect reader of the manifests, shipment by shipment in order of time."""

    def __init__(self) -> None:
        """Begin with empty books."""
        self.seen: Counter[Any] = Counter()
        self.users: dict[Any, dict[int, float]] = defaultdict(dict)

    def others(self, key: Any, uid: int, day: float, window: float = 1e9) -> int:
        """Return how many other parties used the phone or address within the window; note this one."""
        users = self.users[key]
        users[uid] = day
        return sum(1 for other, last in users.items() if other != uid and day - last <= window)

    def read(self, spec: Spec, rows: list[dict[str, str]]) -> dict[str, float]:
        """Return the evidence of one shipment; the names explain themselves, zero means nothing to note."""
        far, near, row, lines, seen, day = spec.far, spec.near, rows[0], spec.lines, self.seen, spec.day
        goods, pair = [line.good for line in lines], (far.uid, near.uid)
        listed = [bool(g.listed) and g.listed <= date_of(day) for g in goods if g.role == "watched"]
        hs = [(r["hs_code"].replace(".", "")[:6], g.hs6, g.role != "vague") for r, g in zip(rows, goods, strict=True)]
        gaps = [(4 * (c[:2] != h[:2]) + 3 * (c[:4] != h[:4]) + 3 * (c != h)) / 10 for c, h, clear in hs if c and clear]
        value_z = [log(line.eur / line.kg / line.good.eur_kg) / 0.42 for line in lines]
        keys = {"far_seen": far.uid, "near_seen": (1, near.uid), "pair_seen": pair, "same_day": (*pair, int(day)),
                "same_value": (far.uid, "eur", round(lines[0].eur)), "same_goods": (far.uid, goods[0].sector),
                "week": (far.uid, "week", int(day / 7))}  # fmt: skip
        notes: dict[str, float] = {f"is_{role}": any(g.role == role for g in goods) for role in W["roles"]}
        notes |= {f"by_{mode}": any(x.mode == mode for x in lines) for mode in ("name", "cas", "systematic")}
        notes |= {name: log1p(seen[key]) for name, key in keys.items()}
        notes |= {f"from_{kind}": far.kind == kind for kind in ("person", "platform")}
        notes |= {f"to_{kind}": near.kind == kind for kind in ("person", "box")}
        notes |= {
            "listed": any(listed), "unlisted": not all(listed),
            "standard": any(word in line.text for line in lines for word in W["standards"]),
            "narcotic_permit": spec.permit[:3] in ("BtM", "NAR", "ZEZ"), "other_permit": spec.permit[:3] == "REA",
            "code_missing": any(not x[0] for x in hs), "code_of_interest": any(x[0] in W["of_interest"] for x in hs),
            "code_gap": max(gaps, default=0.0), "value_missing": not row["customs_value"],
            "value_z": value_z[0], "value_far": max(map(abs, value_z)),
            "mass_z": log(lines[0].kg / usual_kg(goods[0], spec.channel)),
            "log_kg": log(sum(x.kg for x in lines)), "log_eur": log(sum(x.eur for x in lines)),
            "express": spec.channel == "express", "rail": spec.channel == "rail",
            "far_misfit": not all(fits(far, g) for g in goods), "near_misfit": not all(fits(near, g) for g in goods),
            "gift": row["transaction_nature"] == "31", "sample": row["transaction_nature"] == "32",
            "account_days": log1p(max(0.0, day - far.opened)) if row["consignor_account_opened_on"] else -1.0,
            "trusted": row["consignor_known"] == "Y", "no_contact": not row["consignor_phone"] + row["consignor_email"],
            "origin_differs": row["origin_country"] not in ("", far.country),
            "shifted_goods": seen[far.uid] > 1 and not seen[keys["same_goods"]],
            "alias": bool(row["consignor_phone"]) and self.others(far.phone, far.uid, day) > 0,
            "shared_address": self.others(far.home, far.uid, day) > 0,
            "house_names": log1p(self.others((1, near.home), near.uid, day, 60)),
            "house_senders": log1p(self.others((2, near.home), far.uid, day, 60)),
            "house_in_master": log1p(self.others((spec.master[0], near.home), near.uid, day)),
        }  # fmt: skip
        seen.update(keys.values())
        return {name: float(value) for name, value in notes.items()}


def put_in_masters(sim: Sim, specs: list[Spec]) -> None:
    """Fill masters of one channel and route with houses in order of time; the houses of a master are filed together."""
    d, running = sim.dice, dict[tuple[str, ...], tuple[tuple[str, ...], float, int]]()
    for spec in sorted(specs, key=lambda s: s.day):
        route, filed = (spec.channel, spec.far.country, spec.near.country), W["channels"][spec.channel]
        master, opened, left = running.get(route, ((), -99.0, 0))
        if not left or spec.day - opened > filed["days"]:
            ends = [d.early(W["lands"][country]["cities"], 1.4)[1] for country in route[1:]]
            master = (d.digits(filed["master"]), *ends, d.choice(filed["carriers"]), d.choice(W["agents"]))
            opened, left = spec.day, d.randint(*filed["houses"])
        running[route] = (master, opened, left - 1)
        spec.master, spec.day = master, opened + 0.1 * d.random()


def build(shipments: int, seed: int) -> World:
    """Simulate the scored shipments and the warm-up before them."""
    total = round(shipments * (1 + WARMUP_SHARE))
    sim, specs = Sim(total, seed), list[Spec]()
    for side, share in (("illicit", ILLICIT_SHARE), ("hard", HARD_SHARE)):
        start, sums = len(specs), np.cumsum([group["weight"] for group in W[side].values()])
        for name, end in zip(W[side], np.round(sums / sums[-1] * share * total), strict=True):
            while len(specs) < start + end:
                specs += sim.campaign(name, side)[: start + int(end) - len(specs)]
    kinds = {name: float(group["weight"]) for name, group in W["licit"].items()}
    while len(specs) < total:
        spec = sim.campaign(sim.dice.weighed(kinds), "licit")[0]
        spec.group = next((W["hard_roles"][x.good.role] for x in spec.lines if x.good.role in W["hard_roles"]), "")
        spec.hard = bool(spec.group)
        specs.append(spec)
    put_in_masters(sim, specs)
    specs.sort(key=lambda s: s.day)
    ids = [f"CR{number:08d}" for number in range(total)]
    rows = [sim.rows(spec, shipment_id) for spec, shipment_id in zip(specs, ids, strict=True)]
    ledger = Ledger()
    evidence = pd.DataFrame([ledger.read(spec, written) for spec, written in zip(specs, rows, strict=True)])
    evidence.index = pd.Index(ids, name="shipment_id")
    truth = pd.DataFrame({"shipment_id": ids, "content": [s.content for s in specs], "group": [s.group for s in specs],
                          "hard": [s.hard for s in specs], "warmup": np.arange(total) < total - shipments})  # fmt: skip
    rules = [(rule["points"], evidence.eval(rule["when"], engine="python")) for rule in W["rules"]]
    items = pd.DataFrame([row for written in rows for row in written], columns=COLUMNS)
    return World(items, truth, evidence, sum((x * np.asarray(y, float) for x, y in rules), 0 * evidence["rail"]))


class Sim:
    """Parties, standing trades and shipments of one run."""

    def __init__(self, total: int, seed: int) -> None:
        """Read the goods and found the parties that trade again and again."""
        self.dice, self.uid = Dice(seed), 0
        d = self.dice
        goods, self.watched = [Good(*row) for row in W["goods"]], [Good(*row) for row in W["watched"]]
        self.goods = {good.key: good for good in goods}
        everyday = [g for g in goods if g.role not in W["not_everyday"]]
        self.sectors = {name: [g for g in everyday if g.sector == name] for name in W["sectors"]}
        self.small = {name: [g for g in self.sectors[name] if g.unit_kg < 10] for name in W["consumer"]}
        self.modes = {mode: [g for g in goods if g.role in roles] for mode, roles in W["mode_roles"].items()}
        days = [START + timedelta(number) for number in range(DAYS)]
        self.calendars = {kind: np.cumsum([months[day.month - 1] * (0.3 if day.weekday() > 4 else 1.0) for day in days])
                          for kind, months in W["season"].items()}  # fmt: skip
        self.relations = [self.relation() for _ in range(40 + total // 24)]
        self.platforms = [self.firm(d.choice(W["hubs"]), "trade", None, "platform") for _ in range(14 + total // 2500)]
        self.sellers = [self.sender({"far": {"newish": 1}}, "express", 0.0) for _ in range(20 + total // 45)]
        self.buyers = [self.person(d.weighed(HERE)) for _ in range(30 + total // 12)]
        self.boxes = [self.firm(d.weighed(HERE), "trade") for _ in range(8 + total // 2500)]

    def day(self, kind: str) -> float:
        """Return a day of the calendar with its hour."""
        sums = self.calendars[kind]
        return min(bisect(sums, self.dice.random() * sums[-1]), DAYS - 1) + min(0.97, self.dice.spread(0.5, 0.3))

    def party(self, name: str, country: str, kind: str, sector: str, opened: float) -> Party:
        """Return a party with an invented address, phone and e-mail."""
        d, land = self.dice, W["lands"][country]
        self.uid += 1
        street, number = d.choice(W.get(f"streets_{country}") or W[f"streets_{land['streets']}"]), d.randint(1, 180)
        address = f"{number} {street}" if land["streets"] in ("XX", "CN") else f"{street} {number}"
        slug = "".join(c for c in fold(name).lower() if c.isascii() and c.isalnum())[:18] or "info"
        mail = d.digits(d.choice(W["free" if kind == "person" or d.chance(0.3) else "desks"])).format(slug)
        phone = "" if d.chance(0.3 if kind == "person" else 0.12) else d.digits(d.choice(land["phones"]))
        known = d.weighed({"Y": 35, "N": 25, "": 40} if opened < -200 else {"Y": 7, "N": 43, "": 50})
        city, _, postcode = d.early(land["cities"], 1.4)
        home, mail = (address, city, d.digits(postcode)), "" if d.chance(0.3) else mail
        return Party(self.uid, name, home, country, phone, mail, opened, known, kind, sector)

    def firm(self, country: str, sector: str, opened: float | None = None, kind: str = "firm") -> Party:
        """Return a firm whose name shows its branch most of the time; by default an old one."""
        d, land, names = self.dice, W["lands"][country], W["branches"][sector]
        stem = d.choice(W.get(f"stems_{country}") or W.get(f"stems_{land['streets']}") or W[f"stems_{land['names']}"])
        stem += f" {d.digits('XX')}" if d.chance(0.3) else ""
        if country in ("CN", "HK") and d.chance(0.7):
            stem = f"{d.choice(land['cities'])[0]} {stem}" if d.chance(0.6) else f"{stem} {d.choice(W['stems_CN'])}"
        branch = d.choice(W["platforms"] if kind == "platform" else (names[land["language"]], names[0], "Trading", ""))
        name = " ".join(f"{stem} {branch} {d.choice(land['forms'])}".split())
        return self.party(name, country, kind, sector, -d.spread(900, 0.9) if opened is None else opened)

    def person(self, country: str) -> Party:
        """Return a private person with a name of the country."""
        d, key = self.dice, W["lands"][country]["names"]
        name = f"{d.choice(W[f'first_{key}'])} {d.choice(W[f'last_{key}'])}"
        return self.party(name, country, "person", "", -d.spread(300, 1.2))

    def box(self) -> Party:
        """Return a person who receives at the address of a mail forwarder or locker."""
        home = self.dice.choice(self.boxes)
        who, mark = self.person(home.country), self.dice.choice(W["box_marks"])
        return who._replace(kind="box", home=home.home, name=f"{who.name} {mark} {self.dice.randint(1000, 9999)}")

    def relation(self) -> tuple[str, Party, Party, list[Good], float, float]:
        """Return a standing trade between two firms: channel, parties, goods, size and price level."""
        d = self.dice
        channel, sector = d.weighed({"truck": 50, "rail": 20, "express": 30}), d.weighed(W["sectors"])
        far = self.firm(d.weighed(W["trade_lanes"][channel]), sector)
        near = self.firm(d.weighed(HERE), sector if d.chance(0.8) else "trade")
        goods = [d.choice(self.sectors[sector]) for _ in range(d.randint(1, 4))]
        return channel, far, near, goods, d.spread(1, 0.7), d.spread(1, 0.22)

    def line(self, good: Good, channel: str, size: float = 1.0, price: float = 1.0) -> Line:
        """Return goods of usual mass and price; sacks and drums come in whole numbers."""
        d, express = self.dice, channel == "express"
        kg = d.spread(usual_kg(good, channel) * size, 0.6 if express else 0.95)
        if 10 <= good.unit_kg <= 250 and not express:
            kg = good.unit_kg * max(1, round(kg / good.unit_kg))
        kg = max(0.02, min(kg, 62.0 if express else 24000.0))
        eur = kg * good.eur_kg * price * d.spread(1, 0.36)
        return Line(good, kg, d.choice((149.0, 148.5, 145.0)) if express and 80 < eur < 300 and d.chance(0.06) else eur)

    def order(self, goods: list[Good], channel: str, size: float = 1.0, price: float = 1.0) -> list[Line]:
        """Return one to five items of these goods."""
        d = self.dice
        count = 1 if d.chance(0.68) else 2 if d.chance(0.6) else d.randint(3, 5)
        return [self.line(d.choice(goods), channel, size / count**0.5, price) for _ in range(count)]

    def sender(self, group: dict[str, Any], channel: str, day: float) -> Party:
        """Return a consignor of one of the group's kinds."""
        d, kind = self.dice, self.dice.weighed(group["far"])
        land = d.weighed(group.get("far_lands") or W["trade_lanes"][channel])
        sector = d.choice(group.get("far_sectors", [d.weighed(W[group.get("far_pool", "consumer")])]))
        if kind in ("platform", "seller"):
            return d.choice(self.platforms) if kind == "platform" else d.early(self.sellers, 1.3)
        if kind == "fresh":
            return self.firm(land, sector, day - d.spread(group.get("far_age", 30), 0.9))
        old = [r[1] for r in self.relations if r[1].sector == sector and r[1].country == land]
        if old and kind == "old_firm" and d.chance(0.5):
            return d.choice(old)
        return self.person(land) if kind == "someone" else self.firm(land, sector)

    def recipient(self, group: dict[str, Any], home: Party, far: Party, day: float) -> Party:
        """Return a consignee of one of the group's kinds; home is the campaign's own."""
        d, kind, land = self.dice, self.dice.weighed(group["near"]), self.dice.weighed(HERE)
        sector = d.choice(group.get("near_sectors", ["trade"]))
        if kind in ("new_firm", "old_firm", "peer"):
            old = [r[2] for r in self.relations if r[2].sector == sector]
            if old and kind == "old_firm" and d.chance(0.6):
                return d.choice(old)
            opened = day - d.spread(90, 0.9) if kind == "new_firm" else None
            return self.firm(land, far.sector if kind == "peer" and d.chance(0.65) else sector, opened)
        if kind in ("same_house", "home"):
            return home if kind == "home" else self.person(home.country)._replace(home=home.home)
        return self.box() if kind == "box" else d.choice(self.buyers) if kind == "buyer" else self.person(land)

    def declared(self, mode: str, group: dict[str, Any], watched: Good, channel: str, sector: str) -> list[Line]:
        """Return items of a campaign as declared: named, vague, research, industrial, everyday or listed under keys."""
        d = self.dice
        if mode == "keys":
            return [self.line(self.goods[key], channel, 0.6, d.spread(1, 0.25)) for key in d.choice(group["keys"])]
        kg = max(0.01, d.spread(*group["kg"][channel])) if "kg" in group else 0.0
        kg = 25.0 * max(1, round(kg / 25)) if kg and channel != "express" else kg
        if mode in ("name", "cas", "systematic"):
            mode = "systematic" if mode == "cas" and not watched.cas else mode
            number = d.choice(("CAS ", "CAS-Nr. ", "", "cas no ")) + watched.cas
            text = number if mode == "cas" else watched.texts[mode == "systematic"][0]
            eur = kg * d.spread(90.0 if watched.content == "precursor" else 2500.0, 0.9)
            return [Line(watched, kg, eur, mode, text + d.choice(group.get("suffixes", [""])))]
        if mode in ("harmless", "branch"):
            pool = self.sectors if channel != "express" or mode == "branch" else self.small
            goods = pool.get(sector) or self.small[d.weighed(W["consumer"])]
            lines = self.order(goods, channel, group.get("size", 0.5))
        else:
            lines = [self.line(d.choice(self.modes[mode]), channel, 0.7)]
        if kg and d.chance(0.6):  # the true mass shows through; the value follows the papers less
            pace = min(8.0, max(0.15, kg / usual_kg(lines[0].good, channel)))
            lines[0] = self.line(lines[0].good, channel, pace**0.8, d.spread(0.7, 0.7))
        return lines

    def campaign(self, name: str, side: str) -> list[Spec]:
        """Return the shipments of one campaign of an illicit or hard-negative group."""
        d, group = self.dice, W[side][name]
        count, pool = d.randint(*group["count"]), [w for w in self.watched if w.content in group.get("contents", ())]
        if group.get("standing"):  # lots inside an old standing trade
            channel, far, near, goods, size, price = d.early(self.relations, group["standing"])
            lines, content = self.order(goods, channel, size, price), d.choice(pool).content if pool else "none"
            return [Spec(self.day("trade"), channel, far, near, lines, group=name, content=content)]
        pause = 30 + 30 * d.random() if "renamed" in group else 0.0
        day = min(self.day(group.get("calendar", "consumer")), DAYS - group["span"] - pause - 1)
        if name == "designer_precursor":  # moves to unlisted relatives once its goods are listed
            pool = [w for w in pool if w.listed == (LISTING if date_of(day) < LISTING else "")]
        things, channel, home = pool or self.watched, d.weighed(group["channel"]), self.person(d.weighed(HERE))
        watched = d.choice(things)
        far, permit, specs = self.sender(group, channel, day), d.choice(group.get("permits", [""])), list[Spec]()
        for number in range(count):
            later = bool(pause) and number * 2 >= count
            when = day + group["span"] * d.random() + later * pause
            if later and number * 2 < count + 2:  # back under another name, by phone and e-mail or address the same
                old, watched = far, d.choice(things)
                far = self.firm(old.country, d.choice(group["far_sectors"]), day + d.spread(15, 0.3))
                kept = {"phone": old.phone, "email": old.email} if d.chance(0.6) else {"home": old.home}
                far = far._replace(**kept) if d.chance(0.85) else far
            elif number and d.chance(group.get("vary_far", 0.45 if side == "illicit" else 0.1)):
                far = self.sender(group, channel, day)
            again = specs and d.chance(0.3) and "same_house" not in group["near"]
            near = specs[-1].near if again else self.recipient(group, home, far, day)
            mode = d.weighed(group["declare_after" if later else "declare"])
            again = specs and d.chance(group.get("repeat", 0.0))  # the same declaration once more
            lines = specs[0].lines[:] if again else self.declared(mode, group, watched, channel, far.sector)
            lines[0] = lines[0]._replace(mode="odd") if group.get("odd_code") else lines[0]
            origin, nature = d.choice(group.get("origins", [""])), d.choice(group.get("natures", [""]))
            spec = Spec(when, channel, far, near, lines, origin, nature, name, hard=side == "hard")
            spec.content = "none" if side != "illicit" else watched.content if pool else "equipment"
            spec.permit = d.digits(permit) if d.chance(group.get("permit_share", 0.0)) else ""
            specs.append(spec)
        return specs

    def text_of(self, line: Line, spec: Spec) -> str:
        """Return the goods description with the habits and slips of who wrote it."""
        d, kind, style = self.dice, self.dice.random(), spec.far.uid % 6
        land = W["lands"][(spec.near if kind < 0.75 else spec.far).country]
        text = line.text or d.choice(line.good.texts[0 if kind < 0.4 else land["language"]])
        text = d.digits(d.choice(W["prefixes"][spec.channel])) + text if d.chance(0.3) else text
        text += d.digits(d.choice(W["suffixes"])) if d.chance(0.25) else ""
        text += f" CAS {line.good.cas}" if line.good.cas and d.chance(0.15) else ""
        text = text[:i] + text[i + 1 :] if d.chance(0.09) and (i := d.randint(1, 30)) else text
        text = text[: d.randint(18, 30)] if d.chance(0.08) else text
        text = (text, text.upper(), fold(text), fold(text).lower()[:35], text[:70], fold(text).upper()[:50])[style]
        return "" if d.chance(0.004) else text.strip()

    def code_of(self, line: Line, channel: str) -> str:
        """Return the commodity code: mostly right, sometimes a neighbour or careless, six digits or more."""
        d, code, slip, long = self.dice, line.good.hs6, self.dice.random(), self.dice.random()
        if line.mode == "odd":
            code = d.choice(W["of_interest"])
        elif line.good.role in ("vague", "research", "watched") and slip < 0.6:
            code = d.choice(W["vague_codes"])
        elif slip < 0.06:
            code = code[:4] + d.choice(("10", "90", "00", "99", "20", "19"))
        elif slip < 0.1:
            code = self.goods[d.choice(list(self.goods))].hs6
        code = "999999" if slip > 0.993 else code
        code += d.choice(("00", "90", "0000", "9099", "10")) if long < (0.14 if channel == "express" else 0.35) else ""
        return code[:4] if long > 0.97 else f"{code[:4]}.{code[4:]}" if long > 0.955 else code

    def written(self, party: Party, side: str) -> dict[str, str]:
        """Return the fields of a party as this filing writes them."""
        d, name, kind = self.dice, party.name, self.dice.random()
        name = fold(name).upper() if kind < 0.06 else name.replace(".", "").replace(",", " ") if kind < 0.12 else name
        name += f" EORI {party.country}{d.digits('#########')}" if kind > 0.985 and party.kind == "firm" else ""
        address, city, code = party.home
        code = d.choice((f"{party.country}-{code}", code[:-1], code[:3])) if d.chance(0.15) else code
        address = d.choice((fold(address).upper(), address + d.choice(W["rooms"]))) if d.chance(0.15) else address
        phone = party.phone.replace(" ", "") if party.uid % 3 else party.phone
        fields = {"name": " ".join(name.split()), "address": address, "city": city, "postcode": code,
                  "country": party.country, "phone": phone, "email": party.email}  # fmt: skip
        return {f"{side}_{key}": value for key, value in fields.items()}

    def rows(self, spec: Spec, shipment_id: str) -> list[dict[str, str]]:
        """Return the rows of a shipment as filed, with the gaps of its channel."""
        d, filed, far, near = self.dice, W["channels"][spec.channel], spec.far, spec.near
        gaps, kilos, first = W["gaps"][spec.channel], sum(line.kg for line in spec.lines), spec.lines[0].good
        land = W["lands"][far.country]
        currency, rate = (land["currency"], land["rate"]) if d.chance(0.6) else ("EUR", 1.0)
        bulk = first.unit_kg >= 10 and first.sector in W["chemistry"]
        packages = W["bulk_packages" if bulk else "packages"][spec.channel]
        freight = (filed["freight"][0] + filed["freight"][1] * kilos) * rate * d.spread(1, 0.4)
        shared = dict.fromkeys(COLUMNS, "") | self.written(far, "consignor") | self.written(near, "consignee")
        shared |= dict(zip(W["master_fields"], spec.master, strict=True)) | {
            "shipment_id": shipment_id, "house_id": d.digits(filed["house"]), "filing_type": d.choice(filed["filing"]),
            "channel": spec.channel, "transport_mode": filed["mode"], "declared_at": date_of(spec.day, MINUTES),
            "export_country": far.country if d.chance(0.94) else d.weighed(W["trade_lanes"][spec.channel]),
            "routing_countries": f"{W['routes'].get(far.country, far.country)};{near.country}", "currency": currency,
            "marketplace": d.choice(W["marketplaces"]) if near.kind != "firm" else "", "consignor_known": far.known,
            "transaction_nature": spec.nature or d.choice(("11", "11", "11", "")), "permit_number": spec.permit,
            "gross_mass_kg": f"{kilos * (1 + d.spread(filed['tare'], 0.5)):.2f}", "freight_charge": f"{freight:.2f}",
            "package_count": str(max(1, round(kilos / d.spread(filed["package_kg"], 0.5)))),
            "package_type": d.choice(packages), "consignor_account_opened_on": date_of(far.opened),
        }  # fmt: skip
        shared = {key: "" if d.chance(gaps.get(key, 0.0)) else value for key, value in shared.items()}
        rows = []
        for number, line in enumerate(spec.lines, 1):
            good, cas, pieces = line.good, line.good.cas, line.good.unit_kg < 10
            item = {
                "item_number": str(number), "goods_description": self.text_of(line, spec),
                "declared_chemical": good.texts[0][0] if cas else "", "cas_number": cas, "undg_number": good.un,
                "cus_number": f"00{int(cas.replace('-', '')) % 100000:05d}-{len(cas) % 10}" if cas else "",
                "hs_code": self.code_of(line, spec.channel), "net_mass_kg": f"{line.kg:.{3 if line.kg < 10 else 1}f}",
                "origin_country": spec.origin or (far.country if d.chance(0.78) else d.choice(W["origins"])),
                "quantity": str(max(1, round(line.kg / good.unit_kg))) if pieces else f"{line.kg:.1f}",
                "quantity_unit": "H87" if pieces else "KGM", "customs_value": f"{line.eur * rate:.2f}",
            }  # fmt: skip
            rows.append(shared | {key: "" if d.chance(gaps.get(key, 0.0)) else value for key, value in item.items()})
        return rows
