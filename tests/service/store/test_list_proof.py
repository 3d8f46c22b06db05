"""The proof of the audit chain over watch lists, dismissals, suppressions and permits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, delete, insert, select, update

from service.audit.proof import prove
from service.core.database.audit import salted
from service.core.database.engine import Database
from service.core.database.times import now_us
from service.decisions.store import Store
from service.erasure.everywhere import erase_from_database
from service.lists import repository as lists
from service.lists.matching import PERMITS, WATCH_ENTRIES
from service.lists.tables import PermitRow, WatchEntry, entry_digest
from service.scoring.decision import ToErase
from tests.service.store.conftest import filling


def permit(number: str) -> dict[str, Any]:
    return {
        "permit_number": number,
        "party_name": f"Holder {number}",
        "party_country": "DE",
        "valid_from": "",
        "valid_until": "2030-01-01",
        "substance": "",
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


def fill(store: Store) -> None:
    """Add three permits (entry 1), remove one of them (2), and add two names to a watch list (3)."""
    database = store.database
    ids = lists.add(database, PERMITS, [permit(number) for number in "ABC"], "someone")
    lists.remove(database, PERMITS, ids[:1], "someone")
    lists.add(database, WATCH_ENTRIES, [watched(name) for name in ("First Example", "Second Example")], "someone")


FILL = filling(fill)


def test_untouched_lists_are_proven(filled: Database) -> None:
    proof = prove(filled)
    assert proof.fault is None
    assert {kind: tally.entries for kind, tally in proof.tallies.items()} == {
        "permit_added": 1,
        "permit_removed": 1,
        "watch_entry_added": 1,
    }


def test_permits_of_earlier_versions_without_a_substance_stay_proven() -> None:
    row = permit("A") | {"id": "one", "salt": b"s" * 16}
    earlier = {"id": "one", **permit("A")}
    del earlier["substance"]
    digest = salted(row["salt"], orjson.dumps(earlier, option=orjson.OPT_SORT_KEYS))
    assert entry_digest(PERMITS, row) == digest != entry_digest(PERMITS, row | {"substance": "fentanyl"})


def test_erased_entries_are_counted(filled: Database) -> None:
    erase_from_database(filled, ToErase(before=now_us() + 1), "someone")
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


def delete_row(connection: Connection) -> None:
    connection.execute(delete(WatchEntry).where(WatchEntry.text == "First Example"))


def insert_row(connection: Connection, batch: str | None) -> None:
    row = dict(connection.execute(select(PermitRow.__table__).where(PermitRow.permit_number == "B")).one()._mapping)
    del row["position"]
    forged = {"id": "forged", "permit_number": "D", "batch": batch or row["batch"]}
    connection.execute(insert(PermitRow), [row | forged])


def insert_row_into_a_batch(connection: Connection) -> None:
    insert_row(connection, None)


def insert_row_alone(connection: Connection) -> None:
    insert_row(connection, "forged")


def remove_quietly(connection: Connection) -> None:
    connection.execute(update(WatchEntry).where(WatchEntry.text == "First Example").values(removed_at=1))


def undo_removal(connection: Connection) -> None:
    connection.execute(update(PermitRow).values(removed_at=None))


def swap_removals(connection: Connection) -> None:
    at = connection.scalars(select(PermitRow.removed_at).where(PermitRow.permit_number == "A")).one()
    connection.execute(update(PermitRow).where(PermitRow.permit_number == "A").values(removed_at=None))
    connection.execute(update(PermitRow).where(PermitRow.permit_number == "B").values(removed_at=at))


@pytest.mark.parametrize(
    ("tamper", "number", "problem"),
    [
        (change, 3, "its rows differ from those in the table watch_entries"),
        (weaken, 3, "its rows differ from those in the table watch_entries"),
        (delete_row, 3, "it records 2 rows, but there are 1 in the table watch_entries"),
        (insert_row_into_a_batch, 1, "it records 3 rows, but there are 4 in the table permits"),
        (insert_row_alone, None, "no entry records this row of the table permits"),
        (remove_quietly, None, "1 rows of the table watch_entries are removed, but entries record 0"),
        (undo_removal, 2, "it records 1 rows, but there are 0 in the table permits"),
        (swap_removals, 2, "its rows differ from those in the table permits"),
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
