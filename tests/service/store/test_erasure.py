"""Erasure: no personal text remains in the database, the files of jobs and the record; scores and the audit chain remain."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models.bundle import ModelStore
from service.app import create_app
from service.audit.proof import prove
from service.backup.content import check
from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.database.times import iso_time, now_us
from service.core.errors import JournalWaits
from service.core.settings import Settings
from service.decisions import repository as decisions
from service.decisions.journal import Journal
from service.erasure.everywhere import erase, erase_old
from service.inspections.tables import Outcome, Override, QueueEntry
from service.jobs.tables import Job
from service.jobs.worker import Worker
from service.scoring.decision import ToErase
from service.scoring.tables import Decision, erased_answer
from service.webhooks.tables import Delivery
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision

#: Personal texts in the tests. None of them may remain.
NAME, STREET, PHONE, EMAIL = (
    "Quillfeather Umbrage",
    "77 Nettlecombe Passage",
    "+44 20 7946 0991",
    "quill@umbrage.example",
)
PERSONAL = (NAME, STREET, PHONE, EMAIL, "Officer Bramblewick", "the widow of Umbrage")
DAY = 86_400 * 1_000_000


def personal(shipment_id: str) -> dict[str, Any]:
    party = {"name": NAME, "address": STREET, "phone": PHONE, "email": EMAIL, "country": "US", "city": "Springfield"}
    # The wrong value is quoted in a warning.
    return shipment(shipment_id=shipment_id, consignee=party, consignor={**party, "account_opened_on": f"by {NAME}"})


@pytest.fixture
def settings(tmp_path: Path, bundle: Path, url: str) -> Settings:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    (tmp_path / "var").mkdir()
    return Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        jobs_dir=tmp_path / "var" / "jobs",
        job_worker=False,
        journal_dir=tmp_path / "var" / "journal",
        record=tmp_path / "var" / "traffic.jsonl",
        explain="all",
    )


def database_of(client: Client) -> Database:
    assert client.state.store is not None
    return client.state.store.database


def fill(client: Client, settings: Settings) -> str:
    """Write personal data to all places, with data of others. Return the id of the decision."""
    decision: str = client.post("/v1/score", json=personal("A"), headers={"Idempotency-Key": "k1"}).json()[
        "decision_id"
    ]
    client.post("/v1/score/batch", json={"shipments": [shipment(shipment_id=f"other-{n}") for n in range(40)]})
    found = {"content": "none", "found_at": "2026-05-06T10:00:00Z", "by": "Officer Bramblewick"}
    why = {"lane": "red", "reason": "the widow of Umbrage"}
    for path, body in (("override", why), ("outcome", found)):
        assert client.post(f"/v1/decisions/{decision}/{path}", json=body).status_code == 201
    upload = f"shipment_id,consignee_name,goods_description\nA,{NAME},parts\nB,{NAME} & sons,parts\nC,,parts,surplus {NAME}\n"
    files = {"file": (f"{NAME}.csv", upload.encode())}
    assert client.post("/v1/jobs", files=files).status_code == 202
    Worker(database_of(client), settings).work(0.0)
    return decision


def left(folder: Path) -> dict[str, set[str]]:
    """Return the personal texts in the files below a folder: file -> texts."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            texts = {text for text in PERSONAL if text.encode() in content or orjson.dumps(text)[1:-1] in content}
            if texts:
                found[path.name] = texts
    return found


def texts_of(database: Database) -> str:
    """Return all rows of all tables as one text, with bytes decoded."""
    from service import subjects

    with database.read() as connection:
        rows = [row for table in subjects.metadata().sorted_tables for row in connection.execute(select(table))]
    return "\n".join(
        cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for row in rows for cell in row
    )


def named(facts: bytes) -> dict[str, Any]:
    """Return the facts of an erasure about tables of which it erased rows."""
    return {name: rows for name, rows in orjson.loads(facts).items() if rows}


@pytest.mark.both_engines
def test_no_personal_text_remains_and_scores_do(client: Client, settings: Settings, tmp_path: Path) -> None:
    decision = fill(client, settings)
    database = database_of(client)
    before = client.get(f"/v1/decisions/{decision}").json()
    if database.is_sqlite:
        assert {text for texts in left(tmp_path).values() for text in texts} == set(PERSONAL)
    answer = client.post("/v1/erasures", json={"before": "2100-01-01T00:00:00Z"})
    assert answer.status_code == 200
    done = answer.json()
    assert (done["decisions"], done["jobs"], done["recorded"]) == (43, 1, 41)
    assert done["scrubbed"] is (True if database.is_sqlite else None)
    assert left(tmp_path) == {}
    assert [text for text in PERSONAL if text in texts_of(database)] == []
    after = client.get(f"/v1/decisions/{decision}").json()
    assert after["manifest"] is None
    assert {name: after["answer"][name] for name in ("risk", "percentile", "lane", "content", "model")} == {
        name: before["answer"][name] for name in ("risk", "percentile", "lane", "content", "model")
    }
    codes = [[reason["code"] for reason in shown["answer"]["reasons"]] for shown in (before, after)]
    assert codes[0] == codes[1] != []
    assert {reason["text"] for reason in after["answer"]["reasons"]} == {""}
    assert before["answer"]["warnings"]
    with database.read() as connection:
        assert connection.execute(select(QueueEntry.decision_id)).all() == []
    assert client.get("/v1/jobs").json()["jobs"][0]["file_name"] is None


@pytest.mark.both_engines
@pytest.mark.parametrize("by", ["shipment_id", "decision_id"])
def test_one_shipment_is_erased_and_others_stay(by: str, client: Client, settings: Settings, tmp_path: Path) -> None:
    decision = fill(client, settings)
    database = database_of(client)
    done = client.post("/v1/erasures", json={by: "A" if by == "shipment_id" else decision}).json()
    # The job stored a second decision on the shipment, because its content differs.
    assert (done["decisions"], done["jobs"], done["recorded"]) == (2 if by == "shipment_id" else 1, 1, 1)
    with database.read() as connection:
        rows = {row.id: row for row in connection.execute(select(Decision.__table__))}
        assert connection.execute(select(Outcome.by)).scalar_one() is None
        assert connection.execute(select(Override.reason)).scalar_one() is None
        assert decision not in connection.execute(select(QueueEntry.decision_id)).scalars().all()
    assert (rows[decision].manifest, rows[decision].salt, rows[decision].content_digest) == (None, None, b"")
    assert sum(row.manifest is not None for row in rows.values()) == 43 - done["decisions"]
    assert settings.record is not None
    assert len(settings.record.read_bytes().splitlines()) == 40
    if by == "shipment_id" and database.is_sqlite:
        texts = set().union(*left(tmp_path).values())
        # Shipment B contains the name too.
        assert texts <= {NAME}


@pytest.mark.both_engines
def test_the_audit_chain_names_the_erased_rows_and_stays_valid(client: Client, settings: Settings) -> None:
    decision = fill(client, settings)
    database = database_of(client)
    with database.read() as connection:
        earlier = [tuple(row) for row in connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number))]
        outcome = connection.execute(select(Outcome.id)).scalar_one()
        override = connection.execute(select(Override.id)).scalar_one()
    done = client.post("/v1/erasures", json={"decision_id": decision}).json()
    with database.read() as connection:
        chain = connection.execute(select(AuditEntry.__table__).order_by(AuditEntry.number)).all()
    assert [tuple(row) for row in chain[: len(earlier)]] == earlier
    (entry,) = chain[len(earlier) :]
    assert (entry.kind, entry.subject, bytes(entry.previous)) == (
        "erasure",
        done["erasure_id"],
        bytes(chain[-2].digest),
    )
    with database.read() as connection:
        row = connection.execute(select(Decision.__table__).where(Decision.id == decision)).one()
    expected = {
        "decisions": [decision],
        "outcomes": [outcome],
        "overrides": [override],
        "remains": [hashlib.sha256(orjson.dumps(["A", row.channel, row.site]) + bytes(row.answer)).hexdigest()],
    }
    # Tables of other subjects may add their rows.
    assert named(entry.facts) == named(entry.facts) | expected
    # The second time there is nothing to erase, and only the request is recorded.
    again = client.post("/v1/erasures", json={"decision_id": decision}).json()
    assert again["decisions"] == 0


@pytest.mark.parametrize("by", ["shipment_id", "decision_id", "before"])
def test_outcomes_and_overrides_recorded_after_an_erasure_can_be_erased_too(
    by: str, client: Client, settings: Settings
) -> None:
    decision = client.post("/v1/score", json=personal("A")).json()["decision_id"]
    selection = {by: {"shipment_id": "A", "decision_id": decision, "before": "2100-01-01T00:00:00Z"}[by]}
    assert client.post("/v1/erasures", json=selection).json()["decisions"] == 1
    found = {"content": "none", "found_at": "2026-05-06T10:00:00Z", "by": "Officer Bramblewick", "method": NAME}
    why = {"lane": "red", "reason": "the widow of Umbrage"}
    ids = []
    for path, body in (("outcome", found), ("override", why)):
        answer = client.post(f"/v1/decisions/{decision}/{path}", json=body, headers={"Idempotency-Key": path})
        ids.append(answer.json()[f"{path}_id"])
    client.post(f"/v1/queue/{decision}/claim", json={"by": "Officer Bramblewick"})
    database = database_of(client)
    assert set(PERSONAL) & {text for text in PERSONAL if text in texts_of(database)}
    done = client.post("/v1/erasures", json=selection).json()
    assert done["decisions"] == 1
    assert [text for text in PERSONAL if text in texts_of(database)] == []
    with database.read() as connection:
        last = select(AuditEntry.facts).where(AuditEntry.kind == "erasure", AuditEntry.subject == done["erasure_id"])
        facts = [named(entry) for entry in connection.execute(last.order_by(AuditEntry.number)).scalars()]
    assert facts == [{"outcomes": ids[:1], "overrides": ids[1:]}]
    assert prove(database).fault is None
    assert client.post("/v1/erasures", json=selection).json()["decisions"] == 0


def test_the_chain_is_proven_after_an_erasure_and_a_salt_deleted_by_hand_is_found(
    client: Client, settings: Settings
) -> None:
    decision = fill(client, settings)
    database = database_of(client)
    client.post("/v1/erasures", json={"decision_id": decision})
    proof = prove(database)
    assert proof.fault is None
    assert proof.tallies["decision"].erased == proof.tallies["outcome"].erased == proof.tallies["override"].erased == 1
    with database.write() as connection:
        other = connection.execute(select(Decision.id).where(Decision.shipment_id == "other-3")).scalar_one()
        connection.execute(update(Decision).where(Decision.id == other).values(salt=None, manifest=None))
    fault = prove(database).fault
    assert fault is not None
    assert (fault.kind, fault.subject) == ("erasure", other)
    assert fault.problem == "no erasure names this row of the table decisions, which has no salt"
    client.post("/v1/erasures", json={"before": "2100-01-01T00:00:00Z"})
    assert prove(database).fault == fault


def test_an_erased_row_that_gets_a_salt_again_is_found(client: Client, settings: Settings) -> None:
    decision = client.post("/v1/score", json=personal("A")).json()["decision_id"]
    database = database_of(client)
    client.post("/v1/erasures", json={"shipment_id": "A"})
    with database.write() as connection:
        connection.execute(update(Decision).values(salt=b"new", manifest=b"{}"))
    fault = prove(database).fault
    # The fault is in the entry of the decision, which comes first: its digests belong to another manifest.
    assert fault is not None
    assert (fault.kind, fault.subject) == ("decision", decision)


def test_an_erased_shipment_is_scored_again_as_a_new_decision(client: Client, settings: Settings) -> None:
    first = client.post("/v1/score", json=personal("A")).json()["decision_id"]
    client.post("/v1/erasures", json={"shipment_id": "A"})
    second = client.post("/v1/score", json=personal("A"))
    assert second.status_code == 200
    assert second.json()["decision_id"] != first
    assert second.json()["reasons"][0]["text"]


@pytest.mark.both_engines
def test_data_older_than_the_retention_are_erased(client: Client, settings: Settings, tmp_path: Path) -> None:
    old = client.post("/v1/score", json=personal("A")).json()["decision_id"]
    young = client.post("/v1/score", json=personal("B")).json()["decision_id"]
    job = client.post("/v1/jobs", files={"file": ("a.csv", b"shipment_id,goods_description\nX,parts\n")}).json()[
        "job_id"
    ]
    database = database_of(client)
    Worker(database, settings).work(0.0)
    past = now_us() - 40 * DAY
    with database.write() as connection:
        connection.execute(update(Decision).where(Decision.id == old).values(received_at=past))
        connection.execute(update(Job).values(finished_at=past))
    report = erase_old(database, settings, 30.0)
    assert (report.decisions, report.jobs) == (1, 1)
    assert client.get(f"/v1/decisions/{old}").json()["manifest"] is None
    assert client.get(f"/v1/decisions/{young}").json()["manifest"] is not None
    assert client.get(f"/v1/jobs/{job}/result").status_code == 404

    def entries() -> int:
        with database.read() as connection:
            return len(connection.execute(select(AuditEntry.number)).all())

    count = entries()
    assert erase_old(database, settings, 30.0).decisions == 0
    assert entries() == count


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"before": "2026-01-01T00:00:00Z", "shipment_id": "A"}',
        b'{"before": "soon"}',
        b'{"shipment_id": ""}',
        b"x",
    ],
)
def test_an_erasure_needs_exactly_one_valid_selection(body: bytes, client: Client) -> None:
    answer = client.post("/v1/erasures", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_the_command_erases(
    client: Client, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = client.post("/v1/score", json=personal("A")).json()["decision_id"]
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_JOBS_DIR", str(settings.jobs_dir))
    assert run(["erase", "--before", "2000-01-01"]) == 0
    assert client.get(f"/v1/decisions/{decision}").json()["manifest"] is not None
    assert run(["erase", "--decision", decision]) == 0
    assert "Erased 1 decisions" in capsys.readouterr().err
    assert client.get(f"/v1/decisions/{decision}").json()["manifest"] is None
    assert run(["erase"]) == 2
    assert run(["erase", "--before", "yesterday"]) == 2
    assert run(["erase", "--before", "2000-01-01", "--shipment", "A"]) == 2


def test_unknown_members_of_an_answer_are_emptied() -> None:
    answer = {
        "risk": 0.5,
        "new": "Jane",
        "list": ["Jane"],
        "map": {"name": "Jane"},
        "items": [{"risk": 1, "x": "Jane"}],
    }
    erased = orjson.loads(erased_answer(orjson.dumps(answer)))
    assert erased == {
        "risk": 0.5, "new": "", "list": [], "map": None, "items": [{"risk": 1, "x": ""}], "reasons": [], "warnings": []
    }  # fmt: skip


def test_nothing_remains_in_rewritten_pages_of_a_long_log(tmp_path: Path, settings: Settings, url: str) -> None:
    """Rows of many sizes move within and between pages while the tree grows. The bytes they leave must be overwritten too."""
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL overwrites old rows when it vacuums.")
    with serving(create_app(settings)) as client:
        for first in range(0, 600, 100):
            batch = [personal(f"A-{n}") | {"marketplace": "x" * (n * 7 % 900)} for n in range(first, first + 100)]
            assert client.post("/v1/score/batch", json={"shipments": batch}).status_code == 200
    database = Database(url)
    assert erase(database, settings, ToErase(before=now_us() + DAY), "test").decisions == 600
    database.close()
    assert left(tmp_path) == {}


def queued(client: Client, content: bytes, name: str) -> str:
    answer = client.post("/v1/jobs", files={"file": (name, content)})
    assert answer.status_code == 202
    return str(answer.json()["job_id"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"shipment_id,goods_description\nE-1,parts\n"),
        ("a.csv", "shipment_id,goods_description\nE-1,parts\n".encode("utf-16")),
        ("a.csv.gz", gzip.compress(b"shipment_id,goods_description\nE-1,parts\n")),
        ("a.jsonl", b'{"shipment_id": "E-1", "goods_description": "parts"}\n'),
    ],
    ids=["csv", "utf-16", "gzip", "jsonl"],
)
@pytest.mark.parametrize(
    "by",
    [
        pytest.param("shipment_id", marks=pytest.mark.long),
        "decision_id",
        pytest.param("before", marks=pytest.mark.long),
    ],
)
def test_an_erasure_names_the_open_job_that_has_its_rows_and_erases_nothing(
    client: Client, name: str, content: bytes, by: str
) -> None:
    decision = client.post("/v1/score", json=personal("E-1")).json()["decision_id"]
    job, _ = queued(client, content, name), queued(client, b"shipment_id,goods_description\nF-1,parts\n", "b.csv")
    wanted = {"shipment_id": "E-1", "decision_id": decision, "before": "2100-01-01T00:00:00Z"}[by]
    refused = client.post("/v1/erasures", json={by: wanted})
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:tidewaiter:problem:job-open"
    assert refused.json()["jobs"][0] == job
    assert by == "before" or refused.json()["jobs"] == [job]
    assert job in refused.json()["detail"]
    assert client.get(f"/v1/decisions/{decision}").json()["manifest"] is not None
    if by == "shipment_id":
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
        assert client.post("/v1/erasures", json={by: wanted}).json()["decisions"] == 1


def test_retention_does_not_wait_for_open_jobs(client: Client, settings: Settings) -> None:
    decision = client.post("/v1/score", json=personal("E-1")).json()["decision_id"]
    database = database_of(client)
    with database.write() as connection:
        connection.execute(update(Decision).values(received_at=now_us() - 3 * DAY))
    queued(client, b"shipment_id,goods_description\nE-1,parts\n", "a.csv")
    assert erase_old(database, settings, 2.0).decisions == 1
    assert client.get(f"/v1/decisions/{decision}").json()["manifest"] is None


@pytest.mark.parametrize(
    ("selection", "remaining"),
    [
        (ToErase(shipment_id="E-1"), ["d2", "damaged"]),
        (ToErase(decision_id="d2"), ["d1", "E-1 damaged", "damaged"]),
        (ToErase(before=50), ["d2", "E-1 damaged", "damaged"]),
        (ToErase(before=2**51), []),
    ],
    ids=["shipment", "decision", "some", "all"],
)
def test_lines_that_were_set_aside_are_erased(
    client: Client, settings: Settings, selection: ToErase, remaining: list[str]
) -> None:
    folder = settings.journal_dir
    journal = Journal(folder)
    journal.open()
    journal.refuse(new_decision(id="d1", shipment_id="E-1", received_at=10, manifest=orjson.dumps(personal("E-1"))))
    journal.refuse(new_decision(id="d2", shipment_id="F-1", received_at=100))
    for text in (b"E-1 damaged\n", b"damaged\n"):
        journal._set_aside(text)
    report = erase(database_of(client), settings, selection, "test")
    content = (folder / "set-aside").read_bytes().splitlines()
    assert report.set_aside == 4 - len(remaining)
    found = [orjson.loads(line[9:])["id"] if line.endswith(b"}") else line.decode() for line in content]
    assert found == remaining


def waiting(settings: Settings) -> Journal:
    """Return an open journal with decisions on two shipments, as a running service has."""
    journal = Journal(settings.journal_dir)
    journal.open()
    whose = [("w1", "W-1", 10, personal("W-1")), ("w2", "W-2", 100, shipment(shipment_id="W-2"))]
    journal.append(
        [
            new_decision(id=id_, shipment_id=reference, received_at=at, manifest=orjson.dumps(manifest), lane="red")
            for id_, reference, at, manifest in whose
        ]
    )
    return journal


JOURNALED = pytest.mark.parametrize(
    ("selection", "erased"),
    [
        (ToErase(shipment_id="W-1"), ["w1"]),
        (ToErase(decision_id="w2"), ["w2"]),
        (ToErase(before=50), ["w1"]),
        (ToErase(before=2**51), ["w1", "w2"]),
    ],
    ids=["shipment", "decision", "some", "all"],
)


@JOURNALED
def test_decisions_that_an_ended_process_left_in_the_journal_are_stored_and_erased(
    database: Database, settings: Settings, tmp_path: Path, selection: ToErase, erased: list[str]
) -> None:
    waiting(settings).close()
    assert erase(database, settings, selection, "test").decisions == len(erased)
    with database.read() as connection:
        rows = connection.execute(select(Decision.id, Decision.lane, Decision.manifest).order_by(Decision.id)).all()
    assert [(row.id, row.lane) for row in rows] == [("w1", "red"), ("w2", "red")]
    assert [row.id for row in rows if row.manifest is None] == erased
    assert left(settings.journal_dir) == {}
    assert prove(database).fault is None


@JOURNALED
def test_nothing_is_erased_while_its_decisions_wait_in_the_journal_of_a_running_service(
    database: Database, settings: Settings, selection: ToErase, erased: list[str]
) -> None:
    journal = waiting(settings)
    decided = new_decision(id="stored", shipment_id="W-1", received_at=1)
    with database.write() as connection:
        decisions.record(connection, [decided], 1)
    with pytest.raises(JournalWaits):
        erase(database, settings, selection, "test")
    with database.read() as connection:
        assert connection.execute(select(Decision.manifest)).scalar_one() is not None
    # Other selections are erased. Retention erases what it can, and the rest on a later day.
    assert erase(database, settings, ToErase(shipment_id="W-3"), "test").decisions == 0
    assert erase(database, settings, ToErase(before=50), "test", silent=True).decisions == 1
    journal.close()
    assert erase(database, settings, selection, "test").decisions == len(erased)


def test_the_answer_and_the_command_say_that_decisions_wait_in_the_journal(
    client: Client, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = waiting(settings)
    refused = client.post("/v1/erasures", json={"shipment_id": "W-1"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tidewaiter:problem:journal-waiting")
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_JOURNAL_DIR", str(settings.journal_dir))
    monkeypatch.setenv("TIDEWAITER_JOBS_DIR", str(settings.jobs_dir))
    assert run(["erase", "--shipment", "W-1"]) == 2
    assert "wait in the journal of a running service" in capsys.readouterr().err.replace("\n", " ")
    journal.close()
    assert run(["erase", "--shipment", "W-1"]) == 0
    assert "Erased 1 decisions" in capsys.readouterr().err


def test_an_erasure_names_the_backups_that_were_made_before(
    client: Client, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_JOURNAL_DIR", str(tmp_path / "journal"))
    assert client.post("/v1/erasures", json={"shipment_id": "E-1"}).json()["backups"] == []
    for number in range(2):
        assert run(["backup", str(tmp_path / f"{number}.backup")]) == 0
    with (tmp_path / "1.backup").open("rb") as file:
        newest = check(file)
    named = client.post("/v1/erasures", json={"shipment_id": "E-1"}).json()["backups"]
    assert [len(named), named[0]] == [2, {"taken_at": iso_time(newest.created_at), "sha256": newest.digest}]
    capsys.readouterr()
    assert run(["erase", "--shipment", "E-1"]) == 0
    assert iso_time(newest.created_at) in capsys.readouterr().err.replace("\n", "")
    assert prove(database_of(client)).fault is None


def test_erasing_at_a_terminal_names_the_open_job(
    client: Client,
    settings: Settings,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_JOBS_DIR", str(settings.jobs_dir))
    job = queued(client, b"shipment_id,goods_description\nE-1,parts\n", "a.csv")
    assert run(["erase", "--shipment", "E-1"]) == 2
    assert job in capsys.readouterr().err.replace("\n", "")


def test_reasons_of_dismissals_and_suppressions_in_answers_are_erased(client: Client) -> None:
    party, why = f"{NAME} Trading", "the widow of Umbrage"
    entry = {"list": "office", "kind": "name", "text": party, "lane": "red", "reason": why, "source": NAME}
    entry_id = client.post("/v1/watch-lists", json=entry).json()["id"]
    other = {**entry, "text": "Second Party", "reason": "Order 2"}
    other_id = client.post("/v1/watch-lists", json=other).json()["id"]
    dismissed = {"entry_id": other_id, "party": "Second Party", "reason": f"{why} says so"}
    assert client.post("/v1/dismissals", json=dismissed).status_code == 201
    suppressed = {"entry_id": entry_id, "consignor": party, "reason": f"{why} again", "expires_at": "2100-01-01"}
    assert client.post("/v1/suppressions", json=suppressed).status_code == 201
    client.state.lists.refresh()
    sent = personal("E-1") | {"consignor": {"name": party, "country": "CN"}, "agent_name": "Second Party"}
    answer = client.post("/v1/score", json=sent).json()
    assert {"SUPPRESSED", "DISMISSED"} <= {reason["code"] for reason in answer["reasons"]}
    assert why in str(answer["reasons"])
    assert client.post("/v1/erasures", json={"shipment_id": "E-1"}).json()["decisions"] == 1
    stored = client.get(f"/v1/decisions/{answer['decision_id']}").json()
    assert {reason["text"] for reason in stored["answer"]["reasons"]} == {""}
    assert entry_id not in str(stored)
    assert why not in str(stored)
    assert NAME not in str(stored)


def test_messages_to_webhooks_name_no_erased_shipment(client: Client) -> None:
    events = ["decision.red", "decision.yellow", "outcome.recorded"]
    assert client.post("/v1/webhooks", json={"url": "https://office.example/", "events": events}).status_code == 201
    fentanyl = [{"goods_description": "fentanyl citrate", "declared_chemical": "fentanyl"}]
    ids = [client.post("/v1/score", json=personal(name) | {"items": fentanyl}).json()["decision_id"] for name in "AB"]
    outcome = {"content": "fentanyl", "found_at": "2026-05-04", "by": NAME}
    for decision_id in ids:
        assert client.post(f"/v1/decisions/{decision_id}/outcome", json=outcome).status_code == 201
    with database_of(client).write() as connection:
        connection.execute(update(Delivery).where(Delivery.event == "decision.red").values(state="delivered"))
    assert client.post("/v1/erasures", json={"shipment_id": "A"}).json()["decisions"] == 1
    assert client.post(f"/v1/decisions/{ids[0]}/outcome", json=outcome).status_code == 201
    with database_of(client).read() as connection:
        bodies = [
            orjson.loads(bytes(body))
            for body in connection.scalars(select(Delivery.body).order_by(Delivery.position)).all()
        ]
    assert [(one["event"], one["data"]["decision_id"], one["data"]["shipment_id"]) for one in bodies] == [
        ("decision.red", ids[0], None),
        ("decision.red", ids[1], "B"),
        ("outcome.recorded", ids[0], None),
        ("outcome.recorded", ids[1], "B"),
        ("outcome.recorded", ids[0], None),
    ]
    assert NAME not in str(bodies)


@pytest.mark.both_engines
def test_hits_on_watch_lists_are_erased_also_in_messages_to_webhooks(client: Client) -> None:
    """The text of an entry may be the name of the party, and erasing a shipment does not erase the entry."""
    assert client.post("/v1/webhooks", json={"url": "https://office.example/"}).status_code == 201
    entry = {"list": "office", "kind": "name", "text": f"{NAME} Trading", "lane": "red", "reason": "Order 1"}
    entry_id = client.post("/v1/watch-lists", json=entry).json()["id"]
    client.state.lists.refresh()
    assert client.state.store is not None
    client.state.store.outbox.look()
    sent = [personal(name) | {"consignor": {"name": f"{NAME} Trading", "country": "CN"}} for name in ("E-1", "E-2")]
    first, second = (client.post("/v1/score", json=one).json() for one in sent)
    named = f"watch_list:{entry_id}"
    assert named in first["rule_ids"]
    assert client.post("/v1/erasures", json={"shipment_id": "E-1"}).json()["decisions"] == 1
    with database_of(client).read() as connection:
        bodies = {row.decision_id: row.body for row in connection.execute(select(Delivery.decision_id, Delivery.body))}
    answers = {one["decision_id"]: client.get(f"/v1/decisions/{one['decision_id']}").json() for one in (first, second)}
    for one, expected in ((first, "watch_list"), (second, named)):
        message = orjson.loads(bodies[one["decision_id"]])["data"]
        stored = answers[one["decision_id"]]["answer"]
        for rules in (message["rule_ids"], stored["rule_ids"]):
            assert [rule for rule in rules if rule.startswith("watch_list")] == [expected]
        assert (message["selected_by"], message["lane"]) == (one["selected_by"], "red")
    assert [one for one in answers[first["decision_id"]]["answer"]["rule_ids"] if not one.startswith("watch_list")] == [
        one for one in first["rule_ids"] if not one.startswith("watch_list")
    ]
    assert prove(database_of(client)).fault is None
