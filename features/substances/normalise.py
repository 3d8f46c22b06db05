"""Brings names of chemicals, however written, to one form, and cuts text into the tokens that names are matched on.

Declared names differ in letter case, width, accents, Greek letters written as symbols or words, look-alike letters of
other alphabets, and in whether hyphens, blanks, brackets and primes stand between their parts. All of that goes here;
what it leaves are runs of lower-case letters and runs of digits.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Greek letters that stand alone are locants and are spelled out; beside Latin letters they imitate one (below).
_GREEK_NAMES: Final = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ω": "omega"}
_LONE_GREEK: Final = re.compile(f"(?<![^\\W\\d_])([{''.join(_GREEK_NAMES)}])(?![^\\W\\d_])")

# Letters of other alphabets that look like a Latin one (Unicode's confusables, those that occur in lower case).
_LOOK_ALIKES: Final = str.maketrans(
    {
        **dict(zip("авеёзикмнорстухіјѕһԁԛԝьүӏ", "abee3ukmhopctyxijshdqwbyl", strict=True)),
        **dict(zip("αβγεηικνορτυχωμδ", "abyenikvoptuxwud", strict=True)),
        **dict(zip("ıɑɡʟℓł", "iaglll", strict=True)),
        "ø": "o",
        # Dashes and minus signs of every length, so that CAS numbers and locants keep their hyphens.
        **dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "-"),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
    }
)

# Two spellings of one fragment. 2-phenylethyl is phenethyl; a bare phenylethyl could be the 1-isomer and is left.
_FRAGMENTS: Final = re.compile(r"(?<!\d)2[ -]*phenyl[ -]?ethyl|piperidinone|phenylamino|sulph|propionamide|propanoyl")
_FRAGMENT: Final = {
    "piperidinone": "piperidone",
    "phenylamino": "anilino",
    "sulph": "sulf",
    "propionamide": "propanamide",
    "propanoyl": "propionyl",
}
TOKEN: Final = re.compile(r"[^\W\d_]+|\d+")
#: The shape of a CAS number in folded text, in its three parts; whether the check digit is right is not looked at.
CAS: Final = re.compile(r"(?<![\d-])(\d{2,7}) ?- ?(\d{2}) ?- ?(\d)(?![\d-])", re.ASCII)

# Words that say in what form or grade a substance comes, not which one it is.
_SALTS: Final = (
    "hydrochloride|dihydrochloride|hydrobromide|hcl|2hcl|hbr|citrate|oxalate|sulfate|tartrate|maleate|fumarate|phosphate"
    "|mesylate|nitrate|hydrate|monohydrate|dihydrate|hemihydrate|sesquihydrate|anhydrous|salt|freebase|base"
)
_GRADES: Final = "ar|cp|gr|lr|acs|usp|bp|ep|fcc|hplc|reagent|analytical|technical|tech|pharma|food|industrial|lab"
_QUALIFIERS: Final = re.compile(
    rf"(?:\b(?:{_GRADES})[ -]+grade\b|\b(?:{_SALTS})\b|[(\[]?\s*(?:>=|>|≥|min\.?)?\s*\d{{1,3}}(?:[.,]\d+)?\s*%\s*"
    r"(?:min\b\.?|purity\b|pure\b|\+)?[)\]]?|\bpurity\b)"
)


def fold(text: str) -> str:
    """Compatibility forms, letter case, accents, look-alike letters and dashes made one; punctuation is kept.

    >>> fold("Асetyl-ＦΕNTΑNYL"), fold("α–Méthyl")
    ('acetyl-fentanyl', 'alpha-methyl')
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    folded = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    folded = _LONE_GREEK.sub(lambda match: _GREEK_NAMES[match[1]], folded)
    return folded.translate(_LOOK_ALIKES)


def _same_fragment(match: re.Match[str]) -> str:
    return _FRAGMENT.get(match[0], "phenethyl")


def spell(folded: str) -> str:
    """Folded text with the fragments of chemical names that have two spellings brought to one."""
    return _FRAGMENTS.sub(_same_fragment, folded)


def tokens(spelled: str) -> list[str]:
    """Runs of letters and runs of digits, in order."""
    return TOKEN.findall(spelled)


def normalise(text: str) -> str:
    """The form on which names are compared: tokens joined by single blanks.

    Idempotent, and the same for any letter case, width and separator.

    >>> normalise("N-(2-Phenylethyl)-4-piperidinone"), normalise("n-PHENETHYL 4 piperidone")
    ('n phenethyl 4 piperidone', 'n phenethyl 4 piperidone')
    """
    previous, current = text, " ".join(tokens(spell(fold(text))))
    # Dropping separators can bring two halves of a fragment together; a second round then settles it.
    while current != previous:
        previous, current = current, " ".join(tokens(spell(fold(current))))
    return current


def compact(text: str) -> str:
    """`normalise` without blanks: the key of the index, since names are written with and without gaps."""
    return normalise(text).replace(" ", "")


def core(text: str) -> str:
    """`compact` of the name without its salt, hydrate, grade and purity.

    >>> core("4-Piperidone hydrochloride, AR grade, 98%"), core("Sufentanil citrate")
    ('4piperidone', 'sufentanil')
    """
    # One blank at a time: the expression's optional blanks must not be tried on long runs of them.
    return compact(_QUALIFIERS.sub(" ", " ".join(spell(fold(text)).split())))
