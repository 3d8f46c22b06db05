"""Base classes of feature groups and their columns, their input with a text cache, and robust statistics.

A text cache belongs to one feature space and is freed with it. It holds at most `CAPACITY` texts of each kind, with a few hundred
bytes per text. Threads may share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.groups.reason_codes import OwnReasonCode, ReasonCode
from features.groups.shown import NUMBER, Shown
from features.kinds.parties import name_marks
from features.substances.rows import Resolution, SubstanceResolver
from features.table.table import ManifestTable
from features.texts.cache import Codes, TextIndex, TextRows, TextSlots, national_digits_masked
from features.texts.folding import folded
from features.texts.words import TokenisedTexts

#: Capacity of an index in distinct texts.
CAPACITY: Final = 32_768
#: Fields whose names `GroupInput.name_marks` reads.
PARTY_NAMES: Final = ("consignor_name", "consignee_name")
#: Number of cached batches of tokenised texts. Several groups request the same new texts of a table, and several threads may
#: score tables at the same time.
_BATCHES: Final = 4
#: Maximum number of characters of a cached batch, with some 50 bytes of tokens each. 2,048 ordinary descriptions have 100,000.
_LONGEST_BATCH: Final = 400_000


class TextCache:
    """Indexes of known texts. Feature groups cache values per text by its slot.

    Attributes:
        descriptions, hs_codes, words: index of the texts of each kind. National digits of HS codes are masked.
        substances: resolver of the substances that texts name.
        names, name_marks: index of party names, and their marks (`features.kinds.parties.name_marks`).
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.descriptions = TextIndex(capacity)
        self.hs_codes = TextIndex(capacity)
        self.words = words = TextIndex(capacity)
        self.substances = SubstanceResolver()
        self.names = TextIndex(capacity)
        self.name_marks = TextRows(lambda names: [name_marks(name) for name in names], np.zeros(1))
        self._tokenise = lru_cache(maxsize=_BATCHES)(lambda texts: TokenisedTexts([*texts], folded, words))

    def tokenise(self, texts: list[str]) -> TokenisedTexts:
        """Return the texts with their tokens and words."""
        if sum(map(len, texts)) > _LONGEST_BATCH:
            return TokenisedTexts(texts, folded, self.words)
        return self._tokenise(tuple(texts))


class GroupInput:
    """Table with the derived values that several feature groups share.

    Args:
        table: the table.
        texts: the text cache.

    Attributes:
        descriptions: texts of ``goods_description``.
        described: texts of `ManifestTable.description_or_chemical`.
        hs_codes: texts of ``hs_code`` with national digits masked.
    """

    def __init__(self, table: ManifestTable, texts: TextCache) -> None:
        self.table = table
        self._texts = texts
        self._substances: Resolution | None = None
        self._name_marks: dict[str, Codes] | None = None
        description, described = table.text("goods_description"), table.description_or_chemical
        look_up = texts.descriptions.look_up
        self.descriptions: TextSlots = look_up(description.values)
        self.described: TextSlots = self.descriptions if described is description else look_up(described.values)
        self.hs_codes: TextSlots = texts.hs_codes.look_up(national_digits_masked(table.text("hs_code").values))

    def name_marks(self, field: str) -> Codes:
        """Return the marks of each distinct name in a field of `PARTY_NAMES` (`features.kinds.parties.name_marks`), read once."""
        if self._name_marks is None:
            self._name_marks = self._read_names()
        return self._name_marks[field]

    def _read_names(self) -> dict[str, Codes]:
        # One look-up for the names of both parties, because its cost hardly depends on the number of names.
        texts, (consignor, consignee) = self._texts, PARTY_NAMES
        consignors, consignees = self.table.text(consignor).values, self.table.text(consignee).values
        marks = texts.name_marks.numbers(texts.names.look_up([*consignors, *consignees]))
        return {consignor: marks[: len(consignors)], consignee: marks[len(consignors) :]}

    @property
    def substances(self) -> Resolution:
        """Substances that the rows name, resolved once."""
        if self._substances is None:
            self._substances = self._texts.substances.resolve(self.table, self.descriptions)
        return self._substances


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
