"""Where bundles live on a machine: one folder per version, and a pointer that is switched in one step.

::

    <root>/versions/<version>-<digest12>/   installed bundles; never changed once there
    <root>/current                          the pointer: a version's folder name; below it those it pointed to before
    <root>/.lock                            held while something is installed or rolled back

Pointer and past are one file, so that one `os.replace` switches both: whoever reads sees the old or the new, never
half. Without a pointer, the champion bundled with the code is in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from models.bundle.bundle import BundleInfo, BundleRefused, load, verify
from models.bundle.files import sync_folder, write_durably
from models.scoring.risk_model import RiskModel

#: How far back the pointer remembers.
MAX_PAST: Final = 100
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}-(?P<digest>[0-9a-f]{12})")


class StoreError(RuntimeError):
    """The store cannot do what was asked; nothing was changed."""


def champion_dir() -> Path:
    """The champion that comes with the code and works on first start."""
    return Path(__file__).resolve().parents[1] / "champion"


def resolve(root: str | Path) -> Path:
    """The bundle folder to serve: what the store's pointer names, else the bundled champion.

    Raises:
        StoreError: the pointer is unreadable.
    """
    return ModelStore(root).current() or champion_dir()


class ModelStore:
    """A store under ``root``; the folder is made when something is first installed. Reading takes no lock.

    Its models use compiled kernels unless ``kernels`` is False, see `models.scoring.risk_model.RiskModel`.
    """

    def __init__(self, root: str | Path, *, kernels: bool = True) -> None:
        self.root = Path(root)
        self._kernels = kernels
        self._versions = self.root / "versions"
        self._pointer = self.root / "current"

    def current(self) -> Path | None:
        """The folder the pointer names (it may be gone: loading then refuses), or None without a pointer.

        Raises:
            StoreError: the pointer is unreadable.
        """
        names = self._pointed()
        return self._versions / names[0] if names else None

    def load(self) -> RiskModel:
        """The model to serve: the current version, whose digest must be the one it was installed with, else the
        champion.

        Raises:
            BundleRefused: the bundle is not what it says.
            StoreError: the pointer is unreadable.
        """
        folder = self.current()
        if folder is None:
            return load(champion_dir(), kernels=self._kernels)
        return load(folder, expected_digest=_digest_of(folder.name), kernels=self._kernels)

    def versions(self) -> list[Path]:
        """Folders of all installed versions, by name."""
        if not self._versions.is_dir():
            return []
        return sorted(path for path in self._versions.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name))

    def install(self, folder: str | Path) -> Path:
        """Copy a bundle into the store and point to it; returns where it is now. Installing the current one changes
        nothing.

        The source and the copy are verified before the pointer moves; on any failure the old version stays in use.

        Raises:
            BundleRefused: the source, or the copy of it, is not a sound bundle.
            OSError: the disk refuses.
        """
        source = Path(folder)
        info = verify(source)
        name = f"{info.version}-{info.digest[:12]}"
        target = self._versions / name
        self._versions.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not _sound(target, info):
                self._copy(source, info, target)
            past = self._pointed()
            if past[:1] != [name]:
                self._point([name, *past])
            self._sweep()
        return target

    def rollback(self) -> Path:
        """Point to what was in use before; returns it. Before the first installed version that was the bundled
        champion.

        Raises:
            StoreError: there is nothing to go back to.
            BundleRefused: what was in use before is no longer sound.
        """
        if not self._pointer.exists():
            raise StoreError(f"Nothing to roll back: no version was ever put in place under {self.root}.")
        with self._locked():
            names = self._pointed()
            if not names:
                raise StoreError("Nothing to roll back: the bundled champion is in use.")
            if len(names) == 1:
                verify(champion_dir())
                self._point([])
                return champion_dir()
            previous = self._versions / names[1]
            verify(previous, expected_digest=_digest_of(names[1]))
            self._point(names[1:])
            return previous

    def _pointed(self) -> list[str]:
        """Names in the pointer file, the current one first."""
        try:
            text = self._pointer.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"The pointer {self._pointer} cannot be read: {error}") from None
        names = text.split("\n")
        # The final newline tells a whole pointer from a torn one. A name is a plain folder name: it cannot leave the
        # store.
        if names.pop() != "" or not all(_FOLDER.fullmatch(name) for name in names):
            raise StoreError(
                f"The pointer {self._pointer} is damaged: one folder name of versions/ per line is needed."
            )
        return names

    def _point(self, names: list[str]) -> None:
        written = self.root / ".current.partial"
        write_durably(written, "".join(f"{name}\n" for name in names[:MAX_PAST]).encode("ascii"))
        os.replace(written, self._pointer)
        sync_folder(self.root)

    def _copy(self, source: Path, info: BundleInfo, target: Path) -> None:
        copy = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.root))
        try:
            for path in sorted(source.iterdir()):
                write_durably(copy / path.name, path.read_bytes())
            # The service may run as another user than the one who promotes.
            copy.chmod(0o755)
            verify(copy, expected_digest=info.digest)
            sync_folder(copy)
            if target.exists():
                # It was installed before and is damaged now; the sound copy takes its place.
                os.replace(target, Path(tempfile.mkdtemp(prefix=".retired-", dir=self.root)) / target.name)
            os.replace(copy, target)
            sync_folder(self._versions)
        finally:
            shutil.rmtree(copy, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what an interrupted installation left; only under the lock, so it is nobody's."""
        for pattern in (".incoming-*", ".retired-*"):
            for left in self.root.glob(pattern):
                shutil.rmtree(left, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # The kernel releases the lock when its holder ends, however it ends: there is no stale lock to clear.
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _digest_of(name: str) -> str:
    match = _FOLDER.fullmatch(name)
    if match is None:
        raise StoreError(f"{name!r} is no folder name of an installed version.")
    return match["digest"]


def _sound(target: Path, info: BundleInfo) -> bool:
    if not target.exists():
        return False
    try:
        return verify(target).digest == info.digest
    except BundleRefused:
        return False
