"""Output of a world to a CSV or Parquet file, and of its ground truth to a separate file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.manifest.fields import FIELDS
from training.worlds.own.chunks import WorldChunk
from training.worlds.own.world import TRUTH, generate

_ROW_NAMES: Final = tuple(field.name for field in FIELDS)
Columns = dict[str, NDArray[np.object_]]


class _Writer(Protocol):
    def write(self, columns: Columns) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Part:
    """Output file under a temporary name. It gets its final name when it is complete."""

    def __init__(self, path: Path) -> None:
        self.path, self.part = path, path.with_name(path.name + ".part")

    def close(self, *, complete: bool) -> None:
        if complete:
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)


class _Csv:
    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self._names, self._part = names, _Part(path)

    def __enter__(self) -> Self:
        self._file = self._part.part.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(self._names)
        return self

    def write(self, columns: Columns) -> None:
        self._rows.writerows(zip(*(columns[name].tolist() for name in self._names), strict=True))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.close(complete=kind is None)


class _Parquet:
    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self._names, self._part = names, _Part(path)
        self._schema = pa.schema([(name, pa.string()) for name in names])

    def __enter__(self) -> Self:
        self._writer: Any = pq.ParquetWriter(self._part.part, self._schema, compression="zstd")
        return self

    def write(self, columns: Columns) -> None:
        arrays = [pa.array(columns[name], type=pa.string(), mask=columns[name] == "") for name in self._names]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        self._part.close(complete=kind is None)


def _writer(path: Path, names: tuple[str, ...]) -> _Writer:
    extension = path.suffix.lower()
    if extension == ".csv":
        return _Csv(path, names)
    if extension in (".parquet", ".pq"):
        return _Parquet(path, names)
    raise ValueError(f"{path}: got the extension {extension!r}, but expected .csv, .parquet or .pq")


def write(
    path: str | Path,
    truth_path: str | Path | None,
    rows: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[WorldChunk], None] | None = None,
    *,
    draws: int = 1,
    calendar: tuple[date | None, date | None] = (None, None),
) -> int:
    """Write ``rows`` goods items of the world of ``seed`` to ``path``, and their true content to ``truth_path``.

    The extension selects the format: ``.csv`` or ``.parquet``. Missing values are blank in CSV and null in Parquet. ``progress``
    is called with the number of rows written so far, and ``watch`` with each chunk of the world. Files have temporary names until
    they are complete. ``draws`` is the number of worlds (see `generate`). ``calendar``, the first and the last day, replaces that
    of the priors. Returns the number of rows.

    Raises:
        ValueError: the extension is unknown, both paths are equal, rows < 1, seed < 0, or the calendar is empty or begins
            before 2017.
    """
    path = Path(path)
    with ExitStack() as stack:
        chunks = generate(rows, seed, draws=draws, first_day=calendar[0], last_day=calendar[1])
        office = _writer(path, _ROW_NAMES)
        truth = _writer(Path(truth_path), TRUTH) if truth_path is not None else None
        if truth_path is not None and Path(truth_path).resolve() == path.resolve():
            raise ValueError(f"{path}: the truth needs a separate file")
        stack.enter_context(office)
        if truth is not None:
            stack.enter_context(truth)
        done = 0
        for chunk in chunks:
            office.write(chunk.office)
            if truth is not None:
                truth.write(chunk.truth)
            done += chunk.n_rows
            if watch is not None:
                watch(chunk)
            if progress is not None:
                progress(done)
    return done
