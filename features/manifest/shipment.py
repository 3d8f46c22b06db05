"""Domain types of a declared shipment.

Values are the declared texts. `features.table.table` normalises them, and `features.manifest.records` parses JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

from features.manifest.fields import FIELD, FIELDS, ITEM_NAMES, Level
from features.manifest.records import DESCRIBING, FURTHER, HEAD_NAMES, Problem, Record, Refused, read_record

__all__ = [
    "DESCRIBING",
    "FURTHER",
    "GoodsItem",
    "Party",
    "Problem",
    "Refused",
    "Shipment",
    "record_of",
    "shipment_from_json",
    "shipment_of",
    "shipment_to_json",
]


@dataclass(slots=True)
class Party:
    """Consignor or consignee. Only consignors have account fields."""

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
    """Declared goods item."""

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
    """Declared shipment with its parties and goods items.

    ``notes`` contains the problems found during parsing. ``further`` contains the office's own fields. If a shipment and its item
    have the same further field, the item's value counts.
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


#: Per name in `HEAD_NAMES`: the attribute of its party (None for the shipment itself), and the name of the value there.
_PARTS: Final = tuple(
    (None if FIELD[name].level is Level.SHIPMENT else FIELD[name].level.value, FIELD[name].key) for name in HEAD_NAMES
)


def shipment_from_json(data: object) -> Shipment:
    """Read a shipment from parsed JSON: nested parties and items, or one flat row with the column names of a file.

    Numbers and booleans become text; blank and null mean missing. Label fields are ignored.

    Raises:
        Refused: the data is not an object, has no ``shipment_id`` or no goods item, or a number is not finite.
    """
    return shipment_of(read_record(data))


def shipment_of(record: Record) -> Shipment:
    """Return the shipment of a record of flat texts."""
    shipment = Shipment("", [], further=record.further, notes=record.notes)
    for (part, key), text in zip(_PARTS, record.texts, strict=True):
        if text is not None:
            setattr(shipment if part is None else getattr(shipment, part), key, text)
    for texts, further in zip(record.items, record.item_further, strict=True):
        shipment.items.append(GoodsItem(**dict(zip(ITEM_NAMES, texts, strict=True)), further=further))
    return shipment


def record_of(shipment: Shipment) -> Record:
    """Return the flat texts of a shipment, without surrounding white space."""
    return Record(
        [_stripped(getattr(shipment if part is None else getattr(shipment, part), key)) for part, key in _PARTS],
        [[_stripped(getattr(item, name)) for name in ITEM_NAMES] for item in shipment.items],
        shipment.further,
        [item.further for item in shipment.items],
        shipment.notes,
    )


def shipment_to_json(shipment: Shipment) -> dict[str, Any]:
    """Return the nested JSON form without missing fields. Values are the declared texts."""
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


def _stripped(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


def _filled(part: Party | GoodsItem) -> dict[str, Any]:
    present = {f.name: value for f in fields(part) if (value := getattr(part, f.name)) is not None}
    if not present.get(FURTHER, True):
        del present[FURTHER]
    return present
