"""The README is run: every command in it, and its answers are the real ones.

`make readme` (UPDATE_README=1) writes the answers of the present champion into the README instead of comparing them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
UPDATE = os.environ.get("UPDATE_README") == "1"
BIN = Path(sys.executable).parent

#: Beginnings of the README's commands, each run by a test below.
RUN_HERE = (
    "make demo",
    "make test",
    "make dev",
    ".venv/bin/tidewaiter serve",
    "curl ",
    ".venv/bin/tidewaiter substance ",
    ".venv/bin/tidewaiter validate ",
    ".venv/bin/tidewaiter score ",
    ".venv/bin/tidewaiter train ",
    ".venv/bin/mlflow ui ",
    ".venv/bin/tidewaiter promote ",
    ".venv/bin/tidewaiter rollback",
)
#: What the README shows of an answer, and how many of its reasons.
SHOWN = (
    "shipment_id",
    "risk",
    "percentile",
    "content",
    "lane",
    "selected_by",
    "explains",
    "reasons",
    "warnings",
    "model",
)
REASONS_SHOWN = 3


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


def commands() -> list[str]:
    """The commands of the README; one over several lines is one command."""
    found: list[str] = []
    for block in blocks("sh"):
        pending = ""
        for line in block.splitlines():
            pending = f"{pending}\n{line}" if pending else line
            if pending.count("'") % 2 == 0:
                found.append(pending)
                pending = ""
        assert not pending
    return found


def command(beginning: str) -> str:
    matching = [one for one in commands() if one.startswith(beginning)]
    assert len(matching) == 1
    return matching[0]


def here(text: str) -> str:
    """The command with this environment's programs in place of the checkout's."""
    return text.replace(".venv/bin/", f"{BIN}/")


def update(old: str, new: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(old) == 1
    README.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the checkout; what the commands write stays in it."""
    folder = tmp_path_factory.mktemp("desk")
    for path in ROOT.iterdir():
        if not path.name.startswith((".", "out", "var", "ml")):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """As on a fresh machine: no settings of ours, and a terminal of ordinary width."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TIDEWAITER_", "MLFLOW_", "PYTEST_"))
    }
    return kept | {"COLUMNS": "120", "MLFLOW_DISABLE_TELEMETRY": "true", "MPLBACKEND": "agg"}


def run(text: str, desk: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["sh", "-c", here(text)], cwd=desk, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done


@contextlib.contextmanager
def running(text: str, until: str, desk: Path, environment: dict[str, str]) -> Iterator[str]:
    """A server started by a command; yields its output up to the line that holds ``until``."""
    with subprocess.Popen(
        ["sh", "-c", f"exec {here(text)}"],
        cwd=desk, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield _read_until(process.stdout, until)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _read_until(output: IO[str], until: str) -> str:
    read = ""
    for line in output:
        read += line
        if until in line:
            return read
    raise AssertionError(f"The server ended before it said {until!r}:\n{read}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_command_of_the_readme_is_run_below() -> None:
    for one in commands():
        assert one.startswith(RUN_HERE), one
    for beginning in RUN_HERE:
        command(beginning)


def test_every_link_of_the_readme_and_the_docs_leads_somewhere() -> None:
    pages = [README, *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_demo_scores_the_sample_and_shows_the_riskiest(desk: Path, environment: dict[str, str]) -> None:
    # Into this environment, which is set up already.
    done = run(f"{command('make demo')} SERVE=0 VENV={BIN.parent} SERVE_STAMP= DEV_STAMP=", desk, environment)
    assert "Riskiest shipments" in done.stdout
    assert "out/scores.csv" in done.stdout
    header = (desk / "out" / "scores.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    assert ",risk,percentile," in header


def test_make_test_is_the_whole_gate_and_what_ci_runs(desk: Path, environment: dict[str, str]) -> None:
    plan = run(f"{command('make test')} --dry-run VENV={BIN.parent}", desk, environment).stdout
    for step in ("ruff check", "ruff format --check", "mypy", "lint-imports", "-m pytest"):
        assert step in plan
    assert re.search(r"^exec make test\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_make_dev_installs_the_requirements_of_the_tests(desk: Path, environment: dict[str, str]) -> None:
    plan = run(f"{command('make dev')} --dry-run DEV_STAMP=unmade", desk, environment).stdout
    assert "--require-hashes --only-binary :all: -r requirements/build.txt -r requirements/dev.txt" in plan
    assert "--no-build-isolation --no-deps --editable ." in plan


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_served_answer_is_the_one_shown(desk: Path, environment: dict[str, str]) -> None:
    # Port 0: the system's choice, which the server then names.
    with running(f"{command('.venv/bin/tidewaiter serve')} --port 0", "Uvicorn running", desk, environment) as told:
        port = re.findall(r"http://127\.0\.0\.1:(\d+)", told)[-1]
        asked = command("curl ").replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        answer = json.loads(run(asked, desk, environment).stdout)
    assert answer["late"] is False
    answer = {name: answer[name] for name in SHOWN} | {"reasons": answer["reasons"][:REASONS_SHOWN]}
    [shown] = blocks("json")
    if UPDATE:
        update(f"```json\n{shown}```", f"```json\n{laid_out(answer)}\n```")
        return
    assert json.loads(shown) == approximately(answer)


def test_the_answer_about_a_chemical_is_the_one_shown(desk: Path, environment: dict[str, str]) -> None:
    done = run(command(".venv/bin/tidewaiter substance "), desk, environment | {"COLUMNS": "80"})
    answer = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    [shown] = blocks("plain")
    if UPDATE:
        update(f"```plain\n{shown}```", f"```plain\n{answer}\n```")
        return
    assert shown == f"{answer}\n"


def test_the_scored_file_is_the_one_described(desk: Path, environment: dict[str, str]) -> None:
    (desk / "out").mkdir(exist_ok=True)
    told = run(command(".venv/bin/tidewaiter validate "), desk, environment)
    assert "goods_description" in told.stdout + told.stderr
    done = run(command(".venv/bin/tidewaiter score "), desk, environment)
    [shown] = blocks("text")
    if UPDATE:
        update(f"```text\n{shown}```", f"```text\n{done.stderr}```")
        return
    assert steady(shown) == steady(done.stderr)


# For the free port that MLflow is told to take.
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_small_training_ends_in_mlflow_and_in_service(desk: Path, environment: dict[str, str]) -> None:
    # One thread: beside other tests, two that wait for each other take five times as long. And fewer rows, for the way is the same.
    train = re.sub(r"--rows \d+", "--rows 60000", command(".venv/bin/tidewaiter train "))
    done = run(f"{train} --threads 1", desk, environment)
    assert "Registered as version 1" in done.stdout
    assert (desk / "out" / "bundle" / "bundle.json").exists()
    figures = json.loads((desk / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert figures["labels"]

    promoted = run(command(".venv/bin/tidewaiter promote "), desk, environment).stdout
    assert promoted.startswith("In service: version 1,")
    assert (desk / "var" / "models" / "current").exists()
    assert run(command(".venv/bin/tidewaiter rollback"), desk, environment).stdout.startswith("In service again:")

    port = free_port()
    show = f"{command('.venv/bin/mlflow ui ')} --port {port} --workers 1"
    with running(show, "Application startup complete", desk, environment):
        found = asked_of_mlflow(port, "registered-models/get?name=tidewaiter")
    assert {"alias": "challenger", "version": "1"} in found["registered_model"]["aliases"]


def asked_of_mlflow(port: int, what: str) -> Any:
    # Another process asks: in this one, sockets are closed.
    code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=60).read().decode())"
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow/{what}"
    done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, check=True, timeout=90)
    return json.loads(done.stdout)


def approximately(value: Any) -> Any:
    """Equal but for the last digits of floats, which another processor's rounding may change."""
    if isinstance(value, dict):
        return {name: approximately(part) for name, part in value.items()}
    if isinstance(value, list):
        return [approximately(part) for part in value]
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def laid_out(value: Any, indent: int = 0, width: int = 130) -> str:
    """JSON as a person would lay it out: what fits on a line is on a line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= width or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {laid_out(part, indent + 2, width)}" for name, part in value.items()]
    else:
        parts = [laid_out(part, indent + 2, width) for part in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{closing}"


def steady(text: str) -> str:
    """Without the speed, which is another one every time."""
    return re.sub(r"[\d,]+ rows/s", "N rows/s", text)
