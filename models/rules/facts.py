"""Values of goods items that conditions read: manifest fields, features, evidence, and facts.

A rule names a fact like a feature. Facts are not columns of the model's matrix, because a new column would make every bundle
unusable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.table.table import TIME_MISSING, ManifestTable
from models.evidence import EntryWeights
from models.permits import Register, are_licensed, are_placeholders, are_private, are_registered

FloatArray: TypeAlias = NDArray[np.float64]


# Not frozen, because creating a frozen instance is slower and each request creates one.
@dataclass(slots=True, eq=False)
class Source:
    """The values of n goods items; NaN where missing.

    Attributes:
        matrix: (n, F) features.
        columns: feature name -> column of the matrix.
        register: the office's permits; if None, no permit is registered.
        evidence: the entries of evidence; None if the model has none.
    """

    table: ManifestTable
    matrix: FloatArray
    columns: Mapping[str, int]
    register: Register | None = None
    evidence: EntryWeights | None = None
    _known: dict[str, FloatArray] = field(init=False, default_factory=dict)

    def feature(self, name: str) -> FloatArray:
        """Return a feature or a fact (n,). Facts are computed when they are first used."""
        column = self.columns.get(name)
        if column is not None:
            return self.matrix[:, column]
        values = self._known.get(name)
        if values is None:
            values = self._known[name] = FACTS[name].values(self)
        return values

    def weight(self, entry: str) -> FloatArray:
        """Return the weight of an entry of evidence (n,); NaN also if the model has no evidence."""
        return np.full(self.table.n_rows, np.nan) if self.evidence is None else self.evidence.column(entry)

    def time(self, name: str) -> FloatArray:
        """Return a time field (n,) in seconds since 1970 (UTC). Floats are exact for all years up to 9999."""
        times = self.table.seconds(name)
        return np.where(times == TIME_MISSING, np.nan, times.astype(np.float64))

    def private(self) -> FloatArray:
        """Return 1 where the consignee is a private person (n,)."""
        return are_private(self.matrix, self.columns)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact.

    Attributes:
        meaning: description for users.
        fields: the manifest fields behind it.
        values: computes it for all items (n,); NaN where missing.
        without_places: its value if all fields of countries and places are blank; None if it does not depend on them.
    """

    meaning: str
    fields: tuple[str, ...]
    values: Callable[[Source], FloatArray]
    without_places: float | None = None


FACTS: Final[Mapping[str, Fact]] = MappingProxyType(
    {
        "permit_placeholder": Fact(
            "Whether the permit number is a placeholder such as N/A or 12345, which counts as none",
            ("permit_number",),
            lambda source: are_placeholders(source.table),
        ),
        "permit_registered": Fact(
            "Whether the office's register holds the permit for a party on the day; never for a private consignee",
            ("permit_number", "consignor_name", "consignee_name", "declared_at"),
            lambda source: are_registered(source.table, source.register, source.private()),
            0.0,
        ),
        "party_licensed": Fact(
            "Whether the office's register names a licensed party on the day; never for a private consignee",
            ("consignor_name", "consignee_name", "declared_at"),
            lambda source: are_licensed(source.table, source.register, source.private()),
            0.0,
        ),
        "consignee_private": Fact(
            "Whether the consignee's name is that of a private person; missing without a name",
            ("consignee_name",),
            Source.private,
        ),
        "customs_value_usd": Fact(
            "Value of the item in US dollars; missing without a value, a currency or a rate",
            ("customs_value", "currency"),
            lambda source: source.table.usd("customs_value"),
        ),
    }
)
