"""``/v1/jobs``: files that are scored in the background, without an open connection."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field

from features.readers import ColumnMapping, MappingError
from service.core.errors import Busy, Conflict, NotFound, Unprocessable, shortened
from service.core.http.dependencies import AppBudgets, AppDatabase, AppSettings, PlainJson, caller_of, provided
from service.core.http.idempotency import REPLAYED, answered_once, is_taken, key_of
from service.core.http.openapi import Scope, needs, problems
from service.core.http.schemas import Answer, Cursor, answer_of, page_of
from service.core.identifiers import new_ids
from service.core.settings import Settings
from service.files.layout import rejects_header
from service.files.output import FORMATS
from service.files.upload import Form, receive_into, refused_by_disk
from service.jobs.child import InServiceWorker
from service.jobs.files import JobFiles, ending_of, open_private, result_format_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.core.database.engine import Database
    from service.jobs.repository import Jobs, NewJob

router = APIRouter(prefix="/v1", tags=["jobs"])


async def _jobs(database: AppDatabase) -> Any:
    from service.jobs.repository import Jobs

    return Jobs(database)


if TYPE_CHECKING:
    AppJobs = Annotated[Jobs, Depends(_jobs)]
else:
    AppJobs = Annotated[Any, Depends(_jobs)]
#: None if other processes score the jobs.
AppJobWorker = Annotated[InServiceWorker | None, provided(InServiceWorker)]

_ACCEPTED: Final = 202
#: ``Retry-After`` in seconds for clients that exceed the number of jobs.
_RETRY_AFTER: Final = 60
_FIELDS: Final = frozenset({"mapping", "explain", "format", "queue"})
_EXPLAIN: Final = ("none", "shown", "all")
_MEDIA_TYPES: Final[Mapping[str, str]] = {output.name: output.media_type for output in FORMATS}
_LONGEST_NAME: Final = 255
_MAX_LIMIT: Final = 200
_JOB_ID: Final = "0b0c2f7e-5b0e-4c55-9d0b-6f3e0f8c2d11"

_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "File in one of the formats of `format`; text formats may be gzipped",
                        },
                        "mapping": {"type": "string", "description": "Column mapping, TOML: text or a file"},
                        "explain": {"enum": list(_EXPLAIN), "description": "Default: the service's setting"},
                        "format": {
                            "enum": list(_MEDIA_TYPES),
                            "description": "Format of the result. Default: that of the file's name, otherwise csv",
                        },
                        "queue": {
                            "type": "boolean",
                            "default": True,
                            "description": "Whether red and yellow shipments enter the queue, and webhooks get messages. "
                            "If false, the decisions are stored as what-if decisions",
                        },
                    },
                }
            }
        },
    }
}


class JobCreated(Answer):
    """A queued job."""

    job_id: str = Field(examples=[_JOB_ID])


class JobState(Answer):
    """State and progress of a job."""

    job_id: str = Field(examples=[_JOB_ID])
    state: Literal["queued", "running", "done", "failed", "cancelled"] = Field(examples=["running"])
    rows_done: int = Field(description="Rows whose results are on disk, including rejected rows", examples=[40960])
    rows_total: int | None = Field(description="Rows of the file; null until they are counted", examples=[120000])
    rejected: int = Field(description="Rejected rows", examples=[3])
    problem: str | None = Field(description="Why the job failed; null if it did not", examples=[None])
    file_name: str | None = Field(
        description="Name of the uploaded file; null after the files of the job were deleted", examples=["may.csv"]
    )
    format: str = Field(
        description="Format of the result", examples=["csv"], json_schema_extra={"enum": list(_MEDIA_TYPES)}
    )
    queue: bool = Field(description="Whether the job uses queue and webhooks", examples=[True])
    created_at: str = Field(examples=["2026-05-04T09:30:00.000000Z"])
    started_at: str | None = Field(examples=["2026-05-04T09:30:01.000000Z"])
    finished_at: str | None = Field(examples=[None])
    files_deleted_at: str | None = Field(
        description="When upload and results were deleted, some days after the end of the job", examples=[None]
    )


class JobPage(Answer):
    """A page of jobs, latest first."""

    jobs: list[JobState]
    next: str | None = Field(description="`cursor` of the next page; null on the last page", examples=[None])


@router.post(
    "/jobs",
    summary="Score a file in the background",
    status_code=_ACCEPTED,
    response_model=JobCreated,
    responses=problems(409, 413, 415, 422, 500, 503),
    openapi_extra=_BODY,
)
@needs(Scope.SCORE)
async def create_job(
    request: Request,
    jobs: AppJobs,
    database: AppDatabase,
    settings: AppSettings,
    budgets: AppBudgets,
    job_worker: AppJobWorker,
) -> Response:
    """Queue a file. The result is the same as that of `tidewaiter score`: the job starts with the history of the model, and the
    history of the service does not change. With `queue` = false, queue and webhooks do not change either. `GET /v1/jobs/{job_id}`
    returns the progress. With an `Idempotency-Key`, the same file and fields queue one job; the boundary of the form may differ.
    """
    key = key_of(request)
    # A repeated request gets its first answer even if the queue is full now.
    is_answered = key is not None and await to_thread.run_sync(is_taken, database, caller_of(request), key)
    if not is_answered and await to_thread.run_sync(jobs.open) >= settings.max_jobs:
        raise _full(settings)
    job_id = new_ids(1)[0]
    files = JobFiles(settings.jobs_dir, job_id)
    is_queued = False
    try:
        with refused_by_disk():
            await to_thread.run_sync(files.create)
        with refused_by_disk(), budgets.uploads.hold() as hold, open_private(files.upload(""), "w") as file:
            form = await receive_into(file, request, settings.max_csv_bytes, hold, fields=_FIELDS)
        with refused_by_disk():
            response = await to_thread.run_sync(_queue, request, _Queued(jobs, database, settings), job_id, form, files)
        is_accepted = response.status_code == _ACCEPTED
        is_queued = is_accepted and REPLAYED not in response.headers
    finally:
        if not is_queued:
            files.delete()
    if is_queued and job_worker is not None:
        job_worker.queued(job_id)
    if is_accepted:
        response.headers["Location"] = f"/v1/jobs/{orjson.loads(bytes(response.body))['job_id']}"
    return response


@router.get("/jobs", summary="List jobs", response_model=JobPage, responses=problems(409, 422, 500, 503))
@needs(Scope.READ)
async def list_jobs(
    request: Request,
    jobs: AppJobs,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_LIMIT)] = 50,
) -> Response:
    """Return a page of jobs, latest first."""
    before = int(cursor) if cursor else None
    rows = await to_thread.run_sync(jobs.page, before, limit + 1)
    return PlainJson(page_of("jobs", rows, limit, _job_to_json))


@router.get(
    "/jobs/{job_id}", summary="Progress of a job", response_model=JobState, responses=problems(404, 409, 422, 500, 503)
)
@needs(Scope.READ)
async def get_job(request: Request, jobs: AppJobs, job_id: str) -> Response:
    """Return the state and progress of a job, and why it failed if it did."""
    return PlainJson(_job_to_json(await _job(jobs, job_id)))


@router.delete(
    "/jobs/{job_id}",
    summary="Cancel a job",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 422, 500, 503),
)
@needs(Scope.SCORE)
async def cancel_job(request: Request, jobs: AppJobs, settings: AppSettings, job_id: str) -> Response:
    """Cancel a queued or running job, and delete its files. Decisions that it has already stored remain."""
    from service.jobs.repository import CANCELLED

    job = await _job(jobs, job_id)

    def cancel() -> bool:
        cancelled = jobs.cancel(job_id, caller_of(request))
        if cancelled:
            JobFiles(settings.jobs_dir, job_id).delete()
            jobs.files_deleted([job_id])
        return cancelled

    if not await to_thread.run_sync(cancel) and job.state != CANCELLED:
        raise Conflict("The job has ended; its files are deleted after some days.")
    return Response(status_code=204)


def _file_answers(description: str) -> dict[int | str, dict[str, Any]]:
    content = {media: {"schema": {"type": "string", "format": "binary"}} for media in _MEDIA_TYPES.values()}
    return {200: {"description": description, "content": content}, **problems(404, 409, 422, 500, 503)}


@router.get(
    "/jobs/{job_id}/result",
    summary="Result of a job",
    response_class=FileResponse,
    responses=_file_answers("The scored rows, as `tidewaiter score` writes them"),
)
@needs(Scope.READ)
async def job_result(request: Request, jobs: AppJobs, settings: AppSettings, job_id: str) -> Response:
    """Download the result: the input's columns and the score columns, without rejected rows."""
    job, files = await _finished_job(jobs, settings, job_id)
    return await _download(files.result(job.attempt, job.result_format), job.result_format, "scores")


@router.get(
    "/jobs/{job_id}/rejects",
    summary="Rejected rows of a job",
    response_class=FileResponse,
    responses=_file_answers("CSV with the columns `line`, `reason` and `row`"),
)
@needs(Scope.READ)
async def job_rejects(request: Request, jobs: AppJobs, settings: AppSettings, job_id: str) -> Response:
    """Download the rows that could not be read, each with its line and the reason. Without such rows, the file is a header."""
    job, files = await _finished_job(jobs, settings, job_id)
    if not job.rejected:
        return Response(rejects_header(), media_type=_MEDIA_TYPES["csv"])
    return await _download(files.rejects(job.attempt), "csv", "rejects")


def _full(settings: Settings) -> Busy:
    return Busy(f"{settings.max_jobs} jobs are queued or running already.", retry_after=_RETRY_AFTER)


def _job_of(job_id: str, form: Form, settings: Settings, caller: str | None) -> NewJob:
    """Return the job that a form describes.

    Raises:
        Unprocessable: a field has an invalid value.
    """
    from service.jobs.repository import NewJob

    name = Path(form.file_name.replace("\\", "/")).name[:_LONGEST_NAME]
    explain = _choice(form, "explain", _EXPLAIN, settings.explain)
    result_format = _choice(form, "format", tuple(_MEDIA_TYPES), result_format_of(name))
    mapping = form.fields.get("mapping") or None
    if mapping is not None:
        try:
            ColumnMapping.from_text(mapping.decode("utf-8-sig"))
        except (MappingError, UnicodeDecodeError) as error:
            raise _wrong("mapping", str(error)) from None
        mapping = mapping.decode("utf-8-sig").encode()
    ending = ending_of(name, gunzipped=form.gunzipped)
    is_queued = _choice(form, "queue", ("true", "false"), "true") == "true"
    return NewJob(
        job_id, caller, name or "the uploaded file", ending, result_format, explain, mapping, what_if=not is_queued
    )


def _choice(form: Form, field: str, allowed: tuple[str, ...], default: str) -> str:
    given = form.fields.get(field, b"").decode("utf-8", "replace").strip().lower()
    if given and given not in allowed:
        raise _wrong(field, f"expected one of {', '.join(allowed)}, got {shortened(given)}")
    return given or default


def _wrong(field: str, problem: str) -> Unprocessable:
    return Unprocessable(f"{field}: {problem}", errors=[{"field": field, "problem": problem}])


@dataclass(frozen=True, slots=True)
class _Queued:
    """Where a job is queued."""

    jobs: Jobs
    database: Database
    settings: Settings


def _queue(request: Request, to: _Queued, job_id: str, form: Form, files: JobFiles) -> Response:
    """Write the upload to disk durably (fsync), then queue the job. A repeated request with a key gets its first answer.

    Raises:
        Busy: the queue is full.
        Unprocessable: a field has an invalid value, or the key was used for a different request.
    """
    from service.jobs import repository
    from service.jobs.repository import QueueFull

    job: NewJob | Unprocessable
    try:
        job = _job_of(job_id, form, to.settings, caller_of(request))
    except Unprocessable as error:
        job = error
    upload = files.upload("")
    with upload.open("rb") as file:
        os.fsync(file.fileno())
        content = hashlib.file_digest(file, "sha256").digest() if key_of(request) is not None else b""
    digest = None if isinstance(job, Unprocessable) else repository.digest_of(job.salt, upload)
    if not isinstance(job, Unprocessable) and job.upload_ending:
        upload.rename(files.upload(job.upload_ending))
    folder = os.open(files.folder, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

    def queued(connection: Connection) -> Response:
        if isinstance(job, Unprocessable):
            raise job
        try:
            to.jobs.queue(connection, job, to.settings.max_jobs, digest)
        except QueueFull:
            raise _full(to.settings) from None
        return PlainJson({"job_id": job_id}, _ACCEPTED)

    if key_of(request) is None:
        with to.database.write() as connection:
            return queued(connection)
    # Compare the parsed form, because the boundary of a multipart form changes from request to request.
    fields = [part for name in sorted(form.fields) for part in (name.encode(), form.fields[name])]
    parts = (content, form.file_name.encode(), b"gzip" if form.gunzipped else b"", *fields)
    return answered_once(request, to.database, parts, queued)


async def _job(jobs: Jobs, job_id: str) -> Row[Any]:
    job = await to_thread.run_sync(jobs.get, job_id)
    if job is None:
        raise NotFound(f"No job has the id {shortened(job_id)}.")
    return job


async def _finished_job(jobs: Jobs, settings: Settings, job_id: str) -> tuple[Row[Any], JobFiles]:
    """Return a job that is done and whose files exist."""
    from service.jobs.repository import DONE, OPEN

    job = await _job(jobs, job_id)
    if job.state != DONE:
        advice = "try again later" if job.state in OPEN else "it has no result"
        raise Conflict(f"The job is {job.state}; {advice}.")
    if job.files_deleted_at is not None:
        raise NotFound("The files of the job were deleted; they are kept for some days only.")
    return job, JobFiles(settings.jobs_dir, job_id)


async def _download(path: Path, result_format: str, name: str) -> Response:
    if not await to_thread.run_sync(path.is_file):
        raise NotFound("The file of the job is no longer on disk.")
    return FileResponse(path, media_type=_MEDIA_TYPES[result_format], filename=f"{name}.{result_format}")


def _job_to_json(job: Row[Any]) -> dict[str, Any]:
    return answer_of(JobState, job, "microseconds", job_id=job.id, format=job.result_format, queue=not job.what_if)
