"""Parcel post and small air parcels into Australia, New Zealand and Japan, as the receiving posts and customs see them.

Mostly CN22/CN23 data (ITMATT): private recipients, few identifiers, short descriptions in the senders' languages, many
currencies, no HS code for a good part. Rates, flows and words stand in words.toml. All parties are invented; the
wording follows published typologies only."""

from __future__ import annotations

import math
import re
import tomllib
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.writer import COLUMNS, World

TITLE = "Austral post: CN22/CN23 parcels and small air parcels into Australia, New Zealand and Japan"
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


class Clerk:
    """Writes drafts as manifests, with the gaps and faults of each channel; the same for licit and illicit ones."""

    def __init__(self, rand: Rand) -> None:
        self.rand, self.taken, self.codes = rand, set[str](), [row.split("|")[0] for row in LISTS["goods"]]

    def text(self, text: str, channel: str) -> str:
        """A description as typed: case, slips, cuts by the form's length."""
        r = self.rand
        if r.chance(0.3):
            text = text.upper() if r.chance(0.6) else text.capitalize()
        if r.chance(0.05) and len(text) > 5:
            at = r.whole(1, len(text) - 3)
            text = text[:at] + (text[at + 1] + text[at] if r.chance(0.5) else text[at + 1]) + text[at + 2 :]
        if r.chance(0.04):
            text = text.replace(" ", r.pick(["", "-", "_", "  "]))
        if r.chance(0.05):
            text = r.pick(RATES["frames"]).replace("{}", text)
        return text[: r.whole(20, 48)] if channel == "postal" and r.chance(0.25) else text

    def typed(self, text: str, share: float) -> str:
        """A name or an address as typed this time; a share is typed in another way than usual."""
        r, form = self.rand, self.rand.random() / share
        if form < 0.4:
            return text.upper() if form < 0.25 else text.title()
        if form < 0.6:
            return text.replace(" Rd", " Road").replace(" St", " Street").replace(" Co Ltd", "").replace(",", "")
        return text + r.pick([".", ",", " A", " B", " 1", " 2", " 3"]) if form < 1 else text

    def code(self, hs: str) -> str:
        """A commodity code as declared: mostly right, a neighbour's or careless; of various lengths."""
        r, fault, form = self.rand, self.rand.random(), self.rand.random()
        hs = hs[:4] + str(r.whole(10, 99)) if fault < 0.09 else r.pick(self.codes) if fault < 0.15 else hs
        if form < 0.1:
            return hs[:4] if form < 0.04 else f"{hs[:4]}.{hs[4:]}"
        return hs + r.pick(["00", "90", "10", "0000", "9000"]) if form < 0.4 else hs

    def number(self, draft: Draft) -> str:
        """The item identifier, never given twice: S10 with its check digit in the post, else a house waybill."""
        r, number = self.rand, ""
        while not number or number in self.taken:
            digits = f"{r.whole(0, 10**8 - 1):08d}"
            check = 11 - sum(int(a) * int(b) for a, b in zip(digits, "86423597", strict=True)) % 11
            end = f"{ {10: 0, 11: 5}.get(check, check) }{draft.fields['export_country']}"
            number = r.pick(["LP", "RX", "CP", "EE", "UX", "LZ"]) + digits + end
            if draft.fields["channel"] != "postal":
                number = r.pick(["H", "SZX", "AE", "77", "JD"]) + digits
        self.taken.add(number)
        return number

    def shipment(self, d: Draft) -> dict[str, str]:
        """The shipment's fields before gaps."""
        r, post, home, export = self.rand, d.fields["channel"] == "postal", d.sender.country, d.fields["export_country"]
        kg, number = sum(line.kg for line in d.lines) * r.spread(1.08, 0.05) + 0.02, self.number(d)
        currency = "USD" if r.chance(0.35) else RATES["currency"][d.receiver.country if r.chance(0.12) else home]
        freight = r.spread(3 + (9 if post else 16) * kg**0.7, 0.4) / RATES["usd"][currency]
        carrier = export + "POST" if post else r.pick(RATES["carriers"].get(export, "SQ CX QF").split())
        lot = int(d.day / (1 if post else 2))
        bill = (lot * 7919 + sum(map(ord, d.shown + d.receiver.port)) * 31) % 10**8
        master = f"{export}{d.receiver.port}AUN{lot:05d}" if post else f"{160 + sum(map(ord, carrier))}-{bill:08d}"
        stops = [home, export, *([r.weighted(RATES["thirds"])] if r.chance(0.15) else []), d.receiver.country]
        origins = RATES["origins"] if r.chance(0.13) else ["CN", "CN", home] if "third" in d.flow else [home]
        port = d.sender.port if export == home else WORDS["people"][export]["cities"][0].split("|")[2]
        row = d.fields | {
            "shipment_id": number,
            "house_id": number,
            "master_id": master,
            "loading_location": port,
            "filing_type": "ITMATT" if post else r.pick(["CUSCAR", "CUSDEC"]),
            "carrier_id": carrier,
            "transport_mode": "5" if post else r.pick(["4", "40"]),
            "unloading_location": d.receiver.port,
            "declared_at": f"{START + timedelta(d.day):%Y-%m-%dT%H:%M:%SZ}",
            "freight_charge": f"{freight:.2f}",
            "routing_countries": ";".join(dict.fromkeys(stops)),
            "agent_name": d.shown or r.pick(LISTS["warehouses"]),
            "gross_mass_kg": f"{kg:.3f}" if r.chance(0.8) else f"{max(kg, 0.1):.1f}",
            "currency": currency,
            "package_count": "1" if r.chance(0.93) else "2",
            "package_type": r.pick(["PC", "BG", "CT", "BX", "EN"]),
            "origin_country": r.pick(origins),
            "consignor_known": "Y" if d.sender.known else r.pick("N "),
            "consignor_account_opened_on": f"{START + timedelta(d.sender.opened):%Y-%m-%d}",
        }
        for side, party in (("consignor", d.sender), ("consignee", d.receiver)):
            row |= {f"{side}_{key}": value for key, value in party.fields.items()}
            for key, share in (("name", 0.25), ("address", 0.5)):
                row[f"{side}_{key}"] = self.typed(party.fields[key], share)
        if d.shown:
            row |= {"consignor_name": d.shown, "consignor_address": d.shown.split()[0] + " Logistics Park"}
        return {key: value.strip() for key, value in row.items()}

    def rows(self, draft: Draft) -> list[dict[str, str]]:
        """The rows of one shipment, one for each goods item, with the gaps of its channel."""
        r, head, channel = self.rand, self.shipment(draft), draft.fields["channel"]
        rate, gaps, rows = RATES["usd"][head["currency"]], RATES["gaps"][channel], []
        head |= {key: "" for key, p in gaps.items() if key in head and r.chance(p)}
        for number, line in enumerate(draft.lines, 1):
            value = line.usd / rate
            value = round(value) - 0.01 * r.chance(0.3) if r.chance(0.6) and value > 3 else value
            row = {
                "item_number": str(number),
                "goods_description": self.text(line.text, channel),
                "declared_chemical": line.declared,
                "cas_number": line.cas,
                "hs_code": self.code(line.code or line.hs),
                "net_mass_kg": f"{line.kg:.3f}",
                "quantity": f"{line.quantity}",
                "quantity_unit": r.pick(("EA", "PR")),
                "undg_number": "3481" * (line.hs == "850760"),
                "customs_value": f"{value:.{2 if rate > 0.05 else 0}f}",
            }
            rows.append(head | row | {key: "" for key in row if r.chance(gaps.get(key, 0.0))})
        return rows


class Reader:
    """Notes what a perfect reader with a memory of earlier shipments would see in each manifest, in order of time."""

    def __init__(self) -> None:
        self.sent: dict[int, deque[tuple[float, int, str]]] = defaultdict(lambda: deque(maxlen=60))
        self.got: dict[int, deque[tuple[float, int]]] = defaultdict(lambda: deque(maxlen=60))
        self.names, self.total, self.odd = dict[int, str](), defaultdict[int, int](int), defaultdict[int, int](int)

    def words(self, lines: list[Line], rows: list[dict[str, str]]) -> dict[str, float]:
        """What the words, codes, masses and values of one manifest say."""
        pairs = list(zip(rows, lines, strict=True))
        tags = {line.tag if row["goods_description"] else "blank" for row, line in pairs}
        watched = [SUBSTANCES[line.substance] for line in lines if line.substance and line.tag in tags]
        clear = [line.hs[:2] if line.tag not in ("vague", "gift_words") else row["hs_code"][:2] for row, line in pairs]
        codes = [(row["hs_code"][:2], own) for row, own in zip(rows, clear, strict=True) if row["hs_code"]]
        flags = {key: bool(tags & set(values)) for key, values in WORDS["flags"].items()}
        found = flags | {
            "watched": bool(watched) and "short" not in tags,
            "watched_relative": any(row[5] == "n" for row in watched),
            "watched_opioid": any(row[2] == "opioid" for row in watched),
            "other_compound": any(OTHER_COMPOUND.search(line.text) for line in lines),
            "press_words": any(PRESS_WORDS.search(line.text) for line in lines if line.tag in ("dies", "presses")),
            "code_missing": 1 - len(codes) / len(lines),
            "code_contradicts": any(code != own for code, own in codes),
            "code_chemical": any(code in CHEMISTRY for code, _ in codes),
            "items": len(lines),
            "chemistry_under_other_code": flags["chemistry"] and any(code not in CHEMISTRY for code, _ in codes),
            "mass_off": math.log(sum(line.kg for line in lines) / sum(line.norm_kg for line in lines)),
            "value_off": math.log(sum(line.usd for line in lines) / sum(line.norm_usd for line in lines)),
        }
        return {key: float(value) for key, value in found.items()}

    def parties(self, d: Draft, row: dict[str, str]) -> dict[str, float]:
        """What the parties, the route and earlier shipments say."""
        s, c, tag, seen = d.sender, d.receiver, d.lines[0].tag, {line.tag for line in d.lines}
        sent, got, phone = self.sent[s.number], self.got[c.number], row["consignor_phone"]
        week, value = [x for x in sent if x[0] > d.day - 7], sum(line.usd for line in d.lines)
        freight = float(row["freight_charge"] or "nan") * RATES["usd"][row["currency"]]
        abroad = {
            "origin": row["origin_country"] not in ("", s.country),
            "export": row["export_country"] != s.country,
            "phone": phone[:1] == "+" and not phone.startswith(f"+{RATES['calling'][s.country]} "),
        }
        found = {f"{key}_differs": value for key, value in abroad.items()} | {
            "receiver_private": c.kind == "person",
            "receiver_trade": c.kind in ("lab", "pharma", "maker"),
            "receiver_box": c.box,
            "sender_firm": s.kind in ("firm", "lab"),
            "sender_chem": s.kind == "chem",
            "sender_private": s.kind == "person",
            "sender_agent": bool(d.shown),
            "market": bool(row["marketplace"]),
            "known": row["consignor_known"] == "Y",
            "permit": bool(row["permit_number"]),
            "name_changed": self.names.setdefault(s.number, s.fields["name"]) != s.fields["name"],
            "express": row["channel"] == "express",
            "air_cargo": row["channel"] == "air_cargo",
            "gift": row["transaction_nature"] == "31",
            "sample": row["transaction_nature"] == "32",
            "no_contact": not phone + row["consignor_email"],
            "pair_before": any(x[1] == c.number for x in sent),
            "new_kind": len(sent) > 1 and all(x[2] != tag for x in sent),
        }
        numbers = {
            "account_age": d.day - s.opened if row["consignor_account_opened_on"] else math.nan,
            "sent_before": math.log1p(self.total[s.number]),
            "got_before": math.log1p(self.total[-c.number]),
            "sent_week": len(week),
            "sent_week_receivers": len({x[1] for x in week}),
            "odd_before": self.odd[s.number],
            "pair_day": sum(x[1] == c.number and x[0] > d.day - 1.2 for x in sent),
            "received_gear": sum(x[1] for x in got if x[0] > d.day - 60),
            "freight_ratio": min(freight / value, 9.0),
        }
        sent.append((d.day, c.number, tag))
        got.append((d.day, int(bool(seen & {"dies", "presses", "binders", "dyes"}))))
        self.total[s.number] += 1
        self.total[-c.number] += 1
        self.odd[s.number] += bool(seen & {"named", "systematic", "short", "research", "vague_chem"})
        return {key: float(number) for key, number in {**found, **numbers}.items()}


def build(shipments: int, seed: int) -> World:
    """The manifests of some twelve months; the first fifth of the shipments are the warm-up."""
    warmup = round(shipments * WARMUP_SHARE)
    trade = Trade(shipments + warmup, seed)
    trade.fill(shipments + warmup)
    clerk, reader = Clerk(trade.rand), Reader()
    rows, truth, evidence = list[dict[str, str]](), list[dict[str, Any]](), list[dict[str, float]]()
    for at, draft in enumerate(trade.drafts):
        made = clerk.rows(draft)
        rows += made
        evidence.append(reader.words(draft.lines, made) | reader.parties(draft, made[0]))
        truth.append({"shipment_id": made[0]["shipment_id"], **draft.truth, "warmup": at < warmup})
    index = pd.Index([row["shipment_id"] for row in truth], name="shipment_id")
    frame = pd.DataFrame(evidence, index=index, dtype=float)
    points = np.zeros(len(frame))
    for weight, rule in WORDS["points"].values():
        points += weight * np.asarray(frame.eval(rule, engine="python"), dtype=float)
    items = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).fillna("").astype(str)
    # Points are done: -1 stands for what the manifest gives nothing to measure.
    return World(items, pd.DataFrame(truth), frame.fillna(-1.0), pd.Series(points, index))
