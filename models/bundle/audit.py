"""Checks of a bundle that run before any object is constructed from it."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.bundle.files import json_bytes, parse_json
from models.bundle.signature import SIGNATURE, problem_of
from models.calibration import Calibrator
from models.lanes import Lanes
from models.scoring import RISK, check_base_rate

#: Version of the bundle format. Raise it by one if the new code cannot read old bundles or would misread them. Examples: a
#: required file is added, dropped or renamed; a key of ``bundle.json`` changes its name, type or meaning; a calibrator or a
#: history array is computed differently. A new list of features needs no new version, because loading compares the names.
#: To raise it: 1. change the writer and the reader; 2. test that a bundle of the old protocol is refused with a message that
#: names both protocols; 3. retrain or convert the champion; 4. describe the change in the changelog.
#:
#: Protocol 2 may carry ``evidence.toml``, whose prior is added to the boosters' scores. Code of protocol 1 would score without it.
#: Protocol 3 names the booster of each head, which heads may share, and the factor of its leaf values.
PROTOCOL: Final = 3
#: Advice for a bundle of an older protocol.
_OLDER: Final = (
    "in a checkout, `python -m tools.upgrade_bundle OLD NEW` converts it without changing a score; or retrain"
)
_NEWER: Final = "retrain, or install a bundle of this protocol"

MANIFEST: Final = "bundle.json"
#: The optional files.
CHECK: Final = "check.npz"
RULES: Final = "rules.toml"
EVIDENCE: Final = "evidence.toml"
#: Size limits protect memory. No bundle needs a larger manifest.
MAX_MANIFEST_BYTES: Final = 16 * 2**20
MAX_FILE_BYTES: Final = 2**30

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HEAD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEYS: Final[Mapping[str, type]] = {
    "protocol": int,
    "name": str,
    "version": str,
    "created_at": str,
    "heads": list,
    "boosters": dict,
    "features": dict,
    "prevalence": dict,
    "base_rates": dict,
    "calibrators": dict,
    "lanes": dict,
    "files": dict,
    "seal": str,
}


class BundleRefused(ValueError):
    """Error for a bundle that is damaged, altered or incompatible with this code.

    Attributes:
        folder: folder of the bundle.
        problems: all problems, sorted. The problem of a file starts with the file's name.
    """

    def __init__(self, folder: Path, problems: list[str]) -> None:
        self.folder = folder
        self.problems = sorted(set(problems))
        super().__init__("\n".join([f"The model bundle {folder} is refused:", *(f"- {p}" for p in self.problems)]))


@dataclass(frozen=True, slots=True)
class BundleInfo:
    """Identity of a bundle."""

    folder: Path
    name: str
    version: str
    created_at: str
    heads: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Audited:
    """Content of a bundle that passed the audit: its manifest, and the bytes of every other file by name."""

    info: BundleInfo
    manifest: dict[str, Any]
    files: dict[str, bytes]


def features_digest(names: Sequence[str]) -> str:
    """Return the SHA-256 of ordered feature names, one per line."""
    return sha256("".join(f"{name}\n" for name in names).encode())


def booster_file(head: str) -> str:
    """Return the file name of a head's booster."""
    return f"booster_{head}.txt"


def sha256(data: bytes) -> str:
    """Return the SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def seal(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest's canonical JSON without the key ``seal``."""
    return sha256(json_bytes({key: value for key, value in manifest.items() if key != "seal"}))


def read_manifest(folder: Path, expected_digest: str | None) -> tuple[BundleInfo, dict[str, Any]]:
    """Read and check ``bundle.json``, without the other files.

    Raises:
        BundleRefused: the file is missing or altered, has another protocol, or its digest does not start with the expected one.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleRefused(folder, ["it is not a folder"])
    if path.is_symlink() or not path.is_file():
        raise BundleRefused(folder, [f"{MANIFEST}: missing"])
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BundleRefused(folder, [f"{MANIFEST}: larger than {MAX_MANIFEST_BYTES} bytes"])
    try:
        data = path.read_bytes()
        manifest = parse_json(data)
    except (OSError, ValueError) as error:
        raise BundleRefused(folder, [f"{MANIFEST}: cannot be read: {error}"]) from None
    if not isinstance(manifest, dict):
        raise BundleRefused(folder, [f"{MANIFEST}: it must be an object"])
    # Check the protocol first, because another protocol may have other keys and another seal.
    protocol = manifest.get("protocol")
    if isinstance(protocol, bool) or protocol != PROTOCOL:
        advice = _OLDER if protocol in range(1, PROTOCOL) else _NEWER
        raise BundleRefused(
            folder, [f"{MANIFEST}: protocol {protocol!r}, but this code reads protocol {PROTOCOL}; {advice}"]
        )
    problems = [f"{MANIFEST}: missing key {key!r}" for key in _KEYS if key not in manifest]
    problems += [f"{MANIFEST}: unknown key {key!r}" for key in manifest if key not in _KEYS]
    problems += [
        f"{MANIFEST}: {key!r} must be of type {kind.__name__}"
        for key, kind in _KEYS.items()
        if not isinstance(manifest.get(key, kind()), kind)
    ]
    if not problems:
        try:
            if manifest["seal"] != seal(manifest) or data != json_bytes(manifest):
                problems.append(f"{MANIFEST}: altered since it was sealed")
        except ValueError as error:
            problems.append(f"{MANIFEST}: {error}")
        problems += _identity_problems(manifest) or _booster_entry_problems(manifest["boosters"], manifest["heads"])
    digest = sha256(data)
    if expected_digest is not None and not digest.startswith(expected_digest):
        problems.append(f"{MANIFEST}: digest {digest}, but {expected_digest} was expected")
    if problems:
        raise BundleRefused(folder, problems)
    info = BundleInfo(
        folder, manifest["name"], manifest["version"], manifest["created_at"], tuple(manifest["heads"]), digest
    )
    return info, manifest


def _identity_problems(manifest: dict[str, Any]) -> list[str]:
    problems = []
    for key in ("name", "version"):
        if not _NAME.fullmatch(manifest[key]):
            problems.append(f"{MANIFEST}: {key} {manifest[key]!r}; letters, digits, '.', '_' and '-' are allowed")
    try:
        dt.datetime.fromisoformat(manifest["created_at"])
    except ValueError:
        problems.append(f"{MANIFEST}: created_at {manifest['created_at']!r} is not an ISO 8601 time")
    heads = manifest["heads"]
    if not heads or not all(isinstance(head, str) and _HEAD.fullmatch(head) for head in heads):
        problems.append(
            f"{MANIFEST}: heads {heads!r}; one or more names of lower-case letters, digits and '_' are required"
        )
    elif len(set(heads)) < len(heads) or (RISK in heads and len(heads) > 1):
        problems.append(f"{MANIFEST}: heads {heads!r}; names must differ, and {RISK!r} excludes all others")
    return problems


def audit(folder: Path, expected_digest: str | None, public_key: bytes | None = None) -> Audited:
    """Read every file once and run all checks that need no constructed object. With ``public_key``, check the signature too.

    Raises:
        BundleRefused: a check failed. The error lists all problems of the files, unless the manifest or the signature is bad.
        BadKey: the key cannot be used.
    """
    info, manifest = read_manifest(folder, expected_digest)
    signature_problem = None if public_key is None else problem_of(folder, info.digest, public_key)
    if signature_problem is not None:
        raise BundleRefused(folder, [signature_problem])
    listed: dict[str, Any] = manifest["files"]
    boosters = {entry["file"] for entry in manifest["boosters"].values()}
    expected = boosters | {"space.json", "space.npz", "reference.npz", "history.npz", "card.json", "CARD.md"}
    problems = [f"{name}: not listed in {MANIFEST}" for name in expected - set(listed)]
    expected |= {CHECK, RULES, EVIDENCE}
    for name in sorted(set(listed) - expected):
        reason = "unexpected file in" if _NAME.fullmatch(name) else "not a plain file name, listed in"
        problems.append(f"{name}: {reason} {MANIFEST}")
    present = {entry.name for entry in os.scandir(folder)}
    problems += [f"{name}: unexpected file in the folder" for name in present - set(listed) - {MANIFEST, SIGNATURE}]
    files: dict[str, bytes] = {}
    for name in sorted(expected & set(listed)):
        entry = listed[name]
        if not (
            isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("size"), int)
        ):
            problems.append(f"{name}: {MANIFEST} gives no size and SHA-256 of it")
            continue
        data, problem = _read(folder / name, entry["size"])
        if problem is None and sha256(data) != entry["sha256"]:
            problem = f"altered: its SHA-256 is {sha256(data)}, {MANIFEST} says {entry['sha256']}"
        if problem is None:
            files[name] = data
        else:
            problems.append(f"{name}: {problem}")
    problems += _number_problems(manifest, info.heads)
    names = manifest["features"].get("names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append(f"{MANIFEST}: features must have a list of names")
    elif manifest["features"] != {"names": names, "sha256": features_digest(names)}:
        problems.append(f"{MANIFEST}: the digest of the feature names does not match the names")
    else:
        for name in boosters & set(files):
            problems += _booster_problems(name, files[name], names)
    if problems:
        raise BundleRefused(folder, problems)
    return Audited(info, manifest, files)


def _read(path: Path, size: int) -> tuple[bytes, str | None]:
    """Return the file's bytes, and a problem or None."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return b"", "not a plain file"
    if not path.exists():
        return b"", "missing"
    actual = path.stat().st_size
    if actual != size or size > MAX_FILE_BYTES:
        return b"", f"{actual} bytes, {MANIFEST} says {size}" + (" (truncated)" if actual < size else "")
    try:
        return path.read_bytes(), None
    except OSError as error:
        return b"", f"cannot be read: {error.strerror}"


def _booster_entry_problems(entries: dict[str, Any], heads: list[str]) -> list[str]:
    """Check which booster each head has, and return the problems."""
    if set(entries) != set(heads):
        return [f"{MANIFEST}: boosters must be given for {sorted(heads)}, not for {sorted(entries)}"]
    allowed = [booster_file(head) for head in heads]
    return [
        f"{MANIFEST}: boosters of {head} must be a file of a booster and a factor of at least 0"
        for head, entry in entries.items()
        if not isinstance(entry, dict)
        or set(entry) != {"file", "factor"}
        or entry["file"] not in allowed
        or type(entry["factor"]) is not float
        or entry["factor"] < 0.0
    ]


def _number_problems(manifest: dict[str, Any], heads: tuple[str, ...]) -> list[str]:
    problems = []
    for key, expected in (("prevalence", {*heads, RISK}), ("base_rates", set(heads)), ("calibrators", {*heads, RISK})):
        if set(manifest[key]) != expected:
            problems.append(f"{MANIFEST}: {key} must be given for {sorted(expected)}, not for {sorted(manifest[key])}")
    for key in ("prevalence", "base_rates"):
        for head, rate in manifest[key].items():
            try:
                check_base_rate(head, rate)
            except ValueError:
                problems.append(f"{MANIFEST}: {key} of {head} is {rate!r}; it must be a share between 0 and 1")
    for head, data in manifest["calibrators"].items():
        try:
            Calibrator.from_json(data)
        except ValueError as error:
            problems.append(f"{MANIFEST}: calibrator of {head}: {error}")
    try:
        Lanes.from_json(manifest["lanes"])
    except ValueError as error:
        problems.append(f"{MANIFEST}: lanes: {error}")
    return problems


def _booster_problems(file: str, data: bytes, names: list[str]) -> list[str]:
    """Check a booster's text before LightGBM parses it, and return the problems."""
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return [f"{file}: not UTF-8 text"]
    header: dict[str, str] = {}
    for line in lines:
        if line.startswith("Tree="):
            break
        key, _, value = line.partition("=")
        header.setdefault(key, value)
    problems = []
    if lines[:1] != ["tree"] or header.get("num_class") != "1" or header.get("num_tree_per_iteration") != "1":
        problems.append(f"{file}: not a LightGBM model of one class")
    if header.get("max_feature_idx") != str(len(names) - 1):
        problems.append(f"{file}: its last feature has index {header.get('max_feature_idx')}, not {len(names) - 1}")
    if header.get("feature_names", "").split(" ") != names:
        problems.append(f"{file}: trained on other features, or in another order, than {MANIFEST} lists")
    for line in lines:
        if line.startswith(("leaf_value=", "threshold=", "internal_value=")) and re.search(
            r"nan|inf", line, re.IGNORECASE
        ):
            problems.append(f"{file}: {line.partition('=')[0]} contains a number that is not finite")
            break
    return problems
