"""``tidewaiter audit verify`` and ``audit sign``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import delete, update

from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.keys import repository as keys
from service.keys.key import KeyWishes
from service.keys.tables import ApiKey


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Database with three keys, and a pair of signing keys beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    database = Database("sqlite:///var/tidewaiter.db")
    database.migrate()
    for number in range(3):
        keys.create(database, KeyWishes(f"key {number}", frozenset({"read"})), None)
    key = Ed25519PrivateKey.generate()
    Path("office.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    Path("office.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    yield database
    database.close()


def test_an_untouched_chain_is_proven(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Proven: 3 entries; the last is 3:")
    assert "key_created: 3 agree with the tables" in output
    assert run(["audit", "verify", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["state"], result["entries"], result["broken"]) == ("proven", 3, None)


def test_a_broken_chain_ends_with_5_and_names_the_entry(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with database.write() as connection:
        connection.execute(update(ApiKey).where(ApiKey.name == "key 1").values(scopes="admin"))
    assert run(["audit", "verify"]) == 5
    output = capsys.readouterr().out
    assert output.startswith("Broken at entry 2 (key_created ")
    assert output.endswith("): the table holds other values of scopes.\n")
    assert run(["audit", "verify", "--json"]) == 5
    broken = json.loads(capsys.readouterr().out)["broken"]
    assert (broken["number"], broken["kind"]) == (2, "key_created")
    assert run(["audit", "sign", "--key", "office.pem", "--out", "head.json"]) == 5
    assert not Path("head.json").exists()


def test_a_signed_head_reveals_a_truncated_chain(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", "--public-key", "office.pub"]) == 5
    assert "no head is signed with the given key" in capsys.readouterr().out
    assert run(["audit", "sign", "--key", "office.pem", "--out", "head.json"]) == 0
    assert "Signed: entry 3" in capsys.readouterr().out
    assert run(["audit", "verify", "--public-key", "office.pub"]) == 0
    assert "heads: 1 found, 1 of them with a verified signature" in capsys.readouterr().out
    with database.write() as connection:
        connection.execute(delete(AuditEntry).where(AuditEntry.number == 3))
        connection.execute(delete(ApiKey).where(ApiKey.name == "key 2"))
        connection.exec_driver_sql("DELETE FROM audit_heads")
    assert run(["audit", "verify"]) == 0
    assert run(["audit", "verify", "--head", "head.json", "--public-key", "office.pub"]) == 5
    assert "Broken at entry 3: it is missing; the given head" in capsys.readouterr().out


def test_an_expected_head_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run(["audit", "verify", "--json"])
    head = json.loads(capsys.readouterr().out)["head"]
    assert run(["audit", "verify", "--head", f"3:{head['digest']}"]) == 0
    assert run(["audit", "verify", "--head", f"2:{head['digest']}"]) == 5
    assert "the given head names another digest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "--head", "nowhere"], "a head is NUMBER:DIGEST"),
        (["verify", "--head", "office.pub"], "no head that"),
        (["verify", "--public-key", "office.pem"], "not a public key in PEM"),
        (["sign", "--key", "office.pub"], "not a private key in PEM"),
    ],
)
def test_wrong_use_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_there_is_nothing_to_sign_in_an_empty_chain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", "sqlite:///var/empty.db")
    with closing(Database("sqlite:///var/empty.db")) as empty:
        empty.migrate()
    assert run(["audit", "verify"]) == 0
    assert "the chain has no entry yet" in capsys.readouterr().out
    assert run(["audit", "sign", "--key", "office.pem"]) == 2
