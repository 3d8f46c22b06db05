"""Shipments to ask about: simulated ones, the same with texts that nobody has seen, and ones with systematic names."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final, TypedDict

from features.manifest.fields import ITEM_NAMES, MANIFEST_NAMES
from features.manifest.records import HEAD_NAMES, read_record
from features.manifest.shipment import shipment_to_json
from features.table.table import Coded, ManifestTable
from models.bundle.bundle import load
from models.bundle.store import champion_dir

Record = dict[str, Any]

_NAMES: Final = (*HEAD_NAMES, *ITEM_NAMES)
_CONSONANTS: Final = "bcdfghjklmnprstvwz"
_VOWELS: Final = "aeiou"
#: Traffic of at most so many days.
_MOST_DAYS: Final = 28


class Calendar(TypedDict):
    """First and last day of simulated traffic."""

    first_day: date
    last_day: date


@cache
def next_days() -> Calendar:
    """The days whose traffic comes in next: from the end of the bundled model's history to yesterday, four weeks at most.

    Shipments that are older than the history are late: they are scored with what was known only after them, more of them end in
    the upper lanes than an office would ever see, and so more have to be explained.
    """
    history = datetime.fromtimestamp(load(champion_dir()).history.watermark, UTC).date()
    first = history + timedelta(days=1)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return {"first_day": first, "last_day": max(first, min(yesterday, first + timedelta(days=_MOST_DAYS - 1)))}


def simulated(items: int, seed: int) -> list[Record]:
    """Shipments of `next_days` in their order of time, as the JSON of the service.

    Texts repeat in them as in the simulated trade: the same firms, places and goods come again and again.
    """
    from training.worlds.own import sample

    told = sample(items, seed, **next_days())
    columns = {name: Coded.from_list(values) for name, values in told.items() if name in MANIFEST_NAMES}
    table = ManifestTable.from_columns(columns, items).accepted()
    return [shipment_to_json(shipment) for shipment in table.to_shipments()]


def flat_rows(record: Record) -> list[Record]:
    """A shipment as rows of a file, one a goods item, without what is missing."""
    read = read_record(record)
    rows = ([*read.texts, *item] for item in read.items)
    return [{name: text for name, text in zip(_NAMES, row, strict=True) if text is not None} for row in rows]


def words(chance: random.Random, count: int) -> str:
    """So many words that are no words."""
    return " ".join(
        "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(chance.randint(2, 4)))
        for _ in range(count)
    )


def never_seen(records: Sequence[Record], seed: int, share: float = 1.0) -> list[Record]:
    """The same shipments with goods, names and addresses that nobody has declared before, in a share of them."""
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
    """Names of chemicals that are on no list, each another, so that OPSIN has to read them."""
    groups = ("methyl", "ethyl", "propyl", "butyl", "fluoro", "chloro", "bromo", "methoxy", "ethoxy", "cyano")
    for ring, first, second, group, other in itertools.product(
        ("cyclohexane", "cyclopentane", "cycloheptane"), (2, 3, 4), (2, 3), groups, groups
    ):
        yield f"N-({first}-{group}phenyl)-{second}-{other}{ring}carboxamide"


def with_names(records: Sequence[Record]) -> list[Record]:
    """The same shipments, as many as there are names, each with another systematic name as its goods."""
    named = []
    for record, name in zip(records, systematic_names(), strict=False):
        changed = copy.deepcopy(record)
        changed["items"][0]["goods_description"] = name
        named.append(changed)
    return named
