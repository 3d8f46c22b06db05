"""Holds the model that answers, and changes it while the service runs.

Model and history are one immutable `Served`, exchanged in one assignment: a request takes the reference once and is
answered by that model from start to end. Each worker process watches the pointer of the store for itself.

A new bundle is loaded and warmed in a thread beside the old one. When it is refused, the old one goes on answering,
and that is said in the log, in the metrics, in ``/readyz`` and in ``/v1/model``. A service that has no sound bundle
at its start answers 503 and goes on watching: to serve another model than the office chose would be a silent failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.bundle.bundle import BundleRefused
from models.bundle.store import ModelStore, StoreError, champion_dir
from service.errors import NotReady
from service.logs import logger
from service.scoring.live_history import LiveHistory

if TYPE_CHECKING:
    from models.scoring.risk_model import RiskModel
    from service.metrics import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What one request is answered with.

    Attributes:
        history: the live history; requests served by different models during a change may share it.
        folder: where the bundle was loaded from.
        since: when it began to answer, ISO 8601, UTC.
        history_from: ``snapshot`` (the bundle's) or ``carried over`` (the live one of the model before).
    """

    model: RiskModel
    history: LiveHistory
    folder: Path
    since: str
    history_from: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bundle that the pointer names and that is not served."""

    folder: str
    problems: tuple[str, ...]
    since: str

    def to_json(self) -> dict[str, Any]:
        return {"folder": self.folder, "problems": list(self.problems), "since": self.since}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, and the state of the bundle that it was loaded from."""

    model: RiskModel
    seen: object


def load_current(store: ModelStore) -> Loaded:
    """The model that the store points at, or the bundled champion.

    Raises:
        BundleRefused, StoreError: see `models.bundle.store.ModelStore.load`.
    """
    seen = _signature(store.current() or champion_dir())
    return Loaded(store.load(), seen)


class ModelHost:
    """Loads, serves, watches.

    Args:
        store: where `promote`, `pull` and `rollback` put bundles; the bundled champion while it is empty.
        warm_up: scores something with a model that is about to answer, so that no request is the slow first one. It may
            raise ValueError when the model cannot score here, which refuses the bundle.
        loaded: spares the first load, if the bundle is still the one that the store points at.
    """

    def __init__(
        self, store: ModelStore, metrics: Metrics, warm_up: Callable[[Served], None], loaded: Loaded | None = None
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._warm_up = warm_up
        self._loaded = loaded
        self._served: Served | None = None
        self._seen: object = None
        self._log = logger()
        self.refused: Refusal | None = None

    @property
    def served(self) -> Served:
        """The model that answers now.

        Raises:
            NotReady: none is loaded; says why.
        """
        if self._served is None:
            problems = self.refused.problems if self.refused else ("the model is still being loaded",)
            raise NotReady(f"No model is loaded: {'; '.join(problems)}.")
        return self._served

    @property
    def ready(self) -> bool:
        return self._served is not None

    def check(self) -> bool:
        """Look at the pointer once and change the model if it asks for another; returns whether the model was changed.

        Blocks while a bundle loads; nothing but the final exchange is visible to requests meanwhile.
        """
        try:
            folder = self._store.current() or champion_dir()
        except StoreError as error:
            self._refuse(str(self._store.root), (str(error),), seen=str(error))
            return False
        seen = _signature(folder)
        if seen == self._seen:
            return False
        try:
            served = self._load(folder, seen)
            if served is not None:
                self._warm_up(served)
        except BundleRefused as error:
            self._refuse(str(folder), tuple(error.problems), seen)
            return False
        except Exception as error:
            # Whatever it is: a bundle that cannot be loaded or cannot score once must not take the place of one that can.
            self._log.error("model_check_failed", folder=str(folder), exc_info=error)
            self._refuse(str(folder), (f"{type(error).__name__}: {error}",), seen)
            return False
        self._seen = seen
        if self.refused is not None:
            self.refused = None
            self._metrics.model_refused.set(0)
        if served is None:
            return False
        self._exchange(served)
        return True

    @contextlib.asynccontextmanager
    async def watching(self, every: float) -> AsyncIterator[None]:
        """Look at the pointer now, and then every ``every`` seconds for as long as the context lasts."""
        await asyncio.to_thread(self.check)
        task = asyncio.create_task(self._watch(every), name="model-pointer")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await asyncio.to_thread(self.check)
            except Exception as error:
                # A watcher that dies in silence would leave a service that can never be updated.
                self._log.error("model_watch_failed", exc_info=error)

    def _load(self, folder: Path, seen: object) -> Served | None:
        """The bundle ready to serve; None when it is the one that already is."""
        loaded, self._loaded = self._loaded, None
        model = loaded.model if loaded is not None and loaded.seen == seen else self._store.load()
        before = self._served
        if before is not None and before.model.digest == model.digest:
            return None
        carried = before is not None and before.history.goes_on_after(model.history)
        history = before.history if before is not None and carried else LiveHistory(model.history.copy())
        return Served(model, history, folder, _now(), "carried over" if carried else "snapshot")

    def _exchange(self, served: Served) -> None:
        before, self._served = self._served, served
        if before is not None:
            self._metrics.model.labels(*_identity(before)).set(0)
        self._metrics.model.labels(*_identity(served)).set(1)
        self._metrics.model_refused.set(0)
        self._metrics.model_changes.labels("loaded").inc()
        name, version, digest = _identity(served)
        self._log.info(
            "model_loaded",
            name=name,
            version=version,
            digest=digest,
            folder=str(served.folder),
            history=served.history_from,
            replaces=before.model.digest if before else None,
        )

    def _refuse(self, folder: str, problems: tuple[str, ...], seen: object) -> None:
        if seen == self._seen:
            return
        self._seen = seen
        self.refused = Refusal(folder, problems, _now())
        self._metrics.model_refused.set(1)
        self._metrics.model_changes.labels("refused").inc()
        self._log.error(
            "model_refused",
            folder=folder,
            problems=list(problems),
            still_serving=self._served.model.digest if self._served else None,
        )


def _identity(served: Served) -> tuple[str, str, str]:
    model = served.model
    return model.name, model.version, model.digest


def _signature(folder: Path) -> tuple[object, ...]:
    """Changes when the pointer names another folder, or when the folder's bundle was written anew."""
    try:
        state = (folder / "bundle.json").stat()
    except OSError:
        return (str(folder), None)
    return (str(folder), state.st_ino, state.st_mtime_ns, state.st_size)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
