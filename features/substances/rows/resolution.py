"""Resolution of the substance that each goods item names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.substances.find.index import Substances
from features.substances.match import BENIGN, CONTROLLED, WATCHED, Match
from features.substances.read.opsin import opsin
from features.substances.rows.elsewhere import SplitNames, matches_elsewhere
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextIndex, TextRows, TextSlots
from features.texts.cas_numbers import PLAIN
from features.texts.reading import current_budget

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """Substances that the rows of a table name.

    Attributes:
        number: (n_rows,) index in ``matches``; -1 for a row that names no substance.
        matches: matches of the table's texts.
    """

    number: Codes
    matches: list[Match]

    def per_row(self) -> list[Match | None]:
        """Return the match of each row, None for a row that names no substance."""
        if not self.matches:
            return [None] * len(self.number)
        choices = [*self.matches, None]
        return [choices[number] for number in self.number.tolist()]


class SubstanceResolver:
    """Resolver of the substances of tables. It caches which descriptions name no substance, because nearly all name none."""

    def __init__(self) -> None:
        self._split: SplitNames | None = None
        # Without OPSIN, systematic names are not read. Therefore use separate caches for the times with and without OPSIN.
        self._names = {available: _texts_without_a_name() for available in (False, True)}

    def resolve(self, table: ManifestTable, descriptions: TextSlots) -> Resolution:
        """Return the substance that each row of a table names.

        The match with the highest rank counts. Among equal ranks the order is: declared chemical, CAS number, description, other
        fields, names that are split over two fields.

        Args:
            descriptions: slots of the texts of ``goods_description``.
        """
        index = Substances.load()
        matches: list[Match] = []
        chosen = np.empty(table.n_rows, dtype=np.int32)
        chosen.fill(-1)
        best = np.zeros(table.n_rows, dtype=np.int32)
        for name in ("declared_chemical", "cas_number", "goods_description"):
            column = table.text(name)
            if not column.values:
                continue
            at: Sequence[int] = range(len(column.values))
            if name == "cas_number":
                resolved = [index.match_cas(text) for text in column.values]
            elif name == "declared_chemical":
                resolved = index.match_all(column.values, chemical=True)
            else:
                available, skipped = opsin().available, opsin().counters.skipped
                at = self._names[available].nonzero(descriptions)
                if opsin().counters.skipped != skipped:
                    # OPSIN stopped meanwhile. Discard the cache, because it counts the skipped names as harmless.
                    self._names[available] = _texts_without_a_name()
                resolved = index.match_all([column.values[i] for i in at]) if at else []
            named = [(i, match) for i, match in zip(at, resolved, strict=True) if match is not None]
            if not named:
                continue
            _choose_by_code(column, named, matches, chosen, best)
        for column, named in (*_other_writings(table, index), *matches_elsewhere(table, index)):
            _choose_by_code(column, named, matches, chosen, best)
        for row, match in self._split_names(index).find(table):
            if _rank(match) > best[row]:
                best[row], chosen[row] = _rank(match), len(matches)
                matches.append(match)
        return Resolution(chosen, matches)

    def _split_names(self, index: Substances) -> SplitNames:
        if self._split is None:
            self._split = SplitNames(index)
        return self._split


def _other_writings(table: ManifestTable, index: Substances) -> list[tuple[Coded, list[tuple[int, Match]]]]:
    """Return the column of CAS numbers as declared, with the watched substances in texts that are not plain numbers.

    The normal form of such a text contains at most one number. It may contain several, a name or a structure.
    """
    column = table.declared("cas_number")
    unusual = [code for code, text in enumerate(column.values) if PLAIN.fullmatch(text) is None]
    if not unusual:
        return []
    resolved = index.match_all([column.values[code] for code in unusual], chemical=True)
    named = [
        (code, match)
        for code, match in zip(unusual, resolved, strict=True)
        if match is not None and match.hit and not match.ambiguous
    ]
    return [(column, named)] if named else []


def _texts_without_a_name() -> TextRows:
    return TextRows(_name_substance, np.zeros(1))


def _choose_by_code(
    column: Coded, named: list[tuple[int, Match]], matches: list[Match], chosen: Codes, best: Codes
) -> None:
    """Add the matches of a column's texts to ``matches``, and choose them for the rows without a match of equal or higher rank."""
    numbers, ranks = np.zeros((2, len(column.values) + 1), dtype=np.int32)
    for code, match in named:
        numbers[code], ranks[code] = len(matches), _rank(match)
        matches.append(match)
    choose(column.codes, numbers, ranks, chosen, best)


def resolve(table: ManifestTable) -> list[Match | None]:
    """Return the match of each row of a table, without a cache of earlier tables."""
    descriptions = TextIndex(0).look_up(table.text("goods_description").values)
    return SubstanceResolver().resolve(table, descriptions).per_row()


def choose(codes: Codes, numbers: Codes, ranks: Codes, chosen: Codes, best: Codes) -> None:
    """Replace a row's match if a column's text has a match of higher rank.

    Args:
        codes: (n,) index of the row's text; -1 where missing.
        numbers, ranks: (texts + 1,) number and rank of each text's match, 0 without a match; the last entry is for a missing text.
        chosen, best: (n,) number and rank of each row's match so far; modified in place.
    """
    rank = ranks[codes]
    better = rank > best
    best[better] = rank[better]
    chosen[better] = numbers[codes[better]]


def _rank(match: Match) -> int:
    """Return the rank of a match: hits, mentions, drugs under control, other listed substances, similar structures, common
    chemicals, street names.

    Drugs rank above the adulterants that another field names. Street names rank last, so that they displace no other match.
    """
    if match.hit:
        return 7
    if match.kind == "mention":
        return 6 if match.group in WATCHED else 2
    if match.kind == "street":
        return 1
    if match.kind == "similar":
        return 3
    return {BENIGN: 2, CONTROLLED: 5}.get(match.group, 4)


def _name_substance(texts: list[str]) -> list[float]:
    """Return 1 for each text that names a substance or was not read, and 0 for the others."""
    matches = Substances.load().match_all(texts)
    budget = current_budget()
    unread = budget.unread if budget is not None else ()
    return [float(match is not None or text in unread) for text, match in zip(texts, matches, strict=True)]
