"""Display of an answer about a goods description on a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from features.reference.codes import hs_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

#: Characters of the text of a code, so that each row of the table fits on a line.
_WIDTH = 58


def show(answer: Mapping[str, Any], console: Console, *, code: str | None = None) -> None:
    """Print an answer of `service.goods.answers`.

    Args:
        code: the declared code.
    """
    console.print(Group(*_parts(answer, code)))


def _parts(answer: Mapping[str, Any], code: str | None) -> Iterator[RenderableType]:
    yield Text(answer["query"].strip() or "(empty)", style="bold")
    if answer["chapters"]:
        yield _below(_codes(answer))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")
    for label, value in _facts(answer, code):
        facts.add_row(label, value)
    yield _below(facts)


def _below(part: RenderableType) -> Padding:
    return Padding(part, (1, 0, 0, 0))


def _codes(answer: Mapping[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("code", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("HS 2022", no_wrap=True)
    for level in ("chapters", "headings", "subheadings"):
        for one in answer[level]:
            text = hs_text(one["code"]) or ""
            shown = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3].rstrip()}..."
            table.add_row(one["code"], f"{one['p']:.2f}", Text(shown))
        table.add_section()
    return table


def _facts(answer: Mapping[str, Any], code: str | None) -> Iterator[tuple[str, Text]]:
    if code is not None:
        yield "Declared", _fit(answer, code)
    if answer["vague_flagged"]:
        yield "Vague", Text(f"{answer['vague']:.2f}, would be rejected as vague", style="yellow")
    else:
        yield "Vague", Text(f"{answer['vague']:.2f}")
    if answer["missing"]:
        yield "Missing", Text("; ".join(answer["missing"]))
    if answer["language"]:
        yield "Language", Text(answer["language"])


def _fit(answer: Mapping[str, Any], code: str) -> Text:
    fit = answer["code_fit"]
    if fit is None:
        return Text(f"{code}: the words and the code cannot be compared")
    if answer["code_contradicted"]:
        return Text(f"{code}: CONTRADICTED by the words (code_fit {fit:+.2f})", style="bold red")
    meaning = "fits the words" if fit > 0 else "neither fits nor contradicts the words"
    return Text(f"{code}: {meaning} (code_fit {fit:+.2f})")
