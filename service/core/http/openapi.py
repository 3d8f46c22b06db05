"""What routes state beside their code: request schemas, error responses, and scopes of API keys; the OpenAPI document, its pages.

An endpoint names its scope with `needs`. A service with keys refuses to start if one has none. A key has any set of scopes; no
scope implies another.

FastAPI's pages load scripts from a content delivery network. Customs networks rarely allow that, and the network would learn who
reads the pages. The package `fastapi-offline` contains the same files, which this module serves.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.routing import iter_route_contexts
from fastapi.staticfiles import StaticFiles
from starlette.routing import compile_path

from service.core.errors import PROBLEM_JSON, TYPE_PREFIX
from service.core.http.idempotency import document as document_idempotency
from service.core.http.schemas import Problem


class Scope(StrEnum):
    """Scopes of API keys."""

    SCORE = "score"
    READ = "read"
    OUTCOME = "outcome"
    PLAN = "plan"
    PROMOTE = "promote"
    ADMIN = "admin"


#: What each scope allows, for the documentation of the API.
MEANINGS: Final[Mapping[Scope, str]] = {
    Scope.SCORE: "score shipments and files, and ask about chemicals and goods",
    Scope.READ: "read decisions, queue, jobs, lists, model and metrics",
    Scope.OUTCOME: "record outcomes and overrides, claim and release shipments",
    Scope.PLAN: "change watch lists, dismissals, suppressions and the register of permits; draft, accept and decline proposals",
    Scope.PROMOTE: "promote models; no route needs it yet",
    Scope.ADMIN: "manage keys and webhooks, read the audit chain, erase personal data",
}

#: Attribute of an endpoint with the scope that its route needs.
_ATTRIBUTE: Final = "needed_scope"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def needs(scope: Scope) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator that gives an endpoint the scope that its route needs. It stands below the decorator of the router."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, scope)
        return endpoint

    return mark


#: Paths that need no key: probes of orchestrators, and the documentation of the API.
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
#: Folder of the scripts and styles of the documentation, which need no key.
OPEN_FOLDER: Final = "/docs/static/"


class ScopeTable:
    """Scopes by the method and path of a request."""

    def __init__(self, scopes: Mapping[tuple[str, str], Scope]) -> None:
        self._exact = dict(scopes)
        # Use the router's regular expressions, so that both match the same paths. They also match a path that ends in a line
        # break, which an exact comparison does not.
        self._patterns = [(method, compile_path(path)[0], scope) for (method, path), scope in scopes.items()]

    def scope_of(self, method: str, path: str) -> Scope | None:
        """Return the scope that a request needs; None if no route of the table answers it."""
        scope = self._exact.get((method, path))
        if scope is None:
            for of_method, pattern, candidate in self._patterns:
                if of_method == method and pattern.match(path):
                    return candidate
        return scope


def is_open(path: str) -> bool:
    """Return whether a path needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def scopes_of(app: FastAPI) -> dict[tuple[str, str], Scope | None]:
    """Return the scope of each route of ``app`` that needs a key, by method and path; None if the endpoint names no scope."""
    scopes: dict[tuple[str, str], Scope | None] = {}
    for route in iter_route_contexts(app.routes):
        path = route.path
        if path is None or is_open(path) or is_open(f"{path}/"):
            continue
        for method in sorted(route.methods or {"any method"}):
            scopes[method, path] = getattr(route.endpoint, _ATTRIBUTE, None)
    return scopes


def checked_scopes(app: FastAPI) -> dict[tuple[str, str], Scope]:
    """Return the scopes of `scopes_of`.

    Raises:
        RuntimeError: an endpoint names no scope, so that any key could use its route.
    """
    scopes = scopes_of(app)
    if missing := [f"{method} {path}" for (method, path), scope in scopes.items() if scope is None]:
        raise RuntimeError(f"Routes without a scope: {', '.join(missing)}")
    return {route: scope for route, scope in scopes.items() if scope is not None}


def json_body(component: str, examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return ``openapi_extra`` of an endpoint with a JSON body.

    Args:
        component: name of the body's schema.
        examples: OpenAPI examples of the body, by name.
    """
    schema = {"$ref": f"#/components/schemas/{component}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }


#: Documented errors: status -> slug, title, description, and the detail of the example.
_PROBLEMS: Final[dict[int, tuple[str, str, str, str]]] = {
    401: (
        "key-needed",
        "API key needed",
        "The service requires an API key, and the request has no valid one",
        "This route needs an API key: send it as `Authorization: Bearer KEY`.",
    ),
    403: (
        "scope-missing",
        "Scope missing",
        "The key lacks the scope of this route, or a page of another site sent the request",
        "This route needs an API key with the scope score.",
    ),
    404: ("not-found", "Not Found", "No resource at this path", "No resource at /v1/scores."),
    405: (
        "method-not-allowed",
        "Method Not Allowed",
        "The path does not support the method",
        "/v1/score does not support GET.",
    ),
    409: (
        "store-off",
        "The store is off",
        "The store is off, or the state of the resource does not allow the request",
        "This service keeps no decisions, because TIDEWAITER_STORE is off.",
    ),
    413: (
        "too-large",
        "Over a limit",
        "The decompressed body or a list in it exceeds a limit",
        "The body is larger than 1,048,576 bytes, the limit of this endpoint.",
    ),
    415: (
        "unsupported-media-type",
        "Unsupported media type",
        "Unsupported media type, character set or content coding",
        "Content-Type 'text/plain' is not supported; send application/json.",
    ),
    422: (
        "unreadable",
        "Cannot be read",
        "The body or a parameter cannot be read; `errors` names the fields",
        "The shipment cannot be read: items: at least one goods item is needed.",
    ),
    429: (
        "over-rate",
        "Too many requests",
        "The key exceeds its rate; see Retry-After",
        "This key sends more requests than its rate allows.",
    ),
    500: (
        "internal",
        "Internal error",
        "An internal error of the service",
        "The service failed to answer this request because of an internal error; see its log.",
    ),
    503: (
        "not-ready",
        "No model is loaded",
        "No model is loaded, the database or the disk fails, or the service is busy (see Retry-After)",
        "No model is loaded: the model is still being loaded.",
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of an endpoint that may answer with these error statuses."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        slug, title, description, detail = _PROBLEMS[status]
        example = {
            "type": TYPE_PREFIX + slug,
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "/v1/score",
            "errors": [{"field": "items", "problem": "at least one goods item is needed"}] if status == 422 else [],
            "request_id": "3c2f8a52-6a4e-4d0b-8d5b-0c3c5a4f9f10",
        }
        documented[status] = {
            "description": description,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
        }
    return documented


def install_openapi(
    app: FastAPI, request_schemas: Sequence[Callable[[], Mapping[str, dict[str, Any]]]], *, needs_keys: bool
) -> None:
    """Add the request schemas, the problem schema and the scopes of keys to the OpenAPI document of ``app``.

    Args:
        request_schemas: functions that return schemas of request bodies and their parts, by component name.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for of_subject in request_schemas:
                schemas.update(of_subject())
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            # The service does not send FastAPI's default validation errors.
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            document_idempotency(document["paths"])
            _document_scopes(document, scopes_of(app), needs_keys=needs_keys)
            app.openapi_schema = document
        return app.openapi_schema

    # FastAPI's documentation recommends replacing the method.
    app.openapi = openapi  # type: ignore[method-assign]


def _document_scopes(
    document: dict[str, Any], scopes: Mapping[tuple[str, str], Scope | None], *, needs_keys: bool
) -> None:
    """Add the security scheme of API keys. Add to each operation its scope and the error responses of the checks before it."""
    meanings = "; ".join(f"`{scope}`: {meaning}" for scope, meaning in MEANINGS.items())
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": f"An API key. Scopes: {meanings}. A service on a loopback address may need no keys.",
        }
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            # Every route refuses an unknown parameter.
            operation["responses"].setdefault("422", problems(422)[422])
            scope = scopes.get((method.upper(), path))
            if scope is None:
                operation["security"] = []
                continue
            # An empty requirement means that the service also answers without a key.
            operation["security"] = [{"key": [scope.value]}, *([] if needs_keys else [{}])]
            operation["description"] = f"{operation.get('description', '')}\n\nScope of the key: `{scope}`.".strip()
            for status, response in problems(401, 403, 429).items():
                operation["responses"].setdefault(str(status), response)


_STATIC: Final = "/docs/static"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs_files() -> Path:
    """Return the folder of the page's scripts and styles.

    Raises:
        ModuleNotFoundError: `fastapi-offline` is not installed.
    """
    package = find_spec("fastapi_offline")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("fastapi-offline is not installed; it contains the scripts of /docs")
    return Path(package.submodule_search_locations[0]) / "static"


def install_docs(app: FastAPI) -> None:
    """Serve ``/docs``. The application must have been created with ``docs_url=None``."""
    app.mount(_STATIC, StaticFiles(directory=docs_files()), name="docs-static")

    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title}: API",
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{_STATIC}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body).decode())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page


def _policy(page: str) -> str:
    """Return the content security policy of the page. It allows scripts of this service, and the page's inline script by hash."""
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page)]
    inline = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {inline}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
