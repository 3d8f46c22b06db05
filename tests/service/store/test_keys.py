"""API keys in the store: their rows, the first key, and revocation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert, select, update

from service.core.database.audit import salted
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.keys import repository as keys
from service.keys.key import MOST_KEYS, KeyRefused, KeyWishes
from service.keys.ring import make_first_key
from service.keys.tables import ApiKey

READING = KeyWishes("a reader", frozenset({"score", "read"}), requests_per_minute=600)


def entries_of(database: Database) -> list[tuple[str, str, str | None, dict[str, object]]]:
    with database.read() as connection:
        rows = connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number))
        return [(row.kind, row.subject, row.actor, orjson.loads(row.facts)) for row in rows]


def test_only_the_hash_of_a_key_is_stored(database: Database) -> None:
    key, text = keys.create(database, READING, "someone")
    with database.read() as connection:
        row = connection.execute(select(ApiKey.__table__)).one()
    assert row.digest == hashlib.sha256(text.encode()).digest()
    assert text.startswith(f"{row.prefix}_")
    secret = text.removeprefix(row.prefix)
    assert secret not in repr(row)
    assert (row.name, row.scopes, row.requests_per_minute, row.created_by) == ("a reader", "read score", 600, "someone")
    assert keys.valid(database) == keys.every(database) == [key]


def test_a_revoked_key_stays_in_the_list(database: Database) -> None:
    key, _ = keys.create(database, READING, None)
    other, _ = keys.create(database, READING, None)
    revoked = keys.revoke(database, key.prefix, "someone")
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert keys.valid(database) == [other]
    assert keys.every(database) == [other, revoked]
    assert keys.revoke(database, key.id, "another") == revoked
    assert keys.revoke(database, "tw_unknown1", None) is None
    assert keys.revoke(database, "a\0", None) is None


def test_an_expired_key_is_not_valid(database: Database) -> None:
    key, _ = keys.create(database, READING, None)
    with database.write() as connection:
        connection.execute(update(ApiKey).values(expires_at=key.created_at + 1))
    assert keys.valid(database) == []


def test_the_audit_chain_records_keys_without_their_names(database: Database) -> None:
    key, text = keys.create(database, READING, "someone")
    revoked = keys.revoke(database, key.id, "another")
    assert revoked is not None
    with database.read() as connection:
        salt = connection.execute(select(ApiKey.salt)).scalar_one()
    assert salt is not None
    assert len(salt) == 16
    assert entries_of(database) == [
        (
            "key_created",
            key.id,
            "someone",
            {
                "digest": hashlib.sha256(text.encode()).hexdigest(),
                "expires_at": None,
                "name": salted(salt, key.name.encode()),
                "prefix": key.prefix,
                "requests_per_minute": 600,
                "scopes": ["read", "score"],
            },
        ),
        ("key_revoked", key.id, "another", {"revoked_at": revoked.revoked_at}),
    ]


def test_the_number_of_valid_keys_is_limited(database: Database) -> None:
    key, _ = keys.create(database, READING, None)
    with database.write() as connection:
        row = dict(connection.execute(select(ApiKey.__table__)).one()._mapping)
        copies = [row | {"id": f"{number}", "prefix": f"{number}"} for number in range(MOST_KEYS - 1)]
        connection.execute(insert(ApiKey), copies)
    with pytest.raises(KeyRefused, match="1,000 keys are valid"):
        keys.create(database, READING, None)
    keys.revoke(database, key.id, None)
    keys.create(database, READING, None)


@pytest.fixture
def databases(database: Database, url: str) -> Iterator[list[Database]]:
    """Connections of four processes to one database."""
    opened = [Database(url) for _ in range(4)]
    yield opened
    for one in opened:
        one.close()


def test_workers_that_start_together_make_one_first_key(databases: list[Database], tmp_path: Path) -> None:
    file = tmp_path / "var" / "key"
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda one: make_first_key(one, {"admin", "read"}, file), databases))
    assert sum(key is not None for key in made) == 1
    (key,) = keys.every(databases[0])
    assert key.digest == hashlib.sha256(file.read_bytes().strip()).digest()
    assert key.scopes == {"admin", "read"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_first_key_is_in_no_log(database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "key"
    key = make_first_key(database, {"admin"}, file)
    assert key is not None
    output = "".join(capfd.readouterr())
    assert file.read_text().strip() not in output
    assert key.prefix in output
    assert str(file) in output


def test_a_first_key_that_cannot_be_shown_is_not_made(database: Database, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="var"):
        make_first_key(database, {"admin"}, tmp_path / "var" / "key")
    assert keys.every(database) == []
    assert entries_of(database) == []


def test_no_first_key_is_made_if_all_keys_are_revoked(database: Database, tmp_path: Path) -> None:
    key, _ = keys.create(database, READING, None)
    keys.revoke(database, key.id, None)
    assert make_first_key(database, {"admin"}, tmp_path / "key") is None
    assert not (tmp_path / "key").exists()


def test_on_a_terminal_the_first_key_is_shown_once_and_not_written_to_a_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    key = make_first_key(database, {"admin"}, tmp_path / "key")
    assert key is not None
    assert capsys.readouterr().err.count(f"{key.prefix}_") == 1
    assert not (tmp_path / "key").exists()
