"""The application, put together in one place."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from anyio import CapacityLimiter
from fastapi import FastAPI

from features.compiled import slowness
from models.bundle.store import ModelStore
from service.api import files, info, scoring, substances
from service.api.dependencies import Slots, State
from service.api.direct import Direct
from service.api.docs import install_docs
from service.api.openapi import install_openapi
from service.errors import install_handlers
from service.logs import logger
from service.memory import settled
from service.metrics import Metrics
from service.middleware import Observed
from service.rehearsal import first_request, rehearse
from service.scoring.model_host import Loaded, ModelHost
from service.scoring.scorer import Scorer
from service.scoring.warm_up import warm_up
from service.settings import Settings
from service.substances import chemistry
from service.substances.warm_up import warm_up as warm_up_chemistry

#: Chemicals looked up at a time. The work holds the interpreter, so more threads would not answer more of them.
_LOOKUPS = 2
#: A systematic name takes milliseconds where the program that reads them runs. Nobody waits for it to come up.
_SECONDS_FOR_NAMES = 0.5

_DESCRIPTION = """\
Scores shipments for likely fentanyl, fentanyl-analogue, precursor and press-equipment content from the manifest
alone, and says why.

**A person decides.** The service ranks and explains; lanes are recommendations. Whatever is wrong with a field is
answered as a warning and scored; a record is refused only if it cannot be read at all. Every error is an RFC 9457
problem.
"""


def create_app(settings: Settings | None = None, loaded: Loaded | None = None) -> FastAPI:
    """The ASGI application for ``settings``, by default those of the environment.

    It loads, verifies and warms its model when it starts, and answers 503 for scores until then. ``loaded`` spares it to
    load what was loaded already.
    """
    settings = Settings() if settings is None else settings
    score_settings = settings.score_settings()
    metrics = Metrics()

    store = ModelStore(settings.models_dir, kernels=settings.kernels)
    host = ModelHost(store, metrics, lambda served: warm_up(served, score_settings), loaded)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Nothing that starting makes is garbage.
        gc.disable()
        if slow := slowness():
            logger().warning("modules_uncompiled", problem=slow)
        chemistry.set_up(settings)
        # A Java program comes up while the model is loaded, and nothing waits for it.
        starting = asyncio.create_task(asyncio.to_thread(chemistry.start), name="opsin")
        try:
            async with host.watching(settings.pointer_poll_seconds):
                # Not before: both would load the same tables at the same time, each for itself. And not beside requests: it would
                # take the interpreter from them.
                await asyncio.to_thread(warm_up_chemistry, systematic=False)
                naming = asyncio.create_task(
                    _after(starting, partial(warm_up_chemistry, systematic=True)), name="names"
                )
                try:
                    if starting.done():
                        await asyncio.wait([naming], timeout=_SECONDS_FOR_NAMES)
                    await first_request(app)
                    if host.ready:
                        await _rehearsed(state)
                    with settled():
                        gc.enable()
                        yield
                finally:
                    await naming
        finally:
            gc.enable()

    app = FastAPI(
        title="Tidewaiter",
        version=_version(),
        summary="What was not on the manifest",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    state = app.state.service = State(
        settings,
        score_settings,
        host,
        metrics,
        Scorer(host, metrics, score_settings, max_items=settings.max_items),
        Slots(settings.max_csv_requests),
        CapacityLimiter(_LOOKUPS),
    )
    install_handlers(app)
    app.add_middleware(Direct, endpoints=scoring.ENDPOINTS, known=state.known_queries)
    app.add_middleware(Observed, metrics=metrics)
    app.include_router(scoring.router)
    app.include_router(files.router)
    app.include_router(substances.router)
    app.include_router(info.router)
    install_docs(app)
    install_openapi(app)
    return app


async def _after(earlier: asyncio.Task[None], work: Callable[[], None]) -> None:
    """Do some work in a thread once a task is done."""
    await earlier
    await asyncio.to_thread(work)


async def _rehearsed(state: State) -> None:
    try:
        await rehearse(state)
    except Exception as error:
        # Requests are slower for a while, and that is all.
        logger().error("rehearsal_failed", exc_info=error)


def _version() -> str:
    try:
        return version("tidewaiter")
    except PackageNotFoundError:
        # Run from a checkout that was never installed.
        return "0"
