"""Trees: raw log-odds and contributions of LightGBM boosters."""

from models.trees.lightgbm_import import lightgbm
from models.trees.predictor import Predictor, StoredRows

__all__ = ["Predictor", "StoredRows", "lightgbm"]
