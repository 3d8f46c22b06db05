"""Further fields: columns of an office's own data that are not part of the manifest."""

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
    """Further field that a model was trained with.

    Attributes:
        name: name of the column in the office's data.
        kind: ``numeric`` or ``categorical``.
        of_goods: whether the field describes the goods (a duty rate does, a customs office does not). Identical declarations
            agree in these fields as in goods, mass and value.
    """

    name: str
    kind: Kind
    of_goods: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "of_goods": self.of_goods}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FurtherField:
        """Restore a field from its JSON form.

        Raises:
            KeyError: a member is missing.
            ValueError: the kind is unknown.
        """
        if data["kind"] not in KINDS:
            raise ValueError(f"The kind of field {data['name']!r} is {data['kind']!r}; expected {' or '.join(KINDS)}.")
        return cls(str(data["name"]), data["kind"], bool(data["of_goods"]))


def slugs(names: Sequence[str]) -> list[str]:
    """Convert names to distinct names of lower-case letters, digits and ``_`` for features."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or "field"
        slug, number = plain, 2
        while slug in taken:
            slug, number = f"{plain}_{number}", number + 1
        taken.add(slug)
        distinct.append(slug)
    return distinct


def position_of(name: str, columns: Sequence[str]) -> int | None:
    """Return the index of a column with the given name, or with a different spelling of it, otherwise None."""
    if name in columns:
        return list(columns).index(name)
    return next((i for i, column in enumerate(columns) if squeeze(column) == squeeze(name)), None)


def further_columns(native: pa.Table, fields: Iterable[FurtherField]) -> dict[str, Coded]:
    """Return the declared texts of the further fields among the input columns. Missing fields are omitted."""
    from features.readers.as_text import text_column

    columns = {}
    for field in fields:
        position = position_of(field.name, native.column_names)
        if position is not None:
            columns[field.name] = Coded.from_arrow(text_column(native.column(position)))
    return columns


def missing_note(fields: Iterable[FurtherField], columns: Sequence[str]) -> str | None:
    """Return a note on the fields of the model that a file lacks; None if the file has all of them."""
    lacking = [field.name for field in fields if position_of(field.name, columns) is None]
    if not lacking:
        return None
    return (
        f"The model was trained with columns that this file lacks: {', '.join(map(repr, lacking))}; "
        "they are treated as missing."
    )
