"""Tests of replacing the default rules of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from models.bundle import champion_dir, describe, load
from models.rules import default_rules, known_names, parse_rules
from tools.renew_rules import main, renew

OWN = """[[rule]]
id = "own"
when = {field = "channel", op = "eq", value = "postal"}
effect = "at_least_yellow"
reason = "Because"
"""


def test_a_bundle_gets_other_rules_another_digest_and_nothing_else(tmp_path: Path) -> None:
    info = renew(champion_dir(), tmp_path / "new", parse_rules(OWN, known_names()))
    renewed = load(tmp_path / "new")
    assert [rule.id for rule in renewed.rules.rules] == ["own"]
    assert renewed.digest == info.digest != describe(champion_dir()).digest
    for path in champion_dir().iterdir():
        if path.name not in ("bundle.json", "rules.toml"):
            assert (tmp_path / "new" / path.name).read_bytes() == path.read_bytes()


def test_the_champion_contains_the_default_rules_of_the_code() -> None:
    assert load(champion_dir()).rules.text == default_rules().text
    assert (champion_dir() / "rules.toml").is_file()


def test_faulty_rules_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("postal", "pigeon"), encoding="utf-8")
    arguments = ["renew_rules", str(champion_dir()), str(tmp_path / "new"), "--rules", str(tmp_path / "own.toml")]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 2
    assert "line 3, rule own, field when.value" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
