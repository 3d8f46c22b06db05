"""Periodic calls in a worker thread while a service runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def repeated(
    work: Callable[[], object], every: float, name: str, *, at_once: bool = False
) -> AsyncIterator[None]:
    """Call ``work`` repeatedly in a thread until the context ends. Leaving the context waits for a running call.

    Args:
        work: the function to call. It must not raise. It may use resources that are closed after the context.
        every: seconds from the end of a call to the next one.
        name: name of the asyncio task.
        at_once: whether the first call comes immediately instead of after ``every`` seconds.
    """
    ending = asyncio.Event()

    async def repeat() -> None:
        if at_once:
            await asyncio.to_thread(work)
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), every)
                return
            await asyncio.to_thread(work)

    task = asyncio.create_task(repeat(), name=name)
    try:
        yield
    finally:
        ending.set()
        await task
