"""Loading of runs for comparison by MLflow run id, registered version, alias, metrics file or bundle."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from models.bundle import verify
from training.data.dataset import BadData
from training.registry.tracking import REGISTERED_NAME, client, default_tracking_uri, missing_store, uri_in_words
from training.reports.compare import FILE_NAME, BadScores, KeptScores, Side
from training.reports.flat import flat_estimates

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")


class UnknownRun(ValueError):
    """Error for an unknown run. The message names the places that were searched."""


def load_side(name: str, tracking_uri: str | None = None) -> Side:
    """Load the run with the given name.

    The name is a registered version (a decimal number), the path of a metrics file or bundle, an MLflow run id (32 hexadecimal
    digits), or an alias such as ``champion``.

    Raises:
        UnknownRun: There is no such run.
        BadData: A file or run has no metrics.
        BundleRefused: A bundle is damaged.
    """
    path = Path(name)
    if not name.isdecimal() and path.is_dir():
        return Side(name, _read_bundle(path))
    if not name.isdecimal() and path.exists():
        return Side(name, _read_metrics(path))
    if not name.isdecimal() and (path.suffix or len(path.parts) > 1):
        raise UnknownRun(f"{name}: no such file or folder")
    return _tracked(name, tracking_uri)


def _read_metrics(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadData(f"{path}: is not JSON: {error}") from error
    if isinstance(document, Mapping) and flat_estimates(document):
        return document
    raise BadData(f"{path}: holds no figures; expected a file written by `train --metrics` or `evaluate --json`")


def _read_bundle(folder: Path) -> Mapping[str, Any]:
    info = verify(folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    about = {key: card[key] for key in ("data", "windows", "training") if key in card}
    model = {"version": info.version, "digest": info.digest}
    return {"model": model, **about, **card.get("metrics", {})}


def _tracked(name: str, tracking_uri: str | None) -> Side:
    """Load a run from MLflow by run id, version or alias."""
    from mlflow.exceptions import MlflowException

    uri = tracking_uri or default_tracking_uri()
    problem = missing_store(uri)
    if problem is not None:
        raise UnknownRun(f"{name}: no such file or folder. {problem}")
    server = client(uri)
    shown_name = name
    try:
        if _RUN_ID.fullmatch(name):
            run_id = name
        elif name.isdecimal():
            run_id = str(server.get_model_version(REGISTERED_NAME, name).run_id)
            shown_name = f"version {name}"
        else:
            registered = server.get_model_version_by_alias(REGISTERED_NAME, name)
            run_id, shown_name = str(registered.run_id), f"version {registered.version} ({name})"
        server.get_run(run_id)
    except MlflowException as error:
        kind = "run" if _RUN_ID.fullmatch(name) else "version" if name.isdecimal() else "file, folder or alias"
        raise UnknownRun(f"There is no {kind} {name!r} (searched in {uri_in_words(uri)})") from error
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        metrics = _download(run_id, "metrics.json", Path(scratch))
        if metrics is None:
            raise BadData(f"run {run_id}: contains no metrics.json")
        scores_file = _download(run_id, FILE_NAME, Path(scratch))
        try:
            scores = KeptScores.read(scores_file) if scores_file is not None else None
        except BadScores as error:
            raise BadData(f"run {run_id}: {error}") from error
        return Side(shown_name, _read_metrics(metrics), scores)


def _download(run_id: str, artifact: str, folder: Path) -> Path | None:
    """Download an artifact of a run. Return None if the run has no such artifact."""
    import mlflow

    if artifact not in {one.path for one in mlflow.artifacts.list_artifacts(run_id=run_id)}:
        return None
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=artifact, dst_path=str(folder)))
