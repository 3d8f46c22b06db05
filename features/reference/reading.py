"""Reader of bundled CSV files. Its errors name the file, the row, the column and the expected form."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Hashable
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from features.reference.errors import ReferenceDataError
from features.reference.files import open_data

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

_JURISDICTION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)


class Row:
    """Texts of a row by column. The accessors raise `ValueError` with the column, the value and the expected form."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def text(self, column: str) -> str:
        """Return the value, which must not be blank."""
        value = self._values[column]
        if not value.strip():
            raise ValueError(f"{column} is blank, expected a value")
        return value

    def blank_or_text(self, column: str) -> str:
        return self._values[column]

    def many(self, column: str) -> tuple[str, ...]:
        """Return the values separated by ``|``; an empty tuple for a blank column."""
        value = self._values[column]
        if not value:
            return ()
        parts = tuple(value.split("|"))
        if any(not part.strip() for part in parts) or len(set(parts)) < len(parts):
            raise ValueError(f"{column} is {value!r}, expected distinct values separated by single | signs")
        return parts

    def one_of(self, column: str, kind: type[E]) -> E:
        value = self._values[column]
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"{column} is {value!r}, expected one of {', '.join(kind)}") from None

    def flag(self, column: str) -> bool:
        value = self._values[column]
        if value not in ("true", "false"):
            raise ValueError(f"{column} is {value!r}, expected true or false")
        return value == "true"

    def positive(self, column: str) -> float:
        value = self._values[column]
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            raise ValueError(f"{column} is {value!r}, expected a number above 0")
        return number

    def digits(self, column: str, length: int) -> str:
        value = self._values[column]
        if not (len(value) == length and value.isascii() and value.isdigit()):
            raise ValueError(f"{column} is {value!r}, expected {length} digits")
        return value

    def cas(self, column: str) -> str:
        """Return a CAS Registry Number with a correct check digit, or blank."""
        value = self._values[column]
        if value:
            from stdnum import casrn

            if not casrn.is_valid(value) or casrn.compact(value) != value:
                raise ValueError(f"{column} is {value!r}, expected a CAS Registry Number with a correct check digit")
        return value

    def jurisdiction(self, column: str) -> str:
        value = self._values[column]
        if not _JURISDICTION.fullmatch(value):
            raise ValueError(f"{column} is {value!r}, expected an ISO 3166 code, UN or EU")
        return value

    def day(self, column: str) -> date:
        value = self._values[column]
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{column} is {value!r}, expected a day as YYYY-MM-DD") from None

    def blank_or_day(self, column: str) -> date | None:
        return self.day(column) if self._values[column] else None


def read(
    file: str,
    columns: tuple[str, ...],
    build: Callable[[Row], T],
    *,
    key: Callable[[T], Hashable] | None = None,
) -> tuple[T, ...]:
    """Return all rows of a bundled CSV file as the results of ``build``.

    Args:
        file: name in `features/reference/data`.
        columns: expected header, in order.
        build: converts a row and raises `ValueError` for an invalid value.
        key: returns the key of a converted row, which must be unique.

    Raises:
        ReferenceDataError: the file is missing or invalid; the message names file, row (line number) and reason.
    """
    rows: list[T] = []
    seen: dict[Hashable, int] = {}
    with open_data(file) as handle:
        reader = csv.reader(handle, strict=True)
        header = tuple(next(reader, ()))
        if header != columns:
            raise ReferenceDataError(file, 1, f"header is {','.join(header)}, expected {','.join(columns)}")
        for values in reader:
            number = reader.line_num
            if len(values) != len(columns):
                raise ReferenceDataError(file, number, f"has {len(values)} values, expected {len(columns)}")
            try:
                row = build(Row(dict(zip(columns, values, strict=True))))
            except ValueError as error:
                raise ReferenceDataError(file, number, str(error)) from None
            if key is not None:
                earlier = seen.setdefault(key(row), number)
                if earlier != number:
                    raise ReferenceDataError(file, number, f"repeats row {earlier}: {key(row)!r}")
            rows.append(row)
    if not rows:
        raise ReferenceDataError(file, None, "has no rows")
    return tuple(rows)
