"""Honest trade, campaigns of hidden goods, and the entries that a broker files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from training.worlds.bonded_broker.goods import (
    CHANNELS,
    CHEMICAL,
    DAYS,
    GOODS,
    LISTING,
    PREVALENCE,
    START,
    SUFFIXES,
    WORDS,
    Good,
    Item,
    Party,
    Ship,
    T,
    mix,
)


class Trade:
    """Parties and their shipments, licit and illicit, and how they are written down; all draws of one generator."""

    def __init__(self, shipments: int, seed: int) -> None:
        """Settle the regular parties; their number grows with the traffic, so that their habits do not change."""
        self.rng, self.made, self.crooks, self.fresh = np.random.default_rng(seed), 0, list[Party](), list[Party]()
        self.offices: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.mix = cache(mix)
        sizes = {kind: max(8, round(share * shipments)) for kind, share in WORDS["sizes"].items()}
        self.pools = {kind: [self.party(kind, first=i < 6) for i in range(size)] for kind, size in sizes.items()}
        self.pools["agent"] = [self.party("agent", "HK" if i > 4 else "CN", first=True) for i in range(6)]

    def chance(self, p: float) -> bool:
        """Answer True with probability p."""
        return bool(self.rng.random() < p)

    def pick(self, values: Sequence[T]) -> T:
        """Draw one of the values, all alike."""
        return values[int(self.rng.random() * len(values))]

    def of(self, text: str) -> str:
        """Draw a name of a mix such as "a*3 b"."""
        return self.pick(self.mix(text))

    def good(self, families: str, country: str = "") -> Good:
        """Draw a kind of goods of a mix of families, at times one of the sender's country."""
        family = self.of(families)
        local = f"{family}_{country}"
        return self.pick(GOODS[local if local in GOODS and self.chance(0.4) else family])

    def spread(self, median: float, sigma: float) -> float:
        """Draw a lognormal amount."""
        return float(median * np.exp(sigma * self.rng.standard_normal()))

    def fill(self, form: str) -> str:
        """Put a digit for each # of a form."""
        return "".join(str(int(self.rng.random() * 10)) if mark == "#" else mark for mark in form)

    def day(self, low: float, high: float) -> float:
        """Draw a time between two days, by weekday, month and the spring festivals of 2024 and 2025."""
        while True:
            day = low + self.rng.random() * (high - low)
            date = START + timedelta(days=int(day))
            weight = WORDS["season"]["months"][date.month - 1] * WORDS["season"]["weekdays"][date.weekday()]
            if self.chance(weight * (0.7 if 70 < day < 80 or day > 424 else 1) / 1.3):
                return day

    def party(self, kind: str, country: str = "", first: bool = False, opened: float | None = None) -> Party:
        """Invent a party; without `opened`, most are older than the period and some begin within it."""
        self.made += 1
        home = country or (self.of(WORDS["trade_lanes"][kind]) if kind in WORDS["trade_lanes"] else "US")
        words, site = WORDS["country"][home], self.made
        border, post_box = kind == "forwarder" and self.chance(0.6), kind == "person" and self.chance(0.04)
        city, post, place = self.pick(WORDS["border"] if border else words["cities"]).split("|")
        person = kind in ("individual", "person") or (kind == "seller" and self.chance(0.3))
        name = f"{self.pick(words['given'])} {self.pick(words['family'])}"
        if not person:
            stem = self.pick(words["stems"]) + (self.pick(words["stems"]).lower() if home == "CN" else "")
            stem = self.pick(words["family"]) if kind in ("lab", "hobby", "smallfirm") and self.chance(0.5) else stem
            name = words["form"].format(city=city, stem=stem, trade=self.pick(WORDS["trade_words"][kind]))
        free = person or self.chance(0.5 if kind in ("seller", "chemfirm", "smallfirm", "hobby") else 0.1)
        label = "".join(c for c in name.lower() if c.isalpha())[:11]
        email = f"{label}##@mail.example.net" if free else f"{self.of('sales info')}@{label}.example.com"
        street = f"{1 + int(self.rng.random() * (9900 if home == 'US' else 399))} {self.pick(words['streets'])}"
        unit = WORDS["units"].get(kind, "") if home == "US" else ", Rm 1#0#"
        street = self.fill("PO Box ####" if post_box else street + unit * self.chance(0.35))
        post += self.fill("##") if home == "US" else ""
        if kind in ("seller", "chemfirm") and self.chance(0.3):
            self.offices[city] = [*self.offices[city], (site, street)][:4]
            site, street = self.pick(self.offices[city])
        draw = -self.spread(700, 0.8) if first or self.chance(0.7) else self.rng.random() * DAYS
        text = {"name": name, "address": street, "city": city, "postcode": post, "country": home}
        text |= {"email": self.fill(email), "phone": self.fill(words["phone"].replace("{area}", place))}
        return Party(self.made, kind, home, place, text, draw if opened is None else opened, self.made, site)

    def regular(self, kind: str, day: float, country: str = "") -> Party:
        """Draw a party of a pool that is active on the day; few of them make most of the trade."""
        pool = self.pools[kind]
        for _ in range(60):
            party = pool[int(len(pool) * self.rng.random() ** 1.8)]
            if party.opened <= day and (not country or party.country == country):
                return party
        return self.party(kind, country, opened=day - self.spread(90, 1.0)) if country else pool[0]

    def receiver(self, kinds: str, day: float, sender: Party | None = None) -> Party:
        """Draw a consignee; firms return to their partners, private persons are mostly new names."""
        kind = self.of(kinds)
        if kind in ("person", "hobby"):
            return self.party(kind, opened=day) if self.chance(0.5) else self.regular(kind, day)
        known = [p for p in sender.partners if p.kind == kind] if sender else []
        if not known or self.chance(0.25):
            known = [self.party(kind, opened=day) if self.chance(0.12) else self.regular(kind, day)]
            (sender.partners if sender else []).extend(known)
        return self.pick(known)

    def crook(self, plan: dict[str, Any], day: float) -> Party:
        """Draw a consignor of an illicit plan: a new account, a former one, or one that also trades honestly."""
        kind, country, fresh = self.of(plan["senders"]), self.of(plan["trade_lanes"]), plan.get("fresh", 0.45)
        if not self.chance(fresh):
            former = [p for p in self.crooks[-4:] if p.kind == kind and p.opened < day]
            return former[-1] if former and self.chance(0.3) else self.regular(kind, day, country)
        self.crooks.append(self.party(kind, country, opened=day - self.spread(6 if fresh == 1 else 35, 1.0)))
        return self.crooks[-1]

    def item(self, good: Good, pieces: float) -> Item:
        """Declare an honest amount; a share of values is too low all the same, some just under USD 800."""
        qty = max(1, round(self.spread(pieces, 0.75)))
        usd = good.usd * qty * self.spread(1, 0.4) * (0.08 + 0.5 * self.rng.random() if self.chance(0.08) else 1)
        usd = 800 * (1 - 0.04 * self.rng.random()) if 800 < usd < 950 and self.chance(0.3) else usd
        return Item(good, good.kg * qty * self.spread(1, 0.25), usd, qty)

    def settle(self, channel: str, sender: Party, items: list[Item]) -> str:
        """Move what is too heavy, too light or on the wrong continent to the channel that carries such goods."""
        kg, near = sum(item.kg for item in items), sender.country in ("MX", "CA") and self.chance(0.9)
        channel = "express" if channel == "postal" and kg > 25 else channel
        channel = "air_cargo" if (channel == "express" and kg > 120) or (channel == "ocean" and kg < 60) else channel
        channel = "ocean" if channel == "air_cargo" and kg > 2500 else channel
        moved = {"ocean": "truck"} if near else {"truck": "ocean", "rail": "ocean"}
        return moved.get(channel, channel)

    def honest(self, name: str, low: float, high: float, hard: bool = False) -> Ship:
        """Draw one licit shipment of a trade between two days."""
        _, kind, receivers, families, channels, pieces, lines, style = WORDS["hard" if hard else "trades"][name]
        day = self.day(low, high)
        sender = self.regular(kind, day)
        if name == "new_seller":
            if not self.fresh or self.chance(0.3) or not low <= self.fresh[-1].opened + 6 < high:
                self.fresh.append(self.party("seller", opened=max(low - 5, day - self.spread(6, 0.8))))
            sender, day = self.fresh[-1], min(max(low, self.fresh[-1].opened + self.spread(6, 0.6)), high - 0.01)
        elif kind in ("seller", "individual") and self.chance(0.3 if kind == "seller" else 0.8):
            sender = self.party(kind, opened=day - self.spread(150, 1.3))
        receiver, items = self.receiver(receivers, day, sender), list[Item]()
        focus = sender.focus.setdefault(name, [self.good(families, sender.country) for _ in range(4)])
        for _ in range(1 + int(self.rng.poisson(lines - 1))):
            good = self.pick(focus) if self.chance(0.7) else self.good(families, sender.country)
            good = self.good(families) if good.hs[:4] == "9505" and 31 < day % 366 < 274 else good
            items.append(self.item(good, pieces))
            items[-1].research = style in ("chem", "catalog") and good.kind in CHEMICAL and self.chance(0.05)
        channel, label = self.settle(self.of(channels), sender, items), ("none", name if hard else "", hard)
        nature = WORDS["natures"].get(name, self.of("11*22 31 32 99 21"))
        items[0].hs = self.good("fine listed vague_chem*2 die press pharma opioid").hs if name == "odd_code" else ""
        export = self.of("HK KR CA MX SG AE") if name == "forwarded" or self.chance(0.03) else ""
        return Ship(day, channel, sender, receiver, items, style, nature, self.permit(items), export, label)

    def permit(self, items: list[Item]) -> str:
        """Name the permit that a lawful trade in these goods mostly carries."""
        kinds = {item.good.kind for item in items}
        _, p, forms = next(rule for rule in WORDS["permits"] if not rule[0] or kinds & set(rule[0].split()))
        return self.fill(f"{self.of(forms)}-######") if self.chance(p) else ""

    def hidden(self, plan: dict[str, Any], number: int) -> Item:
        """Declare illicit goods under their name or as harmless; amount and value fit in a share of cases only."""
        kg, fit = self.spread(*plan["kg"]), plan.get("honest", 0.5)
        if self.chance(plan.get("cover_share", 0)):
            good = self.good(plan["cover"])
            qty = max(1, round(kg / good.kg * self.spread(1, 0.3) if self.chance(fit) else self.spread(2, 0.6)))
            usd = good.usd * qty * self.spread(1, 0.4) * (1 if self.chance(fit) else 0.06 + 0.5 * self.rng.random())
            return Item(good, kg, usd, qty)
        good = self.good(plan.get("later", plan["named"]) if number else plan["named"])
        kg = good.kg * self.spread(1, 0.25) if good.family == "press" else kg
        usd = good.usd * kg / good.kg * self.spread(1, 0.5) * (0.1 + 0.5 * self.rng.random() if self.chance(0.3) else 1)
        return Item(good, kg, usd, max(1, round(kg / good.kg)), research=self.chance(plan.get("research", 0.04)))

    def campaign(self, name: str, low: float, high: float) -> list[Ship]:
        """Draw the shipments of one illicit plan between two days."""
        plan = WORDS["illicit"][name]
        day, ships, label = self.day(low, high), list[Ship](), (self.of(plan["content"]), name, False)
        if name == "invisible":
            return [replace(self.honest("b2c", low, high), label=label)]
        later, renamed = plan.get("to"), plan.get("renamed")
        day = max(low, LISTING - self.spread(15, 0.6)) if renamed and low < LISTING < high and self.chance(0.5) else day
        sender, to = self.crook(plan, day), self.receiver(plan["receivers"], day)
        for number in range(self.pick(plan.get("number", [1]))):
            if number:
                day = min(day + self.spread(plan["gap"], 0.6), high - 0.01)
                if later or self.chance(0.15):
                    last, to = to, self.party(self.of(plan["receivers"]), opened=day)
                    if later == "city":
                        to.text |= {"city": last.text["city"], "postcode": last.text["postcode"][:3] + self.fill("##")}
                sender = self.crook(plan, day) if self.chance(plan.get("other_sender", 0)) else sender
            if number == 1 and renamed:
                old, sender = sender, self.party(sender.kind, sender.country, opened=day)
                sender.text |= {part: text for part, text in old.text.items() if part != "name"}
                sender.contact, sender.site, sender.place = old.contact, old.site, old.place
            items = [self.hidden(plan, number)]
            items += [self.item(self.good(plan["extra"]), 1.3) for _ in range(self.pick(plan.get("extras", [0])))]
            channel, nature = self.settle(self.of(plan["channels"]), sender, items), self.of("11*10 31 32 99")
            permit = self.permit(items) if self.chance(0.15) else ""
            export = self.of("HK*2 KR CA MX SG AE") if self.chance(plan.get("detour", 0.05)) else ""
            ships.append(Ship(day, channel, sender, to, items, plan["style"], nature, permit, export, label))
        return ships

    def phase(self, count: int, low: float, high: float) -> list[Ship]:
        """Draw `count` shipments between two days: illicit groups, hard negatives, then plain trade."""
        ships = list[Ship]()
        ends = np.cumsum([plan["share"] for plan in WORDS["illicit"].values()])
        for group, end in zip(WORDS["illicit"], ends, strict=True):
            while len(ships) < (quota := round(end * PREVALENCE * count)):
                ships += self.campaign(group, low, high)
            del ships[quota:]
        for name, row in WORDS["hard"].items():
            ships += [self.honest(name, low, high, True) for _ in range(max(1, round(row[0] * count)))]
        ships += [self.honest(self.of(WORDS["trade_mix"]), low, high) for _ in range(count - len(ships))]
        return ships

    def describe(self, item: Item, ship: Ship) -> str:
        """Write the goods description as its trade, its forms and its clerks do, and note what of it can be read."""
        words, good, style = WORDS["text"], item.good, ship.style
        (english, spanish, chinese), item.seen, tail = good.names, good.kind, self.pick(words["research"])
        name, worn = self.pick(english), good.hs[:2] in ("61", "62", "64", "65")
        name = f"CAS {good.cas}" if good.cas and self.chance(0.1 if good.kind in CHEMICAL else 0.01) else name
        name = self.pick(spanish) if spanish and self.chance(0.5 if ship.sender.country == "MX" else 0.01) else name
        style = "plain" if style != "catalog" and (style == "chem") != (good.kind in CHEMICAL) else style
        fills = {key: self.pick(words[key]) for key in ("adjective", "grade", "pack")} | {"name": name, "cas": good.cas}
        fills |= {"attribute": self.pick(words["worn" if worn else "attribute"]), "letter": self.pick("ABKMST")}
        fills |= {"other": self.pick([w for w in english if w != name] or [""]), "qty": item.qty}
        fills["chinese"] = self.pick(chinese) if chinese and ship.sender.country in ("CN", "HK") else ""
        form = self.pick(words[f"forms_{style}"])
        text = self.fill((form if good.cas else form.replace(" CAS {cas}", "")).format(**fills))
        text = " ".join(f"{text} {tail if item.research else ''}".split())
        if self.chance({"postal": 0.1, "express": 0.06}.get(ship.channel, 0.03)):
            text, item.seen = self.pick(words["vague"]), "vague"
        for pair in words["shorten"] if self.chance(0.2) else []:
            text = text.replace(*pair.split(" = "))
        if self.chance(0.05) and len(text) > 6:
            spot = 1 + int(self.rng.random() * (len(text) - 3))
            text = text[:spot] + self.pick(["", text[spot] * 2, text[spot + 1] + text[spot]]) + text[spot + 1 :]
        text = {"u": text.upper(), "t": text.title()}.get(self.of("u*38 t*17 asis*45"), text)
        text = text[:35].rstrip() if self.chance({"postal": 0.35, "express": 0.5}.get(ship.channel, 0.15)) else text
        item.research, item.cas = item.research and tail[:8] in text.lower(), bool(good.cas) and good.cas in text
        return text

    def code(self, item: Item, channel: str) -> str:
        """Choose the HS code that is declared: right, of a neighbour, or careless; of ten digits or six."""
        hs, families = item.hs or item.good.hs, self.pick([item.good.family, item.good.family, " ".join(GOODS)])
        hs = self.good(families).hs if self.chance(0.11) else hs
        hs = hs[:6] + self.pick(SUFFIXES) if self.chance(0.2) else hs
        short = self.chance({"postal": 0.85, "express": 0.4, "air_cargo": 0.1}.get(channel, 0.03))
        return hs[:6] if short else f"{hs[:4]}.{hs[4:6]}.{hs[6:]}" if self.chance(0.04) else hs

    def house(self, ship: Ship, carrier: str) -> str:
        """Return a number of the house document: S10 with its check digit in the post, else as the carrier does."""
        digits = self.fill("########")
        check = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
        postal = f"{self.pick('LRCE')}X{digits}{ {10: 0, 11: 5}.get(check, check) }{ship.sender.country}"
        return postal if ship.channel == "postal" else self.fill(WORDS["numbers"].get(carrier, "H########"))

    def blank(self, cells: dict[str, str], channel: str) -> dict[str, str]:
        """Leave fields empty as the channel does."""
        gaps, where = WORDS["gaps"], CHANNELS.index(channel)
        return {c: "" if c in gaps and self.chance(gaps[c][where]) else text for c, text in cells.items()}

    def write(self, ship: Ship, number: int, masters: dict[tuple[str, ...], str]) -> list[dict[str, str]]:
        """Return the rows of a shipment, and keep in `ship.shown` what evidence has to know of them."""
        channel, sender, usd = ship.channel, ship.sender, sum(item.usd for item in ship.items)
        kg = sum(item.kg for item in ship.items) * (1.02 + 0.12 * self.rng.random()) + 0.02
        air, land = channel in ("express", "air_cargo"), channel in ("truck", "rail")
        low = {"postal": "ITMATT", "express": "T86 S321", "air_cargo": "T86*8 T11"}.get(channel, "T11")
        filing = self.of(low) if usd <= 800 else "T11" if usd <= 2500 else "T01"
        export, lines = ship.export or sender.country, WORDS["carriers"]
        via = f"{sender.country};{export};US" if export != sender.country else ""
        gate = self.of(WORDS["gates"][sender.country if land else channel])
        carrier = self.of(lines.get(export if channel == "air_cargo" else "truck" if land else channel, lines["other"]))
        carrier = f"{sender.country}A" if channel == "postal" else carrier
        brokers = WORDS["brokers"][: 4 if filing == "T86" else 8]
        broker = brokers[sender.uid % len(brokers)] if self.chance(0.75) else self.pick(brokers)
        when, serial = START + timedelta(days=ship.day), int(1e6 + self.rng.random() * 9e6)
        awb = f"{WORDS['awb'].get(carrier, '023')}-{serial}{serial % 7}" if air else f"{carrier}{serial}"
        key = (channel, broker if filing == "T86" else carrier + gate, export, when.strftime("%j%y"))
        abroad = self.chance({"postal": 0.45, "express": 0.08}.get(channel, 0.03))
        currency, rate = WORDS["money"].get(sender.country, ["USD", 1.0]) if abroad else ("USD", 1.0)
        freight = (6 + 5 * kg**0.8 if air or channel == "postal" else 60 + 0.3 * kg) * self.spread(1, 0.4)
        opened = (START + timedelta(days=min(sender.opened, ship.day))).date()
        row = {
            "shipment_id": f"BXK{number:07d}{number * 7 % 10}", "master_id": masters.setdefault(key, awb),
            "house_id": self.house(ship, carrier), "filing_type": filing, "channel": channel,
            "transport_mode": "544132"[CHANNELS.index(channel)], "declared_at": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "export_country": export, "routing_countries": via,
            "loading_location": WORDS["hubs"][export] if via else sender.place, "unloading_location": gate,
            "carrier_id": carrier, "agent_name": broker, "transaction_nature": ship.nature,
            "marketplace": self.pick(WORDS["text"]["markets"]) if ship.style == "market" else "",
            "gross_mass_kg": f"{kg:.3g}" if kg < 100 else f"{kg:.0f}", "currency": currency,
            "package_count": str(max(1, round(kg / self.spread(12, 0.6)))), "permit_number": ship.permit,
            "package_type": self.of("BG*3 BX*4 PK*3 CT*3" if kg < 12 else "CT*6 PK*2 BX*2 PX DR"),
            "freight_charge": f"{freight * rate:.{0 if rate > 100 else 2}f}",
            "consignor_known": "Y" if sender.opened < ship.day - 200 and self.chance(0.6) else "N",
            "consignor_account_opened_on": opened.isoformat(),
        }  # fmt: skip
        for side, party in (("consignor", sender), ("consignee", ship.receiver)):
            row |= {f"{side}_{part}": text for part, text in party.text.items()}
            for column in (f"{side}_name", f"{side}_address"):
                for full, short in WORDS["text"]["parties"] if self.chance(0.5) else []:
                    row[column] = row[column].replace(full, self.pick(short))
                width = 35 if channel in ("postal", "express") and self.chance(0.4) else 70
                row[column] = (row[column].upper() if self.chance(0.35) else row[column])[:width].rstrip()
        row = self.blank(row, channel)
        ship.shown = row | {"usd": usd, "kg": kg, "freight": freight}
        return [row | self.line(item, line, ship, rate) for line, item in enumerate(ship.items, 1)]

    def line(self, item: Item, number: int, ship: Ship, rate: float) -> dict[str, str]:
        """Write one goods item."""
        usd, text, chemical = item.usd * rate, self.describe(item, ship), item.good.kind in CHEMICAL
        if self.chance(0.35):
            usd = max(1, round(usd, -1 if usd > 60 else 0)) - (0.01 if self.chance(0.5) else 0)
        told = chemical and item.seen != "vague" and ship.style in ("chem", "catalog") and self.chance(0.2)
        cells = self.blank({
            "item_number": str(number), "goods_description": text, "hs_code": self.code(item, ship.channel),
            "declared_chemical": self.pick(item.good.names[0]) if told else "", "quantity": str(item.qty),
            "cas_number": item.good.cas if told or (item.cas and self.chance(0.3)) else "",
            "origin_country": ship.sender.country if self.chance(0.93) else self.of("CN*2 VN IN TW TH"),
            "net_mass_kg": f"{item.kg:.3g}" if item.kg < 100 else f"{item.kg:.0f}",
            "customs_value": f"{max(usd, 0.5):.{0 if rate > 100 else 2}f}",
            "undg_number": self.of("1760 2924 3265") if chemical and item.kg > 20 and self.chance(0.08) else "",
        }, ship.channel)  # fmt: skip
        cells["quantity_unit"] = self.of("KGM*7 H87*3" if chemical else "H87") if cells["quantity"] else ""
        item.hs, item.cas = cells["hs_code"].replace(".", ""), item.cas or bool(cells["cas_number"])
        item.seen = item.good.kind if told else item.seen
        return cells
