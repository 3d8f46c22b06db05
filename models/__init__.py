"""Score shipments: calibrated risks, triage lanes and reasons."""

from models.bundle import BundleInfo, BundleRefused, ModelStore, StoreError, champion_dir, resolve
from models.calibration import Calibrator, ReferenceScores
from models.lanes import Lanes
from models.reasons import Explanation, Reason
from models.scoring import DEFAULT_BASE_RATES, RiskModel, Scores, ScoreSettings

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
