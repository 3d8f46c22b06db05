"""The shipments of one pass through history, and the shipments met last."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Rows of a matrix of keys (`features.groups.history.keys`); the keys of 13 kinds of entities follow from ``KEYS`` on.
TIME, REFERENCE, IDENTITY, CENTS, GRAMS, PRESS, LIMIT, SHIPPER, RECEIVER, KEYS = range(10)
KINDS = 13
PARTY_KINDS = 5
#: Windows of 1, 7, 30 and 365 days.
LENGTHS = 4
DAY_HOURS = 24
#: What a shipment adds to a party (`features.groups.history.state.AMOUNTS`).
AMOUNTS = 10
MISSING = float("nan")


class Batch:
    """Working memory for up to ``room`` shipments of one pass, ``n`` of them in use.

    ``values`` (room, features), ``log1p`` and ``log`` (room, logarithms of that kind) are written by the visits; NaN where
    there is no entity or no past.
    """

    def __init__(self, room: int, features: int, log1ps: int, logs: int) -> None:
        self.room, self.n = room, 0
        self.keys: IntArray = np.empty((KEYS + KINDS, room), dtype=np.int64)
        self.values: FloatArray = np.empty((room, features))
        self.log1p: FloatArray = np.empty((room, log1ps))
        self.log: FloatArray = np.empty((room, logs))
        self.late: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.counted: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        #: Number of the shipment whose values a repeated one has again; -1 for others.
        self.source: IntArray = np.empty(room, dtype=np.int64)
        self.slots: NDArray[np.int32] = np.empty((KINDS, room), dtype=np.int32)
        #: Of each window the number of the present block, and the hours of it still to come.
        self.block: IntArray = np.empty((LENGTHS, room), dtype=np.int64)
        self.left: IntArray = np.empty((LENGTHS, room), dtype=np.int64)
        self.hours: IntArray = DAY_HOURS * np.array([1, 7, 30, 365], dtype=np.int64)
        #: Whether a pair, a name at an address, and an address of a consignor is met for the first time.
        self.new_pair: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.new_occupant: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.new_address: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        #: Whether finds are known of a party.
        self.found: NDArray[np.int8] = np.empty((PARTY_KINDS, room), dtype=np.int8)
        #: Scratch for one entity: its state as of the shipment, and what the shipment adds.
        self.seen: IntArray = np.zeros(64, dtype=np.int64)
        self.gaps: IntArray = np.zeros(LENGTHS, dtype=np.int64)
        self.amounts: IntArray = np.zeros(AMOUNTS, dtype=np.int64)
        self.finds = self.clean = 0

    def load(self, keys: IntArray, watermark: int) -> int:
        """Take in the keys (rows, n) of shipments that follow ``watermark``; returns the watermark after them."""
        n = self.n = keys.shape[1]
        for line in range(keys.shape[0]):
            for row in range(n):
                self.keys[line, row] = keys[line, row]
        for row in range(n):
            time = self.keys[TIME, row]
            self.late[row] = time < watermark
            watermark = max(watermark, time)
            hour = watermark // 3600
            for length in range(LENGTHS):
                hours = self.hours[length]
                self.block[length, row] = hour // hours
                self.left[length, row] = hours - hour % hours
            self.new_pair[row] = self.new_occupant[row] = self.new_address[row] = 0
            for column in range(self.values.shape[1]):
                self.values[row, column] = MISSING
            for column in range(self.log1p.shape[1]):
                self.log1p[row, column] = MISSING
            for column in range(self.log.shape[1]):
                self.log[row, column] = MISSING
        return watermark

    def at_least(self, row: int, feature: int, value: float) -> None:
        """Raise a value to another; a missing one becomes it, and a missing other changes nothing."""
        if value == value and not self.values[row, feature] >= value:
            self.values[row, feature] = value


class References:
    """The shipments met last, so that one sent again counts once and meets the history that it met before.

    Shipments are numbered as they are met, those sent again included. The reference of one that counts is remembered while
    fewer than ``size`` came after it. Shipments whose references share a bucket form a chain from the newest to the oldest
    (as matches do in zlib's deflate): what is too old ends a chain, so nothing is ever taken out.
    """

    def __init__(self, size: int, features: int) -> None:
        self.size, self.met = size, 0
        buckets = 2
        while buckets < 2 * size:
            buckets *= 2
        #: Numbers of the newest shipment of each bucket, and of the one before each shipment.
        self.newest: IntArray = np.full(buckets, -1, dtype=np.int64)
        self.before: IntArray = np.zeros(size, dtype=np.int64)
        #: (size, ...) in a ring, by number.
        self.reference: IntArray = np.zeros(size, dtype=np.int64)
        self.identity: IntArray = np.zeros(size, dtype=np.int64)
        self.values: FloatArray = np.zeros((size, features))

    def copy(self) -> References:
        other = References(self.size, self.values.shape[1])
        other.met = self.met
        used = min(self.met, self.size)
        other.newest[:] = self.newest
        other.before[:used] = self.before[:used]
        other.reference[:used] = self.reference[:used]
        other.identity[:used] = self.identity[:used]
        other.values[:used] = self.values[:used]
        return other

    def saved(self, references: IntArray) -> list[tuple[NDArray[Any], IntArray, NDArray[Any]]]:
        """What `put_back` needs after shipments with these references were met."""
        places = (self.met + np.arange(min(len(references), self.size))) % self.size
        buckets = references & (self.newest.shape[0] - 1)
        return [
            _content(self.newest, buckets),
            _content(self.before, places),
            _content(self.reference, places),
            _content(self.identity, places),
            _content(self.values, places),
        ]

    def put_back(self, saved: list[tuple[NDArray[Any], IntArray, NDArray[Any]]]) -> None:
        """Remember what was remembered before."""
        for array, rows, content in saved:
            array[rows] = content

    def meet(self, batch: Batch, update: bool) -> None:
        """Which shipments count, and of those that came before unchanged whose values they have.

        Without ``update`` none counts and none is remembered.
        """
        mask = self.newest.shape[0] - 1
        for row in range(batch.n):
            here = self.met + row
            reference = batch.keys[REFERENCE, row]
            bucket = reference & mask
            number = self.newest[bucket]
            while number >= 0 and here - number < self.size and self.reference[number % self.size] != reference:
                number = self.before[number % self.size]
            batch.source[row] = -1
            batch.counted[row] = 0
            if number >= 0 and here - number < self.size:
                if self.identity[number % self.size] == batch.keys[IDENTITY, row]:
                    batch.source[row] = number
            elif update:
                batch.counted[row] = 1
                place = here % self.size
                self.reference[place] = reference
                self.identity[place] = batch.keys[IDENTITY, row]
                self.before[place] = self.newest[bucket]
                self.newest[bucket] = here

    def finish(self, batch: Batch, values: FloatArray, late: NDArray[np.bool_], log1p: IntArray, log: IntArray) -> int:
        """Write out a pass, and keep the values of the shipments that count; returns their number.

        Args:
            values: (n, features) to be written; ``late`` (n,) likewise.
            log1p, log: features of the logarithms, by which their arguments have been replaced by now.
        """
        counted = 0
        for row in range(batch.n):
            here = self.met + row
            late[row] = batch.late[row]
            number = batch.source[row]
            for position in range(log1p.shape[0]):
                batch.values[row, log1p[position]] = batch.log1p[row, position]
            for position in range(log.shape[0]):
                batch.at_least(row, log[position], batch.log[row, position])
            for column in range(batch.values.shape[1]):
                if number < 0:
                    values[row, column] = batch.values[row, column]
                elif number >= self.met:
                    values[row, column] = values[number - self.met, column]
                else:
                    values[row, column] = self.values[number % self.size, column]
            if batch.counted[row]:
                counted += 1
                for column in range(batch.values.shape[1]):
                    self.values[here % self.size, column] = values[row, column]
        return counted


def _content(array: NDArray[Any], rows: IntArray) -> tuple[NDArray[Any], IntArray, NDArray[Any]]:
    whole = np.asarray(array)
    return whole, rows, whole[rows]
