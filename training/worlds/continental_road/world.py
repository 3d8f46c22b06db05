"""Road groupage, rail containers and courier vans into the EU; words, places and groups stand in `words.toml`."""

from __future__ import annotations

from collections import Counter, defaultdict
from math import log, log1p
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.continental_road.goods import (
    HARD_SHARE,
    ILLICIT_SHARE,
    WARMUP_SHARE,
    Spec,
    W,
    date_of,
    fits,
    usual_kg,
)
from training.worlds.continental_road.trade import Sim
from training.worlds.writer import COLUMNS, World

TITLE = "Continental road: groupage, rail containers and courier vans into DE, PL, CZ, AT, NL and RO (ICS2-like data)"


class Ledger:
    """Notes of a perfect reader of the manifests, shipment by shipment in order of time."""

    def __init__(self) -> None:
        """Begin with empty books."""
        self.seen: Counter[Any] = Counter()
        self.users: dict[Any, dict[int, float]] = defaultdict(dict)

    def others(self, key: Any, uid: int, day: float, window: float = 1e9) -> int:
        """Return how many other parties used the phone or address within the window; note this one."""
        users = self.users[key]
        users[uid] = day
        return sum(1 for other, last in users.items() if other != uid and day - last <= window)

    def read(self, spec: Spec, rows: list[dict[str, str]]) -> dict[str, float]:
        """Return the evidence of one shipment; the names explain themselves, zero means nothing to note."""
        far, near, row, lines, seen, day = spec.far, spec.near, rows[0], spec.lines, self.seen, spec.day
        goods, pair = [line.good for line in lines], (far.uid, near.uid)
        listed = [bool(g.listed) and g.listed <= date_of(day) for g in goods if g.role == "watched"]
        hs = [(r["hs_code"].replace(".", "")[:6], g.hs6, g.role != "vague") for r, g in zip(rows, goods, strict=True)]
        gaps = [(4 * (c[:2] != h[:2]) + 3 * (c[:4] != h[:4]) + 3 * (c != h)) / 10 for c, h, clear in hs if c and clear]
        value_z = [log(line.eur / line.kg / line.good.eur_kg) / 0.42 for line in lines]
        keys = {"far_seen": far.uid, "near_seen": (1, near.uid), "pair_seen": pair, "same_day": (*pair, int(day)),
                "same_value": (far.uid, "eur", round(lines[0].eur)), "same_goods": (far.uid, goods[0].sector),
                "week": (far.uid, "week", int(day / 7))}  # fmt: skip
        notes: dict[str, float] = {f"is_{role}": any(g.role == role for g in goods) for role in W["roles"]}
        notes |= {f"by_{mode}": any(x.mode == mode for x in lines) for mode in ("name", "cas", "systematic")}
        notes |= {name: log1p(seen[key]) for name, key in keys.items()}
        notes |= {f"from_{kind}": far.kind == kind for kind in ("person", "platform")}
        notes |= {f"to_{kind}": near.kind == kind for kind in ("person", "box")}
        notes |= {
            "listed": any(listed), "unlisted": not all(listed),
            "standard": any(word in line.text for line in lines for word in W["standards"]),
            "narcotic_permit": spec.permit[:3] in ("BtM", "NAR", "ZEZ"), "other_permit": spec.permit[:3] == "REA",
            "code_missing": any(not x[0] for x in hs), "code_of_interest": any(x[0] in W["of_interest"] for x in hs),
            "code_gap": max(gaps, default=0.0), "value_missing": not row["customs_value"],
            "value_z": value_z[0], "value_far": max(map(abs, value_z)),
            "mass_z": log(lines[0].kg / usual_kg(goods[0], spec.channel)),
            "log_kg": log(sum(x.kg for x in lines)), "log_eur": log(sum(x.eur for x in lines)),
            "express": spec.channel == "express", "rail": spec.channel == "rail",
            "far_misfit": not all(fits(far, g) for g in goods), "near_misfit": not all(fits(near, g) for g in goods),
            "gift": row["transaction_nature"] == "31", "sample": row["transaction_nature"] == "32",
            "account_days": log1p(max(0.0, day - far.opened)) if row["consignor_account_opened_on"] else -1.0,
            "trusted": row["consignor_known"] == "Y", "no_contact": not row["consignor_phone"] + row["consignor_email"],
            "origin_differs": row["origin_country"] not in ("", far.country),
            "shifted_goods": seen[far.uid] > 1 and not seen[keys["same_goods"]],
            "alias": bool(row["consignor_phone"]) and self.others(far.phone, far.uid, day) > 0,
            "shared_address": self.others(far.home, far.uid, day) > 0,
            "house_names": log1p(self.others((1, near.home), near.uid, day, 60)),
            "house_senders": log1p(self.others((2, near.home), far.uid, day, 60)),
            "house_in_master": log1p(self.others((spec.master[0], near.home), near.uid, day)),
        }  # fmt: skip
        seen.update(keys.values())
        return {name: float(value) for name, value in notes.items()}


def put_in_masters(sim: Sim, specs: list[Spec]) -> None:
    """Fill masters of one channel and route with houses in order of time; the houses of a master are filed together."""
    d, running = sim.dice, dict[tuple[str, ...], tuple[tuple[str, ...], float, int]]()
    for spec in sorted(specs, key=lambda s: s.day):
        route, filed = (spec.channel, spec.far.country, spec.near.country), W["channels"][spec.channel]
        master, opened, left = running.get(route, ((), -99.0, 0))
        if not left or spec.day - opened > filed["days"]:
            ends = [d.early(W["lands"][country]["cities"], 1.4)[1] for country in route[1:]]
            master = (d.digits(filed["master"]), *ends, d.choice(filed["carriers"]), d.choice(W["agents"]))
            opened, left = spec.day, d.randint(*filed["houses"])
        running[route] = (master, opened, left - 1)
        spec.master, spec.day = master, opened + 0.1 * d.random()


def build(shipments: int, seed: int) -> World:
    """Simulate the scored shipments and the warm-up before them."""
    total = round(shipments * (1 + WARMUP_SHARE))
    sim, specs = Sim(total, seed), list[Spec]()
    for side, share in (("illicit", ILLICIT_SHARE), ("hard", HARD_SHARE)):
        start, sums = len(specs), np.cumsum([group["weight"] for group in W[side].values()])
        for name, end in zip(W[side], np.round(sums / sums[-1] * share * total), strict=True):
            while len(specs) < start + end:
                specs += sim.campaign(name, side)[: start + int(end) - len(specs)]
    kinds = {name: float(group["weight"]) for name, group in W["licit"].items()}
    while len(specs) < total:
        spec = sim.campaign(sim.dice.weighed(kinds), "licit")[0]
        spec.group = next((W["hard_roles"][x.good.role] for x in spec.lines if x.good.role in W["hard_roles"]), "")
        spec.hard = bool(spec.group)
        specs.append(spec)
    put_in_masters(sim, specs)
    specs.sort(key=lambda s: s.day)
    ids = [f"CR{number:08d}" for number in range(total)]
    rows = [sim.rows(spec, shipment_id) for spec, shipment_id in zip(specs, ids, strict=True)]
    ledger = Ledger()
    evidence = pd.DataFrame([ledger.read(spec, written) for spec, written in zip(specs, rows, strict=True)])
    evidence.index = pd.Index(ids, name="shipment_id")
    truth = pd.DataFrame({"shipment_id": ids, "content": [s.content for s in specs], "group": [s.group for s in specs],
                          "hard": [s.hard for s in specs], "warmup": np.arange(total) < total - shipments})  # fmt: skip
    rules = [(rule["points"], evidence.eval(rule["when"], engine="python")) for rule in W["rules"]]
    items = pd.DataFrame([row for written in rows for row in written], columns=COLUMNS)
    return World(items, truth, evidence, sum((x * np.asarray(y, float) for x, y in rules), 0 * evidence["rail"]))
