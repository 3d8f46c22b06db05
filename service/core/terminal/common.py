"""Options, settings, models and the database, for several commands."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
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
    from service.core.terminal.errors import WrongUse

    try:
        return from_environment(**options)
    except ValidationError as error:
        messages = []
        for part in error.errors():
            name = str(part["loc"][0]) if part["loc"] else ""
            origin = (
                f"--{name}" if options.get(name) is not None else f"TIDEWAITER_{name.removeprefix(_PREFIX).upper()}"
            )
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
    from service.core.terminal.errors import WrongUse

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
