"""Reasons: feature contributions grouped by reason code, with texts."""

from models.reasons.by_reason import FeaturesByReason
from models.reasons.explanations import ENOUGH, Explanation, Explanations, Reason
from models.reasons.goods_texts import SubstanceAnswers
from models.reasons.items import ScoredTable, day_of

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
