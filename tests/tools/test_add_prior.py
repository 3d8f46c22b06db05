"""Tests of the command that adds the evidence as the prior of a model's trees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import load
from models.evidence import read_evidence
from models.scoring import RiskModel
from tests.models.small_model import HEADS, manifest, table_of, train
from tests.tools.test_upgrade_bundle import write_old
from tools import add_prior
from tools.add_prior import World, with_prior
from training.data.labels import KnownLabels
from training.data.window_features import WindowFeatures


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


def window(model: RiskModel, seed: int) -> WindowFeatures:
    """Return a window of inspected shipments. Items are illicit with e times the odds that the model states."""
    table = table_of(manifest(800, seed))
    matrix = model.space.transform(table, model.history.copy().advance(table).values)
    raw = model.predict_raw(matrix)
    find = np.random.default_rng(seed).random(raw.shape) < 1 / (1 + np.exp(-raw - 1.0))
    n = table.n_shipments
    labels = KnownLabels(
        find=find, weight=np.ones(n), presumed=np.zeros(n, dtype=np.bool_), stated=np.ones(n, dtype=np.bool_)
    )
    return WindowFeatures(matrix, labels, table.first_row, table.shipment)


@pytest.fixture(scope="module")
def world(model: RiskModel) -> World:
    return World("a small world", window(model, 22))


KEEP = dict(zip(HEADS, (0.0, 0.5, 1.0), strict=True))


def test_the_new_model_is_prior_plus_shrunk_trees_with_new_calibrators_and_lanes(
    model: RiskModel, world: World
) -> None:
    new = with_prior(model, read_evidence(), KEEP, world)
    rows = world.lanes.matrix[:40]
    trees = new.predict_raw(rows) - new.prior.log_odds(rows)
    assert trees == pytest.approx(model.predict_raw(rows) * list(KEEP.values()), abs=1e-9)
    assert new.calibrators["precursor"] != model.calibrators["precursor"]
    assert all(calibrator.slopes[-1] == 1.0 for calibrator in new.calibrators.values())
    assert new.card["evidence"]["sha256"] == read_evidence().digest
    assert new.lanes != model.lanes


def test_the_risk_is_that_of_the_prior_at_the_default_base_rates(model: RiskModel, world: World) -> None:
    new = with_prior(model, read_evidence(), dict.fromkeys(HEADS, 0.0), world)
    table = table_of(manifest(60, seed=9))
    table_scores = new.score(table, new.history.copy())
    matrix = new.space.transform(table, new.history.copy().advance(table).values)
    stated = 1 / (1 + np.exp(-new.prior.log_odds(matrix)))
    assert table_scores.item_heads == pytest.approx(stated, rel=1e-6)
    assert table_scores.item_risk == pytest.approx(1 - (1 - stated).prod(axis=1), rel=1e-6)


def test_kept_trees_count_relative_to_their_mean(model: RiskModel, world: World) -> None:
    new = with_prior(model, read_evidence(), KEEP, world)
    nothing = np.zeros((1, len(new.space.names)))
    for head, base in zip(HEADS, new.prior.base.tolist(), strict=True):
        assert float(new.calibrators[head](new.explain_rows(nothing, head)[0, -1])) == pytest.approx(base)


def test_the_command_writes_a_bundle_that_loads(
    monkeypatch: pytest.MonkeyPatch,
    model: RiskModel,
    world: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = write_old(model, tmp_path / "old", 1)
    monkeypatch.setattr(World, "simulate", lambda model, rows, seed: world)
    monkeypatch.setattr(
        "sys.argv", ["add_prior", str(old), str(tmp_path / "new"), "--keep", "0.1", "--keep", "equipment=0.3"]
    )
    assert add_prior.main() == 0
    new = load(tmp_path / "new")
    assert new.card["evidence"]["share of the trees kept"] == dict(zip(HEADS, (0.1, 0.1, 0.3), strict=True))
    assert new.digest in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["add_prior", str(old), str(tmp_path / "other"), "--keep", "weapons=1"])
    assert add_prior.main() == 4
    assert "HEAD=SHARE" in capsys.readouterr().err


def test_a_changed_file_of_evidence_is_used(model: RiskModel, world: World, tmp_path: Path) -> None:
    evidence = read_evidence()
    halved = replace(evidence, entries=tuple(replace(entry, log_odds=entry.log_odds / 2) for entry in evidence.entries))
    keep = dict.fromkeys(HEADS, 0.0)
    rows = world.lanes.matrix
    full, half = (with_prior(model, one, keep, world).predict_raw(rows) for one in (evidence, halved))
    assert half == pytest.approx(full / 2, abs=1e-9)
