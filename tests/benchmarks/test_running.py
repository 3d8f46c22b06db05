"""Processes of servers are suspended, resumed and ended with their children."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.servers.running import NotServing, Running, free_port, stopping

pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc"),
]

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
#: Serves in a grandchild process with its own session, as some servers do.
NESTED = """
import subprocess, sys
sys.exit(subprocess.Popen([sys.executable, "-m", "benchmarks.servers.trivial", sys.argv[1]], start_new_session=True).wait())
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    port = free_port()
    root = str(Path(__file__).resolve().parents[2])
    running = Running(
        "trivial", [sys.executable, "-c", NESTED, str(port)], port, tmp_path / "log", environment={"PYTHONPATH": root}
    )
    with stopping([running]):
        yield running


def state(pid: int) -> str:
    """Return the kernel's letter for a process state; ``Z`` also for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_server_is_suspended_resumed_and_ended_with_its_children(server: Running) -> None:
    assert server.wait(REQUEST) > 0
    pids = server.pids
    assert len(pids) == 2
    assert server.resident_mb() > 1
    assert server.cpu_s() > 0
    server.suspend()
    assert {state(pid) for pid in pids} == {"T"}
    server.resume()
    server.wait(REQUEST)
    server.stop()
    assert {state(pid) for pid in pids} == {"Z"}


def test_a_server_that_ends_is_reported_with_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no model here')"]
    broken = Running("broken", command, free_port(), tmp_path / "log")
    with stopping([broken]), pytest.raises(NotServing, match=r"broken ended with status 1:\nno model here"):
        broken.wait(REQUEST)


def test_a_server_that_does_not_answer_in_time_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    mute = Running("mute", command, free_port(), tmp_path / "log")
    with stopping([mute]), pytest.raises(NotServing, match="mute did not answer within 0 s"):
        mute.wait(REQUEST, patience=0.2)
