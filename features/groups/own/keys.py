"""By what an office's own data is counted: parties, goods, routes, its further fields, some pairs, and whole declarations."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.groups.own.rows import mixed
from features.readers.further import FurtherField, slugs
from features.table.table import Coded, ManifestTable

IntArray = NDArray[np.int64]

#: Manifest columns whose values are counted, each with what a person calls it.
COUNTED: Final[Mapping[str, str]] = {
    "consignor_name": "consignor",
    "consignee_name": "consignee",
    "consignor_country": "consignor's country",
    "agent_name": "agent",
    "carrier_id": "carrier",
    "marketplace": "marketplace",
    "origin_country": "country of origin",
    "export_country": "country of dispatch",
    "loading_location": "place of loading",
    "unloading_location": "place of unloading",
    "transport_mode": "mode of transport",
    "transaction_nature": "nature of transaction",
    "package_type": "package type",
    "goods_description": "description",
}
#: Digits of the HS code that are counted, coarse to fine.
HS_DIGITS: Final = (2, 4, 6)
#: Columns that say which goods and from where; with mass, value and quantity they make a declaration.
_GOODS: Final = ("goods_description", "hs_code", "origin_country", "export_country")
_AMOUNTS: Final = ("net_mass_kg", "gross_mass_kg", "customs_value", "quantity")
_PAIRS: Final = (
    ("consignee_name", "hs4"),
    ("consignor_name", "hs4"),
    ("agent_name", "hs4"),
    ("hs6", "origin_country"),
    ("hs6", "export_country"),
    ("consignor_name", "consignee_name"),
    ("agent_name", "origin_country"),
)
#: Keys that say where and nothing else.
PLACES: Final = ("consignor_country", "origin_country", "export_country", "loading_location", "unloading_location")
#: Key of goods from a place, and of identical declarations.
GOODS: Final = "goods"
DECLARATION: Final = "declaration"

#: A value's rate is drawn towards its parent's as by this many results.
_USUAL_WEIGHT: Final = 5.0
#: Identical declarations nearly always share their result.
_DECLARATION_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Key:
    """One way to count.

    Attributes:
        name: of its features, behind ``own_``.
        meaning: what is counted, for a person.
        parts: names of simple keys that it joins.
        parent: the key towards whose rate its own is drawn; None: the rate of all.
        weight: how strongly, in results.
        repeats: whether each repetition of a declaration counts (`own_counts.first_results`).
    """

    name: str
    meaning: str
    parts: tuple[str, ...]
    parent: str | None = None
    weight: float = _USUAL_WEIGHT
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class OwnFields:
    """What an office's data has: further ``fields``, and the manifest ``columns`` that are not blank throughout.

    ``known_label``: whether its labels are the manifest's, so that what can only raise the risk of a find is known.
    """

    fields: tuple[FurtherField, ...]
    columns: tuple[str, ...]
    known_label: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "fields": [field.to_json() for field in self.fields],
            "columns": list(self.columns),
            "known_label": self.known_label,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OwnFields:
        """Raises:
        KeyError, TypeError, ValueError: it is not what `to_json` gave.
        """
        return cls(
            tuple(FurtherField.from_json(field) for field in data["fields"]),
            tuple(str(name) for name in data["columns"]),
            bool(data["known_label"]),
        )

    def slugs(self) -> Mapping[str, FurtherField]:
        """The fields by the part of feature names that stands for them."""
        return _slugs(self.fields)

    def counted(self) -> tuple[Key, ...]:
        """All keys, each behind its parent."""
        return _counted(self)

    def _counted(self) -> tuple[Key, ...]:
        found = [Key(name, COUNTED[name], (name,)) for name in COUNTED if name in self.columns]
        if "hs_code" in self.columns:
            found += [
                Key(f"hs{digits}", f"HS code at {digits} digits", (f"hs{digits}",), f"hs{before}" if before else None)
                for before, digits in zip((0, *HS_DIGITS), HS_DIGITS, strict=False)
            ]
        found += [
            Key(f"field_{slug}", f"value of {field.name!r}", (f"field_{slug}",))
            for slug, field in self.slugs().items()
            if field.kind == "categorical" or field.of_goods
        ]
        simple = {key.name: key for key in found}
        for pair in _PAIRS:
            if all(part in simple for part in pair):
                meaning = " and ".join(simple[part].meaning for part in pair)
                found.append(Key("_x_".join(pair), meaning, pair, pair[0]))
        if "hs6" in simple:
            for slug, field in self.slugs().items():
                if not field.of_goods and field.kind == "categorical":
                    pair = ("hs4", f"field_{slug}")
                    found.append(Key("_x_".join(pair), f"HS heading and value of {field.name!r}", pair, "hs4"))
        goods, declared = self._goods(), self._declaration()
        parent = "hs6_x_origin_country" if "hs6_x_origin_country" in {key.name for key in found} else None
        if len(goods) > 1:
            found.append(Key(GOODS, "goods, origin and what goes with them", goods, parent))
        if declared:
            above = GOODS if len(goods) > 1 else None
            found.append(Key(DECLARATION, "same goods, mass and value", declared, above, _DECLARATION_WEIGHT, True))
        return tuple(found)

    def _goods(self) -> tuple[str, ...]:
        own = (f"field_{slug}" for slug, field in self.slugs().items() if field.of_goods)
        return (*(name for name in _GOODS if name in self.columns), *own)

    def _declaration(self) -> tuple[str, ...]:
        """Parts of the key of identical declarations: goods and amounts, or without amounts all there is."""
        amounts = tuple(name for name in _AMOUNTS if name in self.columns)
        numeric = tuple(f"field_{slug}" for slug, f in self.slugs().items() if f.kind == "numeric" and not f.of_goods)
        if not amounts:
            everything = (*(name for name in COUNTED if name in self.columns), *self._goods())
            return tuple(dict.fromkeys((*everything, *(f"field_{slug}" for slug in self.slugs()))))
        return (*self._goods(), *amounts, *(numeric if "hs_code" not in self.columns else ()))


@lru_cache(maxsize=256)
def _slugs(fields: tuple[FurtherField, ...]) -> Mapping[str, FurtherField]:
    return MappingProxyType(dict(zip(slugs([field.name for field in fields]), fields, strict=True)))


@lru_cache(maxsize=256)
def _counted(own: OwnFields) -> tuple[Key, ...]:
    return own._counted()


def hashed(table: ManifestTable, own: OwnFields) -> dict[str, IntArray]:
    """Per key of `OwnFields.counted` a 64-bit hash (n_rows,) of the row's value; 0: missing.

    A joined key is missing where all its parts are, a pair where any is.
    """
    by_slug = own.slugs()

    def simple(name: str) -> IntArray:
        if name.startswith("hs") and name[2:].isdigit():
            digits, column = int(name[2:]), table.text("hs_code")
            return _of_values(column, [_hash(c[:digits]) if len(c) >= digits else 0 for c in column.values])
        if name in _AMOUNTS:
            return _of_number(table.number(name))
        if name.startswith("field_"):
            field = by_slug[name.removeprefix("field_")]
            if field.kind == "numeric":
                return _of_number(table.further_number(field.name))
            return _of_text(table.further(field.name))
        return _of_text(table.text(name))

    parts: dict[str, IntArray] = {}
    found: dict[str, IntArray] = {}
    for key in own.counted():
        for part in key.parts:
            if part not in parts:
                parts[part] = simple(part)
        values = [parts[part] for part in key.parts]
        if len(values) == 1 and key.name != DECLARATION:
            found[key.name] = values[0]
        else:
            found[key.name] = mixed(values, len(values) if "_x_" in key.name else 1)
    return found


def declarations(table: ManifestTable, own: OwnFields) -> IntArray:
    """(n_rows,) equal numbers for identical declarations; rows of which nothing is known are each their own."""
    keys = hashed(table, own).get(DECLARATION, np.zeros(table.n_rows, dtype=np.int64))
    number = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return np.where(keys == 0, len(number) + np.arange(table.n_rows), number)


def _of_text(column: Coded) -> IntArray:
    return _of_values(column, [*map(_hash, column.values)])


def _of_values(column: Coded, hashes: list[int]) -> IntArray:
    return np.array([*hashes, 0], dtype=np.int64)[column.codes]


@lru_cache(maxsize=65536)
def _hash(text: str) -> int:
    """64 bits of a text; case, accents and white space do not count. Never 0."""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = " ".join(folded.casefold().split())
    return (
        int.from_bytes(blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)
        or 1
    )


def _of_number(values: NDArray[np.float64]) -> IntArray:
    missing = np.isnan(values)
    bits = (np.where(missing, 0.0, values) + 0.0).view(np.int64)
    return np.where(missing, 0, mixed([bits], 0))
