"""The process of the shadow, which the service starts while a shadow runs.

A separate process does not hold the interpreter lock of the service, and its low priority leaves the processor to requests. Workers
and services that share a folder of jobs share one such process, which holds a lock in the folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from service.backtests.backtest import Past
from service.backtests.shadow import Follower, running
from service.core.errors import DatabaseAway
from service.core.logs import configure, logger
from service.core.settings import Settings
from service.history.key import Sealer, secret_of
from service.jobs.child import EXIT_LOCKED, exported, folder_lock, stop_at_end_of_input

if TYPE_CHECKING:
    from service.core.database.engine import Database

#: Seconds between looks for a shadow or an ended process.
EVERY: Final = 5.0
#: Seconds that the process has to finish its step before it is killed. It later continues after its last commit in both cases.
_GRACE_SECONDS: Final = 10.0
#: Niceness: requests and jobs get the processor first.
_NICE: Final = 15
_LOCK_NAME: Final = ".shadow.lock"


class ShadowProcess:
    """Starts the process while a shadow runs, and ends it. Use one thread at a time.

    Attributes:
        child: the process; None if there is none.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self.child: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """Start the process if a shadow runs and has none. It ends by itself."""
        try:
            with self._database.read() as connection:
                is_needed = running(connection) is not None
        except (SQLAlchemyError, DatabaseAway):
            # The next look finds out.
            return
        if self.child is not None and (status := self.child.poll()) is not None:
            if status not in (0, EXIT_LOCKED):
                logger().error("shadow_process_ended", status=status)
            self.child = None
        if is_needed and self.child is None:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "service.backtests"],
                stdin=subprocess.PIPE,
                env={**os.environ, **exported(self._settings)},
            )

    def close(self) -> None:
        """End the process."""
        child, self.child = self.child, None
        if child is None:
            return
        assert child.stdin is not None
        # It ends when its standard input is closed, which also happens if this process is killed.
        with contextlib.suppress(OSError):
            child.stdin.close()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def relax(database: Database) -> None:
    """Let later connections commit without waiting for the disk.

    Requests wait for a commit of the shadow. Scores that a power failure takes are made again, because the position goes with them.
    """
    setting = "PRAGMA synchronous=NORMAL" if database.is_sqlite else "SET synchronous_commit = off"

    def connected(connection: Any, _: object) -> None:
        connection.execute(setting)
        if not database.is_sqlite:
            connection.commit()

    event.listen(database.engine, "connect", connected)


def main() -> int:
    """Run the process, and return its exit status."""
    from service.core import chemistry
    from service.core.database.engine import Database
    from service.core.memory import keep_memory_small

    keep_memory_small()
    settings = Settings()
    configure(settings.log_level)
    os.nice(_NICE)
    with folder_lock(settings.jobs_dir, _LOCK_NAME) as lock:
        if lock is None:
            return EXIT_LOCKED
        chemistry.set_up(settings)
        database = Database(settings.database_url.get_secret_value())
        relax(database)
        follower = Follower(Past(database, Sealer(secret_of(settings)), settings))
        threading.Thread(target=stop_at_end_of_input, args=(follower.stop,), daemon=True).start()
        follower.follow()
        database.close()
    return 0
