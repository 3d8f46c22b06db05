"""Draw the day of an office that `tidewaiter demo` fills its store with, and the six weeks before it.

    python -m tools.build_demo_day [--shipments N] [--seed S] [--out FILE]

The manifests come from the world `bonded_broker` (`training/worlds`), for three places of unloading, and from
``service/samples/handwritten.csv``. The same number and seed give the same bytes. `service.operations.demo` reads the file
and states its form.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd

from features.manifest.fields import FIELDS, Level
from service.operations.demo import DAY_FILE
from training.worlds.writer import build_world

#: Places of unloading of the world -> sites of the office.
SITES: Final = {
    "USLAX": "USLAX",
    "USLGB": "USLAX",
    "USJFK": "USJFK",
    "USNYC": "USJFK",
    "USCHI": "USORD",
    "USORD": "USORD",
}
SHIPMENTS: Final = 5_000
SEED: Final = 5
#: End of the full day. The loader moves all times, so that the day ends when the store is filled.
END: Final = pd.Timestamp("2026-12-01", tz="UTC")
DAYS: Final = 42
#: Share of the shipments that are declared on the full day.
_FULL_DAY: Final = 0.18
#: Shipments of the world per shipment of the file, and the most illicit and hard ones per shipment of the file. Both are more
#: frequent than in the world, because a queue of ordinary parcels shows little.
_WORLD: Final = 2.5
_ILLICIT, _HARD = 0.0032, 0.025
#: Shares of a day's traffic by hour (UTC): advance data come around the clock, most of them while Asia and Europe work.
_HOURS: Final = np.array([4, 5, 6, 6, 5, 4, 4, 5, 6, 6, 5, 5, 5, 5, 4, 4, 4, 3, 3, 3, 3, 3, 3, 4], dtype=float)
#: Contents that the manifest shows least. Some are opened because of what another agency knew.
_TIPS: Final = ("invisible", "parcel_opioid", "mixed_house")
_MOST_TIPS: Final = 1
_SUBSTANCES: Final = {
    "fentanyl": ("fentanyl",),
    "analogue": ("para-fluorofentanyl", "ortho-methylfentanyl"),
    "other_opioid": ("protonitazene", "metonitazene"),
    "precursor": ("4-piperidone", "1-boc-4-piperidone", "4-anilinopiperidine"),
}
#: What was found in two lawful-looking parcels, and is no find of the model.
_OTHER: Final = (("counterfeit", "earphones with a copied brand"), ("excise", "cigarettes without revenue stamps"))
#: What is in the handwritten shipments that are not lawful.
_BY_HAND: Final[dict[str, dict[str, Any]]] = {
    "DEMO-PRECURSOR": {"content": "precursor", "substance": "4-anilinopiperidine", "quantity": 25.0, "unit": "KGM"},
    "DEMO-CAS-ONLY": {"content": "precursor", "substance": "N-phenethyl-4-piperidone", "quantity": 1.0, "unit": "KGM"},
    "DEMO-TWO-ITEMS": {"content": "precursor", "substance": "1-boc-4-piperidone", "quantity": 2.0, "unit": "KGM"},
    "DEMO-PRESS": {"content": "equipment", "quantity": 1.0, "unit": "H87"},
    "DEMO-DIES": {"content": "equipment", "quantity": 2.0, "unit": "H87"},
}
#: Other words with which some shipments are declared again some hours later.
_REWORDED: Final = ("household goods", "plastic parts", "craft supplies", "spare parts for machine")
_MOST_REWORDED: Final = 6
#: A scheme in progress, which the model does not see: light goods of low value from new senders, among lawful trade in the same
#: goods. Officers have opened some, so that a rule can be proposed from the finds.
_SCHEME: Final = "putty"
_GOODS: Final = ("wood putty filler", "putty repair set", "glaziers putty tub", "PUTTY FILLER white", "mastic putty")
_SENDERS: Final = ("Larkhill", "Oakmere", "Fenwell", "Brightsill", "Ashgrove", "Millrow")
#: Days from the full day of its shipments, and of the lawful ones. The first ones are opened.
_SCHEME_DAYS: Final = (-19, -17, -14, -12, -11, -9, -8, -6, -5, -4, -3, -2, -1, 0, 0, 0, 0)
_LAWFUL_DAYS: Final = (-27, -26, -24, -22, -20, -18, -16, -13, -10, -7, -3, -1, 0, 0)
_OPENED: Final = 4
#: From this day on, the manifests of the busiest carrier lack these fields, as after a change of its software: the drift to see.
_LOST_SINCE: Final = END - pd.Timedelta(days=11)
_LOST: Final = ("package_count", "quantity", "quantity_unit")


def lines(shipments: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the office's lists, then its shipments in the order of ``declared_at``.

    Args:
        shipments: number of manifests, with those that are declared again.
    """
    draw = np.random.default_rng(seed)
    items, truth = _of_world(shipments, seed, draw)
    manifests = [_manifest(rows) for _, rows in items.groupby("shipment_id", sort=False)]
    told = [_told(row, manifest, draw) for row, manifest in zip(truth.itertuples(), manifests, strict=True)]
    _add_other(told, truth, draw)
    full = round(len(manifests) * _FULL_DAY)
    for manifest, at in zip(manifests, _times(len(manifests) - full, full, draw), strict=True):
        _move(manifest, pd.Timestamp(manifest["declared_at"]), at)
    entries = [{"manifest": manifest} | found for manifest, found in zip(manifests, told, strict=True)]
    entries += _handwritten(draw)
    entries += list(_declared_again(entries, draw))
    entries += list(_scheme([manifest for manifest in manifests if manifest["channel"] in ("postal", "express")], draw))
    entries.sort(key=lambda entry: str(entry["manifest"]["declared_at"]))
    _lose(entries)
    yield _lists(entries)
    yield from entries


def _of_world(shipments: int, seed: int, draw: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return goods items and truth of a part of a world, in order of time, with parties that return often."""
    world = build_world("bonded_broker", max(200, round(shipments * _WORLD)), seed)
    items = world.items[world.items["unloading_location"].isin(SITES)]
    items = items.assign(unloading_location=items["unloading_location"].map(SITES))
    consignor = items.drop_duplicates("shipment_id").set_index("shipment_id")["consignor_name"].str.casefold()
    truth = world.truth.set_index("shipment_id").loc[consignor.index].assign(consignor=consignor)
    illicit = (truth["content"] != "none").to_numpy()
    hard = truth["hard"].to_numpy(bool) & ~illicit
    ordinary = ~illicit & ~hard
    rank = dict(zip(consignor.unique(), draw.random(consignor.nunique()), strict=True))
    count = consignor.map(consignor.value_counts()).clip(upper=6)
    # All shipments of a consignor have the same key, and those of frequent ones a smaller one: whole histories are chosen.
    key = (consignor.map(rank) / count).to_numpy()
    chosen = np.zeros(len(truth), dtype=bool)
    # Of the hard ones, those that will lie on the full day come first.
    is_last = np.arange(len(truth)) >= len(truth) * (1.0 - _FULL_DAY)
    for those, last, most in ((illicit, illicit, _ILLICIT), (hard, hard & is_last, _HARD)):
        order = draw.permutation(len(truth))
        order = order[np.argsort(~last[order], kind="stable")]
        chosen[order[those[order]][: round(most * shipments)]] = True
    left = max(0, shipments - int(chosen.sum()) - _added())
    at = np.flatnonzero(ordinary)
    chosen[at[np.argsort(key[at], kind="stable")][:left]] = True
    truth = truth[chosen]
    return items[items["shipment_id"].isin(truth.index)], truth


def _manifest(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the JSON form of a shipment, given its rows of texts."""
    first = {str(name): str(text) for name, text in rows.iloc[0].items()}
    levels = {level: [field for field in FIELDS if field.level is level] for level in Level}
    manifest: dict[str, Any] = {
        field.name: first[field.name] for field in levels[Level.SHIPMENT] if first.get(field.name)
    }
    if "routing_countries" in manifest:
        manifest["routing_countries"] = manifest["routing_countries"].split(";")
    for level in (Level.CONSIGNOR, Level.CONSIGNEE):
        manifest[level.value] = {
            field.name.removeprefix(f"{level.value}_"): first[field.name]
            for field in levels[level]
            if first.get(field.name)
        }
    manifest["items"] = [
        {field.name: row[field.name] for field in levels[Level.ITEM] if row.get(field.name)}
        for row in rows.to_dict("records")
    ]
    return manifest


def _move(manifest: dict[str, Any], before: pd.Timestamp, at: pd.Timestamp) -> None:
    """Move a manifest to another time, and the day on which the consignor's account was opened with it."""
    manifest["declared_at"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    opened = pd.to_datetime(manifest["consignor"].get("account_opened_on"), utc=True, errors="coerce")
    if not pd.isna(opened):
        manifest["consignor"]["account_opened_on"] = (opened + (at - before)).strftime("%Y-%m-%d")


def _times(before: int, full: int, draw: np.random.Generator) -> list[pd.Timestamp]:
    """Return times of ``before`` shipments in the weeks before the full day, and of ``full`` on it, in order."""
    day = np.concatenate([np.sort(draw.integers(DAYS, size=before)) - DAYS, np.zeros(full, dtype=np.int64)])
    hour = draw.choice(24, size=before + full, p=_HOURS / _HOURS.sum())
    seconds = np.sort(day * 86_400 + hour * 3_600 + draw.integers(3_600, size=before + full))
    start = END - pd.Timedelta(days=1)
    return [start + pd.Timedelta(seconds=int(one)) for one in seconds]


def _told(row: Any, manifest: dict[str, Any], draw: np.random.Generator) -> dict[str, Any]:
    """Return what an inspection would tell; nothing for a clean shipment."""
    if row.content == "none":
        return {}
    found: dict[str, Any] = {"content": row.content}
    if row.content in _SUBSTANCES:
        named = manifest["items"][0].get("declared_chemical") if row.content == "precursor" else None
        found["substance"] = named or str(draw.choice(_SUBSTANCES[row.content]))
        mass = float(manifest.get("gross_mass_kg", "1").replace(",", ".") or 1)
        found |= {"quantity": round(max(0.01, mass * float(draw.uniform(0.2, 0.9))), 3), "unit": "KGM"}
    else:
        found |= {"quantity": float(draw.integers(1, 12)), "unit": "H87"}
    return {"found": found, "scheme": row.group}


def _add_other(told: list[dict[str, Any]], truth: pd.DataFrame, draw: np.random.Generator) -> None:
    """Put other contraband into two lawful-looking parcels before the full day, and let some contents be known beforehand."""
    before = np.arange(len(told)) < len(told) * (1.0 - _FULL_DAY) * 0.9
    gifts = np.flatnonzero(before & truth["group"].isin(["gift_powder", "new_seller", "lookalike"]).to_numpy())
    for place, (kind, what) in zip(draw.permutation(gifts)[: len(_OTHER)].tolist(), _OTHER, strict=False):
        found = {"content": "other_contraband", "kind": kind, "substance": what}
        told[place] = {"found": found, "scheme": kind, "tip": True}
    hidden = np.flatnonzero(before & truth["group"].isin(_TIPS).to_numpy())
    for place in draw.permutation(hidden)[:_MOST_TIPS].tolist():
        told[place]["tip"] = True


def _added() -> int:
    """Return the number of declarations that do not come from the world."""
    by_hand = {row["shipment_id"] for row in _rows_by_hand()}
    return _MOST_REWORDED + len(by_hand) + len(_SCHEME_DAYS) + len(_LAWFUL_DAYS)


def _rows_by_hand() -> list[dict[str, str]]:
    with DAY_FILE.with_name("handwritten.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _handwritten(draw: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the handwritten shipments, on the full day and at the sites of the office."""
    rows = pd.DataFrame(_rows_by_hand())
    sites = sorted(set(SITES.values()))
    for number, (name, some) in enumerate(rows.groupby("shipment_id", sort=False)):
        manifest = _manifest(some) | {"shipment_id": f"BXK009{number * 137 + 10_211:05d}"}
        if manifest.get("unloading_location") not in sites:
            manifest["unloading_location"] = sites[int(draw.integers(len(sites)))]
        at = END - pd.Timedelta(seconds=int(draw.integers(3_600, 80_000)))
        _move(manifest, pd.Timestamp(manifest["declared_at"]), at)
        found = _BY_HAND.get(str(name))
        yield {"manifest": manifest} | ({} if found is None else {"found": found, "scheme": "declared openly"})


def _declared_again(entries: Sequence[dict[str, Any]], draw: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield later declarations of shipments of the full day with other words, most of them after words that told a chemical."""
    start = (END - pd.Timedelta(days=1)).strftime("%Y-%m-%d")
    known = [one for one in entries if one["manifest"]["declared_at"] >= start]
    # The handwritten ones come last.
    telling = [one for one in reversed(known) if _tells(one["manifest"]["items"][0])]
    plain = [one for one in known if not _tells(one["manifest"]["items"][0])]
    for place, entry in enumerate([*telling[: _MOST_REWORDED - 2], *plain][:_MOST_REWORDED]):
        manifest = orjson.loads(orjson.dumps(entry["manifest"]))
        first = manifest["items"][0]
        first["goods_description"] = _REWORDED[place % len(_REWORDED)]
        for name in ("declared_chemical", "cas_number"):
            first.pop(name, None)
        at = pd.Timestamp(manifest["declared_at"]) + pd.Timedelta(seconds=int(draw.integers(1_200, 9_000)))
        manifest["declared_at"] = min(at, END - pd.Timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield {"manifest": manifest} | {name: entry[name] for name in ("found", "scheme") if name in entry}


def _tells(item: dict[str, Any]) -> bool:
    """Return whether an item names a chemical by its number, without a permit."""
    return "cas_number" in item and "permit_number" not in item


def _scheme(templates: Sequence[dict[str, Any]], draw: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield the shipments of a scheme, and of lawful trade in the same goods."""
    for number, day in enumerate((*_SCHEME_DAYS, *_LAWFUL_DAYS)):
        illicit = number < len(_SCHEME_DAYS)
        manifest = orjson.loads(orjson.dumps(templates[int(draw.integers(len(templates)))]))
        at = END + pd.Timedelta(days=day - 1, seconds=int(draw.integers(3_600, 80_000)))
        kg, usd = draw.uniform(0.6, 2.4), draw.uniform(6, 18)
        if not illicit:
            kg, usd = kg * 4, usd * 9
        sender = f"{_SENDERS[int(draw.integers(len(_SENDERS)))]} {'Crafts' if illicit else 'Building Supply Ltd'}"
        opened = at - pd.Timedelta(days=int(draw.integers(10, 60) if illicit else draw.integers(400, 2_000)))
        street = f"{draw.integers(2, 240)} {sender.split()[0]} Road"
        if draw.random() < 0.5:
            manifest.pop("house_id", None)
        kept = {name: manifest["consignor"][name] for name in ("city", "country") if name in manifest["consignor"]}
        manifest |= {
            "shipment_id": f"BXK007{number * 211 + 10_049:05d}",
            "declared_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "gross_mass_kg": f"{kg * 1.1:.2f}",
            "currency": "USD",
            "consignor": kept | {"name": sender, "address": street, "account_opened_on": opened.strftime("%Y-%m-%d")},
            "items": [
                {
                    "item_number": "1", "goods_description": str(draw.choice(_GOODS)), "hs_code": "321410",
                    "net_mass_kg": f"{kg:.2f}", "quantity": str(draw.integers(1, 4)), "customs_value": f"{usd:.2f}",
                }
            ],
        }  # fmt: skip
        found = {
            "content": "precursor",
            "substance": "1-boc-4-piperidone",
            "quantity": round(kg * 0.8, 2),
            "unit": "KGM",
        }
        told = {"found": found, "scheme": _SCHEME} if illicit else {}
        opened_too = number < _OPENED or number - len(_SCHEME_DAYS) == 1
        yield {"manifest": manifest} | told | ({"tip": True} if opened_too else {})


def _lose(entries: Sequence[dict[str, Any]]) -> None:
    """Remove the lost fields of the busiest carrier."""
    carriers = pd.Series([entry["manifest"].get("carrier_id") for entry in entries])
    busiest = carriers.value_counts().index[0]
    since = _LOST_SINCE.strftime("%Y-%m-%dT%H:%M:%SZ")
    for entry in entries:
        if entry["manifest"].get("carrier_id") == busiest and entry["manifest"]["declared_at"] >= since:
            for part in (entry["manifest"], *entry["manifest"]["items"]):
                for name in _LOST:
                    part.pop(name, None)


def _lists(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return watch-list entries of which two meet shipments of the full day, and a suppression, with parties of the traffic."""
    today = [
        entry["manifest"]
        for entry in entries
        if entry["manifest"]["declared_at"] >= str((END - pd.Timedelta(days=1)).date())
    ]
    consignors = pd.Series([one["consignor"].get("name", "") for one in today if one["consignor"].get("name")])
    often = [str(name) for name in consignors.value_counts().index[:12]]
    firms = [name for name in often if len(name.split()) > 2] or often
    seldom = [str(name) for name, count in consignors.value_counts().items() if count == 2] or often
    receivers = [one["consignee"] for one in today if one["consignee"].get("address")]
    receiver = receivers[len(receivers) // 2]
    return {
        "watch_entries": [
            {
                "list": "regional alerts", "kind": "name", "text": seldom[0], "lane": "red",
                "reason": "Named in an alert of another office (invented)", "source": "alert 2026-117",
            },
            {
                "list": "regional alerts", "kind": "address", "text": receiver["address"], "place": receiver.get("city", ""),
                "lane": "yellow", "reason": "Address of earlier refused parcels (invented)", "source": "alert 2026-121",
            },
            {
                "list": "own cases", "kind": "name", "text": "Tessaly Orchard Reagents", "lane": "red",
                "reason": "Open case 26-0418 (invented)",
            },
        ],
        "suppressions": [
            {
                "rule_id": "precursor-to-private-or-new-party", "consignor": firms[0],
                "reason": "Trade checked on site in November (invented)",
            },
        ],
    }  # fmt: skip


def write(out: Path, shipments: int, seed: int) -> int:
    """Write the file and return its size in bytes."""
    with out.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        for line in lines(shipments, seed):
            packed.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return out.stat().st_size


def main() -> None:
    """Write the file of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shipments", type=int, default=SHIPMENTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=DAY_FILE)
    options = parser.parse_args()
    print(f"{options.out}: {write(options.out, options.shipments, options.seed) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
