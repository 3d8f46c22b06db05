"""Generation of a world in blocks of days, each from its own random stream.

Blocks depend only on the calendar and the total number of rows, so a seed gives the same rows. Memory contains
the pools of names and wordings, the networks, and one block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from features.manifest.fields import FIELDS
from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.networks.inspection import INSPECTIONS, NOT_INSPECTED, Office, Outcome, content_texts
from training.worlds.own.networks.networks import Underworld
from training.worlds.own.networks.shipper import Shipper
from training.worlds.own.priors import Priors, load_priors
from training.worlds.own.trade.columns import Money, ShipmentColumns
from training.worlds.own.trade.descriptions import Phrasebook
from training.worlds.own.trade.geography import CHANNELS, build_trade_lanes, load_geography
from training.worlds.own.trade.goods import load_catalogue
from training.worlds.own.trade.hashing import cumulate, pick
from training.worlds.own.trade.item_columns import ItemColumns
from training.worlds.own.trade.items import Items, Packer
from training.worlds.own.trade.names import build_names
from training.worlds.own.trade.noise import VIOLATIONS, Carelessness, Noise
from training.worlds.own.trade.parties import CONSIGNORS, Register
from training.worlds.own.trade.plan import CONTENTS, DAY_S, DECLARATIONS, MOST_ITEMS, STRENGTHS, TRACES, Plan, Shipments


@dataclass(frozen=True, slots=True)
class WorldChunk:
    """Consecutive rows, one per goods item.

    ``office`` contains the office's data: the columns `features.manifest.fields.FIELDS`, in that order, as texts with '' for
    missing. ``truth`` contains the ground truth: the columns `training.worlds.own.world.TRUTH`, with the content 'none' for lawful
    goods.
    """

    n_rows: int
    office: dict[str, Texts]
    truth: dict[str, Texts]


def merged(worlds: Sequence[Iterator[WorldChunk]]) -> Iterator[WorldChunk]:
    """Yield the rows of several worlds in the order of ``declared_at``. Rows of a shipment stay adjacent.

    Memory contains one block of each world, and further blocks of a world until the other worlds have reached their days.
    """
    pending: list[list[WorldChunk]] = [[] for _ in worlds]
    # Time of the last row so far of each unfinished world.
    end = dict.fromkeys(range(len(worlds)), "")
    while end:
        # No world will yield rows before the end of the world that is furthest behind.
        behind = min(end, key=lambda number: (end[number], number))
        chunk = next(worlds[behind], None)
        if chunk is None:
            del end[behind]
        else:
            pending[behind].append(chunk)
            end[behind] = str(chunk.office["declared_at"][-1])
        limit = min(end.values(), default=None)
        ready = [part for of_world in pending for part in _take_until(of_world, limit)]
        if ready:
            rows = joined(ready)
            yield taken(rows, np.argsort(rows.office["declared_at"].astype("U20"), kind="stable"))


def _take_until(pending: list[WorldChunk], limit: str | None) -> list[WorldChunk]:
    """Remove and return a world's rows up to the time ``limit``, or all rows if it is None."""
    ready = []
    while pending:
        chunk = pending.pop(0)
        time = chunk.office["declared_at"].astype("U20")
        count = chunk.n_rows if limit is None else int(np.searchsorted(time, limit, side="right"))
        if count:
            ready.append(taken(chunk, slice(count)))
        if count < chunk.n_rows:
            pending.insert(0, taken(chunk, slice(count, None)))
            break
    return ready


def joined(chunks: Sequence[WorldChunk]) -> WorldChunk:
    """Return the rows of several chunks in their order."""
    if len(chunks) == 1:
        return chunks[0]
    office = {name: np.concatenate([chunk.office[name] for chunk in chunks]) for name in chunks[0].office}
    truth = {name: np.concatenate([chunk.truth[name] for chunk in chunks]) for name in chunks[0].truth}
    return WorldChunk(sum(chunk.n_rows for chunk in chunks), office, truth)


def taken(chunk: WorldChunk, rows: Ints | Bools | slice) -> WorldChunk:
    """Return the selected rows."""
    office = {name: column[rows] for name, column in chunk.office.items()}
    return WorldChunk(len(office["shipment_id"]), office, {name: column[rows] for name, column in chunk.truth.items()})


#: A block ends with the day on which it reaches this number of shipments: large enough for efficient arrays, small enough for
#: bounded memory.
BLOCK: Final = 16_384
#: Maximum number of days per block, so that networks and the office also learn from recent days in a small world. Long
#: calendars have longer blocks (`_MOST_BLOCKS_BY_DAYS`).
BLOCK_DAYS: Final = 7
_MOST_BLOCKS_BY_DAYS: Final = 90
#: Difference between the seeds, and between the first network numbers, of consecutive worlds of one call.
_SEED_STEP, _NETWORK_STEP = 1_000_003, 1_000_000
TRUTH: Final = (
    "shipment_id",
    "item_number",
    "content",
    "declaration",
    "network_id",
    "typologies",
    "strength",
    "violation",
    "reaction",
)
_ROW_NAMES: Final = tuple(field.name for field in FIELDS)


class World:
    """World of ``rows`` goods items with fixed priors.

    Shipments are numbered from ``first_shipment``, and networks from ``first_network``. Raises `ValueError` if rows < 1 or
    seed < 0.
    """

    def __init__(
        self, rows: int, seed: int, priors: Priors, *, first_shipment: int = 1, first_network: int = 0
    ) -> None:
        if rows < 1:
            raise ValueError(f"rows is {rows}; expected at least 1")
        if seed < 0:
            raise ValueError(f"seed is {seed}; expected 0 or more")
        self._seed, self._first_shipment, self._first_network = seed, first_shipment, first_network
        rng = np.random.default_rng([seed, 1])
        geography = load_geography(priors, rng)
        codes = [str(code) for code in geography.codes]
        self._trade_lanes = build_trade_lanes(priors, geography)
        self._items = _items(rows, priors, np.random.default_rng([seed, 2]))
        n = len(self._items)
        names = build_names(codes, geography.locale, int(rng.integers(1 << 30)))
        salt = int(rng.integers(1 << 30))
        goods = load_catalogue(priors)
        register = Register(priors, geography, names, self._trade_lanes, n, salt)
        self._underworld = Underworld(priors, self._trade_lanes, goods, codes, n, salt)
        self._shipper = Shipper(priors, self._trade_lanes, register, self._underworld, geography)
        self._packer = Packer(priors, goods, geography.in_eu, geography.index["US"])
        phrases = Phrasebook(
            priors,
            goods,
            codes,
            self._packer.rows_of_good(
                rows, _kind_shares(priors, self._trade_lanes.expected(), self._trade_lanes.channel)
            ),
            rng,
        )
        self._carelessness = Carelessness(priors, geography, self._trade_lanes, goods)
        money = Money(priors, geography)
        self._columns = ShipmentColumns(priors, geography, self._trade_lanes, register, money)
        self._item_columns = ItemColumns(
            priors, geography, self._trade_lanes, goods, phrases, self._carelessness, money
        )
        self._office = Office(priors)
        # Use longer blocks for a long calendar, because a week of few rows has too few shipments for efficient arrays.
        self._block_days = max(BLOCK_DAYS, len(self._trade_lanes.volume_of_day) // _MOST_BLOCKS_BY_DAYS)
        share = self._trade_lanes.volume_of_day / self._trade_lanes.volume_of_day.sum()
        self._per_day = np.random.default_rng([seed, 3]).multinomial(n, share).astype(np.int64)

    @property
    def n_shipments(self) -> int:
        """Number of shipments of the world."""
        return len(self._items)

    def blocks(self) -> Iterator[WorldChunk]:
        """Return the rows in the order of ``declared_at``, in blocks of whole days."""
        first_day, start = 0, 0
        total = np.cumsum(self._per_day)
        number = 0
        while start < len(self._items):
            last_day = int(np.searchsorted(total, min(start + BLOCK, len(self._items)), side="left"))
            last_day = min(last_day, first_day + self._block_days - 1)
            stop = int(total[last_day])
            if stop > start:
                rng = np.random.default_rng([self._seed, 4, number])
                yield self._block(
                    first_day, self._per_day[first_day : last_day + 1], self._items[start:stop], start, rng
                )
            first_day, start, number = last_day + 1, stop, number + 1

    def _block(self, first_day: int, per_day: Ints, items: Ints, start: int, rng: np.random.Generator) -> WorldChunk:
        shipments, plan = self._shipper.block(first_day, per_day, items, rng)
        packed = self._packer.pack(shipments, plan, rng)
        noise = self._carelessness.draw(shipments, rng)
        day_index = shipments.day - self._trade_lanes.first_day
        columns, declared = self._columns.write(shipments, packed, noise, self._first_shipment + start, day_index, rng)
        goods, value_usd = self._item_columns.write(shipments, packed, noise, declared, rng)
        outcome = self._office.inspect(
            shipments,
            packed,
            goods["goods_description"],
            goods["hs_code"],
            value_usd,
            declared.gross_kg,
            declared.account_shown,
            rng,
        )
        at = np.flatnonzero(shipments.plan_row >= 0)
        self._underworld.learn(
            plan,
            day_index[at],
            shipments.channel[at],
            outcome.seized[at],
            outcome.known_s[at] // DAY_S - self._trade_lanes.first_day,
        )
        s = packed.shipment
        rows = {name: column[s] for name, column in columns.items()} | goods | _labels(outcome, s)
        office = {name: rows[name] for name in _ROW_NAMES}
        return WorldChunk(len(s), office, _truth(office, shipments, packed, plan, noise, self._first_network))


def _items(rows: int, priors: Priors, rng: np.random.Generator) -> Ints:
    """Return the number of goods items per shipment, with sum ``rows``. The last shipment gets the remainder."""
    shares = cumulate(np.array([priors.table("items.per_shipment")[str(n)] for n in range(1, MOST_ITEMS + 1)]))
    parts: list[Ints] = []
    left = rows
    while left > 0:
        drawn = 1 + pick(shares, rng.random(100_000))
        total = np.cumsum(drawn, dtype=np.int64)
        if total[-1] >= left:
            end = int(np.searchsorted(total, left, side="left"))
            drawn = drawn[: end + 1]
            drawn[end] -= total[end] - left
            total = total[: end + 1]
            parts.append(drawn)
            break
        parts.append(drawn)
        left -= int(total[-1])
    return np.concatenate(parts)


def _kind_shares(priors: Priors, expected: Floats, channel: Ints) -> Floats:
    """Return the approximate share of each consignor kind in the traffic, shape (consignor kinds,)."""
    shares = np.zeros(len(CONSIGNORS))
    for i, name in enumerate(CHANNELS):
        group = name if name in ("express", "air_cargo", "postal") else "freight"
        shares += expected[channel == i].sum() * np.array(list(priors.table(f"consignor.{group}").values()))
    return shares


def _labels(outcome: Outcome, s: Ints) -> dict[str, Texts]:
    content = content_texts(outcome, s)
    level = np.where(outcome.whole_shipment[s], "shipment", "item").astype(object)
    inspected = (outcome.inspection != NOT_INSPECTED)[s]
    known = np.datetime_as_string(outcome.known_s.astype("datetime64[s]"), timezone="UTC").astype(object)[s]
    probability = np.array(["" if p != p else f"{p:g}" for p in outcome.probability.tolist()], dtype=object)[s]
    return {
        "content": content,
        "content_level": np.where((content != "") & (content != "none"), level, ""),
        "inspected_at": np.where(inspected, known, ""),
        "inspection": np.array(INSPECTIONS, dtype=object)[outcome.inspection][s],
        "selection_probability": probability,
    }


def _truth(
    office: dict[str, Texts], shipments: Shipments, items: Items, plan: Plan, noise: Noise, first_network: int
) -> dict[str, Texts]:
    s, n = items.shipment, len(shipments)
    network, typologies, strength, reaction = (np.full(n, "", dtype=object) for _ in range(4))
    for at in np.flatnonzero(shipments.plan_row >= 0).tolist():
        row = int(shipments.plan_row[at])
        network[at] = f"N{first_network + int(plan.network[row]):05d}"
        typologies[at] = ";".join(
            name for name, present in zip(TRACES, plan.traces[row].tolist(), strict=True) if present
        )
        strength[at] = STRENGTHS[int(plan.strength[row])]
        reaction[at] = plan.reaction[row]
    violation = np.full(n, "", dtype=object)
    for at in np.flatnonzero(noise.violated.any(axis=1)).tolist():
        violation[at] = ";".join(
            name for name, present in zip(VIOLATIONS, noise.violated[at].tolist(), strict=True) if present
        )
    return {
        "shipment_id": office["shipment_id"],
        "item_number": office["item_number"],
        "content": np.array(CONTENTS, dtype=object)[items.content],
        "declaration": np.array((*DECLARATIONS, ""), dtype=object)[items.declaration],
        "network_id": network[s],
        "typologies": typologies[s],
        "strength": strength[s],
        "violation": violation[s],
        "reaction": reaction[s],
    }


def generate(
    rows: int,
    seed: int,
    *,
    draws: int = 1,
    drawn_by: int | None = None,
    priors: Priors | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Iterator[WorldChunk]:
    """Yield exactly ``rows`` goods items of a simulated office in the order of ``declared_at``.

    The rows are those of ``draws`` worlds with the same calendar, in equal parts. Each world draws its priors from their ranges by
    the seed ``drawn_by`` (default: ``seed``), so that worlds of different seeds may have the same priors. Equal arguments give
    bit-identical rows. ``priors`` replace those of the file, and ``first_day`` and ``last_day`` replace their calendar.

    Raises:
        ValueError: rows < draws, draws < 1, seed < 0, or the calendar is empty or begins before 2017.
    """
    days = {"calendar.first_day": first_day, "calendar.last_day": last_day}
    calendar_days = {name: day.isoformat() for name, day in days.items() if day is not None}
    ranges = (priors or load_priors()).replaced(calendar_days)
    if not 1 <= draws <= max(1, rows):
        raise ValueError(f"draws is {draws}; expected at least 1, and at most as many as rows")
    if seed < 0 or (drawn_by or 0) < 0:
        raise ValueError(f"seed is {min(seed, drawn_by or 0)}; expected 0 or more")
    worlds: list[World] = []
    for number in range(draws):
        part = rows // draws + (number < rows % draws)
        drawn = ranges.drawn(seed if drawn_by is None else drawn_by, number)
        first = 1 + sum(world.n_shipments for world in worlds)
        own_seed = seed + number * _SEED_STEP
        worlds.append(World(part, own_seed, drawn, first_shipment=first, first_network=number * _NETWORK_STEP))
    return worlds[0].blocks() if draws == 1 else merged([world.blocks() for world in worlds])


def sample(
    rows: int, seed: int, *, first_day: date | None = None, last_day: date | None = None
) -> dict[str, list[str]]:
    """Return the office's data of a small world as columns. See `generate` for the calendar."""
    chunk = joined(list(generate(rows, seed, first_day=first_day, last_day=last_day)))
    return {name: column.tolist() for name, column in chunk.office.items()}
