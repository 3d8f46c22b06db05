"""A manifest as an officer reads it: labels, values with their units, and the reasons that rest on each field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from babel import Locale

from features.manifest.fields import FIELD, ITEM_NAMES, Field, Kind
from features.manifest.records import HEAD_NAMES, Record
from features.table.normalise import normaliser, time
from service.console.texts import _
from service.scoring.summary import record_of

#: Most goods items on the page: the riskiest, in the order of the manifest.
MOST_ITEMS: Final = 40
#: Parts of the manifest in the order of the page.
_TITLES: Final = {"shipment": _("Shipment"), "consignor": _("Consignor"), "consignee": _("Consignee")}
#: Labels of fields whose names say too little.
_LABELS: Final = {
    "shipment_id": _("Shipment number"),
    "master_id": _("Master document"),
    "house_id": _("House document"),
    "filing_type": _("Filing"),
    "transport_mode": _("Transport"),
    "declared_at": _("Declared"),
    "export_country": _("Country of export"),
    "routing_countries": _("Countries on the way"),
    "loading_location": _("Loaded at"),
    "unloading_location": _("Unloaded at"),
    "carrier_id": _("Carrier"),
    "agent_name": _("Agent"),
    "transaction_nature": _("Kind of transaction"),
    "gross_mass_kg": _("Gross mass"),
    "package_count": _("Packages"),
    "package_type": _("Kind of package"),
    "consignor_account_opened_on": _("Account opened"),
    "consignor_known": _("Known consignor"),
    "item_number": _("Number"),
    "goods_description": _("Goods"),
    "cas_number": _("CAS number"),
    "cus_number": _("CUS number"),
    "hs_code": _("HS code"),
    "origin_country": _("Origin"),
    "net_mass_kg": _("Net mass"),
    "customs_value": _("Value"),
    "undg_number": _("UN number"),
    "permit_number": _("Permit"),
}
#: Units of UN/ECE Recommendation 20 in words.
_UNITS: Final = {
    **dict.fromkeys(("C62", "H87", "PCE"), _("pieces")),
    **{"KGM": "kg", "GRM": "g", "MGM": "mg", "LTR": "l", "MLT": "ml", "MTR": "m"},
}
_YES, _NO = _("yes"), _("no")
_FLAGS: Final = {**dict.fromkeys(("true", "y", "yes", "1"), _YES), **dict.fromkeys(("false", "n", "no", "0"), _NO)}
_COUNTRY: Final = normaliser(FIELD["export_country"])
_COUNTRIES: Final = Locale("en").territories
_MICROSECONDS: Final = 1_000_000
#: Characters of a day without a time.
_DAY: Final = 10


def label_of(name: str) -> str:
    """Return what an officer calls a field."""
    field = FIELD.get(name)
    return _LABELS.get(name) or (field.key if field else name).replace("_", " ").capitalize()


def country_of(text: str | None) -> tuple[str, str] | None:
    """Return the code and the name of a declared country; None if it is not known."""
    code = _COUNTRY(text)[0] if text else None
    return None if code is None else (str(code), str(_COUNTRIES.get(str(code), code)))


def record_in(manifest: Mapping[str, Any] | None) -> Record | None:
    """Return the flat texts of a stored manifest; None after erasure."""
    return None if manifest is None else record_of(orjson.dumps(manifest))


def text_in(record: Record, name: str) -> str | None:
    """Return a declared text of the shipment or its parties."""
    return record.texts[HEAD_NAMES.index(name)]


def parts_of(record: Record | None, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a manifest with their declared fields.

    Returns:
        Parts with ``title``, ``fields``, ``absent`` (fields that reasons rest on, but that are not declared) and, of a goods item,
        ``item`` of the answer and ``is_riskiest``. A field has ``label``, ``about``, ``text``, ``at`` (a time in microseconds, or
        None), ``tokens`` for ``data-fields``, ``numbers`` of reasons, and ``problems``.
    """
    if record is None:
        return []
    evidence = _Evidence(answer)
    currency = text_in(record, "currency")
    parts = []
    for level, title in _TITLES.items():
        values = {name: text for name, text in zip(HEAD_NAMES, record.texts, strict=True) if FIELD[name].level == level}
        parts.append({"title": title, "item": None, "is_riskiest": False} | evidence.fields(values, currency, None))
    for place in _shown_items(len(record.items), answer):
        of = answer["items"][place] if place < len(answer["items"]) else None
        number = str(of["item_number"] if of else place + 1)
        values = {**dict(zip(ITEM_NAMES, record.items[place], strict=True)), **record.item_further[place]}
        shown = evidence.fields({**values, "item_number": None}, currency, number)
        title = _("Goods item")
        parts.append({"title": title, "number": number, "item": of, "is_riskiest": number == evidence.riskiest} | shown)
    return [part for part in parts if part["fields"]]


def tokens_of(reason: Mapping[str, Any], answer: Mapping[str, Any]) -> str:
    """Return the tokens of a reason for ``data-fields``: a weight concerns the riskiest item only, a rule any item."""
    riskiest = (answer.get("explains") or {}).get("item_number")
    is_of_item = reason["weight"] is not None and riskiest is not None
    return " ".join(_token(name, riskiest if is_of_item else None) for name in reason["fields"])


def _token(name: str, item_number: str | None) -> str:
    return f"{name}@{item_number}" if item_number is not None and name in ITEM_NAMES else name


def _shown_items(count: int, answer: Mapping[str, Any]) -> list[int]:
    if count <= MOST_ITEMS:
        return list(range(count))
    risks = {place: item["risk"] for place, item in enumerate(answer["items"])}
    return sorted(sorted(range(count), key=lambda place: -risks.get(place, 0.0))[:MOST_ITEMS])


class _Evidence:
    """The reasons and warnings of an answer by the fields that they are about."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.riskiest: Final = (answer.get("explains") or {}).get("item_number")
        self._numbers: dict[str, list[int]] = {}
        for number, reason in enumerate(answer["reasons"], 1):
            for token in tokens_of(reason, answer).split():
                self._numbers.setdefault(token, []).append(number)
        self._problems: dict[str, list[str]] = {}
        for warning in answer["warnings"]:
            self._problems.setdefault(warning["field"], []).append(warning["problem"])

    def fields(
        self, values: Mapping[str, str | None], currency: str | None, item_number: str | None
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the declared fields of a part, and those that are not declared but count as evidence."""
        found: dict[str, list[dict[str, Any]]] = {"fields": [], "absent": []}
        for name, text in values.items():
            if name == "quantity_unit" and values.get("quantity") is not None:
                continue
            names = ("quantity", "quantity_unit") if name == "quantity" else (name,)
            tokens = list(dict.fromkeys([*names, *(_token(one, item_number) for one in names)]))
            numbers = sorted({number for token in tokens for number in self._numbers.get(token, ())})
            place = "fields" if text is not None else "absent"
            # What one item lacks, other items may have: only the item of the score shows it.
            if text is not None or (numbers and item_number in (None, self.riskiest)):
                shown = {"label": label_of(name), "tokens": " ".join(tokens), "numbers": numbers}
                field = FIELD.get(name)
                about = field.description if field else _("a field of the office's own")
                said = {"text": None, "at": None} if text is None else _shown(field, text, values, currency)
                problems = [problem for one in names for problem in self._problems.get(one, ())]
                found[place].append({**shown, **said, "about": about, "problems": problems})
        return found


def _shown(
    field: Field | None, text: str, values: Mapping[str, str | None], currency: str | None
) -> dict[str, str | int | None]:
    """Return a declared text as an officer reads it, or its time in microseconds. What cannot be read stays as declared."""
    if field is None:
        return {"text": text, "at": None}
    if field.kind is Kind.TIME and len(text) > _DAY:
        seconds, _problem = time(text)
        return {"text": text, "at": None if seconds is None else seconds * _MICROSECONDS}
    return {"text": _in_words(field, text, values, currency), "at": None}


def _in_words(field: Field, text: str, values: Mapping[str, str | None], currency: str | None) -> str:
    if field.codes and text in field.codes:
        return f"{field.codes[text]} ({text})"
    if field.kind in (Kind.COUNTRY, Kind.COUNTRIES):
        return ", ".join(_country_in_words(part) for part in text.split(";"))
    if field.kind is Kind.FLAG:
        return _FLAGS.get(text.lower(), text)
    unit = {"kg": "kg", "currency": currency, "quantity_unit": values.get("quantity_unit")}.get(field.unit or "")
    return f"{text} {_UNITS.get(unit, unit)}" if unit else text


def _country_in_words(text: str) -> str:
    known = country_of(text.strip())
    return text if known is None else f"{known[1]} ({text.strip()})"


def day_of(record: Record | None) -> str | None:
    """Return the day of the declaration, whose laws hold for it; None if none can be read."""
    text = None if record is None else text_in(record, "declared_at")
    seconds = None if text is None else time(text)[0]
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).date().isoformat()


def substances_of(answer: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Return the distinct substances of the goods items, hits first, each with the ``numbers`` of its items."""
    found: dict[str, dict[str, Any]] = {}
    for item in answer.get("items", ()):
        if substance := item.get("substance"):
            one = found.setdefault(substance["name"], {"substance": substance, "numbers": []})
            one["numbers"].append(item["item_number"])
    return sorted(found.values(), key=lambda one: not one["substance"]["hit"])[:most]


def countries_of(record: Record | None) -> Iterator[tuple[str, str]]:
    """Yield codes and names of the countries whose laws concern a shipment: of the consignee first, then of export and origin."""
    if record is None:
        return
    origins: Sequence[str | None] = [item[ITEM_NAMES.index("origin_country")] for item in record.items[:1]]
    texts = [text_in(record, "consignee_country"), text_in(record, "export_country"), *origins]
    yield from dict.fromkeys(known for text in texts if (known := country_of(text)) is not None)
