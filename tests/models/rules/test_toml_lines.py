"""Lines of keys agree with those at which a generated document was written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.toml_lines import Path, lines_of

KEYS = st.sampled_from(["id", "when", "value", "a-b", "x1"])
SCALARS = st.sampled_from(
    ["1", "-2.5", "true", "2026-05-04", "2026-05-04T09:30:00.5Z", "[]", "{}", '"a # ] , text"', "'it # s ] }'",
     '"""two\nlines"""', "'''a\n\n]b'''", '"\\"quoted\\""', "1e5", "[1, 2]"]
)  # fmt: skip


class Writer:
    """Writes a document and records the line of each key and entry."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[Path, int] = {}

    def here(self) -> int:
        return self.text.count("\n") + 1

    def value(self, tree: Any, path: Path) -> None:
        if isinstance(tree, list):
            self.text += "["
            for number, part in enumerate(tree):
                self.text += "\n  # a comment ] }\n " if number % 2 else " "
                self.lines[*path, number] = self.here()
                self.value(part, (*path, number))
                self.text += ","
            self.text += "\n]"
        elif isinstance(tree, dict):
            self.text += "{"
            for number, (key, part) in enumerate(tree.items()):
                self.text += ", " if number else ""
                self.lines[*path, key] = self.here()
                self.text += f"{key} = "
                self.value(part, (*path, key))
            self.text += "}"
        else:
            inner = tomllib.loads(f"x = {tree}")["x"]
            if isinstance(inner, list):
                self.lines |= {(*path, number): self.here() for number in range(len(inner))}
            self.text += tree


TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(KEYS, inner, min_size=1),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(KEYS, TREES, min_size=1), min_size=1, max_size=3))
def test_the_line_of_every_key_and_entry_is_found(tables: list[dict[str, Any]]) -> None:
    written = Writer()
    written.lines[("rule",)] = 1
    for number, table in enumerate(tables):
        written.lines["rule", number] = written.here()
        written.text += "[[rule]]  # header\n"
        for key, tree in table.items():
            written.text += "\n"
            written.lines["rule", number, key] = written.here()
            written.text += f"{key}  =  "
            written.value(tree, ("rule", number, key))
            written.text += "  # after\n"
    tomllib.loads(written.text)
    assert lines_of(written.text) == written.lines


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("[rule]\nid = 1", ("rule", "id"), 2),
        (
            "[[rule]]\n[rule.when]\n[[rule.when.all]]\nop = 1\n[[rule.when.all]]\nop = 2",
            ("rule", 0, "when", "all", 1, "op"),
            6,
        ),
        ("[[rule]]\nwhen.all = [1,\n2]", ("rule", 0, "when", "all", 1), 3),
        ("[[rule]]\n\"id\" = 1\n[[rule]]\n'id' = 2", ("rule", 1, "id"), 4),
        ("a = 1\n\n\nb.c = 2", ("b", "c"), 4),
    ],
)
def test_headers_dotted_and_quoted_keys_are_followed(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)
    assert lines_of(text)[path] == line
