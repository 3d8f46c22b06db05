"""``tidewaiter lists`` and ``tidewaiter permits``: watch lists and the register of permits in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.scoring import BundleDir, MappingFile

if TYPE_CHECKING:
    from service.lists.importing import ImportResult
    from service.lists.screening import ListScreening
    from service.settings import Settings
    from service.store.database import Database
    from service.store.topics import Topic

lists_app = typer.Typer(
    name="lists", help="Import, show, remove and try watch lists.", no_args_is_help=True, rich_markup_mode=None
)
permits_app = typer.Typer(
    name="permits", help="Import and show the register of permits.", no_args_is_help=True, rich_markup_mode=None
)

CsvFile = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; docs/lists.md has its columns.")]
ListName = Annotated[str, typer.Option("--list", metavar="NAME", help="The list of rows that name none.")]
Replace = Annotated[bool, typer.Option("--replace", help="The file replaces what was there, in one moment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, an entry per line.")]
#: Who did it, in the audit chain.
_ACTOR = "tidewaiter lists"
#: Entries that are read at a time.
_PAGE = 1_000
#: Faulty lines and entries that a person is shown.
_SHOWN = 20


@lists_app.command("import")
def import_list(source: CsvFile, list_name: ListName = "", replace: Replace = False) -> int:
    """Import entries of watch lists. Exit status 1: some lines cannot be used; the others are imported."""
    from service.store.topics import WATCH_ENTRIES

    return _import(WATCH_ENTRIES, source, list_name, replace=replace)


@permits_app.command("import")
def import_permits(source: CsvFile, replace: Replace = False) -> int:
    """Import permits into the register. Exit status 1: some lines cannot be used; the others are imported."""
    from service.store.topics import PERMITS

    return _import(PERMITS, source, "", replace=replace)


@lists_app.command("show")
def show_list(
    list_name: Annotated[str, typer.Option("--list", metavar="NAME", help="Only the entries of this list.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the entries of watch lists."""
    from service.store.topics import WATCH_ENTRIES

    filters = {"list_name": list_name} if list_name else {}
    _show(WATCH_ENTRIES, filters, ("id", "list", "kind", "text", "country", "lane", "reason", "expires_at"), as_json)


@permits_app.command("show")
def show_permits(as_json: AsJson = False) -> None:
    """Show the permits of the register in the store."""
    from models.permits import COLUMNS
    from service.store.topics import PERMITS

    _show(PERMITS, {}, ("id", *COLUMNS), as_json)


@lists_app.command("remove")
def remove(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of entries.")] = None,
    list_name: Annotated[str, typer.Option("--list", metavar="NAME", help="All entries of this list.")] = "",
) -> None:
    """Remove entries of watch lists."""
    from service.cli.common import open_database
    from service.cli.errors import WrongUse
    from service.store import lists
    from service.store.topics import WATCH_ENTRIES

    if bool(ids) == bool(list_name):
        raise WrongUse("Name ids of entries, or a list with --list NAME.")
    with open_database(existing=True) as database:
        if list_name:
            removed = lists.remove_all(database, WATCH_ENTRIES, {"list_name": list_name}, _ACTOR)
        else:
            removed = len(lists.remove(database, WATCH_ENTRIES, ids or [], _ACTOR))
    if not removed:
        raise WrongUse("There is no such entry, or it was removed.")
    typer.echo(f"{removed:,} entries removed.")


@lists_app.command("try")
def try_(
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
    """Show how many shipments of a file each entry would hit, and how many it would raise beside the rules in force."""
    import json
    import os

    from features.readers import ColumnMapping
    from service.cli.common import environment, load_model
    from service.cli.console import row_progress, to_stdout
    from service.files.lists_trial import try_lists
    from service.files.options import ScoreOptions
    from service.memory import keep_memory_small, long_lived_objects
    from service.substances.chemistry import set_up

    settings = environment()
    screening, settings_of_scores = _tried(settings, lists_file)
    set_up(settings)
    keep_memory_small()
    model = load_model(bundle)
    with long_lived_objects(), row_progress(source.name) as progress:
        trial = try_lists(
            screening,
            source,
            model,
            ScoreOptions(
                mapping=ColumnMapping.load(mapping) if mapping else None,
                settings=settings_of_scores,
                threads=min(8, os.cpu_count() or 1),
            ),
            progress=progress,
        )
    if json_file is not None:
        json_file.write_text(json.dumps(trial.to_json(), indent=2) + "\n", encoding="utf-8")
    hitting = sorted((one for one in trial.to_json()["entries"] if one["shipments"]), key=lambda one: -one["shipments"])
    title = f"{trial.shipments:,} shipments, {trial.raised:,} raised, {len(hitting):,} of {len(trial.entries):,} entries hit"
    to_stdout().print(_table(title, ("entry", "list", "kind", "text", "lane", "shipments", "raised"), hitting[:_SHOWN]))


def _tried(settings: Settings, source: Path | None) -> tuple[ListScreening, Any]:
    """Return the entries that are tried, and the settings of scores.

    Raises:
        WrongUse: a line of the file cannot be used.
    """
    from models.lanes import LANE_NAMES
    from service.cli.common import open_database
    from service.cli.errors import WrongUse
    from service.lists.current import CurrentLists
    from service.lists.forms import EntryKind
    from service.lists.reading import Faulty, Known, read_file
    from service.lists.screening import Entry, ListScreening, Segment
    from service.store.topics import WATCH_ENTRIES

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


def _import(topic: Topic, source: Path, list_name: str, *, replace: bool) -> int:
    from service.cli.common import open_database
    from service.cli.console import to_stderr
    from service.cli.errors import SOME_REJECTED, WrongUse
    from service.lists.importing import ImportOptions, import_csv
    from service.lists.reading import Faulty

    data = source.read_bytes()
    with open_database() as database:
        try:
            result: ImportResult = import_csv(database, topic, data, ImportOptions(list_name, replace), _ACTOR)
        except Faulty as error:
            raise WrongUse(f"{source}: {error}") from None
    console = to_stderr()
    for line, faults in result.rejected[:_SHOWN]:
        console.print(f"{source}, line {line}: {Faulty(faults)}", markup=False)
    if len(result.rejected) > _SHOWN:
        console.print(f"and {len(result.rejected) - _SHOWN:,} further lines", markup=False)
    typer.echo(f"{result.added:,} added, {result.removed:,} removed, {len(result.rejected):,} lines cannot be used.")
    return SOME_REJECTED if result.rejected else 0


def _show(topic: Topic, filters: dict[str, str], columns: tuple[str, ...], as_json: bool) -> None:
    import json

    from service.cli.common import open_database
    from service.cli.console import to_stdout

    with open_database(existing=True) as database:
        entries = _entries(database, topic, filters)
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(entry, ensure_ascii=False))
    else:
        to_stdout().print(_table(f"{len(entries):,} entries", columns, entries))


def _entries(database: Database, topic: Topic, filters: dict[str, str]) -> list[dict[str, Any]]:
    from service.lists.view import shown
    from service.store import lists

    entries: list[dict[str, Any]] = []
    after = 0
    while True:
        with database.read() as connection:
            rows = lists.page(connection, topic, filters=filters, after=after, limit=_PAGE)
        if not rows:
            return entries
        entries += [shown(topic, row) for row in rows]
        after = rows[-1].position


def _table(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> object:
    """Return entries as a table for people."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        values = (row[column] for column in columns)
        table.add_row(*("" if value is None else escape(str(value)) for value in values))
    return table
