"""Weigh the evidence of feature rows.

A term has a strength from 0 to 1; it is 0 if the value is missing. The strength of a clause is the maximum of its terms, and the
strength of an entry is the minimum of its clauses. An entry's weight is its strength times its log-odds. The weights of a group
are added up for each sign separately. Only the alternative entry with the largest weight counts. The largest weight of
the group counts in full, and the others are multiplied by the group's `d`. The log-odds of a head are its base value plus the sums
of all groups.

Each row is computed alone and in a fixed order of operations, so one row and many rows give bit-identical results.
"""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


class Weigher:
    """Entries of a prior as flat arrays. The entries of each set of alternatives are contiguous, and so are the sets of each group.

    Args:
        terms: (column, low, high, is_ramp) arrays (T,). A step is 1 from low to high inclusive and 0 elsewhere. A ramp rises from
            0 at low to 1 at high; it falls if low is above high.
        first_term: (C + 1,) first term of each of the C clauses, and T.
        first_clause: (E + 1,) first clause of each entry, and C.
        first_entry: (S + 1,) first entry of each set of alternatives, and E.
        first_set: (G + 1,) first set of each group, and S.
        d: (G,) factor of each group for all but the largest weight, 0 to 1.
        base: (K,) log-odds of each head without any evidence.
        log_odds: (E, K) log-odds of each entry at full strength; 0 for heads that it does not concern.
    """

    def __init__(
        self,
        terms: tuple[IntArray, FloatArray, FloatArray, NDArray[np.uint8]],
        first_term: IntArray,
        first_clause: IntArray,
        first_entry: IntArray,
        first_set: IntArray,
        d: FloatArray,
        base: FloatArray,
        log_odds: FloatArray,
    ) -> None:
        self.column, self.low, self.high, self.is_ramp = terms
        self.first_term = first_term
        self.first_clause = first_clause
        self.first_entry = first_entry
        self.first_set = first_set
        self.d = d
        self.base = base
        self.weight = log_odds

    def totals(self, matrix: FloatArray, out: FloatArray) -> None:
        """Write the prior log-odds of C-ordered feature rows (n, F) into ``out`` (n, K)."""
        strength = np.empty(self.weight.shape[0])
        contributions = np.empty(self.weight.shape[0])
        with cython.nogil:
            for row in range(matrix.shape[0]):
                self._measure(matrix, row, strength)
                for head in range(self.weight.shape[1]):
                    out[row, head] = self._weigh_head(strength, head, contributions)

    def contributions(self, matrix: FloatArray, head: int, out: FloatArray) -> None:
        """Write the contribution of each entry to one head's log-odds of C-ordered feature rows (n, F) into ``out`` (n, E)."""
        strength = np.empty(self.weight.shape[0])
        with cython.nogil:
            for row in range(matrix.shape[0]):
                self._measure(matrix, row, strength)
                self._weigh_head(strength, head, out[row])

    def strengths(self, matrix: FloatArray, out: FloatArray) -> None:
        """Write the strength of each entry, 0 to 1, for C-ordered feature rows (n, F) into ``out`` (n, E)."""
        with cython.nogil:
            for row in range(matrix.shape[0]):
                self._measure(matrix, row, out[row])

    def _measure(self, matrix: FloatArray, row: int, strength: FloatArray) -> None:
        """Write the strength (E,) of each entry. A term is 0 if the value is missing, because comparisons with NaN are false."""
        for entry in range(strength.shape[0]):
            smallest = 1.0
            for clause in range(self.first_clause[entry], self.first_clause[entry + 1]):
                largest = 0.0
                for term in range(self.first_term[clause], self.first_term[clause + 1]):
                    x = matrix[row, self.column[term]]
                    low = self.low[term]
                    high = self.high[term]
                    if self.is_ramp[term]:
                        x = (x - low) / (high - low)
                        if x > largest:
                            largest = x if x < 1.0 else 1.0
                    elif low <= x and x <= high:
                        largest = 1.0
                if largest < smallest:
                    smallest = largest
                if smallest == 0.0:
                    break
            strength[entry] = smallest

    def _weigh_head(self, strength: FloatArray, head: int, contributions: FloatArray) -> float:
        """Write the contribution (E,) of each entry and return the head's log-odds."""
        total: float = self.base[head]
        for group in range(self.d.shape[0]):
            first = self.first_entry[self.first_set[group]]
            end = self.first_entry[self.first_set[group + 1]]
            # Skip a group without a firing entry. Most groups have none.
            entry = first
            while entry < end and strength[entry] == 0.0:
                contributions[entry] = 0.0
                entry += 1
            if entry == end:
                continue
            d = self.d[group]
            most_for = -1
            most_against = -1
            highest = 0.0
            lowest = 0.0
            for alternatives in range(self.first_set[group], self.first_set[group + 1]):
                best = -1
                worst = -1
                top = 0.0
                bottom = 0.0
                for entry in range(self.first_entry[alternatives], self.first_entry[alternatives + 1]):
                    contributions[entry] = 0.0
                    weight = strength[entry] * self.weight[entry, head]
                    if weight > top:
                        top = weight
                        best = entry
                    elif weight < bottom:
                        bottom = weight
                        worst = entry
                if best >= 0:
                    contributions[best] = d * top
                    if top > highest:
                        highest = top
                        most_for = best
                if worst >= 0:
                    contributions[worst] = d * bottom
                    if bottom < lowest:
                        lowest = bottom
                        most_against = worst
            if most_for >= 0:
                contributions[most_for] = highest
            if most_against >= 0:
                contributions[most_against] = lowest
            for entry in range(first, end):
                total += contributions[entry]
        return total
