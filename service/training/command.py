"""The commands that train, ``tidewaiter compare`` and ``tidewaiter adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.training.learning import evaluate, generate, train
from service.training.models import TrackingUri, model_app, promote, pull, rollback

if TYPE_CHECKING:
    from rich.console import Console

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

    from service.core.commands import to_stdout
    from training.registry.runs import load_side
    from training.reports.compare import compare as compare_runs
    from training.reports.report import comparison_page, print_comparison

    compared = compare_runs(load_side(a, tracking_uri), load_side(b, tracking_uri))
    if json_file is not None:
        json_file.write_text(json.dumps(compared, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if html_file is not None:
        html_file.write_text(comparison_page(compared), encoding="utf-8")
    print_comparison(compared, to_stdout())


Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data", metavar="FILE...", help="Earlier manifests, never those that will be scored. Labels are ignored."
    ),
]
MoreData = Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files of --data.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE.toml", help="Renames and converts the columns of --data.")
]
FromLog = Annotated[
    Path | None,
    typer.Option(
        "--from-log",
        metavar="FILE",
        help="Record of the service (TIDEWAITER_RECORD). Its rotated files are read too.",
    ),
]
BundleFrom = Annotated[
    Path | None,
    typer.Option("--bundle-from", metavar="DIR", help="Default: the version in service, or the bundled champion."),
]


def adapt(  # noqa: PLR0913  # its options are the interface
    bundle: Annotated[
        Path,
        typer.Option("--bundle", metavar="OUT", help="Folder of the new bundle. It must be empty or not exist."),
    ],
    data: Data = None,
    more: MoreData = None,
    from_log: FromLog = None,
    mapping: MappingFile = None,
    bundle_from: BundleFrom = None,
    entities: Annotated[
        int | None,
        typer.Option(
            "--entities",
            min=1,
            max=200_000,
            metavar="N",
            help="Parties, addresses and links of each kind to keep in the history. Default: 50,000.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the report as JSON.")
    ] = None,
    tracking_uri: TrackingUri = None,
    tracking: Annotated[
        bool, typer.Option("--tracking/--no-tracking", help="Whether to log to MLflow and register the result.")
    ] = True,
) -> None:
    """Fit statistics, history, percentiles and lanes to your own earlier traffic. Labels are not needed."""
    import json

    from features.memory import release_free_memory
    from service.core.commands import WrongUse, row_progress, to_stderr
    from service.core.memory import keep_memory_small

    keep_memory_small()
    files = [*(data or ()), *(more or ())]
    if (from_log is None) == (not files):
        raise WrongUse(
            "Name the earlier manifests with --data FILE..., or a record of the service with --from-log FILE."
        )
    if from_log is not None and mapping is not None:
        raise WrongUse("--mapping needs --data; a record of the service already has the names of the manifest.")
    if bundle.exists() and (not bundle.is_dir() or any(bundle.iterdir())):
        raise WrongUse(f"{bundle} exists and is not empty; name a new folder with --bundle.")
    from features.readers import ColumnMapping
    from models.bundle import save
    from service.core.commands import load_model
    from training.adapting.adapt import ENTITIES, reading_names
    from training.adapting.adapt import adapt as adapt_model
    from training.adapting.report import summary
    from training.adapting.traffic import created_s, read_traffic, recorded_files

    parent = load_model(bundle_from)
    console = to_stderr()
    with row_progress("Reading") as progress:
        traffic = read_traffic(
            files if from_log is None else recorded_files(from_log),
            mapping=ColumnMapping.load(mapping) if mapping else None,
            further=parent.space.further_fields,
            otherwise_s=created_s(parent.created_at),
            progress=lambda rows: progress(0, 0, rows),
        )
    release_free_memory()
    with row_progress("Scoring", total=traffic.table.n_rows) as progress, reading_names():
        adapted = adapt_model(
            parent,
            traffic,
            entities=entities or ENTITIES,
            threads=_threads(),
            progress=lambda rows: progress(0, 0, rows),
        )
    digest = save(adapted.model, bundle, entities=adapted.entities)
    adapted.model.digest = digest
    for note in traffic.notes:
        console.print(f"Note: {note}", markup=False)
    for line in summary(adapted.report):
        typer.echo(line)
    typer.echo(f"Model {adapted.model.version}, digest {digest}, bundle {bundle}")
    if json_file is not None:
        json_file.write_text(json.dumps(adapted.report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if tracking:
        _track(adapted, bundle, tracking_uri, console)
    typer.echo(f"Put it into service: tidewaiter promote --bundle {bundle}")


def _threads() -> int:
    import os

    return min(8, os.cpu_count() or 1)


def _track(adapted: Any, bundle: Path, tracking_uri: str | None, console: Console) -> None:
    """Log to MLflow and register the model; without MLflow (extra `train`), print a note."""
    from importlib.util import find_spec

    if find_spec("mlflow") is None:
        console.print("Note: MLflow is not installed, so the run was not logged.", markup=False)
        return
    from training.registry.tracking import log_adapted

    version = log_adapted(adapted.model, adapted.report, bundle, tracking_uri)
    typer.echo(f"Registered as version {version}: tidewaiter promote {version}")


COMMANDS = (generate, train, evaluate, compare, adapt, promote, rollback, pull, model_app)
