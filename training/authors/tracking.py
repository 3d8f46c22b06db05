"""MLflow tracking of the authors' worlds: one parent run, and a child run per left-out author."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.metrics import precision_recall_curve

from training.arrays import Bools, Floats
from training.authors.figures import ranked
from training.authors.learning import ResidualParams
from training.authors.leaving_out import KINDS
from training.authors.table import further_markdown, markdown_of
from training.registry.tracking import BUNDLE_ARTIFACT, client, experiment_id
from training.reports.plots import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Shares inspected, on a logarithmic axis.
_CURVE_SHARES: Final = np.geomspace(1e-3, 1.0, 90)


def recall_at(score: Floats, illicit: Bools, shares: Floats) -> Floats:
    """Return the share of finds (k,) inside each of the top ``shares`` (k,) of scores (s,)."""
    finds = np.concatenate([[0], np.cumsum(illicit[ranked(score)])])
    inspected = np.round(shares * len(score)).astype(np.int64)
    return np.asarray(finds[inspected] / max(1, illicit.sum()), dtype=np.float64)


def curves_of(name: str, scores: Mapping[str, Floats], illicit: Bools) -> Figure:
    """Draw the two curves of each kind of score (s,) in one world."""
    figure, (left, right) = new_figure(11, 4.5, 2)
    for kind, score in scores.items():
        precision, recall, _ = precision_recall_curve(illicit, score)
        left.plot(recall, precision, label=kind)
        right.plot(_CURVE_SHARES, recall_at(score, illicit, _CURVE_SHARES), label=kind)
    left.set(xlabel="recall", ylabel="precision", title=f"{name}, left out", xlim=(0, 1), ylim=(0, 1))
    right.set(xlabel="share inspected", ylabel="recall", xscale="log", xlim=(_CURVE_SHARES[0], 1), ylim=(0, 1))
    right.axvline(0.01, color="grey", linewidth=0.8, linestyle=":")
    right.legend()
    return figure


_PARENT: Final = "mlflow.parentRunId"
_NAME: Final = "mlflow.runName"
_BOUNDS: Final = ("value", "low", "high")


def log_authors(
    figures: Mapping[str, Any],
    params: ResidualParams,
    bundle: Path | None,
    tracking_uri: str | None = None,
    *,
    scores: Mapping[str, tuple[Mapping[str, Floats], Bools]] | None = None,
) -> str:
    """Log the figures and return the id of the parent run. Its artifacts are tables, plots and the bundle.

    Args:
        scores: name of the left-out world -> scores (s,) by kind of model, and whether each shipment is illicit. The curves of a
            world become artifacts of its run.
    """
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
        metrics |= further_metrics(figures, name)
        tracking.log_batch(
            child.info.run_id,
            metrics=[Metric(key, value, start, 0) for key, value in metrics.items()],
            tags=[RunTag("world", name), RunTag("sealed", str(of_world["sealed"]).lower())],
        )
        if scores is not None:
            with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
                write_png({f"curves_{name}": curves_of(name, *scores[name])}, Path(scratch))
                tracking.log_artifacts(child.info.run_id, scratch)
        tracking.set_terminated(child.info.run_id)
    averages = {key: float(np.mean(values)) for key, values in means.items()} | mean_metrics(figures)
    tracking.log_batch(run, metrics=[Metric(key, value, start, 0) for key, value in averages.items()])
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        folder = Path(scratch)
        text = markdown_of(figures) + "\n" + further_markdown(figures)
        (folder / "authors.md").write_text(text, encoding="utf-8")
        (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        write_png({"authors": _plot(figures)}, folder)
        tracking.log_artifacts(run, str(folder))
    if bundle is not None:
        tracking.log_artifacts(run, str(bundle), BUNDLE_ARTIFACT)
    tracking.set_terminated(run)
    return str(run)


def further_metrics(figures: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return the paired differences, the calibration and the ratios of origins of one left-out world as flat metrics."""
    metrics: dict[str, float] = {}
    for measure, of_measure in figures["comparison"]["worlds"].get(name, {}).items():
        metrics |= {f"difference.{measure}.{key}": of_measure[key] for key in _BOUNDS}
    of_author = figures["calibration"].get("authors", {}).get(name, {})
    metrics |= {f"calibration.{key}": value for key, value in of_author.items()}
    for ratio in ("largest_over_smallest", "largest_over_overall"):
        of_ratio = figures["origins"][name][ratio]
        if of_ratio is not None:
            metrics |= {f"origins.{ratio}.{key}": of_ratio[key] for key in _BOUNDS}
    return metrics


def mean_metrics(figures: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean paired differences over the worlds as flat metrics."""
    return {
        f"mean.difference.{measure}.{key}": of_measure[key]
        for measure, of_measure in figures["comparison"]["mean"].items()
        for key in _BOUNDS
    }


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
