"""Reader of delimited text (CSV, TSV and variants) in blocks, with exact line numbers.

Arrow parses each block. The layout of rows (`features.readers.quotes`) is slow to compute. It is therefore computed only for
blocks with quotation marks, blank lines, lone carriage returns, overlong lines, or rows with more or fewer cells than the header.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from features.readers.chunk import Piece, Reject, RowNote
from features.readers.errors import MAX_COLUMNS, Unreadable, check_width
from features.readers.headers import recognise, squeeze
from features.readers.quotes import MAX_ROW_BYTES, Layout, has_lone_returns, lay_out
from features.readers.source import BLOCK_BYTES, FORMAT_HINT, ByteSource, LineBlocks

DELIMITERS: Final = (",", ";", "\t", "|")
#: A header has fewer lines than this. It may contain quoted line ends.
_MAX_HEADER_LINES: Final = 50
#: Size of the parts that Arrow parses. Smaller and larger parts are slower.
_PART_BYTES: Final = 1 << 20
#: Maximum number of bytes of a piece, except if its first row is longer.
_MOST_BYTES: Final = 3 * MAX_ROW_BYTES // 2
#: Maximum number of characters of a row in a reject.
_MAX_SHOWN: Final = 10_000


class CsvPieces:
    """Rows of delimited text.

    Args:
        delimiter: by default the delimiter in `DELIMITERS` that gives the most recognised columns and, among equals, the most
            columns.
        expected: names of input columns in a mapping, which count as recognised.
    """

    format = "csv"

    def __init__(
        self,
        source: ByteSource,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        expected: Sequence[str] = (),
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Read the header.

        Raises:
            Unreadable: there is no header, the header is too wide, or the bytes are not text.
        """
        source.refuse_other_kinds()
        self._source = source
        self._text = LineBlocks(source, encoding, block_bytes)
        self._blocks = iter(self._text)
        self._carry, self._line = b"", 1
        self.names, self.delimiter = self._header(delimiter, frozenset(map(squeeze, expected)))
        self._columns = [str(index) for index in range(len(self.names))]

    @property
    def encoding(self) -> str:
        return self._text.encoding

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def close(self) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[Piece]:
        text, self._carry = self._carry, b""
        while True:
            if text:
                piece, rest = self._piece(text, final=False)
                if piece is not None:
                    yield piece
                text = rest
            block = next(self._blocks, None)
            if block is None:
                break
            text += block
        while text:
            piece, text = self._piece(text, final=True)
            if piece is not None:
                yield piece

    def _header(self, delimiter: str | None, expected: frozenset[str]) -> tuple[tuple[str, ...], str]:
        """Return the column names and the delimiter, and set ``_carry`` to the bytes after the header."""
        text = next(self._blocks, b"")
        while text:
            end = text.find(b"\n") + 1 or text.find(b"\r") + 1 or len(text)
            first = text[:end].strip()
            if first[:4].lower() == b"sep=" and len(first) == 5:
                delimiter = delimiter or first[4:].decode("utf-8")
            elif first.strip(b"\t"):
                break
            text, self._line = text[end:], self._line + 1
        if not text.strip():
            raise Unreadable(self._source.name, "The file contains only blank lines.", FORMAT_HINT)
        if b"\x00" in text[:4096]:
            raise Unreadable(self._source.name, "The file contains binary data, not text.", FORMAT_HINT)
        lines: list[str] = []
        for line in io.StringIO(text[: 1 << 20].decode("utf-8", "ignore"), newline=""):
            lines.append(line)
            if len(lines) == _MAX_HEADER_LINES:
                break
        best: tuple[tuple[int, int], str, list[str], int] | None = None
        problem: csv.Error | None = None
        for candidate in (delimiter,) if delimiter else DELIMITERS:
            rows = csv.reader(lines, delimiter=candidate)
            try:
                names = next(rows)
            except csv.Error as error:
                # With a wrong delimiter, a wide header is one cell, which may exceed the limit of `csv`.
                problem = error
                continue
            # Recognition takes time, and `check_width` refuses wider files anyway.
            some = names[: MAX_COLUMNS + 1]
            known = len(recognise(some).position) + sum(squeeze(name) in expected for name in some)
            # An unclosed quotation mark would extend the header over the whole file, so limit its lines.
            if rows.line_num < _MAX_HEADER_LINES and (best is None or (known, len(names)) > best[0]):
                best = (known, len(names)), candidate, names, rows.line_num
        if best is None and problem is not None:
            raise Unreadable(self._source.name, f"The header cannot be read ({problem}).", FORMAT_HINT) from problem
        if best is None:
            raise Unreadable(self._source.name, "The header opens a quotation mark and never closes it.", FORMAT_HINT)
        _, detected, names, used = best
        check_width(self._source.name, len(names))
        self._carry = text[len("".join(lines[:used]).encode("utf-8")) :]
        self._line += used
        return tuple(names), detected

    def _piece(self, text: bytes, *, final: bool) -> tuple[Piece | None, bytes]:
        """Return the complete rows of ``text``, and the remaining bytes."""
        is_plain = (
            len(text) <= _MOST_BYTES
            and b'"' not in text
            and not has_lone_returns(text)
            and (final or text.endswith(b"\n"))
            and not _has_long_line(text)
        )
        if is_plain:
            table, uneven = self._parse(text, multiline=False)
            n_lines = text.count(b"\n") + (not text.endswith(b"\n"))
            if not uneven and table.num_rows == n_lines:
                lines = np.arange(self._line, self._line + n_lines, dtype=np.int64)
                self._line += n_lines
                return Piece(table, lines, len(text)), b""
        # After the search for a closing mark, the text may be long.
        layout = lay_out(text, self.delimiter, final).beginning(_MOST_BYTES)
        if layout.consumed == 0:
            return None, text
        rows = _Rows(text, layout, self.delimiter, len(self.names), self._line)
        self._line += layout.n_lines
        table, uneven = self._parse(
            rows.repaired() if rows.must_repair else rows.plain_text(), multiline=layout.multiline
        )
        if uneven:
            table, uneven = self._parse(rows.repaired(), multiline=layout.multiline)
        if uneven or table.num_rows != rows.count:
            raise RuntimeError(
                f"{self._source.name}: Arrow parsed {table.num_rows} rows, but the layout has {rows.count}."
            )
        piece = Piece(table, rows.lines, layout.consumed, tuple(rows.rejected), tuple(rows.notes))
        return (piece if piece.n_rows or piece.rejected else None), text[layout.consumed :]

    def _parse(self, text: bytes, *, multiline: bool) -> tuple[pa.Table, bool]:
        """Return the rows as text, and whether Arrow skipped rows with more or fewer cells than the header."""
        if text.startswith(codecs.BOM_UTF8):
            # This byte order mark belongs to a cell. Arrow drops one at the beginning, so add another.
            text = codecs.BOM_UTF8 + text
        if not text:
            return pa.table({name: pa.array([], pa.string()) for name in self._columns}), False
        uneven: list[bool] = []

        def skip(_row: object) -> Literal["skip"]:
            if not uneven:
                uneven.append(True)
            return "skip"

        table = pacsv.read_csv(
            cast("BinaryIO", pa.BufferReader(text)),  # Arrow reads its own buffers without a copy
            read_options=pacsv.ReadOptions(
                use_threads=False,  # Threads parse no more rows per CPU second, and other stages need the CPU.
                column_names=self._columns,
                block_size=len(text) + 1 if multiline else max(_PART_BYTES, len(text) // 64),
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=multiline, invalid_row_handler=skip
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(self._columns, pa.string()),
                null_values=[""],  # Arrow's defaults include NA, the code of Namibia.
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                check_utf8=False,
            ),
        )
        return table, bool(uneven)


@dataclass(slots=True)
class _Edit:
    """Replacement of the bytes of one row."""

    row: int
    text: bytes


class _Rows:
    """Rows of a block. Uneven rows, with more or fewer cells than the header, are repaired or rejected."""

    def __init__(self, text: bytes, layout: Layout, delimiter: str, width: int, line: int) -> None:
        self._text, self._layout, self._delimiter, self._width = text, layout, delimiter, width
        data = np.frombuffer(text, dtype=np.uint8)
        content_ends = _content_ends(data, layout)
        self._content_ends = content_ends
        blank = content_ends == layout.starts
        self._too_long = (content_ends - layout.starts > MAX_ROW_BYTES) & ~layout.unclosed
        self._kept = ~blank & ~layout.unclosed & ~self._too_long
        self._line = line
        self.rejected: list[Reject] = []
        self.notes: list[RowNote] = []
        self.must_repair = bool(layout.unclosed.any() or self._too_long.any())

    @property
    def count(self) -> int:
        return int(self._kept.sum())

    @property
    def lines(self) -> NDArray[np.int64]:
        lines: NDArray[np.int64] = self._layout.lines[self._kept] + self._line
        return lines

    def plain_text(self) -> bytes:
        return _with_line_feeds(self._text, self._layout)

    def repaired(self) -> bytes:
        """Return the text of the block with as many cells per row as the header.

        Short rows are filled with blanks, and blank surplus cells are dropped. Rows that still do not match are rejected.
        """
        layout, text, width = self._layout, self.plain_text(), self._width
        delimiter = self._delimiter.encode()
        data = np.frombuffer(text, dtype=np.uint8)
        separators = layout.outside(np.flatnonzero(data == ord(self._delimiter)))
        first = np.searchsorted(separators, layout.starts)
        cells = np.searchsorted(separators, layout.ends) - first + 1
        edits: list[_Edit] = []
        refused: list[tuple[int, str]] = []
        noted: list[tuple[int, str]] = []
        uneven = (cells != width) & self._kept | layout.unclosed | self._too_long
        for row in np.flatnonzero(uneven).tolist():
            start, end, have = int(layout.starts[row]), int(self._content_ends[row]), int(cells[row])
            content = text[start:end]
            if layout.unclosed[row]:
                refused.append((row, "a quotation mark is opened in this line and not closed"))
                edits.append(_Edit(row, b""))
            elif self._too_long[row]:
                last = int(layout.lines[row + 1]) if row + 1 < len(layout.lines) else layout.n_lines
                refused.append((row, _too_long(end - start, last - int(layout.lines[row]))))
                edits.append(_Edit(row, b""))
            elif not content.strip():
                self._kept[row] = False
                edits.append(_Edit(row, b""))
            elif have < width:
                noted.append((row, f"only {have} of {width} cells; the missing ones are read as blank"))
                edits.append(_Edit(row, content + delimiter * (width - have) + b"\n"))
            else:
                width_end = int(separators[first[row] + width - 1])
                if text[width_end:end].translate(None, delimiter + b' \t"'):
                    refused.append((row, f"{have} cells where the header has {width}"))
                    edits.append(_Edit(row, b""))
                    self._kept[row] = False
                else:
                    edits.append(_Edit(row, text[start:width_end] + b"\n"))
        position = np.cumsum(self._kept) - self._kept
        lines = layout.lines + self._line
        for row, reason in refused:
            shown = self._text[int(layout.starts[row]) : int(self._content_ends[row])].decode("utf-8", "replace")
            self.rejected.append(Reject(int(lines[row]), reason, shown[:_MAX_SHOWN], int(position[row])))
        self.notes += [RowNote(int(lines[row]), note, int(position[row])) for row, note in noted]
        return _edited(text, layout, edits)


def _too_long(size: int, lines: int) -> str:
    reason = f"the row has {size:,} bytes; at most {MAX_ROW_BYTES:,} are read"
    if lines <= 1:
        return reason
    return f"{reason}. A quoted cell in it makes it {lines:,} lines long; if these are rows, the mark that opens the cell is stray"


def _has_long_line(text: bytes) -> bool:
    """Return whether a line is longer than `MAX_ROW_BYTES`. Only lines at multiples of the limit can be, so measure only these."""
    return any(
        (text.find(b"\n", at) if text.find(b"\n", at) >= 0 else len(text)) - text.rfind(b"\n", 0, at) - 1
        > MAX_ROW_BYTES
        for at in range(MAX_ROW_BYTES, len(text), MAX_ROW_BYTES)
    )


def _content_ends(data: NDArray[np.uint8], layout: Layout) -> NDArray[np.int64]:
    """Return the end offset (r,) of each row without its line end."""
    ends = layout.ends.copy()
    for byte in (10, 13):
        ends -= (ends > layout.starts) & (data[np.maximum(ends - 1, 0)] == byte)
    return ends


def _with_line_feeds(text: bytes, layout: Layout) -> bytes:
    """Return the rows of the block with lone carriage returns at row ends replaced by line feeds."""
    rows = text[: layout.consumed]
    if not has_lone_returns(rows):
        return rows
    data = np.frombuffer(rows, dtype=np.uint8).copy()
    last = layout.ends - 1
    data[last[data[last] == 13]] = 10
    return data.tobytes()


def _edited(text: bytes, layout: Layout, edits: list[_Edit]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for edit in edits:
        parts += (text[at : int(layout.starts[edit.row])], edit.text)
        at = int(layout.ends[edit.row])
    parts.append(text[at:])
    return b"".join(parts)
