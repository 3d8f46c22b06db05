"""The proof of the audit chain over watch lists, dismissals, suppressions and permits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from service.store import lists
from service.store.engine.database import Database
from service.store.engine.times import now_us
from service.store.erasure import Selection, erase
from service.store.proof.chain import prove
from service.store.tables import PermitRow, WatchEntry
from service.store.topics import PERMITS, WATCH_ENTRIES


def permit(number: str) -> dict[str, Any]:
    return {
        "permit_number": number,
        "party_name": f"Holder {number}",
        "party_country": "DE",
        "valid_from": "",
        "valid_until": "2030-01-01",
        "reason": "register",
        "expires_at": None,
    }


def watched(name: str) -> dict[str, Any]:
    return {
        "list_name": "office",
        "kind": "name",
        "text": name,
        "country": "",
        "place": "",
        "threshold": 90.0,
        "lane": "red",
        "source": "",
        "reason": "test",
        "expires_at": None,
    }


@pytest.fixture
def filled(database: Database) -> Database:
    """Database with three permits (entry 1), of which one was removed (2), and two names on a watch list (3)."""
    ids = lists.add(database, PERMITS, [permit(number) for number in "ABC"], "someone")
    lists.remove(database, PERMITS, ids[:1], "someone")
    lists.add(database, WATCH_ENTRIES, [watched(name) for name in ("First Example", "Second Example")], "someone")
    return database


def test_untouched_lists_are_proven(filled: Database) -> None:
    proof = prove(filled)
    assert proof.fault is None
    assert {kind: tally.entries for kind, tally in proof.tallies.items()} == {
        "permit_added": 1,
        "permit_removed": 1,
        "watch_entry_added": 1,
    }


def test_erased_entries_are_counted(filled: Database) -> None:
    erase(filled, Selection(before=now_us() + 1), "someone")
    proof = prove(filled)
    assert proof.fault is None
    assert proof.tallies["permit_added"].erased == 1
    with filled.write() as connection:
        connection.execute(update(WatchEntry).values(text=None, salt=None))
    fault = prove(filled).fault
    assert fault is not None
    assert fault.problem == "no erasure names this row of the table watch_entries, which has no salt"


def change(connection: Connection) -> None:
    connection.execute(update(WatchEntry).where(WatchEntry.text == "First Example").values(text="Another Example"))


def weaken(connection: Connection) -> None:
    connection.execute(update(WatchEntry).values(threshold=100.0))


def take_away(connection: Connection) -> None:
    connection.execute(delete(WatchEntry).where(WatchEntry.text == "First Example"))


def slip_in(connection: Connection, batch: str | None) -> None:
    row = dict(connection.execute(select(PermitRow.__table__).where(PermitRow.permit_number == "B")).one()._mapping)
    del row["position"]
    forged = {"id": "forged", "permit_number": "D", "batch": batch or row["batch"]}
    connection.execute(insert(PermitRow), [row | forged])


def slip_in_to_a_batch(connection: Connection) -> None:
    slip_in(connection, None)


def slip_in_alone(connection: Connection) -> None:
    slip_in(connection, "forged")


def remove_quietly(connection: Connection) -> None:
    connection.execute(update(WatchEntry).where(WatchEntry.text == "First Example").values(removed_at=1))


def bring_back(connection: Connection) -> None:
    connection.execute(update(PermitRow).values(removed_at=None))


def bring_back_another(connection: Connection) -> None:
    at = connection.scalars(select(PermitRow.removed_at).where(PermitRow.permit_number == "A")).one()
    connection.execute(update(PermitRow).where(PermitRow.permit_number == "A").values(removed_at=None))
    connection.execute(update(PermitRow).where(PermitRow.permit_number == "B").values(removed_at=at))


@pytest.mark.parametrize(
    ("tamper", "number", "problem"),
    [
        (change, 3, "its rows differ from those in the table watch_entries"),
        (weaken, 3, "its rows differ from those in the table watch_entries"),
        (take_away, 3, "it is about 2 rows, and there are 1 in the table watch_entries"),
        (slip_in_to_a_batch, 1, "it is about 3 rows, and there are 4 in the table permits"),
        (slip_in_alone, None, "no entry tells of this row of the table permits"),
        (remove_quietly, None, "1 rows of the table watch_entries are removed, but entries tell of 0"),
        (bring_back, 2, "it is about 1 rows, and there are 0 in the table permits"),
        (bring_back_another, 2, "its rows differ from those in the table permits"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_tampering_with_lists_is_found(
    filled: Database, tamper: Callable[[Connection], None], number: int | None, problem: str
) -> None:
    with filled.write() as connection:
        tamper(connection)
    fault = prove(filled).fault
    assert fault is not None
    assert (fault.number, fault.problem) == (number, problem)
