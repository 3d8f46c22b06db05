"""The champion's evidence and default rules are those of the code."""

from __future__ import annotations

from pathlib import Path

from models.evidence.reading import DEFAULT
from models.rules import default_rules
from models.scoring import RiskModel


def test_the_champion_contains_the_evidence_of_the_code(champion_folder: Path) -> None:
    assert (champion_folder / "evidence.toml").read_bytes() == DEFAULT.read_bytes(), "see the recipe in CONTRIBUTING.md"


def test_the_champion_contains_the_default_rules_of_the_code(champion: RiskModel, champion_folder: Path) -> None:
    assert champion.rules.text == default_rules().text
    assert (champion_folder / "rules.toml").is_file()
