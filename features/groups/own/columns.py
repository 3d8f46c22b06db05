"""Columns of the group "own": features of an office's own data.

The columns depend on the office's fields, so there is no enum. An ordered list declares the columns and determines how they are
computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Final

from features.groups.base import Feature
from features.groups.own.keys import Key, OwnFields
from features.groups.reason_codes import OwnReasonCode
from features.groups.shown import LOG, LOG_COUNT, NUMBER, TIMES, Shown, distance


class Statistic(IntEnum):
    """Statistics of a key, in the order of the key's features."""

    #: Logarithm of one plus the number of rows.
    SEEN = 0
    #: Log-odds of the find rate, minus those of all rows.
    RATE = auto()
    #: Logarithm of one plus the number of known results.
    KNOWN = auto()


class Measure(Enum):
    """Measures of a row's numbers."""

    HS_NUMBER = auto()
    #: Logarithm of an amount of the manifest.
    AMOUNT = auto()
    #: Distance of an amount of the manifest from the median for the HS code.
    AMOUNT_UNUSUAL = auto()
    #: A further field, as declared.
    FIELD = auto()
    #: Distance of a further field from the median for the HS code.
    FIELD_UNUSUAL = auto()
    FIELD_PER_KG = auto()
    FIELD_PER_VALUE = auto()
    #: Hour (0 to 23) and weekday (0 is Monday) of the declaration, UTC.
    HOUR = auto()
    WEEKDAY = auto()


#: How officers read the measures that are not plain numbers.
_SHOWN: Final = {Measure.AMOUNT: LOG}


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Column with a statistic of a key. ``key`` is the position of the key in `OwnGroup.keys`."""

    feature: Feature
    key: int
    statistic: Statistic


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Column with a measure. ``of`` is an amount of the manifest (`AMOUNTS`) or the slug of a further field."""

    feature: Feature
    measure: Measure
    of: str = ""


#: Amounts of the manifest in declared units, and their names in meanings. No currency or exchange rate is needed.
AMOUNTS: Final = {
    "value": "value",
    "mass": "mass",
    "value_per_kg": "value per kilogram",
    "value_per_unit": "value per unit",
    "quantity": "quantity",
    "freight_charge": "freight charge",
}
#: Amounts with columns only if the data fills the manifest column of the same name.
_ONLY_IF_FILLED: Final = ("quantity", "freight_charge")


def key_columns(keys: tuple[Key, ...]) -> tuple[KeyColumn, ...]:
    """Return the columns of all keys in matrix order."""
    columns: list[KeyColumn] = []
    for position, key in enumerate(keys):
        known = "as known at the time"
        meanings = {
            Statistic.SEEN: (f"Goods items with this {key.meaning} seen so far (log of one more)", LOG_COUNT),
            Statistic.RATE: (f"Log of the odds of a find for this {key.meaning} over those of all, {known}", TIMES),
        }
        if key.repeats:
            meanings[Statistic.KNOWN] = (f"Results for the {key.meaning}, {known} (log of one more)", LOG_COUNT)
        for statistic, (meaning, shown) in meanings.items():
            feature = _feature(f"{key.name}_{statistic.name.lower()}", meaning, key.name, shown)
            columns.append(KeyColumn(feature, position, statistic))
    return tuple(columns)


def number_columns(own: OwnFields) -> tuple[NumberColumn, ...]:
    """Return the columns of numbers in matrix order. They follow the columns of keys."""
    columns: list[NumberColumn] = []

    def add(name: str, meaning: str, reason: str, measure: Measure, of: str = "") -> None:
        shown = _SHOWN.get(measure, NUMBER)
        if measure in (Measure.AMOUNT_UNUSUAL, Measure.FIELD_UNUSUAL):
            what = AMOUNTS[of] if measure is Measure.AMOUNT_UNUSUAL else repr(own.slugs[of].name)
            shown = distance(f"{what} against the HS code")
        columns.append(NumberColumn(_feature(name, meaning, reason, shown), measure, of))

    if "hs_code" in own.columns:
        add("hs_number", "The HS code's first six digits as a number", "hs_number", Measure.HS_NUMBER)
    if "declared_at" in own.columns:
        add("hour", "The hour of the declaration (UTC)", "declared_at", Measure.HOUR)
        add("weekday", "The weekday of the declaration (0 is Monday)", "declared_at", Measure.WEEKDAY)
    for name, what in AMOUNTS.items():
        if name in _ONLY_IF_FILLED and name not in own.columns:
            continue
        add(name, f"The {what}, as declared (log)", name, Measure.AMOUNT, name)
        unusual = f"Distance of the {what} from the usual one for the HS code"
        add(f"{name}_unusual", unusual, name, Measure.AMOUNT_UNUSUAL, name)
    for slug, field in own.slugs.items():
        what, name = repr(field.name), f"field_{slug}"
        if field.kind == "numeric":
            add(f"{name}_value", f"The number in {what}", name, Measure.FIELD, slug)
            unusual = f"Distance of {what} from its usual value for the HS code"
            add(f"{name}_unusual", unusual, name, Measure.FIELD_UNUSUAL, slug)
            add(f"{name}_per_kg", f"The number in {what} per kilogram", name, Measure.FIELD_PER_KG, slug)
            per_value = f"The number in {what} over the declared value"
            add(f"{name}_per_value", per_value, name, Measure.FIELD_PER_VALUE, slug)
        else:
            add(f"{name}_number", f"The code in {what}, where it is a number", name, Measure.FIELD, slug)
    return tuple(columns)


def _feature(name: str, meaning: str, reason: str, shown: Shown) -> Feature:
    return Feature(f"own_{name}", "own", meaning, OwnReasonCode.of(reason), shown=shown)
