"""``tidewaiter keys`` and the refusal of ``tidewaiter serve`` to listen without keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli import run
from service.core.database.engine import Database
from service.keys import repository as keys
from service.keys.keys_file import read_keys


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Database that the commands use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    database = Database("sqlite:///var/tidewaiter.db")
    database.migrate()
    yield database
    database.close()


def test_a_key_is_printed_once_and_stored_as_a_hash(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "create", "post", "--scope", "score", "--scope", "read", "--days", "1", "--rate", "60"]) == 0
    text = capsys.readouterr().out.strip()
    (key,) = keys.valid(database)
    assert key.digest == hashlib.sha256(text.encode()).digest()
    assert (key.name, key.scopes, key.requests_per_minute) == ("post", frozenset({"read", "score"}), 60)
    assert key.created_by == "tidewaiter keys"
    assert key.expires_at is not None
    assert key.expires_at - key.created_at == pytest.approx(24 * 3600 * 1_000_000, abs=60_000_000)
    assert run(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert key.prefix in listed
    assert "valid" in listed
    assert text not in listed


def test_a_key_is_revoked_by_its_prefix(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "create", "post", "--scope", "score"])
    prefix = capsys.readouterr().out[:11]
    assert run(["keys", "revoke", prefix]) == 0
    assert keys.valid(database) == []
    capsys.readouterr()
    assert run(["keys", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["keys"]
    assert listed["prefix"] == prefix
    assert listed["revoked_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keys", "create", "post", "--scope", "everything"], "no such scope; the scopes are score, read"),
        (["keys", "create", " ", "--scope", "read"], "name: 1 to 200"),
        (["keys", "create", "post"], "--scope"),
        (["keys", "revoke", "tw_unknown1"], "no key has this id or prefix"),
    ],
)
def test_wrong_use_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_keys_of_a_file_need_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_STORE", "off")
    assert run(["keys", "create", "a", "--scope", "read"]) == 2
    assert "--keys-file" in capsys.readouterr().err
    monkeypatch.setenv("TIDEWAITER_KEYS_FILE", str(tmp_path / "keys"))
    for name in ("a", "b"):
        assert run(["keys", "create", name, "--scope", "read"]) == 0
    first, second = read_keys(tmp_path / "keys")
    text = capsys.readouterr().out.split()[0]
    assert first.digest == hashlib.sha256(text.encode()).digest()
    assert run(["keys", "revoke", first.prefix]) == 0
    assert read_keys(tmp_path / "keys") == [second]


def test_a_damaged_keys_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keys").write_text("[]")
    assert run(["keys", "list", "--keys-file", "keys"]) == 3
    assert "keys:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TIDEWAITER_AUTH": "off"}, "TIDEWAITER_AUTH=off is only for loopback addresses"),
        ({"TIDEWAITER_STORE": "off"}, "need API keys, but there are none"),
    ],
)
def test_serve_listens_only_on_loopback_without_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert message in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", "postgresql://user:hidden@/x?host=/nowhere")
    assert run(["keys", "list"]) == 70
    message = capsys.readouterr().err
    assert "tidewaiter: The database does not answer: " in message
    assert "hidden" not in message
