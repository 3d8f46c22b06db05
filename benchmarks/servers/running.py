"""Servers as processes: each in a session of its own, held still while another is measured, and ended for certain."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from benchmarks.client import Answer, connect

#: Seconds a server has to answer for the first time. Some import for ten seconds and more.
_PATIENCE = 120.0
#: Seconds between two attempts.
PAUSE: Final = 0.02
#: Seconds it has to end when it is told to.
_GRACE = 10.0


class NotServing(RuntimeError):
    """A server ended, or did not answer in time; holds the end of what it printed."""


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """One server with all its processes."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start it; `wait` waits until it answers.

        Args:
            log: where its output goes.
            folder: where it runs; it may leave files there.
        """
        self.name, self.port, self._log = name, port, log
        self._output: IO[bytes] = log.open("wb")
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )

    def wait(self, request: bytes, patience: float = _PATIENCE) -> float:
        """Seconds from its start until it answered ``request`` with 200.

        Raises:
            NotServing: it did not.
        """
        until = time.perf_counter() + patience
        told = "no answer"
        while time.perf_counter() < until:
            if self._process.poll() is not None:
                raise NotServing(f"{self.name} ended with status {self._process.returncode}:\n{self._tail()}")
            try:
                with contextlib.closing(connect(self.port)) as connection:
                    connection.sendall(request)
                    answer = Answer()
                    while data := connection.recv(65536):
                        if answer.feed(data):
                            return time.perf_counter() - self.started
            except (OSError, RuntimeError) as error:
                told = str(error)
            time.sleep(PAUSE)
        raise NotServing(f"{self.name} did not answer within {patience:.0f} s ({told}):\n{self._tail()}")

    def hold(self) -> None:
        """Let it do nothing until `go_on`."""
        self._signal(signal.SIGSTOP)
        # The signals are only on their way yet.
        _until(lambda: not any(state.runs for state in map(_state, self._members()) if state))

    def go_on(self) -> None:
        """End `hold`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it with all its processes; once more does nothing."""
        if self._output.closed:
            return
        members = self._members()
        self._signal(signal.SIGCONT)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE)
        # Whatever is left of it, also when it ended by itself; a number may belong to another process by now.
        members |= self._members()
        left = {pid for pid, began in members.items() if (state := _state(pid)) is not None and state.began == began}
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        _until(lambda: not any(map(_state, left)))
        self._output.close()

    def resident_mb(self) -> float:
        """Resident memory of its processes in megabytes; 0 where the system does not tell."""
        pages = 0
        for pid in self._members():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """Processor seconds that its processes have used, those that ended left out; 0 where the system does not tell."""
        ticks = sum(state.ticks for state in map(_state, self._members()) if state)
        return ticks / os.sysconf("SC_CLK_TCK")

    @property
    def pids(self) -> set[int]:
        """Its processes by number."""
        return set(self._members())

    def _members(self) -> dict[int, int]:
        """Its processes by number, with when they began: what descends from it, and its session, which children without a
        parent stay in. Itself alone where the system does not tell.
        """
        own = self._process.pid
        states = {state.pid: state for state in map(_state, _all_processes()) if state is not None}
        found = {own} if own in states else set()
        while more := {pid for pid, state in states.items() if state.parent in found or state.session == own} - found:
            found |= more
        return {pid: states[pid].began for pid in found}

    def _signal(self, number: int) -> None:
        for pid in self._members() or {self._process.pid: 0}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _tail(self) -> str:
        self._output.flush()
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-25:])


def _until(happened: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait for what signals do, for a while."""
    until = time.perf_counter() + seconds
    while not happened() and time.perf_counter() < until:
        time.sleep(0.001)


class _State(NamedTuple):
    pid: int
    parent: int
    session: int
    began: int
    runs: bool
    ticks: int


def _all_processes() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))


def _state(pid: int) -> _State | None:
    """What /proc tells of a process; None once it has ended."""
    try:
        # The name, in brackets, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    parent, session, user, system, began = (int(fields[place]) for place in (1, 3, 11, 12, 19))
    return _State(pid, parent, session, began, fields[0] != "T", user + system)


@contextlib.contextmanager
def stopping(running: Sequence[Running] = ()) -> Iterator[list[Running]]:
    """End these, and those added to the list, whatever happens."""
    started = list(running)
    try:
        yield started
    finally:
        for one in started:
            one.stop()
