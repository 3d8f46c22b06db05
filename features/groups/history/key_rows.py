"""Keys of entities from what is known of texts and amounts, shipment by shipment."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table.coded import Coded

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

#: Lines of what is known of a shipment's texts: hashes, and whether it goes to a member of the Union.
(
    SHIPPER, SHIPPER_COUNTRY, RECEIVER, CITY, COUNTRY, EXPORT, CHANNEL, CONTACTS,
) = range(8)  # fmt: skip
POSTCODE, REFERENCE, BUILDING, UNIT = range(CONTACTS + 4, CONTACTS + 8)
LINES = UNIT + 1
#: Rows of a matrix of keys (`features.groups.history.keys`).
(
    TIME, REFERENCE_OUT, IDENTITY, CENTS, GRAMS, PRESS, LIMIT, SHIPPER_OUT, RECEIVER_OUT,
    CONSIGNOR, CONSIGNEE, ADDRESS, PAIR, LANE, OWN_LANE, HOUSE, OCCUPANT, OWN_ADDRESS, CONTACTS_OUT,
) = range(19)  # fmt: skip
WORD = 0xFFFFFFFFFFFFFFFF
START, FIRST_FACTOR, SECOND_FACTOR = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
#: More than any consignment is worth in cents or weighs in grams. Keeps sums over windows within 64 bits.
MOST = 1e12
#: Added to a double below, and taken off again, it rounds half to even, as `numpy.rint` does.
ROUNDING = 4503599627370496.0
#: Times of all years from 1 on are positive with it.
DAYS_BEFORE = 800_000
#: Texts hashed at a time, which bounds the working memory.
SOME = 4096
#: The hash of nothing, of which a copy is had sooner than a new one.
HASH = blake2b(digest_size=8)


def hash_texts(
    groups: list[tuple[list[Coded], Callable[[list[str]], list[bytes]], int]], rows: IntArray, out: WordArray
) -> None:
    """Fill ``out`` (lines, n) with hashes of texts at n rows; 0 where there is nothing to hash.

    Args:
        groups: columns; what is hashed of their texts: the first parts of them all, then the second ones; and how many parts
            that are. Each part of each column has a line.
    """
    line = 0
    for columns, plain, parts in groups:
        if out.shape[1] == 1:
            line = _hash_row(columns, plain, rows[0], out, line)
        else:
            line = _hash_columns(columns, plain, parts, rows, out, line)


def _hash_row(
    columns: list[Coded], plain: Callable[[list[str]], list[bytes]], row: int, out: WordArray, line: int
) -> int:
    """As `hash_texts`, of one group at one row; the line after those that were filled."""
    texts: list[str] = []
    for column in columns:
        values = column.values
        # An element of an array is had sooner than a view of it, which counts where a shipment comes alone.
        code = column.codes[row] if values else -1
        texts.append(values[code] if code >= 0 else "")
    for text in plain(texts):
        out[line, 0] = _hash(text)
        line += 1
    return line


def _hash_columns(
    columns: list[Coded],
    plain: Callable[[list[str]], list[bytes]],
    parts: int,
    rows: IntArray,
    out: WordArray,
    line: int,
) -> int:
    """As `hash_texts`, of one group; the line after those that were filled."""
    n = rows.shape[0]
    texts: list[str] = []
    for column in columns:
        # Part of a table has the texts of the whole.
        texts += column.values if len(column.values) < n else _texts_at(column.codes, rows, column.values)
    known = np.empty((parts, len(texts)), dtype=np.uint64)
    for start in range(0, len(texts), SOME):
        _hash_some(plain(texts[start : start + SOME]), parts, known, start)
    for part in range(parts):
        begin = 0
        for column in columns:
            if len(column.values) < n:
                _fill_line(column.codes, rows, known[part, begin:], out, line)
                begin += len(column.values)
            else:
                np.asarray(out)[line] = known[part, begin : begin + n]
                begin += n
            line += 1
    return line


def _texts_at(codes: NDArray[np.int32], rows: IntArray, values: list[str]) -> list[str]:
    texts: list[str] = []
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        texts.append(values[code] if code >= 0 else "")
    return texts


def _hash_some(hashed: list[bytes], parts: int, known: WordArray, start: int) -> None:
    n = len(hashed) // parts
    for at in range(len(hashed)):
        known[at // n, start + at % n] = _hash(hashed[at])


def _hash(text: bytes) -> int:
    """64 bits of BLAKE2b; 0 of an empty text."""
    if not text:
        return 0
    state = HASH.copy()
    state.update(text)
    digest = state.digest()
    number = 0
    for at in range(8):
        number = number << 8 | digest[7 - at]
    return number


def _fill_line(codes: NDArray[np.int32], rows: IntArray, known: WordArray, out: WordArray, line: int) -> None:
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        out[line, row] = known[code] if code >= 0 else 0


def numbers_of(column: Coded, function: Callable[[str], int], rows: IntArray, out: IntArray) -> None:
    """Fill ``out`` (n,) with the numbers that a function gives for the texts at n rows; 0 where there is none."""
    _number_rows(column.codes, column.values, function, rows, out)


def _number_rows(
    codes: NDArray[np.int32], values: list[str], function: Callable[[str], int], rows: IntArray, out: IntArray
) -> None:
    n = rows.shape[0]
    known = [function(value) for value in values] if len(values) < n else None
    for row in range(n):
        code = codes[rows[row]]
        if code < 0:
            out[row] = 0
        else:
            out[row] = known[code] if known is not None else function(values[code])


def fill_limits(members: IntArray, times: IntArray, usual: int, of_day: Callable[[int], int], out: IntArray) -> None:
    """Limits (n,): ``usual``, or for members that of the day, counted from 1970."""
    before = -1
    limit = usual
    for row in range(members.shape[0]):
        out[row] = usual
        if members[row]:
            day = (times[row] + DAYS_BEFORE * 86400) // 86400
            if day != before:
                before, limit = day, of_day(int(day - DAYS_BEFORE))
            out[row] = limit


def fill_keys(
    lines: WordArray,
    first_row: IntArray,
    value: FloatArray,
    net: FloatArray,
    gross: FloatArray,
    pressing: NDArray[np.int32],
    times: IntArray,
    out: WordArray,
) -> None:
    """All keys but the limits.

    Args:
        lines: (lines, n) `numbers_of` the shipments' texts.
        first_row: (n,) first row of each shipment.
        value, net, gross: (n_rows,) amounts of goods items: US dollars, and kilograms.
        pressing: (n_rows,) 1 for goods items with the HS heading of a press.
        times: (n,) seconds since 1970.
        out: (rows, n) keys, to be written.
    """
    n, rows = first_row.shape[0], value.shape[0]
    for row in range(n):
        first = first_row[row]
        end = first_row[row + 1] if row + 1 < n else rows
        _amounts(row, first, end, value, net, gross, pressing, out)
        _entities(row, lines, out)
        out[TIME, row] = _word(times[row])


def _amounts(
    row: int,
    first: int,
    end: int,
    value: FloatArray,
    net: FloatArray,
    gross: FloatArray,
    pressing: NDArray[np.int32],
    out: WordArray,
) -> None:
    cents, grams, press = 0.0, 0.0, 0
    for item in range(first, end):
        cents += _whole(value[item] * 100.0)
        grams += _whole(net[item] * 1000.0)
        press += pressing[item]
    # The gross mass is the shipment's own; the items' net masses stand in where it is missing.
    if gross[first] == gross[first]:
        grams = _whole(gross[first] * 1000.0)
    out[CENTS, row] = cython.cast(cython.ulonglong, min(cents, MOST))
    out[GRAMS, row] = cython.cast(cython.ulonglong, min(grams, MOST))
    out[PRESS, row] = press


def _whole(amount: float) -> float:
    """The nearest whole amount from 0 to `MOST`; 0 where it is missing."""
    if not amount > 0.0:
        return 0.0
    return (amount + ROUNDING) - ROUNDING if amount < MOST else MOST


def _entities(row: int, lines: WordArray, out: WordArray) -> None:
    shipper, receiver, building = _word(lines[SHIPPER, row]), _word(lines[RECEIVER, row]), _word(lines[BUILDING, row])
    place = _word(lines[POSTCODE, row] if lines[POSTCODE, row] != 0 else lines[CITY, row])
    country, channel = _word(lines[COUNTRY, row]), _word(lines[CHANNEL, row])
    export = _word(lines[EXPORT, row]) if country != 0 else 0
    # Every kind has a number of its own, and a part that must be declared.
    consignor = _entity(1, shipper, _word(lines[SHIPPER_COUNTRY, row]), 0, 0)
    consignee = _entity(2, receiver, place, country, 0)
    address = _entity(3, building, _word(lines[UNIT, row]), place, country)
    house = _entity(4, building, 0, place, country)
    lane = _entity(5, export, country, channel, 0)
    # Says whether a shipment sent again is still the same one.
    identity = consignor ^ consignee ^ address ^ house ^ lane
    identity ^= _link(105, _word(out[CENTS, row]) + 1, _word(out[GRAMS, row]), _word(out[PRESS, row]))
    for number in range(4):
        contact = _entity(6 + number, _word(lines[CONTACTS + number, row]), 0, 0, 0)
        out[CONTACTS_OUT + number, row] = contact
        identity ^= contact
    out[REFERENCE_OUT, row] = lines[REFERENCE, row]
    out[IDENTITY, row] = identity
    out[SHIPPER_OUT, row], out[RECEIVER_OUT, row] = shipper, receiver
    out[CONSIGNOR, row], out[CONSIGNEE, row], out[ADDRESS, row] = consignor, consignee, address
    out[PAIR, row] = _link(101, consignor, consignee, 0) if consignee != 0 else 0
    out[LANE, row] = lane
    out[OWN_LANE, row] = _link(104, consignor, lane, 0) if lane != 0 else 0
    out[HOUSE, row] = house
    out[OCCUPANT, row] = _link(102, address, receiver, 0) if receiver != 0 else 0
    out[OWN_ADDRESS, row] = _link(103, consignor, address, 0) if address != 0 else 0


def _word(number: int) -> int:
    """64 bits as a number without a sign."""
    word: int = cython.cast(cython.ulonglong, number) & WORD
    return word


def _entity(kind: int, first: int, second: int, third: int, fourth: int) -> int:
    """Key of an entity of a kind, never 0 unless its first part is."""
    if first == 0:
        return 0
    mixed = _mixed(_mixed(_mixed(_mixed(_mixed(START, kind), first), second), third), fourth)
    return mixed if mixed != 0 else 1


def _link(kind: int, first: int, second: int, third: int) -> int:
    """Key of a link, never 0 unless its first part is."""
    if first == 0:
        return 0
    mixed = _mixed(_mixed(_mixed(_mixed(START, kind), first), second), third)
    return mixed if mixed != 0 else 1


def _mixed(word: int, part: int) -> int:
    """A word that another part goes into (finaliser of SplitMix64: Steele, Lea and Flood 2014)."""
    word = ((word ^ part) * FIRST_FACTOR) & WORD
    word = ((word ^ (word >> 27)) * SECOND_FACTOR) & WORD
    return word ^ (word >> 31)
