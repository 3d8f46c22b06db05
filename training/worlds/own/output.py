"""Output of a world to a CSV or Parquet file, and of its ground truth to a separate file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.manifest.fields import FIELDS
from training.arrays import Texts
from training.worlds.own.world import TRUTH, generate

_ROW_NAMES: Final = tuple(field.name for field in FIELDS)
Columns = dict[str, Texts]


@contextmanager
def _writer(path: Path, names: tuple[str, ...]) -> Iterator[Callable[[Columns], None]]:
    """Yield a function that writes columns to a CSV or Parquet file. The file has a temporary name until it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        with ExitStack() as stack:
            if path.suffix.lower() == ".csv":
                rows = csv.writer(
                    stack.enter_context(part.open("w", encoding="utf-8", newline="")), lineterminator="\n"
                )
                rows.writerow(names)
                yield lambda columns: rows.writerows(zip(*(columns[name].tolist() for name in names), strict=True))
            else:
                schema = pa.schema([(name, pa.string()) for name in names])
                table: Any = stack.enter_context(pq.ParquetWriter(part, schema, compression="zstd"))
                yield lambda columns: table.write_table(
                    pa.table({name: pa.array(columns[name], pa.string(), mask=columns[name] == "") for name in names})
                )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(
    path: str | Path,
    truth_path: str | Path | None,
    rows: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    *,
    draws: int = 1,
    calendar: tuple[date | None, date | None] = (None, None),
) -> int:
    """Write ``rows`` goods items of the world of ``seed`` to ``path``, and their true content to ``truth_path``.

    The extension selects the format: ``.csv`` or ``.parquet``. Missing values are blank in CSV and null in Parquet. ``progress``
    is called with the number of rows written so far. Files have temporary names until they are complete. ``draws`` is the number
    of worlds (see `generate`). ``calendar``, the first and the last day, replaces that of the priors. Returns the number of rows.

    Raises:
        ValueError: the extension is unknown, both paths are equal, rows < 1, seed < 0, or the calendar is empty or begins
            before 2017.
    """
    path, truth_path = Path(path), None if truth_path is None else Path(truth_path)
    for one in (path, truth_path):
        if one is not None and one.suffix.lower() not in (".csv", ".parquet", ".pq"):
            raise ValueError(f"{one}: got the extension {one.suffix.lower()!r}, but expected .csv, .parquet or .pq")
    if truth_path is not None and truth_path.resolve() == path.resolve():
        raise ValueError(f"{path}: the truth needs a separate file")
    done = 0
    with ExitStack() as stack:
        chunks = generate(rows, seed, draws=draws, first_day=calendar[0], last_day=calendar[1])
        office = stack.enter_context(_writer(path, _ROW_NAMES))
        truth = None if truth_path is None else stack.enter_context(_writer(truth_path, TRUTH))
        for chunk in chunks:
            office(chunk.office)
            if truth is not None:
                truth(chunk.truth)
            done += chunk.n_rows
            if progress is not None:
                progress(done)
    return done
