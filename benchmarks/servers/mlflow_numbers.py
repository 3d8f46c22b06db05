"""MLflow's pyfunc with precomputed features."""

from __future__ import annotations

from typing import Any

import mlflow.models
from mlflow.pyfunc.model import PythonModel

from benchmarks.servers.work import Numbers


class NumbersModel(PythonModel):
    """Returns the risks of the rows of a matrix."""

    def load_context(self, context: Any) -> None:
        self._work = Numbers(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> list[float]:
        return self._work.of_matrix(model_input)


mlflow.models.set_model(NumbersModel())
