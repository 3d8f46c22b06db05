"""Features of the HS code and of its agreement with the description."""

from __future__ import annotations

from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import CODE, FLAG, Shown, percent, ratio


class ClassificationColumn(Column):
    """Columns of the group, in order."""

    HS_MISSING = "HS_FORM", "the HS code is missing", FLAG
    HS_DIGITS = "HS_FORM", "Digits of the HS code as declared", CODE
    HS_UNKNOWN = "HS_FORM", "the code is not in HS 2022", FLAG
    HS_CHAPTER = "HS_CHAPTER", "HS chapter declared", CODE
    HS_FENTANYL = "HS_OF_INTEREST", "the subheading is one of fentanyls", FLAG
    HS_PRECURSOR = (
        "HS_OF_INTEREST",
        "the subheading is one of fentanyl precursors, or a broad one that contains them or nitazenes",
        FLAG,
    )
    HS_EQUIPMENT = "HS_OF_INTEREST", "the subheading is one of tablet presses, their parts or lookalikes", FLAG
    HS_EXCIPIENT = "HS_OF_INTEREST", "the subheading is one of binders, fillers or dosage forms", FLAG
    HS_COVER = "HS_OF_INTEREST", "the subheading was reported as a cover, or looks alike", FLAG
    HS_TEXT_CONTRADICTION = (
        "HS_CONTRADICTS_TEXT",
        "How far the words contradict the HS code: minus its log-likelihood ratio, 0 where they fit or say nothing",
        Shown(ratio, "The words speak against the HS code"),
        1,
    )
    HS_TEXT_AGREEMENT = (
        "HS_TEXT",
        "How well the words fit the HS code: its log-likelihood ratio, 0 where they do not",
        Shown(ratio, "The words speak for the HS code"),
        -1,
    )
    HS_TEXT_CERTAINTY = (
        "HS_TEXT",
        "Largest P(HS chapter given the words of the description)",
        Shown(percent, "Probability of the likeliest HS chapter, given these words"),
    )
    HS_CHEMICAL_CHAPTER = "HS_CHAPTER", "the code is in the chemical chapters 28, 29 or 38", FLAG
    TEXT_CHEMICAL_PROBABILITY = (
        "HS_TEXT",
        "P(chemical chapters given the words of the description)",
        Shown(percent, "Probability that these words name a chemical"),
    )
    CHEMICAL_TEXT_HARMLESS_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Log-likelihood ratio of chemicals given the words, under a code outside the chemical chapters; otherwise 0",
        Shown(ratio, "The words speak for chemicals, the HS code does not"),
        1,
    )
    HARMLESS_TEXT_CHEMICAL_CODE = (
        "HS_CONTRADICTS_TEXT",
        "Minus the log-likelihood ratio of chemicals given the words, under a code of the chemical chapters; 0 for words that "
        "say nothing about their goods",
        Shown(ratio, "The words speak for other goods than the HS code's chemicals"),
    )
    TEXT_DOUBT = (
        "HS_TEXT",
        "P(the words of the description say nothing about the goods)",
        Shown(percent, "Probability that the words say nothing about the goods"),
    )
    DESCRIPTION_VAGUENESS = (
        "DESCRIPTION_VAGUE",
        "How likely a customs office rejects the description as too vague, 0 to 1",
        Shown(percent, "Probability that customs reject the description as vague"),
    )


#: Columns before this one depend on the full HS code. The others depend on the description and on the heading at most.
FIRST_OF_PAIR: Final = ClassificationColumn.HS_TEXT_CONTRADICTION
FEATURES: Final = declare("classification", ClassificationColumn)
