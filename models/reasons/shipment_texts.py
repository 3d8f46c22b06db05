"""Writers of facts about the shipment: package, route, filing and parties. `models.reasons.codes` says where they stand.

Texts contain no judgement: the sign of the weight shows whether the reason counts for or against illicit content.
"""

from __future__ import annotations

import datetime as dt
from operator import add
from typing import Final

from features.groups.business import chapter_of
from features.groups.shown import number_text
from features.kinds.parties import business_lines
from features.manifest.fields import FILING_TYPES, TRANSACTION_NATURES
from features.table.table import TIME_MISSING
from models.reasons.items import Evidence, ExplainedItems, FactWriter, day_of, quote
from models.reasons.value_texts import counted_things, money


def _after(evidence: Evidence, facts: list[str]) -> list[str]:
    """Return declared facts, each followed by the text for the value of the leading feature."""
    return list(map(add, facts, evidence.measured))


def _labelled(items: ExplainedItems, *labels: tuple[str, str]) -> list[str]:
    """Return the declared values of fields with their labels.

    Args:
        labels: pairs of field and label.
    """
    fields = [[f"{label} {text}" if text else "" for text in items.text(field)] for field, label in labels]
    return [", ".join(filter(None, texts)).replace(";", ", ") for texts in zip(*fields, strict=True)]


def package(items: ExplainedItems) -> list[str]:
    """Write the package type, dangerous goods number and channel."""
    facts = _labelled(items, ("package_type", "package type"), ("undg_number", "UN number"), ("channel", "channel"))
    return [f"Declared: {fact}" if fact else "No package type is declared" for fact in facts]


# -- route and parties ------------------------------------------------------------------------------------------------


def route_fact(items: ExplainedItems) -> list[str]:
    """Write the countries of the route with their roles."""
    routes = _labelled(
        items,
        ("origin_country", "origin"),
        ("consignor_country", "consignor in"),
        ("export_country", "exported from"),
        ("routing_countries", "via"),
        ("consignee_country", "to"),
    )
    return [f"Route declared: {text}" if text else "No route is declared" for text in routes]


def trade_lane(items: ExplainedItems) -> list[str]:
    """Write the places, carrier, channel and goods of the trade lane."""
    lanes = _labelled(
        items,
        ("loading_location", "from"),
        ("unloading_location", "to"),
        ("carrier_id", "carrier"),
        ("channel", "channel"),
        ("export_country", "exported from"),
        ("hs_code", "HS"),
    )
    return [f"Trade lane declared: {text}" if text else "No trade lane is declared" for text in lanes]


def account_and_value(evidence: Evidence) -> list[str]:
    """Write the age of the consignor's account. If another feature leads, append its value."""
    return [
        age if leading.startswith("account_age") else f"{age}{measured}"
        for age, leading, measured in zip(
            evidence.items.facts(account), evidence.leading, evidence.measured, strict=True
        )
    ]


def account(items: ExplainedItems) -> list[str]:
    """Write the age of the consignor's account on the day of declaration."""
    opened, consignors = items.seconds("consignor_account_opened_on"), items.quoted("consignor_name")
    return list(map(_account_age, opened, items.declared_on(), consignors))


def _account_age(opened: int, declared_on: dt.date, consignor: str) -> str:
    if opened == TIME_MISSING:
        return f"The day on which the consignor's account was opened is not declared ({consignor})"
    days = (declared_on - day_of(opened)).days
    if days < 0:
        return f"Consignor's account was opened on {day_of(opened)}, after the shipment was declared"
    if days == 0:
        return "Consignor's account was opened on the day of the shipment"
    return f"Consignor's account was opened {number_text(days)} day{'' if days == 1 else 's'} before the shipment"


def known_consignor(items: ExplainedItems) -> list[str]:
    """Write whether the consignor is a verified known consignor."""
    status = {"true": "is", "false": "is not"}
    return [
        f"Consignor {consignor} {status[known]} a verified known consignor"
        if known in status
        else f"The manifest does not state whether consignor {consignor} is a verified known consignor"
        for known, consignor in zip(items.text("consignor_known"), items.quoted("consignor_name"), strict=True)
    ]


_CONTACTS: Final = {
    "consignor_phone": "consignor's telephone",
    "consignor_email": "consignor's e-mail",
    "consignee_phone": "consignee's telephone",
    "consignee_email": "consignee's e-mail",
}


def contact(evidence: Evidence) -> list[str]:
    """Write the missing contacts."""
    columns = zip(*map(evidence.items.text, _CONTACTS), strict=True)
    missing = [
        ", ".join([label for label, text in zip(_CONTACTS.values(), texts, strict=True) if text is None])
        for texts in columns
    ]
    texts = _after(
        evidence,
        [f"Not declared: {labels}" if labels else "All telephones and e-mails are declared" for labels in missing],
    )
    for position, leading in enumerate(evidence.leading):
        if missing[position] and leading.endswith("_contact"):
            texts[position] = f"Not declared: {missing[position]}"
    return texts


def consignee_address(items: ExplainedItems) -> list[str]:
    """Write the consignee and the consignee's address."""
    return [
        f"Consignee {name} at {quote(address)}" if address else f"Consignee {name}, no address declared"
        for name, address in zip(items.quoted("consignee_name"), items.text("consignee_address"), strict=True)
    ]


def nature(evidence: Evidence) -> list[str]:
    """Write the declared nature of the transaction and the consignor."""
    items = evidence.items
    codes, consignors = items.text("transaction_nature"), items.quoted("consignor_name")
    return [
        f"Consignor {consignor} does not declare the nature of the transaction"
        if code is None
        else f"Declared as {TRANSACTION_NATURES.get(code, code)} by {consignor}{measured}"
        for code, consignor, measured in zip(codes, consignors, evidence.measured, strict=True)
    ]


def filing_kind(items: ExplainedItems) -> list[str]:
    """Write channel and filing type as the kind of the filing, which weighs as a whole."""
    return [
        f"Kind of filing: channel {channel or 'not declared'}, type {FILING_TYPES.get(code, code) if code else 'not declared'}"
        for channel, code in zip(items.text("channel"), items.text("filing_type"), strict=True)
    ]


def filing(items: ExplainedItems) -> list[str]:
    """Write the filing type, channel and documents."""
    details = _labelled(items, ("channel", "channel"), ("house_id", "house document"), ("master_id", "master document"))
    filed = [
        f"Filed as {FILING_TYPES.get(code, code)}" if code else "No filing type is declared"
        for code in items.text("filing_type")
    ]
    return [f"{kind}, {more}" if more else kind for kind, more in zip(filed, details, strict=True)]


#: Features that count finds.
FINDS: Final = (
    "consignor_finds", "consignee_finds", "address_finds", "pair_finds", "consignor_contact_finds", "consignee_contact_finds",
)  # fmt: skip


def counted(feature: str, noun: str) -> FactWriter:
    """Return a writer of a feature that counts things, with their noun."""
    return lambda items: [text or f"No {noun}" for text in counted_things(items.feature(feature), noun)]


#: Lines of business that contain more than their short name says.
_LINES: Final = {
    "plastics": "rubber or plastics",
    "farming": "farming or agrochemicals",
    "vehicles": "vehicles or parts of machines",
    "clothing": "clothing or footwear",
}


def business_line(field: str) -> FactWriter:
    """Return a writer of the lines of business that a party's name suggests: those that the HS code fits, if it fits any."""
    lines = business_lines()
    fits = lines.sold if field == "consignor_name" else lines.bought

    def write(items: ExplainedItems) -> list[str]:
        texts = []
        for name, code in zip(items.text(field), items.text("hs_code"), strict=True):
            marks = 0 if name is None else lines.of_name(name)
            of_name = [bit for bit in range(len(lines.names)) if marks >> bit & 1]
            fitting = [bit for bit in of_name if fits[bit, chapter_of(code or "")] > 0.0]
            named = (_LINES.get(lines.names[bit], lines.names[bit]) for bit in fitting or of_name)
            texts.append(" or ".join(named) or "no line of business")
        return texts

    return write


# -- parts of sentences -----------------------------------------------------------------------------------------------


def quoted(field: str) -> FactWriter:
    """Return a writer of a declared text."""
    return lambda items: items.quoted(field)


def country(field: str) -> FactWriter:
    """Return a writer of a country code."""
    return lambda items: [text or "an unknown country" for text in items.text(field)]


def kilograms(*fields: str) -> FactWriter:
    """Return a writer of the first declared mass."""

    def write(items: ExplainedItems) -> list[str]:
        columns = zip(*map(items.number, fields), strict=True)
        masses = [next((mass for mass in each if mass is not None), None) for each in columns]
        return ["unknown mass" if mass is None else f"{number_text(mass)} kg" for mass in masses]

    return write


def amount(field: str, before: str = "") -> FactWriter:
    """Return a writer of an amount in US dollars."""
    return lambda items: [
        f"{before}an unknown amount" if usd is None else f"{before}{money(usd)}" for usd in items.usd(field)
    ]


def item_count(items: ExplainedItems) -> list[str]:
    """Write the number of the shipment's goods items."""
    return ["Several" if count is None else number_text(count) for count in items.feature("shipment_items")]


def route(items: ExplainedItems) -> list[str]:
    """Write the countries of the route in order, and the origin of the goods if it is not among them."""
    legs = zip(*map(items.text, ("export_country", "routing_countries", "consignee_country")), strict=True)
    routes = []
    for origin, sender, texts in zip(items.text("origin_country"), items.text("consignor_country"), legs, strict=True):
        codes = [code for text in texts if text for code in text.split(";")]
        if texts[0] is None and (first := sender or origin):
            codes.insert(0, first)
        way = " to ".join(dict.fromkeys(codes))
        # Goods are not always sent from where they were made.
        routes.append(way if origin is None or origin in codes else f"{way} (goods of {origin})")
    return routes
