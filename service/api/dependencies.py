"""What endpoints share: the state of the application and the options of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, cast

from anyio import CapacityLimiter
from fastapi import Depends, Query, Request, Response
from pydantic_core import to_json

from models.scoring.settings import ScoreSettings
from service.metrics import Metrics
from service.scoring.answers import Explain, Options
from service.scoring.model_host import ModelHost
from service.scoring.scorer import Scorer
from service.settings import Settings


class Slots:
    """Places for requests that run long; only used on the event loop, so counting needs no lock."""

    def __init__(self, places: int) -> None:
        self._free = places

    def take(self) -> bool:
        """Whether there was a free place, which is now taken."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        self._free += 1


class KnownQueries:
    """The options that FastAPI made of query strings, under their bytes: most requests ask as the ones before did.

    Only what was read without an error is kept, so that errors are always FastAPI's own.
    """

    #: More different ones than this, or longer ones, are no habit of a client's but noise.
    _MOST: Final = 256
    _LONGEST: Final = 256

    def __init__(self) -> None:
        self._options: dict[bytes, Options] = {}

    def get(self, query: bytes) -> Options | None:
        return self._options.get(query)

    def keep(self, query: bytes, options: Options) -> None:
        if len(query) > self._LONGEST:
            return
        if len(self._options) >= self._MOST:
            self._options.clear()
        self._options[query] = options


@dataclass(frozen=True, slots=True)
class State:
    """What an application holds for as long as it lives.

    ``lookups`` counts the threads that look chemicals up; ``known_queries`` are those of requests that score shipments.
    """

    settings: Settings
    score_settings: ScoreSettings
    host: ModelHost
    metrics: Metrics
    scorer: Scorer
    csv_slots: Slots
    lookups: CapacityLimiter
    known_queries: KnownQueries = field(default_factory=KnownQueries)


def state_of(request: Request) -> State:
    """The state of the application that answers."""
    return cast("State", request.app.state.service)


async def file_options(
    request: Request,
    explain: Annotated[
        Explain | None,
        Query(description="Whose reasons are told: none, shown (red and yellow), all. Default: the service's setting"),
    ] = None,
    update_history: Annotated[
        bool, Query(description="false: leave the service's history as it is, for what-if questions")
    ] = True,
) -> Options:
    """The options of a request that scores a file, from its query."""
    return Options(explain or state_of(request).settings.explain, update_history)


FileOptions = Annotated[Options, Depends(file_options)]


async def score_options(
    request: Request,
    options: FileOptions,
    actions: Annotated[
        Literal["acas"] | None, Query(description="acas: add the ACAS style referral of the lane")
    ] = None,
) -> Options:
    """The options of a request that scores shipments, from its query."""
    options = replace(options, actions=actions)
    state_of(request).known_queries.keep(request.scope["query_string"], options)
    return options


ScoreOptions = Annotated[Options, Depends(score_options)]


def note(request: Request, **values: object) -> None:
    """Add values to the request's line in the log."""
    request.scope["state"]["noted"].update(values)


class JsonBytes(Response):
    """Plain values as JSON, written by pydantic's serialiser (a fraction of the time of the standard library's), or bytes that it
    has written."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else to_json(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        if headers is not None:
            super().init_headers(headers)
            return
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), (b"content-type", b"application/json")]
