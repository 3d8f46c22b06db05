"""``tidewaiter worker``."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when no job waits. Default: wait for jobs until Ctrl-C.")
    ] = False,
) -> None:
    """Score uploaded files (jobs) in a separate process, with the database, job folder and models of the service."""
    import signal

    from service.core import chemistry
    from service.core.database.engine import Database
    from service.core.logs import configure
    from service.core.memory import keep_memory_small
    from service.core.terminal.common import environment
    from service.core.terminal.errors import WrongUse
    from service.jobs.worker import Worker

    keep_memory_small()
    settings = environment()
    if not settings.keeps_decisions:
        raise WrongUse("Jobs need the store; TIDEWAITER_STORE is off.")
    configure(settings.log_level)
    chemistry.set_up(settings)
    database = Database(settings.database_url.get_secret_value())
    database.migrate()
    runner = Worker(database, settings)

    def end(number: int, _: object) -> None:
        # Stop after the current chunk. A second signal stops at once. In both cases another worker can resume the job.
        runner.stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        runner.work(0.0 if until_idle else None)
    finally:
        database.close()


COMMANDS = (worker,)
