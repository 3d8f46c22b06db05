"""Writers of facts about value, mass and size. `models.reasons.codes` says where they stand.

A text states the declared amount and the usual ones: the middle two thirds of past traffic with this HS heading, or of goods with
this description. An amount beyond the usual ones by up to as much again is called somewhat low or high.

The comparison is left out where it speaks against the reason. The trees learned that finds have such an amount, but it is no ground
that an officer can follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from features.groups.expected.columns import Target
from features.groups.expected.group import ExpectedGroup
from features.groups.expected.rows import FARTHEST
from features.groups.shown import HUGE, exp_of, number_text
from features.groups.value import Quantity, ValueGroup
from models.reasons.items import Evidence, ExplainedItems


def money(usd: float) -> str:
    """Format an amount in US dollars, with cents only below 1,000."""
    if not usd < HUGE:
        return f"USD {usd:.3g}"
    return f"USD {usd:,.2f}" if usd < 1000 else f"USD {usd:,.0f}"


#: Quantities that grow with the size of a shipment.
_SIZES: Final = frozenset(
    {
        Quantity.MASS,
        Quantity.VALUE,
        Quantity.GROSS_MASS,
        Quantity.SHIPMENT_VALUE,
        Quantity.PACKAGES,
        Quantity.MASS_PER_PACKAGE,
    }
)
_PARCELS: Final = frozenset({"postal", "express"})
_OTHER_TRADE: Final = math.log(20.0)


class _UsualRange:
    """Usual ranges of a quantity by HS code."""

    def __init__(self, items: ExplainedItems, quantity: Quantity) -> None:
        group = next((group for group in items.scored.space.groups if isinstance(group, ValueGroup)), None)
        self._usual = group.usual_[quantity.name.lower()] if group else {}
        self._codes, self._channels = items.text("hs_code"), items.text("channel")
        self._is_size = quantity in _SIZES

    def compare(self, position: int, log_value: float, fact: str, raises: bool) -> str:
        """Return a fact and its comparison with the range, for example ``... is low for HS 3926 (usual: 8 to 40)``."""
        found = self._ground(position, log_value, raises)
        if found is None:
            return _alone(fact)
        goods, median, spread = found
        return f"{fact} is {_level(log_value - median, spread)} for {goods} (usual: {_range(median, spread)})"

    def words(self, position: int, log_value: float, raises: bool, unit: str) -> str:
        """Return the range in words, such as ``usual for HS 3926: USD 8 to 40 per kg``; empty if it is unknown or no ground."""
        found = self._ground(position, log_value, raises)
        if found is None:
            return ""
        goods, median, spread = found
        usual = unit.format(_range(median, spread, integer=unit == _PACKAGES))
        return f"usual for {goods}: {'1 package' if usual == '1 packages' else usual}"

    def _ground(self, position: int, log_value: float, raises: bool) -> tuple[str, float, float] | None:
        """Return `_of` the item's code if the comparison is a ground, otherwise None."""
        found = self._of(self._codes[position] or "")
        if found is None or not _is_ground(log_value - found[1], found[2], raises):
            return None
        # A heading goes mostly by freight or mostly by parcel. A shipment of the other kind is small or large whatever it holds.
        is_parcel, distance = self._channels[position] in _PARCELS, log_value - found[1]
        is_other_trade = self._is_size and abs(distance) > _OTHER_TRADE and is_parcel == (distance < 0.0)
        return None if is_other_trade else found

    def _of(self, hs_code: str) -> tuple[str, float, float] | None:
        """Return the goods that the code is compared with, and median and spread of the quantity's logarithm."""
        for digits, label in ((4, "HS "), (2, "HS chapter ")):
            key = hs_code[:digits]
            if key and key in self._usual:
                return f"{label}{key}", *self._usual[key]
        return None


def _alone(fact: str) -> str:
    """Return a fact without a comparison as a sentence."""
    return fact.replace(" of ", " is ", 1) if fact.startswith("Declared") else f"{fact} is declared"


def _is_ground(distance: float, spread: float, raises: bool) -> bool:
    """Return whether an unusual amount raises, or a usual one lowers."""
    return raises == (abs(distance) > spread)


def _level(distance: float, spread: float) -> str:
    """Return the distance of a logarithm from the usual value in words."""
    if abs(distance) <= spread:
        return "usual"
    return f"{'somewhat ' if abs(distance) < 2.0 * spread else ''}{'low' if distance < 0.0 else 'high'}"


def _range(median: float, spread: float, *, integer: bool = False) -> str:
    # The range is precise to two significant digits only.
    low, high = (float(f"{exp_of(median + side * spread):.2g}") for side in (-1.0, 1.0))
    if integer:
        low, high = max(1.0, round(low)), max(1.0, round(high))
    return number_text(low) if low == high else f"{number_text(low)} to {number_text(high)}"


def value_density(evidence: Evidence) -> list[str]:
    """Write the value per kilogram or per unit, or the value, and the usual range."""
    items = evidence.items
    texts = _against_description(
        items, evidence.leading, evidence.raises, _with_usual(evidence, items.facts(declared_value))
    )
    values, densities = items.feature("value_usd"), items.feature("value_per_kg")
    usual_value, usual_density = (_UsualRange(items, quantity) for quantity in (Quantity.VALUE, Quantity.VALUE_PER_KG))
    for position, leading in enumerate(evidence.leading):
        value, density = values[position], densities[position]
        if density is not None and leading in ("value_per_kg", "value_per_kg_unusual"):
            fact = f"Declared value of {money(exp_of(density))} per kg"
            texts[position] = usual_density.compare(position, density, fact, evidence.raises[position])
        elif value is not None and leading in ("value_usd", "value_unusual"):
            fact = f"Declared value of {money(exp_of(value))}"
            texts[position] = usual_value.compare(position, value, fact, evidence.raises[position])
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
    """Write the freight charge and the value of the goods, with the usual share of the value or price per kilogram."""
    charges, values = evidence.items.usd("freight_charge"), evidence.items.usd("customs_value")
    facts = [
        "No freight charge is declared"
        if charge is None
        else f"Freight of {money(charge)} on goods of {'unknown value' if value is None else money(value)}"
        for charge, value in zip(charges, values, strict=True)
    ]
    return [
        text if charge is not None else fact
        for charge, fact, text in zip(charges, facts, _with_usual(evidence, facts), strict=True)
    ]


def mass(evidence: Evidence) -> list[str]:
    """Write the mass, in all or per unit, and the usual range."""
    items = evidence.items
    texts = _against_description(
        items, evidence.leading, evidence.raises, _with_usual(evidence, items.facts(declared_mass))
    )
    log_masses, usual = items.feature("mass_kg"), _UsualRange(items, Quantity.MASS)
    for position, leading in enumerate(evidence.leading):
        log_mass = log_masses[position]
        if log_mass is not None and leading in ("mass_kg", "mass_unusual"):
            fact = f"Mass of {number_text(_kilograms(log_mass))} kg"
            texts[position] = usual.compare(position, log_mass, fact, evidence.raises[position])
    return texts


#: Feature of `ExpectedGroup` -> its target, the feature with the signed distance, and what else it is compared by.
_DESCRIBED: Final = {
    "mass_vs_description": (Target.MASS, "mass_vs_description", "quantity"),
    "mass_deviation": (Target.MASS, "mass_vs_description", "quantity"),
    "value_vs_description": (Target.VALUE, "value_vs_description", "quantity"),
    "price_vs_description": (Target.PRICE, "price_vs_description", "mass"),
    "price_deviation": (Target.PRICE, "price_vs_description", "mass"),
}


def mass_for_goods(items: ExplainedItems) -> list[str]:
    """Write the mass and the usual range for the description."""
    named = [f"Mass for {goods}" for goods in items.quoted("goods_description")]
    every = len(items)
    return _against_description(items, ["mass_vs_description"] * every, [True] * every, named, of_entry=True)


def _against_description(
    items: ExplainedItems,
    leading: Sequence[str],
    raises: Sequence[bool],
    texts: list[str],
    *,
    of_entry: bool = False,
) -> list[str]:
    """Return the texts, with the estimate from the description where a feature of `ExpectedGroup` leads.

    Where words are mostly unknown, an estimate is that for all goods. Then only an entry of the evidence states it, and the usual
    range for the HS code takes its place.
    """
    group = next((group for group in items.scored.space.groups if isinstance(group, ExpectedGroup)), None)
    if group is None or not any(one in _DESCRIBED for one in leading):
        return texts
    described, unknown = items.of_row(items.scored.table.description_or_chemical), items.feature(_UNKNOWN_WORDS)
    written, quantities = list(texts), items.number("quantity")
    ranges: dict[Quantity, _UsualRange] = {}
    names = {"mass_kg", "value_usd", *(signed for _, signed, _ in _DESCRIBED.values())}
    values = {name: items.feature(name) for name in names}
    for position, one in enumerate(leading):
        if one not in _DESCRIBED:
            continue
        target, signed, by = _DESCRIBED[one]
        log = values["mass_kg" if target is Target.MASS else "value_usd"][position]
        distance, text = values[signed][position], described[position]
        if log is None or distance is None or text is None or abs(distance) >= FARTHEST:
            continue
        spread = group.spread(text, target)
        usual = _range(log - distance * spread, spread)
        fact = f"Mass of {number_text(_kilograms(log))} kg"
        if target is not Target.MASS:
            fact, usual = f"Declared value of {money(exp_of(log))}", f"USD {usual}"
        share = unknown[position]
        is_known = share is not None and share <= _MOSTLY_UNKNOWN
        known = ["description"] if is_known else []
        alike = " and ".join([*known, *([] if by == "quantity" and quantities[position] is None else [by])])
        if alike and (is_known or of_entry) and _is_ground(distance, 1.0, raises[position]):
            level = _level(distance, 1.0)
            compared = "close to" if level == "usual" else f"{level} against"
            written[position] = f"{fact} is {compared} an estimate from {alike} ({usual})"
        else:
            quantity = Quantity.MASS if target is Target.MASS else Quantity.VALUE
            by_code = ranges.setdefault(quantity, _UsualRange(items, quantity))
            written[position] = by_code.compare(position, log, fact, raises[position])
    return written


_UNKNOWN_WORDS: Final = "description_unknown_words"
_MOSTLY_UNKNOWN: Final = 0.5


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
    """Write the masses, packages and goods items, and the usual range of the leading feature."""
    items = evidence.items
    facts = [
        ", ".join(filter(None, parts))
        for parts in zip(
            *_masses(items),
            counted_things(items.number("package_count"), "package"),
            counted_things(items.feature("shipment_items"), "goods item"),
            strict=True,
        )
    ]
    return [f"Size of the consignment: {text}" for text in _with_usual(evidence, facts)]


#: Features whose values are among the declared facts.
_IN_FACTS: Final = frozenset({"shipment_mass_kg", "shipment_items", "package_count", "freight_to_value"})
_PACKAGES: Final = "{} packages"
#: Feature -> its usual values by HS code, their unit, and whether they are of the whole shipment.
_USUAL: Final = {
    "value_per_unit": (Quantity.VALUE_PER_UNIT, "USD {} per unit", False),
    "mass_per_unit": (Quantity.MASS_PER_UNIT, "{} kg per unit", False),
    "shipment_mass_kg": (Quantity.GROSS_MASS, "{} kg gross", True),
    "shipment_value_usd": (Quantity.SHIPMENT_VALUE, "USD {}", True),
    "package_count": (Quantity.PACKAGES, _PACKAGES, True),
    "mass_per_package": (Quantity.MASS_PER_PACKAGE, "{} kg per package", True),
    "freight_to_value": (Quantity.FREIGHT_TO_VALUE, "{} times the value", True),
    "freight_per_kg": (Quantity.FREIGHT_PER_KG, "USD {} per kg", True),
}


def _with_usual(evidence: Evidence, facts: list[str]) -> list[str]:
    """Return declared facts, each followed by the value of the leading feature and its usual range for the HS code.

    The usual values of whole shipments are those of shipments with one item, and are compared with no other.
    """
    items = evidence.items
    counts = items.feature("shipment_items")
    # Where packages are counted as units, a unit is not what the heading counts.
    in_packages = [
        units is not None and units == packages
        for units, packages in zip(items.number("quantity"), items.number("package_count"), strict=True)
    ]
    values = {name: items.feature(name) for name in set(evidence.leading) & _USUAL.keys()}
    ranges: dict[Quantity, _UsualRange] = {}
    texts = []
    for position, (leading, fact, measured) in enumerate(zip(evidence.leading, facts, evidence.measured, strict=True)):
        text = fact if leading in _IN_FACTS else f"{fact}{measured}"
        if leading in _USUAL:
            quantity, unit, whole = _USUAL[leading]
            value = values[leading][position]
            is_alike = counts[position] in (None, 1.0) if whole else not in_packages[position]
            if is_alike and value is not None:
                # Packages are counted as the logarithm of one more.
                log_value = math.log(max(exp_of(value) - 1.0, 1e-9)) if quantity is Quantity.PACKAGES else value
                usual = ranges.setdefault(quantity, _UsualRange(items, quantity))
                words = usual.words(position, log_value, evidence.raises[position], unit)
                text = f"{text} ({words})" if words else text
        texts.append(text)
    return texts


def counted_things(numbers: list[float | None], noun: str) -> list[str]:
    """Return numbers with their noun; empty where missing."""
    return ["" if number is None else f"{number_text(number)} {noun}{'' if number == 1 else 's'}" for number in numbers]
