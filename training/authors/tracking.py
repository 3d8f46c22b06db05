"""MLflow tracking of the authors' worlds: one parent run, and a child run per left-out author."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from training.authors.learning import ResidualParams
from training.authors.leaving_out import KINDS
from training.authors.table import markdown_of
from training.registry.tracking import BUNDLE_ARTIFACT, client, experiment_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARENT: Final = "mlflow.parentRunId"
_NAME: Final = "mlflow.runName"


def log_authors(
    figures: Mapping[str, Any], params: ResidualParams, bundle: Path | None, tracking_uri: str | None = None
) -> str:
    """Log the figures; return the id of the parent run. The table, a plot and the bundle are its artifacts."""
    from mlflow.entities import Metric, Param, RunTag

    from training.reports.plots import write_png

    tracking = client(tracking_uri)
    experiment = experiment_id(tracking, tracking_uri or "")
    parent = tracking.create_run(experiment, tags={_NAME: "authors"})
    run = parent.info.run_id
    start = parent.info.start_time
    tracking.log_batch(run, params=[Param(key, str(value)) for key, value in asdict(params).items()])
    means: dict[str, list[float]] = {}
    for name, of_world in figures["authors"].items():
        child = tracking.create_run(experiment, tags={_NAME: f"without {name}", _PARENT: run})
        metrics = {f"{kind}.{key}": float(value) for kind in (*KINDS, "best") for key, value in of_world[kind].items()}
        for key, value in metrics.items():
            means.setdefault(f"mean.{key}", []).append(value)
        tracking.log_batch(
            child.info.run_id,
            metrics=[Metric(key, value, start, 0) for key, value in metrics.items()],
            tags=[RunTag("world", name), RunTag("sealed", str(of_world["sealed"]).lower())],
        )
        tracking.set_terminated(child.info.run_id)
    tracking.log_batch(run, metrics=[Metric(key, float(np.mean(values)), start, 0) for key, values in means.items()])
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        folder = Path(scratch)
        (folder / "authors.md").write_text(markdown_of(figures), encoding="utf-8")
        write_png({"authors": _plot(figures)}, folder)
        tracking.log_artifacts(run, str(folder))
    if bundle is not None:
        tracking.log_artifacts(run, str(bundle), BUNDLE_ARTIFACT)
    tracking.set_terminated(run)
    return str(run)


def _plot(figures: Mapping[str, Any]) -> Figure:
    """Draw the recall at 1 % of each model in each left-out world."""
    from matplotlib.figure import Figure

    names = list(figures["authors"])
    figure = Figure(figsize=(8.0, 0.6 * len(names) + 1.5), layout="constrained")
    axes = figure.add_subplot()
    height = 0.2
    for number, kind in enumerate((*KINDS, "best")):
        recall = [figures["authors"][name][kind]["recall_0.01"] for name in names]
        axes.barh(np.arange(len(names)) + (number - 1.5) * height, recall, height, label=kind)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_xlabel("recall of finds at 1 % inspected")
    axes.legend()
    return figure
