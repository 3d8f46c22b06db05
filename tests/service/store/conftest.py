"""Fixtures: every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, select

from service.app import create_app
from service.core.database.engine import Database
from service.core.settings import Settings
from service.decisions.store import Store
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.store.engines import cluster, new_database

ENGINES = ("sqlite", "postgresql")
FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of both engines to `make test`: most of them start an application, and there are hundreds."""
    for item in items:
        if item.path.is_relative_to(FOLDER) and {"url", "empty_url"} & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.slow)


def rows_of(url: str) -> list[Any]:
    """Return the decisions of a database in their order."""
    database = Database(url)
    with database.read() as connection:
        rows = list(connection.execute(select(Decision.__table__).order_by(Decision.position)))
    database.close()
    return rows


@pytest.fixture(autouse=True)
def _folders_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the journal and the history key of PostgreSQL apart from those of other tests."""
    monkeypatch.setenv("TIDEWAITER_JOURNAL_DIR", str(tmp_path / "journal"))


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
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once per engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite database with the present schema and no rows, to copy."""
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_name(postgres_server: str) -> str:
    """Name of a PostgreSQL database with the present schema and no rows, to copy."""
    url = new_database(postgres_server)
    migrate(url)
    return make_url(url).database or ""


def migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with the present schema and no rows, once per engine. Copies take less time than migrations."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path)}"
    return new_database(request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_name"))


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Migrated database, once per engine."""
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def stored_client(models: Path, url: str) -> Iterator[Client]:
    """Client of an application with a store, once per engine."""
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
    with serving(create_app(settings)) as client:
        yield client


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Open store, once per engine."""
    store = Store(url)
    store.start()
    yield store
    store.close()
