"""Output of `tidewaiter classify`: an answer on a terminal, within 80 columns, and a file with further columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from features.goods.answers import goods_reader
from features.reference.codes import hs_text
from service.files.appending import FileReport, Query, QueryColumn, Values, append_columns
from service.files.options import Progress
from service.goods.answers import COLUMNS, code_or_none, columns

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


_BOOLEAN_COLUMNS: Final = ("code_contradicted", "vague_flagged")
_NUMBER_COLUMNS: Final = ("code_fit", "vague")
_TYPES: Final = {
    name: pa.bool_()
    if name in _BOOLEAN_COLUMNS
    else pa.float64()
    if name in _NUMBER_COLUMNS or name.endswith("_p")
    else pa.string()
    for name in COLUMNS
}


@dataclass(slots=True)
class GoodsReport(FileReport):
    """Counts and notes of a classified file.

    Attributes:
        vague: number of rows that are flagged as vague.
        codes: number of rows with a code that can be compared.
        contradicted: number of rows whose words contradict the code.
        unreadable: number of rows with a code that cannot be read.
    """

    vague: int = 0
    codes: int = 0
    contradicted: int = 0
    unreadable: int = 0


def classify_file(
    source: Path,
    target: Path,
    *,
    column: str,
    hs_column: str | None = None,
    progress: Progress | None = None,
    excel_safe: bool = False,
) -> GoodsReport:
    """Classify the descriptions of a file. The extension of the output path determines the format.

    Args:
        column: name of the column of descriptions; case and separators may differ from those in the file.
        hs_column: name of the column of declared codes. None: `hs_code`, if the file has it.
        excel_safe: see `append_columns`.

    Raises:
        Unreadable, MappingError, OutputRefused: see `append_columns`.
    """
    report = GoodsReport()
    codes = QueryColumn(hs_column or "hs_code", "--hs-column", needed=hs_column is not None)

    def answer_all(queries: list[Query]) -> Sequence[Values]:
        # Classify each distinct pair of description and code once, because they repeat in trade.
        digits = {code: None if code is None else code_or_none(code) for code in {code for _, code in queries}}
        numbers: dict[tuple[str, str | None], int] = {}
        rows = [numbers.setdefault((text or "", digits[code]), len(numbers)) for text, code in queries]
        answers = goods_reader().classify([text for text, _ in numbers], [code for _, code in numbers])
        values = [columns(answer) for answer in answers]
        for (_, code), row in zip(queries, rows, strict=True):
            answer = answers[row]
            report.vague += answer.vague_flagged
            report.codes += answer.code_fit is not None
            report.contradicted += answer.code_contradicted is True
            report.unreadable += code is not None and bool(code.strip()) and digits[code] is None
        return [values[row] for row in rows]

    queries = [QueryColumn(column), codes]
    append_columns(source, target, queries, _TYPES, answer_all, report, progress, excel_safe=excel_safe)
    if report.unreadable == 1:
        report.notes.append("1 HS code cannot be read; its row has no code_fit.")
    elif report.unreadable:
        report.notes.append(f"{report.unreadable:,} HS codes cannot be read; their rows have no code_fit.")
    return report
