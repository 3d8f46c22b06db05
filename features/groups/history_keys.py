"""Keys of the entities that history remembers: who and where, whatever the spelling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history_address import plain_contact, plain_name, plain_postcode, split_address
from features.kernels.history_keys import fill_keys, fill_limits, numbers_of, pairs_of
from features.reference import usd_per_unit
from features.substances.law import eu_members

if TYPE_CHECKING:
    from features.table import ManifestTable

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
_CACHED: Final = 16384
_INT64: Final = Struct("<q")
_EPOCH: Final = date(1970, 1, 1).toordinal()
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
    """64 bits of BLAKE2b; 0 of an empty text."""
    if not text:
        return 0
    number: int = _INT64.unpack(blake2b(text.encode(), digest_size=8).digest())[0]
    return number


def _name(text: str) -> int:
    """64-bit hash of a name, whatever its spelling."""
    return _digest(plain_name(text))


#: Countries, cities and channels come again and again; names of parties mostly do not.
_known_name: Final = lru_cache(maxsize=_CACHED)(_name)


@lru_cache(maxsize=_CACHED)
def _postcode(text: str) -> int:
    return _digest(plain_postcode(text))


def _contact(text: str) -> int:
    return _digest(plain_contact(text))


def _address(text: str) -> tuple[int, int]:
    building, unit = split_address(text)
    return _digest(building), _digest(unit)


def _member(country: str) -> int:
    return country in eu_members()


def _pressing(hs_code: str) -> int:
    return hs_code.startswith(_PRESS_HEADINGS)


@lru_cache(maxsize=4096)
def _union_limit(day: int) -> int:
    """Cents below which a consignment to the Union is spared duty, on a day counted from 1970."""
    rate = usd_per_unit("EUR", date.fromordinal(_EPOCH + day)) or 1.0
    return round(_LIMIT_EURO_CENTS * rate)


#: Columns of text, and what is worked out of each distinct text of them, in the order of `features.kernels.history_keys`; an
#: address follows.
_LINES: Final[tuple[tuple[str, Callable[[str], int]], ...]] = (
    ("consignor_name", _name), ("consignor_country", _known_name), ("consignee_name", _name),
    ("consignee_postcode", _postcode), ("consignee_city", _known_name), ("consignee_country", _known_name),
    ("export_country", _known_name), ("channel", _known_name), ("shipment_id", _digest), ("consignee_country", _member),
    *((name, _contact) for name in CONTACTS),
)  # fmt: skip
_NAMES: Final = [name for name, _ in _LINES]
_FUNCTIONS: Final = [function for _, function in _LINES]
_MEMBERS: Final = _FUNCTIONS.index(_member)
_LIMITS: Final = ROWS.index("limit")


def history_keys(table: ManifestTable) -> IntArray:
    """(len(ROWS), n_shipments) what history needs of a table's shipments; worked out once per table."""
    found: IntArray = table.derived("history_keys", lambda: keys_of(table))
    return found


def keys_of(table: ManifestTable) -> IntArray:
    """`history_keys`, not remembered."""
    lines = np.empty((len(_LINES) + 2, table.n_shipments), dtype=np.int64)
    numbers_of([table.text(name) for name in _NAMES], _FUNCTIONS, table.first_row, lines)
    pairs_of(table.text("consignee_address"), _address, table.first_row, lines)
    pressing = np.empty((1, table.n_rows), dtype=np.int64)
    every_row = table.first_row if table.n_rows == table.n_shipments else np.arange(table.n_rows)
    numbers_of([table.text("hs_code")], [_pressing], every_row, pressing)
    keys = np.empty((len(ROWS), table.n_shipments), dtype=np.int64)
    fill_keys(
        lines.view(np.uint64),
        table.first_row,
        table.usd("customs_value"),
        table.number("net_mass_kg"),
        table.number("gross_mass_kg"),
        pressing[0],
        table.declared_s,
        keys.view(np.uint64),
    )
    fill_limits(lines[_MEMBERS], table.declared_s, _LIMIT_CENTS, _union_limit, keys[_LIMITS])
    return keys
