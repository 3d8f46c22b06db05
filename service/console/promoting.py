"""Promotions from the console: the gate of ``tidewaiter promote`` in a process of its own, and rollback.

The gate needs the libraries of training, which the service does not load. Its state is in a folder beside the uploads, so that each
worker can show it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from models.bundle import describe
from service.core.database import audit
from service.core.database.audit import Fact, note_promotion
from service.core.database.times import now_us

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings

_STATE, _VERDICTS, _LOG = "state.json", "verdicts.json", "log.txt"


class PromotionRefused(ValueError):
    """The promotion cannot be started, or the rollback is impossible. The message says why."""


def folder_of(settings: Settings) -> Path:
    """Return the folder of the state of promotions."""
    return settings.jobs_dir.parent / "promotion"


def start(database: Database, settings: Settings, bundle: Path, person: str) -> None:
    """Start the gate for a bundle, which puts it into service if no check fails, and record who asked.

    Raises:
        PromotionRefused: another promotion is running.
    """
    folder = folder_of(settings)
    if state_of(settings)["is_running"]:
        raise PromotionRefused("Another promotion is running; wait for its verdicts.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _VERDICTS).unlink(missing_ok=True)
    command = [sys.executable, "-c", "from service.cli import main; main()", "promote", "--bundle", str(bundle)]
    info = describe(bundle)
    with database.write() as connection:
        audit.append(connection, [Fact("promotion_asked", info.digest, {"version": info.version}, person)], now_us())
    # The process has the settings of the service, which may come from the command line.
    own = {
        "TIDEWAITER_MODELS_DIR": str(settings.models_dir),
        "TIDEWAITER_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            [*command, "--json", str(folder / _VERDICTS)],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **own},
            start_new_session=True,
        )
    state = {"pid": process.pid, "version": info.version, "digest": info.digest, "started": time.time(), "by": person}
    (folder / _STATE).write_bytes(orjson.dumps(state))


def state_of(settings: Settings) -> dict[str, Any]:
    """Return the state of the latest promotion.

    Returns:
        ``is_running``; and after a first promotion ``version``, ``by``, ``seconds``, ``failed``, ``checks`` and ``log``.
    """
    folder = folder_of(settings)
    try:
        state = orjson.loads((folder / _STATE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {"is_running": False}
    state["is_running"] = _runs(state["pid"])
    state["seconds"] = time.time() - state["started"]
    try:
        state |= orjson.loads((folder / _VERDICTS).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        state |= {"failed": [], "checks": []}
    try:
        state["log"] = (folder / _LOG).read_text("utf-8", "replace")[-4_000:]
    except OSError:
        state["log"] = ""
    return dict(state)


def _runs(pid: int) -> bool:
    # A child of this process that has ended stays until it is asked for.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def rollback(database: Database, settings: Settings, person: str) -> str:
    """Put the previous version back into service, and record it in the audit chain. Return its version.

    Raises:
        PromotionRefused: there is no previous version.
    """
    from models.bundle import StoreError

    try:
        folder = settings.store().rollback()
    except StoreError as error:
        raise PromotionRefused(str(error)) from None
    info = describe(folder)
    note_promotion(database, info.digest, {"version": info.version, "folder": folder.name}, person)
    return str(info.version)
