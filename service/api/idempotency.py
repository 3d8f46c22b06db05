"""``Idempotency-Key``: a request that is sent again gets its first answer, and is not carried out again.

A request is claimed in the database, carried out, and its answer is kept before it is sent. The keys of different callers do not
meet. A request without the header passes through at the cost of a look at its headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from service import store
from service.api.bodies import received
from service.errors import Conflict, DatabaseAway, ServiceError, Unprocessable, error_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.api.dependencies import State
    from service.store import idempotency
    from service.store.database import Database
    from service.store.idempotency import Replay

_HEADER: Final = b"idempotency-key"
_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Paths whose requests are carried out every time: uploads, whose bodies are too large to hold, answers with a secret, which the
#: database must not hold, and questions, which change nothing.
_EXCEPT: Final = re.compile(r"/v1/(score/csv|jobs|keys|webhooks|substances|goods)(/|$)|(?!/v1/)")
_ACCEPTED_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")
#: Seconds that a second request waits for the first one of the same process, and after which a client should ask again.
_PATIENCE: Final = 30.0
_RETRY_AFTER: Final = 1
#: From this status on, an answer says that the service failed, so that another try makes sense. Below, these do.
_FAILED: Final = 500
_TRY_AGAIN: Final = frozenset({401, 403, 408, 409, 425, 429})


class KeyReused(Unprocessable):
    """The key of the request belongs to another request."""

    slug, title = "idempotency-key-reused", "The key belongs to another request"


def keeps_answers(method: str, path: str) -> bool:
    """Return whether the header has an effect on requests of this method and path."""
    return method in _WRITING and not _EXCEPT.match(path)


class Idempotent:
    """ASGI middleware that answers requests with the header once. Without a store it lets them pass."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        #: Requests that this process works on.
        self._working: dict[tuple[str, bytes], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _WRITING:
            for name, value in scope["headers"]:
                if name == _HEADER:
                    if self._state.store is not None and keeps_answers(scope["method"], scope["path"]):
                        await self._once(scope, receive, send, value, self._state.store.database)
                        return
                    break
        await self._app(scope, receive, send)

    async def _once(self, scope: Scope, receive: Receive, send: Send, key: bytes, database: Database) -> None:
        request = Request(scope, receive)
        with self._state.bodies.hold() as hold:
            try:
                if not _ACCEPTED_KEY.fullmatch(key):
                    problem = "1 to 255 visible ASCII characters are needed"
                    raise Unprocessable(
                        f"The Idempotency-Key cannot be used: {problem}.",
                        errors=[{"field": "Idempotency-Key", "problem": problem}],
                    )
                parts = []
                async for part in received(request, self._state.settings.max_batch_bytes):
                    hold.add(len(part))
                    parts.append(part)
                body = b"".join(parts)
                caller = scope["state"].get("caller") or ""
                while (working := self._working.get((caller, key))) is not None:
                    await _waited(working)
                done = self._working[caller, key] = asyncio.Event()
                try:
                    asked = store.idempotency.Request(caller, key.decode("ascii"), _digest(scope, body))
                    response = await self._answer(scope, receive, body, asked, database)
                finally:
                    del self._working[caller, key]
                    done.set()
            except ServiceError as error:
                response = error_response(request, error)
            await response(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, body: bytes, asked: idempotency.Request, database: Database
    ) -> Response:
        """Return the kept answer, or carry the request out and keep its answer."""
        claimed = True
        try:
            replay = await to_thread.run_sync(_begin, database, asked)
        except DatabaseAway:
            if not self._state.decides_without_database:
                raise
            replay, claimed = None, False
        if replay is not None:
            response = Response(replay.body, replay.status)
            response.headers["Idempotent-Replayed"] = "true"
            if replay.media_type is not None:
                response.headers["Content-Type"] = replay.media_type
            return response
        captured = _Captured(body, receive)
        finished = False
        try:
            await self._app(scope, captured.receive, captured.send)
            finished = captured.status < _FAILED and captured.status not in _TRY_AGAIN
        finally:
            if claimed:
                answer = captured.answer() if finished else None
                # Also a request whose client has gone is finished, so that it gets the answer when it asks again.
                await asyncio.shield(asyncio.create_task(asyncio.to_thread(_end, database, asked, answer)))
        response = Response(captured.body, captured.status)
        response.raw_headers = captured.headers
        return response


async def _waited(working: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(working.wait(), _PATIENCE)
    except TimeoutError:
        raise _in_work() from None


def _in_work() -> Conflict:
    return Conflict(
        "A request with this Idempotency-Key is in work; send it again to get its answer.",
        headers={"Retry-After": str(_RETRY_AFTER)},
    )


def _digest(scope: Scope, body: bytes) -> bytes:
    parts: Iterable[bytes] = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body)
    lengths_and_parts = (b"%d:%b" % (len(part), part) for part in parts)
    return hashlib.sha256(b"".join(lengths_and_parts)).digest()


def _begin(database: Database, asked: idempotency.Request) -> Replay | None:
    try:
        with database.write() as connection:
            return store.idempotency.begin(connection, asked, store.times.steady_us())
    except store.idempotency.OtherRequest:
        raise KeyReused(
            "This Idempotency-Key was used for another request within 24 hours; send another key.",
            errors=[{"field": "Idempotency-Key", "problem": "was used for another request"}],
        ) from None
    except store.idempotency.InWork:
        raise _in_work() from None


def _end(database: Database, asked: idempotency.Request, answer: Replay | None) -> None:
    # Send the answer of a completed request even if it cannot be stored.
    with contextlib.suppress(DatabaseAway), database.write() as connection:
        if answer is None:
            store.idempotency.give_up(connection, asked)
        else:
            store.idempotency.finish(connection, asked, answer)


class _Captured:
    """A request whose body was read, and its answer, which is sent later."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._given: bytes | None = body
        self._receive = receive
        self._parts: list[bytes] = []
        self.status = _FAILED
        self.headers: list[tuple[bytes, bytes]] = []

    async def receive(self) -> Message:
        if self._given is None:
            return await self._receive()
        body, self._given = self._given, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        else:
            self._parts.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    def answer(self) -> Replay:
        media_type = dict(self.headers).get(b"content-type")
        return store.idempotency.Replay(
            self.status, None if media_type is None else media_type.decode("latin-1"), self.body
        )


def document(paths: dict[str, Any]) -> None:
    """Add the header, its answers and their header to the operations of an OpenAPI document that it has an effect on."""
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A request that is sent again with the same key within 24 hours gets the first answer",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "8d5f7c5e-6a4b-4a38-9a0c-6f8c3f2b1e90",
    }
    replayed = {"description": "`true`: the first answer to this request, sent again", "schema": {"type": "string"}}
    for path, operations in paths.items():
        for method, operation in operations.items():
            if keeps_answers(method.upper(), path):
                operation.setdefault("parameters", []).append(header)
                for status, response in operation["responses"].items():
                    if status.startswith("2"):
                        response.setdefault("headers", {})["Idempotent-Replayed"] = replayed
