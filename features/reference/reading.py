"""Reader of the bundled tables. Its errors name the file, the row, the column and the expected form.

A table is a dataclass with a field for each column, in the order of the file. The type of a field says how its column is read:
`str` is a text that is not blank, `tuple[str, ...]` are values separated by ``|``, an enumeration is one of its values, `bool`,
`float` and `date` are what they say, and the `Annotated` types below name the accessor of `Row` that reads them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Hashable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TextIO, TypeVar, get_type_hints

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

DATA: Final = Path(__file__).parent / "data"
_JURISDICTION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)


class ReferenceDataError(ValueError):
    """Error for an invalid bundled reference file. The message names file, row (line number, the header is 1) and reason."""

    def __init__(self, file: str, row: int | None, reason: str) -> None:
        self.file = file
        self.row = row
        self.reason = reason
        super().__init__(f"{file}: {reason}" if row is None else f"{file}, row {row}: {reason}")


class Verified(StrEnum):
    """Support for the facts of a row; shown to users with the row."""

    YES = "yes"  # read at the publisher or in its text
    SECONDARY = "secondary"  # read on a page, or in a data set, that quotes the publisher
    ASSUMED = "assumed"  # our own assumption, derivation or classification
    UNVERIFIED = "unverified"  # not checked anywhere; never presented as fact


def open_data(name: str) -> TextIO:
    """Open a bundled text file for reading as UTF-8, with line ends kept (for `csv`).

    Raises:
        ReferenceDataError: the file is missing from the installation.
    """
    try:
        return (DATA / name).open(encoding="utf-8", newline="")
    except FileNotFoundError:
        raise missing(name) from None


def missing(name: str) -> ReferenceDataError:
    """Return the error for a file that is missing from the installation."""
    return ReferenceDataError(name, None, "is missing from the installation, expected it in features/reference/data")


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

    def hs6(self, column: str) -> str:
        return self.digits(column, 6)

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


BlankOrText = Annotated[str, Row.blank_or_text]
BlankOrDay = Annotated[date | None, Row.blank_or_day]
Cas = Annotated[str, Row.cas]
Hs6 = Annotated[str, Row.hs6]
Jurisdiction = Annotated[str, Row.jurisdiction]

_ACCESSORS: Final[dict[Any, Callable[[Row, str], Any]]] = {
    str: Row.text,
    tuple[str, ...]: Row.many,
    bool: Row.flag,
    float: Row.positive,
    date: Row.day,
}


def _accessor(kind: Any) -> Callable[[Row, str], Any]:
    """Return the function that reads a column of a type, given the row and the name of the column."""
    if (named := getattr(kind, "__metadata__", None)) is not None:
        accessor: Callable[[Row, str], Any] = named[0]
        return accessor
    return _ACCESSORS.get(kind) or (lambda row, column: row.one_of(column, kind))


def table(
    file: str, kind: Callable[..., T], key: Callable[[T], Hashable], check: Callable[[T], object] | None = None
) -> tuple[T, ...]:
    """Return all rows of a bundled CSV file whose columns are the fields of a dataclass.

    Args:
        file: name in `features/reference/data`.
        kind: the dataclass.
        key: returns the key of a row, which must be unique.
        check: raises `ValueError` for a row that does not agree with itself, with earlier rows, or with other tables.

    Raises:
        ReferenceDataError: as `read`.
    """
    accessors = {name: _accessor(hint) for name, hint in get_type_hints(kind, include_extras=True).items()}

    def build(row: Row) -> T:
        built = kind(**{name: accessor(row, name) for name, accessor in accessors.items()})
        if check is not None:
            check(built)
        return built

    return read(file, tuple(accessors), build, key=key)


def read(
    file: str, columns: tuple[str, ...], build: Callable[[Row], T], *, key: Callable[[T], Hashable]
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
            earlier = seen.setdefault(key(row), number)
            if earlier != number:
                raise ReferenceDataError(file, number, f"repeats row {earlier}: {key(row)!r}")
            rows.append(row)
    if not rows:
        raise ReferenceDataError(file, None, "has no rows")
    return tuple(rows)
