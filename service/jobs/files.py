"""Files of jobs, and the search for references of shipments in them, in all encodings and escaped forms that they may use."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.readers import Unreadable
from features.readers.source import GZIP_MAGIC
from service.files.output import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.core.database.engine import Database
    from service.core.settings import Settings

#: Bytes of a small upload. The service scores it in a few tenths of a second, like a batch of a request.
_SMALL_BYTES: Final = 64 << 10
_PARQUET_MAGIC: Final = b"PAR1"
_OWNER_ONLY: Final = 0o600
_OWNER_FOLDER: Final = 0o700
#: Format of the result for an input with any other ending.
DEFAULT_FORMAT: Final = "csv"


class JobFiles:
    """Files of one job."""

    def __init__(self, folder: Path, job_id: str) -> None:
        """
        Args:
            folder: folder of all jobs.
        """
        self.folder = folder / job_id

    def create(self) -> None:
        """Create the folder of the job, and that of all jobs."""
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=_OWNER_FOLDER)
        self.folder.mkdir(mode=_OWNER_FOLDER)

    def upload(self, ending: str) -> Path:
        """Return the path of the upload."""
        return self.folder / f"upload{ending}"

    def result(self, attempt: int, result_format: str) -> Path:
        """Return the path of an attempt's result."""
        return self.folder / f"result-{attempt}.{result_format}"

    def parts(self, attempt: int) -> Path:
        """Return the path of an attempt's incomplete result, for formats whose files cannot grow."""
        return self.folder / f"result-{attempt}.parts"

    def rejects(self, attempt: int) -> Path:
        """Return the path of an attempt's rejects."""
        return self.folder / f"rejects-{attempt}.csv"

    def all(self) -> list[Path]:
        """Return the paths of all files."""
        return sorted(self.folder.iterdir()) if self.folder.is_dir() else []

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Delete all files except ``paths`` and the upload."""
        wanted = set(paths)
        for path in self.folder.iterdir():
            if path not in wanted and not path.name.startswith("upload"):
                path.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete all files and the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def delete_files(database: Database, settings: Settings, finished_before: int | None = None) -> list[str]:
    """Delete the uploads and results of ended jobs, and return the ids of the jobs.

    Args:
        finished_before: only those of jobs that ended before this time, in microseconds since 1970.
    """
    from service.jobs.repository import Jobs

    jobs = Jobs(database)
    ended = jobs.with_files(finished_before)
    for job_id in ended:
        JobFiles(settings.jobs_dir, job_id).delete()
    if ended:
        jobs.files_deleted(ended)
    return ended


def is_small(files: JobFiles) -> bool:
    """Return whether the upload of a job is a small text file, of some hundred rows at most. Compressed ones may be large."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        [upload] = files.all()
        with upload.open("rb") as file:
            head = file.read(_SMALL_BYTES + 1)
        return len(head) <= _SMALL_BYTES and not head.startswith((GZIP_MAGIC, _PARQUET_MAGIC))
    return False


def open_private(path: Path, mode: str) -> BinaryIO:
    """Open a file for writing that only its owner may read. Mode ``w`` empties it."""
    flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if mode == "w" else 0)
    return os.fdopen(os.open(path, flags, _OWNER_ONLY), "r+b")


def ending_of(name: str, *, gunzipped: bool = False) -> str:
    """Return the file extension from which readers derive the format; empty for an unknown one.

    Args:
        gunzipped: whether the content was decompressed, so that ``.gz`` no longer applies.
    """
    lower = name.lower()
    if gunzipped:
        lower = lower.removesuffix(".gz")
    endings = [ending for known in FORMATS for ending in (*known.gzip_endings, *known.endings)]
    return next((ending for ending in endings if lower.endswith(ending)), "")


def result_format_of(name: str) -> str:
    """Return the format of the result for an input name: that of the input, without compression."""
    lower = name.lower().removesuffix(".gz")
    known = {ending: output.endings[0] for output in FORMATS for ending in output.endings}
    return next((first[1:] for ending, first in known.items() if lower.endswith(ending)), DEFAULT_FORMAT)


def missing_upload(name: str) -> Unreadable:
    """Return the error for an upload that is no longer on disk."""
    return Unreadable(name, "The uploaded file is gone.", "Upload it again.")


_BLOCK: Final = 1 << 20
#: Encodings of uploads.
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "cp1252")


def contains(path: Path, shipments: Collection[str]) -> bool:
    """Return whether a file contains the reference of any of the shipments. True also if the file cannot be searched."""
    if path.suffix == ".parquet":
        return _parquet_contains(path, shipments)
    wanted = {form for shipment in shipments for form in _forms(shipment)}
    try:
        with path.open("rb") as file:
            is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            return _stream_contains(cast("BinaryIO", gzip.GzipFile(fileobj=file)) if is_gzip else file, wanted)
    except FileNotFoundError:
        return False
    except (OSError, EOFError, zlib.error):
        return True


def _forms(shipment: str) -> set[bytes]:
    """Return the forms of a reference in CSV and JSON, in all encodings."""
    texts = {
        shipment,
        shipment.replace('"', '""'),
        *(json.dumps(shipment, ensure_ascii=ascii)[1:-1] for ascii in (True, False)),
    }
    forms = set()
    for encoding in _ENCODINGS:
        with contextlib.suppress(UnicodeEncodeError):
            forms |= {text.encode(encoding) for text in texts}
    return forms


def _stream_contains(file: BinaryIO, wanted: Collection[bytes]) -> bool:
    longest = max(map(len, wanted), default=0)
    before = b""
    while block := file.read(_BLOCK):
        searched = before + block
        if any(one in searched for one in wanted):
            return True
        before = searched[-longest:] if longest else b""
    return False


def _parquet_contains(path: Path, shipments: Collection[str]) -> bool:
    wanted = pa.array(sorted(shipments), pa.string())
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for column in batch.columns:
                    if pa.types.is_nested(column.type):
                        return True
                    if pc.any(pc.is_in(column.cast(pa.string()), wanted)).as_py():
                        return True
    except (pa.ArrowException, OSError):
        return True
    return False
