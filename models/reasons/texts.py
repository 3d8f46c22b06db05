"""How each reason is told.

Every text begins with what the manifest says, in its own words, and goes on with what the leading feature measured. No text says
that a thing is suspicious: the weight does.
"""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import Final

from features.groups.value.group import ValueGroup
from features.manifest.fields import FILING_TYPES, TRANSACTION_NATURES
from features.table.table import TIME_MISSING
from models.reasons.measures import number_text
from models.reasons.source import Evidence, Items, day_of, quote


def money(usd: float) -> str:
    """An amount in US dollars; cents only below a thousand."""
    return f"USD {usd:,.2f}" if usd < 1000 else f"USD {usd:,.0f}"


def _listed(items: Items, *names: tuple[str, str]) -> list[str]:
    """The declared ones of some fields, each behind its label."""
    labelled = [[f"{label} {text}" if text else "" for text in items.text(name)] for name, label in names]
    return [", ".join(filter(None, texts)).replace(";", ", ") for texts in zip(*labelled, strict=True)]


def permit(evidence: Evidence) -> list[str]:
    """The permit the goods travel under."""
    return [
        f"The goods travel under permit {quote(number)}" if number else "No permit is declared"
        for number in evidence.items.text("permit_number")
    ]


# -- description and classification -----------------------------------------------------------------------------------


def description(items: Items) -> list[str]:
    """The goods description and what was measured in it."""
    return [
        f"Goods are described as {quote(text)}" if text else "Goods are not described"
        for text in items.text("goods_description")
    ]


def hs_and_text(items: Items) -> list[str]:
    """The HS code beside the description."""
    return [
        f"{declared} for goods described as {quote(text)}" if text else declared
        for declared, text in zip(items.facts(hs), items.text("goods_description"), strict=True)
    ]


def hs(items: Items) -> list[str]:
    """The HS code."""
    return [f"HS {code} is declared" if code else "No HS code is declared" for code in items.text("hs_code")]


def package(items: Items) -> list[str]:
    """Package type and dangerous goods number."""
    told = _listed(items, ("package_type", "package type"), ("undg_number", "UN number"), ("channel", "channel"))
    return [f"Declared: {said}" if said else "No package type is declared" for said in told]


# -- value and mass ---------------------------------------------------------------------------------------------------


class _Usual:
    """What is usual for goods: the middle two thirds of past traffic."""

    def __init__(self, items: Items, quantity: str) -> None:
        group = next((group for group in items.source.space.groups if isinstance(group, ValueGroup)), None)
        self._usual = group.usual_[quantity] if group else {}

    def beside(self, hs_code: str | None, log_value: float, said: str) -> str:
        """A value beside the usual range, for example ``... is low for HS 3926 (usual: 8 to 40)``."""
        for digits, whose in ((4, "HS "), (2, "HS chapter "), (0, "all goods")):
            key = (hs_code or "")[:digits]
            if key in self._usual and (key or not digits):
                low, high, told = _range(*self._usual[key])
                value = math.exp(log_value)
                word = "low" if value < low else "high" if value > high else "usual"
                return f"{said} is {word} for {whose}{key} ({told})"
        return f"{said} is declared"


@lru_cache(maxsize=512)
def _range(median: float, spread: float) -> tuple[float, float, str]:
    """The range around a logarithm: its ends, and how it is told."""
    low, high = math.exp(median - spread), math.exp(median + spread)
    return low, high, f"usual: {number_text(_round(low))} to {number_text(_round(high))}"


def _round(value: float) -> float:
    """Two significant digits: the range is no more exact than that."""
    return float(f"{value:.2g}")


def value_density(evidence: Evidence) -> list[str]:
    """Value per kilogram, or the value itself, beside what is usual for the HS heading."""
    items = evidence.items
    texts = evidence.behind(items.facts(declared_value))
    values, densities, codes = items.feature("value_usd"), items.feature("value_per_kg"), items.text("hs_code")
    usual_value, usual_density = _Usual(items, "value"), _Usual(items, "value_per_kg")
    for place, lead in enumerate(evidence.leads):
        value, density = values[place], densities[place]
        if density is not None and lead in ("value_per_kg", "value_per_kg_unusual"):
            said = f"Declared value of {money(math.exp(density))} per kg"
            texts[place] = usual_density.beside(codes[place], density, said)
        elif value is not None and lead in ("value_usd", "value_unusual"):
            texts[place] = usual_value.beside(codes[place], value, f"Declared value of {money(math.exp(value))}")
    return texts


def declared_value(items: Items) -> list[str]:
    """The declared amount in its own currency."""
    return [
        "No value is declared"
        if amount is None
        else f"Declared value is {currency} {amount:,.2f}"
        if currency
        else f"Declared value is {amount:,.2f} in no currency"
        for amount, currency in zip(items.number("customs_value"), items.text("currency"), strict=True)
    ]


def value_history(items: Items) -> list[str]:
    """The declared amount beside what the consignor usually sends."""
    values, consignors = items.facts(declared_value), items.quoted("consignor_name")
    return [f"{value}, consignor is {consignor}" for value, consignor in zip(values, consignors, strict=True)]


def freight(evidence: Evidence) -> list[str]:
    """Freight beside the value of the goods."""
    charges, values = evidence.items.usd("freight_charge"), evidence.items.usd("customs_value")
    return [
        "No freight charge is declared"
        if charge is None
        else f"Freight of {money(charge)} on goods of {'unknown value' if value is None else money(value)}{measured}"
        for charge, value, measured in zip(charges, values, evidence.measured, strict=True)
    ]


def mass(evidence: Evidence) -> list[str]:
    """Mass beside what is usual for the HS heading."""
    items = evidence.items
    texts = evidence.behind(items.facts(_declared_mass))
    log_masses, codes, usual = items.feature("mass_kg"), items.text("hs_code"), _Usual(items, "mass")
    for place, lead in enumerate(evidence.leads):
        log_mass = log_masses[place]
        if log_mass is not None and lead in ("mass_kg", "mass_unusual"):
            said = f"Mass of {number_text(_kilograms(log_mass))} kg"
            texts[place] = usual.beside(codes[place], log_mass, said)
    return texts


def _kilograms(log_mass: float) -> float:
    # The logarithm and back leave a rounding error that declared grams never have.
    return round(math.exp(log_mass), 4)


def _declared_mass(items: Items) -> list[str]:
    net, gross = (
        ["" if value is None else f"{label} {number_text(value)} kg" for value in items.number(name)]
        for name, label in (("net_mass_kg", "net"), ("gross_mass_kg", "gross"))
    )
    told = [", ".join(filter(None, both)) for both in zip(net, gross, strict=True)]
    return [f"Mass declared: {said}" if said else "No mass is declared" for said in told]


def size(items: Items) -> list[str]:
    """Size of the whole consignment."""
    return [
        said if packages is None else f"{said}, {number_text(packages)} packages"
        for said, packages in zip(items.facts(_declared_mass), items.number("package_count"), strict=True)
    ]


# -- route and parties ------------------------------------------------------------------------------------------------


def route(items: Items) -> list[str]:
    """Countries of the route."""
    told = _listed(
        items,
        ("origin_country", "origin"),
        ("consignor_country", "consignor in"),
        ("export_country", "exported from"),
        ("routing_countries", "by way of"),
        ("consignee_country", "to"),
    )
    return [f"Route declared: {said}" if said else "No route is declared" for said in told]


def lane(items: Items) -> list[str]:
    """Places, goods and carrier of the lane."""
    told = _listed(
        items,
        ("loading_location", "from"),
        ("unloading_location", "to"),
        ("carrier_id", "carrier"),
        ("channel", "channel"),
        ("export_country", "exported from"),
        ("hs_code", "HS"),
    )
    return [f"Lane declared: {said}" if said else "No lane is declared" for said in told]


def account(evidence: Evidence) -> list[str]:
    """Age of the consignor's account, or since when it was seen."""
    items = evidence.items
    opened, consignors = items.seconds("consignor_account_opened_on"), items.quoted("consignor_name")
    said = list(map(_account, opened, items.declared_on(), consignors))
    return [
        text if lead.startswith("account_age") else f"{text}{measured}"
        for text, lead, measured in zip(said, evidence.leads, evidence.measured, strict=True)
    ]


def _account(opened: int, declared_on: dt.date, consignor: str) -> str:
    if opened == TIME_MISSING:
        return f"The day on which the consignor's account was opened is not stated ({consignor})"
    days = (declared_on - day_of(opened)).days
    if days < 0:
        return f"Consignor's account was opened on {day_of(opened)}, after the shipment was declared"
    return f"Consignor's account was opened {number_text(days)} day{'' if days == 1 else 's'} before the shipment"


def known_consignor(evidence: Evidence) -> list[str]:
    """Whether the consignor is verified."""
    items = evidence.items
    status = {"true": "is", "false": "is not"}
    return [
        f"Consignor {consignor} {status[known]} a verified known consignor"
        if known in status
        else f"Whether consignor {consignor} is a verified known consignor is not stated"
        for known, consignor in zip(items.text("consignor_known"), items.quoted("consignor_name"), strict=True)
    ]


_CONTACTS: Final = {
    "consignor_phone": "consignor's telephone",
    "consignor_email": "consignor's e-mail",
    "consignee_phone": "consignee's telephone",
    "consignee_email": "consignee's e-mail",
}


def contact(evidence: Evidence) -> list[str]:
    """Which contacts are missing."""
    stated = zip(*map(evidence.items.text, _CONTACTS), strict=True)
    missing = [
        ", ".join([label for label, text in zip(_CONTACTS.values(), texts, strict=True) if text is None])
        for texts in stated
    ]
    texts = evidence.behind(
        [f"Not stated: {labels}" if labels else "All telephones and e-mails are stated" for labels in missing]
    )
    for place, lead in enumerate(evidence.leads):
        if missing[place] and lead.endswith("_contact"):
            texts[place] = f"Not stated: {missing[place]}"
    return texts


def parties(items: Items) -> list[str]:
    """Consignor and consignee."""
    both = zip(items.quoted("consignor_name"), items.quoted("consignee_name"), strict=True)
    return [f"From {consignor} to {consignee}" for consignor, consignee in both]


def consignee_address(items: Items) -> list[str]:
    """The consignee and its address."""
    return [
        f"Consignee {name} at {quote(address)}" if address else f"Consignee {name}, no address stated"
        for name, address in zip(items.quoted("consignee_name"), items.text("consignee_address"), strict=True)
    ]


def nature(evidence: Evidence) -> list[str]:
    """What kind of transaction is claimed, and by whom."""
    items = evidence.items
    codes, consignors = items.text("transaction_nature"), items.quoted("consignor_name")
    return [
        f"Consignor {consignor} does not state the nature of the transaction"
        if code is None
        else f"Declared as {TRANSACTION_NATURES.get(code, code)} by {consignor}{measured}"
        for code, consignor, measured in zip(codes, consignors, evidence.measured, strict=True)
    ]


def filing(items: Items) -> list[str]:
    """Filing type, channel and documents."""
    more = _listed(items, ("channel", "channel"), ("house_id", "house document"), ("master_id", "master document"))
    said = [
        f"Filed as {FILING_TYPES.get(code, code)}" if code else "Filing type is not stated"
        for code in items.text("filing_type")
    ]
    return [f"{filed}, {rest}" if rest else filed for filed, rest in zip(said, more, strict=True)]
