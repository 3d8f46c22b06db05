"""Promotions and the keys file in the audit chain."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.bundle import ModelStore, describe
from service.app import create_app
from service.audit.proof import prove
from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.keys.key import KeyWishes, new_key, write_keys
from tests.service.api_client import serving
from training.gate.checks import Verdict


def entries(database: Database, kind: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    query = select(AuditEntry.__table__).where(AuditEntry.kind == kind).order_by(AuditEntry.number)
    with database.read() as connection:
        return [(row.subject, row.actor, orjson.loads(row.facts)) for row in connection.execute(query)]


def test_promotions_have_entries_while_no_service_runs(
    database: Database,
    url: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: list[Verdict],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    for _ in range(2):
        assert run(["promote", "--bundle", str(bundle)]) == 0
    info = describe(bundle)
    found = entries(database, "promotion")
    assert [facts["checks"] for _, _, facts in found] == [{}, {}]
    assert [(digest, actor, facts["version"]) for digest, actor, facts in found] == [
        (info.digest, "tidewaiter promote", info.version)
    ] * 2
    assert prove(database).fault is None
    monkeypatch.setenv("TIDEWAITER_STORE", "off")
    assert run(["promote", "--bundle", str(bundle)]) == 0
    assert len(entries(database, "promotion")) == 2


def test_a_rollback_has_an_entry(
    database: Database,
    url: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: list[Verdict],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    assert run(["promote", "--bundle", str(bundle)]) == 0
    assert run(["rollback"]) == 0
    assert [actor for _, actor, _ in entries(database, "promotion")] == ["tidewaiter promote", "tidewaiter rollback"]


def test_the_reason_of_a_forced_promotion_is_in_the_chain(
    database: Database,
    url: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: list[Verdict],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    verdicts += [
        Verdict("speed", "pass", "30 ms."),
        Verdict("calibration", "fail", "Mean risk is 9 times the base rate."),
    ]
    assert run(["promote", "--bundle", str(bundle)]) == 5
    assert entries(database, "promotion") == []
    assert run(["promote", "--bundle", str(bundle), "--force", "--reason", "decided on 1 December"]) == 0
    ((_, _, facts),) = entries(database, "promotion")
    assert facts["forced_because"] == "decided on 1 December"
    assert facts["failed_checks"] == ["calibration"]
    assert facts["checks"] == {"speed": "pass", "calibration": "fail"}
    assert prove(database).fault is None


def test_a_promotion_creates_no_database(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    assert run(["promote", "--bundle", str(bundle)]) == 0
    assert not (tmp_path / "var" / "tidewaiter.db").exists()


def test_a_start_records_the_keys_file(database: Database, url: str, bundle: Path, tmp_path: Path) -> None:
    ModelStore(tmp_path / "models").install(bundle)
    file = tmp_path / "keys.json"
    digests: list[str] = []
    for names in (("a",), ("a",), ("a", "b")):
        if len(names) > len(digests):
            write_keys(file, [new_key(KeyWishes(name, frozenset({"read"})), None)[0] for name in names])
            digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
        settings = Settings(
            models_dir=tmp_path / "models", keeps_decisions=True, database_url=SecretStr(url), keys_file=file
        )
        with serving(create_app(settings)):
            pass
    assert [subject for subject, _, _ in entries(database, "keys_file")] == digests
