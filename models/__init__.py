"""Numbers become a calibrated, explained risk."""

from models.bundle import BundleInfo, BundleRefused
from models.calibration import Calibrator
from models.lanes import Lanes
from models.percentile import ReferenceScores
from models.reasons import Explanation, Reason
from models.risk_model import RiskModel
from models.scores import Scores
from models.settings import DEFAULT_BASE_RATES, ScoreSettings
from models.store import ModelStore, StoreError, champion_dir, resolve

__all__ = [
    "DEFAULT_BASE_RATES",
    "BundleInfo",
    "BundleRefused",
    "Calibrator",
    "Explanation",
    "Lanes",
    "ModelStore",
    "Reason",
    "ReferenceScores",
    "RiskModel",
    "ScoreSettings",
    "Scores",
    "StoreError",
    "champion_dir",
    "resolve",
]
