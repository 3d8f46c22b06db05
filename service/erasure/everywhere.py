"""Erasure of personal data everywhere: the database, files of jobs, the journal, and the record of traffic.

In the database, it removes the manifests of decisions, the salts of their digests, all texts of answers, and answers stored for
repeated requests. What else it removes stands beside the tables of each subject: ``erased`` of a table, and the functions
``erase_with`` (decisions) and ``erase_before`` (a time). Ids, scores, lanes, reason codes, contents of outcomes and the audit
chain remain. An erasure appends an entry that names all erased rows: a missing salt without such an entry is a fault of the chain.

The live history and its checkpoints contain no names or addresses, only 64-bit hashes of them. The checkpoints are encrypted
(`service.history.key`). An erasure leaves the hashes; a full history drops those least recently seen.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from sqlite3 import OperationalError
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import bindparam, or_, select, update

from service import subjects
from service.core.database import audit, idempotency
from service.core.database.audit import Fact, backups
from service.core.database.times import iso_time_or_none, now_us
from service.core.errors import JobOpen, JournalWaits
from service.core.identifiers import new_ids
from service.core.logs import logger
from service.core.periodic import repeated
from service.decisions import delivery
from service.decisions import journal as journal_lines
from service.jobs.files import JobFiles, contains, delete_files
from service.jobs.repository import Jobs
from service.scoring.decision import ToErase, reference_of
from service.scoring.record import erase_from_record
from service.scoring.tables import Decision, erased_answer, remains_of
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from service.core.database.audit import Backup
    from service.core.database.engine import Database
    from service.core.settings import Settings


#: Seconds between attempts to empty the write-ahead log.
_CHECKPOINT_PAUSE: Final = 0.05
#: Decisions per transaction, which bounds the time that other writers wait.
_AT_ONCE: Final = 500


@dataclass(slots=True)
class Erased:
    """Result of an erasure.

    Attributes:
        id: subject of its audit entries.
        decisions: ids of the erased decisions, including earlier erased ones with new outcomes or overrides to erase.
        shipments: references of their shipments, as declared.
    """

    id: str
    decisions: list[str]
    shipments: set[str]


def erase_from_database(database: Database, selection: ToErase, actor: str | None, *, silent: bool = False) -> Erased:
    """Erase personal data from the database, in several transactions, so that the service continues. Repeat it if interrupted.

    Args:
        actor: id of the API key, or the name of the command.
        silent: True appends no audit entry if there is nothing to erase.
    """
    erased = Erased(new_ids(1)[0], [], set())
    while True:
        with database.write() as connection:
            database.lock_audit(connection)
            found = connection.execute(_chosen(selection)).all()
            if found:
                facts = _erase_decisions(connection, found)
                audit.append(connection, [Fact("erasure", erased.id, facts, actor)], now_us())
        if not found:
            break
        erased.decisions += [row.id for row in found]
        erased.shipments |= {_declared(row) for row in found}
    with database.write() as connection:
        rest = _erase_rest(connection, selection, erased)
        if any(rest.values()) or not (silent or erased.decisions):
            audit.append(connection, [Fact("erasure", erased.id, rest, actor)], now_us())
    return erased


def shipments_of(database: Database, selection: ToErase) -> set[str]:
    """Return the references, as declared, of a selection of one shipment or decision; an empty set for a time."""
    if selection.shipment_id is not None:
        return {selection.shipment_id}
    if selection.decision_id is None:
        return set()
    with database.read() as connection:
        return {_declared(row) for row in connection.execute(_chosen(selection))}


def _declared(row: Any) -> str:
    """Return the reference of a decision as declared. The column contains a shortened form of long ones."""
    return str(orjson.loads(bytes(row.answer)).get("shipment_id", row.shipment_id))


def _chosen(selection: ToErase) -> Any:
    # An outcome or override may have been recorded after the decision was erased.
    with_texts = [
        Decision.id.in_(select(table.decision_id).where(table.salt.is_not(None))) for table in _of_decisions()
    ]
    is_unerased = Decision.salt.is_not(None)
    columns = (Decision.id, Decision.shipment_id, Decision.channel, Decision.site, Decision.answer)
    query = select(*columns, is_unerased.label("is_unerased")).where(or_(is_unerased, *with_texts))
    if selection.before is not None:
        query = query.where(Decision.received_at < selection.before)
    if selection.shipment_id is not None:
        query = query.where(Decision.shipment_id == reference_of(selection.shipment_id))
    if selection.decision_id is not None:
        query = query.where(Decision.id == selection.decision_id)
    return query.order_by(Decision.position).limit(_AT_ONCE)


def _of_decisions() -> list[Any]:
    """Return the tables whose rows are erased with their decision."""
    return [table for table in subjects.tables() if table.erased and "decision_id" in table.__table__.c]


def _erase_decisions(connection: Connection, chosen: Sequence[Any]) -> dict[str, Any]:
    """Erase decisions and all that belongs to them. Return the facts for the audit chain: the rows that this call erased."""
    ids = [row.id for row in chosen]
    unerased = [row for row in chosen if row.is_unerased]
    answers = {row.id: erased_answer(bytes(row.answer)) for row in unerased}
    facts: dict[str, Any] = {"decisions": list(answers)}
    if answers:
        _erase_rows(connection, Decision, facts["decisions"])
        connection.execute(
            update(Decision.__table__).where(Decision.id == bindparam("of")).values(answer=bindparam("erased")),  # type: ignore[arg-type]
            [{"of": decision_id, "erased": answer} for decision_id, answer in answers.items()],
        )
        facts["remains"] = [remains_of(row.shipment_id, row.channel, row.site, answers[row.id]) for row in unerased]
    for table in _of_decisions():
        # A row without a salt was erased before, or has no personal value.
        query = select(table.id).where(table.decision_id.in_(ids), table.salt.is_not(None)).order_by(table.position)
        facts[table.__tablename__] = rows = list(connection.execute(query).scalars())
        _erase_rows(connection, table, rows)
    for erase_with in subjects.attributes("tables", "erase_with"):
        erase_with(connection, chosen)
    return facts


def _erase_rest(connection: Connection, selection: ToErase, erased: Erased) -> dict[str, list[str]]:
    """Erase personal data that does not belong to one decision. Return the ids of the erased rows by table."""
    if selection.before is None:
        idempotency.forget(connection, erased.decisions)
        return {}
    idempotency.forget_before(connection, selection.before)
    for erase_before in subjects.attributes("tables", "erase_before"):
        erase_before(connection, selection.before)
    facts: dict[str, list[str]] = {}
    for table in subjects.tables():
        if table.erased and "removed_at" in table.__table__.c:
            query = select(table.id).where(table.removed_at < selection.before, table.salt.is_not(None))
            if rows := list(connection.execute(query).scalars()):
                facts[table.__tablename__] = rows
                _erase_rows(connection, table, rows)
    return facts


def _erase_rows(connection: Connection, table: Any, ids: Sequence[str]) -> None:
    connection.execute(update(table).where(table.id.in_(ids)).values(salt=None, **table.erased))


#: Actor of daily erasures in the audit chain.
RETENTION: Final = "retention"
_DAY_SECONDS: Final = 86_400
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """Result of an erasure.

    Attributes:
        id: id of the erasure in the audit chain.
        decisions: number of decisions whose personal data was erased.
        jobs: number of jobs whose files were deleted.
        recorded: number of shipments deleted from the record of traffic.
        set_aside: number of decisions deleted from journal lines that were set aside.
        is_scrubbed: True if the database files contain no erased bytes; None if the database removes them later by itself.
        backups: backups made before, newest first. They still contain the erased data.
    """

    id: str
    decisions: int
    jobs: int
    recorded: int
    set_aside: int
    is_scrubbed: bool | None
    backups: list[Backup]


def erase(
    database: Database, settings: Settings, selection: ToErase, actor: str | None, *, silent: bool = False
) -> Report:
    """Erase the selected personal data on this machine and in the database. Repeat an erasure that was interrupted.

    Journals of ended processes are delivered to the database first, so that the scores of their decisions remain.

    Args:
        silent: True: an erasure that finds nothing leaves no audit entry and does not scrub the database files. Open jobs and
            the journals of running processes are ignored.

    Raises:
        JobOpen: an open job has files with rows of the selection. Nothing was erased.
        JournalWaits: the journal of a running process has decisions of the selection. Nothing was erased.
    """
    delivery.deliver_left(database, Outbox(database), settings.journal_dir)
    if not silent:
        _refuse_open_jobs(database, settings, selection)
        if journal_lines.waits(settings.journal_dir, selection):
            raise JournalWaits
    erased = erase_from_database(database, selection, actor, silent=silent)
    if selection.shipment_id is not None:
        erased.shipments.add(selection.shipment_id)
    jobs = _job_files(database, settings, selection, erased)
    recorded = 0
    if settings.record is not None:
        before = iso_time_or_none(selection.before)
        recorded = erase_from_record(settings.record, settings.record_files, erased.shipments, before)
    set_aside = journal_lines.erase(settings.journal_dir, selection, erased.shipments)
    is_scrubbed = (silent and not erased.decisions) or scrub(database)
    report = Report(erased.id, len(erased.decisions), jobs, recorded, set_aside, is_scrubbed, backups(database))
    logger().info(
        "erased", erasure=report.id, decisions=report.decisions, jobs=jobs, recorded=recorded, set_aside=set_aside
    )
    return report


def _refuse_open_jobs(database: Database, settings: Settings, selection: ToErase) -> None:
    """Raise `JobOpen` if an open job was queued before the selection's time, or its files contain a selected shipment."""
    shipments = shipments_of(database, selection)
    job_ids = [
        job_id
        for job_id, created_at in Jobs(database).open_jobs()
        if (selection.before is not None and created_at < selection.before)
        or (shipments and any(contains(path, shipments) for path in JobFiles(settings.jobs_dir, job_id).all()))
    ]
    if job_ids:
        raise JobOpen(job_ids)


def _job_files(database: Database, settings: Settings, selection: ToErase, erased: Erased) -> int:
    """Delete the files of ended jobs that are too old or contain an erased shipment. Return the number of these jobs."""
    if selection.before is not None:
        return len(delete_files(database, settings, selection.before))
    jobs = Jobs(database)
    job_ids = [
        job_id
        for job_id in jobs.with_files()
        if any(contains(path, erased.shipments) for path in JobFiles(settings.jobs_dir, job_id).all())
    ]
    for job_id in job_ids:
        JobFiles(settings.jobs_dir, job_id).delete()
    if job_ids:
        jobs.files_deleted(job_ids)
    return len(job_ids)


def scrub(database: Database) -> bool | None:
    """Remove erased content from the disk, and return whether that succeeded; None for PostgreSQL, which does it later by itself.

    On SQLite, ``secure_delete`` overwrites each row that is deleted or changed, but not the copies that stay behind when rows are
    moved to make room. So the whole file is written anew, which needs as much free space again, and the write-ahead log is emptied.
    Other writers wait meanwhile. PostgreSQL overwrites erased content in time (``VACUUM``). ``VACUUM FULL`` does so at once but
    locks the tables, so its administrators decide.
    """
    if not database.is_sqlite:
        return None
    # Bypass SQLAlchemy's transactions, because SQLite refuses VACUUM and checkpoints in a transaction.
    with closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute("VACUUM")
            [wait_ms] = cursor.execute("PRAGMA busy_timeout").fetchone()
            end = time.monotonic() + wait_ms / 1000
            [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            # A writer that waited for VACUUM may empty the log at the same time. SQLite then reports busy without waiting.
            while busy and time.monotonic() < end:
                time.sleep(_CHECKPOINT_PAUSE)
                [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except OperationalError:
            # Another process has read or written for too long, or the disk is full.
            return False
    return not busy


@contextlib.asynccontextmanager
async def retaining(database: Database, settings: Settings, days: float) -> AsyncIterator[None]:
    """During the context, erase once a day the personal data that was received more than ``days`` ago."""
    tried = functools.partial(_try_to_erase_old, database, settings, days)
    async with repeated(tried, _DAY_SECONDS, "retention", at_once=True):
        yield


def _try_to_erase_old(database: Database, settings: Settings, days: float) -> None:
    try:
        erase_old(database, settings, days)
    except Exception as error:
        # The next day tries again.
        logger().error("retention_failed", exc_info=error)


def erase_old(database: Database, settings: Settings, days: float) -> Report:
    """Erase personal data that was received more than ``days`` ago."""
    before = now_us() - int(dt.timedelta(days=days).total_seconds() * _MICROSECONDS)
    return erase(database, settings, ToErase(before=before), RETENTION, silent=True)
