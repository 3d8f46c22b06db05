"""The model card as text a person reads; the facts are those of ``card.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def card_markdown(name: str, version: str, card: Mapping[str, Any]) -> str:
    """Markdown of a card: a section per top-level key, nested objects as lists, lists of equal objects as tables."""
    lines = [f"# {name} {version}", ""]
    plain = {key: value for key, value in card.items() if not _nested(value)}
    lines += [f"- {_title(key)}: {_cell(value)}" for key, value in plain.items()]
    if plain:
        lines.append("")
    for key, value in card.items():
        if key not in plain:
            lines += [f"## {_title(key)}", "", *_block(value, 0), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


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
    # A bar or a line break inside a cell would break the table.
    return str(value).replace("|", "\\|").replace("\n", " ")


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
        rows = ["| " + " | ".join(_cell(row[column]) for column in columns) + " |" for row in value]
        return ["| " + " | ".join(_title(column) for column in columns) + " |", "|" + " --- |" * len(columns), *rows]
    return [f"{indent}- {_cell(part)}" for part in value]


def _is_table(value: Sequence[Any]) -> bool:
    return all(isinstance(row, Mapping) and row and list(row) == list(value[0]) for row in value)
