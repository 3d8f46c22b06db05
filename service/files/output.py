"""Atomic output files, which appear only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

#: Error numbers of a full, broken or read-only disk. Only another folder or a repair helps.
DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
_DEVICES: Final = (Path("/dev"), Path("/proc"), Path("/sys"))
#: Folder below `/dev` that contains ordinary files.
_MEMORY: Final = Path("/dev/shm")


class OutputRefused(ValueError):
    """Error for an unusable output path. The message contains the path and the remedy."""


class OutputFailed(RuntimeError):
    """Error of the disk while writing an output file. The message contains the path."""


def check_paths(named: Sequence[tuple[str, Path]]) -> None:
    """Check the paths of a run before it starts.

    Args:
        named: (name in messages, path) of the input file, then of each output file.

    Raises:
        OutputRefused: a file would overwrite another, or an output file would replace a device, is in a folder of devices, or is in
            a folder that does not exist.
    """
    for index, (name, path) in enumerate(named):
        for other_name, other in named[:index]:
            if path.absolute() == other.absolute() or (path.exists() and other.exists() and path.samefile(other)):
                raise OutputRefused(
                    f"{path}: The {name} file would overwrite the {other_name} file; choose another name."
                )
    for name, path in named[1:]:
        if not path.parent.is_dir():
            raise OutputRefused(f"{path}: There is no folder {path.parent}; create it first.")
        folder = path.parent.resolve()
        if any(map(folder.is_relative_to, _DEVICES)) and not folder.is_relative_to(_MEMORY):
            raise OutputRefused(f"{path}: The {name} file would lie among devices; choose another folder.")
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OutputRefused(f"{path}: This is a pipe or a device, which the output would replace; name a file.")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces ``path`` if the block ends without an exception.

    The temporary file is beside ``path``; its name starts with a dot and ends with ``.part``. After an exception, Ctrl-C or SIGTERM
    it is removed, and ``path`` is unchanged. After a kill or a power failure, the next call for the same path removes it.

    Raises:
        OutputRefused: the folder does not exist or cannot be written, or ``path`` is a folder.
        OutputFailed: the disk is full or broken.
    """
    if path.is_dir():
        raise OutputRefused(f"{path}: This is a folder; name a file.")
    remove_stale(path)
    part, file = _part_of(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            # Replace while the file is locked, so that no other process removes it as stale.
            part.replace(path)
    except OSError as error:
        _remove(part)
        if error.errno in DISK_ERRORS:
            raise OutputFailed(f"{path}: It cannot be written completely ({error.strerror}).") from error
        raise
    except BaseException:
        _remove(part)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_stale(path: Path) -> None:
    """Remove temporary files of ``path`` that ended processes have left behind."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{8}\.part")
    with contextlib.suppress(OSError):
        for part in path.parent.iterdir():
            if pattern.fullmatch(part.name) and part.is_file() and not part.is_symlink():
                with contextlib.suppress(OSError), part.open("rb") as file:
                    # The lock fails while another process writes the file.
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(part)


def _part_of(path: Path) -> tuple[Path, IO[bytes]]:
    """Create and lock a temporary file for ``path``."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            file = part.open("xb")
        except OSError as error:
            raise OutputRefused(f"{path}: It cannot be written ({error.strerror}).") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Another process found the file before it was locked here, and removes it.
            file.close()
            continue
        except OSError:
            # Some network file systems have no locks.
            return part, file
        if os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()
