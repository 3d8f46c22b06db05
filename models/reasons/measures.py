"""Texts for feature values.

Features contain logarithms, shares, codes and distances in spreads. These functions convert such values to numbers and words that
an officer understands. The phrase in the feature's `meaning` determines the conversion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from features.groups.base import Feature
from features.kinds.lines import OUTSIDE

#: Features that contain the index of a code. They have no text, because the declared facts contain the code.
CODED: Final = frozenset({"channel", "filing_type", "transport_mode", "hs_chapter", "hs_digits"})

#: Words of counts in a sliding period.
_WITHIN: Final = re.compile(r"\bwithin \d+ days\b")
#: Number of cached texts per feature.
_MAX_CACHED: Final = 32

_CONTACTS: Final = ("none", "telephone or e-mail", "telephone and e-mail")
_NAMED: Final = ("not named", "mentioned", "declared")
_ROUND: Final = ("no", "a whole number", "whole tens", "whole hundreds")
_DOSE: Final = ("no", "without an amount per dose", "with an amount per dose")

#: Amounts from this value on are written with an exponent, because their digits would fill the text. No goods have such amounts.
HUGE: Final = 1e15


def number_text(value: float) -> str:
    """Format an integer or large number with thousands separators, and other numbers with three significant digits."""
    if not abs(value) < HUGE:
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def exp_of(log_value: float) -> float:
    """Return the exponential, at most about 1e304: a value per kilogram of a tiny mass may exceed the largest float."""
    return math.exp(min(log_value, 700.0))


def percent(share: float) -> str:
    """Format a share from 0 to 1 in percent. Only exact shares of 0 and 1 become 0 % and 100 %."""
    if 0.0 < share < 0.0001:
        return "under 0.01 %"
    if 0.9999 < share < 1.0:
        return "over 99.99 %"
    # Adding zero converts minus zero to zero.
    return f"{100.0 * share + 0.0:.3g} %"


def _word(words: tuple[str, ...]) -> Callable[[float], str]:
    return lambda value: words[min(max(int(value), 0), len(words) - 1)]


def _spreads(value: float) -> str:
    if abs(value) < 0.05:
        return "none"
    distance = f"{abs(value):.1f}" if abs(value) < HUGE else number_text(abs(value))
    return f"{distance} times the usual spread {'above' if value > 0 else 'below'}"


def _ratio(value: float) -> str:
    """Return a log-likelihood ratio in words."""
    return "no" if value <= 0.0 else f"{math.exp(min(value, 20.0)):,.3g} to 1"


def _fit(value: float) -> str:
    """Return the fit of goods with a line of business in words. Between -1 and 0 they are materials, which firms rarely send."""
    if value == 0.0:
        return "neutral"
    return "its goods" if value > 0.0 else "its materials" if value > OUTSIDE else "other goods"


#: Features whose meaning does not determine the text: label, and function that formats the value.
_BY_NAME: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = MappingProxyType(
    {
        "consignor_contact": ("Contacts given for the consignor", _word(_CONTACTS)),
        "consignee_contact": ("Contacts given for the consignee", _word(_CONTACTS)),
        "substance_opioid": ("A fentanyl, nitazene or other opioid", _word(_NAMED)),
        "substance_precursor": ("A fentanyl precursor", _word(_NAMED)),
        "substance_watched": ("An opioid or a fentanyl precursor", _word(_NAMED)),
        "value_round": ("Declared value is round", _word(_ROUND)),
        "consignor_fits_code": ("Fit of the HS chapter with what the consignor's line of business sends", _fit),
        "consignee_fits_code": ("Fit of the HS chapter with what the consignee's line of business receives", _fit),
        "description_dose": ("A clinical form (patch, ampoule, tablet) is named", _word(_DOSE)),
        "description_stop_word": (
            "Description is a term that customs reject as vague",
            lambda value: "" if value >= 1.0 else "it contains one" if value > 0.0 else "no",
        ),
        "hs_text_contradiction": ("The words speak against the HS code", _ratio),
        "hs_text_agreement": ("The words speak for the HS code", _ratio),
        "chemical_text_harmless_code": ("The words speak for chemicals, the HS code does not", _ratio),
        "harmless_text_chemical_code": ("The words speak for other goods than the HS code's chemicals", _ratio),
        "text_doubt": ("Probability that the words say nothing about the goods", percent),
        "description_vagueness": ("Probability that customs reject the description as vague", percent),
        "hs_text_certainty": ("Probability of the likeliest HS chapter, given these words", percent),
        "text_chemical_probability": ("Probability that these words name a chemical", percent),
        "description_rarest_word": (
            "Its rarest known word stands in this share of past descriptions",
            lambda value: percent(math.exp(min(value, 0.0))),
        ),
        "description_generic_chemistry": (
            "Words that could be any chemical, such as intermediate or powder",
            number_text,
        ),
        "mass_deviation": ("Mass against the usual mass of goods described so", _spreads),
        "price_deviation": ("Price against the usual price of goods described so", _spreads),
    }
)
#: Texts of flags that are not set, for flags whose label with "no" does not read as a statement.
_DENIED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "consignor_company": "The consignor's name is that of a private person",
        "consignee_company": "The consignee's name is that of a private person",
        "consignee_address_number": "The consignee's address has no number",
        "origin_is_export": "The goods do not come from the country that exports them",
        "export_is_consignor": "They are not exported from the consignor's country",
        "origin_is_consignor": "They do not come from the consignor's country",
        "loading_is_export": "The place of loading is not in the country of export",
        "unloading_is_consignee": "The place of unloading is not in the consignee's country",
        "quantity_with_unit": "No quantity with its unit is declared",
        "marketplace_present": "No marketplace is named",
        "agent_present": "No freight agent is named",
    }
)
#: Texts of missing values that tell something of the declared facts beside them.
_UNKNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {"description_rarest_word": "Past descriptions used none of its words"}
)


class MeasuredText(dict[float, str]):
    """Texts for the values of one feature, to append to the declared facts: value -> text. NaN is a missing value.

    Texts are cached. Counts and flags repeat between items, so three texts out of four come from the cache.
    """

    def __init__(self, feature: Feature, *, missing: bool = True) -> None:
        """
        Args:
            missing: whether a missing value gets the text "not known"; otherwise its text is empty, or that of `_UNKNOWN`.
        """
        super().__init__()
        by_name = _BY_NAME.get(feature.name)
        label, self._words = _by_meaning(feature.meaning.rstrip(".")) if by_name is None else by_name
        self._label = label[:1].upper() + label[1:]
        self._coded = feature.name in CODED
        unknown = _UNKNOWN.get(feature.name)
        self._missing = self._text("not known") if missing else "" if unknown is None else f". {unknown}"
        self._denied = _DENIED.get(feature.name)

    def __missing__(self, value: float) -> str:
        # NaN is not equal to itself, so lookups do not find it.
        if math.isnan(value):
            return self._missing
        if len(self) >= _MAX_CACHED:
            self.clear()
        denied = self._denied if value == 0.0 else None
        text = self[value] = self._text(self._words(value)) if denied is None else f". {denied}"
        return text

    def _text(self, words: str) -> str:
        if self._coded:
            return ""
        return f". {self._label}: {words}" if words else f". {self._label}"


class NoMeasure(dict[float, str]):
    """Empty text for each value."""

    def __missing__(self, value: float) -> str:
        return ""


def _by_meaning(meaning: str) -> tuple[str, Callable[[float], str]]:
    """Return the label of a feature and the function that formats its values."""
    if meaning.startswith("Whether "):
        # A flag that is set needs no value, because its label states the fact.
        return meaning.removeprefix("Whether "), lambda value: {0.0: "no", 1.0: ""}.get(value, number_text(value))
    if meaning.startswith("Log share of "):
        return meaning.removeprefix("Log "), lambda value: percent(math.exp(min(value, 0.0)))
    if meaning.startswith("Log of the "):
        return meaning.removeprefix("Log of the "), lambda value: f"{number_text(exp_of(value))} times"
    if meaning.startswith("Share of "):
        return meaning, lambda value: percent(value) if 0.0 <= value <= 1.0 else number_text(value)
    if meaning.startswith("Distance of "):
        return meaning, _spreads
    if meaning.endswith(" (log)"):
        return meaning.removesuffix(" (log)"), lambda value: number_text(exp_of(value))
    if meaning.endswith(" (log of one more)"):
        # Counts are integers, but the exponential of a logarithm has a rounding error.
        return meaning.removesuffix(" (log of one more)"), lambda value: number_text(round(exp_of(value) - 1.0))
    if _WITHIN.search(meaning):
        # Earlier periods count in part, so these counts are no integers.
        return (
            meaning,
            lambda value: number_text(value) if value == int(value) else f"about {number_text(max(round(value), 1))}",
        )
    return meaning, number_text
