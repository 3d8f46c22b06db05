"""Word lists of the reference data."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.reference import files
from features.reference.errors import ReferenceDataError
from features.reference.words import FILE, chemical_words


def test_each_section_lists_distinct_words() -> None:
    words = chemical_words()
    assert set(words) == {"morphemes", "joints", "locants", "reserved", "blocks"}
    for section, entries in words.items():
        for key, listed in entries.items():
            assert len(set(listed)) == len(listed), f"[{section}] {key}"
    assert set(words["locants"]["significant"]) <= set(words["locants"]["words"])


@pytest.mark.parametrize("content", ["[blocks]\ncore = 1\n", '[blocks]\ncore = " "\n', "[blocks\n"])
def test_an_invalid_word_list_is_named(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    monkeypatch.setattr(files, "DATA", tmp_path)
    with pytest.raises(ReferenceDataError, match="chemical_words"):
        chemical_words.__wrapped__()
