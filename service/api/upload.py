"""An uploaded file, kept in a temporary file without a name until it is scored.

Nameless (``O_TMPFILE`` where the system has it) so that nothing is left behind, however the request, the worker or the
machine ends. Gzip, of the transfer or of the file, is undone on the way in: the limit holds for what it unpacks to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from anyio import to_thread
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from service.api.bodies import GZIP_MAGIC, Gunzip, content_coding, media_type, received, too_large
from service.errors import NotAcceptedMedia, Unprocessable

#: Collected before one trip to a thread; smaller trips cost more than the writing.
_AT_ONCE: Final = 1024 * 1024
_MAX_PART_HEADER: Final = 8192
#: A form is a little larger than the file in it.
_FORM_ALLOWANCE: Final = 64 * 1024
CSV_TYPES: Final = frozenset(
    {"text/csv", "application/csv", "text/tab-separated-values", "text/plain", "application/vnd.ms-excel"}
)
GZIP_TYPES: Final = frozenset({"application/gzip", "application/x-gzip"})


class _Spool:
    """Bytes in, unpacked bytes in the file, never more than the limit."""

    def __init__(self, file: BinaryIO, limit: int, *, coded: bool) -> None:
        self._file = file
        self._limit = limit
        self._size = 0
        self._coding = Gunzip() if coded else None
        self._inner: Gunzip | None = None
        self._form: _FilePart | None = None
        self._head: bytes | None = b""

    def expect_form(self, boundary: bytes) -> None:
        self._form = _FilePart(boundary)

    def feed(self, data: bytes) -> None:
        """Raises:
        TooLarge, Unprocessable: over the limit; damaged gzip or multipart.
        """
        for part in self._coding.feed(data) if self._coding else (data,):
            if self._form is None:
                self._content(part)
            else:
                for piece in self._form.feed(part):
                    self._content(piece)

    def finish(self) -> None:
        """Raises:
        Unprocessable: it was cut off, or there is nothing in it.
        """
        if self._coding:
            self._coding.finish()
        if self._form is not None:
            self._form.finish()
        if self._head:
            # Fewer bytes than gzip's mark has.
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
        for part in self._inner.feed(data) if self._inner else (data,):
            self._write(part)

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._file.write(data)


class _FilePart:
    """The first part with a file name of a multipart form; other parts are passed over."""

    def __init__(self, boundary: bytes) -> None:
        self._pieces: list[bytes] = []
        self._header = b""
        self._value = b""
        self._inside = False
        self._found = False
        self._ended = False
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
        if not self._ended:
            raise Unprocessable("The multipart form ends before its last boundary: it was cut off.")
        if not self._found:
            problem = "a part with a file name is needed"
            raise Unprocessable(f"The form holds no file: {problem}.", errors=[{"field": "file", "problem": problem}])

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
        if self._header.lower() == b"content-disposition" and not self._found:
            _, options = parse_options_header(self._value)
            self._inside = b"filename" in options
            self._found = self._inside
        self._header = self._value = b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._pieces.append(data[start:end])

    def _on_part_end(self) -> None:
        self._inside = False

    def _on_end(self) -> None:
        self._ended = True


async def receive_file(request: Request, limit: int, folder: Path | None) -> BinaryIO:
    """The uploaded CSV, unpacked, at its beginning; the caller closes it, and then it is gone.

    Raises:
        TooLarge: the body, or what it unpacks to, is larger than ``limit`` bytes.
        NotAcceptedMedia: neither CSV, nor gzip, nor a multipart form.
        Unprocessable: empty, cut off, or a form without a file.
    """
    kind, parameters = media_type(request.headers)
    coded = content_coding(request.headers) == "gzip"
    boundary = parameters.get("boundary", "").encode("latin-1", "replace")
    if kind == "multipart/form-data":
        if not boundary or len(boundary) > 70:
            raise Unprocessable("The multipart form names no boundary of 1 to 70 characters in its Content-Type.")
    elif kind and kind not in CSV_TYPES and kind not in GZIP_TYPES and kind != "application/octet-stream":
        raise NotAcceptedMedia(
            f"Content-Type {kind!r} is not read here; send text/csv, application/gzip or a multipart/form-data file.",
            headers={"Accept": "text/csv, application/gzip, multipart/form-data"},
        )
    file: BinaryIO = tempfile.TemporaryFile(prefix="tidewaiter-upload-", dir=folder)  # noqa: SIM115
    try:
        spool = _Spool(file, limit, coded=coded)
        if kind == "multipart/form-data":
            spool.expect_form(boundary)
        waiting: list[bytes] = []
        size = 0
        async for chunk in received(request, limit, allowance=_FORM_ALLOWANCE):
            waiting.append(chunk)
            size += len(chunk)
            if size >= _AT_ONCE:
                await to_thread.run_sync(spool.feed, b"".join(waiting))
                waiting, size = [], 0
        await to_thread.run_sync(_last, spool, b"".join(waiting))
    except BaseException:
        file.close()
        raise
    return file


def _last(spool: _Spool, data: bytes) -> None:
    if data:
        spool.feed(data)
    spool.finish()
