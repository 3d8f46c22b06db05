"""Run all benchmarks and write docs/performance.md from their figures.

``--quick`` shows within minutes that everything works. Its figures are not representative and go to ``out/benchmarks``
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

from benchmarks import bars
from benchmarks.script import OUT, Result, Size, console, say
from benchmarks.tables import Table
from tools.pages import with_model_note

#: Benchmark -> heading of its section; None if the page shows only its targets.
PARTS: Final = {"serving": "Requests", "files": "Files", "reason_tables": None, "scaling": "Cost by size"}
#: Tables for developers, which only the benchmarks print.
_LEFT_OUT: Final = (
    "One worker, the other servers given precomputed features",
    "Share of shipments with new texts",
    "Heads, trees and leaves",
)
PAGE: Final = Path("docs/performance.md")

_METHOD: Final = """\
## How the figures were measured

`make benchmarks` measures everything and writes this page. Each part is a script that also runs alone and prints more tables
([benchmarks](../benchmarks/README.md)). `make pages` keeps the statement about the model true.

- The model is the bundled champion. Shipments are simulated for days after the history of the bundle, with the texts, parties and
  places of the simulated trade.
- Compared figures come from one run and alternate: each round measures every kind for a short time. Figures are medians over the
  rounds, and ratios are medians of the ratios within rounds. Do not compare figures of different runs or machines.
- The client is a separate process with prepared requests. Each connection sends its next request after the last answer. A server
  receives each shipment once, as long as enough shipments are available.
- The general servers run with their makers' commands, one worker and default settings, with the same versions of Python, LightGBM
  and numpy. *Batching* is their own method to score concurrent requests together. LitServe may use two cores.
- MLflow serves the same model in three forms: nested records with a signature, nested records without one, and flat columns with a
  signature. The code of each server is in `benchmarks/servers`.
- All servers run during the whole measurement. All but the measured one are suspended.
"""


def render(results: Mapping[str, Result]) -> str:
    """Return the page."""
    first = results["serving"]
    measured = f"Measured on {first['measured_on']}."
    heading = ["# Performance", "", measured, "", f"Model: {first['model']}.", "", "This is the bundled model.", ""]
    quick = [title or name for name, title in PARTS.items() if results[name]["size"] == Size.quick]
    if quick:
        heading += [
            "**These parts are from a quick run with small files and few rounds, and show orders of magnitude at most: "
            f"{', '.join(quick)}.**",
            "",
        ]
    parts = ["\n".join(heading), bars.table(results).markdown().replace("### ", "## ", 1)]
    for name, title in PARTS.items():
        if title is not None:
            parts.append(f"## {title}\n")
            parts += [table.markdown() for table in tables_of(name, results[name]) if table.title not in _LEFT_OUT]
    return with_model_note("\n".join([*parts, _METHOD]))


def tables_of(name: str, result: Result) -> list[Table]:
    """Return the tables of a benchmark from its figures."""
    return list(import_module(f"benchmarks.{name}").tables(result))


def read(folder: Path = OUT) -> dict[str, Result]:
    """Return the figures of all benchmarks.

    Raises:
        SystemExit: the figures of a benchmark are missing.
    """
    missing = [name for name in PARTS if not (folder / f"{name}.json").exists()]
    if missing:
        raise SystemExit(f"{folder} has no figures of {', '.join(missing)}; run python -m benchmarks.report first.")
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in PARTS}


def main() -> None:
    """Run the benchmarks and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="take some minutes, and write out/benchmarks/performance.md")
    how.add_argument("--render", action="store_true", help="only write the page again, from existing figures")
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
