"""Permit numbers as declared: placeholders, and the forms that countries publish."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.reference import permit_forms
from features.reference.words import declared_words
from features.table.table import ManifestTable
from features.texts.folding import folded

_NOT_PLAIN: Final = re.compile(r"[\W_]+")
#: Words such as "permit" and "number", which do not identify a permit.
_GENERIC: Final = re.compile(rf"\b(?:{'|'.join(declared_words()['permits']['generic'])})\b")
#: Ascending and descending digits, continued past 9 and 0: 12345, 98765, 67890.
_UP: Final = "01234567890123456789"
_SEQUENCES: Final = (_UP, _UP[::-1])
#: Shorter numbers are placeholders.
_MIN_CHARACTERS: Final = 3
#: Placeholders with digits that the other tests do not find.
_DUMMIES: Final = frozenset(declared_words()["permits"]["placeholders"])


def plain_number(number: str) -> str:
    """Return the letters and digits of a permit number, folded, without words that only say "permit number"."""
    return _NOT_PLAIN.sub("", _GENERIC.sub(" ", _NOT_PLAIN.sub(" ", folded(number))))


def is_placeholder(number: str) -> bool:
    """Return whether a declared permit number is a placeholder, which counts as no permit.

    Placeholders have fewer than three letters and digits, no digit, only zeros as digits, one repeated character, digits in
    sequence, or are listed in `declared_words.toml`.

    >>> [is_placeholder(text) for text in ("N/A", "12345", "Permit No. 0000", "pending", "IP-2026-0042")]
    [True, True, True, True, False]
    """
    plain = plain_number(number)
    digits = "".join(filter(str.isdigit, plain))
    if len(plain) < _MIN_CHARACTERS or not digits or plain in _DUMMIES:
        return True
    if len(set(plain)) == 1 or (len(set(digits)) == 1 and digits[0] == "0"):
        return True
    return plain == digits and any(digits in sequence for sequence in _SEQUENCES)


def form_fault(number: str, countries: Collection[str]) -> str:
    """Return how a permit number breaks a form that one of the countries publishes; empty if it breaks none.

    >>> form_fault("DEA FP1234563", ["US"]), form_fault("DEA FP1234567", ["US"])
    ('', 'its check digit is wrong for a DEA registration')
    """
    plain = plain_number(number)
    for form in permit_forms():
        if form.jurisdiction in countries and re.fullmatch(f"(?:dea)?(?:{form.shape})", plain):
            digits = [int(digit) for digit in plain if digit.isdigit()][-len(form.weights) - 1 :]
            if sum(int(weight) * digit for weight, digit in zip(form.weights, digits, strict=False)) % 10 != digits[-1]:
                return f"its check digit is wrong for a {form.permit}"
    return ""


def are_placeholders(table: ManifestTable) -> NDArray[np.float64]:
    """Return 1 where the permit number is a placeholder or breaks a published form, 0 for other numbers (n,); NaN without one."""
    column = table.text("permit_number")
    placeholders = np.array([is_placeholder(text) for text in column.values], dtype=np.float64)
    values = np.asarray(column.lookup(placeholders, np.nan))
    countries = [table.text(f"{role}_country") for role in ("consignor", "consignee")]
    forms = {form.jurisdiction for form in permit_forms()}
    shaped = [bool(form_fault(text, forms)) for text in column.values]
    for row in np.flatnonzero(column.lookup(np.array(shaped, dtype=np.bool_), False)).tolist():
        of_row = {places.values[code] for places in countries if (code := int(places.codes[row])) >= 0}
        if form_fault(column.values[int(column.codes[row])], of_row):
            values[row] = 1.0
    return values
