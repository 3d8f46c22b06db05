"""Non-compliance of honest traders, at the published rates; networks' records pass through the same process.

A shipment has a violation of one kind. What a network does on purpose (a vague text, another heading, a low value, an
invalid identifier) is carried out by the same functions, so that its result looks like the honest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import stop_words
from training.world.goods import Catalogue
from training.world.hashing import Floats, Ints, cumulate, pick
from training.world.lanes import AIR, EXPRESS, TRUCK, Lanes
from training.world.priors import Priors
from training.world.shipments import FILING, Bools, Shipments
from training.world.traces import T

VIOLATIONS: Final = ("vague", "wrong_hs", "undervalued", "mistyped", "invalid_code", "missing")
#: Traces by which a network brings about a violation.
_BY_TRACE: Final = {"D1": "vague", "D3": "wrong_hs", "D4": "wrong_hs", "V1": "undervalued", "M5": "invalid_code"}
#: What is mistyped, coded invalidly or left out; the choice is uniform.
MISTYPED: Final = ("description", "description", "postcode", "name", "mass", "quantity")
INVALID: Final = ("hs", "country", "currency", "house", "port", "package")
MISSING: Final = ("hs", "value", "mass", "postcode", "origin", "address")
_NEAR: Final = {
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
    """Per shipment (n,): ``violated`` (n, VIOLATIONS) and ``which`` of the ways in which it shows."""

    violated: Bools
    which: Ints

    def of(self, violation: str) -> Bools:
        return np.asarray(self.violated[:, VIOLATIONS.index(violation)])

    def shows(self, violation: str, ways: tuple[str, ...], way: str) -> Bools:
        """Shipments whose violation of that kind shows in the given way."""
        hits = np.array([own == way for own in ways], dtype=np.bool_)
        return np.asarray(self.of(violation) & hits[self.which % len(ways)])


class Carelessness:
    """Draws violations and carries them out."""

    def __init__(self, priors: Priors, lanes: Lanes, goods: Catalogue, us: int) -> None:
        self._express, self._t86 = priors.number("noise.express"), priors.number("noise.type_86")
        self._rest = _rate_of_the_rest(priors, lanes, us)
        self._kinds = cumulate(np.array([priors.table("noise.kinds")[name] for name in VIOLATIONS]))
        self._vague = np.array(sorted(stop_words()), dtype=object)
        self._hs = np.array(goods.hs6, dtype=object)
        self._chapter = goods.chapter
        self._by_weight = goods.cumulative[0]

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

    def vague_texts(self, n: int, rng: np.random.Generator) -> NDArray[np.object_]:
        """(n,) stop words; the upper case ones are as common as among other texts."""
        texts = self._vague[(rng.random(n) ** 1.5 * len(self._vague)).astype(np.int64)]
        capitals = rng.random(n) < 0.3
        return np.array(
            [text.upper() if big else text for text, big in zip(texts.tolist(), capitals.tolist(), strict=True)],
            dtype=object,
        )

    def other_hs(self, good: Ints, rng: np.random.Generator) -> Ints:
        """(n,) goods whose classification is declared instead: consumer goods, of another chapter where the draw allows."""
        other = np.searchsorted(self._by_weight, rng.random(len(good)), side="right")
        again = np.searchsorted(self._by_weight, rng.random(len(good)), side="right")
        return np.asarray(np.where(self._chapter[other] == self._chapter[good], again, other))

    @staticmethod
    def undervalue(value: Floats, rows: Bools, rng: np.random.Generator) -> Floats:
        """Values with those of ``rows`` cut to about a quarter."""
        return np.asarray(np.where(rows, value * np.exp(-1.45 + 0.5 * rng.standard_normal(len(value))), value))


def _rate_of_the_rest(priors: Priors, lanes: Lanes, us: int) -> float:
    """The rate in the other channels with which the whole comes to the published rate."""
    share = lanes.expected()
    express = share[lanes.channel == EXPRESS].sum()
    t86 = 0.0
    for regime in (0, 1):
        days = lanes.volume_of_day[lanes.regime_of_day == regime].sum() / lanes.volume_of_day.sum()
        weight = lanes.weight[regime] / lanes.weight[regime].sum()
        cells = (lanes.destination == us) & np.isin(lanes.channel, (AIR, TRUCK))
        # Four fifths of these are no business consignments, for which the entry type was not open.
        t86 += days * weight[cells].sum() * priors.number("filing.t86_of_air") * 0.8
    rest = priors.number("noise.all") - priors.number("noise.express") * express - priors.number("noise.type_86") * t86
    return float(rest / (1 - express - t86))


def typo(text: str, u: float, v: float) -> str:
    """The text with one slip: letters swapped, one left out, doubled, or its neighbour on the keyboard hit."""
    if len(text) < 3:
        return text
    at = int(v * (len(text) - 1))
    if u < 0.3:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if u < 0.55:
        return text[:at] + text[at + 1 :]
    if u < 0.75:
        return text[: at + 1] + text[at:]
    near = _NEAR.get(text[at].lower())
    if near is None:
        return text[:at] + text[at + 1 :]
    letter = near[int(u * 1000) % len(near)]
    return text[:at] + (letter.upper() if text[at].isupper() else letter) + text[at + 1 :]
