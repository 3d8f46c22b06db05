"""Names of substances from the FDA's list of Unique Ingredient Identifiers, reduced to the relevant ones.

`python -m tools.build_unii` builds the file and defines the three kinds. The list is a work of the United
States government and in the public domain. Read on first use.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from features.reference import reading
from features.reference.reading import ReferenceDataError

FILE: Final = "unii_names.csv.gz"
COLUMNS: Final = ("name", "type", "unii", "kind", "substance", "smiles", "abbreviation", "deuterated", "group")

UniiKind = Literal["listed", "class", "other"]
#: Kinds of rows, in the order of the file.
KINDS: Final[tuple[UniiKind, ...]] = ("listed", "class", "other")
#: Types of names in the FDA's list: official, common, brand, systematic, code.
TYPES: Final = ("of", "cn", "bn", "sys", "cd")
_CLASS_GROUPS: Final = ("", "fentanyl", "nitazene", "precursor", "other_controlled")
_UNII: Final = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class UniiName:
    """One name of one substance.

    Attributes:
        name: as in the list, in capitals, without list marks and with Greek letters as words.
        type: ``of`` official, ``cn`` common, ``bn`` brand, ``sys`` systematic, ``cd`` code.
        unii: identifier of the salt, hydrate or isomer with the name.
        kind: ``listed`` for a row of the substance table; ``class`` for an unlisted substance that a class definition
            covers or may cover; ``other`` for a name that only resembles a watched one.
        substance: name of the row of the substance table, otherwise the name of the substance in the list.
        smiles: canonical structure of the parent; empty for listed substances, whose row has it, and if unknown.
        abbreviation: whether the name counts only next to chemical words, because it is short or similar to a part number.
        deuterated: whether the name is of a form with deuterium in place of hydrogen.
        group: for a ``class`` substance that meets a definition, the definition's group; ``other_controlled`` if it is exempt;
            empty if it only may meet a definition, and for the other kinds.
    """

    name: str
    type: str
    unii: str
    kind: UniiKind
    substance: str
    smiles: str
    abbreviation: bool
    deuterated: bool
    group: str = ""


@cache
def unii_names() -> tuple[UniiName, ...]:
    """Return all names, sorted by kind, substance and name.

    Raises:
        ReferenceDataError: the file is missing or invalid; the message names file, row and reason.
    """
    reader = csv.reader(io.StringIO(_text(), newline=""), strict=True)
    rows: dict[tuple[str, str], UniiName] = {}
    try:
        header = tuple(next(reader, ()))
        if header != COLUMNS:
            raise ReferenceDataError(FILE, 1, f"header is {','.join(header)}, expected {','.join(COLUMNS)}")
        for values in reader:
            row = _row(values)
            if rows.setdefault((row.name, row.unii), row) is not row:
                raise ValueError(f"repeats {row.name!r} of {row.unii}")
    except ReferenceDataError:
        raise
    except (ValueError, csv.Error) as error:
        raise ReferenceDataError(FILE, reader.line_num, str(error)) from None
    if not rows:
        raise ReferenceDataError(FILE, None, "has no rows")
    return tuple(rows.values())


def _text() -> str:
    try:
        return gzip.decompress((reading.DATA / FILE).read_bytes()).decode("utf-8")
    except FileNotFoundError:
        raise reading.missing(FILE) from None
    except (OSError, EOFError, ValueError) as error:
        raise ReferenceDataError(FILE, None, f"is not a gzip file of UTF-8 text: {error}") from None


def _row(values: list[str]) -> UniiName:
    if len(values) != len(COLUMNS):
        raise ValueError(f"has {len(values)} values, expected {len(COLUMNS)}")
    name, of_type, unii, kind, substance, smiles, abbreviation, deuterated, group = values
    if not name.strip() or not substance.strip():
        raise ValueError(f"{'substance' if name.strip() else 'name'} is blank, expected a value")
    if of_type not in TYPES:
        raise ValueError(f"type is {of_type!r}, expected one of {', '.join(TYPES)}")
    if not _UNII.fullmatch(unii):
        raise ValueError(f"unii is {unii!r}, expected ten capital letters and digits")
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")
    if (kind == "class" and not smiles) or (kind == "listed" and smiles):
        raise ValueError(f"smiles is {smiles!r}, expected a structure for a class and none for a listed substance")
    for column, value in (("abbreviation", abbreviation), ("deuterated", deuterated)):
        if value not in _FLAGS:
            raise ValueError(f"{column} is {value!r}, expected true or false")
    if group not in (_CLASS_GROUPS if kind == "class" else ("",)):
        raise ValueError(f"group is {group!r}, expected a group for a substance that meets a class and none otherwise")
    return UniiName(name, of_type, unii, kind, substance, smiles, _FLAGS[abbreviation], _FLAGS[deuterated], group)
