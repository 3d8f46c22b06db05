"""Key matrix of a table: hashes of the parties, addresses and trade lanes of shipments, which do not depend on spelling."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.address import plain_areas, plain_contacts, plain_names, plain_postcodes, split_addresses
from features.groups.history.key_rows import (
    ItemAmounts,
    fill_keys,
    fill_limits,
    fill_missing,
    hash_texts,
    headings_of,
    numbers_of,
)
from features.groups.history.state import CONTACTS, KEY_ROWS, TEXT_LINES, UNDECLARED, HashedTexts, KeyRow, TextLine
from features.reference import usd_per_unit
from features.reference.trade import LIMIT_EUR, LIMIT_USD
from features.substances import eu_members
from features.table.table import ManifestTable
from features.texts.declared import TIME_MISSING

IntArray = NDArray[np.int64]

_LIMIT_CENTS: Final = 100 * LIMIT_USD
_LIMIT_EURO_CENTS: Final = 100 * LIMIT_EUR
_EPOCH: Final = date(1970, 1, 1).toordinal()


def _addresses(texts: list[str]) -> list[bytes]:
    """Return the buildings of all texts, then their units."""
    buildings, units = split_addresses(texts)
    return [text.encode() for text in (*buildings, *units)]


def _references(texts: list[str]) -> list[bytes]:
    return [text.encode() for text in texts]


def _is_member(country: str) -> int:
    return country in eu_members()


def _union_limit(day: int) -> int:
    """Return the European Union's exemption limit on a day since 1970-01-01, in US cents."""
    rate = usd_per_unit("EUR", date.fromordinal(_EPOCH + day)) or 1.0
    return round(_LIMIT_EURO_CENTS * rate)


_HASHED: Final = (
    HashedTexts(
        (
            "consignor_name", "consignor_country", "consignee_name", "consignee_city", "consignee_country", "export_country",
            "channel",
        ),
        (
            TextLine.CONSIGNOR_NAME, TextLine.CONSIGNOR_COUNTRY, TextLine.CONSIGNEE_NAME, TextLine.CITY, TextLine.COUNTRY,
            TextLine.EXPORT_COUNTRY, TextLine.CHANNEL,
        ),
        plain_names,
        1,
    ),
    HashedTexts(
        tuple(contact.label for contact in CONTACTS),
        tuple(TextLine.CONTACTS + number for number in range(len(CONTACTS))),
        plain_contacts,
        1,
    ),
    HashedTexts(("consignee_postcode",), (TextLine.POSTCODE,), plain_postcodes, 1),
    HashedTexts(("shipment_id",), (TextLine.REFERENCE,), _references, 1),
    HashedTexts(("consignee_address",), (TextLine.BUILDING, TextLine.UNIT), _addresses, 2),
)  # fmt: skip


def history_keys(table: ManifestTable) -> IntArray:
    """Return the key matrix (KEY_ROWS, n_shipments) of a table. The table caches it."""
    if table.history_keys is None:
        table.history_keys = keys_of(table)
    return table.history_keys


def seconds_of(keys: IntArray) -> IntArray:
    """Return the times (n,) of shipments with the given keys in seconds since 1970, whether declared or of receipt."""
    times = keys[KeyRow.TIME]
    return np.asarray(np.where(times < UNDECLARED // 2, times - UNDECLARED, times), dtype=np.int64)


def keys_of(table: ManifestTable) -> IntArray:
    """Compute the key matrix (KEY_ROWS, n_shipments) of a table."""
    n, first_row = table.n_shipments, table.first_row
    lines = np.empty((TEXT_LINES, n), dtype=np.uint64)
    hash_texts(table, _HASHED, first_row, lines)
    fill_missing(table.text("consignee_postcode"), plain_areas, first_row, lines[TextLine.CITY])
    keys = np.empty((KEY_ROWS, n), dtype=np.int64)
    items = ItemAmounts(
        table.usd("customs_value"),
        table.number("net_mass_kg"),
        table.number("gross_mass_kg"),
        headings_of(table.text("hs_code")),
    )
    fill_keys(lines, items, first_row, table.declared_s, keys.view(np.uint64))
    members = np.empty(n, dtype=np.int64)
    numbers_of(table.text("consignee_country"), _is_member, first_row, members)
    fill_limits(members, table.declared_s, _LIMIT_CENTS, _union_limit, keys[KeyRow.LIMIT])
    undeclared = table.seconds("declared_at")[first_row] == TIME_MISSING
    if np.count_nonzero(undeclared):
        keys[KeyRow.TIME, undeclared] += UNDECLARED
    return keys
