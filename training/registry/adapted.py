"""MLflow tracking of an adaptation: a run with its report and bundle, and a registered version that names its parent."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.bundle import card_markdown
from models.scoring import RiskModel
from training.registry.tracking import (
    BUNDLE_ARTIFACT,
    DIGEST_TAG,
    MODEL_VERSION_TAG,
    client,
    default_tracking_uri,
    experiment_id,
    mark_challenger,
    register_bundle,
    version_of,
)
from training.reports.card import code_version

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
    number = version_of(tracking, parent["digest"])
    tags = {
        DIGEST_TAG: model.digest,
        MODEL_VERSION_TAG: model.version,
        PARENT_DIGEST_TAG: parent["digest"],
        PARENT_VERSION_TAG: parent["version"],
        **({PARENT_NUMBER_TAG: number} if number is not None else {}),
    }
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
        mlflow.log_metrics(_metrics(report))
        mlflow.log_dict(dict(model.card["adapted"]), "adapted.json")
        mlflow.log_text(card_markdown(model.name, model.version, model.card), "model_card.md")
        mlflow.log_artifacts(str(bundle), BUNDLE_ARTIFACT)
        with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
            version = register_bundle(model, bundle, Path(scratch))
    mark_challenger(tracking, version, tags)
    return version


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    moved, distance = report["moved"], report["distance"]
    return {
        **{f"{lane}.{when}": moved["lanes"][when][lane] for lane in ("red", "yellow") for when in ("before", "after")},
        **{f"{name}.{when}": distance[when][name] for name in ("psi", "ks") for when in ("before", "after")},
        **{f"new_in_top.{top['share']:g}": top["new"] / top["shipments"] for top in report["top"]},
        "mean_over_base_rate": report["calibration"]["mean_over_base_rate"],
        "largest_party": max((party["share"] for party in report["concentration"]), default=0.0),
    }
