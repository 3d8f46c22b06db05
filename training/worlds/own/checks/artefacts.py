"""Artefacts: the form of a record without its meaning, as lengths, digits, patterns, check digits, gaps, order and
clock.

A simulator gives itself away by these first: a party made by another function, a text cut elsewhere, a sequential
identifier. Every value here is a number per goods item. Nothing is looked up, compared or interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.manifest.fields import FIELD, MANIFEST_NAMES, Kind

Texts = NDArray[np.object_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Columns whose digits and patterns are examined as identifiers.
IDENTIFIERS: Final = (
    "shipment_id",
    "master_id",
    "house_id",
    "consignor_postcode",
    "consignor_phone",
    "consignor_email",
    "consignor_account_opened_on",
    "consignee_postcode",
    "consignee_phone",
    "consignee_email",
    "hs_code",
    "cas_number",
    "cus_number",
    "permit_number",
)
AMOUNTS: Final = tuple(name for name in MANIFEST_NAMES if FIELD[name].kind is Kind.NUMBER)
WORDS: Final = tuple(
    name for name in MANIFEST_NAMES if FIELD[name].kind is Kind.TEXT and name not in (*IDENTIFIERS, *AMOUNTS)
)
#: Patterns are numbered by frequency; all rarer ones share a number.
_PATTERNS: Final = 30
_S10: Final = np.array([8, 6, 4, 2, 3, 5, 9, 7])
_S10_FORM: Final = re.compile(r"[A-Z]{2}\d{9}[A-Z]{2}")
_WAYBILL_FORM: Final = re.compile(r"\d{3}-\d{8}")
_CAS_FORM: Final = re.compile(r"(\d{2,7})-(\d{2})-(\d)")
_DIGIT, _NO_DIGIT, _LETTER = re.compile(r"[0-9]"), re.compile(r"[^0-9]+"), re.compile(r"[^\W0-9_]")
_CAPITAL, _PLAIN = re.compile(r"[^\W\d_a-z]"), re.compile(r"[\w\s]+")
#: Longer numbers would not fit 64 bits.
_AT_THE_END: Final = re.compile(r"[0-9]{1,15}$")
_DIGITS: Final = str.maketrans({str(d): "9" for d in range(10)})


def _of_uniques(texts: Texts, functions: Mapping[str, Callable[[str], float]]) -> dict[str, Floats]:
    """Return each function's value of each text, computed once per distinct text."""
    codes, values = pd.factorize(texts)
    return {
        name: np.fromiter((function(text) for text in values), np.float64, len(values))[codes]
        for name, function in functions.items()
    }


def pattern(text: str) -> str:
    """Return a text with letters as A, digits as 9, and everything else unchanged: 'G2 7EU' gives 'A9 9AA'."""
    return _LETTER.sub("A", _DIGIT.sub("9", text))


def template(text: str) -> str:
    """Return a text in one case with its digits as 9: the template that a generator fills in."""
    return text.casefold().translate(_DIGITS)


def _digits(text: str) -> str:
    return _NO_DIGIT.sub("", text)


def check_digit(text: str) -> float:
    """Return 1 for a correct check digit, 0 for a wrong one, -1 for a text without one."""
    if _S10_FORM.fullmatch(text):
        remainder = 11 - int((np.array([int(c) for c in text[2:10]]) * _S10).sum()) % 11
        return float(int(text[10]) == {10: 0, 11: 5}.get(remainder, remainder))
    if _WAYBILL_FORM.fullmatch(text):
        return float(int(text[4:11]) % 7 == int(text[11]))
    if match := _CAS_FORM.fullmatch(text):
        body = match[1] + match[2]
        return float(sum(i * int(c) for i, c in enumerate(reversed(body), 1)) % 10 == int(match[3]))
    return -1.0


def _last_digits(text: str) -> float:
    return float(_digits(text)[-6:] or -1)


def _decimals(text: str) -> float:
    return float(len(text.partition(".")[2]))


_ANY: Final[dict[str, Callable[[str], float]]] = {
    "length": lambda text: float(len(text)),
    "missing": lambda text: float(text == ""),
}
_WORD: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text))),
    "letters": lambda text: float(len(_LETTER.findall(text))),
    "words": lambda text: float(len(text.split())),
    "punctuation": lambda text: float(len(_PLAIN.sub("", text))),
    "capitals": lambda text: float(len(_CAPITAL.findall(text))),
    "spaces at the ends or doubled": lambda text: float(text != " ".join(text.split())),
    "not ASCII": lambda text: float(not text.isascii()),
}
_IDENTIFIER: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text))),
    "first digit": lambda text: float(_digits(text)[:1] or -1),
    "last digit": lambda text: float(_digits(text)[-1:] or -1),
    "sum of digits": lambda text: float(sum(map(int, _digits(text)))),
    "last digits by 7": lambda text: _last_digits(text) % 7,
    "last digits by 97": lambda text: _last_digits(text) % 97,
    "last digits by 256": lambda text: _last_digits(text) % 256,
    "check digit": check_digit,
}
_AMOUNT: Final[dict[str, Callable[[str], float]]] = {
    "digits": lambda text: float(len(_digits(text.partition(".")[0]).lstrip("0"))),
    "decimals": _decimals,
    "trailing zeros": lambda text: float(len(text) - len(text.rstrip("0."))),
    "last digit": lambda text: float(_digits(text)[-1:] or -1),
    "last two digits": lambda text: float(_digits(text)[-2:] or -1),
    "first digit": lambda text: float(_digits(text).lstrip("0")[:1] or -1),
}


def of_columns(office: Mapping[str, Texts], learn: NDArray[np.bool_]) -> dict[str, Floats]:
    """Return artefacts (n,) of the manifest's columns by '<column> <artefact>'. Patterns are ranked on the rows of
    ``learn``.
    """
    found: dict[str, Floats] = {}
    for name in MANIFEST_NAMES:
        functions = dict(_ANY)
        if name in IDENTIFIERS:
            functions |= _IDENTIFIER
        elif name in AMOUNTS:
            functions |= _AMOUNT
        elif name in WORDS:
            functions |= _WORD
        for artefact, values in _of_uniques(office[name], functions).items():
            found[f"{name} {artefact}"] = values
        if name in (*IDENTIFIERS, *AMOUNTS):
            found[f"{name} pattern"] = _pattern_ranks(office[name], learn)
    moment = seconds(office["declared_at"])
    found["declared_at second of the minute"] = (moment % 60).astype(np.float64)
    found["declared_at minute of the hour"] = (moment // 60 % 60).astype(np.float64)
    found["fields missing"] = np.sum([found[f"{name} missing"] for name in MANIFEST_NAMES], axis=0)
    return found


def _pattern_ranks(texts: Texts, learn: NDArray[np.bool_]) -> Floats:
    codes, values = pd.factorize(texts)
    pattern_codes, _ = pd.factorize(np.array([pattern(text) for text in values], dtype=object))
    own = pattern_codes[codes]
    counts = np.bincount(own[learn], minlength=int(own.max()) + 1 if len(own) else 0)
    rank = np.empty(len(counts))
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(rank, _PATTERNS)[own]


def numbers_at_the_end(texts: Texts) -> Ints:
    """Return the digits at the end of each text as a number (n,), 0 for none."""
    found = (_AT_THE_END.search(text) for text in texts.tolist())
    return np.array([int(match[0]) if match else 0 for match in found], dtype=np.int64)


def seconds(texts: Texts) -> Ints:
    """Return ISO times in UTC as seconds since 1970 (n,); 0 where blank or not in whole seconds."""
    codes, values = pd.factorize(texts)
    parsed = pd.to_datetime(pd.Series(values, dtype=str), format="%Y-%m-%dT%H:%M:%SZ", errors="coerce")
    stamps = parsed.to_numpy().astype("datetime64[s]")
    return np.asarray(np.where(np.isnat(stamps), 0, stamps.astype(np.int64))[codes])
