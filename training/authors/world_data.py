"""The manifests and truth of one author's world, as training data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.manifest.fields import HEADS
from features.table.table import Coded, ManifestTable
from training.arrays import Bools, Floats, Ints, Texts
from training.data.dataset import rows_of
from training.worlds.writer import build_world

#: Scored shipments per world.
SHIPMENTS: Final = 40_000
#: Runs of each world, with different seeds, for training. More finds per author help (docs/worlds.md).
RUNS: Final = 3
_SEED: Final = 1
#: Worlds whose figures have not influenced any modelling choice.
SEALED: Final = ("austral_post", "levant_freezone")


@dataclass(frozen=True, slots=True)
class AuthorData:
    """One author's world of S shipments and n goods items, in order of time.

    Attributes:
        name: name of the world.
        table: manifests of the world.
        content: (S, K) true contents per head.
        group: (S,) illicit group or group of hard negatives, empty for other traffic.
        hard: (S,) whether the shipment is a hard negative.
        scored: (S,) False for the warm-up.
        evidence: (S, E) evidence that a perfect reader of the manifest would find.
        points: (S,) score by the author's points system.
        digest: SHA-256 of the manifests and the truth.
    """

    name: str
    table: ManifestTable
    content: Bools
    group: Texts
    hard: Bools
    scored: Bools
    evidence: Floats
    points: Floats
    digest: str

    @property
    def illicit(self) -> Bools:
        """(S,) True if the shipment is illicit."""
        return np.asarray(self.content.any(axis=1))

    def rows(self, shipments: Bools) -> Ints:
        """Return the rows of the shipments that are true in ``shipments`` (S,)."""
        return rows_of(self.table, np.flatnonzero(shipments))


def load_author(name: str, shipments: int = SHIPMENTS, seed: int = _SEED) -> AuthorData:
    """Simulate an author's world. Rows that the reader refuses are left out, as in any file."""
    world = build_world(name, shipments, seed)
    columns = {
        str(column): Coded.from_list([value or None for value in world.items[column].tolist()])
        for column in world.items
    }
    table = ManifestTable.from_columns(columns, len(world.items))
    accepted_ids = pd.unique(world.items["shipment_id"][~table.refused])
    kept = world.truth["shipment_id"].isin(accepted_ids).to_numpy()
    truth = world.truth[kept]
    contents = truth["content"].to_numpy()
    digest = hashlib.sha256(world.items.to_csv(index=False).encode())
    digest.update(world.truth.to_csv(index=False).encode())
    return AuthorData(
        name=name,
        table=table.accepted(),
        content=np.stack([np.isin(contents, sorted(of_head)) for of_head in HEADS.values()], axis=1),
        group=truth["group"].to_numpy(),
        hard=truth["hard"].to_numpy(bool),
        scored=~truth["warmup"].to_numpy(bool),
        evidence=world.evidence.to_numpy(float)[kept],
        points=world.points.to_numpy(float)[kept],
        digest=digest.hexdigest(),
    )
