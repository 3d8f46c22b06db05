"""The goods of the world: consumer goods and chemicals of the reference tables, and the trade that looks like the illicit."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import benign_chemicals, ecommerce_goods, substances
from features.reference.rows import Group, Substance
from features.reference.unii import unii_names
from features.substances.translations import translated_names
from training.world.hashing import Floats, Ints, cumulate
from training.world.priors import Priors

FILE: Final = Path(__file__).with_name("trade.csv")

#: Families of goods; a consignor of a kind trades in those of `FAMILIES_OF_KIND`.
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
)
#: Assumed shares: how much of the trade of a kind of consignor is in which family.
FAMILIES_OF_KIND: Final[Mapping[str, Mapping[str, float]]] = {
    "marketplace": {
        "consumer": 0.968,
        "chemical": 0.012,
        "laboratory": 0.006,
        "machinery": 0.008,
        "equipment": 0.004,
        "excipient": 0.002,
    },
    "shop": {
        "consumer": 0.945,
        "chemical": 0.022,
        "laboratory": 0.010,
        "machinery": 0.012,
        "equipment": 0.006,
        "excipient": 0.005,
    },
    "person": {"consumer": 0.970, "pharma": 0.020, "chemical": 0.005, "machinery": 0.005},
    "consolidator": {
        "consumer": 0.945,
        "chemical": 0.022,
        "laboratory": 0.009,
        "machinery": 0.013,
        "equipment": 0.005,
        "excipient": 0.004,
        "pharma": 0.002,
    },
    "trader": {
        "consumer": 0.74,
        "chemical": 0.08,
        "machinery": 0.12,
        "equipment": 0.025,
        "excipient": 0.02,
        "laboratory": 0.015,
    },
    "chemical": {"chemical": 0.73, "neighbour": 0.13, "excipient": 0.09, "listed": 0.05},
    "pharma": {"pharma": 0.78, "licensed": 0.10, "excipient": 0.06, "chemical": 0.06},
    "machinery": {"machinery": 0.66, "equipment": 0.26, "excipient": 0.08},
    "laboratory": {"laboratory": 0.74, "chemical": 0.12, "neighbour": 0.07, "listed": 0.07},
}
_ILLICIT_GROUPS: Final = {
    Group.FENTANYL: "analogue",
    Group.NITAZENE: "other_opioid",
    Group.OTHER_OPIOID: "other_opioid",
    Group.PRECURSOR: "precursor",
}
# Legitimate trade in listed substances is in a few of them: acylating agents and laboratory precursors, and in milligrams
# of reference standards for the others.
_TRADED: Final = {
    "Propionyl chloride": 6.0,
    "Propionic anhydride": 6.0,
    "Phenethyl bromide": 6.0,
    "4-Piperidone": 3.0,
    "1-boc-4-piperidone": 6.0,
    "1-Benzyl-4-piperidone": 5.0,
    "4-Piperidone hydrochloride": 3.0,
    "Phenethyl chloride": 3.0,
}
#: Names in other languages and further synonyms that declarants use for one listed good.
_MOST_ALIASES: Final = 12


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Goods as parallel arrays (n,): ``kg`` and ``usd`` are those of one unit as sold.

    ``content``: what finding these goods without a licence would be, '' for goods that nobody watches. ``cumulative``
    (families, n): cumulative shares of the goods within a family. ``aliases``: what else declarants call them: synonyms,
    systematic names, names in other languages.
    """

    name: list[str]
    hs6: list[str]
    family: Ints
    kg: Floats
    usd: Floats
    licensed: NDArray[np.bool_]
    cas: list[str]
    undg: list[str]
    content: list[str]
    weight: Floats
    chapter: Ints
    cumulative: Floats
    aliases: list[tuple[str, ...]]

    def of_family(self, family: str) -> Ints:
        return np.flatnonzero(self.family == FAMILIES.index(family))

    def of_content(self, content: str) -> Ints:
        """Goods that, declared openly, are this content."""
        return np.array([i for i, own in enumerate(self.content) if own == content], dtype=np.int64)


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


def load_catalogue(priors: Priors) -> Catalogue:
    """All goods. Raises `ValueError` naming file and row when the trade table is not what it must be."""
    goods = [*_consumer(priors.table("goods.chapters")), *_chemicals(), *_trade(), *_listed(), *_unlisted()]
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
    )


def _consumer(chapters: Mapping[str, float]) -> list[_Good]:
    rows = ecommerce_goods()
    count: dict[str, int] = {}
    for row in rows:
        count[row.hs6[:2]] = count.get(row.hs6[:2], 0) + 1
    return [
        _Good(
            row.description,
            row.hs6,
            "consumer",
            row.typical_kg,
            row.typical_usd,
            chapters.get(row.hs6[:2], chapters["OTHER"]) / count[row.hs6[:2]],
        )
        for row in rows
    ]


def _chemicals() -> list[_Good]:
    # A pack of a chemical: a kilogram at wholesale prices; masses then spread widely about it.
    return [
        _Good(row.name, row.hs6, "chemical", 1.2, 14.0, 1.0, cas=row.cas, aliases=row.synonyms)
        for row in benign_chemicals()
    ]


def _listed() -> list[_Good]:
    goods = []
    of_language: dict[str, list[str]] = {}
    for name in translated_names():
        of_language.setdefault(name.substance, []).append(name.name)
    for row in substances():
        content = _ILLICIT_GROUPS.get(row.group)
        if content is None or not row.hs6:
            continue
        traded = _TRADED.get(row.name, 0.0)
        goods.append(
            _Good(
                # What is traded openly is sold by the pack; the rest are reference standards.
                row.name,
                row.hs6[0],
                "listed",
                0.5 if traded else 0.08,
                70.0 if traded else 130.0,
                traded or 0.25,
                licensed=True,
                cas=row.cas,
                content="fentanyl" if row.name == "Fentanyl" else content,
                aliases=_aliases(row, of_language.get(row.name, [])),
            )
        )
    return goods


def _aliases(row: Substance, translations: list[str]) -> tuple[str, ...]:
    # Evenly through the translations, so that each language has some.
    some = translations[:: max(1, len(translations) // _MOST_ALIASES)][:_MOST_ALIASES]
    names = (*row.synonyms, *((row.systematic_name,) if row.systematic_name else ()), *some)
    return tuple(dict.fromkeys(name for name in names if name != row.name))


def _unlisted() -> list[_Good]:
    """Neighbours of the listed substances that no list names but a class definition covers, from the UNII table.

    They are declared as the listed ones are: as reference standards by laboratories, and by networks that moved on.
    """
    names: dict[str, list[str]] = {}
    for row in unii_names():
        if row.kind == "class" and not row.abbreviation:
            names.setdefault(row.substance, []).append(row.name)
    return [
        _Good(
            substance.lower(),
            "293334" if "nitazene" not in substance.lower() else "293399",
            "listed",
            0.08,
            130.0,
            0.04,
            licensed=True,
            content="other_opioid" if "nitazene" in substance.lower() else "analogue",
            aliases=tuple(name.lower() for name in others[:_MOST_ALIASES]),
        )
        for substance, others in sorted(names.items())
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
                )
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{FILE.name}, row {number}: {error!r}; expected the columns of the header, masses as numbers"
                ) from None
            if good.family not in FAMILIES or len(good.hs6) != 6 or not good.hs6.isdigit():
                raise ValueError(
                    f"{FILE.name}, row {number}: family {good.family!r}, hs6 {good.hs6!r}; expected a known family and six digits"
                )
            goods.append(good)
    return goods
