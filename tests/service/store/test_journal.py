"""The journal: decisions that wait for the database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.decisions.journal import Journal
from service.scoring.decision import NewDecision


def decision(number: int, **changes: Any) -> NewDecision:
    one = NewDecision(
        id=f"d{number}",
        shipment_id=f"S{number}",
        content_digest=bytes([number % 256]) * 32,
        received_at=1_000_000 + number,
        declared_s=number,
        history_order=number,
        what_if=False,
        channel="express",
        site=None,
        lane="green",
        selected_by=None,
        risk=0.1,
        percentile=0.2,
        model_version="1",
        model_digest="m",
        features_digest="f",
        rules_digest=None,
        via="score",
        duration_us=5,
        caller=None,
        manifest='{"note": "é\\u0000 \\n"}'.encode(),
        answer=b'{"risk":1e-06}',
    )
    return replace(one, **changes)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path)
    journal.open()
    return journal


def ids(journal: Journal, most: int = 100) -> list[str]:
    waiting = journal.head(most)
    return [] if waiting is None else [one.id for one in waiting.decisions]


def test_decisions_are_read_unchanged_and_in_order(journal: Journal) -> None:
    written = [decision(number) for number in range(5)]
    journal.append(written[:2])
    journal.append(written[2:])
    assert journal.waiting == 5
    waiting = journal.head(100)
    assert waiting is not None
    assert waiting.decisions == written


def test_delivered_decisions_are_removed_and_the_file_with_the_last_one(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(number) for number in range(5)])
    first = journal.head(3)
    assert first is not None
    journal.delivered(first)
    assert (journal.waiting, ids(journal)) == (2, ["d3", "d4"])
    rest = journal.head(3)
    assert rest is not None
    journal.append([decision(9)])
    journal.delivered(rest)
    assert ids(journal) == ["d9"]
    last = journal.head(3)
    assert last is not None
    journal.delivered(last)
    assert (journal.waiting, list(tmp_path.iterdir())) == (0, [])


def test_a_new_process_takes_over_the_decisions_of_an_ended_one(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(1), decision(2)])
    journal.close()
    next_one = Journal(tmp_path)
    next_one.open()
    next_one.append([decision(3)])
    assert next_one.waiting == 3
    assert ids(next_one) == ["d1", "d2"]


def test_a_file_of_a_running_process_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(1)])
    other = Journal(tmp_path)
    other.open()
    assert other.waiting == 0


def test_an_incomplete_last_line_is_cut_off(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(1), decision(2)])
    journal.close()
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    next_one = Journal(tmp_path)
    next_one.open()
    assert (next_one.waiting, ids(next_one)) == (1, ["d1"])


def test_a_damaged_line_is_set_aside_and_does_not_block_others(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(number) for number in range(3)])
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes().replace(b'"S1"', b'"S7"'))
    assert ids(journal) == ["d0", "d2"]
    assert b'"S7"' in (tmp_path / "set-aside").read_bytes()


def test_only_the_owner_may_read_a_file(journal: Journal, tmp_path: Path) -> None:
    journal.append([decision(1)])
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_failed_append_leaves_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.append([decision(1)])
    with monkeypatch.context() as full:
        full.setattr("os.fdatasync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            journal.append([decision(2)])
    journal.append([decision(3)])
    assert ids(journal) == ["d1", "d3"]
