"""HTTP client of an application in this process, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from anyio import CapacityLimiter
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from service.core.http.budget import ByteBudget
from service.core.http.dependencies import Budgets
from service.core.settings import Settings
from service.jobs.child import InServiceWorker
from service.lists.current import CurrentLists
from service.scoring.decision import DecisionStore
from service.scoring.model_host import ModelHost
from service.scoring.record import TrafficRecord
from service.scoring.scorer import Scorer
from service.substances.routes import LookupLimits

if TYPE_CHECKING:
    from service.decisions.store import Store


class State:
    """Parts of an application."""

    def __init__(self, app: FastAPI) -> None:
        parts: dict[Any, Any] = app.state.parts
        self.settings: Settings = parts[Settings]
        self.host: ModelHost = parts[ModelHost]
        self.scorer: Scorer = parts[Scorer]
        self.lists: CurrentLists = parts[CurrentLists]
        self.record: TrafficRecord | None = parts[TrafficRecord]
        self.store: Store | None = parts[DecisionStore]
        self.job_worker: InServiceWorker | None = parts[InServiceWorker]
        self.csv_requests: CapacityLimiter = parts["csv_places"]
        self.lookups: LookupLimits = parts[LookupLimits]
        budgets: Budgets = parts[Budgets]
        self.bodies: ByteBudget = budgets.bodies
        self.questions: ByteBudget = budgets.questions
        self.uploads: ByteBudget = budgets.uploads


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
        return State(self.app)

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
