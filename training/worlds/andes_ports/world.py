"""World of sea, air and courier imports of five Latin American countries, as a pool of port systems holds them.

Licit trade comes from bonds (a consignor, a consignee, their goods). Illicit groups and hard negatives come from tables
of one form (words.toml) and pass through the same code. Shares, masses, prices are assumed; all parties are invented.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from training.worlds.andes_ports.goods import PREVALENCE, START, TABLE, WARMUP, WAYS, WORDS, Draft
from training.worlds.andes_ports.trade import Scene
from training.worlds.writer import COLUMNS, World

TITLE = "Andes ports: sea, air and courier imports of Mexico, Colombia, Chile, Brazil and Guatemala, 2024-07 to 2025-09"


def quotas(weights: dict[str, float], total: int) -> dict[str, int]:
    """Share out a total by weights with largest remainders."""
    exact = {k: w * total / sum(weights.values()) for k, w in weights.items()}
    order = sorted(weights, key=lambda k: exact[k] % 1, reverse=True)[: total - sum(int(v) for v in exact.values())]
    return {k: int(exact[k]) + (k in order) for k in weights}


def judge_items(x: Draft) -> dict[str, float]:
    """Return what the declared goods alone say to a perfect reader: the strongest of the items."""
    day = f"{START + timedelta(days=x.day):%Y-%m-%d}"
    found = []
    for it in x.items:
        g, tags = it.good, it.good.tags
        watch, listed = "watch" in tags or bool(g.listed), bool(g.listed) and g.listed <= day
        chemical = g.sector in ("bulk", "fine", "dye") or watch
        price = math.log(it.usd / it.kg / g.usd)
        found.append(
            {
                "listed": listed,
                "watched": watch and not listed,
                "bare_name": watch and it.how != "name",
                "vague_chemical": bool({"chem", "chemvague"} & tags),
                "chemical": chemical,
                "press": max("press" in tags, 0.3 * ("machine" in tags)),
                "die": max("die" in tags, 0.3 * ("metal" in tags)),
                "small_lot": math.log(g.kg / it.kg),
                "code_gap": 2 if it.code[:2] != g.hs[:2] else int(it.code[:4] != g.hs[:4]),
                "chemical_elsewhere": chemical and it.code[:2] not in TABLE["chemical"],
                "odd_package": it.pack == "DR" and g.pack != "DR",
                "price_gap": abs(price),
                "dear": price,
                **{tag: tag in tags for tag in ("clinical", "vague", "research", "binder", "dye")},
            }
        )
    return {name: float(max(f[name] for f in found)) for name in found[0]}


def judge(drafts: list[Draft]) -> pd.DataFrame:
    """Return the evidence of each shipment in order: its goods, parties, route and what came before it."""
    seen: dict[str, list[Any]] = defaultdict(list)
    for x in drafts:
        seen["m" + x.papers[0]].append(x.bond.consignee["address"])
    rows = []
    for x in drafts:
        b, a, z, e, line = x.bond, x.bond.consignor, x.bond.consignee, judge_items(x), x.bond.consignee["line"]
        keys = (f"{a['name']}>{z['name']}", f"@{z['address']}{z['city']}", "#" + z["name"], "a" + a["name"])
        (pair, door, kits, sent), got = (seen[key] for key in keys), seen["z" + z["name"]]
        age = (START + timedelta(days=x.day) - datetime.fromisoformat(a["account_opened_on"]).replace(tzinfo=UTC)).days
        sector, codes, mates = x.items[0].good.sector, [i.code[:4] for i in x.items], seen["m" + x.papers[0]]
        fits = (WORDS["sector"][sector]["line"], {"fine": "farma", "drug": "dulce", "mach": "alim"}.get(sector))
        rows.append(
            e
            | {
                "permit": x.papers[3],
                "licensed": line in ("farma", "lab", "medic"),
                "off_line": line not in fits,
                "maker": line in ("farma", "dulce", "alim"),
                "person": line == "person",
                "trader": line == "gen",
                "free_zone": line == "free",
                "pair_before": math.log1p(len(pair)),
                "consignee_before": math.log1p(len(got)),
                "consignor_before": math.log1p(len(sent)),
                "account_age": math.log(max(age, 1)),
                "burst": sum(t > x.day - 30 for t in got) * (not any(t < x.day - 75 for t in got)),
                "new_goods": len(pair) > 1 and not set(codes) & set(pair),
                "third_country": b.export != a["country"],
                "split": mates.count(z["address"]) - 1,
                "groupage": len(mates),
                "neighbours": len(set(door) - {z["name"]}),
                "free_mail": bool(a["free"]),
                "gift": b.nature in ("31", "32") and a["line"] != "person",
                "kit": sum(k for t, k in kits if t > x.day - 30),
                "mass": math.log(sum(i.kg for i in x.items)),
                "way": WAYS.index(b.way),
                "freight_share": math.log(x.papers[4] / sum(i.usd for i in x.items)),
            }
        )
        kit = (x.day, e["press"] + e["die"] + e["binder"] * 0.5)
        for history, news in ((pair, codes), (door, [z["name"]]), (kits, [kit]), (sent, [x.day]), (got, [x.day])):
            history += news
    return pd.DataFrame(rows).astype(float)


def build(shipments: int, seed: int) -> World:
    """Simulate a world with so many scored shipments; about a fifth more come before them as warm-up."""
    total, scene = round(shipments * WARMUP), Scene(seed)
    hard, bad = round(sum(v["weight"] for v in WORDS["honest"].values()) * total / 100), round(PREVALENCE * total)
    for sector, count in quotas({s: d["share"] for s, d in WORDS["sector"].items()}, total - hard - bad).items():
        scene.trade(sector, count)
    for table, amount in ((WORDS["honest"], hard), (WORDS["illicit"], bad)):
        for name, count in quotas({k: v["weight"] for k, v in table.items()}, amount).items():
            goal = len(scene.drafts) + count
            while left := goal - len(scene.drafts):
                scene.cluster(name, table[name], min(left, scene.whole(*table[name]["size"])), table is WORDS["honest"])
    for x in (drafts := scene.drafts):  # Sea and air filings come in office hours, couriers file round the clock.
        x.day = int(x.day) + ((x.day % 1) * 13 + 7) / 24 if x.bond.way != "express" else x.day
    drafts.sort(key=lambda x: x.day)
    scene.masters()
    rows = [row for i, x in enumerate(drafts) for row in scene.write(x, f"AP{i + 1:07d}")]
    labels = [(f"AP{i + 1:07d}", *x.label, i < total - shipments) for i, x in enumerate(drafts)]
    truth = pd.DataFrame(labels, columns=["shipment_id", "content", "group", "hard", "warmup"])
    evidence = judge(drafts).set_index(truth["shipment_id"])
    rules = pd.DataFrame({rule: evidence.eval(rule) * points for rule, points in WORDS["points"].items()})
    return World(pd.DataFrame(rows)[list(COLUMNS)], truth, evidence, rules.sum(axis=1).rename("points"))
