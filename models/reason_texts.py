"""How each reason is told.

Every text begins with what the manifest says, in its own words, and goes on with what the leading feature measured. No text says
that a thing is suspicious: the weight does.
"""

from __future__ import annotations

import math
from typing import Final

from features.fields import FILING_TYPES, TRANSACTION_NATURES
from features.groups.value import ValueGroup
from features.table import TIME_MISSING
from models.measures import number_text
from models.reasons import Evidence, RowContext, day_of

#: Longer declared texts are cut: a reason is one line on a screen.
_SHOWN: Final = 60


def quote(text: str | None) -> str:
    """A declared text as shown in a reason."""
    if text is None:
        return "`-`"
    return f"`{text}`" if len(text) <= _SHOWN else f"`{text[: _SHOWN - 3]}...`"


def money(usd: float) -> str:
    """An amount in US dollars; cents only below a thousand."""
    return f"USD {usd:,.2f}" if usd < 1000 else f"USD {usd:,.0f}"


def _listed(row: RowContext, *names: tuple[str, str]) -> str:
    """The declared ones of some fields, each behind its label."""
    return ", ".join([f"{label} {text.replace(';', ', ')}" for name, label in names if (text := row.text(name))])


def permit(evidence: Evidence) -> str:
    """The permit the goods travel under."""
    number = evidence.context.text("permit_number")
    return f"The goods travel under permit {quote(number)}" if number else "No permit is declared"


# -- description and classification -----------------------------------------------------------------------------------


def description(row: RowContext) -> str:
    """The goods description and what was measured in it."""
    text = row.text("goods_description")
    return f"Goods are described as {quote(text)}" if text else "Goods are not described"


def hs_and_text(row: RowContext) -> str:
    """The HS code beside the description."""
    code, text = row.text("hs_code"), row.text("goods_description")
    declared = f"HS {code} is declared" if code else "No HS code is declared"
    return f"{declared} for goods described as {quote(text)}" if text else declared


def hs(row: RowContext) -> str:
    """The HS code."""
    code = row.text("hs_code")
    return f"HS {code} is declared" if code else "No HS code is declared"


def package(row: RowContext) -> str:
    """Package type and dangerous goods number."""
    said = _listed(row, ("package_type", "package type"), ("undg_number", "UN number"), ("channel", "channel"))
    return f"Declared: {said}" if said else "No package type is declared"


# -- value and mass ---------------------------------------------------------------------------------------------------


def _usual(row: RowContext, quantity: str) -> tuple[str, float, float] | None:
    """For which goods a usual range is known, and that range: the middle two thirds of past traffic."""
    group = next((group for group in row.space.groups if isinstance(group, ValueGroup)), None)
    code = row.text("hs_code") or ""
    usual = group.usual_[quantity] if group else {}
    known = [(code[:4], f"HS {code[:4]}"), (code[:2], f"HS chapter {code[:2]}")] if code else []
    for key, whose in (*known, ("", "all goods")):
        if key in usual:
            median, spread = usual[key]
            return whose, math.exp(median - spread), math.exp(median + spread)
    return None


def _against_usual(row: RowContext, quantity: str, log_value: float, said: str) -> str:
    """A value beside the usual range, for example ``... is low for HS 3926 (usual: 8 to 40)``."""
    usual = _usual(row, quantity)
    if usual is None:
        return f"{said} is declared"
    whose, low, high = usual
    value = math.exp(log_value)
    word = "low" if value < low else "high" if value > high else "usual"
    return f"{said} is {word} for {whose} (usual: {number_text(_round(low))} to {number_text(_round(high))})"


def _round(value: float) -> float:
    """Two significant digits: the range is no more exact than that."""
    return float(f"{value:.2g}")


def value_density(evidence: Evidence) -> str:
    """Value per kilogram, or the value itself, beside what is usual for the HS heading."""
    row, lead = evidence.context, evidence.lead.name
    value, density = evidence.value("value_usd"), evidence.value("value_per_kg")
    if density is not None and lead in ("value_per_kg", "value_per_kg_unusual"):
        return _against_usual(row, "value_per_kg", density, f"Declared value of {money(math.exp(density))} per kg")
    if value is not None and lead in ("value_usd", "value_unusual"):
        return _against_usual(row, "value", value, f"Declared value of {money(math.exp(value))}")
    return evidence.with_lead(row.facts(declared_value))


def declared_value(row: RowContext) -> str:
    """The declared amount in its own currency."""
    amount, currency = row.number("customs_value"), row.text("currency")
    if amount is None:
        return "No value is declared"
    return (
        f"Declared value is {currency} {amount:,.2f}" if currency else f"Declared value is {amount:,.2f} in no currency"
    )


def value_history(row: RowContext) -> str:
    """The declared amount beside what the consignor usually sends."""
    return f"{row.facts(declared_value)}, consignor is {quote(row.text('consignor_name'))}"


def freight(evidence: Evidence) -> str:
    """Freight beside the value of the goods."""
    row = evidence.context
    charge, value = row.usd("freight_charge"), row.usd("customs_value")
    if charge is None:
        return "No freight charge is declared"
    goods = "goods of unknown value" if value is None else f"goods of {money(value)}"
    return evidence.with_lead(f"Freight of {money(charge)} on {goods}")


def mass(evidence: Evidence) -> str:
    """Mass beside what is usual for the HS heading."""
    row, lead = evidence.context, evidence.lead.name
    log_mass = evidence.value("mass_kg")
    if log_mass is not None and lead in ("mass_kg", "mass_unusual"):
        return _against_usual(row, "mass", log_mass, f"Mass of {number_text(_kilograms(log_mass))} kg")
    return evidence.with_lead(row.facts(_declared_mass))


def _kilograms(log_mass: float) -> float:
    # The logarithm and back leave a rounding error that declared grams never have.
    return round(math.exp(log_mass), 4)


def _declared_mass(row: RowContext) -> str:
    net, gross = row.number("net_mass_kg"), row.number("gross_mass_kg")
    said = [
        f"{label} {number_text(value)} kg" for label, value in (("net", net), ("gross", gross)) if value is not None
    ]
    return "Mass declared: " + ", ".join(said) if said else "No mass is declared"


def size(row: RowContext) -> str:
    """Size of the whole consignment."""
    packages = row.number("package_count")
    said = row.facts(_declared_mass)
    return said if packages is None else f"{said}, {number_text(packages)} packages"


# -- route and parties ------------------------------------------------------------------------------------------------


def route(row: RowContext) -> str:
    """Countries of the route."""
    said = _listed(
        row,
        ("origin_country", "origin"),
        ("consignor_country", "consignor in"),
        ("export_country", "exported from"),
        ("routing_countries", "by way of"),
        ("consignee_country", "to"),
    )
    return f"Route declared: {said}" if said else "No route is declared"


def lane(row: RowContext) -> str:
    """Places, goods and carrier of the lane."""
    said = _listed(
        row,
        ("loading_location", "from"),
        ("unloading_location", "to"),
        ("carrier_id", "carrier"),
        ("channel", "channel"),
        ("export_country", "exported from"),
        ("hs_code", "HS"),
    )
    return f"Lane declared: {said}" if said else "No lane is declared"


def account(evidence: Evidence) -> str:
    """Age of the consignor's account, or since when it was seen."""
    row = evidence.context
    opened = int(row.table.seconds("consignor_account_opened_on")[row.row])
    name = quote(row.text("consignor_name"))
    if opened == TIME_MISSING:
        said = f"The day on which the consignor's account was opened is not stated ({name})"
    else:
        days = (row.declared_on - day_of(opened)).days
        said = f"Consignor's account was opened {number_text(days)} day{'' if days == 1 else 's'} before the shipment"
        if days < 0:
            said = f"Consignor's account was opened on {day_of(opened)}, after the shipment was declared"
    return said if evidence.lead.name.startswith("account_age") else evidence.with_lead(said)


def known_consignor(evidence: Evidence) -> str:
    """Whether the consignor is verified."""
    known = evidence.context.text("consignor_known")
    status = {"true": "is", "false": "is not"}.get(known or "")
    name = quote(evidence.context.text("consignor_name"))
    if status is None:
        return f"Whether consignor {name} is a verified known consignor is not stated"
    return f"Consignor {name} {status} a verified known consignor"


def contact(evidence: Evidence) -> str:
    """Which contacts are missing."""
    row = evidence.context
    missing = [
        label
        for name, label in (
            ("consignor_phone", "consignor's telephone"),
            ("consignor_email", "consignor's e-mail"),
            ("consignee_phone", "consignee's telephone"),
            ("consignee_email", "consignee's e-mail"),
        )
        if row.text(name) is None
    ]
    said = "Not stated: " + ", ".join(missing) if missing else "All telephones and e-mails are stated"
    return said if missing and evidence.lead.name.endswith("_contact") else evidence.with_lead(said)


def parties(row: RowContext) -> str:
    """Consignor and consignee."""
    return f"From {quote(row.text('consignor_name'))} to {quote(row.text('consignee_name'))}"


def consignee_address(row: RowContext) -> str:
    """The consignee and its address."""
    name, address = quote(row.text("consignee_name")), row.text("consignee_address")
    return f"Consignee {name} at {quote(address)}" if address else f"Consignee {name}, no address stated"


def nature(evidence: Evidence) -> str:
    """What kind of transaction is claimed, and by whom."""
    row = evidence.context
    code, name = row.text("transaction_nature"), quote(row.text("consignor_name"))
    if code is None:
        return f"Consignor {name} does not state the nature of the transaction"
    return evidence.with_lead(f"Declared as {TRANSACTION_NATURES.get(code, code)} by {name}")


def filing(row: RowContext) -> str:
    """Filing type, channel and documents."""
    code = row.text("filing_type")
    said = f"Filed as {FILING_TYPES.get(code, code)}" if code else "Filing type is not stated"
    more = _listed(row, ("channel", "channel"), ("house_id", "house document"), ("master_id", "master document"))
    return f"{said}, {more}" if more else said
