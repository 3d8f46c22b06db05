"""The lists in service. Every worker takes over a change within a second.

A thread reads the four revisions of the lists every `POLL_SECONDS`. It reads the entries only if a revision changed, and indexes
only the new ones. The result is an immutable `ScoreSettings`, which one assignment replaces. A request reads this reference once,
so that all of it uses the same lists.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from features.manifest.records import Problem
from models.lanes import LANE_NAMES
from models.permits import COLUMNS as PERMIT_COLUMNS
from models.permits import SUBSTANCE, Register
from models.rules import OfficeRules, Suppression
from service.core.database.times import iso_time_or_none, now_us
from service.core.logs import logger
from service.core.periodic import repeated
from service.lists.matching import (
    DISMISSALS,
    PERMITS,
    SUPPRESSIONS,
    TOPICS,
    WATCH_ENTRIES,
    EntryKind,
    Topic,
    exact_form,
)
from service.lists.screening import Entry, ListScreening, Segment, Suppressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from features.table.table import ManifestTable
    from models.capacity import CapacityLanes
    from models.rules import ListHit, RuleSet
    from models.scoring import ScoreSettings
    from service.core.database.engine import Database
    from service.lists.repository import Revision

#: Seconds between readings: half of the second within which a change takes effect. The query takes a fraction of a millisecond.
POLL_SECONDS: Final = 0.5
#: Maximum number of segments. `_joined` merges more of them, because each costs every request a few microseconds.
_MOST_SEGMENTS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Content of the database as last read.

    Attributes:
        revisions: revision of each table when it was read; 0 for a table that has not been read.
        segments: entries of watch lists, in groups that were read together.
        gone: ids of removed entries in the segments.
        expiries: id of an entry -> time from which it no longer counts, for entries that expire.
        register: the permits of the database; None if there are no permits.
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
    """Score settings with the lists in force.

    Attributes:
        settings: the current settings. Read this reference once per request.
    """

    def __init__(self, base: ScoreSettings, database: Database | None) -> None:
        """
        Args:
            base: settings without the lists of the database. Its register of permits is joined with that of the database.
            database: the store; None if it is off. The settings then never change.
        """
        self._base = base
        self.settings = base if database is None else replace(base, lists=UnreadLists())
        self._database = database
        self._state = _State()
        self._added: RuleSet | None = None
        self._next_expiry: int | None = None
        self._lock = threading.Lock()

    @property
    def are_read(self) -> bool:
        """True if the lists have been read since the start, or there is no database to read."""
        return not isinstance(self.settings.lists, UnreadLists)

    def refresh(self) -> bool:
        """Read the changed lists. Return whether the settings changed.

        Raises:
            DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the database does not answer. The entries that were read stay in force
                until they expire.
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
        """True if an expired entry is still in force."""
        return self._next_expiry is not None and now_us() >= self._next_expiry

    def _newest(self, database: Database) -> _State:
        """Return the state of the database; the current object if nothing changed."""
        from service.lists import repository

        with database.read() as connection:
            revisions = repository.revisions(connection)
            if {name: revision.number for name, revision in revisions.items()} == self._state.revisions:
                return self._state
            return _read(connection, self._state, revisions)

    def _exchange(self, state: _State, at: int) -> None:
        before, changed = self.settings, state.register is not self._state.register
        screening, self._next_expiry = _screening(state, at)
        self._state = state
        rules = self._rules() if changed else before.rules
        self.settings = replace(before, rules=rules, lists=None if screening.is_empty else screening)

    def _rules(self) -> OfficeRules | None:
        """Return the office's rules, with the accepted proposals and the register of the database."""
        register, added = self._state.register, self._added
        if register is None and added is None:
            return self._base.rules
        base = self._base.rules or OfficeRules()
        joined = base.register if register is None else register
        if base.register is not None and register is not None:
            joined = base.register.with_permits_of(register)
        return replace(base, register=joined, added=base.added if added is None else (*base.added, added))

    def set_rules(self, added: RuleSet | None) -> None:
        """Exchange the accepted proposals, which are rules in addition to those of the settings."""
        with self._lock:
            self._added = added
            self.settings = replace(self.settings, rules=self._rules())

    def set_capacity(self, lanes: Mapping[str, CapacityLanes]) -> None:
        """Exchange the lanes by capacity (`ScoreSettings.capacity`)."""
        with self._lock:
            self.settings = replace(self.settings, capacity=lanes)

    @contextlib.asynccontextmanager
    async def watching(self, every: float = POLL_SECONDS, *, needed: bool = False) -> AsyncIterator[None]:
        """Read the lists now and then every ``every`` seconds, in a thread, until the context ends.

        Args:
            needed: whether the lists must be read before the context begins.

        Raises:
            DatabaseAway, sqlalchemy.exc.SQLAlchemyError: the lists are needed and cannot be read.
        """
        if self._database is None:
            yield
            return
        refresh_or_log = partial(_refresh_or_log, self.refresh)
        await asyncio.to_thread(self.refresh if needed else refresh_or_log)
        async with repeated(refresh_or_log, every, "lists"):
            yield


def _refresh_or_log(refresh: Callable[[], bool]) -> None:
    try:
        if refresh():
            logger().info("lists_changed")
    except Exception as error:
        # The thread must survive, because it alone reads newer lists. Until then the last ones stay in force.
        logger().error("lists_not_read", fault=type(error).__name__)


def _read(connection: Connection, state: _State, revisions: dict[str, Revision]) -> _State:
    """Return the state of the database. Tables whose revision did not change are taken from ``state``."""

    from service.lists import repository

    def is_new(topic: Topic) -> bool:
        return revisions[topic.name].number != state.revisions[topic.name]

    changes: dict[str, Any] = {"revisions": {name: revision.number for name, revision in revisions.items()}}
    changes["secret"] = revisions[DISMISSALS.name].secret
    if is_new(WATCH_ENTRIES):
        rows = repository.changed(connection, WATCH_ENTRIES, state.revisions[WATCH_ENTRIES.name])
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
        changes["dismissals"] = tuple(repository.changed(connection, DISMISSALS, 0))
    if is_new(SUPPRESSIONS):
        changes["suppressions"] = tuple(repository.changed(connection, SUPPRESSIONS, 0))
    if is_new(PERMITS):
        changes["register"] = register_of(repository.changed(connection, PERMITS, 0))
    return replace(state, **changes)


def _joined(segments: tuple[Segment, ...], gone: frozenset[str]) -> tuple[Segment, ...]:
    """Merge all segments but the largest into one; merge the largest too if the others have at least a quarter of its entries."""
    largest = max(segments, key=len)
    others = [entry for one in segments if one is not largest for entry in one.entries if entry.id not in gone]
    if 4 * len(others) < len(largest):
        return (largest, Segment(others)) if others else (largest,)
    return (Segment([*(entry for entry in largest.entries if entry.id not in gone), *others]),)


def _screening(state: _State, at: int) -> tuple[ListScreening, int | None]:
    """Return the lists in force at a time, and the next time at which an entry expires; None if none will."""
    expired = {entry for entry, last in state.expiries.items() if last <= at}
    rows = [row for row in (*state.dismissals, *state.suppressions) if row.expires_at is None or row.expires_at > at]
    in_force = {row.id for row in rows}
    coming = [
        last for last in (*state.expiries.values(), *(row.expires_at for row in rows if row.expires_at)) if last > at
    ]
    screening = ListScreening(
        state.segments,
        state.gone | expired,
        {(row.entry_id, bytes(row.party)): dismissal_reason(row) for row in state.dismissals if row.id in in_force},
        tuple(suppressed_of(row) for row in state.suppressions if row.id in in_force and row.consignor is not None),
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
    """Return the register of permits; None if there are no permits."""
    named = [row for row in rows if row.party_name is not None]
    if not named:
        return None
    return Register.from_rows(
        ({column: getattr(row, column) for column in (*PERMIT_COLUMNS, SUBSTANCE)} for row in named), "of the store"
    )


def dismissal_reason(row: Row[Any]) -> str:
    """Return the reason of a dismissal, with who gave it."""
    return f"{row.reason}{f' (dismissed by {row.added_by})' if row.added_by else ''}"


def suppressed_of(row: Row[Any]) -> Suppressed:
    """Return the suppression of a row."""
    return Suppressed(
        Suppression(row.id, row.reason, iso_time_or_none(row.expires_at) or "", row.added_by or ""),
        row.rule_id,
        row.list_name,
        row.entry_id,
        exact_form(EntryKind.NAME, row.consignor) if row.consignor else "",
    )


WARNING: Final = Problem(
    "shipment",
    "was scored without the office's watch lists, suppressions and permits: they have not been read since the start, because the "
    "database does not answer",
)


class UnreadLists:
    """Screening without lists, see `models.rules.Screening`.

    Its digest differs from that of any lists, so that a shipment sent again after the lists were read gets a new decision.
    """

    digest: Final = "unread"
    suppresses_rules: Final = False

    def hits(self, table: ManifestTable) -> Mapping[int, tuple[ListHit, ...]]:
        """Add the warning to each row, and return no hits."""
        for row in range(table.n_rows):
            table.warn(row, WARNING)
        return {}

    def suppression(self, rule: str, consignor: str | None) -> Suppression | None:
        """Return None: nothing is suppressed."""
        return None
