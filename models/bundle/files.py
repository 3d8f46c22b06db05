"""Write and read the files of a bundle. Equal models give equal bytes, and reading executes nothing."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

#: The earliest time that a zip archive can state. A real time would make archives of equal arrays differ.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


def json_bytes(data: Any, *, sort_keys: bool = True) -> bytes:
    """Return canonical JSON: ASCII, indented by two spaces, with sorted keys unless their order has a meaning.

    Raises:
        ValueError: a number is not finite.
    """
    return (json.dumps(data, sort_keys=sort_keys, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def parse_json(data: bytes) -> Any:
    """Return a JSON document. Numbers must be finite and keys must not repeat.

    Raises:
        ValueError: it is not such a document.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        repeated = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
        if repeated:
            raise ValueError(f"keys repeat: {', '.join(repeated)}")
        return dict(pairs)

    def finite(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"the number {text} is not finite")
        return value

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=finite, parse_float=finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return arrays as an ``.npz`` archive, ordered by name, without times.

    Raises:
        ValueError: an array contains objects.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Otherwise both would depend on the operating system and the umask.
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), compresslevel=6)
    return buffer.getvalue()


def parse_npz(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` archive.

    Raises:
        ValueError: it is not such an archive, or an array contains objects or infinities.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: np.array(archive[name]) for name in archive.files}
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"it cannot be read as arrays: {error}") from None
    for name, array in sorted(arrays.items()):
        # NaN means that a statistic was never observed. An infinity is always an error.
        if array.dtype.kind == "f" and np.isinf(array).any():
            raise ValueError(f"the array {name!r} contains infinite numbers")
    return arrays


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and flush it to disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's directory entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
