"""Fixtures: every test of the store runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
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
#: Modules about the service more than about SQL. `make test` runs only those of their tests on PostgreSQL that have the marker
#: `both_engines`; `make test-long` runs the others.
MOSTLY_SQLITE = {
    "test_audit_api.py",
    "test_changes.py",
    "test_clock_steps.py",
    "test_decisions_api.py",
    "test_durable_history.py",
    "test_erasure.py",
    "test_file_decisions.py",
    "test_history_key.py",
    "test_idempotency.py",
    "test_inspections.py",
    "test_jobs.py",
    "test_jobs_api.py",
    "test_keys_api.py",
    "test_list_commands.py",
    "test_lists.py",
    "test_odd_manifests.py",
    "test_outcome_import.py",
    "test_proof.py",
    "test_proof_columns.py",
    "test_routes_and_scopes.py",
    "test_search.py",
    "test_webhooks.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave tests of both engines to `make test`: most of them start an application, and there are hundreds."""
    for item in items:
        if not item.path.is_relative_to(FOLDER) or "engine" not in getattr(item, "fixturenames", ()):
            continue
        item.add_marker(pytest.mark.slow)
        engine = item.callspec.params["engine"] if isinstance(item, pytest.Function) else None
        if engine == "postgresql" and item.path.name in MOSTLY_SQLITE and not item.get_closest_marker("both_engines"):
            item.add_marker(pytest.mark.long)


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
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine. A test with this fixture runs once per engine."""
    return str(request.param)


@pytest.fixture
def empty_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, once per engine."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


class Copies:
    """Databases with equal content: one per engine is filled, and copied for each test, which takes less time than to fill it."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._filled: dict[tuple[str, Callable[[str], None]], str] = {}

    def new(self, engine: str, folder: Path, fill: Callable[[str], None]) -> str:
        """Return the URL of a copy of the database that ``fill`` fills, given its URL. It is in ``folder`` if it is a file."""
        source = self._filled.get((engine, fill))
        if source is None:
            source = f"sqlite:///{self._folder / f'{len(self._filled)}.db'}"
            if engine == "postgresql":
                source = new_database(self._server)
            fill(source)
            self._filled[engine, fill] = source
        name = make_url(source).database or ""
        if engine == "sqlite":
            return f"sqlite:///{shutil.copy(name, folder / 'store.db')}"
        return new_database(self._server, name)

    @property
    def _server(self) -> str:
        return str(self._request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="session")
def copies(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    return Copies(request, tmp_path_factory.mktemp("copied"))


def migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def filling(fill: Callable[[Store], object]) -> Callable[[str], None]:
    """Return a function that migrates the database with a URL and fills its store, for `Copies.new`."""

    def filled(url: str) -> None:
        store = Store(url)
        store.start()
        fill(store)
        store.close()

    return filled


@pytest.fixture
def url(engine: str, request: pytest.FixtureRequest, tmp_path: Path, copies: Copies) -> str:
    """URL of a database with the present schema, once per engine. It has no rows, or for `filled` those of the module's `FILL`."""
    fill = request.module.FILL if "filled" in request.fixturenames else migrate
    return copies.new(engine, tmp_path, fill)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """Migrated database, once per engine."""
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def filled(database: Database) -> Database:
    """Database that ``FILL`` of the module has filled, see `filling`; once per engine."""
    return database


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
