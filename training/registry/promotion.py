"""Promotion and download of registered versions.

`promote` and `pull` download the bundle, verify it, and compare its digest with the digest in the registry before they
change anything. The service follows the pointer of the model store, never the registry.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.bundle import AnotherLabel, BundleInfo, BundleRefused, ModelStore, StoreError, verify
from training.registry.tracking import (
    BUNDLE_ARTIFACT,
    CHAMPION,
    DIGEST_TAG,
    REGISTERED_NAME,
    client,
    default_tracking_uri,
    missing_store,
    uri_in_words,
    version_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


class PromotionRefused(RuntimeError):
    """Error of a check that failed before any change. The message names the check and the expected result."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """Result of a promotion or download."""

    version: str
    model_version: str
    digest: str
    folder: Path


def promote(
    version: str,
    store_root: Path,
    tracking_uri: str | None = None,
    examine: Callable[[Path], dict[str, Any]] = lambda _: {},
    *,
    another_label: bool = False,
) -> tuple[Promotion, dict[str, Any]]:
    """Put a registered version into service and move the alias ``champion`` to it. Return also what ``examine`` returned.

    Args:
        examine: checks the verified bundle before it is installed, and raises an error to refuse it.

    Raises `PromotionRefused` if the version is unknown, its bundle is refused, or its digest differs from the registry's, and
    `models.bundle.AnotherLabel` if it predicts another label than the model in service, unless ``another_label``.
    """
    registry = _registry(tracking_uri)
    with _downloaded(registry, version, tracking_uri) as (folder, info):
        facts = examine(folder)
        try:
            installed = ModelStore(store_root).install(folder, another_label=another_label)
        except AnotherLabel:
            raise
        except (OSError, StoreError) as error:
            raise PromotionRefused(f"Version {version} could not be installed in {store_root}: {error}") from error
    # Move the alias last, so that it always names a version in service.
    registry.set_registered_model_alias(REGISTERED_NAME, CHAMPION, version)
    return Promotion(version, info.version, info.digest, installed), facts


def alias_bundle(digest: str, tracking_uri: str | None = None) -> str | None:
    """Move the alias ``champion`` to the registered version of a bundle that was put into service. Return the version.

    If the registry does not contain the bundle, the alias is removed. Without a registry nothing happens.
    """
    uri = tracking_uri or default_tracking_uri()
    if missing_store(uri) is not None:
        return None
    registry = client(uri)
    version = version_of(registry, digest)
    if version is not None:
        registry.set_registered_model_alias(REGISTERED_NAME, CHAMPION, version)
    elif _aliased(registry, CHAMPION) is not None:
        registry.delete_registered_model_alias(REGISTERED_NAME, CHAMPION)
    return version


def pull(alias: str, to: Path, tracking_uri: str | None = None) -> Promotion:
    """Download the bundle of the version with ``alias`` into the new folder ``to``. The version in service does not change.

    Raises `PromotionRefused` if no version has the alias, its bundle is refused, or ``to`` is not empty.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise PromotionRefused(f"{to} exists and is not empty; give a new folder")
    registry = _registry(tracking_uri)
    version = _aliased(registry, alias)
    if version is None:
        raise PromotionRefused(f"No version of {REGISTERED_NAME} has the alias {alias!r} in {_where(tracking_uri)}")
    to.parent.mkdir(parents=True, exist_ok=True)
    # Download beside the target, so that the last step is a rename.
    with _downloaded(registry, version, tracking_uri, beside=to.parent) as (folder, info):
        if to.exists():
            to.rmdir()
        os.replace(folder, to)
        to.chmod(0o755)
    return Promotion(version, info.version, info.digest, to)


def _where(tracking_uri: str | None) -> str:
    return uri_in_words(tracking_uri or default_tracking_uri())


def _registry(tracking_uri: str | None) -> MlflowClient:
    uri = tracking_uri or default_tracking_uri()
    problem = missing_store(uri)
    if problem is not None:
        raise PromotionRefused(problem)
    return client(uri)


def _aliased(registry: MlflowClient, alias: str) -> str | None:
    from mlflow.exceptions import MlflowException

    try:
        return str(registry.get_model_version_by_alias(REGISTERED_NAME, alias).version)
    except MlflowException:
        return None


@contextmanager
def _downloaded(
    registry: MlflowClient, version: str, tracking_uri: str | None, beside: Path | None = None
) -> Iterator[tuple[Path, BundleInfo]]:
    """Download and verify the bundle of a version; yield its temporary folder."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        registered = registry.get_model_version(REGISTERED_NAME, version)
    except MlflowException as error:
        versions = sorted(int(v.version) for v in registry.search_model_versions(f"name = '{REGISTERED_NAME}'"))
        names = ", ".join(str(v) for v in versions) or "none"
        raise PromotionRefused(
            f"{REGISTERED_NAME} has no version {version!r} in {_where(tracking_uri)}; versions there: {names}"
        ) from error
    expected = registered.tags.get(DIGEST_TAG)
    if not expected:
        raise PromotionRefused(
            f"Version {version} has no tag {DIGEST_TAG}: it was not registered by `tidewaiter train`"
        )
    with tempfile.TemporaryDirectory(prefix=".tidewaiter-", dir=beside) as scratch:
        try:
            downloaded = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{REGISTERED_NAME}/{version}/artifacts/{BUNDLE_ARTIFACT}", dst_path=scratch
            )
        except (MlflowException, OSError) as error:
            raise PromotionRefused(f"The bundle of version {version} cannot be downloaded: {error}") from error
        folder = Path(downloaded)
        try:
            info = verify(folder)
        except BundleRefused as error:
            raise PromotionRefused(f"The bundle of version {version} is refused.\n{error}") from error
        if info.digest != expected:
            raise PromotionRefused(
                f"The bundle of version {version} has the digest {info.digest}, but the registry states {expected}"
            )
        yield folder, info
