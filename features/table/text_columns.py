"""The text columns of a table in normal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, FIELDS, Kind
from features.table import normalise
from features.table.coded import Coded, renumbered

#: Fields whose normalisation has no problems. It is computed on first use.
LAZY: Final = frozenset(f.name for f in FIELDS if f.kind in (Kind.ID, Kind.TEXT))


class TextColumns(dict[str, Coded]):
    """Text columns by the name of their field. All texts of an absent column are missing.

    A request asks for a hundred columns. The lookup of a dict needs no frame of Python, which a method would.
    """

    def __init__(
        self,
        codes: NDArray[np.int32],
        place: Mapping[str, int],
        values: Mapping[str, tuple[list[str], bool]],
        known: Mapping[str, Coded],
    ) -> None:
        """
        Args:
            codes, place, values: the declared texts, as for `ManifestTable`.
            known: columns that are already in normal form.
        """
        super().__init__(known)
        self._codes, self._place, self._values = codes, place, values
        self._absent: Coded | None = None

    def __missing__(self, name: str) -> Coded:
        if name in LAZY and name in self._place:
            self.add(name)
            return self[name]
        column = self[name] = self.absent
        return column

    @property
    def absent(self) -> Coded:
        """A column without texts."""
        if self._absent is None:
            self._absent = Coded.missing(self._codes.shape[1])
        return self._absent

    def add(self, name: str) -> list[str | None] | None:
        """Normalise a declared column and return the problems of its texts."""
        values, distinct = self._values[name]
        forms, positions, problems = normalise.texts(FIELD[name], values, distinct=distinct)
        codes = self._codes[self._place[name]]
        self[name] = Coded(codes if positions is None else renumbered(codes, positions), forms, True)
        return problems
