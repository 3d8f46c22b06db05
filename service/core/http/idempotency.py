"""``Idempotency-Key``: a repeated request gets its first answer and is not executed again.

A request is claimed in the database and executed, and its answer is stored before it is sent. Each caller has separate keys. For a
request without the header, the only cost is a look at its headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from service.core.database.times import steady_us
from service.core.errors import Conflict, DatabaseAway, ServiceError, Unprocessable, error_response
from service.core.http.bodies import received
from service.core.http.dependencies import caller_of
from service.core.http.streams import count_until_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.core.database import idempotency
    from service.core.database.engine import Database
    from service.core.database.idempotency import Replay
    from service.core.http.streams import ByteBudget

_HEADER: Final = b"idempotency-key"
#: Header of an answer that was sent before.
REPLAYED: Final = "Idempotent-Replayed"
_WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: `POST` requests that refuse the header, and why. Ignoring the header would be dangerous, because the client relies on it.
_UNSUPPORTED: Final = {
    "/v1/score/csv": "answers are too large to keep; POST /v1/jobs takes a file with a key",
    "/v1/keys": "the answer has a secret, which the database must not hold",
    "/v1/webhooks": "the answer has a secret, which the database must not hold",
}
#: `POST` requests whose bodies are too large for memory. Their endpoints call `answered_once`.
_LARGE: Final = frozenset({"/v1/jobs"})
_ACCEPTED_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")
#: Seconds for which a repeated request waits while this process executes the first one.
_PATIENCE: Final = 30.0
#: Seconds after which a client should send its request again.
_RETRY_AFTER: Final = 1
#: Statuses after which another try may succeed, so that their answers are not stored: from `_FAILED` on, and these below.
_FAILED: Final = 500
_TRY_AGAIN: Final = frozenset({401, 403, 408, 409, 425, 429})


class KeyReused(Unprocessable):
    """The key was used for a different request."""

    slug, title = "idempotency-key-reused", "The key belongs to another request"


class KeyUnsupported(Unprocessable):
    """Requests of this path cannot have a key."""

    slug, title = "idempotency-key-unsupported", "This request cannot have an Idempotency-Key"


def keeps_answers(method: str, path: str) -> bool:
    """Return whether the header has an effect on requests of this method and path."""
    return method in _WRITING and path.startswith("/v1/") and not (method == "POST" and path in _UNSUPPORTED)


class OpenStore(Protocol):
    """Store of the service."""

    @property
    def database(self) -> Database: ...

    @property
    def has_journal(self) -> bool: ...


class Idempotent:
    """ASGI middleware that executes requests with the header once. Without a store it ignores the header."""

    def __init__(self, app: ASGIApp, store: OpenStore | None, bodies: ByteBudget, most_bytes: int) -> None:
        """
        Args:
            bodies: limit on the bodies of requests with the header.
            most_bytes: limit on one of them.
        """
        self._app = app
        self._store, self._bodies, self._most_bytes = store, bodies, most_bytes
        #: Requests that this process executes, by caller and key. Each event is set at the end.
        self._working: dict[tuple[str, bytes], asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in _WRITING:
            for name, value in scope["headers"]:
                if name == _HEADER:
                    if self._store is None or not scope["path"].startswith("/v1/"):
                        break
                    if scope["method"] == "POST" and scope["path"] in _LARGE:
                        break
                    await self._once(scope, receive, send, value, self._store.database)
                    return
        await self._app(scope, receive, send)

    async def _once(self, scope: Scope, receive: Receive, send: Send, key: bytes, database: Database) -> None:
        from service.core.database import idempotency

        request = Request(scope, receive)
        with self._bodies.hold() as hold:
            try:
                name = _accepted(key, scope)
                parts = []
                async for part in received(request, self._most_bytes):
                    hold.add(len(part))
                    parts.append(part)
                body = b"".join(parts)
                caller = scope["state"].get("caller") or ""
                while (working := self._working.get((caller, key))) is not None:
                    await _waited(working)
                done = self._working[caller, key] = asyncio.Event()
                try:
                    keyed_request = idempotency.Request(caller, name, _digest(scope, body))
                    response = await self._answer(scope, receive, body, keyed_request, database)
                finally:
                    del self._working[caller, key]
                    done.set()
                response = count_until_sent(response, hold)
            except ServiceError as error:
                response = error_response(request, error)
            await response(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, body: bytes, keyed_request: idempotency.Request, database: Database
    ) -> Response:
        """Return the stored answer, or execute the request and store its answer."""
        claimed = True
        try:
            replay = await to_thread.run_sync(_begin, database, keyed_request)
        except DatabaseAway:
            if self._store is None or not self._store.has_journal:
                raise
            replay, claimed = None, False
        if replay is not None:
            return _replayed(replay)
        captured = _Captured(body, receive)
        finished = False
        try:
            await self._app(scope, captured.receive, captured.send)
            finished = _is_final(captured.status)
        finally:
            if claimed:
                answer = captured.answer() if finished else None
                # Store the answer even if the client has disconnected, because it may send the request again.
                await asyncio.shield(asyncio.create_task(asyncio.to_thread(_end, database, keyed_request, answer)))
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
        "A request with this Idempotency-Key is still in progress; send it again to get its answer.",
        headers={"Retry-After": str(_RETRY_AFTER)},
    )


def key_of(request: Request) -> str | None:
    """Return the key of a request; None without the header.

    Raises:
        Unprocessable: the key is invalid, or the path does not support keys.
    """
    key = dict(request.scope["headers"]).get(_HEADER)
    return None if key is None else _accepted(key, request.scope)


def is_taken(database: Database, caller: str | None, key: str) -> bool:
    """Return whether the caller used a key before."""
    from service.core.database import idempotency

    with database.read() as connection:
        return idempotency.is_taken(connection, caller or "", key)


def answered_once(
    request: Request, database: Database, content: Sequence[bytes], work: Callable[[Connection], Response]
) -> Response:
    """Execute a request with a key and store its answer in the same transaction, or return the answer of an earlier request.

    Args:
        content: the parts that identify the request, in addition to method, path and query.
        work: returns the answer. An error that it raises is stored as the answer, unless another try may succeed.

    Raises:
        KeyReused: the key was used for a different request.
        Conflict: another process claimed the key at the same moment.
        ServiceError: an error of ``work`` after which another try may succeed.
    """
    from service.core.database import idempotency

    key = key_of(request)
    assert key is not None
    keyed_request = idempotency.Request(caller_of(request) or "", key, _digest(request.scope, *content))
    with _taken_keys(), database.write() as connection:
        replay = idempotency.begin(connection, keyed_request, steady_us())
        if replay is not None:
            return _replayed(replay)
        try:
            response = work(connection)
        except ServiceError as error:
            if not _is_final(error.details.status):
                raise
            response = error_response(request, error)
        answer = idempotency.Replay(response.status_code, response.headers.get("Content-Type"), bytes(response.body))
        idempotency.finish(connection, keyed_request, answer)
    return response


def _accepted(key: bytes, scope: Scope) -> str:
    """Return the key of a request.

    Raises:
        Unprocessable: the key is invalid, or the path does not support keys.
    """
    problem = _UNSUPPORTED.get(scope["path"]) if scope["method"] == "POST" else None
    if problem is not None:
        raise KeyUnsupported(
            f"An Idempotency-Key is not supported here: {problem}.",
            errors=[{"field": "Idempotency-Key", "problem": problem}],
        )
    if not _ACCEPTED_KEY.fullmatch(key):
        problem = "1 to 255 visible ASCII characters are needed"
        raise Unprocessable(
            f"The Idempotency-Key cannot be used: {problem}.",
            errors=[{"field": "Idempotency-Key", "problem": problem}],
        )
    return key.decode("ascii")


def _is_final(status: int) -> bool:
    """Return whether another try would get the same answer, so that the answer is stored."""
    return status < _FAILED and status not in _TRY_AGAIN


def _replayed(replay: Replay) -> Response:
    response = Response(replay.body, replay.status)
    response.headers[REPLAYED] = "true"
    if replay.media_type is not None:
        response.headers["Content-Type"] = replay.media_type
    return response


def _digest(scope: Scope, *content: bytes) -> bytes:
    parts: Iterable[bytes] = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], *content)
    lengths_and_parts = (b"%d:%b" % (len(part), part) for part in parts)
    return hashlib.sha256(b"".join(lengths_and_parts)).digest()


def _begin(database: Database, keyed_request: idempotency.Request) -> Replay | None:
    from service.core.database import idempotency

    with _taken_keys(), database.write() as connection:
        return idempotency.begin(connection, keyed_request, steady_us())


@contextlib.contextmanager
def _taken_keys() -> Iterator[None]:
    """Convert the store's exceptions about a used key into errors for the client."""
    from service.core.database.idempotency import InWork, OtherRequest

    try:
        yield
    except OtherRequest:
        raise KeyReused(
            "This Idempotency-Key was used for another request within 24 hours; send another key.",
            errors=[{"field": "Idempotency-Key", "problem": "was used for another request"}],
        ) from None
    except InWork:
        raise _in_work() from None


def _end(database: Database, keyed_request: idempotency.Request, answer: Replay | None) -> None:
    # The client gets the answer of an executed request even if the answer cannot be stored.
    from service.core.database import idempotency

    with contextlib.suppress(DatabaseAway), database.write() as connection:
        if answer is None:
            idempotency.give_up(connection, keyed_request)
        else:
            idempotency.finish(connection, keyed_request, answer)


class _Captured:
    """Supplies a request body that was already read, and captures the answer, which is sent later."""

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
        from service.core.database.idempotency import Replay

        media_type = dict(self.headers).get(b"content-type")
        return Replay(self.status, None if media_type is None else media_type.decode("latin-1"), self.body)


def document(paths: dict[str, Any]) -> None:
    """Add the header, and the header of replayed answers, to the operations of an OpenAPI document that support it."""
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        # Without an example: the page of the documentation would send it with every request.
        "description": "A new text for each request, such as a UUID. A request that is repeated with the same key within 24 hours "
        "gets the first answer; another request with that key is refused",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }
    replayed = {"description": "`true`: the stored answer to an earlier request", "schema": {"type": "string"}}
    for path, operations in paths.items():
        for method, operation in operations.items():
            if keeps_answers(method.upper(), path):
                operation.setdefault("parameters", []).append(header)
                for status, response in operation["responses"].items():
                    if status.startswith("2"):
                        response.setdefault("headers", {})[REPLAYED] = replayed
