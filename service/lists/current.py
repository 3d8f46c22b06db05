"""The lists in service, exchanged within a second of a change in every worker.

A thread reads the revisions of the lists once per `POLL_SECONDS`, four rows. It reads entries only when a revision changed, and
indexes only those that are new. The result is an immutable `ScoreSettings`, which one assignment replaces. A request reads the
reference once, so one state of the lists decides all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from models.lanes import LANE_NAMES
from models.permits import COLUMNS as PERMIT_COLUMNS
from models.permits import Register
from models.rules import OfficeRules, Suppression
from service import store
from service.lists.forms import EntryKind, exact_form
from service.lists.screening import Entry, ListScreening, Segment, Suppressed
from service.lists.unread import UnreadLists
from service.logs import logger
from service.periodic import repeated
from service.store.engine.times import iso_time_or_none, now_us
from service.store.topics import DISMISSALS, PERMITS, SUPPRESSIONS, TOPICS, WATCH_ENTRIES, Topic

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from models.scoring import ScoreSettings
    from service.store.engine.database import Database
    from service.store.lists import Revision

#: Half of the second within which a change takes effect. The query takes a fraction of a millisecond.
POLL_SECONDS: Final = 0.5
#: Most segments. More are joined to one, because each costs every request a few microseconds.
_MOST_SEGMENTS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Content of the database as last read.

    Attributes:
        revisions: revision of each table when it was read; 0 for one that was not.
        segments: entries by the time at which they were read.
        gone: ids of removed entries in the segments.
        expiries: id of an entry -> last moment in which it counts, for entries with one.
        register: the permits of the database; None without any.
    """

    revisions: dict[str, int] = field(default_factory=lambda: dict.fromkeys((topic.name for topic in TOPICS), 0))
    secret: bytes = b""
    segments: tuple[Segment, ...] = ()
    gone: frozenset[str] = frozenset()
    expiries: dict[str, int] = field(default_factory=dict)
    dismissals: tuple[Row[Any], ...] = ()
    suppressions: tuple[Row[Any], ...] = ()
    register: Register | None = None


class CurrentLists:
    """Holder of the settings of scores with the lists in force.

    Attributes:
        settings: read it once per request.
    """

    def __init__(self, base: ScoreSettings, database: Database | None) -> None:
        """
        Args:
            base: settings without lists of the database. Its register is joined with that of the database.
            database: None without a store; the settings then never change.
        """
        self._base = base
        self.settings = base if database is None else replace(base, lists=UnreadLists())
        self._database = database
        self._state = _State()
        self._next_expiry: int | None = None
        self._lock = threading.Lock()

    @property
    def are_read(self) -> bool:
        """Whether the lists have been read since the start, or there is nothing to read."""
        return not isinstance(self.settings.lists, UnreadLists)

    def refresh(self) -> bool:
        """Read what changed, and return whether the settings changed.

        Raises:
            DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the database does not answer. The lists that were read stay in force until
                they expire.
        """
        if self._database is None:
            return False
        with self._lock:
            try:
                state = self._newest(self._database)
            except Exception:
                if self._is_due:
                    self._exchange(self._state, now_us())
                raise
            if state is self._state and self.are_read and not self._is_due:
                return False
            self._exchange(state, now_us())
            return True

    @property
    def _is_due(self) -> bool:
        """Whether something has expired that is still in force."""
        return self._next_expiry is not None and now_us() >= self._next_expiry

    def _newest(self, database: Database) -> _State:
        """Return the state of the database; the present one if nothing was changed."""
        with database.read() as connection:
            revisions = store.lists.revisions(connection)
            if {name: revision.number for name, revision in revisions.items()} == self._state.revisions:
                return self._state
            return _read(connection, self._state, revisions)

    def _exchange(self, state: _State, at: int) -> None:
        before, register = self.settings, state.register
        screening, self._next_expiry = _screening(state, at)
        rules = before.rules
        if register is not self._state.register:
            base = self._base.rules or OfficeRules()
            joined = register if base.register is None or register is None else base.register.with_permits_of(register)
            rules = self._base.rules if register is None else replace(base, register=joined)
        self._state = state
        self.settings = replace(before, rules=rules, lists=None if screening.is_empty else screening)

    @contextlib.asynccontextmanager
    async def watching(self, every: float = POLL_SECONDS, *, needed: bool = False) -> AsyncIterator[None]:
        """Read the lists now and then every ``every`` seconds, in a thread, until the context ends.

        Args:
            needed: whether the context may not begin without the lists.

        Raises:
            DatabaseAway, sqlalchemy.exc.SQLAlchemyError: they are needed and cannot be read.
        """
        if self._database is None:
            yield
            return
        tried = partial(_tried, self.refresh)
        await asyncio.to_thread(self.refresh if needed else tried)
        async with repeated(tried, every, "lists"):
            yield


def _tried(refresh: Callable[[], bool]) -> None:
    try:
        if refresh():
            logger().info("lists_changed")
    except Exception as error:
        # The last lists stay in force; only this thread can read newer ones.
        logger().error("lists_not_read", fault=type(error).__name__)


def _read(connection: Connection, state: _State, revisions: dict[str, Revision]) -> _State:
    """Return the state of the database, in which unchanged tables are those of ``state``."""

    def is_new(topic: Topic) -> bool:
        return revisions[topic.name].number != state.revisions[topic.name]

    changes: dict[str, Any] = {"revisions": {name: revision.number for name, revision in revisions.items()}}
    changes["secret"] = revisions[DISMISSALS.name].secret
    if is_new(WATCH_ENTRIES):
        rows = store.lists.changed(connection, WATCH_ENTRIES, state.revisions[WATCH_ENTRIES.name])
        known = {entry.id for segment in state.segments for entry in segment.entries}
        added = [
            entry_of(row) for row in rows if row.removed_at is None and row.id not in known and row.text is not None
        ]
        gone = state.gone | {row.id for row in rows if row.removed_at is not None and row.id in known}
        segments = (*state.segments, Segment(added)) if added else state.segments
        if len(segments) > _MOST_SEGMENTS:
            segments = _joined(segments, gone)
            gone = frozenset(gone & {entry.id for segment in segments for entry in segment.entries})
        expiries = state.expiries | {row.id: row.expires_at for row in rows if row.expires_at is not None}
        changes |= {"segments": segments, "gone": gone, "expiries": expiries}
    if is_new(DISMISSALS):
        changes["dismissals"] = tuple(store.lists.changed(connection, DISMISSALS, 0))
    if is_new(SUPPRESSIONS):
        changes["suppressions"] = tuple(store.lists.changed(connection, SUPPRESSIONS, 0))
    if is_new(PERMITS):
        changes["register"] = register_of(store.lists.changed(connection, PERMITS, 0))
    return replace(state, **changes)


def _joined(segments: tuple[Segment, ...], gone: frozenset[str]) -> tuple[Segment, ...]:
    """Return the largest segment, and one of all others. The largest is joined too once the others are a quarter of it."""
    largest = max(segments, key=len)
    others = [entry for one in segments if one is not largest for entry in one.entries if entry.id not in gone]
    if 4 * len(others) < len(largest):
        return (largest, Segment(others)) if others else (largest,)
    return (Segment([*(entry for entry in largest.entries if entry.id not in gone), *others]),)


def _screening(state: _State, at: int) -> tuple[ListScreening, int | None]:
    """Return what is in force at a time, and the next time at which something expires."""
    expired = {entry for entry, last in state.expiries.items() if last <= at}
    rows = [row for row in (*state.dismissals, *state.suppressions) if row.expires_at is None or row.expires_at > at]
    in_force = {row.id for row in rows}
    coming = [
        last for last in (*state.expiries.values(), *(row.expires_at for row in rows if row.expires_at)) if last > at
    ]
    screening = ListScreening(
        state.segments,
        state.gone | expired,
        {(row.entry_id, bytes(row.party)): _said(row) for row in state.dismissals if row.id in in_force},
        tuple(_suppressed(row) for row in state.suppressions if row.id in in_force and row.consignor is not None),
        state.secret,
    )
    return screening, min(coming, default=None)


def entry_of(row: Row[Any]) -> Entry:
    """Return the entry of a row."""
    return Entry(
        id=row.id,
        list_name=row.list_name,
        kind=EntryKind(row.kind),
        text=row.text,
        lane=LANE_NAMES.index(row.lane),
        reason=row.reason,
        country=row.country,
        place=row.place,
        threshold=row.threshold,
        source=row.source,
    )


def register_of(rows: list[Row[Any]]) -> Register | None:
    """Return the register of permits; None without any."""
    named = [row for row in rows if row.party_name is not None]
    if not named:
        return None
    return Register.from_rows(
        ({column: getattr(row, column) for column in PERMIT_COLUMNS} for row in named), "of the store"
    )


def _said(row: Row[Any]) -> str:
    return f"{row.reason}{f' (dismissed by {row.added_by})' if row.added_by else ''}"


def _suppressed(row: Row[Any]) -> Suppressed:
    return Suppressed(
        Suppression(row.id, row.reason, iso_time_or_none(row.expires_at) or "", row.added_by or ""),
        row.rule_id,
        row.list_name,
        row.entry_id,
        exact_form(EntryKind.NAME, row.consignor) if row.consignor else "",
    )
