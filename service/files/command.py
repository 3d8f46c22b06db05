"""``tidewaiter score`` and ``tidewaiter validate``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.core.commands import FILE_FORMATS, ExcelSafe

if TYPE_CHECKING:
    from features.groups.history.history import History
    from models.scoring import Explain, RiskModel, ScoreSettings
    from service.core.settings import Settings
    from service.files.batch import BatchReport
    from service.files.options import Keep

#: Actor in decisions and in the audit chain.
_ACTOR = "tidewaiter score"

In = Annotated[Path, typer.Argument(metavar="IN", help=f"{FILE_FORMATS}.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE.toml", help="Renames and converts the columns of IN.")
]
BundleDir = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="DIR", help="Default: the version in service, or the bundled champion."),
]


RulesFile = Annotated[
    str | None,
    typer.Option(
        "--rules", metavar="FILE|none", help="Rules in addition to those of the bundle; `none` switches all rules off."
    ),
]
RegisterFile = Annotated[
    Path | None, typer.Option("--register", metavar="FILE", help="The office's register of permits, a CSV file.")
]


class ExplainChoice(StrEnum):
    """Shipments that get reasons."""

    none = "none"
    shown = "shown"
    all = "all"


def score(  # noqa: PLR0913  # its options are the interface
    source: In,
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Its ending determines the format: .csv .jsonl .parquet ...")
    ],
    bundle: BundleDir = None,
    mapping: MappingFile = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Default: OUT.rejects.csv, written if a row is rejected."),
    ] = None,
    explain: Annotated[
        ExplainChoice,
        typer.Option("--explain", help="Shipments that get reasons: none, shown (red and yellow) or all."),
    ] = ExplainChoice.shown,
    history: Annotated[
        str,
        typer.Option(
            "--history",
            metavar="bundle|none|store|FILE",
            help="Start with the history of the bundle, without history, with that of the service in the database "
            "(TIDEWAITER_DATABASE_URL), or after replaying an earlier manifest file.",
        ),
    ] = "bundle",
    sort: Annotated[
        bool, typer.Option("--sort", help="Score in order of declared_at. The output keeps the order of the file.")
    ] = False,
    rules: RulesFile = None,
    register: RegisterFile = None,
    excel_safe: ExcelSafe = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if any row is rejected.")] = False,
    store: Annotated[
        bool,
        typer.Option("--store", help="Store the decision on each shipment in the database (TIDEWAITER_DATABASE_URL)."),
    ] = False,
    no_queue: Annotated[
        bool, typer.Option("--no-queue", help="With --store: leave the queue and the webhooks alone.")
    ] = False,
    lists: Annotated[
        bool,
        typer.Option(
            "--lists",
            help="Apply watch lists, dismissals, suppressions and permits of the database (TIDEWAITER_DATABASE_URL), as the "
            "service does.",
        ),
    ] = False,
) -> int:
    """Score a file: append risk, lane and reasons to its columns. Rows keep their order."""
    from features.compiled import slowness
    from service.core.chemistry import chemistry
    from service.core.commands import SOME_REJECTED, WrongUse, environment, load_model, to_stderr
    from service.core.memory import keep_memory_small

    keep_memory_small()
    if no_queue and not store:
        raise WrongUse("--no-queue needs --store; without it, the queue does not change.")
    settings = environment(rules=rules, permit_register=register, excel_safe=excel_safe or None)
    model = load_model(bundle)
    options = FileScoring(
        mapping, rejects, explain.value, past=Past(history, sort), office=Office(store, lists, not no_queue)
    )
    report = score_into(source, target, model, options, settings)
    console = to_stderr()
    problem = chemistry()["problem"]
    for note in (*report.notes, *filter(None, (problem, slowness()))):
        console.print(f"Note: {note}", markup=False)
    lanes = ", ".join(f"{count:,} {lane}" for lane, count in report.by_lane.items())
    console.print(
        f"{report.rows_in:,} rows in, {report.rows_out:,} out, {report.rows_rejected:,} rejected; "
        f"{report.shipments:,} shipments: {lanes}; {report.rows_warned:,} rows with a warning. "
        f"{report.rows_per_second:,.0f} rows/s. {target}",
        markup=False,
    )
    if report.rows_late:
        advice = "" if sort else "; `--sort` scores them in order of time"
        console.print(
            f"Late: {report.rows_late:,} rows were declared before shipments that the history already contained{advice}.",
            markup=False,
        )
    if report.lane_warning is not None:
        console.print(f"Warning: {report.lane_warning}", markup=False)
    if report.rejects_path is not None:
        console.print(f"Rejected rows, each with its line and reason: {report.rejects_path}", markup=False)
    return SOME_REJECTED if strict and report.rows_rejected else 0


@dataclass(frozen=True, slots=True)
class Office:
    """Use of the office's database when a file is scored.

    Attributes:
        store: whether to store the decisions. They do not enter the history of the service.
        lists: whether to apply the watch lists, dismissals, suppressions and permits.
        queue: whether stored decisions change the queue and send messages to webhooks.
    """

    store: bool = False
    lists: bool = False
    queue: bool = True


@dataclass(frozen=True, slots=True)
class Past:
    """History with which a file is scored.

    Attributes:
        start: ``bundle`` (its snapshot), ``none``, ``store`` (that of the service), or the path of an earlier manifest file, which
            is replayed after the snapshot.
        in_time_order: whether the history advances in order of ``declared_at``.
    """

    start: str = "bundle"
    in_time_order: bool = False


@dataclass(frozen=True, slots=True)
class FileScoring:
    """Options for scoring a file.

    Attributes:
        mapping: file that assigns input columns to fields.
        rejects: file for rejected rows; by default beside the output.
        explain: shipments that get reasons.
        top: number of riskiest shipments in the report.
    """

    mapping: Path | None = None
    rejects: Path | None = None
    explain: Explain = "shown"
    top: int = 10
    past: Past = Past()
    office: Office = Office()


def score_into(
    source: Path, target: Path, model: RiskModel, options: FileScoring, settings: Settings | None = None
) -> BatchReport:
    """Score a file with a progress bar.

    Args:
        model: scores the file and advances its history, so do not reuse it for another file.
        settings: default: the settings of the environment.

    Raises:
        BadDatabase, DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the database cannot be used.
        WrongUse: ``options.office`` needs the database, but the store is switched off.
        Unreadable, MappingError, OutputRefused: see `service.files.batch.score_file`.
    """
    import os

    from features.readers import ColumnMapping
    from service.core.chemistry import set_up
    from service.core.commands import environment, row_progress
    from service.core.memory import long_lived_objects
    from service.files.batch import score_file
    from service.files.options import ScoreOptions

    past, office = options.past, options.office
    settings = environment() if settings is None else settings
    set_up(settings)
    score_settings = _office_settings(settings, model, lists=office.lists)
    storing = _storing(model, settings, what_if=not office.queue) if office.store else contextlib.nullcontext()
    with storing as keep, long_lived_objects(), row_progress(source.name) as progress:
        return score_file(
            source,
            target,
            model,
            ScoreOptions(
                mapping=ColumnMapping.load(options.mapping) if options.mapping else None,
                explain=options.explain,
                settings=score_settings,
                threads=min(8, os.cpu_count() or 1),
                top=options.top,
                excel_safe=settings.excel_safe,
                history_file=None if past.start in ("bundle", "none", "store") else Path(past.start),
                in_time_order=past.in_time_order,
                keep=keep,
            ),
            history=_first_history(past.start, model, settings),
            rejects_path=options.rejects,
            progress=progress,
        )


def _first_history(start: str, model: RiskModel, settings: Settings) -> History:
    """Return the history before the first row, without an earlier file (`Past.start`)."""
    from service.core.commands import open_database

    if start == "store":
        from service.history.replay import stored_history

        with open_database(existing=True) as database:
            return stored_history(database, settings, model.history)
    return type(model.history).empty() if start == "none" else model.history


def _office_settings(settings: Settings, model: RiskModel, *, lists: bool) -> ScoreSettings:
    """Return the score settings with the lists and the plan of a capacity that are in force now. They apply to the whole file.

    A store that does not exist has no plan. A note then says so.
    """
    from service.capacity.current import CurrentCapacity
    from service.core.commands import open_database, to_stderr
    from service.core.database.engine import NoDatabase
    from service.lists.current import CurrentLists
    from service.proposals.current import CurrentProposals

    planned = settings.capacity is not None and settings.keeps_decisions
    if not lists and not planned:
        return settings.score_settings()
    current = CurrentLists(settings.score_settings(), None)
    with (
        contextlib.nullcontext() if lists else contextlib.suppress(NoDatabase),
        open_database(existing=True) as database,
    ):
        if lists:
            current = CurrentLists(settings.score_settings(), database)
            current.refresh()
            CurrentProposals(database, current).refresh()
        CurrentCapacity(settings, database, current).prepare(model)
    if planned and current.settings.capacity is None:
        to_stderr().print(
            "Note: the store has no day of traffic for a plan of the capacity yet; lanes are those of the bundle."
        )
    return current.settings


@contextlib.contextmanager
def _storing(model: RiskModel, settings: Settings, *, what_if: bool) -> Iterator[Keep]:
    """Open the store of the settings, and yield the function that stores the decisions of a chunk."""
    from models.bundle.audit import features_digest
    from service.core.commands import WrongUse
    from service.decisions.store import Store
    from service.scoring.recording import Receipt, keeper

    if not settings.keeps_decisions:
        raise WrongUse("--store: the store is switched off by TIDEWAITER_STORE.")
    store = Store(settings.database_url.get_secret_value())
    try:
        store.start()
        yield keeper(store, features_digest(model.space.names), Receipt("file", _ACTOR), what_if=what_if)
    finally:
        store.close()


def validate(
    source: In,
    mapping: MappingFile = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if any row would be rejected.")] = False,
) -> int:
    """Report which columns of a file are recognised, guessed, missing or lost, without scoring it."""
    from rich.console import Console

    from features.readers import ColumnMapping
    from service.core.commands import SOME_REJECTED, row_progress
    from service.files.validate import validate_file

    with row_progress(source.name) as progress:
        report = validate_file(source, ColumnMapping.load(mapping) if mapping else None, progress=progress)
    report.print(Console(highlight=False))
    return SOME_REJECTED if strict and report.refused else 0


COMMANDS = (score, validate)
