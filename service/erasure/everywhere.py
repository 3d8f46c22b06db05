"""Erasure of personal data everywhere: the database, files of jobs, the journal, and the record of traffic.

The live history and its checkpoints contain no names or addresses, only 64-bit hashes of them. The checkpoints are encrypted
(`service.history.key`). An erasure leaves the hashes; a full history drops those least recently seen.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from service.core.database import changes, scrubbing
from service.core.database.times import iso_time_or_none, now_us
from service.core.erasing import Selection
from service.core.errors import JobOpen, JournalWaits
from service.core.logs import logger
from service.core.periodic import repeated
from service.decisions import delivery
from service.decisions import set_aside as journal_lines
from service.erasure import repository
from service.jobs.files import JobFiles, delete_files
from service.jobs.repository import Jobs
from service.jobs.searching import contains
from service.scoring.record import erase_from_record
from service.webhooks.repository import Outbox

if TYPE_CHECKING:
    from service.core.database.changes import Backup
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.erasure.repository import Erased

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
    database: Database, settings: Settings, selection: Selection, actor: str | None, *, silent: bool = False
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
    erased = repository.erase(database, selection, actor, silent=silent)
    if selection.shipment_id is not None:
        erased.shipments.add(selection.shipment_id)
    jobs = _job_files(database, settings, selection, erased)
    recorded = 0
    if settings.record is not None:
        before = iso_time_or_none(selection.before)
        recorded = erase_from_record(settings.record, settings.record_files, erased.shipments, before)
    set_aside = journal_lines.erase(settings.journal_dir, selection, erased.shipments)
    is_scrubbed = (silent and not erased.decisions) or scrubbing.scrub(database)
    report = Report(erased.id, len(erased.decisions), jobs, recorded, set_aside, is_scrubbed, changes.backups(database))
    logger().info(
        "erased", erasure=report.id, decisions=report.decisions, jobs=jobs, recorded=recorded, set_aside=set_aside
    )
    return report


def _refuse_open_jobs(database: Database, settings: Settings, selection: Selection) -> None:
    """Raise `JobOpen` if an open job was queued before the selection's time, or its files contain a selected shipment."""
    shipments = repository.shipments_of(database, selection)
    job_ids = [
        job_id
        for job_id, created_at in Jobs(database).open_jobs()
        if (selection.before is not None and created_at < selection.before)
        or (shipments and any(contains(path, shipments) for path in JobFiles(settings.jobs_dir, job_id).all()))
    ]
    if job_ids:
        raise JobOpen(job_ids)


def _job_files(database: Database, settings: Settings, selection: Selection, erased: Erased) -> int:
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
    return erase(database, settings, Selection(before=before), RETENTION, silent=True)
