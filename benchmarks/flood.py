"""Load generator that sends more requests than a service can answer. It sends a request when it is due, also while others wait.

It runs in this process over raw sockets. Requests are prepared beforehand, and it reads only status and length of an answer. So
one core sends tens of thousands of requests a second.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.client import connect

_RECEIVED: Final = 256 * 1024
_LENGTH: Final = b"content-length: "


@dataclass(slots=True)
class Counted:
    """Answers by status with their times in seconds, connections that ended without an answer, and the requests sent.

    Attributes:
        client_share: share of the time in which the client itself was busy.
    """

    times: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0
    offered: int = 0
    client_share: float = 0.0

    def rate(self, status: int, seconds: float) -> float:
        return len(self.times.get(status, ())) / seconds

    def summary(self) -> dict[str, dict[str, float]]:
        """Return number, median and 99th percentile in milliseconds by status."""
        return {
            str(status): {
                "count": len(times),
                "p50_ms": round(float(np.percentile(times, 50)) * 1e3, 2),
                "p99_ms": round(float(np.percentile(times, 99)) * 1e3, 2),
            }
            for status, times in sorted(self.times.items())
        }


class _Connection:
    """A connection with the times of its unanswered requests, and its unsent and incomplete data."""

    __slots__ = ("data", "sent", "socket", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = connect(port)
        self.socket.setblocking(False)
        self.sent: deque[float] = deque()
        self.unsent = self.data = b""

    def send(self, request: bytes, now: float) -> None:
        self.sent.append(now)
        self.unsent = request
        self.flush()

    def flush(self) -> None:
        with suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def receive(self, counted: Counted) -> bool:
        """Count the answers that have arrived. Return whether the connection stays open."""
        try:
            self.flush()
            new = self.socket.recv(_RECEIVED)
        except BlockingIOError:
            return True
        except OSError:
            return False
        now = time.perf_counter()
        data = self.data + new if self.data else new
        at = 0
        goes_on = bool(new)
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            head = data[at:end].lower()
            length = head.index(_LENGTH) + len(_LENGTH)
            answer_end = end + 4 + int(head[length : (head + b"\r").index(b"\r", length)])
            if len(data) < answer_end:
                break
            counted.times.setdefault(int(head[9:12]), []).append(now - self.sent.popleft())
            goes_on = goes_on and b"connection: close" not in head
            at = answer_end
        self.data = data[at:]
        return goes_on


def flood(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    rate: float = float("inf"),
    depth: int = 1,
) -> Counted:
    """Send requests for some seconds.

    Args:
        rate: requests per second of all connections together. By default each request follows an answer.
        depth: maximum number of unanswered requests of a connection. A request that is due while all connections have as many is
            sent later.
    """
    counted = Counted()
    poll = select.epoll()
    by_file: dict[int, _Connection] = {}
    free: deque[_Connection] = deque()

    def opened() -> None:
        connection = _Connection(port)
        by_file[connection.socket.fileno()] = connection
        poll.register(connection.socket, select.EPOLLIN)
        free.extend([connection] * depth)

    for _ in range(connections):
        opened()
    busy, began = time.process_time(), time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        due = min(rate * (now - began) + 1 - counted.offered, len(free))
        for _ in range(int(due)):
            connection = free.popleft()
            if connection.socket.fileno() < 0 or connection.unsent:
                continue
            with suppress(OSError):
                connection.send(requests[counted.offered % len(requests)], now)
            counted.offered += 1
        for file, _ in poll.poll(0.001):
            connection = by_file[file]
            before = len(connection.sent)
            goes_on = connection.receive(counted)
            free.extend([connection] * (before - len(connection.sent)))
            if not goes_on:
                counted.lost += bool(connection.sent)
                poll.unregister(file)
                del by_file[file]
                connection.socket.close()
                opened()
    counted.client_share = (time.process_time() - busy) / seconds
    for connection in by_file.values():
        connection.socket.close()
    poll.close()
    return counted
