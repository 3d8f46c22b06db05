"""The clock of the machine is set forward and back while clients write: each request is answered or refused, and stored once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models.bundle import ModelStore
from service.app import create_app
from service.audit.proof import prove
from service.core.database import idempotency
from service.core.database.engine import Database
from service.core.database.idempotency import IN_WORK, InWork, Replay, Request
from service.core.database.tables import IdempotentRequest
from service.core.settings import Settings
from service.decisions.store import Store
from service.history.durable import DurableHistory, DurableSettings
from service.jobs.repository import Jobs
from service.scoring.tables import Decision
from service.webhooks import repository as webhooks
from service.webhooks.tables import Delivery
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment
from tests.service.store.decisions import new_decision
from tests.service.store.job_files import goods_csv, queue

HOUR: Final = 3_600
DAY: Final = 86_400
_CLIENTS: Final = 8
_ROUNDS: Final = 6
#: Seconds within which each request must be answered or refused. A longer wait means that a request waits for the clock.
_PATIENCE: Final = 60.0


class Clock:
    """The clock of the machine, which `step` sets. The monotonic clock is not changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seconds, nanoseconds = time.time, time.time_ns
        self.offset = 0
        monkeypatch.setattr(time, "time", lambda: seconds() + self.offset)
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + self.offset * 1_000_000_000)
        self._steps = itertools.cycle((HOUR, -DAY, DAY, -HOUR, 3 * DAY, 0, -2 * HOUR))

    def step(self) -> None:
        """Set the clock to another time, hours or days from the true one."""
        self.offset = next(self._steps)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def secured(tmp_path: Path, bundle: Path, url: str) -> Settings:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    return Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        auth=True,
        first_key_file=tmp_path / "first",
        history_checkpoint_seconds=1.0,
        keys_poll_seconds=0.01,
    )


@dataclass
class Received:
    """Answers that clients received: the decisions of their requests, and the count of each status."""

    decisions: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


async def work(
    sender: httpx.AsyncClient, clock: Clock, received: Received, number: int, key: str, limited: str
) -> None:
    """Send requests of all kinds, and set the clock between and during them."""

    async def send(method: str, path: str, body: Any, **headers: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        sending = asyncio.create_task(sender.request(method, path, json=body, headers=headers))
        await asyncio.sleep(0)
        clock.step()
        answer = await asyncio.wait_for(sending, _PATIENCE)
        received.statuses[answer.status_code] += 1
        return answer

    for turn in range(_ROUNDS):
        name = f"{number}-{turn}"
        request = "POST", "/v1/score", shipment(shipment_id=name)
        first, again = await asyncio.gather(*(send(*request, Idempotency_Key=name) for _ in range(2)))
        assert first.status_code == 200, first.text
        # The second request waits for the first, whose claim may look very old or come from the future.
        assert again.content == first.content
        decision = first.json()["decision_id"]
        batch = await send(
            "POST", "/v1/score/batch", {"shipments": [shipment(shipment_id=f"{name}-{k}") for k in "ab"]}
        )
        assert batch.status_code == 200, batch.text
        received.decisions += [decision, *(one["decision_id"] for one in batch.json()["results"])]
        override = {"lane": "red", "reason": "a test"}
        assert (await send("POST", f"/v1/decisions/{decision}/override", override)).status_code == 201
        for action in ("claim", "release"):
            done = await send("POST", f"/v1/queue/{decision}/{action}", {"by": f"Officer {number}"})
            assert done.status_code in (200, 204, 409), done.text
        found = {"content": "none", "found_at": "2026-05-04", "by": f"Officer {number}"}
        assert (await send("POST", f"/v1/decisions/{decision}/outcome", found)).status_code == 201
        rated = await send("POST", "/v1/score?update_history=false", shipment(), Authorization=f"Bearer {limited}")
        assert rated.status_code in (200, 429), rated.text
        received.decisions += [rated.json()["decision_id"]] if rated.status_code == 200 else []


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.long
def test_steps_of_the_clock_neither_lose_nor_repeat_nor_delay_requests(
    secured: Settings, clock: Clock, url: str
) -> None:
    received = Received()

    async def all_of_them(client: Client, key: str, limited: str) -> None:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as sender:
            await asyncio.gather(*(work(sender, clock, received, number, key, limited) for number in range(_CLIENTS)))

    with serving(create_app(secured)) as client:
        key = secured.first_key_file.read_text().strip()
        wishes = {"name": "slow", "scopes": ["score"], "requests_per_minute": 60}
        made = client.post("/v1/keys", json=wishes, headers=bearer(key))
        assert made.status_code == 201, made.text
        client.portal.call(all_of_them, client, key, made.json()["key"])
        # Rate limits use the monotonic clock, so no step gives more than one burst or locks the key out.
        assert received.statuses[429] >= _CLIENTS * _ROUNDS - 30
        before = client.state.host.served.history.copy()
    clock.offset = -DAY
    with serving(create_app(secured)) as restarted:
        after = restarted.state.host.served.history.copy()
    assert (after.sequence, after.watermark) == (before.sequence, before.watermark)
    # The orders of the results come after all shipments, so only the replay has learned them.
    assert (after._finds, after._clean) == (0, _CLIENTS * _ROUNDS)
    database = Database(url)
    try:
        with database.read() as connection:
            stored = connection.execute(select(Decision.id)).scalars().all()
        assert sorted(stored) == sorted(received.decisions)
        assert prove(database).fault is None
    finally:
        database.close()


def test_results_are_learned_after_the_clock_was_set_back(tmp_path: Path, bundle: Path, url: str, clock: Clock) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = Settings(
        models_dir=models,
        keeps_decisions=True,
        database_url=SecretStr(url),
        history_checkpoint_seconds=86_400.0,
    )
    found = {"content": "fentanyl", "found_at": "2026-05-04T15:20:00Z", "by": "Officer 4711"}
    opened = Database(url)
    with serving(create_app(settings)) as client:
        live = client.state.host.served.history
        keeper = DurableHistory(opened, DurableSettings.of(settings), lambda: live)
        keeper._live, keeper._base = live, live.order
        clock.offset = DAY
        # The orders of shipments are a day ahead from now on.
        decision = client.post("/v1/score", json=shipment(shipment_id="A")).json()["decision_id"]
        assert client.post(f"/v1/decisions/{decision}/outcome", json=found).status_code == 201
        clock.offset = 0
        keeper.look()
        assert [lesson.order > live.order for lesson in live._lessons] == [True]
    opened.close()


def test_a_checkpoint_does_not_wait_until_a_clock_that_was_set_back_catches_up(
    tmp_path: Path, bundle: Path, url: str, clock: Clock
) -> None:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)
    settings = Settings(models_dir=models, keeps_decisions=True, database_url=SecretStr(url))
    opened = Database(url)
    with serving(create_app(settings)) as client:
        live = client.state.host.served.history
        keeper = DurableHistory(opened, DurableSettings.of(settings), lambda: live)
        keeper._live, keeper._base = live, live.order
        client.post("/v1/score", json=shipment(shipment_id="A"))
        keeper.look()
        assert keeper._base != live.order, "nothing is due yet"
        clock.offset = -HOUR
        keeper.look()
        assert keeper._base == live.order
    opened.close()


@pytest.fixture
def begin(database: Database) -> Callable[[int], Replay | None]:
    def begin(now: int) -> Replay | None:
        with database.write() as connection:
            return idempotency.begin(connection, Request("", "k", b"d"), now)

    return begin


def test_a_request_whose_process_ended_does_not_wait_for_the_clock(begin: Callable[[int], Replay | None]) -> None:
    begin(DAY * 1_000_000)
    with pytest.raises(InWork):
        begin(DAY * 1_000_000 - IN_WORK + 1)
    assert begin(DAY * 1_000_000 - HOUR * 1_000_000) is None


def test_an_answer_is_stored_although_a_step_of_the_clock_deleted_its_claim(
    database: Database, begin: Callable[[int], Replay | None]
) -> None:
    now = time.time_ns() // 1000
    begin(now)
    with database.write() as connection:
        idempotency.begin(connection, Request("other", "k", b"d"), now + 2 * DAY * 1_000_000)
    with database.read() as connection:
        assert connection.execute(select(IdempotentRequest.caller)).scalars().all() == ["other"]
    answer = Replay(200, "application/json", b"{}")
    with database.write() as connection:
        idempotency.finish(connection, Request("", "k", b"d"), answer)
    assert begin(now) == answer


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def test_the_job_of_a_lost_worker_does_not_wait_for_the_clock(
    jobs: Jobs, clock: Clock, tmp_path: Path, bundle: Path, url: str
) -> None:
    settings = Settings(models_dir=tmp_path, keeps_decisions=True, database_url=SecretStr(url), jobs_dir=tmp_path)
    job = queue(jobs, settings, goods_csv(2))
    assert jobs.take("first", 60) is not None
    clock.offset = -60
    assert jobs.take("second", 60) is None, "small corrections of the clock end no lease"
    clock.offset = -DAY
    taken = jobs.take("second", 60)
    assert taken is not None
    assert taken.job.id == job


def test_a_message_does_not_wait_for_a_clock_that_was_set_back(store: Store) -> None:
    at = DAY * 1_000_000
    webhooks.add(store.database, "https://office.example/red", "", None, at)
    assert store.outbox.look()
    store.decide([new_decision(lane="red")]).result()
    for changed in ({"next_at": at, "leased_until": 0}, {"next_at": 0, "leased_until": at}):
        with store.database.write() as connection:
            connection.execute(update(Delivery).values(changed))
        assert webhooks.claim(store.database, at - HOUR * 1_000_000, 10) == [], "a delay may be so long"
        assert len(webhooks.claim(store.database, 1, 10)) == 1
