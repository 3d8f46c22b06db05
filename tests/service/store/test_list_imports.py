"""Imports that replace entries while others change them: the numbers are exact and nothing is removed twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier
from typing import Any

import pytest

from service.audit.proof import prove
from service.core.database.engine import Database
from service.lists import repository as lists
from service.lists.importing import ImportOptions, ImportResult, import_csv
from service.lists.topics import WATCH_ENTRIES

FILE = b"kind,text,reason\nname,Ocean Star Chemicals,Order 1\nname,Lianhe Novelty Trading,Order 2\n"
ROWS = 2
WORKERS, IMPORTS, ENTRIES = 4, 8, 20


def replaced(database: Database) -> ImportResult:
    return import_csv(database, WATCH_ENTRIES, FILE, ImportOptions("east", replace=True), "a test")


def present(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.id for row in lists.page(connection, WATCH_ENTRIES)]


def test_an_entry_that_another_removes_before_the_replacement_is_not_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(database)
    write = database.write

    def removed_before() -> AbstractContextManager[Any]:
        monkeypatch.undo()
        assert len(lists.remove(database, WATCH_ENTRIES, present(database)[:1], "another")) == 1
        return write()

    monkeypatch.setattr(database, "write", removed_before)
    assert replaced(database).removed == ROWS - 1
    assert len(present(database)) == ROWS


def test_replacements_at_the_same_time_remove_each_entry_once_and_leave_those_of_one(database: Database) -> None:
    together = Barrier(WORKERS)

    def work(_: int) -> int:
        together.wait()
        return sum(replaced(database).removed for _ in range(IMPORTS))

    with ThreadPoolExecutor(WORKERS) as threads:
        removed = sum(threads.map(work, range(WORKERS)))
    assert len(present(database)) == ROWS
    assert removed == ROWS * (WORKERS * IMPORTS - 1)
    assert prove(database).fault is None


def test_an_entry_is_removed_once_by_those_who_remove_it_at_the_same_time(database: Database) -> None:
    many = b"".join(b"name,Example Party Number%d,Order\n" % number for number in range(ENTRIES))
    import_csv(database, WATCH_ENTRIES, b"kind,text,reason\n" + many, ImportOptions("east"), "a test")
    ids, together = present(database), Barrier(WORKERS)

    def work(_: int) -> int:
        together.wait()
        return sum(len(lists.remove(database, WATCH_ENTRIES, [id_], "a test")) for id_ in ids)

    with ThreadPoolExecutor(WORKERS) as threads:
        assert sum(threads.map(work, range(WORKERS))) == ENTRIES
    assert prove(database).fault is None
