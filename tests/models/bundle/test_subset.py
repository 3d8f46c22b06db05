"""Loading of a bundle that lacks features of the code. Only tests of the champion may do so."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from features import space
from features.groups.base import Feature, FloatArray, GroupInput
from features.groups.filing import FilingGroup
from features.groups.reason_codes import ReasonCode
from features.table.table import ManifestTable
from models.bundle import BundleRefused, ModelStore, load, verify
from models.scoring import RiskModel

ROOT = Path(__file__).parents[3]


class WithZebra(FilingGroup):
    """The group with a further feature at its end, in the middle of the matrix."""

    features = (
        *FilingGroup.features,
        Feature("zebra", "filing", "Whether a zebra is declared", ReasonCode.FILING_KIND),
    )

    def fill(self, source: GroupInput, history: FloatArray, out: FloatArray) -> None:
        super().fill(source, history, out[:, :-1])
        out[:, -1] = 7.0


@pytest.fixture
def new_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that the code has and saved bundles lack."""
    groups = [WithZebra if group is FilingGroup else group for group in space._GROUPS]
    monkeypatch.setattr(space, "_GROUPS", tuple(groups))


@pytest.mark.usefixtures("new_feature")
def test_a_bundle_that_lacks_a_feature_is_refused_by_default(saved: Path, tmp_path: Path) -> None:
    for refuses in (load, verify, ModelStore(tmp_path).install):
        with pytest.raises(BundleRefused, match="features this code has and the bundle lacks: zebra"):
            refuses(saved)


def test_trees_ignore_a_feature_that_they_have_not_learned(
    saved: Path, model: RiskModel, table: ManifestTable, request: pytest.FixtureRequest
) -> None:
    before = model.score(table, model.history.copy(), explain="all")
    request.getfixturevalue("new_feature")
    wider = load(saved, features="subset")
    assert wider.predictor == model.predictor
    at = wider.space.names.index("zebra")
    assert 0 < at < len(wider.space.names) - 1
    assert tuple(name for name in wider.space.names if name != "zebra") == model.space.names
    after = wider.score(table, wider.history.copy(), explain="all")
    assert after.item_heads.tobytes() == before.item_heads.tobytes()
    assert after.lane.tolist() == before.lane.tolist()
    assert after.explained.base_values == before.explained.base_values
    rows = np.random.default_rng(0).normal(size=(20, len(wider.space.names)))
    for head in wider.heads:
        contributions = wider.explain_rows(rows, head)
        assert not contributions[:, at].any()
        known = model.explain_rows(np.delete(rows, at, axis=1), head)
        np.testing.assert_allclose(np.delete(contributions, at, axis=1), known, rtol=0.0, atol=1e-12)


def test_a_bundle_with_all_features_is_the_same_either_way(saved: Path, model: RiskModel) -> None:
    assert load(saved, features="subset").digest == model.digest


def test_a_feature_that_the_code_lacks_is_refused_either_way(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_GROUPS", tuple(group for group in space._GROUPS if group is not FilingGroup))
    with pytest.raises(BundleRefused, match="features the bundle has and this code lacks: channel"):
        load(saved, features="subset")


def test_no_command_and_no_setting_loads_such_a_bundle() -> None:
    """`features` is given to `load` nowhere outside tests, and no module but that of `load` knows the word."""
    for folder in ("features", "models", "service", "training", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if path.name == "bundle.py" and path.parent.name == "bundle":
                assert text.count('"subset"') == 2
                continue
            strings = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
            assert "subset" not in strings, path
