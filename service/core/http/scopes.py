"""Scopes of API keys, and the scope that each route needs.

An endpoint names its scope beside its route, with `needs`. A service with keys refuses to start if one has none. A key has any set
of scopes; no scope implies another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path


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
    Scope.PLAN: "change watch lists, dismissals, suppressions and the register of permits",
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
