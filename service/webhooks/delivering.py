"""Background task that sends the messages in the outbox.

Each worker of the service has one. Once per second a small query checks whether any address is in use; if so, the task sends the
messages that are due.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from service.core.database.times import now_us
from service.core.logs import logger
from service.core.periodic import repeated
from service.webhooks import repository
from service.webhooks.repository import EVENT, Attempt
from service.webhooks.sending import Reply, Sender, headers_of, signature

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.webhooks.repository import Due, Outbox

#: Seconds between checks of the outbox.
POLL_SECONDS: Final = 1.0
#: Messages that one worker sends at the same time.
_AT_ONCE: Final = 4
_SECOND: Final = 1_000_000
#: Longest delay after the first failure. It doubles with each further failure, up to `_LONGEST_DELAY`.
_FIRST_DELAY: Final = 5 * _SECOND
_LONGEST_DELAY: Final = 6 * 3600 * _SECOND
#: Attempts after which a delivery is given up: its delays add up to three days at most.
MOST_ATTEMPTS: Final = 24


def delay(attempts: int, chance: float) -> int:
    """Return the microseconds to wait after a number of failed attempts: between half of the doubled delay and all of it.

    Args:
        chance: random number from 0 to 1, which spreads the attempts of many deliveries.
    """
    longest = min(_FIRST_DELAY << min(attempts - 1, 32), _LONGEST_DELAY)
    return int(longest * (0.5 + 0.5 * chance))


class Deliverer:
    """Sends the deliveries of an outbox."""

    def __init__(self, database: Database, outbox: Outbox, sender: Sender) -> None:
        self._database, self._outbox, self._sender = database, outbox, sender
        self._closing = False
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")

    def work(self) -> int:
        """Send all due messages, and return their number.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        if not self._outbox.look():
            return 0
        sent = 0
        while not self._closing and (due := repository.claim(self._database, now_us(), _AT_ONCE)):
            for delivery, reply in zip(due, self._threads.map(self._send, due), strict=True):
                self._record(delivery, reply)
            sent += len(due)
        return sent

    def _send(self, due: Due) -> Reply:
        signed = signature(due.secret, now_us() // _SECOND, due.body)
        return self._sender.send(due.url, due.body, headers_of(due.id, EVENT, signed))

    def _record(self, due: Due, reply: Reply) -> None:
        at, attempts = now_us(), due.attempts + 1
        next_at = None
        if reply.problem is not None:
            if attempts < MOST_ATTEMPTS:
                next_at = at + delay(attempts, random.random())
            # The address may contain a token, so the log only gives the id of the webhook.
            logger().warning("webhook_failed", webhook=due.webhook_id, attempts=attempts, problem=reply.problem)
        if repository.record(self._database, due, Attempt(at, reply.status, reply.problem, next_at)):
            logger().error("webhook_disabled", webhook=due.webhook_id, problem=reply.problem)

    @contextlib.asynccontextmanager
    async def working(self, every: float = POLL_SECONDS) -> AsyncIterator[None]:
        """Call `work` every ``every`` seconds, in a thread, until the context ends.

        Messages that were claimed but not sent by then are sent by any worker after their leases end.
        """
        await asyncio.to_thread(self._look_or_skip)
        try:
            async with repeated(self._work_or_log, every, "webhooks"):
                try:
                    yield
                finally:
                    self._closing = True
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_or_skip(self) -> None:
        with contextlib.suppress(Exception):
            self._outbox.look()

    def _work_or_log(self) -> None:
        try:
            self.work()
        except Exception as error:
            # The task must survive, because it alone sends the messages of this worker.
            logger().error("webhooks_not_sent", fault=type(error).__name__)
