"""How an officer reads the values of a feature.

Features contain logarithms, shares, codes and distances in spreads. A `Shown` beside each `Column` says which words and numbers
stand for them in the texts of reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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


def log_share(value: float) -> str:
    """Format the logarithm of a share in percent."""
    return percent(math.exp(min(value, 0.0)))


def spreads(value: float) -> str:
    """Return a distance in spreads in words. One spread covers the middle two thirds of past traffic, three nearly all of it."""
    if abs(value) < 1.0:
        return "usual"
    far = "far " if abs(value) >= 2.0 else ""
    return f"{far}{'above' if value > 0 else 'below'} the usual"


def ratio(value: float) -> str:
    """Format a log-likelihood ratio as odds."""
    return "no" if value <= 0.0 else f"{math.exp(min(value, 20.0)):,.3g} to 1"


def far(value: float) -> str:
    """Return the size of a distance in spreads in words, where the side is not known."""
    return "usual" if value < 1.0 else "unusual" if value < 2.0 else "very unusual"


def one_of(*words: str) -> Callable[[float], str]:
    """Return a function that writes the word at the position of the value."""
    return lambda value: words[min(max(int(value), 0), len(words) - 1)]


def _in_period(value: float) -> str:
    # Earlier periods count in part, so these counts are no integers.
    return number_text(value) if value == int(value) else f"about {number_text(max(round(value), 1))}"


@dataclass(frozen=True, slots=True)
class Shown:
    """The text of a feature's values: ``label: words``.

    Attributes:
        words: writes a value; without words, the label alone is the text.
        label: what the value is; by default the feature's meaning without ``before`` and ``after``.
        before, after: words that say in a meaning how the value is stored, such as "(log)". They are no part of the label.
        denied: sentence for the value 0, where the label with "no" does not read as a statement.
        unknown: sentence for a missing value, where that tells something of the declared facts beside it.
        in_facts: True if the declared facts contain the value, so that it needs no text.
        usual_within: values of a smaller size are usual; 0 where no value is.
    """

    words: Callable[[float], str]
    label: str | None = None
    before: str = ""
    after: str = ""
    denied: str | None = None
    unknown: str | None = None
    in_facts: bool = False
    usual_within: float = 0.0

    def label_of(self, meaning: str) -> str:
        """Return the label of a feature with this meaning."""
        plain = meaning.rstrip(".").removeprefix(self.before).removesuffix(self.after)
        label = plain if self.label is None else self.label
        return label[:1].upper() + label[1:]


#: A number as it is, and the index of a code.
NUMBER: Final = Shown(number_text)
CODE: Final = Shown(number_text, in_facts=True)
#: A logarithm of an amount, of a count plus one, of a share, and of a ratio.
LOG: Final = Shown(lambda value: number_text(exp_of(value)), after=" (log)")
# Counts are integers, but the exponential of a logarithm has a rounding error.
LOG_COUNT: Final = Shown(lambda value: number_text(round(exp_of(value) - 1.0)), after=" (log of one more)")
LOG_SHARE: Final = Shown(log_share, before="Log ")
TIMES: Final = Shown(
    lambda value: "equal" if value == 0.0 else f"{number_text(exp_of(value))} times",
    before="Log of the ",
    usual_within=0.1,
)
SHARE: Final = Shown(lambda value: percent(value) if 0.0 <= value <= 1.0 else number_text(value))
#: A count in a sliding period.
PERIOD: Final = Shown(_in_period)


def flag(denied: str | None = None) -> Shown:
    """Return how a flag is shown. A flag that is set needs no value, because its label states the fact."""
    return Shown(lambda value: {0.0: "no", 1.0: ""}.get(value, number_text(value)), before="Whether ", denied=denied)


def distance(label: str, words: Callable[[float], str] = spreads) -> Shown:
    """Return how a distance in spreads is shown."""
    return Shown(words, label, usual_within=1.0)


FLAG: Final = flag()
