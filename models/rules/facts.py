"""Facts of goods items that rules need in addition to the features of the model.

A rule names a fact like a feature. Facts are not columns of the model's matrix, because a new column would make every bundle
unusable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.table.table import ManifestTable
from models.permits import Party, Register, is_placeholder

FloatArray: TypeAlias = NDArray[np.float64]

#: Facts and their meanings.
FACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "permit_placeholder": "Whether the permit number is a placeholder such as N/A or 12345, which counts as none",
        "permit_registered": "Whether the office's register holds the permit for a party on the day; never for a private consignee",
        "party_licensed": "Whether the office's register names a licensed party on the day; never for a private consignee",
        "consignee_private": "Whether the consignee's name is that of a private person; missing without a name",
        "customs_value_usd": "Value of the item in US dollars; missing without a value, a currency or a rate",
    }
)
#: The manifest fields behind each fact.
FACT_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "permit_placeholder": ("permit_number",),
        "permit_registered": ("permit_number", "consignor_name", "consignee_name", "declared_at"),
        "party_licensed": ("consignor_name", "consignee_name", "declared_at"),
        "consignee_private": ("consignee_name",),
        "customs_value_usd": ("customs_value", "currency"),
    }
)
#: Facts that depend on countries, with the values assumed for blank country fields.
FACTS_OF_PLACES: Final[Mapping[str, float]] = MappingProxyType({"permit_registered": 0.0, "party_licensed": 0.0})
#: The feature that distinguishes companies and institutions from private persons.
COMPANY_FEATURE: Final = "consignee_company"


class Facts:
    """The facts of a table's n rows, each computed when it is first used.

    Args:
        matrix: (n, F) features.
        columns: feature name -> column.
        register: the office's permits; if None, no permit is registered.
    """

    def __init__(
        self, table: ManifestTable, matrix: FloatArray, columns: Mapping[str, int], register: Register | None
    ) -> None:
        self._table, self._matrix, self._columns, self._register = table, matrix, columns, register
        self._known: dict[str, FloatArray] = {}

    def column(self, name: str) -> FloatArray:
        """Return a fact of all rows (n,); NaN where missing."""
        values = self._known.get(name)
        if values is None:
            values = self._known[name] = _COMPUTED[name](self)
        return values

    def _consignee_private(self) -> FloatArray:
        return 1.0 - self._matrix[:, self._columns[COMPANY_FEATURE]]

    def _customs_value_usd(self) -> FloatArray:
        return self._table.usd("customs_value")

    def _permit_placeholder(self) -> FloatArray:
        column = self._table.text("permit_number")
        return np.asarray(
            column.lookup(np.array([is_placeholder(text) for text in column.values], dtype=np.float64), np.nan)
        )

    def _permit_registered(self) -> FloatArray:
        permits = self._table.text("permit_number")
        return self._in_register(
            permits.codes, lambda register, permit, parties, day: register.holds(permits.values[permit], parties, day)
        )

    def _party_licensed(self) -> FloatArray:
        no_permit = np.zeros(self._table.n_rows, dtype=np.int64)
        return self._in_register(no_permit, lambda register, _, parties, day: register.licenses(parties, day))

    def _in_register(
        self, permits: NDArray[np.integer], test: Callable[[Register, int, tuple[Party, ...], int], bool]
    ) -> FloatArray:
        """Return for each row whether the register passes a test of its permit, its parties and its day.

        Args:
            permits: code of each row's permit (n,); rows with a negative code do not pass.
        """
        table, register = self._table, self._register
        passed = np.zeros(table.n_rows)
        if register is None:
            return passed
        rows = np.flatnonzero((permits >= 0) & (self.column("consignee_private") != 1.0))
        if not len(rows):
            return passed
        parties = [(table.text(f"{role}_name"), table.text(f"{role}_country")) for role in ("consignor", "consignee")]
        # Test each combination once, because rows repeat permits and parties.
        keys = np.stack(
            [
                permits[rows],
                *(column.codes[rows] for pair in parties for column in pair),
                (table.declared_s[table.shipment[rows]] // 86400).astype(np.int64),
            ],
            axis=1,
        )
        distinct, which = np.unique(keys, axis=0, return_inverse=True)
        results = [
            test(
                register,
                permit,
                tuple(
                    Party(names.values[name], countries.values[country] if country >= 0 else "")
                    for (names, countries), (name, country) in zip(
                        parties, ((consignor, consignor_at), (consignee, consignee_at)), strict=True
                    )
                    if name >= 0
                ),
                day,
            )
            for permit, consignor, consignor_at, consignee, consignee_at, day in distinct.tolist()
        ]
        passed[rows] = np.array(results, dtype=np.float64)[which.reshape(-1)]
        return passed


_COMPUTED: Final[Mapping[str, Callable[[Facts], FloatArray]]] = {
    "consignee_private": Facts._consignee_private,
    "customs_value_usd": Facts._customs_value_usd,
    "party_licensed": Facts._party_licensed,
    "permit_placeholder": Facts._permit_placeholder,
    "permit_registered": Facts._permit_registered,
}
