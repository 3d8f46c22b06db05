"""From arrays to the columns of a manifest: goods items."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.world.columns import Columns, Declared, Texts
from training.world.descriptions import ALIAS_SHARE, FORMS, Phrasebook
from training.world.geography import Geography
from training.world.goods import FAMILIES, Catalogue
from training.world.hashing import Floats, Ints, cumulate, mix, pick, unit
from training.world.identifiers import padded
from training.world.items import Items
from training.world.lanes import CHANNELS, POSTAL
from training.world.money import Money, amounts
from training.world.noise import INVALID, MISSING, MISTYPED, Carelessness, Noise, typo
from training.world.priors import Priors
from training.world.shipments import FILING, Bools, Shipments
from training.world.traces import T

_CHEMICALS: Final = [FAMILIES.index(name) for name in ("chemical", "neighbour", "excipient", "listed")]
_FORM_SHARES: Final = cumulate(np.array([0.52, 0.20, 0.18, 0.10]))
_BAD_HS: Final = np.array(["000000", "999999", "12345", "HS CODE", "98", "39269O"], dtype=object)
#: Dangerous goods number shown where the package says drum and the goods have none of their own: flammable liquid n.o.s.
_DRUM_UN: Final = "1993"
_TARIFF_FILINGS: Final = tuple(FILING[name] for name in ("T86", "T01", "SAD", "CUSDEC"))


class ItemColumns:
    """Writes the goods columns of a block."""

    def __init__(
        self,
        priors: Priors,
        geography: Geography,
        goods: Catalogue,
        phrases: Phrasebook,
        carelessness: Carelessness,
        money: Money,
    ) -> None:
        self._geography, self._goods, self._phrases, self._carelessness, self._money = (
            geography,
            goods,
            phrases,
            carelessness,
            money,
        )
        self._hs_present = np.array([priors.table("hs.present")[name] for name in CHANNELS])
        digits = priors.table("hs.digits")
        self._digits, self._digit_values = (
            cumulate(np.array(list(digits.values()))),
            np.array([int(key) for key in digits]),
        )
        self._cas_in_text = priors.number("habit.cas_in_text")
        self._hs6, self._cas, self._undg = (
            np.array(texts, dtype=object) for texts in (goods.hs6, goods.cas, goods.undg)
        )
        self._name = np.array(goods.name, dtype=object)
        self._alias_count = np.array([len(own) for own in goods.aliases], dtype=np.int64)
        self._alias_start = np.concatenate([[0], np.cumsum(self._alias_count)[:-1]])
        self._aliases = np.array([name for own in goods.aliases for name in own] or [""], dtype=object)
        self._chemical = np.isin(goods.family, _CHEMICALS)

    def write(
        self, shipments: Shipments, items: Items, noise: Noise, declared: Declared, rng: np.random.Generator
    ) -> tuple[Columns, Floats]:
        """Columns (m,) of the items, and the declared value in USD (m,) without typing errors."""
        s, good, m = items.shipment, items.good, len(items.shipment)
        planned = shipments.plan_row[s] >= 0
        # A trace concerns the item with the content; the other items of the shipment are what they are.
        concerned = ~planned | (items.content > 0)
        value = self._carelessness.undervalue(items.value_usd, noise.of("undervalued")[s] & ~planned, rng)
        rate, currency = declared.rate[s], declared.currency[s]
        amount = self._rounded(value / rate, shipments, items, currency)
        quantity = items.quantity.copy()
        slip = noise.shows("mistyped", MISTYPED, "quantity")[s]
        quantity[slip] *= 10
        chemical = self._chemical[good]
        columns: Columns = {
            "item_number": items.number.astype(str).astype(object),
            "goods_description": self._descriptions(shipments, items, noise, concerned, rng),
            "declared_chemical": np.where(chemical & (rng.random(m) < 0.45), self._names(shipments, s, good), ""),
            "cas_number": np.where(
                chemical & (unit(shipments.habit, 41)[s] < 0.5) & (rng.random(m) < 0.8), self._cas[good], ""
            ),
            "cus_number": self._cus(shipments, s, good, rng),
            "hs_code": self._hs_codes(shipments, items, noise, concerned, rng),
            "origin_country": self._origins(shipments, s, rng),
            "net_mass_kg": self._net(items, rng),
            "quantity": self._quantities(quantity, items, chemical, rng),
            "quantity_unit": np.where(chemical, "KGM", np.where(items.quantity % 7 == 6, "PR", "C62")).astype(object),
            "customs_value": amounts(amount, self._money.whole[currency]),
            "undg_number": np.where((self._undg[good] != "") & (rng.random(m) < 0.6), self._undg[good], ""),
            "permit_number": np.where(items.permit, self._permits(shipments, s), ""),
        }
        drum = shipments.traces[s, T["V6"]] & (rng.random(m) < 0.4) & (columns["undg_number"] == "")
        columns["undg_number"][drum] = _DRUM_UN
        columns["quantity_unit"][columns["quantity"] == ""] = ""
        for way, name in (("hs", "hs_code"), ("value", "customs_value"), ("origin", "origin_country")):
            columns[name][noise.shows("missing", MISSING, way)[s]] = ""
        return columns, value

    def _names(self, shipments: Shipments, s: Ints, good: Ints) -> Texts:
        """(m,) what each consignor calls the good in the field for chemicals: the same every time."""
        number = shipments.consignor.number[s]
        other = unit(number, good, 302) < ALIAS_SHARE
        count = self._alias_count[good]
        chosen = self._alias_start[good] + (unit(number, good, 303) * count).astype(np.int64)
        return np.where(other & (count > 0), self._aliases[np.where(count > 0, chosen, 0)], self._name[good])

    def _descriptions(
        self, shipments: Shipments, items: Items, noise: Noise, concerned: Bools, rng: np.random.Generator
    ) -> Texts:
        s, good, m = items.shipment, items.good, len(items.shipment)
        number = shipments.consignor.number[s]
        own = rng.random(m) < 0.6
        u = np.where(own, unit(number, good, (rng.random(m) * 3).astype(np.int64), 301), rng.random(m))
        form = pick(_FORM_SHARES, unit(shipments.habit, 42))[s] % FORMS
        with_cas = np.where(shipments.traces[s, T["D7"]], 0.9, self._cas_in_text) > rng.random(m)
        text = self._phrases.describe(good, u, form, with_cas)
        vague = np.flatnonzero(noise.of("vague")[s] & concerned)
        text[vague] = self._carelessness.vague_texts(len(vague), rng)
        slips = np.flatnonzero(noise.shows("mistyped", MISTYPED, "description")[s])
        for at, u1, u2 in zip(
            slips.tolist(), rng.random(len(slips)).tolist(), rng.random(len(slips)).tolist(), strict=True
        ):
            text[at] = typo(text[at], u1, u2)
        return text

    def _hs_codes(
        self, shipments: Shipments, items: Items, noise: Noise, concerned: Bools, rng: np.random.Generator
    ) -> Texts:
        s, good, m = items.shipment, items.good, len(items.shipment)
        wrong = np.flatnonzero(noise.of("wrong_hs")[s] & concerned)
        coded = good.copy()
        coded[wrong] = self._carelessness.other_hs(good[wrong], rng)
        filing = shipments.filing[s]
        tariff = np.isin(filing, _TARIFF_FILINGS)
        digits = self._digit_values[pick(self._digits, unit(shipments.habit, 43))][s]
        digits = np.where(tariff, 10, digits)
        digits = np.where((shipments.channel[s] == POSTAL), 6, digits)
        # National subdivisions follow from the subheading and the destination, as a tariff's do.
        tail = padded(
            (unit(mix(coded, shipments.destination[s], (rng.random(m) * 2).astype(np.int64)), 44) * 10_000).astype(
                np.int64
            ),
            4,
        )
        six = self._hs6[coded]
        code = np.array(
            [a + b[: d - 6] for a, b, d in zip(six.tolist(), tail.tolist(), digits.tolist(), strict=True)], dtype=object
        )
        shown = tariff | (
            rng.random(m)
            < self._hs_present[shipments.channel[s]] * np.where(unit(shipments.habit, 45) < 0.1, 0.5, 1.0)[s]
        )
        bad = np.flatnonzero(noise.shows("invalid_code", INVALID, "hs")[s])
        code[bad] = _BAD_HS[(rng.random(len(bad)) * len(_BAD_HS)).astype(np.int64)]
        return np.where(shown, code, "")

    def _origins(self, shipments: Shipments, s: Ints, rng: np.random.Generator) -> Texts:
        m = len(s)
        # Traders and fulfilment houses of other countries sell goods made in China.
        resold = np.isin(shipments.consignor.kind, (1, 3, 4))[s] & (rng.random(m) < 0.22)
        origin = np.where(resold, self._geography.index["CN"], shipments.origin[s])
        return np.where(rng.random(m) < 0.05, "", self._geography.codes[origin])

    def _cus(self, shipments: Shipments, s: Ints, good: Ints, rng: np.random.Generator) -> Texts:
        shown = self._chemical[good] & self._geography.in_eu[shipments.destination[s]] & (rng.random(len(s)) < 0.12)
        number = (unit(mix(good, 46)) * 99_999).astype(np.int64)
        return np.where(shown, "00" + padded(number, 5) + "-" + (number % 9 + 1).astype(str).astype(object), "")

    def _permits(self, shipments: Shipments, s: Ints) -> Texts:
        number = (unit(shipments.habit, 47) * 9000 + 1000).astype(np.int64)
        return np.asarray("IP-2026-" + padded(number, 4))[s]

    @staticmethod
    def _net(items: Items, rng: np.random.Generator) -> Texts:
        text = np.array([f"{max(kg, 0.001):.3f}" for kg in items.net_kg.tolist()], dtype=object)
        text[rng.random(len(text)) < 0.4] = ""
        return text

    @staticmethod
    def _quantities(quantity: Ints, items: Items, chemical: NDArray[np.bool_], rng: np.random.Generator) -> Texts:
        text = np.where(
            chemical,
            np.array([f"{max(kg, 0.001):.3f}" for kg in items.net_kg.tolist()], dtype=object),
            quantity.astype(str).astype(object),
        )
        text[rng.random(len(text)) < 0.1] = ""
        return text

    def _rounded(self, amount: Floats, shipments: Shipments, items: Items, currency: Ints) -> Floats:
        s = items.shipment
        step = np.where(amount >= 100, 50.0, np.where(amount >= 20, 10.0, 5.0))
        amount = np.where(shipments.traces[s, T["V5"]], np.maximum(step, np.round(amount / step) * step), amount)
        points = (unit(shipments.habit, 48) < 0.25)[s] & ~shipments.traces[s, T["V5"]] & (amount > 3)
        amount = np.where(points, np.floor(amount) + 0.99, amount)
        # The first item brings the shipment to just below the threshold: USD 800, or EUR 150 in the Union.
        limit = np.where(self._geography.in_eu[shipments.destination[s]], 150.0, 800.0)
        below = shipments.traces[s, T["V4"]] & (items.number == 1) & ~shipments.bulk[s]
        eur_or_usd = np.isin(np.array(self._money.codes, dtype=object)[currency], ("USD", "EUR"))
        return np.asarray(
            np.where(below & eur_or_usd, limit * (0.955 + 0.045 * unit(mix(shipments.time_s, 49)))[s], amount)
        )
