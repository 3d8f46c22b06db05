"""In-service worker: a child process that the service starts when a job waits, and that ends after two minutes without jobs.

A separate process does not hold the interpreter lock of the service, and its low priority leaves the processor to requests.
Services that share a folder of jobs share one such process, which holds a lock in the folder.

It takes seconds to start, so the service scores small files itself, as it scores a small CSV of a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel, SecretStr

from service.core.errors import DatabaseAway
from service.core.logs import configure, logger
from service.core.settings import Settings, variables
from service.jobs.files import JobFiles, is_small

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.scoring.model_host import ModelHost

#: Seconds between checks for a waiting job or an ended child.
_POLL_SECONDS: Final = 5.0
#: Seconds without a job after which the child ends, because it needs about 300 MB.
_IDLE_SECONDS: Final = 120.0
#: Seconds that a child has to finish its chunk before it is killed. The job later continues after its last commit in both cases.
_GRACE_SECONDS: Final = 10.0
#: Niceness of the child: requests get the processor first.
_NICE: Final = 10
_LOCK_NAME: Final = ".worker.lock"
#: Exit status of a child if another process holds the lock.
EXIT_LOCKED: Final = 3


class InServiceWorker:
    """Scores small jobs with the model in service, and starts a child process when another job waits. Use it on the event loop."""

    def __init__(self, settings: Settings, database: Database, host: ModelHost) -> None:
        from service.jobs.repository import Jobs
        from service.jobs.worker import Worker

        self._settings, self._jobs, self._host = settings, Jobs(database), host
        self._worker = Worker(database, settings, owner_of(os.getpid()), model=lambda: host.served.model)
        self._queued: deque[str] = deque()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._wake = asyncio.Event()

    def queued(self, job_id: str) -> None:
        """Say that a job was queued."""
        self._queued.append(job_id)
        self._wake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the queue until the context ends, then end the child."""
        task = asyncio.create_task(self._watch(), name="jobs")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(self._stop)

    async def _watch(self) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        while True:
            try:
                await asyncio.to_thread(self._check)
            except (OSError, SQLAlchemyError, DatabaseAway) as error:
                logger().error("job_worker_not_started", problem=str(error).splitlines()[0])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _POLL_SECONDS)
            self._wake.clear()

    def _check(self) -> None:
        with self._lock:
            if not self._closed:
                self._score_small()
                self._start_if_needed()

    def _score_small(self) -> None:
        """Score the small ones of the jobs that were queued since the last call."""
        for _ in range(len(self._queued)):
            job_id = self._queued.popleft()
            if self._host.ready and is_small(JobFiles(self._settings.jobs_dir, job_id)):
                self._worker.work_once(job_id)

    def _start_if_needed(self) -> None:
        if self._child is not None:
            status = self._child.poll()
            if status is None:
                return
            if status not in (0, EXIT_LOCKED):
                logger().error("job_worker_ended", status=status)
            self._jobs.release(owner_of(self._child.pid))
            self._child = None
        if self._jobs.waits():
            self._child = subprocess.Popen(
                [sys.executable, "-m", "service.jobs"],
                stdin=subprocess.PIPE,
                env={**os.environ, **exported(self._settings)},
            )

    def _stop(self) -> None:
        # A cancelled check may still be starting a child in its thread.
        from sqlalchemy.exc import SQLAlchemyError

        self._worker.stop.set()
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is None:
            return
        assert child.stdin is not None
        # The child ends when its standard input is closed, which also happens if this process is killed.
        child.stdin.close()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with contextlib.suppress(SQLAlchemyError, DatabaseAway):
            self._jobs.release(owner_of(child.pid))


def owner_of(process: int) -> str:
    """Return the name under which a child leases jobs."""
    return f"{os.uname().nodename}:{process}:service"


def exported(settings: Settings) -> dict[str, str]:
    """Return the settings that were set explicitly, as environment variables."""
    given = {name: variable for variable, name in variables().items() if name in settings.model_fields_set}
    return {variable: _text(getattr(settings, name)) for name, variable in given.items()}


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return str(value)


def main() -> int:
    """Run the child process and return its exit status."""
    from service.core import chemistry
    from service.core.database.engine import Database
    from service.core.memory import keep_memory_small
    from service.jobs.worker import Worker

    keep_memory_small()
    settings = Settings()
    configure(settings.log_level)
    os.nice(_NICE)
    with folder_lock(settings.jobs_dir, _LOCK_NAME) as lock:
        if lock is None:
            return EXIT_LOCKED
        chemistry.set_up(settings)
        database = Database(settings.database_url.get_secret_value())
        worker = Worker(database, settings, owner_of(os.getpid()))
        threading.Thread(target=stop_at_end_of_input, args=(worker.stop,), daemon=True).start()
        worker.work(_IDLE_SECONDS)
        database.close()
    return 0


def stop_at_end_of_input(stop: threading.Event) -> None:
    """Wait for the end of standard input, and set an event."""
    # Not through a buffer, whose lock would abort a process that ends meanwhile.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


@contextlib.contextmanager
def folder_lock(folder: Path, name: str) -> Iterator[IO[bytes] | None]:
    """Hold the lock of a name in the folder; yield None if another process holds it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / name).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file
