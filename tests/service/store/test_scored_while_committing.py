"""Single shipments that arrive while decisions are being committed."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from service.core.database.engine import Database
from service.decisions.store import Store
from service.scoring.answers import Options
from service.scoring.decision import Stored
from service.scoring.scorer import Answer
from tests.service.api_client import Client
from tests.service.conftest import shipment

#: More turns of the event loop than scoring waits for.
_TURNS = 10


def sent(client: Client, first: int, count: int) -> list[asyncio.Task[Answer]]:
    """Send shipments some turns of the event loop apart, and return the tasks of their answers."""

    async def send() -> list[asyncio.Task[Answer]]:
        tasks = []
        for number in range(first, first + count):
            record = shipment(shipment_id=f"S-{number}")
            tasks.append(asyncio.ensure_future(client.state.scorer.one(record, Options())))
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        return tasks

    return client.portal.call(send)


def names(client: Client, answers: list[asyncio.Task[Answer]]) -> list[str]:
    async def wait() -> list[Answer]:
        return list(await asyncio.gather(*answers))

    return [(answer.result or {})["shipment_id"] for answer in client.portal.call(wait)]


@pytest.mark.parametrize(("count", "during", "after"), [(1, [1], [1, 1]), (3, [1], [1, 3]), (4, [1, 4], [1, 4])])
def test_few_shipments_wait_for_the_end_of_a_commit_and_enough_do_not(
    stored_client: Client, url: str, tables: list[int], count: int, during: list[int], after: list[int]
) -> None:
    database = Database(url)
    with database.write() as connection:
        # The writer waits for this lock, as it would wait for a slow disk.
        database.lock_audit(connection)
        answers = sent(stored_client, 0, 1) + sent(stored_client, 1, count)
        assert tables == during
    database.close()
    assert names(stored_client, answers) == [f"S-{number}" for number in range(1 + count)]
    assert tables == after


@pytest.mark.parametrize("engine", ["sqlite"])
def test_shipments_that_waited_are_scored_after_a_commit_that_failed(
    stored_client: Client, tables: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Future[list[Stored]] = Future()
    with monkeypatch.context() as patched:
        patched.setattr(Store, "decide", lambda *_: commit)
        failing = sent(stored_client, 0, 1)
        waiting = sent(stored_client, 1, 2)
        assert tables == [1]
    commit.set_exception(OSError("the disk is gone"))
    with pytest.raises(OSError, match="the disk is gone"):
        names(stored_client, failing)
    assert names(stored_client, waiting) == ["S-1", "S-2"]
    assert tables == [1, 2]
