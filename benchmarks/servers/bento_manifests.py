"""BentoML with manifests as JSON: ``bentoml serve benchmarks.servers.bento_manifests:Single``, or ``...:Batched``."""

from __future__ import annotations

from typing import Any

import bentoml

from benchmarks.servers.work import Manifests


@bentoml.service(workers=1)
class Single:
    """One worker that answers requests one by one."""

    def __init__(self) -> None:
        self._work = Manifests()

    # On the event loop, which is faster than a thread.
    @bentoml.api(route="/score")  # type: ignore[untyped-decorator]
    async def score(self, shipment: dict[str, Any], /) -> dict[str, float]:
        return {"risk": self._work.of_records([shipment])[0]}


@bentoml.service(workers=1)
class Batched:
    """One worker that scores concurrent requests together."""

    def __init__(self) -> None:
        self._work = Manifests()

    # BentoML refuses requests that would wait longer than the latency limit; a refusal would not count as an answer here.
    @bentoml.api(route="/score", batchable=True, max_batch_size=32, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def score(self, shipments: list[dict[str, Any]]) -> list[float]:
        return self._work.of_records(shipments)
