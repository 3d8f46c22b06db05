"""Store of installed model versions: one folder per version, and a pointer file that names the current one.

::

    <root>/versions/<version>-<digest12>/   installed bundles, which are never changed
    <root>/current                          pointer file: folder names of the current and earlier versions, one per line
    <root>/.lock                            lock file for installation and rollback

One file lists the current and the earlier versions, so that one `os.replace` updates both atomically. The bundled champion is in
use if there is no pointer file, or if it contains `champion`. If versions are installed, a missing or empty pointer file is an
accident or an attack. A program that starts then uses the champion and logs an error; a running service keeps its model.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.bundle.audit import read_manifest
from models.bundle.bundle import BundleInfo, BundleRefused, load, verify, verify_again
from models.bundle.files import parse_json, sync_folder, write_durably
from models.scoring import RISK, RiskModel

#: Maximum number of versions in the pointer file.
MAX_PAST: Final = 100
#: Content of the pointer file after a rollback to the bundled champion.
_CHAMPION: Final = "champion\n"
_CHAMPION_DIR: Final = Path(__file__).resolve().parents[1] / "champion"
_LOG: Final = logging.getLogger(__name__)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}-(?P<digest>[0-9a-f]{12})")


class StoreError(RuntimeError):
    """Error of an operation that left the store unchanged."""


class AnotherLabel(StoreError):
    """Error for a bundle that predicts another label than the model in service: its risks would mean something else."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a model is for.

    Attributes:
        predicts: the label: the heads of ``content``, or an office's own column with the value that marks a find.
        base_rate: the base rate of ``risk``.
        data: source and size of the data that it learned from.
    """

    predicts: str
    base_rate: float
    data: str


def purpose(folder: str | Path) -> Purpose:
    """Return what the model of a verified bundle is for.

    Raises:
        BundleRefused: see `models.bundle.describe`.
    """
    info, manifest = read_manifest(Path(folder), None)
    card = parse_json((Path(folder) / "card.json").read_bytes())
    predicts = f"content ({', '.join(info.heads)})"
    if info.heads == (RISK,):
        label = card.get("label") or {}
        positive = "" if label.get("positive") is None else f" = {label['positive']!r}"
        predicts = f"column {label.get('column')!r}{positive}"
    about = card.get("data") or {}
    size = f", {about['shipments']:,} shipments" if "shipments" in about else ""
    days = f", {about['from']} to {about['to']}" if "from" in about else ""
    return Purpose(predicts, sum(manifest["base_rates"].values()), f"{about.get('source', 'unknown data')}{size}{days}")


def champion_dir() -> Path:
    """Return the folder of the champion, the bundle that is part of the code."""
    return _CHAMPION_DIR


def resolve(root: str | Path) -> Path:
    """Return the bundle folder to serve: the store's current version, or the champion if no version is current.

    Raises:
        StoreError: the pointer is unreadable.
    """
    return ModelStore(root).current() or champion_dir()


class ModelStore:
    """Model store in the folder ``root``, which the first installation creates. Reading takes no lock.

    Loaded models use compiled kernels unless ``kernels`` is False; see `RiskModel`.
    """

    def __init__(self, root: str | Path, *, kernels: bool = True, public_key: bytes | None = None) -> None:
        """
        Args:
            public_key: PEM of the Ed25519 key that must have signed each bundle that is loaded, the champion too.
        """
        self.root = Path(root)
        self._kernels, self._public_key = kernels, public_key
        self._versions = self.root / "versions"
        self._pointer = self.root / "current"

    def current(self) -> Path | None:
        """Return the current version's folder, or None if no version is current. The folder may not exist.

        Raises:
            StoreError: the pointer is unreadable.
        """
        names = self._read_pointer()
        return self._versions / names[0] if names else None

    def previous(self) -> Path | None:
        """Return the folder that `rollback` would make current; None if the champion is current.

        Raises:
            StoreError: the pointer is unreadable.
        """
        names = self._read_pointer()
        if not names:
            return None
        return self._versions / names[1] if len(names) > 1 else champion_dir()

    def load(self) -> RiskModel:
        """Return the model to serve: the current version, or the champion if no version is current.

        Raises:
            BundleRefused: the bundle is damaged or not signed as required, or its digest differs from that at installation.
            StoreError: the pointer is unreadable.
        """
        folder = self.current()
        if (lost := self.lost_pointer()) is not None:
            _LOG.error(lost)
        return self.load_version(folder)

    def load_version(self, folder: Path | None) -> RiskModel:
        """Return the model of an installed version, or the champion for None, whatever the pointer says.

        Raises:
            BundleRefused: see `load`.
        """
        digest = None if folder is None else _digest_of(folder.name)
        return load(
            folder or champion_dir(), expected_digest=digest, kernels=self._kernels, public_key=self._public_key
        )

    def lost_pointer(self, *, in_service: bool = False) -> str | None:
        """Return a warning if versions are installed and the pointer file is missing or empty, otherwise None.

        Args:
            in_service: whether a running service uses an installed version, which it keeps. Then also warn if the folder of
                versions is lost too.
        """
        installed = len(self.versions())
        if not (installed or in_service) or (self._pointer.exists() and self._pointer.stat().st_size):
            return None
        state = "empty" if self._pointer.exists() else "missing"
        versions = "1 version is" if installed == 1 else f"{installed or 'no'} versions are"
        used = (
            "the model in service stays" if in_service else "the bundled champion is used instead of the office's model"
        )
        return (
            f"The pointer {self._pointer} is {state}, {'although' if installed else 'and'} {versions} installed: {used}. "
            "Promote the version again, or confirm the champion with `tidewaiter rollback`."
        )

    def versions(self) -> list[Path]:
        """Return the folders of all installed versions, sorted by name."""
        if not self._versions.is_dir():
            return []
        return sorted(path for path in self._versions.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name))

    def install(self, folder: str | Path, *, another_label: bool = False) -> Path:
        """Copy a bundle into the store, make it the current version and return its folder.

        The source and the copy are verified before the pointer changes. After any failure the old version stays current.
        Installing the current version again changes nothing.

        Args:
            another_label: also accept a bundle that predicts another label than the model in service.

        Raises:
            AnotherLabel: the bundle predicts another label than the model in service.
            BundleRefused: the source or the copy is not a valid bundle.
            StoreError: the pointer is unreadable.
            OSError: the copy could not be written.
        """
        source = Path(folder)
        info = verify(source)
        if not another_label:
            self._check_label(source)
        name = f"{info.version}-{info.digest[:12]}"
        target = self._versions / name
        self._versions.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if self.lost_pointer() is None and not self._pointer.exists():
                # Write the pointer first: a service that looks during the copy must not find a version without a pointer.
                self._write_pointer([])
            if not _is_intact(target, info):
                self._copy(source, info, target)
            past = self._read_pointer()
            if past[:1] != [name]:
                self._write_pointer([name, *past])
            self._sweep()
        return target

    def _check_label(self, source: Path) -> None:
        """Raise `AnotherLabel` if a bundle predicts another label than the model in service."""
        in_service = self.current() or champion_dir()
        try:
            before = purpose(in_service).predicts
        except (BundleRefused, OSError, ValueError):
            # What a damaged model predicts is not known, and it needs a replacement.
            return
        after = purpose(source).predicts
        if after != before:
            raise AnotherLabel(
                f"The check `label` failed: {source.name} predicts {after}, but the model in service predicts {before}. "
                "Rules, lanes and history of the office refer to that. To exchange it nevertheless: --force --reason TEXT"
            )

    def rollback(self) -> Path:
        """Make the previous version current and return its folder. The champion precedes the first installed version.

        The previous version was verified when it was installed, so only what may have changed is checked: a rollback is urgent.

        Raises:
            StoreError: there is no previous version.
            BundleRefused: the previous version is damaged.
        """
        if not self._pointer.exists() and not self.versions():
            raise StoreError(f"Nothing to roll back: no version was ever installed under {self.root}.")
        with self._locked():
            names = self._read_pointer()
            if not names and self.lost_pointer() is None:
                raise StoreError("Nothing to roll back: the bundled champion is in use.")
            if len(names) <= 1:
                verify_again(champion_dir())
                self._write_pointer([])
                return champion_dir()
            previous = self._versions / names[1]
            verify_again(previous, expected_digest=_digest_of(names[1]))
            self._write_pointer(names[1:])
            return previous

    def _read_pointer(self) -> list[str]:
        """Return the folder names in the pointer file, the current one first."""
        try:
            text = self._pointer.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"The pointer {self._pointer} cannot be read: {error}") from None
        if text in ("", _CHAMPION):
            return []
        names = text.split("\n")
        # A file without a final newline is incomplete. The pattern excludes paths that lead out of the store.
        if names.pop() != "" or not all(_FOLDER.fullmatch(name) for name in names):
            raise StoreError(
                f"The pointer {self._pointer} is damaged: it must have one folder name of versions/ per line."
            )
        return names

    def _write_pointer(self, names: list[str]) -> None:
        written = self.root / ".current.partial"
        text = "".join(f"{name}\n" for name in names[:MAX_PAST]) or _CHAMPION
        write_durably(written, text.encode("ascii"))
        os.replace(written, self._pointer)
        sync_folder(self.root)

    def _copy(self, source: Path, info: BundleInfo, target: Path) -> None:
        copy = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.root))
        try:
            for path in sorted(source.iterdir()):
                write_durably(copy / path.name, path.read_bytes())
            # The service may run as a different user than the installation.
            copy.chmod(0o755)
            verify(copy, expected_digest=info.digest)
            sync_folder(copy)
            if target.exists():
                # The installed version is damaged: replace it with the verified copy.
                os.replace(target, Path(tempfile.mkdtemp(prefix=".retired-", dir=self.root)) / target.name)
            os.replace(copy, target)
            sync_folder(self._versions)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove the files of interrupted installations. The caller has the lock, so no installation is running."""
        for pattern in (".incoming-*", ".retired-*"):
            for folder in self.root.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # The operating system releases the lock when the process ends, so locks cannot become stale.
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _digest_of(name: str) -> str:
    match = _FOLDER.fullmatch(name)
    if match is None:
        raise StoreError(f"{name!r} is not a folder name of an installed version.")
    return match["digest"]


def _is_intact(target: Path, info: BundleInfo) -> bool:
    if not target.exists():
        return False
    try:
        return verify(target).digest == info.digest
    except BundleRefused:
        return False
