"""Features of the countries and places of a shipment: agreement and frequency.

No feature depends on a specific country. The frequency of a trade lane outside the fit window is missing instead of low, because
the origin alone must not move a shipment into the red lane.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.base import FloatArray, Group, GroupInput, State, TextCache
from features.groups.route.columns import FEATURES
from features.groups.route.rows import country_columns, fill_keys, fill_shares
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextRows
from features.texts.phrases import numbered

#: Name in the state -> two fields whose pairs are counted, in the order of `fill_shares`.
_SHARES: Final = {
    "lane": ("loading_location", "unloading_location"),
    "goods": ("export_country", "hs_code"),
    "carrier": ("channel", "carrier_id"),
}
#: Minimum number of rows for a pair to have a share.
_LEAST_ROWS: Final = 3
#: Lower bound of log shares, which limits the effect of rare pairs.
_RAREST: Final = np.log(1e-4)
#: Larger than all keys.
_LAST_KEY: Final = np.iinfo(np.int64).max


class _PairNumbers:
    """Numbering of the texts in one kind of pairs. A pair's key is ``first_key`` + left number * ``width`` + right number.

    Attributes:
        lefts, rights: numbers of the texts, from 1.
        end_key: upper bound of the keys of these pairs, exclusive.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], first_key: int) -> None:
        pairs = list(pairs)
        self.lefts = {text: number for number, text in enumerate(dict.fromkeys(left for left, _ in pairs), 1)}
        self.rights = {text: number for number, text in enumerate(dict.fromkeys(right for _, right in pairs), 1)}
        self.first_key, self.width = first_key, len(self.rights) + 1
        self.end_key = first_key + (len(self.lefts) + 1) * self.width
        self.keys = [first_key + self.lefts[left] * self.width + self.rights[right] for left, right in pairs]


class _PairShares:
    """Log shares of several kinds of pairs of texts, for lookup of all kinds in a single search."""

    def __init__(self, shares: dict[str, dict[str, float]]) -> None:
        self.numbers: dict[str, _PairNumbers] = {}
        keys: list[int] = []
        values: list[float] = []
        end = 0
        for name, pairs in shares.items():
            numbers = self.numbers[name] = _PairNumbers([pair.partition("|")[::2] for pair in pairs], end)
            end = numbers.end_key
            keys += numbers.keys
            values += pairs.values()
        order = np.argsort(keys)
        # A sentinel above all keys keeps searches within the array.
        self._keys = np.append(np.array(keys, dtype=np.int64)[order], _LAST_KEY)
        self._shares = np.append(np.array(values, dtype=np.float64)[order], np.nan)

    def fill(self, keys: NDArray[np.int64], out: FloatArray) -> None:
        """Write the log shares of ``keys`` (kinds, n) into their columns of ``out`` (n, F); NaN for unknown keys."""
        fill_shares(keys, self._keys.searchsorted(keys), self._keys, self._shares, out)


class RouteGroup(Group):
    """Features of countries and places. The group learns frequencies of trade lanes, exports and carriers."""

    name = "route"
    learns = True
    features = FEATURES

    def __init__(self, texts: TextCache | None = None) -> None:
        super().__init__(texts)
        self._keep({name: {} for name in _SHARES})

    def fit(self, table: ManifestTable) -> None:
        shares: dict[str, dict[str, float]] = {}
        for name, (left, right) in _SHARES.items():
            a, b = _column(table, left), _column(table, right)
            rows = (a.codes >= 0) & (b.codes >= 0)
            within = np.bincount(a.codes[rows], minlength=len(a.values))
            width = max(len(b.values), 1)
            pairs, counts = np.unique(a.codes[rows].astype(np.int64) * width + b.codes[rows], return_counts=True)
            first, second = pairs // width, pairs % width
            total = within[first] if name != "lane" else np.full(len(counts), max(rows.sum(), 1))
            logs = np.maximum(np.log(counts / total), _RAREST) if len(counts) else np.empty(0)
            shares[name] = {
                f"{a.values[i]}|{b.values[j]}": round(share, 4)
                for i, j, share, count in zip(
                    first.tolist(), second.tolist(), logs.tolist(), counts.tolist(), strict=True
                )
                if count >= _LEAST_ROWS
            }
        self._keep(shares)

    def _keep(self, shares: dict[str, dict[str, float]]) -> None:
        #: Name in `_SHARES` -> "left|right" -> log share.
        self.log_share_ = shares
        self._shares = _PairShares(shares)
        self._chapter_number = TextRows(self._chapter_numbers, np.zeros(1))

    def _chapter_numbers(self, codes: list[str]) -> list[float]:
        """Return the numbers of the HS codes' chapters among the learned chapters; 0 for an unknown chapter."""
        numbers = self._shares.numbers["goods"].rights
        return [numbers.get(code[:2], 0) for code in codes]

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        table = source.table
        # A normalised place is a UN/LOCODE, which starts with the country.
        loading, unloading = (
            [place[:2] for place in table.text(name).values] for name in ("loading_location", "unloading_location")
        )
        country_columns(table, loading, unloading, out)
        keys = np.empty((len(_SHARES), table.n_rows), dtype=np.int64)
        for of_pair, (name, (left_name, right_name)) in zip(keys, _SHARES.items(), strict=True):
            left, right, numbers = table.text(left_name), table.text(right_name), self._shares.numbers[name]
            rights = (
                self._chapter_number.numbers(source.hs_codes)
                if right_name == "hs_code"
                else numbered(right.values, numbers.rights)
            )
            lefts = numbered(left.values, numbers.lefts)
            fill_keys(left.codes, right.codes, lefts, rights, numbers.first_key, numbers.width, of_pair)
        self._shares.fill(keys, out)

    def state(self) -> State:
        return {"log_share": self.log_share_}, {}

    def restore(self, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self._keep({name: dict(shares) for name, shares in data["log_share"].items()})


def _column(table: ManifestTable, name: str) -> Coded:
    """Return a text column; for HS codes, the column of chapters."""
    column = table.text(name)
    if name != "hs_code":
        return column
    chapters, inverse = np.unique([code[:2] for code in column.values] or [""], return_inverse=True)
    return Coded(column.lookup(inverse.astype(np.int32), -1) if column.values else column.codes, chapters.tolist())
