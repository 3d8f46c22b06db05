"""A registered version goes into service, comes out again, or is only fetched.

`promote` and `pull` download the bundle, verify it, and compare its digest with the one the registry states for the
version; only then is anything put in place. The service follows the pointer of the model store, never the registry.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.bundle import BundleInfo, BundleRefused, ModelStore, StoreError, describe, verify
from training.registry.tracking import (
    BUNDLE_ARTIFACT,
    CHAMPION,
    DIGEST_TAG,
    REGISTERED_NAME,
    client,
    default_tracking_uri,
    missing_store,
    uri_in_words,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient


class PromotionRefused(RuntimeError):
    """A gate is closed; nothing was changed. The message says which and what would open it."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What is in service now. ``version`` is the registry's number, None for a bundle the registry does not have."""

    version: str | None
    model_version: str
    digest: str
    folder: Path


def promote(version: str, store_root: Path, tracking_uri: str | None = None) -> Promotion:
    """Put a registered version into service and move the alias ``champion`` to it.

    Raises `PromotionRefused` when the version is unknown, its bundle is refused, or its digest is not the registry's.
    """
    registry = _registry(tracking_uri)
    with _downloaded(registry, version, tracking_uri) as (folder, info):
        try:
            placed = ModelStore(store_root).install(folder)
        except (OSError, StoreError) as error:
            raise PromotionRefused(f"Version {version} was not put in place under {store_root}: {error}") from error
    # The service comes first: an alias that runs ahead of it would state what is not so.
    registry.set_registered_model_alias(REGISTERED_NAME, CHAMPION, version)
    return Promotion(version, info.version, info.digest, placed)


def rollback(store_root: Path, tracking_uri: str | None = None) -> Promotion:
    """Put the last version back into service, and the alias with it.

    Before the first promotion the bundled champion was in service; then no registered version carries the alias.
    Raises `PromotionRefused` when there is nothing to go back to, or what was there is damaged.
    """
    registry = _registry(tracking_uri)
    try:
        folder = ModelStore(store_root).rollback()
        info = describe(folder)
    except (StoreError, BundleRefused, OSError) as error:
        raise PromotionRefused(str(error)) from error
    version = _version_of(registry, info.digest)
    if version is not None:
        registry.set_registered_model_alias(REGISTERED_NAME, CHAMPION, version)
    elif _aliased(registry, CHAMPION) is not None:
        registry.delete_registered_model_alias(REGISTERED_NAME, CHAMPION)
    return Promotion(version, info.version, info.digest, folder)


def pull(alias: str, to: Path, tracking_uri: str | None = None) -> Promotion:
    """Fetch the bundle of the version that carries ``alias`` into the new folder ``to``; nothing is put into service.

    Raises `PromotionRefused` when no version carries it, its bundle is refused, or ``to`` is not empty.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise PromotionRefused(f"{to} exists and is not empty; give a new folder")
    registry = _registry(tracking_uri)
    version = _aliased(registry, alias)
    if version is None:
        raise PromotionRefused(f"No version of {REGISTERED_NAME} carries the alias {alias!r} in {_where(tracking_uri)}")
    to.parent.mkdir(parents=True, exist_ok=True)
    # Downloaded beside its place, so that the last step is a rename.
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


def _version_of(registry: MlflowClient, digest: str) -> str | None:
    """The newest registered version with this bundle."""
    found = [
        str(one.version)
        for one in registry.search_model_versions(f"name = '{REGISTERED_NAME}'")
        if one.tags.get(DIGEST_TAG) == digest
    ]
    return max(found, key=int, default=None)


@contextmanager
def _downloaded(
    registry: MlflowClient, version: str, tracking_uri: str | None, beside: Path | None = None
) -> Iterator[tuple[Path, BundleInfo]]:
    """The verified bundle of a version in a temporary folder."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        registered = registry.get_model_version(REGISTERED_NAME, version)
    except MlflowException as error:
        known = sorted(int(v.version) for v in registry.search_model_versions(f"name = '{REGISTERED_NAME}'"))
        names = ", ".join(str(v) for v in known) or "none"
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
            got = mlflow.artifacts.download_artifacts(
                artifact_uri=f"models:/{REGISTERED_NAME}/{version}/artifacts/{BUNDLE_ARTIFACT}", dst_path=scratch
            )
        except (MlflowException, OSError) as error:
            raise PromotionRefused(f"The bundle of version {version} cannot be downloaded: {error}") from error
        folder = Path(got)
        try:
            info = verify(folder)
        except BundleRefused as error:
            raise PromotionRefused(f"The bundle of version {version} is refused.\n{error}") from error
        if info.digest != expected:
            raise PromotionRefused(
                f"The bundle of version {version} has the digest {info.digest}, but the registry states {expected}"
            )
        yield folder, info
