"""Goods items of a block: which goods, how many, how heavy, at which value, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.world.goods import FAMILIES, FAMILIES_OF_KIND, Catalogue
from training.world.hashing import Floats, Ints, cumulate, pick, spread, unit
from training.world.lanes import AIR, EXPRESS, OCEAN, POSTAL, RAIL, TRUCK
from training.world.networks import CONTENTS, Plan
from training.world.parties import CONSIGNORS
from training.world.priors import Priors
from training.world.shipments import Bools, Shipments
from training.world.traces import T

#: A consignor's own assortment; the first goods are sold most.
_SLOTS: Final = 6
_FROM_ASSORTMENT: Final = 0.82
_MIXED: Final = CONSIGNORS.index("consolidator")
#: Transport charges in USD: basis and per kilogram, in the order of the channels: assumed, near list prices.
_BASIS: Final = np.array([7.0, 4.0, 3.0, 12.0, 60.0, 40.0])
_PER_KG: Final = np.array([5.5, 3.8, 6.5, 0.7, 0.25, 0.5])
_CHEMICALS: Final = [FAMILIES.index(name) for name in ("chemical", "neighbour", "excipient", "listed")]


@dataclass(slots=True)
class Items:
    """Parallel arrays over goods items (m,), and over shipments (n,) where said.

    ``good`` is what is declared; ``content`` what is inside (index of CONTENTS, 0 for none). Masses in kg, values in USD.
    ``gross_kg`` and ``freight_usd`` (n,).
    """

    shipment: Ints
    number: Ints
    good: Ints
    quantity: Ints
    net_kg: Floats
    value_usd: Floats
    content: Ints
    openly: Bools
    permit: Bools
    gross_kg: Floats
    packages: Ints
    freight_usd: Floats


class Packer:
    """Fills shipments with goods items."""

    def __init__(self, priors: Priors, goods: Catalogue, in_eu: NDArray[np.bool_]) -> None:
        self._goods, self._in_eu = goods, in_eu
        flat = goods.cumulative + np.arange(len(FAMILIES))[:, None]
        self._flat = flat.ravel()
        families = np.array([[FAMILIES_OF_KIND[kind].get(family, 0.0) for family in FAMILIES] for kind in CONSIGNORS])
        self._family = cumulate(families)
        self._sigma_kg, self._sigma_usd = priors.number("mass.parcel_sigma"), priors.number("value.sigma")
        self._bulk, self._bulk_sigma = priors.number("mass.bulk_units"), priors.number("mass.bulk_sigma")
        self._eu_factor = priors.number("value.eu_factor")
        self._permit = priors.number("habit.permit_of_licensed")

    def rows_of_good(self, rows: int, kinds: Floats) -> Floats:
        """(goods,) rows to expect of each, when ``kinds`` (consignor kinds,) are their shares of the traffic."""
        family = kinds @ np.diff(self._family, axis=1, prepend=0.0)
        share = np.diff(self._goods.cumulative, axis=1, prepend=0.0)
        return np.asarray(rows * (family @ share))

    def pack(self, shipments: Shipments, plan: Plan, rng: np.random.Generator) -> Items:
        """Items of the block's shipments, in order."""
        s = np.repeat(np.arange(len(shipments)), shipments.items)
        first = np.concatenate([[0], np.cumsum(shipments.items)[:-1]])
        number = np.arange(len(s)) - first[s] + 1
        good = self._choose(shipments, s, rng)
        content = np.zeros(len(s), dtype=np.int64)
        openly, permit_held = np.zeros(len(s), dtype=np.bool_), np.ones(len(s), dtype=np.bool_)
        at = np.flatnonzero(shipments.plan_row >= 0)
        inside = first[at] + (rng.random(len(at)) * shipments.items[at]).astype(np.int64)
        content[inside] = plan.content
        openly[inside] = plan.declared_openly
        permit_held[inside] = plan.permit
        good[inside] = np.where(plan.good >= 0, plan.good, good[inside])

        quantity, net = self._masses(shipments, s, good, rng)
        quantity, net, worth = self._contents(shipments, at, inside, plan, good, quantity, net, rng)
        value = self._values(shipments, s, good, worth, rng)
        permit = self._goods.licensed[good] & (rng.random(len(s)) < self._permit) & permit_held
        gross = (
            np.bincount(s, net, len(shipments)) * (1.04 + 0.22 * rng.random(len(shipments)))
            + 0.02
            + 0.05 * rng.random(len(shipments))
        )
        packages = 1 + (gross / (14 + 12 * unit(shipments.habit, 21))).astype(np.int64)
        freight = (_BASIS[shipments.channel] + _PER_KG[shipments.channel] * gross**0.9) * np.exp(
            0.35 * rng.standard_normal(len(shipments))
        )
        freight *= np.where(shipments.traces[:, T["V2"]], 2.6, 1.0)
        return Items(s, number, good, quantity, net, value, content, openly, permit, gross, packages, freight)

    def _choose(self, shipments: Shipments, s: Ints, rng: np.random.Generator) -> Ints:
        number, kind = shipments.consignor.number[s], shipments.consignor.kind[s]
        slot = (rng.random(len(s)) ** 1.8 * _SLOTS).astype(np.int64)
        own = (rng.random(len(s)) < _FROM_ASSORTMENT) & (kind != _MIXED)
        u = np.where(own, unit(number, slot, 201), rng.random(len(s)))
        v = np.where(own, unit(number, slot, 202), rng.random(len(s)))
        family = pick(self._family[kind], u)
        index = np.searchsorted(self._flat, family + v, side="right")
        return np.asarray(np.minimum(index, len(self._flat) - 1) % len(self._goods.name))

    def _masses(self, shipments: Shipments, s: Ints, good: Ints, rng: np.random.Generator) -> tuple[Ints, Floats]:
        n = len(s)
        kg, bulk = self._goods.kg[good], shipments.bulk[s]
        few = 1 + np.minimum(rng.exponential(0.48, n), 9).astype(np.int64)
        many = self._bulk * np.exp(self._bulk_sigma * rng.standard_normal(n)) / np.maximum(1.0, kg)
        quantity = np.where(bulk, np.maximum(1, many), few).astype(np.int64)
        own = 0.25 * spread(unit(shipments.consignor.number[s], good, 203))
        unit_kg = kg * np.exp(own + self._sigma_kg * rng.standard_normal(n))
        # Chemicals are sold in packs from grams to drums.
        pack = np.exp(1.25 * rng.standard_normal(n))
        unit_kg = np.where(np.isin(self._goods.family[good], _CHEMICALS), unit_kg * pack, unit_kg)
        odd = np.where(
            shipments.traces[s, T["V3"]] & (shipments.plan_row[s] < 0), np.exp(1.2 * rng.standard_normal(n)), 1.0
        )
        return quantity, np.asarray(np.maximum(0.004, quantity * unit_kg * odd))

    def _contents(
        self,
        shipments: Shipments,
        at: Ints,
        inside: Ints,
        plan: Plan,
        good: Ints,
        quantity: Ints,
        net: Floats,
        rng: np.random.Generator,
    ) -> tuple[Ints, Floats, Floats]:
        """Quantities, masses and ``worth`` (m,), the units that the declared value follows, with what is inside counted."""
        trade_precursor = np.array([content == "precursor" for content in CONTENTS])[plan.content]
        equipment = np.array([content == "equipment" for content in CONTENTS])[plan.content]
        opioid = ~trade_precursor & ~equipment
        traces = shipments.traces[at]
        plain = plan.strength <= 1
        cover = net[inside]
        held = np.where(trade_precursor & plain, plan.content_kg * 0.3, plan.content_kg)
        real = np.where(equipment & plan.declared_openly, cover, held + 0.3 * cover)
        # Opioids are light: they travel within the cover goods, unless the cover is not there at all (V3).
        real = np.where(
            opioid,
            np.where(traces[:, T["V3"]], held + 0.03, cover + np.where(plain, np.minimum(held, 0.3 * cover), held)),
            real,
        )
        unit_kg = self._goods.kg[good[inside]]
        told = np.maximum(1, real / unit_kg).astype(np.int64)
        # Whoever takes care declares a quantity and value that go with the mass.
        careful = ~traces[:, T["V3"]] & ~opioid & (rng.random(len(at)) < 0.85)
        quantity[inside] = np.where(careful, told, quantity[inside])
        net[inside] = np.maximum(0.004, real)
        chemical = np.isin(self._goods.family[good], _CHEMICALS)
        worth = np.where(chemical, net / self._goods.kg[good], quantity.astype(np.float64))
        return quantity, net, worth

    def _values(self, shipments: Shipments, s: Ints, good: Ints, worth: Floats, rng: np.random.Generator) -> Floats:
        level = 0.38 * spread(unit(shipments.consignor.number[s], 204)) + 0.15 * spread(
            unit(shipments.consignor.number[s], good, 205)
        )
        value = (
            self._goods.usd[good]
            * np.maximum(worth, 0.02) ** 0.9
            * np.exp(level + self._sigma_usd * rng.standard_normal(len(s)))
        )
        value *= np.where(shipments.bulk[s], 0.6, 1.5)
        value *= np.where(self._in_eu[shipments.destination[s]] & ~shipments.bulk[s], self._eu_factor, 1.0)
        low = shipments.traces[s, T["V1"]] & (shipments.plan_row[s] >= 0)
        value = np.where(low, value * np.exp(-1.5 + 0.5 * rng.standard_normal(len(s))), value)
        return np.asarray(np.maximum(value, 0.4))


__all__ = ["AIR", "EXPRESS", "OCEAN", "POSTAL", "RAIL", "TRUCK", "Items", "Packer"]
