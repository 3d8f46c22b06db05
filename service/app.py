"""Assembly of the application."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import Depends, FastAPI
from starlette.types import Lifespan

from features.compiled import slowness
from models.scoring import ScoreSettings
from service import subjects
from service.background import in_background
from service.capacity.current import CurrentCapacity
from service.core import chemistry
from service.core.errors import DatabaseAway, install_handlers
from service.core.http.dependencies import DATABASE, Budgets, known_parameters, provide
from service.core.http.idempotency import Idempotent
from service.core.http.limits import Connections, Limits
from service.core.http.middleware import Guarded, Observed
from service.core.http.openapi import Scope, ScopeTable, checked_scopes, install_docs, install_openapi
from service.core.http.protocol import STATE as CONNECTIONS
from service.core.http.streams import ByteBudget
from service.core.logs import logger
from service.core.memory import COLLECT_EVERY, collect_recent_garbage, long_lived_objects, rare_collections
from service.core.metrics import Metrics
from service.core.periodic import repeated
from service.core.settings import Settings, names_in
from service.goods.answers import warm_up as warm_up_goods
from service.jobs.child import InServiceWorker
from service.keys.ring import Authenticated, KeyRing, keys_in_use, ring_of
from service.lists.current import CurrentLists
from service.monitoring.current import CurrentMonitoring
from service.proposals.current import CurrentProposals
from service.scoring import routes as scoring
from service.scoring.decision import DecisionStore
from service.scoring.model_host import LoadedModel, ModelHost, ServedModel
from service.scoring.record import TrafficRecord
from service.scoring.routes import Direct, QueryCache
from service.scoring.scorer import Scorer
from service.scoring.warm_up import warm_up
from service.substances.answers import warm_up as warm_up_chemistry
from service.webhooks import routes as webhooks
from service.webhooks.sending import Sender, policy_of

if TYPE_CHECKING:
    # The oldest supported FastAPI lacks this module and ignores the telemetry settings.
    from fastapi.telemetry import TelemetryConfig

    from features.groups.history.history import History
    from models.scoring import RiskModel
    from service.core.database.audit import Changes
    from service.core.database.engine import Database
    from service.decisions.store import Store
    from service.history.durable import DurableHistory

#: Interval in seconds at which audit entries that wait for the database are written.
_FLUSH_SECONDS: Final = 5.0

_NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

_DESCRIPTION: Final = """\
Scores shipments for likely fentanyl, fentanyl-analogue, precursor and press-equipment content from the manifest
alone, with reasons.

**A person decides.** The service ranks and explains; lanes are recommendations. An invalid field is scored as missing and
reported as a warning; a record is refused only if it cannot be read at all. Every error is an RFC 9457 problem.
"""


def create_app(settings: Settings | None = None, loaded: LoadedModel | None = None) -> FastAPI:
    """Return the ASGI application. It responds with 503 until its model is loaded, verified and warm.

    Args:
        settings: default: the settings of the environment.
        loaded: an already loaded model, which replaces the first load.
    """
    settings = Settings() if settings is None else settings
    metrics = Metrics()
    connections = _connections(settings, metrics)
    store = _store_of(settings, metrics)
    database = None if store is None else store.database
    ring = ring_of(settings, database, Scope)
    lists = CurrentLists(settings.score_settings(), database)
    capacity = CurrentCapacity(settings, database, lists)
    proposals = CurrentProposals(database, lists)
    changes = _changes_of(database)
    host = _host(settings, metrics, (lists, capacity), changes, loaded, database)
    monitoring = CurrentMonitoring(database, host, metrics)
    job_worker = InServiceWorker(settings, database, host) if database is not None and settings.job_worker else None
    durable = None if store is None else _durable(store, settings, host)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        if slow := slowness():
            logger().warning("modules_uncompiled", problem=slow)
        chemistry.set_up(settings)
        # Start OPSIN, a Java program, while the model loads. Requests do not wait for it.
        starting = asyncio.create_task(asyncio.to_thread(chemistry.start), name="opsin")
        # Start before the model loads: loading is then 0.3 s faster.
        with rare_collections():
            async with (
                _opened(store, durable),
                _audited(changes, settings),
                lists.watching(needed=store is not None and not store.has_journal),
                _webhooks(store, settings),
                host.watching(settings.pointer_poll_seconds),
                capacity.watching(host),
                proposals.watching(),
                _warmed_up(starting),
                keys_in_use(ring, settings),
                in_background(durable, job_worker, database, settings, monitoring),
                repeated(collect_recent_garbage, COLLECT_EVERY, "garbage"),
            ):
                with long_lived_objects():
                    # uvicorn passes this state to `service.core.http.protocol`.
                    yield {CONNECTIONS: connections}

    app = _without_routes(lifespan)
    record, query_cache, budgets = _record(settings), QueryCache(), _budgets(settings)
    scorer = _scorer(host, metrics, lists, record, store, settings)
    parts: dict[Any, object] = {
        Settings: settings,
        Metrics: metrics,
        Budgets: budgets,
        ModelHost: host,
        Scorer: scorer,
        QueryCache: query_cache,
        TrafficRecord: record,
        CurrentLists: lists,
        CurrentCapacity: capacity,
        CurrentProposals: proposals,
        CurrentMonitoring: monitoring,
        KeyRing: ring,
        DecisionStore: store,
        DATABASE: database,
        InServiceWorker: job_worker,
        webhooks.OUTBOX: None if store is None else store.outbox,
    }
    _add_routes(app, parts, settings, needs_keys=ring is not None)
    install_handlers(app)
    # From the innermost to the outermost.
    app.add_middleware(Direct, endpoints=scoring.ENDPOINTS, cache=query_cache, parts=(scorer, settings, budgets))
    app.add_middleware(Idempotent, store=store, bodies=budgets.bodies, most_bytes=settings.max_batch_bytes)
    elsewhere = _add_console(app, settings, database)
    if ring is not None:
        app.add_middleware(Authenticated, ring=ring, table=ScopeTable(checked_scopes(app)), is_elsewhere=elsewhere)
    app.add_middleware(Guarded, hosts=names_in(settings.allowed_hosts), origins=names_in(settings.allowed_origins))
    app.add_middleware(Observed, metrics=metrics)
    return app


def _add_console(app: FastAPI, settings: Settings, database: Database | None) -> Callable[[str], bool] | None:
    """Add the officers' console. Return which paths it checks itself; None for a service without one, as without a store."""
    if database is None or not settings.console:
        return None
    from service.console.site import Console, Site, is_of_console

    app.add_middleware(Console, site=Site(settings, database))
    return is_of_console


def _budgets(settings: Settings) -> Budgets:
    """Return the limits on bytes in memory."""
    most = settings.max_bodies_bytes
    return Budgets(ByteBudget(most), ByteBudget(most), ByteBudget(settings.max_uploads_bytes))


def _scorer(
    host: ModelHost,
    metrics: Metrics,
    lists: CurrentLists,
    record: TrafficRecord | None,
    store: Store | None,
    settings: Settings,
) -> Scorer:
    """Return the scorer of requests."""
    return Scorer(
        host,
        metrics,
        lists.settings,
        max_items=settings.max_items,
        record=record,
        store=store,
        reading_seconds=settings.reading_seconds,
        lists=lists,
    )


def _connections(settings: Settings, metrics: Metrics) -> Connections:
    """Return the connections of the service, which count refusals in the metrics."""
    return Connections(Limits.of(settings), lambda reason, count: metrics.connections_refused.labels(reason).inc(count))


def _add_routes(app: FastAPI, parts: dict[Any, object], settings: Settings, *, needs_keys: bool) -> None:
    """Add the routes of all subjects with the parts that they need, and their documentation."""
    for router in subjects.attributes("routes", "router"):
        app.include_router(router)
    for parts_of in subjects.attributes("routes", "parts"):
        parts.update(parts_of(settings))
    provide(app, parts)
    install_docs(app)
    install_openapi(app, list(subjects.attributes("routes", "request_schemas")), needs_keys=needs_keys)


def _without_routes(lifespan: Lifespan[FastAPI]) -> FastAPI:
    """Return an application without routes."""
    return FastAPI(
        title="Tidewaiter",
        version=_version(),
        summary="What was not on the manifest",
        description=_DESCRIPTION,
        lifespan=lifespan,
        dependencies=[Depends(known_parameters)],
        docs_url=None,
        redoc_url=None,
        # Generated clients name their functions after the operation ids.
        generate_unique_id_function=attrgetter("name"),
        # A redirect to the path with or without its slash would repeat the client's Host header.
        redirect_slashes=False,
        # Without OpenTelemetry, FastAPI would look for it in the environment on every request.
        telemetry=None if any(name.startswith("OTEL_") for name in os.environ) else _NO_TELEMETRY,
    )


@contextlib.asynccontextmanager
async def _opened(store: Store | None, durable: DurableHistory | None) -> AsyncIterator[None]:
    """Open the store and load the key of its history. Close the store at the end of the context."""
    if store is None:
        yield
        return
    await asyncio.to_thread(store.start)
    try:
        if durable is not None:
            await asyncio.to_thread(durable.open)
        yield
    finally:
        await asyncio.to_thread(store.close)


def _webhooks(store: Store | None, settings: Settings) -> contextlib.AbstractAsyncContextManager[None]:
    """Return a context manager during which messages are sent."""
    if store is None:
        return contextlib.nullcontext()
    from service.webhooks.sending import Deliverer

    return Deliverer(store.database, store.outbox, Sender(policy_of(settings))).working()


def _durable(store: Store, settings: Settings, host: ModelHost) -> DurableHistory | None:
    """Return the durable history. A service without a store does not load its modules."""
    from service.decisions.earlier import EarlierDecisions
    from service.history.durable import durable_history

    host.look_with(EarlierDecisions(store.database, lambda: store.waiting))
    return durable_history(store.database, lambda: store.waiting, settings, host)


def _filled(file: Path, settings: Settings, database: Database | None, model: RiskModel) -> History:
    """Return the model's history after an earlier manifest file. A store with a checkpoint has the past already.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    from features.groups.history.state import VERSION
    from features.readers import ColumnMapping
    from service.files.batch import replay_file
    from service.files.options import ScoreOptions

    if database is not None:
        from service.history import checkpoints

        with contextlib.suppress(DatabaseAway):
            if checkpoints.is_any(database, VERSION):
                logger().info("history_file_not_replayed", why="the store has a history already")
                return model.history
    started = time.monotonic()
    mapping = ColumnMapping.load(settings.history_mapping) if settings.history_mapping else None
    history = model.history.copy()
    replay_file(file, model, history, ScoreOptions(mapping=mapping, settings=settings.score_settings()))
    seconds = round(time.monotonic() - started, 1)
    logger().info("history_file_replayed", shipments=history.sequence - model.history.sequence, seconds=seconds)
    return history


def _host(
    settings: Settings,
    metrics: Metrics,
    office: tuple[CurrentLists, CurrentCapacity],
    changes: Changes | None,
    loaded: LoadedModel | None,
    database: Database | None,
) -> ModelHost:
    """Return the host of the model, which records each exchange of the model in the audit chain."""
    lists, capacity = office

    def prepare(served: ServedModel) -> None:
        capacity.prepare(served.model)
        warm_up(served, lists.settings)

    host = ModelHost(
        settings.store(),
        metrics,
        prepare,
        loaded,
        lambda served: _note_model(changes, served, lists.settings),
    )
    if settings.history_file is not None:
        host.begin_with(partial(_filled, settings.history_file, settings, database))
    return host


@contextlib.asynccontextmanager
async def _audited(changes: Changes | None, settings: Settings) -> AsyncIterator[None]:
    """Record the settings in the audit chain. During the context and at its end, write entries that wait for the database."""
    if changes is None:
        yield
        return
    from service.core.database.audit import digest_of_values

    values = settings.public_values()
    try:
        await asyncio.to_thread(changes.note, "settings", digest_of_values(values), values)
        if settings.keys_file is not None and settings.keys_file.exists():
            digest = hashlib.sha256(await asyncio.to_thread(settings.keys_file.read_bytes)).hexdigest()
            await asyncio.to_thread(changes.note, "keys_file", digest, {})
        async with repeated(changes.flush, _FLUSH_SECONDS, "changes"):
            yield
    finally:
        await asyncio.to_thread(changes.close)


def _note_model(changes: Changes | None, served: ServedModel, settings: ScoreSettings) -> None:
    """Record the model and the rules in service in the audit chain."""
    if changes is None:
        return
    model = served.model
    changes.note("model", model.digest, {"name": model.name, "version": model.version, "folder": served.folder.name})
    rules = model.rulebook(settings)
    changes.note("rules", rules.digest or "none", {"rules": len(rules.rules)})


def _record(settings: Settings) -> TrafficRecord | None:
    """Return the record of traffic; None if it is off."""
    if settings.record is None:
        return None
    return TrafficRecord(settings.record, max_bytes=settings.record_bytes, files=settings.record_files)


def _store_of(settings: Settings, metrics: Metrics) -> Store | None:
    if not settings.keeps_decisions:
        return None
    from service.decisions.store import Store

    return Store(
        settings.database_url.get_secret_value(),
        journal=settings.journal_dir,
        is_journaling=settings.database_away == "journal",
        metrics=metrics,
    )


def _changes_of(database: Database | None) -> Changes | None:
    if database is None:
        return None
    from service.core.database.audit import Changes

    return Changes(database)


@contextlib.asynccontextmanager
async def _warmed_up(starting: asyncio.Task[None]) -> AsyncIterator[None]:
    """Load the readers of chemical names and goods descriptions. Warm up OPSIN in the background once it runs."""
    # Not in parallel with the model, because both would load the same tables.
    await asyncio.to_thread(warm_up_chemistry, systematic=False)
    await asyncio.to_thread(warm_up_goods)
    warming = asyncio.create_task(_warm_up_names(starting), name="names")
    try:
        yield
    finally:
        await warming


async def _warm_up_names(starting: asyncio.Task[None]) -> None:
    """Resolve systematic names as soon as OPSIN runs."""
    await starting
    await asyncio.to_thread(warm_up_chemistry, systematic=True)


def _version() -> str:
    try:
        return version("tidewaiter")
    except PackageNotFoundError:
        # The project is a checkout without an installation.
        return "0"
