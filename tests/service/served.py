"""`tidewaiter serve` as a process that listens on a free port, for tests that kill, starve or interrupt it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: Seconds until all workers have started.
_PATIENCE: Final = 120.0


class Served:
    """A running server: its process, its port, and each line of its log so far."""

    def __init__(self, process: subprocess.Popen[str], workers: int) -> None:
        self.process = process
        self.port = 0
        self.log: list[str] = []
        self._starting = workers
        self._ready = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)

    @property
    def url(self) -> str:
        """Base URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Log lines that are JSON."""
        found = []
        for line in list(self.log):
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found

    def logged(self, words: str) -> list[str]:
        """Return the log lines that contain the words."""
        return [line for line in list(self.log) if words in line]

    def wait_until_started(self) -> None:
        """Wait until the server listens and all workers have started."""
        assert self._ready.wait(_PATIENCE), f"the server did not start in time: {''.join(self.log)}"
        assert self.port, f"the server did not start: {''.join(self.log)}"

    def _read(self) -> None:
        assert self.process.stderr is not None
        # A single worker listens after it has started. Several workers start after their parent process listens.
        for line in self.process.stderr:
            self.log.append(line)
            if listening := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(listening[1])
            self._starting -= "startup complete" in line
            if self.port and self._starting <= 0:
                self._ready.set()
        self._ready.set()


@contextlib.contextmanager
def served(
    models: Path | None = None,
    *,
    workers: int = 1,
    folder: Path = ROOT,
    settings: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> Iterator[Served]:
    """Run a server, and end it on leaving the block.

    Args:
        models: model store; default: the bundled champion.
        folder: working directory of the server.
        settings: further environment variables.
        before: is called in the new process before the server starts.
    """
    own = {} if models is None else {"TIDEWAITER_MODELS_DIR": str(models)}
    # With port 0 the system chooses a free port. A port that the test chooses could be taken before the server binds it.
    command = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--workers", str(workers)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **own, **(settings or {})},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=before,
    ) as process:
        server = Served(process, workers)
        server.reader.start()
        try:
            server.wait_until_started()
            yield server
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()
                server.reader.join(60)
