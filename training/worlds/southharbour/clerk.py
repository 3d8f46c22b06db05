"""Evidence that a perfect reader would note of shipments, and the manifests that clerks write of them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from datetime import timedelta
from math import exp, log, log1p

from training.worlds.southharbour.parties import (
    CHEMICAL,
    COUNTED,
    KIT,
    LANGUAGES,
    LISTED_ON,
    MACHINE,
    START,
    VALUED,
    Draw,
    Good,
    Line,
    Party,
    Plan,
    W,
)


def match(party: Party, good: Good, buys: bool) -> float:
    """Return the fit of a party's trade to the goods: 0 or 1, 0.5 for traders and agents, 0.3 for private persons."""
    if party.kind != "firm" or party.fam == "trad":
        return 0.3 if party.kind == "private" else 0.5
    fams = W["buyers"][good.fam].split() if buys else (good.fam, W["alias"].get(good.fam, good.fam))
    return float(party.fam in fams)


def gap(line: Line) -> float:
    """Return the distance of the declared code from that of the described goods: 0 right or absent, up to 1 another chapter."""
    code, good = line.code, line.good
    if not code or code[:6] == good.hs[:6]:
        return 0.0
    return 0.3 if code in good.near else 0.6 if code[:2] == good.hs[:2] else 1.0


class Reader:
    """Perfect reader of the manifests. It reads plans in order of time and returns the evidence of each."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = defaultdict(int)
        self.fams: dict[str, set[str]] = defaultdict(set)
        self.names: dict[str, set[str]] = defaultdict(set)
        self.times: dict[str, list[tuple[float, str]]] = defaultdict(list)

    def words(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of the goods items alone."""
        lines, flags = plan.lines, [line.good.flags for line in plan.lines]
        post, law = plan.route.channel == "express", plan.receiver.country == "MA" or plan.when >= LISTED_ON
        listed = any("X" in f or ("Y" in f and law) for f in flags)
        main, dear = max(lines, key=lambda line: line.net), [log(line.usd / line.net / line.good.usd) for line in lines]
        evidence: dict[str, float] = {name: any(letter in f for f in flags) for name, letter in W["letters"].items()}
        return evidence | {
            "listed": listed,
            "listed_no_permit": listed and not plan.permit,
            "permit": bool(plan.permit),
            "equipment": max(2 if "E2" in f else "E1" in f for f in flags),
            "vague": sum("V" in f for f in flags) / len(flags),
            "named_chemical": sum("M" in f for f in flags) / len(flags),
            "chemical": main.good.fam in CHEMICAL,
            "machine": main.good.fam in MACHINE,
            "code_gap": max(map(gap, lines)),
            "density": sum(dear) / len(dear) if plan.worth < VALUED else 0,
            "valued": plan.worth < VALUED,
            "lot": main.lot,
            "repacked": not post and any(line.kind not in line.good.kinds for line in lines),
            "weight": main.weight,
            "weight_odd": 0 if post else max(abs(line.weight) for line in lines),
            "mass": log1p(sum(line.net for line in lines)),
            "items": len(lines),
            "trades": len({line.good.fam for line in lines}),
        }

    def ends(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of the parties, the route and the history before the shipment."""
        sender, receiver, route = plan.sender, plan.receiver, plan.route
        at, known = "at ".join(receiver.site), receiver.kind != "agent"
        fams = {line.good.fam for line in plan.lines}
        recent = [name for when, name in self.times[at] if when > plan.when - 14 and known]
        kit = {flag for when, flag in self.times["kit" + at] if when > plan.when - 150 and known}
        kit |= {flag for line in plan.lines for flag in KIT if flag in line.good.flags}
        others = [p for p in plan.master if p is not plan]
        odd = sum((p.lines[0].good.fam in CHEMICAL) != (plan.lines[0].good.fam in CHEMICAL) for p in others)
        own, sold, bought = self.seen[at + receiver.name], self.fams[sender.name], self.fams[at]
        return {
            "private": receiver.kind == "private",
            "to_agent": not known,
            "from_agent": sender.kind == "agent",
            "receiver_fit": min(match(receiver, line.good, True) for line in plan.lines),
            "sender_fit": min(match(sender, line.good, False) for line in plan.lines),
            "sender_seen": log1p(self.seen[sender.name]),
            "receiver_seen": log1p(own),
            "pair_seen": log1p(self.seen[sender.name + at]),
            "account_days": log1p(max(0.0, plan.when - sender.opened)) if route.channel == "express" else -1,
            "origin_gap": route.origin != route.export,
            "sender_gap": sender.country != route.export,
            "free_port": route.export in W["free_ports"] and route.origin != route.export,
            "copied_name": log1p(self.seen[receiver.stem] - own) if own < 3 else 0,
            "names_here": log1p(len(self.names[at] - {receiver.name})) if known else 0,
            "recent_here": log1p(len(recent)),
            "recent_names": len(set(recent)),
            "kit": len(kit),
            "sender_new_trade": bool(sold) and not fams & sold,
            "receiver_new_trade": bool(bought) and not fams & bought,
            "houses": len(plan.master),
            "odd_house": odd / max(1, len(others)),
            "same_address": sum(p.receiver.site == receiver.site for p in others),
            "express": route.channel == "express",
            "air": route.channel == "air_cargo",
        }

    def note(self, plan: Plan) -> dict[str, float]:
        """Return the evidence of one shipment, then add it to the history."""
        evidence = self.words(plan) | self.ends(plan)
        sender, receiver, at = plan.sender, plan.receiver, "at ".join(plan.receiver.site)
        for key in (sender.name, at + receiver.name, sender.name + at, receiver.stem):
            self.seen[key] += 1
        self.names[at].add(receiver.name)
        self.times[at].append((plan.when, receiver.name))
        for good in (line.good for line in plan.lines):
            self.fams[sender.name].add(good.fam)
            self.fams[at].add(good.fam)
            self.times["kit" + at] += [(plan.when, flag) for flag in KIT if flag in good.flags]
        return evidence


class Clerk:
    """Writer of manifest rows from plans, with the habits and the noise of the channel."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def bills(self, plan: Plan) -> dict[str, str]:
        """Return carrier, master bill and house bill. All house bills of a master bill share the first two."""
        draw, first, route = self.draw, plan.master[0], plan.route
        if not first.bill:
            prefix, _, carrier = draw.word(W["carriers"][route.channel]).rpartition(":")
            number = draw.whole(1000000, 9999999)
            master = f"{prefix}-{number}{number % 7}" if prefix else draw.digits(f"{carrier}#########")
            first.bill = f"{carrier} {master}"
        carrier, _, master = first.bill.partition(" ")
        house = f"{route.agent[:3].upper().strip()}{draw.pick([route.ports[0][2:], '', route.ports[1][2:]])}#######"
        house = "##########" if route.channel == "express" else house if plan.pooled else ""
        return {"carrier_id": carrier, "master_id": master, "house_id": draw.digits(house)}

    def plain(self, text: str, capitals: float) -> str:
        """Return text as a clerk keys it: often in capitals, often without accents."""
        if self.draw.chance(0.62):
            text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        return text.upper() if self.draw.chance(capitals) else text

    def describe(self, plan: Plan, line: Line) -> str:
        """Return the goods description."""
        draw, good, channel = self.draw, line.good, plan.route.channel
        home = {"PT": "es", "MA": "fr"}.get(plan.receiver.country, plan.receiver.country.lower())
        language = home if draw.chance(0.1 if channel == "express" else 0.44) else draw.word("en " * 32 + "es fr")
        name = draw.pick(good.names[language])
        for word, short in W["abbreviations"].items() if draw.chance(0.14) else ():
            name = name.replace(word, short)
        if draw.chance(0.06) and len(name) > 6:
            at = draw.whole(1, len(name) - 3)
            wrong = draw.pick([name[at + 1] + name[at] + name[at + 2 :], name[at + 1 :], name[at] + name[at:]])
            name = name[:at] + wrong
        specs = W["specs"].get(good.fam, W["specs"]["fine" if good.fam in CHEMICAL else "mach"])
        parts = {"r": "#####", "d": str(draw.whole(1, 9)), "u": good.un or "not reg", "k": draw.word("A B KR ST ZX HM")}
        habit = "ocean" if channel == "ocean" and draw.chance(0.08) else language
        form = draw.pick(W["forms"]["express" if channel == "express" else habit])
        words = {"g": name, "s": draw.digits(draw.pick(specs).format(**parts)), "n": str(line.number)}
        words |= {"p": W["packs"][line.kind][LANGUAGES.index(language)], "h": (line.code or good.hs)[:6]}
        text = form.format(r=draw.digits(draw.word("#### 2025/#### PI-#### 25-####")), **words)
        text = text[:1].upper() + text[1:] if draw.chance(0.5) else text
        text = self.plain(text, 0.2 if channel == "express" else 0.76)
        return text[:35].rstrip() if draw.chance(0.05) else text

    def party(self, side: str, who: Party, post: bool) -> dict[str, str]:
        """Return the columns of a party. Names and addresses are keyed in several ways."""
        draw, capitals = self.draw, 0.25 if post else 0.78
        street, city, postcode = who.site
        name, address = self.plain(who.name, capitals), self.plain(street, capitals)
        name = name.replace(".", "").replace(",", "") if draw.chance(0.2) else name
        address = draw.pick([address] * 5 + [f"{address}, {city}", address.replace(",", "")])
        row = {"name": name[:35] if draw.chance(0.06) else name, "address": address, "city": self.plain(city, capitals)}
        row |= {"postcode": postcode, "country": who.country, "phone": who.phone, "email": who.email}
        return {f"{side}_{key}": value for key, value in row.items()}

    def head(self, plan: Plan, currency: str) -> dict[str, str]:
        """Return all columns of the shipment, before `drop` empties some."""
        draw, route, sender, lines = self.draw, plan.route, plan.sender, plan.lines
        post, sea = route.channel == "express", route.channel == "ocean"
        gross = sum(line.net / (1 - W["tare"].get(line.kind, 0.04) * exp(draw.bell(0.2))) for line in lines)
        hop = draw.word(W["hops"][route.channel]) if draw.chance(0.3) else ""
        hops = [c for c in (route.origin if draw.chance(0.5) else "", route.export, hop, route.ports[1][:2]) if c]
        air = "house" if plan.pooled else "direct"
        filing = "express" if post else "ocean" if sea or plan.receiver.country == "MA" else air
        freight = (12 + gross * (5 if post else 0.15 if sea else 2.6)) * exp(draw.bell(0.3))
        old, seller = plan.when - sender.opened > 400, plan.nature == "11" and sender.kind != "private"
        return self.bills(plan) | {
            "filing_type": draw.word(W["filings"][filing]),
            "channel": route.channel,
            "transport_mode": "1" if sea else "4",
            "declared_at": (START + timedelta(days=plan.when)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "export_country": route.export,
            "routing_countries": ";".join(dict.fromkeys(hops)),
            "loading_location": route.ports[0],
            "unloading_location": route.ports[1],
            "agent_name": self.plain(route.agent, 0.7),
            "marketplace": draw.pick(W["carriers"]["marketplaces"]) if seller else "",
            "transaction_nature": plan.nature,
            "gross_mass_kg": f"{gross:.{2 if gross < 30 else draw.whole(0, 2)}f}",
            "package_count": str(sum(line.number for line in lines)),
            "package_type": lines[0].kind,
            "freight_charge": f"{freight * W['rates'][currency]:.2f}" if currency else "",
            "currency": currency,
            "permit_number": plan.permit,
            "consignor_account_opened_on": (START + timedelta(days=round(sender.opened))).strftime("%Y-%m-%d"),
            "consignor_known": draw.word("Y N") if old else "N",
        }

    def item(self, plan: Plan, line: Line) -> dict[str, str]:
        """Return the columns of one goods item without its value, before `drop` empties some."""
        draw, good, named = self.draw, line.good, "M" in line.good.flags
        unit = draw.word("H87 C62 PCE") if good.fam in COUNTED else "KGM"
        amount = line.net if unit == "KGM" else max(line.number, line.net * 10 / (good.usd + 9))
        if good.fam == "text" and "RO" in good.kinds:
            unit, amount = "MTR", line.net * 3
        return {
            "goods_description": self.describe(plan, line),
            "declared_chemical": good.names["en"][0] if named else "",
            "cas_number": good.cas,
            "cus_number": f"00{sum(map(ord, good.key)) * 37 % 90000 + 10000}-{len(good.key)}" if good.cas else "",
            "hs_code": line.code[: draw.pick([8] * 12 + [6] * 12 + [7])],
            "origin_country": plan.route.origin,
            "net_mass_kg": f"{line.net:.{draw.pick([1, 2, 2, 3])}f}",
            "undg_number": good.un,
        } | ({"quantity": f"{amount:.0f}", "quantity_unit": unit} if draw.chance(0.6) else {})

    def shipment(self, plan: Plan, number: str) -> list[dict[str, str]]:
        """Return the rows of one shipment. Many cargo filings state only the total value, or none."""
        draw, post = self.draw, plan.route.channel == "express"
        currency = draw.word("USD EUR USD EUR USD EUR " + W["local_money"].get(plan.route.export, "") * 2)
        currency = currency if plan.worth < VALUED + 0.15 else ""
        single, total = draw.chance(0.62) and not post, sum(line.usd for line in plan.lines)
        base = {"shipment_id": number} | self.head(plan, currency)
        base |= self.party("consignor", plan.sender, post) | self.party("consignee", plan.receiver, post)
        base, rows = self.drop(base, post), []
        for index, line in enumerate(plan.lines):
            value = (total if single else line.usd) * W["rates"].get(currency, 0)
            shown = plan.worth < VALUED and not (single and index)
            row = self.drop(self.item(plan, line), post) | {"item_number": str(index + 1)}
            rows.append(base | row | {"customs_value": f"{value:.2f}" if shown else ""})
        return rows

    def drop(self, row: dict[str, str], post: bool) -> dict[str, str]:
        """Return the row with columns emptied as often as in filings of the channel."""
        present = W["present"]
        return {k: v if k not in present or self.draw.chance(present[k][post]) else "" for k, v in row.items()}
