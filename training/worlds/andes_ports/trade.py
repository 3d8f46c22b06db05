"""Licit bonds, clusters of groups, and the manifests that they write."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from training.worlds.andes_ports.goods import (
    ALL_CODES,
    DAYS,
    GOODS,
    HARD,
    MODES,
    PLACES,
    START,
    TABLE,
    WATCH,
    WAYS,
    WORDS,
    Bond,
    Draft,
    Good,
    Item,
    Party,
    unfold,
)
from training.worlds.writer import COLUMNS


class Scene:
    """The dice (a numpy Generator, buffered for single draws), parties and shipments of one world while it is built."""

    def __init__(self, seed: int) -> None:
        self.rng, self.pool, self.at = np.random.default_rng(seed), [0.5], 1
        self.unfold = cache(unfold)
        self.drafts: list[Draft] = []
        self.bonds: dict[str, list[Bond]] = defaultdict(list)
        self.pools: dict[tuple[str, str], list[Party]] = defaultdict(list)
        self.agents = {c: [self.firm(c, "agent", 4000)["name"] for _ in range(14)] for c in unfold(TABLE["homes"])}

    def u(self) -> float:
        """Return a uniform number in (0, 1)."""
        if self.at >= len(self.pool):
            self.pool, self.at = np.clip(self.rng.random(1 << 16), 1e-9, 1 - 1e-9).tolist(), 0
        self.at += 1
        return self.pool[self.at - 1]

    def pick(self, things: Any) -> Any:
        """Return one of a sequence, or one word of a text, or one of "CN2 US1" by its weight."""
        things = self.unfold(things) if isinstance(things, str) else things
        return things[int(self.u() * len(things))]

    def whole(self, low: int, high: int) -> int:
        """Return an integer from low to high inclusive."""
        return low + int(self.u() * (high - low + 1))

    def spread(self, median: float, sigma: float) -> float:
        """Return a lognormal number."""
        return median * math.exp(sigma * math.sqrt(-2 * math.log(self.u())) * math.cos(2 * math.pi * self.u()))

    def digits(self, count: int) -> str:
        """Return a text of digits."""
        return f"{int(self.u() * 10**count):0{count}d}"

    def firm(self, country: str, line: str, age: float) -> Party:
        """Return a new party of a trade ("person" for a private one), opened `age` days before the start."""
        names, tongue = WORDS["name"], TABLE["tongue"].get(country, "eu")
        own = tongue if tongue in ("es", "pt") else "es" if line == "person" else "en"
        _, city, postcode = self.pick(PLACES[country])
        last, last2, given = (self.pick(names[k + own.replace("en", "es")]) for k in ("last_", "last_", "given_"))
        trade = self.pick(WORDS["line"][line].split("|")[("es", "pt", "en").index(own)].split(";"))
        name = self.pick(TABLE["form"]["person" if line == "person" else tongue]).format(
            trade=trade,
            last=last,
            last2=last2,
            given=given,
            root=self.pick(names.get("root_" + own, [""])),
            city=city,
            syll=(self.pick(names["syll"]) + self.pick(names["syll"])).title(),
            india=self.pick(names["word_in"]),
            europe=self.pick(names["word_eu"]),
            legal=self.pick(TABLE["legal"].get(country, TABLE["legal"]["other"])),
        )
        free = self.u() < (0.85 if line == "person" else 0.42 if line == "gen" else 0.28)
        slug = "".join(c for c in name.lower() if c.isalnum())[:14] + self.digits(2)
        host = (self.pick("correo freemail mailbox") if free else slug) + f".example.{self.pick('com net org')}"
        dial = TABLE["dial"].get(country, "+99 0")
        phone = dial + self.digits(2 if "555 01" in dial else 3 if country == "GB" else 7)
        street = names["street_" + (own if line != "person" or tongue != "eu" else "en")]
        return {
            "name": name,
            "address": f"{self.pick(street)} {self.whole(1, 2400)}",
            "city": city,
            "postcode": postcode,
            "country": country,
            "phone": phone,
            "email": f"{slug}@{host}" if free else f"{self.pick(TABLE['mailbox'])}@{host}",
            "line": line,
            "account_opened_on": f"{START - timedelta(days=age):%Y-%m-%d}",
            "known": "Y" if age > 900 and self.u() < 0.35 else "N",
            "free": "1" if free else "",
        }

    def party(self, country: str, line: str) -> Party:
        """Return an established firm, from a pool that grows with the world, so that parties share trade."""
        pool = self.pools[(country, line)]
        if not pool or self.u() < 0.35:
            pool.append(self.firm(country, line, 250 + 4000 * self.u()))
        return self.pick(pool) if self.u() < 0.5 else pool[-1]

    def bond(self, parties: tuple[Party, Party], goods: list[Good], odds: list[float], hub: float) -> Bond:
        """Join two parties; `odds` weigh the ways, and with odds `hub` the goods leave from a third country."""
        (a, z) = parties
        way = WAYS[int(np.searchsorted(np.cumsum(odds), self.u() * sum(odds)))]
        way = "ocean" if way == "truck" and a["country"] not in ("US", "MX") else way
        export = self.pick(TABLE["hubs"]) if self.u() < hub and way != "truck" else a["country"]
        ports = PLACES[z["country"]][:3] if way == "ocean" else PLACES[z["country"]][-4:]
        load, unload = self.pick(PLACES[export][: 3 if way == "ocean" else 9])[0], self.pick(ports)[0]
        scale, agent = 1.0 if self.u() < 0.55 else self.spread(0.12, 0.6), self.pick(self.agents[z["country"]])
        return Bond(a, z, goods, way, export, load, unload, agent, self.spread(1, 0.22), scale)

    def item(self, good: Good, bond: Bond, share: float) -> Item:
        """Return the usual consignment of a good on a bond."""
        sigma = WORDS["sector"][good.sector]["sigma"]
        slow = bond.way in ("ocean", "truck") or good.kg < 30
        kg = good.kg if slow else 1.8 * good.kg ** (0.62 if bond.way == "air_cargo" else 0.42)
        kg = max(0.05, self.spread(kg * share * (bond.scale if good.kg > 30 else 1), sigma[0]))
        pack = "DR" if not slow and good.pack in ("TK", "VR", "WA", "UN") else good.pack
        pack = pack if self.u() < 0.95 else self.pick("DR BG CT PX")
        usd = self.spread(good.usd * bond.price * (1.0 if slow else 1.25), sigma[1] * 0.8)
        return Item(good, kg, kg * usd, good.hs, pack)

    def draft(self, bond: Bond, day: float) -> Draft:
        """Return an ordinary shipment of a bond; codes go wrong by neighbour or by carelessness, words become vague."""
        count = 1 if len(bond.goods) == 1 or self.u() < 0.6 else self.whole(2, min(5, len(bond.goods) + 1))
        items = [self.item(self.pick(bond.goods), bond, 1 / count**0.7) for _ in range(count)]
        for it in items:
            roll = self.u()
            if roll < 0.045:
                near = it.good.hs[:4] + self.pick("10 20 30 40 50 90 19 29 99")
                it.code = self.pick(ALL_CODES) if roll < 0.02 else near
            elif roll < (0.085 if bond.consignee["line"] in ("gen", "person") else 0.063):
                vague = self.pick(MODES["chem" if it.good.hs[:2] in ("28", "29", "38") else "any"])
                it.good = it.good._replace(sector=vague.sector, words=vague.words, cas="", tags=vague.tags)
        return Draft(min(max(day, 0.0), DAYS - 0.01), bond, items)

    def pair(self, sector: str, single: bool, day: float) -> Bond:
        """Return a licit bond of a sector; single ones are mostly between new parties."""
        spec = WORDS["sector"][sector]
        origin, parcel = self.pick(spec["from"]), sector == "parcel"
        home = self.pick([c for c in unfold(TABLE["homes"]) if c != origin])
        buyer = "gen" if parcel or self.u() < 0.2 else spec["line"]
        buyer = "person" if self.u() < (0.78 if parcel else 0.02) else buyer
        seller = "gen" if parcel or self.u() < 0.15 else spec["line"]
        age, seller = 12 + 1500 * self.u() ** 3 - day, "person" if parcel and single and self.u() < 0.3 else seller
        new_a, new_z = ((single and self.u() < 0.8) or line == "person" for line in (seller, buyer))
        a = self.firm(origin, seller, age) if new_a else self.party(origin, seller)
        z = self.firm(home, buyer, age) if new_z else self.party(home, buyer)
        bond = self.bond((a, z), [self.pick(GOODS[sector]) for _ in range(self.whole(1, 4))], spec["ways"], 0.16)
        nature = self.pick("11 11 11 11 11 11 11 11 11 11 31 32 99" if parcel else "11 " * 28 + "32 21 99")
        return replace(bond, nature=nature, permit=0.45 if sector in ("drug", "food", "agro", "cosm", "med") else 0.06)

    def trade(self, sector: str, left: int) -> None:
        """Add the licit shipments of a sector: regular, occasional and single bonds, with seasons."""
        peak = WORDS["sector"][sector].get("peak")
        while left > 0:
            roll = self.u()
            size = int(min(60, 5 + 6 / self.u() ** 0.8)) if roll < 0.095 else self.whole(2, 4) if roll < 0.45 else 1
            left, size = left - min(size, left), min(size, left)
            begin = 0.0 if size > 8 else self.u() * DAYS * (0.8 if size > 1 else 1.0)
            bond = self.pair(sector, size == 1, begin)
            self.bonds[sector] += [bond] if size > 3 else []
            length = 0 if size == 1 else (DAYS - begin) * (1 if size > 4 else self.u())
            for i in range(size):
                here, z, other = replace(bond), bond.consignee, i and self.u() < 0.8
                here.consignee = self.firm(z["country"], "person", 0) if z["line"] == "person" and other else z
                day = begin + length * ((i + self.u()) / size)
                self.drafts.append(self.draft(here, self.whole(*peak) + self.u() if peak and self.u() < 0.18 else day))

    def fronts(self, spec: dict[str, Any], sector: str, day: float) -> Bond:
        """Return the bond of a cluster of a group: parties new or borrowed from licit trade, as the table says."""
        trade = WORDS["sector"][sector]["line"] or "gen"
        usual = self.pick(self.bonds[sector] or self.bonds["home"])
        a, z = usual.consignor, usual.consignee
        if spec["modes"] == "own":
            return Bond(**vars(usual))
        if spec["fresh"][0] > 0:
            age, origin = 12 + 170 * self.u() ** 1.5 - day, self.pick(spec["from"])
            fresh, borrowed, line = self.u() < spec["fresh"][0], self.u() < 0.5, self.pick(["quim", "gen", trade])
            a = self.firm(origin, line, age) if fresh else a if borrowed else self.party(origin, trade)
            line = "person" if self.u() < spec.get("person", 0.0) else self.pick(spec["lines"])
            home = self.pick([c for c in unfold(TABLE["homes"]) if c != a["country"]])
            fresh = line == "person" or self.u() < spec["fresh"][1]
            borrowed = self.u() < 0.4 and z["country"] != a["country"]
            z = self.firm(home, line, age) if fresh else z if borrowed else self.party(home, line)
        bond = self.bond((a, z), usual.goods, spec["ways"], spec.get("hub", 0.16))
        nature = self.pick("31 32") if self.u() < spec.get("gift", 0.04) else "11"
        return replace(bond, nature=nature, permit=spec.get("permit", 0.08))

    def declare(self, spec: dict[str, Any], mode: str, sub: str, bond: Bond) -> Item:
        """Return the declared item of a group's shipment: the goods as the manifest names them."""
        named = mode in ("name", "sys", "cas")
        if named:
            goods = [WATCH[sub][mode]._replace(pack=pack) for pack in ("DR", "DR", "BG", "CT", "BX")]
        elif mode == "cover":
            goods = GOODS[self.pick(spec["cover"])]
        else:
            goods = bond.goods if mode == "own" else HARD[spec["cover"]] if mode == "hard" else MODES[mode]
        item = self.item(self.pick(goods), bond, 1.0)
        item.how, price, roll = mode if named else "name", item.usd / item.kg, self.u()
        if "kg" in spec and mode != "own" and self.u() < spec.get("small", 0.7):
            item.kg = self.spread(spec["kg"] * (1.0 if bond.way == "ocean" or spec["kg"] < 5 else 0.35), 1.0)
        cheap = self.spread(0.2, 0.5) if roll > 1 - spec.get("cheap", 0.0) else 1.0
        price = self.spread(30, 0.8) if roll < spec.get("dear", 0.0) else price * cheap
        item.usd = item.kg * price * (self.spread(0.85, 0.25) if mode == "own" else 1.0)
        item.pack, roll = "DR" if self.u() < spec.get("drum", 0.0) else item.pack, self.u()
        if roll < spec.get("wrong", 0.05):
            item.code = self.pick(ALL_CODES)
        elif named and roll < 0.35:
            item.code = self.pick("293399 294200 382499 293359 292429 293339")
        return item

    def cluster(self, name: str, spec: dict[str, Any], size: int, hard: bool) -> None:
        """Add the shipments of one cluster of a group."""
        day = self.u() * (DAYS - (spec["span"] if size > 1 else 0))
        sector = self.pick(spec.get("cover", spec["modes"]))
        sector = sector if sector in GOODS else "mach" if sector in ("press", "dies", "look") else "fine"
        bond, base = self.fronts(spec, sector, day), f"={name}{day:.5f}" if spec.get("master") else ""
        mode, sub = self.pick(spec["modes"]), self.pick(spec.get("subs", "-"))
        for i in range(size):
            here, when = replace(bond), min(day + spec["span"] * self.u(), DAYS - 0.01)
            if spec.get("ride"):
                hosts = [x for x in self.drafts if x.bond.way == bond.way]
                host = self.pick(
                    [x for x in hosts if x.bond.consignee["country"] == bond.consignee["country"]] or hosts
                )
                when, here.load, here.unload, here.export = host.day, host.bond.load, host.bond.unload, host.bond.export
            if i and self.u() < spec.get("twin", 0.0):
                twin = self.firm(bond.consignee["country"], bond.consignee["line"], 90 - day)
                here.consignee = twin | {k: bond.consignee[k] for k in ("address", "city", "postcode")}
            if i and self.u() < spec.get("brand", 0.0):
                here.consignor = self.party(bond.consignor["country"], WORDS["sector"][sector]["line"] or "gen")
            if "before" in spec or self.u() < 0.3:
                mode, sub = self.pick(spec["modes"]), self.pick(spec.get("subs", "-"))
            if "before" in spec and when < 141:  # 4-piperidone and its boc form entered UN Table I on 2024-12-03.
                mode, sub = "name", self.pick(spec["before"])
            draft = self.draft(here, when)
            extra = draft.items[:1] if mode != "own" and self.u() < 0.35 else []
            also = [m for m in spec.get("also", "").split() if self.u() < 0.75]
            draft.items = [self.declare(spec, m, sub, here) for m in (mode, *also)] + extra
            draft.items.sort(key=lambda _: self.u())
            content = "none" if hard else spec.get("content") or WORDS["watch"][sub].split("|")[1]
            self.drafts.append(replace(draft, label=(content, name, hard), papers=(base, "", "", False, 0.0)))

    def masters(self) -> None:
        """Give master and house numbers and carriers: groupage of one route and half week shares a master."""
        opened: dict[tuple[str, ...], tuple[str, str, int]] = {}
        for x in self.drafts:
            b, kg, way = x.bond, sum(i.kg for i in x.items), WAYS.index(x.bond.way)
            groupage = bool(x.papers[0]) or (way < 2 and kg < 9000 and self.u() < 0.8)
            key = (x.papers[0],) if x.papers[0] else (b.way, b.load, b.unload, str(int(x.day / 4)))
            number, carrier, room = opened.get(key if groupage else (), ("", "", 0))
            if room <= 0:
                carrier, _, prefix = self.pick(TABLE["carrier"][b.way]).partition("-")
                number = f"{prefix}-{self.digits(8)}" if prefix else f"{carrier[:4]}{self.digits(9)}"
                room = 12 if x.papers[0] else self.whole(2, 8)
            opened |= {key: (number, carrier, room - 1)} if groupage else {}
            house = f"{b.load[2:]}{self.digits(8)}" if groupage or b.way == "express" or self.u() < 0.45 else ""
            freight = max(self.spread((120, 60, 9, 80)[way], 0.2), kg * self.spread((0.2, 4.5, 13, 0.25)[way], 0.3))
            x.papers = (number, house, carrier, self.u() < b.permit, freight)

    def describe(self, x: Draft, it: Item, count: int) -> str:
        """Write the goods as a manifest would: language, quantity, references, case, slips, cuts."""
        home, way = x.bond.consignee["country"], x.bond.way
        tongue = 2 if self.u() > 0.52 else 1 if home == "BR" else 0
        text = self.pick(it.good.words[tongue])
        mixed = tongue == 2 and x.bond.consignor["country"] in ("CN", "HK") and self.u() < 0.35
        text = self.pick(TABLE["mixed"]).format(text) if mixed else text
        for plain, accent in TABLE["accents"].items() if tongue < 2 and self.u() < 0.2 else ():
            text = text.replace(plain, accent)
        if count > 1 and it.pack in TABLE["pack"] and self.u() < 0.3 and way != "express":
            of = " de " if tongue < 2 and self.u() < 0.6 else " "
            text = f"{count} {unfold(TABLE['pack'][it.pack])[tongue]}{of}{text}"
        text = self.pick(TABLE["lead"]) + text if way == "ocean" and self.u() < 0.22 else text
        number = self.pick(["", "A", "X", "ZP", "HB-", "QX"]) + self.digits(self.whole(3, 6))
        text += self.pick(TABLE["tail"]).format(number) if self.u() < 0.45 else ""
        code = f" ncm {it.code[:4]}" if home == "BR" else f" hs code {it.code}"
        text += code if self.u() < (0.3 if home == "BR" else 0.06) else ""
        text += f" cas {it.good.cas}" if it.good.cas and self.u() < 0.07 and it.how == "name" else ""
        if self.u() < 0.05 and len(text) > 6:
            at = self.whole(1, len(text) - 3)
            text = text[:at] + self.pick(["", text[at + 1] + text[at], text[at] * 2]) + text[at + self.whole(1, 2) :]
        text = text[: self.pick([18, 25, 30, 35])].rstrip() if self.u() < 0.1 else text
        shout = self.u() < {"ocean": 0.68, "express": 0.3}.get(way, 0.5)
        return str(text.upper() if shout else text if self.u() < 0.6 else text.capitalize())

    def spell(self, firm: Party, role: str) -> dict[str, str]:
        """Return a party's fields as a filer types them: case, stops, cuts, another door, contact or mailbox."""
        out, city = dict(firm), firm["city"]
        out["address"] += self.pick(TABLE["annex"]).format(self.whole(1, 40)) if self.u() < 0.4 else ""
        out["phone"] = firm["phone"][:-2] + self.digits(2) if self.u() < 0.4 else firm["phone"]
        new_box = f"{self.pick(TABLE['mailbox'])}@{firm['email'].split('@')[1]}"
        out["email"] = new_box if not firm["free"] and self.u() < 0.5 else firm["email"]
        out["name"] = firm["name"].replace(".", "").replace(",", "") if self.u() < 0.15 else firm["name"]
        out["name"] += self.pick([f" / {city}", f" {firm['country']}", f" - {city}"]) if self.u() < 0.18 else ""
        for key in ("name", "address", "city"):
            out[key] = out[key].upper() if self.u() < 0.45 else out[key]
            out[key] = out[key][:35].rstrip() if self.u() < 0.07 else out[key]
        return {f"{role}_{k}": v for k, v in out.items() if f"{role}_{k}" in COLUMNS}

    def write(self, x: Draft, name: str) -> list[dict[str, str]]:
        """Return the rows of one shipment with the gaps and slips of its channel."""
        b, way, home = x.bond, WAYS.index(x.bond.way), x.bond.consignee["country"]
        counts = [max(1, round(i.kg / self.pick(TABLE["unit_kg"][i.pack]))) for i in x.items]
        kg = sum(i.kg for i in x.items) * (1.02 + 0.13 * self.u())
        euro = b.export in ("DE", "ES", "IT", "FR", "NL", "FI") and self.u() < 0.55
        stop = [self.pick("PA KR US ES PE CO")][: int(self.u() * 1.9)]
        moment, (bill, house, carrier, permit, freight) = START + timedelta(days=x.day), x.papers
        market = self.pick(TABLE["market"]) if way == 2 and b.nature == "11" and self.u() < 0.4 else ""
        head = dict.fromkeys(COLUMNS, "") | self.spell(b.consignor, "consignor") | self.spell(b.consignee, "consignee")
        head |= {
            "shipment_id": name,
            "master_id": bill,
            "house_id": house,
            "channel": b.way,
            "transport_mode": "1443"[way],
            "filing_type": self.pick(TABLE["filing"][b.way]),
            "declared_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "export_country": b.export,
            "routing_countries": ";".join(dict.fromkeys([b.export, *stop, home])),
            "loading_location": b.load,
            "unloading_location": b.unload,
            "carrier_id": carrier,
            "agent_name": b.agent,
            "marketplace": market,
            "transaction_nature": b.nature,
            "gross_mass_kg": f"{kg:.{2 if kg < 500 else 0}f}",
            "package_count": str(sum(counts)),
            "package_type": x.items[0].pack,
            "freight_charge": f"{freight:.2f}",
            "currency": "EUR" if euro else "USD",
            "origin_country": b.consignor["country"],
            "permit_number": f"{home}-{self.pick('COF SAN IMP LIC')}-{self.digits(7)}" if permit else "",
        }
        gaps = {key for key, odds in WORDS["gap"].items() if self.u() < odds[way]}
        digits = ({"CO": 10, "MX": 10}.get(home, 8)) if self.u() < 0.85 else 6
        rows = []
        for line, it in enumerate(x.items):
            code = (it.code + ("00", "10", "20", "90", "99")[sum(map(ord, it.code + home)) % 5] * 2)[:digits]
            value = round(it.usd * (0.92 if euro else 1.0), 2 if self.u() < 0.8 else -1 if it.usd > 90 else 0)
            rows.append(
                head
                | {
                    "item_number": str(line + 1),
                    "goods_description": self.describe(x, it, counts[line]),
                    "declared_chemical": self.pick(it.good.words[2]) if it.good.cas and self.u() < 0.12 else "",
                    "cas_number": it.good.cas if self.u() < (0.5 if it.how == "cas" else 0.2) else "",
                    "hs_code": f"{code[:4]}.{code[4:6]}.{code[6:]}".rstrip(".") if self.u() < 0.08 else code,
                    "net_mass_kg": f"{it.kg:.{2 if it.kg < 500 else 0}f}",
                    "customs_value": f"{value:.2f}",
                    "quantity": str(counts[line]) if self.u() < 0.5 else f"{it.kg:.0f}",
                    "undg_number": it.good.un,
                    "quantity_unit": "" if "quantity" in gaps else self.pick("KGM C62 NMP"),
                }
                | dict.fromkeys(gaps, "")
            )
        return rows
