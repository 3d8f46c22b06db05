"""The key that seals the history in the database: the one that is set, or one that the first start with a store makes.

The audit chain tells of each key by its fingerprint. So a machine without the key of a database does not make another one, which
could not open the checkpoints of the others.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import desc, exists, select

from features.readers.source import read_small
from service.logs import logger
from service.store import audit
from service.store.audit import Fact
from service.store.engine.database import file_of
from service.store.engine.times import now_us
from service.store.history.sealing import Sealer, WrongKey
from service.store.tables import AuditEntry, HistoryCheckpoint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.settings import Settings
    from service.store.engine.database import Database

_KIND: Final = "history_key"
_ACTOR: Final = "service"
_NAME: Final = "history-key"
_RANDOM_BYTES: Final = 32


class KeyMissing(WrongKey):
    """The database has a key, and it is neither set nor in its file."""


class BadKeyFile(ValueError):
    """The file of the key has no key in it."""


def place_of(settings: Settings) -> Path:
    """Return the file of the key: the one that is set, otherwise `history-key` beside the file of SQLite, or beside the journal."""
    if settings.history_key_file is not None:
        return settings.history_key_file
    return (file_of(settings.database_url.get_secret_value()) or settings.journal_dir).with_name(_NAME)


def secret_of(settings: Settings) -> str | None:
    """Return the key that is set, or that of its file; None if there is neither.

    Raises:
        BadKeyFile, OSError: see `read`.
    """
    given = settings.history_secret
    return read(place_of(settings)) if given is None else given


def read(file: Path) -> str | None:
    """Return the key of a file; None if there is no such file.

    Raises:
        BadKeyFile: it has no key in it.
        OSError: it cannot be read.
    """
    try:
        key = read_small(file).decode().strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BadKeyFile(f"{file}: no text") from None
    if not key:
        raise BadKeyFile(f"{file}: no key in it")
    return key


def establish(database: Database, given: str | None, file: Path, *, anew: bool = False) -> str:
    """Return the key of a database with the present schema. If it has never had one, make it; of several processes, one does.

    A key that differs from the last one is taken, and the log says so: somebody set it, or put it into the file.

    Args:
        given: the key that is set; None: that of the file.
        file: is made if it is missing, with a random key that only its owner may read.
        anew: whether to make the file also if the database has had a key, which is lost then.

    Raises:
        KeyMissing: the database has had a key, and there is no file.
        BadKeyFile, OSError: the file cannot be read or written.
        DatabaseAway: the database does not answer.
    """
    with database.write() as connection:
        database.lock_audit(connection)
        known = _fingerprint(connection)
        secret = read(file) if given is None else given
        is_new = secret is None
        if secret is None:
            if not anew and (known is not None or _is_sealed(connection)):
                raise KeyMissing(
                    f"The history of this database is sealed with a key, and there is no {file}. Copy it from the machine that "
                    "made it, or set TIDEWAITER_HISTORY_KEY. If it is lost, put a new one there "
                    f"(`openssl rand -hex 32 > {file}`): the history then begins with the replay of the log."
                )
            secret = _make(file)
        fingerprint = Sealer(secret).fingerprint
        if fingerprint != known:
            audit.append(database, connection, [Fact(_KIND, fingerprint or "", {}, _ACTOR)], now_us())
    if is_new:
        logger().warning("history_key_made", file=str(file.absolute()), next="keep a copy apart from backups")
    elif known not in (None, fingerprint):
        logger().warning("history_key_changed", problem="checkpoints of another key are not read; the log is replayed")
    return secret


def check(connection: Connection, secret: str | None) -> None:
    """Check that a key is the last one of a database; any key will do for one without.

    Raises:
        WrongKey: it is another one, or missing.
    """
    known = _fingerprint(connection)
    if known is None or Sealer(secret).fingerprint == known:
        return
    if secret is None:
        raise KeyMissing("The history of the database has a key, and it is neither set nor in its file.")
    raise WrongKey("The history of the database has another key.")


def _fingerprint(connection: Connection) -> str | None:
    query = select(AuditEntry.subject).where(AuditEntry.kind == _KIND).order_by(desc(AuditEntry.number)).limit(1)
    return connection.execute(query).scalar()


def _is_sealed(connection: Connection) -> bool:
    # Earlier versions did not tell the chain of keys.
    return bool(connection.execute(select(exists().where(HistoryCheckpoint.sealed))).scalar())


def _make(file: Path) -> str:
    """Write a random key unless another process has written one, and return the key of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A new file has the mode 0600. Nobody sees it before it is whole.
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(number, "w") as made:
            made.write(f"{secrets.token_urlsafe(_RANDOM_BYTES)}\n")
            made.flush()
            os.fsync(made.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        Path(name).unlink()
    key = read(file)
    assert key is not None
    return key
