"""Feature matrices of authors' worlds, for a settled office and for a new office.

A *settled* office has statistics fitted on the author's warm-up, a history of all earlier shipments, and the results of some
inspections. A *new* office has statistics pooled over other authors, and a history without results that is empty at the start of
the scored part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from features.groups.history.history import History
from features.manifest.fields import HEADS
from features.reference import Group, Substance, substances
from features.space import FeatureSpace
from features.table.parts import alone
from features.table.table import Coded, ManifestTable
from models.permit_numbers import is_placeholder
from models.permits import Register, mark_permits, plain_party
from training.arrays import Bools, Floats, Ints, Texts
from training.data.dataset import ColumnsBuilder, rows_of
from training.data.window_features import is_history, parts_of, transform
from training.worlds.writer import build_world

#: Maximum number of shipments drawn per run of a world, each for two lessons. A run has at least 200 finds of its own.
DRAWN: Final = 24
#: HS chapters of chemicals. Half of the drawn shipments have goods of these chapters.
_CHEMICALS: Final = tuple(str(chapter) for chapter in range(28, 40))
#: Groups of substances by head of the find.
_GROUPS: Final = {
    "fentanyl_or_analogue": (Group.FENTANYL, Group.NITAZENE),
    "precursor": (Group.PRECURSOR,),
}
_LISTED: Final = ("substance_listed_destination", "substance_listed_export", "substance_listed_origin")


@dataclass(frozen=True, slots=True)
class ByLaw:
    """Features (x, F) of the item of each of x shipments, and whether it is a find for each head (x, K)."""

    matrix: Floats
    find: Bools

    @classmethod
    def of(cls, table: ManifestTable, history: Floats, space: FeatureSpace, seed: int) -> ByLaw:
        """Draw shipments of a table, and replace their goods with controlled substances.

        Args:
            history: (s, H) history features of each shipment of the table.
            space: the fitted feature space.
        """
        draw = np.random.default_rng(seed)
        rows = _draw_rows(table, draw)
        goods, way = table.take(rows), _Way.draw(len(rows), draw)
        names = {name: column for column, name in enumerate(space.names)}
        matrices, finds = [], []
        for head in _GROUPS:
            part = _declaring(goods, [_substance(head, draw) for _ in rows], way)
            matrix = space.transform(part, history[table.shipment[rows]])
            mark_permits(part, matrix, names, None)
            controlled = (matrix[:, [names[name] for name in _LISTED]] == 1.0).any(axis=1)
            matrices.append(matrix[controlled])
            finds.append(np.tile([head == other for other in HEADS], (int(controlled.sum()), 1)))
        return cls(np.concatenate(matrices), np.concatenate(finds))


@dataclass(frozen=True, slots=True)
class _Way:
    """How each of x shipments declares a substance.

    Attributes:
        naming: (x,) 0 by name, 1 by name and CAS number, 2 by CAS number alone.
        keeps_code: (x,) whether the HS code stays that of the replaced goods.
    """

    naming: list[int]
    keeps_code: list[bool]

    @classmethod
    def draw(cls, number: int, draw: np.random.Generator) -> _Way:
        return cls(draw.integers(3, size=number).tolist(), (draw.random(number) < 0.5).tolist())


def _draw_rows(table: ManifestTable, draw: np.random.Generator) -> Ints:
    """Draw rows of one-item shipments without a permit, half of them with chemicals. Return them in order."""
    alone = np.bincount(table.shipment, minlength=table.n_shipments)[table.shipment] == 1
    candidates = alone & (table.declared("permit_number").codes < 0)
    codes = table.text("hs_code")
    chemical = np.array([*(value[:2] in _CHEMICALS for value in codes.values), False], dtype=np.bool_)[codes.codes]
    half = DRAWN // 2
    drawn = [draw.permutation(np.flatnonzero(candidates & kind))[:half] for kind in (chemical, ~chemical)]
    return np.sort(np.concatenate(drawn))


def _substance(head: str, draw: np.random.Generator) -> Substance:
    groups = _GROUPS[head]
    group = groups[draw.integers(len(groups))]
    of_group = [one for one in substances() if one.group is group and one.cas]
    return of_group[draw.integers(len(of_group))]


def _declaring(table: ManifestTable, chosen: list[Substance], way: _Way) -> ManifestTable:
    """Return the table with the goods of each row replaced."""
    columns = dict(table.raw)
    codes = columns["hs_code"].to_list() if "hs_code" in columns else [None] * len(chosen)
    columns["goods_description"] = Coded.from_list(
        [one.name if naming < 2 else f"CAS {one.cas}" for one, naming in zip(chosen, way.naming, strict=True)]
    )
    columns["declared_chemical"] = Coded.from_list([None] * len(chosen))
    columns["cas_number"] = Coded.from_list(
        [one.cas if naming == 1 else None for one, naming in zip(chosen, way.naming, strict=True)]
    )
    columns["hs_code"] = Coded.from_list(
        [
            code if keeps or not one.hs6 else one.hs6[0]
            for one, code, keeps in zip(chosen, codes, way.keeps_code, strict=True)
        ]
    )
    return ManifestTable.from_columns(columns, len(chosen))


#: A settled office inspects these shares of illicit and of clean shipments, and gets the result two weeks later.
INSPECTED_ILLICIT: Final = 0.3
INSPECTED_CLEAN: Final = 0.01
RESULT_DELAY_S: Final = 14 * 86_400
#: Maximum number of rows of an author's warm-up in the pooled statistics, so that authors have about the same weight.
POOLED_ROWS: Final = 12_000


@dataclass(frozen=True, slots=True)
class NewOffice:
    """Manifests and history of a new office, without its statistics.

    Features that depend on neither are those of the settled office and are stored only there.

    Attributes:
        table: m rows of s shipments.
        history: (s, H) features of a history that starts empty.
    """

    table: ManifestTable
    history: Floats

    def take(self, shipments: Bools) -> NewOffice:
        """Return the shipments that are true in ``shipments`` (s,)."""
        rows = np.flatnonzero(shipments[self.table.shipment])
        # Drop the texts of other rows, because all runs of all worlds stay in memory until the champion is trained.
        return NewOffice(alone(self.table, rows), self.history[shipments])

    def write(self, pooled: FeatureSpace, matrix: Floats) -> None:
        """Write the features that depend on statistics or history (`changing_columns`) into ``matrix`` (m, F)."""
        for rows, table, shipments in parts_of(self.table):
            pooled.fill(table, self.history[shipments], matrix[rows], learned=True)
        matrix[:, pooled.columns_of(is_history)] = self.history[self.table.shipment]


def changing_columns(space: FeatureSpace) -> Ints:
    """Return the columns of features in which a new office differs from a settled one."""
    return space.columns_of(lambda group: group.learns or is_history(group))


@dataclass(slots=True)
class AuthorViews:
    """Features of one author's scored shipments.

    Attributes:
        data: the world.
        first_row: (s,) first of the m rows of each scored shipment.
        shipment: (m,) scored shipment of each row, counted from 0.
        settled: (m, F) features for a settled office.
        office: the rows for a new office.
        by_law: shipments whose goods were replaced by a controlled substance, for a settled office.
    """

    data: AuthorData
    first_row: Ints
    shipment: Ints
    settled: Floats
    office: NewOffice = field(repr=False)
    by_law: ByLaw = field(repr=False)

    @classmethod
    def of(cls, data: AuthorData) -> AuthorViews:
        """Compute the features."""
        table = data.table
        scored = np.flatnonzero(data.scored)
        rows = data.rows(data.scored)
        part = table.take(rows)
        # Refit as `tidewaiter adapt` does, so that training and scoring have the same kind of features.
        own = FeatureSpace().refitted(table.take(data.rows(~data.scored)))
        known = _known_results(data)
        settled_history = History.empty().replay(table, data.illicit, known).values[scored]
        nothing = np.full(len(scored), -1, dtype=np.int64)
        new_history = History.empty().replay(part, data.illicit[scored], nothing).values
        settled = transform(own, part, settled_history)
        columns = {name: column for column, name in enumerate(own.names)}
        mark_permits(
            part,
            settled,
            columns,
            _register(part, settled[:, [columns[name] for name in _LISTED]], ~data.illicit[scored]),
        )
        by_law = ByLaw.of(part, settled_history, own, seed=int(data.digest[:8], 16))
        return cls(data, part.first_row, part.shipment, settled, NewOffice(part, new_history), by_law)

    def new(self, pooled: FeatureSpace) -> Floats:
        """Return the features (m, F) for a new office with these statistics."""
        matrix = self.settled.copy()
        self.office.write(pooled, matrix)
        return matrix

    @property
    def illicit(self) -> Bools:
        """(s,) True if the scored shipment is illicit."""
        return self.data.illicit[self.data.scored]

    @property
    def content(self) -> Bools:
        """(s, K) True if the scored shipment contains goods of the head."""
        return self.data.content[self.data.scored]

    @property
    def hard(self) -> Bools:
        """(s,) True if the scored shipment is a hard negative."""
        return self.data.hard[self.data.scored]


def _register(table: ManifestTable, listed: Floats, lawful: Bools) -> Register:
    """Return the register of an office: the permits for listed substances of lawful shipments.

    A permit number that an illicit shipment declares is invented, or was not issued to its parties.

    Args:
        listed: (n, L) 1 where the item's substance is listed in a jurisdiction.
        lawful: (s,) whether each shipment is lawful.
    """
    permits = table.text("permit_number")
    rows = np.flatnonzero((listed == 1.0).any(axis=1) & lawful[table.shipment] & (permits.codes >= 0))
    names = [table.text(f"{role}_name") for role in ("consignor", "consignee")]
    entries = {
        (permits.values[permits.codes[row]], name.values[name.codes[row]])
        for row in rows
        for name in names
        if name.codes[row] >= 0
    }
    return Register.from_rows(
        (
            {"permit_number": number, "party_name": name, "party_country": "", "valid_from": "", "valid_until": ""}
            for number, name in sorted(entries)
            if not is_placeholder(number) and plain_party(name)
        ),
        "of lawful permits",
    )


def pooled_space(worlds: Sequence[AuthorData]) -> FeatureSpace:
    """Return statistics fitted on the warm-up of several authors, each with about the same number of rows."""
    builder = ColumnsBuilder()
    for data in worlds:
        shipments = np.flatnonzero(~data.scored)
        share = min(1.0, POOLED_ROWS * len(shipments) / max(1, len(data.rows(~data.scored))) / len(shipments))
        chosen = ~data.scored
        chosen[shipments] = np.random.default_rng(0).random(len(shipments)) < share
        rows = data.rows(chosen)
        builder.add({name: column.take(rows) for name, column in data.table.raw.items()}, len(rows))
    n_rows = builder.n_rows
    columns: dict[str, Coded] = builder.columns()
    return FeatureSpace().fit(ManifestTable.from_columns(columns, n_rows))


def _known_results(data: AuthorData) -> Ints:
    """Return the time at which the result of each shipment (S,) becomes known, in seconds since 1970; -1 for never."""
    drawn = np.random.default_rng(int(data.digest[:8], 16)).random(len(data.illicit))
    inspected = drawn < np.where(data.illicit, INSPECTED_ILLICIT, INSPECTED_CLEAN)
    return np.where(inspected, data.table.declared_s + RESULT_DELAY_S, -1).astype(np.int64)


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
