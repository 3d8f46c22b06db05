"""Tables of figures, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rich.table
from rich.console import Console
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Table:
    """Figures with a heading; the first column names the row. ``note`` explains them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(self.columns)} columns, got the row {row}.")

    def show(self, console: Console) -> None:
        """Print the table."""
        drawn = rich.table.Table(title=self.title, title_justify="left", title_style="bold", header_style="")
        for number, name in enumerate(self.columns):
            drawn.add_column(Text(name), justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            drawn.add_row(*map(Text, row))
        console.print(drawn)
        if self.note:
            console.print(Text(self.note))
        console.print()

    def markdown(self) -> str:
        """Return heading, note and table in Markdown."""

        def line(cells: Sequence[str]) -> str:
            return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"

        rule = f"|---|{'---:|' * (len(self.columns) - 1)}"
        parts = [f"### {self.title}", "", *([self.note, ""] if self.note else [])]
        return "\n".join([*parts, line(self.columns), rule, *map(line, self.rows), ""])


def number(value: float | None) -> str:
    """Return three significant digits with thousands separators; ``-`` for None."""
    if value is None or value != value:
        return "-"
    size = abs(value)
    digits = (
        0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3 if size >= 0.01 or not size else 5
    )
    return f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    """Return a ratio: ``3.2x``."""
    return "-" if value is None else f"{number(value)}x"


def share(value: float) -> str:
    """Return a fraction in percent."""
    return f"{100 * value:.1f} %"
