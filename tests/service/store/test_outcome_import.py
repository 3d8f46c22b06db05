"""``tidewaiter outcomes import``: rows in any format, rejected rows with a reason, and the same file again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from models.bundle import ModelStore
from service.app import create_app
from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.inspections.tables import Outcome
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


@pytest.fixture
def client(tmp_path: Path, bundle: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Client of an application with a store, which the command line uses too."""
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
    with serving(create_app(settings)) as client:
        yield client


@pytest.fixture
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def decided(client: Client, name: str) -> str:
    decision_id: str = client.post("/v1/score", json=shipment(shipment_id=name)).json()["decision_id"]
    return decision_id


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(Outcome)).scalar_one()


def rejects(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.both_engines
def test_a_file_adds_its_outcomes_once(client: Client, opened: Database, tmp_path: Path) -> None:
    ids = [decided(client, name) for name in ("A", "B")]
    file = tmp_path / "found.csv"
    file.write_text(
        "Shipment ID,content,found_at,by,quantity,unit,colour,Kind\n"
        "A,precursor,2026-05-04T15:20:00Z,Officer 4711,24.6,KGM,red,\n"
        "B,other_contraband,2026-05-05,Officer 4711,,,,counterfeit\n"
    )
    for _ in range(2):
        assert run(["outcomes", "import", str(file)]) == 0
        assert count(opened) == 2
    with opened.read() as connection:
        rows = connection.execute(select(Outcome.__table__).order_by(Outcome.position)).all()
        audited = list(
            connection.execute(
                select(AuditEntry.subject).where(AuditEntry.kind == "outcome").order_by(AuditEntry.number)
            ).scalars()
        )
    assert [(row.decision_id, row.content, row.kind, row.quantity, row.unit) for row in rows] == [
        (ids[0], "precursor", None, 24.6, "KGM"),
        (ids[1], "other_contraband", "counterfeit", None, None),
    ]
    assert {row.caller for row in rows} == {"tidewaiter outcomes import"}
    assert audited == [row.id for row in rows]
    assert not (tmp_path / "found.csv.rejects.csv").exists()


def test_a_shipment_id_names_its_latest_decision(client: Client, opened: Database, tmp_path: Path) -> None:
    decided(client, "A")
    latest = client.post("/v1/score", json=shipment(shipment_id="A", gross_mass_kg=77)).json()["decision_id"]
    file = tmp_path / "found.jsonl"
    file.write_text('{"shipment_id": "A", "content": "none", "found_at": "2026-05-04", "by": "x"}\n')
    assert run(["outcomes", "import", str(file)]) == 0
    with opened.read() as connection:
        assert connection.execute(select(Outcome.decision_id)).scalar_one() == latest


def test_a_parquet_file_names_decisions_and_corrections(client: Client, opened: Database, tmp_path: Path) -> None:
    decision_id = decided(client, "A")
    body = {"content": "fentanyl", "found_at": "2026-05-04", "by": "x"}
    first = client.post(f"/v1/decisions/{decision_id}/outcome", json=body).json()["outcome_id"]
    columns = {
        "decision_id": [decision_id],
        "content": ["none"],
        "found_at": ["2026-05-06"],
        "by": ["y"],
        "corrects": [first],
    }
    file = tmp_path / "found.parquet"
    pq.write_table(pa.table(columns), file)
    for _ in range(2):
        assert run(["outcomes", "import", str(file)]) == 0
    assert count(opened) == 2
    stored = client.get(f"/v1/decisions/{decision_id}").json()["outcomes"]
    assert [(one["content"], one["corrects"]) for one in stored] == [("fentanyl", None), ("none", first)]


def test_rejects_contain_no_formula_if_the_option_or_the_setting_is_on(
    client: Client, opened: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "found.csv"
    file.write_text("shipment_id,content,found_at,by\n=1+1,none,2026-05-04,x\n")

    def value(*options: str) -> str:
        assert run(["outcomes", "import", str(file), *options]) == 0
        return rejects(tmp_path / "found.csv.rejects.csv")[0]["value"]

    assert (value(), value("--excel-safe")) == ("=1+1", "'=1+1")
    monkeypatch.setenv("TIDEWAITER_EXCEL_SAFE", "true")
    assert value() == "'=1+1"


def test_each_rejected_row_names_the_expected_value(client: Client, opened: Database, tmp_path: Path) -> None:
    decided(client, "A")
    file = tmp_path / "found.csv"
    file.write_text(
        "shipment_id,content,found_at,by,quantity\n"
        "A,heroin,2026-05-04,x,\n"
        "A,none,04.05.26 or so,x,\n"
        "unknown,none,2026-05-04,x,\n"
        "A,none,2026-05-04,x,many\n"
        ",none,2026-05-04,x,\n"
        "A,none,2026-05-04,,\n"
        "A,none,2026-05-04,x,1\n"
    )
    target = tmp_path / "wrong.csv"
    assert run(["outcomes", "import", str(file), "--rejects", str(target)]) == 0
    assert count(opened) == 1
    found = rejects(target)
    assert [(row["line"], row["field"], row["value"]) for row in found] == [
        ("2", "content", "heroin"),
        ("3", "found_at", "04.05.26 or so"),
        ("4", "shipment_id", "unknown"),
        ("5", "quantity", "many"),
        ("6", "shipment_id", ""),
        ("7", "by", ""),
    ]
    for row, expected in zip(
        found,
        (
            "'precursor'",
            "ISO 8601",
            "a shipment that this service has scored",
            "valid number",
            "one is needed",
            "required",
        ),
        strict=True,
    ):
        assert expected in row["problem"], row


@pytest.mark.parametrize(
    ("header", "missing"),
    [("content,found_at,by", "shipment_id or decision_id"), ("shipment_id,content,by", "found_at")],
)
def test_a_file_without_a_needed_column_is_refused(
    client: Client, tmp_path: Path, header: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.csv"
    file.write_text(f"{header}\n1,2,3\n")
    assert run(["outcomes", "import", str(file)]) == 3
    assert missing in capsys.readouterr().err
