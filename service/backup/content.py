"""Backups: one compressed file with all rows of all tables, which can be restored into either engine.

The rows are read in one transaction, so they show one state of the database, and the service continues meanwhile. The file is
gzipped JSON lines: a header; per table a line with its columns and a line per row; and a last line with the numbers of rows, the
head of the audit chain and the SHA-256 of all lines before it. Bytes are written in base64.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import LargeBinary, MetaData, Table, delete, desc, func, insert, inspect, select, text

from service import subjects
from service.core.database.audit import START
from service.core.database.engine import SCHEMA, BadDatabase, upgrade
from service.core.database.tables import AuditEntry
from service.history import checkpoints
from service.history import key as history_key
from service.history.key import Sealer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.engine import Database

#: Version of the file format.
FORMAT: Final = 1
_KIND: Final = "tidewaiter backup"
_LEVEL: Final = 6
#: Rows per read or insertion.
_ROWS: Final = 1_000
_VERSION_TABLE: Final = "alembic_version"
#: Tables that migrations fill, so their rows do not count as content. Changing them also appends to the audit chain.
_FILLED: Final = frozenset({"list_revisions", "search_frontier"})


class BadBackup(ValueError):
    """The file is not a backup, or it is damaged."""


class NotEmpty(ValueError):
    """The database to restore into already has rows."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Contents of a backup.

    Attributes:
        schema: revision of the schema.
        created_at: time of the backup, in microseconds since 1970.
        rows: table -> number of rows.
        audit_head: number and digest, in hexadecimal digits, of the last entry of the audit chain.
        digest: SHA-256 of the content.
    """

    schema: str
    created_at: int
    rows: dict[str, int]
    audit_head: tuple[int, str]
    digest: str


def dump(database: Database, file: IO[bytes], created_at: int) -> Summary:
    """Write a backup of a database whose schema is `SCHEMA`.

    Args:
        created_at: time in microseconds since 1970.
    """
    rows: dict[str, int] = {}
    digest = hashlib.sha256()
    # Leave file name and time out of the gzip header, so that equal content gives equal files.
    with (
        gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed,
        database.snapshot() as connection,
    ):

        def write(line: object) -> None:
            encoded = orjson.dumps(line) + b"\n"
            digest.update(encoded)
            packed.write(encoded)

        write({"kind": _KIND, "format": FORMAT, "schema": SCHEMA, "created_at": created_at})
        for table in subjects.metadata().sorted_tables:
            # SQLAlchemy's names are a subclass of str, which orjson refuses as a key.
            name = str(table.name)
            write({"table": name, "columns": [str(column.name) for column in table.columns]})
            rows[name] = 0
            for row in _rows_of(connection, table):
                write(row)
                rows[name] += 1
        head = _audit_head(connection)
        summary = Summary(SCHEMA, created_at, rows, head, digest.hexdigest())
        packed.write(orjson.dumps({"rows": rows, "audit_head": head, "sha256": summary.digest}) + b"\n")
    return summary


def check(file: IO[bytes]) -> Summary:
    """Read a whole backup, compare its digest, and rewind the file.

    Raises:
        BadBackup: the file is not a backup, or it is damaged or incomplete.
    """
    digest = hashlib.sha256()
    header: dict[str, Any] | None = None
    last = b""
    for line in _lines(file):
        if header is None:
            header = _header(line)
        else:
            digest.update(last)
        last = line
    file.seek(0)
    if header is None:
        raise BadBackup("The backup is empty.")
    try:
        end = orjson.loads(last)
        expected, head = end["sha256"], end["audit_head"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadBackup("The backup is incomplete: its end is missing.") from None
    if digest.hexdigest() != expected:
        raise BadBackup("The backup is damaged: its digest is wrong.")
    return Summary(header["schema"], header["created_at"], end["rows"], (head[0], head[1]), expected)


def restore(database: Database, file: IO[bytes], secret: str | None = None, *, any_key: bool = False) -> Summary:
    """Restore a backup into an empty database, in one transaction, and bring its schema up to date.

    Args:
        secret: the history key.
        any_key: True accepts a key that is not that of the backup.

    Raises:
        WrongKey: the key is not that of the backup.
        BadBackup: see `check`.
        NotEmpty: the database has rows.
        BadDatabase: a newer version of Tidewaiter made the backup.
    """
    summary = check(file)
    if summary.schema > SCHEMA:
        raise BadDatabase(
            f"A newer version of Tidewaiter made the backup (schema {summary.schema}); this one reads up to {SCHEMA}. "
            "Use the newer version."
        )
    with database.write() as connection:
        _refuse_rows(connection)
        upgrade(connection, summary.schema)
        tables = MetaData()
        tables.reflect(connection)
        for table in reversed(tables.sorted_tables):
            if table.name != _VERSION_TABLE:
                # Migrations have filled some tables.
                connection.execute(delete(table))
        _load(connection, file, tables)
        for name, rows in summary.rows.items():
            loaded = connection.execute(select(func.count()).select_from(tables.tables[name])).scalar_one()
            if loaded != rows:
                raise BadBackup(f"The backup is damaged: {name} should have {rows} rows, but has {loaded}.")
        if not database.is_sqlite:
            _advance_sequences(connection, tables)
        upgrade(connection)
        if not any_key:
            checkpoints.check_key(connection, Sealer(secret))
            history_key.check(connection, secret)
        if _audit_head(connection) != summary.audit_head:
            raise BadBackup("The backup is damaged: the head of its audit chain differs.")
    return summary


def _rows_of(connection: Connection, table: Table) -> Iterator[list[Any]]:
    """Yield the rows of a table in the order of its primary key."""
    binary = [isinstance(column.type, LargeBinary) for column in table.columns]
    found = connection.execution_options(yield_per=_ROWS).execute(select(table).order_by(*table.primary_key.columns))
    for row in found:
        yield [
            base64.b64encode(value).decode() if is_binary and value is not None else value
            for value, is_binary in zip(row, binary, strict=True)
        ]


def _audit_head(connection: Connection) -> tuple[int, str]:
    last = connection.execute(
        select(AuditEntry.number, AuditEntry.digest).order_by(desc(AuditEntry.number)).limit(1)
    ).first()
    return (0, START.hex()) if last is None else (last.number, bytes(last.digest).hex())


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            yield from packed
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadBackup(f"The backup is damaged or incomplete ({error}).") from None


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or (header.get("kind"), header.get("format")) != (_KIND, FORMAT):
        raise BadBackup("This is not a backup of Tidewaiter, or its format is another one.")
    return header


def _refuse_rows(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        if name == _VERSION_TABLE or name in _FILLED:
            continue
        if connection.execute(select(text("1")).select_from(Table(name, MetaData())).limit(1)).first() is not None:
            raise NotEmpty(f"The database is not empty: {name} has rows. Restore into an empty database.")


def _load(connection: Connection, file: IO[bytes], tables: MetaData) -> None:
    """Insert the rows of a checked backup."""
    table: Table | None = None
    columns: Sequence[str] = ()
    binary: list[bool] = []
    waiting: list[dict[str, Any]] = []

    def flush() -> None:
        if waiting and table is not None:
            connection.execute(insert(table), waiting)
            waiting.clear()

    for line in _lines(file):
        content = orjson.loads(line)
        if isinstance(content, list):
            values = [
                base64.b64decode(value) if is_binary and value is not None else value
                for value, is_binary in zip(content, binary, strict=True)
            ]
            waiting.append(dict(zip(columns, values, strict=True)))
            if len(waiting) >= _ROWS:
                flush()
        elif "table" in content:
            flush()
            table, columns = tables.tables[content["table"]], content["columns"]
            binary = [isinstance(table.columns[name].type, LargeBinary) for name in columns]
    flush()


def _advance_sequences(connection: Connection, tables: MetaData) -> None:
    """Make PostgreSQL continue its numbers of rows after the restored ones."""
    for table in tables.tables.values():
        for column in table.primary_key.columns:
            sequence = connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            ).scalar()
            if sequence is not None:
                connection.execute(
                    select(
                        func.setval(sequence, select(func.coalesce(func.max(column), 0) + 1).scalar_subquery(), False)
                    )
                )
