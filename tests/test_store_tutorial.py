"""Run the tutorial of docs/store.md against a real server: score, claim, record an outcome, see it in the next score."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.served import served

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "store.md"
HEADING = "### From a score to the next score"


def blocks() -> list[str]:
    """Return the shell blocks of the tutorial, in order."""
    part = PAGE.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n### ")[0]
    found: list[str] = re.findall(r"^```sh\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 3
    return found


def test_the_tutorial_leads_from_a_score_to_the_next_score(tmp_path: Path) -> None:
    with served(folder=tmp_path, settings={"TIDEWAITER_STORE": "on", "TIDEWAITER_OPSIN": "false"}) as server:
        _follow(server.port, tmp_path)


def _follow(port: int, folder: Path) -> None:
    first, second, third = (block.replace(":8000", f":{port}") for block in blocks())
    _run(third, folder)
    before = _answer(folder, "next")
    assert before["lane"] == "green"
    # One shell for both, because the second uses a variable of the first.
    _run(first + second, folder)
    assert _answer(folder, "scored")["lane"] == "red"
    [waiting] = _answer(folder, "queue")["queue"]
    assert waiting["decision_id"] == _answer(folder, "scored")["decision_id"]
    assert _answer(folder, "claim")["claimed_by"] == "desk 3"
    assert _answer(folder, "outcome")["content"] == "precursor"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/v1/queue").json()["queue"] == []
        stored = client.get(f"/v1/decisions/{waiting['decision_id']}").json()
        assert [one["by"] for one in stored["outcomes"]] == ["Officer 4711"]
    deadline = time.monotonic() + 60
    while True:
        _run(third, folder)
        after = _answer(folder, "next")
        if after["lane"] != before["lane"]:
            break
        assert time.monotonic() < deadline, "the service did not learn the outcome"
    assert after["lane"] == "red"
    assert after["risk"] > before["risk"]
    assert after["reasons"][0]["code"] == "EARLIER_FINDS"


def _run(script: str, folder: Path) -> None:
    subprocess.run(["bash", "-euc", script], cwd=folder, check=True, timeout=60)


def _answer(folder: Path, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return answer
