"""Drafts: the loosest few conditions that finds share and other traffic hardly meets.

A draft opens little other traffic and should meet the next shipments of the same scheme. Its expected recall R is the share of the
finds that meet it, shrunk towards the product of the stabilities of its conditions as if of `SHRINKAGE` further finds. Its share of
other traffic is q, shrunk by half a shipment. The weight ln(R / q) is its log-lift, shrunk for few finds. A draft with a share
below `TARGET` gains nothing by getting rarer, so that it stays as loose as it can be: among other traffic are the shipments of the
scheme that nobody has opened. A draft that selects nearly the traffic of one country, place or currency is one on an origin in
disguise, and is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.table import Coded
    from service.proposals.literals import Literal

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

#: Most conditions of a draft, and most drafts.
MOST_CONDITIONS: Final = 3
MOST_DRAFTS: Final = 3
#: Finds that the assumed stabilities count for.
SHRINKAGE: Final = 2.0
#: Share of a find that meets an alternative of its own which counts against the recall.
UNPROVEN: Final = 0.5
#: Share of other traffic below which rarer is no better.
TARGET: Final = 0.004
#: Largest share of other traffic that a draft may open.
LARGEST: Final = 0.01
#: Overlap (F1) with the traffic of an origin from which a draft stands for it, and the fewest items of such traffic.
_DISGUISED: Final = 0.8
_LEAST_TRAFFIC: Final = 5
#: Overlap with an earlier draft from which a draft says the same in other words.
_SAME: Final = 0.8
#: Drafts of one size that are kept for the next.
_BEAM: Final = 60


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A draft.

    Attributes:
        literals: its conditions.
        found: number of finds that meet it.
        share: share of other traffic that meets it.
        weight: shrunk log-lift, in natural logs.
    """

    literals: tuple[Literal, ...]
    found: int
    share: float
    weight: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    parts: tuple[int, ...]
    score: float
    recall: float
    share: float
    found: int


def drafts_of(
    literals: Sequence[Literal], of_find: BoolArray, shipment: IntArray, origins: Sequence[Coded] = ()
) -> list[Draft]:
    """Return the best drafts, which differ from each other in conditions and shipments, the best first.

    Of several finds, each draft meets at least two and at least half.

    Args:
        of_find: (n,) whether the item belongs to a find; the other items are other traffic.
        shipment: (n,) shipment of each item, in ascending order.
        origins: columns of countries, places and currencies.
    """
    if not literals:
        return []
    search = _Search(literals, of_find, shipment)
    beam = sorted((search.candidate((number,)) for number in range(len(literals))), key=_order)[:_BEAM]
    every = list(beam)
    for _ in range(MOST_CONDITIONS - 1):
        larger = {
            tuple(sorted((*one.parts, number)))
            for one in beam
            for number in range(len(literals))
            if all(literals[number].about != literals[part].about for part in one.parts)
        }
        beam = sorted((search.candidate(parts) for parts in sorted(larger)), key=_order)[:_BEAM]
        every += beam
    chosen: dict[_Candidate, BoolArray] = {}
    for one in sorted(every, key=_order):
        if one.share > LARGEST or one.found < search.fewest:
            continue
        rows = np.logical_and.reduce([literals[part].holds for part in one.parts])
        differs = all(
            len(set(one.parts) & set(other.parts)) <= 1 and _overlap(rows, opened) <= _SAME
            for other, opened in chosen.items()
        )
        if differs and not any(_is_origin(rows, column) for column in origins):
            chosen[one] = rows
        if len(chosen) == MOST_DRAFTS:
            break
    return [
        Draft(tuple(literals[part] for part in one.parts), one.found, one.share, math.log(one.recall / one.share))
        for one in chosen
    ]


def _order(one: _Candidate) -> tuple[float, int, tuple[int, ...]]:
    return -one.score, len(one.parts), one.parts


def _overlap(rows: BoolArray, others: BoolArray) -> float:
    """Return the share of the items in either selection that are in both."""
    return float((rows & others).sum() / max(int((rows | others).sum()), 1))


def _is_origin(rows: BoolArray, column: Coded) -> bool:
    """Return whether some items (n,) are nearly those with one value of a column."""
    codes, total = column.codes, np.bincount(column.codes + 1, minlength=len(column.values) + 1)
    common = np.bincount(codes[rows] + 1, minlength=len(total))
    overlap = 2.0 * common / (int(rows.sum()) + total)
    return bool((overlap[1:][total[1:] >= _LEAST_TRAFFIC] > _DISGUISED).any())


class _Search:
    """Scores of conjunctions, on bits: a word holds 8 items."""

    def __init__(self, literals: Sequence[Literal], of_find: BoolArray, shipment: IntArray) -> None:
        self._stable = [one.stable for one in literals]
        self._finds = [one.holds[of_find] for one in literals]
        self._single = [None if one.single is None else one.single[of_find] for one in literals]
        self._of_finds = shipment[of_find]
        self._count = len(np.unique(self._of_finds))
        self.fewest = min(self._count, max(2, -(-self._count // 2)))
        self._others = np.packbits(np.array([one.holds[~of_find] for one in literals]), axis=1)
        # Shipments of other traffic have few items, so items stand for them.
        self._total = int((~of_find).sum())

    def candidate(self, parts: tuple[int, ...]) -> _Candidate:
        """Return a conjunction with its score."""
        finds = np.logical_and.reduce([self._finds[part] for part in parts])
        found = len(np.unique(self._of_finds[finds]))
        others = np.bitwise_and.reduce(self._others[list(parts)], axis=0)
        share = (int(np.bitwise_count(others).sum()) + 0.5) / (self._total + 1)
        assumed = math.prod(self._stable[part] for part in parts)
        recall = (found - self._unproven(parts, finds) + SHRINKAGE * assumed) / (self._count + SHRINKAGE)
        return _Candidate(parts, math.log(recall / max(share, TARGET)), recall, share, found)

    def _unproven(self, parts: tuple[int, ...], finds: BoolArray) -> float:
        """Return the number of finds that tell nothing of the next shipments, because each has an alternative of its own."""
        alone = [single for part in parts if (single := self._single[part]) is not None]
        return UNPROVEN * len(np.unique(self._of_finds[finds & np.logical_or.reduce(alone)])) if alone else 0.0
