"""What a declarant writes for goods: one function for everybody.

Whoever declares a good, honestly or as a cover, draws from the same finite set of wordings of that good, so that no
wording belongs to one side. The sets grow with the world, and hold other languages, makers, sizes and truncations.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.world.goods import FAMILIES, Catalogue
from training.world.hashing import Floats, Ints

FILE: Final = Path(__file__).with_name("words.toml")

#: A wording is expected to be used this often, so that it stands on several declarants' rows.
_USES_PER_WORDING: Final = 7
_FEWEST, _MOST = 5, 600
#: How declarants' systems show a text: as typed, in capitals, cut to 35 characters (EDI segments), in capitals and cut to
#: 20 (Cargo-IMP nature of goods). The first column of the array holds the text as typed.
FORMS: Final = 4
_CHEMICAL: Final = frozenset({"chemical", "neighbour", "excipient", "listed"})
#: Of the wordings of a chemical that has other names (synonyms, systematic names, other languages), how many use one: assumed.
ALIAS_SHARE: Final = 0.4


class Phrasebook:
    """Wordings of each good. ``texts`` (wordings, FORMS) of str; with and without a CAS number for goods that have one."""

    def __init__(self, goods: Catalogue, rows_of_good: Floats, rng: np.random.Generator) -> None:
        with FILE.open("rb") as file:
            words = tomllib.load(file)
        plain: list[list[str]] = []
        numbered: list[list[str]] = []
        for i, name in enumerate(goods.name):
            most = int(np.clip(rows_of_good[i] / _USES_PER_WORDING, _FEWEST, _MOST))
            family = FAMILIES[int(goods.family[i])]
            names = (name, *goods.aliases[i])
            plain.append(_wordings(names, family, int(goods.chapter[i]), most, words, rng))
            cas = goods.cas[i]
            fewer = max(2, min(most // 3, 30))
            numbered.append(_with_cas(names, cas, fewer, words, rng) if cas else [])
        flat = [text for group in (*plain, *numbered) for text in group]
        sizes = np.array([len(group) for group in (*plain, *numbered)], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        n = len(goods.name)
        self._start = np.stack([starts[:n], starts[n:]], axis=1)
        self._size = np.stack([sizes[:n], sizes[n:]], axis=1)
        self.texts: NDArray[np.object_] = np.array([_forms(text) for text in flat], dtype=object).reshape(-1, FORMS)

    def describe(self, good: Ints, u: Floats, form: Ints, with_cas: NDArray[np.bool_]) -> NDArray[np.object_]:
        """(n,) texts for goods (n,): ``u`` chooses the wording, lower ones being commoner; ``form`` 0..FORMS-1."""
        column = (with_cas & (self._size[good, 1] > 0)).astype(np.int64)
        rank = (self._size[good, column] * u * u).astype(np.int64)
        return np.asarray(self.texts[self._start[good, column] + rank, form])


def _forms(text: str) -> list[str]:
    return [text, text.upper(), text[:35].rstrip(), text.upper()[:20].rstrip()]


def _one(options: list[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _wordings(
    names: tuple[str, ...], family: str, chapter: int, most: int, words: dict[str, Any], rng: np.random.Generator
) -> list[str]:
    """At most ``most`` different wordings of a good, its plain name first."""
    name = names[0]
    nouns: list[str] = words["nouns"].get(str(chapter), [])
    found = dict.fromkeys([name])
    for _ in range(most * 3):
        if len(found) >= most:
            break
        text = _chemical(names, words, rng) if family in _CHEMICAL else _article(name, family, nouns, words, rng)
        if nouns and rng.random() < 0.15:
            noun = _one(nouns, rng)
            text = noun if rng.random() < 0.25 else f"{noun} {text}" if rng.random() < 0.5 else f"{text} ({noun})"
        found.setdefault(text)
    return list(found)


def _article(name: str, family: str, nouns: list[str], words: dict[str, Any], rng: np.random.Generator) -> str:
    if family != "consumer":
        text = f"{name} {_one(words['trade'], rng)}" if rng.random() < 0.7 else name
        return f"{int(rng.integers(1, 30))} x {text}" if rng.random() < 0.2 else text
    text = name
    if rng.random() < 0.2 and name.count(" ") >= 2:
        text = " ".join(name.split()[-2:])
    if rng.random() < 0.25:
        text = f"{_one(words['makers'], rng)} {text}"
    if rng.random() < 0.45:
        colour = _one(words["colours"], rng)
        text = f"{colour} {text}" if rng.random() < 0.5 else f"{text} {colour}"
    if rng.random() < 0.25:
        text = f"{text} {_one(words['uses'], rng)}"
    if rng.random() < 0.2:
        text = f"{text} size {_one(words['sizes'], rng)}"
    if rng.random() < 0.15:
        text = f"{text} {int(rng.integers(2, 13))} pcs"
    if rng.random() < 0.12:
        letters = "ABCDEFGHKLMNPRSTVX"
        text = f"{text} {letters[int(rng.integers(18))]}{letters[int(rng.integers(18))]}-{int(rng.integers(10, 999))}"
    return text


def _chemical(names: tuple[str, ...], words: dict[str, Any], rng: np.random.Generator) -> str:
    text = names[0]
    if len(names) > 1 and rng.random() < ALIAS_SHARE:
        text = names[1 + int(rng.integers(len(names) - 1))]
    if rng.random() < 0.7:
        text = f"{text} {_one(words['grades'], rng)}"
    if rng.random() < 0.35:
        text = f"{text} {_one(words['packs'], rng)}"
    return text


def _with_cas(
    names: tuple[str, ...], cas: str, most: int, words: dict[str, Any], rng: np.random.Generator
) -> list[str]:
    found = dict.fromkeys([f"CAS {cas}", f"{names[0]} CAS {cas}"])
    for _ in range(most * 3):
        if len(found) >= most:
            break
        text = _chemical(names, words, rng) if rng.random() < 0.6 else _one(words["grades"], rng)
        found.setdefault(f"{text} CAS {cas}" if rng.random() < 0.6 else f"{text} {cas}")
    return list(found)
