"""Training on an office's own data starts from the prior of evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.groups.history.history import History
from features.manifest.fields import HEADS
from models.bundle import load
from models.evidence import Prior, read_evidence
from models.scoring import RISK, RiskModel
from tests.training.conftest import QUICK
from tests.training.small_data import rows, write
from training.config import TrainConfig
from training.data.sources import from_file
from training.evaluation.evaluation import TrainResult
from training.fitting.residual import shrinkage
from training.pipeline import train


def _matrix(model: RiskModel, path: Path, label: str | None = None) -> np.ndarray:
    table = from_file(path, label=label, fields=model.space.further_fields).table
    return model.space.transform(table, History.empty().replay(
        table, np.zeros(table.n_shipments, dtype=bool), np.full(table.n_shipments, -1)
    ).values)  # fmt: skip


@pytest.fixture(scope="module")
def clean_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file without a find."""
    data = rows(2000)
    for row in data:
        row.values["content"] = row.values["content"] and "none"
    return write(tmp_path_factory.mktemp("clean") / "clean.csv", data)


@pytest.fixture(scope="module")
def without_finds(clean_file: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    bundle = tmp_path_factory.mktemp("without") / "bundle"
    return train(TrainConfig(data=clean_file, bundle=bundle, track=False, threads=1, params=QUICK))


def test_without_finds_raw_scores_are_those_of_the_prior(without_finds: TrainResult, data_file: Path) -> None:
    assert without_finds.bundle is not None
    model = load(without_finds.bundle)
    matrix = _matrix(model, data_file)
    prior = Prior(read_evidence(), tuple(HEADS), model.space.names).log_odds(matrix)
    assert np.ptp(prior, axis=0).min() > 0.5
    assert model.predict_raw(matrix).tobytes() == prior.tobytes()


def test_without_finds_the_probabilities_are_those_of_the_prior(without_finds: TrainResult, data_file: Path) -> None:
    model = without_finds.model
    table = from_file(data_file).table
    scores = model.score(table, History.empty())
    prior = model.predict_raw(_matrix(model, data_file))[:, 0]
    stated = 1.0 / (1.0 + np.exp(-prior))
    np.testing.assert_allclose(scores.item_heads[:, 0], stated, rtol=0.5)
    assert {calibrator.kind for calibrator in model.calibrators.values()} == {"identity"}


def test_the_card_states_that_there_was_no_find_to_learn_from(without_finds: TrainResult) -> None:
    card = without_finds.model.card
    for head in HEADS:
        assert card["heads"][head]["constant"] == "no find to learn from: it returns the prior of evidence"
        assert card["heads"][head]["shrinkage_of_trees"] == 0.0
    section = next(one for one in card["sections"] if one["heading"] == "Prior and trees")
    assert (
        "no find to learn from, so the score is the prior. Its probabilities are those that the prior states."
        in section["text"][1]
    )
    assert "There are few finds" in card["windows"]["notes"][0]


def test_contributions_add_up_to_prior_plus_trees(trained: TrainResult, data_file: Path) -> None:
    model, matrix = trained.model, _matrix(trained.model, data_file)[:200]
    raw = model.predict_raw(matrix)
    assert model.evidence is not None
    trees = raw - model.prior.log_odds(matrix)
    assert (np.ptp(trees, axis=0) > 0.1).all()
    for k, head in enumerate(model.heads):
        contributions = model.explain_rows(matrix, head)
        assert contributions.shape[1] == len(model.space.names) + len(model.prior.entries) + 1
        np.testing.assert_allclose(contributions.sum(axis=1), raw[:, k], atol=1e-9, rtol=0)


def test_a_model_without_its_evidence_gives_other_scores(trained: TrainResult, data_file: Path) -> None:
    matrix = _matrix(trained.model, data_file)[:200]
    bare = replace(trained.model, evidence=None)
    assert np.abs(bare.predict_raw(matrix) - trained.model.predict_raw(matrix)).min() > 1.0


def test_the_metrics_and_the_card_compare_prior_trees_and_both(trained: TrainResult) -> None:
    parts = trained.metrics["parts"]
    assert set(parts) == {"prior", "trees", "both"}
    assert parts["both"]["office"]["pr_auc"]["value"] == pytest.approx(
        trained.metrics["labels"]["office"]["risk"]["pr_auc"]["value"]
    )
    assert parts["prior"]["office"]["pr_auc"] != parts["trees"]["office"]["pr_auc"]
    section = next(one for one in trained.model.card["sections"] if one["heading"] == "Prior and trees")
    assert [row[0] for row in section["table"]["rows"]] == ["prior alone", "trees alone", "both"]
    assert trained.model.card["heads"]["precursor"]["shrinkage_of_trees"] == pytest.approx(
        shrinkage(trained.model.card["heads"]["precursor"]["finds_learned_from"]), abs=1e-3
    )


def test_evidence_does_not_apply_to_an_own_label(tmp_path: Path) -> None:
    data = rows(3000)
    draw = np.random.default_rng(5)
    for row in data:
        row.values["fraud"] = str(int(draw.random() < (0.4 if row.values["hs_code"] == "950300" else 0.05)))
    path = write(tmp_path / "fraud.csv", data, without=("content", "inspection", "selection_probability"))
    result = train(TrainConfig(data=path, label="fraud", bundle=tmp_path / "b", track=False, threads=1, params=QUICK))
    model = load(tmp_path / "b")
    assert model.evidence is not None
    assert model.evidence.factors == {RISK: 0.0}
    assert result.model.card["heads"][RISK]["prior_factor"] == model.evidence.factors[RISK]
    assert "parts" not in result.metrics
    matrix = _matrix(model, path, "fraud")[:100]
    assert np.ptp(model.prior.log_odds(matrix)) == 0.0
    np.testing.assert_allclose(
        model.explain_rows(matrix, RISK).sum(axis=1), model.predict_raw(matrix)[:, 0], atol=1e-9, rtol=0
    )
