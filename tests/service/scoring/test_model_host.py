"""Exchange of the model while the service runs: without a restart, atomically, and only for a sound bundle."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import ref

import httpx
import pytest

from models.bundle import ModelStore, load, save
from service.app import create_app
from service.core.errors import NotReady
from service.core.metrics import Metrics
from service.core.settings import Settings
from service.scoring.model_host import ModelHost, ServedModel, load_current
from tests.service.api_client import Client, serving
from tests.service.conftest import shipment


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until a condition holds, which depends on another thread."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not hold in time"


def digest_of(client: Client) -> str:
    digest: str = client.post("/v1/score?update_history=false", json=shipment()).json()["model"]["digest"]
    return digest


def point_to(store: Path, content: str) -> None:
    """Change the pointer of the store without any check."""
    (store / "next").write_text(content, encoding="ascii")
    (store / "next").replace(store / "current")


def altered_copy(bundle: Path, store: Path) -> str:
    """Copy a bundle into the store with one byte of a booster changed, and return its folder name."""
    name = f"altered-{load(bundle).digest[:12]}"
    shutil.copytree(bundle, store / "versions" / name)
    booster = next((store / "versions" / name).glob("booster_*.txt"))
    booster.write_bytes(booster.read_bytes().replace(b"0", b"1", 1))
    return name


def test_a_model_loaded_earlier_is_used_unless_the_store_changed_since(
    settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    store = ModelStore(settings.models_dir)
    loaded = load_current(store)
    with serving(create_app(settings, loaded)) as client:
        assert client.state.host.served.model is loaded.model
    store.install(other_bundle)
    with serving(create_app(settings, loaded)) as client:
        assert client.state.host.served.model.digest == load(other_bundle).digest
        store.rollback()
        # The loaded model is used once; a later exchange loads from the bundle.
        wait_until(lambda: digest_of(client) == load(bundle).digest)
        assert client.state.host.served.model is not loaded.model


def test_a_new_bundle_is_served_without_a_restart(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    assert digest_of(client) == load(bundle).digest
    store = ModelStore(settings.models_dir)
    store.install(other_bundle)
    wait_until(lambda: digest_of(client) == load(other_bundle).digest)
    assert client.get("/v1/model").json()["version"] == "2"
    store.rollback()
    wait_until(lambda: digest_of(client) == load(bundle).digest)


def test_the_model_in_service_before_returns_at_once_without_being_loaded(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, store = client.state.host, ModelStore(settings.models_dir)
    first = host.served.model
    store.install(other_bundle)
    wait_until(lambda: host.served.model.digest == load(other_bundle).digest)
    second = host.served.model
    monkeypatch.setattr(ModelStore, "load_version", lambda *_: pytest.fail("it loads"))
    for model in (first, second):
        store.rollback() if model is first else store.install(other_bundle)
        wait_until(lambda: host.served.model is model)  # noqa: B023  # the condition holds before the next model
    assert client.get("/v1/model").json()["digest"] == second.digest


def test_a_damaged_bundle_does_not_return_although_its_model_is_kept(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    host, store = client.state.host, ModelStore(settings.models_dir)
    first = store.current()
    assert first is not None
    store.install(other_bundle)
    wait_until(lambda: host.served.model.digest == load(other_bundle).digest)
    (first / "bundle.json").write_text("{}")
    point_to(settings.models_dir, f"{first.name}\n")
    wait_until(lambda: host.refused is not None)
    assert host.served.model.digest == load(other_bundle).digest


def test_a_replaced_model_leaves_memory_without_a_garbage_collection(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path, tmp_path: Path
) -> None:
    """Objects that existed at the start are exempt from garbage collection, so that a cycle would keep the model forever."""
    third = load(other_bundle)
    third.version = "3"
    save(third, tmp_path / "three")
    assert digest_of(client) == load(bundle).digest
    model = client.state.host.served.model
    parts: list[ref[Any]] = [ref(model.space), ref(model.space.groups[0].texts)]
    del model
    gc.disable()
    try:
        ModelStore(settings.models_dir).install(other_bundle)
        wait_until(lambda: digest_of(client) == load(other_bundle).digest)
        # The previous model is kept for a rollback, until the next one enters service.
        ModelStore(settings.models_dir).install(tmp_path / "three")
        wait_until(lambda: digest_of(client) == load(tmp_path / "three").digest)
        wait_until(lambda: not any(part() is not None for part in parts))
    finally:
        gc.enable()


def test_a_refused_bundle_is_reported_and_the_old_one_stays_in_service(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    point_to(settings.models_dir, altered_copy(other_bundle, settings.models_dir) + "\n")
    wait_until(lambda: client.get("/readyz").json()["refused"] is not None)
    assert digest_of(client) == load(bundle).digest
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert any("booster_" in problem for problem in ready.json()["refused"]["problems"])
    assert client.get("/v1/model").json()["refused"] == ready.json()["refused"]
    metrics = client.get("/metrics").text
    assert "tidewaiter_model_refused 1.0" in metrics
    assert 'tidewaiter_model_changes_total{outcome="refused"} 1.0' in metrics
    assert '"event": "model_refused"' in capfd.readouterr().err

    ModelStore(settings.models_dir).install(other_bundle)
    wait_until(lambda: digest_of(client) == load(other_bundle).digest)
    assert client.get("/readyz").json()["refused"] is None
    assert "tidewaiter_model_refused 0.0" in client.get("/metrics").text


def test_a_damaged_pointer_is_refused_and_the_old_bundle_stays_in_service(
    client: Client, settings: Settings, bundle: Path
) -> None:
    point_to(settings.models_dir, "../../elsewhere")
    wait_until(lambda: client.get("/readyz").json()["refused"] is not None)
    assert "damaged" in client.get("/readyz").json()["refused"]["problems"][0]
    assert digest_of(client) == load(bundle).digest


def empty(store: Path) -> None:
    point_to(store, "")


def remove(store: Path) -> None:
    (store / "current").unlink()


def remove_all(store: Path) -> None:
    """Leave an empty folder, as a volume that is no longer mounted does."""
    store.rename(store.with_name("elsewhere"))
    store.mkdir()


class VanishingStore(ModelStore):
    """Store whose folder vanishes after the pointer was read."""

    vanishes = False

    def current(self) -> Path | None:
        folder = super().current()
        if self.vanishes:
            self.vanishes = False
            remove_all(self.root)
        return folder


def test_the_model_in_service_stays_if_the_store_vanishes_during_a_check(settings: Settings, bundle: Path) -> None:
    store = VanishingStore(settings.models_dir)
    host = ModelHost(store, Metrics(), lambda _: None)
    assert host.check()
    store.vanishes = True
    assert not host.check()
    assert host.served.model.digest == load(bundle).digest
    assert host.refused is not None
    assert host.refused.folder == str(host.served.folder)


def point_to_nothing(store: Path) -> None:
    point_to(store, "9-0123456789ab\n")


@pytest.mark.parametrize(
    ("lose", "problem"),
    [
        (empty, "current is empty, although 1 version is installed: the model in service stays"),
        (remove, "current is missing, although 1 version is installed: the model in service stays"),
        (remove_all, "current is missing, and no versions are installed: the model in service stays"),
        (point_to_nothing, "9-0123456789ab"),
    ],
    ids=["empty", "missing", "all", "nothing"],
)
def test_the_model_in_service_stays_if_the_pointer_to_it_is_lost(
    client: Client,
    settings: Settings,
    bundle: Path,
    other_bundle: Path,
    lose: Callable[[Path], None],
    problem: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    lose(settings.models_dir)
    # A check while the folder is being replaced reports another problem, until the next check.
    wait_until(lambda: problem in str(client.get("/readyz").json()["refused"]))
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"]["digest"] == digest_of(client) == load(bundle).digest
    assert client.get("/v1/model").json()["refused"] == ready.json()["refused"]
    assert "tidewaiter_model_refused 1.0" in client.get("/metrics").text
    refusals = [line for line in capfd.readouterr().err.splitlines() if '"event": "model_refused"' in line]
    [logged] = [line for line in refusals if problem in line]
    assert f'"still_serving": "{load(bundle).digest}"' in logged

    ModelStore(settings.models_dir).install(other_bundle)
    wait_until(lambda: digest_of(client) == load(other_bundle).digest)
    assert client.get("/readyz").json()["refused"] is None
    assert "tidewaiter_model_refused 0.0" in client.get("/metrics").text


def test_a_pointer_that_comes_back_ends_the_report(client: Client, settings: Settings, bundle: Path) -> None:
    pointer = (settings.models_dir / "current").read_text()
    remove(settings.models_dir)
    wait_until(lambda: client.get("/readyz").json()["refused"] is not None)
    point_to(settings.models_dir, pointer)
    wait_until(lambda: client.get("/readyz").json()["refused"] is None)
    assert digest_of(client) == load(bundle).digest
    assert "tidewaiter_model_refused 0.0" in client.get("/metrics").text


def test_a_champion_that_serves_because_the_pointer_is_missing_is_reported_until_it_is_chosen(
    settings: Settings, other_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("models.bundle.store", "service.scoring.model_host"):
        monkeypatch.setattr(f"{module}.champion_dir", lambda: other_bundle)
    remove(settings.models_dir)
    with serving(create_app(settings)) as client:
        wait_until(lambda: client.get("/readyz").json()["refused"] is not None)
        assert digest_of(client) == load(other_bundle).digest
        [problem] = client.get("/readyz").json()["refused"]["problems"]
        assert "the bundled champion is used instead of the office's model" in problem
        ModelStore(settings.models_dir).rollback()
        wait_until(lambda: client.get("/readyz").json()["refused"] is None)
        assert digest_of(client) == load(other_bundle).digest


def test_the_service_responds_with_503_until_it_has_a_valid_bundle(
    settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    point_to(settings.models_dir, altered_copy(other_bundle, settings.models_dir) + "\n")
    with serving(create_app(settings)) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (client.get("/readyz"), client.post("/v1/score", json=shipment()), client.get("/v1/model")):
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:tidewaiter:problem:not-ready"
            assert "booster_" in answer.json()["detail"]
        ModelStore(settings.models_dir).install(bundle)
        wait_until(lambda: client.get("/readyz").status_code == 200)
        assert digest_of(client) == load(bundle).digest


class Pause:
    """Stands in for the warm-up of a new model: waits until the test has seen what the service answers meanwhile."""

    def __init__(self) -> None:
        self.entered, self.over = threading.Event(), threading.Event()

    def __call__(self, _: ServedModel) -> None:
        self.entered.set()
        assert self.over.wait(60)


@pytest.fixture
def pause() -> Iterator[Pause]:
    pause = Pause()
    yield pause
    # Otherwise the service of a failed test would not end.
    pause.over.set()


def test_the_old_model_answers_until_a_new_one_is_warm(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path, pause: Pause
) -> None:
    client.state.host._warm_up = pause
    ModelStore(settings.models_dir).install(other_bundle)
    assert pause.entered.wait(60)
    for _ in range(3):
        assert digest_of(client) == load(bundle).digest
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["model"]["digest"]) == (200, load(bundle).digest)
    pause.over.set()
    wait_until(lambda: digest_of(client) == load(other_bundle).digest)


def test_a_service_without_a_model_refuses_requests_while_one_loads(
    settings: Settings, bundle: Path, other_bundle: Path, pause: Pause
) -> None:
    point_to(settings.models_dir, altered_copy(other_bundle, settings.models_dir) + "\n")
    csv = {"content": b"shipment_id,goods_description\nHB-1,phone case\n", "headers": {"Content-Type": "text/csv"}}
    with serving(create_app(settings)) as client:
        client.state.host._warm_up = pause
        ModelStore(settings.models_dir).install(bundle)
        assert pause.entered.wait(60)
        assert client.get("/healthz").status_code == 200
        for answer in (
            client.get("/readyz"),
            client.post("/v1/score", json=shipment()),
            client.post("/v1/score/batch", json={"shipments": [shipment()]}),
            client.post("/v1/score/csv", **csv),
        ):
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:tidewaiter:problem:not-ready"
        pause.over.set()
        wait_until(lambda: client.get("/readyz").status_code == 200)
        assert client.post("/v1/score/csv", **csv).status_code == 200


def test_before_the_first_load_the_reason_is_that_the_model_loads(settings: Settings) -> None:
    host = ModelHost(ModelStore(settings.models_dir), Metrics(), lambda _: None)
    with pytest.raises(NotReady, match="No model is loaded: the model is still being loaded"):
        _ = host.served
    assert host.check()
    assert host.ready


def test_a_base_rate_for_an_unknown_head_refuses_the_model(settings: Settings) -> None:
    wrong = Settings(models_dir=settings.models_dir, base_rates={"risk": 0.01})
    with serving(create_app(wrong)) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "unknown heads ['risk']" in answer.json()["detail"]


def test_one_model_scores_each_request_during_an_exchange(
    client: Client, settings: Settings, bundle: Path, other_bundle: Path
) -> None:
    digests = {load(bundle).digest, load(other_bundle).digest}
    store = ModelStore(settings.models_dir)
    records = [shipment(shipment_id=f"HB-{number}") for number in range(20)]

    async def ask(http: httpx.AsyncClient) -> set[str]:
        answer = await http.post("/v1/score/batch?update_history=false", json={"shipments": records})
        seen: set[str] = {one["model"]["digest"] for one in answer.json()["results"]}
        assert len(answer.json()["results"]) == 20
        assert len(seen) == 1
        return seen

    async def ask_until_exchanged() -> set[str]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            change = asyncio.create_task(asyncio.to_thread(store.install, other_bundle))
            seen: set[str] = set()
            while seen != digests:
                for one in await asyncio.gather(*(ask(http) for _ in range(4))):
                    seen |= one
            await change
        return seen

    seen = client.portal.call(asyncio.wait_for, ask_until_exchanged(), 60)
    assert seen == digests


@pytest.mark.parametrize("scored_before", [False, True])
def test_a_new_model_keeps_the_history_once_a_shipment_was_scored(
    client: Client, settings: Settings, other_bundle: Path, scored_before: bool
) -> None:
    if scored_before:
        client.post("/v1/score", json=shipment(declared_at="2026-10-01T10:00:00Z"))
    before = client.state.host.served.history
    ModelStore(settings.models_dir).install(other_bundle)
    wait_until(lambda: digest_of(client) == load(other_bundle).digest)
    described: dict[str, Any] = client.get("/v1/model").json()
    assert described["history"] == ("carried over" if scored_before else "snapshot")
    assert (client.state.host.served.history is before) == scored_before
