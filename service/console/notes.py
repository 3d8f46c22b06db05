"""Notes on shipments, and who opened one: both in the audit chain."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select

from service.console.tables import Note
from service.core.database import audit
from service.core.database.audit import Fact, salted
from service.core.database.times import now_us
from service.core.identifiers import new_ids

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Longest note, in characters.
LONGEST: Final = 2_000
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Written:
    """A note. Attributes are those of `service.console.tables.Note`."""

    id: str
    text: str | None
    author: str | None
    recorded_at: int


def add_note(database: Database, decision_id: str, shipment_id: str, text: str, author: str | None) -> None:
    """Store a note of 1 to `LONGEST` characters, and record it in the audit chain."""
    salt, at, [note_id] = os.urandom(_SALT_BYTES), now_us(), new_ids(1)
    values = {"decision_id": decision_id, "shipment_id": shipment_id, "recorded_at": at}
    with database.write() as connection:
        database.lock_audit(connection)
        connection.execute(insert(Note), [{"id": note_id, "text": text, "author": author, "salt": salt, **values}])
        facts = {**values, "author": author, "text": salted(salt, text.encode())}
        audit.append(connection, [Fact("note", note_id, facts, author)], at)


def notes_on(connection: Connection, shipment_id: str) -> list[Written]:
    """Return the notes on a shipment in the order of writing."""
    columns = (Note.id, Note.text, Note.author, Note.recorded_at)
    query = select(*columns).where(Note.shipment_id == shipment_id).order_by(Note.position)
    return [Written(*row) for row in connection.execute(query)]


def note_opened(database: Database, decision_id: str, person: str) -> None:
    """Record that a person has opened the personal data of a shipment."""
    with database.write() as connection:
        audit.append(connection, [Fact("opened", decision_id, {}, person)], now_us())
