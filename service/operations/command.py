"""``tidewaiter serve`` and ``tidewaiter demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from service.core.settings import Settings
    from service.files.batch import BatchReport
    from service.files.chunk_scorer import RiskyShipment

#: Invented manifests; see `service/samples/README.md` for their origin.
SAMPLE: Final = Path(__file__).resolve().parents[1] / "samples" / "manifests.csv"

#: Folder of the store of `tidewaiter demo`.
DEMO_STORE: Final = Path("out/demo")

_LANE_STYLES: Final = {"red": "bold red", "yellow": "yellow", "green": "green"}

Host = Annotated[str | None, typer.Option("--host", help="Default: 127.0.0.1, this machine only.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Default: 8000.")]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Number of processes, each with a separate history. Default: 1."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="FILE",
            help="Earlier manifests that fill the history first, unless the store has a history already.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE.toml", help="Renames and converts the columns of --history."),
    ] = None,
) -> None:
    """Serve the API until Ctrl-C. Its documentation is at /docs."""
    from service.core.commands import environment

    _serve(environment(host=host, port=port, workers=workers, history_file=history, history_mapping=mapping))


def _serve(settings: Settings) -> None:
    """Serve with some settings until Ctrl-C."""
    from models.bundle import resolve, verify
    from service.core.commands import WrongUse, to_stderr
    from service.core.settings import unknown_variables
    from service.scoring.model_host import load_current
    from service.server import PortTaken, run

    for name in unknown_variables():
        to_stderr().print(f"Note: {name} is not a setting and has no effect.", markup=False)
    if (problem := settings.access_problem()) is not None:
        raise WrongUse(problem)
    # Check the bundle first, because a service without a valid bundle would answer every request with 503.
    loaded = None
    scoring = settings.score_settings()
    if settings.workers == 1:
        loaded = load_current(settings.store())
        heads, bundled = loaded.model.heads, loaded.model.base_rates
        loaded.model.rulebook(scoring)
    else:
        heads = verify(resolve(settings.models_dir), public_key=settings.public_key).heads
        bundled = dict.fromkeys(heads, 0.0)
    try:
        scoring.rates_for(heads, bundled)
    except ValueError as error:
        raise WrongUse(f"TIDEWAITER_BASE_RATES: {error}") from None
    if settings.history_file is not None:
        _check_readable(settings.history_file, settings.history_mapping)
    if settings.keeps_decisions:
        _prepare(settings)
    try:
        run(settings, loaded)
    except PortTaken as error:
        raise WrongUse(str(error)) from None


def _check_readable(file: Path, mapping: Path | None) -> None:
    """Read the head of an earlier manifest file, so that an error ends the command with one line.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    from features.readers import ColumnMapping, open_table

    with open_table(file, mapping=ColumnMapping.load(mapping) if mapping else None):
        pass


def _prepare(settings: Settings) -> None:
    """Migrate the database to the current schema, and find or create the key of its history.

    Each worker does the same. Here an error ends the command with one line; with several workers, uvicorn would take a minute to
    notice that none starts.
    """
    from service.core.database.engine import Database
    from service.core.errors import DatabaseAway
    from service.history import key as history_key

    database = Database(settings.database_url.get_secret_value())
    try:
        database.migrate()
        history_key.establish(database, settings.history_secret, history_key.place_of(settings))
    except DatabaseAway:
        if settings.database_away == "refuse":
            raise
    finally:
        database.close()


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File for all scores.")] = Path("out/scores.csv"),
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Exit after printing the table.")] = False,
    host: Host = None,
    port: Port = None,
) -> None:
    """Score the bundled sample, show the riskiest shipments with their reasons, then serve a simulated office.

    The office's store, with six weeks of decisions and inspections, is in out/demo. Each start fills it anew, so that its last day
    ends now; this takes some seconds. Your own store is not touched.
    """
    from service.core.commands import load_model
    from service.files.command import FileScoring, score_into

    out.parent.mkdir(parents=True, exist_ok=True)
    model = load_model(None)
    report = score_into(SAMPLE, out, model, FileScoring(rejects=out.with_name(f"{out.stem}.rejects.csv"), top=8))
    show_riskiest(report, out)
    if not no_serve:
        _serve_office(host, port)


def _serve_office(host: str | None, port: int | None) -> None:
    """Fill the store of a simulated office, and serve it."""
    import shutil

    from service.core.commands import WrongUse, environment, row_progress, to_stderr
    from service.core.database.engine import Database
    from service.core.logs import configure
    from service.operations.demo import CAPACITY, fill
    from service.server import PortTaken, check_address

    database_file = DEMO_STORE / "tidewaiter.db"
    settings = environment(
        host=host,
        port=port,
        workers=1,
        keeps_decisions=True,
        database_url=f"sqlite:///{database_file}",
        database_away="refuse",
        journal_dir=DEMO_STORE / "journal",
        jobs_dir=DEMO_STORE / "jobs",
        first_key_file=DEMO_STORE / "administrator-key",
        capacity=CAPACITY,
        random_share=0.0,
    )
    try:
        check_address(settings.host, settings.port)
    except PortTaken as error:
        raise WrongUse(str(error)) from None
    DEMO_STORE.mkdir(parents=True, exist_ok=True)
    for old in (*DEMO_STORE.glob(f"{database_file.name}*"), DEMO_STORE / "history-key"):
        old.unlink(missing_ok=True)
    second = DEMO_STORE / "adapted"
    shutil.rmtree(second, ignore_errors=True)
    configure("error")
    database = Database(settings.database_url.get_secret_value())
    try:
        database.migrate()
        with row_progress("simulated office") as advance:
            filled = fill(database, settings, progress=lambda done, total: advance(done, total, done), second=second)
    finally:
        database.close()
    console = to_stderr()
    inspections, finds = sum(filled.outcomes.values()), sum(map(len, filled.finds.values()))
    console.print(
        f"A simulated office with {filled.decisions:,} decisions, {inspections} inspections and {finds} finds is in {DEMO_STORE}.",
        markup=False,
    )
    address = f"http://{settings.host}:{settings.port}/"
    console.print(f"Officers' console: {address} (API: {address}docs). Press Ctrl-C to stop.", markup=False)
    _serve(settings)


def show_riskiest(report: BatchReport, out: Path, console: Console | None = None) -> None:
    """Print the riskiest shipments of a scored file, 80 columns wide, a summary, and the path ``out`` of all scores."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = console or Console(highlight=False)
    table = Table(title="Riskiest shipments", title_justify="left", show_lines=True, expand=False)
    table.add_column("Shipment", no_wrap=True)
    table.add_column("Risk", justify="right", no_wrap=True)
    table.add_column("Lane", no_wrap=True)
    table.add_column("Strongest evidence for", overflow="fold", max_width=56)
    for shipment in report.riskiest:
        lane = f"[{_LANE_STYLES[shipment.lane]}]{shipment.lane}[/]"
        reasons = "\n".join(f"- {escape(reason)}" for reason in shipment.reasons) or "not explained (green)"
        table.add_row(escape(shipment.shipment_id), _risk(shipment), lane, reasons)
    console.print(table)
    lanes = ", ".join(f"{count:,} {lane}" for lane, count in report.by_lane.items())
    console.print(
        f"{report.rows_in:,} rows, {report.shipments:,} shipments: {lanes}. Risk is the probability of illicit content "
        f"at the base rate in use. All scores: {out}",
        markup=False,
    )
    if report.rows_rejected:
        console.print(f"Rows that cannot be read: {report.rows_rejected}; reasons: {report.rejects_path}", markup=False)


def _risk(shipment: RiskyShipment) -> str:
    """Return three lines: the risk, the expected number of such shipments per find, and the rank among reference traffic."""
    return f"{shipment.risk:.2g}\n1 in {shipment.one_in:,}\nrank 1 in {shipment.rank_one_in:,}"


COMMANDS = (serve, demo)
