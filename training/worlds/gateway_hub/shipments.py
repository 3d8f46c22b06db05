"""Licit flows and campaigns of illicit groups."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from training.worlds.gateway_hub.parties import (
    DECOR,
    END,
    FLOWS,
    GOODS,
    GROUPS,
    MISC,
    PARTY,
    SHIFT,
    START,
    TRAITS,
    WORDS,
    Dice,
    Goods,
    Item,
    Parties,
    Party,
    Shipment,
    day_weights,
)


class Maker:
    """Draws goods items and licit shipments."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.parties, self.days = dice, Parties(dice), day_weights()

    def moment(self) -> datetime:
        """Return a random time of the whole period."""
        day = int(np.searchsorted(self.days, self.dice.u()))
        return START + timedelta(days=day, seconds=self.dice.whole(0, 86399))

    def wording(self, text: str, chemical: bool, goods: Goods) -> str:
        """Return a text as a shipper writes it: with additions, abbreviations, typing errors or cut off."""
        d, text = self.dice, text.lstrip("~^")
        size = d.pick(DECOR["worn" if goods.hs6[:2] in ("61", "62", "64", "65") else "size"])
        own = DECOR["own"].get(goods.family) or (DECOR["chem"] if chemical else [])
        for _ in range(d.whole(0, 2)):
            parts = {key: d.pick(DECOR[key]) for key in ("count", "colour", "tail")}
            forms = ["{t} " + d.pick(own)] if own else DECOR["forms"]
            longer = d.form(forms, t=text, size=size, **parts)
            text = longer if longer.split()[-1] not in text.split() else text
        if d.chance(0.15):
            for word, short in DECOR["abbrev"].items():
                text = text.replace(word, short)
        if d.chance(0.06) and len(text) > 6:
            at = d.whole(1, len(text) - 3)
            text = text[:at] + (text[at + 1] + text[at] if d.chance(0.5) else "") + text[at + 2 :]
        text = text[: d.whole(14, 30)] if d.chance(0.08) else text
        style = d.u()
        return (text.upper() if style < 0.33 else text.capitalize() if style < 0.6 else text).strip()

    def code(self, goods: Goods, careless: float) -> tuple[str, float]:
        """Return the declared subheading and its fit to the words: 1, 0.5 for a neighbour, 0 for another heading, -1 for none."""
        d, point = self.dice, self.dice.u()
        if point < 0.075:
            return "", -1.0
        if point < 0.075 + careless:
            return d.pick(GOODS[d.pick(list(GOODS))]).hs6, 0.0
        if point < 0.16 + careless:
            near = [g.hs6 for g in GOODS[goods.family] if g.hs6 != goods.hs6 and g.hs6[:2] == goods.hs6[:2]]
            near = near if near and d.chance(0.7) else [goods.hs6[:4] + d.pick(["10", "90", "00", "99"])]
            return d.pick(near), 0.5
        return goods.hs6, 1.0

    def origin(self, country: str) -> str:
        """Return the country of origin of goods dispatched from a country."""
        if self.dice.chance({"CN": 0.98, "HK": 0.15, "US": 0.6}.get(country, 0.85)):
            return country
        return "CN" if country != "CN" else str(self.dice.pick(["HK", "VN", "TW"]))

    def item(self, goods: Goods, units: float, to: str, sender: Party) -> Item:
        """Return a goods item of an honest shipment."""
        d, line, traits = self.dice, TRAITS[goods.family][0], dict(TRAITS[goods.family][1])
        spanish = [word for word in goods.words if word[0] == "~"]
        other = [word for word in goods.words if word[0] != "~"]
        plain = d.pick(spanish if spanish and d.chance(0.45 if to == "MX" else 0.03) else other)
        count = max(1, round(units)) if goods.kg < 2 else 1
        kg = goods.kg * (count if goods.kg < 2 else max(0.15, units)) * d.spread(1, 0.3)
        price = float(
            d.weigh({"1": 0.81, "0.35": 0.14, "2.2": 0.05})
        )  # honest traders often declare low values, sometimes high ones
        usd = goods.usd * kg / goods.kg * price * d.spread(1, 0.55)
        hs6, fit = self.code(goods, 0.05)
        if d.chance(0.1):  # counted in packs, pairs or cartons
            count = 1 if d.chance(0.5) else count * d.pick([2, 5, 10, 12, 50])
        chemical = traits.get("chem", 0) > 0.45
        cas = next((number for key, number in WORDS["cas"].items() if key in plain), "") if chemical else ""
        cas = cas if d.chance(0.3) else ""
        if goods.family != "test_strip" and any(word in plain for word in ("fent", "nitaz", "ANPP")):
            traits["listed"] = 1.0
        named = plain.lstrip("~^") if chemical and d.chance(0.4) and "vague" not in traits else ""
        plain = f"{plain} CAS {cas}" if cas and d.chance(0.3) else f"CAS {cas}" if cas and d.chance(0.04) else plain
        text, origin = self.wording(plain, chemical, goods), self.origin(sender.country)
        return Item(text, hs6, fit, kg, usd, count, line, origin, goods, named, cas, traits)

    def substance(self, entry: str, way: str, kg: float, to: str, sent: tuple[Party, datetime]) -> Item:
        """Return a goods item that names a watched substance."""
        d, (sender, when) = self.dice, sent
        names, cas, hs6, content, us, ca, un = entry.split(";")
        words, dates = names.split("|"), [un, ca if to == "CA" else us]
        listed = any(day != "-" and day <= when.date().isoformat() for day in dates)
        text = words[0] if way == "name" else f"CAS {cas}" if way == "cas" and cas != "-" else str(d.pick(words))
        small = content not in ("none", "precursor")
        goods = Goods("lab", hs6, 0.02, 130.0, (text,)) if small else Goods("pip_chem", hs6, 1.0, 110.0, (text,))
        declared, fit = hs6, 1.0
        if d.chance(0.4):
            declared, fit = self.code(d.pick(GOODS["vague_chem"] + GOODS["pip_chem"]), 0.06)
            fit = 0.5 if fit == 1.0 and declared != hs6 else fit
        named = text.lstrip("~") if not text.startswith("CAS") and d.chance(0.4) else ""
        given, usd = cas if cas != "-" and d.chance(0.35) else "", goods.usd * kg / goods.kg * d.spread(0.8, 0.7)
        text, origin = self.wording(text, True, goods), self.origin(sender.country)
        traits = {"chem": 1.0, "watched": 1.0, "listed": float(listed)}
        return Item(text, declared, fit, kg, usd, 1, "chem", origin, goods, named, given, traits)

    def permit(self, chances: list[float]) -> tuple[str, str]:
        """Draw a permit field and its kind from the chances of a valid-looking, another and a placeholder entry."""
        kinds = dict(zip(("valid", "other", "placeholder"), chances, strict=True)) | {"none": 1 - sum(chances)}
        kind = self.dice.weigh(kinds)
        return ("" if kind == "none" else self.dice.form(WORDS["permits"][kind])), kind

    def licit(self, flow: str, when: datetime, wave: int = -1) -> Shipment:
        """Return an honest shipment of a flow."""
        d, spec = self.dice, FLOWS[flow]
        to, family = d.weigh(spec["to"]), d.weigh(spec["families"])
        source = d.weigh({country: weight for country, weight in spec["from"].items() if country != to})
        line = TRAITS[family][0]
        trade = spec.get("line") or (line if d.chance(0.6) else "retail")
        young = 0.92 if spec.get("young") else 0.13
        sender = self.parties.take((flow, "s", source), spec["fresh"][0], when, (spec["kinds"][0], trade, young))
        if sender.kind != "person" and d.chance(0.6):  # a firm sends goods of its own trade
            same = {name: weight for name, weight in spec["families"].items() if TRAITS[name][0] == sender.line}
            family = d.weigh(same or {family: 1})
            line = TRAITS[family][0]
        trade = line if d.chance(spec.get("fit", 0)) else d.pick(["retail", "retail", d.pick(list(PARTY["line"]))])
        partners = self.parties.partners[sender.pid]
        if partners and d.chance(0.06 if spec["kinds"][1] == "person" else 0.5):
            receiver = d.pick(partners)
            to = receiver.country
        else:
            receiver = self.parties.take((flow, "r", to), spec["fresh"][1], when, (spec["kinds"][1], trade, 0.2))
            partners.append(receiver)
        items = []
        for number in range(1 if d.chance(0.86) else d.whole(2, 3)):
            goods = d.pick(GOODS[family if number == 0 or d.chance(0.6) else d.weigh(spec["families"])])
            items.append(self.item(goods, d.spread(*spec["units"]), to, sender))
        if "substances" in spec:
            entry, kg = d.pick(WORDS["substances"][spec["substances"]]), min(25.0, max(0.1, d.spread(1.5, 1.1)))
            items[0] = self.substance(entry, d.pick(["name", "synonym"]), kg, to, (sender, when))
        nature = d.weigh({"31": spec.get("gift", 0.025), "32": spec.get("sample", 0.015), "21": 0.012, "11": 0.6})
        market = d.pick(MISC["markets"]) if d.chance(spec.get("market", 0)) else ""
        odd = any(item.code_fit == 0.0 for item in items) and d.chance(0.35)
        group = spec.get("group", "h_odd_code" if odd else "")
        via = d.pick(["CN", "HK", "KR"]) if d.chance(0.05) and sender.country not in ("US", "CA", "MX") else ""
        permit = self.permit(spec["permit"])
        return Shipment(when, sender, receiver, items, market, nature, permit, via, group, bool(group), wave=wave)


class Campaigns(Maker):
    """Draws the illicit shipments, campaign by campaign."""

    def new_sender(self, spec: dict[str, Any], source: str, when: datetime) -> tuple[Party, bool]:
        """Return the consignor of a campaign and whether its account is new; an older one has sent honest shipments."""
        d, where = self.dice, self.dice.weigh(spec["senders"])
        old = self.parties.earlier(where, "s", source, when) if where != "new" else None
        if old is not None:
            return old, False
        chemical = "vague_chem" in spec.get("families", {}) or "cas" in spec["ways"]
        lines = ["chem", "chem", "paint", "retail", "pharma"]
        lines = lines if chemical else ["retail", "machinery", "electronics", "plastics"]
        kind = "firm" if chemical or d.chance(0.3) else "seller"
        return replace(self.parties.new(kind, source, d.pick(lines), when, 0.6), known="N"), True

    def new_receiver(self, spec: dict[str, Any], to: str, when: datetime, line: str) -> Party:
        """Return the consignee of a campaign."""
        d, kind = self.dice, self.dice.weigh(spec["receivers"])
        if kind == "shell":
            trade = d.pick(["retail", "retail", "retail", line, d.pick(list(PARTY["line"]))])
            return self.parties.new("firm", to, trade, when)
        if d.chance({"fit": 0.7, "person": 0.25}.get(kind, 0)):
            old = self.parties.earlier("industry" if kind == "fit" else "market", "r", to, when)
            if old is not None:
                return old
        if kind == "fit":
            return self.parties.new("firm", to, line, when)
        party = self.parties.new("person" if d.chance(0.7) or kind == "person" else "firm", to, "retail", when)
        if kind == "forwarder":
            self.parties.relay(party)
        return party

    def cover(self, spec: dict[str, Any], family: str, to: str, sender: Party) -> Item:
        """Return an item declared as other goods. It has the words of honest goods and the mass of the hidden content."""
        d, goods = self.dice, self.dice.pick(GOODS[family])
        item = self.item(goods, d.spread(1.5, 0.7), to, sender)
        if spec["kg"][0] == 0 or family == "press_machine":
            return item
        kg = self.mass(spec)
        kg = item.kg * d.spread(1, 0.3) if family in ("press_part", "candy_mould") else kg
        claimed = kg / goods.kg if d.chance(0.42) else max(0.3, d.spread(1.5, 0.7))
        units = max(1, round(claimed)) if goods.kg < 2 else 1
        usd = min(goods.usd * max(0.2, claimed) * d.spread(0.65, 0.7), d.spread(420, 0.5))
        hs6, fit = self.code(goods, 0.1)
        return replace(item, kg=kg, units=units, usd=usd, hs6=hs6, code_fit=fit)

    def mass(self, spec: dict[str, Any]) -> float:
        """Return the mass of the hidden content in kg: up to 25 kg of a precursor, grams of an opioid."""
        return min(25.0, max(0.6 if spec["kg"][0] >= 1 else 0.02, self.dice.spread(*spec["kg"])))

    def load(self, spec: dict[str, Any], family: str, who: tuple[Party, Party], at: tuple[datetime, bool]) -> Shipment:
        """Return an illicit shipment. ``at`` holds its time and whether the group has shifted to other goods by then."""
        d, (sender, receiver), (when, late) = self.dice, who, at
        table, to = spec.get("substances", ""), receiver.country
        if table in ("shift", "packet"):
            shifted = "late" if d.chance(0.85 if late else 0.12) else "early"
            table = shifted if table == "shift" else d.weigh({"opioid": 5, "finished": 4})
        entry, way = d.pick(WORDS["substances"][table]) if table else "", d.weigh(spec["ways"])
        if way == "cover":
            items = [self.cover(spec, family, to, sender)]
        else:
            items = [self.substance(entry, way, self.mass(spec), to, (sender, when))]
        more = spec.get("extra") or d.weigh({"": 0.86, "home": 0.05, "vague_goods": 0.04, "parts_b2b": 0.05})
        if more:
            items.append(self.item(d.pick(GOODS[more]), d.spread(1.2, 0.5), to, sender))
        via = d.pick(["CN", "HK"]) if spec.get("via") and d.chance(0.55) else "HK" if d.chance(0.04) else ""
        if spec.get("via"):
            items = [replace(item, origin="CN" if d.chance(0.6) else item.origin) for item in items]
        firm = sender.kind != "person"
        nature = d.weigh({"31": 0.07, "32": 0.16, "11": 0.77} if firm else {"31": 0.2, "32": 0.04, "11": 0.76})
        market = d.pick(MISC["markets"]) if d.chance(0.08 if sender.kind == "firm" else 0.32) else ""
        permit = self.permit([0.05, 0.04, 0.17] if items[0].traits.get("chem", 0) > 0.4 else [0.0, 0.03, 0.1])
        content = spec.get("content") or entry.split(";")[3]
        return Shipment(when, sender, receiver, items, market, nature, permit, via, spec["name"], False, content)

    def campaign(self, group: str) -> list[Shipment]:
        """Return the shipments of an illicit campaign and some honest shipments of the same account."""
        d, spec = self.dice, GROUPS[group] | {"name": group}
        when, to = self.moment() - timedelta(days=30), d.weigh(spec["to"])
        if spec.get("around") and d.chance(0.5):
            when = datetime(SHIFT.year, SHIFT.month, SHIFT.day, d.whole(0, 23)) - timedelta(days=8 + 50 * d.u())
        source = d.weigh({country: weight for country, weight in spec["from"].items() if country != to})
        family = d.weigh(spec.get("families", {"vague_chem": 1}))
        line, size, (low, high) = TRAITS[family][0], d.whole(*spec["size"]), spec["span"]
        switch = d.whole(1, size - 1) if spec.get("rename") else 99
        sender, new = self.new_sender(spec, source, when)
        receiver = self.new_receiver(spec, to, when, line)
        if spec.get("via") and new and d.chance(0.5):
            sender.show["phone"] = d.form([PARTY["phone"]["CN"]])
        shipments: list[Shipment] = []
        for number in range(size):
            if number:
                when += timedelta(days=0.7 * d.whole(low, high) + 0.3 * high * d.u(), seconds=d.whole(0, 40000))
                sender, receiver = self.follow(spec, number == switch, (sender, receiver), when, line)
            declared = family if d.chance(0.85) or "families" not in spec else d.weigh(spec["families"])
            late = when.date() > SHIFT or number >= switch
            shipments.append(self.load(spec, declared, (sender, receiver), (when, late)))
        # A mixed campaign has honest house documents under the same master. A new account may have traded honestly before.
        mixed = bool(spec.get("mixed"))
        for _ in range(d.whole(2, 4) if mixed else d.whole(1, 2) if new and d.chance(0.35) else 0):
            before = max(START, when - timedelta(hours=d.u() * (5 if mixed else 960)))
            honest = self.licit("market" if mixed else d.pick(["market", "small_firm", "h_vague_chem"]), before)
            honest_group = "h_mixed_house" if mixed else "h_cover_history"
            shipments.append(replace(honest, sender=sender, group=honest_group, hard=True))
        return [shipment for shipment in shipments if START <= shipment.when < END]

    def follow(
        self, spec: dict[str, Any], switch: bool, who: tuple[Party, Party], when: datetime, line: str
    ) -> tuple[Party, Party]:
        """Return the parties of the next shipment of a campaign."""
        d, (sender, receiver) = self.dice, who
        if switch or (spec.get("onecity") and d.chance(0.6)):
            fresh = replace(self.parties.new(sender.kind, sender.country, sender.line, when, 0.7), known="N")
            sender = self.parties.sibling(fresh, sender) if d.chance(0.85 if switch else 0.65) else fresh
        if spec.get("onecity") or spec.get("onesender") or d.chance(0.4):
            other = self.new_receiver(spec, receiver.country, when, line)
            is_new = other.first == when
            if spec.get("onecity") and is_new:
                code = receiver.show["postcode"][:3] + other.show["postcode"][3:]
                other.show |= {"city": receiver.show["city"], "postcode": code}
                other.place = receiver.place
            same = is_new and d.chance(0.55 if switch else 0.3 if spec.get("onecity") else 0.12)
            receiver = self.parties.sibling(other, receiver) if same else other
        return sender, receiver
