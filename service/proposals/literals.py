"""Single conditions that finds may share: on goods words, codes, features and entries of evidence.

A condition on a place, a country or a party is none of them: a proposal must say what was sent and how, not whence or by whom.
Features of history are left out too, because a trial on the past would need each shipment's history at that time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pycountry
from numpy.typing import NDArray

from features.groups.history.history import HistoryGroup
from features.manifest.fields import FIELD
from features.table.table import ManifestTable
from models.rules.rulebook import PLACE_FEATURES

if TYPE_CHECKING:
    from models.scoring import RiskModel

BoolArray = NDArray[np.bool_]

#: Fields with codes that a condition may compare. A marketplace, a carrier or an agent is a party; a currency stands for a country.
_CODES: Final = (
    "channel",
    "transport_mode",
    "filing_type",
    "package_type",
    "transaction_nature",
    "quantity_unit",
    "cas_number",
)
#: Fields whose words may name a party or a place.
_OF_PARTIES: Final = (
    *(f"{role}_{part}" for role in ("consignor", "consignee") for part in ("name", "address", "city", "email")),
    *("agent_name", "marketplace", "carrier_id"),
)
_WORD: Final = re.compile(r"[^\W\d_]{4,24}")
_MOST_WORDS: Final = 40
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
    """

    leaf: dict[str, Any]
    text: str
    holds: BoolArray
    stable: float
    about: str


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
        *_features(model, matrix, of_find),
        *_amounts(table, of_find),
        *_entries(model, matrix, of_find),
    ):
        if one.holds[of_find].any() and one.holds[~of_find].mean() <= _COMMON:
            found.append(one)
    return found


def _words(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    column = table.text("goods_description")
    parties = _party_words(table, of_find)
    counts: Counter[str] = Counter()
    for code in column.codes[of_find].tolist():
        if code >= 0:
            counts.update({word.casefold() for word in _WORD.findall(column.values[code])})
    for word, _ in counts.most_common(_MOST_WORDS):
        if word in parties or is_place(word):
            continue
        pattern = rf"\b{re.escape(word)}\b"
        search = re.compile(pattern, re.IGNORECASE).search
        of_text = np.array([*(search(text) is not None for text in column.values), False])
        holds = of_text[column.codes]
        yield Literal(
            {"field": "goods_description", "op": "matches", "value": pattern},
            f"the goods words contain `{word}`",
            holds,
            STABLE_WORD if holds[~of_find].any() else STABLE_UNIQUE,
            f"word {word}",
        )


def _party_words(table: ManifestTable, of_find: BoolArray) -> set[str]:
    """Return the words of the finds' parties and places, which no condition may contain."""
    words: set[str] = set()
    for name in _OF_PARTIES:
        column = table.text(name)
        for code in set(column.codes[of_find].tolist()):
            if code >= 0:
                words.update(word.casefold() for word in _WORD.findall(column.values[code]))
    return words


@cache
def _place_stems() -> frozenset[str]:
    """Return the first letters of countries, their nationalities and languages, and the names of cities with airports."""
    import airportsdata

    names = {
        name
        for country in pycountry.countries
        for name in (country.name, getattr(country, "common_name", ""), getattr(country, "official_name", ""))
    }
    names |= {language.name for language in pycountry.languages if hasattr(language, "alpha_2")}
    names |= {airport["city"] for airport in airportsdata.load("IATA").values()}
    return frozenset(word.casefold()[:5] for name in names for word in _WORD.findall(name) if len(word) > 3)


def is_place(word: str) -> bool:
    """Return whether a word may name a country, a nationality, a language or a city. It errs on the side of yes."""
    return word.casefold()[:5] in _place_stems()


def _codes(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    for name in _CODES:
        column = table.text(name)
        meanings: Mapping[str, str] = FIELD[name].codes or {}
        for code in sorted(set(column.codes[of_find].tolist())):
            if code >= 0:
                value = column.values[code]
                meaning = f" ({meanings[value]})" if value in meanings and meanings[value] != value else ""
                yield Literal(
                    {"field": name, "op": "eq", "value": value},
                    f"the {name.replace('_', ' ')} is {value}{meaning}",
                    column.codes == code,
                    STABLE_CODE,
                    name,
                )


def _headings(table: ManifestTable, of_find: BoolArray) -> Iterator[Literal]:
    column = table.text("hs_code")
    for digits in (4, 6):
        codes = {column.values[code][:digits] for code in set(column.codes[of_find].tolist()) if code >= 0}
        for prefix in sorted(code for code in codes if len(code) == digits and code.isdigit()):
            of_text = np.array([*(text.startswith(prefix) for text in column.values), False])
            yield Literal(
                {"field": "hs_code", "op": "matches", "value": f"^{prefix}"},
                f"the HS code begins with {prefix}",
                of_text[column.codes],
                STABLE_CODE if digits == 4 else STABLE_CODE * STABLE_CODE,
                "hs_code",
            )


def _features(model: RiskModel, matrix: NDArray[np.float64], of_find: BoolArray) -> Iterator[Literal]:
    """Yield the conditions that a feature which says whether something is so is 1."""
    history = {feature.name for feature in HistoryGroup.features}
    for column, feature in enumerate(model.space.features):
        if feature.name in history or feature.name in PLACE_FEATURES or not feature.meaning.startswith("Whether "):
            continue
        holds = matrix[:, column] == 1.0
        text = feature.meaning.removeprefix("Whether ")
        leaf = {"feature": feature.name, "op": "eq", "value": 1.0}
        yield Literal(leaf, text, holds, STABLE_FEATURE, feature.name)


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
            yield Literal(bound, f"{text} at most {most:g} {unit}", values <= most, STABLE_AMOUNT, about)
        if least > 0.0:
            bound = leaf | {"op": "ge", "value": least}
            yield Literal(bound, f"{text} at least {least:g} {unit}", values >= least, STABLE_AMOUNT, about)


def _rounded(value: float) -> float:
    """Return a number with two digits."""
    return float(f"{value:.2g}")


def _entries(model: RiskModel, matrix: NDArray[np.float64], of_find: BoolArray) -> Iterator[Literal]:
    """Yield the conditions that an entry of evidence for illicit content is met."""
    if model.evidence is None:
        return
    unusable = {feature.name for feature in HistoryGroup.features} | PLACE_FEATURES
    from models.evidence import EntryWeights

    weights = EntryWeights(model.prior, matrix)
    for entry in model.prior.entries:
        if entry.direction == "for" and unusable.isdisjoint(entry.features):
            holds = weights.column(entry.id) > 0.0
            yield Literal(
                {"evidence": entry.id, "op": "gt", "value": 0.0},
                f"the evidence `{entry.id.replace('_', ' ')}` holds",
                holds,
                STABLE_FEATURE,
                f"evidence {entry.id}",
            )
