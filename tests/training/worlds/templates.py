"""Description templates of a world: the wordings in its tables and in the literals of its modules.

A template is one alternative of a text (alternatives are separated by "|" or ";") without case, accents, figures and placeholders,
and without words of fewer than three letters. Short templates are exempt, because different authors name the same goods alike.
"""

from __future__ import annotations

import ast
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Templates with fewer words are exempt.
LEAST_WORDS = 6
#: A template with a placeholder is more specific to its author, so fewer words suffice.
LEAST_WORDS_WITH_PLACEHOLDER = 4
_PLACEHOLDER = re.compile(r"\{[^}]*\}|%s")


def templates_of(folder: Path) -> set[str]:
    """Return the templates of a world that are not exempt."""
    texts = [*_texts(tomllib.loads((folder / "words.toml").read_text(encoding="utf-8")))]
    for path in folder.glob("*.py"):
        texts += _literals(ast.parse(path.read_text(encoding="utf-8")))
    return {template for text in texts for part in re.split(r"[|;\n]", text) if (template := normalised(part))}


def normalised(text: str) -> str:
    """Return a wording as a template, or "" if it is exempt.

    >>> normalised("Spare parts FOR {maker} tablet presses, 2 pcs")
    'spare parts for tablet presses pcs'
    >>> normalised("spare parts for tablet presses")
    ''
    """
    plain = unicodedata.normalize("NFKD", _PLACEHOLDER.sub(" ", text).casefold())
    words = ["".join(letter for letter in word if letter.isalpha()) for word in plain.split()]
    words = [word for word in words if len(word) >= 3]
    least = LEAST_WORDS_WITH_PLACEHOLDER if _PLACEHOLDER.search(text) else LEAST_WORDS
    return " ".join(words) if len(words) >= least else ""


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _literals(tree: ast.Module) -> list[str]:
    """Return the string literals of a module without its docstrings; f-strings with a placeholder for each value."""
    skipped = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    literals = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            skipped |= {id(part) for part in node.values}
            literals.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            literals.append(node.value)
    return literals
