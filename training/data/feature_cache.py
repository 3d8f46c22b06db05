"""Features kept from one run to the next, by the digest of what they were computed from.

A data scientist who tries other parameters on the same data would else wait for the same history and the same features again.
An entry is named by the digest of the data, its labels, the window, the seed and the code of `features`, so that an entry that is
found is the right one; nothing is ever changed in place, and a folder may be shared or emptied at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import features
from training.data.dataset import Dataset
from training.data.windows import Window

#: Plain JSON, and arrays by name.
Entry = tuple[dict[str, Any], dict[str, NDArray[Any]]]

_STATE: Final = "state.json"


class FeatureCache:
    """Entries of one data set and seed in ``folder``, which is made when the first is written.

    ``used`` counts entries that were found, ``made`` those that had to be made.
    """

    def __init__(self, folder: Path, data: Dataset, seed: int) -> None:
        self._folder = folder
        labels = hashlib.sha256()
        for array in (data.labels.find, data.labels.known_s, data.labels.weight):
            labels.update(np.ascontiguousarray(array).tobytes())
        self._key = (data.digest, data.table.n_rows, labels.hexdigest(), seed, code_digest())
        self.used = self.made = 0

    def get(self, name: str, make: Callable[[], Entry], *windows: Window) -> Entry:
        """The entry ``name`` of one or more windows, or of the whole stream; made and kept where it is not there.

        Arrays of an entry that was found are read from disk as they are used, and cannot be written to.
        """
        spans = [(hashlib.sha256(window.shipments.tobytes()).hexdigest(), window.cut_s) for window in windows]
        digest = hashlib.sha256(repr((name, self._key, spans)).encode()).hexdigest()
        place = self._folder / digest[:32]
        if (place / _STATE).is_file():
            self.used += 1
            return _read(place)
        entry = make()
        self.made += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f".{digest[:32]}-{secrets.token_hex(4)}"
        try:
            _write(beside, entry)
            # Another run may have been quicker with the same entry: one of the two stays.
            if not place.exists():
                os.replace(beside, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return entry


def _write(place: Path, entry: Entry) -> None:
    state, arrays = entry
    place.mkdir()
    names = list(arrays)
    for number, name in enumerate(names):
        np.save(place / f"{number}.npy", arrays[name], allow_pickle=False)
    (place / _STATE).write_text(json.dumps({"arrays": names, "state": state}), encoding="utf-8")


def _read(place: Path) -> Entry:
    kept = json.loads((place / _STATE).read_text(encoding="utf-8"))
    arrays = {
        name: np.load(place / f"{number}.npy", mmap_mode="r", allow_pickle=False)
        for number, name in enumerate(kept["arrays"])
    }
    return kept["state"], arrays


@cache
def code_digest() -> str:
    """SHA-256 over the code and the reference data that features are computed with."""
    digest = hashlib.sha256()
    root = Path(features.__path__[0])
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd"):
            digest.update(f"{path.relative_to(root)}\x1f".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
