"""Fields an office's own data has and the manifest has not: what they are called, and where their values are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

from features.readers.headers import squeeze
from features.table.table import Coded

Kind = Literal["numeric", "categorical"]
KINDS: Final = ("numeric", "categorical")


@dataclass(frozen=True, slots=True)
class FurtherField:
    """A column of the office's own that a model was trained with.

    Attributes:
        name: the column's name in its data.
        kind: ``numeric`` or ``categorical``.
        of_goods: whether its values go with the goods (a duty rate does, a customs office does not): rows that agree in
            it and in the goods, mass and value are taken for identical declarations.
    """

    name: str
    kind: Kind
    of_goods: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "of_goods": self.of_goods}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FurtherField:
        """Raises:
        KeyError, ValueError: a part is missing, or the kind is unknown.
        """
        if data["kind"] not in KINDS:
            raise ValueError(f"The kind of field {data['name']!r} is {data['kind']!r}; one of {', '.join(KINDS)} is.")
        return cls(str(data["name"]), data["kind"], bool(data["of_goods"]))


def slugs(names: Sequence[str]) -> list[str]:
    """Names fit for features, each different: small letters, digits and ``_``."""
    taken: set[str] = set()
    found = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or "field"
        slug, number = plain, 2
        while slug in taken:
            slug, number = f"{plain}_{number}", number + 1
        taken.add(slug)
        found.append(slug)
    return found


def position_of(name: str, columns: Sequence[str]) -> int | None:
    """Where a column stands: under its name, or under one that differs only in spelling."""
    if name in columns:
        return list(columns).index(name)
    return next((i for i, column in enumerate(columns) if squeeze(column) == squeeze(name)), None)


def further_columns(native: pa.Table, fields: Iterable[FurtherField]) -> dict[str, Coded]:
    """The declared text of further fields in an input's own columns; a field that is not there is left out."""
    from features.readers.as_text import text_column

    found = {}
    for field in fields:
        position = position_of(field.name, native.column_names)
        if position is not None:
            found[field.name] = Coded.from_arrow(text_column(native.column(position)))
    return found


def missing_note(fields: Iterable[FurtherField], columns: Sequence[str]) -> str | None:
    """What to say of a file that lacks fields the model was trained with; None when it has them all."""
    lacking = [field.name for field in fields if position_of(field.name, columns) is None]
    if not lacking:
        return None
    return (
        f"The model was trained with columns that this file lacks: {', '.join(map(repr, lacking))}; "
        "they are treated as missing."
    )
