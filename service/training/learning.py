"""``tidewaiter generate``, ``train`` and ``evaluate``, which import the package `training`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from service.training.models import TrackingUri

if TYPE_CHECKING:
    from training.fitting.params import BoostingParams

_DAY_S: Final = 86400

MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE.toml", help="Renames and converts the columns of --data.")
]
Label = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Your own binary label column.")]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="VALUE", help="Value of the label column that marks a find.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of random numbers. Equal seeds give identical output.")]
Draws = Annotated[
    int, typer.Option("--draws", min=1, help="Number of simulated worlds, each with its own draw of the priors.")
]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="Number of threads. Runs repeat exactly only with the same number.")
]


def generate(  # noqa: PLR0913  # its options are the interface
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, metavar="N", help="Number of goods items to simulate.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The simulated manifests, with the labels that an office would have."
        ),
    ] = None,
    seed: Seed = 0,
    draws: Draws = 1,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="The true content of each item.")
    ] = None,
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", metavar="DAY", formats=["%Y-%m-%d"], help="First day, 2017-01-01 or later."),
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", metavar="DAY", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE.json", help="Also report whether simulated finds are too easy to recognise."
        ),
    ] = None,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="NAME|list", help="World by another author; `list` prints their names."),
    ] = None,
    warmup: Annotated[
        Path | None,
        typer.Option("--warmup", metavar="FILE", help="With --world: file for earlier manifests of the same parties."),
    ] = None,
) -> None:
    """Simulate manifests with the finds that an office would have made."""
    import json

    from service.core.commands import WrongUse, row_progress, to_stdout
    from training.worlds.own import too_easy, write

    if world is not None:
        if first_day is not None or last_day is not None or report is not None:
            raise WrongUse("--from, --to and --report belong to our own world; omit them with --world.")
        _generate_world(WorldFiles(world, rows, seed, out, truth, warmup))
        return
    if warmup is not None:
        raise WrongUse("--warmup needs --world: our own world has no warm-up.")
    if rows is None or out is None:
        raise WrongUse("Name --rows N and --out FILE.")
    calendar = (first_day.date() if first_day else None, last_day.date() if last_day else None)
    with row_progress("Simulating", total=rows) as progress:
        write(
            out,
            truth,
            rows,
            seed,
            progress=lambda done: progress(0, 0, done),
            draws=draws,
            calendar=calendar,
        )
    if report is not None:
        result = too_easy(rows, seed, draws=draws, calendar=calendar)
        report.write_text(json.dumps(result.to_json(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        to_stdout().print(result.table())


@dataclass(frozen=True, slots=True)
class WorldFiles:
    """A world by another author, and the files to write."""

    name: str
    rows: int | None
    seed: int
    out: Path | None
    truth: Path | None
    warmup: Path | None


def _generate_world(files: WorldFiles) -> None:
    from service.core.commands import WrongUse, to_stdout
    from training.worlds.writer import titles, write_world

    known = titles()
    if files.name == "list":
        for name, title in known.items():
            to_stdout().print(f"{name:<18} {title}", highlight=False)
        return
    if files.name not in known:
        raise WrongUse(f"There is no world {files.name!r}; the worlds are {', '.join(known)}.")
    if files.rows is None or files.out is None:
        raise WrongUse("Name --rows N and --out FILE.")
    write_world(files.name, files.rows, files.seed, out=files.out, truth=files.truth, warmup=files.warmup)


def train(  # noqa: PLR0913  # its options are the interface
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Labelled manifests. Default: simulated trade.")
    ] = None,
    mapping: MappingFile = None,
    label: Label = None,
    positive: Positive = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="champion|prior",
            help="What training starts from. Default: champion with --data and the label `content`, otherwise prior.",
        ),
    ] = None,
    holdout: Annotated[
        Path | None,
        typer.Option(
            "--holdout", metavar="FILE", help="Manifests that are scored at the end and not used for training."
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Write the rows of --holdout and their risk.")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help="Also write the bundle to this folder.")
    ] = None,
    seed: Seed = 0,
    metrics: Annotated[
        Path | None, typer.Option("--metrics", metavar="FILE.json", help="Also write the figures as JSON.")
    ] = None,
    tracking_uri: TrackingUri = None,
    threads: Threads = 2,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="Learn from the decisions and outcomes in the store of the service.")
    ] = False,
    known_at: Annotated[
        datetime | None,
        typer.Option(
            "--known-at",
            metavar="DAY",
            formats=["%Y-%m-%d"],
            help="With --from-store: use only what was recorded before this day (UTC). Default: all until now.",
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, metavar="N", help="Number of goods items to simulate without --data.")
    ] = None,
    draws: Draws = 4,
    study: Annotated[
        bool, typer.Option("--study", help="Also refit without each feature group and each typology (takes minutes).")
    ] = False,
    ceiling_rows: Annotated[
        int | None,
        typer.Option(
            "--ceiling-rows",
            min=1,
            metavar="N",
            help="Also compare with a model that is trained on the true content of N rows (slow).",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Folder of cached features for later runs on the same data."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=1,
            metavar="N",
            help="Average the boosters of N seeds; helps with few finds. By default 1, or up to 4 of an own label.",
        ),
    ] = None,
    searches: Annotated[
        int,
        typer.Option(
            "--searches", min=1, metavar="N", help="Number of booster settings to compare for --label, 1 to 3."
        ),
    ] = 3,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="A parameter of the boosters, such as num_leaves=15; repeatable."
        ),
    ] = None,
    result_delay: Annotated[
        float | None,
        typer.Option(
            "--result-delay",
            min=0,
            metavar="DAYS",
            help="Days until a result is known, if inspected_at is missing; with --from-store, days to wait for one.",
        ),
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(
            "--windows",
            metavar="SHARES",
            help="Shares of the windows fit, stop, calibrate, lanes and test, such as 50,10,12,10,18.",
        ),
    ] = None,
    red: Annotated[
        float | None,
        typer.Option(
            "--red", metavar="PERCENT", help="Share of the traffic in red. Default: .5, more if finds are frequent."
        ),
    ] = None,
    yellow: Annotated[
        float | None,
        typer.Option(
            "--yellow", metavar="PERCENT", help="Share of the traffic in yellow. Default: 2, or the share of finds."
        ),
    ] = None,
    no_tracking: Annotated[
        bool, typer.Option("--no-tracking", help="Neither log the run to MLflow nor register the model.")
    ] = False,
) -> None:
    """Train, calibrate, test and bundle a model; log it to MLflow and register it as challenger."""
    from service.core.commands import WrongUse, to_stderr, to_stdout
    from service.core.memory import keep_memory_small

    keep_memory_small()
    from training.config import CHAMPION, DEFAULT_ROWS, PRIOR, TrainConfig
    from training.data.dataset import BadData
    from training.pipeline import train as train_model
    from training.reports.report import print_metrics

    config = TrainConfig(
        data=data,
        mapping=mapping,
        label=label,
        positive=positive,
        stored=from_store,
        start=start or (CHAMPION if (from_store or data is not None) and label is None else PRIOR),
        holdout=holdout,
        predictions=predictions,
        bundle=bundle,
        metrics=metrics,
        rows=DEFAULT_ROWS if rows is None else rows,
        draws=min(draws, DEFAULT_ROWS if rows is None else rows),
        seed=seed,
        threads=threads,
        tracking_uri=tracking_uri,
        study=study,
        ceiling_rows=ceiling_rows,
        seeds=seeds,
        searches=searches,
        result_delay_s=None if result_delay is None else round(result_delay * _DAY_S),
        windows=_shares(windows),
        lanes=(_share(red), _share(yellow)),
        cache=cache,
        track=not no_tracking,
        params=_params(param or []),
    )
    if known_at is not None and not from_store:
        raise WrongUse("--known-at needs --from-store; a file states in inspected_at when its results were known.")
    _check_readable(data, mapping, holdout)
    try:
        config.check()
    except BadData as error:
        # The files exist, so the cause is a contradiction between options.
        raise WrongUse(str(error)) from None
    source = None
    if from_store:
        from service.training.from_store import source_of

        source = source_of(known_at, config.result_delay_s)
    result = train_model(config, console=to_stderr(), source=source)
    print_metrics(result.metrics, to_stdout())
    typer.echo(f"Model {result.model.version}, digest {result.digest}" + (f", bundle {bundle}" if bundle else ""))
    if result.registered_version is not None:
        typer.echo(f"Registered as version {result.registered_version}: tidewaiter promote {result.registered_version}")


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100.0


def _shares(text: str | None) -> tuple[float, ...] | None:
    """Return the shares of the windows from the text of an option.

    Raises:
        WrongUse: the text is not a list of numbers.
    """
    from service.core.commands import WrongUse

    try:
        return None if text is None else tuple(float(one) for one in text.split(","))
    except ValueError:
        raise WrongUse(f"--windows is a list of numbers such as 50,10,12,10,18, got {text!r}") from None


def _params(given: list[str]) -> BoostingParams:
    """Return the default parameters of the boosters, changed by options of the form NAME=VALUE.

    Raises:
        WrongUse: a parameter is unknown, or its value is not a number.
    """
    from dataclasses import replace

    from service.core.commands import WrongUse
    from training.fitting.params import BoostingParams

    params = BoostingParams()
    changes: dict[str, float | int] = {}
    for one in given:
        name, _, value = one.partition("=")
        now = params.to_json().get(name)
        if now is None:
            raise WrongUse(f"--param: there is no parameter {name!r}; the parameters are {', '.join(params.to_json())}")
        try:
            changes[name] = type(now)(value)
        except ValueError:
            kind = "a whole number" if isinstance(now, int) else "a number"
            raise WrongUse(f"--param {name}: got {value!r}, but expected {kind}") from None
    return replace(params, **changes)  # type: ignore[arg-type]


def evaluate(  # noqa: PLR0913  # its options are the interface
    bundle: Annotated[Path | None, typer.Option("--bundle", metavar="DIR", help="Bundle that scores --data.")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="Labelled manifests.")] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Manifests with labels and scores.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures as JSON.")
    ] = None,
    mapping: MappingFile = None,
    label: Label = None,
    positive: Positive = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="FILE", help="True content, from `generate --truth`.")
    ] = None,
    authors: Annotated[
        bool,
        typer.Option(
            "--authors",
            help="Leave out each author's world in turn, and test models of the other worlds on this world.",
        ),
    ] = False,
    seed: Seed = 0,
    threads: Threads = 2,
) -> None:
    """Compare scores with labels: --bundle with --data, or --predictions alone. --authors compares models on unseen worlds."""
    import json

    from features.readers import ColumnMapping
    from service.core.commands import WrongUse, environment, load_model, to_stdout
    from training.evaluation.run_evaluation import FileLabels, evaluate_file, evaluate_predictions
    from training.reports.report import print_metrics

    if authors:
        if any(option is not None for option in (bundle, data, predictions, mapping, label, positive, truth)):
            raise WrongUse("--authors uses its own worlds; omit --bundle, --data, --predictions and their options.")
        _evaluate_authors(json_file, threads)
        return
    if predictions is not None:
        if bundle is not None or data is not None or mapping is not None:
            raise WrongUse("--predictions contains scores and cannot be combined with --bundle, --data or --mapping.")
        _check_readable(predictions, truth)
        report = evaluate_predictions(predictions, label=label, positive=positive, truth=truth, seed=seed)
    elif bundle is not None and data is not None:
        _check_readable(data, mapping, truth)
        report = evaluate_file(
            load_model(bundle),
            data,
            FileLabels(
                mapping=ColumnMapping.load(mapping) if mapping else None, label=label, positive=positive, truth=truth
            ),
            settings=environment().score_settings(),
            threads=threads,
            seed=seed,
        )
    else:
        raise WrongUse("Give --bundle DIR with --data FILE, or --predictions FILE.")
    if json_file is not None:
        json_file.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    print_metrics(report, to_stdout())


def _check_readable(*files: Path | None) -> None:
    """Open and close the files, so that a missing or unreadable file is reported before the work starts."""
    for file in files:
        if file is not None:
            file.open("rb").close()


def _evaluate_authors(json_file: Path | None, threads: int) -> None:
    import json

    from service.core.commands import to_stderr, to_stdout
    from service.core.memory import keep_memory_small

    keep_memory_small()
    from training.authors.learning import ResidualParams
    from training.authors.leaving_out import Authors, best_scores, leave_each_out, report
    from training.authors.report import further_tables, table_of
    from training.progress import StageLog

    log = StageLog(to_stderr())
    with log.stage("Worlds") as progress:
        loaded = Authors.load(progress=progress)
    with log.stage("Leaving each author out") as progress:
        results = leave_each_out(loaded, ResidualParams(threads=threads), progress)
    with log.stage("Figures") as progress:
        figures = report(results, best_scores(results, threads=threads, progress=progress))
    for table in (table_of(figures), *further_tables(figures)):
        to_stdout().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n", encoding="utf-8")
