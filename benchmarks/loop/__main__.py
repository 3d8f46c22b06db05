"""A simulated year of an office that learns from its finds, for docs/loop.md.

``python -m benchmarks.loop --folder DIR --page docs/loop.md`` simulates all arms and seeds, and writes table and plot below the
line ``<!-- simulation -->`` of the page. A run goes on where it ended: every finished week is in the folder. Options choose a part.
``python -m benchmarks.loop coverage`` counts how often intervals of recall contain the truth. ``... report`` only writes the
figures of what is in the folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.loop.arms import ARMS, RUNS
from benchmarks.loop.coverage import GOAL, WORLDS, measure
from benchmarks.loop.figures import Capacity, plot, read, tables
from benchmarks.loop.simulating import Task, quiet, simulate
from benchmarks.loop.traffic import Plan, traffic
from benchmarks.script import say

MARKER: Final = "<!-- simulation -->\n"
_PICTURE: Final = "generated/loop.svg"


def tasks_of(options: argparse.Namespace) -> list[Task]:
    """Return the chosen arms, in the order of `RUNS`: first all arms of one seed."""
    tasks = []
    for capacity, (seeds, arms) in RUNS.items():
        if options.capacity is not None and capacity != options.capacity:
            continue
        for seed in options.seed or seeds:
            plan = plan_of(options, seed)
            tasks += [Task(options.folder, plan, arm, capacity) for arm in arms if arm in (options.arm or arms)]
    return tasks


def plan_of(options: argparse.Namespace, seed: int) -> Plan:
    """Return the traffic of a seed. Shorter years have earlier changes."""
    changes = tuple(round(change * options.weeks / 52) for change in Plan().changes)
    return Plan(seed=seed, weeks=options.weeks, per_week=options.per_week, changes=changes)


def results_of(tasks: Sequence[Task]) -> Iterator[Capacity]:
    """Yield what is finished, by capacity."""
    for capacity in dict.fromkeys(task.capacity for task in tasks):
        of = Capacity(capacity, tasks[0].plan, {})
        for task in tasks:
            if task.capacity == capacity and task.is_done:
                one = read(traffic(task.plan, task.root, say), task.folder, task.arm)
                if one is not None:
                    of.arms.setdefault(task.arm, []).append(one)
        yield of


def report(tasks: Sequence[Task], page: Path | None) -> None:
    """Print the figures, and write them into a page with a plot beside it if asked."""
    results = list(results_of(tasks))
    text = tables(results)
    print(text)
    if page is None:
        return
    plot(results, page.parent / _PICTURE)
    above, line, _ = page.read_text(encoding="utf-8").partition(MARKER)
    if not line:
        raise SystemExit(f"{page}: has no line {MARKER.strip()}")
    page.write_text(f"{above}{line}\n{text}\n![Recall over the weeks, by arm]({_PICTURE})\n", encoding="utf-8")


def coverage(runs: int) -> int:
    """Print the coverage of the intervals. Return the exit status: 1 if it is below the goal."""
    print("| world | recall: truth inside | width | recall in the riskiest tenth: truth inside | width |")
    print("|---|---:|---:|---:|---:|")
    least = 1.0
    for name, world in WORLDS.items():
        one = measure(world, runs)
        print(f"| {name} | {one.total:.1%} | {one.total_width:.2f} | {one.decile:.1%} | {one.decile_width:.2f} |")
        least = min(least, one.total, one.decile)
    return int(least < GOAL)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loop", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("simulate", "report", "coverage"), default="simulate")
    parser.add_argument("--folder", type=Path, default=Path("out/loop"), help="folder of the run. Default: %(default)s")
    parser.add_argument("--capacity", type=float, choices=tuple(RUNS), help="only this share of the traffic")
    parser.add_argument("--seed", type=int, action="append", help="only this seed; may be repeated")
    parser.add_argument("--arm", action="append", choices=tuple(ARMS), help="only this arm; may be repeated")
    parser.add_argument("--weeks", type=int, default=52)
    parser.add_argument("--per-week", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2, help="arms at a time, with one thread each")
    parser.add_argument("--page", type=Path, help="page whose figures are replaced")
    parser.add_argument("--runs", type=int, default=200, help="runs of `coverage`")
    options = parser.parse_args()
    if options.what == "coverage":
        return coverage(options.runs)
    quiet()
    # One thread each, because the arms share the processors.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tasks = tasks_of(options)
    if options.what == "simulate":
        simulate(tasks, options.processes)
    report(tasks, options.page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
