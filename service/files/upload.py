"""Reception of uploaded files.

CSV requests store their uploads in unnamed temporary files (``O_TMPFILE`` if the system supports it), of which nothing remains if
the request, the worker or the machine fails. Gzip, of the transfer or of the file, is decompressed on arrival. The size limit
applies to the decompressed bytes.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from anyio import to_thread
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from service.core.errors import DiskFull, NotAcceptedMedia, Unprocessable
from service.core.http.bodies import GZIP_MAGIC, Gunzip, content_coding, media_type, received, too_large
from service.core.http.budget import Hold
from service.core.logs import logger
from service.files.output import DISK_ERRORS

#: Bytes buffered before a thread writes them. For smaller writes, the thread switch takes longer than the write.
_WRITE_BYTES: Final = 1024 * 1024
_MAX_PART_HEADER: Final = 8192
#: Maximum number of bytes of a multipart form outside its file.
_FORM_ALLOWANCE: Final = 64 * 1024
CSV_TYPES: Final = frozenset({"text/csv", "application/csv", "text/tab-separated-values", "application/vnd.ms-excel"})
GZIP_TYPES: Final = frozenset({"application/gzip", "application/x-gzip"})


@dataclass(slots=True)
class Form:
    """Fields of an upload besides its content.

    Attributes:
        wanted: names of the fields to read. The first other part with a file name is the file.
        fields: field -> value.
        file_name: name of the file; empty if the request has none.
        gunzipped: whether the file was gzipped and has been decompressed.
    """

    wanted: frozenset[str] = frozenset()
    fields: dict[str, bytes] = field(default_factory=dict)
    file_name: str = ""
    gunzipped: bool = False


class _Spool:
    """Writer of the decompressed bytes of an upload to a file, up to a limit."""

    def __init__(self, file: BinaryIO, limit: int, form: Form, *, coded: bool) -> None:
        self._file = file
        self._limit = limit
        self._form = form
        self._size = 0
        self._coding = Gunzip() if coded else None
        self._inner: Gunzip | None = None
        self._multipart: _FilePart | None = None
        self._head: bytes | None = b""

    def expect_form(self, boundary: bytes) -> None:
        """Treat the upload as a multipart form."""
        self._multipart = _FilePart(boundary, self._form)

    def feed(self, data: bytes) -> None:
        """Write the next bytes of the upload.

        Raises:
            TooLarge: the upload exceeds the limit.
            Unprocessable: the gzip data or the multipart form is damaged.
        """
        for part in self._coding.feed(data) if self._coding else (data,):
            if self._multipart is None:
                self._content(part)
            else:
                for piece in self._multipart.feed(part):
                    self._content(piece)

    def finish(self) -> None:
        """Check that the upload is complete and rewind the file.

        Raises:
            Unprocessable: the upload is incomplete or empty.
        """
        if self._coding:
            self._coding.finish()
        if self._multipart is not None:
            self._multipart.finish()
        if self._head:
            # The upload is shorter than gzip's magic number.
            head, self._head = self._head, None
            self._write(head)
        if self._inner:
            self._inner.finish()
        self._file.seek(0)
        if not self._size:
            raise Unprocessable("The file is empty; a CSV with a header was expected.")

    def _content(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            if len(self._head) < len(GZIP_MAGIC):
                return
            data, self._head = self._head, None
            if data.startswith(GZIP_MAGIC):
                self._inner = Gunzip()
                self._form.gunzipped = True
        for part in self._inner.feed(data) if self._inner else (data,):
            self._write(part)

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._file.write(data)


class _FilePart:
    """Parser that extracts the first part with a file name, and the wanted fields, from a multipart form."""

    def __init__(self, boundary: bytes, form: Form) -> None:
        self._form = form
        self._field: str | None = None
        self._pieces: list[bytes] = []
        self._header = b""
        self._value = b""
        self._in_file = False
        self._seen_file = False
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> list[bytes]:
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise Unprocessable(f"The multipart form cannot be read: {error}.") from None
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        if not self._complete:
            raise Unprocessable("The multipart form has no final boundary: it was cut off.")
        if not self._seen_file:
            problem = "a part with a file name is needed"
            raise Unprocessable(
                f"The form contains no file: {problem}.", errors=[{"field": "file", "problem": problem}]
            )

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_headers()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_headers()

    def _check_headers(self) -> None:
        if len(self._header) + len(self._value) > _MAX_PART_HEADER:
            raise Unprocessable(f"A header of the multipart form is longer than {_MAX_PART_HEADER} bytes.")

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            name = options.get(b"name", b"").decode("utf-8", "replace")
            if name in self._form.wanted:
                self._field = name
                self._form.fields[name] = b""
            elif b"filename" in options and not self._seen_file:
                self._in_file = self._seen_file = True
                self._form.file_name = options[b"filename"].decode("utf-8", "replace")
        self._header = self._value = b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
        elif self._field is not None:
            value = self._form.fields[self._field] + data[start:end]
            if len(value) > _FORM_ALLOWANCE:
                problem = f"longer than {_FORM_ALLOWANCE} bytes"
                raise Unprocessable(f"{self._field}: {problem}.", errors=[{"field": self._field, "problem": problem}])
            self._form.fields[self._field] = value

    def _on_part_end(self) -> None:
        self._in_file = False
        self._field = None

    def _on_end(self) -> None:
        self._complete = True


@contextlib.contextmanager
def refused_by_disk() -> Iterator[None]:
    """Convert errors of the disk to `DiskFull`, and log them for the operator.

    The context must include closing the file, because closing repeats failed writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        problem = error.strerror or type(error).__name__
        logger().error("upload_not_written", problem=problem)
        raise DiskFull(problem) from error


async def receive_file(request: Request, limit: int, folder: Path | None, hold: Hold) -> BinaryIO:
    """Receive an uploaded CSV, decompress it into an unnamed temporary file, and return the file, rewound.

    The caller closes the file, which deletes it.

    Args:
        folder: folder of the temporary file; None for the system's temporary folder.

    Raises:
        DiskFull: the disk is full, broken or read-only.
        Busy, TooLarge, NotAcceptedMedia, Unprocessable: see `receive_into`.
    """
    with refused_by_disk():
        file: BinaryIO = tempfile.TemporaryFile(prefix="tidewaiter-upload-", dir=folder)  # noqa: SIM115
        try:
            await receive_into(file, request, limit, hold)
        except BaseException:
            file.close()
            raise
    return file


async def receive_into(
    file: BinaryIO, request: Request, limit: int, hold: Hold, *, fields: frozenset[str] = frozenset()
) -> Form:
    """Receive an uploaded file, decompressed, and rewind the file.

    Args:
        limit: maximum number of bytes of the body and of the decompressed file.
        hold: takes the bytes as they arrive.
        fields: names of the fields of the form to read.

    Raises:
        OSError: the file cannot be written; see `refused_by_disk`.
        Busy: other uploads hold too many bytes.
        TooLarge: the body or the decompressed file exceeds ``limit``.
        NotAcceptedMedia: the upload is neither CSV nor gzip nor a multipart form.
        Unprocessable: the upload is empty or incomplete, or the form contains no file.
    """
    kind, parameters = media_type(request.headers)
    coded = content_coding(request.headers) == "gzip"
    boundary = parameters.get("boundary", "").encode("latin-1", "replace")
    if kind == "multipart/form-data":
        if not boundary or len(boundary) > 70:
            raise Unprocessable("The Content-Type of the multipart form needs a boundary of 1 to 70 characters.")
    elif kind not in CSV_TYPES and kind not in GZIP_TYPES and kind != "application/octet-stream":
        problem = f"Content-Type {kind!r} is not supported" if kind else "The Content-Type is missing"
        raise NotAcceptedMedia(
            f"{problem}; send text/csv, application/gzip or a multipart/form-data file.",
            headers={"Accept": "text/csv, application/gzip, multipart/form-data"},
        )
    form = Form(fields)
    spool = _Spool(file, limit, form, coded=coded)
    if kind == "multipart/form-data":
        spool.expect_form(boundary)
    unwritten: list[bytes] = []
    size = 0
    async for chunk in received(request, limit, allowance=_FORM_ALLOWANCE):
        hold.add(len(chunk))
        unwritten.append(chunk)
        size += len(chunk)
        if size >= _WRITE_BYTES:
            await to_thread.run_sync(spool.feed, b"".join(unwritten))
            unwritten, size = [], 0
    await to_thread.run_sync(_write_rest, spool, b"".join(unwritten))
    return form


def _write_rest(spool: _Spool, data: bytes) -> None:
    if data:
        spool.feed(data)
    spool.finish()
