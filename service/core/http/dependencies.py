"""State of the application, and dependencies of the endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import orjson
from anyio import CapacityLimiter
from fastapi import Depends, Query, Request, Response

from models.scoring import ScoreSettings
from service.core.errors import StoreOff
from service.core.http.budget import ByteBudget
from service.core.http.connections import Connections
from service.core.http.connections.protocol import STATE as CONNECTIONS
from service.core.metrics import Metrics
from service.core.settings import Settings
from service.jobs.child import InServiceWorker
from service.keys.ring import KeyRing
from service.lists.current import CurrentLists
from service.scoring.answers import Explain, Options
from service.scoring.model_host import ModelHost
from service.scoring.record import TrafficRecord
from service.scoring.scorer import Scorer

if TYPE_CHECKING:
    from service.decisions.store import Store


class QueryCache:
    """Cache of options that FastAPI parsed, by query string. Most requests repeat an earlier query string.

    The cache contains only query strings that FastAPI accepted. Invalid ones always go to FastAPI.
    """

    #: Maximum number of entries, and maximum bytes of a query string. Ordinary clients stay far below both.
    _MAX_ENTRIES: Final = 256
    _MAX_BYTES: Final = 256

    def __init__(self) -> None:
        self._options: dict[bytes, Options] = {}

    def get(self, query: bytes) -> Options | None:
        """Return the options of a query string, or None if it is not cached."""
        return self._options.get(query)

    def put(self, query: bytes, options: Options) -> None:
        """Cache the options of a query string unless it is too long. A full cache is cleared first."""
        if len(query) > self._MAX_BYTES:
            return
        if len(self._options) >= self._MAX_ENTRIES:
            self._options.clear()
        self._options[query] = options


@dataclass(frozen=True, slots=True)
class State:
    """Objects that live as long as the application.

    Attributes:
        lists: settings of scores, with the office's lists.
        record: record of shipments that advance the history; None if it is off.
        store: store of decisions; None if it is off.
        csv_requests: limit on concurrent CSV requests.
        lookups: limit on threads that look up single chemicals.
        lookup_batches: the same limit for batches, so that single lookups do not wait for them.
        admitted_batches: limit on batches of chemicals that are looked up or wait. Each takes up to about `reading_seconds`.
        bodies: limit on the bodies of all batches that are received, scored or answered.
        questions: the same limit for batches of chemicals and goods and for imports of lists, so that they never block shipments.
        uploads: limit on the uploads that are received, scored or answered.
        ring: the valid API keys; None if no keys are needed.
        readings: limit on threads that read goods descriptions. They hold the interpreter lock, so one is enough.
        query_cache: cached options of scoring requests.
        job_worker: starts a worker when a job waits; None if other processes score the jobs.
    """

    settings: Settings
    lists: CurrentLists
    host: ModelHost
    metrics: Metrics
    scorer: Scorer
    record: TrafficRecord | None
    store: Store | None
    csv_requests: CapacityLimiter
    lookups: CapacityLimiter
    bodies: ByteBudget
    questions: ByteBudget
    uploads: ByteBudget
    ring: KeyRing | None = None
    readings: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    lookup_batches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    admitted_batches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(9))
    query_cache: QueryCache = field(default_factory=QueryCache)
    job_worker: InServiceWorker | None = None

    @property
    def decides_without_database(self) -> bool:
        """True if shipments are scored while the database is unavailable."""
        return self.store is not None and self.store.has_journal

    @property
    def score_settings(self) -> ScoreSettings:
        """Settings of scores with the office's lists. Read it once per request."""
        return self.lists.settings


def state_of(request: Request) -> State:
    """Return the state of the application that serves ``request``."""
    return cast("State", request.app.state.service)


async def file_options(
    request: Request,
    explain: Annotated[
        Explain | None,
        Query(
            description="Shipments to explain with reasons: none, shown (red and yellow) or all. "
            "Default: the service's setting"
        ),
    ] = None,
    update_history: Annotated[
        bool, Query(description="false: leave the service's history unchanged, for what-if queries")
    ] = True,
) -> Options:
    """Return the options of a request that scores a file, from its query string."""
    return Options(explain or state_of(request).settings.explain, update_history)


FileOptions = Annotated[Options, Depends(file_options)]


async def score_options(
    request: Request,
    options: FileOptions,
    actions: Annotated[
        Literal["acas"] | None, Query(description="acas: add the ACAS style referral of the lane")
    ] = None,
    reasons: Annotated[
        int,
        Query(ge=0, le=100, description="Number of reasons with a weight; one reason `OTHER` summarises the others"),
    ] = 5,
) -> Options:
    """Return the options of a request that scores shipments, from its query string, and cache them."""
    options = replace(options, actions=actions, reasons=reasons)
    state_of(request).query_cache.put(request.scope["query_string"], options)
    return options


ScoreOptions = Annotated[Options, Depends(score_options)]


def caller_of(request: Request) -> str | None:
    """Return the id of the API key of the request; None if no keys are needed."""
    caller: str | None = request.scope["state"].get("caller")
    return caller


def is_alone(request: Request) -> bool:
    """Return whether no other request can arrive before the answer to this one."""
    connections: Connections | None = request.scope["state"].get(CONNECTIONS)
    return connections is not None and connections.is_single


def store_of(request: Request) -> Store:
    """Return the store of the service.

    Raises:
        StoreOff: the service has no store.
    """
    store = state_of(request).store
    if store is None:
        raise StoreOff
    return store


def add_log_fields(request: Request, **values: object) -> None:
    """Add values to the request's line in the access log."""
    request.scope["state"]["log_fields"].update(values)


class PlainJson(Response):
    """JSON response of plain values, encoded by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        if headers is not None:
            super().init_headers(headers)
            return
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]


class EncodedJson(PlainJson):
    """JSON response of bytes that already are JSON."""

    def render(self, content: Any) -> bytes:
        return cast("bytes", content)
