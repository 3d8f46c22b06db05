"""Feature groups: the columns of a group, and the class that fits and fills them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.groups.text_cache import GroupInput, TextCache
from features.table.table import ManifestTable

__all__ = ["Column", "Feature", "FloatArray", "Group", "GroupInput", "State", "TextCache", "declare", "log_or_nan"]

FloatArray = NDArray[np.float64]
State = tuple[dict[str, Any], dict[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model.

    Attributes:
        meaning: a sentence for a person.
        reason: code of the reason that its contribution counts towards.
        monotone: +1 if the risk may only rise with it, -1 if it may only fall, all else being equal; otherwise 0.
    """

    name: str
    group: str
    meaning: str
    reason: ReasonCode | OwnReasonCode
    monotone: int = 0


class Column(IntEnum):
    """Base of the enums that hold one group's columns.

    A member is the position of a column in the group's matrix and declares its feature: reason code (a `ReasonCode`), meaning
    and, if the feature is monotone, +1 or -1. Positions count from 0 in the order of declaration. The feature's name is the
    member's name in lower case. Code that writes a column refers to its member and never to a number.

    >>> class Size(Column):
    ...     MASS_KG = "MASS_UNUSUAL", "Mass in kilograms"
    ...     PIECES = "CONSIGNMENT_SIZE", "Number of pieces", 1
    >>> int(Size.PIECES), str(Size.PIECES.reason), Size.PIECES.feature
    (1, 'CONSIGNMENT_SIZE', 'pieces')
    """

    reason: ReasonCode
    meaning: str
    monotone: int

    def __new__(cls, reason: str, meaning: str, monotone: int = 0) -> Self:
        position = len(cls.__members__)
        column = int.__new__(cls, position)
        column._value_ = position
        column.reason, column.meaning, column.monotone = ReasonCode(reason), meaning, monotone
        return column

    @property
    def feature(self) -> str:
        """The name of the feature."""
        return self.name.lower()


def declare(group: str, columns: type[Column]) -> tuple[Feature, ...]:
    """Return the features of a group, in the order of its columns."""
    return tuple(Feature(column.feature, group, column.meaning, column.reason, column.monotone) for column in columns)


class Group:
    """Base class of the feature groups.

    Attributes:
        name: the group's name.
        learns: whether `fit` learns anything.
        features: the group's features, in the order of its columns.
        texts: the text cache.
    """

    name = ""
    learns = False
    features: tuple[Feature, ...] = ()

    def __init__(self, texts: TextCache | None = None) -> None:
        """
        Args:
            texts: the cache of the feature space; a group that stands alone has its own.
        """
        self.texts = TextCache() if texts is None else texts

    def fit(self, table: ManifestTable) -> None:
        """Learn statistics from the rows of a fit window."""

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        """Return the features (n_rows, len(features)), NaN where missing.

        Args:
            history: (n_shipments, H) as `features.groups.history.history` returns it for this table.
        """
        out = np.empty((table.n_rows, len(self.features)))
        self.fill(GroupInput(table, self.texts), history, out)
        return out

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        """Write what `transform` returns for ``source.table`` into ``out``, every column of every row."""
        raise NotImplementedError

    def state(self) -> State:
        """Return what was learned, as plain JSON and arrays."""
        return {}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Restore what `state` returned."""


def log_or_nan(values: FloatArray) -> FloatArray:
    """Return the natural logarithm, NaN where a value is missing or not positive."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)), dtype=np.float64)
