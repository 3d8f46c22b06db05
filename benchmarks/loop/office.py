"""A year of an office: each day's file is scored and stored, officers open the top of the queue, and results come back.

Everything passes through the product: the plan of the capacity, `score_file` with the live history, the queue, outcomes, lessons of
the history, and `train --from-store`. Only the clock is simulated.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pandas as pd
from sqlalchemy import select

from benchmarks.loop.arms import Arm
from benchmarks.loop.models import Beginning
from benchmarks.loop.proposing import propose
from benchmarks.loop.schemes import SCHEMES
from benchmarks.loop.traffic import DAYS_A_WEEK, START, Progress, Traffic
from features.groups.history.history import History
from models.bundle import load
from models.bundle.audit import features_digest
from models.rules.office import OfficeRules, known_names
from models.rules.reading import parse_rules
from models.scoring import ScoreSettings
from service.capacity.planning import in_force
from service.core.database import audit
from service.core.settings import Capacity
from service.decisions.store import Store
from service.files.batch import score_file
from service.files.options import ScoreOptions
from service.history.durable import DurableHistory, DurableSettings
from service.history.key import Sealer
from service.inspections import queue
from service.inspections.outcomes import Finding, add_outcome
from service.inspections.tables import QueueEntry
from service.proposals import repository as proposals
from service.scoring.live_history import LiveHistory
from service.scoring.recording import Receipt, keeper
from service.scoring.tables import Decision
from service.training.from_store import load as load_store
from service.training.known import Cut
from training.config import CHAMPION, TrainConfig
from training.data.dataset import BadData
from training.pipeline import train
from training.progress import StageLog
from training.stages import LoadedData

#: A UTC day in microseconds.
DAY: Final = 86_400 * 1_000_000
START_US: Final = START.value // 1000
#: Days for which a red shipment can be held. After that it has left.
HOLD: Final = 7
#: Weeks between trainings, and first week with one.
MONTH: Final = 4
#: Weeks from a change to the entry by hand.
BY_HAND: Final = 4
#: Results arrive at least this number of days after the inspection; in the middle and at most, they take longer.
_DELAY: Final = (2, 6, 21)
_KEY: Final = "0123456789abcdef" * 4
_COLUMNS: Final = ("shipment_id", "day", "selected_by", "probability", "find", "known")


@dataclass(frozen=True, slots=True)
class Job:
    """An arm to simulate.

    Attributes:
        capacity: inspections per shipment.
        folder: folder of its state.
    """

    traffic: Traffic
    beginning: Beginning
    arm: Arm
    capacity: float
    folder: Path
    progress: Progress

    @property
    def inspections(self) -> Capacity:
        """The capacity of the office on its working days."""
        a_day = self.capacity * self.traffic.plan.per_week / 5.0
        return Capacity(per_day=a_day, exploration=self.arm.exploration)


@dataclass(slots=True)
class State:
    """What an arm remembers beside its store, at the end of a week.

    Attributes:
        week: number of finished weeks.
        model: folder of the model in service.
        opened: inspections so far, with the columns `_COLUMNS`.
        due: results that are not known yet: day, id of the decision, content.
        trained: verdict of each training.
        entries: entries in force, in TOML.
        accepted: week and text of each accepted proposal.
        left: part of an inspection that was left of the capacity of the last day.
    """

    week: int = 0
    model: str = ""
    opened: list[tuple[Any, ...]] = field(default_factory=list)
    due: list[tuple[int, str, str]] = field(default_factory=list)
    trained: list[dict[str, Any]] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    left: float = 0.0

    def save(self, folder: Path) -> None:
        names = ("week", "model", "due", "trained", "entries", "accepted", "left", "opened")
        text = json.dumps({name: getattr(self, name) for name in names})
        (folder / "state.json.new").write_text(text, encoding="utf-8")
        (folder / "state.json.new").replace(folder / "state.json")

    @classmethod
    def read(cls, folder: Path) -> State:
        path = folder / "state.json"
        if not path.is_file():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        found["due"] = [tuple(one) for one in found["due"]]
        found["opened"] = [tuple(one) for one in found["opened"]]
        return cls(**found)


class Office:
    """An arm in progress."""

    def __init__(self, job: Job, state: State, store: Store) -> None:
        self._job, self._state, self._store = job, state, store
        self._now = START_US + state.week * DAYS_A_WEEK * DAY
        self._model = load(Path(state.model or job.beginning.adapted))
        days = job.traffic.plan.weeks * DAYS_A_WEEK + 1_000.0
        settings = DurableSettings(1e12, days, _KEY, job.folder / "history-key")
        self._durable = DurableHistory(store.database, settings, self._history, now=self._clock)
        self._durable.open()
        # The first model's, because the history goes on when models change.
        snapshot = load(job.beginning.adapted).history
        self._live = self._durable.restore(snapshot)
        truth = job.traffic.truth
        self._content = dict(zip(truth.index, truth["content"], strict=True))
        self._closed = {one[0] for one in state.opened}
        self._rules = self._rules_in_force()

    def _clock(self) -> int:
        return self._now

    def _history(self) -> LiveHistory:
        return self._live

    def week(self) -> None:
        """Live through the next week, and save the state at its end."""
        state, job = self._state, self._job
        if job.arm.learns and state.week and state.week % MONTH == 0:
            self._train()
        if job.arm.entry:
            for scheme, change in zip(SCHEMES, job.traffic.plan.changes, strict=True):
                if state.week == change + BY_HAND:
                    state.entries.append(scheme.entry)
        if job.arm.proposes and state.week:
            self._propose()
        self._rules = self._rules_in_force()
        for number in range(state.week * DAYS_A_WEEK, (state.week + 1) * DAYS_A_WEEK):
            self._now = START_US + number * DAY
            self._results(number)
            self._durable.look()
            self._score(number)
            if job.inspections.is_working((START + pd.Timedelta(days=number)).date()):
                self._inspect(number)
        state.week += 1

    def _score(self, number: int) -> None:
        job, model = self._job, self._model
        database, capacity = self._store.database, job.inspections
        plan = in_force(database, capacity, model, key=str(job.traffic.plan.seed).encode(), now=self._now)
        settings = ScoreSettings(rules=self._rules, capacity=None if plan is None else {model.digest: plan.lanes})
        receipt = Receipt("csv", "simulation", received_at=self._now + DAY // 3)
        keep = keeper(self._store, features_digest(model.space.names), receipt, what_if=False)
        with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
            score_file(
                job.traffic.day(number),
                Path(scratch) / "scores.parquet",
                model,
                ScoreOptions(explain="none", settings=settings, keep=keep, top=0),
                # As an upload to the service does, the file advances the live history.
                history=cast(History, self._live),
            )

    def _inspect(self, number: int) -> None:
        """Open the top of the queue, as far as the capacity of the day reaches."""
        state, job = self._state, self._job
        state.left += cast(float, job.inspections.per_day)
        entry = QueueEntry
        query = (
            select(entry.shipment_id, entry.decision_id, entry.selected_by, Decision.inspection_probability)
            .join(Decision, Decision.id == entry.decision_id)
            .where(entry.rank == queue.RANKS["red"], entry.received_at >= self._now - HOLD * DAY)
            .order_by(entry.rank, entry.minus_risk, entry.received_at, entry.shipment_id)
        )
        with self._store.database.read() as connection:
            waiting = [row for row in connection.execute(query) if row.shipment_id not in self._closed]
        for row in waiting[: int(state.left)]:
            content = self._content[row.shipment_id]
            known = number + self._delay(row.shipment_id)
            self._closed.add(row.shipment_id)
            state.due.append((known, row.decision_id, content))
            find = content != "none"
            state.opened.append((row.shipment_id, number, row.selected_by, row.inspection_probability, find, known))
        # Officers cannot save time for another day.
        state.left = state.left - int(state.left) if len(waiting) >= int(state.left) else 0.0

    def _delay(self, shipment_id: str) -> int:
        """Return the days until the result of an inspection is known, which are the same in all arms."""
        hashed = hashlib.blake2b(f"{self._job.traffic.plan.seed}/{shipment_id}".encode(), digest_size=8).digest()
        least, middle, most = _DELAY
        return int(np.random.default_rng(int.from_bytes(hashed)).triangular(least, middle, most))

    def _results(self, number: int) -> None:
        """Record the results that arrive on a day."""
        state = self._state
        due = [one for one in state.due if one[0] <= number]
        state.due = [one for one in state.due if one[0] > number]
        if self._job.arm.knows_all:
            due += self._unopened_finds(number)
        if not due:
            return
        at, database = self._now, self._store.database
        with database.write() as connection:
            database.lock_audit(connection)
            recorded = [
                add_outcome(connection, decision, Finding(content, at, "officer"), caller="simulation", at=at)
                for _, decision, content in due
            ]
            queue.refresh(connection, [one.shipment_id for one, _ in recorded])
            audit.append(connection, [fact for _, fact in recorded], at)

    def _unopened_finds(self, number: int) -> list[tuple[int, str, str]]:
        """Return the illicit shipments of an earlier day that nobody opened, as results that are known now."""
        truth = self._job.traffic.truth
        day = number - HOLD - _DELAY[1]
        missed = truth[(truth["day"] == day) & (truth["content"] != "none") & ~truth.index.isin(self._closed)]
        if missed.empty:
            return []
        with self._store.database.read() as connection:
            query = select(Decision.id, Decision.shipment_id).where(Decision.shipment_id.in_(missed.index.tolist()))
            found = connection.execute(query).all()
        return [(number, row.id, self._content[row.shipment_id]) for row in found]

    def _train(self) -> None:
        state, job = self._state, self._job
        bundle = job.folder / "models" / f"week-{state.week:02d}"
        shutil.rmtree(bundle, ignore_errors=True)

        def source(_: StageLog) -> LoadedData:
            return load_store(
                self._store.database, Sealer(_KEY), job.beginning.models, Cut(self._now_of_week()), lambda _: None
            )

        config = TrainConfig(
            stored=True,
            start=CHAMPION,
            champion=job.beginning.champion,
            lessons=job.beginning.lessons,
            bundle=bundle,
            track=False,
            threads=1,
            seed=job.traffic.plan.seed,
        )
        try:
            result = train(config, source=source)
        except BadData as error:
            state.trained.append({"week": state.week, "recommended": None, "text": str(error)})
            return
        verdict = result.metrics["adapted_champion"]
        state.trained.append({"week": state.week, **{name: verdict[name] for name in ("recommended", "finds", "text")}})
        if verdict["recommended"]:
            self._model, state.model = load(bundle), str(bundle)

    def _now_of_week(self) -> int:
        return START_US + self._state.week * DAYS_A_WEEK * DAY

    def _propose(self) -> None:
        state, now = self._state, self._now_of_week()
        # Results of the last day were recorded before it ended.
        accepted = propose(
            self._store.database,
            self._model,
            since=now - DAYS_A_WEEK * DAY,
            now=now,
            inspections=cast(float, self._job.inspections.per_day) * 5.0 / DAYS_A_WEEK,
        )
        state.accepted += [{"week": state.week, "text": text} for text in accepted]

    def _rules_in_force(self) -> OfficeRules | None:
        state = self._state
        sets = [parse_rules("\n".join(state.entries), known_names(), "the entries")] if state.entries else []
        if self._job.arm.proposes:
            with self._store.database.read() as connection:
                proposed = proposals.in_force(connection, self._now_of_week())
            sets += [] if proposed is None else [proposed]
        return OfficeRules(added=tuple(sets)) if sets else None


def live_through(job: Job) -> Path:
    """Simulate an arm from its last finished week on. Return the file of its inspections."""
    job.folder.mkdir(parents=True, exist_ok=True)
    state = State.read(job.folder)
    done = job.folder / "opened.csv"
    if state.week >= job.traffic.plan.weeks:
        return done
    with _store(job, state.week) as store:
        office = Office(job, state, store)
        for week in range(state.week, job.traffic.plan.weeks):
            office.week()
            job.progress(f"week {week + 1} of {job.traffic.plan.weeks}, {_finds(state)} finds")
            _keep(job, state)
    with done.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(state.opened)
    (job.folder / "store.db.week").unlink(missing_ok=True)
    return done


def _finds(state: State) -> int:
    return sum(bool(one[4]) for one in state.opened)


@contextmanager
def _store(job: Job, week: int) -> Iterator[Store]:
    """Open the store as it was at the end of the last finished week."""
    path, kept = job.folder / "store.db", job.folder / "store.db.week"
    for one in job.folder.glob("store.db*"):
        if one != kept:
            one.unlink()
    if week:
        shutil.copyfile(kept, path)
    store = Store(f"sqlite:///{path}")
    store.start()
    try:
        yield store
    finally:
        store.close()


def _keep(job: Job, state: State) -> None:
    """Copy the store, and save the state that belongs to it."""
    import sqlite3

    path, new = job.folder / "store.db", job.folder / "store.db.new"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    shutil.copyfile(path, new)
    new.replace(job.folder / "store.db.week")
    state.save(job.folder)
