"""Base classes of feature groups and their columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.groups.shown import NUMBER, Shown
from features.groups.text_cache import GroupInput, TextCache
from features.table.table import ManifestTable

__all__ = ["Column", "Feature", "FloatArray", "Group", "GroupInput", "State", "TextCache", "declare", "log_or_nan"]

FloatArray = NDArray[np.float64]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model.

    Attributes:
        meaning: description for users.
        reason: code of the reason to which its contribution belongs.
        monotone: +1 if the risk must not fall when only this feature rises, -1 if it must not rise then, otherwise 0.
        shown: how an officer reads its values.
    """

    name: str
    group: str
    meaning: str
    reason: ReasonCode | OwnReasonCode
    monotone: int = 0
    shown: Shown = NUMBER


class Column(IntEnum):
    """Base of the enums of a group's columns.

    A member's value is the index of the column in the group's matrix, from 0 in the order of declaration. A member is defined by
    the reason code (a `ReasonCode`), the meaning, how an officer reads its values (`features.groups.shown`; by default a number)
    and, if the feature is monotone, +1 or -1. The words that the third part adds to meanings are left out of the second. The name
    of the feature is the name of the member in lower case. Code that writes a column must use the member, not a number.

    >>> from features.groups.shown import LOG
    >>> class Size(Column):
    ...     MASS_KG = "MASS_UNUSUAL", "Mass in kilograms", LOG
    ...     PIECES = "CONSIGNMENT_SIZE", "Number of pieces", NUMBER, 1
    >>> int(Size.PIECES), str(Size.PIECES.reason), Size.PIECES.feature, Size.MASS_KG.meaning
    (1, 'CONSIGNMENT_SIZE', 'pieces', 'Mass in kilograms (log)')
    """

    reason: ReasonCode
    meaning: str
    shown: Shown
    monotone: int

    def __new__(cls, reason: str, meaning: str, shown: Shown = NUMBER, monotone: int = 0) -> Self:
        position = len(cls.__members__)
        column = int.__new__(cls, position)
        column._value_ = position
        column.reason, column.shown, column.monotone = ReasonCode(reason), shown, monotone
        column.meaning = f"{shown.before}{meaning}{shown.after}"
        return column

    @property
    def feature(self) -> str:
        """Name of the feature."""
        return self.name.lower()


def declare(group: str, columns: type[Column]) -> tuple[Feature, ...]:
    """Return the features of a group, in the order of its columns."""
    return tuple(
        Feature(column.feature, group, column.meaning, column.reason, column.monotone, column.shown)
        for column in columns
    )


class Group:
    """Base class of the feature groups.

    Attributes:
        name: name of the group.
        learns: True if `fit` learns statistics.
        features: features in the order of the columns.
        texts: the text cache.
    """

    name = ""
    learns = False
    features: tuple[Feature, ...] = ()

    def __init__(self, texts: TextCache | None = None) -> None:
        """
        Args:
            texts: text cache of the feature space; by default a new one.
        """
        self.texts = TextCache() if texts is None else texts

    def fit(self, table: ManifestTable) -> None:
        """Learn statistics from the rows of a fit window."""

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        """Return the features (n_rows, len(features)); NaN where missing.

        Args:
            history: (n_shipments, H) history features of the table from `features.groups.history.history`.
        """
        out = np.empty((table.n_rows, len(self.features)))
        self.fill(GroupInput(table, self.texts), history, out)
        return out

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        """Write the features of ``source.table`` into ``out`` (n_rows, len(features)). All cells are overwritten."""
        raise NotImplementedError

    def state(self) -> State:
        """Return the learned statistics as plain JSON and arrays."""
        return {}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Restore the learned statistics from `state`."""


def log_or_nan(values: FloatArray) -> FloatArray:
    """Return natural logarithms; NaN where a value is missing or not positive."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)), dtype=np.float64)
