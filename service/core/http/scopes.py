"""Scopes of API keys, and the scope that each route needs.

Each route has a line in `SCOPES`. A test reports missing routes, and a service with keys refuses to start if one is missing. A key
has any set of scopes; no scope implies another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

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

#: (method, path) -> scope. Paths are those of the routes, with the names of their parameters.
SCOPES: Final[Mapping[tuple[str, str], Scope]] = {
    # scoring
    ("POST", "/v1/score"): Scope.SCORE,
    ("POST", "/v1/score/batch"): Scope.SCORE,
    ("POST", "/v1/score/csv"): Scope.SCORE,
    # jobs
    ("POST", "/v1/jobs"): Scope.SCORE,
    ("GET", "/v1/jobs"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}/result"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}/rejects"): Scope.READ,
    ("DELETE", "/v1/jobs/{job_id}"): Scope.SCORE,
    # personal data
    ("POST", "/v1/erasures"): Scope.ADMIN,
    # chemicals and goods
    ("GET", "/v1/substances"): Scope.SCORE,
    ("GET", "/v1/substances/drawing.svg"): Scope.SCORE,
    ("POST", "/v1/substances/batch"): Scope.SCORE,
    ("GET", "/v1/goods"): Scope.SCORE,
    ("POST", "/v1/goods/batch"): Scope.SCORE,
    # decisions
    ("GET", "/v1/decisions"): Scope.READ,
    ("GET", "/v1/decisions/{decision_id}"): Scope.READ,
    # keys and the audit chain
    ("GET", "/v1/audit"): Scope.ADMIN,
    ("GET", "/v1/keys"): Scope.ADMIN,
    ("POST", "/v1/keys"): Scope.ADMIN,
    ("DELETE", "/v1/keys/{key_id}"): Scope.ADMIN,
    # lists
    **{
        (method, f"/v1/{topic}{path}"): scope
        for topic in ("watch-lists", "dismissals", "suppressions", "permits")
        for method, path, scope in (
            ("GET", "", Scope.READ),
            ("POST", "", Scope.PLAN),
            ("POST", "/import", Scope.PLAN),
            ("DELETE", "/{id}", Scope.PLAN),
        )
    },
    # inspections
    ("GET", "/v1/queue"): Scope.READ,
    ("POST", "/v1/queue/{decision_id}/claim"): Scope.OUTCOME,
    ("POST", "/v1/queue/{decision_id}/release"): Scope.OUTCOME,
    ("POST", "/v1/decisions/{decision_id}/outcome"): Scope.OUTCOME,
    ("POST", "/v1/decisions/{decision_id}/override"): Scope.OUTCOME,
    # webhooks
    ("GET", "/v1/webhooks"): Scope.ADMIN,
    ("POST", "/v1/webhooks"): Scope.ADMIN,
    ("DELETE", "/v1/webhooks/{id}"): Scope.ADMIN,
    ("POST", "/v1/webhooks/{id}/enable"): Scope.ADMIN,
    ("GET", "/v1/webhooks/{id}/deliveries"): Scope.ADMIN,
    ("POST", "/v1/webhooks/{id}/deliveries/{delivery_id}/redeliver"): Scope.ADMIN,
    # the service
    ("GET", "/v1/model"): Scope.READ,
    ("GET", "/v1/schema"): Scope.READ,
    ("GET", "/metrics"): Scope.READ,
}

#: Paths that need no key: probes of orchestrators, and the documentation of the API.
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
#: Folder of the scripts and styles of the documentation, which need no key.
OPEN_FOLDER: Final = "/docs/static/"


class ScopeTable:
    """Scopes by the method and path of a request."""

    def __init__(self, scopes: Mapping[tuple[str, str], Scope] = SCOPES) -> None:
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


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route of ``app`` that needs a key."""
    for route in iter_route_contexts(app.routes):
        path = route.path
        if path is None or is_open(path) or is_open(f"{path}/"):
            continue
        for method in sorted(route.methods or {"any method"}):
            yield method, path


def unscoped(app: FastAPI) -> list[str]:
    """Return the routes of ``app`` that are missing in `SCOPES`, as ``METHOD /path``."""
    return [f"{method} {path}" for method, path in routes_of(app) if (method, path) not in SCOPES]
