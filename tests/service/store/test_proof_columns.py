"""Each column of a table with checks is covered by the proof of the audit chain, or ``unproven`` of the table names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, ColumnElement, Double, LargeBinary, select, update

from service.audit.proof import all_checks, prove
from service.capacity.planning import store_plan
from service.console import people
from service.console.notes import add_note
from service.console.roles import Role
from service.core.database.engine import Database
from service.core.database.tables import Base
from service.decisions.store import Store
from service.erasure.everywhere import erase_from_database
from service.inspections.outcomes import Finding
from service.inspections.queue import record_outcome, record_override
from service.jobs.repository import Jobs, NewJob
from service.keys import repository as keys
from service.keys.key import KeyWishes
from service.lists import repository as lists
from service.lists.matching import DISMISSALS, PERMITS, SUPPRESSIONS, WATCH_ENTRIES
from service.proposals import repository as proposals
from service.proposals.repository import store_proposals
from service.scoring.decision import ToErase
from service.scoring.tables import Decision
from service.webhooks import repository as webhooks
from tests.service.store.conftest import filling
from tests.service.store.decisions import new_decision

#: Tables with checks.
TABLES = sorted({check.table for check in all_checks().values() if check.table}, key=lambda table: table.__tablename__)
#: The first row of a table, and in `make test-long` the last one too.
PLACES = pytest.mark.parametrize(
    "place", [pytest.param(0, id="first"), pytest.param(-1, id="last", marks=pytest.mark.long)]
)
#: Columns that all lists have.
ENTRY: Mapping[str, Any] = {"reason": "order 1", "expires_at": 2_000_000_000_000_000}
WATCHED: Mapping[str, Any] = {
    "list_name": "office",
    "kind": "name",
    "text": "Example Trading",
    "country": "DE",
    "place": "Kiel",
    "threshold": 90.0,
    "lane": "red",
    "source": "a letter",
}
DISMISSED: Mapping[str, Any] = {"entry_id": "entry", "party": b"p" * 32}
SUPPRESSED: Mapping[str, Any] = {"rule_id": "r", "list_name": "office", "entry_id": "entry", "consignor": "Example"}
PERMITTED: Mapping[str, Any] = {
    "permit_number": "P-1",
    "party_name": "Example Trading",
    "party_country": "DE",
    "valid_from": "2026-01-01",
    "valid_until": "2030-01-01",
    "substance": "fentanyl",
}


def decided(number: int) -> Any:
    return new_decision(
        id=f"decision-{number}",
        shipment_id="A",
        channel="express",
        site="USLAX",
        lane="yellow",
        selected_by="score",
        caller="someone",
        manifest=b'{"shipment_id": "A"}',
        answer=b'{"shipment_id":"A","reasons":[{"code":"VALUE","weight":1.0,"text":"a text"}]}',
    )


def fill(store: Store) -> None:
    """Write at least two rows to each of `TABLES`."""
    database = store.database
    for number in range(3):
        store.decide([decided(number)]).result(60)
    finding = Finding("none", 1, "An Officer", "a substance", 0.5, "KGM", "by hand")
    found = record_outcome(database, "decision-1", finding, caller="someone", at=2)
    record_outcome(database, "decision-1", Finding("none", 1, "An Officer", corrects=found.id), caller=None, at=3)
    drafted = {"outcome_ids": "[]", "text": "a text", "conditions": "[]", "weight": 1.0, "until": 9, "floor": 0.1}
    with database.write() as connection:
        store_proposals(
            connection,
            [
                {"id": f"proposal-{k}", "created_at": 3, "created_by": "someone", "backtest": "{}"} | drafted
                for k in (1, 2)
            ],
        )
    for k in (1, 2):
        proposals.decide(database, f"proposal-{k}", "declined", "a text", caller="another", now=4)
    with database.write() as connection:
        for day in (1, 20):
            plan = {"id": f"plan-{day}", "day": day, "model": "m", "settings": "s", "made_at": 3, "content": "{}"}
            store_plan(connection, plan)
    for lane in ("red", "green"):
        record_override(database, "decision-1", lane, "a text", caller="someone", at=4)
    wishes = KeyWishes("a test", frozenset({"read"}), 4_000_000_000_000_000, 60)
    keys.create(database, wishes, "someone")
    keys.revoke(database, keys.create(database, wishes, "someone")[0].id, "another")
    for topic, row in (
        (WATCH_ENTRIES, WATCHED),
        (DISMISSALS, DISMISSED),
        (SUPPRESSIONS, SUPPRESSED),
        (PERMITS, PERMITTED),
    ):
        ids = lists.add(database, topic, [{**ENTRY, **row}] * 3, "someone")
        lists.remove(database, topic, ids[:1], "another")
    added = [webhooks.add(database, f"https://{name}.example/", "a test", "someone", 5).id for name in "abc"]
    webhooks.remove(database, added[1], "another", 6)
    for login in ("one", "two"):
        person = people.add(database, login, "A Person", Role.OFFICER, actor="someone")
        people.change(database, person.id, is_ended=True, actor="another")
        add_note(database, "decision-1", "A", "a text", "someone")
    for name in ("one", "two"):
        Jobs(database).add(NewJob(name, "someone", f"{name}.csv", ".csv", "csv", "none", b"x"), 10)
        assert Jobs(database).cancel(name, "another")


FILL = filling(fill)


def another(name: str, column: ColumnElement[Any], value: Any, *, is_first: bool) -> Any:
    """Return another value of a column."""
    if name == "position":
        # A position after or before all other rows.
        return 1_000_000 if is_first else -1
    kind = type(column.type)
    if kind is Boolean:
        return not value
    if kind in (BigInteger, Double):
        return (value or 0) + 1
    return (value or b"") + b"x" if issubclass(kind, LargeBinary) else (value or "") + "x"


def changes(database: Database, table: type[Base], place: int) -> Iterator[str]:
    """Change each column of the first or the last row in turn. Yield its name while it is changed, then restore it."""
    columns = table.__table__.columns
    [key] = table.__table__.primary_key
    with database.read() as connection:
        rows = connection.execute(select(table.__table__).order_by(key)).mappings().all()
    row = rows[place]
    for column in columns:
        changed = {column.name: another(column.name, column, row[column.name], is_first=place == 0)}
        write(database, table, row[key.name], changed)
        yield column.name
        write(database, table, (dict(row) | changed)[key.name], {column.name: row[column.name]})


def write(database: Database, table: type[Base], row: Any, values: Mapping[str, Any]) -> None:
    [key] = table.__table__.primary_key
    with database.write() as connection:
        changed = connection.execute(update(table.__table__).where(key == row).values(**values))  # type: ignore[arg-type]
    assert changed.rowcount == 1


def not_found(database: Database, table: type[Base], place: int) -> set[str]:
    """Return the columns whose changes the proof does not find."""
    assert prove(database).fault is None
    names = {name for name in changes(database, table, place) if prove(database).fault is None}
    assert prove(database).fault is None
    return names


@PLACES
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__tablename__)
def test_each_column_is_covered_or_unproven(filled: Database, table: type[Base], place: int) -> None:
    assert not_found(filled, table, place) == table.unproven


@PLACES
@pytest.mark.parametrize(
    "table",
    [Decision, *(table for table in TABLES if "decision_id" in table.__table__.c)],
    ids=lambda table: table.__tablename__,
)
def test_each_column_stays_covered_after_an_erasure(filled: Database, table: type[Base], place: int) -> None:
    erase_from_database(filled, ToErase(shipment_id="A"), "someone")
    assert not_found(filled, table, place) == table.unproven
