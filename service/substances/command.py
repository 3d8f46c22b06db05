"""``tidewaiter substance``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import FILE_FORMATS, ExcelSafe

if TYPE_CHECKING:
    from datetime import date


def substance(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT | --file IN OUT",
            help="A name, CAS number, SMILES, InChI, InChIKey or description; with --file the input and the "
            f"output file: {FILE_FORMATS}.",
            show_default=False,
        ),
    ],
    file: Annotated[bool, typer.Option("--file", help="Resolve a column of the file IN into the file OUT.")] = False,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="With --file: column to resolve. Default: query.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Day whose law applies, YYYY-MM-DD. Default: today.")
    ] = None,
    jurisdiction: Annotated[
        str | None,
        typer.Option("--jurisdiction", metavar="CODE", help="UN, EU or an ISO code. Default: all jurisdictions."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON answer of the API.")] = False,
    drawing: Annotated[
        Path | None, typer.Option("--drawing", metavar="FILE.svg", help="Also write a drawing of the structure.")
    ] = None,
    excel_safe: ExcelSafe = False,
) -> None:
    """Identify a chemical and the laws that list it, with wording and dates, in one text or a column of a file."""
    from service.core.chemistry import set_up
    from service.core.commands import WrongUse, environment

    if file and (as_json or drawing):
        raise WrongUse("--json and --drawing need a TEXT and cannot be combined with --file.")
    if file and len(text) != 2:
        raise WrongUse(f"--file needs two files, IN and OUT, and no TEXT; got {len(text)}.")
    if not file and (column or excel_safe):
        raise WrongUse("--column and --excel-safe need --file IN OUT.")
    if not file and len(text) != 1:
        raise WrongUse("Exactly one TEXT is needed; put quotation marks around it. For a file use --file IN OUT.")
    on, jurisdiction = _day(as_of), _jurisdiction(jurisdiction)
    settings = environment(excel_safe=excel_safe or None)
    set_up(settings)
    if file:
        _resolve(Path(text[0]), Path(text[1]), column or "query", on, jurisdiction, excel_safe=settings.excel_safe)
    else:
        _print_answer(text[0], on, jurisdiction, as_json=as_json, drawing=drawing)


def _print_answer(text: str, on: date, jurisdiction: str | None, *, as_json: bool, drawing: Path | None) -> None:
    import json

    from rich.console import Console

    from service.core.commands import WrongUse
    from service.substances.answers import MAX_QUERY, Question, answer
    from service.substances.view import show

    if not text.strip() or len(text) > MAX_QUERY:
        raise WrongUse(f"TEXT must have 1 to {MAX_QUERY:,} characters, got {len(text.strip()):,}.")
    result = answer(Question(text, on, jurisdiction, drawing=drawing is not None))
    svg = result.pop("drawing") if drawing else result["drawing"]
    if drawing and svg:
        _write(drawing, svg)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        show(result, Console(highlight=False))
    if drawing and not svg:
        raise WrongUse(f"{drawing}: No structure is known for the text, so nothing was drawn.")


def _write(path: Path, svg: str) -> None:
    from service.files.output import whole_file

    with whole_file(path) as target:
        target.write(svg.encode())


def _resolve(source: Path, target: Path, column: str, on: date, jurisdiction: str | None, *, excel_safe: bool) -> None:
    from service.core.chemistry import chemistry
    from service.core.commands import row_progress, to_stderr
    from service.substances.view import resolve_file

    with row_progress(source.name) as progress:
        report = resolve_file(
            source,
            target,
            column=column,
            on=on,
            jurisdiction=jurisdiction,
            progress=progress,
            excel_safe=excel_safe,
        )
    console = to_stderr()
    problem = chemistry()["problem"]
    for note in (*report.notes, *([problem] if problem else [])):
        console.print(f"Note: {note}", markup=False)
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.by_kind.most_common()) or "none recognised"
    console.print(
        f"{report.rows:,} rows in and out, {report.blank:,} of them blank: {kinds}; {report.hits:,} declare a watched "
        f"substance. {report.rows_per_second:,.0f} rows/s. {target}",
        markup=False,
    )


def _day(text: str | None) -> date:
    from service.core.commands import WrongUse
    from service.substances.answers import read_day, today

    try:
        return today() if text is None else read_day(text)
    except ValueError as error:
        raise WrongUse(f"--as-of: {error}; got {text!r}.") from None


def _jurisdiction(text: str | None) -> str | None:
    from service.core.commands import WrongUse
    from service.substances.answers import read_jurisdiction

    try:
        return None if text is None else read_jurisdiction(text)
    except ValueError as error:
        raise WrongUse(f"--jurisdiction: {error}; got {text!r}.") from None


COMMANDS = (substance,)
