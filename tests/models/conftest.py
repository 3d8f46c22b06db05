"""Models that are trained and saved once per session. Tests that change a bundle copy it first."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.table.table import ManifestTable
from models.bundle import bundle
from models.scoring import RISK, RiskModel
from tests.champion import load_champion
from tests.models.small_model import manifest, table_of, train


@pytest.fixture(scope="session")
def champion() -> RiskModel:
    return load_champion()


@pytest.fixture(scope="session")
def trained() -> RiskModel:
    return train()


@pytest.fixture(scope="session")
def single() -> RiskModel:
    """A model of an office's own binary label."""
    return train((RISK,), seed=1)


@pytest.fixture(scope="session")
def saved(trained: RiskModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle on disk. Tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("bundles") / "one"
    bundle.save(trained, folder)
    return folder


@pytest.fixture(scope="session")
def model(saved: Path) -> RiskModel:
    return bundle.load(saved)


@pytest.fixture(scope="session")
def table() -> ManifestTable:
    return table_of(manifest(600, seed=5))
