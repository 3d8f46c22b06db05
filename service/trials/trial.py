"""Trials of rules and watch lists on a file: the changes of lanes that they would cause. No scores are written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from features.readers import ROWS_PER_CHUNK, open_table
from features.table.table import ManifestTable
from models.lanes import GREEN, LANE_NAMES, RED, YELLOW
from models.rules import OfficeRules, RuleSet, Ruling
from models.scoring import ScoreSettings
from service.files.chunk_scorer import ChunkScorer
from service.files.options import ScoreOptions, map_ahead

if TYPE_CHECKING:
    from models.scoring import RiskModel, Scores
    from service.files.options import Progress
    from service.lists.screening import Entry, ListScreening

LaneArray: TypeAlias = NDArray[np.int8]


#: Names of the moves between two lanes.
MOVES: Final = {
    (old, new): f"{LANE_NAMES[old]}_to_{LANE_NAMES[new]}" for old, new in permutations((GREEN, YELLOW, RED), 2)
}
#: Origin of a shipment without origin and country of export.
UNKNOWN: Final = "unknown"


@dataclass(slots=True)
class Moved:
    """Counts of shipments for which a rule fires, and of those whose lane it changes."""

    shipments: int = 0
    moved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES.values(), 0))

    def add(self, fired: NDArray[np.bool_], before: LaneArray, after: LaneArray) -> None:
        """Add shipments (S,): whether the rule fired, and their lanes without and with the rule."""
        self.shipments += int(fired.sum())
        for (old, new), name in MOVES.items():
            self.moved[name] += int(((before == old) & (after == new)).sum())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {"shipments": self.shipments, "moved": dict(self.moved)}


@dataclass(slots=True)
class RuleTrial:
    """Counts of the rules on trial, over one or more tables.

    The moves of a rule are those that it alone would add to the rules in force.

    Attributes:
        ids: ids of the rules on trial. They follow the rules in force in each ruling.
        shipments, rows_rejected: number of shipments so far, and of rows that could not be read.
    """

    ids: tuple[str, ...]
    shipments: int = 0
    rows_rejected: int = 0
    rules: dict[str, Moved] = field(init=False)
    by_origin: dict[str, dict[str, Moved]] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = {name: Moved() for name in self.ids}
        self.by_origin = {name: {} for name in self.ids}

    def add(self, scores: Scores) -> None:
        """Count the shipments of a table whose rulings have the rules in force followed by the rules on trial."""
        self.shipments += len(scores)
        ruling, by_score, drawn = scores.ruling, scores.lane_by_score, scores.is_drawn
        if ruling.fired is None:
            return
        origins = np.array(_origins_of(scores.table), dtype=np.object_)
        first = len(ruling.fired.rules) - len(self.ids)
        in_force = list(range(first))
        before, _ = ruling.lanes(by_score, drawn, in_force)
        for number, name in enumerate(self.ids, first):
            fired = ruling.fired.fired[number]
            if not fired.any():
                continue
            after, _ = ruling.lanes(by_score, drawn, [*in_force, number])
            self.rules[name].add(fired, before, after)
            for origin in sorted(set(origins[fired])):
                at = origins == origin
                self.by_origin[name].setdefault(origin, Moved()).add(fired[at], before[at], after[at])

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values, origins sorted by descending number of shipments."""
        return {
            "shipments": self.shipments,
            "rules": [
                {
                    "id": name,
                    **self.rules[name].to_json(),
                    "by_origin": {
                        origin: moved.to_json()
                        for origin, moved in sorted(
                            self.by_origin[name].items(), key=lambda item: (-item[1].shipments, item[0])
                        )
                    },
                }
                for name in self.ids
            ],
            "rows_rejected": self.rows_rejected,
        }


def _origins_of(table: ManifestTable) -> Sequence[str]:
    """Return the origin of each shipment (S,): that of its first item, otherwise its country of export, otherwise `UNKNOWN`."""
    origin, export = table.text("origin_country"), table.text("export_country")
    return [
        origin.values[o] if o >= 0 else export.values[e] if e >= 0 else UNKNOWN
        for o, e in zip(origin.codes[table.first_row].tolist(), export.codes[table.first_row].tolist(), strict=True)
    ]


@dataclass(slots=True)
class EntryTrial:
    """Number of shipments that an entry matches, and number of those that the entry alone would raise."""

    entry: Entry
    shipments: int = 0
    raised: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            "entry": self.entry.id,
            "list": self.entry.list_name,
            "kind": str(self.entry.kind),
            "text": self.entry.text,
            "lane": LANE_NAMES[self.entry.lane],
            "shipments": self.shipments,
            "raised": self.raised,
        }


@dataclass(slots=True)
class ListsTrial:
    """Counts of all entries, in order.

    Attributes:
        shipments: number of scored shipments.
        raised: number of shipments that the entries raise together.
        entries: id of an entry -> its counts.
    """

    shipments: int = 0
    raised: int = 0
    rows_rejected: int = 0
    entries: dict[str, EntryTrial] = field(default_factory=dict)

    def add(self, scores: Scores) -> None:
        """Count the shipments of a table."""
        ruling = scores.ruling
        self.shipments += len(scores)
        if not ruling.hits:
            return
        without = Ruling(ruling.digest, ruling.fired, ruling.unread)
        lanes, _ = without.lanes(scores.lane_by_score, scores.is_drawn)
        before = lanes.tolist()
        for shipment, hits in ruling.hits.items():
            counting = {hit.entry: hit.lane for hit in hits if hit.counts}
            for entry, lane in counting.items():
                of_entry = self.entries[entry]
                of_entry.shipments += 1
                of_entry.raised += lane > before[shipment]
            self.raised += any(lane > before[shipment] for lane in counting.values())

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON values."""
        return {
            "shipments": self.shipments,
            "raised": self.raised,
            "rows_rejected": self.rows_rejected,
            "entries": [one.to_json() for one in self.entries.values()],
        }


def try_rules(
    rules: RuleSet, path: str | os.PathLike[str], model: RiskModel, options: ScoreOptions, progress: Progress
) -> RuleTrial:
    """Score a file with the rules in force and the rules on trial, and count the shipments that these would move to another lane.

    Rules of the bundle with ids of rules on trial are off during the trial, so that the bundle's own rules and changed copies of
    them can be tried.

    Args:
        options: options, whose ``settings`` contain the rules in force.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
        RulesError: a rule does not fit the model, or has the id of another rule of the office.
    """
    settings = options.settings or ScoreSettings()
    settings = replace(settings, rules=with_trial(rules, model.rules, settings.rules or OfficeRules()))
    # Raise errors in the rules before the file is read.
    model.rulebook(settings)
    trial = RuleTrial(tuple(rule.id for rule in rules.rules))
    score_each(trial, path, model, replace(options, settings=settings), progress)
    return trial


def try_lists(
    screening: ListScreening, path: str | os.PathLike[str], model: RiskModel, options: ScoreOptions, progress: Progress
) -> ListsTrial:
    """Score a file with the rules in force and the entries on trial, and count the shipments that these match and raise.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    settings = replace(options.settings or ScoreSettings(), lists=screening)
    trial = ListsTrial(entries={entry.id: EntryTrial(entry) for entry in screening.entries})
    score_each(trial, path, model, replace(options, settings=settings), progress)
    return trial


class Collector(Protocol):
    """What collects the scores of a file.

    Attributes:
        rows_rejected: number of rows that could not be read.
    """

    rows_rejected: int

    def add(self, scores: Scores) -> None:
        """Take the scores of a table."""
        ...


def score_each(
    trial: Collector,
    path: str | os.PathLike[str],
    model: RiskModel,
    options: ScoreOptions,
    progress: Progress,
) -> None:
    """Score a file with a copy of the model's history, and give its scores to ``trial``.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
    """
    settings = options.settings
    rows = 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(
            open_table(Path(path), mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK)
        )
        scorer = ChunkScorer(model, model.history.copy(), options, decimal=reader.decimal)
        for prepared in stack.enter_context(map_ahead(scorer.prepare, reader)):
            trial.rows_rejected += len(prepared.refused) + len(prepared.chunk.rejected)
            rows += prepared.chunk.n_rows + len(prepared.chunk.rejected)
            if prepared.table is not None and prepared.history is not None:
                trial.add(
                    model.score_rows(prepared.table, prepared.history, settings=settings, threads=options.threads)
                )
            progress(prepared.chunk.bytes_read, reader.approx_bytes, rows)


def with_trial(rules: RuleSet, bundled: RuleSet, office: OfficeRules) -> OfficeRules:
    """Return the rules in force followed by those on trial, which replace bundled ones with the same id."""
    tried = {rule.id for rule in rules.rules}
    kept = tuple(rule for rule in bundled.rules if rule.id not in tried)
    in_force = () if office.off else (replace(bundled, rules=kept),)
    return replace(office, off=True, added=(*in_force, *office.added, rules))
