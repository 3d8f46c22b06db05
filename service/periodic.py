"""Work that a service repeats in a thread while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def repeated(work: Callable[[], object], every: float, name: str) -> AsyncIterator[None]:
    """Call ``work`` in a thread every ``every`` seconds until the context ends, which waits for a call that runs.

    Args:
        work: must not raise. It may use resources that are closed after the context.
        name: of the task.
    """
    ending = asyncio.Event()

    async def watch() -> None:
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), every)
                return
            await asyncio.to_thread(work)

    task = asyncio.create_task(watch(), name=name)
    try:
        yield
    finally:
        ending.set()
        await task
