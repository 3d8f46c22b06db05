"""``tidewaiter lists`` and ``tidewaiter permits``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import run

LISTS = """kind,text,reason,lane
name,Ocean Star Chemicals,Order 1,red
phone,+49 30 123456,Order 2,yellow
name,Nobody At All,Order 3,red
"""
HEADER = "shipment_id,goods_description,consignor_name,consignee_name,consignee_phone,hs_code,net_mass_kg,customs_value,currency\n"
MANIFEST = HEADER + (
    "A,ceramic mug,OCEAN STAR CHEMICAL Ltd,Lakeside Ltd,,691110,40,900,EUR\n"
    "B,ceramic mug,Example Trading,Lakeside Ltd,0049 30 123456,691110,40,900,EUR\n"
    "C,ceramic mug,Example Trading,Lakeside Ltd,,691110,40,900,EUR\n"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    (tmp_path / "east.csv").write_text(LISTS, encoding="utf-8")
    (tmp_path / "in.csv").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_list_is_imported_shown_replaced_and_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lists", "import", "east.csv", "--list", "east"]) == 0
    assert "3 added, 0 removed, 0 lines cannot be used." in capsys.readouterr().out
    entries = shown(capsys, "lists", "show", "--list", "east")
    assert [entry["text"] for entry in entries] == ["Ocean Star Chemicals", "+49 30 123456", "Nobody At All"]
    assert entries[0]["added_by"] == "tidewaiter lists"
    assert run(["lists", "remove", entries[0]["id"]]) == 0
    assert len(shown(capsys, "lists", "show")) == 2
    assert run(["lists", "import", "east.csv", "--list", "east", "--replace"]) == 0
    assert "3 added, 2 removed" in capsys.readouterr().out
    assert run(["lists", "remove", "--list", "east"]) == 0
    assert shown(capsys, "lists", "show") == []
    assert run(["lists", "remove", "--list", "east"]) == 2


def test_faulty_lines_are_named_and_the_others_imported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "faulty.csv").write_text(
        "kind,text,reason,list\nname,?,Order,x\nname,Dana Example,Order,x\n", encoding="utf-8"
    )
    assert run(["lists", "import", "faulty.csv"]) == 1
    captured = capsys.readouterr()
    assert "1 added" in captured.out
    assert "faulty.csv, line 2: text: '?' identifies nothing as name" in captured.err
    (folder / "other.csv").write_text("name\nDana\n", encoding="utf-8")
    assert run(["lists", "import", "other.csv"]) == 2
    assert "the columns are name; expected" in capsys.readouterr().err


@pytest.mark.parametrize("stored", [True, False])
def test_a_trial_counts_the_shipments_that_each_entry_hits_and_raises(
    folder: Path, capsys: pytest.CaptureFixture[str], stored: bool
) -> None:
    if stored:
        assert run(["lists", "import", "east.csv", "--list", "east"]) == 0
    options = [] if stored else ["--lists", "east.csv"]
    assert run(["lists", "try", "in.csv", "--json", "out.json", *options]) == 0
    trial = json.loads((folder / "out.json").read_text())
    assert (trial["shipments"], trial["raised"], trial["rows_rejected"]) == (3, 2, 0)
    counts = [(one["text"], one["list"], one["shipments"], one["raised"]) for one in trial["entries"]]
    assert counts == [
        ("Ocean Star Chemicals", "east", 1, 1),
        ("+49 30 123456", "east", 1, 1),
        ("Nobody At All", "east", 0, 0),
    ]
    assert "2 of 3 entries hit" in capsys.readouterr().out


def test_permits_are_imported_and_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "permits.csv").write_text(
        "permit_number,party_name,party_country,valid_from,valid_until\n"
        "IP-2026-0042,Lakeside Pharma Ltd,US,2026-01-01,2026-12-31\nN/A,Lakeside Pharma Ltd,US,,\n",
        encoding="utf-8",
    )
    assert run(["permits", "import", "permits.csv"]) == 1
    assert "line 3: permit_number: 'N/A' is a placeholder" in capsys.readouterr().err
    [permit] = shown(capsys, "permits", "show")
    assert (permit["permit_number"], permit["party_country"]) == ("IP-2026-0042", "US")


def test_a_command_that_creates_the_database_prints_only_its_result() -> None:
    command = "from service.cli import main; main(['permits', 'add', '--party-name', 'Lakeside Pharma Ltd'])"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    assert len(result.stdout.split()) == 1
    assert "schema_updated" in result.stderr


def test_without_a_store_the_error_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWAITER_STORE", "off")
    assert run(["lists", "show"]) == 2
    assert "TIDEWAITER_STORE" in capsys.readouterr().err
