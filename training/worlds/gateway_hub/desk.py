"""How shipments are written and what a perfect reader notes of them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from datetime import datetime, timedelta
from typing import Any

from training.worlds.gateway_hub.parties import FORMS, MISC, NOISE, PARTY, SHIFT, Dice, Party, Shipment, Weights


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
