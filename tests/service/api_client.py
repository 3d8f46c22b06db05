"""HTTP client of an application in this process, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from service.core.http.dependencies import State


class Client:
    """Sends requests to a started application and waits for complete responses.

    Attributes:
        asynchronous: the same client for functions that run in the application's event loop.
    """

    def __init__(self, app: FastAPI, portal: BlockingPortal, raise_app_exceptions: bool) -> None:
        self.app = app
        self.portal = portal
        transport = httpx.ASGITransport(app, raise_app_exceptions=raise_app_exceptions)
        self.asynchronous = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    @property
    def state(self) -> State:
        """State of the application."""
        state: State = self.app.state.service
        return state

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.portal.call(partial(self.asynchronous.request, method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)


@contextmanager
def serving(app: FastAPI, *, raise_app_exceptions: bool = True) -> Iterator[Client]:
    """Start an application as a server does, yield a client, and stop the application."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield Client(app, portal, raise_app_exceptions)
