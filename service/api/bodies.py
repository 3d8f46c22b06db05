"""Request bodies: read under a limit, unpacked under the same limit, parsed without guessing.

A limit holds for what arrives *and* for what it unpacks to, and is checked while reading: neither a false
Content-Length nor a few kilobytes that unpack to gigabytes get further than the limit.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any, Final

from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.requests import Request

from service.errors import NotAcceptedMedia, TooLarge, Unprocessable

#: Unpacked at a time; bounds what one step may allocate.
_STEP: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
_ACCEPT_ENCODING: Final = {"Accept-Encoding": "gzip, identity"}


class Gunzip:
    """Unpacks gzip as it comes in, member after member."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(wbits=31)
        self._inside = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpacked parts of ``data``, each at most 256 KiB; a caller that has had enough stops asking.

        Raises:
            Unprocessable: it is no gzip, or damaged.
        """
        while data:
            if self._inflater.eof:
                # Another member, or the zeros some writers pad with.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._inflater = zlib.decompressobj(wbits=31)
            self._inside = True
            try:
                yield self._inflater.decompress(data, _STEP)
            except zlib.error as error:
                raise Unprocessable(f"The body is not whole gzip data: {error}.") from None
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail

    def finish(self) -> None:
        """Raises:
        Unprocessable: the data ended before its end.
        """
        if self._inside and not self._inflater.eof:
            raise Unprocessable("The gzip data ends before its end: the body was cut off.")


def content_coding(headers: Headers) -> str:
    """``gzip`` or ``identity``.

    Raises:
        NotAcceptedMedia: another coding.
    """
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        return "identity"
    if coding in ("gzip", "x-gzip"):
        return "gzip"
    raise NotAcceptedMedia(
        f"Content-Encoding {coding!r} is not read here; send the body as it is or as gzip.", headers=_ACCEPT_ENCODING
    )


def media_type(headers: Headers) -> tuple[str, dict[str, str]]:
    """Media type in lower case ('' when absent) and its parameters."""
    return _media_type(headers.get("content-type", ""))


# Clients send one and the same again and again.
@lru_cache(maxsize=64)
def _media_type(value: str) -> tuple[str, dict[str, str]]:
    whole, *rest = value.split(";")
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return whole.strip().lower(), parameters


async def received(request: Request, limit: int, *, allowance: int = 0) -> AsyncIterator[bytes]:
    """The body as it arrives; ``allowance`` bytes around the content are not held against it.

    Raises:
        TooLarge: more than ``limit`` bytes were announced or came.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit + allowance:
        raise too_large(limit)
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Unprocessable("The connection ended before the body did.")
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit + allowance:
            raise too_large(limit)
        if chunk:
            yield chunk


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, unpacked.

    Raises:
        TooLarge: it has, or unpacks to, more than ``limit`` bytes.
        Unprocessable: damaged gzip.
        NotAcceptedMedia: another content coding.
    """
    gunzip = Gunzip() if content_coding(request.headers) == "gzip" else None
    parts: list[bytes] = []
    size = 0
    async for chunk in received(request, limit):
        for part in gunzip.feed(chunk) if gunzip else (chunk,):
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
    if gunzip:
        gunzip.finish()
    return b"".join(parts)


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON. ``NaN``, ``Infinity`` and numbers too large for a double come out as such floats: they are the
    field's fault, and the error should name the field.

    Raises:
        TooLarge, NotAcceptedMedia: see `read_body`; also a media type that is not JSON.
        Unprocessable: it is no JSON; says line and column.
    """
    kind, parameters = media_type(request.headers)
    if kind not in ("", "application/json") and not kind.endswith("+json"):
        raise NotAcceptedMedia(
            f"Content-Type {kind!r} is not read here; send application/json.", headers={"Accept": "application/json"}
        )
    data = _utf8(await read_body(request, limit), parameters.get("charset", "utf-8"))
    if not data or data.isspace():
        raise Unprocessable("The body is empty; a JSON object was expected.")
    try:
        # Keys repeat from shipment to shipment and are worth caching, values are not.
        return from_json(data, allow_inf_nan=True, cache_strings="keys")
    except ValueError as error:
        raise Unprocessable(f"The body is not JSON: {error}.") from None


def _utf8(data: bytes, charset: str) -> bytes:
    """``data`` in UTF-8, without a byte order mark."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        raise NotAcceptedMedia(f"The character set {charset!r} is not known; send UTF-8.") from None
    if name in ("utf-8", "ascii"):
        return data.removeprefix(codecs.BOM_UTF8)
    if name not in ("iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be"):
        raise NotAcceptedMedia(f"The character set {charset!r} is not read here; send UTF-8.")
    try:
        return data.decode(name).encode()
    except UnicodeError as error:
        raise Unprocessable(f"The body is not {charset}: {error}.") from None


def too_large(limit: int) -> TooLarge:
    """The error of a body over ``limit`` bytes."""
    return TooLarge(
        f"The body is larger than the {limit:,} bytes that this endpoint reads.", extra={"limit_bytes": limit}
    )
