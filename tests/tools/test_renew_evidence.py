"""Tests of replacing the evidence of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.bundle import champion_dir, describe, load
from models.evidence import parse_evidence
from models.evidence.reading import DEFAULT
from tools.renew_evidence import main, renew


def test_a_bundle_gets_other_evidence_another_digest_and_nothing_else(tmp_path: Path) -> None:
    evidence = parse_evidence(DEFAULT.read_bytes().replace(b"log_odds = 9.0", b"log_odds = 8.5", 1))
    info = renew(champion_dir(), tmp_path / "new", evidence)
    renewed = load(tmp_path / "new")
    assert renewed.evidence == evidence
    assert renewed.digest == info.digest != describe(champion_dir()).digest
    for path in champion_dir().iterdir():
        if path.name not in ("bundle.json", "evidence.toml"):
            assert (tmp_path / "new" / path.name).read_bytes() == path.read_bytes()


def test_the_champion_contains_the_evidence_of_the_code() -> None:
    assert (champion_dir() / "evidence.toml").read_bytes() == DEFAULT.read_bytes(), "see the recipe in CONTRIBUTING.md"


def test_faulty_evidence_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = DEFAULT.read_text(encoding="utf-8").replace('direction = "base"', 'direction = "up"', 1)
    (tmp_path / "own.toml").write_text(source, encoding="utf-8")
    arguments = ["renew_evidence", str(champion_dir()), str(tmp_path / "new"), "--evidence", str(tmp_path / "own.toml")]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 2
    assert "direction" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
