"""Building blocks of a report (sections, tables, pictures, lists), and their rendering as one page.

Blocks contain plain text, which the template escapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_TEMPLATES: Final = Path(__file__).with_name("templates")
_TEMPLATE: Final = "report.html.j2"

#: Marks of a cell.
GOOD: Final = "good"
BAD: Final = "bad"


@dataclass(frozen=True, slots=True)
class Cell:
    """Cell with an optional mark, ``good`` or ``bad``. The text must also express the verdict."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Table with one cell per row and column. The first ``words`` columns contain text, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str | Cell]]
    note: str = ""
    words: int = 1

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows with every cell as a `Cell`."""
        return [[cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in row] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Picture:
    """Plot as a ``data:`` URI, with an alternative text."""

    uri: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class Points:
    """List of sentences with an optional title."""

    items: Sequence[str]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Section with anchor, title, opening sentences and blocks."""

    anchor: str
    title: str
    words: Sequence[str] = ()
    blocks: Sequence[Table | Picture | Points] = field(default_factory=tuple)


def _pieces(text: str) -> list[str]:
    """Split a figure from its interval, so that a line can break only between them. Other text is not split."""
    figure, bracket, interval = text.partition(" (")
    return [figure, f"({interval}"] if bracket and text[:1] in "+-0123456789" else [text]


def page(title: str, subtitle: str, facts: Mapping[str, Any], sections: Sequence[Section]) -> str:
    """Render one HTML document without scripts or external resources."""
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
