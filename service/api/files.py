"""``POST /v1/score/csv``: a CSV comes in, a scored CSV streams out.

The upload waits in a nameless temporary file, is scored chunk by chunk in a worker thread, and each chunk is sent as
it is done. If something fails after the first byte was sent, the connection breaks: a client never takes half an
answer for whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from features.readers import Unreadable
from service.api.dependencies import FileOptions, State, note, state_of
from service.api.openapi import problems
from service.api.upload import receive_file
from service.errors import Busy, Unprocessable
from service.files.batch import score_csv_stream
from service.scoring.answers import Options
from service.scoring.model_host import Served

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from features.groups.history.history import History
    from models.scoring.risk_model import RiskModel
    from models.scoring.scores import Scores
    from service.metrics import Metrics

router = APIRouter(prefix="/v1", tags=["scoring"])

#: What a client that finds all places taken is told to wait, in seconds; a file of 100,000 rows takes about as long.
_RETRY_AFTER: Final = 10
_UPLOAD: Final = "the uploaded file"

_EXAMPLE_CSV: Final = (
    "shipment_id,channel,declared_at,consignor_country,consignee_country,goods_description,hs_code,net_mass_kg,customs_value,"
    "currency\nHB-2026-000184,express,2026-05-04T09:30:00Z,CN,US,silicone phone case,392690,1.1,24.9,USD\n"
)
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "minLength": 1}, "example": _EXAMPLE_CSV},
            "application/gzip": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary", "description": "CSV, also gzipped"}},
                }
            },
        },
    }
}


@router.post(
    "/score/csv",
    summary="Score a CSV",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The rows in their order with their own columns, then the score columns, then `error`",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problems(413, 415, 422, 500, 503),
    },
    openapi_extra=_BODY,
)
async def score_csv(request: Request, options: FileOptions) -> StreamingResponse:
    """Rows are goods items; rows of one `shipment_id` are adjacent. A row that cannot be read stays in its place with
    an empty risk and the reason in `error`. `GET /v1/schema` lists the columns; header spelling, delimiter, encoding
    and decimal comma are found out.
    """
    state = state_of(request)
    served = state.host.served
    if not state.csv_slots.take():
        raise Busy(
            f"{state.settings.max_csv_requests} files are being scored already; try again in {_RETRY_AFTER} seconds.",
            retry_after=_RETRY_AFTER,
        )
    file: BinaryIO | None = None
    try:
        file = await receive_file(request, state.settings.max_csv_bytes, state.settings.upload_dir)
        lines, first = await to_thread.run_sync(_start, file, served, options, state)
    except BaseException as error:
        _release(state, file)
        if isinstance(error, Unreadable):
            raise Unprocessable(str(error)) from None
        raise
    note(request, model=served.model.digest[:12])
    return _Scored(first, lines, lambda: _release(state, file, lines))


def _start(file: BinaryIO, served: Served, options: Options, state: State) -> tuple[Iterator[bytes], bytes]:
    """The lines still to come, and the header with the first rows: what fails until then is answered as an error."""
    history = served.history if options.update_history else served.history.copy()
    lines = score_csv_stream(
        file,
        cast("RiskModel", _Counted(served.model, state.metrics)),
        # Without an update the copy is advanced and thrown away: later chunks see earlier ones either way.
        cast("History", history),
        explain=options.explain,
        settings=state.score_settings,
        name=_UPLOAD,
        rows_per_chunk=state.settings.csv_rows_per_chunk,
    )
    header = next(lines)
    return lines, header + next(lines, b"")


class _Scored(StreamingResponse):
    """Streams lines made in a thread, and lets go of what they are made from however the request ends."""

    def __init__(self, first: bytes, lines: Iterator[bytes], release: Any) -> None:
        super().__init__(
            self._parts(first, lines),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="scores.csv"'},
        )
        self._release = release

    async def _parts(self, first: bytes, lines: Iterator[bytes]) -> AsyncIterator[bytes]:
        part: bytes | None = first
        while part is not None:
            if part:
                yield part
            part = await to_thread.run_sync(next, lines, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


class _Counted:
    """A model whose scores are counted; what scoring files needs of a `RiskModel`."""

    def __init__(self, model: RiskModel, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics
        self.heads, self.space = model.heads, model.space

    def score_rows(self, *args: Any, **options: Any) -> Scores:
        scores = self._model.score_rows(*args, **options)
        self._metrics.scored(scores)
        return scores


def _release(state: State, file: BinaryIO | None, lines: Iterator[bytes] | None = None) -> None:
    state.csv_slots.give_back()
    if lines is not None:
        # A worker thread that is still in the middle of a chunk ends by itself when the file is closed under it.
        with contextlib.suppress(ValueError):
            lines.close()  # type: ignore[attr-defined]
    if file is not None:
        file.close()
