"""Options of scoring one file or upload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from features.readers import ColumnMapping
from models.scoring import Explain, ScoreSettings

#: Called after each chunk with the bytes of the input read so far, its size in bytes (0: unknown) and the rows read so far.
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """How to read, score and explain a file.

    Attributes:
        mapping: renames and converts the columns of the input.
        explain: which shipments get reasons: none, the shown ones (red and yellow lane) or all.
        settings: settings of the score; by default those of the model.
        threads: threads of LightGBM.
        rows_per_chunk: rows per chunk; by default a number that suits a file or a stream.
        top: number of riskiest shipments in the report.
        update_history: advance the history with the scored shipments.
    """

    mapping: ColumnMapping | None = None
    explain: Explain = "shown"
    settings: ScoreSettings | None = None
    threads: int = 1
    rows_per_chunk: int | None = None
    top: int = 10
    update_history: bool = True
