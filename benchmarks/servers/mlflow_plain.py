"""MLflow's pyfunc without a signature, with manifests as nested records in a frame."""

from __future__ import annotations

from typing import Any

import mlflow.models
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from benchmarks.servers.work import Manifests


class PlainModel(PythonModel):
    """Scores a frame with one shipment per row."""

    def load_context(self, context: Any) -> None:
        self._work = Manifests(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[float]:
        return self._work.of_records(model_input.to_dict("records"))


mlflow.models.set_model(PlainModel())
