"""What the trials of rules, lists and capacities share: the model, the options, and the progress bar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from models.scoring import RiskModel, ScoreSettings
    from service.core.settings import Settings
    from service.files.options import Progress, ScoreOptions

Trial = TypeVar("Trial")


def tried(
    work: Callable[[Path, RiskModel, ScoreOptions, Progress], Trial],
    source: Path,
    settings: Settings,
    settings_of_scores: ScoreSettings,
    bundle: Path | None,
    mapping: Path | None,
) -> Trial:
    """Return the trial of a file."""
    import os

    from features.readers import ColumnMapping
    from service.core.chemistry import set_up
    from service.core.commands import load_model, row_progress
    from service.core.memory import keep_memory_small, long_lived_objects
    from service.files.options import ScoreOptions

    set_up(settings)
    keep_memory_small()
    model = load_model(bundle)
    options = ScoreOptions(
        mapping=ColumnMapping.load(mapping) if mapping else None,
        settings=settings_of_scores,
        threads=min(8, os.cpu_count() or 1),
    )
    with long_lived_objects(), row_progress(source.name) as progress:
        return work(source, model, options, progress)
