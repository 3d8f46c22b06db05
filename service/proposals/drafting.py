"""Drafts: the loosest few conditions that finds share and other traffic hardly meets.

A draft opens little other traffic and should meet the next shipments of the same scheme. Its expected recall R is the share of the
finds that meet it, shrunk towards the product of the stabilities of its conditions as if of `SHRINKAGE` further finds. Its share of
other traffic is q, shrunk by half a shipment. The weight ln(R / q) is its log-lift, shrunk for few finds. A draft with a share
below `TARGET` gains nothing by getting rarer, so that it stays as loose as it can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from service.proposals.literals import Literal

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

#: Most conditions of a draft, and most drafts.
MOST_CONDITIONS: Final = 3
MOST_DRAFTS: Final = 3
#: Finds that the assumed stabilities count for.
SHRINKAGE: Final = 2.0
#: Share of other traffic that a draft may open.
TARGET: Final = 0.001
#: Largest share of other traffic that a draft may open.
LARGEST: Final = 0.01
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


def drafts_of(literals: Sequence[Literal], of_find: BoolArray, shipment: IntArray) -> list[Draft]:
    """Return the best drafts, which differ from each other in all conditions but one, the best first.

    Of several finds, each draft meets at least two and at least half.

    Args:
        of_find: (n,) whether the item belongs to a find; the other items are other traffic.
        shipment: (n,) shipment of each item, in ascending order.
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
    chosen: list[_Candidate] = []
    for one in sorted(every, key=_order):
        if one.share > LARGEST or one.found < search.fewest:
            continue
        if all(len(set(one.parts) & set(other.parts)) <= 1 and one.parts != other.parts for other in chosen):
            chosen.append(one)
        if len(chosen) == MOST_DRAFTS:
            break
    return [
        Draft(tuple(literals[part] for part in one.parts), one.found, one.share, math.log(one.recall / one.share))
        for one in chosen
    ]


def _order(one: _Candidate) -> tuple[float, int, tuple[int, ...]]:
    return -one.score, len(one.parts), one.parts


class _Search:
    """Scores of conjunctions, on bits: a word holds 8 items."""

    def __init__(self, literals: Sequence[Literal], of_find: BoolArray, shipment: IntArray) -> None:
        self._stable = [one.stable for one in literals]
        self._finds = [one.holds[of_find] for one in literals]
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
        recall = (found + SHRINKAGE * assumed) / (self._count + SHRINKAGE)
        return _Candidate(parts, math.log(recall / max(share, TARGET)), recall, share, found)
