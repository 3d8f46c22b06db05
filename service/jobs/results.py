"""Results of a job, which grow chunk by chunk and survive a kill.

Each attempt writes separate files, and begins with a copy of what the previous attempt committed. A worker that has lost its lease,
perhaps without noticing yet, therefore cannot write into the files of the next attempt.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from service.files.formats import BY_NAME, DelimitedWriter, TableWriter, open_writer
from service.files.rejects import reject_lines, rejects_header
from service.jobs.files import JobFiles, open_private

if TYPE_CHECKING:
    from io import IOBase

    from features.readers import OwnValues
    from service.files.chunk_scorer import ScoredChunk
    from service.files.layout import OutputLayout
    from service.jobs.repository import Lease


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
