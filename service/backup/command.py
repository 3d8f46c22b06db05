"""``tidewaiter backup`` and ``tidewaiter restore``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from service.backup.content import Summary

_OWNER_ONLY: Final = 0o600
#: Actor of a backup in the audit chain.
_ACTOR: Final = "tidewaiter backup"

File = Annotated[Path, typer.Argument(metavar="FILE")]


def backup(file: File) -> None:
    """Write the whole store to one compressed file; the service may run. The file contains personal data."""
    from service.backup.content import dump
    from service.core.database.changes import Backup, note_backup
    from service.core.database.engine import Database
    from service.core.terminal.common import environment
    from service.core.terminal.console import to_stderr
    from service.files.output import whole_file
    from service.history.key import place_of

    settings = environment()
    database = Database(settings.database_url.get_secret_value())
    try:
        database.migrate()
        with whole_file(file) as target:
            Path(target.name).chmod(_OWNER_ONLY)
            summary = dump(database, target, time.time_ns() // 1000)
        note_backup(database, Backup(summary.created_at, summary.digest), _ACTOR)
    finally:
        database.close()
    _report("Backed up", summary, file)
    if settings.history_secret is None:
        place = place_of(settings)
        to_stderr().print(
            f"The backup lacks the history key {place}: keep a copy of the key apart from the backup.",
            markup=False,
            soft_wrap=True,
        )


def restore(
    file: File,
    other_key: Annotated[
        bool,
        typer.Option(
            "--other-key",
            help="Restore even without the history key of the backup. The service then replays the log; its history lacks the "
            "traffic before the replay and erased data.",
        ),
    ] = False,
) -> None:
    """Restore a backup into the empty database of TIDEWAITER_DATABASE_URL. Its engine may differ from that of the backup."""
    from features.readers import Unreadable
    from service.backup.content import restore as restored
    from service.core.database.engine import Database
    from service.core.terminal.common import environment
    from service.core.terminal.errors import WrongUse
    from service.history import key as history_key
    from service.history.sealing import WrongKey

    settings = environment()
    place, secret = history_key.place_of(settings), history_key.secret_of(settings)
    database = Database(settings.database_url.get_secret_value())
    try:
        with file.open("rb") as source:
            summary = restored(database, source, secret, any_key=other_key)
        if other_key:
            history_key.establish(database, settings.history_secret, place, anew=True)
    except WrongKey as error:
        raise WrongUse(
            f"{error} Nothing was restored. Put that key into {place} or set it, or restore with --other-key: the service then "
            "replays the log, and its history lacks the traffic before the replay and erased data."
        ) from None
    except OSError as error:
        raise Unreadable(str(file), f"It cannot be read ({error.strerror}).", "Check the path.") from None
    finally:
        database.close()
    _report("Restored", summary, file)


def _report(done: str, summary: Summary, file: Path) -> None:
    from service.core.terminal.console import to_stderr

    number, digest = summary.audit_head
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in summary.rows.items() if count)
    to_stderr().print(
        f"{done} {file}: {rows or 'no rows'}; schema {summary.schema}; audit head {number} {digest}.",
        markup=False,
        soft_wrap=True,
    )


COMMANDS = (backup, restore)
