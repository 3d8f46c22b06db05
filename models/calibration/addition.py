"""A sum that is the same to the last bit everywhere."""

from __future__ import annotations

from collections.abc import Iterable


def added(values: Iterable[float]) -> float:
    """The values added one after another; `sum` does so until Python 3.11, and from 3.12 on carries along what was rounded away."""
    total = 0.0
    for value in values:
        total += value
    return total
