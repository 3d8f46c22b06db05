"""``GET /v1/served`` and ``tidewaiter audit at``: what was in service at a time, by the audit chain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from models.bundle import describe
from service.app import create_app
from service.audit.schemas import Served
from service.audit.served import served_at
from service.cli import run
from service.core.database.audit import Fact, append
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.database.times import iso_time, now_us
from service.core.settings import Settings
from service.lists import repository as lists
from service.lists.matching import WATCH_ENTRIES
from service.scoring.tables import Decision, versions_of
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from training.gate.checks import Verdict


@pytest.fixture
def client(models: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Client of a service that the commands of the test may change."""
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    settings = Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        pointer_poll_seconds=0.01,
        job_worker=False,
    )
    with serving(create_app(settings)) as client:
        yield client


def ask(client: Client, at: int | None = None) -> dict[str, Any]:
    answer = client.get("/v1/served", params={} if at is None else {"at": iso_time(at)})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    Served.model_validate(content)
    return content


def wait_for(client: Client, digest: str) -> None:
    deadline = time.monotonic() + 20.0
    while client.state.host.served.model.digest != digest or ask(client)["model"]["digest"] != digest:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def scored(client: Client, name: str) -> int:
    """Score a shipment, and return a time just after it."""
    assert client.post("/v1/score", json=shipment(shipment_id=name)).status_code == 200
    return now_us()


@pytest.mark.both_engines
def test_after_a_promotion_and_a_rollback_each_time_has_its_model(
    client: Client,
    database: Database,
    bundle: Path,
    other_bundle: Path,
    capsys: pytest.CaptureFixture[str],
    verdicts: list[Verdict],
) -> None:
    first, second = describe(bundle), describe(other_bundle)
    begun = now_us()
    times = [scored(client, "one")]
    assert run(["promote", "--bundle", str(other_bundle), "--force", "--reason", "tried in a shadow"]) == 0
    wait_for(client, second.digest)
    times.append(scored(client, "two"))
    assert run(["rollback"]) == 0
    wait_for(client, first.digest)
    times.append(scored(client, "three"))
    with database.read() as connection:
        rows = connection.execute(select(Decision.__table__).order_by(Decision.position)).all()
    for at, row, info in zip(times, rows, (first, second, first), strict=True):
        answer = ask(client, at)
        versions = versions_of(row)
        assert answer["model"]["digest"] == versions.model_digest == info.digest
        assert answer["model"]["version"] == versions.model == info.version
        assert answer["rules"]["digest"] == versions.rules_digest
        assert answer["decisions"]["before"]["id"] == row.id
        assert answer["model"]["since"] <= iso_time(row.received_at)
        assert (answer["known"], answer["notes"]) == (True, [])
    promotions = ask(client)["promotions"]
    assert [one["by"] for one in promotions] == ["tidewaiter promote", "tidewaiter rollback"]
    assert [one["reason"] for one in promotions] == ["tried in a shadow", None]
    assert [one["by"] for one in ask(client, times[0])["promotions"]] == ["tidewaiter promote"]
    capsys.readouterr()
    assert run(["audit", "at", iso_time(times[1]), "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["model"]["digest"] == second.digest
    assert run(["audit", "at", iso_time(times[1])]) == 0
    output = capsys.readouterr().out
    assert f"model: {second.name} {second.version}, {second.digest[:12]}, since" in output
    assert "because: tried in a shadow" in output
    early = ask(client, begun - 3_600_000_000)
    assert (early["known"], early["model"]) == (False, None)
    assert "it cannot tell what was in service before" in early["notes"][0]


def test_a_promotion_that_no_service_took_over_is_not_in_service(
    database: Database, bundle: Path, other_bundle: Path
) -> None:
    at = now_us()
    facts = {"name": "office", "version": "1", "folder": "one"}
    with database.write() as connection:
        append(connection, [Fact("model", describe(bundle).digest, facts, "service")], at)
        append(
            connection,
            [Fact("promotion", describe(other_bundle).digest, {"version": "2"}, "tidewaiter promote")],
            at + 5,
        )
    with database.read() as connection:
        answer = served_at(connection, at + 10)
        assert served_at(connection, at)["model"]["version"] == "1"
    assert answer["model"]["digest"] == describe(bundle).digest
    assert any("was not in effect" in note for note in answer["notes"])
    assert any("No decision in the hour before proves that a service was running" in note for note in answer["notes"])


def test_the_last_entry_of_a_kind_counts_whichever_worker_wrote_it(database: Database) -> None:
    with database.write() as connection:
        for number, digest in enumerate(("a", "b", "a", "c")):
            append(connection, [Fact("model", digest, {"version": digest}, "service")], 1_000 + number // 2)
    with database.read() as connection:
        versions = [served_at(connection, at)["model"]["version"] for at in (1_000, 1_001, 1_002)]
    assert versions == ["b", "c", "c"]


def test_lists_proposals_and_thresholds_are_those_in_force(database: Database) -> None:
    row: dict[str, Any] = {"list_name": "seizures", "kind": "name", "text": "Acme Resin", "country": "", "place": ""}
    row |= {"threshold": 90.0, "lane": "red", "source": "", "reason": "seized twice", "expires_at": None}
    before = now_us()
    ids = lists.add(database, WATCH_ENTRIES, [row, row | {"expires_at": before + 3_600_000_000}], None)
    added = now_us()
    lists.remove(database, WATCH_ENTRIES, ids[:1], None)
    removed = now_us()
    with database.write() as connection:
        append(connection, [Fact("proposal", "P1", {"until": removed + 9}, "lead")], before)
        append(connection, [Fact("proposal", "P2", {"until": removed + 9}, "lead")], before)
        for place, (name, state) in enumerate((("P1", "accepted"), ("P1", "retired"), ("P2", "accepted"))):
            facts = {"proposal": name, "state": state}
            append(connection, [Fact("proposal_decided", f"E{place}", facts, "lead")], removed + place)
        append(connection, [Fact("capacity", "plan-1", {"day": 1}, "service")], removed + 2)
    with database.read() as connection:
        found = [
            served_at(connection, at)["lists"]["watch_entries"]
            for at in (before - 1, added, removed, removed + 7_200_000_000)
        ]
        assert [(one["entries"], one["expired"], one["recorded"], one["revision"]) for one in found] == [
            (0, 0, 0, 0),
            (2, 0, 2, 1),
            (1, 0, 1, 2),
            (0, 1, 1, 2),
        ]
        assert [one["ids"] for one in found] == [[], ids, ids[1:], []]
        proposals = [served_at(connection, removed + later)["proposals"] for later in (-1, 0, 1, 2, 9)]
        assert [[one["id"] for one in some] for some in proposals] == [[], ["P1"], [], ["P2"], []]
        latest = served_at(connection, removed + 2)
    assert latest["further"]["capacity"]["digest"] == "plan-1"


def test_a_list_that_differs_from_the_chain_is_told(database: Database) -> None:
    with database.write() as connection:
        facts = {"entries": 2, "digests": "", "revision": 1}
        append(connection, [Fact("permit_added", "x", facts, None)], now_us())
    with database.read() as connection:
        notes = served_at(connection)["notes"]
    assert any("records 2 entries of permits, the table has 0" in note for note in notes)


@pytest.mark.parametrize("at", ["0001-01-01", "9999-12-31T23:59:59Z"])
def test_an_empty_chain_and_far_times_are_answered(database: Database, at: str) -> None:
    from service.scoring.selecting import read_time

    with database.read() as connection:
        assert connection.execute(select(AuditEntry.number)).all() == []
        answer = served_at(connection, read_time(at))
    Served.model_validate(answer)
    assert "has no entry yet" in answer["notes"][-1]


def test_an_unreadable_time_is_named(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.get("/v1/served", params={"at": "yesterday"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "at")
    assert run(["audit", "at", "yesterday"]) == 2
    assert "is not a time in ISO 8601" in capsys.readouterr().err
