"""Air, sea, road and express consignments into and through Turkiye, the Emirates, Egypt, Israel and Georgia.

All parties are invented. Segments of trade (words.toml) are played out as flows between parties: a flow is one order or a
run of business. Honest, hard and illicit segments pass through the same code, so that they share wording, gaps and noise.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import defaultdict
from typing import Any

import pandas as pd

from training.worlds.levant_freezone.parties import (
    BOX,
    CN_LISTING,
    FORM,
    GOODS,
    HOME,
    MISSING,
    PER_ITEM,
    PLACE,
    PREFIX,
    RATE,
    SCALARS,
    SCALE,
    START,
    TAGS,
    TRADES,
    UN_LISTING,
    WARMUP,
    WORDS,
    Dice,
    Plan,
    plan_all,
    profile,
)
from training.worlds.writer import COLUMNS, World

TITLE = "Levant and Gulf free-zone trade: cargo and parcels through TR, AE, EG, IL and GE with transit and re-export"


def history(plans: list[Plan], rows: list[list[dict[str, str]]]) -> None:
    """Add what earlier shipments tell: first dealings, changed goods, bursts, splits, shared doors, mixed masters."""
    seen: defaultdict[int, list[float]] = defaultdict(list)
    trades: defaultdict[int, set[str]] = defaultdict(set)
    pairs: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    doors: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    tools: defaultdict[str, list[float]] = defaultdict(list)
    masters: dict[str, tuple[int, int]] = {}
    for plan, part in zip(plans, rows, strict=True):
        facts, by, to, now = plan.facts, plan.sender, plan.receiver, {GOODS[k]["trade"] for k in plan.kinds}
        days, known, pair, door = seen[by.key], trades[by.key], pairs[by.key, to.key], tools[to.address + to.city]
        facts |= {
            "sender_seen": math.log1p(len(days)),
            "pair_seen": math.log1p(len(pair)),
            "burst": sum(plan.day - d < 21 for d in days),
            "split": sum(plan.day - d < 4 for d in pair),
            "new_goods": bool(known) and not (now & known),
            "tools_before": sum(plan.day - d < 45 for d in door),
        }
        shared = 0
        for party in (by, to):
            for mark in (party.address + party.city, party.phone):
                names = {name for day, name in doors[mark] if name != party.name and plan.day - day < 200}
                shared += len(names) if mark else 0
                doors[mark].append((plan.day, party.name))
        facts["shared_door"] = min(shared, 6)
        tool, stuff = facts["pill"] or facts["die"] or facts["parts"], facts["binder"] or facts["dye"]
        facts["kit"] = float(bool(tool and stuff) or bool((tool or stuff) and facts["tools_before"]))
        facts["chem_stranger"] = facts["chem_item"] and facts["off_to"] and not facts["permit"]
        master = part[0]["master_id"]
        count, chemical = masters.get(master, (0, 0)) if master else (0, 0)
        facts["houses"], facts["house_chemical"] = count, chemical
        masters[master] = (count + 1, chemical + int(facts["chem_item"]))
        facts["after_listing"] = min(abs(plan.day - UN_LISTING), abs(plan.day - CN_LISTING)) < 90 and facts["chem_item"]
        for past in (days, pair, *([door] if tool or facts["binder"] else [])):
            past.append(plan.day)
        known |= now


def score(e: pd.DataFrame) -> pd.Series:
    """Add up the points an officer would give: fourteen rules from published typologies, by common sense."""
    unlicensed = (e["permit"] == 0) & (e["to_user"] == 0)
    stranger = (e["sender_seen"] < 1) & (e["pair_seen"] == 0)
    rules = [
        (6, (e["listed"] > 0) & (e["permit"] == 0)),
        (3, (e["watch"] > 0) & unlicensed),  # D5: named and not licensed
        (2, (e["vaguechem"] > 0) & unlicensed),
        (2, (e["research"] > 0) & (e["to_private"] > 0)),  # D1, D8
        (3, (e["pill"] > 0) & (e["to_user"] == 0)),
        (2, ((e["die"] > 0) | (e["parts"] > 0)) & (e["tools_before"] > 0)),  # E1, E2
        (2, (e["binder"] > 0) & (e["to_user"] == 0)),
        (2, e["odd_route"] > 0),  # E3, R1
        (1, (e["age"] >= 0) & (e["age"] < math.log(60))),
        (1, stranger & (e["from_trader"] > 0)),  # P1
        (1, e["value_dev"].abs() > 1.8),
        (1, (e["misfit"] > 0) & (e["chem_item"] > 0)),  # V1, D3
        (2, (e["split"] >= 2) | (e["shared_door"] >= 3)),
        (1, (e["new_goods"] > 0) & (e["chem_item"] > 0)),
    ]  # M4, P3, T1
    return sum((weight * test.astype(float) for weight, test in rules), start=pd.Series(0.0, index=e.index))


def build(shipments: int, seed: int) -> World:
    """Build the world with this many scored shipments, a warm-up of the same parties before them."""
    dice = Dice(seed)
    before = round(WARMUP * shipments)
    plans = plan_all(dice, shipments + before)
    parts = [shipment(dice, plan, number) for number, plan in enumerate(plans, 1)]
    history(plans, parts)
    items = (
        pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS), dtype=object)
        .fillna("")
        .astype(str)
    )
    ids = [part[0]["shipment_id"] for part in parts]
    truth = pd.DataFrame(
        {
            "shipment_id": ids,
            "content": [p.content for p in plans],
            "group": [p.segment["name"] if p.content != "none" or p.segment.get("hard") else "" for p in plans],
            "hard": [bool(p.segment.get("hard")) for p in plans],
            "warmup": [i < before for i in range(len(plans))],
        }
    )
    evidence = pd.DataFrame([p.facts for p in plans], index=pd.Index(ids, name="shipment_id")).astype(float)
    return World(items, truth, evidence, score(evidence).rename("points"))


def misspell(dice: Dice, text: str) -> str:
    """Drop, double or swap one letter."""
    at = int(dice.u() * max(1, len(text) - 2))
    one, two = text[at : at + 1], text[at + 1 : at + 2]
    return text[:at] + dice.of([text[at + 1 :], one + text[at:], two + one + text[at + 2 :]])


def describe(dice: Dice, goods: dict[str, Any], plan: Plan, quantity: int) -> tuple[str, bool]:
    """Write the goods as a clerk of that route would; say whether the words are vague."""
    lang = dice.of(PLACE[plan.sender.country if dice.hit(0.65) else plan.receiver.country]["l"].split())
    lang = "en" if dice.hit(0.35) else lang
    vague = dice.hit(0.035)
    source = WORDS["vague"] if vague else goods
    text = dice.of(source.get(lang) or source["en"])
    plain = lang in ("en", "zh", "tr")
    if plain and dice.hit(0.06):
        text = misspell(dice, text)
    if dice.hit(0.16):
        text = f"{quantity} {dice.of('PCS|CTNS|PKGS|pcs|UNIT|KG')} {text}"
    if dice.hit(0.1):
        text += dice.of(SCALARS["tails"]).format(hs=goods["hs"], four=dice.digits(4))
    if plan.channel != "express":
        text = text.upper() if dice.hit(0.8) else text
    elif dice.hit(0.4):
        text = text.capitalize() if dice.hit(0.5) else text.lower()
    return (text[: dice.rng.integers(14, 30)] if dice.hit(0.04) else text), vague


def code(dice: Dice, goods: dict[str, Any], segment: dict[str, Any], country: str) -> tuple[str, bool]:
    """Declare a code: mostly right, sometimes a neighbour or careless; say whether its heading misfits."""
    hs = goods["hs"]
    if dice.hit(segment.get("oddhs", 0.09)):
        hs = dice.of(goods["near"].split()) if dice.hit(0.65) else GOODS[dice.of(list(GOODS))]["hs"]
    misfit = hs[:4] != goods["hs"][:4]
    length = {"TR": 10, "IL": 10, "EG": 10, "AE": 8, "GE": 10}.get(country, 6)
    text = hs if dice.hit(0.45) or length == 6 else hs + ("00", "90", "10", "00")[int(hs) % 4] + "0" * (length - 8)
    return (hs[:4] if dice.hit(0.03) else text), misfit


def write_name(dice: Dice, name: str, channel: str) -> str:
    """Write a party's name as it reaches the manifest."""
    if channel != "express" and dice.hit(0.75):
        name = name.upper()
    if dice.hit(0.25):
        name = re.sub(SCALARS["long"], lambda m: m.group(1)[:3] + ".", name)
    if dice.hit(0.25):
        name = re.sub(SCALARS["legal"], lambda m: ".".join(m.group(1).split()) + ".", name)
    return misspell(dice, name) if dice.hit(0.03) else name[:35]


def items_of(dice: Dice, plan: Plan) -> tuple[list[dict[str, str]], float]:
    """Write the goods items of a shipment; note the facts; return the rows and the net mass."""
    seg, facts = plan.segment, plan.facts
    kinds = [plan.kinds[int(dice.u() * len(plan.kinds))]]
    for _ in range(min(7, dice.more(seg.get("items", 0.3)))):
        other = profile(dice, TRADES, 1)[-1] if dice.hit(seg.get("mix", 0.0)) else ""
        kinds.append(other or plan.kinds[int(dice.u() * len(plan.kinds))])
    kinds = list(dict.fromkeys(kinds))
    rows, mass_sum, deviations = [], 0.0, []
    order = sorted(range(len(kinds)), key=lambda _: dice.u())
    shift, spread = seg.get("value", [0.0, 0.0])
    sign = 1 if dice.hit(0.88) else -1
    facts.update(dict.fromkeys(["listed", "misfit", "vague", "cas_text", "chem_item", *TAGS], 0.0))
    for number, index in enumerate(order, 1):
        goods = GOODS[kinds[index]]
        each, usual, wide = goods["q"]
        scale = SCALE[plan.channel] if plan.channel != "express" or each < 20 else 0.5
        if goods["trade"] in ("rchem", "refstd", "press", "personal"):
            scale = min(1.0, scale * 6)
        units = usual * scale * seg.get("mass", 1.0) * math.exp(wide * dice.n())
        quantity = max(1, round(units))
        loose = "powder" in goods.get("tags", "")
        mass = max(0.02, (units if each <= 25 and loose else quantity) * each * math.exp(0.15 * dice.n()))
        per_kg = goods["v"][0] * math.exp(goods["v"][1] * dice.n() + sign * shift + spread * dice.n())
        hs, misfit = code(dice, goods, seg, plan.receiver.country)
        text, vague = describe(dice, goods, plan, quantity)
        tags = [] if vague else goods.get("tags", "").split()
        listed = "listed" in tags or ("pip4" in tags and plan.day > UN_LISTING)
        marks = {
            "listed": listed,
            "misfit": misfit and not vague,
            "vague": vague,
            "chem_item": "chem" in tags,
            "cas_text": bool(re.search(r"(?i)cas \d", text)),
            **{tag: tag in tags for tag in TAGS},
        }
        marks["watch"] |= "pip4" in tags and not listed
        facts.update({key: max(facts[key], float(value)) for key, value in marks.items()})
        deviations.append(math.log(per_kg / goods["v"][0]) / (0.3 + goods["v"][1]))
        rows.append(
            {
                "item_number": str(number),
                "goods_description": text,
                "hs_code": hs,
                "cas_number": goods.get("cas", ""),
                "quantity": str(quantity),
                "declared_chemical": goods.get("chem", ""),
                "undg_number": goods.get("un", ""),
                "quantity_unit": "KGM" if each >= 1 and loose else dice.of("PCE|PCE|C62|NMP"),
                "net_mass_kg": f"{mass:.3g}" if mass < 100 else f"{mass:.0f}",
                "customs_value": f"{mass * per_kg * RATE[plan.currency]:.{dice.of('0|2|2')}f}",
                "origin_country": plan.sender.country
                if plan.sender.country not in ("AE", "HK") or dice.hit(0.4)
                else dice.weigh("CN:6 IN:2 TR:1 DE:1 KR:1"),
            }
        )
        mass_sum += mass
    sold = [GOODS[k]["trade"] for k in kinds]
    usual = sum(GOODS[k]["q"][0] * GOODS[k]["q"][1] * SCALE[plan.channel] for k in kinds)
    facts |= {
        "value_dev": max(deviations, key=abs),
        "mass": math.log(mass_sum),
        "mass_dev": math.log(mass_sum / usual),
        "building": "building" in sold,
        "cosmetic": "cosmetics" in sold,
        "items": len(rows),
        "trades": len(set(sold)),
        "usd": sum(float(r["customs_value"]) for r in rows) / RATE[plan.currency],
    }
    for role, party in (("off_from", plan.sender), ("off_to", plan.receiver)):  # the name tells of another trade
        facts[role] = party.kind not in ("private", "market") and party.trade not in (*sold, "general")
    return rows, mass_sum


def master_number(carrier: str, serial: int) -> str:
    """Make an air waybill number with its check digit, or a bill of lading number."""
    body = (serial * 7919) % 10_000_000
    return f"{PREFIX[carrier]}-{body:07d}{body % 7}" if carrier in PREFIX else f"{carrier}{body + 100_000_000}"


def shipment(dice: Dice, plan: Plan, number: int) -> list[dict[str, str]]:
    """Write one shipment as manifest rows and note the facts a reader sees on it."""
    rows, mass = items_of(dice, plan)
    d, seg, sender, receiver, channel = dice, plan.segment, plan.sender, plan.receiver, plan.channel
    export, way, odd = plan.route
    date = START + dt.timedelta(days=plan.day)
    port = "sea" if channel == "ocean" else "air"
    entry = way[-2] if len(way) > 2 and receiver.country not in HOME and d.hit(0.6) else receiver.country
    gross = mass * (1.04 + 0.16 * d.u())
    private = "private" in (sender.kind, receiver.kind)
    gift = d.hit(seg.get("gift", 0.01))
    papers = GOODS[plan.kinds[0]]["trade"] == "personal" and d.hit(0.2)
    nature = "31" if gift and d.hit(0.75) else "32" if gift else "91" if papers else "11"
    base, each_kg = SCALARS["freight"][channel]
    freight = (base + each_kg * gross) * math.exp(0.35 * d.n())
    permit = d.hit(seg.get("permit", 0.04 if not private else 0.01))
    tour = f"{plan.agent}{export}{receiver.country}{int(plan.day / (3 if channel == 'ocean' else 1))}"
    master = plan.master or (tour if d.hit(0.55) else f"single {number}")  # a consolidation, or alone
    serial = sum(ord(c) * (31**i % 99991) for i, c in enumerate(master))
    box = BOX[channel] + "|DR|BG|DR" if plan.facts["chem_item"] and channel != "express" else BOX[channel]
    shared = {
        "shipment_id": f"LF{number:07d}",
        "master_id": master_number(plan.carrier, serial) if channel != "truck" else "",
        "house_id": f"H{(number * 48271) % 100_000_000:08d}",
        "filing_type": FORM[channel] if d.hit(0.9) else "SAD",
        "channel": channel,
        "transport_mode": SCALARS["mode"][channel],
        "declared_at": date.strftime("%Y-%m-%dT%H:%M:00Z"),
        "export_country": export,
        "routing_countries": ";".join(way),
        "loading_location": d.of(PLACE[export][port].split()),
        "unloading_location": d.of(PLACE[entry][port].split()),
        "carrier_id": plan.carrier if d.hit(0.94) else "",
        "agent_name": plan.agent,
        "transaction_nature": nature,
        "marketplace": d.of(SCALARS["markets"]) if sender.kind == "market" and d.hit(0.6) else "",
        "gross_mass_kg": f"{gross:.2f}" if gross < 100 else f"{gross:.0f}",
        "package_count": str(max(1, round(gross / (18 * math.exp(0.5 * d.n()))))),
        "freight_charge": f"{freight * RATE[plan.currency]:.2f}",
        "currency": plan.currency,
        "package_type": d.of(box),
        "permit_number": f"{receiver.country}-{d.of('MOH|TR|EX|IMP')}-{date.year}-{d.digits(5)}" if permit else "",
    }
    for role, party in (("consignor", sender), ("consignee", receiver)):
        line = party.phone and party.kind != "private" and d.hit(0.35)  # firms have several lines
        shared |= {
            f"{role}_name": write_name(d, party.name, channel),
            f"{role}_email": party.email,
            f"{role}_address": party.address.upper() if d.hit(0.4) else party.address,
            f"{role}_city": party.city,
            f"{role}_postcode": party.postcode,
            f"{role}_country": party.country,
            f"{role}_phone": party.phone[:-1] + d.digits(1) if line else party.phone,
        }
    shared["consignor_account_opened_on"] = (START + dt.timedelta(days=math.floor(sender.opened))).strftime("%Y-%m-%d")
    shared["consignor_known"] = sender.known
    at = list(SCALE).index(channel)
    lost = {key for key, chances in MISSING.items() if d.hit(chances[at])} - {*PER_ITEM}
    for row in rows:
        gone = lost | {key for key in PER_ITEM if d.hit(MISSING[key][at])}
        row |= shared | dict.fromkeys(gone, "")
    look(plan, rows, freight)
    return rows


def look(plan: Plan, rows: list[dict[str, str]], freight: float) -> None:
    """Note what the manifest says of the way, the parties and the papers."""
    sender, receiver, first, (export, way, odd) = plan.sender, plan.receiver, rows[0], plan.route
    contacts = (sender.phone == "") + (first["consignor_email"] == "") + (receiver.phone == "")
    plan.facts |= {
        "permit": first["permit_number"] != "",
        "nohs": sum(not r["hs_code"] for r in rows) / len(rows),
        "hops": len(way) - 2,
        "odd_route": odd and bool(first["routing_countries"]),
        "re_export": export != sender.country,
        "contacts": contacts,
        "third": receiver.country not in HOME,
        "channel": list(SCALE).index(plan.channel),
        "free_zone": sender.free_zone,
        "gift_company": first["transaction_nature"] in ("31", "32") and sender.kind != "private",
        "freight_ratio": math.log(freight / max(1.0, plan.facts["usd"])),
        "known": first["consignor_known"] == "Y",
        "age": math.log(max(1.0, plan.day - sender.opened)) if first["consignor_account_opened_on"] else -1.0,
        "from_trader": sender.kind in ("trader", "forwarder"),
        "to_private": receiver.kind == "private",
        "from_trade": sender.kind in ("chemco", "pharma", "lab", "maker"),
        "to_trader": receiver.kind in ("trader", "forwarder", "shop"),
        "to_user": receiver.kind in ("maker", "chemco", "pharma", "lab"),
        "controlled_code": any(r["hs_code"][:6] in SCALARS["controlled"] for r in rows),
    }
