"""Backups of each engine, restored into each engine; the service continues afterwards."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, inspect, select, update

from models.bundle import ModelStore
from service import subjects
from service.app import create_app
from service.backup.content import BadBackup, NotEmpty, check, dump, restore
from service.cli import run
from service.core.database.engine import BadDatabase, Database
from service.core.database.migrations import running as migrations
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.history.tables import HistoryCheckpoint
from service.scoring.decision import NewDecision
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.engines import new_database
from tests.service.store.job_files import goods_csv

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another empty database, of each engine."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'restored.db'}")
    else:
        database = Database(new_database(request.getfixturevalue("postgres_server")))
    yield database
    database.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    folder = tmp_path_factory.mktemp("models")
    ModelStore(folder).install(bundle)
    return folder


def client_of(url: str, models: Path, tmp_path: Path, **settings: Any) -> Any:
    return serving(
        create_app(
            Settings(
                models_dir=models,
                keeps_decisions=True,
                database_url=SecretStr(url),
                jobs_dir=tmp_path / "jobs",
                job_worker=False,
                **{"history_key_file": tmp_path / "history-key", **settings},
            )
        )
    )


def score(client: Client, shipment_id: str, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/score", json=shipment(shipment_id=shipment_id, **changes)).json()
    return answer


def content_of(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in subjects.metadata().sorted_tables
        }


def backup_of(database: Database) -> io.BytesIO:
    file = io.BytesIO()
    dump(database, file, 1)
    file.seek(0)
    return file


def test_a_restored_store_is_equal_and_takes_further_decisions(
    url: str, database: Database, empty: Database, models: Path, tmp_path: Path
) -> None:
    with client_of(url, models, tmp_path) as client:
        first = score(client, "A", consignor={"name": "Größe & Söhne 有限公司"})
        score(client, "B")
        client.post("/v1/jobs", files={"file": ("a.csv", goods_csv(2))})
    file = backup_of(database)
    summary = restore(empty, file, any_key=True)
    restored = content_of(empty)
    assert restored == content_of(database)
    assert len(restored["decisions"]) == 2
    assert summary.rows["jobs"] == 1
    assert summary.audit_head[0] == len(restored["audit_entries"])
    # The URL without its masked password.
    with client_of(empty.engine.url.render_as_string(hide_password=False), models, tmp_path) as client:
        again = score(client, "A", consignor={"name": "Größe & Söhne 有限公司"})
        assert again["decision_id"] == first["decision_id"]
        third = score(client, "A", gross_mass_kg=77)
        client.post("/v1/jobs", files={"file": ("a.csv", goods_csv(2))})
    with empty.read() as connection:
        made = connection.execute(select(Decision.id, Decision.position, Decision.earlier_id)).all()
        chain = connection.execute(
            select(AuditEntry.number, AuditEntry.previous, AuditEntry.digest).order_by(AuditEntry.number)
        ).all()
    assert (third["decision_id"], 3, first["decision_id"]) in {tuple(row) for row in made}
    assert len(made) == 3
    assert [row.previous for row in chain[1:]] == [row.digest for row in chain[:-1]]
    assert chain[-1].number > summary.audit_head[0]


def append(database: Database, first: int, count: int = 1) -> None:
    """Append entries to the audit chain that do not compress."""
    entry = {"at": 1, "kind": "test", "subject": "", "actor": None, "previous": b"", "digest": b"d"}
    with database.write() as connection:
        rows = [{"number": first + index, "facts": os.urandom(100), **entry} for index in range(count)]
        connection.execute(insert(AuditEntry), rows)


def test_a_backup_shows_one_state_while_others_write(database: Database) -> None:
    append(database, 1, 3_000)

    class Writing(io.BytesIO):
        """File that appends to the audit chain at each block of the backup."""

        appended = 0

        def write(self, data: Any) -> int:
            if len(data) > 100:
                self.appended += 1
                append(database, 3_000 + self.appended)
            return super().write(data)

    file = Writing()
    summary = dump(database, file, 1)
    assert file.appended > 1
    assert summary.rows["audit_entries"] == summary.audit_head[0] == 3_000
    file.seek(0)
    assert check(file).rows == summary.rows


def test_a_restore_into_a_database_with_rows_is_refused(database: Database) -> None:
    file = backup_of(database)
    append(database, 1)
    with pytest.raises(NotEmpty, match="audit_entries has rows"):
        restore(database, file)


def test_an_older_backup_gets_the_present_schema(database: Database, empty: Database) -> None:
    lines = gzip.decompress(backup_of(database).getvalue()).splitlines()
    header = orjson.loads(lines[0]) | {"schema": "0001"}
    wanted = {"audit_entries", "decisions"}
    tables = [line for line in lines[1:-1] if line.startswith(b"{") and orjson.loads(line)["table"] in wanted]
    later = {"scorer", *NewDecision.__slots__[-5:]}
    tables = [
        orjson.dumps(one | {"columns": [name for name in one["columns"] if name not in later]})
        for one in map(orjson.loads, tables)
    ]
    restored = restore(empty, _sealed([orjson.dumps(header), *tables], dict.fromkeys(wanted, 0)))
    assert restored.schema == "0001"
    assert set(content_of(empty)) == set(subjects.metadata().tables)


def test_a_backup_of_a_newer_version_is_refused(database: Database, empty: Database) -> None:
    header = {"kind": "tidewaiter backup", "format": 1, "schema": "9999", "created_at": 1}
    with pytest.raises(BadDatabase, match="newer version"):
        restore(empty, _sealed([orjson.dumps(header)], {}))


def _sealed(lines: list[bytes], rows: dict[str, int]) -> io.BytesIO:
    content = b"".join(line + b"\n" for line in lines)
    end = {"rows": rows, "audit_head": [0, bytes(32).hex()], "sha256": hashlib.sha256(content).hexdigest()}
    return io.BytesIO(gzip.compress(content + orjson.dumps(end) + b"\n"))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda data: data[:-20], "damaged or incomplete"),
        (lambda data: b"not gzip", "damaged or incomplete"),
        (
            lambda data: gzip.compress(gzip.decompress(data).replace(b'"decisions"', b'"decisi0ns"', 1)),
            "digest is wrong",
        ),
        (lambda data: gzip.compress(b"".join(gzip.decompress(data).splitlines(keepends=True)[:-1])), "incomplete"),
        (lambda data: gzip.compress(b'{"some": "file"}\n'), "not a backup"),
        (lambda data: gzip.compress(b""), "empty"),
    ],
    ids=["cut", "other", "altered", "without end", "json", "empty"],
)
def test_a_damaged_backup_changes_nothing(damage: Any, problem: str, database: Database, empty: Database) -> None:
    data = damage(backup_of(database).getvalue())
    with pytest.raises(BadBackup, match=problem):
        restore(empty, io.BytesIO(data))
    with empty.read() as connection:
        assert inspect(connection).get_table_names() == []


def test_the_commands_back_up_and_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'one.db'}")
    file = tmp_path / "store.backup"
    assert run(["backup", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'two.db'}")
    assert run(["restore", str(file)]) == 0
    assert f"schema {migrations.latest()}" in capsys.readouterr().err
    two = Database(f"sqlite:///{tmp_path / 'two.db'}")
    append(two, 1)
    two.close()
    assert run(["restore", str(file)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(["restore", str(tmp_path / "missing")]) == 3
    file.write_bytes(b"x")
    assert run(["restore", str(file)]) == 3


@pytest.mark.slow
def test_a_sealed_history_continues_after_a_restore_with_its_key(
    url: str,
    empty: Database,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With another key or none, nothing is restored without ``--other-key``. With it, only shipments with manifests count."""
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_text("the key of the office\n")
    other.write_text("another key\n")
    parties = [{"consignor": {"name": f"Sender {n % 3}", "country": "CN"}} for n in range(9)]
    with client_of(url, models, tmp_path, history_key_file=key) as client:
        for number, one in enumerate(parties):
            score(client, f"S{number}", **one)
        expected, history = next_score(client), live_history(client)
    with closing(Database(url)) as database, database.write() as connection:
        # Only the checkpoint of the regular stop now contains the earlier shipments.
        connection.execute(update(Decision).values(manifest=None))
        assert connection.execute(select(HistoryCheckpoint.sealed)).scalars().all() == [True]
    file = tmp_path / "store.backup"
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    assert run(["backup", str(file)]) == 0
    assert b"office" not in gzip.decompress(file.read_bytes())

    restored_url = empty.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", restored_url)
    for variables, problem in (
        ({}, "is sealed; set"),
        ({"TIDEWAITER_HISTORY_KEY": "x"}, "another TIDEWAITER_HISTORY_KEY"),
    ):
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            assert run(["restore", str(file)]) == 2
        message = capsys.readouterr().err
        assert problem in message
        assert "Nothing was restored" in message
        with empty.read() as connection:
            assert inspect(connection).get_table_names() == []
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY_FILE", str(key))
    assert run(["restore", str(file)]) == 0
    with client_of(restored_url, models, tmp_path, history_key_file=key) as client:
        assert client.get("/v1/model").json()["history"] == "restored"
        again = live_history(client)
        assert again.keys() == history.keys()
        for name, array in history.items():
            np.testing.assert_array_equal(array, again[name], err_msg=name, strict=True)
        assert next_score(client) == expected

    lost_url = f"sqlite:///{tmp_path / 'lost.db'}"
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", lost_url)
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY_FILE", str(other))
    assert run(["restore", str(file), "--other-key"]) == 0
    with client_of(lost_url, models, tmp_path, history_key_file=other) as client:
        assert next_score(client) != expected


def next_score(client: Client) -> dict[str, Any]:
    """Return a what-if answer on a party in the history."""
    sent = shipment(shipment_id="next", consignor={"name": "Sender 1", "country": "CN"})
    answer: dict[str, Any] = client.post("/v1/score?update_history=false&explain=all", json=sent).json()
    del answer["decision_id"]
    return answer


def live_history(client: Client) -> dict[str, Any]:
    arrays: dict[str, Any] = client.state.host.served.history.copy().to_full_arrays()
    return arrays
