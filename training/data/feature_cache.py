"""Disk cache of features for repeated runs on the same data, for example with other boosting parameters.

The key of an entry is a digest of the data, its labels, the window, the seed and the code of `features`. Entries are immutable,
so several runs may share a folder, and users may empty it at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import features
from training.data.dataset import Dataset
from training.data.windows import Window

#: JSON values, and arrays by name, of a cache entry.
Entry = tuple[dict[str, Any], dict[str, NDArray[Any]]]

_STATE: Final = "state.json"


class FeatureCache:
    """Cache of one data set and seed in ``folder``. The first entry creates the folder.

    ``hits`` counts the entries read, ``misses`` the entries computed.
    """

    def __init__(self, folder: Path, data: Dataset, seed: int) -> None:
        self._folder = folder
        labels = hashlib.sha256()
        for array in (data.labels.find, data.labels.known_s, data.labels.weight):
            labels.update(np.ascontiguousarray(array).tobytes())
        own = None if data.own is None else json.dumps(data.own.to_json(), sort_keys=True)
        self._key = (data.digest, data.table.n_rows, labels.hexdigest(), own, seed, code_digest())
        self.hits = self.misses = 0

    def get(self, name: str, compute: Callable[[], Entry], *windows: Window) -> Entry:
        """Return the entry ``name`` for the given windows, or for the whole data. Compute and store a missing entry.

        Arrays of a stored entry are read-only memory maps.
        """
        spans = [(hashlib.sha256(window.shipments.tobytes()).hexdigest(), window.cut_s) for window in windows]
        digest = hashlib.sha256(repr((name, self._key, spans)).encode()).hexdigest()
        folder = self._folder / digest[:32]
        if (folder / _STATE).is_file():
            self.hits += 1
            return _read(folder)
        entry = compute()
        self.misses += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{digest[:32]}-{secrets.token_hex(4)}"
        try:
            _write(partial, entry)
            # Another run may have stored the same entry in the meantime.
            if not folder.exists():
                os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return entry


def _write(folder: Path, entry: Entry) -> None:
    state, arrays = entry
    folder.mkdir()
    names = list(arrays)
    for number, name in enumerate(names):
        np.save(folder / f"{number}.npy", arrays[name], allow_pickle=False)
    (folder / _STATE).write_text(json.dumps({"arrays": names, "state": state}), encoding="utf-8")


def _read(folder: Path) -> Entry:
    stored = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    arrays = {
        name: np.load(folder / f"{number}.npy", mmap_mode="r", allow_pickle=False)
        for number, name in enumerate(stored["arrays"])
    }
    return stored["state"], arrays


def code_digest() -> str:
    """Return the SHA-256 of the code and the reference data of `features`."""
    digest = hashlib.sha256()
    root = Path(features.__path__[0])
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd"):
            digest.update(f"{path.relative_to(root)}\x1f".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
