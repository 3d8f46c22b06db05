"""Fixtures: every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.database import Database
from service.store.store import Store
from tests.service.store.engines import cluster, new_database

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server for this session."""
    given = os.environ.get("TIDEWAITER_TEST_POSTGRES")
    if given:
        yield given
        return
    with cluster() as server:
        yield server.url


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once per engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Migrated database, once per engine."""
    database = Database(url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Open store, once per engine."""
    store = Store(url)
    store.start()
    yield store
    store.close()
