"""``tidewaiter score`` and ``tidewaiter validate``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.common import FILE_FORMATS, ExcelSafe

if TYPE_CHECKING:
    from models.scoring import Explain, RiskModel, ScoreSettings
    from service.files.batch import BatchReport
    from service.files.options import Keep
    from service.settings import Settings

#: Who did it, in decisions and in the audit chain.
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
    typer.Option("--rules", metavar="FILE|none", help="Rules in addition to the bundle's; `none` switches all off."),
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
            metavar="bundle|none|FILE",
            help="Start with the bundle's history, without history, or after a replay of an earlier manifest file.",
        ),
    ] = "bundle",
    sort: Annotated[
        bool, typer.Option("--sort", help="Score in order of declared_at; rows are written in the order of the file.")
    ] = False,
    rules: RulesFile = None,
    register: RegisterFile = None,
    excel_safe: ExcelSafe = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if any row is rejected.")] = False,
    store: Annotated[
        bool, typer.Option("--store", help="Keep each shipment's decision in the database of TIDEWAITER_DATABASE_URL.")
    ] = False,
    lists: Annotated[
        bool,
        typer.Option(
            "--lists",
            help="Apply the watch lists and permits of the database of TIDEWAITER_DATABASE_URL, as the service does.",
        ),
    ] = False,
) -> int:
    """Score a file: append risk, lane and reasons to its columns. Rows keep their order."""
    from features.compiled import slowness
    from service.cli.common import environment, load_model
    from service.cli.console import to_stderr
    from service.cli.errors import SOME_REJECTED
    from service.memory import keep_memory_small
    from service.substances.chemistry import chemistry

    keep_memory_small()
    settings = environment(rules=rules, permit_register=register, excel_safe=excel_safe or None)
    model = load_model(bundle)
    asked = Asked(mapping, rejects, explain.value, past=Past(history, sort), office=Office(store, lists))
    report = score_into(source, target, model, asked, settings)
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
    """Use of the database of the settings for a file.

    Attributes:
        store: whether it keeps the decisions. They do not enter the history of the service.
        lists: whether its watch lists, dismissals, suppressions and permits apply.
    """

    store: bool = False
    lists: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """The history of a file.

    Attributes:
        start: ``bundle`` (its snapshot), ``none``, or the path of an earlier manifest file that is replayed on the snapshot.
        in_time_order: whether the history advances in order of ``declared_at``.
    """

    start: str = "bundle"
    in_time_order: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of a file's scoring.

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
    source: Path, target: Path, model: RiskModel, asked: Asked, settings: Settings | None = None
) -> BatchReport:
    """Score a file with a progress bar.

    Args:
        model: scores the file and advances its history, so do not reuse it for another file.
        settings: by default those of the environment.

    Raises:
        BadDatabase, DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the database cannot be used.
        WrongUse: the database is asked for, and the store is switched off.
        Unreadable, MappingError, OutputRefused: see `service.files.batch.score_file`.
    """
    import os

    from features.groups.history.history import History
    from features.readers import ColumnMapping
    from service.cli.common import environment
    from service.cli.console import row_progress
    from service.files.batch import score_file
    from service.files.options import ScoreOptions
    from service.memory import long_lived_objects
    from service.substances.chemistry import set_up

    past, office = asked.past, asked.office
    settings = environment() if settings is None else settings
    set_up(settings)
    of_scores = _with_lists(settings) if office.lists else settings.score_settings()
    keeping = _keeping(model, settings) if office.store else contextlib.nullcontext()
    with keeping as keep, long_lived_objects(), row_progress(source.name) as progress:
        return score_file(
            source,
            target,
            model,
            ScoreOptions(
                mapping=ColumnMapping.load(asked.mapping) if asked.mapping else None,
                explain=asked.explain,
                settings=of_scores,
                threads=min(8, os.cpu_count() or 1),
                top=asked.top,
                excel_safe=settings.excel_safe,
                history_file=None if past.start in ("bundle", "none") else Path(past.start),
                in_time_order=past.in_time_order,
                keep=keep,
            ),
            history=History.empty() if past.start == "none" else model.history,
            rejects_path=asked.rejects,
            progress=progress,
        )


def _with_lists(settings: Settings) -> ScoreSettings:
    """Return the settings of scores with the lists that are in force now. They apply to the whole file."""
    from service.cli.common import open_database
    from service.lists.current import CurrentLists

    with open_database(existing=True) as database:
        current = CurrentLists(settings.score_settings(), database)
        current.refresh()
    return current.settings


@contextlib.contextmanager
def _keeping(model: RiskModel, settings: Settings) -> Iterator[Keep]:
    """Open the store of the settings, and yield the function that keeps the decisions of a chunk."""
    from models.bundle.audit import features_digest
    from service.cli.errors import WrongUse
    from service.scoring.recording import Receipt, keeper
    from service.store.store import Store

    if not settings.keeps_decisions:
        raise WrongUse("--store: the store is switched off by TIDEWAITER_STORE.")
    store = Store(settings.database_url.get_secret_value())
    try:
        store.start()
        yield keeper(store, features_digest(model.space.names), Receipt("file", _ACTOR), what_if=False)
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
    from service.cli.console import row_progress
    from service.cli.errors import SOME_REJECTED
    from service.files.validate import validate_file

    with row_progress(source.name) as progress:
        report = validate_file(source, ColumnMapping.load(mapping) if mapping else None, progress=progress)
    report.print(Console(highlight=False))
    return SOME_REJECTED if strict and report.refused else 0
