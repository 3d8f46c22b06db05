"""An express carrier's air hub in North America: low-value parcels to the United States, Canada and Mexico.

The period is December 2023 to January 2025 (the first three months are the warm-up), so the Canadian and Chinese
listings of September 2024 fall inside it: campaigns that asked for one precursor before ask for a neighbour afterwards.
`words.toml` holds all words, the licit flows, the illicit groups and the points system; the modules draw parties,
shipments and their noise, and note the evidence of a perfect reader while they do so. Public facts only; all parties,
addresses, phones and e-mails are invented.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from training.worlds.gateway_hub.desk import Desk, Reader
from training.worlds.gateway_hub.parties import (
    END,
    FLOWS,
    GROUPS,
    PREVALENCE,
    SCORED,
    START,
    WARMUP,
    WORDS,
    Dice,
    Shipment,
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
