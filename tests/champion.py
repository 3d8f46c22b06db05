"""The champion for tests of its figures. All other tests use a small model, which is fitted to whatever features exist."""

from __future__ import annotations

from typing import Final

import pytest

from features.space import feature_names
from models.bundle import champion_dir, load
from models.bundle.audit import read_manifest
from models.scoring import RiskModel

#: Features of the code that the champion has not learned.
_LACKING: Final = sorted({*feature_names()} - {*read_manifest(champion_dir(), None)[1]["features"]["names"]})

#: Marks tests that run commands or services with the champion, which refuse it while it lacks features of the code.
serves_champion = pytest.mark.skipif(
    bool(_LACKING), reason=f"the champion lacks {', '.join(_LACKING)}; `make champion` trains it"
)


def load_champion() -> RiskModel:
    """Return the champion. It ignores features of the code that it has not learned."""
    return load(champion_dir(), features="subset")
