"""A server that answers immediately, to measure the client alone: ``python -m benchmarks.servers.trivial PORT``."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"risk": 0.5}'


class Anything(asyncio.Protocol):
    """Answers each complete request without reading it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports behave like asyncio's but are of another class.
        self._transport = cast("asyncio.Transport", transport)
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head = self._data.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._data.find(b"Content-Length: ")
        length = int(self._data[at + 16 : self._data.index(b"\r\n", at)]) if 0 <= at < head else 0
        if len(self._data) >= head + 4 + length:
            self._data = b""
            self._transport.write(_ANSWER)


async def serve(port: int) -> None:
    """Serve until stopped."""
    server = await asyncio.get_running_loop().create_server(Anything, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve on the event loop that the service uses."""
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
