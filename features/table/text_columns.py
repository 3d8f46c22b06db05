"""The text columns of a table in normal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.manifest.fields import FIELD, FIELDS, Kind
from features.reference.codes import hs_texts
from features.table import normalise
from features.table.coded import Coded, renumbered
from features.texts.declared import unevenly_spaced, unusual_codes

#: Fields that are normalised on first use, because their normalisation reports no problems.
LAZY: Final = frozenset(f.name for f in FIELDS if f.kind in (Kind.ID, Kind.TEXT))
_HS_CODE: Final = "hs_code"


class TextColumns(dict):  # type: ignore[type-arg]  # the base of a compiled class has no parameters
    """Text columns by the name of their field. All texts of an absent column are missing.

    Scoring a request looks up a hundred columns. A lookup in a dict needs no Python frame, unlike a method.
    """

    def __init__(
        self,
        codes: NDArray[np.int32],
        place: dict[str, int],
        values: dict[str, tuple[list[str], bool]],
        known: Mapping[str, Coded],
    ) -> None:
        """
        Args:
            codes, place, values: the declared texts, see `ManifestTable`.
            known: columns that are already in normal form.
        """
        dict.__init__(self, known)
        self._codes, self._place, self._values = codes, place, values
        self._rows = codes
        self._absent: Coded | None = None

    def __missing__(self, name: str) -> Coded:
        if name in LAZY and name in self._place:
            self.add(name)
        else:
            self[name] = self.absent
        column: Coded = self[name]
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
        place = self._place[name]
        codes = self._codes[place]
        if distinct and _are_usual(name, values):
            column = Coded(codes, values, True)
            column._rows = self._rows[place]
            self[name] = column
            return None
        forms, positions, problems = normalise.texts(FIELD[name], values, distinct=distinct)
        self[name] = Coded(codes if positions is None else renumbered(codes, positions), forms, True)
        return problems


def _are_usual(name: str, values: list[str]) -> bool:
    """Return whether quick tests show that all texts of a field are in normal form, the usual case."""
    if name in normalise.PLAIN:
        return not unevenly_spaced(values)
    if name == _HS_CODE:
        return not unusual_codes(values, hs_texts())
    is_usual = normalise.TESTS.get(name)
    if is_usual is None:
        return normalise.usual_forms()[name].issuperset(values)
    for value in values:  # noqa: SIM110 - a loop is compiled, a generator is not
        if not is_usual(value):
            return False
    return True
