"""Backtests and shadows: the swap set, what was known at the time, and the life of a shadow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select, text

from models.bundle import describe, load
from service.app import create_app
from service.audit.proof import prove
from service.backtests import backtest as backtests
from service.backtests import shadow
from service.backtests.backtest import Past, Period, contender
from service.backtests.contender import Again
from service.backtests.decided import CLEAN, FIND, UNKNOWN
from service.backtests.process import ShadowProcess, relax
from service.backtests.shadow import Follower, ShadowRefused
from service.backtests.swap import compare
from service.backtests.tables import Shadow, ShadowScore
from service.cli import run
from service.core.database.engine import Database
from service.core.database.times import iso_time, now_us
from service.core.settings import Settings
from service.history.key import Sealer, secret_of
from service.lists import repository as lists
from service.lists.matching import WATCH_ENTRIES
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.test_served import scored

ALWAYS = Period(0, 2**55)
RULES = """
[[rule]]
id = "mugs"
when = {field = "goods_description", op = "matches", value = "mug"}
effect = "at_least_red"
reason = "A mug"
"""


def again(lanes: str, scores: list[float], floored: str = "", drawn: str = "") -> Again:
    """Return decisions whose lanes are written as letters, with the numbers of the floored and the drawn ones."""
    count = len(lanes)
    marked = [np.array([str(k) in numbers for k in range(count)]) for numbers in (floored, drawn)]
    lane = np.array(["gyr".index(letter) for letter in lanes], dtype=np.int8)
    log_odds = np.array(scores, dtype=np.float64)
    return Again(np.arange(count), lane, log_odds, log_odds, log_odds, *marked)


def test_a_swap_set_counts_shipments_results_and_finds() -> None:
    # Shipment B was declared twice, and is open by its second declaration.
    ids = np.array(["A", "B", "C", "D", "B"], dtype=np.object_)
    known = np.array([FIND, CLEAN, UNKNOWN, FIND, CLEAN], dtype=np.int8)
    first = again("rgggr", [3.0, 0.0, 1.0, 2.0, 2.5])
    second = again("rgrrg", [3.0, 0.0, 2.0, 5.0, 0.0])
    found = compare(first, second, ids, known)
    assert (found["shipments"], found["decisions"], found["with_result"], found["finds"]) == (4, 5, 3, 2)
    parts = found["as_decided"]
    counts = {name: (one["shipments"], one["with_result"], one["finds"]) for name, one in parts.items()}
    assert counts == {
        "first": (2, 2, 1),
        "second": (3, 2, 2),
        "both": (1, 1, 1),
        "only_first": (1, 1, 0),
        "only_second": (2, 1, 1),
        "either": (4, 3, 2),
        "neither": (0, 0, 0),
    }
    assert parts["neither"]["precision"] is None
    # Jeffreys: quantiles of a beta distribution with 1.5 and 0.5.
    assert parts["only_second"]["low"] == pytest.approx(0.2285, abs=1e-3)
    assert parts["only_second"]["high"] == 1.0
    equal = found["equal_number"]
    assert equal["opened"] == 2
    assert {name: equal[name]["shipments"] for name in ("first", "second", "both")} == {
        "first": 2,
        "second": 2,
        "both": 1,
    }


def test_chance_does_not_count_as_a_choice_and_rules_come_first() -> None:
    ids = np.array(["A", "B", "C"], dtype=np.object_)
    known = np.full(3, UNKNOWN, dtype=np.int8)
    first = again("rrg", [0.0, 1.0, 2.0], floored="0", drawn="1")
    second = again("rgr", [0.0, 1.0, 2.0], floored="0")
    equal = compare(first, second, ids, known)["equal_number"]
    # Only A was chosen, by a rule; the second side opens it too, before C with the higher score.
    assert (equal["opened"], equal["both"]["shipments"]) == (1, 1)


@pytest.fixture
def settings(models: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in (("STORE", "on"), ("DATABASE_URL", url), ("MODELS_DIR", str(models)), ("JOB_WORKER", "off")):
        monkeypatch.setenv(f"TIDEWAITER_{name}", value)
    return Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        jobs_dir=tmp_path / "jobs",
        job_worker=False,
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    with serving(create_app(settings)) as client:
        yield client


@pytest.fixture
def past(database: Database, settings: Settings, client: Client) -> Past:
    return Past(database, Sealer(secret_of(settings)), settings)


def lanes_of(past: Past, bundle: Path, period: Period = ALWAYS) -> list[str]:
    """Return the lanes of a backtest in the order of the decisions."""
    one = contender(past, load(bundle), past.settings.score_settings())
    parts = [one.score(batch) for batch in backtests.batches(past, period, [one])]
    return ["gyr"[lane] for lane in Again.joined(parts).lane.tolist()]


def add_entry(past: Past) -> list[str]:
    entry = {"list_name": "seizures", "kind": "name", "text": "Acme Resin", "country": "", "place": "", "source": ""}
    rest = {"threshold": 95.0, "lane": "red", "reason": "seized", "expires_at": None}
    return lists.add(past.database, WATCH_ENTRIES, [entry | rest], None)


@pytest.mark.both_engines
def test_lists_count_as_they_were_at_the_time(past: Past, client: Client, bundle: Path) -> None:
    def decide(name: str) -> str:
        client.state.lists.refresh()
        consignor = {"name": "Acme Resin", "country": "CN"}
        answer = client.post("/v1/score", json=shipment(shipment_id=name, consignor=consignor)).json()
        return str(answer["lane"][0])

    decided = [decide("one")]
    ids = add_entry(past)
    decided.append(decide("two"))
    middle = now_us()
    lists.remove(past.database, WATCH_ENTRIES, ids, None)
    decided.append(decide("three"))
    assert decided[1] == "r" != decided[0] == decided[2]
    assert lanes_of(past, bundle) == decided
    assert lanes_of(past, bundle, Period(middle, 2**55)) == decided[2:]


def test_an_override_counts_from_its_time(past: Past, client: Client, bundle: Path) -> None:
    def declare(goods: str) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(
            "/v1/score", json=shipment(shipment_id="A", items=[{"goods_description": goods}])
        ).json()
        return answer

    first, second = declare("fentanyl citrate"), declare("ceramic mug")
    path = f"/v1/decisions/{second['decision_id']}/override"
    assert client.post(path, json={"lane": "green", "reason": "seen"}).status_code == 201
    third = declare("glass vase")
    assert (first["lane"], second["lane"]) == ("red", "red")
    assert third["lane"] != "red"
    assert lanes_of(past, bundle) == [one["lane"][0] for one in (first, second, third)]


@pytest.mark.both_engines
def test_a_backtest_of_rules_names_what_only_they_would_open(
    past: Past, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, goods in enumerate(("ceramic mug", "cotton shirt", "ceramic mug")):
        body = shipment(shipment_id=f"S{number}", items=[{"goods_description": goods}])
        answer = client.post("/v1/score", json=body).json()
        outcome = {"content": "fentanyl", "found_at": iso_time(now_us()), "by": "Officer 1"}
        if number == 0:
            assert client.post(f"/v1/decisions/{answer['decision_id']}/outcome", json=outcome).status_code == 201
    what_if = client.post("/v1/score?update_history=false", json=shipment(shipment_id="what-if"))
    assert what_if.status_code == 200
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    period = ["--since", "2020-01-01", "--until", "2100-01-01"]
    rules = ["--rules", str(tmp_path / "rules.toml")]
    capsys.readouterr()
    assert run(["backtest", *period, *rules, "--json", "-"]) == 0
    found = orjson.loads(capsys.readouterr().out)
    only = found["as_decided"]["only_second"]
    assert (only["shipments"], only["with_result"], only["finds"]) == (2, 1, 1)
    assert found["as_decided"]["only_first"]["shipments"] == 0
    assert found["left_out"] == {"what_if": 1, "erased": 0, "far_from_the_present": 0, "not_scored": 0}
    assert run(["backtest", *period, *rules]) == 0
    assert "only by the second" in capsys.readouterr().out
    assert run(["backtest", *period]) == 2
    assert run(["backtest", "--since", "2026-01-02", "--until", "2026-01-01", *rules]) == 2


def test_an_erased_manifest_is_left_out(past: Past, client: Client, bundle: Path) -> None:
    for name in ("one", "two"):
        scored(client, name)
    assert client.post("/v1/erasures", json={"shipment_id": "one"}).status_code == 200
    one = contender(past, load(bundle), past.settings.score_settings())
    found = backtests.backtest(past, ALWAYS, [one])
    assert (found["decisions"], found["left_out"]["erased"]) == (1, 1)


def test_a_manifest_without_a_time_is_scored_as_it_was(past: Past, client: Client, bundle: Path) -> None:
    answers = [
        client.post("/v1/score", json=shipment(shipment_id=name, declared_at=when)).json()
        for name, when in (("one", None), ("two", "soon"), ("three", None))
    ]
    one = contender(past, load(bundle), past.settings.score_settings())
    parts = [one.score(batch) for batch in backtests.batches(past, ALWAYS, [one])]
    assert Again.joined(parts).risk.tolist() == [answer["risk"] for answer in answers]


@pytest.mark.both_engines
def test_a_shadow_goes_on_after_a_restart(past: Past, client: Client, other_bundle: Path, bundle: Path) -> None:
    scored(client, "before")
    shadow.start(past.database, other_bundle, "test")
    names = [f"S{number}" for number in range(6)]
    for name in names[:3]:
        scored(client, name)
    first = Follower(past)
    first.step()
    for name in names[3:]:
        scored(client, name)
    # Another process, which finds the history of the service as it was.
    Follower(past).step()
    with past.database.read() as connection:
        stored = connection.execute(select(ShadowScore.__table__).order_by(ShadowScore.position)).all()
    whole = contender(past, load(other_bundle), past.settings.score_settings())
    parts = [whole.score(batch) for batch in backtests.batches(past, ALWAYS, [whole])]
    assert [one.risk for one in stored] == Again.joined(parts).risk[1:].tolist()
    found = shadow.report(past.database)
    assert (found["decisions"], found["behind"]) == (6, 0)
    assert found["model"]["digest"] == describe(other_bundle).digest != describe(bundle).digest


def test_only_one_shadow_runs_and_the_chain_knows_it(
    past: Past, bundle: Path, other_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ShadowRefused, match="No shadow was started"):
        shadow.report(past.database)
    assert run(["shadow", "stop"]) == 2
    assert run(["shadow", "start", "--bundle", str(other_bundle)]) == 0
    assert run(["shadow", "start", "--bundle", str(bundle)]) == 2
    assert "stop it first" in capsys.readouterr().err
    assert run(["shadow", "report"]) == 0
    assert run(["shadow", "stop"]) == 0
    assert run(["shadow", "start", "--bundle", str(bundle)]) == 0
    assert prove(past.database).fault is None
    assert run(["shadow", "start", "--bundle", str(bundle / "nowhere")]) == 4


def test_a_changed_bundle_is_not_followed(past: Past, client: Client, other_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "challenger"
    shutil.copytree(other_bundle, folder)
    shadow.start(past.database, folder, "test")
    scored(client, "one")
    shutil.rmtree(folder)
    assert not Follower(past).step()
    assert shadow.report(past.database)["problem"] is not None
    shutil.copytree(other_bundle, folder)
    Follower(past).step()
    found = shadow.report(past.database)
    assert (found["problem"], found["decisions"]) == (None, 1)


@pytest.mark.slow
def test_the_service_runs_a_process_for_the_shadow(past: Past, client: Client, other_bundle: Path) -> None:
    process = ShadowProcess(past.database, past.settings)
    process.check()
    is_idle = process.child is None
    assert is_idle
    shadow.start(past.database, other_bundle, "test")
    scored(client, "one")
    process.check()
    child = process.child
    assert child is not None
    try:
        deadline = time.monotonic() + 60.0
        while not shadow.report(past.database)["decisions"]:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        shadow.stop(past.database, "test")
        # It ends by itself when no shadow runs.
        assert child.wait(30.0) == 0
    finally:
        process.close()
    with past.database.read() as connection:
        assert connection.execute(select(Shadow.followed)).scalar_one() == 1


def test_commits_of_the_shadow_do_not_wait_for_the_disk(database: Database) -> None:
    other = Database(database.engine.url.render_as_string(hide_password=False))
    relax(other)
    query = "PRAGMA synchronous" if other.is_sqlite else "SHOW synchronous_commit"
    with other.read() as connection:
        assert str(connection.execute(text(query)).scalar()) in ("1", "off", "b'off'")
    other.close()
