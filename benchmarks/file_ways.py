"""Ways to score a file, each in its own process: ``python -m benchmarks.file_ways WAY SOURCE TARGET EXPLAINED``.

``ours`` is `service.files.batch.score_file` as ``tidewaiter score`` calls it. ``floor`` is the minimal work: parse the
file, predict precomputed features with all heads, and compute contributions for as many rows as are explained, with the
model's own predictor. ``lightgbm`` is the same with LightGBM's predictor. ``plain`` is a straightforward script: pandas,
the library's features of the whole frame, LightGBM head by head, ``to_csv``. The model is loaded before the clock starts.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import MANIFEST_NAMES
from features.readers import open_table
from features.table.table import Coded, ManifestTable
from models.bundle import champion_dir, load
from models.lanes import GREEN
from models.scoring import RiskModel
from service.core.memory import keep_memory_small

Floats = NDArray[np.float64]
#: Number of precomputed feature rows. The minimal work predicts them repeatedly.
_PRECOMPUTED_ROWS: Final = 20_000
_EXPLAINED_AT_A_TIME: Final = 4_096
_REASONS: Final = 3


def threads() -> int:
    """Return the number of threads that ``tidewaiter score`` uses."""
    return min(8, os.cpu_count() or 1)


def ours(model: RiskModel, source: Path, target: Path, explained: int) -> dict[str, float]:
    """Score the file. The result includes ``explained``: shipments with reasons; none if the argument is 0."""
    from service.core.memory import long_lived_objects
    from service.files.batch import score_file
    from service.files.options import ScoreOptions

    began = time.perf_counter()
    with long_lived_objects():
        report = score_file(
            source,
            target,
            model,
            ScoreOptions(explain="shown" if explained else "none", threads=threads()),
            history=model.history,
        )
    seconds = time.perf_counter() - began
    if report.rows_in != report.rows_out + report.rows_rejected:
        raise RuntimeError(f"{report.rows_in} rows in, {report.rows_out} out, {report.rows_rejected} rejected")
    return {
        "seconds": seconds,
        "rows": report.rows_in,
        "explained": sum(count for lane, count in report.by_lane.items() if lane != "green") if explained else 0,
    }


def floor(model: RiskModel, source: Path, target: Path, explained: int) -> dict[str, float]:
    """Measure the minimal work with the model's predictor; nothing is written."""
    return _floor(model, source, explained, model.predict_raw, model.explain_rows)


def lightgbm(model: RiskModel, source: Path, target: Path, explained: int) -> dict[str, float]:
    """Measure the minimal work with LightGBM's predictor; nothing is written."""

    def predict(rows: Floats, used: int) -> None:
        for booster in dict.fromkeys(model.boosters.values()):
            booster.predict(rows, raw_score=True, num_threads=used)

    def explain(rows: Floats, head: str) -> None:
        model.boosters[head].predict(rows, pred_contrib=True, num_threads=threads())

    return _floor(model, source, explained, predict, explain)


def _floor(
    model: RiskModel,
    source: Path,
    explained: int,
    predict: Callable[[Floats, int], object],
    explain: Callable[[Floats, str], object],
) -> dict[str, float]:
    features = precomputed_features(model, source)
    began = time.perf_counter()
    rows = 0
    for count in parsed(source):
        rows += count
        for start in range(0, count, len(features)):
            predict(features[: min(len(features), count - start)], threads())
    per_head = [len(part) for part in np.array_split(np.arange(explained), len(model.heads))]
    for head, count in zip(model.heads, per_head, strict=True):
        for start in range(0, count, _EXPLAINED_AT_A_TIME):
            explain(features[: min(_EXPLAINED_AT_A_TIME, count - start)], head)
    return {"seconds": time.perf_counter() - began, "rows": rows}


def precomputed_features(model: RiskModel, source: Path) -> Floats:
    """Return the features (n, F) of the first rows of the file, n at most 20,000."""
    with open_table(source, rows_per_chunk=_PRECOMPUTED_ROWS) as reader:
        chunk = next(iter(reader))
    table = ManifestTable.from_columns(chunk.columns, chunk.n_rows).accepted()
    return model.space.transform(table, model.history.copy().advance(table).values)


def parsed(source: Path) -> Iterator[int]:
    """Yield the number of rows of each piece of the file, parsed by pyarrow as text."""
    import pyarrow as pa

    if source.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from (len(batch) for batch in pq.ParquetFile(source).iter_batches(_PRECOMPUTED_ROWS))
        return
    names = first_names(source)
    if source.suffix == ".jsonl":
        import pyarrow.json as pj

        schema = pa.schema([(name, pa.string()) for name in names])
        table = pj.read_json(source, parse_options=pj.ParseOptions(explicit_schema=schema))
        yield from (len(batch) for batch in table.to_batches(_PRECOMPUTED_ROWS))
        return
    import pyarrow.csv as pc

    text = pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    yield from (len(batch) for batch in pc.open_csv(source, convert_options=text))


def first_names(source: Path) -> list[str]:
    """Return the column names."""
    if source.suffix == ".jsonl":
        return list(MANIFEST_NAMES)
    with source.open(encoding="utf-8") as file:
        return file.readline().strip().split(",")


def plain(model: RiskModel, source: Path, target: Path, explained: int) -> dict[str, float]:
    """Score the whole file at once."""
    import pandas as pd

    began = time.perf_counter()
    if source.suffix == ".parquet":
        frame = pd.read_parquet(source)
    elif source.suffix == ".jsonl":
        frame = pd.read_json(source, lines=True, dtype=False)
    else:
        frame = pd.read_csv(source, dtype=str, keep_default_na=False)
    names = [name for name in MANIFEST_NAMES if name in frame.columns]
    frame = frame.fillna("")
    columns = {name: Coded.from_list(frame[name].tolist()) for name in names}
    table = ManifestTable.from_columns(columns, len(frame)).accepted()
    matrix = model.space.transform(table, model.history.copy().advance(table).values)
    raw = np.stack(
        [np.asarray(one.predict(matrix, raw_score=True)) * model.factors[h] for h, one in model.boosters.items()],
        axis=1,
    )
    heads, risk = model.calibrate(raw, matrix)
    of_shipment = np.maximum.reduceat(risk, table.first_row)
    lanes = model.lanes.assign(of_shipment)
    scored = frame.loc[np.flatnonzero(~table.refused)] if len(frame) == table.n_rows else frame.iloc[: table.n_rows]
    scored = scored.assign(risk=of_shipment[table.shipment], lane=lanes[table.shipment])
    if explained:
        scored["reasons"] = _reasons(model, matrix, heads, np.flatnonzero(lanes[table.shipment] > GREEN))
    scored.to_csv(target, index=False)
    return {"seconds": time.perf_counter() - began, "rows": len(frame)}


def _reasons(model: RiskModel, matrix: Floats, heads: Floats, rows: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return the features with the largest contribution for each of the rows, for its highest head."""
    texts = np.full(len(matrix), "", dtype=object)
    names = np.array(model.space.names)
    chosen = heads[rows].argmax(axis=1) if len(rows) else np.empty(0, dtype=np.intp)
    for k, head in enumerate(model.heads):
        of_head = rows[chosen == k]
        if len(of_head):
            parts: Any = model.boosters[head].predict(matrix[of_head], pred_contrib=True)
            strongest = np.argsort(-np.asarray(parts)[:, :-1], axis=1)[:, :_REASONS]
            texts[of_head] = ["; ".join(names[order]) for order in strongest]
    return texts


WAYS: Final = {"ours": ours, "floor": floor, "lightgbm": lightgbm, "plain": plain}


def main() -> None:
    """Print the figures as JSON, with ``peak_mb``, the peak memory of this process."""
    way, source, target, explained = sys.argv[1:]
    if way == "ours":
        keep_memory_small()
    model = load(champion_dir())
    figures = WAYS[way](model, Path(source), Path(target), int(explained))
    print(json.dumps({**figures, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Return the peak memory of this process in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux a process inherits the peak of getrusage from its parent.
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))
    # macOS reports bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write_jsonl(source: Path, target: Path) -> None:
    """Write a CSV as flat JSON lines without missing values."""
    import csv

    with source.open(encoding="utf-8", newline="") as rows, target.open("w", encoding="utf-8") as out:
        for row in csv.DictReader(rows):
            print(json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False), file=out)


if __name__ == "__main__":
    main()
