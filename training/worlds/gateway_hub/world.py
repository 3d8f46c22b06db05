"""An express carrier's air hub in North America: low-value parcels to the United States, Canada and Mexico.

The period is December 2023 to January 2025 (the first three months are the warm-up), so the Canadian and Chinese
listings of September 2024 fall inside it: campaigns that asked for one precursor before ask for a neighbour afterwards.
`words.toml` holds all words, the licit flows, the illicit groups and the points system; the modules draw parties,
shipments and their noise, and note the evidence of a perfect reader while they do so. Public facts only; all parties,
addresses, phones and e-mails are invented.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from training.worlds.gateway_hub.parties import (
    END,
    FLOWS,
    FORMS,
    GROUPS,
    MISC,
    NOISE,
    PARTY,
    PREVALENCE,
    SCORED,
    SHIFT,
    START,
    WARMUP,
    WORDS,
    Dice,
    Party,
    Shipment,
    Weights,
)
from training.worlds.gateway_hub.shipments import Campaigns
from training.worlds.writer import COLUMNS, World

TITLE = "Express air hub, North America: consolidated low-value parcels, shell importers, die sets to private persons"


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
