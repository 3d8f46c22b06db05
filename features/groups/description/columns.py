"""Features of the words of the goods description."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from features.groups.base import Column, declare
from features.groups.shown import FLAG, LOG_COUNT, SHARE, Shown, log_share, number_text, one_of


class DescriptionColumn(Column):
    """Columns of the group, in order."""

    DESCRIPTION_MISSING = "DESCRIPTION_VAGUE", "the goods description is missing", FLAG
    DESCRIPTION_LENGTH = "DESCRIPTION_FORM", "Characters of the description", LOG_COUNT
    DESCRIPTION_WORDS = "DESCRIPTION_FORM", "Words of the description"
    DESCRIPTION_DIGIT_SHARE = "DESCRIPTION_FORM", "Share of digits among its characters", SHARE
    DESCRIPTION_STOP_WORD = (
        "DESCRIPTION_VAGUE",
        "1 if the description is a term that customs reject as vague, 0.5 if it contains one",
        Shown(
            lambda value: "" if value >= 1.0 else "it contains one" if value > 0.0 else "no",
            "Description is a term that customs reject as vague",
        ),
    )
    DESCRIPTION_UNINFORMATIVE = (
        "DESCRIPTION_VAGUE",
        "the characters carry no information (digits only, one letter repeated)",
        Shown(
            lambda value: "no" if value == 0.0 else "",
            "The description has few or repeated letters",
            denied="The description has enough different letters",
        ),
    )
    DESCRIPTION_OTHER_SCRIPT = "DESCRIPTION_FORM", "Share of letters outside the Latin script", SHARE
    DESCRIPTION_CHEMICAL_WORDS = "DESCRIPTION_CHEMICAL", "Words built like chemical names"
    DESCRIPTION_CAS = "DESCRIPTION_CHEMICAL", "the text contains a CAS number", FLAG
    DESCRIPTION_GRADE = (
        "DESCRIPTION_CHEMICAL",
        "Words of grade and purpose (purity, reagent, intermediate, sample, powder)",
    )
    DESCRIPTION_EQUIPMENT = "EQUIPMENT_DECLARED", "tablet or capsule machinery, dies or moulds are named", FLAG
    DESCRIPTION_TOOLING = (
        "EQUIPMENT_DECLARED",
        "presses, punches, dies, moulds or machine parts of any kind are named",
        FLAG,
    )
    DESCRIPTION_MEDICINE = "DESCRIPTION_CHEMICAL", "tablets, capsules or medicines are named", FLAG
    DESCRIPTION_DOSE = (
        "DESCRIPTION_CHEMICAL",
        "A clinical form (patch, ampoule, tablet) is named: 2 with an amount per dose, 1 without, 0 not named",
        Shown(
            one_of("none", "one without an amount per dose", "one with an amount per dose"),
            "Clinical forms named, such as tablet, ampoule, patch or spray",
        ),
    )
    DESCRIPTION_STANDARD = (
        "DESCRIPTION_CHEMICAL",
        "The words are those of reference standards: 2 with an amount of one gram or more, 1 without, 0 they are not",
        Shown(
            one_of("none", "without an amount of one gram or more", "with an amount of one gram or more"),
            "Words of reference standards",
        ),
    )
    DESCRIPTION_GENERIC_CHEMISTRY = (
        "DESCRIPTION_CHEMICAL",
        "Words that could be any chemical (intermediate, powder, research chemical), in many languages; 0 with a CAS number",
        Shown(number_text, "General words, such as powder, sample or intermediate"),
    )
    DESCRIPTION_OPIOID_FRAGMENT = (
        "SUBSTANCE_SIMILAR",
        "a part of a systematic name is typical of fentanyls or nitazenes",
        FLAG,
        1,
    )
    DESCRIPTION_PRECURSOR_FRAGMENT = (
        "SUBSTANCE_SIMILAR",
        "a part of a systematic name is typical of fentanyl precursors",
        FLAG,
        1,
    )
    DESCRIPTION_BINDER = "DESCRIPTION_CHEMICAL", "fillers or binders of tablets are named", FLAG
    DESCRIPTION_DYE = "DESCRIPTION_CHEMICAL", "dyes or pigments are named", FLAG
    DESCRIPTION_HOBBY = "EQUIPMENT_DECLARED", "words of kitchens, crafts or toys are used", FLAG
    DESCRIPTION_NUMBERS = "DESCRIPTION_FORM", "Numbers in the text"
    DESCRIPTION_UNKNOWN_WORDS = (
        "DESCRIPTION_FORM",
        "Share of words that neither past descriptions nor names of substances use",
        SHARE,
    )
    DESCRIPTION_RAREST_WORD = (
        "DESCRIPTION_FORM",
        "Log share of past descriptions with the rarest known word of the text",
        Shown(
            log_share,
            "Its rarest known word stands in this share of past descriptions",
            unknown="Past descriptions used none of its words",
        ),
    )


class WordFlag(IntEnum):
    """Flags of a token. A SEARCH flag marks a pattern search that can succeed only in a text with such a token."""

    CHEMICAL = 1
    MEDICINE = 2
    SEARCH_GRADE = 4
    SEARCH_RESEARCH = 8
    SEARCH_EQUIPMENT = 16
    SEARCH_TOOLING = 32
    SEARCH_STOP_WORD = 64
    SEARCH_FRAGMENT = 128
    DOSE_FORM = 256
    STRENGTH = 512
    STANDARD = 1024
    GENERIC_CHEMISTRY = 2048
    BINDER = 4096
    DYE = 8192
    TABLET_PRESS = 16384
    HOBBY = 32768


FEATURES: Final = declare("description", DescriptionColumn)
