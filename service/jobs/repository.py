"""Jobs: queue them, lease them to workers, and record their progress.

A worker leases a job for a limited time and renews the lease while it works. Each lease raises the job's number of attempts, and
every change by a worker requires its own attempt. A worker that lost its lease, for example because its machine was suspended, can
therefore change nothing any more.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, desc, func, insert, or_, select, update

from service.core.database import audit
from service.core.database.audit import Fact
from service.core.database.times import iso_time
from service.jobs.tables import END_FACTS, NEW_FACTS, Job, salted_facts_of
from service.webhooks import repository as webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Row, RowMapping

    from service.core.database.engine import Database

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
CANCELLED: Final = "cancelled"
#: States of a job that has not ended.
OPEN: Final = (QUEUED, RUNNING)
#: Actor of the entry when a worker ends a job.
_WORKER: Final = "worker"
_SALT_BYTES: Final = 16
_SECOND: Final = 1_000_000
#: Twice the longest lease that the settings allow, in seconds.
_LONGEST_LEASE: Final = 2 * 3600.0
_NO_RESULTS: Final = {"rows_done": 0, "rejected": 0, "chunks_done": 0, "result_bytes": 0, "rejects_bytes": 0}


class Lost(Exception):
    """The job was cancelled, or another worker has it."""


class QueueFull(Exception):
    """The maximum number of jobs is already open."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to queue. Attributes are those of `service.jobs.tables.Job`."""

    id: str
    caller: str | None
    file_name: str
    upload_ending: str
    result_format: str
    explain: str
    mapping: bytes | None
    what_if: bool = False
    salt: bytes = field(default_factory=lambda: os.urandom(_SALT_BYTES))


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a job whose results are on disk. Attributes are those of `service.jobs.tables.Job`."""

    rows_done: int = 0
    rejected: int = 0
    chunks_done: int = 0
    result_bytes: int = 0
    rejects_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that a worker has leased.

    Attributes:
        job: the row of the job when it was leased, with the new attempt.
        progress: progress of earlier attempts, from which the worker continues.
    """

    job: Row[Any]
    progress: Progress


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


class Jobs:
    """Repository of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: NewJob, most_open: int, upload: str | None = None) -> None:
        """Queue a job in a new transaction; see `queue`."""
        with self._database.write() as connection:
            self.queue(connection, job, most_open, upload)

    def queue(self, connection: Connection, job: NewJob, most_open: int, upload: str | None = None) -> None:
        """Queue a job, and record it in the audit chain.

        Args:
            connection: connection of `Database.write`.
            upload: `digest_of` the uploaded file.

        Raises:
            QueueFull: ``most_open`` jobs are open already.
        """
        # Lock before the job gets its position, because positions must have the order of the entries.
        self._database.lock_audit(connection)
        if self._count_open(connection) >= most_open:
            raise QueueFull
        at = now()
        row = {name: getattr(job, name) for name in NewJob.__slots__}
        row |= {"state": QUEUED, "created_at": at, **_NO_RESULTS}
        row |= {"attempt": 0, "file_attempt": 0, "fruitless": 0, "leased_until": 0}
        connection.execute(insert(Job), [row])
        facts = {name: row[name] for name in NEW_FACTS} | salted_facts_of(row) | {"upload": upload}
        audit.append(connection, [Fact("job_created", job.id, facts, job.caller)], at)

    def open(self) -> int:
        """Return the number of jobs that are queued or running."""
        with self._database.read() as connection:
            return self._count_open(connection)

    def open_jobs(self) -> list[tuple[str, int]]:
        """Return the id and the time of arrival of each job that is queued or running."""
        query = select(Job.id, Job.created_at).where(Job.state.in_(OPEN)).order_by(Job.position)
        with self._database.read() as connection:
            return [(row.id, row.created_at) for row in connection.execute(query)]

    def waits(self) -> bool:
        """Return whether a worker would get a job now."""
        with self._database.read() as connection:
            return connection.execute(_next_job()).first() is not None

    def get(self, job_id: str) -> Row[Any] | None:
        """Return the job with this id; None if it does not exist."""
        with self._database.read() as connection:
            return connection.execute(select(Job.__table__).where(Job.id == job_id)).first()

    def page(self, before: int | None, limit: int) -> Sequence[Row[Any]]:
        """Return up to ``limit`` jobs with positions below ``before``, the latest first."""
        query = select(Job.__table__).order_by(desc(Job.position)).limit(limit)
        if before is not None:
            query = query.where(Job.position < before)
        with self._database.read() as connection:
            return connection.execute(query).all()

    def cancel(self, job_id: str, caller: str | None = None) -> bool:
        """Cancel an open job and return whether it was open.

        Args:
            caller: id of the API key.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                update(Job)
                .where(Job.id == job_id, Job.state.in_(OPEN))
                .values(state=CANCELLED, finished_at=now(), owner=None)
            )
            if changed.rowcount:
                self._append_end(connection, job_id, caller, {})
            return changed.rowcount > 0

    def take(self, owner: str, seconds: float, job_id: str | None = None) -> Lease | None:
        """Lease the oldest job that is queued, or running with an expired lease; return None if there is no such job.

        Args:
            owner: name of the worker.
            seconds: duration of the lease.
            job_id: only this job.
        """
        query = _next_job() if job_id is None else _next_job().where(Job.id == job_id)
        while True:
            with self._database.write() as connection:
                found = connection.execute(query).first()
                if found is None:
                    return None
                changed = connection.execute(
                    update(Job)
                    .where(Job.id == found.id, Job.attempt == found.attempt, Job.state.in_(OPEN))
                    .values(
                        state=RUNNING,
                        owner=owner,
                        attempt=Job.attempt + 1,
                        fruitless=Job.fruitless + 1,
                        started_at=func.coalesce(Job.started_at, now()),
                        leased_until=_until(seconds),
                    )
                )
                # On PostgreSQL, another worker may have leased the job since the query.
                if changed.rowcount:
                    row = connection.execute(select(Job.__table__).where(Job.id == found.id)).one()
                    return Lease(row, Progress(*(getattr(row, name) for name in Progress.__slots__)))

    def renew(self, lease: Lease, seconds: float) -> None:
        """Extend the lease.

        Raises:
            Lost: the job is no longer this worker's.
        """
        with self._database.write() as connection:
            _change(connection, lease, leased_until=_until(seconds))

    def begin(self, lease: Lease, setup: str, rows_total: int, *, anew: bool) -> Lease:
        """Record the setup that the rows are scored with, and the number of rows.

        Args:
            anew: whether to discard the results of earlier attempts.

        Returns:
            The lease with the progress to continue from.

        Raises:
            Lost: the job is no longer this worker's.
        """
        with self._database.write() as connection:
            _change(connection, lease, setup=setup, rows_total=rows_total, **(_NO_RESULTS if anew else {}))
        return Lease(lease.job, Progress()) if anew else lease

    def lock(self, connection: Connection, lease: Lease) -> None:
        """Prevent others from leasing or cancelling the job until the caller's transaction ends.

        Raises:
            Lost: the job is no longer this worker's.
        """
        _change(connection, lease, owner=lease.job.owner)

    def advance(self, connection: Connection, lease: Lease, progress: Progress) -> None:
        """Record the progress of results on disk, in the caller's transaction.

        Raises:
            Lost: the job is no longer this worker's.
        """
        values = {name: getattr(progress, name) for name in Progress.__slots__}
        _change(connection, lease, file_attempt=lease.job.attempt, fruitless=0, **values)

    def finish(self, lease: Lease, problem: str | None = None, digests: Mapping[str, str | None] | None = None) -> None:
        """End a job, as failed if there is a problem and as done otherwise. Record this in the audit chain, and enqueue a message.

        Args:
            digests: name of a file -> its `digest_of`.

        Raises:
            Lost: the job is no longer this worker's.
        """
        state = DONE if problem is None else FAILED
        with self._database.write() as connection:
            values: dict[str, Any] = {"rows_total": Job.rows_done} if state == DONE else {}
            _change(connection, lease, state=state, problem=problem, finished_at=now(), owner=None, **values)
            row = self._append_end(connection, lease.job.id, _WORKER, digests or {})
            if not row["what_if"]:
                counts = {name: row[name] for name in ("rows_done", "rows_total", "rejected")}
                data = {"job_id": row["id"], "state": state, **counts, "finished_at": iso_time(row["finished_at"])}
                webhooks.enqueue(connection, [webhooks.Message(f"job.{state}", data)], row["finished_at"])

    def _append_end(
        self, connection: Connection, job_id: str, actor: str | None, digests: Mapping[str, str | None]
    ) -> RowMapping:
        """Record the end of a job in the audit chain, and return its row."""
        row = connection.execute(select(Job.__table__).where(Job.id == job_id)).mappings().one()
        facts = {name: row[name] for name in END_FACTS} | dict(digests)
        audit.append(connection, [Fact("job_ended", job_id, facts, actor)], row["finished_at"])
        return row

    def release(self, owner: str) -> None:
        """Return the running jobs of an ended worker to the queue, so that another worker can lease them at once."""
        with self._database.write() as connection:
            connection.execute(
                update(Job).where(Job.owner == owner, Job.state == RUNNING).values(state=QUEUED, owner=None)
            )

    def with_files(self, finished_before: int | None = None) -> list[str]:
        """Return the ids of ended jobs whose files are not deleted yet, optionally only of jobs that ended before a time."""
        query = select(Job.id).where(Job.state.not_in(OPEN), Job.files_deleted_at.is_(None))
        if finished_before is not None:
            query = query.where(Job.finished_at < finished_before)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def files_deleted(self, job_ids: Sequence[str]) -> None:
        """Record that the files of jobs were deleted, and delete the file names, mappings and salts of the jobs."""
        with self._database.write() as connection:
            connection.execute(
                update(Job)
                .where(Job.id.in_(job_ids))
                .values(files_deleted_at=now(), file_name=None, mapping=None, salt=None)
            )

    @staticmethod
    def _count_open(connection: Connection) -> int:
        return connection.execute(select(func.count()).where(Job.state.in_(OPEN))).scalar_one()


def digest_of(salt: bytes | None, file: Path) -> str | None:
    """Return the SHA-256 of a job's salt and a file in hexadecimal digits; None for a job without a salt or a missing file."""
    if salt is None or not file.is_file():
        return None
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.sha256(salt)).hexdigest()


def _next_job() -> Any:
    # A lease with an impossibly late end was written before the clock was set back.
    ended = or_(Job.leased_until < now(), Job.leased_until > _until(_LONGEST_LEASE))
    ready = or_(Job.state == QUEUED, and_(Job.state == RUNNING, ended))
    return select(Job.id, Job.attempt).where(ready).order_by(Job.position).limit(1)


def _until(seconds: float) -> int:
    return now() + int(seconds * _SECOND)


def _change(connection: Connection, lease: Lease, **values: Any) -> None:
    changed = connection.execute(
        update(Job)
        .where(Job.id == lease.job.id, Job.attempt == lease.job.attempt, Job.state == RUNNING)
        .values(**values)
    )
    if not changed.rowcount:
        raise Lost
