"""MLflow's pyfunc with manifests as flat columns, one row per goods item.

It equals the model that training registers, except for one history for all requests instead of a fresh copy per call.
"""

from __future__ import annotations

from typing import Any

import mlflow.models
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from benchmarks.servers.work import Manifests
from training.registry.pyfunc_model import frame_columns


class ColumnModel(PythonModel):
    """Returns the risks of the shipments of a frame."""

    def load_context(self, context: Any) -> None:
        self._work = Manifests(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        return pd.DataFrame({"risk": self._work.of_columns(frame_columns(model_input), len(model_input))})


mlflow.models.set_model(ColumnModel())
