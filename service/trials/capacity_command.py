"""``tidewaiter plan``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.files.command import BundleDir, MappingFile

if TYPE_CHECKING:
    from service.core.settings import Capacity
    from service.trials.capacity_report import Explored, Row, Scored


def plan(
    capacity: Annotated[
        str | None,
        typer.Option(
            "--capacity", metavar="N/day", help="Inspections on a working day. Default: that of tidewaiter.toml."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Manifests of usual traffic, which are scored.")
    ] = None,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Use the scores of the last 28 days of the store.")
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="site|channel|both|none", help="Plan each site, channel or both.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the figures as JSON; - for standard output."),
    ] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", metavar="FILE.svg", help="Also draw the finds.")] = None,
    bundle: BundleDir = None,
    mapping: MappingFile = None,
) -> None:
    """Show what a capacity finds, and what each share of exploration buys.

    Finds follow from calibrated risks at the base rates of the settings, so they are as sure as these. Hidden finds are those that
    no declaration states: only they depend on the capacity.
    """
    from service.core.commands import WrongUse, to_stdout, write_json
    from service.trials.capacity_report import explored, plot, rows_of, to_json

    if (data is None) != from_store:
        raise WrongUse("Give either --data FILE or --from-store.")
    planned = _capacity(capacity, by)
    scored = _stored(planned, bundle) if data is None else _scored(planned, data, bundle, mapping)
    rows, exploration = list(rows_of(scored, planned)), explored(scored, planned)
    if json_file is not None:
        write_json(json_file, to_json(rows, exploration))
    if plot_file is not None:
        plot_file.write_text(plot(rows), encoding="utf-8")
    if json_file != Path("-"):
        for one in _tables(rows, exploration, scored):
            to_stdout().print(one)


def _capacity(text: str | None, by: str | None) -> Capacity:
    """Return the capacity of the settings, with what the command line says instead."""
    from pydantic import ValidationError

    from service.core.commands import WrongUse, environment
    from service.core.settings import Capacity

    known = environment().capacity
    values: dict[str, Any] = {} if known is None else known.model_dump()
    if text is not None:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/day)?", text.strip())
        if match is None:
            raise WrongUse(f"--capacity: {text!r} is no number of inspections a day, such as 40/day.")
        values["per_day"] = float(match[1])
    if by is not None:
        values["by"] = by
    if "per_day" not in values:
        raise WrongUse("Give --capacity N/day, or set [capacity] in tidewaiter.toml.")
    try:
        return Capacity(**values)
    except ValidationError as error:
        raise WrongUse(f"--by, --capacity: {error.errors()[0]['msg']}") from None


def _scored(capacity: Capacity, data: Path, bundle: Path | None, mapping: Path | None) -> Scored:
    """Score a file."""
    from functools import partial

    from service.core.commands import environment
    from service.trials.capacity_scores import collected
    from service.trials.trying import tried

    settings = environment()
    return tried(partial(collected, capacity), data, settings, settings.score_settings(), bundle, mapping)


def _stored(capacity: Capacity, bundle: Path | None) -> Scored:
    """Return the scores of the store.

    Raises:
        WrongUse: the model has not scored enough.
    """
    from service.core.commands import environment, load_model, open_database
    from service.trials.capacity_scores import stored

    model = load_model(bundle)
    with open_database(existing=True) as database:
        return stored(database, capacity, model, environment().score_settings())


def _tables(rows: list[Row], exploration: list[Explored], scored: Scored) -> list[Any]:
    """Return the report as tables for the terminal."""
    from rich.table import Table

    a_day = len(scored.risk) / scored.days
    finds = Table(title=f"Finds a year of {a_day:,.0f} shipments a day, with an interval of 90 %", title_justify="left")
    for name in ("group", "a working day", "least risk", "finds a year", "interval", "hidden", "one find in"):
        finds.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        finds.add_row(
            row.group or "all",
            f"{row.capacity:,.4g}",
            "-" if row.threshold is None else f"{row.threshold:.2g}",
            _number(row.expected_finds),
            f"{row.low:,.0f} to {row.high:,.0f}",
            _number(row.hidden_finds),
            "-" if row.precision <= 0.0 else f"{1 / row.precision:,.0f}",
        )
    explores = Table(title="What exploration buys", title_justify="left")
    for name in (
        "share",
        "finds a year",
        "given up",
        "of hidden",
        "known as",
        "weeks to a new scheme",
        "if it scores low",
    ):
        explores.add_column(name, justify="right")
    for one in exploration:
        weeks = ["never" if value is None else f"{value:,.3g}" for value in (one.weeks_near, one.weeks_far)]
        explores.add_row(
            f"{one.share:.0%}",
            _number(one.finds_a_year),
            _number(one.given_up),
            f"{one.recall:.2f}",
            f"{one.recall_low:.2f} to {one.recall_high:.2f}",
            *weeks,
        )
    return [finds, explores]


def _number(value: float) -> str:
    """Return a number of finds."""
    return f"{value:.1g}" if value < 0.01 else f"{value:,.2f}" if value < 10.0 else f"{value:,.0f}"
