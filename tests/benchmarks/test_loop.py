"""The simulated year as a whole, with a tiny world and the small model: finds come back, capacity holds, figures repeat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select

from benchmarks.loop.arms import ARMS
from benchmarks.loop.coverage import GOAL, World, measure
from benchmarks.loop.figures import Capacity, difference, outcome, tables
from benchmarks.loop.models import Beginning
from benchmarks.loop.office import DAY, HOLD, START_US, Job, live_through
from benchmarks.loop.proposing import passes
from benchmarks.loop.schemes import SCHEMES
from benchmarks.loop.traffic import Plan, Traffic, traffic
from features.groups.history.history import History
from models.bundle import ModelStore, load, save
from models.rules.office import known_names
from models.rules.reading import parse_rules
from service.core.database.engine import Database
from service.history.tables import HistoryEvent
from service.inspections.tables import Outcome
from service.proposals.repository import Proposed
from service.scoring.tables import Decision
from training.authors.views import SEALED

PLAN = Plan(seed=1, weeks=8, per_week=300, authors=("northpost", "gateway_hub"), illicit=1.0, changes=(2, 5))
CAPACITY = 0.05


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    return traffic(PLAN, tmp_path_factory.mktemp("loop"), lambda _: None)


@pytest.fixture(scope="module")
def begun(year: Traffic, small_bundle: Path) -> Beginning:
    # The history of the small model is of a later year.
    save(replace(load(small_bundle), history=History.empty()), year.folder / "adapted")
    models = ModelStore(year.folder / "models")
    return Beginning(small_bundle, year.folder / "none", year.folder / "adapted", models)


def job(year: Traffic, begun: Beginning, name: str, **changes: object) -> Job:
    arm = replace(ARMS["entry"], learns=False, proposes=True, exploration=0.3)
    return Job(year, begun, replace(arm, **changes), CAPACITY, year.folder / name, lambda _: None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lived(year: Traffic, begun: Beginning) -> Path:
    return live_through(job(year, begun, "once"))


def test_the_traffic_has_a_day_per_file_and_both_schemes(year: Traffic) -> None:
    truth = year.truth
    assert len(truth) == pytest.approx(PLAN.weeks * PLAN.per_week, rel=0.1)
    for scheme, change in zip(SCHEMES, PLAN.changes, strict=True):
        assert truth["day"][truth["scheme"] == scheme.name].min() >= 7 * change
    times = pd.to_datetime(pd.read_parquet(year.day(10))["declared_at"])
    assert set((times - pd.Timestamp("2025-01-06", tz="UTC")).dt.days) == {10}


def test_finds_reach_the_history_and_the_capacity_holds(year: Traffic, lived: Path) -> None:
    opened = pd.read_csv(lived)
    a_day = CAPACITY * PLAN.per_week / 5
    assert opened.groupby("day").size().max() <= a_day + 1
    assert len(opened) > 0.6 * a_day * 5 * PLAN.weeks
    # Nothing is opened on Saturdays and Sundays.
    assert not set(opened["day"] % 7) & {5, 6}
    declared = year.truth["day"].reindex(opened["shipment_id"]).to_numpy()
    assert ((opened["day"] - declared) <= HOLD).all()
    database = Database(f"sqlite:///{lived.parent / 'store.db'}")
    with database.read() as connection:
        learned = connection.execute(
            select(Decision.shipment_id, HistoryEvent.find, HistoryEvent.history_order)
            .join(HistoryEvent, HistoryEvent.decision_id == Decision.id)
            .where(HistoryEvent.kind == "learned")
        ).all()
        recorded = connection.execute(select(func.count()).select_from(Outcome)).scalar_one()
        late = connection.execute(select(Outcome.found_at, Outcome.recorded_at)).all()
    database.close()
    known = opened[opened["known"] < 7 * PLAN.weeks]
    assert recorded == len(known)
    assert all(found == at for found, at in late)
    by_id = opened.set_index("shipment_id")
    assert {row.shipment_id for row in learned} == set(known[known["known"] < 7 * PLAN.weeks - 1]["shipment_id"])
    for row in learned:
        assert row.find == by_id["find"][row.shipment_id]
        # From the start of the day after the result was known on.
        assert (row.history_order - START_US) // DAY == by_id["known"][row.shipment_id] + 1


def test_exploration_states_its_probability(lived: Path) -> None:
    opened = pd.read_csv(lived)
    explored = opened[opened["selected_by"] == "exploration"]
    assert len(explored) > 5
    assert ((explored["probability"] > 0) & (explored["probability"] < 1)).all()
    assert (opened["probability"][opened["selected_by"] == "score"] == 1).all()


def test_an_entry_opens_what_it_names_from_its_week_on(year: Traffic, lived: Path) -> None:
    opened = pd.read_csv(lived).set_index("shipment_id")
    by_rule = year.truth.loc[opened.index[opened["selected_by"] == "rule"]]
    of_scheme = by_rule[by_rule["scheme"] == SCHEMES[0].name]
    assert len(of_scheme) > 0
    assert of_scheme["day"].min() >= 7 * (PLAN.changes[0] + 4)


def test_the_same_seed_gives_the_same_figures_also_after_an_interruption(
    year: Traffic, begun: Beginning, lived: Path
) -> None:
    stopped = job(year, begun, "twice")

    class Stop(Exception): ...

    def stop(text: str) -> None:
        if text.startswith("week 5"):
            raise Stop

    with pytest.raises(Stop):
        live_through(replace(stopped, progress=stop))
    assert live_through(stopped).read_text() == lived.read_text()


def test_a_proposal_passes_only_with_further_finds_and_little_other_traffic() -> None:
    tried = {"finds": 2, "low": 0.2, "opened": 9, "days": 90.0, "already_red": 0.5}

    def passing(**changes: float) -> bool:
        return passes(cast(Proposed, SimpleNamespace(backtest=tried | changes)), 5.0)

    assert passing()
    assert not passing(finds=1)
    assert not passing(low=0.05)
    assert not passing(opened=100)
    assert not passing(already_red=0.9)


def test_figures_of_two_arms(year: Traffic, lived: Path) -> None:
    opened = pd.read_csv(lived)
    ours, theirs = (outcome(year, arm, some, []) for arm, some in (("loop-10", opened), ("never", opened[:20])))
    gain, low, high = difference([ours], [theirs])
    assert gain == pytest.approx(ours.recall() - theirs.recall())
    assert low <= gain <= high
    assert difference([ours], [ours]) == (0.0, 0.0, 0.0)
    text = tables([Capacity(0.05, PLAN, {"never": [theirs], "loop-10": [ours]})])
    assert f"| {ours.finds:.0f} |" in text
    assert "the loop beats never retrained" in text


def test_entries_by_hand_are_valid_rules_that_name_no_place() -> None:
    for scheme in SCHEMES:
        rules = parse_rules(scheme.entry, known_names(), scheme.name)
        assert len(rules.rules) == 1
        assert "country" not in scheme.entry


def test_sealed_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match="sealed"):
        Plan(authors=("northpost", SEALED[0]))


def test_intervals_of_recall_contain_the_truth() -> None:
    one = measure(World(shipments=20_000, illicit=0.01, capacity=0.05), 100)
    assert min(one.total, one.decile) >= GOAL
    # An interval that says nothing would contain everything.
    assert one.decile_width < 0.8
    assert np.isfinite(one.total_width)
