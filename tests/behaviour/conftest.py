"""Fixtures for the required behaviour of the champion."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.bundle import bundle, champion_dir
from models.scoring import RiskModel


@pytest.fixture(scope="session")
def champion_folder() -> Path:
    return champion_dir()


@pytest.fixture(scope="session")
def champion(champion_folder: Path) -> RiskModel:
    return bundle.load(champion_folder)
