"""The champion, for tests of its figures. All others use the small model of tests/conftest.py, which has all features."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import models
from features.space import feature_names
from models.bundle import load
from models.bundle.audit import read_manifest
from models.scoring import RiskModel

FOLDER: Final = Path(models.__file__).parent / "champion"
#: Features of the code that the champion has not learned.
LACKING: Final = sorted({*feature_names()} - {*read_manifest(FOLDER, None)[1]["features"]["names"]})

#: Marks tests of commands and services with the champion, which they refuse while it lacks features of the code.
serves_champion = pytest.mark.skipif(
    bool(LACKING), reason=f"the champion lacks {', '.join(LACKING)}; `make champion` trains it"
)


def load_champion() -> RiskModel:
    """Return the champion. It ignores features of the code that it has not learned."""
    return load(FOLDER, features="subset")
