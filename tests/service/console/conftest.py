"""Fixtures: the console with traffic, people who have signed in, and a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service.app import create_app
from service.console import people
from service.console.roles import Role
from service.core.database.engine import Database
from service.core.examples import EXAMPLE_PRECURSOR
from service.core.settings import Settings
from tests.service.api_client import Client, serving
from tests.service.served import Served, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "a sentence that is long enough"
#: Start options of a headless browser that asks nothing of the network.
_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-dev-shm-usage"
)


def shipments(count: int) -> list[dict[str, Any]]:
    """Return precursors without a permit, which a rule makes red, at two sites and in two channels."""
    return [
        EXAMPLE_PRECURSOR
        | {
            "shipment_id": f"CON-{number:04d}",
            "channel": ("express", "air_cargo")[number % 2],
            "unloading_location": ("USLAX", "USJFK")[number % 2],
        }
        for number in range(count)
    ]


def settings_of(models: Path, folder: Path, **changes: Any) -> Settings:
    own: dict[str, Any] = {"TIDEWAITER_STORE": True, "database_url": f"sqlite:///{folder / 'store.db'}"}
    return Settings(models_dir=models, job_worker=False, **own, **changes)


class Officer:
    """A person who has signed in, with a browser's cookies but no browser."""

    def __init__(self, client: Client, login: str) -> None:
        self.client = client
        self.cookies = httpx.Cookies()
        self.token = ""
        page = self.get("/sign-in")
        self.token = token_of(page.text)
        answer = self.post("/sign-in", login=login, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        self.cookies.update(answer.cookies)
        self.token = token_of(self.get("/account").text)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._request("GET", path, **options)

    def post(self, path: str, /, **fields: Any) -> httpx.Response:
        return self._request("POST", path, data=fields | {"token": self.token})

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers |= options.pop("headers", {})
        self.client.asynchronous.cookies.clear()
        return self.client.request(method, path, headers=headers, **options)


def token_of(page: str) -> str:
    found = re.search(r'"x-form-token": "([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


@pytest.fixture
def office(small_store: Path, tmp_path: Path) -> Iterator[Client]:
    """A console without people."""
    with serving(create_app(settings_of(small_store, tmp_path))) as client:
        yield client


def database_of(client: Client) -> Database:
    store = client.state.store
    assert store is not None
    return store.database


def sign_in(client: Client, login: str, role: Role) -> Officer:
    """Add a person, and sign in."""
    people.add(database_of(client), login, login.title(), role, password=PASSWORD, actor="a test")
    return Officer(client, login)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. It ends with the module: while it runs, its thread has an event loop, and other tests start their own."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET.split())
        yield browser
        browser.close()


@contextmanager
def console(models: Path, folder: Path, count: int) -> Iterator[Served]:
    """Serve the console with waiting shipments."""
    own = {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_DATABASE_URL": f"sqlite:///{folder / 'store.db'}",
        "TIDEWAITER_JOURNAL_DIR": str(folder / "journal"),
        "TIDEWAITER_OPSIN": "off",
        "TIDEWAITER_JOB_WORKER": "off",
    }
    with served(models, folder=folder, settings=own) as server:
        words = {"goods_description": "=cmd()|<script>document.title='run'</script> 4-piperidone"}
        hostile = EXAMPLE_PRECURSOR | {"shipment_id": "<img src=x>", "items": [EXAMPLE_PRECURSOR["items"][0] | words]}
        with httpx.Client(base_url=server.url, timeout=60) as client:
            for start in range(0, count, 500):
                part = shipments(count)[start : start + 500]
                assert client.post("/v1/score/batch", json={"shipments": part}).status_code == 200
            assert client.post("/v1/score", json=hostile).status_code == 200
        yield server
