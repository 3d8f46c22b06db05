"""Trial of rules on a file: the changes of lanes that they would cause. No scores are written."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.readers import ROWS_PER_CHUNK, open_table
from models.rules import OfficeRules, RuleSet
from models.rules.trial import RuleTrial
from models.scoring import ScoreSettings
from service.files.chunk_scorer import ChunkScorer
from service.files.options import ScoreOptions
from service.files.pipeline import map_ahead

if TYPE_CHECKING:
    from models.scoring import RiskModel
    from service.files.options import Progress


@dataclass(frozen=True, slots=True)
class TrialReport:
    """Result of a trial: the counts, and the number of rows that could not be read."""

    trial: RuleTrial
    rows_rejected: int

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return self.trial.to_json() | {"rows_rejected": self.rows_rejected}


def try_rules(
    rules: RuleSet,
    path: str | os.PathLike[str],
    model: RiskModel,
    options: ScoreOptions,
    *,
    progress: Progress | None = None,
) -> TrialReport:
    """Score a file with the rules in force and the rules on trial, and count the shipments that these would move to another lane.

    Rules of the bundle with ids of rules on trial are off during the trial, so that the bundle's own rules and changed copies of
    them can be tried.

    Args:
        model: scores the file with a copy of its history.
        options: options, whose ``settings`` contain the rules in force.

    Raises:
        Unreadable, MappingError: the file cannot be read, or the mapping does not fit it.
        RulesError: a rule does not fit the model, or has the id of another rule of the office.
    """
    settings = options.settings or ScoreSettings()
    settings = replace(settings, rules=_with_trial(rules, model.rules, settings.rules or OfficeRules()))
    # Raise errors in the rules before the file is read.
    model.rulebook(settings)
    trial = RuleTrial(tuple(rule.id for rule in rules.rules))
    rejected = rows = 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(
            open_table(Path(path), mapping=options.mapping, rows_per_chunk=options.rows_per_chunk or ROWS_PER_CHUNK)
        )
        scorer = ChunkScorer(model, model.history.copy(), replace(options, settings=settings), decimal=reader.decimal)
        for prepared in stack.enter_context(map_ahead(scorer.prepare, reader)):
            rejected += len(prepared.refused) + len(prepared.chunk.rejected)
            rows += prepared.chunk.n_rows + len(prepared.chunk.rejected)
            if prepared.table is not None and prepared.history is not None:
                scores = model.score_rows(prepared.table, prepared.history, settings=settings, threads=options.threads)
                trial.add(prepared.table, scores.ruling, scores.lane_by_score, scores.selected_by == "random")
            if progress is not None:
                progress(prepared.chunk.bytes_read, reader.approx_bytes, rows)
    return TrialReport(trial, rejected)


def _with_trial(rules: RuleSet, bundled: RuleSet, office: OfficeRules) -> OfficeRules:
    """Return the rules in force followed by those on trial."""
    tried = {rule.id for rule in rules.rules}
    kept = tuple(rule for rule in bundled.rules if rule.id not in tried)
    in_force = () if office.off else (replace(bundled, rules=kept),)
    return replace(office, off=True, added=(*in_force, *office.added, rules))
