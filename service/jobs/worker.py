"""Worker that takes and scores one job after the other.

The service starts one in a separate process (`service.jobs.child`), because a thread would hold the interpreter lock that requests
need. `tidewaiter worker` starts more, also on other machines that share the database and the folder of jobs.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from features.readers import ROWS_PER_CHUNK, MappingError, Unreadable
from models.bundle import BundleRefused, StoreError, champion_dir
from service.core.errors import DatabaseAway
from service.core.identifiers import new_ids
from service.core.logs import logger
from service.decisions.repository import record_with_deliveries
from service.files.output import OutputFailed
from service.jobs.files import JobFiles, delete_files
from service.jobs.repository import Jobs, Lease, Lost, now
from service.jobs.work import Heartbeat, JobContext, Stopped, run
from service.scoring.model_host import load_current, signature_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.scoring import RiskModel
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.jobs.work import Recorder
    from service.scoring.model_host import LoadedModel

#: Attempts without progress after which a job fails. Its file probably ends the worker each time, for example for lack of memory.
MOST_FRUITLESS: Final = 10
#: Seconds between checks for a job, and before the next check after an error.
_POLL_SECONDS: Final = 1.0
_ERROR_SECONDS: Final = 5.0
#: Seconds between deletions of files whose retention has ended.
_CLEAN_SECONDS: Final = 600.0
#: Errors of the database, after which a job continues later.
_AWAY: Final = (SQLAlchemyError, DatabaseAway)
_DAY: Final = dt.timedelta(days=1)


@dataclass(slots=True)
class Worker:
    """Worker of the jobs in a database.

    Attributes:
        model: returns the model in service; by default the worker loads it.
        owner: name of the worker in leases.
        stop: event that ends the worker after the current chunk. Its job continues later.
    """

    database: Database
    settings: Settings
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{new_ids(1)[0][:8]}")
    record: Recorder = record_with_deliveries
    rows_per_chunk: int = ROWS_PER_CHUNK
    stop: threading.Event = field(default_factory=threading.Event)
    model: Callable[[], RiskModel] | None = None
    _loaded: LoadedModel | None = None
    _cleaned: float = float("-inf")

    def work(self, idle_seconds: float | None = None) -> None:
        """Score jobs until `stop` is set, or until no job has come for ``idle_seconds``."""
        idle_since = time.monotonic()
        try:
            while not self.stop.is_set():
                pause = _POLL_SECONDS
                try:
                    if self.work_once():
                        idle_since = time.monotonic()
                        continue
                except _AWAY as error:
                    logger().error("job_database_failed", problem=str(error).splitlines()[0])
                    pause = _ERROR_SECONDS
                if idle_seconds is not None and time.monotonic() - idle_since >= idle_seconds:
                    return
                self.stop.wait(pause)
        finally:
            self._release()

    def work_once(self, job_id: str | None = None) -> bool:
        """Take one job and score it. Return whether there was one.

        Args:
            job_id: only this job, if it is queued.

        Raises:
            DatabaseAway: the database does not answer. The job continues later.
        """
        self._clean()
        jobs = Jobs(self.database)
        lease = jobs.take(self.owner, self.settings.job_lease_seconds, job_id)
        if lease is None:
            return False
        log = logger().bind(job=lease.job.id, attempt=lease.job.attempt)
        started = time.monotonic()
        log.info("job_taken", rows_done=lease.job.rows_done)
        try:
            with Heartbeat(jobs, lease, self.settings.job_lease_seconds):
                problem = self._problem_of(lease)
            if problem is not None:
                jobs.finish(lease, problem)
            log.info("job_ended", problem=problem, seconds=round(time.monotonic() - started, 3))
        except Lost:
            log.info("job_lost")
            self._forget(lease)
        except Stopped:
            jobs.release(self.owner)
            log.info("job_interrupted")
        return True

    def _problem_of(self, lease: Lease) -> str | None:
        """Score a job. Return None if it is done, otherwise the reason of its failure."""
        if lease.job.fruitless > MOST_FRUITLESS:
            return f"The worker ended {MOST_FRUITLESS} times at the same place in the file; see its log."
        try:
            context = JobContext(self.database, self.settings, self.stop, self.record, self.rows_per_chunk)
            run(context, lease, self._model())
        except (Unreadable, MappingError, OutputFailed) as error:
            return str(error)
        except (BundleRefused, StoreError) as error:
            return f"No model is loaded: {error}"
        except (Lost, Stopped, *_AWAY):
            raise
        except Exception as error:
            # The folder of a cancelled job is deleted, perhaps while this worker opens files in it.
            if _was_lost(Jobs(self.database), lease):
                raise Lost from error
            logger().error("job_failed", job=lease.job.id, exc_info=error)
            return "The service failed to score this file because of an internal error; see its log."
        return None

    def _model(self) -> RiskModel:
        """Return the model in service. It is loaded again after a promotion, and kept if the pointer to it is lost."""
        if self.model is not None:
            return self.model()
        store = self.settings.store()
        signature = signature_of(store.current() or champion_dir())
        has_changed = self._loaded is None or self._loaded.signature != signature
        if self._loaded is None or (has_changed and store.lost_pointer(in_service=True) is None):
            self._loaded = load_current(store)
        return self._loaded.model

    def _forget(self, lease: Lease) -> None:
        """Delete the files of a cancelled job again, because this worker may have written some after their deletion."""
        job = Jobs(self.database).get(lease.job.id)
        if job is None or job.files_deleted_at is not None:
            JobFiles(self.settings.jobs_dir, lease.job.id).delete()

    def _clean(self) -> None:
        """Delete the files of jobs whose retention has ended, at most once in `_CLEAN_SECONDS`."""
        if time.monotonic() - self._cleaned >= _CLEAN_SECONDS:
            self._cleaned = time.monotonic()
            before = now() - int(self.settings.job_retention_days * _DAY / dt.timedelta(microseconds=1))
            delete_files(self.database, self.settings, before)

    def _release(self) -> None:
        try:
            Jobs(self.database).release(self.owner)
        except _AWAY:
            # The lease expires without it.
            logger().warning("job_not_released")


def _was_lost(jobs: Jobs, lease: Lease) -> bool:
    try:
        jobs.renew(lease, 0.0)
    except Lost:
        return True
    return False
