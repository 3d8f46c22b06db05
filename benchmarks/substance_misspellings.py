"""Generated typing errors in names of watched substances.

A name of at least seven letters gets one or two errors: a letter deleted, doubled, inserted, swapped with the next, or
replaced by a neighbour on the keyboard. Digits and locants stay unchanged, because an error there gives another
substance. A result is excluded if it may reasonably be read as another name:

* its letters are those of a name of another watched substance, of a benign chemical of the reference tables, of a hard
  negative, or of a chemical in the given lists;
* one of its words is a word of such names or of the other sets: ``piperidone`` may become ``piperidine``, and ``methyl``
  ``ethyl``;
* it contains a fragment of chemical names that its source lacks: ``methyl`` without its first letter is ``ethyl``;
* it is as close (in errors, by its letters and digits) to a name of another watched substance as to its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Set
from itertools import cycle
from typing import Final

from benchmarks.substance_rows import NONE, Row, read, same_substance
from features.reference import benign_chemicals, substances
from features.substances import WATCHED

_MIN_LETTERS: Final = 7
# Shorter words within a name are locants or abbreviations: N, tert, boc.
_SHORTEST_WORD: Final = 5
# Adjacent letters on a QWERTY keyboard.
_NEIGHBOURS: Final = {
    **{"q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl"},
    **{"p": "ol", "a": "qsz", "s": "awdx", "d": "sefc", "f": "drgv", "g": "fthb", "h": "gyjn", "j": "hukm"},
    **{"k": "jil", "l": "kop", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk"},
}
_FRAGMENTS: Final = re.compile(
    "(?<!m)ethyl|methyl|propyl|butyl|pentyl|hexyl|fluoro|chloro|bromo|iodo|(?<!m)ethoxy|methoxy|propoxy|butoxy"
    "|piperidine|piperidone|pyridine|pyrrolidine|piperazine"
)
_ERRORS: Final = ("left out", "doubled", "put in", "swapped", "replaced")
_IN_TEXT: Final = (
    "{n} 99% powder 1kg",
    "sample of {n}, no commercial value",
    "pharmaceutical intermediate {n} 25kg/drum",
    "{n} for research use only",
)


def letters(text: str) -> str:
    """Return the letters of a text in lower case, without anything between them."""
    return re.sub(r"[^a-z]", "", text.lower())


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _positions(name: str) -> list[int]:
    return [at for word in re.finditer(f"[a-zA-Z]{{{_SHORTEST_WORD},}}", name) for at in range(*word.span())]


def with_error(name: str, rng: random.Random) -> tuple[str, str]:
    """Return the name with one error, and its kind. The name has a word of five letters."""
    at = rng.choice(_positions(name))
    letter = name[at].lower()
    error = rng.choice(_ERRORS)
    if error == "swapped" and not (name[at + 1 : at + 2].isalpha() and name[at + 1].lower() != letter):
        error = "left out"
    changed = {
        "left out": lambda: name[:at] + name[at + 1 :],
        "doubled": lambda: name[: at + 1] + letter + name[at + 1 :],
        "put in": lambda: name[: at + 1] + rng.choice(_NEIGHBOURS[letter]) + name[at + 1 :],
        "swapped": lambda: name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        "replaced": lambda: name[:at] + rng.choice(_NEIGHBOURS[letter]) + name[at + 1 :],
    }
    return changed[error](), error


def watched_names() -> list[tuple[str, str]]:
    """Return names and synonyms of watched substances that are long enough, each with the name of its row."""
    return [
        (name, row.name)
        for row in substances()
        if row.group in WATCHED
        for name in (row.name, *row.synonyms)
        if len(letters(name)) >= _MIN_LETTERS and name.isascii() and _positions(name)
    ]


def _real_names(others: Iterable[str]) -> set[str]:
    names = {name for chemical in benign_chemicals() for name in (chemical.name, *chemical.synonyms)}
    names |= {row.text for row in read("hard_negatives") if row.expected == NONE}
    names |= {name for row in substances() for name in (row.name, *row.synonyms, *row.abbreviations)}
    return {letters(name) for name in names} | set(others)


def _words(text: str) -> set[str]:
    return set(re.findall(f"[a-z]{{{_SHORTEST_WORD},}}", text.lower()))


def _real_words() -> set[str]:
    texts = [
        row.text for name in ("hard_negatives", "near_misses", "class_analogues", "systematic") for row in read(name)
    ]
    texts += [name for row in substances() for name in (row.name, row.systematic_name, *row.synonyms)]
    return {word for text in texts for word in _words(text)}


def generate(count: int, errors: int, seed: int, others: Set[str] = frozenset()) -> tuple[list[Row], int]:
    """Return misspelt names, about half of them inside a declaration, and the number of candidates that the rules
    excluded.

    Each name has its own random generator, so that an added name hardly changes the rows of the others.

    Args:
        count: number of rows.
        errors: letter errors in each, 1 or 2.
        seed: the same seed gives the same rows.
        others: names of further real chemicals by their `letters`, which a misspelling must not equal.
    """
    from rapidfuzz.distance import OSA

    names = watched_names()
    keys = [(_key(name), substance) for name, substance in names]
    real, real_words = _real_names(others), _real_words()
    rows: list[Row] = []
    seen: set[str] = set()
    left_out = 0
    drawn = [(random.Random(f"{seed} {errors} {name}"), name, substance) for name, substance in names]
    drawn.sort(key=lambda each: each[0].random())
    for rng, name, substance in cycle(drawn):
        if len(rows) == count:
            break
        changed = name
        kinds: list[str] = []
        # A word of five letters gets no second error after it has lost a letter.
        while len(kinds) < errors and _positions(changed):
            changed, kind = with_error(changed, rng)
            kinds.append(kind)
        key = _key(changed)
        distance = OSA.distance(key, _key(name))
        if key in seen or distance == 0 or len(kinds) < errors:
            continue
        rivals = (other for other, whose in keys if not same_substance(whose, substance))
        if (
            letters(changed) in real
            or set(_FRAGMENTS.findall(changed.lower())) - set(_FRAGMENTS.findall(name.lower()))
            or (_words(changed) - _words(name)) & real_words
            or any(OSA.distance(key, rival, score_cutoff=distance) <= distance for rival in rivals)
        ):
            left_out += 1
            continue
        seen.add(key)
        alone = rng.random() < 0.5
        text = changed if alone else rng.choice(_IN_TEXT).format(n=changed)
        rows.append(Row(text, alone, substance, f"{name}: {', '.join(kinds)}"))
    return rows, left_out
