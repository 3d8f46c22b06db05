"""Features of the HS code and of its agreement with the description."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare


class ClassificationColumn(Column):
    """Columns of the group, in order."""

    HS_MISSING = "HS_FORM", "Whether the HS code is missing"
    HS_DIGITS = "HS_FORM", "Digits of the HS code as declared"
    HS_UNKNOWN = "HS_FORM", "Whether the code is not in HS 2022"
    HS_CHAPTER = "HS_CHAPTER", "HS chapter declared"
    HS_FENTANYL = "HS_OF_INTEREST", "Whether the subheading is one of fentanyls"
    HS_PRECURSOR = (
        "HS_OF_INTEREST",
        "Whether the subheading is one of fentanyl precursors, or a broad one that contains them or nitazenes",
    )
    HS_EQUIPMENT = "HS_OF_INTEREST", "Whether the subheading is one of tablet presses, their parts or lookalikes"
    HS_EXCIPIENT = "HS_OF_INTEREST", "Whether the subheading is one of binders, fillers or dosage forms"
    HS_COVER = "HS_OF_INTEREST", "Whether the subheading was reported as a cover, or looks alike"
    HS_TEXT_CONTRADICTION = (
        "HS_CONTRADICTS_TEXT",
        "How far the words contradict the HS code: minus its log-likelihood ratio, 0 where they fit or say nothing",
        1,
    )
    HS_TEXT_AGREEMENT = (
        "HS_TEXT",
        "How well the words fit the HS code: its log-likelihood ratio, 0 where they do not",
        -1,
    )
    HS_TEXT_CERTAINTY = "HS_TEXT", "Largest P(HS chapter given the words of the description)"
    HS_CHEMICAL_CHAPTER = "HS_CHAPTER", "Whether the code is in the chemical chapters 28, 29 or 38"
    TEXT_CHEMICAL_PROBABILITY = "HS_TEXT", "P(chemical chapters given the words of the description)"
    CHEMICAL_TEXT_HARMLESS_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Log-likelihood ratio of chemicals given the words, under a code outside the chemical chapters; otherwise 0",
        1,
    )
    HARMLESS_TEXT_CHEMICAL_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Minus the log-likelihood ratio of chemicals given the words, under a code of the chemical chapters; 0 for words that "
        "say nothing about their goods",
    )
    TEXT_DOUBT = "HS_TEXT", "P(the words of the description say nothing about the goods)"
    DESCRIPTION_VAGUENESS = (
        "DESCRIPTION_VAGUE",
        "How likely a customs office rejects the description as too vague, 0 to 1",
    )


#: Columns before this one depend on the full HS code. The others depend on the description and on the heading at most.
FIRST_OF_PAIR: Final = ClassificationColumn.HS_TEXT_CONTRADICTION
FEATURES: Final = declare("classification", ClassificationColumn)
