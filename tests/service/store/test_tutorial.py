"""Run the example of docs/inspect.md against a real server, on each engine, with and without keys: score, claim, record, see the
outcome in the next score.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.champion import serves_champion
from tests.service.served import served

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "inspect.md"
HEADING = "## From a score to the next score"


def blocks() -> list[str]:
    """Return the shell blocks of the tutorial, in order."""
    part = PAGE.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"^```sh\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 4
    return found


@serves_champion
@pytest.mark.parametrize("auth", ["off", "on"])
def test_the_tutorial_leads_from_a_score_to_the_next_score(auth: str, url: str, tmp_path: Path) -> None:
    settings = {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_OPSIN": "false",
        "TIDEWAITER_AUTH": auth,
        "TIDEWAITER_DATABASE_URL": url,
    }
    with served(folder=tmp_path, settings=settings) as server:
        commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        shell = Shell(tmp_path, {**os.environ, **settings, "PATH": commands, "PYTHONPATH": str(ROOT)})
        key, *others = (block.replace(":8000", f":{server.port}") for block in blocks())
        if auth == "on":
            shell.run(key)
            _wait_for_the_key(shell, server.url)
        _follow(shell, others, server.url, "desk 3" if auth == "off" else None)


class Shell:
    """Shell of a user in a folder. Its curl reads the key from ``.curlrc`` in the folder, if there is one."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment, "CURL_HOME": str(folder)}

    def run(self, script: str) -> str:
        """Run commands and return what they print."""
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self._folder,
            env=self._environment,
            check=True,
            timeout=60,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def answer(self, name: str) -> dict[str, Any]:
        """Return the answer in a file of the tutorial."""
        answer: dict[str, Any] = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        return answer


def _wait_for_the_key(shell: Shell, url: str) -> None:
    deadline = time.monotonic() + 60
    # Wait for an answer with the queue, because after many attempts without a valid key the status is 429 instead of 401.
    while "items" not in json.loads(shell.run(f"curl -s {url}/v1/queue")):
        assert time.monotonic() < deadline, "the service did not accept the key"


def _follow(shell: Shell, scripts: list[str], url: str, holder: str | None) -> None:
    """Follow the tutorial.

    Args:
        holder: holder of the claim; None for the key.
    """
    first, second, third = scripts
    shell.run(third)
    before = shell.answer("next")
    assert before.get("lane") == "green", before
    # One shell for both, because the second uses a variable of the first.
    shell.run(first + second)
    assert shell.answer("scored")["lane"] == "red"
    [waiting] = shell.answer("queue")["items"]
    assert waiting["decision_id"] == shell.answer("scored")["decision_id"]
    outcome = shell.answer("outcome")
    assert outcome["content"] == "precursor"
    assert shell.answer("claim")["claimed_by"] == (holder or outcome["caller"])
    assert json.loads(shell.run(f"curl -s {url}/v1/queue"))["items"] == []
    stored = json.loads(shell.run(f"curl -s {url}/v1/decisions/{waiting['decision_id']}"))
    assert [one["by"] for one in stored["outcomes"]] == ["Officer 4711"]
    deadline = time.monotonic() + 60
    while True:
        shell.run(third)
        after = shell.answer("next")
        if after["lane"] != before["lane"]:
            break
        assert time.monotonic() < deadline, "the service did not learn the outcome"
    assert after["lane"] == "red"
    assert after["risk"] > before["risk"]
    assert after["reasons"][0]["code"] == "EARLIER_FINDS"
    [find] = json.loads(shell.run(f"curl -s {url}/v1/decisions/{after['decision_id']}"))["finds"]
    assert (find["decision_id"], find["shipment_id"]) == (waiting["decision_id"], waiting["shipment_id"])
    assert (find["content"], find["found_at"][:10]) == ("precursor", "2026-05-04")
    assert find["shared"] == ["consignor", "consignee"]
