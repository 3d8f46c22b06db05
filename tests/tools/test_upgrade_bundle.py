"""Tests of the copies of bundles in the present form: older protocols, older feature names, other evidence and other rules."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import BundleRefused, load, save
from models.bundle.audit import MANIFEST, features_digest, seal, sha256
from models.bundle.files import json_bytes, parse_json
from models.evidence import parse_evidence
from models.evidence.reading import DEFAULT
from models.rules import default_rules
from models.scoring import RiskModel
from models.trees import StoredRows, scaled
from tests.models.small_model import HEADS, manifest, table_of, train
from tools.upgrade_bundle import RENAMED, main, upgrade
from training.fitting.boosting import shrunk

OWN_RULES = """[[rule]]
id = "own"
when = {field = "channel", op = "eq", value = "postal"}
effect = "at_least_yellow"
reason = "Because"
"""


@pytest.fixture(scope="module")
def model() -> RiskModel:
    return train()


@pytest.fixture(scope="module")
def saved(model: RiskModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "saved"
    save(model, folder)
    return folder


def write_old(model: RiskModel, folder: Path, protocol: int) -> Path:
    """Write a bundle of protocol 1 or 2, which has one booster per head."""
    separate = {head: scaled(booster, model.factors[head]) for head, booster in model.boosters.items()}
    separate = {head: type(one)(model_str=one.model_to_string()) for head, one in separate.items()}
    save(replace(model, boosters=separate, factors={}), folder)
    document = json.loads((folder / MANIFEST).read_bytes()) | {"protocol": protocol}
    del document["boosters"]
    document["seal"] = seal(document)
    (folder / MANIFEST).write_bytes(json_bytes(document))
    return folder


@pytest.fixture(params=[1, 2])
def old(request: pytest.FixtureRequest, model: RiskModel, tmp_path: Path) -> Path:
    return write_old(model, tmp_path / "old", request.param)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["upgrade_bundle", *map(str, arguments)])
    return main()


def test_an_upgraded_bundle_loads_and_scores_as_before(model: RiskModel, old: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"protocol [12], .*tools\.upgrade_bundle OLD NEW"):
        load(old)
    info = upgrade(old, tmp_path / "new")
    upgraded = load(tmp_path / "new", expected_digest=info.digest)
    assert upgraded.evidence is None
    assert len(list((tmp_path / "new").glob("booster_*"))) == len(HEADS)
    table = table_of(manifest(50, seed=2))
    before = model.score(table, model.history.copy()).risk
    assert upgraded.score(table, upgraded.history.copy()).risk.tobytes() == before.tobytes()


@pytest.mark.parametrize("factors", [(1.0, 1.0, 1.0), (2.0, 5.0 / 3.0, 5.0 / 3.0), (0.6, 0.5, 0.1)])
def test_heads_of_an_old_bundle_whose_trees_differ_by_a_factor_share_a_booster(
    model: RiskModel, factors: tuple[float, ...], tmp_path: Path
) -> None:
    shared = dict.fromkeys(HEADS, model.boosters[HEADS[0]])
    assert model.check is not None
    check = StoredRows.of(list(shared.values()), model.check.rows, factors)
    like = replace(model, boosters=shared, factors=dict(zip(HEADS, factors, strict=True)), check=check)
    upgrade(write_old(like, tmp_path / "old", 2), tmp_path / "new")
    upgraded = load(tmp_path / "new")
    rows = model.check.rows
    assert upgraded.predict_raw(rows).tobytes() == like.predict_raw(rows).tobytes()
    if factors[0] != 0.6:
        # 0.6 is not a power of two. Rounding then leaves no factor that gives each value to the last bit: heads keep boosters.
        assert [path.name for path in (tmp_path / "new").glob("booster_*")] == [f"booster_{HEADS[0]}.txt"]


def test_a_bundle_of_the_present_form_is_copied_unchanged(saved: Path, tmp_path: Path) -> None:
    upgrade(saved, tmp_path / "new")
    for path in saved.iterdir():
        assert (tmp_path / "new" / path.name).read_bytes() == path.read_bytes()


def test_an_altered_bundle_is_not_upgraded(old: Path, tmp_path: Path) -> None:
    document = json.loads((old / MANIFEST).read_bytes())
    (old / MANIFEST).write_bytes(json_bytes(document | {"version": "2"}))
    with pytest.raises(BundleRefused, match="altered"):
        upgrade(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_bundle_with_an_altered_file_is_not_upgraded(old: Path, tmp_path: Path) -> None:
    (old / "CARD.md").write_text("better than it is", encoding="utf-8")
    with pytest.raises(BundleRefused, match=r"CARD\.md") as refused:
        upgrade(old, tmp_path / "new")
    assert refused.value.folder == old
    assert not (tmp_path / "new").exists()


def test_an_existing_folder_is_not_overwritten(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        upgrade(saved, tmp_path)


def test_old_feature_names_are_renamed(model: RiskModel, saved: Path, tmp_path: Path) -> None:
    new_to_old = {new: old for old, new in RENAMED.items()}
    folder = tmp_path / "old"
    folder.mkdir()
    document = parse_json((saved / MANIFEST).read_bytes())
    names = [new_to_old.get(name, name) for name in document["features"]["names"]]
    for name in document["files"]:
        data = (saved / name).read_bytes()
        if name.startswith("booster_"):
            first, mark, rest = data.decode().partition("\nfeature_names=")
            data = (first + mark + " ".join(names) + rest[rest.index("\n") :]).encode()
        (folder / name).write_bytes(data)
        document["files"][name] = {"sha256": sha256(data), "size": len(data)}
    document["features"] = {"names": names, "sha256": features_digest(names)}
    document["seal"] = seal(document)
    (folder / MANIFEST).write_bytes(json_bytes(document))
    with pytest.raises(BundleRefused, match="trade_lane_share"):
        load(folder)
    upgrade(folder, tmp_path / "new")
    converted = load(tmp_path / "new")
    assert converted.space.names == model.space.names
    for head in HEADS:
        assert converted.boosters[head].dump_model()["tree_info"] == model.boosters[head].dump_model()["tree_info"]


def unchanged_but(old: Path, new: Path, name: str) -> None:
    for path in old.iterdir():
        if path.name not in ("bundle.json", name):
            assert (new / path.name).read_bytes() == path.read_bytes()


def test_a_bundle_gets_other_evidence_another_digest_and_nothing_else(
    model: RiskModel, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = DEFAULT.read_bytes().replace(b"log_odds = 9.0", b"log_odds = 8.5", 1)
    (tmp_path / "own.toml").write_bytes(source)
    assert run(monkeypatch, saved, tmp_path / "new", "--evidence", tmp_path / "own.toml") == 0
    renewed = load(tmp_path / "new")
    assert renewed.evidence == parse_evidence(source)
    assert renewed.digest in capsys.readouterr().out
    assert renewed.digest != load(saved).digest
    unchanged_but(saved, tmp_path / "new", "evidence.toml")
    assert run(monkeypatch, tmp_path / "new", tmp_path / "default", "--evidence") == 0
    assert (tmp_path / "default" / "evidence.toml").read_bytes() == DEFAULT.read_bytes()


def test_a_bundle_gets_other_rules_another_digest_and_nothing_else(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.toml").write_text(OWN_RULES, encoding="utf-8")
    assert run(monkeypatch, saved, tmp_path / "new", "--rules", tmp_path / "own.toml") == 0
    renewed = load(tmp_path / "new")
    assert [rule.id for rule in renewed.rules.rules] == ["own"]
    assert renewed.digest != load(saved).digest
    unchanged_but(saved, tmp_path / "new", "rules.toml")
    assert run(monkeypatch, tmp_path / "new", tmp_path / "default", "--rules") == 0
    assert load(tmp_path / "default").rules.text == default_rules().text


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--evidence", DEFAULT.read_text(encoding="utf-8").replace('= "base"', '= "up"', 1), "direction"),
        ("--rules", OWN_RULES.replace("postal", "pigeon"), "line 3, rule own, field when.value"),
    ],
)
def test_a_faulty_file_is_refused(
    option: str,
    text: str,
    message: str,
    saved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    assert run(monkeypatch, saved, tmp_path / "new", option, tmp_path / "own.toml") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_refused_bundle_gives_exit_status_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, tmp_path / "new") == 4
    assert "bundle.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0])
def test_shrinking_multiplies_the_raw_scores(model: RiskModel, factor: float) -> None:
    assert model.check is not None
    for k, head in enumerate(HEADS):
        raw = np.asarray(shrunk(model.boosters[head], factor).predict(model.check.rows, raw_score=True))
        assert raw == pytest.approx(factor * model.check.raw[:, k], abs=1e-12)
