"""The flat table: one row per goods item, normalised once, column by column.

JSON, CSV, Parquet and training data all become this table. Text columns are dictionary-encoded: a column is an array of
codes into its distinct values, so that whatever is done with a text is done once per distinct text.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features import normalise
from features.coded import Coded
from features.fields import FIELD, FIELDS, Kind, Level
from features.reference.rates import usd_per_unit
from features.shipment import DESCRIBING, GoodsItem, Problem, Shipment, further_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FUTURE_TOLERANCE_S", "TIME_MISSING", "Coded", "FloatArray", "IntArray", "ManifestTable"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TIME_MISSING: Final = int(np.iinfo(np.int64).min)
#: A clock may be off, and a day may have begun elsewhere; more than this ahead of receipt is a mistake.
FUTURE_TOLERANCE_S: Final = 2 * 86400
_SPREAD: Final = (Level.SHIPMENT, Level.CONSIGNOR, Level.CONSIGNEE)


class ManifestTable:
    """Normalised goods items, rows of one shipment adjacent.

    Attributes:
        n_rows, n_shipments: counts.
        shipment: (n_rows,) row -> shipment, ascending.
        first_row: (n_shipments,) first row of each shipment.
        declared_s: (n_shipments,) declaration time in seconds since 1970, UTC; a missing one is filled (`from_columns`).
        refused: (n_rows,) rows that cannot be read.
    """

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows
        self.raw: dict[str, Coded] = {}
        self._text: dict[str, Coded] = {}
        self._number: dict[str, FloatArray] = {}
        self._time: dict[str, IntArray] = {}
        #: (field, codes, problem per code): problems belong to distinct texts, not to rows.
        self._value_problems: list[tuple[str, NDArray[np.int32], list[str | None]]] = []
        self._row_problems: dict[int, list[Problem]] = {}
        self._refusals: dict[int, list[Problem]] = {}
        self._usd: dict[str, FloatArray] = {}
        self._further: dict[str, Coded] = {}
        self._decimal: str | None = None
        self._derived: dict[object, Any] = {}

    @classmethod
    def from_columns(
        cls,
        columns: Mapping[str, Coded],
        n_rows: int,
        *,
        decimal: str | None = None,
        receipt: int | None = None,
        previous_time: int | None = None,
        further: Mapping[str, Coded] | None = None,
    ) -> ManifestTable:
        """Normalise declared columns.

        Args:
            columns: canonical flat name -> declared text. Other names are ignored; missing columns are missing values.
            decimal: the file's decimal sign where known.
            receipt: seconds since 1970 when the record came in (now, if not given). A declaration time that lies more
                than `FUTURE_TOLERANCE_S` after it is a mistake and treated as missing.
            previous_time: fills missing times until the first row that has one; without it they are ``receipt``.
            further: declared text of columns that are no manifest fields, by the names in which a model asks for them.
        """
        self = cls(n_rows)
        self._further, self._decimal = dict(further or {}), decimal
        raw = {f.name: columns[f.name] for f in FIELDS if f.name in columns}
        ids = raw.get("shipment_id", Coded.missing(n_rows)).mapped(lambda v: normalise.text(v)[0])
        self._group(ids.codes)
        for name, column in raw.items():
            field = FIELD[name]
            if field.level in _SPREAD and self.n_shipments < n_rows:
                column = self._first_row_wins(name, column)
            self.raw[name] = column
            if field.kind is Kind.NUMBER:
                self._add_number(name, column, decimal)
            elif field.kind is Kind.TIME:
                self._add_time(name, column)
            else:
                self._add_text(name, column)
        self._refuse(ids)
        self._fill_times(int(clock.time()) if receipt is None else receipt, receipt is not None, previous_time)
        self._check_currency()
        return self

    @classmethod
    def from_shipments(
        cls, shipments: Iterable[Shipment], *, receipt: int | None = None, decimal: str | None = None
    ) -> ManifestTable:
        """The rows of domain shipments, in order; their notes become warnings of their first rows."""
        shipments = list(shipments)
        texts, n_rows = rows_of(shipments)
        columns = {name: Coded.from_list(values) for name, values in texts.items()}
        further = {name: Coded.from_list(values) for name, values in further_of(shipments).items()}
        self = cls.from_columns(columns, n_rows, decimal=decimal, receipt=receipt, further=further)
        row = 0
        for shipment in shipments:
            if shipment.notes:
                self._row_problems.setdefault(row, []).extend(shipment.notes)
            row += len(shipment.items)
        return self

    def to_shipments(self) -> list[Shipment]:
        """Domain shipments with the declared texts."""
        lists = {name: column.to_list() for name, column in self.raw.items() if FIELD[name].level is not Level.LABEL}
        further = {name: column.to_list() for name, column in self._further.items()}
        ends = [*self.first_row.tolist()[1:], self.n_rows]
        shipments = []
        for first, end in zip(self.first_row.tolist(), ends, strict=True):
            shipment = Shipment("", [])
            for name, values in lists.items():
                field = FIELD[name]
                if field.level is Level.SHIPMENT:
                    setattr(shipment, name, values[first])
                elif field.level is not Level.ITEM:
                    setattr(getattr(shipment, field.level.value), field.key, values[first])
            item_names = [name for name in lists if FIELD[name].level is Level.ITEM]
            for row in range(first, end):
                item = GoodsItem()
                for name in item_names:
                    setattr(item, name, lists[name][row])
                item.further = {name: text for name, texts in further.items() if (text := texts[row]) is not None}
                shipment.items.append(item)
            shipments.append(shipment)
        return shipments

    # -- columns ------------------------------------------------------------------------------------------------------

    def text(self, name: str) -> Coded:
        """A text or code column in its normal form; an absent column is all missing."""
        column = self._text.get(name)
        if column is None:
            column = self._text[name] = Coded.missing(self.n_rows)
        return column

    def number(self, name: str) -> FloatArray:
        """(n_rows,) float64, NaN where missing."""
        values = self._number.get(name)
        return np.full(self.n_rows, np.nan) if values is None else values

    def seconds(self, name: str) -> IntArray:
        """(n_rows,) seconds since 1970, UTC; `TIME_MISSING` where missing."""
        values = self._time.get(name)
        return np.full(self.n_rows, TIME_MISSING, dtype=np.int64) if values is None else values

    @property
    def further_names(self) -> tuple[str, ...]:
        """Columns beyond the manifest's fields."""
        return tuple(self._further)

    def further(self, name: str) -> Coded:
        """The declared text of a column that is no manifest field; an absent one is all missing."""
        column = self._further.get(name)
        return Coded.missing(self.n_rows) if column is None else column

    def further_number(self, name: str) -> FloatArray:
        """(n_rows,) such a column's numbers, of either sign; NaN where missing or no number."""
        column = self.further(name)
        values = np.array([normalise.signed_number(text, self._decimal) for text in column.values], dtype=np.float64)
        return np.asarray(column.lookup(values, np.nan), dtype=np.float64)

    def usd(self, name: str) -> FloatArray:
        """An amount column (``customs_value``, ``freight_charge``) in US dollars of the declaration's month.

        NaN where the amount, the currency or a rate is missing.
        """
        if name not in self._usd:
            amount = self.number(name)
            self._usd[name] = amount * self._rates() if name in self._number else amount
        return self._usd[name]

    def derived(self, key: object, make: Callable[[], Any]) -> Any:
        """A value computed from this table once, whoever asks first (several feature groups share some)."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    def _rates(self) -> FloatArray:
        def make() -> FloatArray:
            currency = self.text("currency")
            months = self.declared_s.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)[self.shipment]
            pairs, inverse = np.unique(months * 1024 + currency.codes, return_inverse=True)
            rates = np.full(len(pairs), np.nan)
            for index, pair in enumerate(pairs.tolist()):
                month, code = divmod(pair + 1, 1024)
                if code:
                    day = np.datetime64(month, "M").astype("datetime64[D]").item()
                    rate = usd_per_unit(currency.values[code - 1], day)
                    rates[index] = math.nan if rate is None else rate
            return rates[inverse]

        return np.asarray(self.derived("usd_rates", make))

    # -- what is wrong ------------------------------------------------------------------------------------------------

    def refusals(self) -> dict[int, list[Problem]]:
        """Row -> why it cannot be read."""
        return self._refusals

    def warn(self, row: int, problem: Problem) -> None:
        """Add a warning to a row."""
        self._row_problems.setdefault(row, []).append(problem)

    def warnings_of_row(self, row: int) -> list[Problem]:
        found = [
            Problem(name, problem)
            for name, codes, problems in self._value_problems
            if (code := codes[row]) >= 0 and (problem := problems[code]) is not None
        ]
        return found + self._row_problems.get(row, [])

    def warned_rows(self) -> IntArray:
        """Rows that have a warning, ascending."""
        mask = np.zeros(self.n_rows, dtype=bool)
        for _, codes, problems in self._value_problems:
            mask |= np.array([*(problem is not None for problem in problems), False])[codes]
        mask[list(self._row_problems)] = True
        return np.flatnonzero(mask)

    def warning_texts(self) -> list[str]:
        """Per row its warnings, ``field: problem; field: problem``; empty where there are none."""
        texts = [""] * self.n_rows
        for row in self.warned_rows().tolist():
            texts[row] = "; ".join(map(str, self.warnings_of_row(row)))
        return texts

    def accepted(self) -> ManifestTable:
        """This table without its refused rows."""
        return self.take(np.flatnonzero(~self.refused)) if self.refused.any() else self

    def take(self, rows: IntArray) -> ManifestTable:
        """The table of some rows, in ascending order. Rows that were one shipment stay one."""
        other = ManifestTable(len(rows))
        other.raw = {name: column.take(rows) for name, column in self.raw.items()}
        other._text = {name: column.take(rows) for name, column in self._text.items()}
        other._number = {name: values[rows] for name, values in self._number.items()}
        other._time = {name: values[rows] for name, values in self._time.items()}
        other._further = {name: column.take(rows) for name, column in self._further.items()}
        other._decimal = self._decimal
        other._value_problems = [(name, codes[rows], problems) for name, codes, problems in self._value_problems]
        position = (
            {row: index for index, row in enumerate(rows.tolist())} if self._row_problems or self._refusals else {}
        )
        other._row_problems = {position[r]: list(p) for r, p in self._row_problems.items() if r in position}
        other._refusals = {position[r]: p for r, p in self._refusals.items() if r in position}
        kept, other.shipment = np.unique(self.shipment[rows], return_inverse=True)
        other.shipment = other.shipment.astype(np.int64)
        other.n_shipments = len(kept)
        other.first_row = np.searchsorted(other.shipment, np.arange(len(kept))).astype(np.int64)
        other.declared_s = self.declared_s[kept]
        other.refused = self.refused[rows]
        return other

    # -- building -----------------------------------------------------------------------------------------------------

    def _group(self, ids: NDArray[np.int32]) -> None:
        starts = np.ones(self.n_rows, dtype=bool)
        starts[1:] = (ids[1:] != ids[:-1]) | (ids[1:] < 0)
        self.shipment = np.cumsum(starts).astype(np.int64) - 1
        self.first_row = np.flatnonzero(starts).astype(np.int64)
        self.n_shipments = len(self.first_row)

    def _first_row_wins(self, name: str, column: Coded) -> Coded:
        """A shipment's field takes the first value its rows have; other values are warned of."""
        rows = np.where(column.codes >= 0, np.arange(self.n_rows), self.n_rows)
        first = np.minimum.reduceat(rows, self.first_row)
        codes = np.append(column.codes, np.int32(-1))[first].astype(np.int32)[self.shipment]
        for row in np.flatnonzero((column.codes >= 0) & (column.codes != codes)).tolist():
            kept, other = column.values[codes[row]], column.values[column.codes[row]]
            self.warn(
                row, Problem(name, f"is '{other[:40]}' here and '{kept[:40]}' earlier in the shipment; the first holds")
            )
        return Coded(codes, column.values)

    def _add_text(self, name: str, column: Coded) -> None:
        change = normalise.normaliser(FIELD[name])
        known: dict[str, int] = {}
        new = np.full(len(column.values) + 1, -1, dtype=np.int32)
        problems: list[str | None] = []
        for index, value in enumerate(column.values):
            normal, problem = change(value)
            problems.append(problem)
            if normal:
                new[index] = known.setdefault(normal, len(known))
        self._text[name] = Coded(new[column.codes], list(known))
        self._keep_problems(name, column, problems)

    def _add_number(self, name: str, column: Coded, decimal: str | None) -> None:
        values = np.full(len(column.values) + 1, np.nan)
        problems: list[str | None] = []
        not_finite: dict[int, str] = {}
        for index, text in enumerate(column.values):
            values[index], problem, infinite = normalise.number(text, decimal)
            if infinite and problem:
                not_finite[index] = problem
                problem = None
            elif name == "selection_probability" and values[index] == values[index] and not 0 < values[index] <= 1:
                values[index], problem = np.nan, f"'{text[:40]}' is not a probability in (0, 1]; treated as missing"
            problems.append(problem)
        self._number[name] = values[column.codes]
        self._keep_problems(name, column, problems)
        if not_finite and FIELD[name].level is not Level.LABEL:
            for row in np.flatnonzero(np.isin(column.codes, list(not_finite))).tolist():
                self._refusals.setdefault(row, []).append(Problem(name, not_finite[int(column.codes[row])]))

    def _add_time(self, name: str, column: Coded) -> None:
        values = np.full(len(column.values) + 1, TIME_MISSING, dtype=np.int64)
        problems: list[str | None] = []
        for index, text in enumerate(column.values):
            seconds, problem = normalise.time(text)
            problems.append(problem)
            if seconds is not None:
                values[index] = seconds
        self._time[name] = values[column.codes]
        self._keep_problems(name, column, problems)

    def _keep_problems(self, name: str, column: Coded, problems: list[str | None]) -> None:
        if any(problem is not None for problem in problems):
            self._value_problems.append((name, column.codes, problems))

    def _refuse(self, ids: Coded) -> None:
        for row in np.flatnonzero(ids.codes < 0).tolist():
            problem = Problem("shipment_id", "is missing; every shipment needs its own reference")
            self._refusals.setdefault(row, []).append(problem)
        described = np.zeros(self.n_rows, dtype=bool)
        for name in DESCRIBING:
            if name in self.raw:
                described |= self.raw[name].codes >= 0
        for row in np.flatnonzero(~described).tolist():
            problem = Problem(
                "goods_description", f"is missing, and so are {' and '.join(DESCRIBING[1:])}; one is needed"
            )
            self._refusals.setdefault(row, []).append(problem)
        self.refused = np.zeros(self.n_rows, dtype=bool)
        self.refused[list(self._refusals)] = True

    def _fill_times(self, receipt: int, received: bool, previous: int | None) -> None:
        times = self.seconds("declared_at")[self.first_row]
        for index in np.flatnonzero(times > receipt + FUTURE_TOLERANCE_S).tolist():
            row = int(self.first_row[index])
            self.warn(row, Problem("declared_at", "lies in the future; treated as missing"))
            times[index] = TIME_MISSING
            self._time["declared_at"][self.shipment == index] = TIME_MISSING
        if received:
            times = np.where(times == TIME_MISSING, receipt, times)
        else:
            first = receipt if previous is None else previous
            known = np.where(times != TIME_MISSING, np.arange(self.n_shipments), -1)
            latest = np.maximum.accumulate(known) if self.n_shipments else known
            times = np.append(times, first)[latest]
        self.declared_s = times.astype(np.int64)

    def _check_currency(self) -> None:
        amounts = [name for name in ("customs_value", "freight_charge") if name in self._number]
        if not amounts:
            return
        present = np.zeros(self.n_rows, dtype=bool)
        for name in amounts:
            present |= ~np.isnan(self._number[name])
        unusable = present & np.isnan(self._rates())
        if not unusable.any():
            return
        # As one more coded column: per currency its problem, so that a file without currencies stays cheap.
        currency = self.text("currency")
        problems: list[str | None] = [
            f"no exchange rate is known for {code}; amounts are missing" for code in currency.values
        ]
        problems.append("is missing, so amounts cannot be compared and are treated as missing")
        codes = np.where(currency.codes < 0, len(currency.values), currency.codes)
        self._value_problems.append(("currency", np.where(unusable, codes, -1).astype(np.int32), problems))
