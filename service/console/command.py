"""``tidewaiter people add``, ``list``, ``change`` and ``end``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from service.console.people import Identity
    from service.core.database.engine import Database

people_app = typer.Typer(
    name="people",
    help="Add, list, change and end accounts of the console.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_ACTOR = "tidewaiter people"
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="Name at sign-in.")]
RoleOption = Annotated[str | None, typer.Option("--role", help="viewer, officer, lead or administrator.")]


@people_app.command()
def add(
    login: Login,
    name: Annotated[str, typer.Option("--name", help="Name that others see. Default: the login.")] = "",
    role: RoleOption = "officer",
    provider: Annotated[
        bool,
        typer.Option(
            "--provider", help="No password: the person signs in at the identity provider, with LOGIN as address."
        ),
    ] = False,
) -> None:
    """Add an account. The password is asked for; without a terminal it is the first line of standard input."""
    from service.console import people
    from service.console.roles import Role
    from service.core.commands import WrongUse

    with _refusing() as database:
        known = [one.value for one in Role]
        if role not in known:
            raise WrongUse(f"--role {role}: expected one of {', '.join(known)}.")
        password = None if provider else _password()
        added = people.add(database, login, name or login, Role(role), password=password, actor=_ACTOR)
    typer.echo(f"Added {added.name} ({added.login}), {added.role.value}.", err=True)


@people_app.command("list")
def list_() -> None:
    """List all accounts by name."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from service.console import people
    from service.core.commands import open_database, to_stdout
    from service.core.database.times import iso_time

    with open_database(existing=True) as database, database.read() as connection:
        found = people.every(connection)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("login", "name", "role", "added", "state"):
        table.add_column(column, no_wrap=column != "name")
    for one in found:
        state = "valid" if one.ended_at is None else f"ended {iso_time(one.ended_at, 'seconds')}"
        table.add_row(Text(one.login), Text(one.name), one.role.value, iso_time(one.created_at, "seconds"), state)
    to_stdout().print(table)


@people_app.command()
def change(
    login: Login,
    role: RoleOption = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
) -> None:
    """Change the role or the password of an account. Its sessions end."""
    from service.console import people
    from service.console.roles import Role
    from service.core.commands import WrongUse

    if role is None and not password:
        raise WrongUse("Give --role or --password.")
    with _refusing() as database:
        person = _person(database, login)
        new = None if role is None else Role(role) if role in list(Role) else None
        if role is not None and new is None:
            raise WrongUse(f"--role {role}: expected one of {', '.join(one.value for one in Role)}.")
        people.change(database, person.id, role=new, password=_password() if password else None, actor=_ACTOR)
    typer.echo(f"Changed {person.name}.", err=True)


@people_app.command()
def end(login: Login) -> None:
    """End an account. Its sessions end, and the login is not used again."""
    from service.console import people

    with _refusing() as database:
        person = _person(database, login)
        people.change(database, person.id, is_ended=True, actor=_ACTOR)
    typer.echo(f"Ended the account of {person.name}.", err=True)


@contextmanager
def _refusing() -> Iterator[Database]:
    """Open the database; a person who is refused ends the command with one line."""
    from service.console.people import PersonRefused
    from service.core.commands import WrongUse, open_database

    try:
        with open_database() as database:
            yield database
    except PersonRefused as error:
        raise WrongUse(f"{error}.") from None


def _person(database: Database, login: str) -> Identity:
    from service.console import people
    from service.core.commands import WrongUse

    with database.read() as connection:
        for one in people.every(connection):
            if one.login == login.strip().lower():
                return one
    raise WrongUse(f"{login}: there is no such account.")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


COMMANDS = (people_app,)
