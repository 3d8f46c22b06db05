"""A visit: a request of a person to a page, with what pages do: ask the API, and answer with a template or a part of it.

The API answers the console in this process, with the same functions as any client, and records the person as the caller.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

import orjson
from anyio import sleep_forever, to_thread
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.console.roles import Role
from service.core.errors import StoreOff

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.console.kept import Kept
    from service.console.people import Identity
    from service.console.session import Sessions
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.keys.ring import Failures

T = TypeVar("T")

#: Statuses from here on are problems.
_PROBLEM: Final = 400
_JSON: Final = b"application/json"


class Problem(Exception):
    """The API refused a request. Attributes are those of its problem details.

    Attributes:
        detail: what is wrong, in a sentence.
        errors: objects with ``field`` and ``problem``.
    """

    def __init__(self, status: int, content: Mapping[str, Any]) -> None:
        super().__init__(content.get("detail") or content.get("title") or "")
        self.status = status
        self.detail: str = str(self)
        self.errors: list[dict[str, str]] = list(content.get("errors") or ())
        self.content = content


class Elsewhere(Protocol):
    """What visits use of `service.console.provider.Provider`."""

    async def begin(self, visit: Visit, to: str) -> Response:
        """Return the redirection to the provider."""

    async def end(self, visit: Visit) -> tuple[Identity, str]:
        """Return who comes back from the provider, and the path to go to."""


class Shared(Protocol):
    """What visits use of `service.console.site.Site`."""

    settings: Settings
    database: Database | None
    attempts: tuple[Failures, Failures]

    @property
    def kept(self) -> Kept:
        """Results that take too long for a page."""

    @property
    def sessions(self) -> Sessions:
        """Sessions."""

    @property
    def provider(self) -> Elsewhere | None:
        """Identity provider, if there is one."""

    def has_people(self, connection: Connection) -> bool:
        """Return whether anybody has an account."""

    async def render(
        self, visit: Visit, template: str, block: str | None, status: int, values: Mapping[str, Any]
    ) -> Response:
        """Return a page, or a block of its template."""


@dataclass(frozen=True, slots=True)
class Page:
    """A route of the console.

    Attributes:
        path: as in Starlette, with parameters in braces.
        role: the least role that may use it; None for pages before sign-in.
        endpoint: function of a `Visit`.
        streams: whether the body is passed on unread, so that the token must be in the header.
    """

    method: str
    path: str
    role: Role | None
    endpoint: Callable[[Visit], Awaitable[Response]]
    streams: bool = False


@dataclass(slots=True)
class Visit:
    """A request of a person to a page."""

    request: Request
    person: Identity
    site: Shared
    app: ASGIApp

    @property
    def is_part(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers

    @property
    def path(self) -> Mapping[str, str]:
        """Parameters of the path."""
        found: Mapping[str, str] = self.request.scope["path_params"]
        return found

    def query(self, *names: str) -> dict[str, str]:
        """Return the parameters of the query with these names that are not blank."""
        given = self.request.query_params
        return {name: text for name in names if (text := given.get(name, "").strip())}

    async def form(self) -> FormData:
        """Return the fields of the form."""
        return await self.request.form()

    @property
    def database(self) -> Database:
        """The store.

        Raises:
            StoreOff: the service has none.
        """
        if self.site.database is None:
            raise StoreOff
        return self.site.database

    async def read(self, query: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call ``query`` in a thread with a connection that reads one state of the store."""
        database = self.database

        def read() -> T:
            with database.snapshot() as connection:
                return query(connection, *args, **options)

        return await to_thread.run_sync(read)

    async def recent(self, count: Callable[[Connection], T]) -> T:
        """Return what ``count`` found a moment ago, however many screens ask, or call it as `read` does."""
        return await self.read(lambda connection: self.site.kept.recent(count, lambda: count(connection)))

    async def run(self, work: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call ``work`` in a thread."""
        return await to_thread.run_sync(lambda: work(*args, **options))

    async def kept(self, key: Hashable, seconds: float, work: Callable[[], T]) -> T | None:
        """Return the latest result of ``work``, which is made in a thread of its own; None while the first is being made."""
        found: T | None = await to_thread.run_sync(self.site.kept.of, key, seconds, work)
        return found

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that the API answers to a GET.

        Raises:
            Problem: the API refuses the request.
        """
        return await self._ask("GET", path, params or {}, b"")

    async def get_text(self, path: str) -> str:
        """Return the text that the API answers to a GET.

        Raises:
            Problem: the API refuses the request.
        """
        status, content = await _answer(self.app, self._scope("GET", path, "", []), _receive_of(b""))
        return content.decode() if status < _PROBLEM else str(_read(status, content))

    async def post(self, path: str, content: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that the API answers to a POST of a JSON body.

        Raises:
            Problem: the API refuses the request.
        """
        return await self._ask("POST", path, params or {}, b"" if content is None else orjson.dumps(content))

    async def delete(self, path: str) -> Any:
        """Delete something by the API.

        Raises:
            Problem: the API refuses the request.
        """
        return await self._ask("DELETE", path, {}, b"")

    async def pass_on(self, path: str) -> Any:
        """Pass the request's body on to a route of the API as it arrives, and return the JSON that it answers.

        Raises:
            Problem: the API refuses the request.
        """
        headers = [one for one in self.request.scope["headers"] if one[0] in (b"content-length", b"content-type")]
        return _read(*await _answer(self.app, self._scope("POST", path, "", headers), self.request.receive))

    async def _ask(self, method: str, path: str, params: Mapping[str, Any], body: bytes) -> Any:
        headers = [(b"content-type", _JSON), (b"content-length", b"%d" % len(body))] if body else []
        query = urlencode({name: value for name, value in params.items() if value is not None})
        scope = self._scope(method, path, query, headers)
        return _read(*await _answer(self.app, scope, _receive_of(body)))

    def _scope(self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]]) -> Scope:
        """Return the scope of a request to the API whose caller is the person."""
        of = self.request.scope
        host = [(name, value) for name, value in of["headers"] if name == b"host"]
        return {
            **{
                name: of[name]
                for name in ("type", "asgi", "http_version", "scheme", "client", "server", "app")
                if name in of
            },
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": host + headers,
            "state": {**of["state"], "caller": self.person.id, "log_fields": {}},
        }

    def forward(self, path: str, params: Mapping[str, Any] | None = None, *, media_type: str | None = None) -> Response:
        """Return a response that passes the request's body on to a route of the API, and its answer back.

        Args:
            media_type: media type of the body, if it is not that of the request.
        """
        kept = (b"content-length", b"content-encoding", *(() if media_type else (b"content-type",)))
        headers = [(name, value) for name, value in self.request.scope["headers"] if name in kept]
        if media_type:
            headers.append((b"content-type", media_type.encode()))
        return _Forwarded(self.app, self._scope(self.request.method, path, urlencode(params or {}), headers))

    async def page(self, template: str, block: str | None = None, /, *, status: int = 200, **values: Any) -> Response:
        """Return a page, or a block of its template.

        Args:
            block: name of the block to answer with. None: the whole page.
        """
        return await self.site.render(self, template, block, status, values)

    def redirect(self, path: str, **params: str) -> Response:
        """Return a redirection to a page; htmx loads it as a whole."""
        address = f"{path}?{urlencode(params)}" if params else path
        if self.is_part:
            return Response(status_code=204, headers={"HX-Redirect": address})
        return RedirectResponse(address, 303)


class _Forwarded(Response):
    """Response of another application to the same body."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        super().__init__()
        self._app, self._scope = app, scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(self._scope, receive, send)


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, bytes]:
    """Return status and body of an application's response to a request."""
    status, parts = 500, []

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)


def _receive_of(body: bytes) -> Receive:
    """Return the function with which an application receives a body."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            # A streamed answer ends when the client goes; this one stays.
            await sleep_forever()
        return messages.pop()

    return receive


def _read(status: int, content: bytes) -> Any:
    value = orjson.loads(content) if content else None
    if status >= _PROBLEM:
        raise Problem(status, value if isinstance(value, dict) else {})
    return value


def read_view(text: str) -> dict[str, str]:
    """Return the filters of a view of the queue from its query string."""
    return dict(parse_qsl(text))
