"""Benchmarks measure the champion. Their tests use the small model."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _no_champion(instead_of_the_champion: None) -> None:
    """Let functions that load the champion load the small model."""
