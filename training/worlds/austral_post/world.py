"""Parcel post and small air parcels into Australia, New Zealand and Japan, as the receiving posts and customs see them.

Mostly CN22/CN23 data (ITMATT): private recipients, few identifiers, short descriptions in the senders' languages, many
currencies, no HS code for a good part. Rates, flows and words stand in words.toml. All parties are invented; the
wording follows published typologies only."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from training.worlds.austral_post.trade import (
    CHEMISTRY,
    LISTS,
    OTHER_COMPOUND,
    PRESS_WORDS,
    RATES,
    START,
    SUBSTANCES,
    WARMUP_SHARE,
    WORDS,
    Draft,
    Line,
    Rand,
    Trade,
)
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


class Clerk:
    """Writes drafts as manifests, with the gaps and faults of each channel; the same for licit and illicit ones."""

    def __init__(self, rand: Rand) -> None:
        self.rand, self.taken, self.codes = rand, set[str](), [row.split("|")[0] for row in LISTS["goods"]]

    def text(self, text: str, channel: str) -> str:
        """A description as typed: case, slips, cuts by the form's length."""
        r = self.rand
        if r.chance(0.3):
            text = text.upper() if r.chance(0.6) else text.capitalize()
        if r.chance(0.05) and len(text) > 5:
            at = r.whole(1, len(text) - 3)
            text = text[:at] + (text[at + 1] + text[at] if r.chance(0.5) else text[at + 1]) + text[at + 2 :]
        if r.chance(0.04):
            text = text.replace(" ", r.pick(["", "-", "_", "  "]))
        if r.chance(0.05):
            text = r.pick(RATES["frames"]).replace("{}", text)
        return text[: r.whole(20, 48)] if channel == "postal" and r.chance(0.25) else text

    def typed(self, text: str, share: float) -> str:
        """A name or an address as typed this time; a share is typed in another way than usual."""
        r, form = self.rand, self.rand.random() / share
        if form < 0.4:
            return text.upper() if form < 0.25 else text.title()
        if form < 0.6:
            return text.replace(" Rd", " Road").replace(" St", " Street").replace(" Co Ltd", "").replace(",", "")
        return text + r.pick([".", ",", " A", " B", " 1", " 2", " 3"]) if form < 1 else text

    def code(self, hs: str) -> str:
        """A commodity code as declared: mostly right, a neighbour's or careless; of various lengths."""
        r, fault, form = self.rand, self.rand.random(), self.rand.random()
        hs = hs[:4] + str(r.whole(10, 99)) if fault < 0.09 else r.pick(self.codes) if fault < 0.15 else hs
        if form < 0.1:
            return hs[:4] if form < 0.04 else f"{hs[:4]}.{hs[4:]}"
        return hs + r.pick(["00", "90", "10", "0000", "9000"]) if form < 0.4 else hs

    def number(self, draft: Draft) -> str:
        """The item identifier, never given twice: S10 with its check digit in the post, else a house waybill."""
        r, number = self.rand, ""
        while not number or number in self.taken:
            digits = f"{r.whole(0, 10**8 - 1):08d}"
            check = 11 - sum(int(a) * int(b) for a, b in zip(digits, "86423597", strict=True)) % 11
            end = f"{ {10: 0, 11: 5}.get(check, check) }{draft.fields['export_country']}"
            number = r.pick(["LP", "RX", "CP", "EE", "UX", "LZ"]) + digits + end
            if draft.fields["channel"] != "postal":
                number = r.pick(["H", "SZX", "AE", "77", "JD"]) + digits
        self.taken.add(number)
        return number

    def shipment(self, d: Draft) -> dict[str, str]:
        """The shipment's fields before gaps."""
        r, post, home, export = self.rand, d.fields["channel"] == "postal", d.sender.country, d.fields["export_country"]
        kg, number = sum(line.kg for line in d.lines) * r.spread(1.08, 0.05) + 0.02, self.number(d)
        currency = "USD" if r.chance(0.35) else RATES["currency"][d.receiver.country if r.chance(0.12) else home]
        freight = r.spread(3 + (9 if post else 16) * kg**0.7, 0.4) / RATES["usd"][currency]
        carrier = export + "POST" if post else r.pick(RATES["carriers"].get(export, "SQ CX QF").split())
        lot = int(d.day / (1 if post else 2))
        bill = (lot * 7919 + sum(map(ord, d.shown + d.receiver.port)) * 31) % 10**8
        master = f"{export}{d.receiver.port}AUN{lot:05d}" if post else f"{160 + sum(map(ord, carrier))}-{bill:08d}"
        stops = [home, export, *([r.weighted(RATES["thirds"])] if r.chance(0.15) else []), d.receiver.country]
        origins = RATES["origins"] if r.chance(0.13) else ["CN", "CN", home] if "third" in d.flow else [home]
        port = d.sender.port if export == home else WORDS["people"][export]["cities"][0].split("|")[2]
        row = d.fields | {
            "shipment_id": number,
            "house_id": number,
            "master_id": master,
            "loading_location": port,
            "filing_type": "ITMATT" if post else r.pick(["CUSCAR", "CUSDEC"]),
            "carrier_id": carrier,
            "transport_mode": "5" if post else r.pick(["4", "40"]),
            "unloading_location": d.receiver.port,
            "declared_at": f"{START + timedelta(d.day):%Y-%m-%dT%H:%M:%SZ}",
            "freight_charge": f"{freight:.2f}",
            "routing_countries": ";".join(dict.fromkeys(stops)),
            "agent_name": d.shown or r.pick(LISTS["warehouses"]),
            "gross_mass_kg": f"{kg:.3f}" if r.chance(0.8) else f"{max(kg, 0.1):.1f}",
            "currency": currency,
            "package_count": "1" if r.chance(0.93) else "2",
            "package_type": r.pick(["PC", "BG", "CT", "BX", "EN"]),
            "origin_country": r.pick(origins),
            "consignor_known": "Y" if d.sender.known else r.pick("N "),
            "consignor_account_opened_on": f"{START + timedelta(d.sender.opened):%Y-%m-%d}",
        }
        for side, party in (("consignor", d.sender), ("consignee", d.receiver)):
            row |= {f"{side}_{key}": value for key, value in party.fields.items()}
            for key, share in (("name", 0.25), ("address", 0.5)):
                row[f"{side}_{key}"] = self.typed(party.fields[key], share)
        if d.shown:
            row |= {"consignor_name": d.shown, "consignor_address": d.shown.split()[0] + " Logistics Park"}
        return {key: value.strip() for key, value in row.items()}

    def rows(self, draft: Draft) -> list[dict[str, str]]:
        """The rows of one shipment, one for each goods item, with the gaps of its channel."""
        r, head, channel = self.rand, self.shipment(draft), draft.fields["channel"]
        rate, gaps, rows = RATES["usd"][head["currency"]], RATES["gaps"][channel], []
        head |= {key: "" for key, p in gaps.items() if key in head and r.chance(p)}
        for number, line in enumerate(draft.lines, 1):
            value = line.usd / rate
            value = round(value) - 0.01 * r.chance(0.3) if r.chance(0.6) and value > 3 else value
            row = {
                "item_number": str(number),
                "goods_description": self.text(line.text, channel),
                "declared_chemical": line.declared,
                "cas_number": line.cas,
                "hs_code": self.code(line.code or line.hs),
                "net_mass_kg": f"{line.kg:.3f}",
                "quantity": f"{line.quantity}",
                "quantity_unit": r.pick(("EA", "PR")),
                "undg_number": "3481" * (line.hs == "850760"),
                "customs_value": f"{value:.{2 if rate > 0.05 else 0}f}",
            }
            rows.append(head | row | {key: "" for key in row if r.chance(gaps.get(key, 0.0))})
        return rows
