"""What the declared chemical is, and what the law of the day says of it."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from features.groups.base import FloatArray, Group, declare, present
from features.reference import substances
from features.substances import BENIGN, Match, SubstanceIndex
from features.substances.law import listings, months_since_listing
from features.table import ManifestTable

FEATURES: Final = declare(
    "substance",
    (
        "substance_opioid",
        "SUBSTANCE_DECLARED",
        "A fentanyl, nitazene or other opioid: 2 declared, 1 mentioned, 0 not named",
        1,
    ),
    ("substance_precursor", "SUBSTANCE_DECLARED", "A fentanyl precursor: 2 declared, 1 mentioned, 0 not named", 1),
    ("substance_other", "SUBSTANCE_DECLARED", "Another listed substance or an adulterant is named"),
    ("substance_benign", "SUBSTANCE_DECLARED", "A common chemical that is on no list is named"),
    (
        "substance_identifier",
        "SUBSTANCE_DECLARED",
        "The substance was recognised by an identifier such as its CAS number",
    ),
    ("substance_chemical_declared", "SUBSTANCE_DECLARED", "The field for a declared chemical is filled"),
    ("substance_cas_declared", "SUBSTANCE_DECLARED", "The field for a CAS number is filled"),
    ("substance_hs_agrees", "SUBSTANCE_HS", "Whether the declared HS code is that of the named substance"),
    (
        "substance_listed_destination",
        "SUBSTANCE_DECLARED",
        "Whether it is listed in the country of the consignee on the day",
    ),
    ("substance_listed_export", "SUBSTANCE_DECLARED", "Whether it is listed in the country of export on the day"),
    ("substance_listed_un", "SUBSTANCE_DECLARED", "Whether it is listed by the United Nations on the day"),
    ("substance_listed_months", "SUBSTANCE_DECLARED", "Months since it was first listed anywhere"),
    ("permit_present", "PERMIT", "Whether a permit number is declared"),
)
_OPIOIDS: Final = frozenset({"fentanyl", "nitazene", "other_opioid"})


def _rank(match: Match | None) -> int:
    if match is None:
        return 0
    if match.hit:
        return 4
    return 3 if match.kind == "mention" else 1 if match.group == BENIGN else 2


@lru_cache(maxsize=1)
def _hs_of_substances() -> dict[str, tuple[str, ...]]:
    return {row.name: row.hs6 for row in substances()}


@lru_cache(maxsize=16384)
def _law(substance: str, day: int, destination: str, export: str) -> tuple[float, float, float, float]:
    on = date.fromordinal(day)
    months = months_since_listing(substance, on, None)
    return (
        float(bool(destination and listings(substance, on, destination))),
        float(bool(export and listings(substance, on, export))),
        float(bool(listings(substance, on, "UN"))),
        np.nan if months is None else months,
    )


def resolved(table: ManifestTable) -> list[Match | None]:
    """Per row the most important substance that description, declared chemical and CAS number name; of equal ones the
    declared chemical's, then the CAS number's."""

    def make() -> list[Match | None]:
        index = SubstanceIndex.load()
        best: list[Match | None] = [None] * table.n_rows
        for name in ("declared_chemical", "cas_number", "goods_description"):
            column = table.text(name)
            if name == "cas_number":
                found = [index.resolve_cas(text) for text in column.values]
            else:
                found = [index.resolve(text, chemical=name == "declared_chemical") for text in column.values]
            named = np.array([*(match is not None for match in found), False])[column.codes]
            for row in np.flatnonzero(named).tolist():
                match = found[column.codes[row]]
                if _rank(match) > _rank(best[row]):
                    best[row] = match
        return best

    matches: list[Match | None] = table.derived("substances", make)
    return matches


class SubstanceGroup(Group):
    """The declared substance and its legal status on the day."""

    name = "substance"
    features = FEATURES

    def transform(self, table: ManifestTable, history: FloatArray) -> FloatArray:
        matrix = np.zeros((table.n_rows, len(FEATURES)))
        matrix[:, 5] = present(table.text("declared_chemical"))
        matrix[:, 6] = present(table.text("cas_number"))
        matrix[:, 7:12] = np.nan
        matrix[:, 12] = present(table.text("permit_number"))
        matches = resolved(table)
        rows = [row for row, match in enumerate(matches) if match is not None]
        if not rows:
            return matrix
        days = table.declared_s // 86400 + date(1970, 1, 1).toordinal()
        destination, export, hs = (table.text(n) for n in ("consignee_country", "export_country", "hs_code"))
        for row in rows:
            match = matches[row]
            if match is None:
                continue
            named = 2.0 if match.hit else 1.0
            matrix[row, 4] = float(match.kind == "identifier")
            if match.group == BENIGN:
                matrix[row, 3] = 1.0
                continue
            if match.group in _OPIOIDS:
                matrix[row, 0] = named
            elif match.group == "precursor":
                matrix[row, 1] = named
            else:
                matrix[row, 2] = 1.0
            expected = _hs_of_substances().get(match.substance, ())
            if expected and hs.codes[row] >= 0:
                matrix[row, 7] = float(hs.values[hs.codes[row]][:6] in expected)
            day = int(days[table.shipment[row]])
            matrix[row, 8:12] = _law(
                match.substance,
                min(max(day, 1), date.max.toordinal()),
                destination.values[destination.codes[row]] if destination.codes[row] >= 0 else "",
                export.values[export.codes[row]] if export.codes[row] >= 0 else "",
            )
        return matrix
