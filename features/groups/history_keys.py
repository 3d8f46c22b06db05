"""Keys of the entities that history remembers: who and where, whatever the spelling."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from features.table import ManifestTable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@lru_cache(maxsize=131072)
def _hash(text: str) -> int:
    """64-bit hash of a name or address: case, accents, punctuation and white space do not count."""
    folded = text if text.isascii() else unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in folded.casefold() if letter.isalnum())
    return int.from_bytes(blake2b(plain.encode(), digest_size=8).digest(), "little", signed=True) if plain else 0


def _mix(*parts: NDArray[np.int64]) -> IntArray:
    """One 64-bit key from several (finaliser of SplitMix64, Steele, Lea and Flood 2014); never 0."""
    with np.errstate(over="ignore"):
        mixed = np.full(len(parts[0]), 0x9E3779B97F4A7C15, dtype=np.uint64)
        for part in parts:
            mixed = (mixed ^ part.view(np.uint64)) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return np.where(mixed == 0, 1, mixed).astype(np.uint64).view(np.int64)


def entity_keys(table: ManifestTable) -> dict[str, IntArray]:
    """Per shipment the keys of its entities (0: missing), its time, and its value in cents and mass in grams."""

    def make() -> dict[str, IntArray]:
        first = table.first_row

        def hashed(name: str) -> IntArray:
            column = table.text(name)
            codes = column.codes[first]
            if len(column.values) > 2 * len(codes):
                column = column.take(first).compact()
                codes = column.codes
            values = np.fromiter(map(_hash, column.values), dtype=np.int64, count=len(column.values))
            return np.append(values, 0)[codes]

        shipper, receiver = hashed("consignor_name"), hashed("consignee_name")
        street, postcode = hashed("consignee_address"), hashed("consignee_postcode")
        country = hashed("consignee_country")
        consignor = np.where(shipper != 0, _mix(shipper, hashed("consignor_country")), 0)
        consignee = np.where(receiver != 0, _mix(receiver, postcode, country), 0)
        address = np.where(street != 0, _mix(street, postcode, country), 0)
        ids = table.text("shipment_id").take(first).compact()
        exact = np.fromiter(
            (int.from_bytes(blake2b(v.encode(), digest_size=8).digest(), "little", signed=True) for v in ids.values),
            dtype=np.int64,
            count=len(ids.values),
        )
        cents = _shipment_sum(table, np.rint(table.usd("customs_value") * 100.0))
        mass = table.number("gross_mass_kg")[first]
        grams = _shipment_sum(table, np.rint(table.number("net_mass_kg") * 1000.0))
        grams = np.where(
            np.isnan(mass), grams, np.nan_to_num(np.minimum(np.rint(mass * 1000.0), 1e15)).astype(np.int64)
        )
        # Identity says whether a shipment sent again is still the same one.
        identity = _mix(consignor, consignee, address, cents, grams, table.declared_s * 0)
        return {
            "time": table.declared_s,
            "id": np.append(exact, 0)[ids.codes],
            "identity": identity,
            "consignor": consignor,
            "consignee": consignee,
            "address": address,
            "pair": np.where((consignor != 0) & (consignee != 0), _mix(consignor, consignee), 0),
            "occupant": np.where((address != 0) & (consignee != 0), _mix(address, receiver), 0),
            "cents": cents,
            "grams": grams,
        }

    found: dict[str, IntArray] = table.derived("history_keys", make)
    return found


def _shipment_sum(table: ManifestTable, amounts: FloatArray) -> IntArray:
    whole = np.nan_to_num(np.minimum(amounts, 1e15)).astype(np.int64)
    return np.add.reduceat(whole, table.first_row) if table.n_shipments else np.zeros(0, dtype=np.int64)
