"""Postings: which decisions have which hashes, as arrays of one stretch of the log of decisions.

A decision is known by its position in the log. A stretch has the positions from a multiple of `STRETCH` to the next. A block of
postings is bytes: the number of distinct hashes, these in ascending order, the number of places of each, and the places, which are
distances from the beginning of the stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Positions of a stretch. A place in it has two bytes.
STRETCH: Final = 8_192
#: A full stretch is cut by the first bits of the hashes into this number of blocks of about 1 kB: three in a page of SQLite.
PARTS: Final = 1_024
_SHIFT: Final = 32
_HEAD: Final = 4
_HASH, _COUNT, _PLACE = np.dtype("<u8"), np.dtype("<u2"), np.dtype("<u2")
#: Hashes of a part, without the bits that the part names.
_SHORT: Final = np.dtype("<u4")
_MASK: Final = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Postings:
    """Pairs of a hash and a place, sorted by both.

    Attributes:
        hashes: (n,) uint64.
        places: (n,) uint16, distances from the beginning of the stretch.
    """

    hashes: NDArray[np.uint64]
    places: NDArray[np.uint16]

    @classmethod
    def of(cls, hashes: Mapping[int, Iterable[int]]) -> Postings:
        """Return the postings of the hashes of each place."""
        sets = {place: np.fromiter(some, np.uint64) for place, some in hashes.items()}
        if not sets:
            return cls(np.empty(0, np.uint64), np.empty(0, np.uint16))
        lengths = [len(some) for some in sets.values()]
        places = np.repeat(np.fromiter(sets, np.uint16, len(sets)), lengths)
        return _sorted(np.concatenate([*sets.values()]), places)

    @classmethod
    def together(cls, some: Iterable[Postings]) -> Postings:
        """Return the postings of several blocks of one stretch."""
        found = [*some]
        return _sorted(np.concatenate([one.hashes for one in found]), np.concatenate([one.places for one in found]))

    def only(self, places: NDArray[Any], *, invert: bool = False) -> Postings:
        """Return the postings of some places, or of all others."""
        kept = np.isin(self.places, places, invert=invert)
        return Postings(self.hashes[kept], self.places[kept])

    def of_part(self, part: int) -> Postings:
        """Return the postings of a part of the hashes."""
        edges = np.array([part << _SHIFT, (part + 1) << _SHIFT], dtype=np.uint64)
        start, end = np.searchsorted(self.hashes, edges).tolist()
        return Postings(self.hashes[start:end], self.places[start:end])

    def block(self, *, is_part: bool) -> bytes:
        """Return the bytes of a block with all hashes, or of one part of them."""
        distinct, counts = np.unique(self.hashes, return_counts=True)
        kept = (distinct & np.uint64(_MASK)).astype(_SHORT) if is_part else distinct.astype(_HASH)
        arrays = (kept, counts.astype(_COUNT), self.places.astype(_PLACE))
        return len(distinct).to_bytes(_HEAD, "little") + b"".join(array.tobytes() for array in arrays)

    def places_of(self, number: int) -> NDArray[np.uint16]:
        """Return the places of a hash, in ascending order."""
        start, end = np.searchsorted(self.hashes, np.array([number, number + 1], dtype=np.uint64)).tolist()
        return self.places[start:end]

    def parts(self) -> dict[int, bytes]:
        """Return the blocks of a full stretch by their part."""
        of_parts = ((part, self.of_part(part)) for part in range(PARTS))
        return {part: one.block(is_part=True) for part, one in of_parts if len(one.hashes)}


def _sorted(hashes: NDArray[np.uint64], places: NDArray[np.uint16]) -> Postings:
    order = np.lexsort((places, hashes))
    return Postings(hashes[order], places[order])


def part_of(number: int) -> int:
    """Return the part of a full stretch that has a hash."""
    return number >> _SHIFT


def read_block(block: bytes, part: int | None = None) -> Postings:
    """Return the postings of a block.

    Args:
        part: the part of a full stretch that the block is; None for a block with all hashes.
    """
    distinct, counts, places = _arrays(block, _HASH if part is None else _SHORT)
    hashes = distinct.astype(np.uint64)
    if part is not None:
        hashes |= np.uint64(part << _SHIFT)
    return Postings(np.repeat(hashes, counts), places)


def places_of(block: bytes, number: int) -> NDArray[np.uint16]:
    """Return the places of a hash in the block of its part, in ascending order."""
    distinct, counts, places = _arrays(block, _SHORT)
    wanted = _SHORT.type(number & _MASK)
    at = int(np.searchsorted(distinct, wanted))
    if at == len(distinct) or distinct[at] != wanted:
        return places[:0]
    start = int(counts[:at].sum(dtype=np.int64))
    return places[start : start + int(counts[at])]


def _arrays(block: bytes, kind: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    count = int.from_bytes(block[:_HEAD], "little")
    counts = _HEAD + count * kind.itemsize
    places = counts + count * _COUNT.itemsize
    return (
        np.frombuffer(block, kind, count, _HEAD),
        np.frombuffer(block, _COUNT, count, counts),
        np.frombuffer(block, _PLACE, -1, places),
    )


#: Values of positions that no decision has.
NO_TIME: Final = int(np.iinfo(np.int64).min)
NO_RISK: Final = float("nan")
_TIME, _RISK = np.dtype("<i8"), np.dtype("<f8")


@dataclass(frozen=True, slots=True)
class Piece:
    """Decisions of one stretch.

    Attributes:
        first: position of the first one.
        times: (n,) times of receipt of the positions from ``first`` on; `NO_TIME` where there is no decision.
        risks: (n,) their risks; `NO_RISK` where there is none.
        postings: their hashes.
    """

    first: int
    times: NDArray[np.int64]
    risks: NDArray[np.float64]
    postings: Postings

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float]], hashes: Mapping[int, Iterable[int]]) -> Piece:
        """Return the piece of decisions of one stretch, in order.

        Args:
            rows: position, time of receipt and risk of each.
            hashes: hashes by position.
        """
        first, last = rows[0][0], rows[-1][0]
        times = np.full(last - first + 1, NO_TIME, np.int64)
        risks = np.full(last - first + 1, NO_RISK)
        for position, received_at, risk in rows:
            times[position - first], risks[position - first] = received_at, risk
        return cls(first, times, risks, Postings.of({position % STRETCH: some for position, some in hashes.items()}))

    @classmethod
    def together(cls, pieces: Sequence[Piece]) -> Piece:
        """Return pieces of one stretch, which follow each other, as one."""
        first, last = pieces[0].first, pieces[-1].first + len(pieces[-1].times)
        times = np.full(last - first, NO_TIME, np.int64)
        risks = np.full(last - first, NO_RISK)
        for piece in pieces:
            here = slice(piece.first - first, piece.first - first + len(piece.times))
            times[here], risks[here] = piece.times, piece.risks
        return cls(first, times, risks, Postings.together([piece.postings for piece in pieces]))

    def data(self) -> bytes:
        """Return the bytes of a piece."""
        arrays = self.times.astype(_TIME).tobytes(), self.risks.astype(_RISK).tobytes()
        return len(self.times).to_bytes(_HEAD, "little") + b"".join(arrays) + self.postings.block(is_part=False)

    @classmethod
    def read(cls, first: int, data: bytes) -> Piece:
        """Return the piece of `data`."""
        count = int.from_bytes(data[:_HEAD], "little")
        risks = _HEAD + count * _TIME.itemsize
        postings = risks + count * _RISK.itemsize
        times = np.frombuffer(data, _TIME, count, _HEAD)
        return cls(first, times, np.frombuffer(data, _RISK, count, risks), read_block(data[postings:]))
