"""The commands of watch lists, dismissals, suppressions and permits, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.audit.proof import prove
from service.cli import run
from service.core.database.engine import Database
from service.lists.command import GROUPS
from service.lists.importing import COLUMN_OF
from service.lists.reading import FORMS

NAME = "Lianhe Novelty Trading"
WATCHED = ["--list", "brokers", "--kind", "name", "--text", NAME, "--reason", "Order 14"]


@pytest.fixture(autouse=True)
def commands(tmp_path: Path, url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make commands use a new database, once per engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWAITER_STORE", "on")
    monkeypatch.setenv("TIDEWAITER_DATABASE_URL", url)


def added(capsys: pytest.CaptureFixture[str], group: str, *options: str) -> str:
    """Add an entry and return its id."""
    capsys.readouterr()
    assert run([group, "add", *options]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.strip()


def shown(capsys: pytest.CaptureFixture[str], group: str, *options: str) -> list[dict[str, str | None]]:
    capsys.readouterr()
    assert run([group, "show", *options, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def removed(group: str, *options: str) -> int:
    return run([group, "remove", *options])


def imported(folder: Path, group: str, text: str, *options: str) -> int:
    (folder / "entries.csv").write_text(text, encoding="utf-8")
    return run([group, "import", "entries.csv", *options])


def test_there_are_commands_for_every_topic_and_member() -> None:
    assert {group.topic.name for group in GROUPS} == set(FORMS)
    for group in GROUPS:
        assert tuple(group.members) == FORMS[group.table].members
        assert {COLUMN_OF.get(name, name) for name in group.limits} <= set(group.topic.filters)


def test_an_entry_of_a_watch_list_is_added_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    entry = added(capsys, "lists", *WATCHED, "--lane", "red", "--country", "CN", "--expires-at", "2099-12-31")
    [found] = shown(capsys, "lists", "--list", "brokers")
    assert (found["id"], found["text"], found["lane"], found["country"]) == (entry, NAME, "red", "CN")
    assert (found["expires_at"], found["added_by"]) == ("2100-01-01T00:00:00Z", "tidewaiter lists")
    assert shown(capsys, "lists", "--list", "others") == []
    assert removed("lists", entry) == 0
    assert shown(capsys, "lists") == []
    assert removed("lists", entry) == 2


def test_dismissals_are_added_imported_shown_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = added(capsys, "lists", *WATCHED)
    dismissal = added(capsys, "dismissals", "--entry-id", entry, "--party", NAME, "--reason", "Another firm")
    text = f"entry_id,party,reason\n{entry},Lianhe Novelties,Seen in person\nnone,Lianhe,Guess\n"
    assert imported(tmp_path, "dismissals", text) == 1
    assert "line 3: entry_id: no entry of a watch list has the id 'none'" in capsys.readouterr().err
    entries = shown(capsys, "dismissals", "--entry-id", entry)
    assert [one["reason"] for one in entries] == ["Another firm", "Seen in person"]
    assert entries[0]["added_by"] == "tidewaiter dismissals"
    assert "party" not in entries[0]
    assert removed("dismissals", dismissal) == 0
    assert imported(tmp_path, "dismissals", f"entry_id,party,reason\n{entry},{NAME},Anew\n", "--replace") == 0
    assert "1 added, 1 removed" in capsys.readouterr().out
    assert removed("dismissals", "--entry-id", entry) == 0
    assert shown(capsys, "dismissals") == []


def test_suppressions_are_added_imported_shown_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    until = ["--reason", "Audited", "--expires-at", "2099-12-31"]
    suppression = added(capsys, "suppressions", "--rule-id", "press-to-private-person", "--consignor", NAME, *until)
    added(capsys, "suppressions", "--list", "brokers", *until)
    text = "rule_id,reason,expires_at\nopioid-without-permit,Audited,2099-12-31\nwatched-without-permit,No,2099-12-31\n"
    assert imported(tmp_path, "suppressions", text) == 1
    assert "line 3: rule_id: 'watched-without-permit' cannot be suppressed" in capsys.readouterr().err
    entries = shown(capsys, "suppressions")
    assert [(one["rule_id"], one["list"], one["consignor"]) for one in entries] == [
        ("press-to-private-person", "", NAME), ("", "brokers", ""), ("opioid-without-permit", "", ""),
    ]  # fmt: skip
    assert len(shown(capsys, "suppressions", "--rule-id", "opioid-without-permit")) == 1
    assert removed("suppressions", suppression) == 0
    assert removed("suppressions", "--list", "brokers") == 0
    assert [one["rule_id"] for one in shown(capsys, "suppressions")] == ["opioid-without-permit"]


def test_permits_and_licensed_parties_are_added_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    until = ["--valid-until", "2026-12-31"]
    permit = added(capsys, "permits", "--permit-number", "IP-2026-0042", "--party-name", "Lakeside Pharma Ltd", *until)
    licence = added(capsys, "permits", "--party-name", "Lakeside Pharma Ltd", "--party-country", "US", *until)
    until += ["--substance", "fentanyl"]
    limited = added(capsys, "permits", "--permit-number", "IP-7", "--party-name", "Example Clinic", *until)
    assert [one["substance"] for one in shown(capsys, "permits")] == ["", "", "fentanyl"]
    assert removed("permits", limited) == 0
    text = "permit_number,party_name,party_country,valid_from,valid_until\n,Example Hospital,DE,2026-01-01,\n"
    assert imported(tmp_path, "permits", text) == 0
    entries = shown(capsys, "permits")
    assert [(one["permit_number"], one["party_name"], one["valid_until"]) for one in entries] == [
        ("IP-2026-0042", "Lakeside Pharma Ltd", "2026-12-31"), ("", "Lakeside Pharma Ltd", "2026-12-31"),
        ("", "Example Hospital", ""),
    ]  # fmt: skip
    assert removed("permits", permit, licence) == 0
    assert "2 entries removed" in capsys.readouterr().out
    assert [one["party_name"] for one in shown(capsys, "permits")] == ["Example Hospital"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lists", "add", *WATCHED, "--lane", "blue", "--threshold", "20"], "threshold: '20' is not a percentage"),
        (["lists", "add", *WATCHED, "--lane", "blue", "--threshold", "20"], "lane: 'blue' is unknown"),
        (["lists", "add", "--list", "brokers", "--kind", "name", "--reason", "Order"], "--text"),
        (["suppressions", "add", "--reason", "Audited", "--expires-at", "2099-12-31"], "rule_id: is missing"),
        (
            ["permits", "add", "--permit-number", "N/A", "--party-name", "Example"],
            "permit_number: 'N/A' is a placeholder",
        ),
        (["suppressions", "remove"], "--rule-id or --list or --entry-id"),
        (["permits", "remove", "none", "--permit-number", "A-77"], "Name ids of entries"),
        (["permits", "remove", "none"], "There is no such entry"),
    ],
)
def test_wrong_use_is_refused_and_names_the_option(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())
    assert shown(capsys, arguments[0]) == []


def test_the_audit_chain_records_the_changes_of_commands(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    entry = added(capsys, "lists", *WATCHED)
    added(capsys, "dismissals", "--entry-id", entry, "--party", NAME, "--reason", "Another firm")
    added(capsys, "suppressions", "--consignor", NAME, "--reason", "Audited", "--expires-at", "2099-12-31")
    assert removed("permits", added(capsys, "permits", "--party-name", NAME)) == 0
    proof = prove(database)
    assert proof.fault is None
    assert {kind: tally.entries for kind, tally in proof.tallies.items()} == {
        "watch_entry_added": 1,
        "dismissal_added": 1,
        "suppression_added": 1,
        "permit_added": 1,
        "permit_removed": 1,
    }
