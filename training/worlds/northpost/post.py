"""Senders, receivers and campaigns, and the data that they file."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate
from typing import Any

from training.worlds.northpost.parcels import (
    CN_PHONE,
    DAYS,
    FIRST,
    FORMS,
    HOMES,
    LANDS,
    LANGUAGES,
    LISTING_DAY,
    LISTS,
    POST,
    WORDS,
    Draw,
    Kind,
    Notes,
    Party,
    Row,
    Shipment,
    inflect,
    item_number,
    plain,
)


class Post:
    """The simulated post: its parties, its ways of writing and its log of shipments."""

    def __init__(self, seed: int, shipments: int) -> None:
        """Prepare the weights of goods, countries and days; invent parties in proportion to the traffic."""
        self.draw = draw = Draw(seed)
        self.families: dict[str, list[Kind]] = defaultdict(list)
        for table in (t for t in WORDS.values() if isinstance(t, list)):
            for hs, kg, eur, family, tags, *texts in table:
                words = {lang: text.split(";") for lang, text in zip(LANGUAGES, texts, strict=False) if text}
                kind = Kind(hs, kg, eur, family, tags.split(), words, texts[6] if len(texts) > 6 else "")
                self.families[family].append(kind)
        weights = WORDS["weights"]
        consumer = [kind for family in weights for kind in self.families[family]]
        self.consumer = consumer, list(accumulate(weights[k.family] / len(self.families[k.family]) for k in consumer))
        lands = list(LANDS)
        self.sources = lands, list(accumulate(LANDS[c]["share"] * (0.03 if c in HOMES else 1) for c in lands))
        self.keys, self.turn, self.log = 0, draw.u(), list[Shipment]()
        dates = [FIRST + dt.timedelta(d) for d in range(DAYS)]
        self.day_sums = list(
            accumulate(
                POST["season"][d.month - 1] * POST["week"][d.weekday()] * POST["sales"].get(d.strftime("%m-%d"), 1.0)
                for d in dates
            )
        )
        self.hour_sums = list(accumulate(POST["hours"]))
        self.agents = [self.fill("{py}{py2} Logistics", "CN", "") for _ in range(9)] + ["Nordgate Fulfilment BV"]
        self.fronts: list[Party] = []
        fronts = [self.party("shop", draw.pick(("CN", "CN", "HK")), -2000) for _ in range(14)]
        for front in fronts:
            front.name = self.fill(draw.pick(("{py}{py2} Supply Chain", "{py}{py2} Warehouse")), front.country, "")
        self.fronts = fronts
        public = [self.party("person", self.home(), 0) for _ in range(int(0.7 * shipments) + 20)]
        self.public = public, list(accumulate(draw.spread(1, 0.8) for _ in public))
        old = [-int(draw.spread(500, 0.9)) for _ in range(int(0.24 * shipments) + 20)]
        shops = [self.party("shop", draw.weigh(*self.sources), day) for day in old]
        for shop in shops[::5]:
            shop.opened = draw.below(DAYS - 20)
        self.shops = shops, list(accumulate(draw.spread(1, 1.1) for _ in shops))
        few = range(int(0.02 * shipments) + 5)
        self.friends = [(self.party("person", draw.weigh(*self.sources), 0), self.receiver("person")) for _ in few]
        roles, lands, takers = POST["trade_senders"], POST["trade_lands"], POST["trade_receivers"]
        firms = [self.party(draw.pick(roles), draw.pick(lands), -draw.below(3000)) for _ in few]
        self.trades = [(firm, self.receiver(draw.pick(takers))) for firm in firms]

    def day_in(self, low: int, high: int) -> int:
        """Return a day from low to high - 1 with the season's weights."""
        start = self.day_sums[low - 1] if low else 0.0
        at = start + self.draw.u() * (self.day_sums[high - 1] - start)
        return min(max(bisect_right(self.day_sums, at), low), high - 1)

    def home(self) -> str:
        """Return a country of destination."""
        return self.draw.weigh(HOMES, [0.40, 0.69, 0.86, 1.0])

    def goods(self, family: str = "any") -> Kind:
        """Return a kind of goods of a family, or of all consumer goods."""
        any_kind = self.draw.weigh(*self.consumer)
        return any_kind if family == "any" else self.draw.pick(self.families[family])

    def fill(self, form: str, country: str, city: str) -> str:
        """Fill a form of a firm's name with invented parts."""
        pick, land = self.draw.pick, LANDS[country]
        return form.format(
            adj=pick(LISTS["adjectives"]),
            noun=pick(LISTS["nouns"]),
            py=pick(LISTS["pinyin"]),
            py2=pick(LISTS["pinyin"]).lower(),
            root=pick(LISTS["roots"]),
            tail=pick(LISTS["tails"]),
            surname=pick(land["family"]),
            city=city,
            form=WORDS["ends"].get(country, "Ltd"),
        )

    def name(self, role: str, country: str, city: str) -> str:
        """Invent the name of a party of a role."""
        draw, land = self.draw, LANDS[country]
        person, roll = inflect(draw.pick(land["given"]), draw.pick(land["family"]), country), draw.u()
        if role == "person" or (role == "shop" and roll < 0.25):
            first, last = person.rsplit(" ", 1)
            return f"{last} {first}" if country in ("CN", "EE") and draw.yes(0.5) else person
        if role == "shop" and roll < 0.6:
            end = draw.digits(draw.pick((" Store", " Official", " shop", "", " ##", " Store ##")))
            return draw.pick(LISTS["adjectives"]) + draw.pick(LISTS["nouns"]) + end
        forms = land["firms"] if role in ("firm", "shop") else WORDS["roles"][role]
        general = [f for f in forms if f[2:3] != ":"]
        fitting = [f for f in forms if f.startswith(country + ":")]
        fitting = fitting or [f for f in general if ("{py}" in f) == (country in ("CN", "HK"))] or general
        return self.fill(draw.pick(fitting).removeprefix(country + ":"), country, city)

    def party(self, role: str, country: str, opened: int) -> Party:
        """Invent a party of a role in a country, with the habits of its kind."""
        draw, land = self.draw, LANDS[country]
        self.keys += 1
        city, postcode, locode = draw.pick(land["cities"])
        name = self.name(role, country, city)
        flat = draw.pick(("", "", f"-{1 + draw.below(60)}", f" {draw.pick('ABC')} {1 + draw.below(40)}"))
        street = f"{draw.pick(land['streets'])} {1 + int(draw.spread(18, 1.0))}{flat if country in HOMES else ''}"
        if role in ("person", "shell") and draw.yes(0.1):
            street = draw.pick(POST["lockers"])
        slug = "".join(c for c in plain(name).lower().replace(" ", ".") if c.isalnum() or c == ".").replace("..", ".")
        slug = slug[:24].strip(".") or "shop"
        host = draw.pick(POST["hosts"]) if role in ("person", "shop") else "example.com"
        habit = {
            "cut": float(draw.yes(0.45)),
            "style": draw.below(4),
            "ascii": float(draw.yes(0.6)),
            "price": draw.spread(1, 0.3),
            "code": draw.pick((0.03, 0.03, 0.03, 0.3, 0.6, 0.95)),
            "same_code": float(draw.yes(0.03)),
            "length": draw.pick((6, 6, 6, 6, 8, 10, 4)),
            "phone": draw.u(),
            "email": draw.u(),
            "origin": draw.u(),
        }
        abroad = role in ("shop", "person") and draw.yes(WORDS["abroad"].get(country, 0.02))
        post = draw.pick(POST["via"]) if abroad else country
        party = Party(
            self.keys,
            role,
            country,
            name,
            (city, draw.digits(postcode), locode),
            draw.digits(street),
            draw.digits(draw.pick(land["phones"])),
            f"{slug}{draw.below(90)}@{host}",
            opened,
            post,
            draw.pick(land["langs"]),
            habit,
        )
        if role == "shop":
            first = self.goods()
            party.goods = [first, *self.families[first.family][:6], self.goods()]
            party.market = draw.pick(LISTS["markets"]) if draw.yes(0.7) else ""
        if role == "shop" and country in ("CN", "HK") and self.fronts:
            party.agent, front = draw.pick(self.agents) if draw.yes(0.45) else "", draw.pick(self.fronts)
            if draw.yes(0.32):  # a forwarder's warehouse, often its name too
                party.street, party.city = front.street, front.city
                if draw.yes(0.6):
                    party.key, party.name = front.key, front.name
        elif role == "shop" and draw.yes(0.06):
            party.phone = draw.digits(CN_PHONE)
        return party

    def receiver(self, role: str) -> Party:
        """Return a person of the public or invent a firm of a role."""
        if role == "person":
            return self.draw.weigh(*self.public)
        return self.party(role, self.home(), self.draw.below(DAYS) - 250 if role == "shell" else -self.draw.below(2500))

    def text(self, kind: Kind, sender: Party) -> str:
        """Write a goods description as this sender does: language, details, abbreviation, misspelling, cut."""
        draw = self.draw
        lang = sender.lang if draw.yes(0.85) else "en"
        text = draw.pick(kind.words.get(lang) or kind.words["en"])
        if kind.cas and draw.yes(0.12):
            text = draw.pick((f"{text} CAS {kind.cas}", f"{kind.cas} {text}", kind.cas))
        elif "chem" in kind.tags:
            text = f"{text} {draw.pick(POST['purity'])}" if draw.yes(0.6) else text
        elif draw.yes(0.3):
            tail = draw.pick(LISTS["tails_" + lang])
            text = f"{text} {tail}" if draw.yes(0.7) else f"{tail} {text}"
        elif draw.yes(0.5):
            form = draw.digits(draw.pick(POST["details"]))
            n, other = draw.pick((2, 3, 4, 5, 6, 10, 12, 20, 24, 50, 100)), self.goods().words["en"][0]
            text = form.format(
                text=text,
                n=n,
                other=other,
                size=draw.pick("SMLX"),
                model=draw.pick("ABHKTX"),
                colour=draw.pick(LISTS["colours"]),
            )
        text = plain(text) if sender.habit["ascii"] or draw.yes(0.1) else text
        if len(text) > 12 and draw.yes(0.07):
            text = " ".join(w[:4] + "." if len(w) > 7 and draw.yes(0.6) else w for w in text.split())
        if len(text) > 5 and draw.yes(0.06):
            at = 1 + draw.below(len(text) - 2)
            text = text[:at] + draw.pick(("", text[at + 1] + text[at], text[at] * 2)) + text[at + 1 + draw.below(2) :]
        text = (text, text.upper(), text.title(), text[:1].upper() + text[1:])[int(sender.habit["style"])]
        return text[:30].strip() if sender.habit["cut"] else text

    def code(self, kind: Kind, sender: Party, gap: float, express: bool) -> str:
        """Write the HS code: mostly missing in post, mostly right, sometimes a neighbour's or another's."""
        draw = self.draw
        if not draw.yes(0.95 if gap >= 1 else max(sender.habit["code"], 0.75 * express)):
            return ""
        hs = kind.hs
        if gap >= 1:
            hs = draw.pick(POST["odd"])
        elif draw.yes(gap) or (sender.habit["same_code"] and sender.goods):
            hs = sender.goods[0].hs if sender.goods and draw.yes(0.3) else self.goods().hs
        elif draw.yes(0.07):
            hs = kind.hs[:4] + draw.digits("#0") if draw.yes(0.6) else kind.hs[:2] + draw.digits("##90")
        return (hs + "0000")[: int(sender.habit["length"])]

    def alias(self, text: str) -> str:
        """Write a name or an address another way, as senders do."""
        draw, parts, at = self.draw, text.split(), self.draw.below(max(len(text) - 1, 1))
        initial = f"{parts[0][:1]}. {' '.join(parts[1:])}" if len(parts) == 2 and parts[1] not in FORMS else text
        swapped = " ".join([parts[-1], *parts[:-1]])
        return draw.pick((swapped, plain(text), initial, text[:at] + text[at + 1 :], text.upper()))

    def parties(self, sender: Party, receiver: Party, alias: float) -> Row:
        """Write both parties, now and then in another spelling."""
        draw, row = self.draw, Row()
        for side, party in (("consignor", sender), ("consignee", receiver)):
            vary = draw.yes(alias)
            street = self.alias(party.street) if vary and draw.yes(0.5) else party.street
            care = f" c/o {draw.pick(self.public[0]).name}" if side == "consignee" and draw.yes(0.015) else ""
            case = str.upper if draw.yes(0.12) else str
            city = plain(party.city[0]) if draw.yes(0.3) else party.city[0]
            name = self.alias(party.name) if vary else party.name
            values = case(name), case(street + care), city, party.city[1], party.country, party.phone, party.email
            keys = ("name", "address", "city", "postcode", "country", "phone", "email")
            row |= {f"{side}_{key}": value for key, value in zip(keys, values, strict=True)}
        return row

    def gaps(self, row: Row, sender: Party, express: bool, bare: float) -> Row:
        """Leave out what this channel and this sender leave out."""
        habits = {"consignor_phone": "phone", "consignor_email": "email", "origin_country": "origin"}
        for name, chances in WORDS["missing"].items():
            chance = chances[int(express)]
            if name in habits:
                chance += bare * (1 - chance)
            roll = sender.habit[habits[name]] if name in habits and self.draw.yes(0.85) else self.draw.u()
            if roll < chance:
                row[name] = ""
        return row

    def item(self, kind: Kind, sender: Party, plan: dict[str, Any], express: bool) -> tuple[Row, Notes]:
        """Write one goods item (value still in EUR); return its row and what a perfect reader sees in it."""
        draw = self.draw
        quantity = 1 if draw.yes(0.74) else draw.pick((2, 2, 2, 3, 3, 4, 5, 6, 10, 20))
        mass = quantity**0.8 * draw.spread(kind.kg, 0.45)
        value = quantity**0.85 * draw.spread(kind.eur, 0.4) * sender.habit["price"]
        if plan.get("kg"):
            mass = draw.spread(plan["kg"], plan["spread"])
            value = draw.spread(kind.eur, 0.6) * (mass / kind.kg) ** (0.25 if mass < kind.kg else 0.8)
        mass, value = max(mass, 0.008), max(value * plan.get("price", 1.0), 0.5)
        value = draw.pick((round(value), round(value, 2), int(value) + 0.99, round(value, 1))) or 1
        code = self.code(kind, sender, max(plan.get("gap", 0.0), 0.06), express)
        named = bool(kind.cas) and express and draw.yes(0.4)
        row = {
            "goods_description": self.text(kind, sender),
            "hs_code": code,
            "quantity": str(quantity),
            "net_mass_kg": f"{max(round(mass, draw.pick((3, 3, 2))), 0.01):g}",
            "customs_value": f"{value}",
            "quantity_unit": draw.pick(("PCE", "C62", "C62", "H87", "EA")),
            "declared_chemical": kind.words["en"][0] if named else "",
            "cas_number": kind.cas if named and draw.yes(0.6) else "",
            "undg_number": POST["undg"].get(kind.family, "") if express and draw.yes(0.15) else "",
        }
        digits = next((n for n in (2, 4, 6) if code[:n] != kind.hs[: min(n, len(code))]), 0)
        seen = {
            "code_gap": (0.0, 0.0, 1.0, 0.0, 0.6, 0.0, 0.2)[digits],
            "code_watched": float(code[:6] in POST["watched"]),
            "mass": mass,
            "value": value,
            "log_kg": math.log(mass / (kind.kg * quantity**0.8)),
            "log_value": math.log(value / mass) - math.log(kind.eur / kind.kg),
        }
        return row, seen | dict.fromkeys(kind.tags, 1.0)

    def ship(self, sender: Party, receiver: Party, day: int, plan: dict[str, Any], kinds: list[Kind]) -> Shipment:
        """Write one shipment of these goods and put it into the log; the plan shapes its first item."""
        draw, firmly = self.draw, sender.role not in ("shop", "person")
        express = draw.yes(plan.get("express", 0.4 if firmly and receiver.role != "person" else 0.09))
        parts = [self.item(kind, sender, plan if n == 0 else {}, express) for n, kind in enumerate(kinds)]
        third = draw.yes(plan.get("third", 0.0)) and sender.post == sender.country
        post = draw.pick(POST["via"]) if third else sender.post
        own = draw.yes(WORDS["own"].get(sender.country, 0.2 if sender.role == "shop" else 0.5))
        currency = draw.pick(LANDS[sender.country]["currency"])
        mass, value = (sum(seen[name] for _, seen in parts) for name in ("mass", "value"))
        gross = mass * (1.03 + 0.1 * draw.u()) + 0.01
        freight = draw.spread(2.2 + 6 * gross**0.8, 0.35) * (2.2 if express else 1.0)
        nature = "31" if sender.role == "person" and draw.yes(0.75) else draw.pick(("11",) * 6 + ("99",))
        if sender.role != "person" and draw.yes(plan.get("sample", 0.0)):
            nature = "32"
        elif sender.role == "shop" and draw.yes(0.05):
            nature = draw.pick(("31", "31", "32", "91", "21"))
        loading = sender.city[2] if post == sender.country else draw.pick(LANDS[post]["cities"])[2]
        road = post in ("PL", "LT", "DE", "EE", "LV") and draw.yes(0.5)
        s10 = item_number(draw.pick(POST["prefixes"]), draw.below(10**8), post)
        row = {
            "house_id": draw.digits("@#########") if express else s10,
            "channel": "express" if express else "postal",
            "filing_type": draw.pick(("ICS2_F32", "ICS2_F30") if express else ("ITMATT",) * 5 + ("ICS2_F43",)),
            "transport_mode": ("3" if road else "4") if express or draw.yes(0.15) else "5",
            "export_country": post,
            "routing_countries": ";".join(dict.fromkeys((post, draw.pick(("DE", "NL", "FI")), receiver.country))),
            "loading_location": loading,
            "unloading_location": draw.pick(WORDS["unloading"][receiver.country]),
            "carrier_id": draw.pick("FX 5X D0".split() if express else [""] if road else LANDS[post]["carriers"]),  # noqa: SIM905
            "agent_name": sender.agent,
            "marketplace": sender.market,
            "currency": currency,
            "transaction_nature": nature,
            "gross_mass_kg": f"{round(max(gross, 0.02), draw.pick((3, 3, 2))):g}",
            "package_count": "1" if gross < 12 or draw.yes(0.8) else "2",
            "package_type": draw.pick(("EN", "PK", "PK", "BG") if gross < 0.5 else ("PK", "PC", "BX", "CT")),
            "freight_charge": f"{freight * WORDS['rates'][currency]:.2f}",
            "origin_country": sender.country if own else "CN",
            "consignor_known": "NY"[firmly and draw.yes(0.6)],
            "consignor_account_opened_on": str(FIRST + dt.timedelta(sender.opened)) * (sender.role != "person"),
        }
        row |= self.parties(sender, receiver, plan.get("alias", 0.05))
        if receiver.role == "pharmacy" and "clinical" in kinds[0].tags and draw.yes(0.85):
            year = (FIRST + dt.timedelta(day)).strftime("%y")
            row["permit_number"] = draw.digits(WORDS["permits"][receiver.country].format(year))
        rows, seen = list[Row](), {"freight": freight, "worth": value}
        for number, (part, view) in enumerate(parts, 1):
            price = round(float(part["customs_value"]) * WORDS["rates"][currency], 2)
            whole = row | part | {"item_number": str(number), "customs_value": f"{price:g}"}
            shown = self.gaps(whole, sender, express, plan.get("bare", 0.0))
            rows.append(shown | {k: rows[0][k] for k in row if k != "origin_country"} if rows else shown)
            for name, amount in view.items():
                worded = name not in WORDS["tags"].values() or bool(shown["goods_description"])
                if worded and abs(amount) >= abs(seen.get(name, 0.0)):
                    seen[name] = amount
        minute = 60 * draw.weigh(range(24), self.hour_sums) + draw.below(60)
        self.log.append(Shipment(day, minute, sender, receiver, rows, seen, kinds[0].family))
        return self.log[-1]

    def ordinary(self, low: int, high: int) -> None:
        """Ship one ordinary consignment: a shop's, a private person's or a firm's."""
        draw, roll, day = self.draw, self.draw.u(), self.day_in(low, high)
        if roll < 0.84:
            sender = next(s for s in iter(lambda: draw.weigh(*self.shops), None) if s.opened <= day)
            if draw.yes(0.3):
                sender = self.party("shop", draw.weigh(*self.sources), day - int(draw.spread(200, 1.4)))
            kinds = [draw.pick(sender.goods) for _ in range(draw.pick((1,) * 8 + (2, 2, 3)))]
            self.ship(sender, self.receiver("person" if draw.yes(0.97) else "shell"), day, {}, kinds)
        elif roll < 0.93:
            pair = draw.pick(self.friends)
            if draw.yes(0.5):
                pair = (self.party("person", draw.weigh(*self.sources), 0), self.receiver("person"))
            self.ship(*pair, day, {}, [self.goods() for _ in range(draw.pick((1, 1, 1, 2, 3)))])
        else:
            pair, goods = draw.pick(self.trades), self.families["b2b"]
            self.ship(*pair, day, {"sample": 0.08}, [draw.pick(goods) for _ in range(draw.pick((1, 1, 1, 2)))])

    def campaign(self, name: str, plan: dict[str, Any], count: int, illicit: bool) -> None:
        """Ship `count` consignments of one plan, in campaigns of a few between the same circle of parties."""
        draw = self.draw
        plan = ({"alias": 0.22, "bare": 0.3} if illicit else {"alias": 0.06}) | plan
        while count > 0:
            size = min(count, 1 + int(draw.rng.poisson(plan["ring"] - 1)))
            count -= size
            length = max(3, int(plan["days"] * (0.6 + 0.8 * draw.u())))
            self.turn = (self.turn + 0.6180339887) % 1  # spreads the campaigns evenly over the year
            start = bisect_right(self.day_sums, self.turn * self.day_sums[-1]) - int(draw.u() * length)
            low, high = max(start, 0), min(start + length, DAYS)
            turn = LISTING_DAY if low < LISTING_DAY < high else (low + high) // 2
            senders, receivers = list[Party](), list[Party]()
            content = draw.pick(plan.get("content", ["none"]))
            for day in sorted(self.day_in(low, high) for _ in range(size)):
                sender = self.campaign_sender(plan, senders, day)
                if not receivers or not draw.yes(plan["loyal"]):
                    receivers.append(self.receiver(draw.pick(plan.get("receivers", ["person"]))))
                receiver = receivers[-2 if len(receivers) > 1 and draw.yes(0.25) else -1]
                families = plan["after"] if "after" in plan and day >= turn else plan["goods"]
                kinds = [self.goods(draw.pick(families))]
                if draw.yes(plan.get("bundle", 0.14)):
                    extra = "any" if sender.role in ("shop", "person") else kinds[0].family
                    kinds.append(self.goods(draw.pick(("art", "bind", "part")) if "bundle" in plan else extra))
                shipment = self.ship(sender, receiver, day, plan, kinds)
                shipment.group, shipment.hard, shipment.content = name, not illicit, content
                if illicit and draw.yes(0.2):  # ordinary goods of the same sender
                    later = min(day + draw.below(20), DAYS - 1)
                    self.ship(sender, draw.pick([*receivers, self.receiver("person")]), later, {}, [self.goods()])

    def campaign_sender(self, plan: dict[str, Any], senders: list[Party], day: int) -> Party:
        """Return a sender of the circle, or a new name for it, sometimes at the same address."""
        draw = self.draw
        if senders and not draw.yes(plan["fresh"]):
            return draw.pick(senders)
        opened = day - (draw.below(45) if draw.yes(plan.get("young", 0.1)) else int(draw.spread(400, 1.0)))
        land = senders[0].country if senders and draw.yes(0.75) else draw.pick(plan["lands"])
        sender = self.party(draw.pick(plan.get("senders", ["shop"])), land, opened)
        if senders and senders[0].country == land and draw.yes(0.3):
            sender.street, sender.city, sender.post = senders[0].street, senders[0].city, senders[0].post
        if land not in ("CN", "HK") and draw.yes(0.3 * plan.get("third", 0.0)):
            sender.phone = draw.digits(CN_PHONE)
        senders.append(sender)
        return sender
