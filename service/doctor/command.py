"""``tidewaiter doctor``: checks of this installation, with remedies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from service.core.settings import Settings
    from service.keys.key import Key

#: Free bytes required in a folder, for the largest upload and its result.
_MIN_FREE_BYTES: Final = 1 << 30
#: Open files required by a worker: for connections, pipes of OPSIN, uploads and bundles.
_MIN_OPEN_FILES: Final = 1024
#: Memory of one worker after some traffic, in bytes.
_WORKER_BYTES: Final = 400 << 20
_DAY_S: Final = 86400


class CheckFailed(Exception):
    """Error of a check that found a problem. The message states problem and remedy."""


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one check."""

    name: str
    sound: bool
    detail: str


def doctor() -> int:
    """Check model, reference data, OPSIN, disk, limits, settings, clock, database and keys. Exit status 5 if a check fails."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from service.core.terminal.console import to_stdout
    from service.core.terminal.errors import CHECK_FAILED

    results = examine()
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for result in results:
        status = Text("sound", style="green") if result.sound else Text("FAILED", style="bold red")
        table.add_row(result.name, status, Text(result.detail))
    to_stdout().print(table)
    return 0 if all(result.sound for result in results) else CHECK_FAILED


def examine() -> list[Result]:
    """Run all checks, even if some fail, and return their results."""
    from service.core.settings import Settings
    from service.core.terminal.common import environment
    from service.core.terminal.errors import WrongUse

    try:
        settings, wrong = environment(), None
    except WrongUse as error:
        # Check the rest with the defaults.
        settings, wrong = Settings.model_construct(), str(error)

    def check_settings(_: Settings) -> str:
        return _settings(wrong)

    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("settings", check_settings),
        ("model", _model),
        ("reference data", _reference_data),
        ("OPSIN", _opsin),
        ("compiled modules", _compiled),
        ("disk", _disk),
        ("limits", _limits),
        ("clock", _clock),
        ("database", _database),
        ("keys", _keys),
    )
    results = []
    for name, check in checks:
        try:
            results.append(Result(name, True, check(settings)))
        except Exception as error:
            detail = str(error) if isinstance(error, CheckFailed) else f"{type(error).__name__}: {error}"
            results.append(Result(name, False, detail))
    return results


def _settings(wrong: str | None) -> str:
    from service.core.settings import unknown_variables

    if wrong is not None:
        raise CheckFailed(f"{wrong} The other checks use the defaults.")
    unknown = unknown_variables()
    if unknown:
        raise CheckFailed(f"{', '.join(unknown)}: no such setting; it has no effect.")
    return "all known and valid"


def _model(settings: Settings) -> str:
    from features.manifest.records import read_record
    from features.table.table import ManifestTable
    from service.core.examples import EXAMPLE_SHIPMENT

    store = settings.store()
    if (lost := store.lost_pointer()) is not None:
        raise CheckFailed(lost)
    model = store.load()
    table = ManifestTable.from_records([read_record(EXAMPLE_SHIPMENT)])
    scores = model.score(table, model.history.copy(), explain="all", settings=settings.score_settings())
    if not 0.0 < scores.risk[0] < 1.0:
        raise CheckFailed(f"The example shipment has the risk {scores.risk[0]}.")
    signed = "signed" if settings.public_key is not None else "signature not required"
    return f"{model.name} {model.version}, digest {model.digest[:12]}, {signed}, predictor {model.predictor}"


def _reference_data(_: Settings) -> str:
    from features.goods.answers import goods_reader
    from features.substances import Substances

    match = Substances.load().match("fentanyl citrate", chemical=True)
    if match is None or not match.hit:
        raise CheckFailed("The tables of substances do not contain fentanyl; install the package again.")
    (answer,) = goods_reader().classify(["cotton t-shirt"], [None])
    return f"substances resolve; goods are classified (cotton t-shirt: chapter {answer.chapters[0].code})"


def _opsin(settings: Settings) -> str:
    from service.core.chemistry import chemistry, set_up

    if not settings.opsin:
        return "switched off by TIDEWAITER_OPSIN: systematic names are not read, and items that contain them are at least yellow"
    from features.substances import opsin

    set_up(settings)
    if opsin().smiles("ethanol") != "C(C)O":
        raise CheckFailed(
            f"{chemistry()['problem'] or 'OPSIN does not read ethanol.'} Items with systematic names are at least yellow."
        )
    return f"reads names; started in {opsin().started_in_s or 0.0:.1f} s"


def _compiled(_: Settings) -> str:
    from features.compiled import slowness

    slow = slowness()
    if slow is not None:
        raise CheckFailed(slow)
    return "in use"


def _disk(settings: Settings) -> str:
    import os
    import shutil
    import tempfile
    from pathlib import Path

    details = []
    uploads = settings.upload_dir or Path(tempfile.gettempdir())
    for label, folder in (("models", settings.models_dir), ("uploads", uploads)):
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not os.access(existing, os.W_OK):
            raise CheckFailed(f"{label}: {existing} cannot be written.")
        free = shutil.disk_usage(existing).free
        if free < _MIN_FREE_BYTES:
            raise CheckFailed(f"{label}: {free / 2**30:.1f} GiB are free in {existing}; 1 GiB is needed.")
        details.append(f"{label}: {free / 2**30:.0f} GiB free in {existing}")
    return "; ".join(details)


def _limits(settings: Settings) -> str:
    import os
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < _MIN_OPEN_FILES:
        raise CheckFailed(f"{files} open files are allowed; {_MIN_OPEN_FILES:,} are needed (ulimit -n).")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = settings.workers * _WORKER_BYTES
    if memory < needed:
        raise CheckFailed(f"{memory >> 20} MiB of memory; {settings.workers} workers need {needed >> 20} MiB.")
    return (
        f"{files:,} open files, {memory >> 30} GiB of memory, {os.cpu_count()} processors, workers: {settings.workers}"
    )


def _clock(settings: Settings) -> str:
    import datetime as dt

    from models.bundle import describe, resolve

    now = dt.datetime.now(dt.UTC)
    created = dt.datetime.fromisoformat(describe(resolve(settings.models_dir)).created_at)
    created = created if created.tzinfo else created.replace(tzinfo=dt.UTC)
    if (created - now).total_seconds() > _DAY_S:
        raise CheckFailed(
            f"The clock shows {now:%Y-%m-%d %H:%M} UTC, before the model was made ({created:%Y-%m-%d}). Declared times would "
            "count as future. Set the clock."
        )
    return f"{now:%Y-%m-%d %H:%M} UTC, after the model was made ({created:%Y-%m-%d})"


def _database(settings: Settings) -> str:
    from service.core.database.engine import SCHEMA, Database, exists
    from service.history import key as history_key
    from service.history.sealing import WrongKey

    if not settings.keeps_decisions:
        return "switched off by TIDEWAITER_STORE: nothing is stored"
    if not exists(settings.database_url.get_secret_value()):
        return "does not exist yet; the first start creates it"
    database = Database(settings.database_url.get_secret_value())
    try:
        revision = database.revision()
        if revision == SCHEMA:
            with database.read() as connection:
                history_key.check(connection, history_key.secret_of(settings))
    except WrongKey as error:
        place = "TIDEWAITER_HISTORY_KEY" if settings.history_secret else history_key.place_of(settings)
        raise CheckFailed(f"{error} See {place}.") from None
    finally:
        database.close()
    if revision is not None and revision > SCHEMA:
        raise CheckFailed(f"The database has the schema {revision} of a newer version; this version needs {SCHEMA}.")
    name = "SQLite" if database.is_sqlite else "PostgreSQL"
    return f"{name} answers; its schema {'is current' if revision == SCHEMA else 'will be updated at the next start'}"


def _keys(settings: Settings) -> str:
    from service.core.database.times import now_us
    from service.keys.keys_file import read_keys

    if (problem := settings.access_problem()) is not None:
        raise CheckFailed(problem)
    if not settings.needs_keys:
        return f"not needed on {settings.host or 'this machine'}"
    file = settings.keys_file
    all_keys = [] if file is None else read_keys(file)
    if settings.keeps_decisions:
        all_keys += _stored_keys(settings)
    # A service uses one of several keys with the same prefix.
    valid = len({key.prefix for key in all_keys if key.is_valid(now_us())})
    if valid == 0 and (all_keys or file is not None):
        raise CheckFailed(
            "No key is valid, so every request will be refused; make a key with `tidewaiter keys create`."
        )
    return f"{valid} valid" if valid else "none yet; the first start makes one"


def _stored_keys(settings: Settings) -> list[Key]:
    """Return the keys of the database; an empty list if it does not exist yet or its schema is not current."""
    from service.core.database.engine import SCHEMA, Database, exists
    from service.keys import repository as keys

    if not exists(settings.database_url.get_secret_value()):
        return []
    database = Database(settings.database_url.get_secret_value())
    try:
        return keys.every(database) if database.revision() == SCHEMA else []
    finally:
        database.close()


COMMANDS = (doctor,)
