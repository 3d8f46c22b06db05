"""Rendering of the model card ``card.json`` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

#: Keys to skip if the card has sections, which present the same content.
_IN_SECTIONS: Final = ("sections", "description", "limits", "metrics")


def card_markdown(name: str, version: str, card: Mapping[str, Any]) -> str:
    """Return a model card as Markdown.

    The card's ``sections`` come first, followed by one section per other top-level key. Nested objects become lists. Lists of
    objects with equal keys become tables.
    """
    lines = [f"# {name} {version}", ""]
    sections = card.get("sections")
    if isinstance(sections, list) and sections:
        card = {key: value for key, value in card.items() if key not in _IN_SECTIONS}
        for section in sections:
            lines += [f"## {_cell(section['heading'])}", "", *_section(section)]
    plain = {key: value for key, value in card.items() if not _nested(value)}
    lines += [f"- {_title(key)}: {_cell(value)}" for key, value in plain.items()]
    if plain:
        lines.append("")
    for key, value in card.items():
        if key not in plain:
            lines += [f"## {_title(key)}", "", *_block(value, 0), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Mapping[str, Any]) -> list[str]:
    lines = [line for sentence in section.get("text", ()) for line in (_cell(sentence), "")]
    table = section.get("table")
    return [*lines, *_table(table["columns"], table["rows"]), ""] if table else lines


def _table(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> list[str]:
    head = ["| " + " | ".join(_cell(column) for column in columns) + " |", "|" + " --- |" * len(columns)]
    return head + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and len(value) > 0


def _title(key: str) -> str:
    words = str(key).replace("_", " ")
    return words[:1].upper() + words[1:]


def _cell(value: Any) -> str:
    if value is None:
        return "not estimated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping | list | tuple):
        return ", ".join(_cell(part) for part in (value.values() if isinstance(value, Mapping) else value)) or "none"
    # Escape bars and line breaks, which would break a table, and `<`, which could start an HTML tag.
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _block(value: Any, depth: int) -> list[str]:
    indent = "  " * depth
    if isinstance(value, Mapping):
        lines: list[str] = []
        for key, part in value.items():
            if _nested(part):
                lines += [f"{indent}- {_title(key)}:", *_block(part, depth + 1)]
            else:
                lines.append(f"{indent}- {_title(key)}: {_cell(part)}")
        return lines
    if depth == 0 and _is_table(value):
        columns = list(value[0])
        return _table([_title(column) for column in columns], [[row[column] for column in columns] for row in value])
    return [f"{indent}- {_cell(part)}" for part in value]


def _is_table(value: Sequence[Any]) -> bool:
    return all(isinstance(row, Mapping) and row and list(row) == list(value[0]) for row in value)
