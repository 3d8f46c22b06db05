"""``tidewaiter erase``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

#: Actor of these changes in the audit chain.
_ACTOR = "tidewaiter erase"


def erase(
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DATE", help="All shipments received before this day (UTC), YYYY-MM-DD."),
    ] = None,
    shipment: Annotated[
        str | None, typer.Option("--shipment", metavar="ID", help="All decisions on a shipment_id.")
    ] = None,
    decision: Annotated[str | None, typer.Option("--decision", metavar="ID", help="One decision.")] = None,
) -> None:
    """Erase personal data from the store, the files of jobs and the record of traffic. Scores, lanes and the audit chain remain."""
    from service.core.commands import WrongUse, environment, open_database, to_stderr
    from service.core.database.times import iso_time, microseconds_of
    from service.core.errors import Conflict
    from service.erasure.everywhere import erase as erased
    from service.scoring.decision import ToErase

    if sum(one is not None for one in (before, shipment, decision)) != 1:
        raise WrongUse("Name one of --before, --shipment and --decision.")
    moment = None
    if before is not None:
        try:
            moment = microseconds_of(dt.datetime.combine(dt.date.fromisoformat(before), dt.time(), dt.UTC))
        except ValueError:
            raise WrongUse(f"--before: expected a day as YYYY-MM-DD, got {before!r}.") from None
    with open_database(existing=True) as database:
        try:
            report = erased(database, environment(), ToErase(moment, shipment, decision), _ACTOR)
        except Conflict as error:
            raise WrongUse(str(error)) from None
    console = to_stderr()
    set_aside = f"{report.set_aside:,} decisions that were set aside, " if report.set_aside else ""
    console.print(
        f"Erased {report.decisions:,} decisions, files of {report.jobs:,} jobs, {set_aside}and {report.recorded:,} recorded "
        f"shipments; erasure {report.id}.",
        markup=False,
        soft_wrap=True,
    )
    if report.backups:
        times = ", ".join(f"{iso_time(one.taken_at)} (SHA-256 {one.digest[:12]})" for one in report.backups)
        console.print(
            f"Note: earlier backups still contain the erased data; delete them, or erase again after restoring one: {times}.",
            markup=False,
            soft_wrap=True,
        )
    if report.is_scrubbed is None:
        console.print(
            "Note: PostgreSQL keeps old rows in its files until VACUUM reuses their space, or until VACUUM FULL.",
            markup=False,
            soft_wrap=True,
        )
    elif not report.is_scrubbed:
        console.print(
            "Note: the database was in use, so erased bytes may remain in its files; run `tidewaiter erase` again.",
            markup=False,
        )


COMMANDS = (erase,)
