"""Air, sea, road and express consignments into and through Turkiye, the Emirates, Egypt, Israel and Georgia.

All parties are invented. Segments of trade (words.toml) are played out as flows between parties: a flow is one order or a
run of business. Honest, hard and illicit segments pass through the same code, so that they share wording, gaps and noise.
"""

from __future__ import annotations

import math
from collections import defaultdict

import pandas as pd

from training.worlds.levant_freezone.flows import plan_all
from training.worlds.levant_freezone.manifests import shipment
from training.worlds.levant_freezone.parties import CN_LISTING, GOODS, UN_LISTING, WARMUP, Dice, Plan
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
