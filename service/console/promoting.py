"""Promotions from the console: the gate of ``tidewaiter promote`` in a process of its own, and rollback.

The gate needs the libraries of training, which the service does not load. Its state is in a folder beside the jobs, so that each
worker can show it. The process inherits the lock of the folder and holds it as long as it runs.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from models.bundle import BundleRefused, StoreError, describe
from service.core.database.audit import note_promotion
from service.jobs.child import exported, folder_lock

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings

_STATE, _VERDICTS, _LOG, _LOCK = "state.json", "verdicts.json", "log.txt", ".lock"
#: Most characters of a log that a page shows.
_SHOWN: Final = 4_000


class PromotionRefused(ValueError):
    """The promotion cannot be started, or the rollback is impossible. The message says why."""


def folder_of(settings: Settings) -> Path:
    """Return the folder of the state of the latest promotion."""
    return settings.jobs_dir / "promotion"


def start(settings: Settings, bundle: Path, person: str, reason: str) -> None:
    """Start the gate for a bundle, which puts it into service if no check fails.

    Args:
        person: id of who asks, the actor in the audit chain.

    Raises:
        PromotionRefused: another promotion is running, or the bundle is missing or altered.
    """
    try:
        info = describe(bundle)
    except (BundleRefused, OSError) as error:
        raise PromotionRefused(str(error)) from None
    folder = folder_of(settings)
    with folder_lock(folder, _LOCK) as lock:
        if lock is None:
            raise PromotionRefused("Another promotion is running; wait for its verdicts.")
        (folder / _VERDICTS).unlink(missing_ok=True)
        state: dict[str, Any] = {
            "bundle": str(bundle.resolve()),
            "version": info.version,
            "digest": info.digest,
        }
        state |= {"by": person, "reason": reason, "started": time.time()}
        (folder / _STATE).write_bytes(orjson.dumps(state))
        with (folder / _LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.training", str(folder)],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **exported(settings)},
                pass_fds=(lock.fileno(),),
                start_new_session=True,
            )
    threading.Thread(target=process.wait, daemon=True, name="promotion").start()


def state_of(settings: Settings) -> dict[str, Any] | None:
    """Return the state of the latest promotion; None if there was none.

    Returns:
        ``is_running``, ``version``, ``digest``, ``by``, ``reason``, ``seconds`` since the start, ``failed`` (names of checks),
        ``checks``, and ``log``.
    """
    folder = folder_of(settings)
    try:
        state: dict[str, Any] = orjson.loads((folder / _STATE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    with folder_lock(folder, _LOCK) as lock:
        state |= {"is_running": lock is None, "seconds": time.time() - state["started"], "failed": [], "checks": []}
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        state |= orjson.loads((folder / _VERDICTS).read_bytes())
    state["log"] = ""
    with contextlib.suppress(OSError):
        state["log"] = (folder / _LOG).read_text("utf-8", "replace")[-_SHOWN:]
    return state


def versions(settings: Settings) -> dict[str, Any]:
    """Return the versions in the model store, and which one a rollback would put back.

    Returns:
        ``found`` with ``folder``, ``version``, ``digest``, ``made`` and ``is_current`` of each, or its ``problem``; ``previous``
        in the same form; ``problem`` if the pointer cannot be read.
    """
    store = settings.store()
    try:
        current, previous = store.current(), store.previous()
    except StoreError as error:
        return {"found": [], "previous": None, "problem": str(error)}
    found = [{**_described(folder), "is_current": folder == current} for folder in store.versions()]
    return {"found": found, "previous": None if previous is None else _described(previous), "problem": None}


def _described(folder: Path) -> dict[str, Any]:
    try:
        info = describe(folder)
    except (BundleRefused, OSError) as error:
        return {"folder": folder.name, "version": folder.name, "digest": None, "made": None, "problem": str(error)}
    return {
        "folder": folder.name,
        "version": info.version,
        "digest": info.digest,
        "made": info.created_at,
        "problem": None,
    }


def rollback(database: Database, settings: Settings, person: str, reason: str) -> str:
    """Put the previous version back into service, and record it in the audit chain. Return its version.

    Raises:
        PromotionRefused: there is no previous version, or it is damaged.
    """
    try:
        folder = settings.store().rollback()
    except (StoreError, BundleRefused) as error:
        raise PromotionRefused(str(error)) from None
    info = describe(folder)
    facts = {"version": info.version, "folder": folder.name, "reason": reason}
    note_promotion(database, info.digest, facts, person)
    return info.version
