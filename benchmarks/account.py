"""Processor time of a file by task, compared with the minimal work, from the figures of two other benchmarks."""

from __future__ import annotations

from statistics import median
from typing import Final

from benchmarks.script import Result
from benchmarks.tables import Table, number, share, times

#: Task -> prefixes of the stages that it consists of (`benchmarks.stages`).
_TASKS: Final[dict[str, tuple[str, ...]]] = {
    "parse lines into columns of distinct texts": ("reader",),
    "normalise texts, amounts and times": ("table",),
    "history: keys of parties and places, reading and updating": ("history",),
    "features of descriptions, names, codes, values and routes": ("features, ",),
    "predict, calibrate, assign lanes": ("predict", "calibrate, lanes"),
    "write reasons in words": ("reasons",),
    "add score columns, write the file": ("score columns", "writer"),
}


def table(files: Result, stages: Result) -> Table:
    """Return microseconds per row of each task on a CSV, next to the minimal work."""
    csv = next(one for one in files["formats"] if one["name"] == "csv")
    minimal_us = 1e6 * median(csv["floor"]) / csv["rows"]
    spent = dict(stages["file"]["stages"])
    rows = []
    for task, prefixes in _TASKS.items():
        of_task = [name for name in spent if name.startswith(prefixes)]
        rows.append((task, sum(spent.pop(name) for name in of_task)))
    rows.append(("other", sum(spent.values())))
    total = sum(us for _, us in rows)
    return Table(
        "Processor time of a CSV file, by task",
        ("task", "µs per row", "share", "relative to the minimal work"),
        (
            *((task, number(us), share(us / total), times(us / minimal_us)) for task, us in rows),
            ("total", number(total), "", times(total / minimal_us)),
        ),
        f"Processor time of scoring a CSV of {stages['file']['rows']:,} rows, from *Time per stage*. The minimal work takes "
        f"{number(minimal_us)} µs per row. It builds no columns of distinct texts, computes no features and writes no reasons, "
        "which take most of the time here. These tasks hold Python's interpreter lock, so only Arrow, the trees and the history "
        "run in parallel, and a second core helps little.",
    )
