"""Worlds by other authors: each is deterministic, complete, and shares nothing but the writer."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.worlds.writer import COLUMNS, CONTENTS, World

FOLDER = Path("training/worlds")
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/world.py") if path.parent.name != "own")
#: Worlds that `make test` builds; `make test-long` builds the others too.
SHORT = ("northpost", "southharbour")
ALLOWED = {"numpy", "pandas", "training.worlds.writer"}


@cache
def world(name: str) -> World:
    built: World = import_module(f"training.worlds.{name}.world").build(3_000, 1)
    return built


def test_there_is_a_world_by_another_author() -> None:
    assert NAMES


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SHORT else pytest.mark.long) for name in NAMES]
)
class TestWorld:
    def test_has_the_form_of_a_world(self, name: str) -> None:
        built = world(name)
        assert list(built.items.columns) == list(COLUMNS)
        assert list(built.items["shipment_id"].drop_duplicates()) == list(built.truth["shipment_id"])
        assert list(built.evidence.index) == list(built.truth["shipment_id"]) == list(built.points.index)
        assert set(built.truth["content"]) <= set(CONTENTS)
        assert np.isfinite(built.evidence.to_numpy(float)).all()
        assert built.items.drop_duplicates("shipment_id")["declared_at"].is_monotonic_increasing

    def test_keeps_its_prevalence_and_hard_negatives_in_a_small_sample(self, name: str) -> None:
        truth = world(name).truth
        scored = truth[~truth["warmup"]]
        illicit = scored["content"] != "none"
        assert 0.002 < illicit.mean() < 0.015
        assert scored["hard"].mean() > 0.01
        assert not (scored["hard"] & illicit).any()
        assert truth["warmup"].mean() > 0.1

    def test_a_missing_field_does_not_reveal_the_truth(self, name: str) -> None:
        built = world(name)
        content = built.truth.set_index("shipment_id")["content"]
        illicit = (built.items["shipment_id"].map(content) != "none").to_numpy()
        missing = (built.items == "").to_numpy()
        # The ROC-AUC of a yes-or-no value is (1 + the difference of the shares) / 2.
        auc = 0.5 + 0.5 * np.abs(missing[illicit].mean(axis=0) - missing[~illicit].mean(axis=0))
        assert auc.max() < 0.75

    @pytest.mark.long
    def test_is_reproducible(self, name: str) -> None:
        again = import_module(f"training.worlds.{name}.world").build(3_000, 1)
        pd.testing.assert_frame_equal(again.items, world(name).items)
        pd.testing.assert_frame_equal(again.truth, world(name).truth)

    def test_imports_neither_features_nor_another_world(self, name: str) -> None:
        for path in sorted((FOLDER / name).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    assert node.level == 0, path
                    modules = [node.module or ""]
                for module in modules:
                    own = module in ALLOWED or module.startswith(f"training.worlds.{name}.")
                    assert own or module.partition(".")[0] not in {
                        "features", "models", "service", "training", "tests", "tools",
                    }, (path, module)  # fmt: skip
