"""``tidewaiter rules check``, ``rules try`` and the options of ``score``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from models.rules import default_rules
from service.cli import run
from tests.models.rules.test_reading import SOUND

HEADER = (
    "shipment_id,export_country,origin_country,goods_description,declared_at,consignor_name,consignee_name,channel,hs_code,"
    "net_mass_kg,customs_value,currency,consignor_account_opened_on,consignee_address,consignee_country,quantity\n"
)
#: Further fields of unsuspicious goods.
USUAL = "2026-05-04T09:30:00Z,Example Trading,Lakeside Ltd,air_cargo,691110,40,900,EUR,2015-03-01,12 Sample St,US,9"
RULES = """
[[rule]]
id = "mugs"
when = {field = "goods_description", op = "matches", value = "mug"}
effect = "at_least_yellow"
reason = "A mug"

[[rule]]
id = "from-china"
when = {field = "origin_country", op = "eq", value = "CN"}
effect = "at_least_red"
reason = "From China"

[[rule]]
id = "opioid-exemption"
when = {field = "goods_description", op = "matches", value = "fentanyl"}
effect = "at_most_green"
reason = "Not for us"

[[rule]]
id = "never"
when = {field = "goods_description", op = "eq", value = "unicorn"}
effect = "at_least_red"
reason = "Never"
"""
GOODS = (
    ("A", "CN", "CN", "ceramic mug"),
    ("B", "CN", "DE", "ceramic mug"),
    ("C", "DE", "", "cotton shirt"),
    ("D", "", "", "ceramic mug"),
    ("E", "DE", "DE", "fentanyl citrate"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.toml").write_text(RULES, encoding="utf-8")
    lines = [f"{name},{export},{origin},{goods},{USUAL}\n" for name, export, origin, goods in GOODS]
    (tmp_path / "in.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    return tmp_path


def scored(folder: Path, *options: str) -> dict[str, dict[str, str]]:
    assert run(["score", "in.csv", "out.csv", *options]) == 0
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return {row["shipment_id"]: row for row in csv.DictReader(file)}


def test_check_accepts_a_sound_file_and_names_each_fault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sound.toml").write_text(SOUND, encoding="utf-8")
    assert run(["rules", "check", "sound.toml"]) == 0
    assert capsys.readouterr().out == "sound.toml: 2 rules, valid.\n"
    broken = SOUND.replace('op = "ge"', 'op = ">="').replace('"first"', '"opioid without"')
    (folder / "broken.toml").write_text(broken, encoding="utf-8")
    assert run(["rules", "check", "broken.toml"]) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("broken.toml: line 3, rule number 1, field id: ")
    assert second.startswith("broken.toml: line 11, rule second, field when.all[0].op: ")


def test_check_refuses_an_id_of_the_default_set_and_a_missing_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "taken.toml").write_text(SOUND.replace('"second"', '"opioid-without-permit"'), encoding="utf-8")
    assert run(["rules", "check", "taken.toml"]) == 2
    assert "line 8, rule opioid-without-permit, field id: " in capsys.readouterr().out
    assert run(["rules", "check", "missing.toml"]) == 2


def test_try_shows_what_each_rule_alone_would_move_by_origin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lanes = {name: row["lane"] for name, row in scored(folder).items()}
    capsys.readouterr()
    assert run(["rules", "try", "rules.toml", "in.csv", "--json", "moves.json"]) == 0
    shown = capsys.readouterr().out
    assert "from-china" in shown
    report = json.loads((folder / "moves.json").read_text(encoding="utf-8"))
    assert report["shipments"] == 5
    by_id = {rule["id"]: rule for rule in report["rules"]}
    assert list(by_id) == ["mugs", "from-china", "opioid-exemption", "never"]
    green = [name for name in "ABD" if lanes[name] == "green"]
    assert by_id["mugs"]["shipments"] == 3
    assert by_id["mugs"]["moved"]["green_to_yellow"] == len(green) > 0
    origins = {"A": "CN", "B": "DE", "D": "unknown"}
    assert {origin: moved["shipments"] for origin, moved in by_id["mugs"]["by_origin"].items()} == dict.fromkeys(
        origins.values(), 1
    )
    for name in green:
        assert by_id["mugs"]["by_origin"][origins[name]]["moved"]["green_to_yellow"] == 1
    # Only the declared origin counts, and a country alone gives yellow.
    assert by_id["from-china"]["shipments"] == 1
    assert by_id["from-china"]["moved"]["green_to_yellow"] == (lanes["A"] == "green")
    assert by_id["from-china"]["moved"]["green_to_red"] == 0
    # The floor of the default set still applies.
    assert by_id["opioid-exemption"]["shipments"] == 1
    assert not any(by_id["opioid-exemption"]["moved"].values())
    assert (by_id["never"]["shipments"], by_id["never"]["by_origin"]) == (0, {})
    for rule in report["rules"]:
        for move, count in rule["moved"].items():
            assert count == sum(moved["moved"][move] for moved in rule["by_origin"].values())


def test_try_shows_what_the_rules_of_the_bundle_move(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "default.toml").write_text(default_rules().text, encoding="utf-8")
    assert run(["rules", "try", "default.toml", "in.csv", "--json", "moves.json"]) == 0
    by_id = {rule["id"]: rule for rule in json.loads((folder / "moves.json").read_text(encoding="utf-8"))["rules"]}
    assert list(by_id) == [rule.id for rule in default_rules().rules]
    assert by_id["opioid-without-permit"]["shipments"] == 1


def test_try_shows_what_a_changed_copy_of_the_default_rules_moves(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = default_rules().text
    changed = text.replace('effect = "at_least_red"', 'effect = "at_least_yellow"')
    assert changed != text
    (folder / "changed.toml").write_text(changed, encoding="utf-8")
    for file in ("changed.toml", "default.toml"):
        (folder / "default.toml").write_text(text, encoding="utf-8")
        for in_force in (None, "none"):
            if in_force is None:
                monkeypatch.delenv("TIDEWAITER_RULES", raising=False)
            else:
                monkeypatch.setenv("TIDEWAITER_RULES", in_force)
            assert run(["rules", "try", file, "in.csv", "--json", "moves.json"]) == 0
            report = json.loads((folder / "moves.json").read_text(encoding="utf-8"))
            by_id = {rule["id"]: rule for rule in report["rules"]}
            assert (by_id["opioid-without-permit"]["shipments"], by_id["watched-without-permit"]["shipments"]) == (1, 1)


def test_try_refuses_an_id_of_the_offices_rules(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_RULES", "rules.toml")
    assert run(["rules", "try", "rules.toml", "in.csv"]) == 2
    assert "a rule of rules.toml has this id" in capsys.readouterr().err


def test_score_adds_rules_and_a_register_or_takes_all_rules_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default, added, none = scored(folder), scored(folder, "--rules", "rules.toml"), scored(folder, "--rules", "none")
    assert (default["E"]["lane"], default["E"]["rule_ids"]) == ("red", "watched-without-permit;opioid-without-permit")
    # The office's rules raise A. E has the parties, the mass and the value of A, and other words.
    assert added["E"]["rule_ids"] == (
        "changed-declaration;watched-without-permit;opioid-without-permit;opioid-exemption"
    )
    assert (added["A"]["rule_ids"], none["E"]["rule_ids"]) == ("mugs;from-china", "")
    monkeypatch.setenv("TIDEWAITER_RULES", "rules.toml")
    assert scored(folder)["A"]["rule_ids"] == "mugs;from-china"
    assert scored(folder, "--rules", "none")["A"]["rule_ids"] == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rules", "broken"], "line 2, rule number 1, field id"),
        (["--rules", "missing.toml"], "missing.toml"),
        (["--register", "broken"], "line 1: the columns are"),
    ],
)
def test_unsound_rules_and_registers_end_with_status_2(
    options: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken").write_text("[[rule]]\nid = 3\n", encoding="utf-8")
    assert run(["score", "in.csv", "out.csv", *options]) == 2
    assert words in capsys.readouterr().err
    assert not (folder / "out.csv").exists()
