"""Whatever the tables contain, the proof gives a verdict: SQLite stores any value in any column."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import insert

from service.audit.heads import sign_head
from service.audit.proof import prove
from service.audit.tables import AuditHead
from service.cli import run
from service.core.database.audit import START, digest_of
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry, Base
from tests.service.store.test_proof_columns import FILL, TABLES

__all__ = ["FILL"]

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["sqlite"])]

#: Type of a value -> other values in SQL: also bytes that are not JSON, and a text that is not UTF-8.
VALUES = {
    "blob": ("'text'", "7", "NULL", "CAST('{' AS BLOB)"),
    "text": ("x'00ff'", "NULL", "CAST(x'ff61' AS TEXT)"),
    "integer": ("'text'", "1.5", "NULL", "x'00'"),
    "real": ("'text'", "NULL", "x'00'"),
    "null": ("'text'", "7", "x'00ff'"),
}
KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def raw(filled: Database) -> Iterator[sqlite3.Connection]:
    """Connection to the filled database that bypasses SQLAlchemy."""
    proof = prove(filled)
    sign_head(filled, proof.number, proof.digest, PRIVATE)
    path = filled.engine.url.database
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        yield connection


@pytest.mark.parametrize("table", [AuditEntry, AuditHead, *TABLES], ids=lambda table: str(table.__tablename__))
def test_a_value_of_another_type_is_found_in_each_column(
    table: type[Base], filled: Database, raw: sqlite3.Connection
) -> None:
    name = table.__tablename__
    [row] = raw.execute(f"SELECT rowid FROM {name} ORDER BY rowid DESC LIMIT 1").fetchone()
    unfound = set()
    # Positions are the numbers of the rows, which SQLite keeps whole.
    for column in {column.name for column in table.__table__.columns} - {"position"}:
        [old, *before] = raw.execute(
            f"SELECT {column}, typeof({column}) FROM {name} WHERE rowid = ?", (row,)
        ).fetchone()
        for value in VALUES[before[0]]:
            with suppress(sqlite3.IntegrityError):
                raw.execute(f"UPDATE {name} SET {column} = {value} WHERE rowid = ?", (row,))
            after = raw.execute(
                f"SELECT {column} IS ?, typeof({column}) FROM {name} WHERE rowid = ?", (old, row)
            ).fetchone()
            proof = prove(filled, public_key=PUBLIC)
            assert orjson.dumps(proof.to_json())
            if proof.fault is None and after != (1, *before):
                unfound.add(column)
            raw.execute(f"UPDATE {name} SET {column} = ? WHERE rowid = ?", (old, row))
    assert prove(filled).fault is None
    assert unfound <= table.unproven


def forged(database: Database, kind: str, facts: bytes) -> None:
    """Append an entry with a valid digest, as somebody can who rewrites the whole chain."""
    proof = prove(database)
    number, previous = proof.number + 1, proof.digest or START
    digest = digest_of(number, 1, kind, "a subject", None, facts, previous)
    entry = dict(
        zip(AuditEntry.__table__.c.keys(), (number, 1, kind, "a subject", None, facts, previous, digest), strict=True)
    )
    with database.write() as connection:
        connection.execute(insert(AuditEntry), [entry])


@pytest.mark.parametrize("facts", [b"{", b"[]", b"7", b'{"a":}', b"\xff", b""])
def test_forged_facts_that_are_no_object_are_found(facts: bytes, filled: Database) -> None:
    number = prove(filled).number
    try:
        forged(filled, "settings", facts)
    except UnicodeDecodeError:
        forged(filled, "settings", b"\xc3\xbf")
    fault = prove(filled).fault
    assert fault is not None
    assert (fault.number, fault.problem) == (number + 1, "its facts are not readable")


@pytest.mark.parametrize(
    "facts",
    [
        {"decisions": 7},
        {"decisions": "text"},
        {"decisions": [7]},
        {"decisions": [[]]},
        {"decisions": ["a"], "remains": 7},
    ],
)
def test_forged_erasures_are_found(facts: Any, filled: Database) -> None:
    number = prove(filled).number
    forged(filled, "erasure", orjson.dumps(facts))
    fault = prove(filled).fault
    assert fault is not None
    assert (fault.number, fault.problem) == (number + 1, "its facts and its rows cannot be compared")


def test_the_command_names_the_entry_and_ends_with_status_5(
    filled: Database, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw.execute("UPDATE audit_entries SET digest = 'a text' WHERE number = 2")
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{filled.engine.url.database}")
    assert run(["audit", "verify"]) == 5
    assert "Broken at entry 2" in capsys.readouterr().out
