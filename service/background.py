"""What the service does in the background: checkpoints, the index of decisions, jobs, shadows, monitoring, and daily erasure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from service.core.periodic import repeated

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.history.durable import DurableHistory
    from service.jobs.child import InServiceWorker
    from service.monitoring.current import CurrentMonitoring


@contextlib.asynccontextmanager
async def in_background(
    durable: DurableHistory | None,
    worker: InServiceWorker | None,
    database: Database | None,
    settings: Settings,
    monitoring: CurrentMonitoring,
) -> AsyncIterator[None]:
    """During the context, save checkpoints of the history, index decisions, score jobs, make the reports of monitoring, and erase
    data past its retention time."""
    async with (
        contextlib.nullcontext() if durable is None else durable.running(),
        _retention(database, settings),
        _indexing(database),
        _shadowing(database, settings),
        monitoring.watching(),
        contextlib.nullcontext() if worker is None else worker.running(),
    ):
        yield


def _retention(database: Database | None, settings: Settings) -> contextlib.AbstractAsyncContextManager[None]:
    """Return a context manager during which personal data past its retention time is erased once a day."""
    if database is None or settings.retention_days is None:
        return contextlib.nullcontext()
    from service.erasure.everywhere import retaining

    return retaining(database, settings, settings.retention_days)


def _indexing(database: Database | None) -> contextlib.AbstractAsyncContextManager[None]:
    """Return a context manager during which new decisions enter the index of searches."""
    if database is None:
        return contextlib.nullcontext()
    from service.search.building import EVERY, IndexBuilder

    return repeated(IndexBuilder(database).advance, EVERY, "index")


@contextlib.asynccontextmanager
async def _shadowing(database: Database | None, settings: Settings) -> AsyncIterator[None]:
    """During the context, run the process of a shadow while there is one. Without the worker of jobs, it runs elsewhere."""
    if database is None or not settings.job_worker:
        yield
        return
    from service.backtests.process import EVERY, ShadowProcess

    process = ShadowProcess(database, settings)
    try:
        async with repeated(process.check, EVERY, "shadow"):
            yield
    finally:
        await asyncio.to_thread(process.close)
