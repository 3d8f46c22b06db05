"""Texts of evidence entries, with placeholders in braces that are filled from the explained goods items."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from features.substances import BENIGN, Match, era, listed_in_place, status
from models.reasons.items import ExplainedItems, quote
from models.reasons.measures import number_text
from models.reasons.texts import account_age, money

_PLACE: Final = re.compile(r"\{(\w+)\}")
#: Kind of match -> the way in which a text names the substance.
_HOW: Final = {
    "identifier": "by an identifier",
    "exact": "by name",
    "systematic": "by its systematic name",
    "translated": "in another language",
    "misspelt": "by a misspelt name",
    "class": "by name",
}
_CAS: Final = re.compile(r"\d{2,7}-\d{2}-\d")
_CAPITAL: Final = re.compile(r"\b[A-Z](?=[a-z]{2})")
#: Fields of the countries whose law is consulted, in this order.
_LAW_OF: Final = ("consignee_country", "export_country", "origin_country")
#: Names that read better than their code.
_PLACES: Final = {"US": "the US", "UN": "the UN conventions", "EU": "the EU", "GB": "the UK"}


def fill(template: str, items: ExplainedItems) -> list[str]:
    """Return the text of an entry for each item, with its placeholders filled."""
    literals = _PLACE.split(template)
    columns = [FILLED[part](items) if position % 2 else [part] * len(items) for position, part in enumerate(literals)]
    return ["".join(parts) for parts in zip(*columns, strict=True)]


def _declared(items: ExplainedItems) -> list[str]:
    return ["No known substance is declared" if match is None else _naming(match) for match in items.substances()]


def _naming(match: Match) -> str:
    verb = "Mentioned" if match.kind == "mention" else "Declared"
    by_cas = match.kind == "identifier" and _CAS.search(match.matched_text) is not None
    how = "by CAS number" if by_cas else _HOW.get(match.kind, "")
    # Keep the capitals of a code: U-47700.
    name = _CAPITAL.sub(lambda letter: letter[0].lower(), match.substance, count=1)
    is_same = by_cas or match.matched_text.casefold() == match.substance.casefold()
    shown = "" if is_same else f" ({quote(match.matched_text)})"
    return " ".join(filter(None, (verb, how, f"as {name}{shown}")))


def _law(items: ExplainedItems) -> list[str]:
    countries = zip(*map(items.text, _LAW_OF), strict=True)
    return [
        "" if match is None else _control(match, on, places)
        for match, on, places in zip(items.substances(), items.declared_on(), countries, strict=True)
    ]


def _control(match: Match, on: dt.date, places: tuple[str | None, ...]) -> str:
    """Return the control of a substance and its year: at the destination, otherwise at export, at origin or by the UN."""
    if match.group == BENIGN:
        return "on no list"
    consulted = list(dict.fromkeys([*filter(None, places), "UN"]))
    for place in consulted:
        legal = status(match, on, place)
        if legal.listed:
            since = "" if legal.since is None else f" since {legal.since.year}"
            as_class = "" if legal.listings else " as a class"
            return f"controlled in {_PLACES.get(place, place)}{as_class}{since}".replace("in the UN", "by the UN")
    if any(listed_in_place(match, era(on), place) is None for place in consulted):
        return f"law of this route not fully recorded for it on {on}"
    return f"no listing on record for this route on {on}"


def _permit(items: ExplainedItems) -> list[str]:
    return [
        "no permit"
        if number is None or value == 0.0
        else f"permit {quote(number)} in the register"
        if value == 2.0
        else f"permit {quote(number)}, not verified"
        for number, value in zip(items.text("permit_number"), items.feature("permit_present"), strict=True)
    ]


def _similar(items: ExplainedItems) -> list[str]:
    return [
        "No structure resembles a listed substance"
        if match is None or match.similarity is None
        else f"{quote(match.matched_text)} resembles {match.nearest} (similarity {match.similarity:.2f}), not a legal match"
        for match in items.substances()
    ]


def _hs(items: ExplainedItems) -> list[str]:
    return [f"HS {code}" if code else "no HS code" for code in items.text("hs_code")]


def _quoted(field: str) -> Callable[[ExplainedItems], list[str]]:
    return lambda items: items.quoted(field)


def _code(field: str) -> Callable[[ExplainedItems], list[str]]:
    return lambda items: [text or "an unknown country" for text in items.text(field)]


def _kilograms(*fields: str) -> Callable[[ExplainedItems], list[str]]:
    """Return a writer of the first declared mass."""

    def write(items: ExplainedItems) -> list[str]:
        columns = zip(*map(items.number, fields), strict=True)
        masses = [next((mass for mass in each if mass is not None), None) for each in columns]
        return ["unknown mass" if mass is None else f"{number_text(mass)} kg" for mass in masses]

    return write


def _money(field: str, before: str = "") -> Callable[[ExplainedItems], list[str]]:
    return lambda items: [
        f"{before}an unknown amount" if amount is None else f"{before}{money(amount)}" for amount in items.usd(field)
    ]


def _items(items: ExplainedItems) -> list[str]:
    return ["Several" if count is None else number_text(count) for count in items.feature("shipment_items")]


def _account(items: ExplainedItems) -> list[str]:
    opened, names = items.seconds("consignor_account_opened_on"), items.quoted("consignor_name")
    return list(map(account_age, opened, items.declared_on(), names))


def _route(items: ExplainedItems) -> list[str]:
    fields = ("origin_country", "export_country", "routing_countries", "consignee_country")
    routes = [
        list(dict.fromkeys(code for text in texts if text for code in text.split(";")))
        for texts in zip(*map(items.text, fields), strict=True)
    ]
    return [" to ".join(route) for route in routes]


#: Placeholder -> writer of its text for each item.
FILLED: Final[Mapping[str, Callable[[ExplainedItems], list[str]]]] = MappingProxyType(
    {
        "declared": _declared,
        "law": _law,
        "permit": _permit,
        "permit_number": _quoted("permit_number"),
        "similar": _similar,
        "goods": _quoted("goods_description"),
        "hs": _hs,
        "items": _items,
        "mass": _kilograms("net_mass_kg", "gross_mass_kg"),
        "gross_mass": _kilograms("gross_mass_kg", "net_mass_kg"),
        "value": _money("customs_value"),
        "freight": _money("freight_charge", "Freight of "),
        "consignor": _quoted("consignor_name"),
        "consignor_country": _code("consignor_country"),
        "account": _account,
        "consignee": _quoted("consignee_name"),
        "address": _quoted("consignee_address"),
        "route": _route,
    }
)
