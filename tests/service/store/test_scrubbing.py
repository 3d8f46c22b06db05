"""Erased bytes are removed from SQLite's files, wherever SQLite has moved them."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import ColumnElement, delete, insert, select, update

from service.core.database import idempotency
from service.core.database.engine import Database
from service.core.database.tables import IdempotentRequest
from service.core.database.times import now_us
from service.decisions import repository as decisions
from service.erasure.everywhere import erase_from_database, scrub
from service.scoring.decision import NewDecision, ToErase
from service.scoring.tables import Decision
from tests.service.store.decisions import new_decision

#: Mark in place of personal data, with the number of its row. Its 15 bytes are short enough to survive in parts of moved rows.
MARK = "<person {:06}>"


def found(folder: Path, numbers: set[int]) -> set[int]:
    """Return which of some numbers have marks in the files below a folder."""
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert content
    return {int(number) for number in re.findall(rb"<person (\d{6})>", content)} & numbers


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Database]:
    """Database of SQLite that does not wait for locks."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}", wait=0)
    database.migrate()
    yield database
    database.close()


def request(number: int, length: int) -> dict[str, Any]:
    mark = MARK.format(number)
    return {"key": f"{mark} key", "status": 200, "body": mark.encode() * length}


def is_request(number: int) -> tuple[ColumnElement[bool], ...]:
    return IdempotentRequest.caller == "", IdempotentRequest.key == request(number, 1)["key"]


def fill(database: Database, count: int = 6_000) -> set[int]:
    """Insert, lengthen, shorten and delete rows, so that SQLite splits and joins pages. Return the remaining numbers."""
    chance = random.Random(20261128)
    alive: list[int] = []
    with database.write() as connection:
        for number in chance.sample(range(100_000), count):
            row = request(number, chance.randint(1, chance.choice((10, 60, 600))))
            values = {**row, "caller": "", "digest": b"", "created_at": number}
            connection.execute(insert(IdempotentRequest).values(values))
            alive.append(number)
            if chance.random() < 0.5:
                body = request(other := chance.choice(alive), chance.randint(1, chance.choice((10, 60, 600))))["body"]
                connection.execute(update(IdempotentRequest).where(*is_request(other)).values(body=body))
            if chance.random() < 0.5:
                chosen = chance.randrange(len(alive))
                connection.execute(delete(IdempotentRequest).where(*is_request(alive[chosen])))
                alive[chosen] = alive[-1]
                alive.pop()
        # Delete many rows at once, which frees pages.
        connection.execute(delete(IdempotentRequest).where(IdempotentRequest.created_at < 30_000))
    return {number for number in alive if number >= 30_000}


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(select(IdempotentRequest.__table__).order_by(IdempotentRequest.created_at)))


def is_intact(database: Database) -> bool:
    with database.read() as connection:
        return connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.slow
def test_old_bytes_of_moved_rows_are_removed_and_other_rows_stay(local: Database, tmp_path: Path) -> None:
    alive = fill(local)
    gone = set(range(100_000)) - alive
    with closing(local.engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # secure_delete alone must leave some marks, otherwise this test shows nothing.
    assert found(tmp_path, gone)
    before = rows(local)
    assert scrub(local)
    assert found(tmp_path, gone) == set()
    assert rows(local) == before
    assert len(before) == len(alive) > 500
    assert is_intact(local)
    assert (tmp_path / "store.db-wal").stat().st_size == 0
    # The database can be used as before.
    fill_again = request(100_001, 600)
    with local.write() as connection:
        connection.execute(
            insert(IdempotentRequest).values({**fill_again, "caller": "", "digest": b"", "created_at": 1})
        )
    assert is_intact(local)


@pytest.mark.slow
@pytest.mark.parametrize(("page_size", "auto_vacuum"), [(512, 0), (65_536, 0), (512, 1), (512, 2)])
@pytest.mark.long
def test_files_of_other_settings_are_scrubbed_too(page_size: int, auto_vacuum: int, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        for setting, value in (("page_size", page_size), ("auto_vacuum", auto_vacuum)):
            connection.execute(f"PRAGMA {setting}={value}")
        connection.execute("VACUUM")
    with closing(Database(f"sqlite:///{tmp_path / 'store.db'}")) as database:
        database.migrate()
        alive = fill(database)
        before = rows(database)
        assert scrub(database)
        assert rows(database) == before
        assert is_intact(database)
    assert found(tmp_path, set(range(100_000)) - alive) == set()


def test_scrubbing_fails_while_a_reader_uses_an_old_state(local: Database, tmp_path: Path) -> None:
    fill(local, 50)
    with local.read() as connection:
        connection.execute(select(IdempotentRequest.key)).first()
        assert not scrub(local)
    assert scrub(local)


def test_scrubbing_fails_while_another_process_writes(local: Database) -> None:
    with local.write():
        assert not scrub(local)
    assert scrub(local)


def personal_decision(number: int, length: int) -> NewDecision:
    mark, decision_id = MARK.format(number), f"decision {number:06}"
    text = [{"code": "A", "weight": 0.5, "fields": ["x"], "text": mark * length}] * 2
    answer = {"decision_id": decision_id, "reasons": text, "rule_ids": ["rule"] * (length % 97)}
    return new_decision(
        id=decision_id,
        shipment_id=f"S-{number:06}",
        lane="red",
        manifest=orjson.dumps({"name": mark * length}),
        answer=orjson.dumps(answer),
    )


@pytest.mark.slow
def test_shipments_erased_one_by_one_are_removed_from_the_files(local: Database, tmp_path: Path) -> None:
    """With short and long manifests, answers stored for repeated requests, and rows that move before they are erased."""
    chance = random.Random(7)
    for first in range(0, 400, 8):
        numbers = range(first, first + 8)
        batch = [personal_decision(number, chance.choice((1, 9, 40, 200, 1_500))) for number in numbers]
        with local.write() as connection:
            decisions.record(connection, batch, now_us())
            for number in numbers:
                again = idempotency.Request("", f"key {number}", b"digest")
                idempotency.begin(connection, again, now_us())
        with local.write() as connection:
            for number, decision in zip(numbers, batch, strict=True):
                answer = idempotency.Replay(200, "application/json", decision.answer)
                idempotency.finish(connection, idempotency.Request("", f"key {number}", b"digest"), answer)
    gone: set[int] = set()
    for number in chance.sample(range(400), 6):
        assert erase_from_database(local, ToErase(shipment_id=f"S-{number:06}"), None).decisions == [
            f"decision {number:06}"
        ]
        assert scrub(local)
        gone.add(number)
        assert found(tmp_path, gone) == set()
    assert is_intact(local)
    with local.read() as connection:
        left = {row.id: row for row in connection.execute(select(Decision.__table__))}
        answers = set(connection.execute(select(IdempotentRequest.key)).scalars())
    for number in set(range(400)) - gone:
        row = left[f"decision {number:06}"]
        expected = personal_decision(number, len(orjson.loads(row.manifest)["name"]) // len(MARK.format(0)))
        assert (row.manifest, row.answer) == (expected.manifest, expected.answer)
    assert answers == {f"key {number}" for number in range(400) if number not in gone}


def test_answers_stored_for_repeated_requests_are_deleted_with_any_of_their_decisions(database: Database) -> None:
    """This includes a shipment with more decisions than one statement contains."""
    same = [new_decision(id=f"same-{number:03}-", shipment_id="A") for number in range(250)]
    other = new_decision(id="other-")
    ids = {"first": same[0].id, "last": same[-1].id, "other": other.id}
    with database.write() as connection:
        decisions.record(connection, [*same, other], now_us())
        for key, decision_id in ids.items():
            again = idempotency.Request("", key, b"digest")
            idempotency.begin(connection, again, now_us())
            body = b'{"results": [{"decision_id": "%b"}]}' % decision_id.encode()
            idempotency.finish(connection, again, idempotency.Replay(200, None, body))
        # This request has no answer yet.
        idempotency.begin(connection, idempotency.Request("", "open", b"digest"), now_us())
    assert len(erase_from_database(database, ToErase(shipment_id="A"), None).decisions) == 250
    with database.read() as connection:
        assert set(connection.execute(select(IdempotentRequest.key)).scalars()) == {"other", "open"}
