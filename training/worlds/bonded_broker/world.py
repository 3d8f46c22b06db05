"""A customs broker's year: what is filed in the United States from December 2023 to February 2025, warm-up included.

Typologies follow published advisories (FinCEN, CBP, DEA, INCB); shares and amounts are assumed. Tables: words.toml.
"""

from __future__ import annotations

from collections import defaultdict
from math import log, log1p
from typing import Any

import pandas as pd

from training.worlds.bonded_broker.goods import CHEMICAL, DAYS, WARM, WORDS, Ship
from training.worlds.bonded_broker.trade import Trade
from training.worlds.writer import COLUMNS, World

TITLE = "Entries of a United States customs broker: post, express, consolidated air parcels, formal entries, 2024"


class Reader:
    """Notes the evidence of each shipment, knowing the earlier ones only."""

    def __init__(self) -> None:
        """Begin without history."""
        self.days: dict[tuple[Any, ...], list[float]] = defaultdict(list)
        self.names: dict[tuple[str, int], set[int]] = defaultdict(set)

    def read(self, ship: Ship) -> dict[str, float]:
        """Return what a perfect reader of the manifest notes, then remember the shipment."""
        sender, to, shown, items = ship.sender, ship.receiver.kind, ship.shown, ship.items
        clear, kinds = [i for i in items if i.seen != "vague"], {item.seen for item in items}
        firm, gear = to in WORDS["firms"], bool(kinds & {"press", "die", "part"})
        density = [log(i.usd / i.kg * i.good.kg / i.good.usd) for i in clear]
        fits = [0 if i.hs[:4] == i.good.hs[:4] else 0.5 if i.hs[:2] == i.good.hs[:2] else 1 for i in items if i.hs]
        note: dict[str, float] = {f"is_{kind}": kind in kinds for kind in ("vague", *WORDS["kinds"].values())}
        note |= {f"to_{kind}": to == kind for kind in ("person", "hobby", "smallfirm", "forwarder", "warehouse")}
        note |= {f"by_{kind}": sender.kind == kind for kind in WORDS["trade_lanes"]}
        note |= {
            "to_established": firm, "private": to in ("person", "hobby", "smallfirm", "forwarder"),
            "by_agent": sender.kind == "agent", "post": ship.channel == "postal", "lines": len(items),
            "research": any(i.research for i in items), "cas_in_text": any(i.cas for i in items),
            "permit": shown["permit_number"].startswith("DEA"), "code_misfit": max(fits, default=0),
            "code_missing": not fits, "code_watched": any(i.hs[:5] == "29333" and i.hs[5] in "34679" for i in items),
            "value_low": -min(density, default=0), "value_high": max(density, default=0),
            "mass_odd": max((abs(log(i.kg / i.qty / i.good.kg)) for i in clear), default=0),
            "log_kg": log(shown["kg"]), "log_usd": log(shown["usd"]), "detour": bool(shown["routing_countries"]),
            "freight_ratio": log(shown["freight"] / shown["usd"]), "formal": shown["filing_type"] in ("T11", "T01"),
            "gift_by_firm": ship.nature in ("31", "32") and sender.kind != "individual",
            "no_contact": (not shown["consignor_phone"]) + (not shown["consignor_email"]),
            "account_days": log1p(max(0, ship.day - sender.opened)) if shown["consignor_account_opened_on"] else -1,
        }  # fmt: skip
        who, whom, place, chemical = sender.uid, ship.receiver.uid, ship.receiver.text["city"], bool(kinds & CHEMICAL)
        # name: days back, whether this shipment is to be remembered, key
        past: dict[str, tuple[float, bool, tuple[Any, ...]]] = {
            "sender_before": (DAYS, True, ("s", who)), "sender_chem_before": (DAYS, chemical, ("c", who)),
            "to_before": (DAYS, True, ("t", whom)), "pair_before": (DAYS, True, ("p", who, whom)),
            "in_master": (3, True, ("m", shown["master_id"] or shown["shipment_id"])),
            "sender_burst": (4, True, ("b", who)), "gear_before": (40, gear, ("g", whom)),
            "city_split": (8, True, (who, place)), "city_chem": (8, chemical and not firm, ("chem", place)),
        }  # fmt: skip
        for name, (span, keep, key) in past.items():
            note[name] = log1p(sum(1 for day in self.days[key] if ship.day - day <= span))
            self.days[key] += [ship.day] * keep
        for name, number in (("same_contact", sender.contact), ("same_site", sender.site), ("to_senders", whom)):
            note[name] = len(self.names[name, number] - {who})
            self.names[name, number].add(who)
        return note


def build(shipments: int, seed: int) -> World:
    """Build the world: a fifth more shipments as warm-up, then `shipments` scored ones."""
    trade, reader = Trade(shipments, seed), Reader()
    ships = trade.phase(round(0.21 * shipments), 0, WARM) + trade.phase(shipments, WARM, DAYS)
    rows, notes, truth, masters = list[dict[str, str]](), [], [], dict[tuple[str, ...], str]()
    for number, ship in enumerate(sorted(ships, key=lambda ship: ship.day), 1204):
        consolidated = ship.style == "market" and ship.channel != "express" and ship.sender.country == "CN"
        ship.sender = trade.pick(trade.pools["agent"]) if consolidated and trade.chance(0.15) else ship.sender
        rows += trade.write(ship, number, masters)
        notes.append(reader.read(ship))
        truth.append((ship.shown["shipment_id"], *ship.label, ship.day < WARM))
    items = pd.DataFrame(rows, columns=list(COLUMNS), dtype=str).fillna("")
    frame = pd.DataFrame(truth, columns=["shipment_id", "content", "group", "hard", "warmup"])
    evidence = pd.DataFrame(notes, index=pd.Index(frame["shipment_id"], name="shipment_id"), dtype=float)
    rules: list[Any] = [evidence.eval(rule, engine="python") for rule in WORDS["rules"]]
    return World(items, frame, evidence, pd.concat(rules, axis=1).astype(float).sum(axis=1))
