"""Run every command of the README and compare the answers that it shows.

`make readme` (UPDATE_README=1) writes the answers of the current champion into the README instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.champion import serves_champion

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
UPDATE = os.environ.get("UPDATE_README") == "1"
BIN = Path(sys.executable).parent

#: Prefixes of the README's commands. A test below runs each of them.
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
#: Fields of the answer that the README shows, and the number of its reasons.
SHOWN = (
    "shipment_id",
    "risk",
    "percentile",
    "one_in",
    "rank_one_in",
    "content",
    "lane",
    "selected_by",
    "rule_ids",
    "explains",
    "reasons",
    "warnings",
    "model",
)
REASONS_SHOWN = 5


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


def commands() -> list[str]:
    """Return the commands of the README. A command may have several lines."""
    complete_commands: list[str] = []
    for block in blocks("sh"):
        pending = ""
        for line in block.splitlines():
            pending = f"{pending}\n{line}" if pending else line
            if pending.count("'") % 2 == 0:
                complete_commands.append(pending)
                pending = ""
        assert not pending
    return complete_commands


def command(beginning: str) -> str:
    matching = [one for one in commands() if one.startswith(beginning)]
    assert len(matching) == 1
    return matching[0]


def with_installed_programs(text: str) -> str:
    """Return the command with the programs of this environment instead of those of the checkout."""
    return text.replace(".venv/bin/", f"{BIN}/")


def update(old: str, new: str) -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count(old) == 1
    README.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of links to the checkout that receives the files written by the commands."""
    folder = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if not path.name.startswith((".", "out", "var", "ml")):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    """Return the environment variables of a fresh machine with a terminal of 120 columns."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("TIDEWAITER_", "MLFLOW_", "PYTEST_"))
    }
    return inherited | {"COLUMNS": "120", "MLFLOW_DISABLE_TELEMETRY": "true", "MPLBACKEND": "agg"}


def run(text: str, checkout: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["sh", "-c", with_installed_programs(text)],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done


@contextlib.contextmanager
def running(text: str, until: str, checkout: Path, environment: dict[str, str]) -> Iterator[str]:
    """Start a server with a command, and yield its output up to the line that contains ``until``."""
    with subprocess.Popen(
        ["sh", "-c", f"exec {with_installed_programs(text)}"],
        cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
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
    raise AssertionError(f"The server ended before printing {until!r}:\n{read}")


def test_a_test_runs_every_command_of_the_readme() -> None:
    for one in commands():
        assert one.startswith(RUN_HERE), one
    for beginning in RUN_HERE:
        command(beginning)


@serves_champion
def test_make_demo_scores_the_sample_and_shows_the_riskiest_shipments(
    checkout: Path, environment: dict[str, str]
) -> None:
    # Use this environment, which is already installed.
    done = run(f"{command('make demo')} SERVE=0 VENV={BIN.parent} SERVE_STAMP= DEV_STAMP=", checkout, environment)
    assert "Riskiest shipments" in done.stdout
    assert "out/scores.csv" in done.stdout
    header = (checkout / "out" / "scores.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    assert ",risk,percentile," in header


def test_make_test_runs_every_check_and_ci_runs_make_test(checkout: Path, environment: dict[str, str]) -> None:
    plan = run(f"{command('make test')} --dry-run VENV={BIN.parent}", checkout, environment).stdout
    for step in ("ruff check", "ruff format --check", "mypy", "lint-imports", "-m pytest"):
        assert step in plan
    assert re.search(r"^make test\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_make_dev_installs_the_development_requirements(checkout: Path, environment: dict[str, str]) -> None:
    plan = run(f"{command('make dev')} --dry-run DEV_STAMP=unmade", checkout, environment).stdout
    assert "--require-hashes --only-binary :all: -r requirements/build.txt -r requirements/dev.txt" in plan
    assert "--no-build-isolation --no-deps --editable ." in plan


@serves_champion
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_readme_shows_the_answer_of_the_service(checkout: Path, environment: dict[str, str]) -> None:
    with running(
        f"{command('.venv/bin/tidewaiter serve')} --port 0", "Uvicorn running", checkout, environment
    ) as output:
        request = command("curl ").replace("127.0.0.1:8000", f"127.0.0.1:{chosen_port(output)}")
        answer = json.loads(run(request, checkout, environment).stdout)
    assert answer["late"] is False
    answer = {name: answer[name] for name in SHOWN} | {"reasons": answer["reasons"][:REASONS_SHOWN]}
    [shown] = blocks("json")
    if UPDATE:
        update(f"```json\n{shown}```", f"```json\n{format_json(answer)}\n```")
        return
    assert json.loads(shown) == approximately(answer)


def test_the_readme_shows_the_answer_about_a_chemical(checkout: Path, environment: dict[str, str]) -> None:
    done = run(command(".venv/bin/tidewaiter substance "), checkout, environment | {"COLUMNS": "80"})
    answer = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    [shown] = blocks("plain")
    if UPDATE:
        update(f"```plain\n{shown}```", f"```plain\n{answer}\n```")
        return
    assert shown == f"{answer}\n"


@serves_champion
def test_the_readme_shows_the_report_on_the_scored_file(checkout: Path, environment: dict[str, str]) -> None:
    (checkout / "out").mkdir(exist_ok=True)
    validated = run(command(".venv/bin/tidewaiter validate "), checkout, environment)
    assert "goods_description" in validated.stdout + validated.stderr
    done = run(command(".venv/bin/tidewaiter score "), checkout, environment)
    [shown] = blocks("text")
    if UPDATE:
        update(f"```text\n{shown}```", f"```text\n{done.stderr}```")
        return
    assert without_speed(shown) == without_speed(done.stderr)


@pytest.mark.long
@serves_champion
def test_a_small_training_run_is_registered_promoted_and_rolled_back(
    checkout: Path, environment: dict[str, str]
) -> None:
    # Use one thread: beside other tests, two threads wait for each other and take five times as long. Use fewer rows,
    # which run the same code.
    train = re.sub(r"--rows \d+", "--rows 60000", command(".venv/bin/tidewaiter train "))
    done = run(f"{train} --threads 1", checkout, environment)
    assert "Registered as version 1" in done.stdout
    assert (checkout / "out" / "bundle" / "bundle.json").exists()
    figures = json.loads((checkout / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert figures["labels"]

    promoted = run(command(".venv/bin/tidewaiter promote "), checkout, environment).stdout
    assert "In service: version 1," in promoted
    assert (checkout / "var" / "models" / "current").exists()
    assert run(command(".venv/bin/tidewaiter rollback"), checkout, environment).stdout.startswith("In service again:")

    show = f"{command('.venv/bin/mlflow ui ')} --port 0 --workers 1"
    # The server reports that its start is complete before it listens, so wait for a later line.
    with running(show, "Uvicorn running on", checkout, environment) as output:
        answer = query_mlflow(chosen_port(output), "registered-models/get?name=tidewaiter")
    assert {"alias": "challenger", "version": "1"} in answer["registered_model"]["aliases"]


def chosen_port(output: str) -> int:
    """Return the port that the system chose for ``--port 0``, as the server printed it."""
    return int(re.findall(r"http://127\.0\.0\.1:(\d+)", output)[-1])


def query_mlflow(port: int, path: str) -> Any:
    # Send the request from another process, because sockets are disabled in this one.
    code = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=60).read().decode())"
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow/{path}"
    done = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, f"{address} was not answered:\n{done.stderr[-600:]}"
    return json.loads(done.stdout)


def approximately(value: Any) -> Any:
    """Return the value for a comparison that tolerates rounding differences between processors."""
    if isinstance(value, dict):
        return {name: approximately(part) for name, part in value.items()}
    if isinstance(value, list):
        return [approximately(part) for part in value]
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def format_json(value: Any, indent: int = 0, width: int = 130) -> str:
    """Return the value as JSON, with each part that fits on a line on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= width or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {format_json(part, indent + 2, width)}" for name, part in value.items()]
    else:
        parts = [format_json(part, indent + 2, width) for part in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{' ' * indent}{closing}"


def without_speed(text: str) -> str:
    """Return the text without the speed, which varies between runs."""
    return re.sub(r"[\d,]+ rows/s", "N rows/s", text)
