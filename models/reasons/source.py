"""What reasons are told from: goods items that are explained, and what was measured of them.

Reasons are told kind by kind, each of all items that have it: what a kind needs (columns, words, what is usual) is then looked up
once. Every list here is in the order of these items.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.space import FeatureSpace
    from features.substances import Match
    from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]

#: Longer declared texts are cut: a reason is one line on a screen.
_SHOWN: Final = 60
_FIRST_DAY: Final = dt.date(1970, 1, 1).toordinal()


def day_of(seconds: int) -> dt.date:
    """The day, in UTC, of a time in seconds since 1970."""
    return dt.date.fromordinal(_FIRST_DAY + seconds // 86400)


def quote(text: str | None) -> str:
    """A declared text as shown in a reason."""
    if text is None:
        return "`-`"
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[: _SHOWN - 3]}...`"


@dataclass(frozen=True, slots=True)
class Source:
    """A scored table, what its rows' chemicals resolved to (n_rows,), and the space that measured it."""

    table: ManifestTable
    substances: Sequence[Match | None]
    space: FeatureSpace


class Items:
    """Goods items as those who tell reasons see them. What was asked once is at hand."""

    def __init__(
        self,
        source: Source,
        rows: Sequence[int],
        columns: Mapping[str, int],
        features: FloatArray,
        places: Sequence[int],
    ) -> None:
        """
        Args:
            rows: of the items in the table.
            columns: features -> their columns of ``features`` (m, F), in which ``places`` are the rows of the items.
        """
        self.source = source
        self._rows = rows
        self._columns = columns
        self._features = features
        self._places = places
        self._texts: dict[str, list[str | None]] = {}
        self._quoted: dict[str, list[str]] = {}
        self._facts: dict[Facts, list[str]] = {}

    def take(self, some: Sequence[int]) -> Items:
        """Some of the items, by their places among these."""
        return Items(
            self.source,
            [self._rows[place] for place in some],
            self._columns,
            self._features,
            [self._places[place] for place in some],
        )

    def text(self, name: str) -> list[str | None]:
        """A text or code field as normalised; None when missing."""
        found = self._texts.get(name)
        if found is None:
            column = self.source.table.text(name)
            values, code_of = column.values, column.codes.item
            found = [values[code] if (code := code_of(row)) >= 0 else None for row in self._rows]
            self._texts[name] = found
        return found

    def quoted(self, name: str) -> list[str]:
        """A text field as shown in a reason."""
        found = self._quoted.get(name)
        if found is None:
            found = self._quoted[name] = list(map(quote, self.text(name)))
        return found

    def number(self, name: str) -> list[float | None]:
        """A number field in its own unit; None when missing."""
        return _known(map(self.source.table.number(name).item, self._rows))

    def usd(self, name: str) -> list[float | None]:
        """An amount in United States dollars; None when missing or without a rate."""
        return _known(map(self.source.table.usd(name).item, self._rows))

    def seconds(self, name: str) -> list[int]:
        """A time in seconds since 1970, UTC; `TIME_MISSING` when missing."""
        return list(map(self.source.table.seconds(name).item, self._rows))

    def declared_on(self) -> list[dt.date]:
        """The day whose law applies (UTC)."""
        table = self.source.table
        shipment_of, declared = table.shipment.item, table.declared_s.item
        return [day_of(declared(shipment_of(row))) for row in self._rows]

    def substances(self) -> list[Match | None]:
        """What the declared chemical, CAS number or description resolved to."""
        return [self.source.substances[row] for row in self._rows]

    def feature(self, name: str) -> list[float | None]:
        """What a feature measured; None when it is missing or the model does not know it."""
        column = self._columns.get(name)
        return [None] * len(self._rows) if column is None else _known(self._features[self._places, column].tolist())

    def facts(self, tell: Facts) -> list[str]:
        """What the manifest says in answer to one question. Reasons of several kinds begin with the same."""
        found = self._facts.get(tell)
        if found is None:
            found = self._facts[tell] = tell(self)
        return found


def _known(values: Iterable[float]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values]


@dataclass(slots=True, eq=False)
class Evidence:
    """What the reasons of one kind are told from.

    Attributes:
        items: those that have such a reason.
        leads: the features that moved the scores most in the direction of the reasons' weights.
        measured: what these measured, as it stands behind what is declared.
    """

    items: Items
    leads: list[str]
    measured: Sequence[str]

    def behind(self, facts: list[str]) -> list[str]:
        """What is declared, then what the leading features measured."""
        return list(map(add, facts, self.measured))


#: Tells what the manifest says of goods items.
Facts = Callable[[Items], list[str]]
#: Tells the reasons of one kind.
Renderer = Callable[[Evidence], list[str]]


@dataclass(frozen=True, slots=True)
class ReasonKind:
    """How the reasons of one code are told: by ``facts`` of the manifest, behind which comes what the leading feature
    measured, or all by ``render``. With neither, only the leading feature is told."""

    fields: tuple[str, ...]
    source: str
    facts: Facts | None = None
    render: Renderer | None = None


#: What a relation that no published typology describes was learned from.
LEARNED_FROM: Final = "learned from the inspection results of the training window"
