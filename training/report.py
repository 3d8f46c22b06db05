"""Figures as tables on a console."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from training.metrics import SHARES, Estimate

_NAMES = {
    "keyword_watch_list": "keyword watch-list",
    "best_single_feature": "best single feature",
    "depth_2_tree": "depth-2 tree",
    "logistic_regression": "logistic regression",
}


def _estimate(value: Mapping[str, Any]) -> str:
    return str(Estimate(value["value"], value.get("low"), value.get("high"), value.get("reason")))


def print_metrics(metrics: Mapping[str, Any], console: Console) -> None:
    """Print the figures that `training.evaluation` and `training.pipeline` return, a table per kind of label."""
    labels: Mapping[str, Mapping[str, Any]] = metrics.get("labels") or metrics.get("metrics") or {}
    if not labels:
        console.print("Nothing was evaluated.")
        return
    if "evaluated_on" in metrics:
        console.print(f"Evaluated on {metrics['evaluated_on']}.")
    for kind, scores in labels.items():
        baselines = {name: kinds[kind] for name, kinds in metrics.get("baselines", {}).items()}
        rows = [*scores.items(), *((_NAMES[name], figures) for name, figures in baselines.items())]
        console.print(_ranking_table(kind, rows))
        for row in _reliability_tables(kind, scores):
            console.print(row)
    _print_origins(metrics.get("false_positives_by_origin", {}), console)


def _ranking_table(kind: str, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Table:
    table = Table(title=f"Ranking, {kind} labels (95 % intervals)")
    table.add_column("score")
    for name in (
        "finds",
        "prevalence",
        "PR-AUC",
        "ROC-AUC",
        *(f"recall at {100 * s:g} %" for s in SHARES),
        "recall at FPR 1e-4",
    ):
        table.add_column(name, justify="right")
    for name, figures in rows:
        at = figures["at_inspected_share"]
        table.add_row(
            name,
            f"{figures['finds']:,}",
            f"{figures['prevalence']:.2e}",
            _estimate(figures["pr_auc"]),
            _estimate(figures["roc_auc"]),
            *(_estimate(at[f"{share:g}"]["recall"]) for share in SHARES),
            _estimate(figures["recall_at_false_positive_rate"]["0.0001"]),
        )
    return table


def _reliability_tables(kind: str, scores: Mapping[str, Mapping[str, Any]]) -> Iterable[Table]:
    risk = scores.get("risk")
    if risk is None or not risk["reliability"]:
        return
    table = Table(title=f"Reliability of the risk, {kind} labels, log-odds at the base rate")
    for name in ("predicted", "observed", "finds", "shipments"):
        table.add_column(name, justify="right")
    for one in risk["reliability"]:
        table.add_row(
            f"{one['predicted_log_odds']:.2f}",
            f"{one['observed_log_odds']:.2f}",
            f"{one['finds']:,}",
            f"{one['shipments']:,}",
        )
    yield table


def _print_origins(by_origin: Mapping[str, Any], console: Console) -> None:
    if not by_origin.get("origins"):
        return
    table = Table(title="Clean shipments in the red lane, by origin")
    for name in ("origin", "clean shipments", "share in red"):
        table.add_column(name, justify="right")
    for origin, one in by_origin["origins"].items():
        table.add_row(origin, f"{one['clean_shipments']:,}", f"{one['red_rate']:.3%}")
    console.print(table)
    ratio = by_origin.get("ratio")
    console.print(f"Largest to smallest: {ratio:.2f}" if ratio is not None else f"No ratio: {by_origin.get('reason')}")
