"""Keys of the entities that history remembers: who and where, whatever the spelling."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.address import plain_contacts, plain_names, plain_postcodes, split_addresses
from features.groups.history.key_rows import LINES, fill_keys, fill_limits, hash_texts, numbers_of
from features.reference import usd_per_unit
from features.substances.law import eu_members

if TYPE_CHECKING:
    from features.table.table import Coded, ManifestTable

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
_PRESS_HEADINGS: Final = frozenset({"8479", "8207", "8480", "8422"})
_EPOCH: Final = date(1970, 1, 1).toordinal()
#: Rows of a matrix of keys. Kernels count on their order (`features.groups.history.visits`).
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


def _addresses(texts: list[str]) -> list[bytes]:
    """The buildings of all texts, then their units."""
    buildings, units = split_addresses(texts)
    return [text.encode() for text in (*buildings, *units)]


def _references(texts: list[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _member(country: str) -> int:
    return country in eu_members()


def _pressing(codes: Coded) -> NDArray[np.int32]:
    """Return 1 for each row (n,) with an HS code of press machinery, otherwise 0."""
    return codes.lookup(np.array([code[:4] in _PRESS_HEADINGS for code in codes.values], dtype=np.int32), 0)


@lru_cache(maxsize=4096)
def _union_limit(day: int) -> int:
    """Cents below which a consignment to the Union is spared duty, on a day counted from 1970."""
    rate = usd_per_unit("EUR", date.fromordinal(_EPOCH + day)) or 1.0
    return round(_LIMIT_EURO_CENTS * rate)


#: Columns of texts, what is hashed of them, and in how many parts, in the order of `features.groups.history.key_rows`.
_HASHED: Final[tuple[tuple[tuple[str, ...], Callable[[list[str]], list[bytes]], int], ...]] = (
    (
        (
            "consignor_name", "consignor_country", "consignee_name", "consignee_city", "consignee_country", "export_country",
            "channel",
        ),
        plain_names,
        1,
    ),
    (CONTACTS, plain_contacts, 1),
    (("consignee_postcode",), plain_postcodes, 1),
    (("shipment_id",), _references, 1),
    (("consignee_address",), _addresses, 2),
)  # fmt: skip
_LIMITS: Final = ROWS.index("limit")


def history_keys(table: ManifestTable) -> IntArray:
    """(len(ROWS), n_shipments) what history needs of a table's shipments; worked out once per table."""
    if table.history_keys is None:
        table.history_keys = keys_of(table)
    return table.history_keys


def keys_of(table: ManifestTable) -> IntArray:
    """`history_keys`, not remembered."""
    n, first_row = table.n_shipments, table.first_row
    lines = np.empty((LINES, n), dtype=np.uint64)
    hash_texts(
        [([table.text(name) for name in names], plain, parts) for names, plain, parts in _HASHED], first_row, lines
    )
    keys = np.empty((len(ROWS), n), dtype=np.int64)
    fill_keys(
        lines,
        first_row,
        table.usd("customs_value"),
        table.number("net_mass_kg"),
        table.number("gross_mass_kg"),
        _pressing(table.text("hs_code")),
        table.declared_s,
        keys.view(np.uint64),
    )
    members = np.empty(n, dtype=np.int64)
    numbers_of(table.text("consignee_country"), _member, first_row, members)
    fill_limits(members, table.declared_s, _LIMIT_CENTS, _union_limit, keys[_LIMITS])
    return keys
