"""A feature's value in plain words.

A feature's `meaning` is a sentence for a person, yet some values are stored as a model likes them: logarithms, shares, codes,
distances in spreads. Here they are turned back into what an officer would write.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from features.groups.base import Feature

#: Features whose value is the number of a code: what is declared says more than the number.
CODED: Final = frozenset({"channel", "filing_type", "transport_mode", "hs_chapter", "hs_digits"})

#: Texts that are kept of each feature.
_REMEMBERED: Final = 32

_CONTACTS: Final = ("none", "telephone or e-mail", "telephone and e-mail")
_NAMED: Final = ("not named", "mentioned", "declared")
_ROUND: Final = ("no", "a whole number", "whole tens", "whole hundreds")


def number_text(value: float) -> str:
    """A number as an officer would write it: whole numbers with thousands, small ones with three significant digits."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share from 0 to 1 in percent; never a rounded 0 or 100 % where it is neither."""
    if 0.0 < share < 0.0001:
        return "under 0.01 %"
    if 0.9999 < share < 1.0:
        return "over 99.99 %"
    # The sum, for a share of minus zero.
    return f"{100.0 * share + 0.0:.3g} %"


def _word(words: tuple[str, ...]) -> Callable[[float], str]:
    return lambda value: words[min(max(int(value), 0), len(words) - 1)]


def _spreads(value: float) -> str:
    if abs(value) < 0.05:
        return "none"
    return f"{abs(value):.1f} times the usual spread {'above' if value > 0 else 'below'}"


#: Wordings of features that a rule for their meaning would not make plain: the label, and the value in words.
_OWN: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = MappingProxyType(
    {
        "consignor_contact": ("Contacts given for the consignor", _word(_CONTACTS)),
        "consignee_contact": ("Contacts given for the consignee", _word(_CONTACTS)),
        "substance_opioid": ("A fentanyl, nitazene or other opioid", _word(_NAMED)),
        "substance_precursor": ("A fentanyl precursor", _word(_NAMED)),
        "value_round": ("Declared value is round", _word(_ROUND)),
        "description_stop_word": (
            "Description is a term that customs reject as vague",
            lambda value: "yes" if value >= 1.0 else "it holds one" if value > 0.0 else "no",
        ),
        "hs_text_contradiction": (
            "Probability of the declared HS chapter, given these words",
            lambda value: percent(min(max(1.0 - value, 0.0), 1.0)),
        ),
        "hs_text_surprise": (
            "Probability of the declared HS heading, given these words",
            lambda value: percent(math.exp(-max(value, 0.0))),
        ),
        "hs_text_certainty": ("Probability of the likeliest HS chapter, given these words", percent),
        "text_chemical_probability": ("Probability of the chemical HS chapters, given these words", percent),
    }
)


class Measure(dict[float, str]):
    """What a feature measured, as it stands behind what is declared: value -> text; NaN is missing.

    Counts, and what is or is not, repeat from item to item: three texts of four are at hand.
    """

    def __init__(self, feature: Feature) -> None:
        super().__init__()
        own = _OWN.get(feature.name)
        label, self._words = _by_meaning(feature.meaning.rstrip(".")) if own is None else own
        self._label = label[:1].upper() + label[1:]
        self._coded = feature.name in CODED
        self._unknown = self._behind("not known")

    def __missing__(self, value: float) -> str:
        # What is missing equals nothing, so it is never found.
        if math.isnan(value):
            return self._unknown
        if len(self) >= _REMEMBERED:
            self.clear()
        text = self[value] = self._behind(self._words(value))
        return text

    def _behind(self, words: str) -> str:
        return "" if self._coded else f". {self._label}: {words}"


def _by_meaning(meaning: str) -> tuple[str, Callable[[float], str]]:
    """Label and wording from how the meaning is phrased."""
    if meaning.startswith("Whether "):
        return meaning.removeprefix("Whether "), lambda value: {0.0: "no", 1.0: "yes"}.get(value, number_text(value))
    if meaning.startswith("Log share of "):
        return meaning.removeprefix("Log "), lambda value: percent(math.exp(min(value, 0.0)))
    if meaning.startswith("Log of the "):
        return meaning.removeprefix("Log of the "), lambda value: f"{number_text(_exp(value))} times"
    if meaning.startswith("Share of "):
        return meaning, lambda value: percent(value) if 0.0 <= value <= 1.0 else number_text(value)
    if meaning.startswith("Distance of "):
        return meaning, _spreads
    if meaning.endswith(" (log)"):
        return meaning.removesuffix(" (log)"), lambda value: number_text(_exp(value))
    if meaning.endswith(" (log of one more)"):
        # What was counted is whole; the logarithm and back leave a rounding error.
        return meaning.removesuffix(" (log of one more)"), lambda value: number_text(round(_exp(value) - 1.0))
    return meaning, number_text


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))
