"""The console as ASGI middleware: its pages, its static files, who looks at them, and how refusals look.

The console lies behind the checks of host and origin, and before those of the API. It checks each request for the session, the role
of its page, and for forms the token. A page is one line of a table in its screen's module; `pages` is the table of all.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments import render_block
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from service.console import people
from service.console.kept import Kept
from service.console.people import LOCAL, Identity
from service.console.roles import Role
from service.console.session import FIELD, HEADER, Sessions
from service.console.texts import Formats, translations
from service.console.visit import Page, Problem, Visit
from service.core.errors import DatabaseAway, ServiceError
from service.core.logs import logger
from service.keys.ring import Failures

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.console.provider import Provider
    from service.core.database.engine import Database
    from service.core.settings import Settings

_FOLDER: Final = Path(__file__).parent
#: Nothing but the console's own files is loaded, and no script or style stands in a page.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
#: Smallest page that is compressed, in bytes.
_COMPRESSED: Final = 1_000
#: Screen -> its path, its key after g, and the least role that sees it.
SCREENS: Final = (
    ("Queue", "/queue", "q", Role.VIEWER),
    ("Try", "/try", "t", Role.OFFICER),
    ("Substances", "/substances", "s", Role.VIEWER),
    ("Goods", "/goods", "o", Role.VIEWER),
    ("Files", "/files", "f", Role.OFFICER),
    ("Plan", "/plan", "p", Role.VIEWER),
    ("Model", "/model", "m", Role.VIEWER),
    ("Rules", "/rules", "r", Role.VIEWER),
    ("Administration", "/administration", "a", Role.ADMINISTRATOR),
)


def pages() -> list[Page]:
    """Return the table of all pages, with the role that each needs."""
    from service.console.screens import administration, asking, files, model, plan, queue, rules, shipment, signing

    screens = (signing, queue, shipment, asking, files, plan, model, rules, administration)
    return [page for module in screens for page in module.PAGES]


class Site:
    """What all visits share: templates, static files, sessions, settings and the store.

    Args:
        secret: text from which the keys of sessions come, the same in all workers.
    """

    def __init__(self, settings: Settings, database: Database | None) -> None:
        self.settings = settings
        self.database = database
        # Attempts to sign in, by address and by login. Offices share an address; nobody types a password ten times at once.
        self.attempts = (Failures(1.0, 60.0), Failures(1 / 6, 10.0))
        self.kept: Final = Kept()
        self.statics: Final = _statics()
        self._has_people = False
        self._environment: Final = self._templates()

    @cached_property
    def sessions(self) -> Sessions:
        """Sessions, whose keys come from the key of the history: each worker and machine of a store has it."""
        from service.history.key import secret_of

        return Sessions(None if self.database is None else secret_of(self.settings))

    @cached_property
    def provider(self) -> Provider | None:
        """The identity provider of the settings; None without one. Its packages are imported only for it."""
        if self.settings.oidc_issuer is None:
            return None
        from service.console.provider import Provider

        return Provider(self.settings, self.sessions.signer("provider"))

    def _templates(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(_FOLDER / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(translations(), newstyle=True)  # type: ignore[attr-defined]
        environment.filters.update(Formats(self.settings.time_zone).filters())
        environment.globals["static"] = {name: address for address, (name, *_) in self.statics.items()}
        return environment

    def who(self, request: Request) -> Identity | None:
        """Return who sends a request: the local user of a loopback service without people; None before sign-in.

        Raises:
            DatabaseAway: the store does not answer.
        """
        if self.database is None:
            return None if self.settings.needs_keys else LOCAL
        session = self.sessions.read(request)
        with self.database.read() as connection:
            if not self.has_people(connection):
                return None if self.settings.needs_keys else LOCAL
            person = None if session is None else people.with_id(connection, session.person_id)
        return person if person is not None and session is not None and person.epoch == session.epoch else None

    def has_people(self, connection: Connection) -> bool:
        """Return whether anybody has an account."""
        # Accounts end but are never removed.
        self._has_people = self._has_people or people.are_any(connection)
        return self._has_people

    async def render(
        self, visit: Visit, template: str, block: str | None, status: int, values: Mapping[str, Any]
    ) -> Response:
        """Return a page, or a block of its template. It is rendered in a thread, so that scores do not wait for it."""
        person = visit.person
        shown = [one for one in SCREENS if person.id and person.role.may(one[3])]
        context = {
            "person": person,
            "screens": shown,
            "here": visit.request.url.path,
            "form_token": self.sessions.token_of(person.id),
            "field": FIELD,
            "query": visit.request.query_params,
            "role": Role,
            "provider": self.settings.oidc_name if self.settings.oidc_issuer else None,
            **values,
        }

        def work() -> str:
            # A block knows no import of its template.
            context["parts"] = self._environment.get_template("parts.html").make_module(context)
            if block is not None:
                return render_block(self._environment, template, block, **context)
            return self._environment.get_template(template).render(context)

        text = await to_thread.run_sync(work)
        headers = {"content-security-policy": _POLICY, "vary": "accept-encoding, hx-request"}
        content = text.encode()
        if len(content) > _COMPRESSED and "gzip" in visit.request.headers.get("accept-encoding", ""):
            # Only pages of the own site can send requests with the session, so nobody can measure guesses by the size.
            content = await to_thread.run_sync(lambda: gzip.compress(content, 5, mtime=0))
            headers["content-encoding"] = "gzip"
        return Response(content, status, headers, "text/html; charset=utf-8")


def _statics() -> dict[str, tuple[str, str, bytes, bytes]]:
    """Return the static files: address -> name, media type, content, and compressed content. A changed file has another address."""
    found = {}
    for file in sorted((_FOLDER / "static").iterdir()):
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:12]
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        found[f"/static/{digest}/{file.name}"] = (file.name, kind, content, gzip.compress(content, 9, mtime=0))
    return found


class Console:
    """ASGI middleware that answers the paths of the console, and passes others on."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        self._table = [(page, *compile_path(page.path)[::2]) for page in pages()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_of_console(scope["path"]):
            is_visit = scope["type"] == "http" and (b"sec-fetch-dest", b"document") in scope["headers"]
            await self._app(scope, receive, self._or_page(scope, receive, send) if is_visit else send)
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    def _or_page(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """Return a ``send`` that shows a person who mistyped an address a page instead of problem details."""
        is_replaced = False

        async def answer(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and message["status"] == 404 and "endpoint" not in scope:
                is_replaced = True
                request = Request(scope, receive)
                person = await to_thread.run_sync(self._site.who, request) or Identity("", "", "", Role.VIEWER)
                visit = Visit(request, person, self._site, self._app)
                await (await refusal(visit, 404, "There is no such page."))(scope, receive, send)
            elif not is_replaced:
                await send(message)

        return answer

    async def _answer(self, request: Request) -> Response:
        scope = request.scope
        if (static := self._site.statics.get(scope["path"])) is not None:
            return _static(request, *static[1:])
        found: Page | None = None
        methods = set()
        for page, pattern, convertors in self._table:
            if matched := pattern.match(scope["path"]):
                methods.add(page.method)
                if page.method == request.method or (request.method == "HEAD" and page.method == "GET"):
                    found = page
                    scope["path_params"] = {
                        name: convertors[name].convert(text) for name, text in matched.groupdict().items()
                    }
                    break
        # The log and the metrics name the route.
        scope["route"] = found
        nobody = Visit(request, Identity("", "", "", Role.VIEWER), self._site, self._app)
        try:
            return await self._answered(request, found, nobody, methods)
        except Problem as error:
            return await refusal(nobody, error.status, error.detail, error.errors)
        except ServiceError as error:
            return await refusal(nobody, error.details.status, error.details.detail)
        except Exception as error:
            logger().error("page_failed", request_id=scope["state"]["request_id"], path=scope["path"], exc_info=error)
            return await refusal(nobody, 500, "The service failed to make this page; its log says why.")

    async def _answered(self, request: Request, page: Page | None, nobody: Visit, methods: set[str]) -> Response:
        site = self._site
        person = await to_thread.run_sync(site.who, request)
        visit = nobody if person is None else Visit(request, person, site, self._app)
        try:
            if page is None:
                status = 405 if methods else 404
                return await refusal(
                    visit, status, "There is no such page." if not methods else "The page cannot do that."
                )
            if page.role is not None:
                if person is None:
                    return await _sign_in_first(visit)
                if not person.role.may(page.role):
                    has = f"This needs the role {page.role.value}; yours is {person.role.value}."
                    return await refusal(visit, 403, f"{has} An administrator can change it.")
            if request.method not in ("GET", "HEAD") and not await _has_token(visit, page):
                return await refusal(visit, 403, "The form is too old or comes from another site; load the page again.")
            return await page.endpoint(visit)
        except Problem as error:
            return await refusal(visit, error.status, error.detail, error.errors)
        except ServiceError as error:
            return await refusal(visit, error.details.status, error.details.detail)


async def _has_token(visit: Visit, page: Page) -> bool:
    """Return whether the header or the form has the token of the person. After the end of a session, only the form has it."""
    given = [visit.request.headers.get(HEADER)]
    if not page.streams:
        given.append((await visit.form()).get(FIELD))  # type: ignore[arg-type]
    return any(isinstance(one, str) and visit.site.sessions.is_token(one, visit.person.id) for one in given)


async def _sign_in_first(visit: Visit) -> Response:
    """Return the form for signing in: over the page for a part, so that typed text remains; otherwise as a page of its own."""
    if visit.is_part:
        response = await visit.page("signing.html", "again", status=401)
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#dialog", "innerHTML"
        return response
    # A form leads back to the page that it stands on.
    is_form = visit.request.method not in ("GET", "HEAD")
    address = URL(visit.request.headers.get("referer", "/queue")) if is_form else visit.request.url
    return visit.redirect("/sign-in", to=f"{address.path}?{address.query}" if address.query else address.path)


async def refusal(visit: Visit, status: int, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    """Return a refusal: a message over the page for a part, otherwise a page of its own."""
    values: dict[str, Any] = {"code": status, "detail": detail, "errors": errors or []}
    if visit.is_part:
        response = await visit.page("problem.html", "message", status=status, **values)
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#messages", "innerHTML"
        return response
    response = await visit.page("problem.html", status=status, **values)
    if status == DatabaseAway.status:
        response.headers["Retry-After"] = "5"
    return response


def _static(request: Request, kind: str, content: bytes, compressed: bytes) -> Response:
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, headers={**headers, "content-encoding": "gzip"}, media_type=kind)
    return Response(content, headers=headers, media_type=kind)


def is_of_console(path: str) -> bool:
    """Return whether the console answers a path."""
    return path == "/" or path[1:].partition("/")[0] in _PARTS


_PARTS: Final = frozenset(
    {
        *(path[1:] for _, path, *_ in SCREENS),
        "static",
        "events",
        "shipments",
        "outcomes",
        "sign-in",
        "sign-out",
        "account",
    }
)
