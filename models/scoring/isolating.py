"""Isolation of failures: one shipment that the program cannot score does not stop the scoring of others.

Tests and fuzzing found no readable shipment for which scoring raises an error. If one does, halving the table finds it. That
shipment is reported, and the others are scored.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def failing(count: int, work: Callable[[IntArray], object]) -> dict[int, str]:
    """Return the indices below ``count`` for which ``work`` fails, each with its `fault`.

    Args:
        work: processes an ascending array of indices, and raises an error if it fails for any of them. Each failing index costs
            about 2 log2(count) calls.
    """
    faults: dict[int, str] = {}
    pending = [np.arange(count, dtype=np.int64)]
    while pending:
        part = pending.pop()
        try:
            work(part)
        except Exception as error:
            if len(part) == 1:
                faults[int(part[0])] = fault(error)
            else:
                pending += np.array_split(part, 2)
    return faults


def fault(error: Exception) -> str:
    """Return the type and place of an unexpected error as text, without its message, which may contain declared data."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {Path(place[0].filename).name}:{place[0].lineno}" if place else ""
    return f"cannot be scored because of a fault in the program ({type(error).__name__}{where}); please report it"
