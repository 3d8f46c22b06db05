"""The champion contains the evidence and the default rules of the code, and for a release all features."""

from __future__ import annotations

import pytest

from models.evidence.reading import DEFAULT
from models.rules import default_rules
from models.scoring import RiskModel
from tests.champion import FOLDER, LACKING


def test_the_champion_contains_the_evidence_of_the_code() -> None:
    assert (FOLDER / "evidence.toml").read_bytes() == DEFAULT.read_bytes(), "see the recipe in CONTRIBUTING.md"


def test_the_champion_contains_the_default_rules_of_the_code(champion: RiskModel) -> None:
    assert champion.rules.text == default_rules().text
    assert (FOLDER / "rules.toml").is_file()


@pytest.mark.long
def test_the_champion_has_learned_all_features_of_the_code() -> None:
    """Until it has, the service refuses it and tests of commands with the champion are skipped: run `make champion`."""
    assert LACKING == []
