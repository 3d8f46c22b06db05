"""Tables of the people who sign in and of notes on shipments, the proof of their rows, and what an erasure removes."""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.proof import Entry, RowCheck, Values, has_salt, salted_texts
from service.core.database.tables import Base, RowNumber


class Person(Base):
    """A person who signs in. Rows are never deleted, so that the holders of claims and the authors of outcomes can still be named.

    Attributes:
        id: identifies the person in decisions, in the audit chain and in logs.
        login: name at sign-in, in lower case.
        name: name that other officers see.
        role: see `service.console.roles.Role`.
        password: hash by argon2; None for a person who signs in with an identity provider only.
        subject: identifier of the person at the identity provider, with its address; None without one.
        epoch: number that a session must have. A change of password, role or end increases it, which ends older sessions.
        created_by: id of the person, or name of the command, that added the row.
        ended_at: end of the account; None while it is valid.
        salt: random bytes in the audit chain's digests of login and name.
    """

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    password: Mapped[str | None]
    subject: Mapped[str | None] = mapped_column(unique=True)
    epoch: Mapped[int]
    created_at: Mapped[int]
    created_by: Mapped[str | None]
    ended_at: Mapped[int | None]
    salt: Mapped[bytes]

    # These change; the audit chain has an entry for each change.
    unproven: ClassVar = frozenset({"role", "password", "subject", "epoch"})


class Note(Base):
    """A note of an officer on a shipment.

    Attributes:
        decision_id: decision that the officer looked at.
        text: free text, which may be personal; None after erasure.
        author: id of the person, or of the API key; None without keys.
        salt: random bytes in the audit chain's digest of ``text``; None after erasure.
    """

    __tablename__ = "notes"

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    decision_id: Mapped[str] = mapped_column(index=True)
    shipment_id: Mapped[str] = mapped_column(index=True)
    text: Mapped[str | None]
    author: Mapped[str | None]
    recorded_at: Mapped[int]
    salt: Mapped[bytes | None]

    erased: ClassVar = {"text": None}


def _person(row: Values) -> Values:
    return {name: row[name] for name in ("created_at", "created_by")}


def _salted(row: Values, _: Entry) -> str | None:
    return None if has_salt(row) else "its salt is missing"


def _note_kept(row: Values, _: Entry) -> str | None:
    return None if has_salt(row) or row["text"] is None else "its salt is missing, but text is not erased"


CHECKS: Final = (
    RowCheck(
        "person_added",
        Person,
        _person,
        salted_texts(("login", "name")),
        columns=["login", "name", "created_at", "created_by", "salt"],
        unerased=_salted,
    ),
    RowCheck("person_ended", Person, ("ended_at",), required=("ended_at",)),
    RowCheck(
        "note",
        Note,
        ("author", "decision_id", "recorded_at", "shipment_id"),
        salted_texts(("text",)),
        columns=("text", "salt"),
        unerased=_note_kept,
    ),
)
