"""Data retained for a report while a world is generated: illicit shipments, a uniform sample of others, and text hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.manifest.fields import MANIFEST_NAMES
from training.arrays import Bools, Floats, Hashes, Ints, Texts
from training.worlds.own.checks import sceptic
from training.worlds.own.world import WorldChunk, joined, taken


class Seen:
    """Distinct texts by 64-bit hash. The probability of a collision among a million texts is 3e-8."""

    def __init__(self) -> None:
        self._keys = np.empty(0, dtype=np.uint64)
        self._first = np.empty(0, dtype=np.int64)
        self._count = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, texts: Texts, at: Ints) -> None:
        """Add texts (n,) at ascending positions ``at`` (n,), which exceed all earlier ones."""
        if not len(texts):
            return
        codes, values = pd.factorize(texts)
        count = np.bincount(codes)
        first = np.empty(len(values), dtype=np.int64)
        # Assign in reverse order, so that the first position of each text is assigned last.
        first[codes[::-1]] = at[::-1]
        keys, place = np.unique(_hashes(values), return_index=True)
        count, first = count[place], first[place]
        where = np.searchsorted(self._keys, keys)
        old = self._matches(keys, where)
        self._count[where[old]] += count[old]
        new = ~old
        self._keys = np.insert(self._keys, where[new], keys[new])
        self._first = np.insert(self._first, where[new], first[new])
        self._count = np.insert(self._count, where[new], count[new])

    def known(self, texts: Texts) -> Bools:
        """Return whether each text (n,) was added."""
        return self.count(texts) > 0

    def count(self, texts: Texts) -> Ints:
        """Return the count of each text (n,)."""
        return self._look_up(texts, self._count, 0)

    def first(self, texts: Texts) -> Ints:
        """Return the first position of each text (n,); -1 for unknown texts."""
        return self._look_up(texts, self._first, -1)

    def _look_up(self, texts: Texts, of: Ints, otherwise: int) -> Ints:
        if not len(texts):
            return np.empty(0, dtype=np.int64)
        codes, values = pd.factorize(texts)
        keys = _hashes(values)
        where = np.searchsorted(self._keys, keys)
        per_text = np.full(len(keys), otherwise, dtype=np.int64)
        old = self._matches(keys, where)
        per_text[old] = of[where[old]]
        return per_text[codes]

    def _matches(self, keys: Hashes, where: Ints) -> Bools:
        if not len(self._keys):
            return np.zeros(len(keys), dtype=np.bool_)
        return np.asarray(self._keys[np.minimum(where, len(self._keys) - 1)] == keys)


def _hashes(values: Texts) -> Hashes:
    return pd.util.hash_array(np.asarray(values, dtype=object), categorize=False)


#: Columns in which every value should also occur in lawful rows. Texts of parties are not included, because the own parties of a
#: network occur only in illicit shipments.
COMMON: Final = (
    "filing_type",
    "channel",
    "transport_mode",
    "export_country",
    "routing_countries",
    "loading_location",
    "unloading_location",
    "carrier_id",
    "agent_name",
    "marketplace",
    "transaction_nature",
    "package_count",
    "package_type",
    "currency",
    "consignor_city",
    "consignor_country",
    "consignor_postcode",
    "consignor_known",
    "consignee_city",
    "consignee_country",
    "consignee_postcode",
    "item_number",
    "goods_description",
    "declared_chemical",
    "cas_number",
    "cus_number",
    "origin_country",
    "quantity_unit",
    "undg_number",
)
#: Names of numbers per row: its position in the world and in the day, and time and number of its shipment.
ORDER: Final = (
    "row",
    "place in the day",
    "seconds since the last",
    "step of the number",
    "number by 10",
    "number by 97",
)
_DAY_S: Final = 86400


@dataclass(slots=True)
class Sample:
    """Retained rows in the order of the world.

    ``at`` is the position of each row in the world, ``order`` has shape (n, ORDER), and ``key`` is the hash of the row's shipment.
    ``in_illicit`` states whether that shipment has illicit content.
    """

    rows: WorldChunk
    at: Ints
    order: Floats
    key: Hashes
    in_illicit: Bools

    def take(self, rows: Bools) -> Sample:
        return Sample(taken(self.rows, rows), self.at[rows], self.order[rows], self.key[rows], self.in_illicit[rows])

    @staticmethod
    def joined(parts: Sequence[Sample]) -> Sample:
        return Sample(
            joined([part.rows for part in parts]),
            np.concatenate([part.at for part in parts]),
            np.concatenate([part.order for part in parts]),
            np.concatenate([part.key for part in parts]),
            np.concatenate([part.in_illicit for part in parts]),
        )


class Keeper:
    """Collector of the retained data. It receives a world in order.

    ``n_rows`` is the number of rows so far, ``lawful_values`` contains the values of lawful shipments in `COMMON` columns, and
    ``templates`` contains the templates of all descriptions. About ``honest_rows`` rows of lawful shipments are retained.
    """

    def __init__(self, honest_rows: int) -> None:
        self.n_rows = 0
        self.lawful_values = {name: Seen() for name in COMMON}
        self.templates = Seen()
        self._honest_rows = honest_rows
        self._parts: list[Sample] = []
        self._n_lawful = 0
        self._threshold = np.uint64(2**64 - 1)
        # Rows of the last shipment, which may continue in the next chunk.
        self._pending: WorldChunk | None = None
        self._day, self._in_day, self._last_s, self._number = -1, 0, 0, 0

    def add(self, chunk: WorldChunk) -> None:
        """Add a chunk. A shipment may continue in the next chunk."""
        rows = WorldChunk(chunk.n_rows, {name: chunk.office[name] for name in MANIFEST_NAMES}, chunk.truth)
        if self._pending is not None:
            rows = joined([self._pending, rows])
        ids = rows.office["shipment_id"]
        cut = int(np.flatnonzero(ids == ids[-1])[0])
        self._pending = taken(rows, slice(cut, None))
        if cut:
            self._take(taken(rows, slice(cut)))

    def sample(self) -> Sample:
        """Return the retained rows. No rows can be added afterwards."""
        if self._pending is not None:
            self._take(self._pending)
            self._pending = None
        self._thin()
        return self._parts[0]

    def _take(self, rows: WorldChunk) -> None:
        shipment, ids = pd.factorize(rows.office["shipment_id"])
        illicit = rows.truth["content"] != "none"
        in_illicit = (np.bincount(shipment, illicit, len(ids)) > 0)[shipment]
        at = self.n_rows + np.arange(rows.n_rows)
        key = pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)[shipment]
        order = self._order(rows.office, shipment)
        self.templates.add(templates(rows.office["goods_description"]), at)
        for name, seen in self.lawful_values.items():
            seen.add(rows.office[name][~in_illicit], at[~in_illicit])
        self.n_rows += rows.n_rows
        part = Sample(rows, at, order, key, in_illicit).take(in_illicit | (key <= self._threshold))
        self._parts.append(part)
        self._n_lawful += int((~part.in_illicit).sum())
        if self._n_lawful > 2 * self._honest_rows:
            self._thin()

    def _thin(self) -> None:
        """Keep the lawful shipments with the lowest hashes: a uniform sample that does not depend on the world's size."""
        rows = Sample.joined(self._parts)
        lawful_keys = np.sort(rows.key[~rows.in_illicit])
        if len(lawful_keys) > self._honest_rows:
            self._threshold = lawful_keys[self._honest_rows - 1]
        rows = rows.take(rows.in_illicit | (rows.key <= self._threshold))
        self._parts, self._n_lawful = [rows], int((~rows.in_illicit).sum())

    def _order(self, office: dict[str, Texts], shipment: Ints) -> Floats:
        n = len(shipment)
        moment = sceptic.seconds(office["declared_at"])
        day = moment // _DAY_S
        start = np.concatenate([[0], np.flatnonzero(np.diff(day)) + 1])
        place = np.arange(n) - np.repeat(start, np.diff(np.append(start, n)))
        if day[0] == self._day:
            place[: start[1] if len(start) > 1 else n] += self._in_day
        first = np.concatenate([[0], np.flatnonzero(np.diff(shipment)) + 1])
        number = sceptic.numbers_at_the_end(office["shipment_id"][first])
        gap = np.diff(moment[first], prepend=self._last_s or moment[0])
        step = np.diff(number, prepend=self._number)
        self._day, self._in_day = int(day[-1]), int(place[-1]) + 1
        self._last_s, self._number = int(moment[-1]), int(number[-1])
        of_shipment = np.column_stack([gap, step, number % 10, number % 97])[shipment]
        return np.column_stack([self.n_rows + np.arange(n), place, of_shipment]).astype(np.float64)


def templates(texts: Texts) -> Texts:
    """Return the template of each text, shape (n,)."""
    codes, values = pd.factorize(texts)
    return np.array([sceptic.template(text) for text in values], dtype=object)[codes]
