"""Work buffers for a batch of shipments, and the cache of recent shipments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.history.columns import HistoryColumn
from features.groups.history.reads import LOG1P_FEATURES, LogColumn
from features.groups.history.state import INSPECTED, KEY_ROWS, UNDECLARED, Amount, Entity, KeyRow, PartyColumn, Window

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_TIME = cython.declare(cython.Py_ssize_t, KeyRow.TIME)
_REFERENCE = cython.declare(cython.Py_ssize_t, KeyRow.REFERENCE)
_IDENTITY = cython.declare(cython.Py_ssize_t, KeyRow.IDENTITY)
_UNDECLARED = cython.declare(cython.longlong, UNDECLARED)
_UNDECLARED_BELOW = cython.declare(cython.longlong, UNDECLARED // 2)
_WINDOWS = cython.declare(cython.Py_ssize_t, len(Window))
_DAY_HOURS = cython.declare(cython.longlong, 24)
_HOUR_SECONDS = cython.declare(cython.longlong, 3600)
_NAN = cython.declare(cython.double, float("nan"))
#: Marks a shipment that is not a repeat, and the end of a chain of shipments.
_NO_SHIPMENT = cython.declare(cython.longlong, -1)


class Batch:
    """Work buffers for up to ``room`` shipments, of which ``n`` are in use.

    Attributes:
        keys: (KEY_ROWS, room) keys of the shipments.
        values: (room, H) features; NaN without an entity or a past. `finish` writes the logarithms last.
        log1p, log: (room, ...) numbers whose logarithms are features, in the order of `LOG1P_FEATURES` and `LogColumn`.
        late: (room,) 1 if the time of the shipment is before that of an earlier shipment.
        counted: (room,) 1 if the shipment is counted, because no recent shipment has the same reference.
        repeat_of: (room,) number of the earlier shipment whose values an unchanged repeat gets; -1 for others.
        slots: (entities, room) slot of each entity in its store.
        block: (windows, room) number of the current block of each window.
        hours_left: (windows, room) remaining hours of the current block of each window.
        days: (windows,) lengths of the windows.
        new_pair, new_occupant, new_address: (room,) 1 if the pair of parties, the name at the address, or the address of this
            consignor's goods is new.
        chapter_shipments, heading_shipments: (room,) earlier shipments of the consignor with the chapter and with the heading.
        has_finds: (inspected parties, room) 1 if the party has known finds.
        declared: latest declared time, see `load`.
        first_day: day of the first counted shipment of the history; -1 if there is none.
        finds, clean: numbers of finds and of clean inspections known so far, of all shipments.
        state, gaps, amounts: buffers for one entity: its state before the shipment, the number of blocks since its last
            shipment per window, and the amounts of the shipment.
    """

    def __init__(self, room: int) -> None:
        self.room, self.n = room, 0
        self.keys: IntArray = np.empty((KEY_ROWS, room), dtype=np.int64)
        self.values: FloatArray = np.empty((room, len(HistoryColumn)))
        # Keep the arrays of these memory views, because creating an array from a view takes microseconds.
        self.log1p_rows: FloatArray = np.empty((room, len(LOG1P_FEATURES)))
        self.log_rows: FloatArray = np.empty((room, len(LogColumn)))
        self.log1p, self.log = self.log1p_rows, self.log_rows
        self.late: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.counted: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.repeat_of: IntArray = np.empty(room, dtype=np.int64)
        self.slots: NDArray[np.int32] = np.empty((len(Entity), room), dtype=np.int32)
        self.block: IntArray = np.empty((len(Window), room), dtype=np.int64)
        self.hours_left: IntArray = np.empty((len(Window), room), dtype=np.int64)
        self.days: IntArray = np.array([window.days for window in Window], dtype=np.int64)
        self.new_pair: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.new_occupant: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.new_address: NDArray[np.int8] = np.empty(room, dtype=np.int8)
        self.chapter_shipments: IntArray = np.empty(room, dtype=np.int64)
        self.heading_shipments: IntArray = np.empty(room, dtype=np.int64)
        self.has_finds: NDArray[np.int8] = np.empty((len(INSPECTED), room), dtype=np.int8)
        self.finds = self.clean = self.declared = 0
        self.first_day = -1
        self.state: IntArray = np.zeros(len(PartyColumn), dtype=np.int64)
        self.gaps: IntArray = np.zeros(len(Window), dtype=np.int64)
        self.amounts: IntArray = np.zeros(len(Amount), dtype=np.int64)

    def load(self, keys: IntArray, watermark: int, declared: int) -> int:
        """Copy the keys (KEY_ROWS, n) of shipments into the batch and return the latest time.

        Args:
            watermark: latest time so far, in seconds since 1970.
            declared: latest declared time so far. Afterwards the attribute ``declared`` has that of the batch.
        """
        n = self.n = keys.shape[1]
        for line in range(keys.shape[0]):
            for row in range(n):
                self.keys[line, row] = keys[line, row]
        for row in range(n):
            time = self.keys[_TIME, row]
            if time < _UNDECLARED_BELOW:
                # A time of receipt counts only until a time is declared.
                self.late[row] = 0
                time -= _UNDECLARED
                if declared == 0 and time > watermark:
                    watermark = time
            else:
                self.late[row] = time < declared
                declared = max(declared, time)
                watermark = max(watermark, time)
            hour = watermark // _HOUR_SECONDS
            for window in range(_WINDOWS):
                hours = self.days[window] * _DAY_HOURS
                self.block[window, row] = hour // hours
                self.hours_left[window, row] = hours - hour % hours
            self.new_pair[row] = self.new_occupant[row] = self.new_address[row] = 0
            self.chapter_shipments[row] = self.heading_shipments[row] = 0
            for column in range(self.values.shape[1]):
                self.values[row, column] = _NAN
            for column in range(self.log1p.shape[1]):
                self.log1p[row, column] = _NAN
            for column in range(self.log.shape[1]):
                self.log[row, column] = _NAN
        self.declared = declared
        return watermark

    def raise_to(self, row: int, feature: int, value: float) -> None:
        """Set a feature to ``value`` if the feature is missing or smaller. NaN is ignored."""
        if value == value and not self.values[row, feature] >= value:
            self.values[row, feature] = value


@dataclass(frozen=True, slots=True, eq=False)
class RecentBackup:
    """Backup of some buckets (b,) and ring positions (p,) of `RecentShipments`, with their content."""

    buckets: IntArray
    newest: IntArray
    positions: IntArray
    previous: IntArray
    reference: IntArray
    identity: IntArray
    values: FloatArray


class RecentShipments:
    """Cache of recent shipments, so that each reference is counted once.

    An unchanged repeat gets the values of the first shipment again. A repeat with other content gets new values. All shipments are
    numbered in order of arrival, including repeats. The reference of a counted shipment is cached until ``size`` further shipments
    have arrived. Shipments whose references share a bucket form a chain from the newest to the oldest, like matches in zlib's
    deflate. An expired shipment ends its chain, so no entry needs to be removed.

    Attributes:
        met: number of shipments so far.
        newest: (buckets,) number of the newest shipment in each bucket.
        previous: (size,) number of the previous shipment in the chain. This array and those below are ring buffers.
        reference, identity: (size,) hashes of the reference and of the content.
        values: (size, H) features.
    """

    def __init__(self, size: int) -> None:
        self.size, self.met = size, 0
        buckets = 2
        while buckets < 2 * size:
            buckets *= 2
        self.newest: IntArray = np.full(buckets, _NO_SHIPMENT, dtype=np.int64)
        self.previous: IntArray = np.zeros(size, dtype=np.int64)
        self.reference: IntArray = np.zeros(size, dtype=np.int64)
        self.identity: IntArray = np.zeros(size, dtype=np.int64)
        self.values: FloatArray = np.zeros((size, len(HistoryColumn)))

    def copy(self) -> RecentShipments:
        """Return an independent copy."""
        other = RecentShipments(self.size)
        # The unused part of the ring buffers takes no memory until it is written.
        used = min(self.met, self.size)
        other.met = self.met
        other.newest[:] = self.newest
        other.previous[:used] = self.previous[:used]
        other.reference[:used] = self.reference[:used]
        other.identity[:used] = self.identity[:used]
        other.values[:used] = self.values[:used]
        return other

    def backup(self, references: IntArray) -> RecentBackup:
        """Return a backup for `roll_back`. Call this before adding shipments with the given references (n,)."""
        positions = (self.met + np.arange(min(len(references), self.size))) % self.size
        buckets = references & (self.newest.shape[0] - 1)
        return RecentBackup(
            buckets,
            _content(self.newest, buckets),
            positions,
            _content(self.previous, positions),
            _content(self.reference, positions),
            _content(self.identity, positions),
            _content(self.values, positions),
        )

    def roll_back(self, backup: RecentBackup) -> None:
        """Restore the state of the backup, except for ``met``."""
        np.asarray(self.newest)[backup.buckets] = backup.newest
        np.asarray(self.previous)[backup.positions] = backup.previous
        np.asarray(self.reference)[backup.positions] = backup.reference
        np.asarray(self.identity)[backup.positions] = backup.identity
        np.asarray(self.values)[backup.positions] = backup.values

    def match(self, batch: Batch, update: bool) -> None:
        """Set ``counted`` and ``repeat_of`` of a batch.

        Without ``update``, no shipment is counted or cached.
        """
        mask = self.newest.shape[0] - 1
        for row in range(batch.n):
            here = self.met + row
            reference = batch.keys[_REFERENCE, row]
            bucket = reference & mask
            number = self.newest[bucket]
            while number >= 0 and here - number < self.size and self.reference[number % self.size] != reference:
                number = self.previous[number % self.size]
            batch.repeat_of[row] = _NO_SHIPMENT
            batch.counted[row] = 0
            if number >= 0 and here - number < self.size:
                if self.identity[number % self.size] == batch.keys[_IDENTITY, row]:
                    batch.repeat_of[row] = number
            elif update:
                batch.counted[row] = 1
                position = here % self.size
                self.reference[position] = reference
                self.identity[position] = batch.keys[_IDENTITY, row]
                self.previous[position] = self.newest[bucket]
                self.newest[bucket] = here

    def finish(self, batch: Batch, values: FloatArray, late: NDArray[np.int8], log1p: IntArray, log: IntArray) -> int:
        """Write the values of a batch, cache those of counted shipments, and return the number of counted shipments.

        Args:
            values: (n, H) output: features.
            late: (n,) output: 1 for a late shipment.
            log1p, log: feature of each column of ``batch.log1p`` and of ``batch.log``, which must contain logarithms.
        """
        counted = 0
        for row in range(batch.n):
            here = self.met + row
            late[row] = batch.late[row]
            number = batch.repeat_of[row]
            for position in range(log1p.shape[0]):
                batch.values[row, log1p[position]] = batch.log1p[row, position]
            for position in range(log.shape[0]):
                batch.raise_to(row, log[position], batch.log[row, position])
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


def _content(array: NDArray[Any], rows: IntArray) -> NDArray[Any]:
    """Return the given rows of an array or memory view."""
    content: NDArray[Any] = np.asarray(array)[rows]
    return content
