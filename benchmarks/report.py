"""Runs all benchmarks and writes docs/performance.md from their figures.

``--quick`` shows within minutes that everything works; its figures are not representative and go to ``out/benchmarks``
only. ``--render`` measures nothing and writes the page from existing figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from benchmarks import account, bars
from benchmarks.script import OUT, Result, Size, console, say
from benchmarks.tables import Table

#: Benchmark -> heading of its section.
PARTS: Final = {
    "serving": "Requests",
    "files": "Files",
    "stages": "Stages",
    "reason_tables": "Reasons",
    "scaling": "What the cost depends on",
}
PAGE: Final = Path("docs/performance.md")

_METHOD: Final = """\
## How the figures were taken

`make benchmarks` measures everything and writes this page; each part is a script that runs alone and prints the same tables
([benchmarks](../benchmarks/README.md)). The figures are kept as JSON in `out/benchmarks`.

- The model is the bundled champion as it was promoted. Shipments are simulated, with the texts, parties and places of the
  simulated trade, on the days after the history that comes with the model, as what a service is asked is always newer than that.
- Whatever is compared was measured in one run, in turns: every round measures each of the kinds for a short while, figures are
  medians over the rounds, and ratios are medians of the ratios within a round. Figures of different runs or machines are not to be
  compared.
- The client is a process of its own with requests made beforehand; it looks at status and length of an answer and at nothing
  else. Each of its connections sends the next request when the last is answered. Each shipment is sent to a server once, as long
  as there are any.
- The general servers run as their makers' commands start them, with one worker and their own defaults, in the same environment, on
  the same versions of Python, LightGBM and numpy. *Batching* is their own way of scoring together what comes together, with at most
  32 requests and, for LitServe, two milliseconds. LitServe's worker is a process beside the one that speaks HTTP, so it may use two
  cores.
- All servers stay up during the run, and all but the one measured are held still (SIGSTOP). Nothing is bound to a core.
- The code that each of them runs is in `benchmarks/servers`.
"""


def render(results: Mapping[str, Result]) -> str:
    """Return the page."""
    first = results["serving"]
    heading = ["# Performance", "", f"Measured on {first['measured_on']}.", "", f"Model: {first['model']}.", ""]
    quick = [title for name, title in PARTS.items() if results[name]["size"] == Size.quick]
    if quick:
        heading += [
            f"**From a quick run, small files and few rounds, orders of magnitude at most: {', '.join(quick)}.**",
            "",
        ]
    parts = ["\n".join(heading), bars.table(results).markdown().replace("### ", "## ", 1)]
    for name, title in PARTS.items():
        parts.append(f"## {title}\n")
        parts += [table.markdown() for table in tables_of(name, results[name])]
        if name == "files":
            parts.append(account.table(results["files"], results["stages"]).markdown())
    return "\n".join([*parts, _METHOD])


def tables_of(name: str, result: Result) -> list[Table]:
    """Return the tables of a benchmark from its figures."""
    return list(import_module(f"benchmarks.{name}").tables(result))


def read(folder: Path = OUT) -> dict[str, Result]:
    """Return the figures of all benchmarks.

    Raises:
        SystemExit: one has not been run.
    """
    missing = [name for name in PARTS if not (folder / f"{name}.json").exists()]
    if missing:
        raise SystemExit(f"{folder} has no figures of {', '.join(missing)}; run python -m benchmarks.report first.")
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in PARTS}


def main() -> None:
    """Measure, show and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="some minutes; writes out/benchmarks/performance.md")
    how.add_argument("--render", action="store_true", help="only make the page anew")
    options = parser.parse_args()
    if not options.render:
        for name in PARTS:
            say(f"---- {name}")
            # Each benchmark runs in its own process, so that caches and imports do not carry over.
            command = [sys.executable, "-m", f"benchmarks.{name}", "--quick" if options.quick else "--full"]
            subprocess.run(command, check=True)
    results = read()
    page = OUT / PAGE.name if options.quick else PAGE
    page.write_text(render(results), encoding="utf-8")
    bars.table(results).show(console())
    say(f"written: {page}")


if __name__ == "__main__":
    main()
