"""``tidewaiter outcomes``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.core.commands import FILE_FORMATS, ExcelSafe

outcomes_app = typer.Typer(
    name="outcomes", help="Import outcomes of inspections.", no_args_is_help=True, rich_markup_mode=None
)


@outcomes_app.callback()
def _outcomes() -> None:
    pass


@outcomes_app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=f"{FILE_FORMATS}, with the columns shipment_id or decision_id, content, found_at, by; optionally "
            "substance, quantity, unit, method, corrects, kind (of other_contraband).",
        ),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="File for rejected rows. Default: FILE.rejects.csv."),
    ] = None,
    excel_safe: ExcelSafe = False,
) -> None:
    """Record outcomes from a file. Rows that are already stored are skipped, so a file may be imported again."""
    from service.core.commands import environment, open_database, to_stderr
    from service.inspections.importing import import_outcomes, write_rejects

    settings = environment(excel_safe=excel_safe or None)
    with open_database(existing=True) as database:
        report = import_outcomes(database, file)
    target = file.with_name(f"{file.name}.rejects.csv") if rejects is None else rejects
    if report.rejected:
        write_rejects(target, report.rejected, excel_safe=settings.excel_safe)
    else:
        target.unlink(missing_ok=True)
    console = to_stderr()
    console.print(f"{report.added:,} outcomes recorded, {report.known:,} were already recorded.")
    if report.ignored:
        console.print(f"Ignored columns: {', '.join(report.ignored)}.")
    if report.rejected:
        console.print(f"{len(report.rejected):,} rows rejected, see {target}.")


COMMANDS = (outcomes_app,)
