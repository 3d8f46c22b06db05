"""`train` as a whole: no data from the future, reproducible bytes, and metrics that separate skill from chance."""

from __future__ import annotations

import copy
import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import load
from tests.training.conftest import QUICK
from tests.training.small_data import Row, iso, rows, write
from training.config import TrainConfig
from training.data.dataset import BadData
from training.data.sources import from_file
from training.data.windows import TooLittleData
from training.evaluation.baselines import BASELINES
from training.evaluation.evaluation import TrainResult, score_dataset
from training.evaluation.run_evaluation import evaluate_file, evaluate_predictions
from training.pipeline import train


def _train(folder: Path, data: list[Row], **options: object) -> TrainResult:
    folder.mkdir(exist_ok=True)
    path = write(folder / "labelled.csv", data)
    base = TrainConfig(data=path, bundle=folder / "bundle", track=False, threads=1, params=QUICK)
    return train(replace(base, **options))  # type: ignore[arg-type]


def _trees(result: TrainResult) -> dict[str, str]:
    return {head: booster.model_to_string() for head, booster in result.model.boosters.items()}


def test_a_model_learns_the_planted_patterns(trained: TrainResult) -> None:
    risk = trained.metrics["labels"]["office"]["risk"]
    assert trained.metrics["evaluated_on"] == "the test window, by the final model"
    assert risk["roc_auc"]["value"] > 0.8
    assert risk["pr_auc"]["low"] > 3 * risk["prevalence"]


@pytest.mark.long
def test_random_labels_give_no_skill(tmp_path: Path) -> None:
    result = _train(tmp_path, rows(shuffled=True))
    risk = result.metrics["labels"]["office"]["risk"]
    assert risk["finds"] > 30
    assert risk["roc_auc"]["low"] < 0.5 < risk["roc_auc"]["high"] + 0.03
    assert risk["roc_auc"]["value"] < 0.58


def test_the_same_data_and_seed_give_the_same_bundle_to_the_byte(
    trained: TrainResult, data_file: Path, tmp_path: Path
) -> None:
    again = train(TrainConfig(data=data_file, bundle=tmp_path / "b", track=False, threads=1, params=QUICK))
    assert again.digest == trained.digest


@pytest.mark.long
def test_another_seed_gives_another_bundle(trained: TrainResult, data_file: Path, tmp_path: Path) -> None:
    other = train(TrainConfig(data=data_file, bundle=tmp_path / "c", track=False, threads=1, params=QUICK, seed=1))
    assert other.digest != trained.digest


@pytest.mark.long
def test_labels_of_the_test_window_change_only_the_metrics(trained: TrainResult, tmp_path: Path) -> None:
    data = rows()
    assert trained.windows.test is not None
    changed = 0
    for row in data:
        if row.declared_s >= trained.windows.test.start_s and row.values["content"]:
            row.values["content"] = "none" if row.values["content"] != "none" else "fentanyl"
            changed += 1
    assert changed > 100
    other = _train(tmp_path, data)
    assert _trees(other) == _trees(trained)
    assert other.model.calibrators == trained.model.calibrators
    assert other.model.lanes == trained.model.lanes
    assert other.metrics["labels"]["office"] != trained.metrics["labels"]["office"]


@pytest.mark.long
def test_a_find_that_becomes_known_only_after_the_test_window_begins_is_not_learned(tmp_path: Path) -> None:
    data = rows()
    first = _train(tmp_path / "first", data)
    assert first.windows.test is not None
    late = iso(first.windows.test.start_s + 86400)
    finds = [row for row in data if row.values["content"] not in ("", "none")]
    # Change only a few: more would lengthen the label delay, and with it the gaps between windows.
    for row in finds[10:60:10]:
        row.values["inspected_at"] = late
    as_find = _train(tmp_path / "find", data)
    clean = copy.deepcopy(data)
    for row in clean:
        if row.values["inspected_at"] == late:
            row.values["content"] = "none"
    as_clean = _train(tmp_path / "clean", clean)
    assert _trees(as_find) == _trees(as_clean)
    assert _trees(as_find) != _trees(first)


@pytest.mark.long
def test_later_shipments_do_not_change_the_trees(tmp_path: Path) -> None:
    # Features of training rows must not depend on goods, parties or values of the test window.
    data = rows()
    first = _train(tmp_path / "first", data)
    assert first.windows.test is not None
    for row in data:
        if row.declared_s >= first.windows.test.start_s:
            row.values |= {
                "consignor_name": "Example Newcomer",
                "goods_description": "unknown goods",
                "net_mass_kg": "999",
            }
    second = _train(tmp_path / "second", data)
    assert _trees(second) == _trees(first)
    assert second.model.space.to_state()[0] == first.model.space.to_state()[0]


def test_the_bundle_contains_the_model_that_was_evaluated(trained: TrainResult, data_file: Path) -> None:
    assert trained.bundle is not None
    model = load(trained.bundle)
    assert model.digest == trained.digest
    assert model.version == trained.model.version
    assert _trees(trained) == {head: booster.model_to_string() for head, booster in model.boosters.items()}
    for name, calibrator in model.calibrators.items():
        assert model.prevalence[name] == calibrator.prevalence
    # The bundle stores training rows with LightGBM's own scores of them.
    assert model.check is not None
    assert model.check.rows.shape == (256, len(model.space.names))
    for k, head in enumerate(model.heads):
        again = np.asarray(model.boosters[head].predict(model.check.rows, raw_score=True))
        np.testing.assert_array_equal(again, model.check.raw[:, k])


def test_heads_share_their_first_trees_and_differ_in_the_others(trained: TrainResult) -> None:
    heads = trained.model.card["heads"]
    (shared,) = {one["trees_common_to_all_heads"] for one in heads.values()}
    assert shared > 0
    # The values differ: those of each head are shrunk by its own number of finds.
    texts = {head: re.sub("(leaf|internal)_value=.*", "", text) for head, text in _trees(trained).items()}
    first = {head: text.split("Tree=")[1 : shared + 1] for head, text in texts.items()}
    assert first["precursor"] == first["equipment"] == first["fentanyl_or_analogue"]
    for head, booster in trained.model.boosters.items():
        assert booster.num_trees() == heads[head]["trees"] > shared


def test_contributions_of_joined_boosters_add_up_to_the_raw_score(trained: TrainResult, data_file: Path) -> None:
    table = from_file(data_file).table.take(np.arange(200))
    model = trained.model
    matrix = model.space.transform(table, model.history.copy().advance(table).values)
    raw = model.predict_raw(matrix)
    for k, head in enumerate(model.heads):
        np.testing.assert_allclose(model.explain_rows(matrix, head).sum(axis=1), raw[:, k], atol=1e-9, rtol=0)


def test_the_card_states_the_origin_and_the_limits_of_the_model(trained: TrainResult, data_file: Path) -> None:
    card = trained.model.card
    assert card["data"]["source"] == "labelled.csv"
    assert len(card["data"]["sha256"]) == 64
    assert card["data"]["shipments"] == 8000
    assert [*card["windows"]["windows"]] == ["fit", "stop", "calibrate", "lanes", "test", "refit"]
    assert card["training"]["seed"] == 0
    assert [f["name"] for f in card["features"]] == list(trained.model.space.names)
    assert all(f["meaning"] for f in card["features"])
    assert sum(f["share_of_gain"] for f in card["features"]) == pytest.approx(1.0, abs=1e-3)
    assert card["monotone"]["consignor_finds"] == "rises"
    assert any("Origin alone" in limit for limit in card["limits"])
    assert card["metrics"]["labels"]["office"]["risk"]["prevalence"] > 0
    assert card["heads"]["precursor"]["base_rate_is"] == "assumed"


@pytest.mark.long
def test_lanes_contain_about_their_intended_shares_of_traffic(data_file: Path, tmp_path: Path) -> None:
    # Some 800 clean shipments set the thresholds: 4 of them red, 20 red or yellow. The shares of one model are 0.009 to 0.028.
    lanes = []
    for seed in range(1, 6):
        config = TrainConfig(
            data=data_file,
            bundle=tmp_path / f"{seed}",
            metrics=tmp_path / f"{seed}.json",
            track=False,
            threads=1,
            params=QUICK,
            seed=seed,
        )
        lanes.append(train(config).metrics["lanes"])
    red = np.mean([one["red"]["clean_traffic"] for one in lanes])
    yellow = np.mean([one["yellow"]["clean_traffic"] for one in lanes])
    assert red < 0.02
    assert 0.005 < red + yellow < 0.08
    assert np.mean([one["red"]["finds"] for one in lanes]) > 3 * red


def test_the_metrics_file_compares_the_model_with_baselines(trained: TrainResult) -> None:
    assert trained.bundle is not None
    report = json.loads((trained.bundle.parent / "metrics.json").read_text())
    assert report["model"]["digest"] == trained.digest
    assert set(report["labels"]["office"]) == {"risk", "fentanyl_or_analogue", "precursor", "equipment"}
    assert set(report["baselines"]) == set(BASELINES)
    assert set(report["baselines_chose"]["depth_2_tree"]["features"]) <= set(trained.model.space.names)
    assert report["baselines"]["depth_2_tree"]["office"]["roc_auc"]["value"] > 0.6
    assert set(report["false_positives_by_origin"]) >= {"origins", "ratio"}


def test_a_head_without_finds_returns_the_prior_of_evidence_and_the_card_mentions_it(tmp_path: Path) -> None:
    result = _train(tmp_path, rows(contents=("fentanyl", "fentanyl", "precursor")))
    head = result.model.card["heads"]["equipment"]
    assert head["constant"] == "no find to learn from: it returns the prior of evidence"
    assert "constant" not in result.model.card["heads"]["precursor"]
    data = from_file(tmp_path / "labelled.csv")
    scored = score_dataset(result.model, data)
    rows_of_history = result.model.history.copy().advance(data.table)
    matrix = result.model.space.transform(data.table, rows_of_history.values)
    np.testing.assert_allclose(scored.of_head[:, 2], result.model.prior.log_odds(matrix)[:, 2], atol=1e-3)
    figures = result.metrics["labels"]["office"]["equipment"]["pr_auc"]
    assert figures == {
        "value": None,
        "reason": "0 finds in this window; at least 10 are needed",
        "cause": "too few finds",
    }


@pytest.fixture(scope="module")
def own_label(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Path]:
    """A model of a binary column, trained with a holdout whose rows are out of order and partly unreadable."""
    folder = tmp_path_factory.mktemp("own")
    labelled, later = rows(), rows(1200, seed=9)
    for row in labelled + later:
        is_find = row.values["content"] not in ("", "none")
        row.values["seized"] = "" if not row.values["content"] else "Y" if is_find else "N"
    later = later[::-1]
    later[7].values["shipment_id"] = ""
    data = write(folder / "labelled.csv", labelled, without=("content", "inspected_at", "inspection"))
    holdout = write(folder / "holdout.csv", later, without=("content", "inspected_at", "inspection"))
    result = train(
        TrainConfig(
            data=data, label="seized", positive="Y", holdout=holdout, predictions=folder / "out.csv",
            bundle=folder / "bundle", track=False, threads=1, params=QUICK,
        )
    )  # fmt: skip
    return result, folder


def test_an_own_label_trains_one_head_at_the_base_rate_of_its_data(own_label: tuple[TrainResult, Path]) -> None:
    result, _ = own_label
    assert result.model.heads == ("risk",)
    assert result.model.card["label"] == {"column": "seized", "positive": "Y"}
    rate = result.model.base_rates["risk"]
    assert 0.02 < rate < 0.1
    assert result.model.card["heads"]["risk"]["base_rate_is"] == "the share of finds in its data"
    # Lanes of half a percent and two percent would leave most finds in green.
    lanes = result.model.card["lanes"]
    assert (lanes["red_share"], lanes["yellow_share"]) == pytest.approx((rate / 2, rate))
    assert result.windows.test is None
    assert result.metrics["evaluated_on"].startswith("the lanes window, by boosters refitted without it")


def test_predictions_contain_the_unchanged_holdout_rows_in_order(own_label: tuple[TrainResult, Path]) -> None:
    _, folder = own_label
    given, got = (list(csv.reader((folder / name).read_text().splitlines())) for name in ("holdout.csv", "out.csv"))
    assert got[0] == [*given[0], "risk", "item_risk"]
    assert [row[:-2] for row in got[1:]] == given[1:]
    assert [i for i, row in enumerate(got[1:]) if row[-2] == row[-1] == ""] == [7]
    assert all(0 < float(row[-1]) <= float(row[-2]) < 1 for i, row in enumerate(got[1:]) if i != 7)


def test_predictions_are_the_scores_of_the_bundle(own_label: tuple[TrainResult, Path]) -> None:
    _, folder = own_label
    by_file = evaluate_file(load(folder / "bundle"), folder / "holdout.csv")
    by_predictions = evaluate_predictions(folder / "out.csv", label="seized", positive="Y")
    one = by_file["labels"]["office"]["risk"]
    other = by_predictions["labels"]["office"]["risk"]
    assert one["finds"] == other["finds"] > 10
    assert one["pr_auc"]["value"] == pytest.approx(other["pr_auc"]["value"], rel=1e-6)
    assert one["roc_auc"]["value"] == pytest.approx(other["roc_auc"]["value"], rel=1e-6)
    assert one["roc_auc"]["value"] > 0.75


def test_a_labelled_holdout_has_metrics_baselines_and_figures_of_new_declarations(
    own_label: tuple[TrainResult, Path],
) -> None:
    result, folder = own_label
    holdout = result.metrics["holdout"]
    by_predictions = evaluate_predictions(folder / "out.csv", label="seized", positive="Y")["labels"]["office"]["risk"]
    assert holdout["labels"]["office"]["risk"]["roc_auc"]["value"] == pytest.approx(
        by_predictions["roc_auc"]["value"], rel=1e-6
    )
    assert set(holdout["baselines"]) == set(BASELINES)
    left_out = "1 of 1,200 rows could not be read and were left out. 1: shipment_id: is missing; "
    assert any(note.startswith(left_out) for note in holdout["notes"])
    # A row without a result says nothing, so it is neither a find nor clean.
    with (folder / "holdout.csv").open(encoding="utf-8") as stream:
        known = sum(bool(row["seized"] and row["shipment_id"]) for row in csv.DictReader(stream))
    assert f"{1199 - known} of 1,199 shipments have no result and are left out." in holdout["notes"]
    lines = holdout["capacity"]["lines"]
    assert lines["all"]["rows"] == lines["never seen"]["rows"] == known
    assert lines["all"]["at_capacity"]["0.01"]["rows"] == round(known / 100)
    assert lines["all"]["at_capacity"]["0.1"]["best_recall"] == 1.0
    assert lines["seen before"]["reason"].startswith("0 finds among 0 rows")
    # The bundle does not depend on the holdout.
    assert "holdout" not in result.model.card["metrics"]


@pytest.mark.long
def test_the_holdout_does_not_change_the_model(own_label: tuple[TrainResult, Path], tmp_path: Path) -> None:
    result, folder = own_label
    holdout = write(tmp_path / "other.csv", rows(50, seed=77))
    again = train(
        TrainConfig(
            data=folder / "labelled.csv", label="seized", positive="Y", holdout=holdout, predictions=tmp_path / "p.parquet",
            bundle=tmp_path / "bundle", track=False, threads=1, params=QUICK,
        )
    )  # fmt: skip
    assert again.digest == result.digest
    import pyarrow.parquet as pq

    assert pq.read_table(tmp_path / "p.parquet").column_names[-2:] == ["risk", "item_risk"]


def test_predictions_with_a_missing_or_invalid_risk_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("shipment_id,goods_description,content\nA,lamp,none\n")
    with pytest.raises(BadData, match="no column `risk`"):
        evaluate_predictions(path)
    path.write_text("shipment_id,goods_description,content,risk\nA,lamp,none,0.1\nB,cup,none,12\n")
    with pytest.raises(BadData, match=r"row 2, field risk: got '12', but expected a probability from 0 to 1"):
        evaluate_predictions(path)


@pytest.mark.long
def test_data_without_times_is_split_at_random_and_a_note_mentions_it(tmp_path: Path) -> None:
    path = write(tmp_path / "timeless.csv", rows(4000), without=("declared_at", "inspected_at"))
    result = train(TrainConfig(data=path, bundle=tmp_path / "b", track=False, threads=1, params=QUICK))
    assert not result.windows.in_time
    assert result.model.version.startswith("untimed-")
    assert "random split by consignor" in result.model.card["windows"]["notes"][0]
    assert result.metrics["labels"]["office"]["risk"]["roc_auc"]["value"] > 0.6


def test_too_little_data_is_refused_with_the_counts_and_the_minimum(tmp_path: Path) -> None:
    with pytest.raises(TooLittleData, match=r"fit has \d+ finds and needs 20"):
        _train(tmp_path, rows(300))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "seized"}, "--label describes a file, but no --data FILE was given"),
        ({"holdout": Path("x.csv")}, "--holdout FILE and --predictions FILE go together"),
        ({"data": Path("nowhere.csv")}, "nowhere.csv: no such file"),
        ({"data": Path("nowhere.csv"), "positive": "1"}, "no --label COLUMN was given"),
        ({"rows": 0}, "--rows and --threads are at least 1"),
    ],
)
def test_contradictory_options_are_refused_before_any_work(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadData, match=message):
        train(TrainConfig(**options))  # type: ignore[arg-type]


def test_a_bundle_folder_in_use_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(BadData, match="exists and is not empty; give a new folder"):
        train(TrainConfig(bundle=tmp_path))
