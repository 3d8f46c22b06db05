"""Servers as processes. Each has its own session, can be suspended while another is measured, and ends with all its children."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from benchmarks.client import Answer, connect

#: Maximum seconds until the first answer of a server. Some servers import libraries for more than ten seconds.
_PATIENCE = 120.0
#: Seconds between two attempts.
PAUSE: Final = 0.02
#: Seconds between the signal to end and the kill of a server.
_GRACE = 10.0


class NotServing(RuntimeError):
    """A server ended or did not answer in time. The message contains the end of its output."""


def free_port() -> int:
    """Return a free loopback port that the system does not use for outgoing connections."""
    while True:
        # Linux takes the ports of outgoing connections from 32768 upwards.
        port = random.randrange(10_000, 32_768)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


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
        """Start the server; `wait` waits until it answers.

        Args:
            log: file for its output.
            folder: its working directory, in which it may leave files.
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
        """Return the seconds from its start until it answered ``request`` with 200.

        Raises:
            NotServing: it ended, or did not answer in time.
        """
        until = time.perf_counter() + patience
        problem = "no answer"
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
                problem = str(error)
            time.sleep(PAUSE)
        raise NotServing(f"{self.name} did not answer within {patience:.0f} s ({problem}):\n{self._tail()}")

    @property
    def pid(self) -> int:
        """Process id of the server's first process."""
        return self._process.pid

    def suspend(self) -> None:
        """Suspend it until `resume`."""
        self._signal(signal.SIGSTOP)
        # The signals take effect with a delay.
        _until(lambda: not any(state.runs for state in map(_state, self._members()) if state))

    def resume(self) -> None:
        """Resume it after `suspend`."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it with all its processes. A second call does nothing."""
        if self._output.closed:
            return
        members = self._members()
        self._signal(signal.SIGCONT)
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_GRACE)
        # Include remaining processes if it ended by itself. Compare start times, because an id may now belong to another process.
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
        """Return the resident memory of its processes in megabytes; 0 if the system does not report it."""
        pages = 0
        for pid in self._members():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """Return the processor seconds of its running processes; 0 if the system does not report them."""
        ticks = sum(state.ticks for state in map(_state, self._members()) if state)
        return ticks / os.sysconf("SC_CLK_TCK")

    @property
    def pids(self) -> set[int]:
        """Ids of its processes."""
        return set(self._members())

    def _members(self) -> dict[int, int]:
        """Return the start time by id of each of its processes: its descendants and its session, in which orphans stay.

        The result is empty if the system does not report processes.
        """
        own = self._process.pid
        states = {state.pid: state for state in map(_state, _all_processes()) if state is not None}
        members = {own} if own in states else set()
        while (
            more := {pid for pid, state in states.items() if state.parent in members or state.session == own} - members
        ):
            members |= more
        return {pid: states[pid].began for pid in members}

    def _signal(self, number: int) -> None:
        for pid in self._members() or {self._process.pid: 0}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _tail(self) -> str:
        self._output.flush()
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-25:])


def _until(happened: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait for the effect of a signal, for a limited time."""
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
    """Return the state of a process from /proc; None if it has ended."""
    try:
        # The name, in brackets, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    parent, session, user, system, began = (int(fields[place]) for place in (1, 3, 11, 12, 19))
    return _State(pid, parent, session, began, fields[0] != "T", user + system)


@contextlib.contextmanager
def stopping(running: Sequence[Running] = ()) -> Iterator[list[Running]]:
    """End these servers, and those added to the list, on leaving the block."""
    started = list(running)
    try:
        yield started
    finally:
        for one in started:
            one.stop()
