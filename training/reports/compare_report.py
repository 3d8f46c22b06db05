"""Rendering of a comparison of two runs as console tables of 80 columns and as a page."""

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
from training.reports.words import estimate_text, labels_text, name_text, number_text, short_estimate

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
        table = _table(f"{_SECTIONS[section]} that differ", ("item", "A", "B"))
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
    for part, words in _WORDS.items():
        name = name.replace(part, words)
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


def _table(title: str, columns: tuple[str, ...]) -> ConsoleTable:
    table = ConsoleTable(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for k, column in enumerate(columns):
        table.add_column(column, justify="left" if k == 0 or len(columns) == 3 else "right", overflow="fold")
    return table


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
