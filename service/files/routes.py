"""``POST /v1/score/csv``: scoring of an uploaded CSV, whose rows are streamed back with their scores.

A worker thread scores the upload chunk by chunk, and each chunk is sent as soon as it is scored. An error after the first byte
closes the connection, so clients cannot mistake a partial response for a complete one.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from features.readers import TableReader, Unreadable, open_table
from features.readers.as_text import text_column
from features.texts.reading import ReadingBudget, reading_within
from models.scoring import AdvancingHistory
from service.core.errors import Busy, Unprocessable
from service.core.excel_safe import safe_cell, safe_table
from service.core.http.dependencies import AppBudgets, AppMetrics, AppSettings, add_log_fields, caller_of, provided
from service.core.http.openapi import Scope, needs, problems
from service.core.http.streams import ReleasingStream
from service.core.metrics import Metrics
from service.core.settings import Settings
from service.files.chunk_scorer import ChunkScorer, FileModel, ScoredChunk, scored_chunks
from service.files.delimited import cells_of, delimited, header_line
from service.files.layout import OutputLayout
from service.files.options import ScoreOptions
from service.files.upload import receive_file
from service.lists.current import CurrentLists
from service.scoring.answers import Options
from service.scoring.decision import DecisionStore
from service.scoring.model_host import ModelHost, ServedModel
from service.scoring.record import TrafficRecord
from service.scoring.recording import Receipt, keeper
from service.scoring.routes import FileOptions

if TYPE_CHECKING:
    from features.groups.history.history import HistoryRows
    from features.table.table import ManifestTable
    from models.scoring import AdvancingHistory, Scores

ERROR_COLUMN: Final = "error"
#: Bytes of withheld lines that are kept in memory, and bytes of a part of them.
_WITHHELD_BYTES: Final = 1 << 20
#: The response starts after the first chunk, so chunks are smaller than those of a file.
_ROWS_PER_CHUNK: Final = 5_000


def score_csv_stream(
    file: str | os.PathLike[str] | BinaryIO,
    model: FileModel,
    history: AdvancingHistory,
    options: ScoreOptions | None = None,
    *,
    name: str = "the uploaded file",
) -> Iterator[bytes]:
    """Score a CSV (gzipped or not) into parts of a CSV: the header first, then whole lines in the order of the input.

    An unreadable row remains in the output, with empty score columns and the reason in the last column, ``error``. The header of
    the upload is read before this function returns, so that the caller can still respond with an error.

    Args:
        history: advanced in place unless the options disable that.
        name: name of the file in error messages.

    Raises:
        Unreadable: the upload cannot be read. During iteration: the upload is incomplete, or no row of it can be scored.
        MappingError: the mapping does not fit the file.
    """
    options = options or ScoreOptions()
    reader = open_table(
        file, mapping=options.mapping, name=name, rows_per_chunk=options.rows_per_chunk or _ROWS_PER_CHUNK
    )
    scorer = ChunkScorer(model, history, replace(options, top=0), decimal=reader.decimal)
    return _parts(name, reader, scorer, excel_safe=options.excel_safe)


def _parts(name: str, reader: TableReader, scorer: ChunkScorer, *, excel_safe: bool) -> Iterator[bytes]:
    layout = OutputLayout(reader.names, scorer.columns, drop=(ERROR_COLUMN,))
    with reader, tempfile.SpooledTemporaryFile(max_size=_WITHHELD_BYTES) as withheld:
        names = (*layout.names, ERROR_COLUMN)
        yield header_line([*map(safe_cell, names)] if excel_safe else names)
        anything = False
        reason = ""
        with scored_chunks(reader, scorer) as chunks:
            for scored in chunks:
                lines = _lines(reader, layout, scored, excel_safe=excel_safe)
                if anything:
                    yield lines
                    continue
                # Withhold lines until a row is scored, so that the caller can still respond with an error if no row can be scored.
                withheld.write(lines)
                reason = reason or _first_reason(scored)
                if scored.chunk.n_rows > len(scored.refused):
                    anything = True
                    withheld.seek(0)
                    yield from iter(partial(withheld.read, _WITHHELD_BYTES), b"")
        if reason and not anything:
            raise Unreadable(name, f"No row can be scored. The first reason is: {reason}.", "Correct the rows.")


def _first_reason(scored: ScoredChunk) -> str:
    """Return line and reason of the first unreadable row of a chunk; an empty text if all rows are readable."""
    reasons = {int(scored.chunk.lines[row]): reason for row, reason in scored.refused.items()}
    reasons |= {reject.line: reject.reason for reject in scored.chunk.rejected}
    if not reasons:
        return ""
    line = min(reasons)
    return f"line {line}: {reasons[line]}"


def _lines(reader: TableReader, layout: OutputLayout, scored: ScoredChunk, *, excel_safe: bool) -> bytes:
    """Return the CSV lines of a chunk, including unreadable rows, in the order of the input."""
    chunk = scored.chunk
    table = layout.all_rows(scored)
    errors = np.full(chunk.n_rows, None, dtype=object)
    for row, reason in scored.refused.items():
        errors[row] = f"line {int(chunk.lines[row])}: {reason}"
    columns = [text_column(column) for column in table.columns]
    table = pa.table([*columns, pa.array(errors, pa.string())], names=[*table.column_names, ERROR_COLUMN])
    if excel_safe:
        table = safe_table(table)
    start = 0
    parts: list[bytes] = []
    for reject in chunk.rejected:
        parts.append(delimited(table.slice(start, reject.position - start)))
        start = reject.position
        cells = layout.copied_cells(cells_of(reject.row, reader.delimiter or ",", len(reader.names)))
        cells = [*map(safe_cell, cells)] if excel_safe else cells
        blanks = [""] * len(scored.columns)
        parts.append(header_line([*cells, *blanks, f"line {reject.line}: {reject.reason}"]))
    parts.append(delimited(table.slice(start)))
    return b"".join(parts)


router = APIRouter(prefix="/v1", tags=["scoring"])

_PLACES: Final = "csv_places"
#: Limit on concurrent CSV requests.
CsvPlaces = Annotated[CapacityLimiter, provided(_PLACES)]

#: ``Retry-After`` in seconds for clients that exceed the limit: about the time to score 100,000 rows.
_RETRY_AFTER: Final = 10
#: Name of the upload in error messages.
_UPLOAD: Final = "the uploaded file"

#: Without `text/csv` and gzip, which generators of clients cannot read.
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
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


@dataclass(frozen=True, slots=True)
class CsvModel:
    """Parts that score a CSV: the model in service, and the receivers of its shipments and decisions.

    Attributes:
        record: record of shipments that advance the history; None if it is off.
        store: store of decisions; None if it is off.
    """

    host: ModelHost
    metrics: Metrics
    settings: Settings
    lists: CurrentLists
    record: TrafficRecord | None
    store: DecisionStore | None

    def start(
        self, file: BinaryIO, served: ServedModel, options: Options, caller: str | None
    ) -> tuple[Iterator[bytes], bytes]:
        """Score the file up to its first readable row, before the response starts, so that an error becomes an error response.

        The decisions of each chunk are committed before its lines are sent.

        Returns:
            The remaining parts, and the header with the first part.

        Raises:
            Unreadable: the file cannot be read, or none of its rows can be scored.
        """
        # Later chunks need earlier ones as history. Without an update of the service's history, advance a copy.
        history: AdvancingHistory = served.history if options.update_history else served.history.copy()
        lines = score_csv_stream(
            file,
            _CountingModel(
                served.model,
                self.metrics,
                self.settings.reading_seconds,
                self.record if options.update_history else None,
            ),
            history,
            ScoreOptions(
                explain=options.explain,
                settings=self.lists.settings,
                rows_per_chunk=self.settings.csv_rows_per_chunk,
                excel_safe=self.settings.excel_safe,
                keep=None
                if self.store is None
                else keeper(
                    self.store, served.features_digest, Receipt("csv", caller), what_if=not options.update_history
                ),
            ),
            name=_UPLOAD,
        )
        header = next(lines)
        return lines, header + next(lines, b"")


async def _csv_model(
    host: Annotated[ModelHost, provided(ModelHost)],
    metrics: AppMetrics,
    settings: AppSettings,
    lists: Annotated[CurrentLists, provided(CurrentLists)],
    record: Annotated[TrafficRecord | None, provided(TrafficRecord)],
    store: Annotated[Any, provided(DecisionStore)],
) -> CsvModel:
    return CsvModel(host, metrics, settings, lists, record, store)


@router.post(
    "/score/csv",
    summary="Score a CSV",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The rows in their original order, with their own columns, the score columns and `error`",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        **problems(413, 415, 422, 500, 503),
    },
    openapi_extra=_BODY,
)
@needs(Scope.SCORE)
async def score_csv(
    request: Request,
    options: FileOptions,
    settings: AppSettings,
    budgets: AppBudgets,
    places: CsvPlaces,
    model: Annotated[CsvModel, Depends(_csv_model)],
) -> StreamingResponse:
    """Score a CSV whose rows are goods items; rows of one `shipment_id` must be adjacent. The file may also be the body itself, as
    `text/csv` or `application/gzip`. A row that cannot be read keeps its place, with an empty risk and the reason in `error`.
    `GET /v1/schema` lists the columns. The service recognises spellings of column names, and detects delimiter, encoding and
    decimal comma.
    """
    served = model.host.served
    if places.available_tokens < 1:
        raise _all_taken(places)
    with contextlib.ExitStack() as stack:
        hold = stack.enter_context(budgets.uploads.hold())
        file = await receive_file(request, settings.max_csv_bytes, settings.upload_dir, hold)
        stack.callback(file.close)
        # Take a slot only now, so that other files are scored while the client sends this one.
        stack.enter_context(await _slot(places))
        try:
            lines, first = await to_thread.run_sync(model.start, file, served, options, caller_of(request))
        except Unreadable as error:
            raise Unprocessable(str(error)) from None
        add_log_fields(request, model=served.model.digest[:12])
        # `close` raises while a worker thread runs the generator. Closing the file then ends that thread.
        stack.enter_context(contextlib.suppress(ValueError))
        stack.callback(lines.close)  # type: ignore[attr-defined]
        return ReleasingStream(
            first,
            lines,
            stack.pop_all().close,
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="scores.csv"'},
        )


async def _slot(places: CapacityLimiter) -> contextlib.AbstractContextManager[None]:
    """Wait for a slot for concurrent CSV requests. Return a context manager that releases it.

    Raises:
        Busy: no slot became free in time.
    """
    holder = object()
    with move_on_after(_RETRY_AFTER):
        await places.acquire_on_behalf_of(holder)
        return _released(places, holder)
    raise _all_taken(places)


@contextlib.contextmanager
def _released(limiter: CapacityLimiter, holder: object) -> Iterator[None]:
    try:
        yield
    finally:
        limiter.release_on_behalf_of(holder)


def _all_taken(places: CapacityLimiter) -> Busy:
    detail = f"The service is already scoring {places.total_tokens} files; try again in {_RETRY_AFTER} seconds."
    return Busy(detail, retry_after=_RETRY_AFTER)


class _CountingModel:
    """Model that counts its scores in the metrics, records the shipments if ``record`` is set, and limits reading per chunk."""

    def __init__(
        self, model: FileModel, metrics: Metrics, reading_seconds: float, record: TrafficRecord | None
    ) -> None:
        self._model = model
        self._reading_seconds = reading_seconds
        self._metrics = metrics
        self._record = record
        self.heads, self.space = model.heads, model.space

    def score_rows(self, table: ManifestTable, rows: HistoryRows, **options: Any) -> Scores:
        with reading_within(ReadingBudget(self._reading_seconds)):
            scores = self._model.score_rows(table, rows, **options)
        self._metrics.scored(scores)
        if self._record is not None:
            self._record.add(table)
        return scores


def parts(settings: Settings) -> dict[str, object]:
    """Return the limit on concurrent CSV requests."""
    return {_PLACES: CapacityLimiter(settings.max_csv_requests)}
