"""What all ways of scoring a file share: options, and stages that run ahead of their consumer, each in its own thread.

Arrow, NumPy and compiled modules release the global interpreter lock, so the stages overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from features.groups.history.history import HistoryRows
from features.readers import ColumnMapping
from models.scoring import Explain, Scores, ScoreSettings

#: Callback after each chunk. Arguments: bytes read so far, size of the input in bytes (0 if unknown), and rows read so far.
Progress = Callable[[int, int, int], None]

#: Callback with the scores of each chunk, their history values, and the seconds of scoring. It returns when the decisions are
#: stored. The chunk is written after that.
Keep = Callable[[Scores, HistoryRows, float], None]


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Options for reading, scoring and explaining a file.

    Attributes:
        mapping: mapping that renames and converts input columns.
        explain: shipments that get reasons: none, shown (red and yellow lane) or all.
        settings: score settings; default: those of the model.
        threads: number of LightGBM threads.
        rows_per_chunk: number of rows per chunk; the default depends on whether the output is a file or a stream.
        top: number of riskiest shipments in the report.
        excel_safe: whether cells that spreadsheets would evaluate as formulas get an apostrophe, in CSV and TSV.
        update_history: whether scored shipments advance the history.
        history_file: earlier manifest file, which is replayed before the first row.
        in_time_order: whether history advances in order of ``declared_at`` instead of the order of the file.
        keep: is called with the scores of each chunk in the order of the file, before the chunk is written.
    """

    mapping: ColumnMapping | None = None
    explain: Explain = "shown"
    settings: ScoreSettings | None = None
    threads: int = 1
    rows_per_chunk: int | None = None
    top: int = 10
    update_history: bool = True
    excel_safe: bool = False
    history_file: Path | None = None
    in_time_order: bool = False
    keep: Keep | None = None


A = TypeVar("A")
B = TypeVar("B")

#: Prefix of thread names.
THREAD_NAME: Final = "tidewaiter-stage"


@contextmanager
def map_ahead(work: Callable[[A], B], source: Iterable[A]) -> Iterator[Iterator[B]]:
    """Yield ``map(work, source)``, computed one item ahead of the consumer.

    Results have the order of the source. An error of the source or of ``work`` is raised instead of the result. Leaving the
    context waits for the current item and ends the thread. Stages can be chained; leave them in reverse order.
    """
    items = iter(source)

    def next_result() -> list[B]:
        """Return the next result in a list, or an empty list at the end of the source."""
        for item in items:
            return [work(item)]
        return []

    def results() -> Iterator[B]:
        future = pool.submit(next_result)
        while result := future.result():
            future = pool.submit(next_result)
            # Pop the result, because a reference here would keep the chunk in memory until the next one is ready.
            yield result.pop()

    with ThreadPoolExecutor(1, thread_name_prefix=THREAD_NAME) as pool:
        yield results()
