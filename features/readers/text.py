"""Conversion of bytes in any supported encoding to blocks of whole lines in UTF-8.

A byte order mark determines the encoding (UTF-8, UTF-16 or UTF-32). Without one, zero bytes in every second place indicate
UTF-16. All other files are UTF-8, except that each line that is not valid UTF-8 is read as Latin-1 (with Windows punctuation in
place of control codes). The decision is made per line. A single wrong byte therefore does not affect a million valid rows, no
second pass is necessary, and an upload gives the same text as the file on disk.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from features.readers.errors import Unreadable
from features.readers.source import FORMAT_HINT, ByteSource

#: Block size in bytes: about 3,000 rows. Memory contains a block twice, as text and as columns. Larger blocks are not faster.
BLOCK_BYTES: Final = 1 << 20
#: Maximum length of a line. Manifest rows have a few hundred bytes.
MAX_LINE_BYTES: Final = 8 << 20

#: Control codes of Latin-1 -> characters of Windows-1252.
_WINDOWS: Final = {code: char for code in range(0x80, 0xA0) if (char := bytes([code]).decode("cp1252", "ignore"))}


class LineBlocks:
    """Iterator over a source in UTF-8 blocks that end with a line end, except possibly the last block."""

    def __init__(self, source: ByteSource, encoding: str | None = None, block_bytes: int = BLOCK_BYTES) -> None:
        """Wrap a source.

        Args:
            encoding: a Python codec name that overrides detection; None for detection.

        Raises:
            Unreadable: the named encoding does not exist.
        """
        self._source, self._block_bytes = source, block_bytes
        self._codec = self._checked(encoding) if encoding else _by_mark(source.peek(64))
        self._multibyte = False
        #: Number of lines read as Latin-1, because they were not valid UTF-8.
        self.latin_lines = 0

    def _checked(self, encoding: str) -> str:
        try:
            name = codecs.lookup(encoding).name
        except LookupError as error:
            raise Unreadable(
                self._source.name,
                f"The encoding {encoding!r} is not known.",
                "Name one such as utf-8, latin-1 or utf-16.",
            ) from error
        return "utf-8-sig" if name == "utf-8" and self._source.peek(3) == codecs.BOM_UTF8 else name

    @property
    def encoding(self) -> str:
        """Encoding detected so far, final at the end of the file."""
        if not self.latin_lines or self._codec not in ("utf-8", "utf-8-sig"):
            return self._codec
        return f"{self._codec}, {self.latin_lines} lines latin-1" if self._multibyte else "latin-1"

    def __iter__(self) -> Iterator[bytes]:
        is_utf8 = self._codec in ("utf-8", "utf-8-sig")
        decoder = None if is_utf8 else codecs.getincrementaldecoder(self._codec)("replace")
        if self._codec == "utf-8-sig":
            self._source.read(len(codecs.BOM_UTF8))
        pending: list[bytes] = []
        pending_bytes = 0
        while True:
            data = self._source.read(self._block_bytes)
            final = not data
            if decoder is not None:
                data = decoder.decode(data, final).encode("utf-8", "replace")
            if final:
                rest = b"".join([*pending, data])
                if rest:
                    yield self._utf8(rest) if is_utf8 else rest
                return
            if pending and pending[-1].endswith(b"\r"):
                # The next byte determines whether this carriage return is a line end or part of one.
                data = pending.pop() + data
                pending_bytes = sum(map(len, pending))
            cut = _last_line_end(data)
            if cut == 0:
                pending.append(data)
                pending_bytes += len(data)
                if pending_bytes > MAX_LINE_BYTES:
                    raise Unreadable(
                        self._source.name, f"A single line is longer than {MAX_LINE_BYTES >> 20} MiB.", FORMAT_HINT
                    )
                continue
            block = b"".join([*pending, data[:cut]])
            pending = [data[cut:]] if cut < len(data) else []
            pending_bytes = len(data) - cut
            yield self._utf8(block) if is_utf8 else block

    def _utf8(self, block: bytes) -> bytes:
        if block.isascii():
            return block
        if not _is_utf8(block):
            return b"".join(self._line(line) for line in block.splitlines(keepends=True))
        self._multibyte = True
        return block

    def _line(self, line: bytes) -> bytes:
        if line.isascii():
            return line
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            self.latin_lines += 1
            return line.decode("latin-1").translate(_WINDOWS).encode("utf-8")
        self._multibyte = True
        return line


def _is_utf8(block: bytes) -> bool:
    # A cast to text validates as strictly as decoding and is twenty times faster.
    ends = pa.py_buffer(np.array([0, len(block)], dtype=np.int64).tobytes())
    array = pa.Array.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(block)])
    try:
        array.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _last_line_end(data: bytes) -> int:
    """Return the offset after the last line end; 0 if no line ends. A lone carriage return counts only if there is no line feed."""
    cut = data.rfind(b"\n") + 1
    return cut or data.rfind(b"\r", 0, len(data) - 1) + 1


def _by_mark(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # UTF-16 without a byte order mark: each Latin letter of the header has a zero byte at the same position.
    if len(head) >= 8 and not any(head[1::2]) and all(head[0::2]):
        return "utf-16-le"
    if len(head) >= 8 and not any(head[0::2]) and all(head[1::2]):
        return "utf-16-be"
    return "utf-8"
