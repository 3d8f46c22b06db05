"""Load generator with several connections. Each connection sends its next request after the last answer.

It runs in its own process, so that it takes at most one core from the server. It does little work: requests are prepared
beforehand, and it reads only the status and the end of an answer. Every result includes the share of time during which the
client was busy, because a client that is always busy measures itself.
"""

from __future__ import annotations

import gc
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

_RECEIVED = 256 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class BadAnswer(RuntimeError):
    """A server answered with a status other than 200, or in a form of HTTP that the client does not read."""


@dataclass(frozen=True, slots=True)
class Driven:
    """Results of a period of load.

    Attributes:
        requests: number of answered requests.
        seconds: from the first request to the last answer.
        p50_ms, p99_ms: time from sending a request to receiving its whole answer.
        client_share: share of the time during which the client was busy.
        sent: number of requests taken from the list; the next period continues after them.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    client_share: float
    sent: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Requests:
    """Complete requests that are prepared beforehand. A file holds their bytes, and another one their lengths."""

    def __init__(self, items: Sequence[bytes]) -> None:
        self.items = items

    @classmethod
    def post(cls, path: str, bodies: Sequence[bytes]) -> Requests:
        """Build POST requests with JSON bodies."""
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
        return cls([f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies])

    def write(self, file: Path) -> None:
        """Write the requests to ``file``, and their lengths next to it."""
        file.write_bytes(b"".join(self.items))
        np.save(file.with_suffix(".npy"), np.array([len(item) for item in self.items], dtype=np.int64))

    @classmethod
    def read(cls, file: Path) -> Requests:
        """Read what `write` wrote."""
        data = file.read_bytes()
        ends = np.cumsum(np.load(file.with_suffix(".npy"))).tolist()
        return cls([data[start:end] for start, end in zip([0, *ends], ends, strict=False)])


class Answer:
    """An answer that is being received."""

    __slots__ = ("_data", "_end")

    def __init__(self) -> None:
        self._data = b""
        self._end = -1

    def feed(self, data: bytes) -> bool:
        """Add data and return whether the answer is complete.

        Raises:
            BadAnswer: its status is not 200, or neither its length nor its chunks determine its end.
        """
        self._data = self._data + data if self._data else data
        if self._end < 0:
            head = self._data.find(_END_OF_HEAD)
            if head < 0:
                return False
            self._end = self._ends(head)
        complete = len(self._data) >= self._end if self._end else self._data.endswith(_LAST_CHUNK)
        if complete and self._data[9:12] != b"200":
            raise BadAnswer(self._data[:2000].decode(errors="replace"))
        return complete

    @property
    def body(self) -> bytes:
        """The bytes after the head."""
        return self._data.partition(_END_OF_HEAD)[2]

    def _ends(self, head: int) -> int:
        """Return the offset of the answer's end; 0 if only its last chunk shows it."""
        names = self._data[: head + 2].lower()
        at = names.find(b"\r\ncontent-length:")
        if at >= 0:
            return head + 4 + int(names[at + 17 : names.index(b"\r\n", at + 2)])
        if b"\r\ntransfer-encoding: chunked" in names:
            return 0
        raise BadAnswer(f"Neither a length nor chunks: {self._data[:500]!r}")


def connect(port: int) -> socket.socket:
    """Open a connection to a server on this machine."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection: socket.socket, request: bytes) -> bytes:
    """Return the body of the answer to one request."""
    connection.sendall(request)
    answer = Answer()
    while True:
        data = connection.recv(_RECEIVED)
        if not data:
            raise BadAnswer("The server closed the connection.")
        if answer.feed(data):
            return answer.body


def drive(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float, start: int = 0, at_most: int = 0
) -> Driven:
    """Load a server for ``seconds``, or until ``at_most`` requests are sent. Begin with request ``start`` of the list
    and continue with the first request after the last.

    Raises:
        BadAnswer: see `Answer.feed`; also if the server closes a connection.
    """
    taken: list[int] = []
    limit = at_most or sys.maxsize
    sent = 0
    open_now = [connect(port) for _ in range(connections)]
    collecting = gc.isenabled()
    gc.disable()
    try:
        with selectors.DefaultSelector() as selector:
            busy = time.process_time()
            began = now = time.perf_counter_ns()
            until = began + int(seconds * 1e9)
            waiting: dict[int, tuple[int, Answer]] = {}
            for connection in open_now[:limit]:
                selector.register(connection, selectors.EVENT_READ)
                connection.sendall(requests[(start + sent) % len(requests)])
                waiting[connection.fileno()] = (time.perf_counter_ns(), Answer())
                sent += 1
            while waiting:
                for key, _ in selector.select():
                    connection = key.fileobj  # type: ignore[assignment]
                    since, answer = waiting[key.fd]
                    data = connection.recv(_RECEIVED)
                    if not data:
                        raise BadAnswer("The server closed the connection.")
                    if not answer.feed(data):
                        continue
                    now = time.perf_counter_ns()
                    taken.append(now - since)
                    if now < until and sent < limit:
                        request = requests[(start + sent) % len(requests)]
                        sent += 1
                        waiting[key.fd] = (time.perf_counter_ns(), Answer())
                        connection.sendall(request)
                    else:
                        del waiting[key.fd]
                        selector.unregister(connection)
            busy = time.process_time() - busy
    finally:
        if collecting:
            gc.enable()
        for connection in open_now:
            connection.close()
    p50, p99 = np.percentile(taken, [50, 99]) / 1e6
    elapsed = (now - began) / 1e9
    return Driven(len(taken), elapsed, float(p50), float(p99), busy / elapsed, sent)


class Client:
    """A process that loads servers on command."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=60)

    def drive(
        self, port: int, file: Path, *, connections: int, seconds: float, start: int = 0, at_most: int = 0
    ) -> Driven:
        """Call `drive` with the requests of a file.

        Raises:
            BadAnswer: as reported by the process.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        arguments = {"port": port, "connections": connections, "seconds": seconds, "start": start, "at_most": at_most}
        print(json.dumps({"file": str(file), **arguments}), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline() or '{"error": "The client ended."}')
        if "error" in answer:
            raise BadAnswer(answer["error"])
        return Driven(**answer)


def main() -> None:
    """Read one JSON object per line and write one for each."""
    requests_of: dict[str, Requests] = {}
    for line in sys.stdin:
        arguments = json.loads(line)
        file = arguments.pop("file")
        if file not in requests_of:
            # Only one list is in use at a time, so keep at most one other list.
            requests_of = {**dict(list(requests_of.items())[-1:]), file: Requests.read(Path(file))}
        try:
            answer = asdict(drive(arguments.pop("port"), requests_of[file].items, **arguments))
        except (BadAnswer, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
