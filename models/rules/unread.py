"""Goods items that could not be read, for example an unknown chemical, a damaged text, or a text beyond the time budget.

Such an item is at least yellow, also with the rules switched off. Texts that are harmless or only vague are not unread: they affect
the score alone. A declared chemical in everyday words counts as read: "mica powder" and "fragrance oil" name no substance, but they
name goods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Final

import numpy as np

from features.goods.answers import goods_reader
from features.goods.codes import CHEMICAL_CHAPTERS
from features.reference import is_known_cas
from features.substances import Match, Substances, opsin, read_structures, systematic_names
from features.table.table import Coded, ManifestTable
from features.texts.reading import current_budget, reading_within
from features.texts.remembered import remembered

_CACHED: Final = 8_192
#: Replaces bytes that a decoder could not read.
_REPLACEMENT: Final = "\ufffd"
_MAX_SHOWN: Final = 60
#: Fields that are searched for substances. Long texts are truncated, and texts beyond the time budget of a request are skipped.
_SEARCHED_FIELDS: Final = ("declared_chemical", "goods_description", "consignor_name")
#: Least probability at which words identify the HS chapter of goods. "White crystals" may be anything.
_LIKELY: Final = 0.5
_CHEMICAL: Final = "the declared chemical {} is not a known name, number or structure"
_NAME: Final = "the description contains a systematic name, which is not read at present: {}"
_CAS: Final = "the CAS number {} belongs to no known chemical, and nothing else names the goods"
_BAD_CAS: Final = "the CAS number {} is invalid (its check digit must agree), and nothing else names the goods"
_DAMAGED: Final = "the text arrived damaged: {}"
_NO_TIME: Final = "the request has more texts to read than its time allows; this one was not read: {}"
_TOO_LONG: Final = "the text is too long and was not read to its end"


@dataclass(frozen=True, slots=True)
class UnreadItem:
    """A field of a goods item that could not be read.

    Attributes:
        item_number: as declared, or the position of the item in its shipment.
    """

    item_number: str
    field: str
    problem: str


class UnreadItems:
    """Search for unread fields of goods items. Results are cached by text, and threads may share an instance."""

    def __init__(self) -> None:
        self._chemical_problem = remembered(_CACHED)(_chemical_problem)
        self._names_goods = remembered(_CACHED)(_names_goods)
        self._systematic_names = remembered(_CACHED)(systematic_names)

    def of(self, table: ManifestTable, substances: Sequence[Match | None]) -> Mapping[int, tuple[UnreadItem, ...]]:
        """Return the unread fields of a table by shipment.

        Args:
            substances: (n,) substance that each row's declared chemical, CAS number or description names.
        """
        chemicals, numbers = table.declared("declared_chemical"), table.declared("cas_number")
        descriptions = table.text("goods_description")
        names_are_read = opsin().available
        unread_texts: list[tuple[int, str, str]] = _not_read(table)
        if chemicals.values:
            unread_texts += _unreadable(
                chemicals, "declared_chemical", self._chemical_problems(chemicals.values, names_are_read)
            )
        if numbers.values:
            unread_texts += [
                one
                for one in _unreadable(numbers, "cas_number", [_cas_problem(text) for text in numbers.values])
                if substances[one[0]] is None and not self._is_described(descriptions, one[0])
            ]
        damaged = [_REPLACEMENT in text for text in descriptions.values]
        all_are_read = opsin().reads_all
        if not all_are_read or True in damaged:
            texts = descriptions.values
            name_problems = [""] * len(texts) if all_are_read else self._name_problems(texts)
            problems = [
                _DAMAGED.format(_quoted(text)) if is_damaged else problem
                for text, is_damaged, problem in zip(texts, damaged, name_problems, strict=True)
            ]
            unread_texts += _unreadable(descriptions, "goods_description", problems)
        return _by_shipment(table, unread_texts) if unread_texts else {}

    def _chemical_problems(self, texts: list[str], names_are_read: bool) -> list[str]:
        """Return the problem of each declared chemical, empty if it was read. The request's budget limits the reading."""
        problems = _within_budget(texts, partial(self._chemical_problem, names_are_read=names_are_read), chemical=True)
        return [
            "" if problem and self._names_goods(text) else problem
            for text, problem in zip(texts, problems, strict=True)
        ]

    def _is_described(self, descriptions: Coded, row: int) -> bool:
        """Return whether the description of a row names goods in known words, or is the name of a chemical that was read."""
        code = descriptions.codes.item(row)
        text = descriptions.values[code] if code >= 0 else ""
        if self._names_goods(text):
            return True
        names_a_chemical = partial(self._chemical_problem, names_are_read=opsin().available)
        return any(map(str.isalnum, text)) and _within_budget([text], names_a_chemical, chemical=True) == [""]

    def _name_problems(self, texts: list[str]) -> list[str]:
        """Return `_name_problem` of each description. Plain goods take nothing from the request's budget."""
        may_name = Substances.load().may_name(texts)
        problems = iter(_within_budget([*compress(texts, may_name)], self._name_problem, chemical=False))
        return [next(problems) if may else "" for may in may_name]

    def _name_problem(self, text: str) -> str:
        """Return the problem of a description with a systematic name that OPSIN has not read; empty if there is no problem."""
        names = self._systematic_names(text)
        # Answers are cached. A name has no answer if it exceeded its time limit or OPSIN was not available.
        if not names or all(
            smiles or opsin().has_answered(name) for name, smiles in zip(names, opsin().smiles_many(names), strict=True)
        ):
            return ""
        match = Substances.load().match(text)
        if match is not None and match.kind != "similar":
            return ""
        return _NAME.format(_quoted(text))


def _not_read(table: ManifestTable) -> list[tuple[int, str, str]]:
    """Return row, field and problem of each text that was truncated, or skipped because the request's time budget was spent."""
    unread_texts: list[tuple[int, str, str]] = []
    budget = current_budget()
    skipped = budget.unread if budget is not None else set()
    for name in _SEARCHED_FIELDS:
        if cut := table.cut.get(name):
            declared = table.declared(name)
            problems = [_TOO_LONG if code in cut else "" for code in range(len(declared.values))]
            unread_texts += _unreadable(declared, name, problems)
        if skipped:
            column = table.text(name)
            problems = [_NO_TIME.format(_quoted(text)) if text in skipped else "" for text in column.values]
            unread_texts += _unreadable(column, name, problems)
    # Every row of a shipment repeats the party's name. Report it for the first row only.
    return [
        one for one in unread_texts if one[1] != "consignor_name" or table.first_row[table.shipment[one[0]]] == one[0]
    ]


def _unreadable(column: Coded, field: str, problems: list[str]) -> list[tuple[int, str, str]]:
    """Return row, field and problem of each row whose text has a problem."""
    bad = np.array([bool(problem) for problem in problems], dtype=np.bool_)
    if not bad.any():
        return []
    rows = np.flatnonzero(column.lookup(bad, False))
    return [(row, field, problems[column.codes.item(row)]) for row in rows.tolist()]


def _by_shipment(
    table: ManifestTable, unread_texts: list[tuple[int, str, str]]
) -> Mapping[int, tuple[UnreadItem, ...]]:
    numbers = table.declared("item_number")
    by_shipment: dict[int, list[UnreadItem]] = {}
    # If a text has two problems, keep the first.
    problems = {(row, field): problem for row, field, problem in reversed(unread_texts)}
    for (row, field), problem in sorted(problems.items()):
        shipment = int(table.shipment[row])
        code = numbers.codes.item(row)
        number = numbers.values[code] if code >= 0 else str(row - int(table.first_row[shipment]) + 1)
        by_shipment.setdefault(shipment, []).append(UnreadItem(number, field, problem))
    return {shipment: tuple(items) for shipment, items in by_shipment.items()}


def _within_budget(texts: list[str], problem_of: Callable[[str], str], *, chemical: bool) -> list[str]:
    """Return the problem of each text. Unknown texts are not read once the request's time budget is spent.

    Args:
        problem_of: a function with a cache. It runs without a budget, so that the cache never gets the result of a half-read text.
    """
    budget = current_budget()
    if budget is None:
        return [problem_of(text) for text in texts]
    problems: list[str] = []
    index = Substances.load()
    with reading_within(None):
        for text in texts:
            if text in budget.unread:
                problems.append("")
            elif budget.spent and not index.is_known(text, chemical=chemical):
                problems.append(_NO_TIME.format(_quoted(text)))
            else:
                problems.append(problem_of(text))
    return problems


def _chemical_problem(text: str, names_are_read: bool) -> str:
    """Return the problem of a text that names no chemical, empty if it names one. ``names_are_read`` is part of the cache key."""
    if not any(map(str.isalnum, text)):
        return ""
    index = Substances.load()
    if index.match(text, chemical=True) is not None or index.names_common(text) or _has_structure(text):
        return ""
    return _CHEMICAL.format(_quoted(text))


def _names_goods(text: str) -> bool:
    """Return whether all words of a text are known from goods texts and its likeliest HS chapter is outside chemistry."""
    reader = goods_reader()
    if not reader.knows_words(text):
        return False
    (answer,) = reader.classify([text], [None])
    return any(likely.p >= _LIKELY and likely.code not in CHEMICAL_CHAPTERS for likely in answer.chapters[:1])


def _has_structure(text: str) -> bool:
    """Return whether the structure of a chemical was read.

    Such a chemical counts as read although the index does not find it: it is on no list and similar to no listed substance.
    """
    # OPSIN also reads names that `structures_in` does not find in a text, such as sodium bicarbonate.
    return bool(opsin().smiles(text)) or any(structure is not None for _, structure in read_structures(text))


def _cas_problem(text: str) -> str:
    """Return the problem of a CAS number, empty if it belongs to a known chemical."""
    from features.table import normalise

    number, _ = normalise.cas(text)
    if number is None:
        return _BAD_CAS.format(_quoted(text))
    known = Substances.load().match_cas(number) is not None or is_known_cas(number)
    return "" if known else _CAS.format(_quoted(text))


def _quoted(text: str) -> str:
    return f"`{text[:_MAX_SHOWN]}`"
