"""Request bodies: reading, gunzip and JSON parsing under a size limit.

The limit applies to the received and to the decompressed bytes, and is checked while reading. So it also stops bodies with a false
Content-Length, and kilobytes that decompress to gigabytes.
"""

from __future__ import annotations

import asyncio
import codecs
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request

from service.core.errors import NotAcceptedMedia, TooLarge, Unprocessable
from service.core.http.budget import Hold
from service.core.http.large_json import parse

#: Maximum number of bytes decompressed in one step, which limits the allocation.
_STEP: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
#: From this size on, bodies are parsed in a thread.
_LARGE: Final = 256 * 1024
_ACCEPT_ENCODING: Final = {"Accept-Encoding": "gzip, identity"}


class Gunzip:
    """Incremental gunzip of one or more gzip members."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self._inside = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decompressed parts of ``data`` of at most 256 KiB each. Each part is decompressed on demand.

        Raises:
            Unprocessable: ``data`` is not gzip, or it is damaged.
        """
        while data:
            if self._inflater.eof:
                # The rest is another member or zero padding.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inflater = zlib.decompressobj(wbits=31)
            self._inside = True
            try:
                yield self._inflater.decompress(data, _STEP)
            except zlib.error as error:
                raise Unprocessable(f"The body is not valid gzip data: {error}.") from None
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail

    def finish(self) -> None:
        """Check that the last member is complete.

        Raises:
            Unprocessable: the last member is incomplete.
        """
        if self._inside and not self._inflater.eof:
            raise Unprocessable("The gzip data is incomplete: the body was cut off.")


def _header(headers: Headers, name: bytes, default: str) -> str:
    """Return the first value of a header. Faster than `Headers.get`, which raises and catches an error for a missing header."""
    for key, value in headers.raw:
        if key == name:
            return value.decode("latin-1")
    return default


def content_coding(headers: Headers) -> str:
    """Return the content coding: ``gzip`` or ``identity``.

    Raises:
        NotAcceptedMedia: another coding.
    """
    coding = _header(headers, b"content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return "identity"
    if coding in ("gzip", "x-gzip"):
        return "gzip"
    raise NotAcceptedMedia(
        f"Content-Encoding {coding!r} is not supported; send the body unencoded or as gzip.", headers=_ACCEPT_ENCODING
    )


def media_type(headers: Headers) -> tuple[str, dict[str, str]]:
    """Return the media type in lower case ('' if absent) and its parameters."""
    kind, *rest = _header(headers, b"content-type", "").split(";")
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return kind.strip().lower(), parameters


class received:
    """Iterator over the chunks of a body as they arrive.

    Raises:
        TooLarge: Content-Length or the received bytes exceed ``limit`` plus ``allowance``.
        Unprocessable: the client disconnected before the end of the body.
    """

    # Not an asynchronous generator: the event loop registers each of them, which takes longer than reading a small body.
    __slots__ = ("_limit", "_more", "_most", "_receive", "_size")

    def __init__(self, request: Request, limit: int, *, allowance: int = 0) -> None:
        """
        Args:
            limit: maximum number of bytes of content.
            allowance: additional bytes for data around the content, such as the boundaries of a form.
        """
        self._receive = request.receive
        self._limit, self._most = limit, limit + allowance
        self._size = 0
        self._more = True
        announced = _header(request.headers, b"content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self._most:
            raise too_large(limit)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Unprocessable("The connection ended before the end of the body.")
            chunk: bytes = message.get("body", b"")
            self._more = message.get("more_body", False)
            self._size += len(chunk)
            if self._size > self._most:
                raise too_large(self._limit)
            if chunk:
                return chunk
        raise StopAsyncIteration


async def read_body(request: Request, limit: int, hold: Hold | None = None) -> bytes:
    """Return the whole body, decompressed.

    Args:
        hold: takes the bytes as they arrive.

    Raises:
        Busy: other requests hold too many bytes.
        TooLarge: the body has more than ``limit`` bytes, as received or decompressed.
        Unprocessable: the gzip data is damaged.
        NotAcceptedMedia: the content coding is neither gzip nor identity.
    """
    gunzip = Gunzip() if content_coding(request.headers) == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in received(request, limit):
        for part in gunzip.feed(chunk) if gunzip else (chunk,):
            size += len(part)
            if size > limit:
                raise too_large(limit)
            if hold is not None:
                hold.add(len(part))
            parts.append(part)
            if gunzip:
                # A few kilobytes may decompress to the limit, so let other requests run between the parts.
                await asyncio.sleep(0)
    if gunzip:
        gunzip.finish()
    return b"".join(parts)


async def read_json(request: Request, limit: int, hold: Hold | None = None) -> Any:
    """Return the body parsed as JSON. See `read_json_text` and `parse_json`."""
    return await parsed(await read_json_text(request, limit, hold))


async def parsed(data: bytes) -> Any:
    """Call `parse_json`, in a thread if the body is large."""
    return parse_json(data) if len(data) < _LARGE else await to_thread.run_sync(parse_json, data)


async def read_json_text(request: Request, limit: int, hold: Hold | None = None) -> bytes:
    """Return the body of a request that sends JSON, as UTF-8.

    Raises:
        TooLarge, Busy: see `read_body`.
        NotAcceptedMedia: see `read_body`, or the media type is missing or is not JSON. Web pages can send bodies without a media
            type, or with that of a form, to other sites.
    """
    kind, parameters = media_type(request.headers)
    if kind != "application/json" and not kind.endswith("+json"):
        problem = f"Content-Type {kind!r} is not supported" if kind else "The Content-Type is missing"
        raise NotAcceptedMedia(f"{problem}; send application/json.", headers={"Accept": "application/json"})
    return _utf8(await read_body(request, limit, hold), parameters.get("charset", "utf-8"))


def parse_json(data: bytes) -> Any:
    """Parse UTF-8 as JSON.

    ``NaN``, ``Infinity`` and numbers too large for a double become floats, so that later validation can name the field.

    Raises:
        Unprocessable: the body is not JSON; the error gives line and column.
        TooLarge: see `service.core.http.large_json.parse_in_steps`.
    """
    if not data or data.isspace():
        raise Unprocessable("The body is empty; a JSON object was expected.")
    try:
        return parse(data)
    except ValueError as error:
        raise Unprocessable(f"The body is not JSON: {error}.") from None


def parse_list(data: bytes, field: str) -> Any:
    """Parse UTF-8 as JSON and return the member ``field``; None if the value is not an object or lacks the member.

    Raises:
        Unprocessable, TooLarge: see `parse_json`.
    """
    value = parse_json(data)
    return value.get(field) if isinstance(value, dict) else None


def _utf8(data: bytes, charset: str) -> bytes:
    """Return ``data`` encoded as UTF-8, without a byte order mark."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        raise NotAcceptedMedia(f"The character set {charset!r} is unknown; send UTF-8.") from None
    if name in ("utf-8", "ascii"):
        return data.removeprefix(codecs.BOM_UTF8)
    if name not in ("iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be"):
        raise NotAcceptedMedia(f"The character set {charset!r} is not supported; send UTF-8.")
    try:
        return data.decode(name).encode()
    except UnicodeError as error:
        raise Unprocessable(f"The body is not valid {charset}: {error}.") from None


def too_large(limit: int) -> TooLarge:
    """Return the error for a body of more than ``limit`` bytes."""
    return TooLarge(
        f"The body is larger than {limit:,} bytes, the limit of this endpoint.", extra={"limit_bytes": limit}
    )
