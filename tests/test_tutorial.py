"""Run every block of the tutorial in order, in an empty folder, and find the shown lines in the output."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
pytestmark = pytest.mark.slow


def blocks() -> list[tuple[str, str]]:
    """Return language and text of each block."""
    page = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


def text_of(language: str) -> str:
    (text,) = (text for name, text in blocks() if name == language)
    return text


def run(folder: Path, beginning: str) -> str:
    """Run the command with this beginning, check the lines that the page shows, and return the output."""
    position = next(at for at, (_, text) in enumerate(blocks()) if text.startswith(beginning))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEWAITER_", "MLFLOW_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "300",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MPLBACKEND": "agg",
    }
    done = subprocess.run(
        ["sh", "-c", blocks()[position][1]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    if position + 1 < len(blocks()) and blocks()[position + 1][0] == "text":
        for line in blocks()[position + 1][1].splitlines():
            assert line in output, f"{line!r} is not in:\n{output}"
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the invented files and the mapping."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "invent.py").write_text(text_of("python"), encoding="utf-8")
    (folder / "office.toml").write_text(text_of("toml"), encoding="utf-8")
    subprocess.run([sys.executable, "invent.py"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    run(folder, "tidewaiter train")
    return folder


def test_the_file_is_read_as_the_page_shows(folder: Path) -> None:
    run(folder, "tidewaiter validate")


def test_training_judges_the_model_on_the_later_file(trained: Path) -> None:
    holdout = json.loads((trained / "metrics.json").read_text())["holdout"]
    new = holdout["capacity"]["shipments"]["never seen"]
    assert new["rows"] > 700
    assert new["at_capacity"]["0.05"]["lift"] > 1.5
    rows = list(csv.DictReader((trained / "scored.csv").read_text().splitlines()))
    assert len(rows) == 800
    assert all(row["risk"] == row["item_risk"] for row in rows)


def test_the_model_goes_into_service_and_scores(trained: Path) -> None:
    run(trained, "tidewaiter promote")
    run(trained, "tidewaiter score")
    scored = list(csv.DictReader((trained / "out.csv").read_text().splitlines()))
    holdout = list(csv.DictReader((trained / "scored.csv").read_text().splitlines()))
    assert [row["risk"] for row in scored] == [row["risk"] for row in holdout]
