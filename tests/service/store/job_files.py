"""Files and queued jobs for tests of jobs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Row

from models.bundle import load
from service.core.identifiers import new_ids
from service.core.settings import Settings
from service.files.batch import score_file
from service.files.layout import rejects_header
from service.files.options import ScoreOptions
from service.jobs.files import JobFiles, ending_of, result_format_of
from service.jobs.repository import Jobs, NewJob
from tests.models.small_model import manifest


def goods_csv(shipments: int, seed: int = 7, broken_every: int = 0) -> bytes:
    """Return a CSV file of invented shipments, later than those of the small model.

    Args:
        broken_every: after each group of this many rows comes one with a surplus cell, which is rejected.
    """
    columns = manifest(shipments, seed)
    columns["declared_at"] = [str(time).replace("2026-03", "2026-06") for time in columns["declared_at"]]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(zip(*columns.values(), strict=True), 1):
        writer.writerow(row)
        if broken_every and number % broken_every == 0:
            writer.writerow([*row, "surplus"])
    return out.getvalue().encode()


def goods_parquet(shipments: int, seed: int = 7) -> bytes:
    """Return a Parquet file of invented shipments."""
    out = io.BytesIO()
    columns = manifest(shipments, seed)
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), out)
    return out.getvalue()


def queue(
    jobs: Jobs,
    settings: Settings,
    content: bytes,
    name: str = "goods.csv",
    explain: str = "shown",
    *,
    what_if: bool = False,
) -> str:
    """Queue a file as `POST /v1/jobs` does, and return the id of the job."""
    job_id = new_ids(1)[0]
    files = JobFiles(settings.jobs_dir, job_id)
    files.create()
    files.upload(ending_of(name)).write_bytes(content)
    job = NewJob(job_id, None, name, ending_of(name), result_format_of(name), explain, None, what_if=what_if)
    jobs.add(job, settings.max_jobs)
    return job_id


def row_of(jobs: Jobs, job_id: str) -> Row[tuple[object, ...]]:
    """Return the row of a job, which must exist."""
    job = jobs.get(job_id)
    assert job is not None
    return job


def results_of(jobs: Jobs, settings: Settings, job_id: str) -> tuple[bytes, bytes]:
    """Return the result and the rejects of a job, which must be done."""
    job = row_of(jobs, job_id)
    assert (job.state, job.problem) == ("done", None)
    files = JobFiles(settings.jobs_dir, job_id)
    rejects = files.rejects(job.attempt).read_bytes() or rejects_header()
    return files.result(job.attempt, job.result_format).read_bytes(), rejects


def scored_as_a_file(
    content: bytes, name: str, bundle: Path, folder: Path, rows_per_chunk: int | None = None
) -> tuple[bytes, bytes]:
    """Return the result and the rejects of `score_file`, which ``tidewaiter score`` uses."""
    folder.mkdir()
    source, target = folder / name, folder / f"out.{result_format_of(name)}"
    source.write_bytes(content)
    report = score_file(source, target, load(bundle), ScoreOptions(rows_per_chunk=rows_per_chunk))
    rejects = report.rejects_path.read_bytes() if report.rejects_path else rejects_header()
    return target.read_bytes(), rejects
