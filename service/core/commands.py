"""Shared parts of the commands: options, output, progress, and the exit status of errors."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from models.scoring import RiskModel
    from service.core.database.engine import Database
    from service.core.settings import Settings

_PREFIX = "TIDEWAITER_"

#: Formats of the files that commands read and write, in help texts.
FILE_FORMATS = "CSV, TSV, JSONL (each may be gzipped) or Parquet"

#: Option of commands whose output files contain texts of the input.
ExcelSafe = Annotated[
    bool,
    typer.Option("--excel-safe", help="Write an apostrophe before cells that a spreadsheet would evaluate (CSV, TSV)."),
]


def environment(**options: Any) -> Settings:
    """Return the settings of the environment, overridden by the options of the command line.

    Raises:
        WrongUse: a value is invalid; the message names the variable or the option.
    """
    from pydantic import ValidationError

    from service.core.settings import from_environment

    try:
        return from_environment(**options)
    except ValidationError as error:
        messages = []
        for part in error.errors():
            name = str(part["loc"][0]) if part["loc"] else ""
            origin = (
                f"--{name}" if options.get(name) is not None else f"TIDEWAITER_{name.removeprefix(_PREFIX).upper()}"
            )
            # Parts of a setting are keys of its section in the file.
            inner = ".".join(str(one) for one in part["loc"][1:2])
            origin += f" (key {inner})" if inner else ""
            messages.append(f"{origin}: {part['msg']}, got {part.get('input')!r}" if name else part["msg"])
        raise WrongUse("; ".join(messages)) from None
    except ValueError as error:
        # pydantic-settings has its own error type for values that are not JSON, which names the field in quotation marks.
        named = re.search(r'field "(\w+)"', str(error))
        if named is None:
            raise WrongUse(str(error)) from None
        problem = "the value is not JSON; docs/operations.md has examples."
        raise WrongUse(f"{_PREFIX}{named[1].upper()}: {problem}") from None


def load_model(bundle: Path | None) -> RiskModel:
    """Load the bundle in a folder. Without a folder, load the version in service or the bundled champion.

    Raises:
        BundleRefused: the bundle is missing or altered, or has another feature list or protocol.
        StoreError: the store's pointer is damaged.
    """
    from models.bundle import load

    settings = environment()
    if bundle is None:
        return settings.store().load()
    return load(bundle, kernels=settings.kernels, public_key=settings.public_key)


@contextlib.contextmanager
def open_database(*, existing: bool = False) -> Iterator[Database]:
    """Open the database of the settings, with the latest schema, and close it at the end of the context.

    Args:
        existing: True: refuse a database that does not exist yet, for commands that read, remove or erase. With a wrong URL or
            folder, an empty database would look like success.

    Raises:
        BadDatabase: the URL is invalid, or the schema is newer than this version.
        DatabaseAway: the database does not answer.
        NoDatabase: the database does not exist, or has no tables.
        WrongUse: the store is switched off.
    """
    from service.core.database.engine import Database, open_existing

    settings = environment()
    if not settings.keeps_decisions:
        raise WrongUse("The store is switched off by TIDEWAITER_STORE.")
    url = settings.database_url.get_secret_value()
    database = open_existing(url) if existing else Database(url)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def to_stderr() -> Console:
    """Return a console for messages, on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def to_stdout() -> Console:
    """Return a console for results, on standard output. In a file or pipe it has at least 140 columns, enough for tables."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, 140))


def write_json(file: Path, value: Any) -> None:
    """Write a report as JSON, to standard output for ``-``."""
    import orjson

    content = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if file == Path("-"):
        typer.echo(content, nl=False)
    else:
        file.write_bytes(content)


@contextlib.contextmanager
def row_progress(what: str, *, total: int | None = None) -> Iterator[Callable[[int, int, int], None]]:
    """Show a progress bar with rows, rate and remaining time if standard error is a terminal.

    Yield a function that advances the bar. Its arguments are the bytes read so far, the size in bytes (0 if unknown) and the rows
    so far. If ``total``, a number of rows, is given, the bytes are ignored.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rows]:>11,} rows"),
        TextColumn("{task.fields[rate]:>9,.0f} rows/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total, rows=0, rate=0.0)

        def advance(done: int, size: int, rows: int) -> None:
            elapsed = progress.tasks[0].elapsed or 0.0
            values: dict[str, Any] = {"rows": rows, "rate": rows / elapsed if elapsed > 0 else 0.0}
            if total is not None:
                progress.update(task, completed=rows, **values)
            elif size > 0:
                progress.update(task, total=size, completed=min(done, size), **values)
            else:
                progress.update(task, total=None, **values)

        yield advance
        if progress.tasks[0].total is not None:
            progress.update(task, completed=progress.tasks[0].total)


SOME_REJECTED: Final = 1
WRONG_USE: Final = 2
UNREADABLE: Final = 3
BUNDLE_REFUSED: Final = 4
CHECK_FAILED: Final = 5
FAILED: Final = 70
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_NO_OPENMP: Final = (
    "LightGBM does not start because the system library libgomp (OpenMP) is missing. Install it: "
    "`apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp` (Fedora), `apk add libgomp` (Alpine), "
    "`brew install libomp` (macOS)."
)


class WrongUse(ValueError):
    """Error for options of a command that are invalid or contradict each other."""


def status_and_message(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the message of an error.

    Error types are looked up only in loaded modules, because other modules cannot have raised the error.
    """
    for status, module, name in _STATUSES:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            if isinstance(error.__cause__, Exception) and name == "PromotionRefused":
                return _status_of_cause(error.__cause__, status), str(error)
            return status, str(error)
    text = str(error)
    if isinstance(error, OSError) and ("libgomp" in text or "libomp" in text):
        return FAILED, _NO_OPENMP
    if isinstance(error, ModuleNotFoundError):
        extra = "train" if error.name in _TRAINING_PACKAGES else None
        hint = f"; it belongs to the extra `{extra}`: pip install '.[{extra}]' in the checkout" if extra else ""
        return WRONG_USE, f"The Python package {error.name!r} is not installed{hint}."
    if isinstance(error, BrokenPipeError):
        return 0, ""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return UNREADABLE, f"{where}{error.strerror}."
    return FAILED, f"{type(error).__name__}: {text} (run it again with --debug for the traceback)"


def _status_of_cause(cause: Exception, default: int) -> int:
    """Return `BUNDLE_REFUSED` if ``cause`` is a refused bundle, otherwise ``default``."""
    refused = getattr(sys.modules.get("models.bundle.bundle"), "BundleRefused", None)
    return BUNDLE_REFUSED if isinstance(refused, type) and isinstance(cause, refused) else default


_TRAINING_PACKAGES: Final = frozenset({"faker", "jinja2", "matplotlib", "mlflow", "pandera", "sklearn"})
_STATUSES: Final = (
    (WRONG_USE, "service.core.commands", "WrongUse"),
    (WRONG_USE, "features.readers.errors", "MappingError"),
    (WRONG_USE, "models.rules.rule", "RulesError"),
    (WRONG_USE, "models.permits", "RegisterError"),
    (WRONG_USE, "models.bundle.signature", "BadKey"),
    (WRONG_USE, "service.audit.heads", "BadHead"),
    (WRONG_USE, "service.backtests.shadow", "ShadowRefused"),
    (UNREADABLE, "features.readers.errors", "Unreadable"),
    (WRONG_USE, "service.files.output", "OutputRefused"),
    (FAILED, "service.files.output", "OutputFailed"),
    (BUNDLE_REFUSED, "models.bundle.bundle", "BundleRefused"),
    (CHECK_FAILED, "models.bundle.store", "AnotherLabel"),
    (CHECK_FAILED, "service.training.gate", "GateRefused"),
    (BUNDLE_REFUSED, "models.bundle.store", "StoreError"),
    (WRONG_USE, "service.core.database.engine", "BadDatabase"),
    (WRONG_USE, "service.history.key", "WrongKey"),
    (WRONG_USE, "service.history.key", "BadKeyFile"),
    (UNREADABLE, "service.core.database.engine", "NoDatabase"),
    (FAILED, "service.core.errors", "DatabaseAway"),
    (UNREADABLE, "service.keys.key", "BadKeysFile"),
    (WRONG_USE, "service.backup.content", "NotEmpty"),
    (UNREADABLE, "service.backup.content", "BadBackup"),
    (BUNDLE_REFUSED, "training.authors.lessons_file", "LessonsRefused"),
    (UNREADABLE, "training.data.dataset", "BadData"),
    (UNREADABLE, "training.data.labels", "BadLabels"),
    (UNREADABLE, "training.data.windows", "TooLittleData"),
    (WRONG_USE, "training.worlds.own.priors", "BadPrior"),
    (WRONG_USE, "training.registry.promotion", "PromotionRefused"),
    (WRONG_USE, "training.registry.runs", "UnknownRun"),
)
