"""Non-compliance of lawful traders at published rates. Networks' records pass through the same process.

A lawful shipment has at most one kind of violation. The same functions produce deliberate misdeclarations of networks (a vague
text, another heading, an invalid identifier), so that these look like violations of lawful traders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.reference import stop_words
from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.filings import FILING, Filings
from training.worlds.own.trade.geography import EXPRESS, Geography, TradeLanes
from training.worlds.own.trade.goods import Catalogue
from training.worlds.own.trade.hashing import cumulate, pick
from training.worlds.own.trade.plan import Shipments, T

VIOLATIONS: Final = ("vague", "wrong_hs", "undervalued", "mistyped", "invalid_code", "missing")
#: Trace -> the violation that produces it.
_BY_TRACE: Final = {"D1": "vague", "D3": "wrong_hs", "D4": "wrong_hs", "M5": "invalid_code"}
#: Fields with typing errors, with invalid codes, and with missing values. Entries are chosen uniformly, so that repeated ones are
#: more frequent.
MISTYPED: Final = ("description", "description", "postcode", "name", "mass", "quantity")
INVALID: Final = ("hs", "country", "currency", "house", "port", "package")
MISSING: Final = ("hs", "value", "mass", "postcode", "origin", "address")
#: Neighbouring letters on a keyboard.
_NEIGHBOURS: Final = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "w",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}


@dataclass(slots=True)
class Noise:
    """Violations of shipments: ``violated`` (n, VIOLATIONS), and ``which`` (n,), the variant of the violation."""

    violated: Bools
    which: Ints

    def of(self, violation: str) -> Bools:
        return np.asarray(self.violated[:, VIOLATIONS.index(violation)])

    def shows(self, violation: str, ways: tuple[str, ...], way: str) -> Bools:
        """Return which shipments have the given variant of a violation."""
        hits = np.array([own == way for own in ways], dtype=np.bool_)
        return np.asarray(self.of(violation) & hits[self.which % len(ways)])


class Carelessness:
    """Generator of violations."""

    def __init__(self, priors: Priors, geography: Geography, trade_lanes: TradeLanes, goods: Catalogue) -> None:
        self._express, self._t86 = priors.number("noise.express"), priors.number("noise.type_86")
        self._rest = _rate_of_the_rest(priors, trade_lanes, Filings(priors, geography, trade_lanes))
        self._kinds = cumulate(priors.row("noise.kinds", VIOLATIONS))
        self._vague = np.array(sorted(stop_words()), dtype=object)
        self._vague_skew = priors.number("noise.vague_skew")
        forms = priors.table("description.forms")
        self._capitals = forms["capitals"] + forms["capitals_cut"]
        self._part, self._part_sigma = priors.number("noise.undervalued_to"), priors.number("noise.undervalued_sigma")
        self._chapter = goods.chapter

    def draw(self, shipments: Shipments, rng: np.random.Generator) -> Noise:
        n = len(shipments)
        rate = np.where(shipments.channel == EXPRESS, self._express, self._rest)
        rate = np.where(shipments.filing == FILING["T86"], self._t86, rate)
        violated = np.zeros((n, len(VIOLATIONS)), dtype=np.bool_)
        bad = rng.random(n) < rate
        violated[np.arange(n), pick(self._kinds, rng.random(n))] = bad
        planned = shipments.plan_row >= 0
        for trace, violation in _BY_TRACE.items():
            violated[:, VIOLATIONS.index(violation)] |= planned & shipments.traces[:, T[trace]]
        return Noise(violated, rng.integers(0, 1 << 30, n))

    def vague_texts(self, n: int, rng: np.random.Generator) -> Texts:
        """Return vague descriptions (n,), in upper case as often as other texts."""
        texts = self._vague[(rng.random(n) ** self._vague_skew * len(self._vague)).astype(np.int64)]
        capitals = rng.random(n) < self._capitals
        return np.array(
            [text.upper() if big else text for text, big in zip(texts.tolist(), capitals.tolist(), strict=True)],
            dtype=object,
        )

    def other_hs(self, good: Ints, rows: Ints, channel: Ints, rng: np.random.Generator) -> Ints:
        """Return the goods whose classification is declared for ``rows`` of the items with ``good`` and ``channel`` (m,).

        The goods are those of a random item of the channel, preferably of another chapter, so that code frequencies hardly change.
        """
        order = np.argsort(channel, kind="stable")
        sorted_channel = channel[order]
        start = np.searchsorted(sorted_channel, channel[rows], side="left")
        count = np.searchsorted(sorted_channel, channel[rows], side="right") - start
        other, again = (good[order[start + (rng.random(len(rows)) * count).astype(np.int64)]] for _ in range(2))
        return np.asarray(np.where(self._chapter[other] == self._chapter[good[rows]], again, other))

    def undervalue(self, value: Floats, rows: Bools, rng: np.random.Generator) -> Floats:
        """Return the values, with those of ``rows`` reduced to about a quarter."""
        part = self._part * np.exp(self._part_sigma * rng.standard_normal(len(value)))
        return np.asarray(np.where(rows, value * part, value))


def _rate_of_the_rest(priors: Priors, trade_lanes: TradeLanes, filings: Filings) -> float:
    """Return the violation rate outside express and entry type 86 that gives the published overall rate."""
    express = float(trade_lanes.expected()[trade_lanes.channel == EXPRESS].sum())
    t86 = filings.t86_share(priors.number("noise.small_share"))
    rest = priors.number("noise.all") - priors.number("noise.express") * express - priors.number("noise.type_86") * t86
    return float(np.clip(rest / max(1e-9, 1 - express - t86), 0.0, 1.0))


def typo(text: str, u: float, v: float) -> str:
    """Return the text with one typing error: swapped letters, an omitted or doubled letter, or a neighbouring key."""
    if len(text) < 3:
        return text
    at = int(v * (len(text) - 1))
    if u < 0.3:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if u < 0.55:
        return text[:at] + text[at + 1 :]
    if u < 0.75:
        return text[: at + 1] + text[at:]
    near = _NEIGHBOURS.get(text[at].lower())
    if near is None:
        return text[:at] + text[at + 1 :]
    letter = near[int(u * 1000) % len(near)]
    return text[:at] + (letter.upper() if text[at].isupper() else letter) + text[at + 1 :]
