"""``tidewaiter rules check``, ``tidewaiter rules try`` and ``tidewaiter lists try``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.files.command import BundleDir, In, MappingFile, RegisterFile
from service.lists.command import lists_app, table
from service.trials.capacity_command import plan

if TYPE_CHECKING:
    from service.core.settings import Settings
    from service.lists.screening import ListScreening
    from service.trials.trial import ListsTrial, RuleTrial

rules_app = typer.Typer(name="rules", help="Check and try rules.", no_args_is_help=True, rich_markup_mode=None)
RulesArgument = Annotated[Path, typer.Argument(metavar="RULES", help="A TOML file of rules.")]
#: Maximum number of origins per rule in the table. The JSON file contains all origins.
_ORIGINS_SHOWN = 5
#: Maximum number of entries of lists to print.
_ENTRIES_SHOWN = 20


@rules_app.command()
def check(rules: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file of rules.")]) -> int:
    """Check a file of rules and report each fault with its line, rule and field. Exit status 0: valid, 2: invalid."""
    from models.rules import RulesError, default_rules, joined, known_names, load_rules
    from service.core.commands import WRONG_USE, to_stdout

    console = to_stdout()
    try:
        checked = load_rules(rules, known_names())
        joined([default_rules(), checked])
    except RulesError as error:
        for fault in error.faults:
            console.print(f"{rules}: {fault}", markup=False, soft_wrap=True)
        return WRONG_USE
    console.print(f"{rules}: {len(checked.rules)} rules, valid.", markup=False, soft_wrap=True)
    return 0


@rules_app.command("try")
def try_rules_file(
    rules: RulesArgument,
    source: In,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write all figures as JSON.")
    ] = None,
    bundle: BundleDir = None,
    mapping: MappingFile = None,
    register: RegisterFile = None,
) -> None:
    """Show how rules would change the lanes of a file, by origin. Each rule is tried alone, in addition to the rules in force."""
    from models.rules import known_names, load_rules
    from service.core.commands import environment, to_stdout
    from service.trials.trial import try_rules
    from service.trials.trying import tried

    trial_rules = load_rules(rules, known_names())
    settings = environment(permit_register=register)
    trial = tried(partial(try_rules, trial_rules), source, settings, settings.score_settings(), bundle, mapping)
    _write(trial, json_file)
    to_stdout().print(_table(trial))


def _write(trial: RuleTrial | ListsTrial, json_file: Path | None) -> None:
    import json

    if json_file is not None:
        json_file.write_text(json.dumps(trial.to_json(), indent=2) + "\n", encoding="utf-8")


def _table(trial: RuleTrial) -> object:
    """Return the counts as a table for the terminal."""
    from rich.table import Table

    title = f"{trial.shipments:,} shipments, {trial.rows_rejected:,} rows rejected"
    table = Table("rule", "fires", "moves", "moves by origin", title=title, title_justify="left")
    for rule in trial.to_json()["rules"]:
        origins = list(rule["by_origin"].items())
        lines = [f"{origin}: {moved['shipments']:,} ({_moves(moved['moved'])})" for origin, moved in origins]
        if len(lines) > _ORIGINS_SHOWN:
            lines = [*lines[:_ORIGINS_SHOWN], f"and {len(lines) - _ORIGINS_SHOWN} further origins"]
        table.add_row(rule["id"], f"{rule['shipments']:,}", _moves(rule["moved"]), "\n".join(lines) or "-")
    return table


def _moves(moved: dict[str, int]) -> str:
    """Return the non-zero counts of moves as text."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in moved.items() if count) or "none moved"


@lists_app.command("try")
def try_entries(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest file.")],
    lists_file: Annotated[
        Path | None, typer.Option("--lists", metavar="CSV", help="Entries to try. Default: those of the store.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write all figures as JSON.")
    ] = None,
    bundle: BundleDir = None,
    mapping: MappingFile = None,
) -> None:
    """Show how many shipments of a file each entry would match, and how many it would raise in addition to the rules in force."""
    from service.core.commands import environment, to_stdout
    from service.trials.trial import try_lists
    from service.trials.trying import tried

    settings = environment()
    screening, settings_of_scores = _entries_to_try(settings, lists_file)
    trial = tried(partial(try_lists, screening), source, settings, settings_of_scores, bundle, mapping)
    _write(trial, json_file)
    hitting = sorted((one for one in trial.to_json()["entries"] if one["shipments"]), key=lambda one: -one["shipments"])
    title = f"{trial.shipments:,} shipments, {trial.raised:,} raised, {len(hitting):,} of {len(trial.entries):,} entries hit"
    to_stdout().print(
        table(title, ("entry", "list", "kind", "text", "lane", "shipments", "raised"), hitting[:_ENTRIES_SHOWN])
    )


def _entries_to_try(settings: Settings, source: Path | None) -> tuple[ListScreening, Any]:
    """Return the entries to try, and the settings of scores.

    Raises:
        WrongUse: a line of the file cannot be used.
    """
    from models.lanes import LANE_NAMES
    from service.core.commands import WrongUse, open_database
    from service.lists.current import CurrentLists
    from service.lists.matching import WATCH_ENTRIES, EntryKind
    from service.lists.reading import Faulty, Known, read_file
    from service.lists.screening import Entry, ListScreening, Segment

    if source is None:
        with open_database(existing=True) as database:
            current = CurrentLists(settings.score_settings(), database)
            current.refresh()
        screening = current.settings.lists
        return screening if isinstance(screening, ListScreening) else ListScreening(), current.settings
    try:
        read = read_file(WATCH_ENTRIES, source.read_text(encoding="utf-8-sig"), Known(), {"list": source.stem})
    except Faulty as error:
        raise WrongUse(f"{source}: {error}") from None
    if read.rejected:
        line, faults = read.rejected[0]
        raise WrongUse(f"{source}, line {line}: {Faulty(faults)} ({len(read.rejected):,} lines cannot be used)")
    given = ("list_name", "text", "reason", "country", "place", "threshold", "source")
    entries = [
        Entry(
            id=f"row-{number}",
            kind=EntryKind(row["kind"]),
            lane=LANE_NAMES.index(row["lane"]),
            **{name: row[name] for name in given},
        )
        for number, row in enumerate(read.rows, 1)
    ]
    return ListScreening((Segment(entries),)), settings.score_settings()


COMMANDS = (rules_app, plan)
