"""The store of `tidewaiter demo`: six weeks and a day of an invented office, so that every page of the console shows something.

``service/samples/day.jsonl.gz`` has the manifests and what inspections would tell; `tools.build_demo_day` draws it. `fill` lives
through these days with the product's own functions: it scores, stores, inspects and learns as the service does. Only the clock is
simulated: all times are moved so that the last day ends now. Decisions, queue, history, index and audit chain are therefore real.

The file is JSON lines. The first has ``watch_entries`` and ``suppressions`` (members as in `service.lists.reading`). Each other
line has a ``manifest`` (as ``POST /v1/score`` takes it) and, if an inspection would tell more than "clean", ``found`` (``content``,
``substance``, ``quantity``, ``unit``, ``kind``), the ``scheme`` it belongs to, and ``tip``: opened because of what others knew.
"""

from __future__ import annotations

import datetime as dt
import gzip
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select

from models.bundle import champion_dir
from service.backtests import shadow
from service.capacity.planning import in_force
from service.console.notes import add_note
from service.core.database import audit
from service.core.database.times import iso_time
from service.core.settings import DAYS, Capacity
from service.decisions.earlier import EarlierDecisions
from service.decisions.repository import record_with_deliveries
from service.history.durable import DurableHistory, DurableSettings
from service.inspections import queue
from service.inspections.outcomes import Finding
from service.inspections.tables import QueueEntry
from service.lists import repository as lists
from service.lists.current import CurrentLists
from service.lists.matching import SUPPRESSIONS, WATCH_ENTRIES
from service.lists.reading import Known, read_entry
from service.proposals import repository as proposals
from service.scoring.answers import Options, score
from service.scoring.model_host import ServedModel
from service.scoring.recording import Receipt, decisions_of
from service.search.building import IndexBuilder
from service.training.adapting import save_adapted
from service.webhooks import repository as webhooks

if TYPE_CHECKING:
    from models.scoring import RiskModel, ScoreSettings
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.lists.matching import Topic
    from service.scoring.live_history import LiveHistory

DAY_FILE: Final = Path(__file__).resolve().parents[1] / "samples" / "day.jsonl.gz"
#: Time for which a second model follows the traffic.
_FOLLOWED: Final = 14 * 24 * 3_600 * 1_000_000
#: What the office can inspect a day. The traffic before the last day is thin, so a few are a share as in a real office.
CAPACITY: Final = Capacity(per_day={"USLAX": 3, "USJFK": 2, "USORD": 2}, by="site", working_days=DAYS)
#: Invented officers.
OFFICERS: Final = ("A. Moreau", "J. Okafor", "L. Brandt", "S. Ilves", "M. Teague")
#: Invented receiver of messages, added when the day ends. No name under ``example`` leads anywhere.
_RECEIVER: Final = ("https://duty.office.example/tidewaiter", "Duty officer (invented)", ("list.hit", "job.failed"))
_ACTOR: Final = "tidewaiter demo"
_SECOND: Final = 1_000_000
_HOUR: Final = 3_600 * _SECOND
_DAY: Final = 24 * _HOUR
#: Time between two batches of traffic: before the last day, and on it.
_BATCH, _BATCH_OF_LAST_DAY = 6 * _HOUR, _HOUR
#: Shipments that officers open a day, and during the last day.
_A_DAY, _LAST_DAY = 3, 6
#: Days for which a shipment can be held.
_HOLD: Final = 7 * _DAY
#: Time from the opening of a shipment to the result, in turn.
_DELAYS: Final = (5 * _HOUR, 2 * _HOUR, 30 * _HOUR, 8 * _HOUR, 52 * _HOUR, 3 * _HOUR, 20 * _HOUR)
_METHODS: Final = ("X-ray, then opened", "opened", "Raman spectrometer", "swab, ion mobility")
#: How long claims last that are made now.
_CLAIMED_FOR: Final = 4 * _HOUR
#: Finds from which a proposal is drafted.
_DRAFTED_FROM: Final = 3
_NOTES: Final = (
    "Asked the carrier for the invoice; waiting for an answer",
    "Same carton size as the parcel of last week, other label",
)
_OVERRIDES: Final = (
    ("green", "Same goods of this consignor were opened on Tuesday and were clean"),
    ("red", "The consignee asked for delivery to another address after the declaration"),
)

#: Callback with the number of shipments that are stored, and of all.
Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Filled:
    """What `fill` has stored.

    Attributes:
        decisions: number of decisions.
        outcomes: content -> number of inspections that had it as their result.
        finds: ids of the outcomes that are finds, by scheme.
        claimed: ids of decisions whose shipments officers hold.
        proposals: ids of drafted proposals.
        seconds: duration.
    """

    decisions: int
    outcomes: dict[str, int]
    finds: dict[str, list[str]]
    claimed: list[str]
    proposals: list[str]
    seconds: float


@dataclass(slots=True)
class _Entry:
    """A declaration.

    Attributes:
        at: time of receipt, in microseconds since 1970.
    """

    at: int
    manifest: dict[str, Any]
    told: dict[str, Any]


@dataclass(slots=True)
class _Opened:
    """A shipment that officers have opened, and when the result will be known."""

    decision_id: str
    shipment_id: str
    known_at: int
    officer: str
    method: str


def fill(
    database: Database,
    settings: Settings,
    *,
    model: RiskModel | None = None,
    now: int | None = None,
    progress: Progress = lambda done, total: None,
    file: Path = DAY_FILE,
    second: Path | None = None,
) -> Filled:
    """Fill an empty, migrated store with an invented office: traffic, inspections, claims, lists, a proposal.

    Args:
        settings: those of the service that will serve the store: rules, base rates, capacity, and where the key of the history is.
        model: the model in service, which has scored nothing: its history is that of the office at first. Default: loaded.
        now: end of the last day in microseconds since 1970; default: the present.
        second: new folder for a second model, which is adapted to the first weeks and follows the others as a shadow.

    Raises:
        KeyMissing, BadKeyFile, OSError: there is no key of the history for this database (`service.history.key`).
    """
    started = time.perf_counter()
    now = time.time_ns() // 1000 if now is None else now
    model = settings.store().load() if model is None else model
    office = _Office(database, settings, model, now)
    entered, entries = _read(file, now)
    office.now = entries[0].at - _DAY
    office.enter(entered)
    done = 0
    for batch in _batches(entries, now - _DAY):
        if second is not None and batch[0].at >= now - _FOLLOWED:
            office.begin_shadow([one.manifest for one in entries[:done]], second)
            second = None
        office.receive(batch)
        done += len(batch)
        progress(done, len(entries))
    return office.finish(started)


def _read(file: Path, now: int) -> tuple[dict[str, Any], list[_Entry]]:
    """Return the lists of the file, and its declarations, moved so that the last is received just before ``now``."""
    with gzip.open(file, "rb") as lines:
        entered = orjson.loads(next(lines))
        told = [orjson.loads(line) for line in lines]
    times = [dt.datetime.fromisoformat(one["manifest"]["declared_at"]) for one in told]
    later = dt.datetime.fromtimestamp(now // _SECOND - 60, dt.UTC) - max(times)
    entries = []
    for one, at in zip(told, times, strict=True):
        manifest, moved = one.pop("manifest"), at + later
        manifest["declared_at"] = moved.strftime("%Y-%m-%dT%H:%M:%SZ")
        if opened := manifest["consignor"].get("account_opened_on"):
            manifest["consignor"]["account_opened_on"] = str(dt.date.fromisoformat(opened) + later)
        entries.append(_Entry(int(moved.timestamp()) * _SECOND, manifest, one))
    return entered, entries


def _batches(entries: Sequence[_Entry], last_day: int) -> Iterator[list[_Entry]]:
    """Yield the declarations that are scored together."""

    def batch(entry: _Entry) -> tuple[bool, int]:
        late = entry.at >= last_day
        return late, (entry.at - last_day) // (_BATCH_OF_LAST_DAY if late else _BATCH)

    for _, some in groupby(entries, batch):
        yield list(some)


@dataclass(slots=True)
class _Office:
    """An office whose clock is the traffic."""

    database: Database
    settings: Settings
    model: RiskModel
    end: int
    now: int = 0
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    due: list[_Opened] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)
    inspections: int = 0
    decisions: int = 0
    shift: int = 0
    contents: Counter[str] = field(default_factory=Counter)
    finds: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    current: CurrentLists = field(init=False)
    durable: DurableHistory = field(init=False)
    served: ServedModel = field(init=False)

    def __post_init__(self) -> None:
        self.current = CurrentLists(self.settings.score_settings(), self.database)
        # One checkpoint at the end is enough: the clock of the traffic would make hundreds due.
        durable = replace(DurableSettings.of(self.settings), checkpoint_seconds=1e12)
        self.durable = DurableHistory(self.database, durable, self._live, now=lambda: self.now)
        self.durable.open()
        live = self.durable.restore(self.model.history)
        live.earlier = EarlierDecisions(self.database)
        folder = self.settings.store().current() or champion_dir()
        self.served = ServedModel(self.model, live, folder, iso_time(self.end), "snapshot")

    def _live(self) -> LiveHistory:
        return self.served.history

    def enter(self, entered: dict[str, Any]) -> None:
        """Record the model in service, and add the entries of watch lists and the suppressions."""
        facts = {"name": self.model.name, "version": self.model.version, "folder": self.served.folder.name}
        with self.database.write() as connection:
            self.database.lock_audit(connection)
            audit.append(connection, [audit.Fact("model", self.model.digest, facts, "service")], self.now)
        topics: tuple[Topic, ...] = (WATCH_ENTRIES, SUPPRESSIONS)
        for topic in topics:
            until = iso_time(self.end + 60 * _DAY)
            needed = {} if topic is WATCH_ENTRIES else {"expires_at": until}
            rows = [read_entry(topic, one | needed, Known()) for one in entered[topic.name]]
            lists.add(self.database, topic, rows, _ACTOR, at=self.now)
        self.current.refresh()

    def receive(self, batch: Sequence[_Entry]) -> None:
        """Score and store declarations, record the results that are due, and let officers open shipments."""
        self.now = batch[0].at
        self._record_results()
        self.durable.look()
        self._score(batch)
        self.now = batch[-1].at
        last_day = self.now >= self.end - _DAY
        shift = self.now // (_DAY // _LAST_DAY if last_day else _DAY)
        if shift != self.shift:
            self.shift = shift
            self._open(1 if last_day else _A_DAY)

    def _score(self, batch: Sequence[_Entry]) -> None:
        started = time.perf_counter()
        manifests = [entry.manifest for entry in batch]
        outcome = score(
            self.served, manifests, Options(), self._score_settings(), max_items=self.settings.max_items,
            receipt=self.now // _SECOND,
        )  # fmt: skip
        receipts = [Receipt("batch", received_at=entry.at) for entry in batch]
        seconds = time.perf_counter() - started
        decisions = decisions_of(outcome, manifests, self.served, receipts, what_if=False, seconds=seconds)
        with self.database.write() as connection:
            self.database.lock_audit(connection)
            record_with_deliveries(self.database, connection, decisions, batch[-1].at)
        self.decisions += len(decisions)
        self.told |= {entry.manifest["shipment_id"]: entry.told for entry in batch}
        tips = {entry.manifest["shipment_id"] for entry in batch if entry.told.get("tip")}
        for decision in decisions:
            if decision.shipment_id in tips:
                self._inspect(decision.id, decision.shipment_id)

    def _score_settings(self) -> ScoreSettings:
        """Return the settings with the plan of the day: the office has a capacity since the last day."""
        capacity = self.settings.capacity
        if capacity is not None and self.now >= self.end - _DAY:
            plan = in_force(self.database, capacity, self.model, now=self.now)
            if plan is not None:
                self.current.set_capacity({self.model.digest: plan.lanes})
        return self.current.settings

    def _waiting(self) -> list[Any]:
        """Return the shipments of the queue that nobody opened, the riskiest first."""
        query = (
            select(QueueEntry.decision_id, QueueEntry.shipment_id, QueueEntry.lane, QueueEntry.received_at)
            .where(QueueEntry.rank < queue.HIDDEN, QueueEntry.received_at >= self.now - _HOLD)
            .order_by(QueueEntry.rank, QueueEntry.minus_risk, QueueEntry.shipment_id)
        )
        with self.database.read() as connection:
            return [row for row in connection.execute(query) if row.shipment_id not in self.opened]

    def _open(self, number: int) -> None:
        for row in self._waiting()[:number]:
            self._inspect(row.decision_id, row.shipment_id)

    def _inspect(self, decision_id: str, shipment_id: str) -> None:
        place, self.inspections = self.inspections, self.inspections + 1
        known_at = self.now + _DELAYS[place % len(_DELAYS)]
        officer, method = OFFICERS[place % len(OFFICERS)], _METHODS[place % len(_METHODS)]
        self.opened.add(shipment_id)
        self.due.append(_Opened(decision_id, shipment_id, known_at, officer, method))

    def _record_results(self) -> None:
        """Record the results that are known by now, in the order in which they became known."""
        due = sorted((one for one in self.due if one.known_at <= self.now), key=lambda one: one.known_at)
        self.due = [one for one in self.due if one.known_at > self.now]
        for one in due:
            told = self.told[one.shipment_id]
            found = told.get("found", {"content": "none"})
            finding = Finding(found_at=one.known_at, by=one.officer, method=one.method, **found)
            recorded = queue.record_outcome(self.database, one.decision_id, finding, caller=None, at=one.known_at)
            self.contents[finding.content] += 1
            if finding.content not in ("none", "other_contraband"):
                self.finds[told["scheme"]].append(recorded.id)

    def begin_shadow(self, earlier: Sequence[dict[str, Any]], folder: Path) -> None:
        """Adapt the model to earlier manifests, if they are enough, and let the result follow the traffic from here on."""
        if save_adapted(self.model, earlier, folder):
            shadow.start(self.database, folder, OFFICERS[0], self.now)

    def finish(self, started: float) -> Filled:
        """Let officers override and claim some shipments, add a webhook, draft a proposal, and save history and index."""
        self.now = self.end
        self._record_results()
        waiting = [row for row in self._waiting() if row.received_at >= self.end - _DAY]
        yellow = [row for row in waiting if row.lane == "yellow"]
        for row, (lane, reason), officer in zip(yellow, _OVERRIDES, OFFICERS, strict=False):
            queue.record_override(self.database, row.decision_id, lane, reason, caller=officer, at=self.now)
            waiting.remove(row)
        # What was opened and has no result yet is claimed, and so are some others.
        claimed = [one.decision_id for one in self.due] + [row.decision_id for row in waiting[1:8:2]]
        held: list[queue.Waiting] = []
        for place, decision_id in enumerate(claimed):
            holder = queue.holder_of(None, OFFICERS[place % len(OFFICERS)])
            one = queue.claim(self.database, decision_id, holder, now=self.now, until=self.now + _CLAIMED_FOR)
            if one is not None:
                held.append(one)
        for one, text in zip(held, _NOTES, strict=False):
            add_note(self.database, one.decision_id, one.shipment_id, text, one.claimed_by)
        url, description, events = _RECEIVER
        webhooks.add(self.database, url, description, OFFICERS[0], self.now, events)
        self.durable.look()
        self.durable.checkpoint()
        IndexBuilder(self.database).advance()
        claimed = [one.decision_id for one in held]
        seconds = time.perf_counter() - started
        return Filled(self.decisions, dict(self.contents), dict(self.finds), claimed, self._propose(), seconds)

    def _propose(self) -> list[str]:
        """Draft rules from the finds of the scheme with the most, and return their ids."""
        if not self.finds:
            return []
        # From the first ones only: the others show in the trial on the past.
        alike = max(self.finds.values(), key=len)[:_DRAFTED_FROM]
        drafted = proposals.propose(self.database, self.model, alike, caller=OFFICERS[0], now=self.now)
        if len(drafted) > 1:
            reason = "Another draft from the same finds is easier to explain"
            proposals.decide(self.database, drafted[-1].id, "declined", reason, caller=OFFICERS[0], now=self.now)
        return [one.id for one in drafted]
