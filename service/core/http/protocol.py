"""uvicorn's HTTP protocol with limits on the size and duration of requests, which uvicorn does not have.

A request that breaks a limit never reaches the application. It gets problem details, unless its connection is sending
another answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.core.http.limits import ALWAYS_ANSWERED, Connections, Refusal

#: Member of the lifespan's state that holds the `Connections` of the process.
STATE: Final = "connections"

_MALFORMED: Final = Refusal(400, "bad-request", "The request is not valid HTTP/1.1.")
_LARGE_HEAD: Final = Refusal(
    431, "large-head", "The request line and the headers are larger than this service accepts."
)
_MANY_HEADERS: Final = Refusal(431, "many-headers", "The request has more headers than this service accepts.")
_LARGE_FRAMING: Final = Refusal(
    431, "large-framing", "The chunk extensions and trailers of the request are larger than this service accepts."
)
_SLOW_HEAD: Final = Refusal(408, "slow-head", "The head of the request was not complete in time.")
_SLOW_BODY: Final = Refusal(408, "slow-body", "The body of the request arrived too slowly.")
#: Time in seconds for which a refused connection stays open, so that the client can read the answer.
_LINGER_SECONDS: Final = 1.0
#: Seconds for which an idle connection stays open after the order to stop, because a request may be on its way.
_LAST_SECONDS: Final = 1.0
#: Framing bytes of a chunked body that are allowed per byte of content. A chunk of one byte has five.
_FRAMING_PER_BYTE: Final = 16
#: Replaces a request's list of headers once its head is complete, and drops trailers. No endpoint reads trailers, and a trailer
#: ``Authorization`` must not become a header (RFC 9110 section 6.5.1).
_TRAILERS: Final[deque[tuple[bytes, bytes]]] = deque(maxlen=0)


class LimitedProtocol(HttpToolsProtocol):
    """One HTTP connection. The member `STATE` of the lifespan's state holds the limits and the other connections."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._process: Connections = app_state[STATE]
        self._limits = self._process.limits
        self._busy = Refusal(503, "busy", "Too many requests are in work.", self._limits.retry_seconds)
        self._since = self.loop.time()
        self._in_head = self._in_body = False
        # Whether the connection has had a request. Before its first request, uvicorn's `cycle` is None.
        self._had_request = False
        # Number of bytes in all chunks that contain the current head, in the first of them, and in the current chunk.
        self._head = self._first = self._chunk = 0
        # Framing bytes of the current body beyond those that its content allows.
        self._framing = 0
        self._received = 0
        # `_receiving`: the body of an accepted request is incomplete. `_counted`: `Connections.receiving` includes it.
        self._receiving = self._counted = False
        # `_skips`: ignore the rest of a refused request. `_ended`: ignore everything, because the last answer was given.
        self._skips = self._ended = False
        # Whether the next answer is the last one, because the process stops.
        self._is_last = False
        # Number of requests refused as busy whose refusals are not sent yet.
        self._refusals = 0
        # Start of the current measurement of a rate: time, and number of received or of unsent bytes.
        self._body_mark = (0.0, 0)
        self._answer_mark: tuple[float, int] | None = None

    # -- connection ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._process.opened(self, self.loop):
            self._refuse(Refusal(503, "connections", "Too many connections are open.", self._limits.retry_seconds))
            # Do not linger: the connection holds a file descriptor.
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._process.closed(self)
        self._received_all()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close the connection, which has no complete request."""
        self.transport.close()

    def shutdown(self) -> None:
        """Close the connection after the answer in progress. Without one, wait `_LAST_SECONDS` for a request on its way."""
        self._is_last = True
        if self._owes_no_answer():
            self.loop.call_later(_LAST_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _close_if_idle(self) -> None:
        if self._owes_no_answer():
            self.transport.close()

    def check(self, now: float) -> None:
        """Close the connection if it exceeds a time or falls below the slowest rate."""
        limits = self._limits
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            self._check_answer(now, unsent)
        elif self.transport.is_closing():
            return
        else:
            self._answer_mark = None
        if self._receiving:
            self._check_body(now)
        elif self._in_head:
            if now - self._since > limits.head_seconds:
                self._refuse(_SLOW_HEAD)
        elif self._owes_no_answer():
            # uvicorn's keep-alive timer stops at the first byte, even if that is only a line break before a request.
            seconds = max(limits.head_seconds, limits.idle_seconds) if self._had_request else limits.head_seconds
            if now - self._since > seconds:
                self.transport.close()

    def _check_body(self, now: float) -> None:
        begin, received = self._body_mark
        if self.flow.read_paused:
            # The service itself has stopped reading, so the client is not slow.
            self._body_mark = (now, self._received)
        elif now - begin >= self._limits.stall_seconds:
            if self._received - received < self._limits.bytes_per_second * (now - begin):
                self._refuse(_SLOW_BODY)
            self._body_mark = (now, self._received)

    def _check_answer(self, now: float, unsent: int) -> None:
        if self._answer_mark is None:
            self._answer_mark = (now, unsent)
            return
        begin, before = self._answer_mark
        if now - begin < self._limits.stall_seconds:
            return
        if before - unsent < self._limits.bytes_per_second * (now - begin):
            self._process.count_refusal("slow-reader", 1)
            self.transport.abort()
        self._answer_mark = (now, unsent)

    def resume_writing(self) -> None:
        self._answer_mark = None
        super().resume_writing()

    # -- requests -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._chunk = len(data)
        self._received += self._chunk
        if self._in_head:
            self._head += self._chunk
        elif self._in_body:
            self._framing += self._chunk
        super().data_received(data)
        if self._refusals:
            self._send_refusals()
        if self._in_head and self._is_large():
            self._refuse(_LARGE_HEAD)
        elif self._in_body and self._framing > self._limits.head_bytes:
            self._refuse(_LARGE_FRAMING)

    def on_message_begin(self) -> None:
        self._in_head, self._skips = True, False
        self._head = self._first = self._chunk
        self._since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._framing = 0
        if self._ended:
            self._skips = True
            return
        limits = self._limits
        self._process.head_completed(self)
        if len(self.headers) > limits.headers:
            self._refuse(_MANY_HEADERS)
        elif self._is_large():
            self._refuse(_LARGE_HEAD)
        elif self._process.in_work(len(self.tasks)) >= limits.active and self._may_refuse():
            self._refuse(self._busy, close=self.expect_100_continue or not bool(self.parser.should_keep_alive()))
        else:
            self._receiving = True
            self._body_mark = (self._since, self._received)
            super().on_headers_complete()
            self._had_request = True
            self._count_receiving()
            if self._is_last or self.parser.should_upgrade():
                # The service speaks only HTTP. The parser stops at a request to upgrade, so the connection must end.
                self.cycle.keep_alive = False
        self.headers = _TRAILERS  # type: ignore[assignment]

    def _is_large(self) -> bool:
        """Return whether the head is too large. Its first chunk may also contain the end of the previous request."""
        most = self._limits.head_bytes
        if self._head <= most:
            return False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        return bool(self._head - self._first > most or size > most)

    def _may_refuse(self) -> bool:
        """Return whether the request may be refused at once: no earlier answer is due, and its path is not exempt."""
        return self._owes_no_answer() and self.url not in ALWAYS_ANSWERED

    def _owes_no_answer(self) -> bool:
        return not self._had_request or self.cycle.response_complete

    def on_body(self, body: bytes) -> None:
        if self._framing:
            self._framing = max(0, self._framing - _FRAMING_PER_BYTE * len(body))
        if not self._skips:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._received_all()
        if not self._skips:
            super().on_message_complete()

    def _received_all(self) -> None:
        if self._receiving:
            self._receiving = False
            self._count_receiving()

    def _count_receiving(self) -> None:
        """Count the request in `Connections.receiving` while its body is incomplete and it has a task.

        A request has no task while it waits behind another request of the connection, or after its answer.
        """
        counts = self._receiving and not self.pipeline and not self.cycle.response_complete
        if counts != self._counted:
            self._counted = counts
            self._process.receiving += 1 if counts else -1

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._receiving:
            self._count_receiving()
        # uvicorn drops the ended task one turn of the event loop later. Clients may send their next requests before.
        self._process.ending += 1
        self.loop.call_soon(self._process.ended)
        self._since = self.loop.time()
        if self.timeout_keep_alive_task is not None:
            self._process.waits(self)

    # -- refusals -----------------------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP, with problem details instead of uvicorn's text."""
        self._refuse(_MALFORMED)

    def _refuse(self, refusal: Refusal, *, close: bool = True) -> None:
        """Send a refusal, unless another answer has begun. Ignore the rest of the request.

        With ``close``, ignore all further requests too, and close the connection. Otherwise the refusal is sent after this read.
        """
        if self._ended:
            return
        self._skips, self._ended = True, close
        self._received_all()
        if not close:
            self._refusals += 1
            return
        if self._refusals:
            self._send_refusals()
        self._process.count_refusal(refusal.reason, 1)
        cycle = self.cycle
        if not self._owes_no_answer():
            if cycle.response_started or not cycle.more_body:
                # The request in progress still gets its answer, which is the last one of the connection.
                cycle.keep_alive = False
                self.pipeline.clear()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(self._process.answer(refusal, close=True))
        if self.transport.can_write_eof():
            # Closing at once with unread bytes would reset the connection, and the client might not get the answer.
            self.transport.write_eof()
            self.loop.call_later(_LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _send_refusals(self) -> None:
        """Send the refusals of all requests of one read in one write, because a write takes as long as a refusal."""
        count, self._refusals = self._refusals, 0
        self._process.count_refusal(self._busy.reason, count)
        self.transport.write(self._process.answer(self._busy, close=False) * count)
        pause = self._process.pause_after_refusals(count, self.loop.time())
        if pause:
            self.flow.pause_reading()
            self.loop.call_later(pause, self._read_on)
        else:
            self._read_on()

    def _read_on(self) -> None:
        """Resume reading after a refusal that left the connection open."""
        if self.transport.is_closing():
            return
        self._since = self.loop.time()
        self._process.waits(self)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        self.flow.resume_reading()

    def _should_upgrade(self) -> bool:
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing, because clients could otherwise fill the log."""
