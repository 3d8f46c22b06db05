"""The evaluation document of a run, of a file and of predictions, and their agreement."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.manifest.fields import HEADS
from models.scoring import DEFAULT_BASE_RATES
from tests.training.small_data import Row, write
from tests.training.small_data import rows as small_rows
from training.config import TrainConfig
from training.data.dataset import BadData
from training.data.planning import plan
from training.data.sources import from_file
from training.data.window_features import FeatureSource, replay_history
from training.data.windows import Window
from training.evaluation.baselines import BASELINES
from training.evaluation.calibration_check import calibration_in_tenth
from training.evaluation.contributions import contributions
from training.evaluation.evaluation import TrainResult, scored_of_model
from training.evaluation.run_evaluation import FileLabels, evaluate_file, evaluate_predictions
from training.fitting.examples import sample_examples, sampled_rows
from training.worlds.own.priors import load_priors


def test_a_run_has_every_section_that_its_data_allows(trained: TrainResult) -> None:
    metrics = trained.metrics
    assert set(metrics) >= {
        "evaluated_on", "labels", "calibration", "lanes", "false_positives_by_origin", "false_positives_by_items",
        "slices", "baselines", "baselines_chose", "misses_against", "pr_auc_against", "capacity",
        "contributions",
    }  # fmt: skip
    # A file does not name networks, and its illicit traffic cannot be reduced to a tenth.
    assert not set(metrics) & {"calibration_tenth", "ceiling", "left_out_typologies"}
    # Every other slicing has a single value here.
    assert set(metrics["slices"]) == {"after_regime_change", "channel", "origin"}
    assert set(metrics["baselines"]) == set(metrics["misses_against"]) == set(BASELINES)
    assert set(metrics["pr_auc_against"]) == {"prior", "trees", *BASELINES}
    json.dumps(metrics, allow_nan=False)


def test_slices_of_a_run_partition_its_finds(trained: TrainResult) -> None:
    risk = trained.metrics["labels"]["office"]["risk"]
    for name, values in trained.metrics["slices"].items():
        assert sum(one["finds"] for one in values.values()) == risk["finds"], name
        assert sum(one["shipments"] for one in values.values()) == risk["shipments"], name


def test_the_model_beats_chance_and_every_figure_names_its_prevalence(trained: TrainResult) -> None:
    metrics = trained.metrics
    one = metrics["misses_against"]["random"]["0.005"]
    recall = metrics["labels"]["office"]["risk"]["at_inspected_share"]["0.005"]["recall"]["value"]
    assert one["ours"]["value"] == pytest.approx(1.0 - recall)
    # Few finds: the interval may reach 1.
    assert one["ratio"]["value"] < 1.0
    assert one["ratio"]["high"] <= 1.0
    for name, kinds in metrics["baselines"].items():
        assert kinds["office"]["prevalence"] > 0, name
        assert "reliability" not in kinds["office"]
    assert set(metrics["labels"]["office"]["risk"]["pr_auc_at"]) == {"0.001", "1e-05"}


def test_sampled_rows_are_the_rows_of_the_sampled_examples(data_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # These bounds force sampling.
    monkeypatch.setattr("training.fitting.examples.LOWEST_PREVALENCE", 0.9)
    monkeypatch.setattr("training.fitting.examples.TARGET_PREVALENCE", 0.3)
    data = from_file(data_file)
    windows = plan(data, with_test=True, seed=0)
    _, part = FeatureSource(data, replay_history(data)[0]).fit(windows.refit, 0)
    examples, share = sample_examples(part, 4)
    assert share < 0.8
    rows = sampled_rows(data, windows.refit, 4)
    inside = np.searchsorted(data.window_rows(windows.refit), rows)
    assert np.array_equal(part.matrix[inside], examples.matrix, equal_nan=True)
    assert np.array_equal(data.labels.known_at(data.table, windows.refit.cut_s).find[rows], examples.find)


def test_contributions_by_group_add_up_to_the_score_of_the_explained_shipments(
    trained: TrainResult, data_file: Path
) -> None:
    data, model = from_file(data_file), trained.model
    windows = plan(data, with_test=True, seed=0)
    assert windows.test is not None
    source = FeatureSource(data, replay_history(data)[0])
    features = source.transform(windows.test, model.space, fitted_on=windows.refit)
    scored = scored_of_model(model, features.matrix, data.window_table(windows.test), threads=1)
    found = contributions(model, features, scored, features.outcome)
    assert set(found) == {"evidence", "trees"}
    groups = {feature.group for feature in model.space.features}
    assert all(set(means) <= groups for means in found.values())
    assert scored.items is not None
    ends = np.append(features.first_row[1:], len(features.matrix))
    rows = [
        start + int(np.argmax(scored.items[start:end]))
        for start, end, find in zip(features.first_row, ends, features.outcome.any, strict=True)
        if find
    ]
    assert 0 < len(rows) < 300
    base = np.array([model.explain_rows(features.matrix[:1], head)[0, -1] for head in model.heads])
    expected = (model.predict_raw(np.ascontiguousarray(features.matrix[rows])) - base).max(axis=1).mean()
    explained = sum(means.get("finds", 0.0) for part in found.values() for means in part.values())
    assert explained == pytest.approx(expected)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a later labelled file of 3,000 shipments, and a truth file with its finds and further illicit shipments."""
    folder = tmp_path_factory.mktemp("later")
    made = small_rows(3000, seed=4)
    truth: list[dict[str, str]] = []
    for k, row in enumerate(made):
        row.values["item_number"] = "1"
        is_find = row.values["content"] not in ("", "none")
        content = row.values["content"] if is_find else "precursor" if k % 10 == 0 else "none"
        of_network = {"network_id": f"N{k % 7:05d}", "typologies": "P5" if k % 2 else "D9;P5", "strength": "faint"}
        clean = {"network_id": "", "typologies": "", "strength": ""}
        key = {"shipment_id": row.values["shipment_id"], "item_number": "1", "content": content, "violation": ""}
        truth.append(key | (of_network if content != "none" else clean))
    write(folder / "truth.csv", [Row(0, values) for values in truth])
    return write(folder / "later.csv", made), folder / "truth.csv"


def test_a_file_gives_the_same_sections_and_more_with_the_truth(trained: TrainResult, later: tuple[Path, Path]) -> None:
    data, truth = later
    known = evaluate_file(trained.model, data)
    assert set(known) == {
        "data", "model", "labels", "calibration", "lanes", "false_positives_by_origin", "false_positives_by_items", "slices",
    }  # fmt: skip
    assert set(known["labels"]) == set(known["calibration"]) == {"office"}
    assert "seen_consignor" not in known["slices"]
    full = evaluate_file(trained.model, data, FileLabels(truth=truth))
    assert set(full["labels"]) == set(full["calibration"]) == {"office", "truth"}
    assert full["labels"]["office"] == known["labels"]["office"]
    assert full["labels"]["truth"]["risk"]["finds"] > full["labels"]["office"]["risk"]["finds"] + 200
    assert full["slices"]["typology"]["P5"]["finds"] == full["labels"]["truth"]["risk"]["finds"]
    assert full["slices"]["strength"]["faint"]["finds"] == full["labels"]["truth"]["risk"]["finds"]


def test_predictions_with_lanes_agree_with_scoring_the_file(
    trained: TrainResult, later: tuple[Path, Path], tmp_path: Path
) -> None:
    data, truth = later
    by_file = evaluate_file(trained.model, data, FileLabels(truth=truth))
    table = from_file(data, in_order=False).table
    scores = trained.model.score(table, trained.model.history.copy())
    with data.open(newline="", encoding="utf-8") as stream:
        columns = list(csv.DictReader(stream))
    for at, row in enumerate(columns):
        row |= {"risk": f"{scores.risk[at]:.9g}", "lane": str(scores.lane[at])}
        row |= {f"risk_{head}": f"{scores.heads[head][at]:.9g}" for head in HEADS}
    write(tmp_path / "scored.csv", [Row(0, row) for row in columns])
    by_scores = evaluate_predictions(tmp_path / "scored.csv", truth=truth)
    assert set(by_scores) == set(by_file) - {"model"}
    for section in ("lanes", "false_positives_by_items"):
        assert by_scores[section] == by_file[section]
    ours, theirs = (one["labels"]["truth"]["risk"] for one in (by_scores, by_file))
    assert ours["finds"] == theirs["finds"]
    assert ours["base_rate"] == pytest.approx(sum(DEFAULT_BASE_RATES.values()))
    assert ours["pr_auc"]["value"] == pytest.approx(theirs["pr_auc"]["value"], rel=1e-3)


def test_the_truth_does_not_apply_to_an_own_label(tmp_path: Path, later: tuple[Path, Path]) -> None:
    made = small_rows(600, seed=2)
    for row in made:
        row.values |= {"risk": "0.5", "seized": "Y" if row.values["content"] not in ("", "none") else "N"}
    path = write(tmp_path / "own.csv", made)
    with pytest.raises(BadData, match="an office's own"):
        evaluate_predictions(path, label="seized", truth=later[1])


@pytest.mark.long
def test_a_world_with_a_tenth_of_the_illicit_traffic_is_scored_without_refitting(trained: TrainResult) -> None:
    calendar = [load_priors().day(f"calendar.{end}_day") for end in ("first", "last")]
    first, last = (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in calendar)
    window = Window("test", first + (last - first) // 4, last, last, np.zeros(0, dtype=np.int64))
    rows_done: list[int] = []
    before = {head: booster.model_to_string() for head, booster in trained.model.boosters.items()}
    found = calibration_in_tenth(
        trained.model,
        TrainConfig(rows=12_000, seed=1, draws=1, threads=1),
        window,
        resamples=5,
        progress=rows_done.append,
    )
    assert 0 < found["prevalence"] < 0.4 * load_priors().number("illicit.prevalence")
    assert 1000 < found["rows"] < 12_000
    assert rows_done[-1] == 12_000
    for kind in ("office", "truth"):
        assert found[kind]["bins"] == []
        assert (
            found[kind]["bins_reason"].endswith(" finds; a bin needs 200") or "are needed" in found[kind]["bins_reason"]
        )
    assert before == {head: booster.model_to_string() for head, booster in trained.model.boosters.items()}
