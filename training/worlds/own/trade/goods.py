"""Goods of the world: consumer goods, chemicals of the reference tables, and lawful goods that resemble illicit ones."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from features.reference import (
    Group,
    Relation,
    Substance,
    benign_chemicals,
    ecommerce_goods,
    related_substances,
    substances,
)
from features.reference.unii import unii_names
from features.substances import translated_names
from training.arrays import Bools, Floats, Ints
from training.worlds.own.priors import BadPrior, Priors
from training.worlds.own.trade.hashing import cumulate
from training.worlds.own.trade.nomenclature import Subheading, subheadings

FILE: Final = Path(__file__).with_name("trade.csv")
#: Goods declared in vague words: chemistry and machine parts. Names are separated by |, the usual one first.
GENERIC: Final = Path(__file__).with_name("generic.csv")
#: Wordings of shops, parcels and tariff indexes by subheading; `tools.build_world_words` writes them.
WORDS: Final = Path(__file__).parents[1] / "goods_words.csv.gz"

#: Families of goods. The priors `goods.families_...` list the families in which each kind of consignor trades.
FAMILIES: Final = (
    "consumer",
    "chemical",
    "neighbour",
    "excipient",
    "listed",
    "pharma",
    "licensed",
    "laboratory",
    "equipment",
    "machinery",
    "business",
    "pigment",
    "lookalike",
    "generic",
    "parts",
    "raw",
    "relative",
)
#: Families of chemicals.
CHEMICALS: Final = ("chemical", "neighbour", "excipient", "listed", "pigment", "generic", "raw", "relative")
#: Receivers of goods in lawful trade: anyone, firms and institutions, medical care, manufacturers, or laboratories.
RECEIVERS: Final = ("", "firm", "care", "maker", "laboratory")
#: Family -> family of the substitutes that lawful consignors sell to other receivers.
SUBSTITUTES: Final = {"listed": "chemical", "licensed": "pharma", "equipment": "machinery"}
_ILLICIT_GROUPS: Final = {
    Group.FENTANYL: "analogue",
    Group.NITAZENE: "other_opioid",
    Group.OTHER_OPIOID: "other_opioid",
    Group.PRECURSOR: "precursor",
}
#: Maximum number of translations of the name of a listed good.
_MOST_ALIASES: Final = 12


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Goods as parallel arrays (n,). ``kg`` and ``usd`` are those of one unit as sold.

    ``content`` is the label of a find of these goods without a licence, '' for unwatched goods. ``cumulative`` (families, n)
    contains cumulative shares of the goods within a family. ``aliases`` contains synonyms, systematic names and names in other
    languages. ``to`` is an index of `RECEIVERS`, ``standard`` states that the good is a reference standard.
    """

    name: list[str]
    hs6: list[str]
    family: Ints
    kg: Floats
    usd: Floats
    licensed: Bools
    cas: list[str]
    undg: list[str]
    content: list[str]
    weight: Floats
    chapter: Ints
    cumulative: Floats
    aliases: list[tuple[str, ...]]
    to: Ints
    standard: Bools

    def of_family(self, family: str) -> Ints:
        return np.flatnonzero(self.family == FAMILIES.index(family))

    def of_content(self, content: str, *, raw: bool = False) -> Ints:
        """Return the goods of lawful trade with the label ``content``, or if ``raw`` these substances as networks send them."""
        has_form = (self.family == FAMILIES.index("raw")) == raw
        return np.flatnonzero([own == content and form for own, form in zip(self.content, has_form, strict=True)])


@dataclass(frozen=True, slots=True)
class _Good:
    name: str
    hs6: str
    family: str
    kg: float
    usd: float
    weight: float
    licensed: bool = False
    cas: str = ""
    undg: str = ""
    content: str = ""
    aliases: tuple[str, ...] = ()
    to: str = ""
    standard: bool = False


def load_catalogue(priors: Priors) -> Catalogue:
    """Return all goods. Raises `ValueError` with file and row if the trade table is invalid."""
    traded = subheadings(priors)
    goods = [
        *_consumer(priors, traded),
        *_chemicals(priors),
        *_trade(),
        *_generic(),
        *_listed(priors),
        *_unlisted(priors),
        *_relatives(priors),
        *_business(traded),
    ]
    family = np.array([FAMILIES.index(good.family) for good in goods], dtype=np.int64)
    weight = np.array([good.weight for good in goods])
    shares = np.stack([np.where(family == i, weight, 0.0) for i in range(len(FAMILIES))])
    return Catalogue(
        name=[good.name for good in goods],
        hs6=[good.hs6 for good in goods],
        family=family,
        kg=np.array([good.kg for good in goods]),
        usd=np.array([good.usd for good in goods]),
        licensed=np.array([good.licensed for good in goods], dtype=np.bool_),
        cas=[good.cas for good in goods],
        undg=[good.undg for good in goods],
        content=[good.content for good in goods],
        weight=weight,
        chapter=np.array([int(good.hs6[:2]) for good in goods], dtype=np.int64),
        cumulative=cumulate(shares),
        aliases=[good.aliases for good in goods],
        to=np.array([RECEIVERS.index(good.to) for good in goods], dtype=np.int64),
        standard=np.array([good.standard for good in goods], dtype=np.bool_),
    )


def families_of(priors: Priors, kinds: Sequence[str]) -> Floats:
    """Return the shares (kinds, families) of the families in the trade of each kind of consignor. Raises `BadPrior`."""
    shares = np.zeros((len(kinds), len(FAMILIES)))
    for i, kind in enumerate(kinds):
        name = f"goods.families_{kind}"
        for family, share in priors.table(name).items():
            if family not in FAMILIES:
                raise BadPrior(f"{name} contains {family!r}; known families are {', '.join(FAMILIES)}")
            shares[i, FAMILIES.index(family)] = share
    return shares


def _real_words() -> dict[str, tuple[str, ...]]:
    """Return real wordings by subheading."""
    wordings: dict[str, list[str]] = {}
    with gzip.open(WORDS, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            wordings.setdefault(row["hs6"], []).append(row["words"])
    return {hs6: tuple(texts) for hs6, texts in wordings.items()}


def _consumer(priors: Priors, traded: Sequence[Subheading]) -> list[_Good]:
    """Return the goods of the e-commerce table, and goods from the nomenclature that private persons order."""
    chapters, wider = priors.table("goods.chapters"), priors.number("goods.nomenclature_share")
    table, others = ecommerce_goods(), [row for row in traded if row.ordered]
    count = Counter(row.hs6[:2] for row in table)
    total: dict[str, float] = {}
    for other in others:
        total[other.hs6[:2]] = total.get(other.hs6[:2], 0.0) + other.weight
    # Name, subheading, kg, usd, and the share of the good in its chapter as two factors and a divisor.
    goods = [
        *((r.description, r.hs6, r.typical_kg, r.typical_usd, 1 - wider, 1.0, count[r.hs6[:2]]) for r in table),
        *((r.name, r.hs6, r.kg, r.usd, wider, r.weight, total[r.hs6[:2]]) for r in others),
    ]
    real = _real_words()
    return [
        _Good(
            name, hs6, "consumer", kg, usd, chapters.get(hs6[:2], chapters["OTHER"]) * first * second / among,
            aliases=real.get(hs6, ()),
        )
        for name, hs6, kg, usd, first, second, among in goods
    ]  # fmt: skip


def _business(traded: Sequence[Subheading]) -> list[_Good]:
    real = _real_words()
    return [
        _Good(r.name, r.hs6, "business", r.kg, r.usd, r.chapter_weight * r.weight, aliases=real.get(r.hs6, ()))
        for r in traded
    ]


def _chemicals(priors: Priors) -> list[_Good]:
    # Typical pack of a chemical. Masses of packs vary widely around it.
    kg, usd = (priors.table(f"goods.pack_{unit}")["chemical"] for unit in ("kg", "usd"))
    return [
        _Good(row.name, row.hs6, "chemical", kg, usd, 1.0, cas=row.cas, aliases=row.synonyms)
        for row in benign_chemicals()
    ]


def _listed(priors: Priors) -> list[_Good]:
    goods = []
    trade, kg, usd = (priors.table(f"goods.{name}") for name in ("traded_listed", "pack_kg", "pack_usd"))
    standard = priors.table("goods.standard_weight")["listed"]
    of_language: dict[str, list[str]] = {}
    for name in translated_names():
        of_language.setdefault(name.substance, []).append(name.name)
    for row in substances():
        content = _ILLICIT_GROUPS.get(row.group)
        if content is None or not row.hs6:
            continue
        traded = trade.get(row.name, 0.0)
        # Openly traded chemicals are sold by the pack to industry. Other chemicals are reference standards for laboratories.
        pack = "traded" if traded else "standard"
        lawful = _Good(
            row.name,
            row.hs6[0],
            "listed",
            kg[pack],
            usd[pack],
            traded or standard,
            licensed=True,
            cas=row.cas,
            content="fentanyl" if row.name == "Fentanyl" else content,
            aliases=_aliases(row, of_language.get(row.name, [])),
            to="firm" if traded else "laboratory",
            standard=not traded,
        )
        goods += [lawful, _raw(lawful, kg["raw"], usd["raw"])]
    return goods


def _raw(lawful: _Good, kg: float, usd: float) -> _Good:
    """Return the substance as networks send it: by mass, not in the pack of a supplier."""
    return replace(lawful, family="raw", kg=kg, usd=usd, weight=1.0, to="", standard=False)


def _aliases(row: Substance, translations: list[str]) -> tuple[str, ...]:
    # Take evenly spaced translations, so that all languages are represented.
    some = translations[:: max(1, len(translations) // _MOST_ALIASES)][:_MOST_ALIASES]
    names = (*row.synonyms, *((row.systematic_name,) if row.systematic_name else ()), *some)
    return tuple(dict.fromkeys(name for name in names if name != row.name))


def _unlisted(priors: Priors) -> list[_Good]:
    """Return substances of the UNII table that no list names, but a class definition covers.

    Laboratories declare them as reference standards, like listed substances. Networks declare them mostly after a listing (T1).
    """
    kg, usd = (priors.table(f"goods.pack_{unit}") for unit in ("kg", "usd"))
    weight = priors.table("goods.standard_weight")["unlisted"]
    names: dict[str, list[str]] = {}
    for row in unii_names():
        if row.kind == "class" and not row.abbreviation:
            names.setdefault(row.substance, []).append(row.name)
    standards = [
        _Good(
            substance.lower(),
            "293334" if "nitazene" not in substance.lower() else "293399",
            "listed",
            kg["standard"],
            usd["standard"],
            weight,
            licensed=True,
            content="other_opioid" if "nitazene" in substance.lower() else "analogue",
            aliases=tuple(name.lower() for name in others[:_MOST_ALIASES]),
            to="laboratory",
            standard=True,
        )
        for substance, others in sorted(names.items())
    ]
    return [*standards, *(_raw(good, kg["raw"], usd["raw"]) for good in standards)]


def _relatives(priors: Priors) -> list[_Good]:
    """Return relatives of precursors that no list names, which networks send after a listing (INCB)."""
    kg, usd = (priors.table(f"goods.pack_{unit}")["raw"] for unit in ("kg", "usd"))
    return [
        _Good(row.name, "293339", "relative", kg, usd, 1.0, cas=row.cas, aliases=row.synonyms[:_MOST_ALIASES])
        for row in related_substances()
        if row.group is Relation.HOMOLOGUE
    ]


def _trade() -> list[_Good]:
    goods = []
    with FILE.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                good = _Good(
                    row["description"],
                    row["hs6"],
                    row["family"],
                    float(row["kg"]),
                    float(row["usd"]),
                    float(row["weight"]),
                    row["licensed"] == "1",
                    row["cas"],
                    row["undg"],
                    "equipment" if row["family"] == "equipment" else "",
                    to=row["to"],
                )
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{FILE.name}, row {number}: {error!r}; expected the columns of the header, and numbers for kg, usd and weight"
                ) from None
            is_known = good.family in FAMILIES and good.to in RECEIVERS
            if not is_known or len(good.hs6) != 6 or not good.hs6.isdigit():
                raise ValueError(
                    f"{FILE.name}, row {number}: family {good.family!r}, hs6 {good.hs6!r}, to {good.to!r}; "
                    "expected a known family and receiver, and six digits"
                )
            goods.append(good)
    return goods


def _generic() -> list[_Good]:
    """Return goods that are declared in vague words."""
    with GENERIC.open(encoding="utf-8", newline="") as file:
        rows = [(row, *row["names"].split("|")) for row in csv.DictReader(file)]
    return [
        _Good(
            name, row["hs6"], row["family"], float(row["kg"]), float(row["usd"]), float(row["weight"]),
            aliases=tuple(others),
        )
        for row, name, *others in rows
    ]  # fmt: skip
