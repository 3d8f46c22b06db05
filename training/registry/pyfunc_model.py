"""MLflow pyfunc model from code, which maps a data frame of manifest columns to scores.

MLflow executes this file when it loads the registered model. The code only converts input and output. `models.bundle` reads the
bundle and `models.scoring` computes the scores, as in the service.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlflow.models
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc.model import PythonModel

from features.manifest.fields import MANIFEST_NAMES
from features.readers.as_text import text_column
from features.table.table import Coded, ManifestTable
from models.bundle import load
from models.rules.office import from_environment
from models.scoring import RiskModel, ScoreSettings


class TidewaiterModel(PythonModel):
    """Model that scores goods items, one per row. The rows of a shipment must be adjacent.

    Each call starts from the bundle's history and updates it row by row, like the scoring of a file.
    """

    def __init__(self) -> None:
        self._model: RiskModel | None = None
        self._settings: ScoreSettings | None = None

    def load_context(self, context: Any) -> None:
        self._model = load(context.artifacts["bundle"])
        self._settings = ScoreSettings(rules=from_environment())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Score a frame of n rows.

        Returns n rows with the columns ``risk percentile risk_<head>... item_risk lane selected_by model_version
        bundle_digest one_in rank_one_in rule_ids unread error``. An unreadable row has an empty risk, and a reason in ``error``.
        ``params`` is unused. The environment variables ``TIDEWAITER_RULES`` and ``TIDEWAITER_REGISTER`` apply as in the service.
        """
        if self._model is None:
            raise RuntimeError("The model was not loaded")
        return score_frame(self._model, model_input, self._settings)


def frame_columns(frame: pd.DataFrame) -> dict[str, Coded]:
    """Convert the manifest columns of a frame to text. Integers have no ``.0``, and all missing values become None."""
    return {name: column_of(frame, name) for name in MANIFEST_NAMES if name in frame.columns}


def column_of(frame: pd.DataFrame, name: str) -> Coded:
    """Convert one column of a frame to text."""
    series = frame[name]
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        # Convert to UTC text here, because Arrow's conversion of these columns uses a deprecated pandas function.
        series = series.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if series.dtype == object:
        array = pa.chunked_array([pa.array([_text(value) for value in series.tolist()], pa.string())])
    else:
        # Convert via a table, whose columns are always chunked arrays.
        array = pa.Table.from_pandas(series.to_frame(name), preserve_index=False).column(0)
    return Coded.from_arrow(text_column(array))


def _text(value: Any) -> str | None:
    """Convert one value of a column of mixed types."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ";".join(str(part) for part in value)
    texts = text_column(pa.chunked_array([pa.array([value])])).to_pylist()
    return None if texts[0] is None else str(texts[0])


def _texts(texts: Iterable[str]) -> Any:
    """Return texts as an array of objects, with None for empty texts."""
    values = [text or None for text in texts]
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def score_frame(model: RiskModel, frame: pd.DataFrame, settings: ScoreSettings | None = None) -> pd.DataFrame:
    """Score the rows of a frame. The result has the index of the frame."""
    further = {field.name: column_of(frame, field.name) for field in model.space.further_fields if field.name in frame}
    table = ManifestTable.from_columns(frame_columns(frame), len(frame), further=further)
    accepted = table.accepted()
    scores = model.score(accepted, model.history.copy(), settings=settings)
    rows = np.flatnonzero(~table.refused)
    of_row = accepted.shipment

    def spread(values: Any, missing: Any, dtype: Any) -> Any:
        out = np.full(len(frame), missing, dtype=dtype)
        out[rows] = values
        return out

    out: dict[str, Any] = {
        "risk": spread(scores.risk[of_row], np.nan, np.float64),
        "percentile": spread(scores.percentile[of_row], np.nan, np.float64),
    }
    if model.heads != ("risk",):
        for head, values in scores.heads.items():
            out[f"risk_{head}"] = spread(values[of_row], np.nan, np.float64)
    out["item_risk"] = spread(scores.item_risk, np.nan, np.float64)
    out["lane"] = spread(scores.lane[of_row], None, object)
    out["selected_by"] = spread(scores.selected_by[of_row], None, object)
    out["model_version"] = model.version
    out["bundle_digest"] = model.digest
    # Integers become floats, because missing values are NaN.
    out["one_in"] = spread(scores.one_in[of_row], np.nan, np.float64)
    out["rank_one_in"] = spread(scores.rank_one_in[of_row], np.nan, np.float64)
    ruling = scores.ruling
    out["rule_ids"] = spread(_texts(";".join(ruling.rule_ids(k)) for k in range(len(scores)))[of_row], None, object)
    out["unread"] = spread(_texts(ruling.unread_text(k) for k in range(len(scores)))[of_row], None, object)
    errors = np.full(len(frame), None, dtype=object)
    for row, problems in table.refusals().items():
        errors[row] = "; ".join(f"{problem.field}: {problem.problem}" for problem in problems)
    out["error"] = errors
    return pd.DataFrame(out, index=frame.index)


mlflow.models.set_model(TidewaiterModel())
