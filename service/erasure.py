"""Erasure of personal data everywhere: the database, files of jobs, the journal, and the record of traffic.

The live history and its checkpoints contain no names or addresses, but 64-bit hashes of them; the checkpoints are encrypted
(`service.store.history.history_key`). A party's hashes leave the history when it has been unseen for longest.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from service import store
from service.errors import JobOpen, JournalWaits
from service.jobs.files import JobFiles, delete_files
from service.jobs.searching import contains
from service.logs import logger
from service.periodic import repeated
from service.record import erase_from_record
from service.store.engine.times import iso_time_or_none, now_us

if TYPE_CHECKING:
    from service.settings import Settings
    from service.store.changes import Backup
    from service.store.engine.database import Database
    from service.store.erasure import Erased, Selection

#: Who erases what is old, in the audit chain.
RETENTION: Final = "retention"
_DAY_SECONDS: Final = 86_400
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """Result of an erasure.

    Attributes:
        id: names it in the audit chain.
        decisions: number of decisions whose personal data was erased.
        jobs: number of jobs whose files were deleted.
        recorded: number of shipments deleted from the record of traffic.
        set_aside: number of decisions deleted from the lines of the journal that were set aside.
        is_scrubbed: whether the database holds no old bytes any more; None if it deletes them by itself, later.
        backups: that were made before, the newest first. They still contain what was erased.
    """

    id: str
    decisions: int
    jobs: int
    recorded: int
    set_aside: int
    is_scrubbed: bool | None
    backups: list[Backup]


def erase(
    database: Database, settings: Settings, selection: Selection, actor: str | None, *, silent: bool = False
) -> Report:
    """Erase what is selected, on this machine and in the database. An erasure that was interrupted can be repeated.

    Decisions that ended processes left in the journal are delivered first, so that their scores remain.

    Args:
        silent: whether an erasure that finds nothing leaves no audit entry, and the files of the database alone. It
            also passes over open jobs and the journals of running processes.

    Raises:
        JobOpen: an open job has files with rows of the selection. Nothing was erased.
        JournalWaits: the journal of a running process has decisions of the selection. Nothing was erased.
    """
    store.delivery.deliver_left(database, store.webhooks.Outbox(database), settings.journal_dir)
    if not silent:
        _refuse_open_jobs(database, settings, selection)
        if store.set_aside.waits(settings.journal_dir, selection):
            raise JournalWaits
    erased = store.erasure.erase(database, selection, actor, silent=silent)
    if selection.shipment_id is not None:
        erased.shipments.add(selection.shipment_id)
    jobs = _job_files(database, settings, selection, erased)
    recorded = 0
    if settings.record is not None:
        before = iso_time_or_none(selection.before)
        recorded = erase_from_record(settings.record, settings.record_files, erased.shipments, before)
    aside = store.set_aside.erase(settings.journal_dir, selection, erased.shipments)
    is_scrubbed = (silent and not erased.decisions) or store.scrubbing.scrub(database)
    report = Report(
        erased.id, len(erased.decisions), jobs, recorded, aside, is_scrubbed, store.changes.backups(database)
    )
    logger().info(
        "erased", erasure=report.id, decisions=report.decisions, jobs=jobs, recorded=recorded, set_aside=aside
    )
    return report


def _refuse_open_jobs(database: Database, settings: Settings, selection: Selection) -> None:
    """Raise `JobOpen` if an open job was queued before the time, or has files with a shipment, of a selection."""
    shipments = store.erasure.shipments_of(database, selection)
    found = [
        job_id
        for job_id, created_at in store.jobs.Jobs(database).open_jobs()
        if (selection.before is not None and created_at < selection.before)
        or (shipments and any(contains(path, shipments) for path in JobFiles(settings.jobs_dir, job_id).all()))
    ]
    if found:
        raise JobOpen(found)


def _job_files(database: Database, settings: Settings, selection: Selection, erased: Erased) -> int:
    """Delete the files of ended jobs that are old, or that contain a shipment, and return the number of jobs."""
    if selection.before is not None:
        return len(delete_files(database, settings, selection.before))
    jobs = store.jobs.Jobs(database)
    found = [
        job_id
        for job_id in jobs.with_files()
        if any(contains(path, erased.shipments) for path in JobFiles(settings.jobs_dir, job_id).all())
    ]
    for job_id in found:
        JobFiles(settings.jobs_dir, job_id).delete()
    if found:
        jobs.files_deleted(found)
    return len(found)


@contextlib.asynccontextmanager
async def retaining(database: Database | None, settings: Settings) -> AsyncIterator[None]:
    """Erase once a day during the context what is older than the settings allow."""
    if database is None or settings.retention_days is None:
        yield
        return
    tried = functools.partial(_try_to_erase_old, database, settings, settings.retention_days)
    async with repeated(tried, _DAY_SECONDS, "retention", at_once=True):
        yield


def _try_to_erase_old(database: Database, settings: Settings, days: float) -> None:
    try:
        erase_old(database, settings, days)
    except Exception as error:
        # The next day tries again.
        logger().error("retention_failed", exc_info=error)


def erase_old(database: Database, settings: Settings, days: float) -> Report:
    """Erase what was received more than ``days`` ago."""
    before = now_us() - int(dt.timedelta(days=days).total_seconds() * _MICROSECONDS)
    return erase(database, settings, store.erasure.Selection(before=before), RETENTION, silent=True)
