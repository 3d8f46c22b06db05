"""Where and with what the shipments of a request are scored.

A single one is scored on the event loop, which is quicker than handing it to a thread and back, and together with all single ones
that keep coming in: one table of eight costs three times as much as one of one. Nobody is waited for once the loop has turned twice
and brought no other, which takes microseconds, and each is answered as if it had come alone. A large batch goes to a thread, and
so does what holds a systematic chemical name, which another program reads: nobody else need wait for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter, to_thread

from service.scoring.answers import Options, Outcome, score
from service.substances.chemistry import reads_names

if TYPE_CHECKING:
    from features.manifest.problems import Problem
    from models.scoring.settings import ScoreSettings
    from service.metrics import Metrics
    from service.scoring.model_host import ModelHost, Served

#: Shipments of a batch that are worth a thread: some 10 ms of work.
_WORTH_A_THREAD: Final = 32
#: Single shipments scored as one table: some 3 ms, in which the loop does nothing else.
_MOST_TOGETHER: Final = 32
#: Turns of the event loop that bring no further shipment before those that wait are scored. A request takes two from its arrival
#: to its place among them. Whoever was answered a moment ago asks again while others are read: without these turns eight clients
#: stay parted into those that ask together, and are scored in twice as many tables.
_IDLE_TURNS: Final = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one shipment.

    Attributes:
        result: the answer; None when the shipment was refused.
        problems: why it was refused.
        digest: of the model that answered.
    """

    result: dict[str, Any] | None
    problems: list[Problem]
    digest: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: object
    options: Options
    answer: asyncio.Future[Answer]


class Scorer:
    """Scores the shipments of requests with the model that is served, and counts them. Used on the event loop only."""

    def __init__(self, host: ModelHost, metrics: Metrics, settings: ScoreSettings, *, max_items: int) -> None:
        """
        Args:
            max_items: a shipment of more goods items is refused.
        """
        self._host = host
        self._metrics = metrics
        self._settings = settings
        self._max_items = max_items
        self._waiting: list[_Waiting] = []
        # One after the other: batches hold the interpreter for most of their time, and side by side only take it from each other.
        self._batches = CapacityLimiter(1)

    async def one(self, record: object, options: Options) -> Answer:
        """Score a parsed JSON record.

        Raises:
            NotReady: no model is loaded.
        """
        served = self._host.served
        if reads_names([record]):
            outcome = await to_thread.run_sync(partial(self._score, served, [record], options, via="score"))
            return _answers(outcome, served)[0]
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._gather, 0, 0)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(record, options, answer))
        return await answer

    async def batch(self, records: list[Any], options: Options) -> tuple[Outcome, str]:
        """Score parsed JSON records, each of which sees those before it as history; the model's digest besides.

        Raises:
            NotReady: no model is loaded.
        """
        served = self._host.served
        work = partial(self._score, served, records, options, via="batch")
        if len(records) > _WORTH_A_THREAD:
            outcome = await to_thread.run_sync(work, limiter=self._batches)
        elif reads_names(records):
            outcome = await to_thread.run_sync(work)
        else:
            outcome = work()
        return outcome, served.model.digest

    def _gather(self, before: int, idle: int) -> None:
        """Score those that wait once they are many, or have become no more for some turns: a turn ago they were ``before``."""
        count = len(self._waiting)
        idle = idle + 1 if count == before else 0
        if count < _MOST_TOGETHER and idle < _IDLE_TURNS:
            asyncio.get_running_loop().call_soon(self._gather, count, idle)
        else:
            self._score_waiting()

    def _score_waiting(self) -> None:
        """Answer those that wait, in the order in which they came."""
        taken, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._gather, 0, 0)
        for options, group in groupby(taken, key=lambda one: one.options):
            self._answer(list(group), options)

    def _answer(self, waiting: list[_Waiting], options: Options) -> None:
        try:
            served = self._host.served
            outcome = self._score(served, [one.record for one in waiting], options, via="score")
            answered = list(zip(waiting, _answers(outcome, served), strict=True))
        except Exception as error:
            if len(waiting) > 1:
                # Only the one at fault is to fail. Should the history know them by now, it will count them twice.
                for one in waiting:
                    self._answer([one], options)
            elif not waiting[0].answer.done():
                waiting[0].answer.set_exception(error)
            return
        for one, answer in answered:
            # Whoever asked may have been cancelled meanwhile.
            if not one.answer.done():
                one.answer.set_result(answer)

    def _score(self, served: Served, records: list[Any], options: Options, *, via: str) -> Outcome:
        outcome = score(served, records, options, self._settings, max_items=self._max_items)
        for scores in outcome.scores:
            self._metrics.scored(scores)
        if outcome.refused:
            self._metrics.refused.labels(via).inc(len(outcome.refused))
        return outcome


def _answers(outcome: Outcome, served: Served) -> list[Answer]:
    """One for each record, in order."""
    digest = served.model.digest
    refused = {one.index: one.problems for one in outcome.refused}
    results = iter(outcome.results)
    return [
        Answer(None, refused[index], digest) if index in refused else Answer(next(results), [], digest)
        for index in range(len(outcome.results) + len(refused))
    ]
