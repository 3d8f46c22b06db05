"""What a report is made of: sections of sentences, tables and pictures, and the template that sets them as one page.

Nothing here knows a figure; whatever text comes in is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TEMPLATES: Final = Path(__file__).with_name("templates")
_TEMPLATE: Final = "report.html.j2"

#: Values that a cell may be marked with.
GOOD: Final = "good"
BAD: Final = "bad"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with a mark, ``good`` or ``bad``, beside its text: the mark is never the only sign."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. The first ``words`` columns hold text, the others figures; every row has a cell per column."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""
    words: int = 1

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows, every cell a `Cell`."""
        return [[cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in row] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot as a ``data:`` URI; ``says`` is what someone who cannot see it is told."""

    uri: str
    says: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences, under a heading where it has a title."""

    items: Sequence[str]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section with its anchor, its title, its opening sentences and its blocks in order."""

    anchor: str
    title: str
    words: Sequence[str] = ()
    blocks: Sequence[Table | Picture | Points] = field(default_factory=tuple)


def _pieces(text: str) -> list[str]:
    """A figure and its interval, neither of which may be broken across lines; any other text whole."""
    figure, bracket, interval = text.partition(" (")
    return [figure, f"({interval}"] if bracket and text[:1] in "+-0123456789" else [text]


def page(title: str, subtitle: str, facts: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """One HTML document without scripts and without anything from outside."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        "table": lambda block: isinstance(block, Table),
        "picture": lambda block: isinstance(block, Picture),
    }
    environment.filters["pieces"] = _pieces
    template = environment.get_template(_TEMPLATE)
    return template.render(title=title, subtitle=subtitle, facts=facts, sections=sections)
