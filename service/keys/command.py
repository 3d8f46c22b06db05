"""``tidewaiter keys create``, ``list`` and ``revoke``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from service.keys.key import Key, KeyWishes

keys_app = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)

KeysFile = Annotated[
    Path | None,
    typer.Option(
        "--keys-file",
        metavar="FILE",
        help="File of keys to use instead of the store. Default with TIDEWAITER_STORE=off: TIDEWAITER_KEYS_FILE.",
    ),
]
#: Actor of changes of keys in the audit chain.
_ACTOR = "tidewaiter keys"


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="User and purpose of the key.")],
    scope: Annotated[
        list[str], typer.Option("--scope", help="score, read, outcome, plan, promote or admin; may be repeated.")
    ],
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="Days of validity. Default: no limit.")
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option("--rate", min=1, metavar="N", help="Requests per minute and worker. Default: no limit."),
    ] = None,
    keys_file: KeysFile = None,
) -> None:
    """Make a key and print it once. The store keeps only its hash."""
    from service.core.commands import WrongUse, open_database
    from service.core.database.times import microseconds_of
    from service.core.http.openapi import Scope
    from service.keys import repository as keys
    from service.keys.key import KeyRefused, KeyWishes

    known = [one.value for one in Scope]
    if unknown := [one for one in scope if one not in known]:
        raise WrongUse(f"--scope {', '.join(unknown)}: no such scope; the scopes are {', '.join(known)}.")
    end = None if days is None else microseconds_of(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
    wishes = KeyWishes(name, frozenset(scope), end, rate)
    file = _file(keys_file)
    try:
        if file is not None:
            key, text = _create_in(file, wishes)
        else:
            with open_database() as database:
                key, text = keys.create(database, wishes, _ACTOR)
    except KeyRefused as error:
        raise WrongUse(f"{error}.") from None
    typer.echo(f"Key {key.prefix} ({key.id}), shown only now:", err=True)
    typer.echo(text)


@keys_app.command("list")
def list_(
    keys_file: KeysFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all keys, newest first. The keys themselves are not stored."""
    import orjson
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from service.core.commands import open_database, to_stdout
    from service.core.database.times import now_us
    from service.keys import repository as keys
    from service.keys.key import read_keys
    from service.keys.routes import described

    file = _file(keys_file)
    if file is not None:
        all_keys = read_keys(file)
    else:
        with open_database(existing=True) as database:
            all_keys = keys.every(database)
    if as_json:
        typer.echo(orjson.dumps({"keys": [described(key) for key in all_keys]}, option=orjson.OPT_INDENT_2))
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("prefix", "name", "scopes", "per minute", "expires", "state"):
        table.add_column(column, no_wrap=column != "name")
    now = now_us()
    for key in all_keys:
        shown = described(key)
        state = "revoked" if key.revoked_at is not None else "valid" if key.is_valid(now) else "expired"
        rate = "" if key.requests_per_minute is None else str(key.requests_per_minute)
        table.add_row(key.prefix, Text(key.name), " ".join(shown["scopes"]), rate, shown["expires_at"] or "", state)
    to_stdout().print(table)


@keys_app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id or the prefix of the key.")],
    keys_file: KeysFile = None,
) -> None:
    """Revoke a key. All workers of a running service refuse it within seconds."""
    from service.core.commands import WrongUse, open_database
    from service.keys import repository as keys
    from service.keys.key import read_keys, write_keys

    file = _file(keys_file)
    if file is not None:
        all_keys = read_keys(file)
        remaining = [one for one in all_keys if key not in (one.id, one.prefix)]
        is_found = len(remaining) < len(all_keys)
        if is_found:
            write_keys(file, remaining)
    else:
        with open_database(existing=True) as database:
            is_found = keys.revoke(database, key, _ACTOR) is not None
    if not is_found:
        raise WrongUse(f"{key}: no key has this id or prefix.")
    typer.echo(f"Revoked: {key}")


def _create_in(file: Path, wishes: KeyWishes) -> tuple[Key, str]:
    from service.keys.key import new_key, read_keys, write_keys

    earlier = read_keys(file) if file.exists() else []
    key, text = new_key(wishes, _ACTOR)
    write_keys(file, [*earlier, key])
    return key, text


def _file(given: Path | None) -> Path | None:
    """Return the file of keys to use; None for the store."""
    from service.core.commands import WrongUse, environment

    if given is not None:
        return given
    settings = environment()
    if settings.keeps_decisions:
        return None
    if settings.keys_file is None:
        raise WrongUse("TIDEWAITER_STORE is off: name a file of keys with --keys-file FILE.")
    return settings.keys_file


COMMANDS = (keys_app,)
