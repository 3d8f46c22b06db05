"""The key of the history: made once per database, in a file that only its owner may read, and recorded in the audit chain."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import insert, select

from models.bundle import ModelStore
from service.app import create_app
from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.doctor import command as doctor
from service.history import key as history_key
from service.history.checkpoints import unpack
from service.history.key import BadKeyFile, KeyMissing, establish, place_of, read
from service.history.sealing import Sealer
from service.history.tables import CheckpointPart, HistoryCheckpoint
from tests.service.api_client import serving
from tests.service.conftest import shipment

ZSTANDARD = b"\x28\xb5\x2f\xfd"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "key"


@pytest.fixture
def others(url: str) -> Iterator[list[Database]]:
    """Connections of other processes to the same database."""
    made = [Database(url) for _ in range(3)]
    yield made
    for one in made:
        one.close()


def fingerprints(database: Database) -> list[str]:
    query = select(AuditEntry.subject).where(AuditEntry.kind == "history_key").order_by(AuditEntry.number)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def test_the_first_start_makes_a_random_key_that_only_its_owner_may_read(database: Database, file: Path) -> None:
    key = establish(database, None, file)
    assert len(key) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert fingerprints(database) == [Sealer(key).fingerprint]
    assert key not in str(fingerprints(database))
    assert establish(database, None, file) == key
    assert len(fingerprints(database)) == 1


def test_processes_that_start_together_make_one_key(database: Database, others: list[Database], file: Path) -> None:
    keys: list[str] = []
    threads = [threading.Thread(target=lambda one=one: keys.append(establish(one, None, file))) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys == [read(file)] * len(others)
    assert len(fingerprints(database)) == 1


def test_a_service_takes_the_key_that_another_one_wrote_to_the_file_at_the_same_time(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = history_key.os.link  # type: ignore[attr-defined]

    def link_late(source: str, target: Path) -> None:
        target.write_text("of another database\n")
        made(source, target)

    monkeypatch.setattr(history_key.os, "link", link_late)  # type: ignore[attr-defined]
    assert establish(database, None, file) == "of another database"
    assert fingerprints(database) == [Sealer("of another database").fingerprint]


def test_a_machine_without_the_key_makes_none_and_says_what_to_do(database: Database, tmp_path: Path) -> None:
    key = establish(database, None, tmp_path / "first")
    elsewhere = tmp_path / "second"
    with pytest.raises(KeyMissing, match=r"Copy it from the machine that made it.*If it is lost"):
        establish(database, None, elsewhere)
    assert not elsewhere.exists()
    elsewhere.write_text(f"{key}\n")
    assert establish(database, None, elsewhere) == key
    assert len(fingerprints(database)) == 1


def test_no_key_is_made_for_a_database_with_sealed_checkpoints_of_an_earlier_version(
    database: Database, file: Path
) -> None:
    row = {"history_order": 1, "version": 1, "created_at": 1, "shipments": 1, "digest": b"", "sealed": False}
    with database.write() as connection:
        connection.execute(insert(HistoryCheckpoint), [row, row | {"sealed": True}])
    with pytest.raises(KeyMissing):
        establish(database, None, file)
    assert establish(database, "a", file) == "a"


def test_a_database_without_a_key_gets_one_beside_its_unsealed_checkpoints(database: Database, file: Path) -> None:
    row = {"history_order": 1, "version": 1, "created_at": 1, "shipments": 1, "digest": b"", "sealed": False}
    with database.write() as connection:
        connection.execute(insert(HistoryCheckpoint), [row])
    assert establish(database, None, file) == read(file)


def test_each_change_of_the_key_is_in_the_audit_chain(database: Database, file: Path) -> None:
    assert [establish(database, key, file) for key in ("a", "a", "b")] == ["a", "a", "b"]
    assert not file.exists(), "a key that is set needs no file"
    file.parent.mkdir()
    file.write_text("c")
    establish(database, None, file)
    assert fingerprints(database) == [Sealer(key).fingerprint for key in "abc"]


def test_doctor_reports_a_missing_or_different_key(
    url: str, database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detail() -> str:
        [result] = [result for result in doctor.examine() if result.name == "database"]
        return f"{result.sound}: {result.detail}"

    monkeypatch.setattr(doctor, "_model", lambda _: "")
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY_FILE", str(file))
    assert detail().startswith("True")
    key = establish(database, None, file)
    assert detail().startswith("True")
    file.write_text("another")
    assert detail() == f"False: The history of the database has another key. See {file}."
    file.unlink()
    assert "neither set nor in its file" in detail()
    monkeypatch.delenv("TIDEWAITER_HISTORY_KEY_FILE")
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY", key)
    assert detail().startswith("True")


def test_a_lost_key_may_be_replaced(database: Database, file: Path) -> None:
    establish(database, "lost", file)
    assert establish(database, None, file, anew=True) == read(file)
    assert len(fingerprints(database)) == 2


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert read(file) is None
    for content, words in ((b" \n", "contains no key"), (b"\xff", "is not UTF-8 text")):
        file.write_bytes(content)
        with pytest.raises(BadKeyFile, match=words):
            read(file)


def test_the_file_lies_beside_the_data_unless_it_is_set(tmp_path: Path) -> None:
    def place(url: str, file: Path | None = None) -> Path:
        journal = tmp_path / "kept" / "journal"
        return place_of(Settings(database_url=SecretStr(url), history_key_file=file, journal_dir=journal))

    assert place(f"sqlite:///{tmp_path}/store.db") == tmp_path / "history-key"
    assert place("sqlite:///var/tidewaiter.db") == Path("var/history-key")
    assert place("sqlite://") == tmp_path / "kept" / "history-key"
    assert place("postgresql://user@host/name") == tmp_path / "kept" / "history-key"
    assert place("sqlite:///var/tidewaiter.db", tmp_path / "key") == tmp_path / "key"


def test_a_fingerprint_cannot_unseal_content() -> None:
    sealed = Sealer("a").seal(b"content")
    fingerprint = Sealer("a").fingerprint
    assert fingerprint != Sealer("b").fingerprint
    with pytest.raises(ValueError, match="another"):
        Sealer(fingerprint).unseal(sealed, sealed=True)
    assert Sealer("a").unseal(sealed, sealed=True) == b"content"


@pytest.fixture
def app_of(tmp_path: Path, bundle: Path, url: str) -> Callable[..., FastAPI]:
    """Return a function that makes a service on the test's database, with the key of a folder."""
    models = tmp_path / "models"
    ModelStore(models).install(bundle)

    def app_of(folder: str) -> FastAPI:
        file = tmp_path / folder / "history-key"
        return create_app(
            Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), history_key_file=file)
        )

    return app_of


def test_a_service_seals_its_checkpoints_and_another_machine_needs_the_key(
    tmp_path: Path, url: str, database: Database, app_of: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(app_of("first")) as client:
        client.post("/v1/score", json=shipment(shipment_id="A"))
    with database.read() as connection:
        assert connection.execute(select(HistoryCheckpoint.sealed)).scalars().all() == [True]
        parts = b"".join(connection.execute(select(CheckpointPart.content)).scalars())
    secret = read(tmp_path / "first" / "history-key")
    content = Sealer(secret).unseal(parts, sealed=True)
    assert unpack(content)
    # After the size comes the magic number of Zstandard.
    assert (content[8:12] == ZSTANDARD, parts[8:12] == ZSTANDARD) == (True, False)
    with pytest.raises(KeyMissing), serving(app_of("second")):
        pass
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    with serving(app_of("second")) as client:
        assert client.get("/v1/model").json()["history"] == "restored"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_ends_with_one_line_if_the_key_or_the_database_is_missing(
    tmp_path: Path,
    url: str,
    database: Database,
    workers: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    establish(database, "a", tmp_path / "none")
    monkeypatch.setattr("service.server.run", lambda *_: pytest.fail("the server must not start"))
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY_FILE", str(tmp_path / "none"))
    assert run(["serve", "--workers", workers]) == 2
    assert "Copy it from the machine that made it" in capsys.readouterr().err
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"postgresql://nobody@/none?host={tmp_path}")
    assert run(["serve", "--workers", workers]) == 70
    [message] = [line for line in capsys.readouterr().err.splitlines() if "does not answer" in line]
    assert "Traceback" not in message
    monkeypatch.setenv("TIDEWAITER_DATABASE_AWAY", "journal")
    started: list[object] = []
    monkeypatch.setattr("service.server.run", lambda *_: started.append(1))
    assert run(["serve", "--workers", workers]) == 0
    assert started
