"""``tidewaiter lists``, ``dismissals``, ``suppressions`` and ``permits``: commands for the office's entries in the store.

The four topics have the same commands, as they have the same routes. `GROUPS` contains their differences.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.lists.importing import ImportResult
    from service.lists.matching import Topic


@dataclass(frozen=True, slots=True)
class Group:
    """The commands of a topic.

    Attributes:
        name: name of the command group.
        table: name of the topic's table.
        single, what: an entry and the entries, for help texts.
        members: member of an entry -> help of its option.
        needed: required members of an entry.
        limits: members by which `show` and `remove` select entries.
        shown: columns of the table that `show` prints.
    """

    name: str
    table: str
    single: str
    what: str
    members: Mapping[str, str]
    needed: tuple[str, ...]
    limits: tuple[str, ...]
    shown: tuple[str, ...]

    @property
    def topic(self) -> Topic:
        """Topic of the store."""
        from service.lists.matching import TOPICS

        return next(topic for topic in TOPICS if topic.name == self.table)

    @property
    def actor(self) -> str:
        """Actor of a change in the audit chain."""
        return f"tidewaiter {self.name}"


_REASON: Final = "Why the entry is added."
_LAST: Final = "Last day (2026-12-31) or moment at which the entry counts."
GROUPS: Final = (
    Group(
        "lists",
        "watch_entries",
        "an entry to a watch list",
        "entries of watch lists",
        {
            "list": "Name of the list.",
            "kind": "name, address, phone, email or identifier.",
            "text": "Text to watch for; for an address its street and number.",
            "country": "Country of the party, such as DE. Default: any.",
            "place": "City or postcode of an address. Default: any.",
            "threshold": "Minimum similarity of names and addresses in percent, 60 to 100. Default: 90.",
            "lane": "Lowest lane of a match: yellow or red. Default: yellow.",
            "reason": _REASON,
            "source": "Source of the entry.",
            "expires_at": f"{_LAST} Default: no limit.",
        },
        ("list", "kind", "text", "reason"),
        ("list",),
        ("list", "kind", "text", "country", "lane", "reason", "expires_at"),
    ),
    Group(
        "dismissals",
        "dismissals",
        "a dismissal",
        "dismissals",
        {
            "entry_id": "Id of the entry of a watch list.",
            "party": "Party that only resembles the entry, as declared.",
            "reason": _REASON,
            "expires_at": f"{_LAST} Default: no limit.",
        },
        ("entry_id", "party", "reason"),
        ("entry_id",),
        ("entry_id", "reason", "added_by", "expires_at"),
    ),
    Group(
        "suppressions",
        "suppressions",
        "a suppression",
        "suppressions",
        {
            "rule_id": "Rule to suppress.",
            "list": "Watch list to suppress.",
            "entry_id": "Entry of a watch list to suppress.",
            "consignor": "Only for shipments of this consignor; alone, for all rules and lists.",
            "reason": _REASON,
            "expires_at": _LAST,
        },
        ("reason", "expires_at"),
        ("rule_id", "list", "entry_id"),
        ("rule_id", "list", "entry_id", "consignor", "reason", "expires_at"),
    ),
    Group(
        "permits",
        "permits",
        "a permit or a licensed party",
        "permits and licensed parties",
        {
            "permit_number": "Number of the permit. Without a number, the party itself is licensed.",
            "party_name": "Name of the holder.",
            "party_country": "Country of the holder, such as DE. Default: any.",
            "valid_from": "First valid day. Default: no limit.",
            "valid_until": "Last valid day. Default: no limit.",
            "reason": _REASON,
            "substance": "Name or CAS number of the only substance. Default: any.",
        },
        ("party_name",),
        ("permit_number",),
        ("permit_number", "party_name", "party_country", "valid_from", "valid_until", "substance"),
    ),
)
#: Number of entries to read at a time.
_PAGE: Final = 1_000
#: Size of the largest file that is imported.
_MOST_BYTES: Final = 1 << 30
#: Maximum number of rejected lines to print.
_MAX_SHOWN: Final = 20


def commands_of(group: Group) -> typer.Typer:
    """Return the commands of a topic."""
    app = typer.Typer(
        name=group.name,
        help=f"Import, add, show and remove {group.what}.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    limits = [_option(name, f"Only entries with this {name.replace('_', ' ')}.") for name in group.limits]
    lists = [_option("list", "List of the rows that name no list.")] if group.name == "lists" else []
    _register(
        app,
        "import",
        partial(_import, group),
        f"Import {group.what} from a CSV file. Exit status 1: some lines cannot be used; the others are imported.",
        [
            _parameter(
                "source", Path, typer.Argument(metavar="FILE", help="A CSV file; docs/lists.md describes its columns.")
            ),
            *lists,
            _parameter(
                "replace",
                bool,
                typer.Option(
                    "--replace", help="Replace all earlier entries with those of the file, in one transaction."
                ),
                default=False,
            ),
        ],
    )
    _register(
        app,
        "add",
        partial(_add, group),
        f"Add {group.single}, and print its id.",
        [_option(name, text, needed=name in group.needed) for name, text in group.members.items()],
    )
    _register(
        app,
        "show",
        partial(_show, group),
        f"Show {group.what}.",
        [
            *limits,
            _parameter("as_json", bool, typer.Option("--json", help="Print JSON, one entry per line."), default=False),
        ],
    )
    _register(
        app,
        "remove",
        partial(_remove, group),
        f"Remove {group.what}.",
        [
            _parameter("ids", list[str] | None, typer.Argument(metavar="ID...", help="Ids of entries."), default=None),
            *limits,
        ],
    )
    return app


def _register(
    app: typer.Typer, name: str, work: Callable[..., Any], text: str, parameters: list[inspect.Parameter]
) -> None:
    """Add a command with the given help text and parameters."""

    def command(**given: Any) -> Any:
        return work(**given)

    # Typer reads annotations and signature.
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    app.command(name, help=text)(command)


def _option(name: str, text: str, *, needed: bool = False) -> inspect.Parameter:
    option = typer.Option(f"--{name.replace('_', '-')}", metavar="TEXT", help=text)
    return _parameter(name, str, option, default=inspect.Parameter.empty if needed else "")


def _parameter(name: str, kind: Any, option: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _import(group: Group, source: Path, *, replace: bool, list: str = "") -> int:
    from features.readers.source import read_small
    from service.core.commands import SOME_REJECTED, WrongUse, open_database, to_stderr
    from service.lists.importing import ImportOptions, import_csv
    from service.lists.reading import Faulty

    data = read_small(source, _MOST_BYTES)
    with open_database() as database:
        try:
            result: ImportResult = import_csv(database, group.topic, data, ImportOptions(list, replace), group.actor)
        except Faulty as error:
            raise WrongUse(f"{source}: {error}") from None
    console = to_stderr()
    for line, faults in result.rejected[:_MAX_SHOWN]:
        console.print(f"{source}, line {line}: {Faulty(faults)}", markup=False)
    if len(result.rejected) > _MAX_SHOWN:
        console.print(f"and {len(result.rejected) - _MAX_SHOWN:,} further lines", markup=False)
    typer.echo(f"{result.added:,} added, {result.removed:,} removed, {len(result.rejected):,} lines cannot be used.")
    return SOME_REJECTED if result.rejected else 0


def _add(group: Group, **members: str) -> None:
    from service.core.commands import WrongUse, open_database
    from service.lists.importing import add_entry
    from service.lists.reading import Faulty

    with open_database() as database:
        try:
            entry = add_entry(database, group.topic, members, group.actor)
        except Faulty as error:
            raise WrongUse(f"{error}.") from None
    typer.echo(entry["id"])


def _show(group: Group, *, as_json: bool, **limits: str) -> None:
    import json

    from service.core.commands import open_database, to_stdout

    with open_database(existing=True) as database:
        entries = _entries(database, group.topic, _filters(limits))
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(entry, ensure_ascii=False))
    else:
        to_stdout().print(table(f"{len(entries):,} entries", ("id", *group.shown), entries))


def _remove(group: Group, ids: list[str] | None, **limits: str) -> None:
    from service.core.commands import WrongUse, open_database
    from service.lists import repository as lists

    filters = _filters(limits)
    if bool(ids) == bool(filters):
        options = " or ".join(f"--{name.replace('_', '-')}" for name in group.limits)
        raise WrongUse(f"Name ids of entries, or select the entries to remove with {options}.")
    with open_database(existing=True) as database:
        if filters:
            removed = lists.remove_all(database, group.topic, filters, group.actor)
        else:
            removed = len(lists.remove(database, group.topic, ids or [], group.actor))
    if not removed:
        raise WrongUse("There is no such entry, or it was already removed.")
    typer.echo(f"{removed:,} entries removed.")


def _filters(limits: Mapping[str, str]) -> dict[str, str]:
    """Return column -> value of the options that are not empty."""
    from service.lists.importing import COLUMN_OF

    return {COLUMN_OF.get(name, name): value for name, value in limits.items() if value}


def _entries(database: Database, topic: Topic, filters: dict[str, str]) -> list[dict[str, Any]]:
    from service.lists import repository as lists
    from service.lists.importing import shown

    entries: list[dict[str, Any]] = []
    after = 0
    while True:
        with database.read() as connection:
            rows = lists.page(connection, topic, filters=filters, after=after, limit=_PAGE)
        if not rows:
            return entries
        entries += [shown(topic, row) for row in rows]
        after = rows[-1].position


def table(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> object:
    """Return entries as a table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(*columns, title=title, title_justify="left")
    for row in rows:
        values = (row[column] for column in columns)
        shown.add_row(*("" if value is None else escape(str(value)) for value in values))
    return shown


lists_app, dismissals_app, suppressions_app, permits_app = map(commands_of, GROUPS)
COMMANDS = (lists_app, dismissals_app, suppressions_app, permits_app)
