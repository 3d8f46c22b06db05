"""``tidewaiter substance``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import date


def substance(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT | --file IN OUT",
            help="A name, CAS number, SMILES, InChI, InChIKey or description; with --file the file to read "
            "(CSV, TSV, JSONL, each also gzipped, or Parquet) and the one to write.",
            show_default=False,
        ),
    ],
    file: Annotated[bool, typer.Option("--file", help="Resolve a column of the file IN into the file OUT.")] = False,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="With --file: the column to read. Default: query.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The law of that day, YYYY-MM-DD. Default: today.")
    ] = None,
    jurisdiction: Annotated[
        str | None, typer.Option("--jurisdiction", metavar="CODE", help="UN, EU or an ISO code. Default: everywhere.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as the API does, in JSON.")] = False,
    drawing: Annotated[
        Path | None, typer.Option("--drawing", metavar="FILE.svg", help="Draw the structure into a file.")
    ] = None,
) -> None:
    """Say what a chemical is, which law lists it, under which words and since when; for a text or a file of them."""
    from service.cli.common import environment
    from service.cli.errors import WrongUse
    from service.substances.chemistry import set_up

    if file and (as_json or drawing):
        raise WrongUse("--json and --drawing go with a TEXT, not with --file.")
    if file and len(text) != 2:
        raise WrongUse(f"--file needs two files, IN and OUT, and no TEXT; got {len(text)}.")
    if not file and column:
        raise WrongUse("--column goes with --file IN OUT.")
    if not file and len(text) != 1:
        raise WrongUse("One TEXT is needed: put quotation marks around it; for a file say --file IN OUT.")
    on, place = _day(as_of), _place(jurisdiction)
    set_up(environment())
    if file:
        _resolve(Path(text[0]), Path(text[1]), column or "query", on, place)
    else:
        _ask(text[0], on, place, as_json=as_json, drawing=drawing)


def _ask(text: str, on: date, place: str | None, *, as_json: bool, drawing: Path | None) -> None:
    import json

    from rich.console import Console

    from service.cli.errors import WrongUse
    from service.substances.answers import MAX_QUERY, Question, answer
    from service.substances.view import show

    if not text.strip() or len(text) > MAX_QUERY:
        raise WrongUse(f"TEXT must have 1 to {MAX_QUERY:,} characters, got {len(text.strip()):,}.")
    found = answer(Question(text, on, place, drawing=drawing is not None))
    drawn = found.pop("drawing") if drawing else found["drawing"]
    if drawing and drawn:
        _write(drawing, drawn)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found, Console(highlight=False))
    if drawing and not drawn:
        raise WrongUse(f"{drawing}: No structure is known for it, so nothing was drawn.")


def _write(path: Path, drawn: str) -> None:
    from service.files.output import whole_file

    with whole_file(path) as target:
        target.write(drawn.encode())


def _resolve(source: Path, target: Path, column: str, on: date, place: str | None) -> None:
    from service.cli.console import row_progress, to_stderr
    from service.files.substance_file import resolve_file
    from service.substances.chemistry import chemistry

    with row_progress(source.name) as progress:
        report = resolve_file(source, target, column=column, on=on, jurisdiction=place, progress=progress)
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
    from service.cli.errors import WrongUse
    from service.substances.answers import read_day, today

    try:
        return today() if text is None else read_day(text)
    except ValueError as error:
        raise WrongUse(f"--as-of: {error}; got {text!r}.") from None


def _place(text: str | None) -> str | None:
    from service.cli.errors import WrongUse
    from service.substances.answers import read_jurisdiction

    try:
        return None if text is None else read_jurisdiction(text)
    except ValueError as error:
        raise WrongUse(f"--jurisdiction: {error}; got {text!r}.") from None
