"""Options of requests that score, from their query strings, and the cache of parsed ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, Literal

from fastapi import Depends, Query, Request

from service.core.http.dependencies import AppSettings, provided
from service.scoring.answers import Explain, Options


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


async def file_options(
    settings: AppSettings,
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
    return Options(explain or settings.explain, update_history)


FileOptions = Annotated[Options, Depends(file_options)]


async def score_options(
    request: Request,
    options: FileOptions,
    cache: Annotated[QueryCache, provided(QueryCache)],
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
    cache.put(request.scope["query_string"], options)
    return options


ScoreOptions = Annotated[Options, Depends(score_options)]
