"""Evaluation of a run on its holdout file, which nothing was fitted on: metrics and baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.readers import ColumnMapping, open_table
from models.permits import mark_permits
from models.scoring import RiskModel
from training.config import Run
from training.data.dataset import Dataset
from training.data.labels import BadLabels
from training.data.sources import from_file
from training.data.window_features import WindowFeatures, parts_of
from training.data.windows import NEVER, Window
from training.evaluation.baselines import BaselineRows
from training.evaluation.capacity import lines_and_shipments
from training.evaluation.evaluation import WindowScores, scored_of_model
from training.evaluation.repeats import repeated
from training.evaluation.run_evaluation import EvaluatedWindow, LearnedFrom, baseline_sections, score_sections
from training.fitting.examples import any_head
from training.progress import Progress


def evaluate_holdout(
    run: Run, model: RiskModel, rows: BaselineRows, mapping: ColumnMapping | None, progress: Progress
) -> dict[str, Any] | None:
    """Return metrics of a model on the holdout file as JSON values; None without a holdout, a label column or a known result.

    ``rows`` are the training rows of the baselines. If the labels cannot be used, the only entry gives the reason.
    """
    path = run.config.holdout
    if path is None or not _has_labels(path, run, mapping):
        return None
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
    if not data.labels.inspected.any():
        return None
    progress("features")
    table, labels = data.table, data.labels.known_at(data.table, NEVER)
    features = WindowFeatures(_features(model, data), labels, table.first_row, table.shipment)
    progress("scores")
    scored = scored_of_model(model, features.matrix, table, threads=run.threads)
    scores = WindowScores(scored, {"office": features.outcome})
    window = Window("holdout", 0, 0, NEVER, np.arange(table.n_shipments))
    tested = EvaluatedWindow(window, features, f"the holdout file {path.name}, by the final model")
    metrics: dict[str, Any] = {
        "evaluated_on": tested.description,
        "notes": list(data.notes),
        **score_sections(scored, scores.outcomes, table, run.seed, progress),
    }
    if scored.items is not None:
        seen = repeated(run.data, run.windows.refit, table)
        find = any_head(labels.find)
        metrics["capacity"] = lines_and_shipments(scored.items, find, seen, table.first_row)
    if rows.find.any():
        progress("baselines")
        learned = LearnedFrom(run.windows.refit, rows)
        metrics |= baseline_sections(run, model, tested, learned, table, scores)
    return metrics


def _has_labels(path: Path, run: Run, mapping: ColumnMapping | None) -> bool:
    with open_table(path, mapping=mapping) as reader:
        label = run.config.label
        if label is not None:
            return label in reader.names
        return any("content" in (names or "").split(", ") for names in reader.recognised.values())


def _features(model: RiskModel, data: Dataset) -> NDArray[np.float64]:
    """Return the features (n_rows, F) that the bundle computes for a file, in the order of the file."""
    history, columns = model.history.copy(), {name: column for column, name in enumerate(model.space.names)}
    matrix = np.empty((data.table.n_rows, len(model.space.names)))
    for rows, part, _ in parts_of(data.table):
        matrix[rows] = model.space.transform(part, history.advance(part).values)
        mark_permits(part, matrix[rows], columns, None)
    return matrix
