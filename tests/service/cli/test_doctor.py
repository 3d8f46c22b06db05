"""``tidewaiter doctor`` reports the faults of an installation."""

from __future__ import annotations

import datetime as dt
import os
import resource
from pathlib import Path

import pytest

from features.substances import Substances
from features.substances.read.opsin import Opsin
from models.bundle import ModelStore
from service.cli import run
from service.core.database.engine import Database
from service.doctor import command as doctor
from service.keys import repository as keys
from service.keys.key import KeyWishes
from service.keys.keys_file import write_keys


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(tmp_path / "models"))
    ModelStore(tmp_path / "models").install(bundle)


def failures() -> dict[str, str]:
    return {result.name: result.detail for result in doctor.examine() if not result.sound}


def test_a_sound_installation_ends_with_0_and_names_its_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert failures() == {}
    assert run(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "FAILED" not in printed
    assert "digest" in printed


def test_each_fault_is_found_and_the_other_checks_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models" / "current").write_bytes(b"")
    monkeypatch.setenv("TIDEWAITER_EXCEL_SAVE", "1")
    monkeypatch.setattr(doctor, "_MIN_FREE_BYTES", 1 << 62)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(doctor, "_MIN_OPEN_FILES", soft + 1)
    found = failures()
    assert set(found) == {"settings", "model", "disk", "limits"}
    assert found["settings"] == "TIDEWAITER_EXCEL_SAVE: no such setting; it has no effect."
    assert "is empty, although 1 version is installed" in found["model"]
    assert "GiB are free" in found["disk"]
    assert "open files are allowed" in found["limits"]
    assert run(["doctor"]) == 5
    assert "FAILED" in capsys.readouterr().out


def test_reference_data_opsin_and_memory_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Substances, "match", lambda *_, **__: None)
    monkeypatch.setattr(Opsin, "smiles", lambda *_: None)
    monkeypatch.setattr(doctor, "_WORKER_BYTES", 1 << 62)
    found = failures()
    assert set(found) == {"reference data", "OPSIN", "limits"}
    assert found["reference data"].startswith("The tables of substances do not contain fentanyl")
    assert found["OPSIN"].endswith("Items with systematic names are at least yellow.")
    assert "MiB of memory; 1 workers need" in found["limits"]


def test_a_folder_that_cannot_be_written_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests may run as root, who may write to every folder.
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path / "models")
    assert failures()["disk"] == f"models: {tmp_path / 'models'} cannot be written."


def test_an_invalid_setting_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_PORT", "harbour")
    assert failures()["settings"].startswith("TIDEWAITER_PORT: ")


def test_a_clock_before_the_model_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Past(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Past:
            return cls(2020, 1, 1, tzinfo=tz)

    monkeypatch.setattr(dt, "datetime", Past)
    assert "before the model was made" in failures()["clock"]


def details() -> dict[str, str]:
    return {result.name: result.detail for result in doctor.examine()}


def test_a_database_that_does_not_exist_yet_is_sound_and_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_AUTH", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'store' / 'x.db'}")
    found = details()
    assert found["database"] == "does not exist yet; the first start creates it"
    assert found["keys"] == "none yet; the first start makes one"
    assert not (tmp_path / "store").exists()


def test_database_and_keys_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_AUTH", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'x.db'}")
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    database.migrate()
    key, _ = keys.create(database, KeyWishes("a test", frozenset({"read"})), None)
    found = details()
    assert found["database"] == "SQLite answers; its schema is current"
    assert found["keys"] == "1 valid"
    write_keys(tmp_path / "keys.json", [key])
    with monkeypatch.context() as patched:
        # The service uses one of two keys with the same prefix.
        patched.setenv("TIDEWAITER_KEYS_FILE", str(tmp_path / "keys.json"))
        assert details()["keys"] == "1 valid"
    keys.revoke(database, key.id, None)
    assert failures()["keys"].startswith("No key is valid")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "The database has the schema 9999 of a newer version" in failures()["database"]
    database.close()


def test_settings_that_serve_would_refuse_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWAITER_HOST", "0.0.0.0")
    assert "need API keys, but there are none" in failures()["keys"]
