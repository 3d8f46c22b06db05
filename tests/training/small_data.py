"""A small labelled file of invented trade. Some consignors, masses and values indicate finds; all other data is noise."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
DAY = 86400
GOODS = ("silicone phone case", "cotton t-shirt", "ceramic mug", "desk lamp", "citric acid", "spare parts", "toy car")
CODES = ("392690", "610910", "691200", "940520", "291814", "847990", "950300")
CONTENTS = ("fentanyl", "precursor", "equipment")
COUNTRIES = ("CN", "IN", "DE", "US")


@dataclass
class Row:
    """One goods item with its columns ``values``."""

    declared_s: int
    values: dict[str, str]


def rows(n: int = 8000, seed: int = 0, *, contents: tuple[str, ...] = CONTENTS, shuffled: bool = False) -> list[Row]:
    """Return ``n`` shipments of one item over 500 days: about one in twenty has content, and half are inspected.

    ``shuffled`` assigns contents at random, so that there is nothing to learn.
    """
    rng = np.random.default_rng(seed)
    declared = START + np.sort(rng.integers(0, 500 * DAY, n))
    consignor = rng.integers(0, 300, n)
    find = rng.random(n) < np.where(consignor % 15 == 0, 0.35, 0.02)
    goods = rng.integers(0, len(GOODS), n)
    mass = np.exp(rng.normal(0.0, 0.8, n)) * np.where(find, 2.5, 1.0)
    value = np.exp(rng.normal(3.0, 0.8, n)) * np.where(find, 0.4, 1.0)
    content = np.where(find, np.array(contents)[rng.integers(0, len(contents), n)], "none")
    if shuffled:
        content = rng.permutation(content)
    inspected = rng.random(n) < 0.5
    delay = rng.integers(1, 8, n) * DAY
    data: list[Row] = []
    for i in range(n):
        country = COUNTRIES[consignor[i] % len(COUNTRIES)]
        is_inspected = bool(inspected[i])
        data.append(
            Row(
                int(declared[i]),
                {
                    "shipment_id": f"S{seed}-{i:06d}",
                    "declared_at": iso(int(declared[i])),
                    "channel": ("express", "postal")[i % 2],
                    "consignor_name": f"Example Trading {consignor[i]}",
                    "consignor_country": country,
                    "consignee_name": f"Sample Person {rng.integers(0, 2000)}",
                    "consignee_address": f"{rng.integers(1, 900)} Sample Street",
                    "consignee_country": "US",
                    "origin_country": country,
                    "goods_description": GOODS[goods[i]],
                    "hs_code": CODES[goods[i]],
                    "net_mass_kg": f"{mass[i]:.3f}",
                    "gross_mass_kg": f"{mass[i] * 1.1:.3f}",
                    "customs_value": f"{value[i]:.2f}",
                    "currency": "USD",
                    "content": str(content[i]) if is_inspected else "",
                    "inspected_at": iso(int(declared[i] + delay[i])) if is_inspected else "",
                    "inspection": "random" if is_inspected else "none",
                    "selection_probability": "0.5" if is_inspected else "",
                },
            )
        )
    return data


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: Path, data: list[Row], *, without: tuple[str, ...] = ()) -> Path:
    names = [name for name in data[0].values if name not in without]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.values for row in data)
    return path
