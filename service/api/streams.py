"""Streamed answers, whose parts a worker thread makes one by one, as fast as the client reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi.responses import StreamingResponse

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class ReleasingStream(StreamingResponse):
    """Streaming response of parts from a worker thread. It calls ``release`` at the end, also after an error.

    Args:
        first: the first part, which exists before the response starts.
        parts: the further parts.
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
