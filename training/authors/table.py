"""The first table of report, card and docs: figures of each left-out world.

PR-AUC, recall at .1, .5 and 1 % inspected, the share of hard negatives inside 1 %, the shares of clean shipments in the
lanes, and the recall at 1 % over that of the author's best. An asterisk marks sealed worlds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from training.authors.leaving_out import KINDS

#: Column -> key of the figures.
_COLUMNS: Final = {
    "PR-AUC": "pr_auc",
    ".1%": "recall_0.001",
    ".5%": "recall_0.005",
    "1%": "recall_0.01",
    "hard": "hard_in_0.01",
    "red": "red_clean",
    "yell.": "yellow_clean",
}
_WORDS: Final = {"prior": "prior", "boosters": "trees", "both": "both", "best": "best"}


def rows_of(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table as rows of texts, with a header."""
    rows = [["left out", "model", *_COLUMNS, "of best"]]
    for name, of_world in sorted(figures["authors"].items(), key=lambda item: (item[1]["sealed"], item[0])):
        best = of_world["best"]["recall_0.01"]
        for kind in (*KINDS, "best"):
            of_kind = of_world[kind]
            rows.append(
                [
                    f"{name}{'*' if of_world['sealed'] else ''}" if kind == KINDS[0] else "",
                    _WORDS[kind],
                    *(_number(of_kind.get(key), key) for key in _COLUMNS.values()),
                    f"{of_kind['recall_0.01'] / best:.2f}".lstrip("0") if best else "",
                ]
            )
    return rows


def _number(value: float | None, key: str) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if key.endswith("_clean") or key.startswith("hard") else f"{value:.3f}".lstrip("0")


def table_of(figures: Mapping[str, Any]) -> Table:
    """Return the table for a terminal."""
    header, *rows = rows_of(figures)
    table = Table(
        title="Worlds by authors that the model did not see", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for number, title in enumerate(header):
        table.add_column(title, justify="left" if number < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def markdown_of(figures: Mapping[str, Any]) -> str:
    """Return the table in Markdown."""
    header, *rows = rows_of(figures)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
