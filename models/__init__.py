"""Numbers become a calibrated, explained risk."""

from models.bundle.bundle import BundleInfo, BundleRefused
from models.bundle.store import ModelStore, StoreError, champion_dir, resolve
from models.calibration.calibration import Calibrator
from models.calibration.percentile import ReferenceScores
from models.lanes import Lanes
from models.reasons.reasons import Explanation, Reason
from models.scoring.risk_model import RiskModel
from models.scoring.scores import Scores
from models.scoring.settings import DEFAULT_BASE_RATES, ScoreSettings

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
