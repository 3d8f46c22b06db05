"""The store of the simulated office that `tidewaiter demo` serves, and the file from which it is filled."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from models.bundle import ModelStore, load
from service import server
from service.app import create_app
from service.audit.proof import prove
from service.backtests import shadow
from service.cli import run
from service.core.database.engine import Database
from service.core.database.times import now_us
from service.core.settings import Settings
from service.history.replay import stored_history
from service.inspections.queue import RANKS
from service.inspections.tables import Override, QueueEntry
from service.operations import command, demo
from service.operations.demo import CAPACITY, DAY_FILE, Filled, fill
from service.scoring.tables import Decision
from tests.service.api_client import Client, serving
from tools.build_demo_day import SEED, SHIPMENTS, lines, write

pytestmark = pytest.mark.slow
DAY = 86_400 * 1_000_000


@pytest.fixture(scope="module")
def office(small_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    url = f"sqlite:///{tmp_path_factory.mktemp('office') / 'tidewaiter.db'}"
    return Settings(models_dir=small_store, keeps_decisions=True, database_url=SecretStr(url), capacity=CAPACITY)


@pytest.fixture(scope="module")
def filled(office: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Filled]]:
    database = Database(office.database_url.get_secret_value())
    database.migrate()
    yield database, fill(database, office, second=tmp_path_factory.mktemp("second") / "adapted")
    database.close()


def test_the_file_is_small_and_its_manifests_are_invented() -> None:
    assert DAY_FILE.stat().st_size <= 2_000_000
    with gzip.open(DAY_FILE, "rb") as file:
        next(file)
        manifests = [orjson.loads(line)["manifest"] for line in file]
    assert len(manifests) >= 3_000
    assert {one["unloading_location"] for one in manifests} == {"USLAX", "USJFK", "USORD"}
    for party in ("consignor", "consignee"):
        emails = [one[party]["email"] for one in manifests if "email" in one[party]]
        assert all(one.split("@")[-1].split(".")[-1] == "example" or ".example." in one for one in emails)


def test_the_command_draws_the_same_file_again() -> None:
    first, again = list(lines(200, 3)), list(lines(200, 3))
    assert first == again
    assert 190 <= len(first) <= 210
    assert [*first[0]] == ["watch_entries", "suppressions"]
    assert first != list(lines(200, 4))


@pytest.mark.long
def test_the_command_draws_the_file_of_the_demo(tmp_path: Path) -> None:
    write(tmp_path / "day.jsonl.gz", SHIPMENTS, SEED)
    assert gzip.decompress((tmp_path / "day.jsonl.gz").read_bytes()) == gzip.decompress(DAY_FILE.read_bytes())


def test_a_second_model_follows_the_last_two_weeks(filled: tuple[Database, Filled]) -> None:
    database, _ = filled
    followed = shadow.report(database)
    assert "adapted" in followed["model"]["version"]
    started = datetime.fromisoformat(followed["started_at"]).timestamp()
    assert 13 < (now_us() / 1e6 - started) * 1e6 / DAY < 15
    assert followed["behind"] > 1_000


def test_the_model_of_earlier_weeks_is_known(filled: tuple[Database, Filled], office: Settings) -> None:
    with serving(create_app(office)) as client:
        at = datetime.fromtimestamp(now_us() / 1e6 - 20 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        then, now = (client.get(f"/v1/served{query}").json()["model"] for query in (f"?at={at}", ""))
        assert then["digest"] == now["digest"] == client.state.host.served.model.digest


def test_every_page_of_the_console_has_something_to_show(filled: tuple[Database, Filled]) -> None:
    database, report = filled
    now = now_us()
    with database.read() as connection:
        waiting = connection.execute(select(QueueEntry.site, QueueEntry.lane, QueueEntry.claimed_by)).all()
        overrides = connection.execute(select(func.count()).select_from(Override)).scalar_one()
        last_day = connection.execute(
            select(func.count()).select_from(Decision).where(Decision.received_at >= now - DAY)
        ).scalar_one()
        latest = connection.execute(select(func.max(Decision.received_at))).scalar_one()
    lanes = Counter((row.site, row.lane) for row in waiting if row.lane in RANKS)
    assert len({site for site, lane in lanes if lane == "red"}) >= 2
    assert len({site for site, lane in lanes if lane == "yellow"}) >= 2
    assert sum(row.claimed_by is not None for row in waiting) >= 3
    assert overrides == 2
    assert 60 <= sum(report.outcomes.values()) <= 150
    assert report.outcomes["other_contraband"] == 2
    assert sum(map(len, report.finds.values())) >= 4
    assert report.proposals
    assert last_day > report.decisions / 10
    assert now - latest < DAY / 24


def test_the_audit_chain_is_proven(filled: tuple[Database, Filled]) -> None:
    database, report = filled
    proof = prove(database)
    assert proof.fault is None
    assert proof.tallies["decision"].entries == report.decisions


@pytest.mark.usefixtures("filled")
def test_a_service_goes_on_with_the_store(office: Settings) -> None:
    with serving(create_app(office)) as client:
        assert len(items(client, "/v1/queue")) > 10
        party = client.get("/v1/search", params={"q": "fulfillment"}).json()["parties"][0]
        assert party["shipments"] > 1
        assert client.get("/v1/model").json()["history"] == "restored"
        assert client.get("/v1/webhooks").json()["webhooks"][0]["problem"] is None
        watch = client.get("/v1/monitoring").json()
        assert watch["precision"]
        assert "missing" in [one["series"] for one in watch["drift"] if one["alarm"]]
        groups = {group["group"] for group in client.get("/v1/capacity").json()["groups"]}
        assert groups >= {"USLAX", "USJFK", "USORD"}


def test_the_demo_serves_an_office_that_knows_its_own_shipments_only(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "day.jsonl.gz", 200, 3)
    served: list[Settings] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "fill", partial(fill, file=tmp_path / "day.jsonl.gz"))
    monkeypatch.setattr(command, "_serve", served.append)
    monkeypatch.setattr(server, "check_address", lambda host, port: None)
    ModelStore(tmp_path / "var" / "models").install(bundle)
    # A second start fills the store anew.
    for _ in range(2):
        assert run(["demo", "--port", "0"]) == 0
    captured = capsys.readouterr()
    assert "Riskiest shipments" in captured.out
    assert "http://127.0.0.1:0/" in captured.err
    assert [*tmp_path.glob("var/*")] == [tmp_path / "var" / "models"]
    database = Database(served[-1].database_url.get_secret_value())
    snapshot = load(bundle).history
    with database.read() as connection:
        shipments = connection.execute(select(func.count(Decision.shipment_id.distinct()))).scalar_one()
    assert 190 <= shipments <= 210
    # The sample that was scored before is not part of the office.
    assert stored_history(database, served[-1], snapshot).sequence - snapshot.sequence == shipments
    database.close()


def items(client: Client, path: str) -> list[Any]:
    return list(client.get(path).json()["items"])
