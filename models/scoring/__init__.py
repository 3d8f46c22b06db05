"""Scoring: a table of goods items becomes explained risks with triage lanes."""

from models.scoring.explaining import Explain
from models.scoring.risk_model import AdvancingHistory, RiskModel
from models.scoring.scores import ModelIdentity, Scores
from models.scoring.settings import DEFAULT_BASE_RATES, RISK, ScoreSettings, check_base_rate

__all__ = [
    "DEFAULT_BASE_RATES",
    "RISK",
    "AdvancingHistory",
    "Explain",
    "ModelIdentity",
    "RiskModel",
    "ScoreSettings",
    "Scores",
    "check_base_rate",
]
