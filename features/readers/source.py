"""Bytes of a file, and their conversion to blocks of whole lines in UTF-8.

A byte order mark determines the encoding (UTF-8, UTF-16 or UTF-32). Without one, zero bytes in every second place indicate
UTF-16. All other files are UTF-8, except that each line that is not valid UTF-8 is read as Latin-1 (with Windows punctuation in
place of control codes). The decision is made per line. A single wrong byte therefore does not affect a million valid rows, no
second pass is necessary, and an upload gives the same text as the file on disk.
"""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import pyarrow as pa

from features.readers.errors import Unreadable

#: First bytes of files that are not tables, and how messages name their kind.
_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive, or an Excel (.xlsx) or OpenDocument workbook"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel (.xls) or a password-protected workbook"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"BZh", "a file compressed with bzip2"),
    (b"\xfd7zXZ", "a file compressed with xz"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
)
GZIP_MAGIC: Final = b"\x1f\x8b"
PARQUET_MAGIC: Final = b"PAR1"
#: Paths of the standard input, and of pipes that a shell opens: the other end of these pipes is open already.
_OPEN_PIPES: Final = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
FORMAT_HINT: Final = (
    "A CSV file (UTF-8, also gzipped) is needed, or one of the formats that `tidewaiter validate --help` lists."
)


class ByteSource:
    """Decompressed bytes of a file, for one sequential read.

    Attributes:
        name: name of the file in messages.
        size: stored size of the file for progress; 0 if unknown.
        rereadable: whether the path can be opened and read again, unlike a pipe.
    """

    def __init__(self, file: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> None:
        """Open a path, or wrap an open binary file (which is not closed).

        Raises:
            Unreadable: the file does not exist, is a folder, a named pipe or a device, is empty, or cannot be opened.
        """
        if isinstance(file, str | os.PathLike):
            path = Path(file)
            self.name = name or str(path)
            self._raw: BinaryIO = _open(path, self.name)
            self._owned = True
            status = os.fstat(self._raw.fileno())
            self.size, self.rereadable = status.st_size, stat.S_ISREG(status.st_mode)
        else:
            self.name = name or "the uploaded file"
            self._raw, self._owned, self.size, self.rereadable = file, False, 0, False
        self._count = _Counting(self._raw)
        buffered = io.BufferedReader(self._count, 1 << 20)
        head = buffered.peek(8)[:8]
        if not head:
            self.close()
            raise Unreadable(self.name, "The file is empty.", FORMAT_HINT)
        self.gzipped = head.startswith(GZIP_MAGIC)
        self._stream: BinaryIO = cast("BinaryIO", gzip.GzipFile(fileobj=buffered) if self.gzipped else buffered)
        self._peeked = b""

    @property
    def bytes_read(self) -> int:
        """Number of stored bytes read so far."""
        return self._count.bytes_read

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` decompressed bytes without consuming them."""
        while len(self._peeked) < size:
            more = self._read(size - len(self._peeked))
            if not more:
                break
            self._peeked += more
        return self._peeked[:size]

    def read(self, size: int) -> bytes:
        """Return up to ``size`` decompressed bytes; empty at the end of the file only.

        Raises:
            Unreadable: the file is truncated or damaged.
        """
        if self._peeked:
            peeked, self._peeked = self._peeked[:size], self._peeked[size:]
            return peeked + self._read(size - len(peeked)) if len(peeked) < size else peeked
        return self._read(size)

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError as error:
            raise Unreadable(self.name, "The gzip file is truncated.", "Copy or download it again.") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Unreadable(self.name, f"The gzip file is damaged ({error}).", "Copy or download it again.") from error
        except OSError as error:
            raise Unreadable(
                self.name, f"Reading failed: {error.strerror or error}.", "Check the disk or share."
            ) from error

    def refuse_other_kinds(self) -> None:
        """Refuse workbooks, archives, pictures and other kinds, regardless of the file's name.

        Raises:
            Unreadable: the content is of another kind.
        """
        head = self.peek(16)
        if not head:
            raise Unreadable(self.name, "The file is empty.", FORMAT_HINT)
        for magic, kind in _OTHER_KINDS:
            if head.startswith(magic):
                remedy = "Save it as CSV (UTF-8)." if "workbook" in kind else FORMAT_HINT
                raise Unreadable(self.name, f"This is {kind}, not a table of text.", remedy)

    def close(self) -> None:
        if self._owned:
            self._raw.close()


class _Counting(io.RawIOBase):
    def __init__(self, raw: BinaryIO) -> None:
        self._raw, self.bytes_read = raw, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        data = self._raw.read(len(view))
        view[: len(data)] = data
        self.bytes_read += len(data)
        return len(data)


def _open(path: Path, name: str) -> BinaryIO:
    if path.is_dir():
        raise Unreadable(name, "This is a folder, not a file.", FORMAT_HINT)
    try:
        # Without O_NONBLOCK, opening a named pipe waits for a writer, perhaps for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Unreadable(name, "There is no such file.", "Check the path.") from error
    except OSError as error:
        raise Unreadable(
            name, f"The file cannot be opened: {error.strerror or error}.", "Check its permissions."
        ) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode) and not (stat.S_ISFIFO(mode) and str(path).startswith(_OPEN_PIPES)):
        os.close(descriptor)
        raise Unreadable(
            name,
            "This is a named pipe or a device, not a file, and reading it may never end.",
            "Write the data to a file first, or pass it on the standard input and name /dev/stdin.",
        )
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def read_small(path: Path, limit: int = 64 << 20) -> bytes:
    """Return the content of a settings file, such as a mapping.

    Raises:
        OSError: the file cannot be read, is not a regular file, or is larger than ``limit`` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "It is not a regular file", str(path))
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"It is larger than {limit >> 20} MiB", str(path))
        return file.read()


#: Block size in bytes: about 3,000 rows. Memory contains a block twice, as text and as columns. Larger blocks are not faster.
BLOCK_BYTES: Final = 1 << 20
#: Maximum length of a line. Manifest rows have a few hundred bytes.
MAX_LINE_BYTES: Final = 8 << 20

#: Control codes of Latin-1 -> characters of Windows-1252.
_WINDOWS: Final = {code: char for code in range(0x80, 0xA0) if (char := bytes([code]).decode("cp1252", "ignore"))}
_WINDOWS_CODES: Final = frozenset(_WINDOWS)


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
        #: Number of lines read as Latin-1 or Windows-1252, because they were not valid UTF-8.
        self.latin_lines = 0
        #: Whether one of them has a character that only Windows-1252 has.
        self._windows = False

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
        name = "cp1252" if self._windows else "latin-1"
        return f"{self._codec}, {self.latin_lines} lines {name}" if self._multibyte else name

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
            text = line.decode("latin-1")
            self._windows = self._windows or not _WINDOWS_CODES.isdisjoint(line)
            return text.translate(_WINDOWS).encode("utf-8")
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
