"""Compiled loops that compute the key matrix: hashes of texts, sums of amounts, and keys of entities."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import cython
import numpy as np
from numpy.typing import NDArray

from features.groups.history.state import CONTACTS, Entity, HashedTexts, KeyRow, TextLine, key_row
from features.table.coded import Coded, rows_of
from features.table.table import ManifestTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]


_CONSIGNOR_NAME = cython.declare(cython.Py_ssize_t, TextLine.CONSIGNOR_NAME)
_CONSIGNOR_COUNTRY = cython.declare(cython.Py_ssize_t, TextLine.CONSIGNOR_COUNTRY)
_CONSIGNEE_NAME = cython.declare(cython.Py_ssize_t, TextLine.CONSIGNEE_NAME)
_CITY = cython.declare(cython.Py_ssize_t, TextLine.CITY)
_COUNTRY = cython.declare(cython.Py_ssize_t, TextLine.COUNTRY)
_EXPORT_COUNTRY = cython.declare(cython.Py_ssize_t, TextLine.EXPORT_COUNTRY)
_CHANNEL = cython.declare(cython.Py_ssize_t, TextLine.CHANNEL)
_POSTCODE = cython.declare(cython.Py_ssize_t, TextLine.POSTCODE)
_REFERENCE = cython.declare(cython.Py_ssize_t, TextLine.REFERENCE)
_BUILDING = cython.declare(cython.Py_ssize_t, TextLine.BUILDING)
_UNIT = cython.declare(cython.Py_ssize_t, TextLine.UNIT)
_FIRST_CONTACT = cython.declare(cython.Py_ssize_t, TextLine.CONTACTS)
_CONTACTS = cython.declare(cython.Py_ssize_t, len(CONTACTS))

_TIME_ROW = cython.declare(cython.Py_ssize_t, KeyRow.TIME)
_REFERENCE_ROW = cython.declare(cython.Py_ssize_t, KeyRow.REFERENCE)
_IDENTITY_ROW = cython.declare(cython.Py_ssize_t, KeyRow.IDENTITY)
_CENTS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CENTS)
_GRAMS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.GRAMS)
_PRESS_ROW = cython.declare(cython.Py_ssize_t, KeyRow.PRESS)
_CODED_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CODED)
_CHEMISTRY_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CHEMISTRY)
_CONSIGNOR_NAME_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CONSIGNOR_NAME)
_CONSIGNEE_NAME_ROW = cython.declare(cython.Py_ssize_t, KeyRow.CONSIGNEE_NAME)
_CONSIGNOR_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR))
_CONSIGNEE_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNEE))
_ADDRESS_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.ADDRESS))
_PAIR_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.PAIR))
_TRADE_LANE_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.TRADE_LANE))
_CONSIGNOR_CITY_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR_CITY))
_CITY_HEADING_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CITY_HEADING))
_CONSIGNOR_TRADE_LANE_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR_TRADE_LANE))
_BUILDING_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.BUILDING))
_OCCUPANT_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.OCCUPANT))
_CONSIGNOR_ADDRESS_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR_ADDRESS))
_CONSIGNOR_CHAPTER_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR_CHAPTER))
_CONSIGNOR_HEADING_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.CONSIGNOR_HEADING))
_PAIR_HEADING_ROW = cython.declare(cython.Py_ssize_t, key_row(Entity.PAIR_HEADING))
_FIRST_CONTACT_ROW = cython.declare(cython.Py_ssize_t, key_row(CONTACTS[0]))

_WORD = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_START = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
_FIRST_FACTOR = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
_SECOND_FACTOR = cython.declare(cython.ulonglong, 0x94D049BB133111EB)
# Salts of the keys of each kind. They must never change, because snapshots contain keys.
_MIX_CONSIGNOR = cython.declare(cython.ulonglong, 1)
_MIX_CONSIGNEE = cython.declare(cython.ulonglong, 2)
_MIX_ADDRESS = cython.declare(cython.ulonglong, 3)
_MIX_BUILDING = cython.declare(cython.ulonglong, 4)
_MIX_TRADE_LANE = cython.declare(cython.ulonglong, 5)
_MIX_FIRST_CONTACT = cython.declare(cython.ulonglong, 6)
_MIX_PAIR = cython.declare(cython.ulonglong, 101)
_MIX_OCCUPANT = cython.declare(cython.ulonglong, 102)
_MIX_CONSIGNOR_ADDRESS = cython.declare(cython.ulonglong, 103)
_MIX_CONSIGNOR_TRADE_LANE = cython.declare(cython.ulonglong, 104)
_MIX_IDENTITY = cython.declare(cython.ulonglong, 105)
_MIX_CONSIGNOR_CITY = cython.declare(cython.ulonglong, 106)
_MIX_CONSIGNOR_CHAPTER = cython.declare(cython.ulonglong, 107)
_MIX_CONSIGNOR_HEADING = cython.declare(cython.ulonglong, 108)
_MIX_PAIR_HEADING = cython.declare(cython.ulonglong, 109)
_MIX_CITY_HEADING = cython.declare(cython.ulonglong, 110)

# HS headings of machines that press, fill or pack, and of tools and moulds for them (typology E2: parts in separate shipments).
_MACHINES = cython.declare(cython.int, 8479)
_TOOLS = cython.declare(cython.int, 8207)
_MOULDS = cython.declare(cython.int, 8480)
_PACKING = cython.declare(cython.int, 8422)
# HS chapters of chemistry: inorganic, organic and miscellaneous chemicals.
_INORGANIC = cython.declare(cython.int, 28)
_ORGANIC = cython.declare(cython.int, 29)
_MISCELLANEOUS = cython.declare(cython.int, 38)
#: Headings per chapter.
_HEADINGS = cython.declare(cython.int, 100)

#: Upper bound of cents and grams, which no real consignment reaches. It keeps sums over windows within 64 bits.
_MOST = cython.declare(cython.double, 1e12)
#: 2 ** 52. Adding and then subtracting it rounds a smaller double to an integer, ties to even, like `numpy.rint`.
_ROUNDING = cython.declare(cython.double, 4503599627370496.0)
#: Offset that makes days since 1970 positive for all years from 1.
_DAYS_BEFORE = cython.declare(cython.longlong, 800_000)
_DAY_SECONDS = cython.declare(cython.longlong, 86400)
#: Number of texts hashed at once, which limits the working memory.
_CHUNK = cython.declare(cython.Py_ssize_t, 4096)
_HASH_BYTES = cython.declare(cython.int, 8)
#: Empty hash object. Copying it is faster than creating a new one.
_EMPTY_HASH = blake2b(digest_size=8)


class ItemAmounts:
    """Amounts of goods items, (n_rows,) each; NaN where missing.

    Attributes:
        dollars: values in US dollars.
        net_kg: net masses of the items.
        gross_kg: gross masses of the items' shipments.
        heading: HS headings as numbers; 0 where missing.
    """

    def __init__(
        self, dollars: FloatArray, net_kg: FloatArray, gross_kg: FloatArray, heading: NDArray[np.int32]
    ) -> None:
        self.dollars, self.net_kg, self.gross_kg, self.heading = dollars, net_kg, gross_kg, heading


def hash_texts(table: ManifestTable, groups: tuple[HashedTexts, ...], rows: IntArray, out: WordArray) -> None:
    """Fill ``out`` (lines, n) with hashes of the texts in ``rows`` (n,); 0 where a text is missing or empty."""
    for group in groups:
        columns = [table.text(name) for name in group.columns]
        if out.shape[1] == 1:
            _hash_row(columns, group, rows[0], out)
        else:
            _hash_columns(columns, group, rows, out)


def _hash_row(columns: list[Coded], group: HashedTexts, row: int, out: WordArray) -> None:
    """Hash the texts of one row."""
    texts: list[str] = []
    for column in columns:
        code = rows_of(column)[row]
        texts.append(column.values[code] if code >= 0 else "")
    for line, text in zip(group.lines, group.spell(texts), strict=True):
        out[line, 0] = _hash(text)


def _hash_columns(columns: list[Coded], group: HashedTexts, rows: IntArray, out: WordArray) -> None:
    """Hash the texts of n rows. Each distinct text is hashed once, except in a column with more texts than rows."""
    n = rows.shape[0]
    texts: list[str] = []
    for column in columns:
        # A part of a table shares the texts of the full table, so it can have more texts than rows.
        texts += column.values if len(column.values) < n else _texts_at(column.codes, rows, column.values)
    hashes = np.empty((group.parts, len(texts)), dtype=np.uint64)
    for start in range(0, len(texts), _CHUNK):
        _hash_chunk(group.spell(texts[start : start + _CHUNK]), group.parts, hashes, start)
    lines = iter(group.lines)
    for part in range(group.parts):
        begin = 0
        for column in columns:
            line = next(lines)
            if len(column.values) < n:
                _fill_line(column.codes, rows, hashes[part, begin:], out, line)
                begin += len(column.values)
            else:
                np.asarray(out)[line] = hashes[part, begin : begin + n]
                begin += n


def fill_missing(column: Coded, spell: Callable[[list[str]], list[bytes]], rows: IntArray, line: WordArray) -> None:
    """Replace the zeros in a line (n_shipments,) of hashed texts with hashes of another column.

    Args:
        spell: function that normalises texts.
        rows: (n_shipments,) first row of each shipment.
    """
    for row in range(rows.shape[0]):
        if line[row] == 0:
            _fill_zeros(column.codes, column.values, spell, rows, line)
            return


def _fill_zeros(
    codes: NDArray[np.int32],
    values: list[str],
    spell: Callable[[list[str]], list[bytes]],
    rows: IntArray,
    line: WordArray,
) -> None:
    hashes: dict[int, int] = {}
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        if line[row] == 0 and code >= 0:
            hashes[code] = 0
    needed = list(hashes)
    for code, text in zip(needed, spell([values[code] for code in needed]), strict=True):
        hashes[code] = _hash(text)
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        if line[row] == 0 and code >= 0:
            line[row] = hashes[code]


def _texts_at(codes: NDArray[np.int32], rows: IntArray, values: list[str]) -> list[str]:
    texts: list[str] = []
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        texts.append(values[code] if code >= 0 else "")
    return texts


def _hash_chunk(spellings: list[bytes], parts: int, hashes: WordArray, start: int) -> None:
    """Write the hashes of normalised texts into ``hashes`` (parts, n) from column ``start`` on.

    The first parts of all texts come before their second parts.
    """
    n = len(spellings) // parts
    for at in range(len(spellings)):
        hashes[at // n, start + at % n] = _hash(spellings[at])


def _hash(text: bytes) -> int:
    """Return the 64-bit BLAKE2b hash of a text; 0 for an empty text."""
    if not text:
        return 0
    state = _EMPTY_HASH.copy()
    state.update(text)
    digest = state.digest()
    number = 0
    for at in range(_HASH_BYTES):
        number = number << 8 | digest[_HASH_BYTES - 1 - at]
    return number


def _fill_line(codes: NDArray[np.int32], rows: IntArray, hashes: WordArray, out: WordArray, line: int) -> None:
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        out[line, row] = hashes[code] if code >= 0 else 0


def numbers_of(column: Coded, function: Callable[[str], int], rows: IntArray, out: IntArray) -> None:
    """Fill ``out`` (n,) with ``function`` of the texts in n rows; 0 where a text is missing."""
    _number_rows(rows_of(column), column.values, function, rows, out)


def _number_rows(
    codes: NDArray[np.int32], values: list[str], function: Callable[[str], int], rows: IntArray, out: IntArray
) -> None:
    n = rows.shape[0]
    numbers = [function(value) for value in values] if len(values) < n else None
    for row in range(n):
        code = codes[rows[row]]
        if code < 0:
            out[row] = 0
        else:
            out[row] = numbers[code] if numbers is not None else function(values[code])


def headings_of(column: Coded) -> NDArray[np.int32]:
    """Return the HS heading of each row of a column of codes as a number, shape (n_rows,); 0 where missing."""
    codes, values = rows_of(column), column.values
    headings: NDArray[np.int32] = np.empty(codes.shape[0], dtype=np.int32)
    view = headings
    numbers = [int(value[:4]) for value in values]
    for row in range(codes.shape[0]):
        code = codes[row]
        view[row] = numbers[code] if code >= 0 else 0
    return headings


def fill_limits(members: IntArray, times: IntArray, usual: int, of_day: Callable[[int], int], out: IntArray) -> None:
    """Fill ``out`` (n,) with the limits of shipments.

    Args:
        members: (n,) 1 for a shipment to a member of the European Union.
        times: (n,) seconds since 1970.
        usual: limit for other shipments.
        of_day: function that returns the Union's limit on a day since 1970.
    """
    before = -1
    limit = usual
    for row in range(members.shape[0]):
        out[row] = usual
        if members[row]:
            day = (times[row] + _DAYS_BEFORE * _DAY_SECONDS) // _DAY_SECONDS
            if day != before:
                before, limit = day, of_day(int(day - _DAYS_BEFORE))
            out[row] = limit


def fill_keys(lines: WordArray, items: ItemAmounts, first_row: IntArray, times: IntArray, out: WordArray) -> None:
    """Fill a key matrix, except for the row of limits.

    Args:
        lines: (TEXT_LINES, n) hashes of the shipments' texts.
        items: amounts of the goods items.
        first_row: (n,) first row of each shipment.
        times: (n,) seconds since 1970.
        out: (KEY_ROWS, n) output: keys.
    """
    n, rows = first_row.shape[0], items.dollars.shape[0]
    for row in range(n):
        first = first_row[row]
        end = first_row[row + 1] if row + 1 < n else rows
        heading = _fill_amounts(row, first, end, items, out)
        _fill_entities(row, lines, out)
        _fill_goods(row, heading, lines, out)
        out[_TIME_ROW, row] = _word(times[row])


def _fill_amounts(row: int, first: int, end: int, items: ItemAmounts, out: WordArray) -> int:
    """Write the sums of the amounts of a shipment's goods items (rows ``first`` to ``end - 1``), and return its leading heading.

    This is the lowest heading of chemistry, otherwise the lowest heading; 0 without codes. It does not depend on the order of the
    items.
    """
    cents, grams, press, leading = 0.0, 0.0, 0, 0
    for item in range(first, end):
        cents += _whole(items.dollars[item] * 100.0)
        grams += _whole(items.net_kg[item] * 1000.0)
        heading = items.heading[item]
        press += heading in (_MACHINES, _TOOLS, _MOULDS, _PACKING)
        if heading != 0 and (leading == 0 or _leads(heading, leading)):
            leading = heading
    # Use the gross mass of the shipment, or the sum of the items' net masses if it is missing.
    if items.gross_kg[first] == items.gross_kg[first]:
        grams = _whole(items.gross_kg[first] * 1000.0)
    out[_CENTS_ROW, row] = cython.cast(cython.ulonglong, min(cents, _MOST))
    out[_GRAMS_ROW, row] = cython.cast(cython.ulonglong, min(grams, _MOST))
    out[_PRESS_ROW, row] = press
    out[_CODED_ROW, row] = leading != 0
    out[_CHEMISTRY_ROW, row] = _is_chemistry(leading)
    return leading


def _leads(heading: int, leading: int) -> bool:
    """Return whether ``heading`` represents a shipment rather than ``leading``."""
    if _is_chemistry(heading) != _is_chemistry(leading):
        return _is_chemistry(heading)
    return heading < leading


def _is_chemistry(heading: int) -> bool:
    chapter = heading // _HEADINGS
    return chapter in (_INORGANIC, _ORGANIC, _MISCELLANEOUS)


def _whole(amount: float) -> float:
    """Return an amount rounded to an integer from 0 to `_MOST`; 0 for NaN."""
    if not amount > 0.0:
        return 0.0
    rounded: float = (amount + _ROUNDING) - _ROUNDING if amount < _MOST else _MOST
    return rounded


def _fill_entities(row: int, lines: WordArray, out: WordArray) -> None:
    """Write the keys of a shipment's entities and its identity, mixed from the hashes of its texts."""
    consignor_name, consignee_name = _word(lines[_CONSIGNOR_NAME, row]), _word(lines[_CONSIGNEE_NAME, row])
    building_name = _word(lines[_BUILDING, row])
    place = _word(lines[_POSTCODE, row] if lines[_POSTCODE, row] != 0 else lines[_CITY, row])
    country, channel = _word(lines[_COUNTRY, row]), _word(lines[_CHANNEL, row])
    export = _word(lines[_EXPORT_COUNTRY, row]) if country != 0 else 0
    # A key is 0 if its first part is missing.
    consignor = _entity_key(_MIX_CONSIGNOR, consignor_name, _word(lines[_CONSIGNOR_COUNTRY, row]), 0, 0)
    consignee = _entity_key(_MIX_CONSIGNEE, consignee_name, place, country, 0)
    address = _entity_key(_MIX_ADDRESS, building_name, _word(lines[_UNIT, row]), place, country)
    building = _entity_key(_MIX_BUILDING, building_name, 0, place, country)
    trade_lane = _entity_key(_MIX_TRADE_LANE, export, country, channel, 0)
    identity = consignor ^ consignee ^ address ^ building ^ trade_lane
    identity ^= _link_key(
        _MIX_IDENTITY, _word(out[_CENTS_ROW, row]) + 1, _word(out[_GRAMS_ROW, row]), _word(out[_PRESS_ROW, row])
    )
    for number in range(_CONTACTS):
        contact = _entity_key(_MIX_FIRST_CONTACT + number, _word(lines[_FIRST_CONTACT + number, row]), 0, 0, 0)
        out[_FIRST_CONTACT_ROW + number, row] = contact
        identity ^= contact
    out[_REFERENCE_ROW, row] = lines[_REFERENCE, row]
    out[_CONSIGNOR_NAME_ROW, row], out[_CONSIGNEE_NAME_ROW, row] = consignor_name, consignee_name
    out[_CONSIGNOR_ROW, row], out[_CONSIGNEE_ROW, row], out[_ADDRESS_ROW, row] = consignor, consignee, address
    out[_PAIR_ROW, row] = _link_key(_MIX_PAIR, consignor, consignee, 0) if consignee != 0 else 0
    out[_TRADE_LANE_ROW, row] = trade_lane
    out[_CONSIGNOR_TRADE_LANE_ROW, row] = (
        _link_key(_MIX_CONSIGNOR_TRADE_LANE, consignor, trade_lane, 0) if trade_lane != 0 else 0
    )
    out[_BUILDING_ROW, row] = building
    out[_OCCUPANT_ROW, row] = _link_key(_MIX_OCCUPANT, address, consignee_name, 0) if consignee_name != 0 else 0
    out[_CONSIGNOR_ADDRESS_ROW, row] = _link_key(_MIX_CONSIGNOR_ADDRESS, consignor, address, 0) if address != 0 else 0
    out[_IDENTITY_ROW, row] = identity


def _fill_goods(row: int, heading: int, lines: WordArray, out: WordArray) -> None:
    """Write the keys of a shipment's city and goods, and add them to its identity."""
    city, country, goods = _word(lines[_CITY, row]), _word(lines[_COUNTRY, row]), _word(heading)
    consignor, pair = _word(out[_CONSIGNOR_ROW, row]), _word(out[_PAIR_ROW, row])
    consignor_city = _link_key(_MIX_CONSIGNOR_CITY, consignor, city, country) if city != 0 else 0
    consignor_chapter, consignor_heading, pair_heading, city_heading = 0, 0, 0, 0
    if heading != 0:
        consignor_chapter = _link_key(_MIX_CONSIGNOR_CHAPTER, consignor, _word(heading // _HEADINGS), 0)
        consignor_heading = _link_key(_MIX_CONSIGNOR_HEADING, consignor, goods, 0)
        pair_heading = _link_key(_MIX_PAIR_HEADING, pair, goods, 0)
        city_heading = _link_key(_MIX_CITY_HEADING, city, country, goods)
    out[_CONSIGNOR_CITY_ROW, row], out[_CITY_HEADING_ROW, row] = consignor_city, city_heading
    out[_CONSIGNOR_CHAPTER_ROW, row], out[_CONSIGNOR_HEADING_ROW, row] = consignor_chapter, consignor_heading
    out[_PAIR_HEADING_ROW, row] = pair_heading
    out[_IDENTITY_ROW, row] = _word(out[_IDENTITY_ROW, row]) ^ consignor_city ^ city_heading ^ consignor_heading


def _word(number: int) -> int:
    """Return a 64-bit integer as an unsigned one."""
    word: int = cython.cast(cython.ulonglong, number) & _WORD
    return word


def _entity_key(kind: int, first: int, second: int, third: int, fourth: int) -> int:
    """Return the key of an entity: 0 if its first part is 0, otherwise never 0."""
    if first == 0:
        return 0
    mixed = _mixed(_mixed(_mixed(_mixed(_mixed(_START, kind), first), second), third), fourth)
    return mixed if mixed != 0 else 1


def _link_key(kind: int, first: int, second: int, third: int) -> int:
    """Return the key of a link: 0 if its first part is 0, otherwise never 0."""
    if first == 0:
        return 0
    mixed = _mixed(_mixed(_mixed(_mixed(_START, kind), first), second), third)
    return mixed if mixed != 0 else 1


def _mixed(word: int, part: int) -> int:
    """Mix a part into a hash with the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    word = ((word ^ part) * _FIRST_FACTOR) & _WORD
    word = ((word ^ (word >> 27)) * _SECOND_FACTOR) & _WORD
    return word ^ (word >> 31)
