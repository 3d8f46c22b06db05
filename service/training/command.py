"""The commands that train, and ``tidewaiter compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.training.adapting import adapt
from service.training.learning import evaluate, generate, train
from service.training.models import TrackingUri, model_app, promote, pull, rollback

Run = typer.Argument(
    metavar="RUN",
    help="MLflow run id, registered version or alias, metrics file, or folder of a bundle.",
    show_default=False,
)


def compare(
    a: Annotated[str, Run],
    b: Annotated[str, Run],
    tracking_uri: TrackingUri = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write all figures as JSON.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write an HTML page.")] = None,
) -> None:
    """Compare two runs: figures with intervals, and the differences in data, windows and parameters."""
    import json

    from service.core.terminal.console import to_stdout
    from training.registry.runs import load_side
    from training.reports.compare import compare as compare_runs
    from training.reports.report import comparison_page, print_comparison

    compared = compare_runs(load_side(a, tracking_uri), load_side(b, tracking_uri))
    if json_file is not None:
        json_file.write_text(json.dumps(compared, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if html_file is not None:
        html_file.write_text(comparison_page(compared), encoding="utf-8")
    print_comparison(compared, to_stdout())


COMMANDS = (generate, train, evaluate, compare, adapt, promote, rollback, pull, model_app)
