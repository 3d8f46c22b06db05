"""Keys, counts and rates of an office's own data (`features.groups.own.group`), row by row."""

from __future__ import annotations

from typing import Final

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MASK: Final = 0xFFFFFFFFFFFFFFFF
_GOLDEN: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def mixed(parts: list[IntArray], needed: int) -> IntArray:
    """(n,) one 64-bit key from several (n,): finaliser of SplitMix64 (Steele, Lea and Flood 2014).

    A part that is 0 is missing. The key is 0 where fewer than ``needed`` parts are there, and nowhere else.
    """
    stacked = np.stack(parts).view(np.uint64)
    keys = np.empty(stacked.shape[1], dtype=np.uint64)
    bits = stacked
    view = keys
    width = bits.shape[0]
    with cython.nogil:
        for row in range(bits.shape[1]):
            key = _GOLDEN
            there = 0
            for part in range(width):
                value = bits[part, row]
                if value != 0:
                    there += 1
                key = _finalised(key ^ value)
            view[row] = 0 if there < needed else key if key != 0 else 1
    return keys.view(np.int64)


def _finalised(key: int) -> int:
    key = int(key)
    key = ((key ^ (key >> 30)) * _FIRST) & _MASK
    key = ((key ^ (key >> 27)) * _SECOND) & _MASK
    return key ^ (key >> 31)


def look_up(
    keys: IntArray, rows: IntArray, known: IntArray, finds: IntArray, asked: IntArray, found: FloatArray
) -> None:
    """Write into ``found`` (3, n) the counts ``rows``, ``known`` and ``finds`` (m,) of the ``asked`` keys (n,), 0 for others.

    ``keys`` (m,), to which the counts belong, are ascending.
    """
    learned = keys
    of_rows = rows
    of_known = known
    of_finds = finds
    wanted = asked
    view = found
    with cython.nogil:
        for row in range(wanted.shape[0]):
            key = wanted[row]
            low = 0
            high = learned.shape[0]
            while low < high:
                middle = (low + high) // 2
                if learned[middle] < key:
                    low = middle + 1
                else:
                    high = middle
            if low < learned.shape[0] and learned[low] == key:
                view[0, row] = of_rows[low]
                view[1, row] = of_known[low]
                view[2, row] = of_finds[low]
            else:
                view[0, row] = 0.0
                view[1, row] = 0.0
                view[2, row] = 0.0


def smoothed(
    known: FloatArray, finds: FloatArray, overall: FloatArray, parents: NDArray[np.int32], weights: FloatArray
) -> FloatArray:
    """(k, n) find rates of k keys, each drawn towards its parent's as by ``weights`` (k,) results.

    Args:
        known, finds: (k, n).
        overall: (n,) the rate of all, towards which keys without a parent are drawn.
        parents: (k,) the number of each key's parent, which stands before it; -1 for none.
    """
    rates: FloatArray = np.empty(known.shape)
    of_known = known
    of_finds = finds
    of_all = overall
    above = parents
    strength = weights
    view = rates
    with cython.nogil:
        for key in range(view.shape[0]):
            parent = above[key]
            weight = strength[key]
            for row in range(view.shape[1]):
                towards = view[parent, row] if parent >= 0 else of_all[row]
                view[key, row] = (of_finds[key, row] + weight * towards) / (of_known[key, row] + weight)
    return rates
