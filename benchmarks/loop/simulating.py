"""Arms of the simulation in processes of their own, which import this module by its name."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import structlog

from benchmarks.loop.arms import ARMS
from benchmarks.loop.models import beginning
from benchmarks.loop.office import Job, live_through
from benchmarks.loop.traffic import Plan, traffic
from benchmarks.script import say


@dataclass(frozen=True, slots=True)
class Task:
    """An arm, a seed and a capacity."""

    root: Path
    plan: Plan
    arm: str
    capacity: float

    @property
    def folder(self) -> Path:
        return self.root / self.plan.name / f"{self.capacity:g}-{self.arm}"

    @property
    def title(self) -> str:
        return f"seed {self.plan.seed}, {self.capacity:.0%}, {ARMS[self.arm].title}"

    @property
    def is_done(self) -> bool:
        """Whether the arm is finished."""
        return (self.folder / "opened.csv").is_file()


def perform(task: Task) -> None:
    """Simulate an arm, with progress on standard error."""
    quiet()
    found = traffic(task.plan, task.root, say)
    started, done = time.monotonic(), 0

    def progress(text: str) -> None:
        nonlocal done
        done += 1
        a_week = (time.monotonic() - started) / done
        say(f"{task.title}: {text}, {a_week:.0f} s a week")

    live_through(
        Job(found, beginning(found, task.root, say), ARMS[task.arm], task.capacity, task.folder, progress),
    )


def quiet() -> None:
    """Let only warnings of the service be logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def simulate(tasks: Sequence[Task], processes: int) -> None:
    """Simulate the arms that are not finished, some at a time."""
    waiting = [task for task in tasks if not task.is_done]
    # Once, because the arms of a seed share them.
    for plan, root in {task.plan.name: (task.plan, task.root) for task in waiting}.values():
        beginning(traffic(plan, root, say), root, say)
    started = time.monotonic()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(perform, task): task for task in waiting}
        for number, future in enumerate(as_completed(running), 1):
            future.result()
            left = (time.monotonic() - started) / number * (len(waiting) - number)
            say(f"{running[future].title}: done; {number} of {len(waiting)} arms, {left / 60:.0f} minutes left")
