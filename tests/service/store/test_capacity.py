"""Plans by capacity: thresholds follow the store's last 28 days, are the same in every process, and stand in each decision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models.bundle import ModelStore
from models.capacity import ALL
from models.scoring import RiskModel
from service.app import create_app
from service.audit.proof import prove
from service.capacity.planning import DAY, in_force
from service.core.database.engine import Database
from service.core.settings import Capacity, Settings
from service.decisions.repository import record
from service.scoring.decision import SCORER_DIGITS
from service.scoring.tables import Decision
from tests.service.api_client import serving
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision

#: A Wednesday noon, in microseconds since 1970.
NOW = 20_605 * DAY + DAY // 2


@pytest.fixture
def model(models: Path) -> RiskModel:
    return ModelStore(models).load()


def fill(database: Database, model: RiskModel, count: int, *, end: int = NOW, **values: Any) -> np.ndarray:
    """Store decisions of the model over the ten days before a time, and return their log-odds."""
    log_odds = np.random.default_rng(count).normal(size=count)
    decisions = [
        new_decision(
            received_at=int(end - 10 * DAY + number * 9.4 * DAY / count),
            scorer=model.digest[:SCORER_DIGITS],
            log_odds=score,
            floored=False,
            **{"site": "USLAX", "channel": "express"} | values,
        )
        for number, score in enumerate(log_odds.tolist())
    ]
    with database.write() as connection:
        record(connection, decisions, NOW)
    return log_odds


def test_the_threshold_meets_the_capacity_of_the_working_days(database: Database, model: RiskModel) -> None:
    log_odds = fill(database, model, 4_000)
    capacity = Capacity(per_day=7.0, exploration=0.1)
    plan = in_force(database, capacity, model, now=NOW)
    assert plan is not None
    assert plan.is_own
    assert plan.days == 10
    # Five working days of seven, ten days of traffic.
    cut = plan.lanes.cuts[ALL]
    assert (log_odds >= cut.red).sum() == pytest.approx(7.0 * 5 / 7 * 10 * 0.9, abs=1)
    explored = cut.exploration_probability(log_odds).sum()
    assert explored == pytest.approx(7.0 * 5 / 7 * 10 * 0.1, abs=0.1)


def test_what_an_exemption_keeps_from_red_takes_no_inspection(database: Database, model: RiskModel) -> None:
    fill(database, model, 4_000)
    capacity = Capacity(per_day=7.0, exploration=0.0)
    with database.write() as connection:
        # The riskiest of every two hundred stayed yellow although the score reached the threshold.
        connection.execute(
            update(Decision).where(Decision.log_odds >= 2.0).values(threshold=2.0, lane="yellow", selected_by="rule")
        )
    plan = in_force(database, capacity, model, now=NOW)
    assert plan is not None
    with database.read() as connection:
        scores = connection.execute(select(Decision.log_odds).where(Decision.log_odds < 2.0)).scalars().all()
    assert sum(score is not None and score >= plan.lanes.cuts[ALL].red for score in scores) == pytest.approx(50, abs=1)


def test_every_process_has_the_plan_of_the_first_and_the_next_day_has_another(
    database: Database, model: RiskModel
) -> None:
    fill(database, model, 2_000)
    capacity = Capacity(per_day=40)
    first = in_force(database, capacity, model, now=NOW)
    fill(database, model, 500)
    again = in_force(database, capacity, model, now=NOW + DAY // 3)
    tomorrow = in_force(database, capacity, model, now=NOW + DAY)
    larger = in_force(database, Capacity(per_day=80), model, now=NOW)
    assert first is not None
    assert again is not None
    assert tomorrow is not None
    assert larger is not None
    assert again.to_json() == first.to_json()
    assert again.lanes.key == first.lanes.key
    assert len({first.lanes.id, tomorrow.lanes.id, larger.lanes.id}) == 3
    assert larger.lanes.cuts[ALL].red < first.lanes.cuts[ALL].red
    assert prove(database).fault is None


def test_sites_have_thresholds_of_their_own_and_new_ones_that_of_all(database: Database, model: RiskModel) -> None:
    fill(database, model, 3_000, site="USLAX")
    fill(database, model, 1_500, site="USJFK")
    fill(database, model, 40, site="somewhere")
    plan = in_force(database, Capacity(per_day={"USLAX": 10, "USJFK": 90}, by="site"), model, now=NOW)
    assert plan is not None
    cuts = plan.lanes.cuts
    assert cuts["USJFK"].red < cuts[ALL].red < cuts["USLAX"].red
    assert set(cuts) == {ALL, "USLAX", "USJFK"}
    shared = in_force(database, Capacity(per_day=100, by="site"), model, now=NOW)
    assert shared is not None
    assert set(shared.lanes.cuts) == {ALL, "USLAX", "USJFK", "-"}
    assert shared.per_day["USLAX"] == pytest.approx(2 * shared.per_day["USJFK"], rel=0.01)


def test_a_new_model_takes_its_thresholds_from_the_reference_traffic_of_its_bundle(
    database: Database, model: RiskModel
) -> None:
    fill(database, model, 2_000)
    with database.write() as connection:
        # As if another model had scored them.
        connection.execute(update(Decision).values(scorer="another"))
    plan = in_force(database, Capacity(per_day=2_000 / 10 * 0.1 * 7 / 5, exploration=0.0), model, now=NOW)
    assert plan is not None
    assert not plan.is_own
    assert model.reference.percentile([plan.lanes.cuts[ALL].red])[0] == pytest.approx(0.9, abs=0.02)


def test_without_a_day_of_traffic_there_is_no_plan(database: Database, model: RiskModel) -> None:
    assert in_force(database, Capacity(per_day=40), model, now=NOW) is None


class TestService:
    @pytest.fixture
    def traffic(self, url: str, model: RiskModel) -> Iterator[Database]:
        from service.core.database.times import now_us

        database = Database(url)
        fill(database, model, 3_000, end=now_us() // DAY * DAY)
        yield database
        database.close()

    def test_a_decision_has_the_threshold_in_force_and_the_page_of_the_capacity_says_what_waits(
        self, traffic: Database, models: Path, url: str
    ) -> None:
        # Everything is red: the capacity exceeds the traffic.
        capacity = Capacity(
            per_day=1e6, working_days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), exploration=0.0
        )
        settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), capacity=capacity)
        with serving(create_app(settings)) as client:
            answers = [client.post("/v1/score", json=shipment(shipment_id=f"N{k}")).json() for k in range(3)]
            page = client.get("/v1/capacity").json()
        assert [answer["lane"] for answer in answers] == ["red"] * 3
        assert {answer["inspection_probability"] for answer in answers} == {1.0}
        assert page["configured"]
        assert page["follows"] == "own"
        assert page["groups"][0]["waiting"] >= 3
        assert page["text"] == "0 red beyond today's capacity"
        with traffic.read() as connection:
            row = connection.execute(select(Decision.__table__).where(Decision.shipment_id == "N0")).one()
        assert row.threshold <= row.log_odds
        assert row.capacity_group == ALL
        assert row.inspection_probability == 1.0
        assert prove(traffic).fault is None

    def test_red_beyond_the_capacity_stays_in_the_queue(self, traffic: Database, models: Path, url: str) -> None:
        capacity = Capacity(per_day=0.5, working_days=("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
        settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url), capacity=capacity)
        with serving(create_app(settings)) as client:
            for k in range(4):
                decision = client.post("/v1/score", json=shipment(shipment_id=f"N{k}")).json()["decision_id"]
                client.post(f"/v1/decisions/{decision}/override", json={"lane": "red", "reason": "a test"})
            assert client.get("/v1/capacity").json()["text"] == "4 red beyond today's capacity"
            assert len(client.get("/v1/queue?lane=red").json()["items"]) == 4

    def test_without_a_capacity_answers_have_no_threshold(self, models: Path, url: str) -> None:
        settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
        with serving(create_app(settings)) as client:
            answer = client.post("/v1/score", json=shipment()).json()
            assert not {"threshold", "capacity_group", "inspection_probability"} & answer.keys()
            assert not client.get("/v1/capacity").json()["configured"]
