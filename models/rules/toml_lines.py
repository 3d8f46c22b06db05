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
  | \n
  | (?:\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')
  | [\[\]{}=,.]
  | [^\s\[\]{}=,."'\#]+
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
    """Reads a document once, token by token. A quoted text keeps its quotes, so it never equals a mark."""

    def __init__(self, document: str) -> None:
        self._tokens = [*_tokens(document)][::-1]
        self._lines: dict[Path, int] = {}
        #: Number of the latest entry of each array of tables.
        self._latest: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self._tokens:
            text, line = self._tokens[-1]
            if text == "[":
                table = self._header(line)
            elif text == "\n":
                self._tokens.pop()
            else:
                self._pair(table)
        return self._lines

    def _header(self, line: int) -> Path:
        """Read ``[table]`` or ``[[array of tables]]`` and return the path of the pairs that follow."""
        self._tokens.pop()
        is_array = self._tokens[-1][0] == "["
        if is_array:
            self._tokens.pop()
        *outer, last = self._keys("]")
        path: Path = ()
        for key in outer:
            # The key of an array of tables refers to its latest entry.
            path = self._latest_of((*path, key))
        path = (*path, last)
        if is_array:
            self._tokens.pop()
            self._lines.setdefault(path, line)
            self._latest[path] = self._latest.get(path, -1) + 1
        path = self._latest_of(path)
        self._lines.setdefault(path, line)
        return path

    def _latest_of(self, path: Path) -> Path:
        return (*path, self._latest[path]) if path in self._latest else path

    def _keys(self, end: str) -> list[str]:
        """Read a dotted key and the mark ``end``."""
        keys = []
        while (text := self._tokens.pop()[0]) != end:
            if text != ".":
                keys.append(text[1:-1] if text[0] in "\"'" else text)
        return keys

    def _pair(self, path: Path) -> None:
        """Read ``key = value`` of the table ``path``."""
        line = self._tokens[-1][1]
        for key in self._keys("="):
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._value(path)

    def _value(self, path: Path) -> None:
        text, _ = self._tokens.pop()
        if text == "[":
            for number, line in enumerate(self._entries("]")):
                self._lines[*path, number] = line
                self._value((*path, number))
        elif text == "{":
            for _ in self._entries("}"):
                self._pair(path)
        else:
            # A number with a point, or a time, has several tokens.
            while self._tokens and self._tokens[-1][0] not in ("\n", ",", "]", "}"):
                self._tokens.pop()

    def _entries(self, end: str) -> Iterator[int]:
        """Yield the line of each entry up to the mark ``end``. The caller reads the entry."""
        while self._tokens[-1][0] != end:
            if self._tokens[-1][0] in ("\n", ","):
                self._tokens.pop()
            else:
                yield self._tokens[-1][1]
        self._tokens.pop()


def _tokens(document: str) -> Iterator[tuple[str, int]]:
    """Yield text and line of each token except blanks and comments."""
    line, at = 1, 0
    while at < len(document):
        match = _TOKEN.match(document, at)
        if match is None:
            raise ValueError(f"line {line} is not TOML")
        if match.lastgroup != "skip":
            yield match.group(), line
        line += match.group().count("\n")
        at = match.end()
