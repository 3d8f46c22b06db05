"""Scheduling of scoring requests: batching of single shipments, and choice of event loop or worker thread.

Single shipments are scored on the event loop, because a switch to a thread takes longer than scoring. Shipments that arrive
together are scored as one table: eight shipments in one table take only three times as long as one. The scorer waits for two turns
of the event loop without a new shipment, which take microseconds, or for the end of a commit. Batching does not change any answer.

Large batches, large shipments, and shipments with structures or systematic chemical names, which take long to read, are scored in
worker threads. Each request has a budget for reading. Few threads run at the same time, because they share one interpreter lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread

from service.core.chemistry import takes_long
from service.core.errors import Busy
from service.scoring.answers import Options, Outcome, score
from service.scoring.recording import Receipt, decisions_of

if TYPE_CHECKING:
    from features.manifest.records import Problem
    from models.scoring import ScoreSettings
    from service.core.metrics import Metrics
    from service.scoring.decision import DecisionStore, NewDecision, Stored
    from service.scoring.model_host import ModelHost, ServedModel
    from service.scoring.record import TrafficRecord

T = TypeVar("T")

#: Limits of a batch on the event loop, in shipments and in bytes of its body: about 10 ms of work.
_MAX_BATCH_ON_LOOP: Final = 32
_MAX_BATCH_BYTES_ON_LOOP: Final = 64 * 1024
#: Limits of a single shipment on the event loop, in goods items and in bytes. A full table of such shipments takes 30 ms.
_MAX_ITEMS_ON_LOOP: Final = 8
_MAX_BYTES_ON_LOOP: Final = 8 * 1024
#: Number of threads for requests that take long, and maximum number of requests that wait for a thread of a kind.
_LONG_AT_ONCE: Final = 2
_MOST_WAITING: Final = 32
_RETRY_AFTER: Final = 2
#: Largest number of single shipments in one table: about 3 ms of work, which blocks the event loop.
_MAX_TOGETHER: Final = 32
#: Turns of the event loop without a new shipment before the pending ones are scored. A request needs two turns from its arrival
#: to this queue, and clients that just got an answer usually send the next request at once. With fewer turns, eight clients split
#: into persistent groups, and scoring needs twice as many tables.
_IDLE_TURNS: Final = 2
#: Number of pending shipments that are scored even during a commit. Fewer shipments wait for its end: their decisions could not be
#: committed earlier, and one table and one commit take less time than two. More shipments are worth it, because the processor would
#: otherwise be idle until the commit ends. With eight clients, a limit of 32 gives 5 % fewer answers per second with SQLite and
#: 10 % fewer with PostgreSQL.
_ENOUGH: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one shipment.

    Attributes:
        result: the answer as plain values; None if the shipment was refused.
        problems: reasons for a refusal.
        digest: digest of the model.
        stored: the stored decision, whose answer is sent; None if the store is off.
    """

    result: dict[str, Any] | None
    problems: list[Problem]
    digest: str
    stored: Stored | None = None


@dataclass(frozen=True, slots=True)
class _Scored:
    """Outcome of a table with the decisions to store; None if the store is off."""

    outcome: Outcome
    decisions: list[NewDecision] | None


@dataclass(frozen=True, slots=True)
class _Pending:
    record: object
    options: Options
    receipt: Receipt
    answer: asyncio.Future[Answer]


class SettingsInForce(Protocol):
    """Source of the present settings of scores, with the lists of the office."""

    @property
    def settings(self) -> ScoreSettings:
        """Settings of scores. Read them once per request."""


class Scorer:
    """Scores requests with the model in service, and updates the metrics. Use it on the event loop only."""

    def __init__(
        self,
        host: ModelHost,
        metrics: Metrics,
        settings: ScoreSettings,
        *,
        max_items: int,
        record: TrafficRecord | None = None,
        store: DecisionStore | None = None,
        reading_seconds: float | None = None,
        lists: SettingsInForce | None = None,
    ) -> None:
        """
        Args:
            lists: the current lists of the office; their settings replace ``settings``.
            max_items: maximum number of goods items per shipment; larger shipments are refused.
            record: receives the shipments that advance the history.
            store: stores the decisions. An answer waits until its decision is committed.
            reading_seconds: budget of a request for reading texts, see `service.scoring.answers.score`.
        """
        self._record = record
        self._store = store
        self._reading_seconds = reading_seconds
        self._host = host
        self._metrics = metrics
        self._settings = settings
        self._lists = lists
        self._max_items = max_items
        self._pending: list[_Pending] = []
        self._gathering = False
        # Tables of single shipments whose decisions are not committed yet.
        self._committing = 0
        # A batch holds the global interpreter lock most of the time, so parallel batches would slow each other down.
        self._batches = CapacityLimiter(1)
        self._long = CapacityLimiter(_LONG_AT_ONCE)

    async def one(
        self, record: object, options: Options, size: int = 0, caller: str | None = None, *, alone: bool = False
    ) -> Answer:
        """Score a parsed JSON record.

        Args:
            size: bytes of the record.
            caller: id of the API key.
            alone: whether no other record can arrive before the answer. The record is then scored immediately.

        Raises:
            NotReady: no model is loaded.
            Busy: too many requests wait for a thread.
        """
        served = self._host.served
        is_long = size > _MAX_BYTES_ON_LOOP or takes_long([record], _MAX_ITEMS_ON_LOOP)
        if is_long or alone:
            work = partial(self._score, served, [record], options, [Receipt("score", caller)])
            scored = await self._in_thread(work, self._long) if is_long else work()
            return _answers(scored.outcome, served, await self._decided(scored))[0]
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._pending.append(_Pending(record, options, Receipt("score", caller), answer))
        self._gather_soon()
        return await answer

    async def batch(
        self, records: list[Any], options: Options, size: int = 0, caller: str | None = None
    ) -> tuple[Outcome, str]:
        """Score parsed JSON records in order, each with the earlier ones as history. Return the outcome and the model's digest.

        Args:
            size: bytes of all records.
            caller: id of the API key.

        Raises:
            NotReady: no model is loaded.
            Busy: too many requests wait for a thread.
        """
        served = self._host.served
        work = partial(self._score, served, records, options, [Receipt("batch", caller)])
        few = len(records) <= _MAX_BATCH_ON_LOOP and size <= _MAX_BATCH_BYTES_ON_LOOP
        if few and not takes_long(records, _MAX_BATCH_ON_LOOP):
            scored = work()
        else:
            scored = await self._in_thread(work, self._long if few else self._batches)
        return await self._with_bodies(scored), served.model.digest

    async def batch_of(
        self, read: Callable[[], list[Any]], options: Options, size: int, caller: str | None = None
    ) -> tuple[Outcome, str]:
        """Score the records that ``read`` parses, as `batch` does. Large records are parsed and scored in a thread.

        Raises:
            NotReady, Busy: see `batch`. Errors of ``read`` are raised too.
        """
        if size <= _MAX_BATCH_BYTES_ON_LOOP:
            return await self.batch(read(), options, size, caller)
        served = self._host.served
        receipt = Receipt("batch", caller)

        def work() -> _Scored:
            return self._score(served, read(), options, [receipt])

        return await self._with_bodies(await self._in_thread(work, self._batches)), served.model.digest

    async def _with_bodies(self, scored: _Scored) -> Outcome:
        """Wait until the decisions of a batch are committed, and return its outcome with the stored answers."""
        stored = await self._decided(scored)
        if stored is not None:
            scored.outcome.bodies = [decision.answer for decision in stored]
        return scored.outcome

    async def _decided(self, scored: _Scored) -> list[Stored] | None:
        """Wait until the decisions are committed, and return the stored decisions; None if the store is off."""
        if self._store is None or scored.decisions is None:
            return None
        return await asyncio.wrap_future(self._store.decide(scored.decisions))

    async def _in_thread(self, work: Callable[[], T], limiter: CapacityLimiter) -> T:
        if limiter.statistics().tasks_waiting >= _MOST_WAITING:
            raise Busy("Too many requests of this kind wait for a thread.", retry_after=_RETRY_AFTER)
        return await to_thread.run_sync(work, limiter=limiter)

    def _gather_soon(self) -> None:
        if self._pending and not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_soon(self._gather, 0, 0)

    def _gather(self, previous: int, idle: int) -> None:
        """Score the pending shipments once they fill a table, or no shipment has arrived for `_IDLE_TURNS` turns.

        During a commit, fewer than `_ENOUGH` shipments wait for a further shipment or for the end of the commit.

        Args:
            previous: number of pending shipments one turn ago.
            idle: turns without a new shipment.
        """
        count = len(self._pending)
        idle = idle + 1 if count == previous else 0
        if count < _MAX_TOGETHER and idle < _IDLE_TURNS:
            asyncio.get_running_loop().call_soon(self._gather, count, idle)
            return
        self._gathering = False
        if count >= _ENOUGH or not self._committing:
            self._score_pending()

    def _score_pending(self) -> None:
        """Score up to `_MAX_TOGETHER` pending shipments in order of arrival."""
        group, self._pending = self._pending[:_MAX_TOGETHER], self._pending[_MAX_TOGETHER:]
        self._gather_soon()
        for options, same_options in groupby(group, key=lambda pending: pending.options):
            self._answer(list(same_options), options)

    def _answer(self, pending: list[_Pending], options: Options) -> None:
        try:
            served = self._host.served
            records = [shipment.record for shipment in pending]
            scored = self._score(served, records, options, [shipment.receipt for shipment in pending])
        except Exception as error:
            if len(pending) > 1:
                # Retry one by one, so that only the faulty shipment fails. The history counts the other shipments twice
                # if the failed attempt has already updated it.
                for shipment in pending:
                    self._answer([shipment], options)
            elif not pending[0].answer.done():
                pending[0].answer.set_exception(error)
            return
        if self._store is None or not scored.decisions:
            _deliver(pending, _answers(scored.outcome, served))
            return
        loop = asyncio.get_running_loop()

        def deliver(future: Future[list[Stored]]) -> None:
            self._committing -= 1
            _deliver_stored(pending, scored.outcome, served, future)
            self._gather_soon()

        def committed(future: Future[list[Stored]]) -> None:
            # The writer's thread calls this.
            loop.call_soon_threadsafe(deliver, future)

        self._committing += 1
        self._store.decide(scored.decisions).add_done_callback(committed)

    def _score(self, served: ServedModel, records: list[Any], options: Options, receipts: Sequence[Receipt]) -> _Scored:
        via = receipts[0].via
        started = time.perf_counter()
        # In a batch, refuse a shipment that fails. A single shipment raises, and `_answer` retries the shipments of its table.
        outcome = score(
            served,
            records,
            options,
            self._settings if self._lists is None else self._lists.settings,
            max_items=self._max_items,
            reading_seconds=self._reading_seconds,
            isolate=via == "batch",
        )
        for scores in outcome.scores:
            self._metrics.scored(scores)
            if self._record is not None and options.update_history:
                self._record.add(scores.table)
        if outcome.refused:
            self._metrics.refused.labels(via).inc(len(outcome.refused))
        if self._store is None:
            return _Scored(outcome, None)
        what_if = not options.update_history
        seconds = time.perf_counter() - started
        return _Scored(outcome, decisions_of(outcome, records, served, receipts, what_if=what_if, seconds=seconds))


def _answers(outcome: Outcome, served: ServedModel, stored: list[Stored] | None = None) -> list[Answer]:
    """Return one answer per record, in the order of the request."""
    digest = served.model.digest
    refused = {shipment.index: shipment.problems for shipment in outcome.refused}
    results = iter(zip(outcome.results, repeat(None) if stored is None else stored, strict=False))
    return [
        Answer(None, refused[index], digest) if index in refused else _answer(*next(results), digest)
        for index in range(len(outcome.results) + len(refused))
    ]


def _answer(result: dict[str, Any], stored: Stored | None, digest: str) -> Answer:
    return Answer(result, [], digest, stored)


def _deliver(pending: Sequence[_Pending], answers: Sequence[Answer]) -> None:
    for shipment, answer in zip(pending, answers, strict=True):
        # A cancelled request has cancelled its future.
        if not shipment.answer.done():
            shipment.answer.set_result(answer)


def _deliver_stored(
    pending: Sequence[_Pending], outcome: Outcome, served: ServedModel, stored: Future[list[Stored]]
) -> None:
    error = stored.exception()
    if error is None:
        _deliver(pending, _answers(outcome, served, stored.result()))
        return
    for shipment in pending:
        if not shipment.answer.done():
            shipment.answer.set_exception(error)
