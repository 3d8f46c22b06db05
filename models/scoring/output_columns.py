"""Names of the columns that scoring appends to a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from features.manifest.fields import HEADS

N_REASONS: Final = 3
_BEFORE_HEADS: Final = ("risk", "percentile")
_AFTER_HEADS: Final = (
    "item_risk",
    "lane",
    "selected_by",
    *(f"reason_{n + 1}" for n in range(N_REASONS)),
    "substance",
    "substance_kind",
    "substance_hit",
    "warnings",
    "model_version",
    "bundle_digest",
    "one_in",
    "rank_one_in",
    "rule_ids",
    "unread",
)
#: All columns that scoring may append, in order.
ALL_SCORE_COLUMNS: Final = (*_BEFORE_HEADS, *(f"risk_{head}" for head in HEADS), *_AFTER_HEADS)


def score_columns(heads: Sequence[str]) -> tuple[str, ...]:
    """Return the columns appended by a model with these heads.

    A model trained on an office's own label has the single head ``risk`` and no columns ``risk_...``.
    """
    per_head = () if tuple(heads) == ("risk",) else tuple(f"risk_{head}" for head in heads)
    return (*_BEFORE_HEADS, *per_head, *_AFTER_HEADS)
