"""The domain types: a shipment as it was declared, and what is refused.

Values are the declared text, before any normalisation; `features.table` gives them their meaning. Reading is tolerant: a
record is refused only if it cannot be read at all, everything else becomes a note that names the field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from features.fields import FIELD, FIELDS, LABEL_NAMES, Level


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with which field, in words that say what would be right."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Refused(ValueError):
    """The record cannot be read at all. ``problems`` says why, field by field."""

    def __init__(self, problems: list[Problem], shipment_id: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.shipment_id = shipment_id


@dataclass(slots=True)
class Party:
    """A consignor or a consignee. The account fields exist for consignors only."""

    name: str | None = None
    address: str | None = None
    city: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None
    account_opened_on: str | None = None
    known: str | None = None


@dataclass(slots=True)
class GoodsItem:
    """One line of goods as declared."""

    item_number: str | None = None
    goods_description: str | None = None
    declared_chemical: str | None = None
    cas_number: str | None = None
    cus_number: str | None = None
    hs_code: str | None = None
    origin_country: str | None = None
    net_mass_kg: str | None = None
    quantity: str | None = None
    quantity_unit: str | None = None
    customs_value: str | None = None
    undg_number: str | None = None
    permit_number: str | None = None
    further: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Shipment:
    """One shipment with its parties and goods items. ``notes`` are problems met while reading it.

    ``further``, here and on an item (which goes before), holds fields of an office's own that the manifest does not have.
    """

    shipment_id: str
    items: list[GoodsItem]
    master_id: str | None = None
    house_id: str | None = None
    filing_type: str | None = None
    channel: str | None = None
    transport_mode: str | None = None
    declared_at: str | None = None
    export_country: str | None = None
    routing_countries: str | None = None
    loading_location: str | None = None
    unloading_location: str | None = None
    carrier_id: str | None = None
    agent_name: str | None = None
    marketplace: str | None = None
    transaction_nature: str | None = None
    gross_mass_kg: str | None = None
    package_count: str | None = None
    package_type: str | None = None
    freight_charge: str | None = None
    currency: str | None = None
    consignor: Party = field(default_factory=Party)
    consignee: Party = field(default_factory=Party)
    further: dict[str, str] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list, compare=False)


_PARTY_KEYS: Final = {
    level: {f.key: f.name for f in FIELDS if f.level is level} for level in (Level.CONSIGNOR, Level.CONSIGNEE)
}
_SHIPMENT_KEYS: Final = frozenset(f.name for f in FIELDS if f.level is Level.SHIPMENT)
_ITEM_KEYS: Final = frozenset(f.name for f in FIELDS if f.level is Level.ITEM)
_FLAT_PARTY: Final = {f.name: (f.level.value, f.key) for f in FIELDS if f.level in (Level.CONSIGNOR, Level.CONSIGNEE)}
_LABELS: Final = frozenset(LABEL_NAMES)
#: The key of fields of an office's own.
FURTHER: Final = "further"
#: One of these makes a goods item.
DESCRIBING: Final = ("goods_description", "declared_chemical", "hs_code")


def shipment_from_json(data: object) -> Shipment:
    """Read a shipment from parsed JSON: nested parties and items, or one flat row with the column names of a file.

    Numbers and truth values become text; blank and null mean missing. Label fields are ignored.

    Raises:
        Refused: not an object, no ``shipment_id``, no goods item, or a number that is not finite.
    """
    if not isinstance(data, Mapping):
        raise Refused([Problem("shipment", f"is {_kind(data)}, expected an object with shipment_id and items")])
    notes: list[Problem] = []
    fatal: list[Problem] = []
    shipment = Shipment("", [], notes=notes)
    flat_item: dict[str, Any] = {}
    for key, value in data.items():
        if key in _SHIPMENT_KEYS:
            setattr(shipment, key, _text(key, value, notes, fatal))
        elif key == FURTHER:
            shipment.further = _read_further(value, FURTHER, notes, fatal)
        elif key in ("consignor", "consignee"):
            _read_party(Level(key), value, getattr(shipment, key), notes, fatal)
        elif key in _FLAT_PARTY:
            party, part = _FLAT_PARTY[key]
            if (text := _text(key, value, notes, fatal)) is not None:
                setattr(getattr(shipment, party), part, text)
        elif key in _ITEM_KEYS:
            flat_item[key] = value
        elif key != "items" and key not in _LABELS and not _blank(value):
            notes.append(Problem(str(key)[:80], "is not a field of the manifest and was ignored"))
    shipment.items = _read_items(data.get("items"), flat_item, notes, fatal)
    if not shipment.shipment_id:
        fatal.insert(0, Problem("shipment_id", "is missing; every shipment needs its own reference"))
    if not shipment.items and not any(problem.field.startswith("items") for problem in fatal):
        fatal.append(
            Problem("items", f"hold no goods item; one with {', '.join(DESCRIBING[:2])} or {DESCRIBING[2]} is needed")
        )
    if fatal:
        raise Refused(fatal, shipment.shipment_id or None)
    return shipment


def shipment_to_json(shipment: Shipment) -> dict[str, Any]:
    """The nested JSON form, without the fields that are missing. Values stay the declared text."""
    answer: dict[str, Any] = {
        f.name: value for f in FIELDS if f.level is Level.SHIPMENT and (value := getattr(shipment, f.name)) is not None
    }
    for role in ("consignor", "consignee"):
        if party := _filled(getattr(shipment, role)):
            answer[role] = party
    if answer.get("routing_countries"):
        answer["routing_countries"] = answer["routing_countries"].split(";")
    if shipment.further:
        answer[FURTHER] = dict(shipment.further)
    answer["items"] = [_filled(item) for item in shipment.items]
    return answer


def rows_of(shipments: Iterable[Shipment]) -> tuple[dict[str, list[str | None]], int]:
    """Flat columns (canonical name -> one text per goods item) and the number of rows."""
    shipments = list(shipments)
    counts = [len(shipment.items) for shipment in shipments]
    columns: dict[str, list[str | None]] = {}
    for f in FIELDS:
        if f.level is Level.LABEL:
            continue
        if f.level is Level.ITEM:
            values = [getattr(item, f.name) for shipment in shipments for item in shipment.items]
        else:
            if f.level is Level.SHIPMENT:
                each = [getattr(shipment, f.name) for shipment in shipments]
            else:
                each = [getattr(getattr(shipment, f.level.value), f.key) for shipment in shipments]
            values = [value for value, count in zip(each, counts, strict=True) for _ in range(count)]
        if any(value is not None for value in values):
            columns[f.name] = values
    return columns, sum(counts)


def further_of(shipments: Iterable[Shipment]) -> dict[str, list[str | None]]:
    """Per further field one text per goods item: the item's own, or its shipment's."""
    of_items = [shipment.further | item.further for shipment in shipments for item in shipment.items]
    names = dict.fromkeys(name for further in of_items for name in further)
    return {name: [further.get(name) for further in of_items] for name in names}


def _read_further(value: object, where: str, notes: list[Problem], fatal: list[Problem]) -> dict[str, str]:
    if _blank(value):
        return {}
    if not isinstance(value, Mapping):
        notes.append(Problem(where, f"is {_kind(value)}, expected an object; it was treated as missing"))
        return {}
    found: dict[str, str] = {}
    for key, part in value.items():
        place = f"{where}.{key}"[:80]
        if isinstance(part, Mapping | list):
            notes.append(Problem(place, f"is {_kind(part)}, expected a text or a number; it was treated as missing"))
        elif (text := _text(place, part, notes, fatal)) is not None:
            found[str(key)] = text
    return found


def _read_party(level: Level, value: object, party: Party, notes: list[Problem], fatal: list[Problem]) -> None:
    if value is None or value == "":
        return
    if not isinstance(value, Mapping):
        notes.append(Problem(level.value, f"is {_kind(value)}, expected an object; it was treated as missing"))
        return
    for key, part in value.items():
        name = _PARTY_KEYS[level].get(key)
        if name is None:
            if not _blank(part):
                notes.append(Problem(f"{level.value}.{key}"[:80], "is not a field of the manifest and was ignored"))
        elif (text := _text(name, part, notes, fatal)) is not None:
            setattr(party, key, text)


def _read_items(value: object, flat: dict[str, Any], notes: list[Problem], fatal: list[Problem]) -> list[GoodsItem]:
    if _blank(value):
        value = [flat] if flat else []
    elif flat:
        notes.append(Problem(next(iter(flat)), "stands beside items, where it belongs; it was ignored"))
    if not isinstance(value, list):
        fatal.append(Problem("items", f"is {_kind(value)}, expected a list of goods items"))
        return []
    items = []
    for index, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            notes.append(Problem(f"items[{index}]", f"is {_kind(entry)}, expected an object; it was ignored"))
            continue
        item = GoodsItem()
        for key, part in entry.items():
            if key in _ITEM_KEYS:
                setattr(item, key, _text(key, part, notes, fatal, where=f"items[{index}]."))
            elif key == FURTHER:
                item.further = _read_further(part, f"items[{index}].{FURTHER}", notes, fatal)
            elif key not in _LABELS and not _blank(part):
                problem = "is not a field of the manifest and was ignored"
                notes.append(Problem(f"items[{index}].{key}"[:80], problem))
        if any(getattr(item, name) for name in DESCRIBING):
            items.append(item)
        elif len(value) > 1:
            notes.append(Problem(f"items[{index}]", f"has none of {', '.join(DESCRIBING)}; it was ignored"))
    return items


def _text(name: str, value: object, notes: list[Problem], fatal: list[Problem], where: str = "") -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            fatal.append(Problem(where + name, f"is {value}, expected a finite number"))
            return None
        return repr(value)
    if isinstance(value, list) and name == "routing_countries":
        return ";".join(str(entry).strip() for entry in value if entry is not None) or None
    expected = "a list of country codes" if name == "routing_countries" else f"a {FIELD[name].kind.value}"
    notes.append(Problem(where + name, f"is {_kind(value)}, expected {expected}; it was treated as missing"))
    return None


def _filled(part: Party | GoodsItem) -> dict[str, Any]:
    found = {f.name: value for f in fields(part) if (value := getattr(part, f.name)) is not None}
    if not found.get(FURTHER, True):
        del found[FURTHER]
    return found


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value == [] or value == {}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {
        Mapping: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return next((name for kind, name in names.items() if isinstance(value, kind)), type(value).__name__)
