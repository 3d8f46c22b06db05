"""The holdout file, which nothing was fitted on: metrics and baselines, and predictions of its rows in order."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.readers import ColumnMapping, open_table
from features.readers.chunk import Chunk
from features.readers.headers import further_columns
from features.table.table import ManifestTable
from models.permits import mark_permits
from models.scoring import RISK, RiskModel
from training.arrays import Floats
from training.config import Run
from training.data.dataset import Dataset
from training.data.labels import BadLabels, judged
from training.data.sources import from_file, manifest_columns
from training.data.window_features import WindowFeatures, parts_of
from training.data.windows import NEVER, Window
from training.evaluation.baselines import BaselineRows
from training.evaluation.capacity import lines_and_shipments, repeated
from training.evaluation.evaluation import WindowScores, scored_of_model
from training.evaluation.run_evaluation import EvaluatedWindow, LearnedFrom, baseline_sections, score_sections
from training.progress import Progress, RowProgress

#: Added columns: the risk of the shipment, and that of the goods item.
_ADDED: Final = (RISK, "item_risk")


def predict_file(
    model: RiskModel,
    source: Path,
    target: Path,
    *,
    mapping: ColumnMapping | None = None,
    label: str | None = None,
    threads: int = 1,
    refused: list[tuple[int, str]] | None = None,
    progress: RowProgress | None = None,
) -> int:
    """Write the rows of ``source`` to ``target`` in order, with added columns ``risk`` (of the shipment) and ``item_risk``.

    The output is Parquet if ``target`` ends in ``.parquet``, otherwise CSV, in which risks have nine significant digits. The
    history starts from the model's snapshot and advances with the file. A refused row stays in the output with empty risks, and a
    row that does not match the header becomes a blank row. Lines and reasons of both are appended to ``refused``. Label columns
    are not read. Returns the number of rows written.
    """
    history = model.history.copy()
    partial = target.with_name(f"{target.name}.partial")
    written = 0
    previous: int | None = None
    writer: _Writer | None = None
    try:
        with open_table(source, mapping=mapping) as reader:
            writer = _Writer(partial, reader.names, parquet=target.suffix == ".parquet")
            for chunk in reader:
                columns = manifest_columns(chunk.columns, reader.recognised, label)
                table = ManifestTable.from_columns(
                    columns,
                    chunk.n_rows,
                    decimal=reader.decimal,
                    previous_time=previous,
                    further=further_columns(chunk.native, model.space.further_fields),
                )
                risk = np.full((chunk.n_rows, len(_ADDED)), np.nan)
                accepted = table.accepted()
                if accepted.n_rows:
                    scores = model.score(accepted, history, threads=threads)
                    risk[~table.refused] = np.stack([scores.risk[accepted.shipment], scores.item_risk], axis=1)
                    previous = int(accepted.declared_s[-1])
                written += writer.write(chunk, risk)
                if refused is not None:
                    refused += [(reject.line, reject.reason) for reject in chunk.rejected]
                    refused += [
                        (int(chunk.lines[row]), "; ".join(map(str, problems)))
                        for row, problems in table.refusals().items()
                    ]
                if progress is not None:
                    progress(written)
        writer.close()
        os.replace(partial, target)
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)
    return written


class _Writer:
    """Writer of input rows with their risks, as CSV or Parquet. Input columns with the names of added ones are dropped."""

    def __init__(self, path: Path, names: Sequence[str], *, parquet: bool) -> None:
        own = [name for name in names if name not in _ADDED]
        self._own = own
        self._parquet: pq.ParquetWriter | None = None
        self._stream: Any = None
        if parquet:
            fields: list[pa.Field[Any]] = [pa.field(name, pa.string()) for name in own]
            schema = pa.schema([*fields, *(pa.field(name, pa.float64()) for name in _ADDED)])
            self._parquet = pq.ParquetWriter(path, schema)
            self._schema = schema
        else:
            self._stream = path.open("w", newline="", encoding="utf-8")
            self._csv = csv.writer(self._stream, lineterminator="\n")
            self._csv.writerow([*own, *_ADDED])

    def write(self, chunk: Chunk, risk: Floats) -> int:
        """Write the rows of a chunk with their risks (n, 2), and return their number.

        A row that does not match the header becomes a blank row.
        """
        columns: list[list[str | None]] = [chunk.raw.column(name).to_pylist() for name in self._own]
        risks: list[list[float | None]] = [
            [None if np.isnan(value) else float(value) for value in column] for column in risk.T
        ]
        for reject in sorted(chunk.rejected, key=lambda r: r.position, reverse=True):
            for column in columns:
                column.insert(reject.position, None)
            for of_risk in risks:
                of_risk.insert(reject.position, None)
        if self._parquet is not None:
            arrays: list[pa.Array[Any]] = [pa.array(column, pa.string()) for column in columns]
            arrays += [pa.array(column, pa.float64()) for column in risks]
            self._parquet.write_table(pa.table(arrays, schema=self._schema))
        else:
            texts = [["" if value is None else f"{value:.9g}" for value in column] for column in risks]
            self._csv.writerows(zip(*columns, *texts, strict=True))
        return len(risks[0])

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._stream is not None:
            self._stream.close()


def evaluate_holdout(
    run: Run, model: RiskModel, rows: BaselineRows, mapping: ColumnMapping | None, progress: Progress
) -> dict[str, Any] | None:
    """Return metrics of a model on the holdout file as JSON values; None without a holdout.

    ``rows`` are the training rows of the baselines. If there are no usable labels, the only entry gives the reason.
    """
    path = run.config.holdout
    if path is None:
        return None
    if not _has_labels(path, run, mapping):
        return {"evaluated_on": f"nothing: {path.name} has no column {run.config.label or 'content'!r}"}
    try:
        data = from_file(
            path,
            mapping=mapping,
            label=run.config.label,
            positive=run.config.positive,
            in_order=False,
            fields=model.space.further_fields,
        )
    except BadLabels as error:
        return {"evaluated_on": f"nothing: {error}"}
    unknown = int((~data.labels.inspected).sum())
    if unknown == data.table.n_shipments:
        return {"evaluated_on": f"nothing: no row of {path.name} has a result"}
    progress("features")
    table, labels = data.table, judged(data.labels.known_at(data.table, NEVER), run.heads)
    features = WindowFeatures(_features(model, data), labels, table.first_row, table.shipment)
    progress("scores")
    scored = scored_of_model(model, features.matrix, table, threads=run.threads)
    scores = WindowScores(scored, {"office": features.outcome})
    window = Window("holdout", 0, 0, NEVER, np.arange(table.n_shipments))
    tested = EvaluatedWindow(window, features, f"the holdout file {path.name}, by the final model")
    metrics: dict[str, Any] = {
        "evaluated_on": tested.description,
        "notes": [*data.notes, *_unknown_note(run, unknown, table.n_shipments)],
        **score_sections(scored, scores.outcomes, table, run.seed, progress),
    }
    if scored.items is not None:
        seen = repeated(run.data, run.windows.refit, table)
        metrics["capacity"] = lines_and_shipments(scored.items, labels, seen, table.first_row)
    if rows.find.any():
        progress("baselines")
        learned = LearnedFrom(run.windows.refit, rows)
        metrics |= baseline_sections(run, model, tested, learned, table, scores)
    return metrics


def _unknown_note(run: Run, unknown: int, shipments: int) -> list[str]:
    if not unknown:
        return []
    use = "are left out" if run.heads == (RISK,) else "count as clean"
    return [f"{unknown:,} of {shipments:,} shipments have no result and {use}."]


def _has_labels(path: Path, run: Run, mapping: ColumnMapping | None) -> bool:
    with open_table(path, mapping=mapping) as reader:
        label = run.config.label
        if label is not None:
            return label in reader.names
        return any("content" in (names or "").split(", ") for names in reader.recognised.values())


def _features(model: RiskModel, data: Dataset) -> Floats:
    """Return the features (n_rows, F) that the bundle computes for a file, in the order of the file."""
    history, columns = model.history.copy(), {name: column for column, name in enumerate(model.space.names)}
    matrix = np.empty((data.table.n_rows, len(model.space.names)))
    for rows, part, _ in parts_of(data.table):
        matrix[rows] = model.space.transform(part, history.advance(part).values)
        mark_permits(part, matrix[rows], columns, None)
    return matrix
