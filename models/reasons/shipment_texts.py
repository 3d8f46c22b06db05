"""Writers of facts about the shipment: value, mass, package, route and parties. `models.reasons.codes` says where they stand.

Texts contain no judgement: the sign of the weight shows whether the reason counts for or against illicit content.
"""

from __future__ import annotations

import datetime as dt
from operator import add
from typing import Final

from features.groups.business import chapter_of
from features.groups.expected.columns import Target
from features.groups.expected.group import ExpectedGroup
from features.groups.expected.rows import FARTHEST
from features.groups.shown import HUGE, exp_of, number_text
from features.groups.value import ValueGroup
from features.kinds.parties import business_lines
from features.manifest.fields import FILING_TYPES, TRANSACTION_NATURES
from features.table.table import TIME_MISSING
from models.reasons.items import Evidence, ExplainedItems, FactWriter, day_of, quote


def money(usd: float) -> str:
    """Format an amount in US dollars, with cents only below 1,000."""
    if not usd < HUGE:
        return f"USD {usd:.3g}"
    return f"USD {usd:,.2f}" if usd < 1000 else f"USD {usd:,.0f}"


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


# -- value and mass ---------------------------------------------------------------------------------------------------


class _UsualRange:
    """Usual range of a quantity per HS code: the middle two thirds of past traffic."""

    def __init__(self, items: ExplainedItems, quantity: str) -> None:
        group = next((group for group in items.scored.space.groups if isinstance(group, ValueGroup)), None)
        self._usual = group.usual_[quantity] if group else {}
        self._ranges: dict[str, tuple[float, float, str]] = {}

    def compare(self, hs_code: str | None, log_value: float, fact: str) -> str:
        """Return a fact and its comparison with the range, for example ``... is low for HS 3926 (usual: 8 to 40)``."""
        for digits, label in ((4, "HS "), (2, "HS chapter "), (0, "all goods")):
            key = (hs_code or "")[:digits]
            if key in self._usual and (key or not digits):
                low, high, usual = self._range(key)
                value = exp_of(log_value)
                level = "low" if value < low else "high" if value > high else "usual"
                return f"{fact} is {level} for {label}{key} ({usual})"
        return f"{fact} is declared"

    def _range(self, key: str) -> tuple[float, float, str]:
        """Return the bounds of the usual range for an HS code, and the range as text."""
        if key not in self._ranges:
            median, spread = self._usual[key]
            low, high = exp_of(median - spread), exp_of(median + spread)
            words = f"usual: {number_text(_two_digits(low))} to {number_text(_two_digits(high))}"
            self._ranges[key] = low, high, words
        return self._ranges[key]


def _two_digits(value: float) -> float:
    # The range is precise to two significant digits only.
    return float(f"{value:.2g}")


def value_density(evidence: Evidence) -> list[str]:
    """Write the value per kilogram, or the value, and the usual range for the HS heading."""
    items = evidence.items
    texts = _against_description(evidence, _after(evidence, items.facts(declared_value)))
    values, densities, codes = items.feature("value_usd"), items.feature("value_per_kg"), items.text("hs_code")
    usual_value, usual_density = _UsualRange(items, "value"), _UsualRange(items, "value_per_kg")
    for position, leading in enumerate(evidence.leading):
        value, density = values[position], densities[position]
        if density is not None and leading in ("value_per_kg", "value_per_kg_unusual"):
            fact = f"Declared value of {money(exp_of(density))} per kg"
            texts[position] = usual_density.compare(codes[position], density, fact)
        elif value is not None and leading in ("value_usd", "value_unusual"):
            fact = f"Declared value of {money(exp_of(value))}"
            texts[position] = usual_value.compare(codes[position], value, fact)
    return texts


def declared_value(items: ExplainedItems) -> list[str]:
    """Write the declared value in its own currency."""
    return [
        "No value is declared"
        if amount is None
        else f"Declared value is {currency} {amount:,.2f}"
        if currency
        else f"Declared value is {amount:,.2f} without a currency"
        for amount, currency in zip(items.number("customs_value"), items.text("currency"), strict=True)
    ]


def freight(evidence: Evidence) -> list[str]:
    """Write the freight charge and the value of the goods."""
    charges, values = evidence.items.usd("freight_charge"), evidence.items.usd("customs_value")
    return [
        "No freight charge is declared"
        if charge is None
        else f"Freight of {money(charge)} on goods of {'unknown value' if value is None else money(value)}{measured}"
        for charge, value, measured in zip(charges, values, evidence.measured, strict=True)
    ]


def mass(evidence: Evidence) -> list[str]:
    """Write the mass and the usual range for the HS heading."""
    items = evidence.items
    texts = _against_description(evidence, _after(evidence, items.facts(declared_mass)))
    log_masses, codes, usual = items.feature("mass_kg"), items.text("hs_code"), _UsualRange(items, "mass")
    for position, leading in enumerate(evidence.leading):
        log_mass = log_masses[position]
        if log_mass is not None and leading in ("mass_kg", "mass_unusual"):
            fact = f"Mass of {number_text(_kilograms(log_mass))} kg"
            texts[position] = usual.compare(codes[position], log_mass, fact)
    return texts


#: Feature of `ExpectedGroup` -> its target, the feature with the signed distance, and the goods that it is compared with.
_DESCRIBED: Final = {
    "mass_vs_description": (Target.MASS, "mass_vs_description", "goods with this description and quantity"),
    "mass_deviation": (Target.MASS, "mass_vs_description", "goods with this description and quantity"),
    "value_vs_description": (Target.VALUE, "value_vs_description", "goods with this description and quantity"),
    "price_vs_description": (Target.PRICE, "price_vs_description", "goods with this description and mass"),
    "price_deviation": (Target.PRICE, "price_vs_description", "goods with this description and mass"),
}


def _against_description(evidence: Evidence, texts: list[str]) -> list[str]:
    """Return the texts, with the usual range for the description where a feature of `ExpectedGroup` leads."""
    items = evidence.items
    group = next((group for group in items.scored.space.groups if isinstance(group, ExpectedGroup)), None)
    if group is None or not any(leading in _DESCRIBED for leading in evidence.leading):
        return texts
    described = items.scored.table.description_or_chemical
    for position, leading in enumerate(evidence.leading):
        if leading not in _DESCRIBED:
            continue
        target, signed, goods = _DESCRIBED[leading]
        log = items.feature("mass_kg" if target is Target.MASS else "value_usd")[position]
        distance, text = items.feature(signed)[position], items.of_row(described)[position]
        if log is None or distance is None or text is None or abs(distance) >= FARTHEST:
            continue
        spread = group.spread(text, target)
        low, high = (exp_of(log - (distance + side) * spread) for side in (1.0, -1.0))
        fact, unit = (f"Mass of {number_text(_kilograms(log))} kg", "")
        usual = f"{number_text(_two_digits(low))} to {number_text(_two_digits(high))}"
        if target is not Target.MASS:
            fact, unit = f"Declared value of {money(exp_of(log))}", "USD "
        level = "low" if distance < -1.0 else "high" if distance > 1.0 else "usual"
        texts[position] = f"{fact} is {level} for {goods} (usual: {unit}{usual})"
    return texts


def _kilograms(log_mass: float) -> float:
    # Round, because the exponential of a logarithm has a rounding error. Declared masses are precise to a gram at most.
    return round(exp_of(log_mass), 4)


def declared_mass(items: ExplainedItems) -> list[str]:
    """Write the net and gross mass."""
    masses = [", ".join(filter(None, both)) for both in zip(*_masses(items), strict=True)]
    return [f"Mass declared: {text}" if text else "No mass is declared" for text in masses]


def _masses(items: ExplainedItems) -> tuple[list[str], list[str]]:
    """Return the texts of the net mass of the item and of the gross mass of the shipment, empty where missing."""
    counts = [count if count is not None and count > 1 else None for count in items.feature("shipment_items")]
    net, gross = (
        [
            ""
            if value is None
            else f"{label} {number_text(value)} kg{'' if count is None else of.format(number_text(count))}"
            for value, count in zip(items.number(name), counts, strict=True)
        ]
        for name, label, of in (
            ("net_mass_kg", "net", " for this item"),
            ("gross_mass_kg", "gross", " for all {} items"),
        )
    )
    return net, gross


def size(evidence: Evidence) -> list[str]:
    """Write the masses, packages and goods items. The value of the leading feature follows unless these facts contain it."""
    items = evidence.items
    facts = [
        ", ".join(filter(None, parts))
        for parts in zip(
            *_masses(items),
            _counted(items.number("package_count"), "package"),
            _counted(items.feature("shipment_items"), "goods item"),
            strict=True,
        )
    ]
    return [
        f"Size of the consignment: {fact}{'' if leading in _IN_SIZE else measured}"
        for fact, leading, measured in zip(facts, evidence.leading, evidence.measured, strict=True)
    ]


#: Features whose values are among the facts that `size` writes.
_IN_SIZE: Final = frozenset({"shipment_mass_kg", "shipment_items", "package_count"})


def _counted(numbers: list[float | None], noun: str) -> list[str]:
    return ["" if number is None else f"{number_text(number)} {noun}{'' if number == 1 else 's'}" for number in numbers]


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
    return lambda items: [text or f"No {noun}" for text in _counted(items.feature(feature), noun)]


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
            texts.append(" or ".join(lines.names[bit] for bit in fitting or of_name) or "no line of business")
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
    """Write the countries of the route in order."""
    fields = ("origin_country", "export_country", "routing_countries", "consignee_country")
    routes = [
        list(dict.fromkeys(code for text in texts if text for code in text.split(";")))
        for texts in zip(*map(items.text, fields), strict=True)
    ]
    return [" to ".join(route) for route in routes]
