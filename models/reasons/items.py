"""Explained goods items, as input of the functions that write the texts of reasons.

Texts are written reason by reason for all items with the reason, so that columns, words and usual ranges are looked up once per
reason. All lists are in the order of the items.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.space import FeatureSpace
from features.substances import Match
from features.table.table import Coded, ManifestTable
from models.permits import Party, Register

FloatArray = NDArray[np.float64]

#: Maximum length of a quoted text. A reason is one line on a screen.
_MAX_QUOTED: Final = 60
_FIRST_DAY: Final = dt.date(1970, 1, 1).toordinal()


def day_of(seconds: int) -> dt.date:
    """Return the UTC day of a time in seconds since 1970."""
    return dt.date.fromordinal(_FIRST_DAY + seconds // 86400)


#: Words for a text field that is not declared.
_NOT_DECLARED: Final = {
    "goods_description": "goods without a description",
    "permit_number": "without a number",
    "consignor_name": "an unnamed consignor",
    "consignee_name": "an unnamed consignee",
    "consignee_address": "an address that is not declared",
}


def quote(text: str) -> str:
    """Return a declared text in backquotes, truncated if it is long."""
    return f"`{text}`" if len(text) <= _MAX_QUOTED else f"`{text[: _MAX_QUOTED - 3]}...`"


@dataclass(frozen=True, slots=True)
class ScoredTable:
    """Scored table with the substance match of each row (n_rows,), the feature space and the office's permits."""

    table: ManifestTable
    substances: Sequence[Match | None]
    space: FeatureSpace
    register: Register | None = None


class ExplainedItems:
    """Declared fields and features of goods items. Columns are cached."""

    def __init__(
        self,
        scored: ScoredTable,
        rows: Sequence[int],
        columns: Mapping[str, int],
        features: FloatArray,
        feature_rows: Sequence[int],
    ) -> None:
        """
        Args:
            rows: rows of the items in the table.
            columns: feature name -> column of ``features``.
            features: (m, F) feature values.
            feature_rows: rows of the items in ``features``.
        """
        self.scored = scored
        self._rows = rows
        self._columns = columns
        self._features = features
        self._feature_rows = feature_rows
        self._texts: dict[str, list[str | None]] = {}
        self._quoted: dict[str, list[str]] = {}
        self._facts: dict[FactWriter, list[str]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, positions: Sequence[int]) -> ExplainedItems:
        """Return the items at the given positions."""
        return ExplainedItems(
            self.scored,
            [self._rows[position] for position in positions],
            self._columns,
            self._features,
            [self._feature_rows[position] for position in positions],
        )

    def text(self, name: str) -> list[str | None]:
        """Return the normalised texts of a text or code field; None where missing."""
        texts = self._texts.get(name)
        if texts is None:
            texts = self._texts[name] = self.of_row(self.scored.table.text(name))
        return texts

    def quoted(self, name: str) -> list[str]:
        """Return the texts of a text field in the form of `quote`, with words for those that are not declared."""
        quoted = self._quoted.get(name)
        if quoted is None:
            quoted = self._quoted[name] = [
                _NOT_DECLARED[name] if text is None else quote(text) for text in self.text(name)
            ]
        return quoted

    def of_row(self, column: Coded) -> list[str | None]:
        """Return the texts of a coded column; None where missing."""
        values, code_of = column.values, column.codes.item
        return [values[code] if (code := code_of(row)) >= 0 else None for row in self._rows]

    def number(self, name: str) -> list[float | None]:
        """Return the numbers of a field in its own unit; None where missing."""
        return _none_for_nan(map(self.scored.table.number(name).item, self._rows))

    def usd(self, name: str) -> list[float | None]:
        """Return the amounts of a field in US dollars; None where the amount or the exchange rate is missing."""
        return _none_for_nan(map(self.scored.table.usd(name).item, self._rows))

    def seconds(self, name: str) -> list[int]:
        """Return the times of a field in seconds since 1970, UTC; `TIME_MISSING` where missing."""
        return list(map(self.scored.table.seconds(name).item, self._rows))

    def declared_on(self) -> list[dt.date]:
        """Return the UTC days of declaration. The law of these days applies."""
        table = self.scored.table
        shipment_of, declared = table.shipment.item, table.declared_s.item
        return [day_of(declared(shipment_of(row))) for row in self._rows]

    def parties(self) -> list[tuple[Party, ...]]:
        """Return the consignor and the consignee, with empty texts where missing."""
        columns = [self.text(f"{role}_{of}") for role in ("consignor", "consignee") for of in ("name", "country")]
        return [
            (Party(sender or "", sent_from or ""), Party(receiver or "", sent_to or ""))
            for sender, sent_from, receiver, sent_to in zip(*columns, strict=True)
        ]

    def substances(self) -> list[Match | None]:
        """Return the substances named by declared chemical, CAS number or description; None where none is named."""
        return [self.scored.substances[row] for row in self._rows]

    def feature(self, name: str) -> list[float | None]:
        """Return the values of a feature; None where missing or if the model does not use the feature."""
        column = self._columns.get(name)
        if column is None:
            return [None] * len(self._rows)
        return _none_for_nan(self._features[self._feature_rows, column].tolist())

    def facts(self, write: FactWriter) -> list[str]:
        """Return the texts of a writer of declared facts. They are cached, because several reasons share a writer."""
        texts = self._facts.get(write)
        if texts is None:
            texts = self._facts[write] = write(self)
        return texts


def _none_for_nan(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


@dataclass(slots=True, eq=False)
class Evidence:
    """The items with one reason.

    Attributes:
        items: the items.
        leading: per item the name of the leading feature, whose contribution in the direction of the weight is the largest; empty
            if an entry of evidence leads.
        measured: per item the text for the value of the leading feature, to append to the declared facts.
        raises: per item whether the reason raises the score.
    """

    items: ExplainedItems
    leading: Sequence[str] = ()
    measured: Sequence[str] = ()
    raises: Sequence[bool] = ()


#: Function that writes a declared fact of goods items, one text per item.
FactWriter = Callable[[ExplainedItems], list[str]]
#: Function that writes the complete texts of one reason, one per item.
Renderer = Callable[[Evidence], list[str]]
