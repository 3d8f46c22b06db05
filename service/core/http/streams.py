"""Large answers, which are sent as fast as the client reads them. Their bytes count against a budget until they are sent.

A worker thread creates the parts of a streamed answer one by one.

Budgets limit the total bytes of all requests of one kind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from anyio import to_thread
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from service.core.errors import Busy
from service.core.http.protocol import STATE as CONNECTIONS

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from service.core.http.limits import Connections

#: Answers above this size count until they are sent. Smaller ones fit into the buffers of their connections.
_LARGE: Final = 64 * 1024
_PART: Final = 64 * 1024


def count_until_sent(response: Response, hold: Hold) -> Response:
    """Return a response that takes over ``hold``, with its own size added, until it is sent. Return a small response unchanged.

    Raises:
        Busy: other requests hold too many bytes.
    """
    size = len(response.body)
    if size <= _LARGE:
        return response
    hold.add(size)
    return _InParts(response, hold.passed_on().release)


class _InParts(Response):
    """A complete response that is sent in parts, because the server would copy and buffer all that the client has not read."""

    def __init__(self, response: Response, release: Callable[[], None]) -> None:
        super().__init__(None, response.status_code)
        self.body, self.raw_headers = response.body, response.raw_headers
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connections: Connections | None = scope.get("state", {}).get(CONNECTIONS)
        if connections is not None:
            connections.sending += 1
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            body = memoryview(self.body)
            for start in range(0, len(body), _PART):
                await send(_message(bytes(body[start : start + _PART]), more=True))
            # The server waits before each message until it has sent most of the earlier ones.
            await send(_message(b"", more=False))
        finally:
            if connections is not None:
                connections.sending -= 1
            self._release()


def _message(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


class ReleasingStream(StreamingResponse):
    """Streaming response of parts from a worker thread.

    Args:
        first: the first part, which exists before the response starts.
        parts: the further parts.
        release: is called at the end, also after an error.
    """

    def __init__(
        self,
        first: bytes,
        parts: Iterator[bytes],
        release: Callable[[], None],
        *,
        media_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(_in_threads(first, parts), media_type=media_type, headers=headers)
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


async def _in_threads(first: bytes, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    part: bytes | None = first
    while part is not None:
        if part:
            yield part
        part = await to_thread.run_sync(next, parts, None)


#: ``Retry-After`` in seconds of a refused request.
_RETRY_AFTER: Final = 5


class ByteBudget:
    """Limit on the number of bytes that requests hold together. Use it on the event loop only.

    While no other request holds bytes, a request of any size fits; other limits bound its size.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.used = 0

    def hold(self) -> Hold:
        """Return a hold for one request, at first of 0 bytes."""
        return Hold(self)

    def take(self, size: int, own: int) -> None:
        """Take ``size`` bytes for a request that already holds ``own`` bytes.

        Raises:
            Busy: other requests hold too much.
        """
        if self.used > own and self.used + size > self._most:
            raise Busy("Other requests fill the memory for requests of this kind.", retry_after=_RETRY_AFTER)
        self.used += size


class Hold:
    """Bytes that one request holds. They are released at the end of the context."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._size = 0

    def add(self, size: int) -> None:
        """Hold further bytes.

        Raises:
            Busy: other requests hold too much.
        """
        self._budget.take(size, self._size)
        self._size += size

    def passed_on(self) -> Hold:
        """Return a new hold that takes over all bytes of this one."""
        other = Hold(self._budget)
        other._size, self._size = self._size, 0
        return other

    def release(self) -> None:
        """Release all bytes."""
        self._budget.used -= self._size
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
