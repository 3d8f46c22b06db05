"""Keys of entities from what is known of texts and amounts, shipment by shipment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cython
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.coded import Coded

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

#: Lines of what is known of a shipment's texts: hashes, and whether it goes to a member of the Union.
(
    SHIPPER, SHIPPER_COUNTRY, RECEIVER, POSTCODE, CITY, COUNTRY, EXPORT, CHANNEL, REFERENCE, MEMBER, CONTACTS,
) = range(11)  # fmt: skip
BUILDING, UNIT = CONTACTS + 4, CONTACTS + 5
#: Rows of a matrix of keys (`features.groups.history_keys`).
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
NONE = (0, 0)


def numbers_of(columns: list[Coded], functions: list[Callable[[str], int]], rows: IntArray, out: IntArray) -> None:
    """Fill the first lines of ``out`` (at least columns, n) with the numbers that functions give for the texts at n rows.

    Where there is no text the number is 0.
    """
    n = out.shape[1]
    for line in range(len(columns)):
        column, function = columns[line], functions[line]
        texts = column.values
        if n == 1:
            # An element of an array is had sooner than a view of it, which counts where a shipment comes alone.
            code = column.codes[rows[0]] if len(texts) > 0 else -1
            out[line, 0] = function(texts[code]) if code >= 0 else 0
        elif len(texts) < n:
            _fill_line(column.codes, rows, _known(texts, function), out, line)
        else:
            # Part of a table has the texts of the whole.
            _fill_each(column.codes, rows, texts, function, out, line)


def _known(texts: list[str], function: Callable[[str], int]) -> IntArray:
    known = np.empty(len(texts), dtype=np.int64)
    _work_out(known, texts, function)
    return known


def _work_out(known: IntArray, texts: list[str], function: Callable[[str], int]) -> None:
    for code in range(len(texts)):
        known[code] = function(texts[code])


def _fill_line(codes: NDArray[np.int32], rows: IntArray, known: IntArray, out: IntArray, line: int) -> None:
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        out[line, row] = known[code] if code >= 0 else 0


def _fill_each(
    codes: NDArray[np.int32], rows: IntArray, texts: list[str], function: Callable[[str], int], out: IntArray, line: int
) -> None:
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        out[line, row] = function(texts[code]) if code >= 0 else 0


def pairs_of(column: Coded, function: Callable[[str], tuple[int, int]], rows: IntArray, out: IntArray) -> None:
    """Fill the last two lines of ``out`` (lines, n) with the two numbers that a function gives for the texts at n rows."""
    n, line = out.shape[1], out.shape[0] - 2
    texts = column.values
    if n == 1:
        code = column.codes[rows[0]] if len(texts) > 0 else -1
        out[line, 0], out[line + 1, 0] = function(texts[code]) if code >= 0 else NONE
    elif len(texts) < n:
        known = np.array([*map(function, texts), NONE], dtype=np.int64).T.copy()
        _fill_line(column.codes, rows, known[0], out, line)
        _fill_line(column.codes, rows, known[1], out, line + 1)
    else:
        _fill_pairs(column.codes, rows, texts, function, out, line)


def _fill_pairs(
    codes: NDArray[np.int32],
    rows: IntArray,
    texts: list[str],
    function: Callable[[str], tuple[int, int]],
    out: IntArray,
    line: int,
) -> None:
    for row in range(rows.shape[0]):
        code = codes[rows[row]]
        out[line, row], out[line + 1, row] = function(texts[code]) if code >= 0 else NONE


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
    pressing: IntArray,
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
    pressing: IntArray,
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
