"""Common parts of every benchmark: its size, the description of the machine, its tables, and its figures as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.machine import LIBRARIES, champion, describe
from benchmarks.tables import Table

Result = dict[str, Any]
#: Folder for figures.
OUT: Final = Path("out/benchmarks")


class Size(StrEnum):
    """Duration of a measurement: ``quick`` only shows that everything works, ``full`` adds parts that take many minutes."""

    quick = "quick"
    usual = "usual"
    full = "full"


def console() -> Console:
    """Return a console wide enough for every table, also without a terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def say(text: str) -> None:
    """Print progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def run(
    name: str,
    description: str | None,
    measure: Callable[[Size], Result],
    tables: Callable[[Result], list[Table]],
    libraries: Sequence[str] = LIBRARIES,
) -> None:
    """Measure as the command line requires, print the tables, and save the figures."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_const", dest="size", const=Size.quick, help="only show that it works")
    size.add_argument(
        "--full",
        action="store_const",
        dest="size",
        const=Size.full,
        help="measure everything, which takes many minutes",
    )
    parser.add_argument("--json", type=Path, default=OUT / f"{name}.json", metavar="FILE", help="default: %(default)s")
    options = parser.parse_args()
    out = console()
    machine, model = describe(libraries), champion()
    out.print(f"{machine}\n{model}", style="dim")
    measured = {"measured_on": machine, "model": model, "size": str(options.size or Size.usual)}
    result = measured | measure(options.size or Size.usual)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for table in tables(result):
        table.show(out)
