"""Single conditions that finds may share: on goods words, codes, features and entries of evidence.

A condition on a place, a country or a party is none of them: a proposal must say what was sent and how, not whence or by whom.
Features of history are left out too, because a trial on the past would need each shipment's history at that time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.history.history import HistoryGroup
from features.manifest.fields import FIELD
from features.reference.codes import place_words
from features.table.table import ManifestTable
from models.evidence import EntryWeights
from models.rules.conditions import FACTS, Source
from models.rules.rulebook import PLACE_FEATURES
from service.proposals.wording import ABSENT, CODES, ENTRIES, FEATURES, NAMES, goods_words, listed, titled, words_in

if TYPE_CHECKING:
    from models.scoring import RiskModel

BoolArray = NDArray[np.bool_]

#: Fields whose words may name a party or a place.
_OF_PARTIES: Final = (
    *(f"{role}_{part}" for role in ("consignor", "consignee") for part in ("name", "address", "city", "email")),
    *("agent_name", "marketplace", "carrier_id"),
)
#: Largest share of other traffic with a word or a code that is an alternative to others, and most alternatives.
_RARE: Final = 0.01
_MOST_ALTERNATIVES: Final = 4
#: Expected share of later shipments of the same scheme that meet a condition which the finds meet, by kind of condition. ASSUMED:
#: senders change words sooner than the kind of goods, and kinds of goods sooner than the way.
STABLE_WORD, STABLE_CODE, STABLE_FEATURE, STABLE_AMOUNT = 0.65, 0.7, 0.8, 0.75
#: The same for a word that no other shipment has, which may be a slip of the pen.
STABLE_UNIQUE: Final = 0.25
#: Factor by which an amount may differ from those of the finds.
_MARGIN: Final = 1.5
#: Largest share of other traffic that may meet a condition. A more common one says nothing.
_COMMON: Final = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A condition on a goods item.

    Attributes:
        leaf: the condition as a leaf of a rule.
        text: the condition in plain words.
        holds: (n,) whether it holds for each item of the table.
        stable: expected share of later shipments of the scheme that meet it.
        about: what it is about. A proposal has at most one condition about a subject.
        single: (n,) whether the item meets it by an alternative that only one find meets; None without alternatives.
    """

    leaf: dict[str, Any]
    text: str
    holds: BoolArray
    stable: float
    about: str
    single: BoolArray | None = None


def literals_of(
    model: RiskModel, table: ManifestTable, matrix: NDArray[np.float64], of_find: BoolArray
) -> list[Literal]:
    """Return the conditions that some item of the finds meets and most other traffic does not.

    Args:
        table: goods items of finds and of other traffic.
        matrix: (n, F) their features.
        of_find: (n,) whether the item belongs to a find.
    """
    found: list[Literal] = []
    for one in (
        *_words(table, of_find),
        *_codes(table, of_find),
        *_headings(table, of_find),
        *_features(model, table, matrix, of_find),
        *_amounts(table, of_find),
        *_entries(model, matrix, of_find),
    ):
        if one.holds[of_find].any() and one.holds[~of_find].mean() <= _COMMON:
            found.append(one)
    return found


def _words(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    """Yield the goods words of the finds, and together those that few other shipments have."""
    column = table.text("goods_description")
    parties = _party_words(table, of_find)
    of_value = [words_in(text) for text in column.values]
    declared = {word for code in set(column.codes[of_find].tolist()) if code >= 0 for word in of_value[code]}
    words = sorted((declared & goods_words()) - parties)
    holds = {
        word: np.array([*(word in known for known in of_value), False], dtype=np.bool_)[column.codes] for word in words
    }
    for word in words:
        yield Literal(
            {"field": "goods_description", "op": "matches", "value": rf"\b{word}\b"},
            f"the goods words contain `{word}`",
            holds[word],
            STABLE_WORD if holds[word][~of_find].any() else STABLE_UNIQUE,
            f"word {word}",
        )
    chosen = _alternatives(holds, of_find, table)
    if len(chosen) > 1:
        yield Literal(
            {"field": "goods_description", "op": "matches", "value": rf"\b({'|'.join(chosen)})\b"},
            f"the goods words contain {listed([f'`{word}`' for word in chosen])}",
            np.logical_or.reduce([holds[word] for word in chosen]),
            STABLE_WORD,
            "words",
            _single(holds, chosen, of_find, table),
        )


def _alternatives(holds: dict[str, BoolArray], of_find: BoolArray, table: ManifestTable) -> list[str]:
    """Return the fewest rare words or codes that together meet the most finds (greedy set cover)."""
    finds = {word: set(table.shipment[of_find & rows].tolist()) for word, rows in holds.items()}
    shares = {word: float(rows[~of_find].mean()) if (~of_find).any() else 0.0 for word, rows in holds.items()}
    rare = [word for word in holds if shares[word] <= _RARE]
    met: set[int] = set()
    chosen: list[str] = []
    while len(chosen) < _MOST_ALTERNATIVES and rare:
        best = max(rare, key=lambda word: (len(finds[word] - met), -shares[word], word))
        if not finds[best] - met:
            break
        chosen.append(best)
        met |= finds[best]
    return sorted(chosen)


def _single(holds: dict[str, BoolArray], chosen: Sequence[str], of_find: BoolArray, table: ManifestTable) -> BoolArray:
    """Return the items (n,) that meet alternatives only by one that a single find meets.

    As many further finds as these would need an alternative that is not known yet (Good 1953, after Turing).
    """
    finds = {word: len(np.unique(table.shipment[of_find & holds[word]])) for word in chosen}
    nothing = np.zeros(table.n_rows, dtype=np.bool_)
    by_several: BoolArray = np.logical_or.reduce([nothing, *(holds[word] for word in chosen if finds[word] > 1)])
    by_any: BoolArray = np.logical_or.reduce([holds[word] for word in chosen])
    single: BoolArray = by_any & ~by_several
    return single


def _party_words(table: ManifestTable, of_find: BoolArray) -> set[str]:
    """Return the words of the finds' parties and places, which no condition may contain."""
    words: set[str] = set()
    for name in _OF_PARTIES:
        column = table.text(name)
        for code in set(column.codes[of_find].tolist()):
            if code >= 0:
                words |= words_in(column.values[code])
    return words


def is_place(word: str) -> bool:
    """Return whether a word may name a country, a nationality, a language or a city. It errs on the side of yes."""
    return word.casefold() in place_words()


def _codes(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    for name, words in CODES.items():
        column = table.text(name)
        meanings = {**(FIELD[name].codes or {}), **NAMES.get(name, {})}
        for code in sorted(set(column.codes[of_find].tolist())):
            if code >= 0:
                value = column.values[code]
                meaning = meanings.get(value)
                text = f"{words} {value}" if meaning is None else f"{words} {meaning} ({value})"
                yield Literal(
                    {"field": name, "op": "eq", "value": value}, text, column.codes == code, STABLE_CODE, name
                )


def _headings(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    """Yield the headings and subheadings of the finds, and together those that few other shipments have."""
    column = table.text("hs_code")
    for digits, stable in ((4, STABLE_CODE), (6, STABLE_CODE * STABLE_CODE)):
        codes = {column.values[code][:digits] for code in set(column.codes[of_find].tolist()) if code >= 0}
        holds = {
            prefix: np.array([*(text.startswith(prefix) for text in column.values), False], dtype=np.bool_)[
                column.codes
            ]
            for prefix in sorted(code for code in codes if len(code) == digits and code.isdigit())
        }
        for prefix, rows in holds.items():
            yield Literal(
                {"field": "hs_code", "op": "matches", "value": f"^{prefix}"},
                f"the HS code begins with {titled(prefix)}",
                rows,
                stable,
                "hs_code",
            )
        chosen = _alternatives(holds, of_find, table)
        if len(chosen) > 1:
            yield Literal(
                {"field": "hs_code", "op": "matches", "value": f"^({'|'.join(chosen)})"},
                f"the HS code begins with {listed([titled(prefix) for prefix in chosen])}",
                np.logical_or.reduce([holds[prefix] for prefix in chosen]),
                stable,
                "hs_code",
                _single(holds, chosen, of_find, table),
            )


def _features(
    model: RiskModel, table: ManifestTable, matrix: NDArray[np.float64], of_find: BoolArray
) -> Iterator[Literal]:
    """Yield the conditions on features that a proposal may use."""
    columns = {name: column for column, name in enumerate(model.space.names)}
    source = Source(table, matrix, columns)
    for op, known in (("ge", FEATURES), ("le", ABSENT)):
        for name, (about, bound, text) in known.items():
            if name not in columns and name not in FACTS:
                continue
            values = source.feature(name)
            holds = values >= bound if op == "ge" else values <= bound
            if holds[of_find].any():
                leaf = {"feature": name, "op": op, "value": float(bound)}
                yield Literal(leaf, text, holds, STABLE_FEATURE, about)


def _amounts(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    """Yield bounds on mass and value that contain those of all finds, with a margin."""
    for leaf, text, unit, values in (
        ({"field": "net_mass_kg"}, "the net mass is", "kg", table.number("net_mass_kg")),
        ({"feature": "customs_value_usd"}, "the value is", "US dollars", table.usd("customs_value")),
    ):
        known = values[of_find & ~np.isnan(values)]
        if not len(known):
            continue
        most, least = _rounded(known.max() * _MARGIN), _rounded(known.min() / _MARGIN)
        about = next(iter(leaf.values()))
        if most > 0.0:
            bound = leaf | {"op": "le", "value": most}
            yield Literal(bound, f"{text} at most {most:,.12g} {unit}", values <= most, STABLE_AMOUNT, about)
        if least > 0.0:
            bound = leaf | {"op": "ge", "value": least}
            yield Literal(bound, f"{text} at least {least:,.12g} {unit}", values >= least, STABLE_AMOUNT, about)


def _rounded(value: float) -> float:
    """Return a number with two digits."""
    return float(f"{value:.2g}")


def _entries(model: RiskModel, matrix: NDArray[np.float64], of_find: BoolArray) -> Iterator[Literal]:
    """Yield the conditions that an entry of evidence for illicit content is met."""
    if model.evidence is None:
        return
    unusable = {feature.name for feature in HistoryGroup.features} | PLACE_FEATURES
    weights = EntryWeights(model.prior, matrix)
    for entry in model.prior.entries:
        text = ENTRIES.get(entry.id)
        if text is not None and unusable.isdisjoint(entry.features):
            holds = weights.column(entry.id) > 0.0
            if holds[of_find].any():
                leaf = {"evidence": entry.id, "op": "gt", "value": 0.0}
                yield Literal(leaf, text, holds, STABLE_FEATURE, f"evidence {entry.group}")
