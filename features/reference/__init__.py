"""Dated, sourced reference data and the code lists of libraries.

`tables` loads the bundled files of `data/`, `rates` the currency rates, `codes` ISO, IATA and HS codes. Everything is
read on first use.
"""

from __future__ import annotations

from features.reference.classes import ClassDefinition, ClassExemption, Effect, class_definitions, class_exemptions
from features.reference.codes import country, currency, hs_exists, hs_text, location, location_country
from features.reference.errors import ReferenceDataError
from features.reference.known_cas import is_known_cas
from features.reference.rates import rate_table, usd_per_unit
from features.reference.recorded import ConventionParty, RecordedLaw, convention_parties, recorded_law
from features.reference.rows import (
    BenignChemical,
    Carrier,
    CasNumber,
    CharacterRule,
    EcommerceGood,
    Group,
    HsOfInterest,
    HsRole,
    Listing,
    PolicyDate,
    Precision,
    Statistic,
    Status,
    StopWord,
    StructureMotif,
    Substance,
    Typology,
    Verified,
)
from features.reference.tables import (
    benign_chemicals,
    carriers,
    cas_numbers,
    character_rules,
    control_listings,
    dialling_codes,
    ecommerce_goods,
    hs_of_interest,
    policy_dates,
    statistics,
    stop_word_rows,
    stop_words,
    structure_motifs,
    substances,
    typologies,
)

__all__ = [
    "BenignChemical",
    "Carrier",
    "CasNumber",
    "CharacterRule",
    "ClassDefinition",
    "ClassExemption",
    "ConventionParty",
    "EcommerceGood",
    "Effect",
    "Group",
    "HsOfInterest",
    "HsRole",
    "Listing",
    "PolicyDate",
    "Precision",
    "RecordedLaw",
    "ReferenceDataError",
    "Statistic",
    "Status",
    "StopWord",
    "StructureMotif",
    "Substance",
    "Typology",
    "Verified",
    "benign_chemicals",
    "carriers",
    "cas_numbers",
    "character_rules",
    "class_definitions",
    "class_exemptions",
    "control_listings",
    "convention_parties",
    "country",
    "currency",
    "dialling_codes",
    "ecommerce_goods",
    "hs_exists",
    "hs_of_interest",
    "hs_text",
    "is_known_cas",
    "location",
    "location_country",
    "policy_dates",
    "rate_table",
    "recorded_law",
    "statistics",
    "stop_word_rows",
    "stop_words",
    "structure_motifs",
    "substances",
    "typologies",
    "usd_per_unit",
]
