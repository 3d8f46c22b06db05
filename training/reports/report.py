"""Metrics as console tables of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from training.reports.bars import bars
from training.reports.flat import labels_of, part
from training.reports.words import labels_text, name_text, number_text, share_text, short_estimate

Rows = list[tuple[str, Mapping[str, Any]]]


_AREA_COLUMNS: Final = ("declaration", "rows", "finds", "prevalence", "PR-AUC", "ROC-AUC")
_AT_COLUMNS: Final = ("declaration", "top", "rows", "precision", "best", "recall", "best", "lift")


def print_metrics(metrics: Mapping[str, Any], console: Console) -> None:
    """Print the metrics of a run or an evaluation: three tables per kind of label, then the other sections."""
    labels = labels_of(metrics)
    if not labels:
        console.print("There are no evaluation results.")
        return
    if "evaluated_on" in metrics:
        console.print(f"Evaluated on {metrics['evaluated_on']}.")
    for kind, scores in labels.items():
        baselines = [(name, kinds[kind]) for name, kinds in part(metrics, "baselines").items() if kind in kinds]
        rows: Rows = [*scores.items(), *baselines]
        console.print(_recall_table(kind, rows))
        console.print(_area_table(kind, rows))
        console.print(_rate_table(kind, list(scores.items())))
    for table in _capacity_tables(part(metrics, "capacity")):
        console.print(table)
    for table in _calibration_tables(metrics):
        console.print(table)
    _print_origins(part(metrics, "false_positives_by_origin"), console)
    checked = bars(metrics)
    if checked:
        table = _table("Acceptance bars (95 % intervals)", ("bar", "measured", "required", "met"), words=1)
        for bar in checked:
            met = {True: "yes", False: "NO", None: "-"}[bar.met]
            table.add_row(bar.name, bar.measured, bar.required, met)
        console.print(table)
    holdout = part(metrics, "holdout")
    if holdout:
        console.rule("Holdout")
        print_metrics(holdout, console)


def _capacity_tables(capacity: Mapping[str, Any]) -> Iterable[Table]:
    """Return two tables for goods items and two for shipments, or only the latter if every shipment has one item."""
    levels = {"shipments": "shipments", "lines": "goods items"}
    if part(capacity, "lines") == part(capacity, "shipments"):
        del levels["lines"]
    for level, units in levels.items():
        slices = part(capacity, level)
        if not slices:
            continue
        areas = _table(f"Ranking of {units}, for declarations in the training data and new ones", _AREA_COLUMNS)
        at = _table(f"Finds in the top {units}, in % (best: the most that capacity allows)", _AT_COLUMNS, words=2)
        for name, one in slices.items():
            finds, prevalence = number_text(one["finds"]), one["prevalence"]
            aucs = [f"{one[key]:.3f}" if key in one else "-" for key in ("pr_auc", "roc_auc")]
            areas.add_row(name, f"{one['rows']:,}", finds, "-" if prevalence is None else f"{prevalence:.4f}", *aucs)
            for share, figures in part(one, "at_capacity").items():
                shown = (
                    f"{100 * figures[key]:.1f}" for key in ("precision", "best_precision", "recall", "best_recall")
                )
                at.add_row(name, f"{100 * float(share):g} %", f"{figures['rows']:,}", *shown, f"{figures['lift']:.1f}")
        yield areas
        yield at


def _table(title: str, columns: Iterable[str], *, words: int = 1) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="left" if k < words else "right", overflow="fold")
    return table


def _recall_table(kind: str, rows: Rows) -> Table:
    shares = list(dict.fromkeys(share for _, one in rows for share in part(one, "at_inspected_share")))
    title = f"Recall in % if a share of traffic is opened, against {labels_text(kind)} (95 % intervals)"
    table = _table(title, ("score", "finds", *(f"{100 * float(share):g} %" for share in shares)))
    for name, one in rows:
        at = part(one, "at_inspected_share")
        recall = (short_estimate(part(at, share).get("recall"), percent=True) for share in shares)
        table.add_row(Text(name_text(name)), number_text(one.get("finds")), *recall)
    return table


def _area_table(kind: str, rows: Rows) -> Table:
    title = f"Ranking of the shipments, against {labels_text(kind)}"
    table = _table(title, ("score", "prevalence", "PR-AUC", "ROC-AUC"))
    for name, one in rows:
        areas = (short_estimate(one.get(figure)) for figure in ("pr_auc", "roc_auc"))
        table.add_row(Text(name_text(name)), number_text(one.get("prevalence")), *areas)
    return table


def _rate_table(kind: str, rows: Rows) -> Table:
    rates = list(dict.fromkeys(rate for _, one in rows for rate in part(one, "recall_at_false_positive_rate")))
    title = f"Recall in % at a false-positive rate, against {labels_text(kind)}"
    table = _table(title, ("score", *(f"{float(rate):g}" for rate in rates)))
    for name, one in rows:
        recall = part(one, "recall_at_false_positive_rate")
        table.add_row(Text(name_text(name)), *(short_estimate(recall.get(rate), percent=True) for rate in rates))
    return table


def _calibration_tables(metrics: Mapping[str, Any]) -> Iterable[Table]:
    for kind, scores in labels_of(metrics).items():
        checked = part(metrics, "calibration", kind)
        bins = checked.get("bins") or part(scores, "risk").get("reliability") or ()
        if not bins:
            continue
        title = f"Log-odds of the risk at the base rate, against {labels_text(kind)}"
        table = _table(title, ("predicted", "observed", "finds", "shipments"), words=0)
        for one in bins:
            odds = (f"{one[key]:.2f}" for key in ("predicted_log_odds", "observed_log_odds"))
            table.add_row(*odds, f"{one['finds']:,}", f"{one['shipments']:,}")
        yield table


def _print_origins(by_origin: Mapping[str, Any], console: Console) -> None:
    if not by_origin.get("origins"):
        return
    table = _table("Clean shipments in the red lane, by origin", ("origin", "clean shipments", "in red"))
    for origin, one in by_origin["origins"].items():
        table.add_row(Text(origin), f"{one['clean_shipments']:,}", share_text(one["red_rate"]))
    console.print(table)
    ratio = by_origin.get("ratio")
    console.print(
        f"Ratio of highest to lowest: {ratio:.2f}" if ratio is not None else f"No ratio: {by_origin.get('reason')}"
    )
