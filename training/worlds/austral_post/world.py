"""Parcel post and small air parcels into Australia, New Zealand and Japan, as the receiving posts and customs see them.

Mostly CN22/CN23 data (ITMATT): private recipients, few identifiers, short descriptions in the senders' languages, many
currencies, no HS code for a good part. Rates, flows and words stand in words.toml. All parties are invented; the
wording follows published typologies only."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.austral_post.clerk import Clerk
from training.worlds.austral_post.goods import (
    CHEMISTRY,
    OTHER_COMPOUND,
    PRESS_WORDS,
    RATES,
    SUBSTANCES,
    WARMUP_SHARE,
    WORDS,
    Draft,
    Line,
)
from training.worlds.austral_post.trade import Trade
from training.worlds.writer import COLUMNS, World

TITLE = "Austral post: CN22/CN23 parcels and small air parcels into Australia, New Zealand and Japan"


class Reader:
    """Notes what a perfect reader with a memory of earlier shipments would see in each manifest, in order of time."""

    def __init__(self) -> None:
        self.sent: dict[int, deque[tuple[float, int, str]]] = defaultdict(lambda: deque(maxlen=60))
        self.got: dict[int, deque[tuple[float, int]]] = defaultdict(lambda: deque(maxlen=60))
        self.names, self.total, self.odd = dict[int, str](), defaultdict[int, int](int), defaultdict[int, int](int)

    def words(self, lines: list[Line], rows: list[dict[str, str]]) -> dict[str, float]:
        """Return the evidence in the words, codes, masses and values of one manifest."""
        pairs = list(zip(rows, lines, strict=True))
        tags = {line.tag if row["goods_description"] else "blank" for row, line in pairs}
        watched = [SUBSTANCES[line.substance] for line in lines if line.substance and line.tag in tags]
        clear = [line.hs[:2] if line.tag not in ("vague", "gift_words") else row["hs_code"][:2] for row, line in pairs]
        codes = [(row["hs_code"][:2], own) for row, own in zip(rows, clear, strict=True) if row["hs_code"]]
        flags = {key: bool(tags & set(values)) for key, values in WORDS["flags"].items()}
        found = flags | {
            "watched": bool(watched) and "short" not in tags,
            "watched_relative": any(row[5] == "n" for row in watched),
            "watched_opioid": any(row[2] == "opioid" for row in watched),
            "other_compound": any(OTHER_COMPOUND.search(line.text) for line in lines),
            "press_words": any(PRESS_WORDS.search(line.text) for line in lines if line.tag in ("dies", "presses")),
            "code_missing": 1 - len(codes) / len(lines),
            "code_contradicts": any(code != own for code, own in codes),
            "code_chemical": any(code in CHEMISTRY for code, _ in codes),
            "items": len(lines),
            "chemistry_under_other_code": flags["chemistry"] and any(code not in CHEMISTRY for code, _ in codes),
            "mass_off": math.log(sum(line.kg for line in lines) / sum(line.norm_kg for line in lines)),
            "value_off": math.log(sum(line.usd for line in lines) / sum(line.norm_usd for line in lines)),
        }
        return {key: float(value) for key, value in found.items()}

    def parties(self, d: Draft, row: dict[str, str]) -> dict[str, float]:
        """Return the evidence in the parties, the route and earlier shipments."""
        s, c, tag, seen = d.sender, d.receiver, d.lines[0].tag, {line.tag for line in d.lines}
        sent, got, phone = self.sent[s.number], self.got[c.number], row["consignor_phone"]
        week, value = [x for x in sent if x[0] > d.day - 7], sum(line.usd for line in d.lines)
        freight = float(row["freight_charge"] or "nan") * RATES["usd"][row["currency"]]
        abroad = {
            "origin": row["origin_country"] not in ("", s.country),
            "export": row["export_country"] != s.country,
            "phone": phone[:1] == "+" and not phone.startswith(f"+{RATES['calling'][s.country]} "),
        }
        found = {f"{key}_differs": value for key, value in abroad.items()} | {
            "receiver_private": c.kind == "person",
            "receiver_trade": c.kind in ("lab", "pharma", "maker"),
            "receiver_box": c.box,
            "sender_firm": s.kind in ("firm", "lab"),
            "sender_chem": s.kind == "chem",
            "sender_private": s.kind == "person",
            "sender_agent": bool(d.shown),
            "market": bool(row["marketplace"]),
            "known": row["consignor_known"] == "Y",
            "permit": bool(row["permit_number"]),
            "name_changed": self.names.setdefault(s.number, s.fields["name"]) != s.fields["name"],
            "express": row["channel"] == "express",
            "air_cargo": row["channel"] == "air_cargo",
            "gift": row["transaction_nature"] == "31",
            "sample": row["transaction_nature"] == "32",
            "no_contact": not phone + row["consignor_email"],
            "pair_before": any(x[1] == c.number for x in sent),
            "new_kind": len(sent) > 1 and all(x[2] != tag for x in sent),
        }
        numbers = {
            "account_age": d.day - s.opened if row["consignor_account_opened_on"] else math.nan,
            "sent_before": math.log1p(self.total[s.number]),
            "got_before": math.log1p(self.total[-c.number]),
            "sent_week": len(week),
            "sent_week_receivers": len({x[1] for x in week}),
            "odd_before": self.odd[s.number],
            "pair_day": sum(x[1] == c.number and x[0] > d.day - 1.2 for x in sent),
            "received_gear": sum(x[1] for x in got if x[0] > d.day - 60),
            "freight_ratio": min(freight / value, 9.0),
        }
        sent.append((d.day, c.number, tag))
        got.append((d.day, int(bool(seen & {"dies", "presses", "binders", "dyes"}))))
        self.total[s.number] += 1
        self.total[-c.number] += 1
        self.odd[s.number] += bool(seen & {"named", "systematic", "short", "research", "vague_chem"})
        return {key: float(number) for key, number in {**found, **numbers}.items()}


def build(shipments: int, seed: int) -> World:
    """The manifests of some twelve months; the first fifth of the shipments are the warm-up."""
    warmup = round(shipments * WARMUP_SHARE)
    trade = Trade(shipments + warmup, seed)
    trade.fill(shipments + warmup)
    clerk, reader = Clerk(trade.rand), Reader()
    rows, truth, evidence = list[dict[str, str]](), list[dict[str, Any]](), list[dict[str, float]]()
    for at, draft in enumerate(trade.drafts):
        made = clerk.rows(draft)
        rows += made
        evidence.append(reader.words(draft.lines, made) | reader.parties(draft, made[0]))
        truth.append({"shipment_id": made[0]["shipment_id"], **draft.truth, "warmup": at < warmup})
    index = pd.Index([row["shipment_id"] for row in truth], name="shipment_id")
    frame = pd.DataFrame(evidence, index=index, dtype=float)
    points = np.zeros(len(frame))
    for weight, rule in WORDS["points"].values():
        points += weight * np.asarray(frame.eval(rule, engine="python"), dtype=float)
    items = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).fillna("").astype(str)
    # Points are done: -1 stands for what the manifest gives nothing to measure.
    return World(items, pd.DataFrame(truth), frame.fillna(-1.0), pd.Series(points, index))
