"""The key that seals the history in the database. It comes from the settings, or the first start with a store makes it.

The audit chain contains the fingerprint of each key. A machine without the key of a database therefore does not make another key,
which could not open the checkpoints of other machines.

The key seals checkpoints and history keys, which contain hashes of names and addresses. The hashes are 64 bits of BLAKE2b without
a key, so a person with the database could test guessed names against them. They are therefore encrypted with AES-256-GCM. The
encryption key is not in the database, so a copy of the database is not enough for such a test.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import desc, exists, select

from features.readers.source import read_small
from service.core.database import audit
from service.core.database.audit import Fact
from service.core.database.engine import file_of
from service.core.database.tables import AuditEntry
from service.core.database.times import now_us
from service.core.logs import logger
from service.history.tables import HistoryCheckpoint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database
    from service.core.settings import Settings


_NONCE_BYTES: Final = 12


class WrongKey(ValueError):
    """The content cannot be unsealed: the key is wrong or missing, or the content is damaged."""


class Sealer:
    """Encrypts and decrypts content with a key. Without a key it leaves content unchanged."""

    def __init__(self, secret: str | None) -> None:
        """
        Args:
            secret: any text, which should be long and random; None for no key.
        """
        self._key: Final = (
            None if secret is None else hashlib.sha256(b"tidewaiter history\0" + secret.encode()).digest()
        )

    @property
    def seals(self) -> bool:
        """True if there is a key."""
        return self._key is not None

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 that identifies the key without revealing it; None without a key."""
        return None if self._key is None else hashlib.sha256(b"fingerprint\0" + self._key).hexdigest()

    def seal(self, content: bytes) -> bytes:
        """Return the content, encrypted if there is a key."""
        if self._key is None:
            return content
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, content, None)

    def unseal(self, content: bytes, *, sealed: bool) -> bytes:
        """Return the content before `seal`; ``sealed`` is whether it was encrypted.

        Raises:
            WrongKey: the key is missing or a different one, or the content is damaged.
        """
        if not sealed:
            return content
        if self._key is None:
            raise WrongKey(
                "The history in the database is sealed; set TIDEWAITER_HISTORY_KEY (or TIDEWAITER_HISTORY_KEY_FILE) to the key "
                "that sealed it."
            )
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)
        except InvalidTag:
            raise WrongKey("The history in the database is sealed with another TIDEWAITER_HISTORY_KEY.") from None


_KIND: Final = "history_key"
_ACTOR: Final = "service"
_NAME: Final = "history-key"
_RANDOM_BYTES: Final = 32


class KeyMissing(WrongKey):
    """The database has a key, which is neither set nor in its file."""


class BadKeyFile(ValueError):
    """The key file contains no key."""


def place_of(settings: Settings) -> Path:
    """Return the path of the key file: the one that is set, otherwise ``history-key`` beside the file of SQLite or the journal."""
    if settings.history_key_file is not None:
        return settings.history_key_file
    return (file_of(settings.database_url.get_secret_value()) or settings.journal_dir).with_name(_NAME)


def secret_of(settings: Settings) -> str | None:
    """Return the key that is set, or that of the key file; None if there is neither.

    Raises:
        BadKeyFile, OSError: see `read`.
    """
    given = settings.history_secret
    return read(place_of(settings)) if given is None else given


def read(file: Path) -> str | None:
    """Return the key of a file; None if there is no such file.

    Raises:
        BadKeyFile: the file contains no key.
        OSError: the file cannot be read.
    """
    try:
        key = read_small(file).decode().strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise BadKeyFile(f"{file}: is not UTF-8 text") from None
    if not key:
        raise BadKeyFile(f"{file}: contains no key")
    return key


def establish(database: Database, given: str | None, file: Path, *, anew: bool = False) -> str:
    """Return the key of a database with the present schema. If it has never had one, make it; of several processes, one does.

    A key that differs from the last key is accepted and logged, because somebody set it or put it into the file.

    Args:
        given: the key that is set; None for that of the file.
        file: the key file. If it is missing, it is made with a random key, and only its owner may read it.
        anew: whether to make the file even if the database has had a key, which is then lost.

    Raises:
        KeyMissing: the database has had a key, none is set, and there is no file.
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
            audit.append(connection, [Fact(_KIND, fingerprint or "", {}, _ACTOR)], now_us())
    if is_new:
        logger().warning("history_key_made", file=str(file.absolute()), next="keep a copy apart from backups")
    elif known not in (None, fingerprint):
        logger().warning("history_key_changed", problem="checkpoints of another key are not read; the log is replayed")
    return secret


def check(connection: Connection, secret: str | None) -> None:
    """Check that a key is the last key of a database. A database that never had a key accepts any key.

    Raises:
        WrongKey: the key is a different one, or missing.
    """
    known = _fingerprint(connection)
    if known is None or Sealer(secret).fingerprint == known:
        return
    if secret is None:
        raise KeyMissing("The history of the database has a key, which is neither set nor in its file.")
    raise WrongKey("The history of the database has another key.")


def _fingerprint(connection: Connection) -> str | None:
    query = select(AuditEntry.subject).where(AuditEntry.kind == _KIND).order_by(desc(AuditEntry.number)).limit(1)
    return connection.execute(query).scalar()


def _is_sealed(connection: Connection) -> bool:
    # Earlier versions did not record keys in the chain.
    return bool(connection.execute(select(exists().where(HistoryCheckpoint.sealed))).scalar())


def _make(file: Path) -> str:
    """Write a random key unless another process has written one. Return the key in the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates the file with mode 0600. The link makes it visible only when it is complete.
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
