"""Atomic output files, which appear only when they are complete."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO


class OutputRefused(ValueError):
    """Error for an unusable output path. The message contains the path and the remedy."""


def check_paths(named: Sequence[tuple[str, Path]]) -> None:
    """Check the paths of a run before it starts.

    Args:
        named: (name in messages, path) of the input file, then of each output file.

    Raises:
        OutputRefused: a file would overwrite another, or the folder of an output file does not exist.
    """
    for index, (name, path) in enumerate(named):
        for other_name, other in named[:index]:
            if path.absolute() == other.absolute() or (path.exists() and other.exists() and path.samefile(other)):
                raise OutputRefused(
                    f"{path}: The {name} file would overwrite the {other_name} file; choose another name."
                )
    for _, path in named[1:]:
        if not path.parent.is_dir():
            raise OutputRefused(f"{path}: There is no folder {path.parent}; create it first.")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces ``path`` if the block ends without an exception.

    The temporary file is beside ``path``; its name starts with a dot and ends with ``.part``. An exception or Ctrl-C removes it and
    leaves ``path`` unchanged.

    Raises:
        OutputRefused: the folder does not exist or cannot be written, or ``path`` is a folder.
    """
    if path.is_dir():
        raise OutputRefused(f"{path}: This is a folder; name a file.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = part.open("xb")
    except OSError as error:
        raise OutputRefused(f"{path}: It cannot be written ({error.strerror}).") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
