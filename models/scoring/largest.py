"""Reduce goods items to shipments: a shipment's score is that of its largest item."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]


def largest_items(item_log_odds: FloatArray, shipment: IntArray, first_row: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the largest log-odds (S,) of each shipment, and the row (S,) of the first item with this value.

    Args:
        item_log_odds: (n,) log-odds of the items.
        shipment: (n,) shipment of each item, in ascending order.
        first_row: (S,) first row of each shipment; every shipment has at least one item.
    """
    if len(first_row) == len(item_log_odds):
        return item_log_odds, first_row
    largest = np.maximum.reduceat(item_log_odds, first_row)
    candidates = np.flatnonzero(item_log_odds == largest[shipment])
    return largest, candidates[shipment[candidates].searchsorted(np.arange(len(first_row)))]


def largest_per_shipment(items: FloatArray, first_row: IntArray) -> FloatArray:
    """Return the largest value (K, S) per shipment of each column of ``items`` (n, K)."""
    columns = np.ascontiguousarray(items.T)
    return columns if len(first_row) == len(items) else np.maximum.reduceat(columns, first_row, axis=1)
