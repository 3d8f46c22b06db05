"""What a group of features is: named numbers computed from a table, with what it learned in the fit window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One number the model sees.

    ``meaning`` is a sentence for a person, ``reason`` the code of the reason its contribution counts for, ``monotone`` +1 or
    -1 where the risk may only rise or only fall with it, everything else equal.
    """

    name: str
    group: str
    meaning: str
    reason: str
    monotone: int = 0


class Group:
    """One group of evidence. Subclasses name their features and compute them; a group that learns sets ``learns``."""

    name = ""
    learns = False
    features: tuple[Feature, ...] = ()

    def fit(self, table: ManifestTable) -> None:
        """Learn statistics from the rows of a fit window."""

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        """(n_rows, len(features)) float64; NaN is missing. ``history`` is (n_shipments, H) of `features.groups.history.history`."""
        out = np.empty((table.n_rows, len(self.features)))
        self.fill(table, history, out)
        return out

    def fill(self, table: ManifestTable, history: FloatArray, out: FloatArray) -> None:
        """As `transform`, into ``out``, whose content before means nothing."""
        raise NotImplementedError

    def state(self) -> State:
        """What was learned: plain JSON and arrays."""
        return {}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take back what `state` gave."""


def declare(group: str, *rows: tuple[Any, ...]) -> tuple[Feature, ...]:
    """Features of a group from (name, reason, meaning[, monotone])."""
    return tuple(Feature(name, group, meaning, reason, *rest) for name, reason, meaning, *rest in rows)


def log_or_nan(values: FloatArray) -> FloatArray:
    """Natural logarithm; NaN where missing or not positive."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)), dtype=np.float64)
