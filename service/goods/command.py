"""``tidewaiter classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.core.commands import FILE_FORMATS, ExcelSafe


def classify(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT | --file IN OUT",
            help=f"A goods description in any language; with --file the input and the output file: {FILE_FORMATS}.",
            show_default=False,
        ),
    ],
    file: Annotated[bool, typer.Option("--file", help="Classify a column of the file IN into the file OUT.")] = False,
    column: Annotated[
        str | None,
        typer.Option(
            "--column", metavar="NAME", help="With --file: column of the descriptions. Default: goods_description."
        ),
    ] = None,
    hs_column: Annotated[
        str | None,
        typer.Option(
            "--hs-column",
            metavar="NAME",
            help="With --file: column of the declared codes. Default: hs_code, if present.",
        ),
    ] = None,
    hs_code: Annotated[
        str | None, typer.Option("--hs-code", metavar="CODE", help="With TEXT: declared HS code.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON answer of the API.")] = False,
    excel_safe: ExcelSafe = False,
) -> None:
    """Classify goods: likely HS codes, whether the declared code fits, and whether the description is vague."""
    from service.core.commands import WrongUse, environment

    if file and (as_json or hs_code is not None):
        raise WrongUse("--json and --hs-code need a TEXT and cannot be combined with --file.")
    if file and len(text) != 2:
        raise WrongUse(f"--file needs two files, IN and OUT, and no TEXT; got {len(text)}.")
    if not file and (column or hs_column or excel_safe):
        raise WrongUse("--column, --hs-column and --excel-safe need --file IN OUT.")
    if not file and len(text) != 1:
        raise WrongUse("Exactly one TEXT is needed; put quotation marks around it. For a file use --file IN OUT.")
    if file:
        settings = environment(excel_safe=excel_safe or None)
        _classify(
            Path(text[0]), Path(text[1]), column or "goods_description", hs_column, excel_safe=settings.excel_safe
        )
    else:
        _print_answer(text[0], hs_code, as_json=as_json)


def _print_answer(text: str, hs_code: str | None, *, as_json: bool) -> None:
    import json

    from rich.console import Console

    from service.core.commands import WrongUse
    from service.goods.answers import MAX_TEXT, Question, answer_all, read_code
    from service.goods.view import show

    if len(text) > MAX_TEXT:
        raise WrongUse(f"TEXT must have at most {MAX_TEXT:,} characters, got {len(text):,}.")
    try:
        code = None if hs_code is None else read_code(hs_code)
    except ValueError as error:
        raise WrongUse(f"--hs-code: {error}; got {hs_code!r}.") from None
    [result] = answer_all([Question(text, code)])
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        show(result, Console(highlight=False), code=code)


def _classify(source: Path, target: Path, column: str, hs_column: str | None, *, excel_safe: bool) -> None:
    from service.core.commands import row_progress, to_stderr
    from service.goods.view import classify_file

    with row_progress(source.name) as progress:
        report = classify_file(
            source, target, column=column, hs_column=hs_column, progress=progress, excel_safe=excel_safe
        )
    console = to_stderr()
    for note in report.notes:
        console.print(f"Note: {note}", markup=False)
    console.print(
        f"{report.rows:,} rows in and out, {report.blank:,} of them blank: {report.vague:,} vague; "
        f"{report.contradicted:,} of {report.codes:,} codes contradicted. {report.rows_per_second:,.0f} rows/s. {target}",
        markup=False,
    )


COMMANDS = (classify,)
