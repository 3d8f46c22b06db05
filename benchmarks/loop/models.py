"""The model that enters service at the start of the year: one that has learned from none of the authors of the traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.loop.traffic import Progress, Traffic
from models.bundle import ModelStore, champion_dir, load, save
from models.trees import StoredRows
from training.adapting.adapt import ENTITIES, adapt, reading_names
from training.adapting.traffic import read_traffic
from training.authors.learning import ResidualParams
from training.authors.lessons_file import DEFAULT, read_lessons
from training.fitting.residual import directions
from training.office.joint import Teacher
from training.office.playing import LESSONS

_CHECKED_ROWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Beginning:
    """Bundles and lessons at the start of the year.

    Attributes:
        champion, lessons: folders of the model of the other authors, and of their lessons, from which an office learns.
        adapted: folder of the champion, adapted to the traffic before the year.
        models: the service's bundles, with the adapted one, because training begins with its history.
    """

    champion: Path
    lessons: Path
    adapted: Path
    models: ModelStore


def beginning(traffic: Traffic, root: Path, progress: Progress) -> Beginning:
    """Return what the year begins with, from the disk if it is there."""
    authors = traffic.plan.authors
    folder = root / f"without-{'-'.join(sorted(authors))}"
    found = Beginning(
        folder / "champion", folder / "lessons", traffic.folder / "adapted", ModelStore(traffic.folder / "models")
    )
    if not (found.champion / "bundle.json").is_file():
        progress(f"champion without {', '.join(authors)}")
        _leave_out(authors, found)
    if not (found.adapted / "bundle.json").is_file():
        progress("adapting to the traffic before the year")
        adapt_to(traffic.warm_up, found.champion, found.adapted)
        found.models.install(found.adapted)
    return found


def _leave_out(authors: tuple[str, ...], found: Beginning) -> None:
    """Write the lessons of the other authors, and a champion with trees that learned from these alone."""
    champion, stored = load(champion_dir()), read_lessons(DEFAULT)
    left_out = [[*stored.worlds].index(name) for name in authors]
    others = stored.take(np.flatnonzero(~np.isin(stored.author, left_out)))
    # Training takes a third of the time with these, which are those of the learning curve.
    others.sampled(LESSONS).save(found.lessons)
    params, prior, space = ResidualParams(**champion.card["training"]), champion.prior, champion.space
    teacher = Teacher(others, prior, directions(prior.entries, space.names, space.monotone), replace(params, threads=1))
    booster = teacher.learned(None)
    rows = np.random.default_rng(0).choice(len(others.weight), min(_CHECKED_ROWS, len(others.weight)), replace=False)
    matrix = np.ascontiguousarray(others.take(np.sort(rows)).lessons(prior, params.slope).matrix)
    boosters = dict.fromkeys(champion.heads, booster)
    check = StoredRows.of(list(boosters.values()), matrix, list(champion.factors.values()))
    model = replace(champion, boosters=boosters, check=check, version=f"{champion.version}-without.{len(authors)}")
    save(model, found.champion)


def adapt_to(warm_up: Path, champion: Path, into: Path) -> None:
    """Write the champion, adapted to earlier traffic, as `tidewaiter adapt` does."""
    parent = load(champion)
    with reading_names():
        adapted = adapt(parent, read_traffic([warm_up], further=parent.space.further_fields))
    save(adapted.model, into, entities=ENTITIES)
