"""Real words within two letters of a watched name that are never a misspelt one."""

from __future__ import annotations

from typing import Final

from features.reference.words import chemical_words

RESERVED: Final = frozenset(word for words in chemical_words()["reserved"].values() for word in words)
