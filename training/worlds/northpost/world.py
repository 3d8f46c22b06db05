"""Simulate what the parcel post of a Nordic and Baltic economy (FI, SE, EE, LV) sees in its advance data.

Most traffic is small e-commerce from CN, HK, DE, GB, US, PL and TR in six languages; the rest is private or business.
Illicit consignments follow published typologies and pass through the same writing, carriers and gaps as all others.
Plans, shares and words stand in `words.toml`; all parties are invented.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections import defaultdict

import numpy as np
import pandas as pd

from training.worlds.northpost.parcels import (
    DAYS,
    FIRST,
    LISTING_DAY,
    PREVALENCE,
    WARM_DAYS,
    WORDS,
    Draw,
    Notes,
    Shipment,
)
from training.worlds.northpost.post import Post
from training.worlds.writer import COLUMNS, World

TITLE = "Parcel post into Finland, Sweden, Estonia and Latvia: ITMATT data, small packets, six languages"


def read_shipment(s: Shipment) -> Notes:
    """Note what a perfect reader sees in one shipment without its history."""
    row, seen, role = s.rows[0], s.seen, s.sender.role
    phone, country, valued = row["consignor_phone"], row["consignor_country"], bool(row["customs_value"])
    contacts = ("consignor_phone", "consignor_email", "consignor_address", "consignor_postcode", "consignee_phone")
    notes: Notes = {name: seen.get(tag, 0.0) for name, tag in WORDS["tags"].items()}
    notes |= {
        "no_words": not row["goods_description"],
        "permit": bool(row.get("permit_number")),
        "fit": s.receiver.role in WORDS["fit"].get(s.family, ()),
        "private_receiver": s.receiver.role == "person",
        "small_firm_receiver": s.receiver.role == "shell",
        "chemistry_sender": role == "chemtrader",
        "private_sender": role == "person",
        "code_missing": all(not r["hs_code"] for r in s.rows),
        "locker_address": any(w in s.receiver.street for w in ("PL ", "Box", "locker", "Pakiautomaat")),
        "code_gap": seen["code_gap"],
        "code_watched": seen["code_watched"],
        "log_kg": seen["log_kg"],
        "log_mass": math.log(seen["mass"]),
        "log_value": seen["log_value"] * valued,
        "freight_over_value": math.log(seen["freight"] / seen["worth"]) * (valued and bool(row["freight_charge"])),
        "express": row["channel"] == "express",
        "route_break": row["export_country"] != country,
        "origin_break": row["origin_country"] not in ("", country),
        "phone_break": phone.startswith(("+86", "86")) and country not in ("CN", "HK"),
        "contact_gaps": sum(not row[name] for name in contacts),
        "firm_sample": row["transaction_nature"] == "32" and role != "person",
        "firm_gift": row["transaction_nature"] == "31" and role != "person",
    }
    return notes


def recall_history(log: list[Shipment]) -> list[Notes]:
    """Read all shipments in order of time, each with what was seen of its parties before."""
    senders: dict[int, list[int]] = defaultdict(list)
    families: dict[int, set[str]] = defaultdict(set)
    receivers: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    names: dict[str, set[int]] = defaultdict(set)
    houses: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    watched = "listed_name systematic_name research_words press_words binder_words powder_words chemistry_words".split()  # noqa: SIM905
    result = []
    for s in log:
        notes, key, shown = read_shipment(s), s.sender.key, bool(s.rows[0]["consignor_account_opened_on"])
        past, before = receivers[s.receiver.key], senders[key]
        opened = s.sender.opened if shown else before[0] if before else s.day
        near = [p for p in past if s.day - p[0] <= 60]
        house = houses[s.sender.street, s.receiver.country, s.day // 3]
        for known in (house, names[s.sender.street]):
            known.add(key)
        chemistry = notes["systematic_name"] + notes["listed_name"] > 0
        notes |= {
            "sender_age_known": shown,
            "sender_age": math.log1p(max(s.day - opened, 0)),
            "sender_seen": math.log1p(len(before)),
            "sender_fortnight": len(before) - bisect_left(before, s.day - 14),
            "receiver_seen": math.log1p(len(past)),
            "receiver_senders": len({p[1] for p in near}),
            "receiver_watched": sum(p[2] for p in past if s.day - p[0] <= 150),
            "receiver_same_days": sum(s.day - p[0] <= 3 for p in near),
            "house_neighbours": len(house) - 1,
            "address_names": math.log1p(len(names[s.sender.street]) - 1),
            "new_goods_of_sender": bool(before) and s.family not in families[key],
            "days_after_listing": max(s.day - LISTING_DAY, 0) * chemistry,
        }
        before.append(s.day)
        families[key].add(s.family)
        past.append((s.day, key, any(notes[t] for t in watched)))
        result.append(notes)
    return result


def score_points(e: pd.DataFrame) -> pd.Series:
    """Add up an officer's points: twelve rules on the evidence, the weights set by common sense and not fitted."""
    unfit, private = e["fit"] == 0, e["private_receiver"] > 0
    powder_letter = (e[["powder_words", "chemistry_words"]].max(axis=1) > 0) & (e["log_kg"] < -1)
    rules: list[tuple[pd.Series, float]] = [
        ((e["listed_name"] > 0) & (e["permit"] == 0) & unfit, 4.0),  # listed name, no permit, no laboratory
        ((e["systematic_name"] > 0) & unfit, 3.0),  # a systematic chemical name to a person or trading firm
        ((e["research_words"] > 0) & private, 2.0),  # research wording to a private person
        ((e["press_words"] > 0) & unfit, 3.0),  # press parts to no maker of tablets or sweets
        (powder_letter & private, 2.0),  # powder or chemistry in a letter to a private person
        ((e["code_watched"] > 0) & unfit, 2.0),  # watched code
        (e["code_gap"] >= 1, 1.0),  # code of another chapter
        (e["route_break"] > 0, 1.0),  # dispatched through a third country
        ((e["phone_break"] > 0) | (e["freight_over_value"] > 0), 1.0),  # party contradiction or freight above value
        ((e["sender_age"] < math.log1p(45)) & (e["sender_age_known"] > 0), 1.0),  # new account
        ((e["receiver_watched"] > 0) | (e["receiver_same_days"] > 1), 1.0),  # earlier watched or split goods
        (e["permit"] > 0, -3.0),  # permit shown
    ]
    return sum((mask.astype(float) * weight for mask, weight in rules), pd.Series(0.0, index=e.index))


def number_masters(log: list[Shipment], draw: Draw) -> None:
    """Put houses of one dispatch under one receptacle (UPU S9) or air waybill."""
    masters: dict[tuple[str, ...], tuple[str, int]] = {}
    for s in log:
        row = s.rows[0]
        key = (row["channel"], row["export_country"], s.receiver.country, s.sender.agent, str(s.day))
        master, left = masters.get(key, ("", 0))
        if left == 0:
            year = (FIRST + dt.timedelta(s.day)).year % 10
            route = f"{(row['loading_location'] or key[1] + 'AAA')[:5]}A{WORDS['offices'][s.receiver.country]}"
            master = draw.digits("@##-########" if key[0] == "express" else f"{route}AUN{year}####0##010###")
            left = 4 + draw.below(40)
        masters[key] = (master, left - 1)
        gone = draw.yes(0.08)
        for r in s.rows:
            r["master_id"] = "" if gone else master


def build(shipments: int, seed: int) -> World:
    """Simulate `shipments` scored shipments after a warm-up of some nine weeks with the same parties."""
    season = Post(seed, 0).day_sums
    warm = round(shipments * season[WARM_DAYS - 1] / (season[-1] - season[WARM_DAYS - 1]))
    post = Post(seed, shipments + warm)
    for kind, total in (("illicit", PREVALENCE * (shipments + warm)), ("hard", float(shipments + warm))):
        done = 0.0
        for name, plan in WORDS[kind].items():
            count = round(total * (done + plan["share"])) - round(total * done)
            post.campaign(name, plan, count, kind == "illicit")
            done += plan["share"]
    early = sum(s.day < WARM_DAYS for s in post.log)
    late = len(post.log) - early
    for _ in range(warm - early):
        post.ordinary(0, WARM_DAYS)
    for _ in range(shipments - late):
        post.ordinary(WARM_DAYS, DAYS)
    log = sorted(post.log, key=lambda s: (s.day, s.minute))
    number_masters(log, post.draw)
    ids = [f"NP{n}" for n in np.cumsum(post.draw.rng.integers(1, 40, len(log))) + 700_000_000]
    rows = []
    for name, s in zip(ids, log, strict=True):
        stamp = dt.datetime.combine(FIRST, dt.time()) + dt.timedelta(days=s.day, minutes=s.minute)
        rows += [r | {"shipment_id": name, "declared_at": stamp.strftime("%Y-%m-%dT%H:%M:00Z")} for r in s.rows]
    items = pd.DataFrame(rows, columns=list(COLUMNS)).astype(object).fillna("").astype(str)
    truth = pd.DataFrame(
        {
            "shipment_id": ids,
            "content": [s.content for s in log],
            "group": [s.group for s in log],
            "hard": [s.hard for s in log],
            "warmup": [s.day < WARM_DAYS for s in log],
        }
    )
    evidence = pd.DataFrame(recall_history(log), index=pd.Index(ids, name="shipment_id")).astype(float)
    return World(items, truth, evidence, score_points(evidence))
