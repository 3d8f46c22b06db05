"""Each route has a scope, and a request needs the scope of its route."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.routing import compile_path

from service.app import create_app
from service.core.http.openapi import MEANINGS, Scope, ScopeTable, checked_scopes, is_open, scopes_of
from service.core.settings import Settings


def test_each_route_of_the_application_has_a_scope() -> None:
    missing = [route for route, scope in scopes_of(create_app(Settings())).items() if scope is None]
    assert not missing, f"add @needs(Scope. ...) to the endpoints of {missing}"


def test_a_service_with_keys_refuses_a_route_without_a_scope() -> None:
    app = create_app(Settings())

    @app.get("/v1/forgotten/{name}")
    async def forgotten(name: str) -> str:
        return name

    with pytest.raises(RuntimeError, match=r"^Routes without a scope: GET /v1/forgotten/\{name\}$"):
        checked_scopes(app)


def test_paths_that_two_routes_match_need_the_same_scope() -> None:
    scopes = scopes_of(create_app(Settings()))
    for (method, path), scope in scopes.items():
        for (other_method, template), other in scopes.items():
            if method == other_method and compile_path(template)[0].match(path):
                assert scope is other, (method, path, template)


def test_each_scope_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Scope)


TABLE = ScopeTable(
    {
        ("POST", "/v1/things"): Scope.PLAN,
        ("GET", "/v1/things/{thing}"): Scope.READ,
        ("DELETE", "/v1/things/{thing}"): Scope.ADMIN,
        ("POST", "/v1/things/{thing}/parts"): Scope.OUTCOME,
    }
)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/things", Scope.PLAN),
        ("GET", "/v1/things", None),
        ("GET", "/v1/things/1", Scope.READ),
        ("DELETE", "/v1/things/1", Scope.ADMIN),
        ("POST", "/v1/things/1/parts", Scope.OUTCOME),
        ("POST", "/v1/things/1/2/parts", None),
        # The router answers a path that ends in a line break too.
        ("POST", "/v1/things\n", Scope.PLAN),
        ("DELETE", "/v1/things/1\n", Scope.ADMIN),
        ("POST", "/v1/things/", None),
    ],
)
def test_a_request_needs_the_scope_of_its_route(method: str, path: str, scope: Scope | None) -> None:
    assert TABLE.scope_of(method, path) is scope


@pytest.mark.parametrize(
    ("path", "open_"),
    [
        ("/healthz", True),
        ("/readyz", True),
        ("/docs", True),
        ("/openapi.json", True),
        ("/docs/static/favicon.png", True),
        ("/docs/static", False),
        ("/docs/other", False),
        ("/healthz/", False),
        ("/metrics", False),
        ("/v1/score", False),
    ],
)
def test_probes_and_documentation_need_no_key(path: str, open_: bool) -> None:
    assert is_open(path) is open_


@pytest.mark.parametrize("needed", [True, False])
def test_the_openapi_document_names_the_scope_of_each_route(needed: bool, tmp_path: Path) -> None:
    app = create_app(Settings(auth=needed, keys_file=tmp_path / "keys"))
    document = app.openapi()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    named = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if is_open(path):
                assert operation["security"] == []
                continue
            assert len(operation["security"]) == (1 if needed else 2)
            (scope,) = operation["security"][0]["key"]
            named[method.upper(), path] = scope
            assert f"Scope of the key: `{scope}`." in operation["description"]
            assert {"401", "403", "429"} <= set(operation["responses"])
    assert named == scopes_of(app)
