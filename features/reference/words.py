"""Word lists of ``chemical_words.toml``, by section and key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Final

from features.reference.errors import ReferenceDataError
from features.reference.files import open_data

FILE: Final = "chemical_words.toml"


@cache
def chemical_words() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return section -> key -> words, in the order of the file.

    Raises:
        ReferenceDataError: the file is no TOML, or an entry is not a text of words.
    """
    with open_data(FILE) as file:
        try:
            document = tomllib.loads(file.read())
        except tomllib.TOMLDecodeError as error:
            raise ReferenceDataError(FILE, None, str(error)) from None
    sections: dict[str, dict[str, tuple[str, ...]]] = {}
    for section, entries in document.items():
        for key, words in entries.items():
            if not isinstance(words, str) or not words.split():
                raise ReferenceDataError(FILE, None, f"[{section}] {key} must be a text of words separated by blanks")
            sections.setdefault(section, {})[key] = tuple(words.split())
    return sections
