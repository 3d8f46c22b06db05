"""Whole requests that the service sends itself before it says that it is ready: from the bytes that come in to those that go out.

A model that scores is warm by then (`service.scoring.warm_up`). Around it stand the server's protocol, the middleware, the
endpoints and the log: the interpreter runs them faster too once it has run them several times.
So requests go that way, by the same functions,
through an application of its own: its history is a copy that is thrown away, its counters count nothing, and nobody reads its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from fastapi import FastAPI

from service.api.direct import Direct
from service.api.scoring import ENDPOINTS
from service.logs import silent_logger
from service.middleware import UNOBSERVED, Observed
from service.scoring.live_history import LiveHistory
from service.scoring.scorer import Scorer
from service.scoring.warm_up import SHIPMENTS, never_seen

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from service.api.dependencies import State
    from service.metrics import Metrics
    from service.scoring.model_host import ModelHost, Served

#: CPython makes code faster when it has run eight times, and again what turns out to be of other types then.
_ROUNDS: Final = 24
#: The numbers below are those of texts that were scored before.
_FIRST: Final = 100
#: Seconds after which a slow machine is ready all the same.
_ENOUGH: Final = 0.5
_PATIENCE: Final = 5.0
_LENGTH: Final = b"content-length: "


class _Uncounted:
    """Stands in for `Metrics`."""

    def answered(self, *_: object) -> None:
        """Not counted."""

    def scored(self, *_: object) -> None:
        """Not counted."""


@dataclass(frozen=True, slots=True)
class _Host:
    """Stands in for `ModelHost`."""

    served: Served


async def first_request(app: ASGIApp) -> None:
    """Send a request whose body is empty: the framework builds routes and reads options when the first one comes.

    It is refused before anything is scored, and neither logged nor counted.
    """
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": "/v1/score",
        "raw_path": b"/v1/score",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        "state": {"noted": {}},
        UNOBSERVED: True,
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: MutableMapping[str, Any]) -> None:
        pass

    await app(scope, receive, send)


async def rehearse(state: State) -> None:
    """Send requests, each of texts that nobody has seen, until the way is well trodden.

    The options of a request without a query must be known by now (`first_request`).

    Raises:
        OSError, RuntimeError, TimeoutError: a request was not answered, or not with 200.
    """
    import uvicorn
    from uvicorn.server import ServerState

    app = _application(state)
    # Told of no access log, it would take that of a server that has one away.
    config = uvicorn.Config(app, lifespan="off", log_config=None, server_header=False)
    config.load()

    def protocol() -> asyncio.Protocol:
        made = cast("Any", config.http_protocol_class)(config=config, server_state=ServerState(), app_state={})
        made.access_log = False
        return cast("asyncio.Protocol", made)

    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with contextlib.closing(ours):
        ours.setblocking(False)
        theirs.setblocking(False)
        transport, _ = await loop.connect_accepted_socket(protocol, theirs)
        try:
            enough = time.monotonic() + _ENOUGH
            for number in range(_FIRST, _FIRST + _ROUNDS):
                async with asyncio.timeout(_PATIENCE):
                    await _ask(ours, never_seen(SHIPMENTS[0], number))
                if time.monotonic() > enough:
                    break
        finally:
            transport.close()
            # An application and its routes hold each other, and what is there when the service is ready is never looked through for
            # garbage: the copy of the history would stay.
            del app.state.service


def _application(state: State) -> FastAPI:
    """What answers as the application does that holds ``state``, and leaves no trace there."""
    host = cast("ModelHost", _Host(replace(state.host.served, history=LiveHistory(state.host.served.history.copy()))))
    metrics = cast("Metrics", _Uncounted())
    app = FastAPI(openapi_url=None)
    app.state.service = replace(
        state,
        host=host,
        metrics=metrics,
        scorer=Scorer(host, metrics, state.score_settings, max_items=state.settings.max_items),
    )
    app.add_middleware(Direct, endpoints=ENDPOINTS, known=state.known_queries)
    app.add_middleware(Observed, metrics=metrics, log=silent_logger())
    return app


async def _ask(connection: socket.socket, shipment: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    content = json.dumps(shipment).encode()
    head = (
        "POST /v1/score HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    await loop.sock_sendall(connection, head.encode() + content)
    answer = b""
    while True:
        received = await loop.sock_recv(connection, 65536)
        answer += received
        first, end, rest = answer.partition(b"\r\n\r\n")
        if not received or (end and len(rest) >= int(first.lower().partition(_LENGTH)[2].partition(b"\r\n")[0] or 0)):
            break
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"A request of the service's own was answered {answer[:64]!r}.")
