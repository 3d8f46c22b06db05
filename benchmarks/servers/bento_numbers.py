"""BentoML with precomputed features: ``bentoml serve benchmarks.servers.bento_numbers:Single``, or ``...:Batched``."""

from __future__ import annotations

import bentoml

from benchmarks.servers.work import Numbers


@bentoml.service(workers=1)
class Single:
    """One worker that answers requests one by one."""

    def __init__(self) -> None:
        self._work = Numbers()

    # On the event loop, which is faster than a thread.
    @bentoml.api(route="/score")  # type: ignore[untyped-decorator]
    async def score(self, values: list[float], /) -> dict[str, float]:
        return {"risk": self._work.of_matrix([values])[0]}


@bentoml.service(workers=1)
class Batched:
    """One worker that scores concurrent requests together."""

    def __init__(self) -> None:
        self._work = Numbers()

    # BentoML refuses requests that would wait longer than the latency limit; a refusal would not count as an answer here.
    @bentoml.api(route="/score", batchable=True, max_batch_size=32, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def score(self, rows: list[list[float]]) -> list[float]:
        return self._work.of_matrix(rows)
