"""Reasons: feature contributions grouped by reason code, with texts."""

from models.reasons.by_reason import FeaturesByReason
from models.reasons.explanations import ENOUGH, Explanation, Explanations, Reason
from models.reasons.items import ScoredTable, day_of
from models.reasons.law_texts import SubstanceAnswers

__all__ = [
    "ENOUGH",
    "Explanation",
    "Explanations",
    "FeaturesByReason",
    "Reason",
    "ScoredTable",
    "SubstanceAnswers",
    "day_of",
]
