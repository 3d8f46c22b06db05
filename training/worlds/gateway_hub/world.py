"""An express carrier's air hub in North America: low-value parcels to the United States, Canada and Mexico.

The period is December 2023 to January 2025 (the first three months are the warm-up), so the Canadian and Chinese
listings of September 2024 fall inside it: campaigns that asked for one precursor before ask for a neighbour afterwards.
`words.toml` holds all words, the licit flows, the illicit groups and the points system; this module draws parties,
shipments and their noise, and notes the evidence of a perfect reader while it does so. Public facts only; all parties,
addresses, phones and e-mails are invented.
"""

from __future__ import annotations

import math
import tomllib
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from training.worlds.writer import COLUMNS, World

TITLE = "Express air hub, North America: consolidated low-value parcels, shell importers, die sets to private persons"
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


class Maker:
    """Draws goods items and licit shipments."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.parties, self.days = dice, Parties(dice), day_weights()

    def moment(self) -> datetime:
        """A moment of the whole period."""
        day = int(np.searchsorted(self.days, self.dice.u()))
        return START + timedelta(days=day, seconds=self.dice.whole(0, 86399))

    def wording(self, text: str, chemical: bool, goods: Goods) -> str:
        """What a shipper makes of a plain wording: additions, abbreviations, faults, a cut."""
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
        """Declared subheading and its fit to the words: 1, .5 for a neighbour, 0 for another heading, -1 for none."""
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
        """Country of origin of the goods that a country sends."""
        if self.dice.chance({"CN": 0.98, "HK": 0.15, "US": 0.6}.get(country, 0.85)):
            return country
        return "CN" if country != "CN" else str(self.dice.pick(["HK", "VN", "TW"]))

    def item(self, goods: Goods, units: float, to: str, sender: Party) -> Item:
        """An honest goods item."""
        d, line, traits = self.dice, TRAITS[goods.family][0], dict(TRAITS[goods.family][1])
        spanish = [word for word in goods.words if word[0] == "~"]
        other = [word for word in goods.words if word[0] != "~"]
        plain = d.pick(spanish if spanish and d.chance(0.45 if to == "MX" else 0.03) else other)
        count = max(1, round(units)) if goods.kg < 2 else 1
        kg = goods.kg * (count if goods.kg < 2 else max(0.15, units)) * d.spread(1, 0.3)
        price = float(d.weigh({"1": 0.81, "0.35": 0.14, "2.2": 0.05}))  # honest values are often low and sometimes high
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

    def substance(self, entry: str, way: str, kg: float, to: str, s: tuple[Party, datetime]) -> Item:
        """A goods item that names a watched substance."""
        d, (sender, when) = self.dice, s
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
        """Permit field and its kind, by the chances of a valid-looking, another and a placeholder entry."""
        kinds = dict(zip(("valid", "other", "placeholder"), chances, strict=True)) | {"none": 1 - sum(chances)}
        kind = self.dice.weigh(kinds)
        return ("" if kind == "none" else self.dice.form(WORDS["permits"][kind])), kind

    def licit(self, flow: str, when: datetime, wave: int = -1) -> Shipment:
        """One honest shipment of a flow."""
        d, spec = self.dice, FLOWS[flow]
        to, family = d.weigh(spec["to"]), d.weigh(spec["families"])
        source = d.weigh({country: weight for country, weight in spec["from"].items() if country != to})
        line = TRAITS[family][0]
        trade = spec.get("line") or (line if d.chance(0.6) else "retail")
        young = 0.92 if spec.get("young") else 0.13
        sender = self.parties.take((flow, "s", source), spec["fresh"][0], when, (spec["kinds"][0], trade, young))
        if sender.kind != "person" and d.chance(0.6):  # a firm sends what it deals in
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
        """Consignor of a campaign: a new account or one with honest trade behind it."""
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
        """Consignee of a campaign."""
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
        """An item declared as something else: the words of honest goods, the mass of what is inside."""
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
        """Mass of what is inside: up to 25 kg of a precursor, grams of an opioid."""
        return min(25.0, max(0.6 if spec["kg"][0] >= 1 else 0.02, self.dice.spread(*spec["kg"])))

    def load(self, spec: dict[str, Any], family: str, who: tuple[Party, Party], s: tuple[datetime, bool]) -> Shipment:
        """One illicit shipment; `s` tells the moment and whether the goods have shifted by then."""
        d, (sender, receiver), (when, late) = self.dice, who, s
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
        """Shipments of one illicit campaign, with honest ones of the same account beside them."""
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
        done: list[Shipment] = []
        for number in range(size):
            if number:
                when += timedelta(days=0.7 * d.whole(low, high) + 0.3 * high * d.u(), seconds=d.whole(0, 40000))
                sender, receiver = self.follow(spec, number == switch, (sender, receiver), when, line)
            used = family if d.chance(0.85) or "families" not in spec else d.weigh(spec["families"])
            done.append(self.load(spec, used, (sender, receiver), (when, when.date() > SHIFT or number >= switch)))
        mixed = bool(spec.get("mixed"))  # other houses under the same master; else some trade of a new account before
        for _ in range(d.whole(2, 4) if mixed else d.whole(1, 2) if new and d.chance(0.35) else 0):
            before = max(START, when - timedelta(hours=d.u() * (5 if mixed else 960)))
            honest = self.licit("market" if mixed else d.pick(["market", "small_firm", "h_vague_chem"]), before)
            beside = "h_mixed_house" if mixed else "h_cover_history"
            done.append(replace(honest, sender=sender, group=beside, hard=True))
        return [s for s in done if START <= s.when < END]

    def follow(
        self, spec: dict[str, Any], switch: bool, who: tuple[Party, Party], when: datetime, line: str
    ) -> tuple[Party, Party]:
        """Parties of the next shipment of a campaign."""
        d, (sender, receiver) = self.dice, who
        if switch or (spec.get("onecity") and d.chance(0.6)):
            fresh = replace(self.parties.new(sender.kind, sender.country, sender.line, when, 0.7), known="N")
            sender = self.parties.sibling(fresh, sender) if d.chance(0.85 if switch else 0.65) else fresh
        if spec.get("onecity") or spec.get("onesender") or d.chance(0.4):
            other = self.new_receiver(spec, receiver.country, when, line)
            fresh_one = other.first == when
            if spec.get("onecity") and fresh_one:
                code = receiver.show["postcode"][:3] + other.show["postcode"][3:]
                other.show |= {"city": receiver.show["city"], "postcode": code}
                other.place = receiver.place
            same = fresh_one and d.chance(0.55 if switch else 0.3 if spec.get("onecity") else 0.12)
            receiver = self.parties.sibling(other, receiver) if same else other
        return sender, receiver


class Desk:
    """Writes shipments down as manifest rows, with the noise of the channel."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.masters: dict[tuple[int, str], tuple[str, str, str]] = {}

    def party(self, party: Party, role: str) -> dict[str, str]:
        """The fields of one party, in a variant: case, abbreviations, cut at the field's end, typing faults."""
        d, fields = self.dice, party.show | {"country": party.country}
        name, phone = d.respell(fields["name"], NOISE["spelling"] if d.chance(0.4) else []), fields["phone"]
        at = d.whole(1, len(name) - 2) if d.chance(0.025) else len(name)
        name = (name[:at] + name[at + 1 :])[: 35 if d.chance(0.12) else 70]
        fields["address"] = d.respell(fields["address"], NOISE["address"] if d.chance(0.5) else [])[:60]
        fields["phone"] = d.pick([phone, phone.replace(" ", ""), phone.replace(" ", "-").replace("+", "00")])
        if party.kind != "person" and d.chance(0.3):  # another desk of the firm
            fields["email"] = d.pick(FORMS["desk"]) + "@" + fields["email"].split("@")[1]
        if party.upper:
            fields |= {key: fields[key].upper() for key in ("address", "city")}
        fields["name"] = name.upper() if party.upper != d.chance(0.12) else name
        return {f"{role}_{key}": value for key, value in fields.items()}

    def master(self, s: Shipment) -> tuple[str, str, str]:
        """Master air waybill, agent and place of loading: houses of one wave and country mostly share them."""
        d, sender = self.dice, s.sender
        if s.wave < 0 or d.chance(0.3 if sender.kind in ("firm", "lab") else 0.06):
            return "", sender.agent if d.chance(0.4) else "", sender.place
        number = d.form([f"{prefix}-########" for prefix in (936, 369, 160, 112, 272)])
        return self.masters.setdefault((s.wave, sender.country), (number, sender.agent, sender.place))

    def head(self, s: Shipment) -> dict[str, str]:
        """The fields of the shipment itself."""
        d, to, home, master = self.dice, s.receiver.country, s.sender.country, self.master(s)
        net, usd = sum(item.kg for item in s.items), sum(item.usd for item in s.items)
        export = home if d.chance(0.96) else d.pick(["HK", "CN", "KR", "US"])
        stops = [s.via or home, export] + (["HK"] if export == "CN" and d.chance(0.18) else [])
        stops += (["US"] if d.chance(0.6) else []) + [to]
        chemical = any(item.traits.get("chem", 0) > 0.45 for item in s.items)
        return {
            "master_id": master[0], "house_id": d.form(["##########"]), "channel": "express", "transport_mode": "4",
            "filing_type": d.weigh(NOISE["filing"]["low" if to == "US" and usd < 800 else to]),
            "declared_at": s.when.strftime("%Y-%m-%dT%H:%M:%SZ"), "export_country": export,
            "routing_countries": ";".join(dict.fromkeys(stops)), "loading_location": master[2],
            "unloading_location": s.receiver.place if d.chance(0.6) else "USCVG", "marketplace": s.market,
            "carrier_id": d.pick(["D0", "D0", "D0", "K4", "5Y"]), "transaction_nature": s.nature, "cus_number": "",
            "agent_name": master[1], "permit_number": s.permit[0],
            "gross_mass_kg": f"{net * d.spread(1.12, 0.06) + 0.03:.3f}", "consignor_known": s.sender.known,
            "package_count": str(max(1, round(net / d.spread(6, 0.6)))),
            "package_type": d.weigh(NOISE["package"]["chem" if chemical else "plain"]),
            "freight_charge": f"{(5 + 4.2 * net) * d.spread(1, 0.35):.2f}",
            "consignor_account_opened_on": s.sender.opened.isoformat(),
            **self.party(s.sender, "consignor"), **self.party(s.receiver, "consignee"),
        }  # fmt: skip

    def rows(self, s: Shipment, number: int) -> list[dict[str, str]]:
        """All rows of a shipment."""
        d, to, rows = self.dice, s.receiver.country, []
        currency = "USD" if d.chance(0.84) else NOISE["currency"].get(d.pick([s.sender.country, to]), "USD")
        head = self.blank({"shipment_id": f"GH{24000000 + number * 7}", "currency": currency, **self.head(s)})
        tails = NOISE["suffix"][to].split()
        for at, item in enumerate(s.items, 1):
            code, places = item.hs6, 0 if d.chance(0.3) else 2
            if code:
                code += tails[sum(map(int, code)) % len(tails)][: int(d.weigh({"4": 76, "0": 17, "2": 7}))]
                code = f"{code[:4]}.{code[4:6]}.{code[6:]}".rstrip(".") if d.chance(0.04) else code
            dangerous = item.traits.get("chem", 0) > 0.7 and d.chance(0.07)
            row = {
                "item_number": str(at), "goods_description": item.text, "declared_chemical": item.chemical,
                "cas_number": item.cas, "hs_code": code, "origin_country": item.origin, "net_mass_kg": f"{item.kg:.3f}",
                "quantity": str(item.units), "quantity_unit": d.weigh(NOISE["unit"]),
                "customs_value": f"{item.usd * NOISE['rates'][currency]:.{places}f}",
                "undg_number": d.pick(["2811", "3077", "1993", "3082"]) if dangerous else "",
            }  # fmt: skip
            rows.append({**head, **self.blank(row)})
        return rows

    def blank(self, row: dict[str, str]) -> dict[str, str]:
        """The row with fields left empty as often as the channel leaves them."""
        present = NOISE["present"]
        return {key: value if self.dice.chance(present.get(key, 1)) else "" for key, value in row.items()}


class Reader:
    """Notes the evidence of a perfect reader, shipment by shipment in order of time."""

    def __init__(self) -> None:
        self.seen: Counter[Any] = Counter()  # by ("s", sender), ("r", receiver), ("p", both), ("m", master[, sender])
        self.contacts: dict[str, set[int]] = defaultdict(set)
        self.recent: dict[Any, deque[tuple[datetime, int]]] = defaultdict(deque)

    def within(self, key: Any, when: datetime, days: int, mark: int) -> tuple[int, int]:
        """Number of entries, and of other marks, in the last days; then adds this one."""
        queue = self.recent[key]
        while queue and queue[0][0] < when - timedelta(days=days):
            queue.popleft()
        result = len(queue), len({entry for _, entry in queue} - {mark})
        queue.append((when, mark))
        return result

    def parties(self, s: Shipment, master: str, seen: bool) -> Weights:
        """Evidence on the parties and their history."""
        sender, receiver, line, count = s.sender, s.receiver, s.items[0].line, self.seen
        (a, b), both = (sender.pid, receiver.pid), (sender, receiver)
        shown = [(p, p.show) for p in both]
        keys = [(p, key) for p, x in shown for key in (x["phone"], x["email"], x["address"] + x["city"])]
        shared = [len(self.contacts[key] - {p.pid}) for p, key in keys]
        city = self.within((receiver.show["city"], line), s.when, 7, a)[1] if count["s", a] < 6 else 0
        fits = [0.0 if p.kind == "person" else 1.0 if p.line == line else 0.4 * (p.line == "retail") for p in both]
        institution, run = receiver.kind in ("lab", "hospital"), self.within(a, s.when, 14, b)
        days, code = (s.when.date() - sender.opened).days, PARTY["phone"][sender.country].split()[0]
        noted: dict[str, float] = {
            "sender_private": sender.kind == "person", "receiver_private": receiver.kind == "person",
            "receiver_forwarder": receiver.forwarder, "receiver_institution": institution,
            "sender_known": sender.known == "Y", "sender_fits": fits[0], "receiver_fits": max(fits[1], institution),
            "account_days_log": math.log1p(max(0, days)) if seen else -1, "sender_before": math.log1p(count["s", a]),
            "receiver_before": math.log1p(count["r", b]), "pair_before": count["p", a, b],
            "sender_same_goods": math.log1p(count["g", a, line]),
            "receiver_same_goods": math.log1p(count["g", b, line]),
            "sender_contact_shared": sum(shared[:3]), "receiver_contact_shared": sum(shared[3:]),
            "city_young_senders_7d": city, "sender_shipments_14d": run[0], "sender_receivers_14d": run[1],
            "receiver_other_senders_45d": self.within(("r", b), s.when, 45, a)[1],
            "sender_phone_foreign": not sender.show["phone"].startswith(code),
            "sender_free_mail": any(free in sender.show["email"] for free in MISC["free"]),
            "master_houses": math.log1p(count["m", master]) if master else -1,
            "master_same_sender": count["m", master, a] if master else 0,
        }  # fmt: skip
        count.update([("s", a), ("r", b), ("p", a, b), ("m", master), ("m", master, a), ("g", a, line), ("g", b, line)])
        for p, key in keys:
            self.contacts[key].add(p.pid)
        return noted

    @staticmethod
    def goods(s: Shipment) -> Weights:
        """Evidence on the goods, their code, mass, value and papers."""
        main, firm = max(s.items, key=lambda item: item.kg), s.sender.kind != "person"
        kg, usd, fits = sum(i.kg for i in s.items), sum(i.usd for i in s.items), [i.code_fit for i in s.items]
        traits = ("listed", "watched", "near", "chem", "vague", "research", "press", "binder", "dosage")
        noted: dict[str, float] = {name: max(i.traits.get(name, 0.0) for i in s.items) for name in traits}
        return noted | {
            "cas_given": any(i.cas or i.text.upper().startswith("CAS") for i in s.items),
            "code_contradicts": 0.0 in fits, "code_neighbour": 0.5 in fits, "code_missing": -1.0 in fits,
            "code_of_interest": any(i.hs6 in NOISE["interest"] for i in s.items), "items": len(s.items),
            "kg_log": math.log(kg + 0.01), "usd_log": math.log(usd + 1),
            "freight_over_value": (5 + 4.2 * kg) / (usd + 1),
            "value_per_kg_z": math.log(main.usd / main.kg * main.goods.kg / main.goods.usd),
            "unit_mass_z": math.log(main.kg / (main.units * main.goods.kg)) if main.goods.kg < 2 else 0.0,
            "permit_valid": s.permit[1] == "valid", "permit_placeholder": s.permit[1] == "placeholder",
            "gift_by_firm": firm and s.nature == "31", "sample": s.nature == "32", "market": bool(s.market),
            "origin_differs": any(i.origin != s.sender.country for i in s.items),
            "third_country": s.via not in ("", s.sender.country),
            "months_since_listing": max(0.0, (s.when.date() - SHIFT).days / 30) * (noted["chem"] > 0.45),
            "to_mexico": s.receiver.country == "MX", "to_canada": s.receiver.country == "CA",
        }  # fmt: skip


def draw(maker: Campaigns, shipments: int) -> list[Shipment]:
    """All shipments in order of time, exactly `shipments` of them in the scored period."""
    dice, rooms = maker.dice, [round(shipments * WARMUP), shipments]
    flows = {name: float(spec["share"]) for name, spec in FLOWS.items()}
    groups = {name: float(spec["share"]) for name, spec in GROUPS.items()}
    for _ in range(round(sum(rooms) * 0.12)):  # trade before the period, not kept: some parties have a history
        maker.licit(dice.weigh(flows), START)
    whens: list[tuple[datetime, int]] = []
    waves: list[datetime] = []
    while any(rooms):  # consolidators send waves of houses within a day
        waves.append(maker.moment())
        for _ in range(dice.whole(3, 24)):
            when = max(START, waves[-1] + timedelta(hours=18 * dice.u() - 9))
            if when < END and rooms[when >= SCORED]:
                rooms[when >= SCORED] -= 1
                whens.append((when, len(waves) - 1))
    licit = [maker.licit(dice.weigh(flows), when, wave) for when, wave in sorted(whens)]
    illicit: list[Shipment] = []
    due, order = 0.0, sorted((when, number) for number, when in enumerate(waves))
    for name, weight in groups.items():
        due += weight / sum(groups.values()) * PREVALENCE * len(licit)
        while round(due) > 0:
            found = maker.campaign(name)
            due -= sum(s.content != "none" for s in found)
            for s in found:  # they fly in the nearest wave; mixed houses in that of the find
                at = bisect_left(order, (s.when, 0))
                when, wave = min(order[max(0, at - 1) : at + 1], key=lambda entry: abs(entry[0] - s.when))
                s.wave = found[0].wave if s.group == "h_mixed_house" else wave if abs(when - s.when).days < 2 else -1
            illicit += found
    for late in (False, True):  # honest shipments give way, so that the number asked for stays exact
        there = [at for at, s in enumerate(licit) if (s.when >= SCORED) == late]
        added = sum((s.when >= SCORED) == late for s in illicit)
        gone = {there[int(at)] for at in dice.rng.permutation(len(there))[:added]}
        licit = [s for at, s in enumerate(licit) if at not in gone]
    return sorted(licit + illicit, key=lambda s: s.when)


def build(shipments: int, seed: int) -> World:
    """The world with `shipments` scored shipments, the warm-up on top."""
    dice, reader = Dice(seed), Reader()
    desk, rows, truth, noted = Desk(dice), [], [], []
    for number, s in enumerate(draw(Campaigns(dice), shipments)):
        s.items = [replace(i, kg=max(0.005, round(i.kg, 3)), usd=max(0.5, round(i.usd, 2))) for i in s.items]
        rows += desk.rows(s, number)
        last = rows[-1]
        truth.append((last["shipment_id"], s.content, s.group, s.hard, s.when < SCORED))
        seen = bool(last["consignor_account_opened_on"])
        noted.append({**reader.goods(s), **reader.parties(s, last["master_id"], seen)})
    table = pd.DataFrame(truth, columns=["shipment_id", "content", "group", "hard", "warmup"])
    evidence = pd.DataFrame(noted, index=pd.Index(table["shipment_id"], name="shipment_id")).astype(float)
    points = pd.Series(0.0, index=evidence.index)
    for rule in WORDS["points"]:
        hit: Any = evidence.eval(rule["when"])
        points += rule["points"] * hit.astype(float)
    return World(pd.DataFrame(rows, columns=list(COLUMNS)).astype(str), table, evidence, points)
