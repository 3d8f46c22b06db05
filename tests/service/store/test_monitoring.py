"""Monitoring of a store: weeks are counted once, drift is found, and the page, the command and the gauges say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select, update

from models.bundle import ModelStore
from models.scoring import RiskModel
from service.app import create_app
from service.cli import run
from service.core.database.engine import Database
from service.core.database.times import now_us
from service.core.settings import Settings
from service.decisions.repository import record
from service.inspections.tables import Outcome
from service.monitoring.report import report
from service.monitoring.routes import Monitoring
from service.monitoring.tables import MonitoredWeek
from service.monitoring.weeks import DAY, MONDAY, WEEK, monday_before, scorer_of
from service.scoring.tables import Decision
from tests.service.api_client import serving
from tests.service.store.decisions import new_decision
from tests.service.store.stored_traffic import add

#: A Wednesday.
NOW = MONDAY + 2_900 * WEEK + 2 * DAY


@pytest.fixture
def model(models: Path) -> RiskModel:
    return ModelStore(models).load()


def fill(
    database: Database,
    model: RiskModel,
    *,
    weeks: range,
    scorer: str | None = None,
    end: int = NOW,
    per_week: int = 280,
    without_hs: float = 0.05,
    **values: Any,
) -> list[str]:
    """Store decisions of weeks before that of a time, and return their ids. Week 1 is the last full one."""
    scorer = scorer or scorer_of(model)
    decisions = []
    for number in weeks:
        rng = np.random.default_rng(number)
        start = monday_before(end) - number * WEEK
        for k in range(per_week):
            item = {"goods_description": "silicone phone case" if k % 3 else "qwxzv phone case"} | (
                {} if rng.random() < without_hs else {"hs_code": "392690"}
            )
            manifest = {"shipment_id": f"W{number}-{k}", "channel": "express", "export_country": "CN", "items": [item]}
            manifest["unloading_location"] = "USLAX"
            answer = {"reasons": [], "rule_ids": [], "unread": [], "model": {"version": "1", "digest": scorer}}
            decisions.append(
                new_decision(
                    received_at=start + int((k + 0.5) * WEEK / per_week),
                    scorer=scorer,
                    log_odds=float(np.interp(rng.random(), model.reference.below, model.reference.log_odds)),
                    floored=False,
                    manifest=orjson.dumps(manifest),
                    answer=orjson.dumps(answer | {"rules_digest": "r"}),
                    **({"lane": "red" if rng.random() < 0.03 else "green"} | values),
                )
            )
    with database.write() as connection:
        record(connection, decisions, end)
    return [decision.id for decision in decisions]


def alarms(made: dict[str, Any]) -> list[str]:
    return [one["series"] for one in made["drift"] if one["alarm"]]


def test_usual_weeks_raise_no_alarm_and_a_changed_feed_does(database: Database, model: RiskModel) -> None:
    fill(database, model, weeks=range(2, 8))
    before = report(database, model, NOW - WEEK)
    assert {one["series"] for one in before["drift"]} >= {
        "lanes",
        "scores",
        "missing",
        "unknown_words",
        "channel",
        "routes",
    }
    assert alarms(before) == []
    fill(database, model, weeks=range(1, 2), without_hs=0.4)
    after = report(database, model, NOW)
    assert alarms(after) == ["missing", "hs_chapter"]
    [missing] = [one for one in after["drift"] if one["series"] == "missing"]
    assert missing["groups"][0]["group"] == "hs_code"
    assert missing["groups"][0]["latest"] == pytest.approx(0.4, abs=0.06)
    assert "feed" in missing["advice"]
    Monitoring.model_validate(after)


def test_weeks_are_counted_once_and_outlive_their_manifests(database: Database, model: RiskModel) -> None:
    fill(database, model, weeks=range(1, 6))
    first = report(database, model, NOW)
    with database.write() as connection:
        connection.execute(update(Decision).values(manifest=None))
        assert connection.execute(select(func.count()).select_from(MonitoredWeek)).scalar() == 5
    assert report(database, model, NOW)["drift"] == first["drift"]
    with database.write() as connection:
        connection.execute(delete(MonitoredWeek))
    assert report(database, model, NOW)["drift"] != first["drift"]


def test_a_new_model_has_a_reference_of_inputs_and_waits_for_that_of_its_scores(
    database: Database, model: RiskModel
) -> None:
    fill(database, model, scorer="another", weeks=range(2, 8))
    fill(database, model, weeks=range(1, 2))
    made = report(database, model, NOW)
    assert made["reference"]["inputs"]["weeks"] == 4
    assert made["reference"]["model"]["weeks"] == 1
    assert {one["series"] for one in made["drift"]}.isdisjoint({"scores", "lanes", "selected_by", "unknown_words"})
    assert {one["series"] for one in made["drift"]} >= {"missing", "channel", "routes"}


def test_figures_of_finds_come_from_valid_outcomes(database: Database, model: RiskModel) -> None:
    common: dict[str, Any] = {
        "inspection_probability": 1.0,
        "capacity_group": "USLAX",
        "lane": "red",
        "selected_by": "score",
    }
    red = fill(database, model, weeks=range(1, 2), per_week=40, risk=0.25, **common)
    explored = common | {"selected_by": "exploration", "inspection_probability": 0.05}
    low = fill(database, model, weeks=range(2, 3), per_week=20, risk=0.01, **explored)
    found = dict.fromkeys((*red[:8], low[0]), "fentanyl") | {red[8]: "other_contraband"}
    with database.write() as connection:
        # All in the top decile.
        connection.execute(update(Decision).values(log_odds=0.0, received_at=NOW - 60 * DAY))
    for decision in (*red, *low):
        add(database, decision, found.get(decision, "none"), "2025-07-20T00:00:00Z", at=NOW - 50 * DAY)
    made = report(database, model, NOW)
    assert [(row["group"], row["by_chance"], row["inspected"], row["finds"]) for row in made["precision"]] == [
        ("", False, 40, 8),
        ("", True, 20, 1),
        ("USLAX", False, 40, 8),
        ("USLAX", True, 20, 1),
    ]
    assert made["expected_finds"] == pytest.approx(40 * 0.25 + 20 * 0.01)
    assert made["observed_finds"] == 9
    assert made["agree"]
    recall = made["top_decile_recall"]
    # One find in twenty stands for twenty, of which 19 were missed.
    assert recall["value"] == pytest.approx(9 / 28)
    assert recall["low"] < 9 / 28 < recall["high"]
    assert 0.0 < made["recall_at_least"] < 9 / 28
    # A correction takes a find back.
    with database.read() as connection:
        wrong = connection.execute(select(Outcome.id).where(Outcome.decision_id == red[0])).scalar_one()
    add(database, red[0], "none", "2025-07-21T00:00:00Z", at=NOW - 40 * DAY, corrects=wrong)
    assert report(database, model, NOW)["observed_finds"] == 8


def test_the_page_and_the_gauges_have_the_report_and_a_request_makes_no_new_one(
    database: Database, models: Path, url: str, model: RiskModel
) -> None:
    end = now_us()
    fill(database, model, weeks=range(2, 7), end=end)
    fill(database, model, weeks=range(1, 2), end=end, channel="ocean", without_hs=0.5)
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
    with serving(create_app(settings)) as client:
        page = client.get("/v1/monitoring").json()
        fill(database, model, weeks=range(7, 9), end=end)
        again = client.get("/v1/monitoring").json()
        metrics = client.get("/metrics").text
    Monitoring.model_validate(page)
    assert again == page
    assert "missing" in alarms(page)
    assert 'tidewaiter_drift_alarm{series="missing"} 1.0' in metrics
    assert 'tidewaiter_drift_alarm{series="scores"} 0.0' in metrics
    assert "tidewaiter_recall_at_least NaN" in metrics


def test_without_decisions_nothing_is_known(database: Database, model: RiskModel) -> None:
    made = report(database, model, NOW)
    Monitoring.model_validate(made)
    assert made["drift"] == made["precision"] == []
    assert made["reference"]["inputs"]["weeks"] == 0


def test_the_command_shows_the_report_and_what_to_do(
    database: Database,
    model: RiskModel,
    models: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    end = now_us()
    fill(database, model, weeks=range(2, 7), end=end)
    [red] = fill(database, model, weeks=range(1, 2), end=end, per_week=1, lane="red", selected_by="score")
    fill(database, model, weeks=range(1, 2), end=end, without_hs=0.5)
    add(database, red, "fentanyl", "2025-07-20T00:00:00Z", at=end)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)
    monkeypatch.setenv("TIDEWAITER_MODELS_DIR", str(models))
    assert run(["monitor", "--json", "-"]) == 0
    made = orjson.loads(capsys.readouterr().out)
    Monitoring.model_validate(made)
    assert made["observed_finds"] == 1
    assert run(["monitor"]) == 0
    text = capsys.readouterr().out
    assert "observed: 1" in text
    assert "ALARM" in text
    assert "missing: hs_code. Ask the sender of the data" in text
