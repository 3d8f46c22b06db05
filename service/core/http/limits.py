"""Limits of HTTP connections, and the shared state of all connections of one process."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import h11

from service.core.errors import ProblemDetails, problem_response
from service.core.http.middleware import SECURITY_HEADERS

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from service.core.settings import Settings

#: File descriptors reserved for other uses: model and tables, uploads, OPSIN's pipes, logs, metrics of workers.
RESERVED_FILES: Final = 64
#: Interval in seconds between two checks of all connections.
_CHECK_SECONDS: Final = 0.5
#: Processor time of a read that ends in refusals (reading, writing, pausing), and of each refusal in it (measured in one run).
_SECONDS_PER_CHUNK: Final = 40e-6
_SECONDS_PER_REFUSAL: Final = 10e-6
#: Refusals that this time allows may be sent in one burst: those of about a hundred connections.
_BURST_SECONDS: Final = 0.1
#: Prometheus and load balancers must see an overloaded service, so these paths are always answered.
ALWAYS_ANSWERED: Final = frozenset({b"/healthz", b"/readyz", b"/metrics"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the connections of one process. Sizes are in bytes, times in seconds.

    Attributes:
        connections: number of open connections. A further connection replaces the one that has waited longest for the head of a
            request. If no other connection waits, the further one gets 503.
        active: number of requests in progress. Further requests get 503 at once.
        head_bytes, headers: size of a request's head (request line and headers), and number of its headers. A chunked body may have
            ``head_bytes`` of chunk framing and trailers, and more in proportion to its content.
        head_seconds: time from the opening of a connection, or from the first byte of a further request, to the end of the head.
        idle_seconds: time between two requests of a connection.
        bytes_per_second: slowest transfer of a body or an answer, measured over ``stall_seconds``.
        stall_seconds: see ``bytes_per_second``.
        refusing_share: share of processor time for refusals when ``active`` is reached. Refusals are sent at once. Beyond this
            share, refused connections are not read for a while, so that clients which repeat requests fast cost little.
        retry_seconds: value of ``Retry-After``.
    """

    connections: int = 1000
    active: int = 128
    head_bytes: int = 64 * 1024
    headers: int = 100
    head_seconds: float = 10.0
    idle_seconds: float = 5.0
    bytes_per_second: int = 4096
    stall_seconds: float = 10.0
    # 1,000 refusals a second of single requests, and 4,000 of requests that arrive by the dozen.
    refusing_share: float = 0.05
    retry_seconds: int = 1

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits in the settings of the service."""
        return cls(
            connections=settings.max_connections,
            active=settings.max_active,
            head_seconds=settings.head_seconds,
            idle_seconds=settings.idle_seconds,
            bytes_per_second=settings.min_bytes_per_second,
        )


class Connection(Protocol):
    """Methods of a connection that `Connections` calls."""

    def give_up(self) -> None:
        """Close the connection, which waits for a request to arrive."""

    def check(self, now: float) -> None:
        """Close the connection if it exceeds a time or falls below the slowest rate. ``now`` is the time of the loop."""


class Connections:
    """The connections of one process. Use it on the event loop only.

    Args:
        count_refusal: is called with the reason and the number of refused connections or requests.

    Attributes:
        receiving: number of requests with a task whose body is not yet complete.
        ending: number of tasks that have sent their answer but have not yet ended.
        sending: number of complete answers that wait for their clients to read them.
        answer: `refusals.answer` with a cache. There are few different refusals.
    """

    def __init__(self, limits: Limits, count_refusal: Callable[[str, int], None]) -> None:
        self.limits = limits
        self.receiving = self.ending = self.sending = 0
        self.count_refusal = count_refusal
        self.answer = cache(answer)
        self.most = min(limits.connections, _files_for_connections())
        self._open: set[Connection] = set()
        # Connections without a complete head, in the order in which they began to wait.
        self._waiting: dict[Connection, None] = {}
        self._checking: Any = None
        # Time until which past refusals use up `refusing_share`.
        self._refused_until = 0.0

    def pause_after_refusals(self, count: int, now: float) -> float:
        """Return for how many seconds a connection that gets ``count`` refusals should not be read; usually 0."""
        cost = _SECONDS_PER_CHUNK + count * _SECONDS_PER_REFUSAL
        self._refused_until = max(self._refused_until, now - _BURST_SECONDS) + cost / self.limits.refusing_share
        return max(0.0, self._refused_until - now)

    def in_work(self, tasks: int) -> int:
        """Return the number of requests in progress, given the number of tasks."""
        return tasks - self.receiving - self.ending - self.sending

    def ended(self) -> None:
        """Note that the task of an answered request has ended."""
        self.ending -= 1

    @property
    def is_single(self) -> bool:
        """True if exactly one connection is open. It gets its answers one by one, so no other request can arrive meanwhile."""
        return len(self._open) == 1

    def opened(self, connection: Connection, loop: AbstractEventLoop) -> bool:
        """Add a connection, and close another connection if necessary. Return whether the new connection may stay open."""
        self._open.add(connection)
        self._waiting[connection] = None
        if self._checking is None:
            self._checking = loop.call_later(_CHECK_SECONDS, self._check, loop)
        if len(self._open) <= self.most:
            return True
        longest = next(iter(self._waiting))
        if longest is connection:
            return False
        self.closed(longest)
        self.count_refusal("evicted", 1)
        longest.give_up()
        return True

    def waits(self, connection: Connection) -> None:
        """Note that the connection waits for its next request."""
        if connection in self._open:
            self._waiting[connection] = None

    def head_completed(self, connection: Connection) -> None:
        """Note that the head of a request is complete."""
        self._waiting.pop(connection, None)

    def closed(self, connection: Connection) -> None:
        """Remove a connection."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def _check(self, loop: AbstractEventLoop) -> None:
        now = loop.time()
        for connection in list(self._open):
            connection.check(now)
        self._checking = loop.call_later(_CHECK_SECONDS, self._check, loop) if self._open else None


def _files_for_connections() -> int:
    """Return the number of file descriptors that connections may use."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 30 if soft == resource.RLIM_INFINITY else max(soft - RESERVED_FILES, 8)


_ANY_REQUEST: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer to a refused request. ``reason`` is its label in the metrics; ``retry`` is the value of ``Retry-After``, if any."""

    status: int
    reason: str
    detail: str
    retry: int | None = None


def answer(refusal: Refusal, *, close: bool) -> bytes:
    """Return a complete HTTP answer with problem details."""
    phrase = HTTPStatus(refusal.status).phrase
    retry = {} if refusal.retry is None else {"Retry-After": str(refusal.retry)}
    details = ProblemDetails(refusal.status, refusal.reason, phrase, refusal.detail, headers=retry)
    response = problem_response("/", None, details)
    headers = [*response.raw_headers, *SECURITY_HEADERS]
    if close:
        headers.append((b"connection", b"close"))
    writer = h11.Connection(h11.SERVER)
    # h11 needs a request, whose HTTP version decides the form of the answer.
    writer.receive_data(_ANY_REQUEST)
    writer.next_event()
    parts = (
        writer.send(h11.Response(status_code=refusal.status, headers=headers, reason=phrase)),
        writer.send(h11.Data(data=bytes(response.body))),
        writer.send(h11.EndOfMessage()),
    )
    return b"".join(part for part in parts if part)
