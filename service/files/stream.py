"""Scoring of an uploaded CSV, with the result as a stream of CSV parts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa

from features.readers import TableReader, Unreadable, open_table
from features.readers.as_text import text_column
from models.scoring import AdvancingHistory
from service.core.excel_safe import safe_cell, safe_table
from service.files.chunk_scorer import ChunkScorer, FileModel, ScoredChunk, scored_chunks
from service.files.csv_lines import cells_of, delimited, header_line
from service.files.layout import OutputLayout
from service.files.options import ScoreOptions

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
