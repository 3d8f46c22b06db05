"""Saving and loading of bundles: folders that store a model as text and arrays.

Files of a bundle::

    bundle.json           protocol, identity, heads, file and factor of their boosters, ordered feature names, prevalence,
                          calibrators, lanes, base rates, size and SHA-256 of every other file, and a seal: the SHA-256 of
                          this file without the seal
    booster_<head>.txt    LightGBM's text form; heads that share a booster have one file, named after the first of them
    space.json space.npz  the fitted feature space
    reference.npz         quantiles of reference traffic
    history.npz           the initial history for scoring
    card.json CARD.md     the model card
    rules.toml            the default rules; optional, because older bundles lack it: they get the default rules of the code
    evidence.toml         the entries of evidence; absent if the model uses data only
    check.npz             up to 256 feature rows with LightGBM's raw log-odds, which the loaded model must reproduce to the
                          last bit; optional, because older bundles lack it

A bundle contains nothing executable. Loading reads each file once, audits the bytes, and constructs objects only from audited
bytes. The digest of a bundle is the SHA-256 of ``bundle.json``, which contains the SHA-256 of every other file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from features.groups.history.history import SAVED, History
from features.space import FeatureSpace
from models.bundle.audit import (
    CHECK,
    EVIDENCE,
    MANIFEST,
    PROTOCOL,
    RULES,
    Audited,
    BundleInfo,
    BundleRefused,
    audit,
    booster_file,
    features_digest,
    read_manifest,
    seal,
    sha256,
)
from models.bundle.files import card_markdown, json_bytes, npz_bytes, parse_json, parse_npz, sync_folder, write_durably
from models.calibration import Calibrator, ReferenceScores
from models.evidence import parse_evidence
from models.lanes import Lanes
from models.rules import bundled_rules, default_rules
from models.scoring import RiskModel
from models.trees import StoredRows, lightgbm

if TYPE_CHECKING:
    # For types only: `models.trees.lightgbm` imports the package when a model is loaded.
    from lightgbm import Booster

T = TypeVar("T")

__all__ = ["PROTOCOL", "BundleInfo", "BundleRefused", "describe", "load", "save", "verify", "verify_again"]


def save(model: RiskModel, folder: str | Path, *, replace: bool = False, entities: int = SAVED) -> str:
    """Write a model as a bundle and return its digest. Equal models give equal bytes.

    The bundle is written to a temporary folder next to the target, verified, and then renamed to the target.

    Args:
        entities: maximum number of entities per kind in the history.

    Raises:
        FileExistsError: the folder exists, is not empty, and ``replace`` is not set.
        ValueError: the model contains a number that is not finite, or a name that bundles do not allow.
    """
    target = Path(folder)
    if not replace and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} exists and is not empty; choose a new folder for the bundle.")
    boosters = _booster_files(model)
    files = _content(model, boosters, entities)
    manifest: dict[str, Any] = {
        "protocol": PROTOCOL,
        "name": model.name,
        "version": model.version,
        "created_at": model.created_at,
        "heads": list(model.heads),
        "boosters": {head: {"file": boosters[head], "factor": model.factors[head]} for head in model.heads},
        "features": {"names": list(model.space.names), "sha256": features_digest(model.space.names)},
        "prevalence": dict(model.prevalence),
        "base_rates": dict(model.base_rates),
        "calibrators": {name: calibrator.to_json() for name, calibrator in model.calibrators.items()},
        "lanes": model.lanes.to_json(),
        "files": {name: {"sha256": sha256(data), "size": len(data)} for name, data in files.items()},
    }
    manifest["seal"] = seal(manifest)
    files[MANIFEST] = json_bytes(manifest)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A crash may leave this folder behind. A visible name helps users find and delete it.
    written = Path(tempfile.mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
    try:
        for name, data in files.items():
            write_durably(written / name, data)
        written.chmod(0o755)
        verify(written)
        if target.exists():
            retired = Path(tempfile.mkdtemp(prefix=f"{target.name}.retired-", dir=target.parent))
            os.replace(target, retired / "bundle")
            os.replace(written, target)
            shutil.rmtree(retired)
        else:
            os.replace(written, target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(written, ignore_errors=True)
    return sha256(files[MANIFEST])


def load(
    folder: str | Path,
    *,
    expected_digest: str | None = None,
    kernels: bool = True,
    public_key: bytes | None = None,
    features: Literal["all", "subset"] = "all",
) -> RiskModel:
    """Load a bundle.

    Args:
        expected_digest: required digest, or the first characters of it.
        kernels: see `RiskModel`.
        public_key: PEM of the Ed25519 key that must have signed the bundle; None: no signature is required.
        features: ``subset`` also loads a bundle that lacks features of the code, which its trees then ignore. Only tests of the
            champion use it, so that they run beside a new feature. No command and no setting does.

    Raises:
        BundleRefused: a file is missing, unexpected, altered or truncated, a number is not finite, the digest or the signature is
            not the required one, or the protocol or the features differ from those of this code.
        BadKey: the public key cannot be used.
    """
    audited = audit(Path(folder), expected_digest, public_key)
    return _construct(audited, kernels=kernels, subset=features == "subset")


def verify(folder: str | Path, *, expected_digest: str | None = None, public_key: bytes | None = None) -> BundleInfo:
    """Check a bundle as `load` does, and return its identity.

    Raises:
        BundleRefused: `load` would refuse it.
    """
    audited = audit(Path(folder), expected_digest, public_key)
    _construct(audited)
    return audited.info


def verify_again(folder: str | Path, *, expected_digest: str | None = None) -> BundleInfo:
    """Check what may have changed since a bundle was verified: its files, and the protocol and features of this code.

    This takes a tenth of the time of `verify`, which also builds the model.

    Raises:
        BundleRefused: a file, the protocol or the features differ.
    """
    audited = audit(Path(folder), expected_digest, None)
    code = FeatureSpace.of_state(_object(audited.files["space.json"])).names
    if problems := _feature_problems(list(code), audited.manifest["features"]["names"]):
        raise BundleRefused(audited.info.folder, problems)
    return audited.info


def describe(folder: str | Path) -> BundleInfo:
    """Return a bundle's identity from ``bundle.json``, without reading the other files.

    Raises:
        BundleRefused: ``bundle.json`` is missing or altered, or has another protocol.
    """
    return read_manifest(Path(folder), None)[0]


def _booster_files(model: RiskModel) -> dict[str, str]:
    """Return the name of each head's booster file: that of the first head with the same booster."""
    first: dict[Booster, str] = {}
    return {head: first.setdefault(model.boosters[head], booster_file(head)) for head in model.heads}


def _content(model: RiskModel, boosters: Mapping[str, str], entities: int) -> dict[str, bytes]:
    """Return the bytes of all files except ``bundle.json``."""
    space, space_arrays = model.space.to_state()
    files = {name: model.boosters[head].model_to_string(num_iteration=-1).encode() for head, name in boosters.items()}
    files["space.json"] = json_bytes(space)
    files["space.npz"] = npz_bytes(space_arrays)
    files["reference.npz"] = npz_bytes({"log_odds": model.reference.log_odds, "below": model.reference.below})
    files["history.npz"] = npz_bytes(model.history.to_arrays(entities))
    files[RULES] = model.rules.text.encode()
    files["card.json"] = json_bytes(model.card, sort_keys=False)
    if model.evidence is not None:
        files[EVIDENCE] = model.evidence.source
    if model.check is not None:
        files[CHECK] = npz_bytes({"rows": model.check.rows, "raw": model.check.raw})
    # Render the parsed card.json, so that CARD.md shows the same number types.
    files["CARD.md"] = card_markdown(model.name, model.version, parse_json(files["card.json"])).encode()
    return files


def _construct(audited: Audited, *, kernels: bool = True, subset: bool = False) -> RiskModel:
    """Construct the model from audited bytes."""
    library = lightgbm()
    info, manifest, files = audited.info, audited.manifest, audited.files

    def attempt(name: str, build: Callable[..., T], *arguments: object) -> T:
        # A file with the right digest may still be incompatible with this code. Constructors then raise errors of several types.
        try:
            return build(*arguments)
        except BundleRefused:
            raise
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, library.basic.LightGBMError) as error:
            raise BundleRefused(info.folder, [f"{name}: {type(error).__name__}: {error}"]) from error

    def booster(data: bytes) -> Booster:
        return cast("Booster", library.Booster(model_str=data.decode()))

    arrays = {name: attempt(name, parse_npz, files[name]) for name in files if name.endswith(".npz")}
    documents = {name: attempt(name, _object, files[name]) for name in files if name.endswith(".json")}
    # Compare feature names first. If they differ, reading the fitted state fails with a less clear message.
    unfitted = attempt("space.json", FeatureSpace.of_state, documents["space.json"])
    code, names = list(unfitted.names), manifest["features"]["names"]
    columns = [code.index(name) for name in names] if subset and set(names) < set(code) else None
    problems = _feature_problems(code if columns is None else [name for name in code if name in set(names)], names)
    if problems:
        raise BundleRefused(info.folder, problems)
    space = attempt("space.json", FeatureSpace.from_state, documents["space.json"], arrays["space.npz"])
    entries: dict[str, Any] = manifest["boosters"]
    if columns is not None:
        files |= {one["file"]: _for_more_features(files[one["file"]], columns, code) for one in entries.values()}
        if CHECK in arrays:
            rows = np.zeros((len(arrays[CHECK]["rows"]), len(code)))
            rows[:, columns] = arrays[CHECK]["rows"]
            arrays[CHECK]["rows"] = rows
    boosters = {name: attempt(name, booster, files[name]) for name in {entry["file"] for entry in entries.values()}}
    reference = arrays["reference.npz"]
    rules = attempt(RULES, bundled_rules, files[RULES]) if RULES in files else default_rules()
    evidence = attempt(EVIDENCE, parse_evidence, files[EVIDENCE]) if EVIDENCE in files else None
    check = attempt(CHECK, lambda: StoredRows(**arrays[CHECK])) if CHECK in arrays else None
    return attempt(
        MANIFEST,
        lambda: RiskModel(
            name=info.name,
            version=info.version,
            created_at=info.created_at,
            heads=info.heads,
            space=space,
            boosters={head: boosters[entries[head]["file"]] for head in info.heads},
            factors={head: entries[head]["factor"] for head in info.heads},
            calibrators={name: Calibrator.from_json(data) for name, data in manifest["calibrators"].items()},
            prevalence={name: float(value) for name, value in manifest["prevalence"].items()},
            base_rates={name: float(value) for name, value in manifest["base_rates"].items()},
            lanes=Lanes.from_json(manifest["lanes"]),
            reference=attempt("reference.npz", lambda: ReferenceScores(reference["log_odds"], reference["below"])),
            history=attempt("history.npz", History.from_arrays, arrays["history.npz"]),
            card=documents["card.json"],
            digest=info.digest,
            check=check,
            kernels=kernels,
            rules=rules,
            evidence=evidence,
        ),
    )


def _for_more_features(booster: bytes, columns: list[int], names: list[str]) -> bytes:
    """Return a booster's text for a matrix with further columns, which its trees ignore.

    Args:
        columns: column of each feature of the booster in that matrix.
        names: names of all columns.
    """

    def spread(values: str, other: str) -> str:
        of_column = dict(zip(columns, values.split(" "), strict=True))
        return " ".join(of_column.get(column, other) for column in range(len(names)))

    changes: dict[str, Callable[[str], str]] = {
        "max_feature_idx": lambda _: str(len(names) - 1),
        "feature_names": lambda _: " ".join(names),
        "feature_infos": lambda values: spread(values, "none"),
        "monotone_constraints": lambda values: spread(values, "0"),
        "split_feature": lambda values: " ".join(str(columns[int(feature)]) for feature in values.split()),
    }
    lines = []
    for line in booster.decode().splitlines(keepends=True):
        key, mark, values = line.partition("=")
        # LightGBM reads tree by tree if the sizes of the trees, which change, are not given.
        if key != "tree_sizes":
            lines.append(f"{key}={changes[key](values[:-1])}\n" if mark and key in changes else line)
    return "".join(lines).encode()


def _object(data: bytes) -> dict[str, Any]:
    """Parse a JSON document that must be an object."""
    document = parse_json(data)
    if isinstance(document, dict):
        return document
    raise ValueError("an object is needed")


def _feature_problems(code: list[str], bundle: list[str]) -> list[str]:
    """Describe how the bundle's ordered feature names differ from those of the code."""
    missing, unexpected = sorted(set(code) - set(bundle)), sorted(set(bundle) - set(code))
    problems = []
    if missing:
        problems.append(f"{MANIFEST}: features this code has and the bundle lacks: {', '.join(missing)}")
    if unexpected:
        problems.append(f"{MANIFEST}: features the bundle has and this code lacks: {', '.join(unexpected)}")
    if not problems and code != bundle:
        # The sets are equal, so the orders differ, or a name repeats and the lengths differ.
        pairs = zip(code, bundle, strict=False)
        first = next((i for i, (ours, stored) in enumerate(pairs) if ours != stored), min(len(code), len(bundle)))
        problems.append(f"{MANIFEST}: features in another order than the code's, from position {first} on")
    return problems
