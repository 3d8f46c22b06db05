"""Line numbers of the keys and array entries of a TOML document, which `tomllib` does not report.

The document must be valid TOML, because this module only finds positions. `tomllib` reads the document first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

#: Keys and array positions from the top of the document.
Path: TypeAlias = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r"""
    (?P<skip>[ \t\r]+|\#[^\n]*)
  | (?P<newline>\n)
  | (?P<text>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
  | (?P<mark>[\[\]{}=,.])
  | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def lines_of(document: str) -> dict[Path, int]:
    """Return the line of each key and array entry, counted from 1.

    >>> lines_of('a = 1\\n[[rule]]\\nwhen = {all = [\\n  {op = "eq"}]}')[("rule", 0, "when", "all", 0, "op")]
    4
    """
    return _Reader(document).read()


class _Reader:
    """Reads a document once, token by token."""

    def __init__(self, document: str) -> None:
        self._tokens = list(_tokens(document))
        self._at = 0
        self._lines: dict[Path, int] = {}
        #: Number of entries of each array of tables so far.
        self._counts: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._at < len(self._tokens):
            kind, text, _ = self._tokens[self._at]
            if kind == "newline":
                self._at += 1
            elif text == "[" and kind == "mark":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> Path:
        """Read ``[table]`` or ``[[array of tables]]`` and return the path of the pairs that follow."""
        line = self._tokens[self._at][2]
        is_array = self._is_mark("[", 1)
        self._at += 2 if is_array else 1
        keys = self._keys("]")
        self._at += 2 if is_array else 1
        path = self._resolved(keys[:-1])
        path = (*path, keys[-1])
        if is_array:
            self._lines.setdefault(path, line)
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            path = (*path, number)
        elif path in self._counts:
            path = (*path, self._counts[path] - 1)
        self._lines.setdefault(path, line)
        return path

    def _resolved(self, keys: list[str]) -> Path:
        """Return the path of a header's keys. The key of an array of tables refers to its last entry."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        """Read ``key = value``."""
        line = self._tokens[self._at][2]
        path = (*table, *self._keys("="))
        self._at += 1
        for depth in range(len(table) + 1, len(path) + 1):
            self._lines.setdefault(path[:depth], line)
        self._value(path)

    def _keys(self, end: str) -> list[str]:
        """Read a dotted key up to the mark ``end``."""
        keys: list[str] = []
        while not self._is_mark(end):
            kind, text, _ = self._tokens[self._at]
            if kind != "mark":
                keys.append(text[1:-1] if kind == "text" else text)
            self._at += 1
        return keys

    def _value(self, path: Path) -> None:
        if self._is_mark("["):
            self._array(path)
        elif self._is_mark("{"):
            self._inline_table(path)
        else:
            # A number with a point, or a time, has several tokens.
            while self._at < len(self._tokens):
                kind, text, _ = self._tokens[self._at]
                if kind == "newline" or (kind == "mark" and text in ",]}"):
                    return
                self._at += 1

    def _array(self, path: Path) -> None:
        self._at += 1
        number = 0
        while not self._is_mark("]"):
            kind, text, line = self._tokens[self._at]
            if kind == "newline" or (kind == "mark" and text == ","):
                self._at += 1
                continue
            self._lines[*path, number] = line
            self._value((*path, number))
            number += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while not self._is_mark("}"):
            kind, text, _ = self._tokens[self._at]
            if kind == "newline" or (kind == "mark" and text == ","):
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _is_mark(self, mark: str, offset: int = 0) -> bool:
        return self._tokens[self._at + offset][:2] == ("mark", mark)


def _tokens(document: str) -> Iterator[tuple[str, str, int]]:
    """Yield kind, text and line of each token except blanks and comments."""
    line, at = 1, 0
    while at < len(document):
        match = _TOKEN.match(document, at)
        if match is None:
            raise ValueError(f"line {line} is not TOML")
        kind = match.lastgroup or ""
        if kind != "skip":
            yield kind, match.group(), line
        line += match.group().count("\n")
        at = match.end()
