"""Pipelined statements on PostgreSQL."""

from __future__ import annotations

import re
import tempfile
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from service.core.database import audit
from service.core.database.engine import Database, reporting
from service.core.database.tables import AuditEntry, Lookup
from service.core.errors import DatabaseAway
from service.decisions import repository as decisions
from service.decisions.repository import record
from service.inspections import queue
from service.scoring.decision import NewDecision
from service.scoring.tables import Decision
from tests.service.store.decisions import new_decision

pytestmark = pytest.mark.parametrize("engine", ["postgresql"])


def decision(number: int, **changes: Any) -> NewDecision:
    return new_decision(id=f"d{number}", shipment_id=f"S{number}", **changes)


def count(database: Database, table: type[Any] = Decision) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_the_next_query_of_the_transaction_finds_the_decisions(database: Database) -> None:
    with database.write() as connection:
        record(connection, [decision(1), decision(2)], 0)
        assert connection.execute(select(Decision.id).order_by(Decision.position)).scalars().all() == ["d1", "d2"]
    assert (count(database), count(database, AuditEntry)) == (2, 2)


def test_the_queries_and_the_inserts_of_a_transaction_are_each_sent_together(database: Database) -> None:
    with database.writing() as connection:
        driver: Any = connection.connection.driver_connection
        with tempfile.TemporaryFile() as trace:
            driver.pgconn.trace(trace.fileno())
            with connection.begin():
                record(connection, [decision(1, lane="red"), decision(2)], 0)
            driver.pgconn.untrace()
            trace.seek(0)
            waits = re.findall(rb"\tF\t\d+\t(Sync|Query)", trace.read())
    assert waits == [b"Sync", b"Sync", b"Sync", b"Query"]


def test_a_rollback_leaves_nothing_behind(database: Database) -> None:
    with database.writing() as connection:
        transaction = connection.begin()
        record(connection, [decision(1)], 0)
        transaction.rollback()
    assert count(database) == 0
    with database.write() as connection:
        record(connection, [decision(2)], 0)
    assert count(database) == 1


def test_a_failed_statement_fails_its_transaction_and_the_connection_can_be_used_again(database: Database) -> None:
    with database.writing() as connection:
        for number in (1, 2):
            with pytest.raises(IntegrityError, match="uq_decisions_id"), connection.begin():
                record(connection, [decision(number), decision(number + 5), decision(number, what_if=True)], 0)
            with connection.begin():
                record(connection, [decision(number)], 0)
    assert (count(database), count(database, AuditEntry)) == (2, 2)


def test_many_long_rows_are_stored_with_all_their_bytes(database: Database) -> None:
    long = [decision(number, manifest=bytes([number % 256]) * 20_000) for number in range(1_500)]
    with database.write() as connection:
        record(connection, long, 0)
    with database.read() as connection:
        stored = connection.execute(select(Decision.manifest).order_by(Decision.position)).scalars().all()
    assert stored == [one.manifest for one in long]


def test_large_values_are_compressed_by_the_fast_method(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE large AS SELECT repeat('mugs', 2000) AS data"))
    with database.read() as connection:
        methods = connection.execute(text("SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"))
        if "lz4" not in methods.scalar_one():
            pytest.skip("This server is built without LZ4.")
        assert connection.execute(text("SELECT pg_column_compression(data) FROM large")).scalar_one() == "lz4"


def test_a_lost_connection_means_that_the_database_is_away(database: Database) -> None:
    with database.writing() as connection:
        with connection.begin():
            record(connection, [decision(1)], 0)
            process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database.read() as other:
            other.execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
        with pytest.raises(DatabaseAway), reporting(), connection.begin():
            record(connection, [decision(2)], 0)
    with database.write() as connection:
        record(connection, [decision(2)], 0)
    assert count(database) == 2


def test_an_interrupted_transaction_leaves_nothing_behind(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with database.writing() as connection:
        transaction = connection.begin()
        with monkeypatch.context() as patched:
            patched.setattr("service.core.database.audit.append_after", interrupted)
            with pytest.raises(KeyboardInterrupt):
                record(connection, [decision(1)], 0)
        transaction.rollback()
    assert count(database) == 0
    with database.write() as connection:
        record(connection, [decision(2)], 0)
    assert count(database) == 1


@pytest.mark.parametrize(
    "lookup",
    [audit.LAST, queue.INSPECTED, decisions._LATEST, decisions._STORED],
    ids=["last", "inspected", "latest", "stored"],
)
def test_a_query_planned_for_empty_tables_uses_indexes(database: Database, lookup: Lookup) -> None:
    with database.read() as connection:
        execute = connection.connection.driver_connection.cursor().execute  # type: ignore[union-attr]
        execute("SET LOCAL plan_cache_mode = force_generic_plan")
        execute(f"PREPARE looking_up AS {lookup.postgresql.replace('%s', '$1')}".encode())
        values = "(ARRAY['a', 'b'])" if "%s" in lookup.postgresql else ""
        plan = " ".join(line for (line,) in execute(f"EXPLAIN EXECUTE looking_up{values}".encode()))
        execute("DEALLOCATE looking_up")
    assert "Index" in plan
    assert "Seq Scan" not in plan
