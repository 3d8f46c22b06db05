"""Dice, parties, lines and lists of goods of the austral_post world, and flows of trade between parties."""

from __future__ import annotations

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

WORDS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
RATES, LISTS = WORDS["rates"], WORDS["lists"]
WARMUP_SHARE, DAYS, ILLICIT_SHARE = 0.24, 374.0, 0.0064
START = datetime(2024, 10, 21)
CN_LISTING = 272.0  # 2025-07-20: China lists 4-piperidone, its boc form and the nitazenes
LANGUAGES = ("en", "zh", "ja", "py", "ko", "vi", "de")
PRESS_WORDS, OTHER_COMPOUND = (re.compile(RATES[key], re.IGNORECASE) for key in ("press_words", "other_compound"))
CHEMISTRY = ("28", "29", "38")


class Rand(np.random.Generator):
    """A generator with the few draws that a world needs."""

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.random() < p

    def pick(self, values: Sequence[Any], power: float = 1.0) -> Any:
        """One of the values; a power above 1 prefers the first ones."""
        return values[int(self.random() ** power * len(values))]

    def weighted(self, weights: dict[str, float]) -> str:
        """One key by its weight."""
        at = self.random() * sum(weights.values())
        for key, weight in weights.items():
            at -= weight
            if at < 0:
                return key
        return next(iter(weights))

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high."""
        return low + int(self.random() * (high - low + 1))

    def spread(self, median: float, sigma: float) -> float:
        """A lognormal number."""
        return median * math.exp(sigma * self.standard_normal())


@dataclass
class Party:
    """A sender or receiver; `kind` is what a careful reader sees, `fields` what a manifest says of it."""

    number: int
    kind: str
    country: str
    fields: dict[str, str]
    port: str
    opened: float
    known: bool
    box: bool
    categories: list[str]


@dataclass
class Line:
    """One goods item before noise: `tag` is the reader's class of the words, `norm_*` what such goods have."""

    text: str
    tag: str
    hs: str
    norm_kg: float
    norm_usd: float
    kg: float
    usd: float
    quantity: int = 1
    substance: str = ""
    cas: str = ""
    declared: str = ""
    code: str = ""


@dataclass
class Draft:
    """One shipment before it is written; `fields` are those that its flow decides."""

    day: float
    sender: Party
    receiver: Party
    flow: dict[str, Any]
    truth: dict[str, Any]
    fields: dict[str, str]
    lines: list[Line]
    shown: str = ""


def read_list(name: str) -> dict[str, list[tuple[str, float, float, str]]]:
    """A special word list by language; a prefix such as "de:" names the language where the script does not."""
    texts: dict[str, list[tuple[str, float, float, str]]] = defaultdict(list)
    for row in LISTS[name]:
        hs, kg, usd, text = (RATES["defaults"].get(name, "") + row).split("|")
        head, colon, tail = text.partition(":")
        marked = bool(colon) and head in LANGUAGES
        language = head if marked else next((k for k, v in RATES["scripts"].items() if re.search(v, text)), "en")
        texts[language].append((hs, float(kg), float(usd), tail if marked else text))
    return texts


TEXTS = {name: read_list(name) for name in [*RATES["defaults"], *RATES["own_codes"]]}
GOODS = {c: [row.split("|") for row in LISTS["goods"] if row.split("|")[3] == c] for c in "AFGJETBHCSMPZWVKNLX"}
SUBSTANCES: dict[str, list[str]] = {row.split("|")[0]: row.split("|") for row in LISTS["substances"]}


def keys_of(listing: str) -> list[str]:
    """The watched substances of a listing: a content, "opioid" or a precursor's legal state."""
    return [k for k, row in SUBSTANCES.items() if listing in (row[1], row[2])]


class Trade:
    """The parties and the shipments between them."""

    def __init__(self, total: int, seed: int) -> None:
        self.rand, self.drafts, self.count = Rand(np.random.PCG64(seed)), list[Draft](), 0
        places: dict[str, float] = RATES["destinations"]
        self.local = {
            kind: {
                place: [self.party(kind, place) for _ in range(int(total * size * share) + 3)]
                for place, share in places.items()
            }
            for kind, size in RATES["receivers"].items()
        }
        self.senders = {
            kind: [
                self.party(kind, self.rand.weighted(RATES[how["table"]])) for _ in range(int(total * how["size"]) + 5)
            ]
            for kind, how in RATES["senders"].items()
        }

    def party(self, kind: str, country: str, opened: float | None = None) -> Party:
        """One invented party; `opened` is the day its account was opened, drawn where not given."""
        r, words = self.rand, WORDS["people"][country]
        family = r.pick(words["family"])
        given = r.pick([word for word in words["given"] if (word < "\u2fff") == (family < "\u2fff")])
        name = f"{given} {family}" if r.chance(0.7) else f"{family} {given}"
        city, pattern, port = r.pick(words["cities"], 1.3).split("|")
        private = kind in ("home", "casual", "family", "person") or (kind == "seller" and r.chance(0.35))
        if not private:
            local = RATES["local"].get(country, "Co., Ltd")
            stem = r.pick(LISTS["companies_zh"] if local == "Co., Ltd" else [f"{family} {r.pick('ABCDEFGHKNST')}"])
            ending = r.pick(RATES["endings"].get(kind, [local])) + f" {local}" * (kind in ("pharma", "maker"))
            name = f"{city + ' ' if country == 'CN' and r.chance(0.5) else ''}{stem} {ending}"
        box, unit = kind == "home" and r.chance(0.05), r.pick(RATES["units"][1:]) + ", " if r.chance(0.25) else ""
        address = r.pick(RATES["boxes"]) if box else f"{unit}{r.whole(1, 290)} {r.pick(words['streets'])}"
        handle = re.sub(r"[^a-z]", "", (given + family).lower())[:14] or "parcel"
        fields = {
            "name": name,
            "country": country,
            "city": city,
            "postcode": self.digits(pattern),
            "phone": self.phone(country),
            "address": self.digits(address),
            "email": f"{handle}{r.whole(1, 99)}@{r.pick(['mail', 'post'])}.example.{r.pick(['com', 'net', 'org'])}",
        }
        self.count += 1
        opened = r.random() * DAYS - r.spread(500, 1.2) if opened is None else opened
        own = [r.weighted(RATES["categories"]) for _ in range(r.whole(1, 3))]
        kind = "person" if kind in ("home", "casual", "family") else kind
        return Party(self.count, kind, country, fields, port, opened, not private and r.chance(0.3), box, own)

    def digits(self, pattern: str) -> str:
        """A pattern with a digit for each "#"."""
        return re.sub("#", lambda _: str(self.rand.whole(0, 9)), pattern)

    def phone(self, country: str) -> str:
        """A telephone number of a range kept for fiction, or of a form that is not in use."""
        country = "CN" if country in ("HK", "SG", "MY", "TH") and self.rand.chance(0.12) else country
        return f"+{RATES['calling'][country]} {self.digits(RATES['phones'].get(country, '000 ## ####'))}"

    def sender(self, kind: str, day: float, flow: dict[str, Any]) -> Party:
        """A sender of a kind: an established one, or a new one whose account opened shortly before."""
        r, new = self.rand, kind.startswith("new_")
        if not new and "third" not in flow:
            old: Party = r.pick(self.senders[kind], RATES["senders"][kind]["power"])
            return old if old.opened < max(day, 1) else self.sender(kind, day, flow)
        kind = kind.removeprefix("new_")
        table = RATES["thirds" if "third" in flow else "dark" if "content" in flow else RATES["senders"][kind]["table"]]
        party = self.party(kind, r.weighted(table), day - r.spread(25, 0.9) if new else None)
        if "third" in flow and r.chance(0.35):
            party.fields["phone"] = self.phone("CN")
        return party

    def day(self) -> float:
        """A day of dispatch, by season and with fewer at weekends."""
        while True:
            day = self.rand.random() * DAYS
            weekend = 0.6 if (START + timedelta(day)).weekday() > 4 else 1
            if self.rand.random() * 1.6 < RATES["season"][int(day / DAYS * 12.99)] * weekend:
                return day

    def language(self, country: str) -> str:
        """The language of a declaration from a country."""
        language, share = RATES["language"].get(country, ("en", 0.0))
        return "py" if country == "CN" and self.rand.chance(0.16) else language if self.rand.chance(share) else "en"

    def goods(self, category: str, country: str) -> Line:
        """A line of ordinary goods in the words of its sender."""
        r, row, language = self.rand, self.rand.pick(GOODS[category]), self.language(country)
        words = (row[4 + LANGUAGES.index(language)] or row[4]).split(";")
        text = r.pick(words) if r.chance(0.88) else " ".join(words[: r.whole(1, 2)])
        if r.chance(0.5):
            extra = r.pick(LISTS.get("mods_" + language, LISTS["mods"]))
            text = f"{extra} {text}" if r.chance(0.5) else f"{text} {extra}"
        text += f" {r.pick('ABDHKLMSTX')}{r.whole(1, 999)}" * r.chance(0.1)
        quantity = 1 if r.chance(0.7) else r.whole(2, 6)
        kg, usd = float(row[1]) * quantity**0.8, float(row[2]) * quantity**0.8
        return Line(text, "goods" + category, row[0], kg, usd, r.spread(kg, 0.55), r.spread(usd, 0.75), quantity)

    def special(self, listing: str, country: str) -> Line:
        """A line of one of the special word lists, in the sender's language where the list has it."""
        r, table, language = self.rand, TEXTS[listing], self.language(country)
        hs, kg, usd, text = r.pick(table[language] if language in table and r.chance(0.85) else table["en"])
        key = r.pick(keys_of("opioid") + keys_of("old")) if "{}" in text else ""
        text = text.replace("{}", SUBSTANCES[key][6].split(";")[0] if key else "")
        for known in SUBSTANCES if listing in ("pharma", "industry") else ():
            names = SUBSTANCES[known][6].split(";") + SUBSTANCES[known][9].split(";")
            key = key or (known if any(name and name in text for name in names) else "")
        tag = listing.removesuffix("_honest")
        line = Line(text, tag, hs, kg, usd, r.spread(kg, 0.55), r.spread(usd, 0.6), substance=key)
        line.cas = SUBSTANCES[key][3] if key and r.chance(0.2) else ""
        if listing in ("vague", "gift_words"):
            cover = self.goods(r.weighted(RATES["categories"]), country)
            line = replace(cover, text=text, tag=line.tag)
        elif listing == "vague_chem":
            line.hs, line.kg = r.pick(RATES["chemical_codes"]), r.spread(kg, 0.9)
        line.text += r.pick(RATES["extras"]) * r.chance(0.35)
        return line

    def named(self, listing: str, forms: dict[str, float]) -> Line:
        """A line that names a watched substance by name, code, CAS number, systematic name or in another script."""
        r, row = self.rand, SUBSTANCES[self.rand.pick(keys_of(listing))]
        form = r.weighted(forms)
        names = row[{"name": 6, "systematic": 7, "short": 8, "cas": 3, "script": 9}[form]]
        tag = "named" if not names or form in ("name", "script") else "short" if form == "short" else "systematic"
        text = r.pick(LISTS["named_patterns"])
        text = ("CAS " * (names == row[3] and r.chance(0.6)) + text).format(r.pick((names or row[6]).split(";")))
        code = row[4] if r.chance(0.5) else r.pick(RATES["chemical_codes"] + RATES["odd_codes"])
        declared, cas = row[6].split(";")[0] * r.chance(0.05), row[3] * r.chance(0.08)
        return Line(text, tag, row[4], 0.1, 60, r.spread(0.15, 0.8), r.spread(60, 0.8), 1, row[0], cas, declared, code)

    def line(self, listing: str, draft: Draft) -> Line:
        """A line of goods, special words or a named substance, with the flow's factors on mass and value."""
        country, flow = draft.sender.country, draft.flow
        if listing.startswith("goods"):
            own = draft.sender.categories if self.rand.chance(0.8) else list(RATES["categories"])
            line = self.goods(listing[5:] or self.rand.pick(own), country)
        elif listing in TEXTS:
            line = self.special(listing, country)
        else:
            line = self.named(listing, flow["forms"])
        line.code = self.rand.pick(RATES["odd_codes"]) if flow.get("odd_code") else line.code
        line.kg, line.usd = line.kg * flow.get("kg", 1), line.usd * flow.get("usd", 1)
        line.usd *= 0.25 + 0.4 * self.rand.random() if self.rand.chance(0.12) else 1
        return line

    def run(self, flow: dict[str, Any], group: str, hard: bool) -> list[Draft]:
        """One campaign of a flow: a single shipment, or several of one sender within the flow's span."""
        r, start, (low, high) = self.rand, self.day(), flow.get("size", (1, 1))
        size, span = low + int(r.random() ** 1.6 * (high - low + 1)), flow.get("span", 1)
        sender = self.sender(r.weighted(flow["sender"]), start - span / 2, flow)
        first = self.receiver(flow, sender)
        truth = {"content": r.weighted(flow.get("content", {"none": 1})), "group": group, "hard": hard}
        days = sorted(abs(start + (r.random() - 0.5) * span * (size > 1)) for _ in range(size))
        days = sorted(day if day < DAYS else 2 * DAYS - day for day in days)
        turn = CN_LISTING if days[0] < CN_LISTING < days[-1] else days[-1] - r.random() * (days[-1] - days[0])
        campaign = []
        for day in days:
            after = "later" in flow and day >= turn
            other = r.chance(0.6 if after else flow.get("rename", 0.02))
            now = self.renamed(sender, day if after else None) if other else sender
            again = r.chance(flow.get("same_receiver", 0.25 if size > 1 else 1))
            receiver = first if again else self.receiver(flow, now)
            seller = sender.kind == "seller"
            fields = {
                "channel": r.weighted(flow.get("channel", {"postal": 0.84, "express": 0.16})),
                "transaction_nature": r.weighted(flow.get("nature", {"11": 0.86, "99": 0.07, "31": 0.07})),
                "marketplace": r.pick(LISTS["markets"]) * r.chance(0.4 if seller else 0.06),
                "permit_number": self.digits(r.pick(RATES["permits"])) * r.chance(flow.get("permit", 0.004)),
                "export_country": r.weighted(RATES["thirds"]) if r.chance(0.05 if seller else 0.02) else now.country,
            }
            draft = Draft(day, now, receiver, flow, truth, fields, [])
            draft.shown = r.pick(LISTS["warehouses"], 1.4) * r.chance(flow.get("shown", 0.32 if seller else 0.05))
            texts = flow["later"] if after else flow.get("texts", {"goods": 1.0})
            for at in range(1 if r.chance(0.72) else r.whole(1, flow.get("lines", 2))):
                draft.lines.append(self.line(r.weighted(texts) if at == 0 or "content" not in flow else "goods", draft))
            campaign.append(draft)
        return campaign

    def renamed(self, party: Party, opened: float | None) -> Party:
        """The same sender under another name, with another account where a day is given."""
        other = self.party("seller" if party.kind == "person" and opened else party.kind, party.country)
        fields = party.fields | {"name": other.fields["name"], "email": other.fields["email"]}
        return replace(party, fields=fields, opened=opened - self.rand.spread(20, 0.8) if opened else party.opened)

    def receiver(self, flow: dict[str, Any], sender: Party) -> Party:
        """A receiver of the flow's kinds, not in the sender's country; some order often, many once."""
        r, kind = self.rand, self.rand.weighted(flow.get("receiver", {"home": 1.0}))
        place = r.weighted({c: p for c, p in RATES["destinations"].items() if c != sender.country})
        old: Party = r.pick(self.local[kind.removeprefix("new_")][place], 1.7)
        return self.party("home", place) if kind == "new_home" else old

    def fill(self, total: int) -> None:
        """Campaigns of every flow until its share of the total is met."""
        shares = sum(f["share"] for f in WORDS["illicit"].values())
        for name, flow in {**WORDS["illicit"], **WORDS["hard"], **WORDS["flows"]}.items():
            illicit, hard = "content" in flow, name in WORDS["hard"]
            wanted = total * flow["share"] * (ILLICIT_SHARE / shares if illicit else 0.01) + self.rand.random()
            while wanted >= 1 and name != "market":
                made = self.run(flow, name if illicit or hard else "", hard)[: int(wanted)]
                wanted -= len(made)
                self.drafts += made
        while len(self.drafts) < total:
            self.drafts += self.run(WORDS["flows"]["market"], "", False)
        self.drafts.sort(key=lambda d: d.day)
