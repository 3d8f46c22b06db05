"""Sign-in with an OpenID provider that runs on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from service.app import create_app
from service.console import people
from service.console.roles import Role
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.console.conftest import PASSWORD, database_of, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"])]

CLAIMS = {
    "s-1": {"email": "Ann@office.example", "email_verified": True},
    "s-2": {"email": "ann@office.example", "email_verified": True},
    "s-3": {"email": "bea@office.example", "email_verified": False},
    "s-4": {"email": "chief", "email_verified": True},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    known = [f"--user-claims={json.dumps({'sub': sub, **claims})}" for sub, claims in CLAIMS.items()]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0", *known]
    with subprocess.Popen(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = next(found for line in process.stdout if (found := re.search(r"running on (http://\S+)", line)))
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield address[1]
        finally:
            process.kill()


@pytest.fixture
def office(small_store: Path, tmp_path: Path, issuer: str) -> Iterator[Client]:
    own = {"oidc_issuer": issuer, "oidc_client_id": "tidewaiter", "oidc_client_secret": "s", "oidc_name": "Harbour ID"}
    with serving(create_app(settings_of(small_store, tmp_path, **own))) as client:
        for login, password in (("ann@office.example", None), ("bea@office.example", None), ("chief", PASSWORD)):
            people.add(database_of(client), login, login, Role.LEAD, password=password, actor="a test")
        yield client


class Browser:
    """Cookies, and the way to the provider and back."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        self.client.asynchronous.cookies.clear()
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.get(path, headers={"Cookie": cookie})
        self.cookies |= dict(answer.cookies)
        return answer

    def sign_in(self, sub: str, change: Callable[[str], str] = str) -> httpx.Response:
        there = self.get("/sign-in/provider?to=/rules")
        assert there.status_code == 302, there.text
        agreed = httpx.post(there.headers["location"], data={"sub": sub})
        back = urlsplit(agreed.headers["location"])
        return self.get(change(f"{back.path}?{back.query}"))


def test_the_provider_is_offered_and_signs_in_who_has_an_account(office: Client) -> None:
    browser = Browser(office)
    assert "Sign in with Harbour ID" in browser.get("/sign-in").text
    asked = parse_qs(urlsplit(browser.get("/sign-in/provider").headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"][0].endswith("/sign-in/return")
    answer = browser.sign_in("s-1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/rules"
    assert "ann@office.example" in browser.get("/account").text
    # The account is that of the identifier now, not of the address.
    assert Browser(office).sign_in("s-1").status_code == 303
    assert Browser(office).sign_in("s-2").status_code == 403


@pytest.mark.parametrize("sub", ["s-3", "s-4", "unknown"])
def test_nobody_else_gets_an_account(office: Client, sub: str) -> None:
    # An address that is not verified, an account with a password, and somebody without an account.
    browser = Browser(office)
    answer = browser.sign_in(sub)
    assert answer.status_code == 403
    assert "You have no account here." in answer.text
    assert browser.get("/queue").status_code == 303


def test_an_ended_account_is_ended(office: Client) -> None:
    assert Browser(office).sign_in("s-1").status_code == 303
    database = database_of(office)
    with database.read() as connection:
        [ann] = [one for one in people.every(connection) if one.login == "ann@office.example"]
    people.change(database, ann.id, is_ended=True, actor="a test")
    assert Browser(office).sign_in("s-1").status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("state=", "state=x"),
        lambda path: path.replace("code=", "code=x"),
        lambda path: "/sign-in/return?error=access_denied",
        lambda path: "/sign-in/return",
    ],
)
def test_a_changed_answer_signs_nobody_in(office: Client, change: Callable[[str], str]) -> None:
    browser = Browser(office)
    answer = browser.sign_in("s-1", change)
    assert answer.status_code == 403
    assert "The sign-in was refused" in answer.text
    assert browser.get("/queue").status_code == 303


def test_an_answer_in_another_browser_signs_nobody_in(office: Client) -> None:
    browser = Browser(office)

    def elsewhere(path: str) -> str:
        browser.cookies = {}
        return path

    assert browser.sign_in("s-1", elsewhere).status_code == 403


def test_a_provider_that_is_away_is_told(small_store: Path, tmp_path: Path) -> None:
    own = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "tidewaiter"}
    with serving(create_app(settings_of(small_store, tmp_path, **own))) as client:
        people.add(database_of(client), "ann", "Ann", Role.LEAD, password=PASSWORD, actor="a test")
        answer = client.get("/sign-in/provider")
        assert answer.status_code == 502
        assert "does not answer" in answer.text


def test_a_service_without_a_provider_has_no_such_page(small_store: Path, tmp_path: Path) -> None:
    with serving(create_app(settings_of(small_store, tmp_path))) as client:
        assert client.get("/sign-in/provider").status_code == 404


def test_an_issuer_needs_a_client() -> None:
    with pytest.raises(ValueError, match="oidc_client_id"):
        Settings(oidc_issuer="https://id.office.example")
