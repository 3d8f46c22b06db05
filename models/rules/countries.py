"""Conditions on countries and places, which alone never raise a shipment to the red lane."""

from __future__ import annotations

from typing import Final

from features.manifest.fields import FIELDS, Kind, Level
from features.space import COUNTRY_NEUTRAL
from models.rules.conditions import Condition, Leaf, Op, Subject, leaves, number_test, with_leaves_fixed
from models.rules.facts import FACTS_OF_PLACES

#: Fields that name a country or a place. A telephone number contains a country code.
PLACE_FIELDS: Final = frozenset(
    field.name
    for field in FIELDS
    if field.level is not Level.LABEL
    and (
        field.kind in (Kind.COUNTRY, Kind.COUNTRIES, Kind.LOCATION)
        or field.key in ("address", "city", "postcode", "phone")
    )
)
#: Features that depend on these fields.
PLACE_FEATURES: Final = frozenset(
    {
        *COUNTRY_NEUTRAL,
        "substance_listed_destination",
        "substance_listed_export",
        "substance_listed_origin",
        "consignor_trade_lane_shipments",
        *(f"own_{name}_{what}" for name in PLACE_FIELDS for what in ("rate", "number", "missing")),
    }
)


def is_of_places(leaf: Leaf) -> bool:
    """Return whether a leaf depends on countries or places."""
    if leaf.subject is Subject.FIELD:
        return leaf.name in PLACE_FIELDS
    return leaf.subject is Subject.FEATURE and (leaf.name in PLACE_FEATURES or leaf.name in FACTS_OF_PLACES)


def has_places(condition: Condition) -> bool:
    """Return whether a leaf of a condition depends on countries or places."""
    return any(map(is_of_places, leaves(condition)))


def without_places(condition: Condition) -> Condition:
    """Return the condition as if all country and place fields were blank."""

    def blank(leaf: Leaf) -> bool | None:
        if not is_of_places(leaf):
            return None
        if leaf.subject is Subject.FEATURE and leaf.name in FACTS_OF_PLACES:
            return number_test(leaf.op, leaf.values)(FACTS_OF_PLACES[leaf.name])
        return leaf.op is Op.MISSING

    return with_leaves_fixed(condition, blank)


def places_alone(condition: Condition) -> Condition:
    """Return the condition as if all fields except countries and places were blank."""

    def blank(leaf: Leaf) -> bool | None:
        return None if is_of_places(leaf) and leaf.name not in FACTS_OF_PLACES else leaf.op is Op.MISSING

    return with_leaves_fixed(condition, blank)
