"""Which features lead their reasons, for all explained goods items at once."""

from __future__ import annotations

import cython
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def leads(
    contributions: FloatArray,
    members: NDArray[np.int32],
    first_member: NDArray[np.int32],
    weights: FloatArray,
    out: NDArray[np.int32],
) -> None:
    """Write into ``out`` (n, codes) per reason the feature that moved the score most in the direction of its weight.

    Args:
        contributions: (n, F or more) of the features.
        members: (F,) features, reason after reason; those of reason r begin at ``first_member[r]`` and end before
            ``first_member[r + 1]``. Of equal ones the first leads.
        weights: (n, codes) of the reasons.
    """
    with cython.nogil:
        for row in range(weights.shape[0]):
            for reason in range(weights.shape[1]):
                sign = 1.0 if weights[row, reason] >= 0.0 else -1.0
                lead = members[first_member[reason]]
                most = sign * contributions[row, lead]
                for place in range(first_member[reason] + 1, first_member[reason + 1]):
                    x = sign * contributions[row, members[place]]
                    if x > most:
                        most = x
                        lead = members[place]
                out[row, reason] = lead
