"""``tidewaiter backtest`` and ``tidewaiter shadow start|stop|report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from service.backtests.backtest import Past, Period
    from service.backtests.contender import Contender
    from service.core.settings import Settings

shadow_app = typer.Typer(
    name="shadow", help="Let a second model score beside the first.", no_args_is_help=True, rich_markup_mode=None
)
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the figures as JSON; - for standard output."),
]
_NAMES = {
    "first": "opened by the first",
    "second": "opened by the second",
    "both": "by both",
    "only_first": "only by the first",
    "only_second": "only by the second",
    "either": "by either",
    "neither": "by neither",
}


def backtest(
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="Begin of the period of receipt, ISO 8601.")],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help="End of the period (exclusive).")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help="The second side; the first is what was decided.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules", metavar="FILE", help="Further rules; the first side is the present model without them."
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Score a stored period again with another model or further rules, and compare what each side would open.

    History, lists, proposals, thresholds and officers' decisions are those of the time of each decision.
    """
    from service.backtests.backtest import Past
    from service.backtests.backtest import backtest as run
    from service.core.commands import WrongUse, environment, open_database, row_progress
    from service.history.key import Sealer, secret_of

    if (bundle is None) == (rules is None):
        raise WrongUse("Give either --bundle DIR or --rules FILE.")
    settings, period = environment(), _period(since, until)
    _prepare(settings)
    with open_database(existing=True) as database, row_progress("Decisions") as progress:
        past = Past(database, Sealer(secret_of(settings)), settings)
        found = run(past, period, _contenders(past, bundle, rules), lambda scored: progress(0, 0, scored))
    sides = ("as decided", "the bundle") if bundle is not None else ("the present rules", "with the further rules")
    _show(found, sides, json_file)


def _period(since: str, until: str) -> Period:
    from service.backtests.backtest import Period
    from service.core.commands import WrongUse
    from service.scoring.selecting import read_time

    times = []
    for name, text in (("--since", since), ("--until", until)):
        try:
            times.append(read_time(text))
        except ValueError as error:
            raise WrongUse(f"{name} {error}") from None
    if times[0] >= times[1]:
        raise WrongUse("--since must be before --until.")
    return Period(*times)


def _prepare(settings: Settings) -> None:
    from service.core.chemistry import set_up
    from service.core.memory import keep_memory_small

    set_up(settings)
    keep_memory_small()


def _contenders(past: Past, bundle: Path | None, rules: Path | None) -> list[Contender]:
    import os
    from dataclasses import replace

    from models.rules import OfficeRules, known_names, load_rules
    from service.backtests.backtest import contender
    from service.core.commands import load_model
    from service.trials.trial import with_trial

    base, threads = past.settings.score_settings(), min(8, os.cpu_count() or 1)
    model = load_model(bundle)
    if rules is None:
        return [contender(past, model, base, threads)]
    tried = with_trial(load_rules(rules, known_names()), model.rules, base.rules or OfficeRules())
    further = replace(base, rules=tried)
    # Raise errors in the rules before the store is read.
    model.rulebook(further)
    return [contender(past, model, one, threads) for one in (base, further)]


@shadow_app.command()
def start(
    bundle: Annotated[
        Path, typer.Option("--bundle", metavar="DIR", help="Folder of the second bundle. Keep it there.")
    ],
) -> None:
    """Let a second model score the decisions of the service from now on, without effect on answers."""
    from service.backtests import shadow

    with _database() as database:
        found = shadow.start(database, bundle, "tidewaiter shadow start")
    typer.echo(f"Shadow: model {found.version}, digest {found.digest[:12]}. The service follows within 5 seconds.")


@shadow_app.command()
def stop() -> None:
    """Stop the shadow. Its scores stay, for the report."""
    from service.backtests import shadow

    with _database() as database:
        found = shadow.stop(database, "tidewaiter shadow stop")
    typer.echo(f"Stopped: model {found.version}, digest {found.digest[:12]}")


@shadow_app.command()
def report(json_file: JsonFile = None) -> None:
    """Compare what the shadow would open with what was opened."""
    from service.backtests import shadow

    with _database() as database:
        found = shadow.report(database)
    _show(found, ("as decided", f"model {found['model']['version']}"), json_file)


def _database() -> Any:
    from service.core.commands import open_database

    return open_database(existing=True)


def _show(found: dict[str, Any], sides: tuple[str, str], json_file: Path | None) -> None:
    """Write the figures as JSON, and print them as tables unless the JSON is printed."""
    from service.core.commands import to_stdout, write_json

    if json_file is not None:
        write_json(json_file, found)
    if json_file == Path("-"):
        return
    console = to_stdout()
    console.print(
        f"{found['shipments']:,} shipments of {found['decisions']:,} decisions; {found['with_result']:,} with a result, "
        f"{found['finds']:,} finds. First: {sides[0]}. Second: {sides[1]}.",
        markup=False,
    )
    number = found["equal_number"]["opened"]
    console.print(_table(found["as_decided"], "As decided"))
    console.print(_table(found["equal_number"], f"If each opened its {number:,} riskiest"))
    for name in ("problem", "behind", "unscored", "left_out"):
        if found.get(name):
            console.print(f"{name.replace('_', ' ')}: {found[name]}", markup=False)


def _table(parts: dict[str, Any], title: str) -> Table:
    """Return the parts of a comparison as a table."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("", "shipments", "with a result", "finds", "precision", "90 % interval"):
        table.add_column(name, justify="right" if name else "left")
    for name, words in _NAMES.items():
        one = parts[name]
        known = one["precision"] is not None
        table.add_row(
            words,
            f"{one['shipments']:,}",
            f"{one['with_result']:,}",
            f"{one['finds']:,}",
            f"{one['precision']:.3f}" if known else "-",
            f"{one['low']:.3f} to {one['high']:.3f}" if known else "not enough data",
        )
    return table


COMMANDS = (backtest, shadow_app)
