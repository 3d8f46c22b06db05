"""Real words within two typing errors of a watched name. They are never read as misspelt names."""

from __future__ import annotations

from typing import Final

from features.reference.words import chemical_words

RESERVED: Final = frozenset(word for words in chemical_words()["reserved"].values() for word in words)
