"""Statements of every request leave no cyclic garbage, which a service rarely collects: it would keep manifests and answers."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from service.core.database import idempotency
from service.core.database.engine import Database
from service.decisions import repository as decisions
from service.decisions.store import Store
from tests.service.store.decisions import new_decision

#: Number of requests of each kind. A statement that leaves garbage leaves at least two objects each time.
_REQUESTS = 50


def garbage_of(work: Callable[[], object]) -> int:
    """Return the number of objects that only the garbage collector frees after `_REQUESTS` calls."""
    # The first calls fill caches.
    for _ in range(3):
        work()
    gc.collect()
    gc.disable()
    try:
        for _ in range(_REQUESTS):
            work()
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("lane", ["green", "yellow"])
@pytest.mark.parametrize("kind", ["new", "repeated", "changed"])
def test_decisions_leave_no_garbage(store: Store, kind: str, lane: str) -> None:
    first = new_decision(lane=lane)
    store.decide([first]).result()

    def decide() -> None:
        again = {"new": {}, "repeated": {"content_digest": first.content_digest}, "changed": {}}[kind]
        shipment = {} if kind == "new" else {"shipment_id": first.shipment_id}
        [stored] = store.decide([new_decision(lane=lane, **again, **shipment)]).result()
        assert stored.repeated == (kind == "repeated")

    assert garbage_of(decide) < _REQUESTS


def test_requests_with_a_key_leave_no_garbage(database: Database) -> None:
    number = 0

    def once() -> None:
        nonlocal number
        number += 1
        request = idempotency.Request("caller", f"key-{number}", b"digest")
        answer = idempotency.Replay(200, None, b"answer")
        with database.write() as connection:
            assert idempotency.begin(connection, request, 1_000_000) is None
        with database.write() as connection:
            idempotency.finish(connection, request, answer)
        with database.write() as connection:
            assert idempotency.begin(connection, request, 1_000_000) == answer
            idempotency.give_up(connection, request)

    assert garbage_of(once) < _REQUESTS


def test_the_constants_serve_any_number_of_decisions(database: Database) -> None:
    """A statement that is made once takes other numbers of values each time."""
    sent = [new_decision(lane="yellow") for _ in range(40)]
    for count in (40, 1, 7, 40):
        with database.write() as connection:
            stored = decisions.record(connection, sent[:count], 1)
        assert [one.id for one in stored] == [one.id for one in sent[:count]]
