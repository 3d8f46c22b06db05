"""Output of `tidewaiter substance`: an answer on a terminal, within 80 columns, and a file with further columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.files.appending import FileReport, Query, QueryColumn, Values, append_columns, is_blank
from service.files.options import Progress
from service.substances.answers import COLUMNS, Question, columns

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_RECOGNISED: Final = {
    "exact": "by name",
    "identifier": "by an identifier or structure",
    "systematic": "by its systematic name",
    "translated": "by a name in another language",
    "misspelt": "by a name with typing errors",
    "class": "by its structure, which is on no list and meets a class definition",
    "mention": "mentioned, not declared",
    "similar": "not recognised; its structure resembles a listed one",
    "street": "by a street or advertising name, which alone is no evidence",
}
_CONTROL_WORDS: Final = {
    "named": "controlled by name",
    "class": "controlled as a member of a class",
    "exempt": "exempt from a class",
    "possible": "possibly controlled by a class",
}
_EXEMPT: Final = {"exempt": "exempt", "outside": "outside the class", "review": "may be exempt"}


def show(answer: Mapping[str, Any], console: Console) -> None:
    """Print an answer of `service.substances.answers.answer`."""
    console.print(Group(*_parts(answer)))


def _parts(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield _headline(answer)
    yield _below(_facts(answer))
    if answer["listings"]:
        yield _below(_listings(answer))
    if answer["classes"]:
        yield _below(_classes(answer))
    if answer["warnings"]:
        yield _below(Text("\n".join(f"Note: {warning}" for warning in answer["warnings"]), style="yellow"))


def _below(part: RenderableType) -> Padding:
    return Padding(part, (1, 0, 0, 0))


def _headline(answer: Mapping[str, Any]) -> Text:
    line = Text(answer["substance"] or answer["query"], style="bold")
    if answer["kind"] is None:
        return line.append("\nnot found", style="not bold yellow")
    group = answer["group"].replace("_", " ") if answer["group"] else "on no list"
    line.append(f"\n{group}: ", style="not bold")
    if answer["hit"]:
        return line.append("HIT, a watched substance is declared", style="bold red")
    return line.append("no hit", style="not bold green")


def _facts(answer: Mapping[str, Any]) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")
    for label, value in _fact_rows(answer):
        if value:
            facts.add_row(label, Text(value))
    return facts


def _fact_rows(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Query", answer["query"]
    kind = answer["kind"]
    if kind is not None:
        sure = f", confidence {answer['confidence']:.2f}" if answer["confidence"] is not None else ""
        other = ", ambiguous: it may mean something else" if answer["ambiguous"] else ""
        yield "Recognised", f"{_RECOGNISED[kind]} ({kind}){sure}{other}"
        if answer["matched_text"] != answer["query"]:
            yield "In the text", answer["matched_text"] or ""
        yield "Context", answer["context"] or ""
    for index, sentence in enumerate(answer["evidence"]):
        yield "How" if index == 0 else "\u00a0", sentence
    yield "CAS", answer["cas"] or ""
    yield "InChIKey", answer["inchikey"] or ""
    yield "Structure", answer["smiles"] or ""
    if answer["nearest"]:
        yield "Nearest", f"{answer['nearest']}, similarity {answer['similarity']:.2f} (not a legal match)"
    if kind is not None:
        yield "Law", _law(answer)
        yield "UN", _conventions(answer)


def _law(answer: Mapping[str, Any]) -> str:
    where = answer["jurisdiction"] or "everywhere"
    if not answer["controlled_as"]:
        result = "not listed" if answer["listed"] is False else "no listing recorded; the law is not recorded here"
        return f"on {answer['as_of']} ({where}): {result}"
    by: dict[str, list[str]] = {}
    for one in answer["controlled_as"]:
        by.setdefault(one["as"], []).append(one["jurisdiction"])
    controls = "; ".join(f"{_CONTROL_WORDS[how]} in {', '.join(places)}" for how, places in by.items())
    months = answer["months_since_listing"]
    since = f"; control began {_age(months)} before" if months is not None else ""
    return f"on {answer['as_of']} ({where}): {controls}{since}"


def _conventions(answer: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{one['party']} is a party to the {one['listing']['instrument']}, {one['listing']['listing']}"
        for one in answer["conventions"]
    )


def _age(months: float) -> str:
    return f"{months / 12:.0f} years" if months >= 24 else f"{months:.0f} months"


def _table(title: str, *columns: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title, title_justify="left", title_style="bold"
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _listings(answer: Mapping[str, Any]) -> Table:
    table = _table("Listings by name", "law", "list", "since", "status", "verified")
    for row in answer["listings"]:
        since = row["effective_from"] or "unknown"
        if row["date_precision"] == "year":
            since = since[:4]
        elif row["date_precision"] == "by":
            since = f"by {since}"
        until = f", until {row['effective_to']}" if row["effective_to"] else ""
        unsure = "" if row["verified"] == "yes" else "yellow"
        table.add_row(
            row["jurisdiction"],
            Text(f"{row['instrument']}, {row['listing']}"),
            since,
            f"{row['status']}{until}",
            Text(row["verified"], style=unsure),
        )
    return table


def _classes(answer: Mapping[str, Any]) -> Table:
    table = _table("Class definitions", "law", "definition", "result", "limb, where: change allowed")
    for one in answer["classes"]:
        lines = [_limb(limb) for limb in one["limbs"]]
        if one["exemption"]:
            lines.append(f"But: {one['exemption']['reason']}")
        force = "" if one["in_force"] else ", not in force"
        exempt = f", {_EXEMPT[one['exemption']['effect']]}" if one["exemption"] else ""
        doubt = "" if one["wording_verified"] == "yes" else f" (wording {one['wording_verified']})"
        table.add_row(
            one["jurisdiction"],
            Text(f"{one['name']}{doubt}"),
            Text(f"{one['result']}{force}{exempt}"),
            Text("\n".join(lines)),
        )
    return table


def _limb(limb: Mapping[str, Any]) -> str:
    return f"{limb['limb']}, {limb['where']}: {limb['wording'].removeprefix('none: ')}"


#: Number of cached answers, because lists of chemicals repeat names. They take some tens of megabytes.
_CACHED: Final = 65_536
_BOOLEAN_COLUMNS: Final = ("hit", "listed", "us_class", "cn_class")
_NUMBER_COLUMNS: Final = ("confidence", "similarity")
_TYPES: Final = {
    name: pa.bool_() if name in _BOOLEAN_COLUMNS else pa.float64() if name in _NUMBER_COLUMNS else pa.string()
    for name in COLUMNS
}
_BLANK: Final = (None,) * len(COLUMNS)


@dataclass(slots=True)
class SubstanceReport(FileReport):
    """Counts and notes of a resolved file.

    Attributes:
        by_kind: number of rows per kind of match.
        hits: number of rows that declare a watched substance.
    """

    hits: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)


def resolve_file(
    source: Path,
    target: Path,
    *,
    column: str,
    on: date,
    jurisdiction: str | None = None,
    progress: Progress | None = None,
    excel_safe: bool = False,
) -> SubstanceReport:
    """Resolve one column of a file. The extension of the output path determines the format.

    Args:
        column: name of the column to read; case and separators may differ from those in the file.
        on: day whose law applies.
        jurisdiction: jurisdiction whose law applies; None for all.
        excel_safe: see `append_columns`.

    Raises:
        Unreadable, MappingError, OutputRefused: see `append_columns`.
    """
    report = SubstanceReport()

    @lru_cache(maxsize=_CACHED)
    def answer(text: str) -> Values:
        return columns(Question(text, on, jurisdiction))

    def answer_all(queries: list[Query]) -> Sequence[Values]:
        answers = [_BLANK if is_blank(text) else answer((text or "").strip()) for (text,) in queries]
        report.hits += sum(values[1] is True for values in answers)
        report.by_kind.update(values[0] for values in answers if values[0])
        return answers

    query = [QueryColumn(column)]
    append_columns(source, target, query, _TYPES, answer_all, report, progress, excel_safe=excel_safe)
    return report
