"""Goods items of a block as numbers: goods, quantity, mass and value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Hashes, Ints
from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import CHANNELS, POSTAL
from training.worlds.own.trade.goods import CHEMICALS, FAMILIES, RECEIVERS, SUBSTITUTES, Catalogue, families_of
from training.worlds.own.trade.hashing import cumulate, pick, spread, unit
from training.worlds.own.trade.parties import CONSIGNEES, CONSIGNORS
from training.worlds.own.trade.plan import CONTENTS, HARMLESS, TRADE_OF, Plan, Shipments, T

#: A dissimilar good is drawn from a range around the opposite point of the scale. This is its width, as a share of the trade.
_SLACK: Final = 0.1
_CONSUMER: Final = FAMILIES.index("consumer")
#: (families,) family of the substitutes for goods that a consignee does not receive in lawful trade.
_SUBSTITUTE: Final = np.array([FAMILIES.index(SUBSTITUTES.get(name, "consumer")) for name in FAMILIES], dtype=np.int64)
_RECEIVED: Final = {
    "firm": ("business", "laboratory", "hospital", "maker", "industry"),
    "care": ("business", "laboratory", "hospital"),
    "maker": ("maker", "industry"),
    "laboratory": ("laboratory", "hospital"),
}
#: (receivers, consignee kinds) whether a kind of consignee belongs to the receivers.
_RECEIVES: Final = np.array(
    [[name == "" or kind in _RECEIVED[name] for kind in CONSIGNEES] for name in RECEIVERS], dtype=np.bool_
)
#: (contents,) whether the content is a substance. If a substance is declared, the declared mass is its true mass.
_SUBSTANCE: Final = np.array([name in TRADE_OF and TRADE_OF[name] != "equipment" for name in CONTENTS], dtype=np.bool_)
_PRECURSOR: Final = CONTENTS.index("precursor")
_LABORATORY: Final = CONSIGNORS.index("laboratory")
_MIXED: Final = CONSIGNORS.index("consolidator")
_CHEMICALS: Final = [FAMILIES.index(name) for name in CHEMICALS]


@dataclass(slots=True)
class Items:
    """Parallel arrays over goods items (m,). ``gross_kg`` and ``freight_usd`` are per shipment (n,).

    ``good`` is the declared good, ``content`` the true content (index of CONTENTS, 0 for none), ``declaration`` an index of
    `DECLARATIONS`, -1 for lawful goods. Masses are in kg, values in USD.
    """

    shipment: Ints
    number: Ints
    good: Ints
    quantity: Ints
    net_kg: Floats
    value_usd: Floats
    content: Ints
    declaration: Ints
    permit: Bools
    gross_kg: Floats
    packages: Ints
    freight_usd: Floats


class _Draws:
    """Random draws for the figures of goods items (m,), standard normal except for the exponential ``few``."""

    def __init__(self, m: int, rng: np.random.Generator) -> None:
        self.few = rng.exponential(1.0, m)
        self.many, self.mass, self.pack, self.odd, self.price = rng.standard_normal((5, m))

    def repeat(self, rows: Ints, number: Hashes) -> None:
        """Derive the draws of ``rows`` from ``number`` (rows,), so that equal numbers give equal figures."""
        self.few[rows] = -np.log(1 - unit(number, 211))
        for salt, draw in enumerate((self.many, self.mass, self.pack, self.odd, self.price), start=212):
            draw[rows] = spread(unit(number, salt))


class _Scale:
    """Goods of each family ordered by one figure (goods,). The width of each good is its share of the trade."""

    def __init__(self, goods: Catalogue, figure: Floats) -> None:
        self._family = goods.family
        self._order = np.lexsort((figure, goods.family))
        share = goods.weight / np.bincount(goods.family, goods.weight)[goods.family]
        self._upper = np.cumsum(share[self._order])
        self._share, self._lower = share, np.zeros(len(share))
        self._lower[self._order] = self._upper - share[self._order]

    def across(self, good: Ints, u: Floats, v: Floats) -> Ints:
        """Return goods (n,) at a distance of half the family's trade from ``good`` (n,), on a circular scale.

        Each good then occurs in proportion to its trade and differs from the one that it replaces.
        """
        family = self._family[good]
        place = (self._lower[good] - family + self._share[good] * u + 0.5 + _SLACK * (v - 0.5)) % 1.0
        at = np.searchsorted(self._upper, family + place, side="right")
        candidates = self._order[np.minimum(at, len(self._order) - 1)]
        return np.asarray(np.where(self._family[candidates] == family, candidates, good))


class Packer:
    """Generator of the goods items of shipments."""

    def __init__(self, priors: Priors, goods: Catalogue, in_eu: Bools, us: int) -> None:
        self._goods, self._in_eu, self._us = goods, in_eu, us
        flat = goods.cumulative + np.arange(len(FAMILIES))[:, None]
        self._flat = flat.ravel()
        self._by_mass, self._by_price = _Scale(goods, goods.kg), _Scale(goods, goods.usd / goods.kg)
        self._family = cumulate(families_of(priors, CONSIGNORS))
        self._sigma_kg, self._sigma_usd = priors.number("mass.parcel_sigma"), priors.number("value.sigma")
        self._bulk, self._bulk_sigma = priors.number("mass.bulk_units"), priors.number("mass.bulk_sigma")
        self._fixed_price = priors.number("value.fixed_price")
        self._place = {name: priors.number(f"value.{name}") for name in ("us_factor", "eu_factor", "elsewhere_factor")}
        self._bulk_price = priors.number("value.bulk_factor")
        self._level, self._level_of_good = (
            priors.number("value.level_sigma"),
            priors.number("value.level_of_good_sigma"),
        )
        self._several = priors.number("mass.several_units")
        self._parcel, self._own = priors.number("mass.parcel_factor"), priors.number("mass.own_sigma")
        self._pack_sigma, self._odd_sigma = priors.number("mass.pack_sigma"), priors.number("mass.odd_sigma")
        self._slots, self._slot_skew = (
            priors.row("goods.assortment", CONSIGNORS),
            priors.number("goods.assortment_skew"),
        )
        self._from_assortment = priors.number("goods.from_assortment")
        self._basis, self._per_kg = (
            priors.row("freight.basis_usd", CHANNELS),
            priors.row("freight.usd_per_kg", CHANNELS),
        )
        self._wrapped, self._wrapping = priors.number("mass.wrapped"), priors.number("mass.wrapping")
        self._box, self._package = priors.number("mass.box_kg"), priors.number("mass.package_kg")
        self._freight_of_more, self._value_of_more = priors.number("freight.of_more"), priors.number("value.of_more")
        self._freight_sigma, self._heavy = priors.number("freight.sigma"), priors.number("freight.heavy_factor")
        self._permit = priors.number("habit.permit_of_licensed")
        self._lines = priors.number("illicit.lines")
        self._undervalued = priors.number("noise.undervalued_to")
        self._content = priors.table("illicit.content_kg")
        self._content_sigma = priors.number("illicit.content_kg_sigma")
        self._received_by_others = priors.number("goods.received_by_others")
        self._established = priors.number("goods.established_days")
        self._substances = np.array([FAMILIES[f] in ("listed", "licensed", "equipment") for f in goods.family.tolist()])

    def rows_of_good(self, rows: int, kinds: Floats) -> Floats:
        """Return the expected number of rows per good (goods,). ``kinds`` (consignor kinds,) are shares of the traffic."""
        family = kinds @ np.diff(self._family, axis=1, prepend=0.0)
        share = np.diff(self._goods.cumulative, axis=1, prepend=0.0)
        return np.asarray(rows * (family @ share))

    def pack(self, shipments: Shipments, plan: Plan, rng: np.random.Generator) -> Items:
        """Return the items of the block's shipments, in order."""
        s = np.repeat(np.arange(len(shipments)), shipments.items)
        first = np.concatenate([[0], np.cumsum(shipments.items)[:-1]])
        number = np.arange(len(s)) - first[s] + 1
        at = np.flatnonzero(shipments.plan_row >= 0)
        inside = first[at] + (rng.random(len(at)) * shipments.items[at]).astype(np.int64)
        again = plan.repeat > 0
        measured = self._received(self._choose(shipments, s, inside[again], rng), shipments, s, rng)
        content = np.zeros(len(s), dtype=np.int64)
        declaration, permit_held = np.full(len(s), -1, dtype=np.int64), np.ones(len(s), dtype=np.bool_)
        # Illicit goods may take several lines of a consignment. The other lines contain other goods.
        planned = shipments.plan_row[s]
        along = (planned >= 0) & (rng.random(len(s)) < self._lines)
        along[inside] = True
        rows = np.flatnonzero(along)
        of = planned[rows]
        content[rows], declaration[rows], permit_held[rows] = plan.content[of], plan.declaration[of], plan.permit[of]
        good = measured.copy()
        declared = declaration[rows] != HARMLESS
        good[rows] = np.where(declared, plan.good[of], self._harmless(measured[rows], rng))
        measured[rows] = np.where(declared, plan.good[of], good[rows])
        good[inside] = self._cover(measured[inside], plan)
        # If harmless goods are declared with trace V1 or V3, mass and value remain those of the host's goods.
        unlike = (plan.traces[:, T["V1"]] | plan.traces[:, T["V3"]]) & (plan.declaration == HARMLESS)
        measured[inside] = np.where(unlike, measured[inside], good[inside])
        harmless = rows[~declared]
        good[harmless] = self._unlike(measured[harmless], good[harmless], plan.traces[planned[harmless]], rng)
        draws = _Draws(len(s), rng)
        draws.repeat(inside[again], plan.repeat[again])
        quantity, net = self._masses(shipments, s, measured, draws)
        sent = rows[declared & _SUBSTANCE[content[rows]]]
        quantity[sent], net[sent] = 1, self._content_kg(content[sent], shipments.channel[s[sent]], draws.pack[sent])
        value = self._values(shipments, s, measured, quantity, net, draws)
        cheap = rows[declared & plan.traces[of, T["V1"]]]
        value[cheap] *= self._undervalued
        permit = self._goods.licensed[good] & (rng.random(len(s)) < self._permit) & permit_held
        gross = np.bincount(s, net, len(shipments)) * (
            self._wrapped + self._wrapping * rng.random(len(shipments))
        ) + self._box * (0.4 + rng.random(len(shipments)))
        packages = 1 + (gross / (self._package * (0.7 + 0.6 * unit(shipments.habit, 21)))).astype(np.int64)
        freight = (
            self._basis[shipments.channel] + self._per_kg[shipments.channel] * gross**self._freight_of_more
        ) * np.exp(self._freight_sigma * rng.standard_normal(len(shipments)))
        freight *= np.where(shipments.traces[:, T["V2"]], self._heavy, 1.0)
        return Items(s, number, good, quantity, net, value, content, declaration, permit, gross, packages, freight)

    def _choose(self, shipments: Shipments, s: Ints, first: Ints, rng: np.random.Generator) -> Ints:
        """Return goods (m,) from the consignors' assortments. The rows ``first`` get the first good of the assortment."""
        number, kind = shipments.consignor.number[s], shipments.consignor.kind[s]
        slot = (rng.random(len(s)) ** self._slot_skew * self._slots[kind]).astype(np.int64)
        own = (rng.random(len(s)) < self._from_assortment) & (kind != _MIXED)
        slot[first], own[first] = 0, True
        u = np.where(own, unit(number, slot, 201), rng.random(len(s)))
        v = np.where(own, unit(number, slot, 202), rng.random(len(s)))
        return self._of_families(pick(self._family[kind], u), v)

    def _received(self, good: Ints, shipments: Shipments, s: Ints, rng: np.random.Generator) -> Ints:
        """Return ``good`` (m,), with other goods where the consignee does not receive such goods in lawful trade.

        Listed and licensed goods always come from established consignors and go to consignees with a use for them. Some other
        goods go to consignees without a use for them.
        """
        to = self._goods.to[good]
        fits = _RECEIVES[to, shipments.consignee.kind[s]]
        licensed = self._goods.licensed[good]
        fits &= ~licensed | ((shipments.day - shipments.consignor.opened_on)[s] > self._established)
        fits &= ~self._goods.standard[good] | (shipments.consignor.kind[s] == _LABORATORY)
        u, v = rng.random((2, len(s)))
        # Listed substances are never sold lawfully to private persons.
        rows = np.flatnonzero(~fits & (licensed | (u >= self._received_by_others)))
        out = good.copy()
        out[rows] = self._of_families(_SUBSTITUTE[self._goods.family[good[rows]]], v[rows])
        return out

    def _harmless(self, good: Ints, rng: np.random.Generator) -> Ints:
        """Return ``good`` (n,), with other goods in place of listed substances, licensed medicines and presses."""
        family = self._goods.family[good]
        other = self._of_families(_SUBSTITUTE[family], rng.random(len(good)))
        return np.where(self._substances[good], other, good)

    def _content_kg(self, content: Ints, channel: Ints, normal: Floats) -> Floats:
        """Return the mass (n,) of substances that are declared as such."""
        opioid = np.where(channel == POSTAL, self._content["opioid_by_post"], self._content["opioid"])
        median = np.where(content == _PRECURSOR, self._content["precursor"], opioid)
        most = np.where(channel == POSTAL, self._content["most_by_post"], self._content["most"])
        return np.asarray(np.clip(median * np.exp(self._content_sigma * normal), 0.005, most))

    def _cover(self, real: Ints, plan: Plan) -> Ints:
        """Return the goods that networks declare instead of their hosts' goods ``real`` (n,)."""
        declared = np.where(plan.good >= 0, plan.good, real)
        # Consignors without consumer goods do not use consumer goods as a cover.
        odd = (self._goods.family[declared] == _CONSUMER) & (self._goods.family[real] != _CONSUMER)
        return np.where(odd, real, declared)

    def _unlike(self, real: Ints, declared: Ints, traces: Bools, rng: np.random.Generator) -> Ints:
        """Return ``declared`` (n,), with other goods where the mass (V3) or the value per kilogram (V1) must not fit.

        Such goods come from the family of ``real``, from the other half of its trade by that figure. Declared goods of another
        family stay, because they differ already.
        """
        u, v = rng.random((2, len(real)))
        other = np.where(traces[:, T["V3"]], self._by_mass.across(real, u, v), self._by_price.across(real, u, v))
        swapped = (traces[:, T["V1"]] | traces[:, T["V3"]]) & (self._goods.family[declared] == self._goods.family[real])
        return np.where(swapped, other, declared)

    def _of_families(self, family: Ints, u: Floats) -> Ints:
        index = np.searchsorted(self._flat, family + u, side="right")
        return np.asarray(np.minimum(index, len(self._flat) - 1) % len(self._goods.name))

    def _masses(self, shipments: Shipments, s: Ints, good: Ints, draws: _Draws) -> tuple[Ints, Floats]:
        # Reference standards are sold in milligrams, a few at a time.
        kg, standard = self._goods.kg[good], self._goods.standard[good]
        bulk = shipments.bulk[s] & ~standard
        few = 1 + np.minimum(self._several * draws.few, 9).astype(np.int64)
        many = self._bulk * np.exp(self._bulk_sigma * draws.many) / np.maximum(1.0, kg)
        quantity = np.where(bulk, np.maximum(1, many), few).astype(np.int64)
        own = self._own * spread(unit(shipments.consignor.number[s], good, 203))
        unit_kg = kg * np.where(bulk, 1.0, self._parcel) * np.exp(own + self._sigma_kg * draws.mass)
        # Packs of chemicals range from grams to drums.
        pack = np.exp(self._pack_sigma * draws.pack)
        unit_kg = np.where(np.isin(self._goods.family[good], _CHEMICALS) & ~standard, unit_kg * pack, unit_kg)
        odd = np.where(shipments.traces[s, T["V3"]], np.exp(self._odd_sigma * draws.odd), 1.0)
        return quantity, np.asarray(np.maximum(0.004, quantity * unit_kg * odd))

    def _values(self, shipments: Shipments, s: Ints, good: Ints, quantity: Ints, net: Floats, draws: _Draws) -> Floats:
        number = shipments.consignor.number[s]
        level = self._level * spread(unit(number, 204)) + self._level_of_good * spread(unit(number, good, 205))
        chemical = np.isin(self._goods.family[good], _CHEMICALS)
        worth = np.where(chemical, net / self._goods.kg[good], quantity.astype(np.float64))
        # Shops have fixed prices per good. Other prices are negotiated.
        fixed = (unit(number, 206) < self._fixed_price) & ~shipments.bulk[s] & ~chemical
        price = np.where(fixed, spread(unit(number, good, 207)), draws.price)
        value = (
            self._goods.usd[good]
            * np.maximum(worth, 0.02) ** self._value_of_more
            * np.exp(level + self._sigma_usd * price)
        )
        place = np.where(self._in_eu, self._place["eu_factor"], self._place["elsewhere_factor"])
        place[self._us] = self._place["us_factor"]
        value *= np.where(shipments.bulk, self._bulk_price, place[shipments.destination])[s]
        return np.asarray(np.maximum(value, 0.4))
