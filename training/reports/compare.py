"""`tidewaiter compare`: two runs side by side, with what differs between their data, windows and parameters.

A run is named by its MLflow id, by a registered version or alias, or by a path: of a metrics file or of a bundle.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.data.dataset import BadData
from training.evaluation.paired import FILE_NAME, BadScores, KeptScores, paired_differences, why_unpaired
from training.reports.flat import flat_estimates, part

_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")


class UnknownRun(ValueError):
    """No run goes by this name; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs: what it is called, its document (figures and what they come from), and its kept scores."""

    name: str
    document: Mapping[str, Any]
    scores: KeptScores | None = None

    @property
    def model(self) -> Mapping[str, Any]:
        return part(self.document, "model")


def load_side(name: str, tracking_uri: str | None = None) -> Side:
    """The run that ``name`` stands for.

    A number is a registered version; else what exists as a path is read; 32 hexadecimal digits are a run; all else is
    an alias, such as ``champion``. Raises `UnknownRun`, `training.data.dataset.BadData` for a file that holds no
    figures, and `models.bundle.bundle.BundleRefused`.
    """
    path = Path(name)
    if not name.isdecimal() and path.is_dir():
        return Side(name, _of_bundle(path))
    if not name.isdecimal() and path.exists():
        return Side(name, _of_file(path))
    if not name.isdecimal() and (path.suffix or len(path.parts) > 1):
        raise UnknownRun(f"{name}: no such file or folder")
    return _tracked(name, tracking_uri)


def _of_file(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadData(f"{path}: is no JSON: {error}") from error
    return _checked(document, str(path))


def _checked(document: Any, where: str) -> Mapping[str, Any]:
    if isinstance(document, Mapping) and flat_estimates(document):
        return document
    raise BadData(f"{where}: holds no figures; expected what `train --metrics` or `evaluate --json` wrote")


def _of_bundle(folder: Path) -> Mapping[str, Any]:
    from models.bundle import verify

    info = verify(folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    about = {key: card[key] for key in ("data", "windows", "training") if key in card}
    model = {"version": info.version, "digest": info.digest}
    return {"model": model, **about, **card.get("metrics", {})}


def _tracked(name: str, tracking_uri: str | None) -> Side:
    from mlflow.exceptions import MlflowException

    from training.registry.tracking import REGISTERED_NAME, client, default_tracking_uri, missing_store, uri_in_words

    uri = tracking_uri or default_tracking_uri()
    problem = missing_store(uri)
    if problem is not None:
        raise UnknownRun(f"{name}: is no file or folder. {problem}")
    server = client(uri)
    what = name
    try:
        if _RUN_ID.fullmatch(name):
            run_id = name
        else:
            registered = (
                server.get_model_version(REGISTERED_NAME, name)
                if name.isdecimal()
                else server.get_model_version_by_alias(REGISTERED_NAME, name)
            )
            run_id, what = str(registered.run_id), f"version {registered.version}" + _alias(name)
        server.get_run(run_id)
    except MlflowException as error:
        kind = "run" if _RUN_ID.fullmatch(name) else "version" if name.isdecimal() else "file, folder or alias"
        raise UnknownRun(f"There is no {kind} {name!r} (looked in {uri_in_words(uri)})") from error
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        document = _fetched(run_id, "metrics.json", Path(scratch))
        if document is None:
            raise BadData(f"run {run_id}: holds no metrics.json")
        kept = _fetched(run_id, FILE_NAME, Path(scratch))
        scores = None
        if kept is not None:
            try:
                scores = KeptScores.read(kept)
            except BadScores as error:
                raise BadData(f"run {run_id}: {error}") from error
        return Side(what, _of_file(document), scores)


def _alias(name: str) -> str:
    return "" if name.isdecimal() else f" ({name})"


def _fetched(run_id: str, artifact: str, folder: Path) -> Path | None:
    """An artifact of a run, downloaded; None when the run has none of that name."""
    import mlflow

    if artifact not in {one.path for one in mlflow.artifacts.list_artifacts(run_id=run_id)}:
        return None
    return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=artifact, dst_path=str(folder)))


def compare(one: Side, other: Side, *, seed: int = 0) -> dict[str, Any]:
    """Two runs side by side, as JSON values.

    ``figures`` holds per flat name ``a``, ``b``, their ``difference`` (b - a, with an interval where the two are
    paired) and whether the two intervals lie ``apart`` (None where one has none). ``differs`` lists what is not equal
    in data, windows and parameters; ``warnings`` what forbids to read a difference as the model's doing.
    """
    unpaired = why_unpaired(one.scores, other.scores)
    paired = {}
    if unpaired is None and one.scores is not None and other.scores is not None:
        paired = paired_differences(one.scores, other.scores, seed=seed)
    left, right = flat_estimates(one.document), flat_estimates(other.document)
    figures = []
    for name in dict.fromkeys((*left, *right)):
        a, b = left.get(name), right.get(name)
        difference: dict[str, Any] | None = None
        if a is not None and b is not None:
            difference = {"value": float(b["value"]) - float(a["value"])}
            if name in paired:
                difference |= {"low": paired[name].low, "high": paired[name].high}
        figures.append({"figure": name, "a": a, "b": b, "difference": difference, "apart": _apart(a, b)})
    return {
        "a": _about(one),
        "b": _about(other),
        "warnings": _warnings(one.document, other.document),
        "paired": unpaired is None,
        **({"not_paired_because": unpaired} if unpaired is not None else {}),
        "figures": figures,
        "differs": {
            section: _differing(part(one.document, section), part(other.document, section))
            for section in ("data", "windows", "training")
        },
    }


def _about(side: Side) -> dict[str, Any]:
    return {
        "run": side.name,
        "version": side.model.get("version"),
        "digest": side.model.get("digest"),
        "evaluated_on": side.document.get("evaluated_on"),
    }


def _apart(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> bool | None:
    if a is None or b is None:
        return None
    ends = [float(one[end]) for one in (a, b) for end in ("low", "high") if one.get(end) is not None]
    if len(ends) < 4:
        return None
    low_a, high_a, low_b, high_b = ends
    return high_a < low_b or high_b < low_a


def _warnings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    found = []
    sums = [part(document, "data").get("sha256") for document in (one, other)]
    if sums[0] is None or sums[1] is None:
        found.append("At least one of the runs does not name its data.")
    elif sums[0] != sums[1]:
        found.append("The runs use different data: differences may come from the data and not from the model.")
    tests = [part(document, "windows", "windows", "test") for document in (one, other)]
    if sums[0] == sums[1] and tests[0] != tests[1]:
        found.append("The runs were evaluated on different windows of the same data.")
    on = [document.get("evaluated_on") for document in (one, other)]
    if on[0] != on[1]:
        found.append(f"A was evaluated on {on[0] or 'an unnamed set'}, B on {on[1] or 'an unnamed set'}.")
    return found


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    left, right = _flat(one), _flat(other)
    return [
        {"name": name, "a": left.get(name), "b": right.get(name)}
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]


def _flat(value: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, Mapping):
            out |= _flat(one, f"{under}{key}.")
        else:
            out[f"{under}{key}"] = ", ".join(map(str, one)) if isinstance(one, list) else one
    return out
