"""Commands that read, remove or erase refuse a missing database, because an empty result would look like success."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.cli import run
from service.core.database.engine import Database
from tests.service.store.engines import new_database

COMMANDS = (
    ("audit", "verify"),
    ("audit", "sign", "--key", "office.pem"),
    ("audit", "at", "2026-01-01"),
    ("shadow", "stop"),
    ("shadow", "report"),
    ("erase", "--before", "2026-01-01"),
    ("erase", "--shipment", "A"),
    ("keys", "list"),
    ("keys", "revoke", "tw_4k2m8x1q"),
    ("lists", "show"),
    ("lists", "remove", "some-id"),
    ("lists", "try", "in.csv"),
    ("outcomes", "import", "outcomes.csv"),
    ("permits", "show"),
    ("score", "in.csv", "out.csv", "--lists"),
    ("train", "--from-store", "--no-tracking"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    for name in ("office.pem", "in.csv", "outcomes.csv"):
        (tmp_path / name).write_text("shipment_id\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_missing_file_is_refused_and_not_created(
    folder: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*arguments]) == 3
    captured = capsys.readouterr()
    assert "There is no database sqlite:///var/tidewaiter.db; check TIDEWAITER_DATABASE_URL" in captured.err
    assert captured.out == ""
    assert not (folder / "var").exists()


@pytest.mark.parametrize("arguments", [("audit", "verify"), ("erase", "--shipment", "A")], ids=" ".join)
def test_a_database_without_tables_is_refused_and_stays_empty(
    empty_url: str, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", empty_url)
    database = Database(empty_url)
    assert database.revision() is None
    assert run([*arguments]) == 3
    assert "has no tables of the store; check TIDEWAITER_DATABASE_URL" in capsys.readouterr().err
    assert database.revision() is None
    database.migrate()
    assert run([*arguments]) == 0
    database.close()


def test_a_message_about_the_database_hides_its_password(
    monkeypatch: pytest.MonkeyPatch, postgres_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = new_database(postgres_server)
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url.replace("//tester@", "//tester:hidden@"))
    assert run(["audit", "verify"]) == 3
    message = capsys.readouterr().err
    assert "//tester:***@" in message
    assert "hidden" not in message
