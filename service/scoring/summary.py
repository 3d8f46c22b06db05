"""A decision in a few words: goods, parties, route and the strongest reasons, as lists show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import Field
from pydantic_core import from_json

from features.manifest.fields import FIELD, ITEM_NAMES
from features.manifest.records import HEAD_NAMES, Refused, read_record
from features.table.normalise import normaliser
from service.core.http.schemas import Answer

if TYPE_CHECKING:
    from features.manifest.records import Record

#: Reasons in a summary, and the code of the sum of those that an answer does not show.
_REASONS: Final = 2
_OTHER: Final = "OTHER"
#: Goods items in a summary, and characters of their words together.
_ITEMS: Final = 3
_MOST_CHARACTERS: Final = 240
_HEAD: Final = {name: place for place, name in enumerate(HEAD_NAMES)}
_ITEM: Final = {name: place for place, name in enumerate(ITEM_NAMES)}
_COUNTRY: Final = normaliser(FIELD["export_country"])


class ShortReason(Answer):
    """A reason of a decision."""

    code: str = Field(examples=["DESCRIPTION_VAGUE"])
    text: str = Field(
        description="Empty after erasure", examples=["The description is vague: `chemicals` (raises the score)"]
    )
    weight: float | None = Field(description="Null for rules, lists and unread items", examples=[1.31])


class Summary(Answer):
    """Goods, parties, route and reasons of a decision."""

    goods: str | None = Field(
        description="Words of the goods as declared, of up to three items; null after erasure",
        examples=["laboratory reagent; flasks"],
    )
    consignor: str | None = Field(description="Name as declared; null after erasure", examples=["Qinghe Fine Chemical"])
    consignee: str | None = Field(
        description="Name as declared; null after erasure", examples=["Meridian Sample Imports"]
    )
    route: str | None = Field(
        description="Countries from the origin of the goods to the consignee; null after erasure",
        examples=["CN to GB to US"],
    )
    reasons: list[ShortReason] = Field(
        description="The two strongest reasons for inspection; none for an unexplained green"
    )


def summary_of(manifest: bytes | None, answer: bytes) -> dict[str, Any]:
    """Return the JSON of `Summary` of a stored manifest and answer."""
    record = record_of(manifest)
    if record is None:
        shown: dict[str, Any] = dict.fromkeys(("goods", "consignor", "consignee", "route"))
    else:
        texts = record.texts
        shown = {
            "goods": goods_of(record),
            "consignor": texts[_HEAD["consignor_name"]],
            "consignee": texts[_HEAD["consignee_name"]],
            "route": " to ".join(route_of(record)) or None,
        }
    reasons = [
        {"code": reason["code"], "text": reason["text"], "weight": reason["weight"]}
        for reason in from_json(answer).get("reasons", ())
        if reason["code"] != _OTHER and (reason["weight"] is None or reason["weight"] > 0)
    ]
    return {**shown, "reasons": reasons[:_REASONS]}


#: Columns of a summary in a CSV file.
FLAT: Final = ("goods", "consignor", "consignee", "route", "reason_1", "reason_2")


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of a row with a summary with columns of `FLAT`: the texts of the reasons in place of the list."""
    reasons = [reason["text"] or reason["code"] for reason in row["reasons"]]
    return row | {f"reason_{place + 1}": text for place, text in enumerate([*reasons, "", ""][:_REASONS])}


def record_of(manifest: bytes | None) -> Record | None:
    """Return the flat texts of a stored manifest; None after erasure."""
    if manifest is None:
        return None
    try:
        return read_record(from_json(manifest, cache_strings="keys"))
    except (ValueError, Refused):
        return None


def goods_of(record: Record) -> str | None:
    """Return the words of the goods of a shipment, without repetitions; None if it has none."""
    words = dict.fromkeys(
        text
        for item in record.items
        if (text := item[_ITEM["goods_description"]] or item[_ITEM["declared_chemical"]]) is not None
    )
    if not words:
        return None
    joined = "; ".join(list(words)[:_ITEMS])
    if len(joined) > _MOST_CHARACTERS:
        joined = f"{joined[: _MOST_CHARACTERS - 1]}…"
    further = len(words) - _ITEMS
    return f"{joined}; {further} more" if further > 0 else joined


def route_of(record: Record) -> list[str]:
    """Return the countries of a shipment's way, from the origin of its first goods item to its consignee."""
    texts = record.texts
    declared = (
        record.items[0][_ITEM["origin_country"]],
        texts[_HEAD["export_country"]] or texts[_HEAD["consignor_country"]],
        *(texts[_HEAD["routing_countries"]] or "").split(";"),
        texts[_HEAD["consignee_country"]],
    )
    way: list[str] = []
    for text in declared:
        code = _COUNTRY(text.strip())[0] if text and text.strip() else None
        if code is not None and way[-1:] != [code]:
            way.append(code)
    return way
