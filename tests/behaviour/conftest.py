"""Fixtures for the required behaviour of the champion."""

from __future__ import annotations

import pytest

from models.scoring import RiskModel
from tests.champion import load_champion


@pytest.fixture(scope="session")
def champion() -> RiskModel:
    return load_champion()
