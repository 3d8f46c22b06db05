"""Recognition of manifest fields by input column names.

A field is matched to a column by, in this order:

1. the exact name of the field;
2. the same letters and digits in another spelling: ``HS Code``, ``hs-code``, ``HSCODE`` and ``HsCode`` match ``hs_code``;
3. an alias in the table below. An alias is a guess. It is used only if the first two rules find no column, and it is reported
   (`Recognition.guessed`).

A unit is part of the name (``Gross Mass (kg)`` matches ``gross_mass_kg``). A column in pounds or grams therefore does not
match, and needs a mapping that converts it.

Further fields are columns of an office's own data that are not part of the manifest.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import pyarrow as pa

from features.manifest.fields import FIELD, FIELDS
from features.reference.words import header_aliases
from features.table.table import Coded


def _aliases() -> dict[str, tuple[str, ...]]:
    table = header_aliases()
    aliases = dict(table["fields"])
    for level, roles in table["roles"].items():
        for key, forms in table["party_forms"].items():
            names = [form.format(role) for role in roles for form in forms]
            aliases[f"{level}_{key}"] = tuple(name for name in names if name != f"{level}_{key}")
    return {name: aliases[name] for name in FIELD if name in aliases}


#: Field -> aliases in descending likelihood, in the order of the manifest.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(_aliases())


def squeeze(name: str) -> str:
    """Return the letters and digits of a column name in one case."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char.isalnum())


_BY_SPELLING: Final = {squeeze(item.name): item.name for item in FIELDS}
_BY_ALIAS: Final = {name: [squeeze(alias) for alias in aliases] for name, aliases in ALIASES.items()}


@dataclass(frozen=True, slots=True)
class Recognition:
    """Assignment of input columns to fields.

    Attributes:
        position: field -> index of its input column.
        guessed: field -> input column name, for columns that match by alias.
        notes: remarks for the user on duplicate names, and on columns that are not used because another column is more likely.
    """

    position: Mapping[str, int]
    guessed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def recognise(names: Sequence[str], *, guess: bool = True, taken: frozenset[int] = frozenset()) -> Recognition:
    """Recognise manifest fields among input column names. Among equal names, the first one counts.

    Args:
        guess: whether aliases are allowed.
        taken: indices of columns to ignore, because a mapping assigns them.
    """
    notes: list[str] = []
    position: dict[str, int] = {}
    guessed: dict[str, str] = {}
    free: dict[str, int] = {}
    for exact in (True, False):
        for index, name in enumerate(names):
            if index in taken or index in position.values():
                continue
            field = (name if name in FIELD else None) if exact else _BY_SPELLING.get(squeeze(name))
            if field is None:
                if not exact:
                    free.setdefault(squeeze(name), index)
            elif field in position:
                if not exact or name in FIELD:
                    winner = names[position[field]]
                    problem = (
                        f"The column {name!r} occurs more than once"
                        if winner == name
                        else f"{winner!r} and {name!r} mean the same"
                    )
                    note = f"{problem}; the first is used for {field}."
                    if note not in notes:
                        notes.append(note)
            else:
                position[field] = index
    if guess:
        for item in FIELDS:
            if item.name in position:
                continue
            alias = next((alias for alias in _BY_ALIAS.get(item.name, ()) if alias in free), None)
            if alias is not None:
                index = free.pop(alias)
                position[item.name] = index
                guessed[item.name] = names[index]
        for spelling, index in free.items():
            other = next((other for other, aliases in _BY_ALIAS.items() if spelling in aliases), None)
            if other is not None:
                notes.append(f"{names[index]!r} could mean {other} too; {names[position[other]]!r} is used.")
    return Recognition(MappingProxyType(position), MappingProxyType(guessed), tuple(notes))


def nearest(name: str, valid: Sequence[str], count: int = 3) -> list[str]:
    """Return up to ``count`` of the valid names that are most similar to ``name``, the best first."""
    by_spelling: dict[str, str] = {}
    for candidate in valid:
        by_spelling.setdefault(squeeze(candidate), candidate)
    close = difflib.get_close_matches(squeeze(name), by_spelling, n=count, cutoff=0.5)
    return [by_spelling[spelling] for spelling in close]


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
    for further in fields:
        position = position_of(further.name, native.column_names)
        if position is not None:
            columns[further.name] = Coded.from_arrow(text_column(native.column(position)))
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
