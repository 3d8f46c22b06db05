"""Scoring of one job, and its results, which grow chunk by chunk and survive a kill.

The result equals that of `service.files.batch.score_file` for the same file, byte for byte. After each chunk, the worker commits
its decisions and then the sizes of the result files. A worker that takes the job later continues there: it reads the earlier
chunks again, which advances the history as before, and scores the remaining ones.

Each attempt writes separate files, and begins with a copy of what the previous attempt committed. A worker that has lost its lease,
perhaps without noticing yet, therefore cannot write into the files of the next attempt.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import orjson
import pyarrow as pa
from sqlalchemy.exc import SQLAlchemyError

from features.readers import ROWS_PER_CHUNK, ColumnMapping, open_pieces, open_table
from models.bundle.audit import features_digest
from service.capacity.current import CurrentCapacity
from service.core.errors import DatabaseAway
from service.decisions.repository import record_with_deliveries
from service.files.chunk_scorer import ChunkScorer, scored_chunks
from service.files.layout import OutputLayout, reject_lines, rejects_header
from service.files.options import ScoreOptions
from service.files.output import BY_NAME, DelimitedWriter, TableWriter, format_of, open_writer
from service.jobs.files import JobFiles, missing_upload, open_private
from service.jobs.repository import Jobs, Lease, Lost, Progress, digest_of, now
from service.lists.current import CurrentLists
from service.proposals.current import CurrentProposals
from service.scoring.recording import Receipt, decisions_of_table

if TYPE_CHECKING:
    from io import IOBase

    from sqlalchemy import Connection

    from features.groups.history.history import HistoryRows
    from features.readers import OwnValues
    from models.scoring import RiskModel, Scores, ScoreSettings
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.files.chunk_scorer import ScoredChunk
    from service.files.layout import OutputLayout
    from service.jobs.repository import Lease
    from service.scoring.decision import NewDecision


class _ArrowParts:
    """Writer of tables as consecutive Arrow streams, for formats whose files cannot grow."""

    def __init__(self, file: BinaryIO) -> None:
        # The type annotations of pyarrow require `IOBase`, which the file from `open_private` is.
        self._file = cast("IOBase", file)

    def write(self, table: pa.Table, own: OwnValues | None = None) -> None:
        # Readers of a stream make one chunk of each batch; the Parquet writer joins chunks anyway.
        table = table.replace_schema_metadata(None).combine_chunks()
        with pa.ipc.new_stream(self._file, table.schema) as stream:
            stream.write_table(table, max_chunksize=max(table.num_rows, 1))

    def close(self) -> None:
        """Do nothing, because no data is buffered."""


class Results:
    """Growing result and rejects files of an attempt. Call `sync` before the commit of their sizes.

    Attributes:
        rejected: number of rejected rows.
    """

    def __init__(
        self, result: BinaryIO, rejects: BinaryIO, writer: TableWriter, *, rejected: int, excel_safe: bool
    ) -> None:
        self._result, self._rejects, self._writer = result, rejects, writer
        self._excel_safe = excel_safe
        self.rejected = rejected

    def write(self, scored: ScoredChunk, layout: OutputLayout) -> None:
        """Append a chunk."""
        self._writer.write(*layout.accepted_rows(scored))
        lines = reject_lines(scored, excel_safe=self._excel_safe)
        if lines and not self.rejected:
            self._rejects.write(rejects_header())
        self._rejects.writelines(lines)
        self.rejected += len(lines)

    def sync(self) -> tuple[int, int]:
        """Write both files to the disk and return their sizes."""
        for file in (self._result, self._rejects):
            file.flush()
            os.fsync(file.fileno())
        return self._result.tell(), self._rejects.tell()


@contextmanager
def open_results(files: JobFiles, lease: Lease, *, excel_safe: bool) -> Iterator[Results]:
    """Open the results of an attempt, beginning with what earlier attempts committed."""
    job, progress = lease.job, lease.progress
    with (
        _continued(
            growing_path(files, job.file_attempt, job.result_format),
            growing_path(files, job.attempt, job.result_format),
            progress.result_bytes,
        ) as result,
        _continued(files.rejects(job.file_attempt), files.rejects(job.attempt), progress.rejects_bytes) as rejects,
    ):
        writer = _writer_of(result, job.result_format, started=progress.result_bytes > 0, excel_safe=excel_safe)
        yield Results(result, rejects, writer, rejected=progress.rejected, excel_safe=excel_safe)


def growing_path(files: JobFiles, attempt: int, result_format: str) -> Path:
    """Return the path of a result while it grows."""
    return files.result(attempt, result_format) if BY_NAME[result_format].grows else files.parts(attempt)


def contain_committed(files: JobFiles, lease: Lease) -> bool:
    """Return whether the files contain all results that earlier attempts committed."""
    job, progress = lease.job, lease.progress
    wanted = (
        (growing_path(files, job.file_attempt, job.result_format), progress.result_bytes),
        (files.rejects(job.file_attempt), progress.rejects_bytes),
    )
    return all(not size or (path.is_file() and path.stat().st_size >= size) for path, size in wanted)


def complete(files: JobFiles, attempt: int, result_format: str) -> Path:
    """Build the result from its Arrow streams, if its format needs them, and return its path."""
    result = files.result(attempt, result_format)
    if not BY_NAME[result_format].grows:
        with files.parts(attempt).open("rb") as parts, open_writer(result) as writer:
            size = os.fstat(parts.fileno()).st_size
            while parts.tell() < size:
                with pa.ipc.open_stream(parts) as stream:
                    writer.write(stream.read_all())
        result.chmod(0o600)
    return result


@contextmanager
def _continued(earlier: Path, path: Path, size: int) -> Iterator[BinaryIO]:
    """Create a file with the first ``size`` bytes of an earlier one, and open it at its end."""
    with open_private(path, "w") as file:
        if size:
            with earlier.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
            file.truncate(size)
            file.seek(size)
        yield file


def _writer_of(file: BinaryIO, result_format: str, *, started: bool, excel_safe: bool) -> TableWriter:
    output = BY_NAME[result_format]
    if not output.grows:
        return _ArrowParts(file)
    writer = output.writer(file, started=started)
    if isinstance(writer, DelimitedWriter):
        writer.excel_safe = excel_safe
    return writer


_UPLOAD: Final = "the uploaded file"
#: Decisions per transaction. On SQLite, requests that store decisions wait meanwhile.
_AT_ONCE: Final = 250
#: Function that stores the decisions of a chunk in an open transaction, at a time in microseconds since 1970.
Recorder = Callable[["Database", "Connection", Sequence["NewDecision"], int], object]


class Stopped(Exception):
    """The worker was asked to end. The job continues later."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """Resources with which a worker scores jobs.

    Attributes:
        record: stores the decisions of a chunk; tests replace it to observe them.
        rows_per_chunk: only tests change it, because other chunks give other row groups in a Parquet result.
    """

    database: Database
    settings: Settings
    stop: threading.Event
    record: Recorder = record_with_deliveries
    rows_per_chunk: int = ROWS_PER_CHUNK


def run(context: JobContext, lease: Lease, model: RiskModel) -> None:
    """Score a job to its end.

    Raises:
        Unreadable, MappingError: the file cannot be read.
        Lost: the job was cancelled, or another worker has it.
        Stopped: the worker was asked to end.
    """
    job, jobs = lease.job, Jobs(context.database)
    files = JobFiles(context.settings.jobs_dir, job.id)
    upload = files.upload(job.upload_ending)
    if not upload.is_file():
        raise missing_upload(job.file_name or _UPLOAD)
    mapping = ColumnMapping.from_text(job.mapping.decode()) if job.mapping else None
    score = _score_settings(context, model)
    setup = setup_of(model, context.settings, score)
    rows_total = job.rows_total if job.rows_total is not None else _count(context, upload, mapping, job.file_name)
    lease = jobs.begin(lease, setup, rows_total, anew=job.setup != setup or not contain_committed(files, lease))
    with open_results(files, lease, excel_safe=context.settings.excel_safe) as results:
        _score(context, lease, model, (upload, mapping), results, score)
    result = complete(files, job.attempt, job.result_format)
    rejects = files.rejects(job.attempt)
    digests = {
        "result": digest_of(job.salt, result),
        "rejects": digest_of(job.salt, rejects) if results.rejected else None,
    }
    jobs.finish(lease, digests=digests)
    with suppress(OSError):
        files.keep_only([result, rejects])
        upload.unlink(missing_ok=True)


def _score_settings(context: JobContext, model: RiskModel) -> ScoreSettings:
    """Return the score settings with the current lists and capacity of the office. They do not change while the job is scored."""
    current = CurrentLists(context.settings.score_settings(), context.database)
    current.refresh()
    CurrentCapacity(context.settings, context.database, current).prepare(model)
    CurrentProposals(context.database, current).refresh()
    return current.settings


def setup_of(model: RiskModel, settings: Settings, score: ScoreSettings) -> str:
    """Return a digest of everything except the row that its result depends on: model, rules, lists of the office, and settings.

    A job whose first rows were scored with another setup starts again, so that no result mixes two setups.
    """
    key = settings.random_key.get_secret_value() if settings.random_key else None
    parts: list[Any] = [
        model.digest,
        model.rulebook(score).digest,
        score.lists and score.lists.digest,
        sorted(lanes.id for lanes in (score.capacity or {}).values()),
        sorted(settings.base_rates.items()),
        settings.random_share,
        key and hashlib.sha256(key.encode()).hexdigest(),
        settings.excel_safe,
    ]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()


def _score(
    context: JobContext,
    lease: Lease,
    model: RiskModel,
    source: tuple[Path, ColumnMapping | None],
    results: Results,
    score: ScoreSettings,
) -> None:
    job, settings = lease.job, context.settings
    upload, mapping = source
    files = JobFiles(settings.jobs_dir, job.id)
    unstored: list[tuple[Scores, HistoryRows, float]] = []
    options = ScoreOptions(
        mapping=mapping,
        explain=job.explain,
        settings=score,
        top=0,
        excel_safe=settings.excel_safe,
        keep=lambda *scored: unstored.append(scored),
    )
    receipt, features = Receipt("job", job.caller, job.created_at), features_digest(model.space.names)
    progress = lease.progress
    with open_table(
        upload, mapping=mapping, rows_per_chunk=context.rows_per_chunk, name=job.file_name or _UPLOAD
    ) as reader:
        scorer = ChunkScorer(model, model.history.copy(), options, decimal=reader.decimal)
        output = format_of(files.result(job.attempt, job.result_format))
        layout = OutputLayout(
            reader.names, scorer.columns, unique_names=output.unique_names, dictionaries=output.dictionaries
        )
        with scored_chunks(reader, scorer, done=progress.chunks_done) as chunks:
            for scored in chunks:
                if context.stop.is_set():
                    raise Stopped
                results.write(scored, layout)
                result_bytes, rejects_bytes = results.sync()
                progress = Progress(
                    progress.rows_done + scored.chunk.n_rows + len(scored.chunk.rejected),
                    results.rejected,
                    progress.chunks_done + 1,
                    result_bytes,
                    rejects_bytes,
                )
                # Build the decisions before the transaction, during which no other process can write to SQLite.
                decisions = [
                    decision
                    for scores, _, seconds in unstored
                    for piece in decisions_of_table(
                        scores, features, receipt, orders=[None] * len(scores), what_if=job.what_if, seconds=seconds
                    )
                    for decision in piece
                ]
                unstored.clear()
                _commit(context, lease, decisions, progress)
                files.keep_only([growing_path(files, job.attempt, job.result_format), files.rejects(job.attempt)])
                del scored


def _commit(context: JobContext, lease: Lease, decisions: Sequence[NewDecision], progress: Progress) -> None:
    """Store the decisions of a chunk, then the progress, in short transactions, so that other writers wait only briefly.

    After a kill in between, the next attempt finds the stored decisions as repeats, however late it is, because their time of
    receipt is that of the job.
    """
    jobs = Jobs(context.database)
    # A what-if decision is never a repeat, so those of a chunk are committed together with the progress.
    at_once = max(len(decisions), 1) if lease.job.what_if else _AT_ONCE
    for start in range(0, max(len(decisions), 1), at_once):
        with context.database.write() as connection:
            # First check that this worker still holds the job, and lock its row until the commit.
            if start + at_once < len(decisions):
                jobs.lock(connection, lease)
            else:
                jobs.advance(connection, lease, progress)
            context.record(context.database, connection, decisions[start : start + at_once], now())


def _count(context: JobContext, upload: Path, mapping: ColumnMapping | None, name: str | None) -> int:
    """Return the number of rows of a file, including those that do not fit its header."""
    options = mapping.files if mapping else None
    opened = open_pieces(
        upload,
        expected=mapping.source_names if mapping else (),
        encoding=options.encoding if options else None,
        delimiter=options.delimiter if options else None,
        name=name or _UPLOAD,
    )
    rows = 0
    try:
        for piece in opened.pieces:
            rows += piece.n_rows + len(piece.rejected)
            if context.stop.is_set():
                raise Stopped
    finally:
        opened.pieces.close()
    return rows


class Heartbeat:
    """Thread that renews a lease while its job is scored. Use it as a context."""

    def __init__(self, jobs: Jobs, lease: Lease, seconds: float) -> None:
        self._jobs, self._lease, self._seconds = jobs, lease, seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        # Twice per lease, so that one renewal may fail.
        while not self._end.wait(self._seconds / 3):
            try:
                self._jobs.renew(self._lease, self._seconds)
            except Lost:
                return
            except (SQLAlchemyError, DatabaseAway):
                # The database may answer again before the lease ends. If not, the next commit raises `Lost`.
                continue
