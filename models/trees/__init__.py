"""Trees: raw log-odds and contributions of LightGBM boosters."""

from models.trees.predictor import Predictor, StoredRows
from models.trees.trees import lightgbm, scaled

__all__ = ["Predictor", "StoredRows", "lightgbm", "scaled"]
