"""Counts and first positions of distinct texts, in 24 bytes per text."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Texts = NDArray[np.object_]
Ints = NDArray[np.int64]


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

    def known(self, texts: Texts) -> NDArray[np.bool_]:
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

    def _matches(self, keys: NDArray[np.uint64], where: Ints) -> NDArray[np.bool_]:
        if not len(self._keys):
            return np.zeros(len(keys), dtype=np.bool_)
        return np.asarray(self._keys[np.minimum(where, len(self._keys) - 1)] == keys)


def _hashes(values: Texts) -> NDArray[np.uint64]:
    return pd.util.hash_array(np.asarray(values, dtype=object), categorize=False)
