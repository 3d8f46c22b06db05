"""Features of the declared substance and its legal status."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, NUMBER, Shown, one_of

_NAMED: Final = ("not named", "mentioned", "declared")


class SubstanceColumn(Column):
    """Columns of the group, in order."""

    SUBSTANCE_OPIOID = (
        "SUBSTANCE_DECLARED",
        "A fentanyl, nitazene or other opioid: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "A fentanyl, nitazene or other opioid"),
        1,
    )
    SUBSTANCE_PRECURSOR = (
        "SUBSTANCE_DECLARED",
        "A fentanyl precursor: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "A fentanyl precursor"),
        1,
    )
    SUBSTANCE_WATCHED = (
        "SUBSTANCE_DECLARED",
        "An opioid or a fentanyl precursor: 2 declared, 1 mentioned, 0 not named",
        Shown(one_of(*_NAMED), "An opioid or a fentanyl precursor"),
        1,
    )
    SUBSTANCE_OTHER = (
        "SUBSTANCE_DECLARED",
        "Another substance: 2 a controlled drug is declared, 1 another listed substance or an adulterant is named, 0 neither",
    )
    SUBSTANCE_BENIGN = "SUBSTANCE_DECLARED", "a common chemical that is on no list is named", FLAG
    SUBSTANCE_IDENTIFIER = "SUBSTANCE_DECLARED", "the substance was recognised by its CAS number or structure", FLAG
    SUBSTANCE_SYSTEMATIC = "SUBSTANCE_DECLARED", "the substance was recognised by its systematic name", FLAG
    SUBSTANCE_DISGUISED = (
        "SUBSTANCE_NAMED_OTHERWISE",
        "The name is misspelt (2) or in a language other than English (1)",
    )
    SUBSTANCE_CLASS = (
        "SUBSTANCE_CLASS",
        "A substance on no list meets a class definition: 2 yes, 1 perhaps, 0 no",
        NUMBER,
        1,
    )
    SUBSTANCE_SIMILARITY = (
        "SUBSTANCE_SIMILAR",
        "Similarity of its structure to the nearest listed substance, if it is on no list itself",
    )
    SUBSTANCE_CONFIDENCE = "SUBSTANCE_DECLARED", "Confidence that the text means the substance, 0 to 1"
    SUBSTANCE_CONTEXT_PERMIT = "SUBSTANCE_DECLARED", "the words around the substance mention a permit for it", FLAG
    SUBSTANCE_CONTEXT_STANDARD = (
        "SUBSTANCE_DECLARED",
        "the words around the substance mention an analytical standard or a trace",
        FLAG,
    )
    SUBSTANCE_CONTEXT_MENTION = (
        "SUBSTANCE_DECLARED",
        "the words around the substance deny it or mention a test, an antidote or a publication",
        FLAG,
    )
    SUBSTANCE_CHEMICAL_DECLARED = "SUBSTANCE_DECLARED", "the field for a declared chemical is filled", FLAG
    SUBSTANCE_CAS_DECLARED = "SUBSTANCE_DECLARED", "the field for a CAS number is filled", FLAG
    SUBSTANCE_HS_AGREES = "SUBSTANCE_HS", "the declared HS code is that of the named substance", FLAG
    SUBSTANCE_LISTED_DESTINATION = (
        "SUBSTANCE_DECLARED",
        "it is listed in the consignee's country on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_EXPORT = (
        "SUBSTANCE_DECLARED",
        "it is listed in the country of export on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_ORIGIN = (
        "SUBSTANCE_DECLARED",
        "it is listed in the country of origin on the day of declaration, by name or class",
        FLAG,
    )
    SUBSTANCE_LISTED_UN = "SUBSTANCE_DECLARED", "it is listed by the United Nations on the day of declaration", FLAG
    SUBSTANCE_LISTED_MONTHS = "SUBSTANCE_DECLARED", "Months since it first came under control anywhere, at most 120"
    PERMIT_PRESENT = "PERMIT", "a permit number is declared", FLAG


FEATURES: Final = declare("substance", SubstanceColumn)
