"""Metrics of a run, and a comparison of two runs, as console tables of 80 columns; the comparison also as a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table as ConsoleTable
from rich.text import Text

from training.reports.blocks import Cell, Points, Section, Table, page
from training.reports.flat import bars, labels_of, part
from training.reports.words import estimate_text, labels_text, name_text, number_text, share_text, short_estimate

Rows = list[tuple[str, Mapping[str, Any]]]


_AREA_COLUMNS: Final = ("declaration", "rows", "finds", "prevalence", "PR-AUC", "ROC-AUC")
_AT_COLUMNS: Final = ("declaration", "top", "rows", "precision", "best", "recall", "best", "lift")


def print_metrics(metrics: Mapping[str, Any], console: Console) -> None:
    """Print the metrics of a run or an evaluation: three tables per kind of label, then the other sections."""
    labels = labels_of(metrics)
    if not labels:
        on = f" Evaluated on {metrics['evaluated_on']}." if "evaluated_on" in metrics else ""
        console.print(f"There are no evaluation results.{on}")
        return
    if "evaluated_on" in metrics:
        console.print(f"Evaluated on {metrics['evaluated_on']}.")
    if learned := part(metrics, "adapted_champion"):
        console.print(learned["text"])
    if selection := part(metrics, "selection"):
        console.print(selection["text"])
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


def _capacity_tables(capacity: Mapping[str, Any]) -> Iterable[ConsoleTable]:
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


def _table(title: str, columns: Iterable[str], *, words: int = 1) -> ConsoleTable:
    table = ConsoleTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for k, name in enumerate(columns):
        table.add_column(name, justify="left" if k < words else "right", overflow="fold")
    return table


def _recall_table(kind: str, rows: Rows) -> ConsoleTable:
    shares = list(dict.fromkeys(share for _, one in rows for share in part(one, "at_inspected_share")))
    title = f"Recall in % if a share of traffic is opened, against {labels_text(kind)} (95 % intervals)"
    table = _table(title, ("score", "finds", *(f"{100 * float(share):g} %" for share in shares)))
    for name, one in rows:
        at = part(one, "at_inspected_share")
        recall = (short_estimate(part(at, share).get("recall"), percent=True) for share in shares)
        table.add_row(Text(name_text(name)), number_text(one.get("finds")), *recall)
    return table


def _area_table(kind: str, rows: Rows) -> ConsoleTable:
    title = f"Ranking of the shipments, against {labels_text(kind)}"
    table = _table(title, ("score", "prevalence", "PR-AUC", "ROC-AUC"))
    for name, one in rows:
        areas = (short_estimate(one.get(figure)) for figure in ("pr_auc", "roc_auc"))
        table.add_row(Text(name_text(name)), number_text(one.get("prevalence")), *areas)
    return table


def _rate_table(kind: str, rows: Rows) -> ConsoleTable:
    rates = list(dict.fromkeys(rate for _, one in rows for rate in part(one, "recall_at_false_positive_rate")))
    title = f"Recall in % at a false-positive rate, against {labels_text(kind)}"
    table = _table(title, ("score", *(f"{float(rate):g}" for rate in rates)))
    for name, one in rows:
        recall = part(one, "recall_at_false_positive_rate")
        table.add_row(Text(name_text(name)), *(short_estimate(recall.get(rate), percent=True) for rate in rates))
    return table


def _calibration_tables(metrics: Mapping[str, Any]) -> Iterable[ConsoleTable]:
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


_SECTIONS: Final = {"data": "Data", "windows": "Windows", "training": "Parameters"}


def print_comparison(comparison: Mapping[str, Any], console: Console) -> None:
    """Print the names of both runs, the warnings, a table of metrics per score, and the differences of the runs."""
    for side in ("a", "b"):
        console.print(Text(f"{side.upper()}: {_who(comparison[side])}"))
    for warning in comparison["warnings"]:
        console.print(Text(f"Warning: {warning}"))
    for title, rows in _grouped(comparison["figures"]):
        shown = [row for row in rows if _on_console(row["figure"])]
        if not shown:
            continue
        table = _table(" ".join(map(name_text, title)), ("figure", "A", "B", "B - A", "apart"))
        for row in shown:
            table.add_row(_short(row["figure"], title), *_values(row))
        console.print(table)
    console.print(Text(_pairing(comparison)))
    for section, rows in comparison["differs"].items():
        if not rows:
            continue
        table = _table(f"{_SECTIONS[section]} that differ", ("item", "A", "B"), words=3)
        for row in rows:
            table.add_row(Text(row["name"]), Text(number_text(row["a"])), Text(number_text(row["b"])))
        console.print(table)


def _who(side: Mapping[str, Any]) -> str:
    version = f", model {side['version']}" if side["version"] else ""
    digest = f", digest {str(side['digest'])[:12]}" if side["digest"] else ""
    return f"{side['run']}{version}{digest}"


def _on_console(figure: str) -> bool:
    """Return whether the console shows this metric. Files contain all metrics."""
    section, _, rest = figure.partition(".")
    if section in ("baseline", "slice", "left_out"):
        return rest == "average_ratio"
    return not any(word in rest for word in ("precision_at_", "pr_auc_at_"))


def _grouped(figures: Iterable[Mapping[str, Any]]) -> list[tuple[tuple[str, ...], list[Mapping[str, Any]]]]:
    """Group metrics by score: ``(labels, score)``, or ``(section,)`` for metrics without a score."""
    ordered = sorted(figures, key=lambda row: _ORDER.get(row["figure"].split(".")[0], 2))
    return [(title, list(rows)) for title, rows in groupby(ordered, key=lambda row: _title(row["figure"]))]


#: Dots that separate the parts of a name, as opposed to decimal points.
_BETWEEN: Final = re.compile(r"(?<!\d)\.|\.(?!\d)")
_WORDS: Final = {"pct": " %", "recall_at_fpr_": "recall, FPR ", "pr_auc": "PR-AUC", "roc_auc": "ROC-AUC"}
_ORDER: Final = {"truth": 0, "office": 1, "baseline": 8, "slice": 9}


def _title(figure: str) -> tuple[str, ...]:
    parts = figure.split(".")
    if parts[0] in ("truth", "office") and len(parts) > 2:
        return (f"against {labels_text(parts[0])}:", parts[1])
    return (parts[0],) if parts[0] in ("baseline", "slice") else ("other figures",)


def _short(figure: str, title: tuple[str, ...]) -> str:
    name = _BETWEEN.sub(", ", figure.split(".", 2)[2] if len(title) == 2 else figure)
    for text, words in _WORDS.items():
        name = name.replace(text, words)
    return name.replace("_", " ")


def _values(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    a, b, difference = row["a"], row["b"], row["difference"]
    shown = ""
    if difference is not None:
        shown = f"{difference['value']:+.3g}"
        if difference.get("low") is not None:
            shown += f" ({difference['low']:+.2g} to {difference['high']:+.2g})"
    apart = "" if row["apart"] is None else "yes" if row["apart"] else "no"
    return _side_text(a), _side_text(b), shown, apart


def _side_text(estimate: Any) -> str:
    if isinstance(estimate, Mapping) and estimate.get("low") is None and float(estimate["value"]).is_integer():
        return f"{estimate['value']:,.0f}"
    return short_estimate(estimate)


def _pairing(comparison: Mapping[str, Any]) -> str:
    if comparison["paired"]:
        return (
            "Both runs scored the same shipments, so the intervals of differences come from a paired bootstrap. "
            "The runs differ if the interval does not contain 0."
        )
    return (
        f"Only separate intervals can be given: {comparison['not_paired_because']}. Apart means that the two 95 % "
        "intervals do not overlap."
    )


def comparison_page(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as one HTML document with all metrics."""
    facts = {f"{side.upper()}": _who(comparison[side]) for side in ("a", "b")}
    facts |= {f"Digest of {side.upper()}": comparison[side]["digest"] or "not known" for side in ("a", "b")}
    sections = []
    if comparison["warnings"]:
        sections.append(Section("warnings", "Warnings", (), (Points(comparison["warnings"]),)))
    tables = [_page_table(title, rows) for title, rows in _grouped(comparison["figures"])]
    sections.append(Section("figures", "Figures", (_pairing(comparison),), tables))
    differing = [
        Table(
            f"{_SECTIONS[section]} that differ",
            ("Item", "A", "B"),
            [(row["name"], number_text(row["a"]), number_text(row["b"])) for row in rows],
            words=3,
        )
        for section, rows in comparison["differs"].items()
        if rows
    ]
    equal = [_SECTIONS[section].lower() for section, rows in comparison["differs"].items() if not rows]
    words = (f"Equal in both: {', '.join(equal)}.",) if equal else ()
    sections.append(Section("differs", "Differences", words, differing))
    return page("Comparison of two runs", "A against B; differences are B - A", facts, sections)


def _page_table(title: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> Table:
    cells = []
    for row in rows:
        shown = _values(row)[2]
        apart = Cell("") if row["apart"] is None else Cell("yes" if row["apart"] else "no")
        cells.append((_short(row["figure"], title), estimate_text(row["a"]), estimate_text(row["b"]), shown, apart))
    return Table(" ".join(map(name_text, title)), ("Figure", "A", "B", "B - A", "Intervals apart"), cells)
