"""The model in service, and its replacement while the service runs.

The model that was in service before stays in memory, so that a rollback takes effect at once.

Model and history form an immutable `ServedModel`, which a single assignment replaces. A request reads the reference once, so the
same model scores the whole request. Each worker process watches the store's pointer.

A thread loads and warms up a new bundle while the old one serves. If the new bundle is refused, or the pointer is lost, the old one
stays in service, and the log, the metrics, ``/readyz`` and ``/v1/model`` report the problem. A service that starts without a valid
bundle responds with 503 and keeps watching: serving a model that the office did not choose would be a silent failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.bundle import BundleRefused, ModelStore, StoreError, champion_dir
from models.bundle.audit import features_digest
from models.bundle.signature import SIGNATURE
from service.core.errors import NotReady
from service.core.logs import logger
from service.core.memory import after_exchange
from service.core.periodic import repeated
from service.scoring.live_history import LiveHistory, LooksAtEarlier

if TYPE_CHECKING:
    from features.groups.history.history import History
    from models.scoring import RiskModel
    from service.core.metrics import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """Model and history for scoring requests.

    Attributes:
        history: the live history; two models may share it during a replacement.
        folder: folder of the bundle.
        since: time at which the model entered service, ISO 8601, UTC.
        history_from: ``snapshot`` (of the bundle), ``restored`` (from the store), or ``carried over`` (from the previous model).
        features_digest: SHA-256 of the model's ordered feature names, which every decision contains.
    """

    model: RiskModel
    history: LiveHistory
    folder: Path
    since: str
    history_from: str
    features_digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features_digest", features_digest(self.model.space.names))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused bundle to which the store points, or a damaged or lost pointer, with the problems."""

    folder: str
    problems: tuple[str, ...]
    since: str

    def to_json(self) -> dict[str, Any]:
        return {"folder": self.folder, "problems": list(self.problems), "since": self.since}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Model with the state of its bundle's files (`signature_of`)."""

    model: RiskModel
    signature: object


def load_current(store: ModelStore) -> LoadedModel:
    """Load the current model of the store, or the bundled champion.

    Raises:
        BundleRefused, StoreError: see `models.bundle.store.ModelStore.load`.
    """
    signature = signature_of(store.current() or champion_dir())
    return LoadedModel(store.load(), signature)


class ModelHost:
    """Loads the model in service, and watches the store for a new one.

    Args:
        store: store that `promote`, `pull` and `rollback` modify. The bundled champion serves while no version is current.
        warm_up: scores shipments with a new model before the model enters service. If it raises, the bundle is refused.
        loaded: an already loaded model for the first check, used if its bundle is still current.
        exchanged: is called with each model that has entered service.
    """

    def __init__(
        self,
        store: ModelStore,
        metrics: Metrics,
        warm_up: Callable[[ServedModel], None],
        loaded: LoadedModel | None = None,
        exchanged: Callable[[ServedModel], None] = lambda _: None,
    ) -> None:
        self._exchanged = exchanged
        self._store = store
        self._metrics = metrics
        self._warm_up = warm_up
        self._loaded = loaded
        self._kept: LoadedModel | None = None
        self._served: ServedModel | None = None
        # Of the bundle that was checked last, and of the bundle of the model in service.
        self._signature: object = None
        self._served_as: object = None
        self._log = logger()
        self.refused: Refusal | None = None
        self._first_history: Callable[[RiskModel], History] = lambda model: model.history
        self._restore: Callable[[History], LiveHistory] = lambda snapshot: LiveHistory(snapshot.copy())
        self._earlier: LooksAtEarlier | None = None

    @property
    def served(self) -> ServedModel:
        """The model in service.

        Raises:
            NotReady: no model is loaded; the error states the reason.
        """
        if self._served is None:
            problems = self.refused.problems if self.refused else ("the model is still being loaded",)
            raise NotReady(f"No model is loaded: {'; '.join(problems)}.")
        return self._served

    @property
    def ready(self) -> bool:
        return self._served is not None

    def check(self) -> bool:
        """Check the pointer once, and return whether a new model entered service. Call it in a thread: loading a bundle blocks."""
        try:
            current = self._store.current()
        except StoreError as error:
            self._refuse(str(self._store.root), (str(error),), str(error))
            return False
        if current is None and (lost := self._lost_pointer()) is not None:
            self._refuse(str(self._store.root), (lost,), lost)
            return False
        folder = current or champion_dir()
        signature = signature_of(folder)
        if signature == self._signature:
            return False
        try:
            served = self._load(current, folder, signature)
            if served is not None and not (self._kept and served.model is self._kept.model):
                self._warm_up(served)
        except BundleRefused as error:
            self._refuse(str(folder), tuple(error.problems), signature)
            return False
        except Exception as error:
            # A bundle that fails for any reason must not replace a working one.
            self._log.error("model_check_failed", folder=str(folder), exc_info=error)
            self._refuse(str(folder), (f"{type(error).__name__}: {error}",), signature)
            return False
        self._signature = signature
        if self.refused is not None:
            self.refused = None
            self._metrics.model_refused.set(0)
        served_as, self._served_as = self._served_as, signature
        if served is None:
            return False
        replaced = self._served
        self._exchange(served)
        if replaced is not None:
            self._kept = LoadedModel(replaced.model, served_as)
            after_exchange()
        return True

    @contextlib.asynccontextmanager
    async def watching(self, every: float) -> AsyncIterator[None]:
        """Check the pointer immediately and then every ``every`` seconds until the context ends."""
        await asyncio.to_thread(self.check)
        async with repeated(self._check_again, every, "model-pointer"):
            yield

    def _check_again(self) -> None:
        try:
            self.check()
        except Exception as error:
            # The watcher must survive errors, because only it can update the service.
            self._log.error("model_watch_failed", exc_info=error)

    def _lost_pointer(self) -> str | None:
        """Return the problem if a model is in service and the store has lost its pointer, otherwise None."""
        if self._served is None:
            return None
        return self._store.lost_pointer(in_service=self._served.folder.is_relative_to(self._store.root))

    def _load(self, current: Path | None, folder: Path, signature: object) -> ServedModel | None:
        """Load the bundle. Return None if its model is already in service.

        Args:
            current: the current version; None for the champion. The pointer is not read again: if the store has vanished meanwhile,
                the champion would replace the model in service.
        """
        loaded, self._loaded = self._loaded, None
        before = self._served
        known = [one for one in (loaded, self._kept) if one is not None and one.signature == signature]
        if known:
            model = known[0].model
        elif before is None:
            model = self._store.load()
        else:
            model = self._store.load_version(current)
        if before is not None and before.model.digest == model.digest:
            return None
        carried = before is not None and before.history.supersedes(model.history)
        if before is None:
            history = self._restore(self._first_history(model))
            history.earlier = self._earlier
            is_restored = history.is_complete and history.order > 0
            return ServedModel(model, history, folder, _now(), "restored" if is_restored else "snapshot")
        # Continue the orders, so that the log distinguishes the shipments of both histories.
        history = before.history
        if not carried:
            declarations = history.copy().declarations
            history = LiveHistory(model.history.copy(), order=history.order, is_logged=history.is_logged)
            history.remember(declarations)
            history.earlier = self._earlier
        return ServedModel(model, history, folder, _now(), "carried over" if carried else "snapshot")

    def look_with(self, earlier: LooksAtEarlier) -> None:
        """Set what live histories ask about earlier declarations."""
        self._earlier = earlier

    def begin_with(self, first_history: Callable[[RiskModel], History]) -> None:
        """Set the function that returns the history of the first model, by default its snapshot."""
        self._first_history = first_history

    def restore_with(self, restore: Callable[[History], LiveHistory]) -> None:
        """Set the function that returns the first live history, given the history of the first model."""
        self._restore = restore

    def _exchange(self, served: ServedModel) -> None:
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
        try:
            self._exchanged(served)
        except Exception as error:
            # The model is in service even if the listener failed.
            self._log.error("model_listener_failed", digest=digest, exc_info=error)

    def _refuse(self, folder: str, problems: tuple[str, ...], signature: object) -> None:
        if signature == self._signature:
            return
        self._signature = signature
        self.refused = Refusal(folder, problems, _now())
        self._metrics.model_refused.set(1)
        self._metrics.model_changes.labels("refused").inc()
        self._log.error(
            "model_refused",
            folder=folder,
            problems=list(problems),
            still_serving=self._served.model.digest if self._served else None,
        )


def _identity(served: ServedModel) -> tuple[str, str, str]:
    model = served.model
    return model.name, model.version, model.digest


def signature_of(folder: Path) -> tuple[object, ...]:
    """Return a value that changes if the folder changes, or if its bundle or signature file is rewritten."""
    states: list[object] = [str(folder)]
    for name in ("bundle.json", SIGNATURE):
        try:
            state = (folder / name).stat()
        except OSError:
            states.append(None)
        else:
            states.append((state.st_ino, state.st_mtime_ns, state.st_size))
    return tuple(states)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
