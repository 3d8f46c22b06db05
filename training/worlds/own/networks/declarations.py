"""Declarations of networks: the goods by name, in vague words, as other goods of the trade, or as harmless goods.

Published indicators describe all four: listed substances under their name, synonym or CAS number (D5, D7), intermediates and
laboratory samples to private persons (D8), chemicals under codes of other goods (D3), and consumer goods as cover. Each network
has its own mixture.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from features.reference import HsRole, hs_of_interest
from training.arrays import Floats, Ints
from training.worlds.own.priors import Priors
from training.worlds.own.trade.goods import Catalogue
from training.worlds.own.trade.parties import CONSIGNORS
from training.worlds.own.trade.plan import CONTENTS, DECLARATIONS, HARMLESS, NAMED, OTHER, TRADE_OF, VAGUE, Host

#: Kinds of consignor whose goods belong to one family. Other kinds sell consumer goods almost exclusively.
_FAMILY: Final = ("chemical", "pharma", "machinery", "laboratory")
#: Families of the goods that are declared in vague words, and as other goods, per trade.
_VAGUE_OF: Final = {"opioid": "generic", "precursor": "generic", "equipment": "parts"}
_OTHER_OF: Final = {
    "opioid": ("chemical", "excipient", "pigment"),
    "precursor": ("chemical", "neighbour", "pigment"),
    "equipment": ("machinery",),
}
#: Standard deviation, between networks, of the logarithm of the share of a kind of declaration.
_STYLE: Final = 0.8
#: Families from which covers are drawn.
_COVERS: Final = ("consumer", "business", "pigment")
#: Printing ink, which a release of CBP names as a cover (typology V1) beside the subheadings of interest.
_INK: Final = "321519"


class Declarer:
    """Sampler of the goods of the catalogue that networks declare."""

    def __init__(self, priors: Priors, catalogue: Catalogue) -> None:
        self._goods = catalogue
        self._shares = {
            trade: priors.row(f"illicit.declared_{trade}", DECLARATIONS) for trade in sorted(set(TRADE_OF.values()))
        }
        self._unfit, self._cas = priors.number("illicit.code_unfit"), priors.number("illicit.cas_for_name")
        self._standard = priors.number("illicit.as_standard")
        self._own_cover, self._known_cover = priors.number("illicit.own_cover"), priors.number("illicit.known_cover")
        self._weights = catalogue.weight
        self._consumer = catalogue.of_family("consumer")
        covers = {code for code, row in hs_of_interest().items() if row.role is HsRole.COVER} | {_INK}
        families = np.concatenate([catalogue.of_family(family) for family in _COVERS])
        self._known = np.array([i for i in families.tolist() if catalogue.hs6[i] in covers], dtype=np.int64)
        self._parts = catalogue.of_content("equipment")
        self._lawful = {content: catalogue.of_content(content) for content in CONTENTS[1:]}
        unnumbered = np.array([cas == "" for cas in catalogue.cas])
        raw = {content: catalogue.of_content(content, raw=True) for content in CONTENTS[1:]}
        self._listed = {content: own[~unnumbered[own]] for content, own in raw.items()}
        # Relatives of listed substances: members of a class that no list names, which have no CAS number in the catalogue,
        # and homologues of precursors.
        self._unlisted = {content: own[unnumbered[own]] for content, own in raw.items()}
        self._unlisted["fentanyl"] = self._unlisted["analogue"]
        self._unlisted["precursor"] = catalogue.of_family("relative")
        self._vague = {trade: catalogue.of_family(family) for trade, family in _VAGUE_OF.items()}
        self._other = {
            trade: np.concatenate([catalogue.of_family(family) for family in families])
            for trade, families in _OTHER_OF.items()
        }

    def style(self, content: str, rng: np.random.Generator) -> Floats:
        """Return a network's shares of `DECLARATIONS`, drawn around the prior's shares."""
        shares = self._shares[TRADE_OF[content]] * np.exp(_STYLE * rng.standard_normal(len(DECLARATIONS)))
        return np.asarray(shares / shares.sum())

    def covers(self, rng: np.random.Generator) -> Ints:
        """Return five harmless goods that a network declares repeatedly."""
        covers = [
            self._draw_one(self._known if rng.random() < self._known_cover else self._consumer, rng) for _ in range(5)
        ]
        return np.array(covers, dtype=np.int64)

    def draw(self, style: Floats, chosen: set[str], rng: np.random.Generator) -> int:
        """Return the index of the kind of declaration. A shipment that leaves no trace is declared as harmless goods."""
        if not chosen:
            return HARMLESS
        if "E2" in chosen:
            return NAMED
        kind = int(np.searchsorted(np.cumsum(style), rng.random(), side="right"))
        kind = min(kind, HARMLESS)
        if "E3" in chosen and kind == VAGUE:
            return OTHER
        return kind

    def good(self, kind: int, content: str, neighbours: float, chosen: set[str], rng: np.random.Generator) -> int:
        """Return the declared good of a kind other than harmless, and add the typologies that it shows to ``chosen``."""
        # The declaration fits the goods, so mass and heading need not contradict it.
        chosen -= {"D1", "D4", "V3"}
        trade = TRADE_OF[content]
        if trade != "equipment" and rng.random() < self._unfit:
            chosen.add("D3")
        if kind == VAGUE:
            return self._draw_one(self._vague[trade], rng)
        if kind == OTHER:
            return self._of_family("excipient", rng) if "E3" in chosen else self._draw_one(self._other[trade], rng)
        chosen.discard("E3")
        if trade == "equipment":
            chosen.add("E1")
            return self._draw_one(self._parts, rng)
        if rng.random() < neighbours:
            chosen.add("T1")
            return self._draw_one(self._unlisted[content], rng)
        chosen.add("D5")
        if rng.random() < self._standard:
            return self._draw_one(self._lawful[content], rng)
        good = self._draw_one(self._listed[content], rng)
        if rng.random() < self._cas:
            chosen.add("D7")
        return good

    def cover(self, covers: Ints, host: Host, chosen: set[str], rng: np.random.Generator) -> int:
        """Return harmless goods: one of the network's ``covers``, or -1 for the host's goods."""
        chosen.discard("E3")
        if CONSIGNORS[host.kind] not in _FAMILY and chosen and rng.random() < self._own_cover:
            return int(covers[int(rng.integers(len(covers)))])
        return -1

    def _of_family(self, family: str, rng: np.random.Generator) -> int:
        return self._draw_one(self._goods.of_family(family), rng)

    def _draw_one(self, own: Ints, rng: np.random.Generator) -> int:
        """Return one of the goods ``own``, drawn by weight."""
        total = np.cumsum(self._weights[own])
        return int(own[min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(own) - 1)])
