"""Consignors and consignees. Their attributes are functions of the party's number, so they need no storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.arrays import Bools, Floats, Hashes, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.geography import CHANNELS, Geography, TradeLanes
from training.worlds.own.trade.hashing import mix, spread, unit
from training.worlds.own.trade.names import Names

CONSIGNORS: Final = (
    "marketplace",
    "shop",
    "person",
    "consolidator",
    "trader",
    "chemical",
    "pharma",
    "machinery",
    "laboratory",
)
CONSIGNEES: Final = ("house", "flat", "pickup", "business", "laboratory", "hospital", "maker", "forwarder", "industry")
PERSON: Final = CONSIGNORS.index("person")
FORWARDER: Final = CONSIGNEES.index("forwarder")
#: Name of the table of consignee kinds per kind of consignor.
_CONSIGNEES_OF: Final = dict.fromkeys(("marketplace", "shop", "person", "consolidator"), "consumer") | {
    "trader": "trade",
    "chemical": "chemical",
    "pharma": "pharma",
    "machinery": "machinery",
    "laboratory": "laboratory",
}
#: Consignees who order like private persons, including the customers of forwarders.
_PRIVATE: Final = np.array([kind in ("house", "flat", "pickup", "forwarder") for kind in CONSIGNEES])
_WORD_OF_CONSIGNEE: Final = (
    "business",
    "business",
    "business",
    "business",
    "university",
    "hospital",
    "maker",
    "forwarder",
    "industry",
)
#: Minimum number of parties of a kind at a place, for trade lanes with little traffic.
_MIN_PARTIES: Final = 3
#: Lowest rank of consignees that order once.
_ONCE: Final = 10**9
_HOSTS: Final = ("mail.example", "post.example", "inbox.example", "letters.example")

# One salt per attribute, so that attributes are independent.
(
    _GIVEN,
    _SURNAME,
    _STREET,
    _NUMBER,
    _PLACE,
    _CODE,
    _STEM,
    _WORD,
    _SUFFIX,
    _UNIT,
    _OFFICE,
    _BUILDING,
    _PHONE,
    _MAIL,
    _FORM,
    _HOST,
) = range(16)
_LIFE, _AGE, _HALL = 101, 102, 2
_CUSTOMERS, _CUSTOMER = 401, 402
_AGENT = 501


@dataclass(slots=True)
class Parties:
    """Parties as parallel arrays (n,). ``address`` is the number of the address, which several parties may share.

    ``opened_on`` is the day (since epoch) on which the carrier opened the account, 0 for consignees. ``contact`` is the number of
    the party whose telephone and e-mail are declared, usually the party itself.
    """

    kind: Ints
    country: Ints
    number: Hashes
    address: Hashes
    opened_on: Ints
    contact: Hashes


class Register:
    """Sampler of parties, and functions for their attributes."""

    def __init__(
        self, priors: Priors, geography: Geography, names: Names, trade_lanes: TradeLanes, shipments: int, seed: int
    ) -> None:
        self._geography, self._names, self._seed = geography, names, seed
        self._origin = trade_lanes.origin
        of_channel = np.array([priors.row(f"consignor.{freight_group(c)}", CONSIGNORS) for c in CHANNELS])
        # (kinds, cells): expected number of shipments per kind of consignor and trade lane.
        by_trade_lane = (trade_lanes.expected() * shipments)[None, :] * of_channel[trade_lanes.channel].T
        n = len(geography.codes)
        by_origin, by_destination = np.zeros((2, len(CONSIGNORS), n))
        for kind in range(len(CONSIGNORS)):
            np.add.at(by_origin[kind], trade_lanes.origin, by_trade_lane[kind])
            np.add.at(by_destination[kind], trade_lanes.destination, by_trade_lane[kind])
        pool = priors.row("consignor.pool", CONSIGNORS)[:, None]
        self._of_each = 1 / pool[:, 0]
        self._one_trade_lane = priors.row("consignor.one_trade_lane", CONSIGNORS)
        one = self._one_trade_lane[:, None]
        self._pool = np.maximum(_MIN_PARTIES, (1 - one) * pool * by_origin).astype(np.int64)
        self._trade_lane_pool = np.maximum(_MIN_PARTIES, one * pool * by_trade_lane).astype(np.int64)
        self._skew = priors.row("consignor.skew", CONSIGNORS)
        self._life = priors.row("consignor.life_days", CONSIGNORS)
        self._life_spread = priors.number("consignor.life_spread")
        self._standing = priors.row("relation.standing", CONSIGNORS)
        self._customers = priors.row("relation.customers", CONSIGNORS)
        self._customer_skew = priors.number("relation.skew")
        #: (consignor kinds, consignee kinds) shares of consignees.
        self.consignee_shares = np.array(
            [priors.row(f"consignee.{_CONSIGNEES_OF[kind]}", CONSIGNEES) for kind in CONSIGNORS]
        )
        self._to = np.maximum(_MIN_PARTIES, self.consignee_shares.T @ by_destination)
        self._consignee_pool = priors.row("consignee.pool", CONSIGNEES)
        self._consignee_skew = priors.row("consignee.skew", CONSIGNEES)
        self._repeat = np.where(_PRIVATE, priors.number("consignee.repeat"), priors.number("consignee.repeat_of_firms"))
        self._building_skew, self._place_skew = priors.number("habit.building_skew"), priors.number("habit.place_skew")
        self._customer_of_forwarder = priors.number("habit.customer_of_forwarder")
        self._unit_shown, self._as_pmb = priors.number("shown.unit_of_address"), priors.number("habit.private_mailbox")
        self._own_host = priors.number("habit.own_host")
        self._buildings = priors.row("consignee.buildings", CONSIGNEES)
        self._office = priors.number("habit.shared_office")
        self._shared_contact = priors.number("habit.shared_contact")
        self._offices = np.maximum(3, by_origin.sum(axis=0) * priors.number("consignor.offices")).astype(np.int64)
        self.agent_word = names.word_index["consolidator"]
        self._words = np.array(
            [names.word_index[kind if kind != "person" else "shop"] for kind in CONSIGNORS], dtype=np.int64
        )
        self._consignee_words = np.array([names.word_index[kind] for kind in _WORD_OF_CONSIGNEE], dtype=np.int64)

    def consignors(self, kind: Ints, cell: Ints, day: Ints, u: Floats) -> Parties:
        """Return consignors (n,) of the given kinds on the given trade lanes that are in business on ``day``.

        Consignors of low rank send most shipments. Some use only one trade lane, the others all trade lanes of their country.
        """
        country, one = self._origin[cell], self._one_trade_lane[kind]
        on_one = u < one
        v = np.where(on_one, u / np.maximum(one, 1e-9), (u - one) / np.maximum(1 - one, 1e-9))
        pool = np.where(on_one, self._trade_lane_pool[kind, cell], self._pool[kind, country])
        rank = (pool * v ** self._skew[kind]).astype(np.int64)
        slot = mix(self._seed, kind * 1000 + country, np.where(on_one, cell + 1, 0), rank)
        # Each slot is filled by one firm after another, each with its own number and account.
        life = np.maximum(30, self._life[kind] * (1 + self._life_spread * (2 * unit(slot, _LIFE) - 1))).astype(np.int64)
        age_in_place = day + (unit(slot, _AGE) * life).astype(np.int64)
        number = mix(slot, age_in_place // life)
        opened_on = day - age_in_place % life
        return Parties(kind, country, number, self.office(number, country), opened_on, self.contacts(number, country))

    def volume(self, kind: Ints, u: Floats) -> Floats:
        """Return the expected number of shipments (n,) over the calendar of the consignors drawn for ``u``."""
        one, skew = self._one_trade_lane[kind], self._skew[kind]
        v = np.where(u < one, u / np.maximum(one, 1e-9), (u - one) / np.maximum(1 - one, 1e-9))
        return np.asarray(self._of_each[kind] * np.maximum(v, 1e-9) ** (1 - skew) / skew)

    def is_seen_again(self, kind: Ints, v: Floats) -> Bools:
        """Return whether each consignee (n,) drawn for ``v`` orders repeatedly."""
        return np.asarray(v < self._repeat[kind])

    def contacts(self, number: Hashes, country: Ints) -> Hashes:
        """Return the contacts of consignors: their own, or those of agents who file for several consignors."""
        agent = mix(self._seed, 88, country, (unit(number, _AGENT) * self._offices[country]).astype(np.int64))
        return np.where(unit(number, _AGENT, 1) < self._shared_contact, agent, number)

    def relations(self, consignor: Parties, destination: Ints, u: Floats, draws: Floats) -> Floats:
        """Return the ``draws`` (k, n) that select consignees, with those of regular customers inserted.

        A consignor's regular customers at a destination are derived from its number. ``u`` determines whether a shipment goes
        to a regular customer, and to which one. Each customer has fixed draws, which always select the same consignee.
        """
        share, number = self._standing[consignor.kind], consignor.number
        count = self._customers[consignor.kind] * np.exp(spread(unit(number, _CUSTOMERS)))
        first = np.minimum(u / np.maximum(share, 1e-9), 1 - 1e-9)
        which = (np.maximum(1.0, count) * first**self._customer_skew).astype(np.int64)
        own = [unit(number, destination, which, _CUSTOMER + i) for i in range(len(draws))]
        return np.where(u < share, np.stack(own), draws)

    def office(self, number: Hashes, country: Ints) -> Hashes:
        """Return the addresses of consignors: their own, or for some of them a building with many firms."""
        building = mix(self._seed, 77, country, (unit(number, _BUILDING) * self._offices[country]).astype(np.int64))
        return np.where(unit(number, _OFFICE) < self._office, building, number)

    def consignees(self, kind: Ints, country: Ints, u: Floats, v: Floats) -> Parties:
        """Return consignees (n,). ``v`` determines how often a consignee orders, and ``u`` selects the consignee."""
        expected = self._to[kind, country]
        pool = np.maximum(_MIN_PARTIES, self._consignee_pool[kind] * expected)
        rank = (pool * u ** self._consignee_skew[kind]).astype(np.int64)
        once = ~self.is_seen_again(kind, v)
        rank = np.where(once, (u * expected * 4).astype(np.int64) + _ONCE, rank)
        number = mix(self._seed, 55, kind * 1000 + country, rank)
        home = self.home(kind, country, number)
        return Parties(kind, country, number, home, np.zeros(len(kind), dtype=np.int64), number.copy())

    def home(self, kind: Ints, country: Ints, number: Hashes) -> Hashes:
        """Return the addresses of consignees. Many consignees share flats, pick-up points and forwarders."""
        many = self._buildings[kind] * self._to[kind, country]
        hall = (unit(number, _BUILDING) ** self._building_skew * np.maximum(_HALL, many)).astype(np.int64)
        building = mix(self._seed, 66, kind * 1000 + country, hall)
        return np.where(many > 0, building, number)

    def person_names(self, country: Ints, number: Hashes) -> Texts:
        given = self._names.given.take(country, unit(number, _GIVEN))
        return np.asarray(given + " " + self._names.surname.take(country, unit(number, _SURNAME)))

    def company_names(self, word: Ints, country: Ints, number: Hashes) -> Texts:
        stem = self._names.stem.take(country, unit(number, _STEM))
        text = stem + " " + self._names.word.take(word, unit(number, _WORD))
        suffix = self._names.suffix.take(country, unit(number, _SUFFIX))
        return np.asarray(text + np.where(suffix == "", "", " " + suffix))

    def consignor_names(self, parties: Parties) -> Texts:
        company = self.company_names(self._words[parties.kind], parties.country, parties.number)
        return np.where(parties.kind == PERSON, self.person_names(parties.country, parties.number), company)

    def consignee_names(self, parties: Parties) -> Texts:
        person = self.person_names(parties.country, parties.number)
        company = self.company_names(self._consignee_words[parties.kind], parties.country, parties.number)
        # Some shipments to forwarders name the forwarder's customer.
        private = (parties.kind <= 2) | (
            (parties.kind == FORWARDER) & (unit(parties.number, _FORM) < self._customer_of_forwarder)
        )
        return np.where(private, person, company)

    def streets(self, parties: Parties, *, consignee: bool) -> Texts:
        number = (1 + unit(parties.address, _NUMBER) ** 2 * 900).astype(np.int64).astype(str).astype(object)
        street = self._names.street.take(parties.country, unit(parties.address, _STREET))
        text = number + " " + street
        if not consignee:
            return np.asarray(text)
        inside = (1 + unit(parties.number, _UNIT) * 480).astype(np.int64).astype(str).astype(object)
        label = np.array(["", " Apt ", " Parcel Locker ", "", "", "", "", " Suite ", ""], dtype=object)[parties.kind]
        label = np.where((label == " Suite ") & (unit(parties.number, _FORM, 2) < self._as_pmb), " PMB ", label)
        shown = (label != "") & (unit(parties.number, _FORM, 1) < self._unit_shown)
        return np.asarray(np.where(shown, text + label + inside, text), dtype=object)

    def places(self, parties: Parties) -> Ints:
        """Return places (n,) as indices of the geography's places. A country's first places have the most traffic."""
        count = self._geography.n_places[parties.country]
        rank = (unit(parties.address, _PLACE) ** self._place_skew * count).astype(np.int64)
        return np.asarray(self._geography.first_place[parties.country] + rank)

    def postcodes(self, place: Ints, address: Hashes) -> Texts:
        codes = self._geography.postcode
        return np.asarray(codes[place, (unit(address, _CODE) * codes.shape[1]).astype(np.int64)])

    def phones(self, dial: Texts, number: Hashes) -> Texts:
        """Return telephone numbers. They start with 555, which is not in use in the North American plan."""
        digits = (unit(number, _PHONE) * 9_000_000 + 1_000_000).astype(np.int64).astype(str).astype(object)
        return np.asarray("+" + dial + " 555 " + digits, dtype=object)

    def mails(self, parties: Parties, firm: Bools) -> Texts:
        stem = self._names.stem.take(parties.country, unit(parties.contact, _STEM))
        surname = self._names.surname.take(parties.country, unit(parties.contact, _SURNAME))
        digits = (unit(parties.contact, _MAIL) * 990 + 10).astype(np.int64).astype(str).astype(object)
        host = np.array(_HOSTS, dtype=object)[(unit(parties.contact, _HOST) * len(_HOSTS)).astype(np.int64)]
        own_host = firm & (unit(parties.contact, _HOST, 1) < self._own_host)
        free = np.where(firm, stem, surname) + digits + "@" + host
        raw = np.where(own_host, "sales@" + stem + digits + ".example", free)
        return np.array([text.lower().replace(" ", "").replace("'", "") for text in raw.tolist()], dtype=object)


def freight_group(channel: str) -> str:
    """Return the group of the channel in the priors of consignors."""
    return channel if channel in ("express", "air_cargo", "postal") else "freight"
