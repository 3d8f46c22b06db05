"""Robust location and spread per group of values."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: Ratio of standard deviation to median absolute deviation for a normal variable (Hampel 1974).
_DEVIATIONS: Final = 1.4826


def median_and_spread(
    values: NDArray[np.float64], group: NDArray[Any], least_spread: float
) -> dict[int, tuple[float, float, int]]:
    """Return median, spread and number of values per group.

    The spread is 1.4826 times the median absolute deviation, and at least ``least_spread``.

    Args:
        values: (n,) values without NaN.
        group: (n,) index of each value's group.
    """
    order = np.argsort(group, kind="stable")
    numbers, starts = np.unique(group[order], return_index=True)
    parts = np.split(values[order], starts[1:]) if len(numbers) else []
    statistics: dict[int, tuple[float, float, int]] = {}
    for number, part in zip(numbers.tolist(), parts, strict=True):
        median = float(np.median(part))
        spread = _DEVIATIONS * float(np.median(np.abs(part - median)))
        statistics[int(number)] = (median, max(spread, least_spread), len(part))
    return statistics


def usual_by_hs(
    values: NDArray[np.float64],
    codes: NDArray[np.int32],
    hs_codes: list[str],
    digits: tuple[int, ...],
    *,
    least_rows: int,
    least_spread: float,
) -> dict[str, tuple[float, float]]:
    """Return median and spread of the values per HS prefix. The key "" stands for all values.

    Args:
        values: (n,) values; NaN where missing.
        codes: (n,) index of each row's HS code in ``hs_codes``; -1 where missing.
        digits: lengths of the prefixes. Prefixes with fewer than ``least_rows`` values are omitted.
    """
    usual: dict[str, tuple[float, float]] = {}
    for length in (0, *digits):
        prefixes, group = np.unique([code[:length] for code in hs_codes] or [""], return_inverse=True)
        of_row = np.append(group, -1)[codes] if length else np.zeros(len(values), dtype=np.int64)
        usable = ~np.isnan(values) & (of_row >= 0)
        for number, (median, spread, count) in median_and_spread(values[usable], of_row[usable], least_spread).items():
            if count >= least_rows or not length:
                usual[str(prefixes[number]) if length else ""] = (median, spread)
    return usual
