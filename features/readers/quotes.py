"""Row boundaries in a block of CSV text.

The rules are those of RFC 4180 as applied by spreadsheets and Python's `csv`. A quotation mark opens a cell only at the start
of the cell. A doubled mark within a quoted cell is a literal mark. A mark within an unquoted cell (``5" pipe``) is an
ordinary character.

An unclosed quotation mark would extend its cell over the rest of the file. A quoted cell therefore counts as *unclosed* if
the file ends within it, if no mark closes it within `MAX_QUOTED_BYTES`, or if it contains a line end and its closing mark is
followed by more text of the cell (the mark is then probably the opening mark of a later row). Such a row ends with the line on
which the cell starts, and reading continues with the next line.

A closed cell is one cell, however long it is. If the lines of a long cell were read as rows, a declarant could add shipments by a
long description.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Maximum length of a row that is read.
MAX_ROW_BYTES: Final = 1 << 20
#: Number of bytes after an opening mark that are searched for the closing mark.
MAX_QUOTED_BYTES: Final = 8 << 20

_QUOTE, _LF, _CR = 34, 10, 13
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Layout of the rows of a block.

    Attributes:
        starts, ends: (r,) byte offsets of each row, including its line end. Blank lines count as rows.
        lines: (r,) physical line of each row's start; 0 for the first line of the block.
        n_lines: number of physical lines up to ``consumed``.
        unclosed: (r,) whether the row contains an unclosed cell.
        toggles: offsets of the marks that alternately open and close cells.
        consumed: number of bytes of complete rows; an incomplete row may follow.
        multiline: whether a quoted cell contains a line end.
    """

    starts: IntArray
    ends: IntArray
    lines: IntArray
    n_lines: int
    unclosed: NDArray[np.bool_]
    toggles: IntArray
    consumed: int
    multiline: bool

    def outside(self, positions: IntArray) -> IntArray:
        """Return the byte offsets in ``positions`` that are outside quoted cells."""
        if not len(self.toggles):
            return positions
        unquoted: IntArray = positions[np.searchsorted(self.toggles, positions) % 2 == 0]
        return unquoted

    def beginning(self, most: int) -> Layout:
        """Return the layout of the first rows: as many as ``most`` bytes contain, but at least one."""
        count = max(1, int(np.searchsorted(self.ends, most, side="right")))
        if count >= len(self.ends):
            return self
        consumed = int(self.ends[count - 1])
        return Layout(
            starts=self.starts[:count],
            ends=self.ends[:count],
            lines=self.lines[:count],
            n_lines=int(self.lines[count]),
            unclosed=self.unclosed[:count],
            toggles=self.toggles[self.toggles < consumed],
            consumed=consumed,
            multiline=self.multiline,
        )


def lay_out(text: bytes, delimiter: str, final: bool) -> Layout:
    """Return the layout of ``text``, which starts with a new row and, if ``final``, ends the file."""
    data = np.frombuffer(text, dtype=np.uint8)
    line_ends = _line_ends(text, data)
    quotes = np.flatnonzero(data == _QUOTE)
    unclosed_ends: list[int] = []
    toggles: IntArray | None = _well_formed(data, quotes, delimiter, final) if len(quotes) else quotes
    if toggles is None:
        toggles, unclosed_ends = _walk(text, quotes.tolist(), line_ends.tolist(), delimiter, final)
    inside = np.searchsorted(toggles, line_ends) % 2 == 1 if len(toggles) else np.zeros(len(line_ends), dtype=bool)
    ends = line_ends[~inside] + 1
    consumed = int(ends[-1]) if len(ends) else 0
    if final and consumed < len(text):
        ends = np.append(ends, len(text))
        consumed = len(text)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]]) if len(ends) else np.empty(0, dtype=np.int64)
    unclosed = np.zeros(len(ends), dtype=bool)
    if unclosed_ends:
        unclosed[np.searchsorted(ends, np.array(unclosed_ends), side="right")] = True
    return Layout(
        starts=starts,
        ends=ends,
        lines=np.searchsorted(line_ends, starts).astype(np.int64),
        n_lines=int(np.searchsorted(line_ends, consumed)),
        unclosed=unclosed,
        toggles=toggles,
        consumed=consumed,
        multiline=bool(inside.any()),
    )


def has_lone_returns(text: bytes) -> bool:
    """Return whether the text contains a carriage return without a line feed after it."""
    return b"\r" in text and text.count(b"\r") != text.count(b"\r\n")


def _line_ends(text: bytes, data: NDArray[np.uint8]) -> IntArray:
    """Return the offset of the last byte of each line end: ``\\n``, ``\\r\\n`` or a lone ``\\r``."""
    ends = np.flatnonzero(data == _LF)
    if not has_lone_returns(text):
        return ends
    returns = np.flatnonzero(data == _CR)
    followed = np.zeros(len(returns), dtype=bool)
    has_next = returns + 1 < len(data)
    followed[has_next] = data[returns[has_next] + 1] == _LF
    return np.sort(np.concatenate([ends, returns[~followed]]))


def _well_formed(data: NDArray[np.uint8], quotes: IntArray, delimiter: str, final: bool) -> IntArray | None:
    """Return the toggles if RFC 4180 allows all marks and no cell is unclosed, as in nearly all files; otherwise None.

    Marks then alternately open and close cells. Each opening mark follows a separator or, in a doubled mark, another mark.
    """
    separator = np.zeros(256, dtype=bool)
    separator[[ord(delimiter), _LF, _CR]] = True
    adjacent = np.diff(quotes) == 1
    opening, closing = quotes[0::2], quotes[1::2]
    opens_well = separator[data[np.maximum(opening - 1, 0)]] | (opening == 0)
    opens_well[1:] |= adjacent[1::2][: len(opening) - 1]
    if not opens_well.all():
        return None
    closes_well = separator[data[np.minimum(closing + 1, len(data) - 1)]] | (closing == len(data) - 1)
    escaped = adjacent[1::2]
    closes_well[: len(escaped)] |= escaped
    if not closes_well.all():
        return None
    # Drop doubled marks, which do not end the cell.
    inner = np.flatnonzero(escaped)
    is_toggle = np.ones(len(quotes), dtype=bool)
    is_toggle[2 * inner + 1] = False
    is_toggle[2 * inner + 2] = False
    toggles = quotes[is_toggle]
    is_unclosed = len(toggles) % 2 and (final or len(data) - toggles[-1] > MAX_QUOTED_BYTES)
    return None if is_unclosed else toggles


def _walk(
    text: bytes, quotes: list[int], line_ends: list[int], delimiter: str, final: bool
) -> tuple[IntArray, list[int]]:
    """Scan irregular text mark by mark. Return the toggles, and the offset of the last byte of each unclosed row."""
    separators = {ord(delimiter), _LF, _CR}
    size, count = len(text), len(quotes)
    toggles: list[int] = []
    unclosed_ends: list[int] = []
    i = 0
    while i < count:
        opened = quotes[i]
        if opened and text[opened - 1] not in separators:
            i += 1
            continue
        j = bisect_left(line_ends, opened)
        k = i + 1
        while k + 1 < count and quotes[k + 1] == quotes[k] + 1:
            k += 2
        closed = quotes[k] if k < count else None
        line_end = line_ends[j] if j < len(line_ends) else size
        if closed is None:
            bad = final or size - opened > MAX_QUOTED_BYTES
        else:
            # The cell contains a line end, and text follows its closing mark.
            bad = closed > line_end and closed + 1 < size and text[closed + 1] not in separators
        if bad:
            unclosed_ends.append(min(line_end, size - 1))
            i = bisect_right(quotes, line_end)
        elif closed is None:
            toggles.append(opened)
            break
        else:
            toggles += (opened, closed)
            i = k + 1
    return np.array(toggles, dtype=np.int64), unclosed_ends
