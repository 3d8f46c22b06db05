"""The substances that the rows of a table name: in the fields that name goods, and elsewhere.

Elsewhere means in a number, in the consignor's name, or split over two fields. Only watched substances count there. In the
consignor's name they must be unambiguous, because that field serves another purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference.words import chemical_words
from features.substances.find.index import Substances
from features.substances.match import BENIGN, CONTROLLED, WATCHED, Match
from features.substances.read.opsin import opsin
from features.table.table import Coded, ManifestTable
from features.texts.cache import TextIndex, TextRows, TextSlots
from features.texts.cas_numbers import PLAIN
from features.texts.reading import current_budget
from features.texts.remembered import LONGEST_REMEMBERED

#: Fields for other numbers, in which declarants may write a CAS number.
_NUMBER_FIELDS: Final = ("permit_number", "item_number")
# Length of the shortest CAS number with its separators.
_MIN_LENGTH: Final = 7
# Digits with separators where a CAS number has them, or a label. Plain digits may be any number.
_SIGN: Final = r"[\doOlI|]"
_GAP: Final = r"\W{0,3}[\W_]\W{0,2}"
_MAY_BE_CAS: Final = re.compile(rf"{_SIGN}{_GAP}{_SIGN} ?{_SIGN}{_GAP}{_SIGN}(?!\d)|cas", re.IGNORECASE)
#: Stems of watched names, in lower case.
_STEMS: Final = chemical_words()["hints"]["parties"]
_FIRST_WORD: Final = re.compile(r"\W*([A-Za-z]{2,})")
_CACHED_TEXTS: Final = 16_384
#: HS chapters of chemicals and medicines.
_CHAPTERS_OF_CHEMICALS: Final = frozenset({"28", "29", "30", "38"})
#: Ends of a text that may be parts of a watched name: the last word begins one, the first word ends one.
_BEGUN: Final = 1
_ENDED: Final = 2


def matches_elsewhere(table: ManifestTable, index: Substances) -> Iterator[tuple[Coded, list[tuple[int, Match]]]]:
    """Yield each column outside the goods fields that names watched substances, with its (text code, match) pairs."""
    for name in _NUMBER_FIELDS:
        column = table.text(name)
        matches = [
            (code, match)
            for code, text in enumerate(column.values)
            if len(text) >= _MIN_LENGTH
            and (_MAY_BE_CAS.search(text) is not None or not text.isascii())
            and (match := index.match_number(text)) is not None
            and match.hit
        ]
        if matches:
            yield column, matches
    column = table.text("consignor_name")
    candidates = _may_name(column.values)
    if candidates:
        resolved = index.match_all([column.values[code] for code in candidates])
        matches = [
            (code, match)
            for code, match in zip(candidates, resolved, strict=True)
            if match is not None
            and match.hit
            and not match.ambiguous
            and match.kind in ("exact", "translated", "identifier")
        ]
        if matches:
            yield column, matches


def _may_name(parties: list[str]) -> list[int]:
    """Return the indices of the names that contain the stem of a watched name. One search in all names usually finds none."""
    joined = "\n".join(parties).lower()
    stems = [stem for stem in _STEMS if stem in joined]
    return [code for code, name in enumerate(parties) if any(stem in name.lower() for stem in stems)] if stems else []


class _OpenTexts(dict[str, int]):
    """Cache of the ends at which texts may contain a part of a watched name: `_BEGUN`, `_ENDED`, both or 0."""

    def __init__(self, index: Substances) -> None:
        super().__init__()
        self._index = index

    def __missing__(self, text: str) -> int:
        # Match the reversed text, because a search for the last word would try every word before it.
        first, last = _FIRST_WORD.match(text), _FIRST_WORD.match(text[::-1])
        ends = 0
        if last is not None and self._index.begins_name(last[1][::-1].lower()):
            ends = _BEGUN
        if first is not None and self._index.ends_name(first[1].lower()):
            ends |= _ENDED
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= _CACHED_TEXTS:
                self.clear()
            self[text] = ends
        return ends


class SplitNames:
    """Search for names of substances that begin in one field or goods item and end in another.

    Args:
        index: index of the substance names.
    """

    def __init__(self, index: Substances) -> None:
        self._index = index
        self._open = _OpenTexts(index)

    def find(self, table: ManifestTable) -> Iterator[tuple[int, Match]]:
        """Yield (row, match) for each name that is split between two fields, or between the same field of two adjacent items.

        A name split between two items is yielded for both rows. A row with several split names is yielded several times.
        """
        goods, chemical = table.text("goods_description"), table.text("declared_chemical")
        if chemical.values and goods.values:
            rows = np.arange(table.n_rows)
            yield from self._between(chemical, goods, rows, rows)
            yield from self._between(goods, chemical, rows, rows)
        if table.n_rows > table.n_shipments:
            above = np.flatnonzero(table.shipment[1:] == table.shipment[:-1])
            for column in (goods, chemical):
                for row, match in self._between(column, column, above, above + 1):
                    yield row, match
                    yield row + 1, match

    def _between(
        self, first: Coded, second: Coded, rows: NDArray[np.intp], seconds: NDArray[np.intp]
    ) -> Iterator[tuple[int, Match]]:
        """Yield (row, match) for each name that begins in ``first`` at a row and ends in ``second`` at the row's counterpart.

        Args:
            rows, seconds: (m,) rows and their counterparts.
        """
        # Begin with the column of fewer texts, because few pairs remain for the other. Most tables have none.
        ends = [(first, rows, _BEGUN), (second, seconds, _ENDED)]
        if len(second.values) < len(first.values):
            ends.reverse()
        pairs = np.arange(len(rows))
        for column, places, end in ends:
            codes = column.codes[places[pairs]].tolist()
            is_open = {code: code >= 0 and self._open[column.values[code]] & end for code in set(codes)}
            if not any(is_open.values()):
                return
            pairs = pairs[[bool(is_open[code]) for code in codes]]
        for at in pairs.tolist():
            row = rows.item(at)
            here, there = first.codes.item(row), second.codes.item(seconds.item(at))
            match = self._joined(first.values[here], second.values[there])
            if match is not None:
                yield row, match

    def _joined(self, first: str, second: str) -> Match | None:
        """Return the watched substance that two texts name only together. Both must be open at these ends (`_OpenTexts`)."""
        if _repeats(first, second):
            return None
        budget = current_budget()
        for text in (first + second, f"{first} {second}"):
            match = self._index.match(text)
            if budget is not None and text in budget.unread:
                # Report the two halves as unread, because no field contains the joined text.
                budget.unread.update((first, second))
            if (
                match is not None
                and match.hit
                and match.kind != "similar"
                and _spans(match.matched_text, first, second)
            ):
                return match
        return None


def _repeats(first: str, second: str) -> bool:
    """Return whether one of two texts begins with the other. A description often repeats the declared chemical."""
    shorter, longer = sorted((first.casefold(), second.casefold()), key=len)
    return longer.startswith(shorter)


def _spans(matched: str, first: str, second: str) -> bool:
    """Return whether neither of two texts alone contains the matched text."""
    wanted = matched.casefold()
    return wanted not in first.casefold() and wanted not in second.casefold()


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
        at: Sequence[int] = ()
        for name in ("declared_chemical", "cas_number", "goods_description"):
            column = table.text(name)
            at = range(len(column.values))
            if not at:
                continue
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
        for column, named in (
            *_abbreviated(table, index, at),
            *_other_writings(table, index),
            *matches_elsewhere(table, index),
        ):
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


def _abbreviated(
    table: ManifestTable, index: Substances, at: Sequence[int]
) -> Iterator[tuple[Coded, list[tuple[int, Match]]]]:
    """Yield the descriptions that consist of an abbreviation, in the rows without an HS code of other goods, with its substance.

    Args:
        at: the descriptions that may name a substance.
    """
    column, codes = table.text("goods_description"), table.text("hs_code")
    named = [(code, match) for code in at if (match := index.match_abbreviation(column.values[code]))]
    if named:
        may_be = np.array([code[:2] in _CHAPTERS_OF_CHEMICALS for code in codes.values], dtype=np.bool_)
        yield Coded(np.where(codes.lookup(may_be, True), column.codes, -1).astype(np.int32), column.values), named


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
    """Return the rank of a match: hits, mentions, drugs under control, street names, other listed substances, similar
    structures, common chemicals.

    Drugs and street names rank above the adulterants that another field names.
    """
    if match.hit:
        return 7
    if match.kind == "mention":
        return 6 if match.group in WATCHED else 1
    if match.kind == "street":
        return 4
    if match.kind == "similar":
        return 2
    return {BENIGN: 1, CONTROLLED: 5}.get(match.group, 3)


def _name_substance(texts: list[str]) -> list[float]:
    """Return 1 for each text that names a substance, also by an abbreviation alone, or was not read, and 0 for the others."""
    index = Substances.load()
    matches, may_name = index.match_all(texts), index.may_name(texts)
    budget = current_budget()
    unread = budget.unread if budget is not None else ()
    return [
        float(match is not None or text in unread or (may and index.match_abbreviation(text) is not None))
        for text, match, may in zip(texts, matches, may_name, strict=True)
    ]
