"""Recognition of manifest fields by input column names.

A field is matched to a column by, in this order:

1. the exact name of the field;
2. the same letters and digits in another spelling: ``HS Code``, ``hs-code``, ``HSCODE`` and ``HsCode`` match ``hs_code``;
3. an alias in the table below. An alias is a guess. It is used only if the first two rules find no column, and it is reported
   (`Recognition.guessed`).

A unit is part of the name (``Gross Mass (kg)`` matches ``gross_mass_kg``). A column in pounds or grams therefore does not
match, and needs a mapping that converts it.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from features.manifest.fields import FIELD, FIELDS
from features.reference.words import header_aliases


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
