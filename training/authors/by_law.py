"""Shipments that declare a controlled substance without a permit. By law each is a find, regardless of its other fields.

The authors' worlds contain hundreds of lawful opioids, nearly all of them controlled for a long time, and few that are declared
without a permit. From these alone, trees would learn that firms, drums or an old law make a declared opioid lawful. Therefore they
also learn from shipments of all kinds whose goods were replaced by controlled substances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.manifest.fields import HEADS
from features.reference import substances
from features.reference.rows import Group, Substance
from features.space import FeatureSpace
from features.table.table import Coded, ManifestTable
from models.scoring.permits import mark_permits
from training.authors.world_data import Bools, Floats, Ints

#: Maximum number of shipments drawn per run of a world. A run has at least 200 finds of its own.
DRAWN: Final = 36
#: HS chapters of chemicals. Half of the drawn shipments have goods of these chapters.
_CHEMICALS: Final = tuple(str(chapter) for chapter in range(28, 40))
#: Head of the find by group of substances. Two of three groups are opioids, because the worlds already contain precursors in all
#: settings.
_HEAD: Final = {
    Group.FENTANYL: "fentanyl_or_analogue",
    Group.NITAZENE: "fentanyl_or_analogue",
    Group.PRECURSOR: "precursor",
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
        chosen = [_substance(draw) for _ in rows]
        part = _declaring(table.take(rows), chosen, draw)
        matrix = space.transform(part, history[table.shipment[rows]])
        names = {name: column for column, name in enumerate(space.names)}
        mark_permits(part, matrix, names, None)
        controlled = (matrix[:, [names[name] for name in _LISTED]] == 1.0).any(axis=1)
        find = np.array([[_HEAD[one.group] == head for head in HEADS] for one in chosen], dtype=np.bool_)
        return cls(matrix[controlled], find.reshape(len(rows), len(HEADS))[controlled])


def _draw_rows(table: ManifestTable, draw: np.random.Generator) -> Ints:
    """Draw rows of one-item shipments without a permit, half of them with chemicals. Return them in order."""
    alone = np.bincount(table.shipment, minlength=table.n_shipments)[table.shipment] == 1
    candidates = alone & (table.declared("permit_number").codes < 0)
    codes = table.text("hs_code")
    chemical = np.array([*(value[:2] in _CHEMICALS for value in codes.values), False], dtype=np.bool_)[codes.codes]
    half = DRAWN // 2
    drawn = [draw.permutation(np.flatnonzero(candidates & kind))[:half] for kind in (chemical, ~chemical)]
    return np.sort(np.concatenate(drawn))


def _substance(draw: np.random.Generator) -> Substance:
    group = (Group.FENTANYL, Group.NITAZENE, Group.PRECURSOR)[draw.integers(3)]
    of_group = [one for one in substances() if one.group is group and one.cas]
    return of_group[draw.integers(len(of_group))]


def _declaring(table: ManifestTable, chosen: list[Substance], draw: np.random.Generator) -> ManifestTable:
    """Return the table with the goods replaced. They are declared by name, by name and CAS number, or by CAS number alone."""
    columns = dict(table.raw)
    ways = draw.integers(3, size=len(chosen)).tolist()
    codes = [*_texts(columns["hs_code"])] if "hs_code" in columns else [None] * len(chosen)
    keeps_code = (draw.random(len(chosen)) < 0.5).tolist()
    columns["goods_description"] = Coded.from_list(
        [one.name if way < 2 else f"CAS {one.cas}" for one, way in zip(chosen, ways, strict=True)]
    )
    columns["declared_chemical"] = Coded.from_list([None] * len(chosen))
    columns["cas_number"] = Coded.from_list(
        [one.cas if way == 1 else None for one, way in zip(chosen, ways, strict=True)]
    )
    columns["hs_code"] = Coded.from_list(
        [
            code if keeps or not one.hs6 else one.hs6[0]
            for one, code, keeps in zip(chosen, codes, keeps_code, strict=True)
        ]
    )
    return ManifestTable.from_columns(columns, len(chosen))


def _texts(column: Coded) -> list[str | None]:
    return [column.values[code] if code >= 0 else None for code in column.codes.tolist()]
