"""MLflow's pyfunc with type hints, with manifests as nested records; the hints give it a signature."""

from __future__ import annotations

from typing import Any

import mlflow.models
from mlflow.pyfunc.model import PythonModel

from benchmarks.servers.work import Manifests


class RecordModel(PythonModel):
    """Returns the risks of the shipments of a list."""

    def load_context(self, context: Any) -> None:
        self._work = Manifests(context.artifacts["bundle"])

    def predict(self, model_input: list[dict[str, Any]]) -> list[float]:  # type: ignore[override]
        return self._work.of_records(model_input)


mlflow.models.set_model(RecordModel())
