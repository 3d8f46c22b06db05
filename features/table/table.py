"""The flat table: one row per goods item, normalised column by column.

JSON, CSV, Parquet and training data are all converted to this table. Text columns are dictionary-encoded, so that each
distinct text is processed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, FIELDS, ITEM_NAMES, Kind, Level
from features.manifest.records import HEAD_NAMES, Record, encode_records, further_of
from features.manifest.shipment import GoodsItem, Problem, Shipment, record_of
from features.reference.rates import usd_per_unit_in
from features.table import assembly as kernels
from features.table import normalise
from features.table.assembly import Amount, Amounts
from features.table.coded import Coded
from features.table.reading import FUTURE_TOLERANCE_S, RowProblems, cut_overlong, declaration_times, unreadable_rows
from features.table.text_columns import LAZY, TextColumns
from features.texts.declared import TIME_MISSING

__all__ = ["FUTURE_TOLERANCE_S", "TIME_MISSING", "Coded", "FloatArray", "IntArray", "ManifestTable"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_OF_SHIPMENT: Final = frozenset(HEAD_NAMES)
_NUMBERS: Final = {f.name: place for place, f in enumerate(f for f in FIELDS if f.kind is Kind.NUMBER)}
_TIMES: Final = {f.name: place for place, f in enumerate(f for f in FIELDS if f.kind is Kind.TIME)}
#: `ManifestTable.compact` processes only columns with fewer rows per distinct text.
_ROWS_PER_TEXT: Final = 8
_KINDS_OF_AMOUNT: Final = len(Amount)
_AMOUNTS: Final = [_NUMBERS["customs_value"], _NUMBERS["freight_charge"]]


class ManifestTable:
    """Table of normalised goods items. Rows of a shipment are adjacent.

    Attributes:
        n_rows: number of rows.
        n_shipments: number of shipments.
        shipment: (n_rows,) row -> shipment, ascending.
        first_row: (n_shipments,) first row of each shipment.
        declared_s: (n_shipments,) declaration time in seconds since 1970, UTC; `from_columns` fills in missing times.
        far_dated: (n_shipments,) whether the declared time is before 1990 or more than 366 days after the receipt; None if there
            is no such shipment.
        refused: (n_rows,) whether the row is unreadable.
        text: returns a text or code column in normal form by its name; all texts are missing if the column is absent.
    """

    n_shipments: int
    shipment: IntArray
    first_row: IntArray
    declared_s: IntArray
    far_dated: NDArray[np.bool_] | None
    refused: NDArray[np.bool_]
    text: Callable[[str], Coded]

    def __init__(
        self, codes: NDArray[np.int32], place: dict[str, int], values: dict[str, tuple[list[str], bool]]
    ) -> None:
        """
        Args:
            codes: (columns, n_rows) codes of the declared texts.
            place: canonical flat name -> row in ``codes``, in the order of the manifest's fields.
            values: name -> texts of the column by code, and whether all texts differ.
        """
        self.n_rows = codes.shape[1]
        self._codes, self._place, self._values = codes, place, values
        self._keep_text({})
        self._problems = RowProblems(self.n_rows)
        self._usd: dict[str, FloatArray] = {}
        self._further: dict[str, Coded] = {}
        self._decimal: str | None = None
        self._amounts: Amounts | None = None
        self._described: Coded | None = None
        #: Keys of the shipments, cached by `features.groups.history.keys`.
        self.history_keys: IntArray | None = None
        #: Field -> codes of its truncated texts.
        self.cut: dict[str, set[int]] = {}

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
        """Build a table from declared columns.

        Args:
            columns: canonical flat name -> declared texts. Other names are ignored. Absent columns have missing values only.
            decimal: decimal sign of the file if known.
            receipt: time of receipt in seconds since 1970; by default now. A declaration time more than `FUTURE_TOLERANCE_S`
                later is an error and counts as missing. If given, the receipt replaces all missing times; otherwise the time of
                the shipment before does.
            previous_time: without ``receipt``, replaces missing times before the first shipment with a time; by default that of
                this shipment, or now if there is none.
            further: declared texts of further fields, by the names that the model uses.
        """
        names = [f.name for f in FIELDS if f.name in columns]
        codes = np.empty((len(names), n_rows), dtype=np.int32)
        for place, name in enumerate(names):
            codes[place] = columns[name].codes
        place_of = {name: place for place, name in enumerate(names)}
        self = cls(codes, place_of, {name: (columns[name].values, columns[name].distinct) for name in names})
        self._further = dict(further or {})
        self._read(decimal, receipt, previous_time)
        return self

    @classmethod
    def from_records(
        cls, records: Sequence[Record], *, receipt: int | None = None, decimal: str | None = None
    ) -> ManifestTable:
        """Build a table from records, in order. The notes of a record become warnings of its first row."""
        records = list(records)
        names = HEAD_NAMES + ITEM_NAMES
        codes = np.empty((len(names), sum([len(record.items) for record in records])), dtype=np.int32)
        place_of: dict[str, int] = {}
        values: dict[str, tuple[list[str], bool]] = {}
        for place, texts in enumerate(encode_records(records, codes)):
            if texts is not None:
                place_of[names[place]] = place
                values[names[place]] = texts, True
        self = cls(codes, place_of, values)
        self._further = {name: Coded.from_list(texts) for name, texts in further_of(records).items()}
        self._read(decimal, receipt, None)
        row = 0
        for record in records:
            if record.notes:
                self._problems.warn(row, *record.notes)
            row += len(record.items)
        return self

    @classmethod
    def from_shipments(
        cls, shipments: Iterable[Shipment], *, receipt: int | None = None, decimal: str | None = None
    ) -> ManifestTable:
        """Build a table from domain shipments, like `from_records`."""
        return cls.from_records([record_of(shipment) for shipment in shipments], receipt=receipt, decimal=decimal)

    def to_shipments(self) -> list[Shipment]:
        """Return the domain shipments with the declared texts."""
        lists = {name: column.to_list() for name, column in self.raw.items() if FIELD[name].level is not Level.LABEL}
        further = {name: column.to_list() for name, column in self._further.items()}
        ends = [*self.first_row.tolist(), self.n_rows][1:]
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

    @cached_property
    def raw(self) -> dict[str, Coded]:
        """Declared texts of the existing columns, by canonical flat name."""
        return {name: self.declared(name) for name in self._place}

    def declared(self, name: str) -> Coded:
        """Return the declared texts of a field; all are missing if the column is absent."""
        place = self._place.get(name)
        return self._text.absent if place is None else Coded(self._codes[place], *self._values[name])

    def number(self, name: str) -> FloatArray:
        """Return the numbers (n_rows,) of a field as float64; NaN where missing."""
        place = _NUMBERS.get(name)
        values: FloatArray = np.full(self.n_rows, np.nan) if place is None else self._number[place]
        return values

    def seconds(self, name: str) -> IntArray:
        """Return the times (n_rows,) of a field in seconds since 1970, UTC; `TIME_MISSING` where missing."""
        place = _TIMES.get(name)
        values: IntArray = np.full(self.n_rows, TIME_MISSING, dtype=np.int64) if place is None else self._time[place]
        return values

    @property
    def further_names(self) -> tuple[str, ...]:
        """Names of the further fields."""
        return tuple(self._further)

    def further(self, name: str) -> Coded:
        """Return the declared texts of a further field; all are missing if the column is absent."""
        column = self._further.get(name)
        return self._text.absent if column is None else column

    def further_number(self, name: str) -> FloatArray:
        """Return the signed numbers (n_rows,) of a further field; NaN where there is no number."""
        column = self.further(name)
        values = np.array([normalise.signed_number(text, self._decimal) for text in column.values], dtype=np.float64)
        return np.asarray(column.lookup(values, np.nan), dtype=np.float64)

    def usd(self, name: str) -> FloatArray:
        """Return an amount column (``customs_value``, ``freight_charge``) in US dollars, at the rate of the declaration's month.

        The result is NaN where the amount, the currency or the rate is missing.
        """
        amounts = self._usd.get(name)
        if amounts is None:
            amounts = self._usd[name] = self.number(name) * self._rates
        return amounts

    # `functools.cached_property` takes a lock before Python 3.12, which costs a request as much as some feature groups.

    @property
    def amounts(self) -> Amounts:
        """Masses and amounts of the items and their shipments."""
        if self._amounts is None:
            self._amounts = self._sum_up()
        return self._amounts

    def _sum_up(self) -> Amounts:
        log = np.empty((_KINDS_OF_AMOUNT, self.n_rows))
        mass, total = np.empty((2, self.n_rows))
        declared = (
            self.usd("customs_value"),
            self.usd("freight_charge"),
            *(self.number(name) for name in ("net_mass_kg", "gross_mass_kg", "quantity", "package_count")),
        )
        kernels.fill_amounts(declared, self.first_row, log, mass, total)
        return Amounts(log, mass, total)

    @property
    def description_or_chemical(self) -> Coded:
        """Goods description, or the declared chemical where the description is missing."""
        if self._described is None:
            self._described = self._describe()
        return self._described

    def _describe(self) -> Coded:
        description, chemical = self.text("goods_description"), self.text("declared_chemical")
        if not kernels.is_missing_somewhere(description.codes):
            return description
        codes = np.where(description.codes >= 0, description.codes, chemical.codes + len(description.values))
        codes = np.where((description.codes < 0) & (chemical.codes < 0), -1, codes)
        return Coded(codes.astype(np.int32), description.values + chemical.values).compact()

    # -- problems -----------------------------------------------------------------------------------------------------

    def refusals(self) -> dict[int, list[Problem]]:
        """Return the refused rows with the reasons."""
        return self._problems.refusals

    def warn(self, row: int, problem: Problem) -> None:
        """Add a warning to a row."""
        self._problems.warn(row, problem)

    def warnings_of_row(self, row: int) -> list[Problem]:
        """Return the warnings of a row."""
        return self._problems.of_row(row)

    def warned_rows(self) -> IntArray:
        """Return the rows with a warning, ascending."""
        return self._problems.warned_rows()

    def warning_texts(self) -> list[str]:
        """Return the warnings of each row as ``field: problem; field: problem``; empty without warnings."""
        return self._problems.texts()

    # -- parts of the table -------------------------------------------------------------------------------------------

    def accepted(self) -> ManifestTable:
        """Return the table without its refused rows."""
        return self.take(np.flatnonzero(~self.refused)) if self._problems.refusals else self

    def take(self, rows: IntArray) -> ManifestTable:
        """Return the table of the given rows, which must ascend. Rows of a shipment stay together."""
        # Use `np.take`, because indexing returns columns that are not contiguous.
        other = ManifestTable(np.take(self._codes, rows, axis=1), self._place, self._values)
        other._keep_text({name: column.take(rows) for name, column in self._text.items()})
        other._number, other._time = np.take(self._number, rows, axis=1), np.take(self._time, rows, axis=1)
        other._rates = self._rates[rows]
        other._further = {name: column.take(rows) for name, column in self._further.items()}
        other._decimal, other.cut = self._decimal, self.cut
        other._problems = self._problems.take(rows)
        shipments, other.shipment = np.unique(self.shipment[rows], return_inverse=True)
        other.shipment = other.shipment.astype(np.int64)
        other.n_shipments = len(shipments)
        other.first_row = np.searchsorted(other.shipment, np.arange(len(shipments))).astype(np.int64)
        other.declared_s = self.declared_s[shipments]
        other.far_dated = None if self.far_dated is None else self.far_dated[shipments]
        other.refused = self.refused[rows]
        return other

    def compact(self) -> ManifestTable:
        """Remove unused texts from columns with many distinct texts, and return the table.

        Otherwise, work per distinct text includes all texts of the table from which this one was taken.
        """
        for name, column in self._text.items():
            if len(column.values) * _ROWS_PER_TEXT > self.n_rows:
                self._text[name] = column.compact()
        return self

    def read_texts(self) -> ManifestTable:
        """Normalise all text columns, so that tables taken from this one share them, and return the table."""
        for name in self._place:
            if name in LAZY:
                self.text(name)
        return self

    # -- building -----------------------------------------------------------------------------------------------------

    def _keep_text(self, known: Mapping[str, Coded]) -> None:
        """Set the text columns: ``known`` ones are in normal form, and the others are normalised from the declared texts."""
        self._text = TextColumns(self._codes, self._place, self._values, known)
        self.text = self._text.__getitem__

    def _read(self, decimal: str | None, receipt: int | None, previous_time: int | None) -> None:
        """Group the rows by shipment and normalise the declared texts."""
        self._decimal = decimal
        for name, of_cut in cut_overlong(self._values).items():
            self.cut[name] = {code for code, problem in enumerate(of_cut) if problem is not None}
            self._warn_of_values(name, of_cut)
        ids = self.text("shipment_id").codes
        self.shipment = np.empty(self.n_rows, dtype=np.int64)
        first_row = np.empty(self.n_rows, dtype=np.int64)
        self.n_shipments = kernels.group(ids, self.shipment, first_row)
        self.first_row = first_row[: self.n_shipments]
        # Look for blank rows before shipment-level values are copied to all rows of a shipment.
        without_id, blank = unreadable_rows(ids, self._codes, self._place, self._further)
        if self.n_shipments < self.n_rows:
            self._first_rows_win()
        numbers: list[list[float] | None] = [None] * len(_NUMBERS)
        times: list[list[int] | None] = [None] * len(_TIMES)
        for name in self._place:
            if name in LAZY:
                continue
            if name in _NUMBERS:
                numbers[_NUMBERS[name]] = self._read_numbers(name)
            elif name in _TIMES:
                times[_TIMES[name]], problems = normalise.times(self._values[name][0])
                self._warn_of_values(name, problems)
            elif (problems := self._text.add(name)) is not None:
                self._warn_of_values(name, problems)
        self._number = np.empty((len(_NUMBERS), self.n_rows))
        kernels.gather_numbers(numbers, self._codes, [self._place.get(name, -1) for name in _NUMBERS], self._number)
        self._time = np.empty((len(_TIMES), self.n_rows), dtype=np.int64)
        kernels.gather_times(times, self._codes, [self._place.get(name, -1) for name in _TIMES], self._time)
        self._refuse(without_id, blank)
        self._fill_times(receipt, previous_time)
        self._find_rates()

    def _first_rows_win(self) -> None:
        """Set shipment-level fields to the first value among the shipment's rows, and warn about other values."""
        names = [name for name in self._place if name in _OF_SHIPMENT]
        for k, row, first, other in kernels.first_wins(self._codes, [self._place[n] for n in names], self.first_row):
            values = self._values[names[k]][0]
            problem = (
                f"is '{values[other][:40]}' here and '{values[first][:40]}' earlier in the shipment; the first is used"
            )
            self.warn(row, Problem(names[k], problem))

    def _read_numbers(self, name: str) -> list[float]:
        field = FIELD[name]
        numbers, problems, not_finite = normalise.numbers(field, self._values[name][0], self._decimal)
        self._warn_of_values(name, problems)
        if not_finite and field.level is not Level.LABEL:
            codes = self._codes[self._place[name]]
            for row in np.flatnonzero(np.isin(codes, list(not_finite))).tolist():
                self._problems.refuse(row, Problem(name, not_finite[int(codes[row])]))
        return numbers

    def _warn_of_values(self, name: str, problems: list[str | None] | None) -> None:
        if problems is not None:
            self._problems.warn_of_values(name, self._codes[self._place[name]], problems)

    def _refuse(self, without_id: list[int], blank: list[int]) -> None:
        for row in without_id:
            self._problems.refuse(row, Problem("shipment_id", "is missing; every shipment needs its own reference"))
        for row in blank:
            problem = Problem("goods_description", "is missing, and so is every other field; at least one is needed")
            self._problems.refuse(row, problem)
        self.refused = np.zeros(self.n_rows, dtype=bool)
        if self._problems.refusals:
            self.refused[list(self._problems.refusals)] = True

    def _fill_times(self, receipt: int | None, previous: int | None) -> None:
        times = self.seconds("declared_at")
        declared = declaration_times(times, self.first_row, receipt, previous)
        self.declared_s, self.far_dated = declared.seconds, declared.far
        for shipment, problem in declared.problems.items():
            self.warn(int(self.first_row[shipment]), problem)
            times[self.shipment == shipment] = TIME_MISSING

    def _find_rates(self) -> None:
        """Compute each row's exchange rate to US dollars, and warn about amounts without a rate."""
        currency = self.text("currency")

        def rate(code: int, month: int) -> float:
            usd = usd_per_unit_in(currency.values[code], month)
            return math.nan if usd is None else usd

        self._rates = np.empty(self.n_rows)
        without_rate = kernels.usd_rates(
            currency.codes, self.shipment, self.declared_s, rate, self._number, _AMOUNTS, self._rates
        )
        if not without_rate:
            return
        unusable = np.isnan(self._rates) & ~np.isnan(self._number[_AMOUNTS]).all(axis=0)
        # Create one problem per currency instead of one per row.
        problems: list[str | None] = [
            f"no exchange rate is known for {code}; amounts are treated as missing" for code in currency.values
        ]
        problems.append("is missing, so amounts cannot be compared and are treated as missing")
        codes = np.where(currency.codes < 0, len(currency.values), currency.codes)
        self._problems.warn_of_values("currency", np.where(unusable, codes, -1).astype(np.int32), problems)
