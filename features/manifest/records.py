"""Conversion of parsed JSON to flat declared texts, for scoring and for the domain types.

Parsing is tolerant: only unreadable records are refused. Every other problem becomes a note that names the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, FIELDS, ITEM_NAMES, LABEL_NAMES, Level

#: Names of the shipment-level texts, including those of the parties.
HEAD_NAMES: Final = tuple(f.name for f in FIELDS if f.level in (Level.SHIPMENT, Level.CONSIGNOR, Level.CONSIGNEE))
#: Key of an office's own fields.
FURTHER: Final = "further"
#: Fields of which most goods items have at least one. An item without them is read too: a missing description is evidence.
DESCRIBING: Final = ("goods_description", "declared_chemical", "hs_code")
#: Fields that identify shipments and items. They say nothing about the goods, so a row needs a value of another field.
REFERENCES: Final = ("shipment_id", "item_number")

_N_HEAD = len(HEAD_NAMES)
_N_ITEM = len(ITEM_NAMES)
# Codes of keys that have no place among the texts.
_UNKNOWN, _FURTHER, _PARTY, _ITEM, _IGNORED = -1, -2, -3, -4, -5
_HEAD_PLACES: dict[object, int] = {
    **dict.fromkeys(LABEL_NAMES, _IGNORED),
    **{name: place for place, name in enumerate(HEAD_NAMES)},
    **dict.fromkeys(ITEM_NAMES, _ITEM),
    "consignor": _PARTY,
    "consignee": _PARTY,
    "items": _IGNORED,
    FURTHER: _FURTHER,
}
_ITEM_PLACES: dict[object, int] = {
    **dict.fromkeys(LABEL_NAMES, _IGNORED),
    **{name: place for place, name in enumerate(ITEM_NAMES)},
    FURTHER: _FURTHER,
}
_PARTY_PLACES: dict[str, dict[object, int]] = {
    level.value: {FIELD[name].key: place for place, name in enumerate(HEAD_NAMES) if FIELD[name].level is level}
    for level in (Level.CONSIGNOR, Level.CONSIGNEE)
}
_DESCRIPTION, _HS_CODE, _ITEM_NUMBER = (ITEM_NAMES.index(n) for n in ("goods_description", "hs_code", "item_number"))
_NO_ITEM = -1
_HEAD_NAMES = HEAD_NAMES


class Record:
    """Shipment as flat declared texts without surrounding white space; None is missing.

    Attributes:
        texts: one text per name in `HEAD_NAMES`.
        items: per goods item one text per name in `fields.ITEM_NAMES`.
        further: the office's own fields.
        item_further: per goods item its own fields, which take precedence.
        notes: problems found during parsing.
    """

    __slots__ = ("further", "item_further", "items", "notes", "texts")

    def __init__(
        self,
        texts: list[str | None],
        items: list[list[str | None]],
        further: dict[str, str],
        item_further: list[dict[str, str]],
        notes: list[Problem],
    ) -> None:
        self.texts = texts
        self.items = items
        self.further = further
        self.item_further = item_further
        self.notes = notes

    @property
    def shipment_id(self) -> str:
        """Reference of the shipment; empty if missing."""
        return self.texts[0] or ""


def read_record(data: object) -> Record:
    """Read a shipment from parsed JSON: nested parties and items, or one flat row with the column names of a file.

    Numbers and booleans become text; blank and null mean missing. Label fields are ignored. A goods item needs a value of any
    field other than its number; in a flat row, this may be a shipment-level field.

    Raises:
        Refused: the data is not an object, has no ``shipment_id`` or no goods item, or a number is not finite.
    """
    if not isinstance(data, dict) and not isinstance(data, Mapping):
        raise Refused([Problem("shipment", f"is {_kind(data)}, expected an object with shipment_id and items")])
    given = data if type(data) is dict else dict(data)
    notes: list[Problem] = []
    fatal: list[Problem] = []
    texts: list[str | None] = [None] * _N_HEAD
    record = Record(texts, [], {}, [], notes)
    flat_item: dict[str, Any] = {}
    for key, value in given.items():
        found = _HEAD_PLACES.get(key)
        place = _UNKNOWN if found is None else found
        if place >= 0:
            text = _text(key, value, notes, fatal, _NO_ITEM)
            if text is not None:
                texts[place] = text
        elif place == _PARTY:
            _read_party(key, value, texts, notes, fatal)
        elif place == _ITEM:
            flat_item[key] = value
        elif place == _FURTHER:
            record.further = _read_further(value, FURTHER, notes, fatal)
        elif place == _UNKNOWN and not _blank(value):
            notes.append(Problem(str(key)[:80], "is not a field of the manifest and was ignored"))
    _read_items(given.get("items"), flat_item, record, fatal)
    if texts[0] is None:
        fatal.insert(0, Problem("shipment_id", "is missing; every shipment needs its own reference"))
    if not record.items and not _concern_items(fatal):
        fatal.append(Problem("items", "contain no goods item; at least one with a value of any field is needed"))
    if fatal:
        raise Refused(fatal, texts[0])
    return record


def encode_records(records: list[Record], codes: NDArray[np.int32]) -> list[list[str] | None]:
    """Dictionary-encode the texts of all goods items.

    Args:
        codes: (fields, goods items) int32 output. The fields are `HEAD_NAMES` followed by `fields.ITEM_NAMES`. Shipment-level
            texts repeat on each item.

    Returns:
        Per field the distinct texts by code, in order of appearance; None for a field without texts.
    """
    n_head, n_item = _N_HEAD, _N_ITEM
    known: list[dict[str, int]] = [{} for _ in range(n_head + n_item)]
    row = 0
    for record in records:
        items = record.items
        end = row + len(items)
        texts = record.texts
        for place in range(n_head):
            code = -1
            text = texts[place]
            if text is not None:
                of_text = known[place]
                found = of_text.get(text)
                if found is None:
                    found = len(of_text)
                    of_text[text] = found
                code = found
            for k in range(row, end):
                codes[place, k] = code
        for texts in items:
            for place in range(n_item):
                code = -1
                text = texts[place]
                if text is not None:
                    of_text = known[n_head + place]
                    found = of_text.get(text)
                    if found is None:
                        found = len(of_text)
                        of_text[text] = found
                    code = found
                codes[n_head + place, row] = code
            row += 1
    return [list(of_text) if of_text else None for of_text in known]


def further_of(records: list[Record]) -> dict[str, list[str | None]]:
    """Return further field -> one text per goods item: the item's own, otherwise that of its shipment."""
    if not _have_further(records):
        return {}
    of_items = [{**record.further, **own} for record in records for own in record.item_further]
    names = dict.fromkeys([name for further in of_items for name in further])
    return {name: [further.get(name) for further in of_items] for name in names}


def _have_further(records: list[Record]) -> bool:
    for record in records:
        if record.further:
            return True
        for own in record.item_further:
            if own:
                return True
    return False


def _read_party(role: str, value: object, texts: list[str | None], notes: list[Problem], fatal: list[Problem]) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, dict) and not isinstance(value, Mapping):
        notes.append(Problem(role, f"is {_kind(value)}, expected an object; it was treated as missing"))
        return
    given = value if type(value) is dict else dict(value)
    places = _PARTY_PLACES[role]
    for key, part in given.items():
        place = places.get(key)
        if place is None:
            if not _blank(part):
                notes.append(Problem(f"{role}.{key}"[:80], "is not a field of the manifest and was ignored"))
            continue
        text = _text(_HEAD_NAMES[place], part, notes, fatal, _NO_ITEM)
        if text is not None:
            texts[place] = text


def _read_items(value: object, flat: dict[str, Any], record: Record, fatal: list[Problem]) -> None:
    notes = record.notes
    # In a flat row, a value of a shipment-level field suffices for the goods item.
    filled = False
    if _blank(value):
        value = [flat] if flat else []
        filled = bool(flat) and _count_present(record.texts, 0) > 0
    else:
        for key, part in flat.items():
            if not _blank(part):
                notes.append(Problem(key, "is a field of goods items and belongs inside items; it was ignored"))
    if not isinstance(value, list):
        fatal.append(Problem("items", f"is {_kind(value)}, expected a list of goods items"))
        return
    given = value if type(value) is list else list(value)
    for index, entry in enumerate(given):
        if not isinstance(entry, dict) and not isinstance(entry, Mapping):
            notes.append(Problem(f"items[{index}]", f"is {_kind(entry)}, expected an object; it was ignored"))
            continue
        fields = entry if type(entry) is dict else dict(entry)
        item: list[str | None] = [None] * _N_ITEM
        further: dict[str, str] = {}
        for key, part in fields.items():
            found = _ITEM_PLACES.get(key)
            place = _UNKNOWN if found is None else found
            if place >= 0:
                item[place] = _text(key, part, notes, fatal, index)
            elif place == _FURTHER:
                further = _read_further(part, f"items[{index}].{FURTHER}", notes, fatal)
            elif place == _UNKNOWN and not _blank(part):
                problem = "is not a field of the manifest and was ignored"
                notes.append(Problem(f"items[{index}].{key}"[:80], problem))
        if _has_value(item) or further or filled:
            record.items.append(item)
            record.item_further.append(further)
        elif len(given) > 1:
            notes.append(Problem(f"items[{index}]", "has no value of any field; it was ignored"))


def _has_value(item: list[str | None]) -> bool:
    return item[_DESCRIPTION] is not None or item[_HS_CODE] is not None or _count_present(item, _ITEM_NUMBER) > 0


def _count_present(texts: list[str | None], reference: int) -> int:
    """Return the number of texts that are not missing, without the one at the place ``reference``."""
    count = 0
    for place in range(len(texts)):
        if place != reference and texts[place] is not None:
            count += 1
    return count


def _concern_items(problems: list[Problem]) -> bool:
    return any(problem.field.startswith("items") for problem in problems)


def _read_further(value: object, where: str, notes: list[Problem], fatal: list[Problem]) -> dict[str, str]:
    if _blank(value):
        return {}
    if not isinstance(value, Mapping):
        notes.append(Problem(where, f"is {_kind(value)}, expected an object; it was treated as missing"))
        return {}
    texts: dict[str, str] = {}
    for key, part in value.items():
        place = f"{where}.{key}"[:80]
        if isinstance(part, (Mapping, list)):
            notes.append(Problem(place, f"is {_kind(part)}, expected a text or a number; it was treated as missing"))
            continue
        text = _text(place, part, notes, fatal, _NO_ITEM)
        if text is not None:
            texts[str(key)] = text
    return texts


def _text(name: str, value: object, notes: list[Problem], fatal: list[Problem], item: int) -> str | None:
    """Convert a value to text. ``item`` is the index of the goods item, or `_NO_ITEM` for shipment-level values."""
    if isinstance(value, str):
        return _stripped(value) if type(value) is str else (value.strip() or None)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    where = name if item < 0 else f"items[{item}].{name}"
    if isinstance(value, float):
        if not math.isfinite(value):
            fatal.append(Problem(where, f"is {value}, expected a finite number"))
            return None
        return repr(value)
    if isinstance(value, list) and name == "routing_countries":
        return ";".join([str(entry).strip() for entry in value if entry is not None]) or None
    expected = "a list of country codes" if name == "routing_countries" else f"one value ({FIELD[name].kind.value})"
    notes.append(Problem(where, f"is {_kind(value)}, expected {expected}; it was treated as missing"))
    return None


def _stripped(text: str) -> str | None:
    # Nearly all texts have no surrounding white space, and this check is cheaper than a call of `strip`.
    n = len(text)
    if n and not text[0].isspace() and not text[n - 1].isspace():
        return text
    return text.strip() or None


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {
        Mapping: "an object",
        list: "a list",
        str: "a text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem of a field, with a text that says what is wrong and how the value is treated."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Refused(ValueError):
    """Error for an unreadable record. ``problems`` contains the reasons per field."""

    def __init__(self, problems: list[Problem], shipment_id: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.shipment_id = shipment_id
