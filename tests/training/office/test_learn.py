"""`train --from champion` as a whole: what it learns from, what it says, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import load
from tests.training.office.conftest import Small
from tests.training.small_data import iso, rows, write
from training.authors.lessons_file import LessonsRefused
from training.config import TrainConfig
from training.data.dataset import BadData
from training.data.sources import from_file
from training.evaluation.evaluation import TrainResult
from training.office.rows import MOST_CLEAN, OfficeRows, later_weeks
from training.pipeline import train


def test_the_bundle_is_the_adapted_champion_with_trees_that_learned_from_own_finds(
    small: Small, learned: TrainResult
) -> None:
    assert learned.bundle is not None
    model = load(learned.bundle)
    assert model.version.startswith("1-learned.")
    assert model.calibrators == small.model.calibrators
    assert model.evidence == small.model.evidence
    assert model.lanes != small.model.lanes
    assert model.history.sequence == 8_000
    for head, booster in model.boosters.items():
        assert booster.num_trees() > small.model.boosters[head].num_trees()
    section = model.card["learned"]
    assert section["own_finds"] == {"fentanyl_or_analogue": 52, "precursor": 67, "equipment": 56}
    assert section["parent"]["digest"] == load(small.champion).digest
    assert section["lessons"]["finds"] == small.lessons.find.sum()
    assert model.card["adapted"]["data"]["shipments"] == 8_000
    assert "52 fentanyl or analogue" in model.card["sections"][0]["text"][0]


def test_the_candidate_of_the_earlier_weeks_is_compared_with_the_adapted_champion(learned: TrainResult) -> None:
    comparison = learned.metrics["adapted_champion"]
    assert comparison["recommended"] is True
    assert comparison["recall"]["difference"]["value"] > 0.03
    assert comparison["learned_from"] == 120
    assert learned.metrics["evaluated_on"] == "the latest labelled weeks, by trees that learned from the weeks before"
    assert learned.metrics["labels"]["office"]["risk"]["finds"] == comparison["finds"] == 53
    assert comparison["text"] in learned.model.card["sections"][0]["text"]
    assert learned.bundle is not None
    assert json.loads((learned.bundle.parent / "metrics.json").read_text())["adapted_champion"] == comparison


def test_results_of_the_later_weeks_do_not_reach_the_candidate(
    small: Small, labelled: Path, learned: TrainResult, tmp_path: Path
) -> None:
    data = rows()
    first = learned.windows.test
    assert first is not None
    finds = [row for row in data if row.declared_s >= first.start_s and row.values["content"] not in ("", "none")]
    for row in finds[5:]:
        # The later weeks still begin at the same find.
        row.values |= {"goods_description": "other goods", "net_mass_kg": "0.01", "customs_value": "999"}
    other = train(small.config(write(tmp_path / "labelled.csv", data)))
    assert other.metrics["adapted_champion"]["learned_from"] == learned.metrics["adapted_champion"]["learned_from"]
    assert other.metrics["adapted_champion"]["recall"] != learned.metrics["adapted_champion"]["recall"]


def test_without_a_find_the_trees_stay_the_champions(small: Small, tmp_path: Path) -> None:
    data = rows(1_500)
    for row in data:
        row.values["content"] = "none" if row.values["content"] else ""
    result = train(small.config(write(tmp_path / "clean.csv", data), bundle=tmp_path / "bundle"))
    model, champion = load(tmp_path / "bundle"), load(small.champion)
    assert {head: one.model_to_string() for head, one in model.boosters.items()} == {
        head: one.model_to_string() for head, one in champion.boosters.items()
    }
    assert result.metrics["adapted_champion"]["recommended"] is None
    assert "Too few finds to tell" in result.model.card["sections"][0]["text"][1]


def test_the_same_data_gives_the_same_bytes(small: Small, labelled: Path, learned: TrainResult) -> None:
    assert train(small.config(labelled)).digest == learned.digest


def test_finds_enter_the_history_when_their_results_become_known(small: Small, labelled: Path) -> None:
    data = from_file(labelled)
    windows = later_weeks(data)
    history = np.full((data.table.n_shipments, len(small.model.history.empty().advance(data.table).values[0])), 7.0)
    office = OfficeRows.of(data, history, small.model, windows, seed=0)
    columns = small.model.space.columns_of(lambda group: group.name == "history")
    assert (office.matrix[:, columns] == 7.0).all()


def test_a_find_is_one_row_and_uninspected_shipments_are_marked(small: Small, tmp_path: Path) -> None:
    data = rows(1_200)
    find = next(row for row in data if row.values["content"] == "fentanyl")
    second = replace(find, values={**find.values, "item_number": "2", "content_level": "shipment"})
    find.values |= {"item_number": "1", "content_level": "shipment"}
    for row in data:
        row.values.setdefault("item_number", "1")
        row.values.setdefault("content_level", "item")
    data.insert(data.index(find) + 1, second)
    office_data = from_file(write(tmp_path / "two.csv", data))
    history = small.model.history.empty().advance(office_data.table).values
    own = OfficeRows.of(office_data, history, small.model, later_weeks(office_data), seed=0).own()
    assert own.is_find.sum() == office_data.shipment_has_find().sum()
    assert len(own.matrix) == office_data.table.n_shipments
    assert 400 < (~own.inspected).sum() < 800


def test_rows_have_the_capped_inverse_of_the_probability_of_selection(small: Small, tmp_path: Path) -> None:
    data = rows(1_200)
    for number, row in enumerate(data):
        row.values["selection_probability"] = ("0.01", "0.5", "")[number % 3] if row.values["content"] else ""
    stated = from_file(write(tmp_path / "stated.csv", data))
    history = small.model.history.empty().advance(stated.table).values
    own = OfficeRows.of(stated, history, small.model, later_weeks(stated), seed=0).own()
    assert own.selection is not None
    assert set(own.selection[own.inspected]) == {1.0, 2.0, 3.0}
    assert set(own.selection[~own.inspected]) == {1.0}


def test_many_clean_shipments_are_sampled_and_represent_the_others(
    small: Small, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.office.rows.MOST_CLEAN", 500)
    assert MOST_CLEAN > 500
    data = from_file(labelled)
    history = small.model.history.empty().advance(data.table).values
    own = OfficeRows.of(data, history, small.model, later_weeks(data), seed=0).own()
    clean = ~own.is_find
    assert own.is_find.sum() == data.shipment_has_find().sum()
    assert clean.sum() < 900
    assert own.times[clean].sum() == pytest.approx(8_000, rel=0.15)


def test_the_later_weeks_begin_with_the_latest_three_tenths_of_the_finds(labelled: Path) -> None:
    data = from_file(labelled)
    windows, find = later_weeks(data), data.shipment_has_find()
    assert windows.test is not None
    later = find[windows.test.shipments].sum()
    assert later / find.sum() == pytest.approx(0.3, abs=0.03)
    assert len(windows.fit.shipments) + len(windows.test.shipments) == 8_000
    assert windows.fit.cut_s == windows.test.start_s


def test_data_from_which_the_champion_cannot_learn_is_refused(small: Small, labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"content.*--from prior"):
        replace(small.config(labelled), label="fraud").check()
    with pytest.raises(BadData, match="--from champion needs --data"):
        TrainConfig(start="champion").check()
    with pytest.raises(BadData, match="--windows belongs to --from prior"):
        replace(small.config(labelled), windows=(0.5, 0.1, 0.1, 0.1, 0.2)).check()
    timeless = write(tmp_path / "timeless.csv", rows(1_200), without=("declared_at", "inspected_at"))
    with pytest.raises(BadData, match="no row states declared_at"):
        train(small.config(timeless))
    with pytest.raises(BadData, match="900 shipments can be read"):
        train(small.config(write(tmp_path / "few.csv", rows(900))))
    with pytest.raises(LessonsRefused, match=r"training\.authors --lessons"):
        train(small.config(labelled, lessons=tmp_path / "none"))


def test_a_holdout_is_scored_with_the_learned_model(small: Small, labelled: Path, tmp_path: Path) -> None:
    later = rows(600, seed=4)
    for row in later:
        row.values["declared_at"] = iso(row.declared_s + 600 * 86_400)
    scored = tmp_path / "scored.csv"
    result = train(small.config(labelled, holdout=write(tmp_path / "later.csv", later), predictions=scored))
    assert result.metrics["holdout"]["labels"]["office"]["risk"]["finds"] > 5
    assert len(scored.read_text().splitlines()) == 601
