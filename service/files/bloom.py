"""A blocked Bloom filter: all marks of a key lie in one line of the processor's cache."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

U64Array = NDArray[np.uint64]


def remember(
    words: U64Array, blocks: NDArray[np.int64], first: U64Array, second: U64Array, seen: NDArray[np.uint8]
) -> None:
    """Set the marks of n keys, one after another, and say of each whether all of them were set before.

    Args:
        words: (m, 8) the filter, changed in place.
        blocks: (n,) which of the m blocks a key belongs to.
        first, second: (n,) per key two hashes; each sets one bit in each word of the block, by six of its bits.
        seen: (n,) becomes 1 where all marks were set before, else 0.
    """
    n = blocks.shape[0]
    bit = 1
    with cython.nogil:
        for i in range(n):
            block = blocks[i]
            a = first[i]
            b = second[i]
            known = 1
            for k in range(8):
                marks = bit << (a & 63) | bit << (b & 63)
                word = words[block, k]
                if word & marks != marks:
                    known = 0
                    words[block, k] = word | marks
                a = a >> 6
                b = b >> 6
            seen[i] = known
