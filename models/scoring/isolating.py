"""Isolation of failures: one shipment that the program cannot score does not stop the scoring of others.

As far as tests and fuzzing know, scoring raises no error for a readable shipment. If it does nevertheless, halving the table
finds the shipment, which is reported, and the others are scored.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def failing(count: int, work: Callable[[IntArray], object]) -> dict[int, str]:
    """Return the numbers from 0 to before ``count`` whose work fails, each with its `fault`.

    Args:
        work: does the work of some numbers, ascending, and raises if any of them fails. Each failing number costs about
            2 log2(count) calls.
    """
    found: dict[int, str] = {}
    pending = [np.arange(count, dtype=np.int64)]
    while pending:
        part = pending.pop()
        try:
            work(part)
        except Exception as error:
            if len(part) == 1:
                found[int(part[0])] = fault(error)
            else:
                pending += np.array_split(part, 2)
    return found


def fault(error: Exception) -> str:
    """Return a text for an unexpected error: its type and place in the code. Its message may contain data of a manifest."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {Path(place[0].filename).name}:{place[0].lineno}" if place else ""
    return f"cannot be scored because of a fault in the program ({type(error).__name__}{where}); please report it"
