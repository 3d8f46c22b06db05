"""Rendering of shipment and party columns of a manifest from arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.reference import carriers, usd_per_unit
from training.arrays import Bools, Floats, Hashes, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.filings import FILINGS, AdvanceData, house_ids, master_ids, padded
from training.worlds.own.trade.geography import (
    AIR,
    CHANNELS,
    EPOCH,
    EXPRESS,
    OCEAN,
    POSTAL,
    RAIL,
    TRUCK,
    Geography,
    TradeLanes,
    calendar,
)
from training.worlds.own.trade.hashing import cumulate, mix, pick, unit
from training.worlds.own.trade.items import Items
from training.worlds.own.trade.noise import INVALID, MISSING, MISTYPED, Noise, typo
from training.worlds.own.trade.parties import CONSIGNORS, PERSON, Parties, Register
from training.worlds.own.trade.plan import Shipments, T

#: Currencies in which consignors declare: US dollars, that of the export country, or that of the destination.
_CURRENCY_CHOICES: Final = ("dollar", "own", "destination")
#: Currencies whose amounts are declared without decimals.
_WHOLE_UNITS: Final = ("JPY", "KRW", "IDR")


class Money:
    """Currency and exchange rate of each shipment."""

    def __init__(self, priors: Priors, geography: Geography) -> None:
        self._whose = cumulate(priors.row("habit.currency", _CURRENCY_CHOICES))
        self.codes = sorted({str(code) for code in geography.currency} | {"USD"})
        self._of_country = np.array([self.codes.index(str(code)) for code in geography.currency], dtype=np.int64)
        self._usd = self.codes.index("USD")
        self.without_decimals = np.array([code in _WHOLE_UNITS for code in self.codes], dtype=np.bool_)
        days = calendar(priors)
        self._first_day = (days[0] - EPOCH).days
        # Rates are monthly, so look up each month once.
        rates: dict[tuple[str, int, int], float] = {}
        for day in days:
            for code in self.codes:
                key = (code, day.year, day.month)
                if key not in rates:
                    rates[key] = usd_per_unit(code, day) or np.nan
        self._rate = np.array([[rates[code, day.year, day.month] for code in self.codes] for day in days])

    def choose(self, habit: Hashes, export: Ints, destination: Ints, day: Ints) -> tuple[Ints, Floats]:
        """Return currencies (n,) by the consignor's habit, as indices of ``codes``, and their rates in US dollars."""
        whose = pick(self._whose, unit(habit, 31))
        currency = np.choose(
            whose, [np.full(len(habit), self._usd), self._of_country[export], self._of_country[destination]]
        )
        row = np.clip(day - self._first_day, 0, len(self._rate) - 1)
        rate = self._rate[row, currency]
        # Declarants use US dollars if there is no published rate for the currency in that month.
        currency = np.where(np.isnan(rate), self._usd, currency)
        return currency, np.asarray(np.where(np.isnan(rate), 1.0, rate))


def amounts(value: Floats, without_decimals: Bools) -> Texts:
    """Return values (n,) as texts with two decimals; without decimals where ``without_decimals`` (n,) is true."""
    return np.array(
        [
            f"{max(v, 1):.0f}" if w else f"{max(v, 0.01):.2f}"
            for v, w in zip(value.tolist(), without_decimals.tolist(), strict=True)
        ],
        dtype=object,
    )


Columns = dict[str, Texts]

#: Modes of transport at the border (UN/ECE Recommendation 19) by channel.
_MODES: Final = np.array(["4", "4", "4", "3", "1", "2"], dtype=object)
_POST_MODE: Final = "5"
#: Fields whose presence differs by channel.
_SHOWN_BY_CHANNEL: Final = ("freight", "phone", "mail", "master", "agent", "nature")
_LARGE: Final = (OCEAN, TRUCK, RAIL)
_SHARED_CARRIERS: Final = ("TRKA", "TRKB", "TRKC", "OCNA", "OCNB", "RAIA")


@dataclass(slots=True)
class Declared:
    """Declared values (n,) for labels and rules. ``advance`` states that the shipment has advance data."""

    account_shown: Bools
    gross_kg: Floats
    currency: Ints
    rate: Floats
    advance: Bools


class ShipmentColumns:
    """Writer of the shipment and party columns of a block."""

    def __init__(
        self, priors: Priors, geography: Geography, trade_lanes: TradeLanes, register: Register, money: Money
    ) -> None:
        self._geography, self._register, self._money = geography, register, money
        rows = sorted(carriers(), key=lambda row: row.iata)
        self._express = [(row.iata, row.awb_prefix) for row in rows if row.channel == "express"]
        self._air = [(row.iata, row.awb_prefix) for row in rows if row.channel == "air_cargo"]
        self._from = (priors.day("regime.account_age_from") - priors.day("calendar.first_day")).days
        self._phase = priors.number("regime.account_age_phase_days")
        self._before, self._full = priors.number("regime.account_age_before"), priors.number("regime.account_age_full")
        self._not_by_air = priors.number("regime.account_age_not_by_air")
        self._priors = priors
        self._consignee_phone, self._consignee_mail = (
            priors.number("shown.phone_of_consignees"),
            priors.number("shown.mail_of_consignees"),
        )
        self._mail = AdvanceData(priors, geography, trade_lanes)
        self._shown = {name: priors.row(f"shown.{name}", CHANNELS) for name in _SHOWN_BY_CHANNEL}
        self._market_shown = priors.row("shown.marketplace", CONSIGNORS)
        self._markets = _Choice(priors, "habit.marketplaces")
        self._nature_of = {name: _Choice(priors, f"nature.{name}") for name in ("business", "person", "gift")}
        self._usual_package, self._large_package, self._drums = (
            _Choice(priors, f"package.{name}") for name in ("usual", "large", "drums")
        )
        self._decimals = _Choice(priors, "habit.decimals_of_mass")
        stops = priors.table("route.stop_hubs")
        self._stops = np.array([geography.index[code] for code in stops], dtype=np.int64)
        self._stop_shares = cumulate(np.array(list(stops.values())))
        self._abroad_shares = cumulate(
            np.bincount(trade_lanes.origin, trade_lanes.expected(), len(geography.codes)).astype(np.float64)
        )

    def write(
        self,
        shipments: Shipments,
        items: Items,
        noise: Noise,
        first_number: int,
        day_index: Ints,
        rng: np.random.Generator,
    ) -> tuple[Columns, Declared]:
        """Return the shipment-level columns (n,). ``first_number`` is the number of the block's first shipment in the world."""
        n = len(shipments)
        codes, habit, channel = self._geography.codes, shipments.habit, shipments.channel
        key = mix(shipments.consignor.number, shipments.time_s, rng.integers(0, 1 << 40, n))
        export, destination = codes[shipments.export], codes[shipments.destination]
        year = np.datetime_as_string(shipments.time_s.astype("datetime64[s]"), unit="Y").astype(object)
        carrier, prefix = self._carriers(channel, export, habit, rng)
        trade_lane_day = mix(
            shipments.cell,
            shipments.day,
            (unit(key, 6) * self._priors.number("master.a_day")).astype(np.int64),
            (unit(habit, 12) * self._priors.number("master.carriers")).astype(np.int64),
        )
        master = master_ids(channel, prefix, trade_lane_day, export, destination, shipments.day)
        master[rng.random(n) >= self._shown["master"][channel]] = ""
        currency, rate = self._money.choose(habit, shipments.export, shipments.destination, shipments.day)
        freight = amounts(items.freight_usd / rate, self._money.without_decimals[currency])
        freight[rng.random(n) >= self._shown["freight"][channel]] = ""
        gross = self._typed_mass(items.gross_kg, noise)
        columns: Columns = {
            "shipment_id": "HB-" + year + "-" + padded(first_number + np.arange(n), 9),
            "master_id": master,
            "house_id": house_ids(channel, key, export, noise.shows("invalid_code", INVALID, "house")),
            "filing_type": np.array(FILINGS, dtype=object)[shipments.filing],
            "channel": np.array(CHANNELS, dtype=object)[channel],
            "transport_mode": np.where(
                (channel == POSTAL) & (rng.random(n) < self._priors.number("shown.post_as_mode")),
                _POST_MODE,
                _MODES[channel],
            ),
            "declared_at": np.datetime_as_string(shipments.time_s.astype("datetime64[s]"), timezone="UTC").astype(
                object
            ),
            "export_country": export,
            "routing_countries": self._routing(shipments, rng),
            "loading_location": self._port(shipments.export, channel, unit(habit, 11), rng),
            "unloading_location": self._port(
                shipments.destination, channel, unit(shipments.consignee.address, 13), rng
            ),
            "carrier_id": carrier,
            "agent_name": self._agents(shipments, rng),
            "marketplace": self._marketplaces(shipments),
            "transaction_nature": self._natures(shipments, rng),
            "gross_mass_kg": _masses(gross, self._decimals.of(unit(habit, 22))),
            "package_count": items.packages.astype(str).astype(object),
            "package_type": self._packages(shipments, rng),
            "freight_charge": freight,
            "currency": np.array(self._money.codes, dtype=object)[currency],
        }
        shown = self._account_shown(shipments, day_index, rng)
        self._consignor(columns, shipments, shown, rng)
        self._consignee(columns, shipments, rng)
        _blemish(columns, noise, self._geography, shipments, rng)
        advance = self._mail.sent(shipments, day_index, rng)
        self._mail.leave_out(columns, advance, rng)
        return columns, Declared(shown & advance, gross, currency, rate, advance)

    def _carriers(self, channel: Ints, export: Texts, habit: Hashes, rng: np.random.Generator) -> tuple[Texts, Texts]:
        n = len(channel)
        usual = rng.random(n) < self._priors.number("habit.usual_carrier")
        u = np.where(usual, unit(habit, 12), rng.random(n))
        names = np.array([name for name, _ in (*self._express, *self._air)], dtype=object)
        prefixes = np.array([prefix for _, prefix in (*self._express, *self._air)], dtype=object)
        many = len(self._air)
        at = np.where(
            channel == EXPRESS,
            (u * len(self._express)).astype(np.int64),
            len(self._express) + (u ** self._priors.number("habit.carrier_skew") * many).astype(np.int64),
        )
        carrier, prefix = names[at], prefixes[at]
        posted, large = channel == POSTAL, np.isin(channel, _LARGE)
        carrier = np.where(posted, export + "A", carrier)
        other = np.array(_SHARED_CARRIERS, dtype=object)
        choice = np.where(
            channel == TRUCK, (u * 3).astype(np.int64), np.where(channel == OCEAN, 3 + (u * 2).astype(np.int64), 5)
        )
        return np.where(large, other[choice], carrier), prefix

    def _routing(self, shipments: Shipments, rng: np.random.Generator) -> Texts:
        codes = self._geography.codes
        n = len(shipments)
        hub = codes[self._stops[pick(self._stop_shares, rng.random(n))]]
        stop = (rng.random(n) < self._priors.number("route.stop")) & np.isin(shipments.channel, (EXPRESS, AIR))
        stop &= (hub != codes[shipments.export]) & (hub != codes[shipments.destination])
        text = np.where(stop, hub, "")
        via = np.where(shipments.via >= 0, codes[shipments.via], "")
        return np.where(via == "", text, np.where((text == "") | (text == via), via, via + ";" + text))

    def _port(self, country: Ints, channel: Ints, habit_u: Floats, rng: np.random.Generator) -> Texts:
        n = len(country)
        kind = np.where(channel == OCEAN, 1, np.where((channel == TRUCK) | (channel == RAIL), 2, 0))
        u = np.where(rng.random(n) < self._priors.number("habit.usual_port"), habit_u, rng.random(n))
        at = self._geography.first_port[country, kind] + (u * self._geography.n_ports[country, kind]).astype(np.int64)
        return np.asarray(self._geography.ports[at])

    def _agents(self, shipments: Shipments, rng: np.random.Generator) -> Texts:
        n = len(shipments)
        number = mix(
            shipments.destination,
            91,
            (
                unit(shipments.habit, 14) ** self._priors.number("habit.agent_skew")
                * self._priors.number("habit.agents")
            ).astype(np.int64),
        )
        word = np.full(n, self._register.agent_word)
        names = self._register.company_names(word, shipments.destination, number)
        names[rng.random(n) >= self._shown["agent"][shipments.channel]] = ""
        return names

    def _marketplaces(self, shipments: Shipments) -> Texts:
        names = self._markets.of(unit(shipments.habit, 15))
        return np.where(unit(shipments.habit, 16) < self._market_shown[shipments.consignor.kind], names, "")

    def _natures(self, shipments: Shipments, rng: np.random.Generator) -> Texts:
        n = len(shipments)
        u, v = rng.random(n), rng.random(n)
        person = shipments.consignor.kind == PERSON
        text = np.where(person, self._nature_of["person"].of(u), self._nature_of["business"].of(u))
        text = np.where(shipments.traces[:, T["D9"]] & ~person, self._nature_of["gift"].of(v), text)
        return np.where(rng.random(n) < self._shown["nature"][shipments.channel], text, "")

    def _packages(self, shipments: Shipments, rng: np.random.Generator) -> Texts:
        n = len(shipments)
        u = rng.random(n)
        own = rng.random(n) < self._priors.number("habit.usual_package")
        usual = self._usual_package.of(np.where(own, unit(shipments.habit, 17), u))
        large = self._large_package.of(u)
        text = np.where(np.isin(shipments.channel, _LARGE) & shipments.bulk, large, usual)
        chemical = shipments.consignor.kind == CONSIGNORS.index("chemical")
        chemical &= rng.random(n) < self._priors.number("package.drums_of_chemicals")
        text = np.where(chemical | shipments.traces[:, T["V6"]], self._drums.of(rng.random(n)), text)
        return np.where(rng.random(n) < self._priors.number("shown.package"), text, "")

    def _account_shown(self, shipments: Shipments, day_index: Ints, rng: np.random.Generator) -> Bools:
        phase = np.clip((day_index - self._from) / self._phase, 0, 1)
        share = np.where(day_index < self._from, self._before, self._before + (self._full - self._before) * phase)
        by_air = np.isin(shipments.channel, (EXPRESS, AIR))
        return np.asarray(rng.random(len(shipments)) < np.where(by_air, share, self._not_by_air * share))

    def _party(self, columns: Columns, role: str, parties: Parties, names: Texts) -> Ints:
        place = self._register.places(parties)
        columns[f"{role}_name"] = names
        columns[f"{role}_address"] = self._register.streets(parties, consignee=role == "consignee")
        columns[f"{role}_city"] = self._geography.city[place]
        columns[f"{role}_postcode"] = self._register.postcodes(place, parties.address)
        columns[f"{role}_country"] = self._geography.codes[parties.country]
        return place

    def _consignor(self, columns: Columns, shipments: Shipments, shown: Bools, rng: np.random.Generator) -> None:
        parties, n = shipments.consignor, len(shipments)
        self._party(columns, "consignor", parties, self._register.consignor_names(parties))
        # Trace P7 uses the dial code of a random country, such as that of a branch or agent.
        abroad = pick(self._abroad_shares, unit(parties.number, 18))
        dial = self._geography.dial[np.where(shipments.traces[:, T["P7"]], abroad, parties.country)]
        silent = shipments.traces[:, T["P2"]]
        phone = self._register.phones(dial, parties.contact)
        phone[silent | (unit(parties.number, 19) >= self._shown["phone"][shipments.channel])] = ""
        columns["consignor_phone"] = phone
        mail = self._register.mails(parties, parties.kind != PERSON)
        mail[silent | (unit(parties.number, 20) >= self._shown["mail"][shipments.channel])] = ""
        columns["consignor_email"] = mail
        nameless = shipments.bulk & (unit(parties.number, 23) >= self._priors.number("shown.seller"))
        columns["consignor_name"][nameless] = ""
        opened = np.datetime_as_string(parties.opened_on.astype("datetime64[D]")).astype(object)
        columns["consignor_account_opened_on"] = np.where(shown, opened, "")
        is_shown = shown | (rng.random(n) < self._priors.number("shown.known_consignor"))
        columns["consignor_known"] = np.where(is_shown, np.where(shipments.known, "true", "false"), "")

    def _consignee(self, columns: Columns, shipments: Shipments, rng: np.random.Generator) -> None:
        parties, n = shipments.consignee, len(shipments)
        self._party(columns, "consignee", parties, self._register.consignee_names(parties))
        phone = self._register.phones(self._geography.dial[parties.country], parties.contact)
        phone[unit(parties.number, 21) >= self._shown["phone"][shipments.channel] * self._consignee_phone] = ""
        columns["consignee_phone"] = phone
        mail = self._register.mails(parties, np.isin(parties.kind, (3, 4, 5, 6, 8)))
        mail[rng.random(n) >= self._shown["mail"][shipments.channel] * self._consignee_mail] = ""
        columns["consignee_email"] = mail

    @staticmethod
    def _typed_mass(gross: Floats, noise: Noise) -> Floats:
        slip = noise.shows("mistyped", MISTYPED, "mass")
        return np.asarray(np.where(slip, np.where(noise.which % 7 < 4, gross * 10, gross / 10), gross))


class _Choice:
    """Sampler of texts by the shares of a prior."""

    def __init__(self, priors: Priors, name: str) -> None:
        table = priors.table(name)
        self._texts = np.array(list(table), dtype=object)
        self._shares = cumulate(np.array(list(table.values())))

    def of(self, u: Floats) -> Texts:
        """Return texts (n,) for uniform draws (n,)."""
        return np.asarray(self._texts[pick(self._shares, u)])


def _masses(gross: Floats, shown: Texts) -> Texts:
    """Return positive masses in kg as texts, rounded to the precision of the declarant's scale."""
    decimals = shown.astype(np.int64)
    least = 10.0**-decimals
    return np.array(
        [f"{max(g, lo):.{d}f}" for g, lo, d in zip(gross.tolist(), least.tolist(), decimals.tolist(), strict=True)],
        dtype=object,
    )


def _blemish(
    columns: Columns, noise: Noise, geography: Geography, shipments: Shipments, rng: np.random.Generator
) -> None:
    """Add typing errors, invalid codes and missing values to the shipment-level fields."""
    slips = np.flatnonzero(noise.shows("mistyped", MISTYPED, "postcode"))
    elsewhere = geography.first_place[shipments.consignee.country[slips]]
    elsewhere = elsewhere + (rng.random(len(slips)) * geography.n_places[shipments.consignee.country[slips]]).astype(
        np.int64
    )
    columns["consignee_postcode"][slips] = geography.postcode[elsewhere, 0]
    slips = np.flatnonzero(noise.shows("mistyped", MISTYPED, "name"))
    for at, u, v in zip(slips.tolist(), rng.random(len(slips)).tolist(), rng.random(len(slips)).tolist(), strict=True):
        columns["consignee_name"][at] = typo(columns["consignee_name"][at], u, v)
    for way, name, code in (
        ("country", "export_country", "XX"),
        ("currency", "currency", "RMB"),
        ("port", "unloading_location", "ZZZZZ"),
        ("package", "package_type", "?"),
    ):
        columns[name][noise.shows("invalid_code", INVALID, way)] = code
    for way, name in (("mass", "gross_mass_kg"), ("postcode", "consignee_postcode"), ("address", "consignor_address")):
        columns[name][noise.shows("missing", MISSING, way)] = ""
