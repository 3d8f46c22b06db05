"""Text columns of the goods items of a manifest, written from arrays of simulated values."""

from __future__ import annotations

import zlib
from datetime import date
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.columns import Columns, Declared, Money, amounts
from training.worlds.own.trade.descriptions import Phrasebook
from training.worlds.own.trade.filings import FILING, AdvanceData, Filings, padded
from training.worlds.own.trade.geography import CHANNELS, EPOCH, POSTAL, Geography, TradeLanes
from training.worlds.own.trade.goods import CHEMICALS, FAMILIES, Catalogue
from training.worlds.own.trade.hashing import cumulate, mix, pick, unit
from training.worlds.own.trade.items import Items
from training.worlds.own.trade.noise import INVALID, MISSING, MISTYPED, Carelessness, Noise, typo
from training.worlds.own.trade.parties import CONSIGNORS
from training.worlds.own.trade.plan import Shipments, T

_CHEMICALS: Final = [FAMILIES.index(name) for name in CHEMICALS]
_BAD_HS: Final = np.array(["000000", "999999", "12345", "HS CODE", "98", "39269O"], dtype=object)
#: UN number of drums whose goods have no UN number: flammable liquid n.o.s.
_DRUM_UN: Final = "1993"
_TARIFF_FILINGS: Final = tuple(FILING[name] for name in ("T86", "T01", "SAD", "CUSDEC"))
_NEW_IN_2022: Final = date(2022, 1, 1)
#: Subheadings of this world that are new in the nomenclature of 2022 -> their predecessors.
_BEFORE_2022: Final = {
    "293334": "293339",
    "293335": "293339",
    "293336": "293339",
    "293337": "293339",
    "382211": "382200",
    "382212": "382200",
    "382213": "382200",
    "382219": "382200",
    "382290": "382200",
}


class ItemColumns:
    """Writer of the goods columns of a block."""

    def __init__(
        self,
        priors: Priors,
        geography: Geography,
        trade_lanes: TradeLanes,
        goods: Catalogue,
        phrases: Phrasebook,
        carelessness: Carelessness,
        money: Money,
    ) -> None:
        self._geography, self._phrases, self._carelessness, self._money = geography, phrases, carelessness, money
        self._priors, self._trade_lanes = priors, trade_lanes
        self._filings, self._advance = (
            Filings(priors, geography, trade_lanes),
            AdvanceData(priors, geography, trade_lanes),
        )
        self._hs_present = priors.row("hs.present", CHANNELS)
        digits = priors.table("hs.digits")
        self._digits, self._digit_values = (
            cumulate(np.array(list(digits.values()))),
            np.array([int(key) for key in digits]),
        )
        self._cas_in_text = priors.number("habit.cas_in_text")
        self._other_name = priors.number("description.other_name")
        self._resold = priors.row("habit.resold_from_china", CONSIGNORS)
        self._bunch = priors.number("value.bunch_within")
        self._us_limit, self._eu_limit = (
            priors.number("value.us_threshold_usd"),
            priors.number("value.eu_threshold_eur"),
        )
        self._hs6, self._cas, self._undg = (
            np.array(texts, dtype=object) for texts in (goods.hs6, goods.cas, goods.undg)
        )
        self._hs6_number = np.array([int(hs6) for hs6 in goods.hs6], dtype=np.int64)
        # Goods of the same substance have the same number.
        self._substance = np.array(
            [zlib.crc32((cas or name).encode()) for cas, name in zip(goods.cas, goods.name, strict=True)]
        )
        self._hs6_before = np.array([_BEFORE_2022.get(hs6, hs6) for hs6 in goods.hs6], dtype=object)
        self._name = np.array(goods.name, dtype=object)
        self._alias_count = np.array([len(own) for own in goods.aliases], dtype=np.int64)
        self._alias_start = np.concatenate([[0], np.cumsum(self._alias_count)[:-1]])
        self._aliases = np.array([name for own in goods.aliases for name in own] or [""], dtype=object)
        self._chemical = np.isin(goods.family, _CHEMICALS)

    def write(
        self, shipments: Shipments, items: Items, noise: Noise, declared: Declared, rng: np.random.Generator
    ) -> tuple[Columns, Floats]:
        """Return the columns (m,) of the items, and the declared value in USD (m,) without typing errors."""
        s, good, m = items.shipment, items.good, len(items.shipment)
        planned = shipments.plan_row[s] >= 0
        # In networks' shipments, traces apply only to the items with illicit content.
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
            "declared_chemical": np.where(
                chemical & (rng.random(m) < self._priors.number("shown.chemical_name")),
                self._names(shipments, s, good),
                "",
            ),
            "cas_number": np.where(
                chemical
                & (unit(shipments.habit, 41)[s] < self._priors.number("shown.cas_of_consignors"))
                & (rng.random(m) < self._priors.number("shown.cas")),
                self._cas[good],
                "",
            ),
            "cus_number": self._cus(shipments, s, good, rng),
            "hs_code": self._hs_codes(shipments, items, noise, concerned, rng),
            "origin_country": self._origins(shipments, s, rng),
            "net_mass_kg": self._net(items, rng),
            "quantity": self._quantities(quantity, items, chemical, rng),
            "quantity_unit": np.where(chemical, "KGM", np.where(items.quantity % 7 == 6, "PR", "C62")).astype(object),
            "customs_value": amounts(amount, self._money.without_decimals[currency]),
            "undg_number": np.where(
                (self._undg[good] != "") & (rng.random(m) < self._priors.number("shown.undg")), self._undg[good], ""
            ),
            "permit_number": np.where(items.permit, self._permits(shipments, s), ""),
        }
        drum = shipments.traces[s, T["V6"]] & (rng.random(m) < self._priors.number("shown.undg_of_drums"))
        drum &= columns["undg_number"] == ""
        columns["undg_number"][drum] = _DRUM_UN
        columns["quantity_unit"][columns["quantity"] == ""] = ""
        for way, name in (("hs", "hs_code"), ("value", "customs_value"), ("origin", "origin_country")):
            columns[name][noise.shows("missing", MISSING, way)[s]] = ""
        self._advance.leave_out(columns, declared.advance[s], rng)
        return columns, value

    def _names(self, shipments: Shipments, s: Ints, good: Ints) -> Texts:
        """Return the names (m,) for the chemical field. A consignor always uses the same name for a good."""
        number = shipments.consignor.number[s]
        other = unit(number, good, 302) < self._other_name
        count = self._alias_count[good]
        chosen = self._alias_start[good] + (unit(number, good, 303) * count).astype(np.int64)
        return np.where(other & (count > 0), self._aliases[np.where(count > 0, chosen, 0)], self._name[good])

    def _descriptions(
        self, shipments: Shipments, items: Items, noise: Noise, concerned: Bools, rng: np.random.Generator
    ) -> Texts:
        s, good, m = items.shipment, items.good, len(items.shipment)
        number, day = shipments.consignor.number[s], shipments.day[s] - self._trade_lanes.first_day
        own = rng.random(m) < self._priors.number("description.own_wording")
        which = (rng.random(m) * self._priors.number("description.usual_wordings")).astype(np.int64)
        # Consignors use the wordings of the time at which they last updated their list of goods.
        renewed = int(self._priors.number("description.renewed_days"))
        turn = day + (unit(shipments.consignor.number, 304) * renewed).astype(np.int64)[s]
        u = np.where(own, unit(number, good, which, turn // renewed, 301), rng.random(m))
        when = np.where(own, day - turn % renewed, day) / max(1, len(self._trade_lanes.period_of_day) - 1)
        form = self._phrases.form(unit(shipments.habit, 42))[s]
        # Trace D7: the CAS number replaces the name.
        traced = shipments.traces[s, T["D7"]] & (items.content > 0)
        traced |= (shipments.plan_row[s] < 0) & (rng.random(m) < self._priors.number("habit.cas_for_name"))
        cas = np.where(traced, 2, (rng.random(m) < self._cas_in_text).astype(np.int64))
        text = self._phrases.describe(good, u, form, cas, np.maximum(when, 0.0))
        self._phrases.abroad(text, good, shipments.origin[s], rng.random(m), rng.random(m))
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
        coded[wrong] = self._carelessness.other_hs(good, wrong, shipments.channel[s], rng)
        filing = shipments.filing[s]
        tariff = np.isin(filing, _TARIFF_FILINGS)
        digits = self._digit_values[pick(self._digits, unit(shipments.habit, 43))][s]
        digits = np.where(tariff, 10, digits)
        digits = np.where((shipments.channel[s] == POSTAL), 6, digits)
        # National subdivisions depend on the subheading and the destination, as in a tariff.
        national = mix(self._hs6_number[coded], shipments.destination[s], (rng.random(m) * 2).astype(np.int64))
        tail = padded((unit(national, 44) * 10_000).astype(np.int64), 4)
        new = shipments.day[s] >= (_NEW_IN_2022 - EPOCH).days
        six = np.where(new, self._hs6[coded], self._hs6_before[coded])
        code = np.array(
            [a + b[: d - 6] for a, b, d in zip(six.tolist(), tail.tolist(), digits.tolist(), strict=True)], dtype=object
        )
        # The share of classified small consignments grows over the years. Business consignments are always classified.
        progress = np.where(shipments.bulk, 1.0, self._filings.progress[shipments.day - self._trade_lanes.first_day])
        seldom = unit(shipments.habit, 45) < self._priors.number("hs.seldom")
        chance = (
            self._hs_present[shipments.channel]
            * progress
            * np.where(seldom, self._priors.number("hs.seldom_factor"), 1.0)
        )
        shown = tariff | (rng.random(m) < chance[s])
        bad = np.flatnonzero(noise.shows("invalid_code", INVALID, "hs")[s])
        code[bad] = _BAD_HS[(rng.random(len(bad)) * len(_BAD_HS)).astype(np.int64)]
        return np.where(shown, code, "")

    def _origins(self, shipments: Shipments, s: Ints, rng: np.random.Generator) -> Texts:
        m = len(s)
        # Traders and fulfilment houses in other countries also sell goods made in China.
        resold = rng.random(m) < self._resold[shipments.consignor.kind][s]
        origin = np.where(resold, self._geography.index["CN"], shipments.origin[s])
        return np.where(rng.random(m) < self._priors.number("shown.origin"), self._geography.codes[origin], "")

    def _cus(self, shipments: Shipments, s: Ints, good: Ints, rng: np.random.Generator) -> Texts:
        shown = self._chemical[good] & self._geography.in_eu[shipments.destination[s]]
        shown &= rng.random(len(s)) < self._priors.number("shown.cus")
        number = (unit(mix(self._substance[good], 46)) * 99_999).astype(np.int64)
        return np.where(shown, "00" + padded(number, 5) + "-" + (number % 9 + 1).astype(str).astype(object), "")

    def _permits(self, shipments: Shipments, s: Ints) -> Texts:
        number = (unit(shipments.habit, 47) * 9000 + 1000).astype(np.int64)
        year = np.datetime_as_string(shipments.time_s.astype("datetime64[s]"), unit="Y").astype(object)
        return np.asarray("IP-" + year + "-" + padded(number, 4))[s]

    def _net(self, items: Items, rng: np.random.Generator) -> Texts:
        text = np.array([f"{max(kg, 0.001):.3f}" for kg in items.net_kg.tolist()], dtype=object)
        text[rng.random(len(text)) >= self._priors.number("shown.net_mass")] = ""
        return text

    def _quantities(self, quantity: Ints, items: Items, chemical: Bools, rng: np.random.Generator) -> Texts:
        text = np.where(
            chemical,
            np.array([f"{max(kg, 0.001):.3f}" for kg in items.net_kg.tolist()], dtype=object),
            quantity.astype(str).astype(object),
        )
        text[rng.random(len(text)) >= self._priors.number("shown.quantity")] = ""
        return text

    def _rounded(self, amount: Floats, shipments: Shipments, items: Items, currency: Ints) -> Floats:
        s = items.shipment
        step = np.where(amount >= 100, 50.0, np.where(amount >= 20, 10.0, 5.0))
        amount = np.where(shipments.traces[s, T["V5"]], np.maximum(step, np.round(amount / step) * step), amount)
        points = (
            (unit(shipments.habit, 48) < self._priors.number("habit.ninety_nine"))[s]
            & ~shipments.traces[s, T["V5"]]
            & (amount > 3)
        )
        amount = np.where(points, np.floor(amount) + 0.99, amount)
        # Trace V4: the value of the first item is just below the threshold.
        limit = np.where(self._geography.in_eu[shipments.destination[s]], self._eu_limit, self._us_limit)
        below = shipments.traces[s, T["V4"]] & (items.number == 1) & ~shipments.bulk[s]
        eur_or_usd = np.isin(np.array(self._money.codes, dtype=object)[currency], ("USD", "EUR"))
        return np.asarray(
            np.where(below & eur_or_usd, limit * (1 - self._bunch * unit(mix(shipments.time_s, 49)))[s], amount)
        )
