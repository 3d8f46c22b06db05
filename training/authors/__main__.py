"""Train the champion on worlds by several authors: ``python -m training.authors --bundle DIR [--json FILE]``.

First, each author is left out in turn. The figures of the left-out worlds go into the card, the JSON file and MLflow.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from models.bundle import save
from training.authors.champion import train_champion
from training.authors.learning import ResidualParams
from training.authors.leaving_out import Authors, best_scores, leave_each_out, report
from training.authors.table import further_tables, table_of
from training.authors.tracking import log_authors
from training.progress import StageLog


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.authors", description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, required=True, help="folder to write; it must not exist")
    parser.add_argument("--json", type=Path, help="also write the figures as JSON")
    parser.add_argument("--tracking-uri", help="MLflow store; by default none")
    parser.add_argument("--threads", type=int, default=2, help="number of threads")
    options = parser.parse_args()
    if options.bundle.exists():
        sys.stderr.write(f"{options.bundle}: exists; name a new folder\n")
        return 2
    from rich.console import Console

    console = Console(stderr=True)
    log = StageLog(console)
    params = ResidualParams(threads=options.threads)
    with log.stage("Worlds") as progress:
        authors = Authors.load(progress=progress)
    with log.stage("Leaving each author out") as progress:
        results = leave_each_out(authors, params, progress)
    with log.stage("Figures") as progress:
        best = best_scores(results, threads=options.threads, progress=progress)
        figures = report(results, best)
    with log.stage("Champion"):
        model = train_champion(authors, results, params, report=figures)
        digest = save(model, options.bundle)
    for table in (table_of(figures), *further_tables(figures)):
        Console().print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.tracking_uri is not None:
        with log.stage("MLflow"):
            scores = {
                name: ({**result.scores, "best": best[name]}, result.views.illicit) for name, result in results.items()
            }
            log_authors(figures, params, options.bundle, options.tracking_uri, scores=scores)
    Console().print(f"{options.bundle}: {model.name} {model.version}, digest {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
