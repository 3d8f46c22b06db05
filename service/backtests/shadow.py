"""A shadow: a second model that scores the decisions of the service again, some seconds later, without effect on answers.

It is a continuing backtest. It follows the log of decisions by position, with a copy of the history of its own, and stores its
scores. Requests do not wait for it: it runs in a process of its own (`service.backtests.process`) with low priority.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from features.groups.history.history import History
from features.groups.history.state import VERSION
from models.bundle import BundleRefused, load, verify
from models.lanes import LANE_NAMES
from service.backtests.backtest import Past, contender
from service.backtests.contender import Again
from service.backtests.decided import decided_at, known_of
from service.backtests.known import KnownThen, state_of
from service.backtests.replaying import batch_of, batch_of_files, first_history
from service.backtests.swap import compare
from service.backtests.tables import Shadow, ShadowScore
from service.core.database import audit
from service.core.database.times import iso_time, iso_time_or_none, now_us
from service.core.errors import DatabaseAway
from service.core.logs import logger
from service.history import checkpoints, log
from service.history.checkpoints import Checkpoint
from service.history.replay import PAGE, advance
from service.scoring.tables import Decision

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from service.backtests.contender import Contender
    from service.core.database.engine import Database

#: Decisions per step. A small step holds the database for milliseconds.
_STEP: Final = 1_024
#: Seconds without a decision before the next look, and after an error.
POLL_SECONDS: Final = 5.0
_ERROR_SECONDS: Final = 30.0


class ShadowRefused(ValueError):
    """A shadow that cannot start or stop. The message says why."""


def running(connection: Connection) -> Row[Any] | None:
    """Return the running shadow, if any."""
    return connection.execute(select(Shadow.__table__).where(Shadow.stopped_at.is_(None))).first()


def start(database: Database, bundle: Path, actor: str, at: int | None = None) -> Row[Any]:
    """Start a shadow, and record it in the audit chain.

    Args:
        at: time in microseconds since 1970; default: now.

    Raises:
        BundleRefused: the bundle is missing or altered.
        ShadowRefused: another shadow runs.
    """
    info, at = verify(bundle), now_us() if at is None else at
    with database.write() as connection:
        database.lock_audit(connection)
        if (other := running(connection)) is not None:
            raise ShadowRefused(f"Model {other.version} runs as a shadow; stop it first: tidewaiter shadow stop.")
        position = log.last_position(connection)
        row = {
            "digest": info.digest,
            "version": info.version,
            "folder": str(bundle.resolve()),
            "started_at": at,
            "first": position,
            "followed": position,
            "unscored": 0,
        }
        connection.execute(insert(Shadow), [row])
        audit.append(connection, [audit.Fact("shadow_started", info.digest, {"version": info.version}, actor)], at)
        found = running(connection)
    assert found is not None
    return found


def stop(database: Database, actor: str) -> Row[Any]:
    """Stop the shadow, and record it in the audit chain. Its scores stay.

    Raises:
        ShadowRefused: no shadow runs.
    """
    at = now_us()
    with database.write() as connection:
        database.lock_audit(connection)
        found = running(connection)
        if found is None:
            raise ShadowRefused("No shadow runs.")
        connection.execute(update(Shadow).where(Shadow.number == found.number).values(stopped_at=at))
        audit.append(connection, [audit.Fact("shadow_stopped", found.digest, {"version": found.version}, actor)], at)
    return found


def report(database: Database) -> dict[str, Any]:
    """Return the comparison of the latest shadow with the decisions as they were made, as JSON values.

    Raises:
        ShadowRefused: there was no shadow.
    """
    with database.snapshot() as connection:
        query = select(Shadow.__table__).order_by(Shadow.number.desc()).limit(1)
        found = connection.execute(query).first()
        if found is None:
            raise ShadowRefused("No shadow was started: tidewaiter shadow start --bundle DIR.")
        again = _scores(connection, found.number)
        decided = decided_at(connection, again.position.tolist())
        known = known_of(connection, decided.shipment_id.tolist())
        waiting = select(func.count()).where(Decision.position > found.followed)
        behind = 0 if found.stopped_at is not None else connection.execute(waiting).scalar_one()
    return {
        "model": {name: getattr(found, name) for name in ("version", "digest", "folder")},
        "started_at": iso_time(found.started_at),
        "stopped_at": iso_time_or_none(found.stopped_at),
        "problem": found.problem,
        "behind": behind,
        "unscored": found.unscored,
        **compare(decided, again.take(set(decided.position.tolist())), decided.shipment_id, known),
    }


def _scores(connection: Connection, shadow: int) -> Again:
    names = ("position", "lane", "risk", "percentile", "log_odds", "floored", "drawn")
    rows = connection.execute(
        select(*(getattr(ShadowScore, name) for name in names))
        .where(ShadowScore.shadow == shadow)
        .order_by(ShadowScore.position)
    ).all()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    columns[1] = [LANE_NAMES.index(lane) for lane in columns[1]]
    return Again(*(np.array(column, dtype) for column, dtype in zip(columns, Again.TYPES, strict=True)))


@dataclass(slots=True)
class _State:
    """What follows the log for a shadow."""

    shadow: int
    contender: Contender
    history: History
    order: int
    position: int


@dataclass(slots=True)
class Follower:
    """Scores the decisions of the service for the running shadow.

    Attributes:
        stop: event that ends `follow`.
    """

    past: Past
    stop: threading.Event = field(default_factory=threading.Event)
    _state: _State | None = None

    def follow(self) -> None:
        """Follow the log until `stop` is set or no shadow runs."""
        while not self.stop.is_set():
            pause = POLL_SECONDS
            try:
                if self.step():
                    continue
                with self.past.database.read() as connection:
                    if running(connection) is None:
                        return
            except (SQLAlchemyError, DatabaseAway) as error:
                logger().error("shadow_database_failed", problem=str(error).splitlines()[0])
                pause = _ERROR_SECONDS
            self.stop.wait(pause)

    def step(self) -> bool:
        """Score the next decisions. Return whether there were as many as a step has.

        Raises:
            DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        database = self.past.database
        with database.read() as connection:
            found = running(connection)
        if found is None:
            self._state = None
            return False
        if self._state is None or self._state.shadow != found.number:
            self._state = self._begin(found)
        state = self._state
        if state is None:
            return False
        page, files, position = log.page_after(
            database, self.past.sealer, position=state.position, order=state.order, size=_STEP
        )
        if position == state.position:
            return False
        self._read_lists(state)
        parts: list[Again] = []
        if page.entries or page.blocks:
            advanced = advance(state.history, page)
            state.order = max(state.order, advanced.last)
            with database.read() as connection:
                batch = batch_of(connection, advanced)
            parts += [] if batch is None else [state.contender.score(batch)]
        if files:
            with database.read() as connection:
                batch = batch_of_files(connection, files)
            parts += [] if batch is None else [state.contender.score(batch)]
        full = position - state.position >= _STEP
        state.position = position
        self._store(state, Again.joined(parts))
        return full

    def _store(self, state: _State, again: Again) -> None:
        rows = [
            {"shadow": state.shadow, "lane": LANE_NAMES[lane], **dict(zip(_STORED, values, strict=True))}
            for lane, *values in zip(again.lane.tolist(), *(getattr(again, n).tolist() for n in _STORED), strict=True)
        ]
        with self.past.database.write() as connection:
            if rows:
                connection.execute(insert(ShadowScore), rows)
            connection.execute(
                update(Shadow)
                .where(Shadow.number == state.shadow)
                .values(followed=state.position, unscored=Shadow.unscored + state.contender.unscored, problem=None)
            )
        state.contender.unscored = 0

    def _begin(self, found: Row[Any]) -> _State | None:
        """Return the state after the last decision that a shadow has seen; None if its bundle cannot be loaded."""
        settings = self.past.settings
        try:
            model = load(Path(found.folder), kernels=settings.kernels, public_key=settings.public_key)
            if model.digest != found.digest:
                raise BundleRefused(Path(found.folder), ["it is another bundle than at the start"])
        except (BundleRefused, OSError) as error:
            with self.past.database.write() as connection:
                connection.execute(update(Shadow).where(Shadow.number == found.number).values(problem=str(error)))
            logger().error("shadow_refused", folder=found.folder, problem=str(error))
            return None
        history, order = self._history(found.followed)
        scoring = contender(self.past, model, settings.score_settings())
        # After a restart, the lanes of earlier declarations are those of the service, not the shadow's own.
        scoring.declarations = history.declarations.copy()
        logger().info("shadow_follows", version=model.version, position=found.followed, shipments=history.sequence)
        return _State(found.number, scoring, history, order, found.followed)

    def _history(self, position: int) -> tuple[History, int]:
        """Return the history after the decision at a position, and its order."""
        database = self.past.database
        with database.read() as connection:
            latest = select(func.max(Decision.history_order)).where(Decision.position <= position)
            found = connection.execute(latest).scalar()
            until = -1 if found is None else found
            history, after = first_history(connection, self.past.settings.store()), -1
        for one in checkpoints.newest_first(database, self.past.sealer, VERSION):
            if isinstance(one, Checkpoint) and one.history_order <= until:
                history, after = History.from_full_arrays(one.arrays), one.history_order
                break
        for page in log.pages(
            database, self.past.sealer, after=after, since=None, size=PAGE, until=until, stored=position
        ):
            advance(history, page)
        return history, until

    def _read_lists(self, state: _State) -> None:
        """Read lists, proposals and thresholds again if they have changed."""
        with self.past.database.snapshot() as connection:
            if state_of(connection) != state.contender.known.state:
                settings = self.past.settings
                model = state.contender.model
                state.contender.known = KnownThen(connection, settings, model, settings.score_settings())


_STORED: Final = ("position", "risk", "percentile", "log_odds", "floored", "drawn")
