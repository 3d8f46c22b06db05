"""Keys of the entities that history remembers: who and where, whatever the spelling."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history_address import plain_contact, plain_name, plain_postcode, split_address
from features.reference import usd_per_unit
from features.substances.law import eu_members

if TYPE_CHECKING:
    from features.table import Coded, ManifestTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Entities with counts over windows.
PARTIES: Final = ("consignor", "consignee", "address", "pair", "lane")
#: Entities of which less is kept: links of one to another, the building of an address, and contacts by role.
LINKS: Final = (
    "consignor_lane", "building", "occupant", "consignor_address",
    "consignor_phone", "consignor_email", "consignee_phone", "consignee_email",
)  # fmt: skip
CONTACTS: Final = LINKS[4:]
#: Consignments below these are spared duty or formality: USD 800 in the United States (19 U.S.C. 1321(a)(2)(C), until it was
#: suspended), EUR 150 in the Union (Council Regulation (EC) 1186/2009, article 23). Elsewhere the first stands in.
_LIMIT_CENTS: Final = 80_000
_LIMIT_EURO_CENTS: Final = 15_000
#: HS headings of machines that press, fill or pack, and of their tools and moulds (typology E2: parts sent one by one).
_PRESS_HEADINGS: Final = ("8479", "8207", "8480", "8422")
#: More than any consignment is worth in cents or weighs in grams. Keeps sums over windows within 64 bits.
_MOST: Final = 1e12


#: Rows of a matrix of keys. Kernels count on their order (`features.kernels.history_visits`).
#:
#: ``time``: seconds since 1970. ``reference``: hash of `shipment_id`; ``identity``: of everything else that history reads.
#: ``cents``, ``grams``: value in US cents and mass, 0 where missing. ``press``: goods items with HS headings of presses, their
#: tools and moulds. ``limit``: value in cents below which the consignment is spared duty or formality. ``shipper``,
#: ``receiver``: hashes of the names. Then the keys of the entities, 64-bit hashes; 0 means that one is not declared.
ROWS: Final = (
    "time", "reference", "identity", "cents", "grams", "press", "limit", "shipper", "receiver", *PARTIES, *LINKS,
)  # fmt: skip
#: The row of the first entity.
FIRST: Final = ROWS.index(PARTIES[0])


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True) if text else 0


@lru_cache(maxsize=131072)
def _hash(text: str) -> int:
    """64-bit hash of a name, whatever its spelling."""
    return _digest(plain_name(text))


@lru_cache(maxsize=131072)
def _address(text: str) -> tuple[int, int]:
    building, unit = split_address(text)
    return _digest(building), _digest(unit)


def _mix(parts: IntArray) -> IntArray:
    """(k, n) keys from (p, k, n) parts, never 0 (finaliser of SplitMix64: Steele, Lea and Flood 2014)."""
    mixed = np.full(parts.shape[1:], 0x9E3779B97F4A7C15, dtype=np.uint64)
    for part in parts.view(np.uint64):
        mixed = (mixed ^ part) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.maximum(mixed, np.uint64(1)).view(np.int64)


def history_keys(table: ManifestTable) -> IntArray:
    """(len(ROWS), n_shipments) what history needs of a table's shipments; worked out once per table."""
    found: IntArray = table.derived("history_keys", lambda: _keys(table))
    return found


def _keys(table: ManifestTable) -> IntArray:
    n = table.n_shipments
    shipper, receiver = _hashed(table, "consignor_name"), _hashed(table, "consignee_name")
    column = _of_shipments(table, "consignee_address")
    split = np.array([*map(_address, column.values), (0, 0)], dtype=np.int64)[column.codes]
    postcode = _hashed(table, "consignee_postcode", lambda text: _digest(plain_postcode(text)))
    place = np.where(postcode != 0, postcode, _hashed(table, "consignee_city"))
    country, export = _hashed(table, "consignee_country"), _hashed(table, "export_country")
    contacts = [_hashed(table, name, lambda text: _digest(plain_contact(text))) for name in CONTACTS]
    # One row per entity: what tells its kind apart, then what it is made of; the first of these must be declared.
    nothing = np.zeros(n, dtype=np.int64)
    rows = [
        (shipper, _hashed(table, "consignor_country"), nothing, nothing),
        (receiver, place, country, nothing),
        (split[:, 0], split[:, 1], place, country),
        (split[:, 0], nothing, place, country),
        (np.where(country != 0, export, 0), country, _hashed(table, "channel"), nothing),
        *((contact, nothing, nothing, nothing) for contact in contacts),
    ]
    entity = _combined(np.array(rows, dtype=np.int64), 1)
    consignor, consignee, address, building, lane = entity[:5]
    cents = _shipment_sum(table, np.rint(table.usd("customs_value") * 100.0))
    press = _press_items(table)
    grams = _grams(table)
    linked = np.array(
        [
            (consignor, consignee, nothing),
            (address, receiver, nothing),
            (consignor, address, nothing),
            (consignor, lane, nothing),
            (cents + 1, grams, press),
        ],
        dtype=np.int64,
    )
    links = _combined(linked, 101)
    links[:4] = np.where(linked[:4, 1] != 0, links[:4], 0)
    pair, occupant, own_address, own_lane = links[:4]
    reference = _of_shipments(table, "shipment_id")
    return np.stack(
        [
            table.declared_s,
            np.fromiter((*map(_digest, reference.values), 0), dtype=np.int64)[reference.codes],
            # Says whether a shipment sent again is still the same one.
            np.bitwise_xor.reduce(entity, axis=0) ^ links[4],
            cents,
            grams,
            press,
            _limits(table, _of_shipments(table, "consignee_country")),
            shipper,
            receiver,
            consignor,
            consignee,
            address,
            pair,
            lane,
            own_lane,
            building,
            occupant,
            own_address,
            *entity[5:],
        ]
    )


def _combined(rows: IntArray, salt: int) -> IntArray:
    """(k, n) keys of (k, parts, n) rows; 0 where the first part is missing."""
    kinds = np.broadcast_to(np.arange(salt, salt + len(rows), dtype=np.int64)[:, None], rows[:, 0].shape)
    mixed = _mix(np.stack([kinds, *rows.transpose(1, 0, 2)]))
    return np.where(rows[:, 0] != 0, mixed, 0)


def _of_shipments(table: ManifestTable, name: str) -> Coded:
    return _compact(table.text(name).take(table.first_row))


def _compact(column: Coded) -> Coded:
    """The column without values that no row has, where it may have many: a part of a table keeps the whole one's."""
    return column.compact() if len(column.values) > len(column.codes) else column


def _hashed(table: ManifestTable, name: str, compute: Callable[[str], int] = _hash) -> IntArray:
    column = _of_shipments(table, name)
    return np.fromiter((*map(compute, column.values), 0), dtype=np.int64)[column.codes]


def _shipment_sum(table: ManifestTable, amounts: FloatArray) -> IntArray:
    whole = np.nan_to_num(np.minimum(np.maximum(amounts, 0.0), _MOST)).astype(np.int64)
    return np.minimum(np.add.reduceat(whole, table.first_row), int(_MOST)) if table.n_shipments else whole


def _grams(table: ManifestTable) -> IntArray:
    """The gross mass, or where it is missing the net masses of the items."""
    net = _shipment_sum(table, np.rint(table.number("net_mass_kg") * 1000.0))
    gross = np.rint(table.number("gross_mass_kg")[table.first_row] * 1000.0)
    known = np.nan_to_num(np.minimum(np.maximum(gross, 0.0), _MOST)).astype(np.int64)
    return np.where(np.isnan(gross), net, known)


def _press_items(table: ManifestTable) -> IntArray:
    hs = _compact(table.text("hs_code"))
    pressing = np.array([*(code.startswith(_PRESS_HEADINGS) for code in hs.values), False], dtype=np.int64)
    return np.add.reduceat(pressing[hs.codes], table.first_row) if table.n_shipments else table.first_row


def _limits(table: ManifestTable, country: Coded) -> IntArray:
    member = np.array([*(code in eu_members() for code in country.values), False])[country.codes]
    limits = np.full(len(member), _LIMIT_CENTS, dtype=np.int64)
    if member.any():
        months = table.declared_s[member].astype("datetime64[s]").astype("datetime64[M]")
        distinct, inverse = np.unique(months, return_inverse=True)
        rates = [usd_per_unit("EUR", day) or 1.0 for day in distinct.astype("datetime64[D]").tolist()]
        limits[member] = np.rint(_LIMIT_EURO_CENTS * np.array(rates))[inverse].astype(np.int64)
    return limits
