"""Decisions on the shipments of files: over HTTP, and by `tidewaiter score --store`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from features.groups.history.history import HistoryRows
from models.scoring import Scores
from service.app import create_app
from service.cli import run
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.settings import Settings
from service.inspections.tables import QueueEntry
from service.scoring import recording
from service.webhooks import repository as webhooks
from service.webhooks.tables import Delivery
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.conftest import rows_of

CSV = (
    "shipment_id,channel,consignor_name,goods_description,hs_code,net_mass_kg\n"
    "A,express,North Trading,phone case,392690,1.1\n"
    "A,express,North Trading,charger,850440,0.2\n"
    ",express,North Trading,refused,392690,1\n"
    "B,postal,South Trading,cotton shirt,610910,0.4\n"
    "C,postal,South Trading,wooden toy,950300,0.3\n"
)


@pytest.fixture
def stored_client(models: Path, url: str) -> Iterator[Client]:
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), csv_rows_per_chunk=100)
    with serving(create_app(settings)) as client:
        yield client


@pytest.fixture
def store_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch on the store of commands."""
    monkeypatch.setenv("TIDEWAITER_STORE", "on")


def scored(client: Client, text: str = CSV, **options: Any) -> Any:
    return client.post("/v1/score/csv", content=text.encode(), headers={"Content-Type": "text/csv"}, **options)


def test_a_csv_stores_its_shipments_and_gets_the_same_answer_as_without_a_store(
    stored_client: Client, shared_client: Client, url: str
) -> None:
    answer = scored(stored_client)
    assert answer.content == scored(shared_client).content
    rows = rows_of(url)
    assert [(row.shipment_id, row.via, row.what_if) for row in rows] == [
        ("A", "csv", False),
        ("B", "csv", False),
        ("C", "csv", False),
    ]
    first = rows[0].history_order
    assert first > 0
    assert [row.history_order for row in rows] == [first, first + 1, first + 2]
    manifest = orjson.loads(rows[0].manifest)
    assert manifest["consignor"] == {"name": "North Trading"}
    assert [item["goods_description"] for item in manifest["items"]] == ["phone case", "charger"]
    stored = orjson.loads(rows[1].answer)
    assert stored["decision_id"] == rows[1].id
    line = answer.text.splitlines()[4].split(",")
    names = answer.text.splitlines()[0].split(",")
    assert float(line[names.index("risk")]) == pytest.approx(stored["risk"], rel=1e-8)
    assert line[names.index("lane")] == stored["lane"] == rows[1].lane


def test_the_same_csv_again_stores_nothing_more(stored_client: Client, url: str) -> None:
    scored(stored_client)
    scored(stored_client)
    assert len(rows_of(url)) == 3


def test_a_what_if_csv_is_stored_without_an_order_of_the_history(stored_client: Client, url: str) -> None:
    scored(stored_client, params={"update_history": "false"})
    assert [(row.what_if, row.history_order) for row in rows_of(url)] == [(True, None)] * 3


def test_lines_are_sent_after_their_decisions_are_committed(
    stored_client: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recording.keeper
    seen = []

    def watched(*arguments: Any, **options: Any) -> Any:
        keep = made(*arguments, **options)

        def keep_and_count(scores: Scores, history: HistoryRows, seconds: float) -> None:
            keep(scores, history, seconds)
            seen.append(len(rows_of(url)))

        return keep_and_count

    monkeypatch.setattr("service.files.routes.keeper", watched)
    lines = "".join(f"S{n},express,phone case\n" for n in range(250))
    assert scored(stored_client, "shipment_id,channel,goods_description\n" + lines).status_code == 200
    assert seen == [100, 200, 250]


@pytest.mark.usefixtures("store_on")
def test_score_stores_the_decisions_of_a_file_only_if_asked(
    tmp_path: Path, models: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(CSV)
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    assert run(["score", str(source), str(tmp_path / "plain.csv")]) == 0
    assert run(["score", str(source), str(tmp_path / "stored.csv"), "--store"]) == 0
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "stored.csv").read_bytes()
    rows = rows_of(url)
    assert [(row.shipment_id, row.via, row.history_order) for row in rows] == [
        ("A", "file", None),
        ("B", "file", None),
        ("C", "file", None),
    ]


@pytest.mark.usefixtures("store_on")
def test_red_decisions_of_a_file_get_deliveries_and_name_the_command(
    tmp_path: Path, models: Path, database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("shipment_id,goods_description,declared_chemical\nA,fentanyl citrate,fentanyl\nB,cotton shirt,\n")
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    webhooks.add(database, "https://office.example/hook", "", None, 1)
    assert run(["score", str(source), str(tmp_path / "out.csv"), "--store"]) == 0
    assert run(["score", str(source), str(tmp_path / "apart.csv"), "--no-queue"]) == 2
    with database.read() as connection:
        [queued] = connection.scalars(select(QueueEntry.decision_id)).all()
    assert run(["score", str(source), str(tmp_path / "apart.csv"), "--store", "--no-queue"]) == 0
    *rows, red, green = rows_of(url)
    assert [row.what_if for row in (*rows, red, green)] == [False, False, True, True]
    with database.read() as connection:
        assert connection.scalars(select(QueueEntry.decision_id)).all() == [queued] == [rows[0].id]
    assert [(row.lane, row.caller) for row in rows] == [("red", "tidewaiter score"), ("green", "tidewaiter score")]
    with database.read() as connection:
        assert connection.scalars(select(Delivery.decision_id)).all() == [rows[0].id]
        actors = connection.scalars(select(AuditEntry.actor).where(AuditEntry.kind == "decision")).all()
    assert actors == ["tidewaiter score"] * 4


@pytest.mark.usefixtures("store_on")
def test_score_reports_a_wrong_database_url(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(CSV)
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", "mysql://localhost/x")
    assert run(["score", str(source), str(tmp_path / "out.csv"), "--store"]) == 2
    assert "mysql is not supported" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_score_stores_nothing_if_the_store_is_off(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(CSV)
    monkeypatch.setenv("TIDEWAITER_STORE", "off")
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    assert run(["score", str(source), str(tmp_path / "out.csv"), "--store"]) == 2
    assert "--store: the store is switched off by TIDEWAITER_STORE." in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "store.db").exists()


@pytest.mark.usefixtures("store_on")
def test_a_file_is_scored_against_the_history_of_the_store(
    tmp_path: Path, models: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service has seen the parties of the file many times. After a stop, the file gets the scores that the service gave."""
    earlier = [shipment(shipment_id=f"E{number}", declared_at=f"2026-11-04T11:{number:02}:00Z") for number in range(12)]
    later = shipment(shipment_id="L", declared_at="2026-11-05T11:00:00Z")
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
    with serving(create_app(settings)) as client:
        assert client.post("/v1/score/batch", json={"shipments": earlier}).status_code == 200
        answer = client.post("/v1/score?update_history=false", json=later).json()
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    (tmp_path / "later.jsonl").write_bytes(orjson.dumps(later))
    risks = {}
    for history in ("store", "bundle"):
        assert run(["score", str(tmp_path / "later.jsonl"), str(tmp_path / "out.jsonl"), "--history", history]) == 0
        risks[history] = orjson.loads((tmp_path / "out.jsonl").read_bytes())["risk"]
    assert risks["store"] == pytest.approx(answer["risk"], rel=1e-8)
    assert risks["bundle"] != pytest.approx(answer["risk"], rel=1e-3)
    monkeypatch.setenv("TIDEWAITER_HISTORY_KEY", "another")
    assert run(["score", str(tmp_path / "later.jsonl"), str(tmp_path / "out.jsonl"), "--history", "store"]) == 2
    assert "has another key" in capsys.readouterr().err
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert run(["score", str(tmp_path / "later.jsonl"), str(tmp_path / "out.jsonl"), "--history", "store"]) == 3
    assert "There is no database" in capsys.readouterr().err
