"""Shipments for requests: simulated ones, the same with new texts, and ones with systematic names."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final

from features.manifest.fields import ITEM_NAMES, MANIFEST_NAMES
from features.manifest.records import HEAD_NAMES, read_record
from features.manifest.shipment import shipment_to_json
from features.table.table import Coded, ManifestTable
from models.bundle import champion_dir, load

Record = dict[str, Any]

_NAMES: Final = (*HEAD_NAMES, *ITEM_NAMES)
_CONSONANTS: Final = "bcdfghjklmnprstvwz"
_VOWELS: Final = "aeiou"
#: Maximum days of traffic.
_MOST_DAYS: Final = 28


@cache
def next_days() -> tuple[date, date]:
    """Return first and last day of four weeks of traffic: after the end of the bundled model's history, until yesterday.

    Shipments older than the history would be late: they would be scored with later knowledge, and more of them would be
    red or yellow than in an office, and therefore explained.
    """
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    first = yesterday - timedelta(days=_MOST_DAYS - 1)
    history = load(champion_dir()).history
    if history.sequence:
        first = max(first, datetime.fromtimestamp(history.watermark, UTC).date() + timedelta(days=1))
    return first, max(first, yesterday)


def simulated(items: int, seed: int) -> list[Record]:
    """Return shipments of `next_days` in order of time, as the JSON of the service.

    Texts repeat as in the simulated trade, where firms, places and goods recur.
    """
    from training.worlds.own import sample

    first_day, last_day = next_days()
    simulated_columns = sample(items, seed, first_day=first_day, last_day=last_day)
    columns = {name: Coded.from_list(values) for name, values in simulated_columns.items() if name in MANIFEST_NAMES}
    table = ManifestTable.from_columns(columns, items).accepted()
    return [shipment_to_json(shipment) for shipment in table.to_shipments()]


def flat_rows(record: Record) -> list[Record]:
    """Return a shipment as rows of a file, one per goods item, without missing values."""
    read = read_record(record)
    rows = ([*read.texts, *item] for item in read.items)
    return [{name: text for name, text in zip(_NAMES, row, strict=True) if text is not None} for row in rows]


def words(chance: random.Random, count: int) -> str:
    """Return invented words."""
    return " ".join(
        "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(chance.randint(2, 4)))
        for _ in range(count)
    )


def never_seen(records: Sequence[Record], seed: int, share: float = 1.0) -> list[Record]:
    """Return the shipments, of which a share has new goods, names and addresses."""
    chance = random.Random(seed)
    return [_reworded(record, chance) if chance.random() < share else record for record in records]


def _reworded(record: Record, chance: random.Random) -> Record:
    changed = copy.deepcopy(record)
    for item in changed["items"]:
        item["goods_description"] = words(chance, 5)
    for side in ("consignor", "consignee"):
        party = changed.setdefault(side, {})
        party["name"] = words(chance, 3).title()
        party["address"] = f"{chance.randint(1, 999)} {words(chance, 2).title()}"
    return changed


def systematic_names() -> Iterator[str]:
    """Yield distinct systematic names of unlisted chemicals, which only OPSIN can read."""
    groups = ("methyl", "ethyl", "propyl", "butyl", "fluoro", "chloro", "bromo", "methoxy", "ethoxy", "cyano")
    for ring, first, second, group, other in itertools.product(
        ("cyclohexane", "cyclopentane", "cycloheptane"), (2, 3, 4), (2, 3), groups, groups
    ):
        yield f"N-({first}-{group}phenyl)-{second}-{other}{ring}carboxamide"


def with_names(records: Sequence[Record]) -> list[Record]:
    """Return shipments with distinct systematic names as goods, at most as many as there are names."""
    named = []
    for record, name in zip(records, systematic_names(), strict=False):
        changed = copy.deepcopy(record)
        changed["items"][0]["goods_description"] = name
        named.append(changed)
    return named
