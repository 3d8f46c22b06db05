"""Consignors and consignees: who they are is a function of their number, so they persist without being stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.world.geography import Geography
from training.world.hashing import Floats, Hashes, Ints, mix, unit
from training.world.lanes import CHANNELS, Lanes
from training.world.names import Names
from training.world.priors import Priors

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
CONSIGNEES: Final = ("house", "flat", "pickup", "business", "laboratory", "hospital", "maker", "forwarder")
PERSON: Final = CONSIGNORS.index("person")
FORWARDER: Final = CONSIGNEES.index("forwarder")
#: Consignees per shipment of their kind and how skewed the draw among them is: assumed, heavy tails for firms.
_POOL: Final = {
    "house": 0.10,
    "flat": 0.10,
    "pickup": 0.10,
    "business": 0.30,
    "laboratory": 0.12,
    "hospital": 0.10,
    "maker": 0.15,
    "forwarder": 0.30,
}
_SKEW: Final = {
    "house": 1.5,
    "flat": 1.5,
    "pickup": 1.5,
    "business": 1.8,
    "laboratory": 1.5,
    "hospital": 1.5,
    "maker": 1.6,
    "forwarder": 1.5,
}
_WORD_OF_CONSIGNEE: Final = (
    "business",
    "business",
    "business",
    "business",
    "university",
    "hospital",
    "maker",
    "forwarder",
)
_HOSTS: Final = ("mail.example", "post.example", "inbox.example", "letters.example")

# Salts: one for each attribute, so that they are independent.
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


@dataclass(slots=True)
class Parties:
    """Parties as parallel arrays (n,). ``address`` is the number of the place they are at, shared by some.

    ``opened_on``: the day (since epoch) on which the carrier opened the account; for consignees 0.
    """

    kind: Ints
    country: Ints
    number: Hashes
    address: Hashes
    opened_on: Ints


class Register:
    """Draws parties and tells their particulars."""

    def __init__(
        self, priors: Priors, geography: Geography, names: Names, lanes: Lanes, shipments: int, seed: int
    ) -> None:
        self._geography, self._names, self._seed = geography, names, seed
        expected = lanes.expected() * shipments
        n = len(geography.codes)
        of_channel = np.array([list(priors.table(f"consignor.{_group(c)}").values()) for c in CHANNELS])
        by_origin = np.zeros((len(CONSIGNORS), n))
        by_destination = np.zeros(n)
        for kind in range(len(CONSIGNORS)):
            np.add.at(by_origin[kind], lanes.origin, expected * of_channel[lanes.channel, kind])
        np.add.at(by_destination, lanes.destination, expected)
        pool = np.array([priors.table("consignor.pool")[kind] for kind in CONSIGNORS])
        self.pool = np.maximum(4, pool[:, None] * by_origin).astype(np.int64)
        self.skew = np.array([priors.table("consignor.skew")[kind] for kind in CONSIGNORS])
        self.life = np.array([priors.table("consignor.life_days")[kind] for kind in CONSIGNORS])
        # About how much of the traffic of a destination goes to each kind of consignee; pools need no more precision.
        share = np.array([priors.table("consignee.consumer")[kind] for kind in CONSIGNEES])
        self._to = np.maximum(6, share[:, None] * by_destination)
        self._repeat = priors.number("consignee.repeat")
        self._office = priors.number("habit.shared_office")
        self._offices = np.maximum(3, by_origin.sum(axis=0) * 0.002).astype(np.int64)
        self.agent_word = names.word_index["consolidator"]
        self._words = np.array(
            [names.word_index[kind if kind != "person" else "shop"] for kind in CONSIGNORS], dtype=np.int64
        )
        self._consignee_words = np.array([names.word_index[kind] for kind in _WORD_OF_CONSIGNEE], dtype=np.int64)

    # -- drawing --------------------------------------------------------------------------------------------------------
    def consignors(self, kind: Ints, country: Ints, day: Ints, u: Floats) -> Parties:
        """Consignors (n,) of the given kind and country that are in business on ``day``; low ranks send most."""
        rank = (self.pool[kind, country] * u ** self.skew[kind]).astype(np.int64)
        slot = mix(self._seed, kind * 1000 + country, rank)
        # A place in the trade is taken by one firm after another; each has its own number and account.
        life = np.maximum(30, self.life[kind] * (0.3 + 1.4 * unit(slot, 101))).astype(np.int64)
        age_in_place = day + (unit(slot, 102) * life).astype(np.int64)
        number = mix(slot, age_in_place // life)
        return Parties(kind, country, number, self.office(number, country), day - age_in_place % life)

    def office(self, number: Hashes, country: Ints, share: float | Floats | None = None) -> Hashes:
        """Addresses of consignors: their own, or for a share of them a building with many firms."""
        part = self._office if share is None else share
        building = mix(self._seed, 77, country, (unit(number, _BUILDING) * self._offices[country]).astype(np.int64))
        return np.where(unit(number, _OFFICE) < part, building, number)

    def consignees(self, kind: Ints, country: Ints, u: Floats, v: Floats) -> Parties:
        """Consignees (n,): private persons mostly seen once or a few times, firms again and again."""
        expected = self._to[kind, country]
        pool = np.maximum(3, np.array([_POOL[k] for k in CONSIGNEES])[kind] * expected)
        rank = (pool * u ** np.array([_SKEW[k] for k in CONSIGNEES])[kind]).astype(np.int64)
        private = (kind <= 2) | (kind == FORWARDER)
        once = private & (v > self._repeat)
        rank = np.where(once, (u * expected * 4).astype(np.int64) + 10**9, rank)
        number = mix(self._seed, 55, kind * 1000 + country, rank)
        return Parties(kind, country, number, self.home(kind, country, number), np.zeros(len(kind), dtype=np.int64))

    def home(self, kind: Ints, country: Ints, number: Hashes) -> Hashes:
        """Addresses of consignees: flats, pick-up points and forwarders are shared by many."""
        many = np.array([0, 0.05, 0.012, 0, 0, 0, 0, 0.02])[kind] * self._to[kind, country]
        building = mix(
            self._seed,
            66,
            kind * 1000 + country,
            (unit(number, _BUILDING) ** 1.4 * np.maximum(2, many)).astype(np.int64),
        )
        return np.where(many > 0, building, number)

    # -- particulars ----------------------------------------------------------------------------------------------------
    def person_names(self, country: Ints, number: Hashes) -> NDArray[np.object_]:
        given = self._names.given.take(country, unit(number, _GIVEN))
        return np.asarray(given + " " + self._names.surname.take(country, unit(number, _SURNAME)))

    def company_names(self, word: Ints, country: Ints, number: Hashes) -> NDArray[np.object_]:
        stem = self._names.stem.take(country, unit(number, _STEM))
        text = stem + " " + self._names.word.take(word, unit(number, _WORD))
        suffix = self._names.suffix.take(country, unit(number, _SUFFIX))
        return np.asarray(text + np.where(suffix == "", "", " " + suffix))

    def consignor_names(self, parties: Parties) -> NDArray[np.object_]:
        company = self.company_names(self._words[parties.kind], parties.country, parties.number)
        return np.where(parties.kind == PERSON, self.person_names(parties.country, parties.number), company)

    def consignee_names(self, parties: Parties) -> NDArray[np.object_]:
        person = self.person_names(parties.country, parties.number)
        company = self.company_names(self._consignee_words[parties.kind], parties.country, parties.number)
        # Half of what goes to forwarders is addressed to their customer.
        private = (parties.kind <= 2) | ((parties.kind == FORWARDER) & (unit(parties.number, _FORM) < 0.5))
        return np.where(private, person, company)

    def streets(self, parties: Parties, *, consignee: bool) -> NDArray[np.object_]:
        number = (1 + unit(parties.address, _NUMBER) ** 2 * 900).astype(np.int64).astype(str).astype(object)
        street = self._names.street.take(parties.country, unit(parties.address, _STREET))
        text = number + " " + street
        if not consignee:
            return np.asarray(text)
        inside = (1 + unit(parties.number, _UNIT) * 480).astype(np.int64).astype(str).astype(object)
        label = np.array(["", " Apt ", " Parcel Locker ", "", "", "", "", " Suite "], dtype=object)[parties.kind]
        label = np.where((label == " Suite ") & (unit(parties.number, _FORM, 2) < 0.4), " PMB ", label)
        shown = (label != "") & (unit(parties.number, _FORM, 1) < 0.7)
        return np.asarray(np.where(shown, text + label + inside, text), dtype=object)

    def places(self, parties: Parties) -> Ints:
        """Places (n,) as indices of the geography's; the first of a country are the busiest."""
        count = self._geography.n_places[parties.country]
        rank = (unit(parties.address, _PLACE) ** 1.3 * count).astype(np.int64)
        return np.asarray(self._geography.first_place[parties.country] + rank)

    def postcodes(self, place: Ints, address: Hashes) -> NDArray[np.object_]:
        codes = self._geography.postcode
        return np.asarray(codes[place, (unit(address, _CODE) * codes.shape[1]).astype(np.int64)])

    def phones(self, dial: NDArray[np.object_], number: Hashes) -> NDArray[np.object_]:
        """Telephone numbers; the leading 555 keeps them out of use in the North American plan."""
        digits = (unit(number, _PHONE) * 9_000_000 + 1_000_000).astype(np.int64).astype(str).astype(object)
        return np.asarray("+" + dial + " 555 " + digits, dtype=object)

    def mails(self, parties: Parties, firm: NDArray[np.bool_]) -> NDArray[np.object_]:
        stem = self._names.stem.take(parties.country, unit(parties.number, _STEM))
        surname = self._names.surname.take(parties.country, unit(parties.number, _SURNAME))
        digits = (unit(parties.number, _MAIL) * 990 + 10).astype(np.int64).astype(str).astype(object)
        host = np.array(_HOSTS, dtype=object)[(unit(parties.number, _HOST) * len(_HOSTS)).astype(np.int64)]
        own_host = firm & (unit(parties.number, _HOST, 1) < 0.55)
        free = np.where(firm, stem, surname) + digits + "@" + host
        raw = np.where(own_host, "sales@" + stem + digits + ".example", free)
        return np.array([text.lower().replace(" ", "").replace("'", "") for text in raw.tolist()], dtype=object)


def _group(channel: str) -> str:
    return channel if channel in ("express", "air_cargo", "postal") else "freight"
