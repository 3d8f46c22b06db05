"""Decompressed bytes of a file, and early refusal of files that are not tables."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO, Final, cast

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
