"""Tables of the report and of docs/worlds.md: figures of each left-out world.

The first table contains PR-AUC, recall at .1, .5 and 1 % inspected, the share of all hard negatives that are inspected at 1 %, and
the shares of clean shipments in the lanes. Its last column is the recall at 1 % divided by the recall of `best_of_author`. An
asterisk marks sealed worlds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sklearn.metrics import precision_recall_curve

from training.arrays import Bools, Floats
from training.authors.calibrating import TOP_SHARES
from training.authors.comparison import ranked
from training.authors.learning import ResidualParams
from training.authors.leaving_out import KINDS
from training.registry.tracking import BUNDLE_ARTIFACT, client, experiment_id
from training.reports.plots import new_figure

#: Column -> key of the figures.
_COLUMNS: Final = {
    "PR-AUC": "pr_auc",
    ".1%": "recall_0.001",
    ".5%": "recall_0.005",
    "1%": "recall_0.01",
    "hard": "hard_in_0.01",
    "red": "red_clean",
    "yell.": "yellow_clean",
}
_MODEL_NAMES: Final = {"prior": "prior", "boosters": "trees", "both": "both", "best": "best"}


def rows_of(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table as rows of texts, with a header."""
    rows = [["left out", "model", *_COLUMNS, "of best"]]
    for name, of_world in sorted(figures["authors"].items(), key=lambda item: (item[1]["sealed"], item[0])):
        best = of_world["best"]["recall_0.01"]
        for kind in (*KINDS, "best"):
            of_kind = of_world[kind]
            rows.append(
                [
                    f"{name}{'*' if of_world['sealed'] else ''}" if kind == KINDS[0] else "",
                    _MODEL_NAMES[kind],
                    *(_number(of_kind.get(key), key) for key in _COLUMNS.values()),
                    f"{of_kind['recall_0.01'] / best:.2f}".lstrip("0") if best else "",
                ]
            )
    return rows


def _number(value: float | None, key: str) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if key.endswith("_clean") or key.startswith("hard") else f"{value:.3f}".lstrip("0")


def comparison_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the differences between the combined model and the better of prior and trees, as rows of texts with a header."""
    rows = [["left out", "PR-AUC (90 %)", "to", "at 1 % (90 %)", "to"]]
    of_world = _unsealed_first(figures, figures["comparison"]["worlds"])
    for name, of_measure in [*of_world.items(), ("mean", figures["comparison"]["mean"])]:
        row = [_marked(figures, name)]
        for one in of_measure.values():
            row += [
                f"{_signed(one['value'])} ({_signed(one['low'])} to {_signed(one['high'])})",
                _MODEL_NAMES.get(one.get("against", ""), ""),
            ]
        rows.append(row)
    return rows


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".", 1)


def calibration_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return stated over observed finds in the top shares of each left-out world, as rows of texts with a header."""
    rows = [["left out", *(f"top {100 * share:g} %" for share in TOP_SHARES), "declared", "finds"]]
    ratios = [f"ratio_{share:g}" for share in TOP_SHARES]
    for name, of_world in _unsealed_first(figures, figures["calibration"].get("worlds", {})).items():
        counts = [str(of_world[key]) for key in ("declared", "declared_finds")]
        rows.append([_marked(figures, name), *(_ratio(of_world[key]) for key in ratios), *counts])
    if "mean" in figures["calibration"]:
        rows.append(["mean", *(_ratio(figures["calibration"]["mean"][key]) for key in ratios), "", ""])
    return rows


def _ratio(value: float | None) -> str:
    return "no find" if value is None else f"{value:.2f}"


def origin_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the ratios of false-positive rates between origins, as rows of texts with a header."""
    rows = [["left out", "largest", "smallest", "ratio (90 %)", "to all", "recall", "at 3"]]
    for name, of_world in _unsealed_first(figures, figures["origins"]).items():
        ratio = of_world["largest_over_smallest"]
        if ratio is None:
            continue
        bounded, rate = of_world["bounded"], of_world["rates"]
        rows.append(
            [
                _marked(figures, name),
                *(f"{of_world[end]} {rate[of_world[end]]:.1%}" for end in ("largest", "smallest")),
                f"{ratio['value']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})",
                f"{of_world['largest_over_overall']['value']:.1f}",
                f"{bounded['recall_without']:.3f}",
                "none" if bounded["recall"] is None else f"{bounded['recall']:.3f}",
            ]
        )
    return rows


def _unsealed_first(figures: Mapping[str, Any], of_world: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(of_world.items(), key=lambda item: (figures["authors"][item[0]]["sealed"], item[0])))


def _marked(figures: Mapping[str, Any], name: str) -> str:
    return f"{name}*" if figures["authors"].get(name, {}).get("sealed") else name


#: Title of each further table.
_FURTHER: Final = {
    "Both compared with the better of prior and trees": comparison_rows,
    "Finds that a calibrator of the other worlds states over those observed, without declared content": calibration_rows,
    "False positives by origin at 1 % inspected, and recall if their ratio is at most 3": origin_rows,
}


def table_of(figures: Mapping[str, Any]) -> Table:
    """Return the table of left-out worlds for a terminal."""
    return _table("Worlds by authors that the model did not see", rows_of(figures), texts=2)


def further_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Return the tables of comparison, calibration and origins for a terminal."""
    return [_table(title, rows(figures), texts=1) for title, rows in _FURTHER.items()]


def _table(title: str, rows: list[list[str]], *, texts: int) -> Table:
    """Return a table whose first ``texts`` columns are texts."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(rows[0]):
        table.add_column(heading, justify="left" if number < texts else "right", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def markdown_of(figures: Mapping[str, Any]) -> str:
    """Return the table of left-out worlds in Markdown."""
    return _markdown(rows_of(figures))


def further_markdown(figures: Mapping[str, Any]) -> str:
    """Return the tables of comparison, calibration and origins in Markdown, each below its title."""
    return "\n".join(f"{title}:\n\n{_markdown(rows(figures))}" for title, rows in _FURTHER.items())


def _markdown(rows: list[list[str]]) -> str:
    header, *others = rows
    lines = [header, ["---"] * len(header), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


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
    of_world = figures["calibration"].get("worlds", {}).get(name, {})
    metrics |= {f"calibration.{key}": float(value) for key, value in of_world.items() if value is not None}
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
