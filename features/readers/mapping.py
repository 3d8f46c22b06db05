"""Column mappings: TOML descriptions of files with another layout.

    [files]      delimiter, encoding, decimal              override detection
    [columns]    field = "Their column"                    or a list, whose non-blank values are joined
    [join]       field = ", "                              separator for a list; by default a space
    [constants]  field = "value"                           the same value on every row
    [values.field]  "their value" = "ours"                 other values stay unchanged; "" means missing
    [scale]      field = 0.001                             factor for their number (grams to kilograms)
    [dates]      field = "%d.%m.%Y"                        their time format in UTC, or a list to try in order
    [fields]     "Their column" = "numeric"                a further field for training, or "categorical"
                 ignore = ["Their column"]                 columns that training ignores

Fields are those of the manifest. Columns outside the mapping are recognised by the manifest's names but not by aliases. Codes
are not padded, and blanks are not filled. A value that cannot be converted stays unchanged, and gets a warning like other
unreadable values.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from features.manifest.fields import FIELD, Kind
from features.readers.as_text import Texts, text_column
from features.readers.errors import MappingError
from features.readers.headers import KINDS, Recognition, nearest, recognise, squeeze
from features.readers.source import read_small
from features.table import normalise
from features.table.table import Coded

Scalar = bool | int | float | str
_OneChar = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileOptions(_Strict):
    """File options that override detection."""

    delimiter: _OneChar | None = None
    encoding: str | None = None
    decimal: Literal[",", "."] | None = None


class _Document(_Strict):
    files: FileOptions = FileOptions()
    columns: dict[str, str | list[str]] = Field(default_factory=dict)
    join: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, Scalar] = Field(default_factory=dict)
    values: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
    scale: dict[str, float | int] = Field(default_factory=dict)
    dates: dict[str, str | list[str]] = Field(default_factory=dict)
    fields: dict[str, str | list[str]] = Field(default_factory=dict)


#: Key in ``[fields]`` of the list of ignored columns.
_IGNORE: Final = "ignore"


class ColumnMapping:
    """A validated mapping. `ColumnMapping.load` reads it from a file, `ColumnMapping.from_text` from TOML."""

    def __init__(self, document: _Document, name: str) -> None:
        self.name = name
        self._document = document
        self._check()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ColumnMapping:
        """Read a mapping from a file.

        Raises:
            MappingError: the file does not exist or is not TOML, a key or field is unknown, or a value has the wrong type.
        """
        try:
            text = read_small(Path(path)).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise MappingError(str(path), "file", "it is not UTF-8, as TOML must be.") from error
        except OSError as error:
            raise MappingError(str(path), "file", f"it cannot be read: {error.strerror or error}.") from error
        return cls.from_text(text, str(path))

    @classmethod
    def from_text(cls, text: str, name: str = "the mapping") -> ColumnMapping:
        """Read a mapping from TOML.

        Raises:
            MappingError: see `load`.
        """
        try:
            document = _Document.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise MappingError(name, "TOML", f"{error}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"][:3]) or "mapping"
            if first["type"] == "extra_forbidden":
                known = FileOptions.model_fields if first["loc"][0] == "files" else _Document.model_fields
                raise MappingError(name, key, f"there is no such key; valid ones are {', '.join(known)}.") from error
            raise MappingError(name, key, f"{first['msg']}, got {first['input']!r}.") from error
        return cls(document, name)

    @property
    def files(self) -> FileOptions:
        return self._document.files

    @property
    def source_names(self) -> tuple[str, ...]:
        """Input columns that the mapping names."""
        return tuple(name for names in self._sources().values() for name in names)

    @property
    def mapped_fields(self) -> tuple[str, ...]:
        """Fields that the mapping assigns to input columns."""
        return tuple(self._document.columns)

    @property
    def further(self) -> Mapping[str, str]:
        """Input column -> ``numeric`` or ``categorical``, for further fields in training."""
        return {name: kind for name, kind in self._document.fields.items() if isinstance(kind, str)}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Input columns that are read as no field, not even by their names, and that training ignores."""
        ignored = self._document.fields.get(_IGNORE, [])
        return tuple(ignored) if isinstance(ignored, list) else ()

    @property
    def constants(self) -> Mapping[str, str]:
        return {name: _as_text(value) for name, value in self._document.constants.items()}

    def bind(self, names: Sequence[str]) -> BoundMapping:
        """Bind the mapping to a file with the columns ``names``.

        Raises:
            MappingError: a column of the mapping is missing.
        """
        positions: dict[str, tuple[int, ...]] = {}
        by_spelling: dict[str, int] = {}
        for index, name in enumerate(names):
            by_spelling.setdefault(squeeze(name), index)
        for canonical, sources in self._sources().items():
            indices = []
            for source in sources:
                index = names.index(source) if source in names else by_spelling.get(squeeze(source), -1)
                if index < 0:
                    near = nearest(source, names)
                    hint = f"the nearest are {_listed(near)}" if near else f"its columns are {_listed(names[:12])}"
                    raise MappingError(self.name, f"columns.{canonical}", f"the file has no column {source!r}; {hint}.")
                indices.append(index)
            positions[canonical] = tuple(indices)
        taken = frozenset(index for indices in positions.values() for index in indices)
        taken |= {by_spelling[name] for name in map(squeeze, self.ignored) if name in by_spelling}
        others = recognise(names, guess=False, taken=taken)
        for canonical, index in others.position.items():
            if canonical not in positions and canonical not in self._document.constants:
                positions[canonical] = (index,)
        return BoundMapping(self._document, positions, self.constants, others)

    def _sources(self) -> dict[str, list[str]]:
        return {key: [value] if isinstance(value, str) else value for key, value in self._document.columns.items()}

    def _check(self) -> None:
        document = self._document
        for section in ("columns", "join", "constants", "values", "scale", "dates"):
            for key in getattr(document, section):
                if key not in FIELD:
                    near = nearest(key, list(FIELD))
                    hint = f"the nearest are {_listed(near)}" if near else "GET /v1/schema lists them"
                    raise MappingError(self.name, f"{section}.{key}", f"there is no such field; {hint}.")
        for key, kind in document.fields.items():
            if key == _IGNORE and isinstance(kind, str):
                raise MappingError(self.name, f"fields.{key}", f"a list of columns is needed, got {kind!r}.")
            if key != _IGNORE and kind not in KINDS:
                raise MappingError(self.name, f"fields.{key}", f'"numeric" or "categorical" is needed, got {kind!r}.')
        for key in document.constants:
            if key in document.columns:
                raise MappingError(self.name, f"constants.{key}", "the field also has a column; keep one of the two.")
        for key, sources in self._sources().items():
            if not sources or not all(sources):
                raise MappingError(self.name, f"columns.{key}", "a column name is empty.")
        for key in document.join:
            if not isinstance(document.columns.get(key), list):
                raise MappingError(
                    self.name, f"join.{key}", f"columns.{key} is not a list of columns, so nothing is joined."
                )
        for key, factor in document.scale.items():
            if FIELD[key].kind is not Kind.NUMBER:
                raise MappingError(self.name, f"scale.{key}", "only numbers can be scaled.")
            if not np.isfinite(factor) or factor <= 0:
                raise MappingError(self.name, f"scale.{key}", f"a number above 0 is needed, got {factor!r}.")
        for key, formats in document.dates.items():
            if FIELD[key].kind is not Kind.TIME:
                raise MappingError(self.name, f"dates.{key}", "only times have a date format.")
            for form in [formats] if isinstance(formats, str) else formats:
                if "%" not in form:
                    raise MappingError(self.name, f"dates.{key}", f"a format such as %d.%m.%Y is needed, got {form!r}.")


class BoundMapping:
    """Mapping bound to the columns of a file."""

    def __init__(
        self,
        document: _Document,
        positions: Mapping[str, tuple[int, ...]],
        constants: Mapping[str, str],
        others: Recognition,
    ) -> None:
        self._document = document
        #: Field -> indices of its input columns.
        self.positions = positions
        #: Field -> constant value.
        self.constants = constants
        self.notes = others.notes

    def text(self, table: pa.Table, canonical: str) -> Texts:
        """Return the field's original text, with columns joined if necessary, before conversion."""
        if canonical in self.constants:
            constant = pa.repeat(self.constants[canonical], table.num_rows)
            return pa.chunked_array([constant], pa.string())
        columns = [text_column(table.column(index)) for index in self.positions[canonical]]
        return columns[0] if len(columns) == 1 else _joined(columns, self._document.join.get(canonical, " "))

    def converted(self, canonical: str, column: Coded, decimal: str | None) -> Coded:
        """Return the field's values in the manifest's codes, units and date format. Each distinct value is converted once."""
        if canonical in self.constants:
            return column
        steps: list[Callable[[str], str]] = []
        translation = self._document.values.get(canonical)
        if translation:
            exact = {key.strip(): _as_text(value) for key, value in translation.items()}
            steps.append(lambda text: exact.get(text.strip(), text))
        if canonical in self._document.dates:
            formats = self._document.dates[canonical]
            forms = [formats] if isinstance(formats, str) else formats
            steps.append(lambda text: _iso(text, forms))
        if canonical in self._document.scale:
            factor = Decimal(repr(self._document.scale[canonical]))
            steps.append(lambda text: _scaled(text, factor, decimal))
        if not steps:
            return column
        values = column.values
        for step in steps:
            values = [step(value) for value in values]
        blank = np.array([not value.strip() for value in values], dtype=bool)
        codes = column.codes
        if blank.any():
            codes = np.where(column.lookup(blank, True), np.int32(-1), codes).astype(np.int32)
        return Coded(codes, values)


def _joined(columns: list[Texts], separator: str) -> Texts:
    filled = []
    for column in columns:
        trimmed: Any = pc.utf8_trim_whitespace(column.combine_chunks())
        filled.append(pc.if_else(pc.equal(trimmed, pa.scalar("")), pa.scalar(None, pa.string()), trimmed))
    joined = pc.binary_join_element_wise(*filled, separator, null_handling="skip")
    return pa.chunked_array([joined], pa.string())


def _as_text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _iso(text: str, formats: Sequence[str]) -> str:
    for form in formats:
        try:
            moment = dt.datetime.strptime(text.strip(), form)  # noqa: DTZ007 - without %z it is UTC, as documented
        except ValueError:
            continue
        if moment.tzinfo is not None:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="seconds") + "Z"
    return text


def _scaled(text: str, factor: Decimal, decimal: str | None) -> str:
    number, _, _ = normalise.number(text.strip(), decimal)
    if math.isnan(number):
        return text
    scaled = format((Decimal(repr(number)) * factor).normalize(), "f")
    return scaled.replace(".", ",") if decimal == "," else scaled


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
