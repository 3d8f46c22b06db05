"""Tests of the word lists of the reference data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.manifest.fields import CHANNELS, TRANSPORT_MODES
from features.reference import ReferenceDataError, reading
from features.reference.words import (
    ADDRESS_WORDS,
    CHEMICAL_WORDS,
    DESCRIPTION_PATTERNS,
    PARTY_WORDS,
    address_words,
    chemical_words,
    declared_words,
    description_patterns,
    goods_words,
    header_aliases,
    party_words,
)


def test_words_of_a_list_are_distinct() -> None:
    words = chemical_words()
    assert set(words) == {
        "morphemes",
        "joined",
        "joints",
        "locants",
        "reserved",
        "blocks",
        "attached",
        "too_common",
        "before_a_stem",
        "hints",
        "salts",
        "companions",
        "qualifiers",
        "units",
        "around",
        "number_labels",
        "spellings",
        "spellings_of_translations",
    }
    for lists in (words, declared_words(), header_aliases(), goods_words()):
        for section, entries in lists.items():
            for key, listed in entries.items():
                assert len(set(listed)) == len(listed), f"[{section}] {key}"
    assert set(words["locants"]["significant"]) <= set(words["locants"]["words"])


def test_declared_words_stand_for_codes_of_the_manifest_and_no_word_for_two_codes() -> None:
    words = declared_words()
    assert set(words["transport_modes"]) == set(TRANSPORT_MODES)
    assert set(words["modes_of_channels"]) == set(CHANNELS)
    assert {mode for fitting in words["modes_of_channels"].values() for mode in fitting} <= set(TRANSPORT_MODES)
    for section in ("flags", "transport_modes", "currencies"):
        listed = [word for entries in words[section].values() for word in entries]
        assert len(set(listed)) == len(listed), section


def test_no_word_of_addresses_has_two_short_forms() -> None:
    spellings = [spelling for words in address_words()["short_forms"].values() for spelling in words]
    assert len(set(spellings)) == len(spellings)
    assert not set(spellings) & set(address_words()["short_forms"])


@pytest.mark.parametrize(
    ("file", "load", "content"),
    [
        (ADDRESS_WORDS, address_words, "[units]\nwords = []\n"),
        (CHEMICAL_WORDS, chemical_words, "[blocks]\ncore = 1\n"),
        (CHEMICAL_WORDS, chemical_words, '[blocks]\ncore = " "\n'),
        (CHEMICAL_WORDS, chemical_words, "[blocks\n"),
        (CHEMICAL_WORDS, chemical_words, 'blocks = "core"\n'),
        (PARTY_WORDS, party_words, '[phrases]\nunit = "flat"\n'),
        (PARTY_WORDS, party_words, "[phrases]\nunit = [1]\n"),
        (DESCRIPTION_PATTERNS, description_patterns, '[grade]\npattern = "("\n'),
        (DESCRIPTION_PATTERNS, description_patterns, "[grade]\npattern = 1\n"),
    ],
)
def test_an_invalid_word_list_is_refused_with_its_file(
    file: str, load: Any, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    monkeypatch.setattr(reading, "DATA", tmp_path)
    with pytest.raises(ReferenceDataError, match=file):
        load.__wrapped__()


def test_a_pattern_matches_only_descriptions_with_its_token() -> None:
    for name, patterns in description_patterns().items():
        if "token" not in patterns:
            continue
        for text in (
            "tablet press",
            "punch and dies",
            "candy mould",
            "reagent grade",
            "lab sample",
            "cotton dress",
            "spare part",
        ):
            if patterns["pattern"].search(text):
                assert any(patterns["token"].fullmatch(word) for word in text.split()), (name, text)
