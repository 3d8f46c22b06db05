"""The champion as MLflow models, in every form that the benchmark serves."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Final

#: Name of a model -> its code, and whether it has a signature.
MODELS: Final = {
    "records": ("mlflow_records", True),
    "plain": ("mlflow_plain", False),
    "columns": ("mlflow_columns", True),
    "numbers": ("mlflow_numbers", True),
    "numbers-plain": ("mlflow_numbers", False),
}


def save(bundle: Path, folder: Path) -> None:
    """Save each of `MODELS` into a folder of its name."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    # MLflow's advice about examples and hints is irrelevant for a measurement.
    with warnings.catch_warnings(), Path(os.devnull).open("w") as nothing, contextlib.redirect_stderr(nothing):
        warnings.simplefilter("ignore")
        import mlflow
        import numpy as np
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        from models.bundle import load
        from training.registry.tracking import model_signature

        model = load(bundle)
        numbers = TensorSpec(np.dtype(np.float64), (-1, len(model.space.names)))
        signatures = {"columns": model_signature(model), "numbers": ModelSignature(inputs=Schema([numbers]))}
        for name, (code, _) in MODELS.items():
            mlflow.pyfunc.save_model(
                path=str(folder / name),
                python_model=str(Path(__file__).with_name(f"{code}.py")),
                artifacts={"bundle": str(bundle)},
                signature=signatures.get(name),
                pip_requirements=["mlflow"],
            )
