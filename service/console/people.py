"""People who sign in to the console: add, change and end them, and check their passwords."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, update

from service.console.roles import Role
from service.console.tables import Person
from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import now_us
from service.core.identifiers import new_ids

if TYPE_CHECKING:
    from argon2 import PasswordHasher
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Shortest and longest password, in characters. NIST SP 800-63B-4 asks for 15 where a password is the only factor.
SHORTEST, LONGEST = 15, 256
_MOST_NAME: Final = 100
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
_SALT_BYTES: Final = 16


class PersonRefused(ValueError):
    """The person cannot be added or changed. ``field`` names what is wrong, and the message says why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field

    @property
    def sentence(self) -> str:
        """The message as a sentence."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}."


@dataclass(frozen=True, slots=True)
class Identity:
    """Who looks at the console. Attributes are those of `service.console.tables.Person`.

    Attributes:
        is_local: True for the user of a service on a loopback address that has no people yet.
    """

    id: str
    login: str
    name: str
    role: Role
    epoch: int = 0
    ended_at: int | None = None
    created_at: int = 0
    has_password: bool = False
    subject: str | None = None
    is_local: bool = False


#: User of a service on a loopback address without accounts.
LOCAL: Final = Identity("local", "local", "Local user", Role.ADMINISTRATOR, is_local=True)


@functools.cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@functools.cache
def _nobody() -> str:
    """Return the hash of no password, so that an unknown login takes as long as a known one."""
    return _hasher().hash(os.urandom(16).hex())


def add(
    database: Database,
    login: str,
    name: str,
    role: Role,
    *,
    password: str | None = None,
    actor: str | None,
) -> Identity:
    """Add a person, and record this in the audit chain.

    Args:
        password: None for a person who signs in with an identity provider, whose address the login is.
        actor: id of the person, or the name of the command.

    Raises:
        PersonRefused: a value is invalid, or another person has the login.
    """
    login, name = login.strip().lower(), " ".join(name.split())
    if not _LOGIN.fullmatch(login):
        raise PersonRefused("login", "1 to 100 letters, digits and . _ @ + - are needed, with a letter or digit first")
    if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
        raise PersonRefused("name", f"1 to {_MOST_NAME} printable characters are needed")
    if password is not None:
        check_password(password)
    salt, at, [person_id] = os.urandom(_SALT_BYTES), now_us(), new_ids(1)
    values = {
        "id": person_id,
        "login": login,
        "name": name,
        "role": role.value,
        "password": None if password is None else _hasher().hash(password),
        "subject": None,
        "epoch": 0,
        "created_at": at,
        "created_by": actor,
        "ended_at": None,
        "salt": salt,
    }
    facts = {
        "login": salted(salt, login.encode()),
        "name": salted(salt, name.encode()),
        "role": role.value,
        "created_at": at,
        "created_by": actor,
    }
    with database.write() as connection:
        database.lock_audit(connection)
        if connection.execute(select(Person.id).where(Person.login == login)).first() is not None:
            raise PersonRefused("login", f"{login} is taken; logins of ended accounts are not used again")
        connection.execute(insert(Person), [values])
        audit.append(connection, [Fact("person_added", person_id, facts, actor)], at)
    return Identity(person_id, login, name, role, created_at=at, has_password=password is not None)


def change(
    database: Database,
    person_id: str,
    *,
    role: Role | None = None,
    password: str | None = None,
    is_ended: bool = False,
    actor: str | None,
) -> None:
    """Change the role or the password of a person, or end the account. If anything changes, all sessions of the person end.

    Raises:
        PersonRefused: there is no such person, the account has ended, the password is too short, or no administrator would remain.
    """
    if password is not None:
        check_password(password)
    at = now_us()
    with database.write() as connection:
        database.lock_audit(connection)
        person = _one(connection, Person.id == person_id)
        if person is None:
            raise PersonRefused("person", "there is no such person")
        if person.ended_at is not None:
            raise PersonRefused("person", f"the account of {person.name} has ended; add a new one")
        if person.role is Role.ADMINISTRATOR and (is_ended or role not in (None, Role.ADMINISTRATOR)):
            others = (Person.role == Role.ADMINISTRATOR.value, Person.ended_at.is_(None), Person.id != person_id)
            if not connection.execute(select(func.count()).select_from(Person).where(*others)).scalar_one():
                raise PersonRefused("role", f"{person.name} is the only administrator; make another one first")
        values: dict[str, Any] = {"epoch": Person.epoch + 1}
        facts: list[Fact] = []
        if role not in (None, person.role):
            values["role"] = role.value
            facts.append(Fact("person_changed", person_id, {"role": role.value}, actor))
        if password is not None:
            values["password"] = _hasher().hash(password)
            facts.append(Fact("person_changed", person_id, {"password": "new"}, actor))
        if is_ended:
            values["ended_at"] = at
            facts.append(Fact("person_ended", person_id, {"ended_at": at}, actor))
        if facts:
            connection.execute(update(Person).where(Person.id == person_id).values(**values))
            audit.append(connection, facts, at)


def sign_out(database: Database, person_id: str) -> None:
    """End all sessions of a person."""
    with database.write() as connection:
        connection.execute(update(Person).where(Person.id == person_id).values(epoch=Person.epoch + 1))


def check_password(password: str) -> None:
    """Check the length of a new password.

    Raises:
        PersonRefused: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PersonRefused("password", f"{SHORTEST} to {LONGEST} characters are needed; a sentence is easy to keep")


def signed_in(database: Database, login: str, password: str) -> Identity | None:
    """Return the person with this login and password; None if there is none. The call takes some 50 ms of processor time."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with database.read() as connection:
        query = select(Person.__table__).where(Person.login == login.strip().lower(), Person.ended_at.is_(None))
        row = connection.execute(query).first()
    known = None if row is None else row.password
    try:
        _hasher().verify(known or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return None
    return None if row is None or known is None else _identity(row)


def with_id(connection: Connection, person_id: str) -> Identity | None:
    """Return a person whose account is valid; None if there is none."""
    return _one(connection, Person.id == person_id, Person.ended_at.is_(None))


def of_provider(database: Database, subject: str, email: str) -> Identity | None:
    """Return the person whom an identity provider has signed in; None without a valid account.

    The account without a password and without a subject whose login is the address becomes that of the subject for good.

    Args:
        subject: issuer and identifier there.
        email: address that the provider has verified; empty if there is none.
    """
    with database.read() as connection:
        known = _one(connection, Person.subject == subject, Person.ended_at.is_(None))
    if known is not None or not email:
        return known
    unbound = (Person.password.is_(None), Person.subject.is_(None), Person.ended_at.is_(None))
    with database.write() as connection:
        database.lock_audit(connection)
        person = _one(connection, Person.login == email.strip().lower(), *unbound)
        if person is None:
            return None
        connection.execute(update(Person).where(Person.id == person.id).values(subject=subject))
        audit.append(connection, [Fact("person_changed", person.id, {"subject": "bound"}, person.id)], now_us())
        return replace(person, subject=subject)


def every(connection: Connection) -> list[Identity]:
    """Return all people by name, also those whose accounts have ended."""
    return [_identity(row) for row in connection.execute(select(Person.__table__).order_by(Person.name, Person.id))]


def names(connection: Connection) -> dict[str, str]:
    """Return the name of each person by id, also of the local user."""
    return {one.id: one.name for one in every(connection)} | {LOCAL.id: LOCAL.name}


def are_any(connection: Connection) -> bool:
    """Return whether there has been any person."""
    return connection.execute(select(Person.id).limit(1)).first() is not None


def _one(connection: Connection, *conditions: Any) -> Identity | None:
    row = connection.execute(select(Person.__table__).where(*conditions)).first()
    return None if row is None else _identity(row)


def _identity(row: Any) -> Identity:
    return Identity(
        row.id,
        row.login,
        row.name,
        Role(row.role),
        row.epoch,
        row.ended_at,
        row.created_at,
        row.password is not None,
        row.subject,
    )
