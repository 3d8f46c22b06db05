"""Each page with each role and without a session: only people with its role may use it."""

from __future__ import annotations

import re
from pathlib import Path

from service.app import create_app
from service.console.roles import Role
from service.console.site import is_of_console, pages
from tests.service.api_client import Client, serving
from tests.service.console.conftest import settings_of, sign_in

#: Least role of each page, method and path. They are written here a second time, so that no role changes by mistake.
EXPECTED = """
-             GET  /
-             GET  /sign-in
-             POST /sign-in
-             GET  /sign-in/provider
-             GET  /sign-in/return
viewer        POST /sign-out
viewer        GET  /account
viewer        POST /account
viewer        GET  /queue
officer       POST /queue/claims
officer       POST /queue/next
viewer        GET  /events
viewer        GET  /shipments/{id}
officer       POST /shipments/{id}/outcome
officer       POST /shipments/{id}/claim
officer       POST /shipments/{id}/override
officer       POST /shipments/{id}/notes
officer       POST /outcomes/{id}/undo
viewer        GET  /shipments/{id}/neighbours
viewer        GET  /substances/drawing
officer       GET  /try
officer       POST /try
viewer        GET  /substances
viewer        GET  /goods
officer       GET  /files
officer       POST /files
officer       POST /files/columns
officer       POST /files/mapping
officer       GET  /files/{id}
officer       POST /files/{id}/cancel
officer       GET  /files/{id}/download/{what}
viewer        GET  /plan
viewer        GET  /model
lead          POST /model/promote
viewer        GET  /model/drift/{series}
lead          POST /model/rollback
viewer        GET  /rules
lead          POST /rules/try
lead          POST /rules/proposals
lead          POST /rules/proposals/{id}
lead          POST /rules/lists/{kind}
lead          POST /rules/lists/{kind}/{id}/remove
administrator GET  /administration
administrator POST /administration/people
administrator POST /administration/people/{id}
administrator POST /administration/keys
administrator POST /administration/keys/{id}/revoke
administrator POST /administration/webhooks
administrator POST /administration/webhooks/{id}/remove
administrator POST /administration/erasures
"""
TABLE = [line.split() for line in EXPECTED.strip().splitlines()]


def test_every_page_is_in_the_table_of_roles() -> None:
    found = {(page.role.value if page.role else "-", page.method, page.path) for page in pages()}
    assert found == {(role, method, path) for role, method, path in TABLE}


def test_every_page_is_a_path_of_the_console_and_no_path_of_the_api_is() -> None:
    assert all(is_of_console(re.sub(r"{[a-z]+}", "x", page.path)) for page in pages())
    assert not any(
        is_of_console(path) for path in ("/v1/score", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics")
    )


def test_people_reach_the_pages_of_their_role_only(small_store: Path, tmp_path: Path) -> None:
    with serving(create_app(settings_of(small_store, tmp_path))) as client:
        staff = {role: sign_in(client, role.value, role) for role in Role}
        for least, method, path in TABLE:
            if least == "-" or path in ("/events", "/sign-out"):
                continue
            there = re.sub(r"{[a-z]+}", "none", path)
            for role, person in staff.items():
                answer = person.get(there) if method == "GET" else person.post(there)
                is_refused = answer.status_code == 403 and "needs the role" in answer.text
                assert is_refused == (not role.may(Role(least))), (role, method, path, answer.status_code)


def test_nobody_reaches_a_page_without_a_session(small_store: Path, tmp_path: Path) -> None:
    with serving(create_app(settings_of(small_store, tmp_path))) as client:
        sign_in(client, "somebody", Role.ADMINISTRATOR)
        for least, method, path in TABLE:
            if least != "-":
                client.asynchronous.cookies.clear()
                answer = client.request(method, re.sub(r"{[a-z]+}", "none", path))
                assert answer.status_code == 303, (method, path)
                assert answer.headers["location"].startswith("/sign-in?to=%2F")


def test_a_form_without_its_token_is_refused(office: Client) -> None:
    person = sign_in(office, "an.officer", Role.OFFICER)
    other = sign_in(office, "another", Role.OFFICER)
    person.token = other.token
    assert person.post("/queue/next").status_code == 403
