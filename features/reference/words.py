"""Word lists and patterns of the bundled TOML files, read on first use.

All functions raise `ReferenceDataError` if the file is not TOML, or if an entry has another form than they return.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from features.reference.reading import ReferenceDataError, open_data

ADDRESS_WORDS: Final = "address_words.toml"
CHEMICAL_FORMS: Final = "chemical_forms.toml"
CHEMICAL_WORDS: Final = "chemical_words.toml"
CONTEXT_CUES: Final = "context_cues.toml"
DECLARED_WORDS: Final = "declared_words.toml"
GOODS_WORDS: Final = "goods_words.toml"
HEADER_ALIASES: Final = "header_aliases.toml"
NAME_SOUNDS: Final = "name_sounds.toml"
PARTY_WORDS: Final = "party_words.toml"
DESCRIPTION_PATTERNS: Final = "description_patterns.toml"

WordLists = Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def address_words() -> WordLists:
    """Return section -> key -> words of street lines: short forms of street types, and words before units."""
    return _words(ADDRESS_WORDS)


@cache
def chemical_forms() -> WordLists:
    """Return section -> language -> words next to the name of a common chemical: form, grade, package, amount."""
    return _words(CHEMICAL_FORMS)


@cache
def chemical_words() -> WordLists:
    """Return section -> key -> words of the search for names of substances, in the order of the file."""
    return _words(CHEMICAL_WORDS)


@cache
def context_cues() -> Mapping[str, Mapping[str, str | tuple[str, ...]]]:
    """Return cue -> key -> a text, or words; ``pattern`` is a regular expression with ``{key}`` for the words of a key."""
    sections: dict[str, dict[str, str | tuple[str, ...]]] = {}
    for section, key, value in _entries(CONTEXT_CUES):
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ReferenceDataError(CONTEXT_CUES, None, f"[{section}] {key} must be a text or a list of texts")
        content = value if isinstance(value, str) else "".join(value) if key == "pattern" else tuple(value)
        sections.setdefault(section, {})[key] = content
    return MappingProxyType(sections)


@cache
def declared_words() -> WordLists:
    """Return section -> key -> words and codes of declared values."""
    return _words(DECLARED_WORDS)


@cache
def goods_words() -> WordLists:
    """Return section -> key -> words of goods descriptions, in the languages of trade."""
    return _words(GOODS_WORDS)


@cache
def header_aliases() -> WordLists:
    """Return section -> key -> names of input columns for fields and parties, in descending likelihood."""
    return _words(HEADER_ALIASES)


@cache
def name_sounds() -> WordLists:
    """Return alphabet -> Latin letters -> letters of the alphabet with this sound.

    Section ``parts`` contains other spellings of parts of names, and section ``sounds`` sounds by their use.
    """
    return _words(NAME_SOUNDS)


@cache
def party_words() -> WordLists:
    """Return section -> key -> phrases in names and addresses of parties, and domains of free e-mail providers."""
    sections: dict[str, dict[str, tuple[str, ...]]] = {}
    for section, key, phrases in _entries(PARTY_WORDS):
        if not isinstance(phrases, list) or not phrases or not all(isinstance(phrase, str) for phrase in phrases):
            raise ReferenceDataError(PARTY_WORDS, None, f"[{section}] {key} must be a list of texts")
        sections.setdefault(section, {})[key] = tuple(phrases)
    return MappingProxyType(sections)


@cache
def description_patterns() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """Return section -> ``pattern`` and, for costly searches, ``token`` -> compiled pattern."""
    sections: dict[str, dict[str, re.Pattern[str]]] = {}
    for section, key, pattern in _entries(DESCRIPTION_PATTERNS):
        try:
            sections.setdefault(section, {})[key] = re.compile(pattern)
        except (TypeError, re.error) as error:
            reason = f"[{section}] {key} must be a regular expression: {error}"
            raise ReferenceDataError(DESCRIPTION_PATTERNS, None, reason) from None
    return MappingProxyType(sections)


def _words(file: str) -> WordLists:
    """Return section -> key -> words of a file whose entries are texts of words."""
    sections: dict[str, dict[str, tuple[str, ...]]] = {}
    for section, key, words in _entries(file):
        if not isinstance(words, str) or not words.split():
            raise ReferenceDataError(file, None, f"[{section}] {key} must be a text of words separated by blanks")
        sections.setdefault(section, {})[key] = tuple(words.split())
    return MappingProxyType(sections)


def _entries(file: str) -> list[tuple[str, str, Any]]:
    """Return (section, key, value) of a bundled TOML file whose top level consists of tables."""
    with open_data(file) as handle:
        try:
            document = tomllib.loads(handle.read())
        except tomllib.TOMLDecodeError as error:
            raise ReferenceDataError(file, None, str(error)) from None
    for section, entries in document.items():
        if not isinstance(entries, dict):
            raise ReferenceDataError(file, None, f"{section} must be a table")
    return [(section, key, value) for section, entries in document.items() for key, value in entries.items()]
