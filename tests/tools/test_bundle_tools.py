"""Tests of the commands that upgrade a bundle and that add the evidence as the prior of its trees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import BundleRefused, load, save
from models.bundle.audit import MANIFEST, seal
from models.bundle.files import json_bytes
from models.evidence import read_evidence
from models.scoring import RiskModel
from tests.models.small_model import HEADS, manifest, table_of, train
from tools import add_prior
from tools.add_prior import World, with_prior
from tools.upgrade_bundle import upgrade
from training.data.labels import KnownLabels
from training.data.window_features import WindowFeatures
from training.fitting.booster_text import shrunk


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


@pytest.fixture
def old(model: RiskModel, tmp_path: Path) -> Path:
    """A bundle of protocol 1."""
    folder = tmp_path / "old"
    save(model, folder)
    set_manifest(folder, protocol=1)
    return folder


def set_manifest(folder: Path, **changes: object) -> None:
    document = json.loads((folder / MANIFEST).read_bytes()) | changes
    document["seal"] = seal(document)
    (folder / MANIFEST).write_bytes(json_bytes(document))


def test_an_upgraded_bundle_loads_and_scores_as_before(model: RiskModel, old: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="protocol 1"):
        load(old)
    info = upgrade(old, tmp_path / "new")
    upgraded = load(tmp_path / "new", expected_digest=info.digest)
    assert upgraded.evidence is None
    table = table_of(manifest(50, seed=2))
    before = model.score(table, model.history.copy()).risk
    assert upgraded.score(table, upgraded.history.copy()).risk.tobytes() == before.tobytes()


def test_an_altered_bundle_is_not_upgraded(old: Path, tmp_path: Path) -> None:
    document = json.loads((old / MANIFEST).read_bytes())
    (old / MANIFEST).write_bytes(json_bytes(document | {"version": "2"}))
    with pytest.raises(BundleRefused, match="altered"):
        upgrade(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_bundle_with_an_altered_file_is_not_upgraded(old: Path, tmp_path: Path) -> None:
    (old / "CARD.md").write_text("better than it is", encoding="utf-8")
    with pytest.raises(BundleRefused, match=r"CARD\.md"):
        upgrade(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0])
def test_shrinking_multiplies_the_raw_scores(model: RiskModel, factor: float) -> None:
    assert model.check is not None
    for k, head in enumerate(HEADS):
        raw = np.asarray(shrunk(model.boosters[head], factor).predict(model.check.rows, raw_score=True))
        assert raw == pytest.approx(factor * model.check.raw[:, k], abs=1e-12)


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
    monkeypatch: pytest.MonkeyPatch, old: Path, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
