"""A model does not learn from the author's world on which it is tested."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from features.manifest.fields import HEADS
from features.manifest.records import Record, read_record
from features.table.table import ManifestTable
from models.bundle import load, save
from tests.training.authors.conftest import NAMES, QUICK
from training.authors.__main__ import train_champion
from training.authors.learning import CLEAN_SHARE, NEW_OFFICE, PREVALENCE, UNSEEN, Taught
from training.authors.leaving_out import KINDS, Authors, LeftOut, best_scores, leave_each_out, leave_out, report
from training.authors.report import further_markdown, further_tables, log_authors, markdown_of, rows_of
from training.registry.tracking import client


@pytest.fixture(scope="module")
def results(authors: Authors) -> dict[str, LeftOut]:
    return leave_each_out(authors, QUICK)


@pytest.fixture(scope="module")
def best(results: dict[str, LeftOut]) -> dict[str, NDArray[np.float64]]:
    return best_scores(results, threads=1)


@pytest.fixture(scope="module")
def figures(results: dict[str, LeftOut], best: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    return report(results, best)


def test_labels_and_traffic_of_the_left_out_author_change_nothing(
    authors: Authors, results: dict[str, LeftOut]
) -> None:
    name = NAMES[0]
    views = authors.views[name]
    flipped = replace(views.data, content=~views.data.content)
    changed = replace(views, data=flipped)
    other = Authors(
        {**authors.views, name: changed},
        {**authors.taught, name: [Taught.of(changed, authors.prior)]},
        authors.evidence,
    )
    np.testing.assert_array_equal(leave_out(other, name, QUICK).raw, results[name].raw)


def test_the_left_out_world_has_the_features_of_a_new_office(authors: Authors) -> None:
    views = authors.views[NAMES[1]]
    new = authors.new(NAMES[1])
    assert new.shape == views.settled.shape
    first = authors.names.index("consignor_finds")
    # A new office has no results, a settled office has some.
    assert np.nanmax(new[:, first]) == 0.0
    assert np.nanmax(views.settled[:, first]) > 0.0
    # Its history begins with the first shipment.
    assert new[0, authors.names.index("consignor_shipments")] == 0.0


def test_each_author_has_the_same_weight_and_the_same_share_of_finds(authors: Authors) -> None:
    for name in NAMES:
        lessons = authors.taught[name][0].lessons(authors.usual(name), authors.prior)
        is_find = lessons.find.any(axis=1)
        assert lessons.weight.mean() == pytest.approx(1.0)
        assert lessons.weight[is_find].sum() / lessons.weight.sum() == pytest.approx(PREVALENCE)
        views = authors.views[name]
        assert is_find.sum() == views.illicit.sum() + len(views.by_law.matrix)


def test_trees_learn_from_several_runs_of_a_world_and_only_the_first_is_scored(authors: Authors) -> None:
    for name in NAMES:
        first, second = authors.taught[name]
        assert second.find.any()
        assert len(first.settled) != len(second.settled) or (first.settled != second.settled).any()
        np.testing.assert_array_equal(first.settled, Taught.of(authors.views[name], authors.prior).settled)
    rows = sum(len(taught.settled) for name in NAMES[1:] for taught in authors.taught[name])
    assert len(authors.lessons(slope=1.0, without=NAMES[0]).matrix) == rows


def test_lessons_of_all_authors_are_those_of_each_run_in_order(authors: Authors) -> None:
    every = authors.lessons(slope=0.5)
    parts = [
        taught.lessons(authors.usual(name), authors.prior, slope=0.5)
        for name in NAMES
        for taught in authors.taught[name]
    ]
    for name in ("matrix", "prior", "find", "weight"):
        np.testing.assert_array_equal(getattr(every, name), np.concatenate([getattr(part, name) for part in parts]))


def test_a_third_of_the_training_rows_has_the_features_of_a_new_office(authors: Authors) -> None:
    name = NAMES[0]
    views, taught = authors.views[name], authors.taught[name][0]
    assert taught.as_new.mean() == pytest.approx(NEW_OFFICE, abs=0.05)
    assert len(taught.settled) == pytest.approx(CLEAN_SHARE * len(views.settled), rel=0.1)
    seen = np.array([column for column, feature in enumerate(authors.names) if feature not in UNSEEN])
    matrix = taught.lessons(authors.usual(name), authors.prior).matrix[:, seen]
    np.testing.assert_array_equal(matrix[~taught.as_new], taught.settled[np.ix_(~taught.as_new, seen)])
    # Each of these rows equals a row of the new office's features.
    complete = {row.tobytes() for row in authors.new(name)[:, seen]}
    assert all(row.tobytes() in complete for row in matrix[taught.as_new])


def test_trees_see_a_watched_substance_but_not_which_one_it_is(authors: Authors) -> None:
    lessons = authors.lessons(slope=0.5)
    of = {name: lessons.matrix[:, authors.names.index(name)] for name in (*UNSEEN, "substance_watched")}
    assert all((of[name] == 0.0).all() for name in UNSEEN)
    # Half of the lessons of law declare opioids, half precursors.
    by_law = authors.taught[NAMES[0]][0].settled[-len(authors.views[NAMES[0]].by_law.matrix) :]
    assert (by_law[:, authors.names.index("substance_watched")] == 2.0).all()
    assert set(by_law[:, authors.names.index("substance_opioid")].tolist()) == {0.0, 2.0}
    # The prior sees it.
    taught = authors.taught[NAMES[0]][0]
    start = taught.lessons(authors.usual(NAMES[0]), authors.prior).prior
    assert (
        start[-len(by_law) :, :2].argmax(axis=1) == np.where(by_law[:, authors.names.index("substance_opioid")], 0, 1)
    ).all()


def test_the_report_has_the_keys_of_the_contract(figures: dict[str, Any]) -> None:
    figures = json.loads(json.dumps(figures, allow_nan=False))
    assert list(figures["authors"]) == list(NAMES)
    wanted = {"pr_auc", "recall_0.001", "recall_0.005", "recall_0.01", "hard_in_0.01", "red_clean", "yellow_clean"}
    for of_world in figures["authors"].values():
        assert all(wanted <= set(of_world[kind]) for kind in KINDS)
        assert {"pr_auc", "recall_0.01"} <= set(of_world["best"])
    table = markdown_of(figures)
    assert table.count("\n") == 2 + len(NAMES) * (len(KINDS) + 1)
    assert rows_of(figures)[1][0] == sorted(NAMES)[0]


def test_the_report_contains_comparison_calibration_and_origins(figures: dict[str, Any]) -> None:
    assert set(figures) == {"authors", "comparison", "calibration", "origins"}
    comparison = figures["comparison"]
    assert set(comparison["worlds"]) == set(NAMES)
    for name in NAMES:
        of_world = figures["authors"][name]
        for measure, one in comparison["worlds"][name].items():
            better = max(of_world[kind][measure] for kind in ("prior", "boosters"))
            assert of_world[one["against"]][measure] == better
            assert one["value"] == pytest.approx(of_world["both"][measure] - better)
            assert one["low"] <= one["high"]
    for measure, mean in comparison["mean"].items():
        assert mean["value"] == pytest.approx(np.mean([comparison["worlds"][name][measure]["value"] for name in NAMES]))
    assert set(figures["calibration"]["worlds"]) == set(figures["origins"]) == set(NAMES)
    text = further_markdown(figures)
    assert all(
        text.count(f"| {name} |") == 2 + (figures["origins"][name]["largest_over_smallest"] is not None)
        for name in NAMES
    )
    assert len(further_tables(figures)) == 3


def test_the_prior_ranks_better_than_chance(results: dict[str, LeftOut]) -> None:
    from sklearn.metrics import roc_auc_score

    for result in results.values():
        assert roc_auc_score(result.views.illicit, result.scores["prior"]) > 0.65


def test_the_champion_has_an_empty_history_and_its_card_names_its_worlds(
    authors: Authors, results: dict[str, LeftOut], figures: dict[str, Any], tmp_path: Path
) -> None:
    saved = save(train_champion(authors, results, QUICK, report=figures), tmp_path / "bundle")
    model = load(tmp_path / "bundle", expected_digest=saved)
    assert model.heads == tuple(HEADS)
    assert model.history.sequence == 0
    assert not any(model.history.sizes().values())
    assert model.evidence is not None
    assert model.evidence.digest == authors.evidence.digest
    worlds = model.card["data"]["worlds"]
    assert set(worlds) == set(NAMES)
    for of_world in worlds.values():
        (further,) = of_world["further_runs"]
        assert further["sha256"] != of_world["sha256"]
    assert set(model.card["metrics"]["left_out_worlds"]) == set(NAMES)
    assert set(model.card["metrics"]) == {"left_out_worlds", "comparison", "calibration", "origins"}
    assert any("spread between worlds is the real uncertainty" in limit for limit in model.card["limits"])
    row = {
        "shipment_id": "X",
        "goods_description": "fentanyl hydrochloride",
        "consignee_country": "US",
        "net_mass_kg": "0.1",
    }
    scores = model.score(ManifestTable.from_records([_record(row)], receipt=1_790_000_000), model.history.copy())
    assert scores.lane.tolist() == ["red"]
    assert scores.risk[0] > 0.9
    # The probabilities of everything else come from worlds that the trees did not see.
    for head in HEADS:
        calibrator = model.calibrators[head]
        assert calibrator.spares_facts
        assert calibrator.n_positive == sum(
            int((result.views.illicit & ~result.outcomes.declared).sum()) for result in results.values()
        )


@pytest.mark.long
def test_mlflow_has_a_run_per_left_out_author_below_one_parent(
    results: dict[str, LeftOut], best: dict[str, NDArray[np.float64]], figures: dict[str, Any], tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    scores = {name: ({**result.scores, "best": best[name]}, result.views.illicit) for name, result in results.items()}
    run = log_authors(figures, QUICK, None, uri, scores=scores)
    tracking = client(uri)
    parent = tracking.get_run(run)
    children = tracking.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{run}'")
    assert {child.data.tags["world"] for child in children} == set(NAMES)
    assert all("both.recall_0.01" in child.data.metrics for child in children)
    assert all("difference.pr_auc.low" in child.data.metrics for child in children)
    assert all("calibration.declared" in child.data.metrics for child in children)
    for child in children:
        drawn = [artifact.path for artifact in tracking.list_artifacts(child.info.run_id)]
        assert drawn == [f"curves_{child.data.tags['world']}.png"]
    assert parent.data.metrics["mean.difference.pr_auc.value"] == pytest.approx(
        figures["comparison"]["mean"]["pr_auc"]["value"]
    )
    written = {artifact.path for artifact in tracking.list_artifacts(run)}
    assert written == {"authors.md", "authors.png", "figures.json"}
    assert parent.data.params["shrinkage"] == str(QUICK.shrinkage)


def _record(row: dict[str, str]) -> Record:
    return read_record(
        {
            "shipment_id": row["shipment_id"],
            "consignee": {"country": row["consignee_country"]},
            "items": [{"goods_description": row["goods_description"], "net_mass_kg": 0.1}],
        }
    )
