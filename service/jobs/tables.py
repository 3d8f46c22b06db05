"""Table of jobs: uploaded files that workers score. The end of this module is the proof of its rows."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from service.core.database.audit import salted
from service.core.database.proof import Entry, RowCheck, Values, has_salt
from service.core.database.tables import Base, RowNumber


class Job(Base):
    """One uploaded file, and the progress of its result.

    Attributes:
        position: order of arrival.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        caller: id of the API key; None if keys are not required.
        file_name: name that the client gave the file; None after the files were deleted.
        upload_ending: file extension of the upload on disk.
        result_format: ``csv``, ``tsv``, ``jsonl`` or ``parquet``.
        explain: shipments that get reasons.
        mapping: the column mapping, TOML.
        what_if: whether the job leaves queue and webhooks alone: its decisions are what-if decisions.
        setup: digest of the model, lists and settings that the rows so far were scored with.
        rows_total: rows of the file; None until a worker has counted them.
        rows_done: number of scored and rejected rows whose results are on disk.
        chunks_done, result_bytes, rejects_bytes: progress from which a worker continues, see `service.jobs.work`.
        attempt: number of times that a worker leased the job. A worker may write only while this is its attempt.
        file_attempt: attempt whose files contain the results so far.
        fruitless: number of attempts since the last progress.
        owner: name of the worker that has leased the job.
        leased_until: time after which another worker may take a running job.
        problem: reason why the job failed.
        files_deleted_at: time at which upload and results were deleted.
        salt: random bytes in the audit chain's digests of the files, their name and the mapping; None after the files were deleted,
            and for a job of an earlier version.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "position"),)

    position: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]
    created_at: Mapped[int]
    started_at: Mapped[int | None]
    finished_at: Mapped[int | None]
    caller: Mapped[str | None]
    file_name: Mapped[str | None]
    upload_ending: Mapped[str]
    result_format: Mapped[str]
    explain: Mapped[str]
    mapping: Mapped[bytes | None]
    what_if: Mapped[bool]
    setup: Mapped[str | None]
    rows_total: Mapped[int | None]
    rows_done: Mapped[int]
    rejected: Mapped[int]
    chunks_done: Mapped[int]
    result_bytes: Mapped[int]
    rejects_bytes: Mapped[int]
    attempt: Mapped[int]
    file_attempt: Mapped[int]
    fruitless: Mapped[int]
    owner: Mapped[str | None]
    leased_until: Mapped[int]
    problem: Mapped[str | None]
    files_deleted_at: Mapped[int | None]
    salt: Mapped[bytes | None]

    # Progress of the work.
    unproven: ClassVar = frozenset(
        {
            *("started_at", "rows_total", "chunks_done", "result_bytes", "rejects_bytes", "attempt", "file_attempt"),
            *("fruitless", "owner", "leased_until", "problem", "files_deleted_at"),
        }
    )


#: Facts about a new job that contain no personal data.
NEW_FACTS: Final = ("created_at", "explain", "result_format", "upload_ending", "what_if")
#: Columns of an ended job that its entry in the audit chain contains.
END_FACTS: Final = ("finished_at", "rejected", "rows_done", "setup", "state")


def salted_facts_of(row: Values) -> dict[str, Any]:
    """Return the salted digests of values of a new job that may be personal."""
    salt = bytes(row["salt"])
    name, mapping = row["file_name"], row["mapping"]
    return {
        "file_name": None if name is None else salted(salt, name.encode()),
        "mapping": None if mapping is None else salted(salt, bytes(mapping)),
    }


def _unerased(row: Values, _: Entry) -> str | None:
    is_kept = not has_salt(row) and row["files_deleted_at"] is None
    return "its salt is missing, but its files are not deleted" if is_kept else None


#: Jobs of earlier versions have no entries and no salt.
CHECKS: Final = (
    RowCheck(
        "job_created",
        Job,
        ("caller", *NEW_FACTS),
        salted_facts_of,
        columns=("file_name", "files_deleted_at", "mapping", "salt"),
        unerased=_unerased,
        required=("salt",),
    ),
    RowCheck("job_ended", Job, END_FACTS, required=("salt", "finished_at")),
)
