"""A small labelled file, and a model trained on it, shared by all tests of a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.small_data import rows, write
from training.config import TrainConfig
from training.evaluation.evaluation import TrainResult
from training.fitting.params import BoostingParams
from training.pipeline import train

#: Few trees suffice for small data, and keep the tests fast.
QUICK = BoostingParams(learning_rate=0.15, num_leaves=7, most_trees=60, patience=10)


@pytest.fixture(scope="session")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "labelled.csv", rows())


@pytest.fixture(scope="session")
def trained(data_file: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder = tmp_path_factory.mktemp("trained")
    return train(
        TrainConfig(
            data=data_file,
            bundle=folder / "bundle",
            metrics=folder / "metrics.json",
            track=False,
            threads=1,
            params=QUICK,
        )
    )
