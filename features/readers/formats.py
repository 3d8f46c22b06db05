"""Registry of input formats, with their detection and readers.

To add a format, write a class with the methods of `features.readers.chunk.Pieces` and add an entry to `FORMATS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from features.readers.chunk import Pieces
from features.readers.csv import CsvPieces
from features.readers.errors import Unreadable
from features.readers.jsonl import JsonlPieces
from features.readers.source import PARQUET_MAGIC, ByteSource


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """Options that replace or support detection.

    Attributes:
        expected: column names that help to detect the delimiter; they may be absent.
        encoding, delimiter: None for detection.
    """

    expected: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class InputFormat:
    """Format that `open_pieces` reads.

    Attributes:
        suffixes: file extensions of the format, without ``.gz``.
        magic: first bytes of all files of the format, with precedence over extensions; empty for text formats.
        begins: returns whether the first bytes of a text look like the format.
        open: opens a file. It takes over the source from which the format was detected, and uses or closes it.
    """

    name: str
    suffixes: frozenset[str]
    magic: bytes
    begins: Callable[[bytes], bool]
    open: Callable[[ByteSource, str | os.PathLike[str] | BinaryIO, OpenOptions], Pieces]


def _open_csv(source: ByteSource, file: str | os.PathLike[str] | BinaryIO, options: OpenOptions) -> Pieces:
    return CsvPieces(source, delimiter=options.delimiter, encoding=options.encoding, expected=options.expected)


def _open_jsonl(source: ByteSource, file: str | os.PathLike[str] | BinaryIO, options: OpenOptions) -> Pieces:
    # The reader reads the file twice, so it opens the path itself.
    _refuse_pipes(source, "JSON lines are")
    source.close()
    return JsonlPieces(_path(file), encoding=options.encoding)


def _open_parquet(source: ByteSource, file: str | os.PathLike[str] | BinaryIO, options: OpenOptions) -> Pieces:
    # Import on demand, because other formats do not need this slow import.
    from features.readers.parquet import ParquetPieces

    _refuse_pipes(source, "A Parquet file is")
    source.close()
    return ParquetPieces(_path(file))


def _refuse_pipes(source: ByteSource, subject: str) -> None:
    if not source.rereadable:
        raise Unreadable(
            source.name, f"{subject} read more than once, which a pipe does not allow.", "Write it to a file first."
        )


def _path(file: str | os.PathLike[str] | BinaryIO) -> Path:
    if not isinstance(file, str | os.PathLike):
        raise TypeError("this format is read from a path, got an open file")
    return Path(file)


def _begins_like_json(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b'{"', b"{ "))


#: Formats in order of precedence. Files that match no other format are delimited text.
FORMATS: Final = (
    InputFormat("parquet", frozenset({".parquet"}), PARQUET_MAGIC, lambda head: False, _open_parquet),
    InputFormat("jsonl", frozenset({".jsonl", ".ndjson", ".json"}), b"", _begins_like_json, _open_jsonl),
    InputFormat("csv", frozenset(), b"", lambda head: True, _open_csv),
)
#: Format of open files, which have no name and may not be seekable.
STREAM_FORMAT: Final = FORMATS[-1]


def detect(source: ByteSource, path: Path) -> InputFormat:
    """Return the format of a file by magic bytes, then by extension, then by the first bytes of the text.

    Raises:
        Unreadable: the extension is that of a format whose magic bytes are missing.
    """
    head = source.peek(64)
    for candidate in FORMATS:
        if candidate.magic and head.startswith(candidate.magic):
            return candidate
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    for candidate in FORMATS:
        if suffixes and suffixes[-1] in candidate.suffixes:
            if candidate.magic:
                source.refuse_other_kinds()
                problem = f"This is not a {candidate.name.capitalize()} file, or its beginning is missing."
                raise Unreadable(source.name, problem, "Write or copy it again.")
            return candidate
    return next(candidate for candidate in FORMATS if candidate.begins(head))
