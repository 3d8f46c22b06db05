"""Breakdown of the time that a file takes above its lower bound, from the figures of two other benchmarks."""

from __future__ import annotations

from statistics import median
from typing import Final

from benchmarks.script import Result
from benchmarks.tables import Table, number, share, times

#: Work -> prefixes of the stages that it consists of (`benchmarks.stages`).
_WORK: Final[dict[str, tuple[str, ...]]] = {
    "lines into columns of distinct texts": ("reader",),
    "normal forms, amounts, times": ("table",),
    "history: parties and places into keys, and what is known of them": ("history",),
    "features of descriptions, names, codes, values, routes": ("features, ",),
    "predict, calibrate, lanes": ("predict", "calibrate, lanes"),
    "reasons in words": ("reasons",),
    "score columns, writing": ("score columns", "writer"),
}


def table(files: Result, stages: Result) -> Table:
    """Return microseconds per row of each kind of work on a CSV, next to the lower bound."""
    csv = next(one for one in files["formats"] if one["name"] == "csv")
    floor_us = 1e6 * median(csv["floor"]) / csv["rows"]
    spent = dict(stages["file"]["stages"])
    rows = []
    for work, beginnings in _WORK.items():
        of_work = [name for name in spent if name.startswith(beginnings)]
        rows.append((work, sum(spent.pop(name) for name in of_work)))
    rows.append(("the rest", sum(spent.values())))
    whole = sum(us for _, us in rows)
    return Table(
        "Where a file's time goes beyond its floor",
        ("work", "µs a row", "share", "of the floor"),
        (
            *((work, number(us), share(us / whole), times(us / floor_us)) for work, us in rows),
            ("in all", number(whole), "", times(whole / floor_us)),
        ),
        f"Processor time of a CSV of {stages['file']['rows']:,} rows, from *Stages*; the floor takes {number(floor_us)} µs a "
        "row for all that it does. It is given the columns, the features and the reasons' texts, which is most of the work. "
        "That is on texts, for which a thread needs Python's lock: stages overlap by what Arrow, the trees and the history do "
        "without it, and a second core brings little.",
    )
