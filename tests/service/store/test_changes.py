"""Changes of the service itself in the audit chain: settings, model and rules."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import capture_logs

from models.bundle import ModelStore
from service.app import create_app
from service.core.database.audit import Changes
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.errors import DatabaseAway
from service.core.settings import Settings
from tests.service.api_client import serving


def entries_of(url: str) -> list[tuple[str, str, dict[str, Any]]]:
    database = Database(url)
    with database.read() as connection:
        rows = connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number)).all()
    database.close()
    assert {row.actor for row in rows} <= {"service"}
    return [(row.kind, row.subject, orjson.loads(row.facts)) for row in rows]


@pytest.fixture
def settings(tmp_path: Path, bundle: Path, url: str) -> Settings:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    return Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        random_key=SecretStr("a secret of the office"),
        random_share=0.01,
        pointer_poll_seconds=60.0,
    )


def test_a_start_records_settings_model_and_rules(settings: Settings, url: str) -> None:
    with serving(create_app(settings)) as client:
        served = client.state.host.served
        rules = served.model.rulebook(settings.score_settings()).digest
    key, (kind, _, values), model, (rules_kind, rules_digest, _) = entries_of(url)
    assert (key[0], key[2], kind) == ("history_key", {}, "settings")
    assert (values["random_share"], values["port"]) == (0.01, 8000)
    assert (values["random_key"], values["database_url"]) == ("set", "set")
    assert model[:2] == ("model", served.model.digest)
    assert model[2]["version"] == served.model.version
    assert (rules_kind, rules_digest) == ("rules", rules)


def test_a_start_without_a_change_records_nothing(settings: Settings, url: str) -> None:
    for _ in range(2):
        with serving(create_app(settings)):
            pass
    assert [kind for kind, *_ in entries_of(url)] == ["history_key", "settings", "model", "rules"]
    with serving(create_app(settings.model_copy(update={"port": 9000}))):
        pass
    kinds = [kind for kind, *_ in entries_of(url)]
    assert kinds == ["history_key", "settings", "model", "rules", "settings"]


@pytest.mark.both_engines
def test_promotion_and_rollback_are_recorded(settings: Settings, other_bundle: Path, url: str) -> None:
    store = ModelStore(settings.models_dir)
    with serving(create_app(settings)) as client:
        first = client.state.host.served.model.digest
        store.install(other_bundle)
        assert client.state.host.check()
        second = client.state.host.served.model.digest
        store.rollback()
        assert client.state.host.check()
    assert [subject for kind, subject, _ in entries_of(url) if kind == "model"] == [first, second, first]


def test_workers_that_change_together_record_one_entry(database: Database, url: str) -> None:
    workers = [Changes(Database(url)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda worker: worker.note("model", "digest", {"version": "1"}), workers))
    for worker in workers:
        worker._database.close()
    assert entries_of(url) == [("model", "digest", {"version": "1"})]


@contextmanager
def away(database: Database) -> Iterator[None]:
    def fail() -> Any:
        raise DatabaseAway("a test")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "write", fail)
        yield


def test_a_change_waits_while_the_database_is_away(database: Database, url: str) -> None:
    changes = Changes(database)
    with away(database):
        changes.note("model", "one", {})
        changes.note("model", "two", {})
    assert entries_of(url) == []
    changes.flush()
    assert [subject for _, subject, _ in entries_of(url)] == ["one", "two"]


def test_any_number_of_changes_waits_and_none_is_lost_while_threads_note_more(database: Database, url: str) -> None:
    changes, waiting = Changes(database), [str(number) for number in range(1_000)]
    with away(database):
        for subject in waiting:
            changes.note("model", subject, {})
    more = [f"{thread} {number}" for thread in range(4) for number in range(5)]

    def work(thread: int) -> None:
        for subject in more[thread * 5 : thread * 5 + 5]:
            changes.note("model", subject, {})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    subjects = [subject for _, subject, _ in entries_of(url)]
    assert subjects[: len(waiting)] == waiting
    assert sorted(subjects[len(waiting) :]) == more


@pytest.mark.parametrize("is_away", [True, False])
def test_the_end_of_a_service_appends_the_waiting_changes_or_names_them_in_the_log(
    database: Database, url: str, is_away: bool
) -> None:
    changes = Changes(database)
    with capture_logs() as logs, away(database):
        changes.note("model", "one", {})
        changes.note("rules", "two", {})
        if is_away:
            changes.close()
    if not is_away:
        changes.close()
    lost = [(log["kind"], log["subject"]) for log in logs if log["event"] == "audit_lost"]
    assert lost == ([("model", "one"), ("rules", "two")] if is_away else [])
    assert [kind for kind, *_ in entries_of(url)] == ([] if is_away else ["model", "rules"])


def test_a_change_that_waits_when_the_service_ends_is_recorded(
    settings: Settings, other_bundle: Path, url: str
) -> None:
    with serving(create_app(settings)) as client:
        first = client.state.host.served.model.digest
        ModelStore(settings.models_dir).install(other_bundle)
        assert client.state.store is not None
        with away(client.state.store.database):
            assert client.state.host.check()
        second = client.state.host.served.model.digest
    assert [subject for kind, subject, _ in entries_of(url) if kind == "model"] == [first, second]
