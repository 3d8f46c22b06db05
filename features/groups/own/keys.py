"""Keys by which an office's data is counted: parties, goods, places, further fields, pairs of these, and declarations."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.readers.headers import FurtherField, slugs
from features.table.table import Coded, ManifestTable

IntArray = NDArray[np.int64]

#: Counted manifest column -> its name in meanings of features. The first are combined in pairs before the others.
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
    "consignee_country": "consignee's country",
    "routing_countries": "countries on the way",
    "channel": "channel",
    "filing_type": "kind of filing",
    "currency": "currency",
    "quantity_unit": "unit of quantity",
    "undg_number": "number of dangerous goods",
    "consignor_city": "consignor's city",
    "consignee_city": "consignee's city",
    "consignor_postcode": "consignor's postcode",
    "consignee_postcode": "consignee's postcode",
    "consignor_address": "consignor's address",
    "consignee_address": "consignee's address",
    "consignor_phone": "consignor's telephone number",
    "consignee_phone": "consignee's telephone number",
    "consignor_email": "consignor's e-mail address",
    "consignee_email": "consignee's e-mail address",
    "declared_chemical": "declared chemical",
    "cas_number": "CAS number",
    "cus_number": "CUS number",
    "permit_number": "permit",
    "master_id": "master document",
    "house_id": "house document",
}
#: Lengths of the counted HS prefixes, ascending, and longer ones that are counted if the data has such codes.
HS_DIGITS: Final = (2, 4, 6)
NATIONAL_DIGITS: Final = (8, 10)
#: Columns of the goods and their origin. Together with mass, value and quantity they identify a declaration.
_GOODS: Final = ("goods_description", "hs_code", "origin_country", "export_country")
_AMOUNTS: Final = ("net_mass_kg", "gross_mass_kg", "customs_value", "quantity")
#: Pairs that often interact.
_USUAL_PAIRS: Final = (
    ("consignee_name", "hs4"),
    ("consignor_name", "hs4"),
    ("agent_name", "hs4"),
    ("hs6", "origin_country"),
    ("hs6", "export_country"),
    ("consignor_name", "consignee_name"),
    ("agent_name", "origin_country"),
)
#: Manifest columns of countries and places.
PLACES: Final = (
    *("consignor_country", "origin_country", "export_country", "loading_location", "unloading_location"),
    *("consignee_country", "routing_countries", "consignor_city", "consignee_city"),
    *("consignor_postcode", "consignee_postcode"),
)
#: Columns that number single declarations, so that copies differ in them.
_NUMBERING: Final = frozenset({"master_id", "house_id"})
#: Largest difference between logarithms of amounts of near copies, number that stands for a missing amount, and largest sets of
#: near copies, in rows and as a share of all rows.
_NEAR: Final = 0.02
_NO_AMOUNT: Final = 1e-300
_LEAST_JOINED: Final = 50
_MOST_JOINED: Final = 0.005
#: Names of the keys for goods from a place, and for identical declarations.
GOODS: Final = "goods"
DECLARATION: Final = "declaration"

#: Weight of the parent key's rate when a value's rate is smoothed, as a number of results.
_USUAL_WEIGHT: Final = 5.0
#: The same weight for identical declarations, which nearly always have the same result.
_DECLARATION_WEIGHT: Final = 0.5

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR: Final = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True)
class Key:
    """Key by which rows are counted.

    Attributes:
        name: name in names of features, after ``own_``.
        meaning: name in meanings of features.
        parts: names of the simple keys that the key combines.
        parent: name of the key towards whose rate the key's rate is smoothed; None for the rate of all rows.
        weight: weight of the parent's rate, in results.
        repeats: True if every repeat of a declaration counts. Otherwise only its first result counts
            (`features.groups.own.counts.first_results`).
    """

    name: str
    meaning: str
    parts: tuple[str, ...]
    parent: str | None = None
    weight: float = _USUAL_WEIGHT
    repeats: bool = False


@dataclass(frozen=True)
class OwnFields:
    """Fields of an office's data.

    Attributes:
        fields: columns of the data that the manifest does not have.
        columns: manifest columns that the data fills, and ``hs8`` or ``hs10`` for national codes of that length.
        known_label: True if the label is that of the manifest, for which the directions of features are known.
        pairs: pairs of simple keys, by name, whose combinations are also counted (`training.data.own_fields` chooses them).
    """

    fields: tuple[FurtherField, ...]
    columns: tuple[str, ...]
    known_label: bool = False
    pairs: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON."""
        return {
            "fields": [field.to_json() for field in self.fields],
            "columns": list(self.columns),
            "known_label": self.known_label,
            "pairs": [list(pair) for pair in self.pairs],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OwnFields:
        """Restore fields from `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the data is not a result of `to_json`.
        """
        return cls(
            tuple(FurtherField.from_json(field) for field in data["fields"]),
            tuple(str(name) for name in data["columns"]),
            bool(data["known_label"]),
            tuple((str(first), str(second)) for first, second in data.get("pairs", [])),
        )

    @cached_property
    def slugs(self) -> Mapping[str, FurtherField]:
        """Further fields by slug, which is the part of a feature name that stands for the field."""
        names = slugs([field.name for field in self.fields])
        return MappingProxyType(dict(zip(names, self.fields, strict=True)))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Parts of keys in which near copies of a declaration agree: all texts and codes, and numbers that describe the goods."""
        manifest = (name for name in (*COUNTED, "hs_code") if name in self.columns and name not in _NUMBERING)
        own = (f"field_{slug}" for slug, field in self.slugs.items() if field.kind == "categorical" or field.of_goods)
        return (*manifest, *own)

    @cached_property
    def counted(self) -> tuple[Key, ...]:
        """All keys, with parents before children.

        Raises:
            ValueError: a chosen pair names a key that does not exist.
        """
        keys = self.simple()
        keys += self._pairs({key.name: key for key in keys})
        goods, declared = self._goods(), self._declaration()
        names = {key.name for key in keys}
        parent = next((name for name in ("hs6_x_origin_country", "hs6") if name in names), None)
        if len(goods) > 1:
            keys.append(Key(GOODS, "combination of goods, origin and related fields", goods, parent))
        if declared:
            coarser = GOODS if len(goods) > 1 else None
            keys.append(
                Key(DECLARATION, "combination of goods, mass and value", declared, coarser, _DECLARATION_WEIGHT, True)
            )
        return tuple(keys)

    def simple(self) -> list[Key]:
        """Return the keys of single columns, and of the HS code at 2, 4 and 6 digits and at its full length."""
        keys = [Key(name, COUNTED[name], (name,)) for name in COUNTED if name in self.columns]
        if "hs_code" in self.columns:
            lengths = (*HS_DIGITS, *(digits for digits in NATIONAL_DIGITS if f"hs{digits}" in self.columns))
            keys += [
                Key(f"hs{digits}", f"HS code at {digits} digits", (f"hs{digits}",), f"hs{before}" if before else None)
                for before, digits in zip((0, *lengths), lengths, strict=False)
            ]
        keys += [
            Key(f"field_{slug}", f"value of {field.name!r}", (f"field_{slug}",))
            for slug, field in self.slugs.items()
            if field.kind == "categorical" or field.of_goods
        ]
        return keys

    def usual_pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of simple keys, by name, that often interact: `_USUAL_PAIRS`, and HS headings with further fields."""
        names = {key.name for key in self.simple()}
        fields = [slug for slug, field in self.slugs.items() if not field.of_goods and field.kind == "categorical"]
        pairs = (*_USUAL_PAIRS, *(("hs4", f"field_{slug}") for slug in fields))
        return tuple(pair for pair in pairs if names.issuperset(pair))

    def _pairs(self, simple: Mapping[str, Key]) -> list[Key]:
        """Return the keys that combine two simple keys.

        Raises:
            ValueError: a chosen pair names a key that does not exist.
        """
        for pair in self.pairs:
            if not all(part in simple for part in pair):
                raise ValueError(f"The pair {' and '.join(pair)} names a key that the fields do not have.")
        return [_pair_key(pair, " and ".join(simple[part].meaning for part in pair)) for pair in self.pairs]

    def _goods(self) -> tuple[str, ...]:
        """Return the parts of the key for goods from a place: the manifest columns and further fields that describe goods."""
        own = (f"field_{slug}" for slug, field in self.slugs.items() if field.of_goods)
        return (*(name for name in _GOODS if name in self.columns), *own)

    def _declaration(self) -> tuple[str, ...]:
        """Return the parts of the key for identical declarations.

        The parts are goods and amounts, and numeric further fields if HS codes are missing. Without amounts, all columns are parts.
        """
        amounts = tuple(name for name in _AMOUNTS if name in self.columns)
        numeric = tuple(f"field_{slug}" for slug, f in self.slugs.items() if f.kind == "numeric" and not f.of_goods)
        if not amounts:
            everything = (*(name for name in COUNTED if name in self.columns), *self._goods())
            return tuple(dict.fromkeys((*everything, *(f"field_{slug}" for slug in self.slugs))))
        return (*self._goods(), *amounts, *(numeric if "hs_code" not in self.columns else ()))


def _pair_key(pair: tuple[str, str], meaning: str) -> Key:
    """Return the key that combines two simple keys. Its rate is smoothed towards that of the first key."""
    return Key("_x_".join(pair), meaning, pair, pair[0])


def hashed(table: ManifestTable, own: OwnFields, only: str | None = None) -> dict[str, IntArray]:
    """Return 64-bit hashes (n_rows,) of the rows' values for each key of `OwnFields.counted`; 0 where missing.

    If ``only`` is given, compute only the key of that name. A pair is missing if either part is missing. Another combined key is
    missing if all parts are missing.
    """
    hasher = KeyHasher(table, own)
    return {key.name: hasher.hashes(key) for key in own.counted if only is None or key.name == only}


class KeyHasher:
    """Hashes the values of a table's rows.

    It caches the hashes of distinct texts, but no arrays of length n_rows, which would take too much memory.
    """

    def __init__(self, table: ManifestTable, own: OwnFields) -> None:
        self._table, self._by_slug = table, own.slugs
        #: Part -> hashes of its column's distinct values, followed by 0, which the code -1 of missing values selects.
        self._of_text: dict[str, IntArray] = {}

    def hashes(self, key: Key) -> IntArray:
        """Return the hash (n_rows,) of each row's value of a key; 0 where missing."""
        parts = [self._part(name) for name in key.parts]
        if len(parts) == 1 and key.name != DECLARATION:
            return parts[0]
        return mixed(parts, len(parts) if "_x_" in key.name else 1)

    def _part(self, name: str) -> IntArray:
        table, field = self._table, self._by_slug.get(name.removeprefix("field_"))
        if name in _AMOUNTS:
            return _of_number(table.number(name))
        if not name.startswith("field_") or field is None:
            digits = int(name[2:]) if name.startswith("hs") and name[2:].isdigit() else None
            return self._text(name, table.text(name if digits is None else "hs_code"), digits)
        if field.kind == "numeric":
            return _of_number(table.further_number(field.name))
        return self._text(name, table.further(field.name))

    def _text(self, name: str, column: Coded, digits: int | None = None) -> IntArray:
        """Return the hash (n_rows,) of each row's text in a column, or of its first digits."""
        of_value = self._of_text.get(name)
        if of_value is None:
            if digits is None:
                hashes = [*map(_hash, column.values)]
            else:
                hashes = [_hash(code[:digits]) if len(code) >= digits else 0 for code in column.values]
            of_value = self._of_text[name] = np.array([*hashes, 0], dtype=np.int64)
        return of_value[column.codes]


def declarations(table: ManifestTable, own: OwnFields) -> IntArray:
    """Return equal numbers (n_rows,) for identical declarations. A row without any known value has a distinct number."""
    keys = declaration_hashes(table, own)
    number = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return np.where(keys == 0, len(number) + np.arange(table.n_rows), number)


def near_declarations(table: ManifestTable, own: OwnFields) -> IntArray:
    """Return equal numbers (n_rows,) for identical declarations and their near copies.

    Near copies have equal texts and codes in all columns, and differ by at most 2 % in mass and in value.
    """
    # Imported here because only the training extra installs scipy.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, same = table.n_rows, np.unique(declarations(table, own), return_inverse=True)[1]
    if not own.texts or not n:
        return same.astype(np.int64)
    texts = KeyHasher(table, own).hashes(Key("texts", "", own.texts))
    near = np.unique(texts, return_inverse=True)[1]
    for amount in (table.amounts.mass, table.number("customs_value")):
        size = np.log(np.where(amount > 0.0, amount, _NO_AMOUNT))
        order = np.lexsort((size, near))
        apart = (np.diff(near[order]) != 0) | (np.diff(size[order]) > _NEAR)
        near[order] = np.concatenate(([0], np.cumsum(apart)))
    # Many rows with few columns differ gradually, so that chains of near copies would join them all.
    joined = (texts != 0) & (np.bincount(near)[near] <= max(_LEAST_JOINED, _MOST_JOINED * n))
    near = np.where(joined, near, n + np.arange(n))
    links = coo_array((np.ones(n, dtype=np.bool_), (same, n + near)), shape=(3 * n, 3 * n))
    return np.asarray(connected_components(links, directed=False)[1][same], dtype=np.int64)


def declaration_hashes(table: ManifestTable, own: OwnFields) -> IntArray:
    """Return a hash (n_rows,) of each row's declaration; 0 for a row without any known value."""
    return hashed(table, own, DECLARATION).get(DECLARATION, np.zeros(table.n_rows, dtype=np.int64))


def _hash(text: str) -> int:
    """Return a nonzero 64-bit hash of a text, ignoring case, Unicode compatibility forms and white space."""
    folded = text if text.isascii() else unicodedata.normalize("NFKC", text)
    plain = " ".join(folded.casefold().split())
    return (
        int.from_bytes(blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)
        or 1
    )


def _of_number(values: NDArray[np.float64]) -> IntArray:
    missing = np.isnan(values)
    # Adding 0.0 turns -0.0 into 0.0, so that both have the same hash.
    bits = (np.where(missing, 0.0, values) + 0.0).view(np.int64)
    return np.where(missing, 0, mixed([bits], 0))


def mixed(parts: list[IntArray], needed: int) -> IntArray:
    """Combine several 64-bit keys (n,) into one with the finaliser of SplitMix64 (Steele, Lea and Flood 2014).

    Parts equal to 0 are missing. The result is 0 if and only if fewer than ``needed`` parts are present.
    """
    key = np.full(len(parts[0]), _GOLDEN, dtype=np.uint64)
    present = np.zeros(len(key), dtype=np.int64)
    for part in parts:
        present += part != 0
        key = key ^ part.view(np.uint64)
        key = (key ^ (key >> np.uint64(30))) * _FIRST_FACTOR
        key = (key ^ (key >> np.uint64(27))) * _SECOND_FACTOR
        key = key ^ (key >> np.uint64(31))
    key[key == 0] = 1
    key[present < needed] = 0
    return key.view(np.int64)
