"""Declaration times, with replacements for missing and implausible ones."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.problems import Problem
from features.table import assembly as kernels

IntArray = NDArray[np.int64]

#: Tolerance for declaration times after the receipt, because of clock differences and time zones.
FUTURE_TOLERANCE_S: Final = 2 * 86400
#: 1990-01-01. Manifests to score are newer, and older laws are not recorded.
EARLIEST_S: Final = 631_152_000
#: A declaration time this far after the receipt is an error or an attempt to manipulate the history, not a clock difference.
FAR_FUTURE_S: Final = 366 * 86400
_FUTURE: Final = Problem("declared_at", "lies in the future; treated as missing")
_PAST: Final = Problem("declared_at", "lies before the year 1990; treated as missing")


@dataclass(frozen=True, slots=True, eq=False)
class DeclarationTimes:
    """Times of the S shipments of a table.

    Attributes:
        seconds: (S,) in seconds since 1970, UTC, with replacements as `ManifestTable.from_columns` describes.
        problems: shipment -> problem of its time.
        far: (S,) whether the declared time is before 1990 or more than 366 days after the receipt; None if there is no such one.
    """

    seconds: IntArray
    problems: dict[int, Problem]
    far: NDArray[np.bool_] | None


def declaration_times(
    times: IntArray, first_row: IntArray, receipt: int | None, previous: int | None
) -> DeclarationTimes:
    """Return the time of each shipment.

    Args:
        times: (n_rows,) declared times, `TIME_MISSING` where missing.
        first_row: (S,) first row of each shipment.
        receipt, previous: see `ManifestTable.from_columns`.
    """
    now = int(clock.time()) if receipt is None else receipt
    known = now if receipt is not None or previous is None else previous
    seconds = np.empty(len(first_row), dtype=np.int64)
    window = EARLIEST_S, now + FUTURE_TOLERANCE_S
    implausible = kernels.fill_times(times, first_row, window, known, receipt is None, seconds)
    if not implausible:
        return DeclarationTimes(seconds, {}, None)
    declared = times[first_row[implausible]]
    far = np.zeros(len(first_row), dtype=np.bool_)
    far[implausible] = (declared < EARLIEST_S) | (declared > now + FAR_FUTURE_S)
    problems = {
        shipment: _FUTURE if moment > now else _PAST
        for shipment, moment in zip(implausible, declared.tolist(), strict=True)
    }
    return DeclarationTimes(seconds, problems, far if far.any() else None)
