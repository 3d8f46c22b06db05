"""Shipments that declare a controlled substance without a permit. By law each is a find, regardless of its other fields.

The authors' worlds contain hundreds of lawful opioids, nearly all of them controlled for a long time, and few that are declared
without a permit. From these alone, trees would learn that firms, drums or an old law make a declared opioid lawful. Therefore they
also learn from shipments of all kinds whose goods were replaced by controlled substances.

Each drawn shipment declares an opioid once and a precursor once, in the same way. So trees learn that the other fields do not
decide between the two once the substance is declared: in the worlds, goods in drums are nearly always precursors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.manifest.fields import HEADS
from features.reference import Group, Substance, substances
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable
from models.scoring.permits import mark_permits
from training.authors.world_data import Bools, Floats, Ints

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
    codes = [*_texts(columns["hs_code"])] if "hs_code" in columns else [None] * len(chosen)
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


def _texts(column: Coded) -> list[str | None]:
    return [column.values[code] if code >= 0 else None for code in column.codes.tolist()]
