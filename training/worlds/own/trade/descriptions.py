"""Goods descriptions, drawn by the same function for lawful trade and for covers.

All declarants of a good draw from the same finite set of wordings, so that no wording is specific to lawful or illicit trade. The
sets grow with the number of rows and contain makers, sizes, aliases and truncations. New wordings appear throughout the calendar,
so that later months contain unseen ones.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.arrays import Bools, Floats, Ints, Texts
from training.worlds.own.priors import Priors
from training.worlds.own.trade.goods import CHEMICALS, FAMILIES, Catalogue
from training.worlds.own.trade.hashing import cumulate, pick

FILE: Final = Path(__file__).parents[1] / "words.toml"

#: Forms of a text in declarants' systems: as typed, in capitals, cut to 35 characters (EDI segments), or in capitals and cut to
#: 20 (Cargo-IMP nature of goods).
FORMS: Final = ("typed", "capitals", "cut", "capitals_cut")
#: Families with little lawful trade, whose goods still have several wordings.
_SELDOM: Final = [FAMILIES.index(name) for name in ("generic", "parts", "raw", "relative")]
#: Kind of a text with the CAS number of the goods.
_WITH_CAS: Final = 1
#: Chapters of clothing and footwear, whose goods have sizes.
_WORN: Final = frozenset({61, 62, 64})
_SLOT: Final = re.compile(r"\{(\w+)\}")
_LETTERS: Final = "ABCDEFGHKLMNPRSTVX"


@dataclass(frozen=True, slots=True)
class _Form:
    """Template of alternating literals and slots. ``since`` is the position in the calendar, 0 to 1, from which it is used."""

    parts: tuple[str, ...]
    weight: float
    since: float


class _Writer:
    """Writer of wordings from the templates and words of the table."""

    def __init__(self, words: dict[str, Any], rng: np.random.Generator) -> None:
        self._slots: dict[str, list[str]] = words["slots"]
        self._moving = frozenset(words["moving"])
        self._forms = {
            family: [_Form(tuple(_SLOT.split(row["text"])), row["weight"], row["since"]) for row in rows]
            for family, rows in words["forms"].items()
        }
        self._forms["worn"] += self._forms["consumer"]
        self._rng = rng
        # Draw random numbers in bulk, because one call per number would dominate the run time.
        self._pool: list[float] = []

    def number(self) -> float:
        """Return the next random number in [0, 1)."""
        if not self._pool:
            self._pool = self._rng.random(65_536).tolist()
        return self._pool.pop()

    def text(self, kind: str, names: Sequence[str], alias_share: float, since: float) -> str:
        """Return a wording that appears at ``since`` (0 to 1 over the calendar) for goods with ``names``, the plain name first."""
        forms = [form for form in self._forms[kind] if form.since <= since]
        left = self.number() * sum(form.weight for form in forms)
        chosen = forms[-1]
        for form in forms:
            left -= form.weight
            if left < 0:
                chosen = form
                break
        name = names[0]
        if len(names) > 1 and self.number() < alias_share:
            name = names[1 + int(self.number() * (len(names) - 1))]
        return "".join(
            part if i % 2 == 0 else self._word(part, name, since) for i, part in enumerate(chosen.parts) if part
        )

    def _word(self, slot: str, name: str, since: float) -> str:
        if slot == "name":
            return name
        if slot == "short":
            return " ".join(name.split()[-2:]) if name.count(" ") >= 2 else name
        if slot == "n":
            return str(2 + int(self.number() ** 2 * 28))
        if slot == "code":
            first = _LETTERS[int((0.8 * since + 0.2 * self.number()) * len(_LETTERS) * 0.999)]
            return f"{first}{_LETTERS[int(self.number() * len(_LETTERS))]}-{10 + int(self.number() * 990)}"
        options = self._slots[slot]
        if slot not in self._moving:
            return options[int(self.number() * len(options))]
        half = (len(options) + 1) // 2
        return options[int(since * (len(options) - half)) + int(self.number() * half)]


class Phrasebook:
    """Wordings of each good, in the order in which they appear.

    ``texts`` is an array (wordings, FORMS) of str. Goods with a CAS number have wordings with and without it.
    """

    def __init__(
        self, priors: Priors, goods: Catalogue, countries: Sequence[str], rows_of_good: Floats, rng: np.random.Generator
    ) -> None:
        with FILE.open("rb") as file:
            words = tomllib.load(file)
        self._present = priors.number("description.present_at_first")
        self._plain = priors.number("description.plain_name")
        self._number_named = priors.number("description.cas_named")
        per_wording, most = priors.number("description.uses"), int(priors.number("description.most_wordings"))
        writer = _Writer(words, rng)
        plain: list[list[str]] = []
        numbered: list[list[str]] = []
        numbers: list[list[str]] = []
        count = np.clip(rows_of_good / per_wording, 2, most).astype(np.int64)
        count[np.isin(goods.family, _SELDOM)] += int(priors.number("description.of_seldom_goods"))
        shares = _alias_shares(priors, goods)
        for i, name in enumerate(goods.name):
            kind = "standard" if goods.standard[i] else _kind(FAMILIES[int(goods.family[i])], int(goods.chapter[i]))
            self._alias_share = float(shares[i])
            names = (name, *goods.aliases[i])
            plain.append(self._wordings(kind, names, int(count[i]), writer))
            cas, some = goods.cas[i], max(2, min(int(count[i]) // 3, 30))
            numbered.append(self._with_cas(kind, names, cas, some, writer) if cas else [])
            numbers.append(
                self._wordings("chemical", (f"CAS {cas}", cas, f"CAS No. {cas}"), some, writer) if cas else []
            )
        groups = (*plain, *numbered, *numbers)
        flat = [text for group in groups for text in group]
        sizes = np.array([len(group) for group in groups], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._start, self._size = starts.reshape(3, -1).T, sizes.reshape(3, -1).T
        self.texts: Texts = np.array([_forms(text) for text in flat], dtype=object).reshape(-1, len(FORMS))
        self._form_shares = cumulate(priors.row("description.forms", FORMS))
        self._name = np.array(goods.name, dtype=object)
        self._chapter = goods.chapter
        self._abroad = _Languages(priors, words, countries)

    def form(self, u: Floats) -> Ints:
        """Return the text form (n,) of each declarant's system for uniform draws."""
        return pick(self._form_shares, u)

    def describe(self, good: Ints, u: Floats, form: Ints, cas: NDArray[np.integer[Any]] | Bools, when: Floats) -> Texts:
        """Return texts (n,) for goods (n,). ``u`` selects among the wordings in use at ``when``, 0 to 1 over the calendar.

        ``cas`` is 0 for texts without the CAS number of the goods, 1 for texts with it, and 2 for texts with the number in place
        of the name. The plain name is always the most frequent wording. New wordings are more frequent than those they replace.
        """
        column = np.where(self._size[good, _WITH_CAS] > 0, cas, 0).astype(np.int64)
        size = self._size[good, column]
        in_use = np.maximum(1, (size * (self._present + (1 - self._present) * when)).astype(np.int64))
        v = np.maximum(0.0, (u - self._plain) / (1 - self._plain))
        newest = in_use - 1 - (in_use * v * v).astype(np.int64)
        rank = np.where(u < self._plain, 0, np.maximum(newest, 0))
        return np.asarray(self.texts[self._start[good, column] + rank, form])

    def abroad(self, text: Texts, good: Ints, country: Ints, u: Floats, v: Floats) -> None:
        """Replace the texts (n,) of declarants who write in their own language. ``text`` is modified in place."""
        self._abroad.replace(text, self._name, self._chapter, good, country, u, v)

    def _wordings(self, kind: str, names: tuple[str, ...], most: int, writer: _Writer) -> list[str]:
        """Return at most ``most`` distinct wordings of a good, its plain name first, in order of appearance."""
        wordings = dict.fromkeys([_plain(kind, names[0])])
        for at in range(most * 2):
            if len(wordings) >= most:
                break
            since = max(0.0, (len(wordings) / most - self._present) / (1 - self._present))
            wordings.setdefault(writer.text(kind, names, self._alias_share, since if at < most else 1.0))
        return list(wordings)

    def _with_cas(self, kind: str, names: tuple[str, ...], cas: str, most: int, writer: _Writer) -> list[str]:
        wordings = dict.fromkeys([f"{_plain(kind, names[0])} CAS {cas}"])
        for _ in range(most * 2):
            if len(wordings) >= most:
                break
            since = max(0.0, (len(wordings) / most - self._present) / (1 - self._present))
            text = writer.text(kind, names, self._alias_share, since)
            wordings.setdefault(f"{text} CAS {cas}" if writer.number() < self._number_named else f"{text} {cas}")
        return list(wordings)


class _Languages:
    """Words for the goods of a chapter in the languages of the countries of origin."""

    def __init__(self, priors: Priors, words: dict[str, Any], countries: Sequence[str]) -> None:
        own = priors.table("description.own_language")
        self._share = np.array([own.get(code, 0.0) for code in countries])
        self._alone = priors.number("description.own_language_alone")
        spoken: dict[str, list[str]] = words["speaks"]
        # (countries, chapters): start and number of a country's words for a chapter.
        self._start, self._count = np.zeros((2, len(countries), 100), dtype=np.int64)
        flat: list[str] = []
        for c, code in enumerate(countries):
            for chapter in range(100):
                nouns = [n for name in spoken.get(code, ()) for n in words["languages"][name].get(f"{chapter:02d}", ())]
                self._start[c, chapter], self._count[c, chapter] = len(flat), len(nouns)
                flat.extend(nouns)
        self._words = np.array(flat, dtype=object)

    def replace(
        self,
        text: Texts,
        name: Texts,
        chapter: Ints,
        good: Ints,
        country: Ints,
        u: Floats,
        v: Floats,
    ) -> None:
        share = self._share[country]
        rows = np.flatnonzero((u < share) & (self._count[country, chapter[good]] > 0))
        c, h = country[rows], chapter[good[rows]]
        word = self._words[self._start[c, h] + (v[rows] * self._count[c, h]).astype(np.int64)]
        alone = u[rows] < share[rows] * self._alone
        text[rows] = np.where(alone, word, word + " / " + name[good[rows]])


def _plain(kind: str, name: str) -> str:
    return f"{name} reference standard" if kind == "standard" else name


def _alias_shares(priors: Priors, goods: Catalogue) -> Floats:
    """Return the share (goods,) of wordings with another name than the plain one. All names of vague goods are equally likely."""
    shares = np.full(len(goods.name), priors.number("description.other_name"))
    shares[np.isin(goods.family, _SELDOM[2:])] = priors.number("illicit.other_name")
    shares[goods.standard] = priors.number("description.other_name_of_standards")
    for i in np.flatnonzero(np.isin(goods.family, _SELDOM[:2])).tolist():
        shares[i] = len(goods.aliases[i]) / (1 + len(goods.aliases[i]))
    return shares


def _kind(family: str, chapter: int) -> str:
    if family == "consumer":
        return "worn" if chapter in _WORN else "consumer"
    return "chemical" if family in CHEMICALS else "trade"


def _forms(text: str) -> list[str]:
    capitals = text.upper()
    return [text, capitals, text[:35].rstrip(), capitals[:20].rstrip()]
