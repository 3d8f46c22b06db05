"""Names of substances in a text: on token boundaries, with their positions, in any number of languages.

The key of a name consists of its letters and digits. At each token, the joined rest of the text is compared with the names
that begin with the same characters. This takes two dictionary lookups per token, for any number of names.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Final

from features.reference import BenignChemical, ReferenceDataError, Substance
from features.reference.words import chemical_words
from features.substances.context import Surroundings
from features.substances.find.found import FAMILIES, SYSTEMATIC, Entry, Found, entry_of
from features.substances.find.glance import Glance
from features.substances.match import ADULTERANT, BENIGN, CONTROLLED, MIXED_DRUGS, WATCHED
from features.substances.normalise import TOKEN, compact, compacted, core, fold, reveal, skeleton, spell, tokens

_POSITION: Final = {"ortho": ("o", "2"), "meta": ("m", "3"), "para": ("p", "4")}
_POSITIONED: Final = re.compile(r"\b(ortho|meta|para)([- ]?)(?=(\w+))")
# Substituents for which a digit means the aniline ring too: 3-methylfentanyl has its methyl on the piperidine.
_ON_ANILINE: Final = re.compile(r"(?:fluoro|chloro|bromo|iodo|methoxy)")
_NITROGEN: Final = re.compile(r"(?:n|1)-(?=(?:phenethyl|benzyl|boc)-?4-(?:piperidone|anilinopiperidine))")
# A prefix that English inverts after a comma: fentanyl, acetyl.
_INVERTED: Final = re.compile(r"(.{4,40}(?:yl|o|oxy))[ -]?fentanyl")


def variants(name: str) -> Iterator[str]:
    """Yield rule-based spellings of a name. A spelling does not count if another substance has that name.

    Args:
        name: the output of `normalise.spell`.
    """
    for position, (letter, figure) in _POSITION.items():
        if f"{position}-" in name or f"{position} " in name or name.startswith(position):
            yield re.sub(rf"\b{position}[- ]?", f"{letter}-", name)
            positioned = _POSITIONED.search(name)
            if positioned is not None and "fentanyl" in name and _ON_ANILINE.match(positioned[3]) is not None:
                yield re.sub(rf"\b{position}[- ]?", f"{figure}-", name)
    for greek, letter in (("alpha", "a"), ("beta", "b")):
        if f"{greek}-" in name:
            yield name.replace(f"{greek}-", f"{letter}-")
    for long, short in (("butyrylfentanyl", "butyrfentanyl"), ("acrylfentanyl", "acryloylfentanyl")):
        if name.replace(" ", "").endswith(long):
            yield name.replace(" ", "").replace(long, short)
    nitrogen = _NITROGEN.match(name)
    if nitrogen is not None:
        rest = name[nitrogen.end() :]
        yield from (f"n-{rest}", f"1-{rest}", rest)
    inverted = _INVERTED.fullmatch(name)
    if inverted is not None:
        yield f"fentanyl {inverted[1]}"


#: Minimum number of letters and digits of a name.
SHORTEST: Final = 3
# Names of at least this many characters are indexed by a prefix of this length, because few names share six characters.
_HEAD: Final = 6
# Between a letter and a digit of an abbreviation, or after its first letter: 4-AP, P-FIBF.
_BETWEEN: Final = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])|(?<=^[a-z])(?=[a-z])")
_PRIMED: Final = re.compile(r"\d['\u2032]")

# Inflections and particles attached to a name, in folded letters.
_ENDINGS: Final = frozenset(map(fold, chemical_words()["attached"]["endings"]))
# Words that German, and careless English, write as one word with a name although they are not part of it.
_COMPOUNDED: Final = frozenset(chemical_words()["attached"]["words"])
_COMPOUND_SIZES: Final = sorted({len(word) for word in _COMPOUNDED})
# Plural endings. Chemists call the derivatives of a chemical by its plural: piperidines.
_PLURALS: Final = tuple(map(fold, chemical_words()["attached"]["plurals"]))
# Minimum number of letters of a name that may have an ending.
_INFLECTED: Final = 6
# Particles and the article that Arabic attaches to the noun.
_ARABIC: Final = re.compile(r"(?:و|ف)?(?:بال|كال|لل|ال|ب|ل|ك)|و(?=..)")
_ARABIC_LETTERS: Final = ("\u0621", "\u064a")

# Words that continue the prefix of an apparently inverted name: "fentanyl, benzyl alcohol" are two goods.
_HEAD_WORD: Final = re.compile(f"[ -]*(?:{'|'.join(chemical_words()['attached']['heads'])})")


# A word with digits or signs in place of letters, directly before a name: acety1fentanyl.
_GLUED: Final = re.compile(r"[a-z][0-9@$!|€+]+$|[a-z][0-9@$!|€+]+[a-z]+[- ]$")
# Maximum number of characters searched before the name. No word is longer.
_LONGEST_GLUED: Final = 80


class NameIndex:
    """Index of the names of all substances. Fill it with `add`, then search with `find`."""

    def __init__(self) -> None:
        self._names: dict[str, Entry] = {}
        self._yielding: set[str] = set()
        self._whole: dict[str, Entry] = {}
        self._one_word: set[str] = set()
        self._inverted: set[str] = set()
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._beginnings: set[str] = set()
        self._words: dict[str, str] = {}
        self._english: set[str] = set()
        self._watched: list[tuple[str, Entry]] = []
        self._primed: set[str] = set()
        self._chemicals: set[str] = set()
        self._abbreviations: re.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, entry: Entry, *, yielding: bool = False) -> None:
        """Add a name and its rule-based spellings.

        Args:
            name: as written.
            entry: the substance.
            yielding: whether the name is from a broad source. It then gives way to the same name of another substance.

        Raises:
            ReferenceDataError: the name is too short, or already belongs to another substance.
        """
        folded = fold(name)
        spelled = spell(folded)
        pieces = tokens(spelled)
        key = compacted(pieces)
        if len(key) < SHORTEST:
            if yielding:
                return
            reason = f"{name!r} of {entry.substance} is too short, expected at least {SHORTEST} letters or digits"
            raise ReferenceDataError("substances.csv", None, reason)
        if entry.group == CONTROLLED and len(pieces) == 1:
            self._one_word.add(key)
        earlier = self._names.get(key)
        if earlier is None or (key in self._yielding and not yielding):
            self._enter(key, entry)
            self._yielding.discard(key)
            if yielding:
                self._yielding.add(key)
        elif earlier.substance != entry.substance and not yielding:
            reason = f"{name!r} stands for {earlier.substance} and {entry.substance}, expected one substance"
            raise ReferenceDataError("substances.csv", None, reason)
        if ("'" in folded or "\u2032" in folded) and _PRIMED.search(folded) is not None:
            self._primed.add(key)
        if (entry.group == ADULTERANT or entry.substance in MIXED_DRUGS) and key.isascii() and key.isalpha():
            self._words.setdefault(skeleton(key), key)
        if entry.group in WATCHED and not entry.abbreviation:
            self._add_words(pieces, key, english=entry.kind != "translated")
            if not yielding or entry.kind == "translated":
                self._watched.append((name, entry))
            if key.isascii():
                self._add_variants(spelled, key, entry)

    def add_whole(self, name: str, entry: Entry) -> None:
        """Add a name that counts only if a declared chemical consists of it, of its salt and of its grade."""
        self._whole.setdefault(core(name), entry)

    def add_substance(self, substance: Substance) -> None:
        """Add the name, synonyms, abbreviations and systematic name of a row of the reference data.

        Raises:
            ReferenceDataError: as `add`.
        """
        exact = entry_of(substance, "exact")
        if exact.group == CONTROLLED:
            self._chemicals.add(exact.substance)
        for name in (substance.name, *substance.synonyms):
            self.add(name, exact)
        for name in substance.abbreviations:
            self.add(name, replace(exact, abbreviation=True))
        if substance.systematic_name:
            self.add(substance.systematic_name, replace(exact, kind="systematic"))

    def add_benign(self, chemical: BenignChemical) -> None:
        """Add the name and synonyms of a common chemical.

        Raises:
            ReferenceDataError: as `add`.
        """
        self._chemicals.add(chemical.name)
        for name in (chemical.name, *chemical.synonyms):
            self.add(name, Entry(chemical.name, BENIGN, chemical.cas, chemical.inchikey, "exact"))

    def find(self, spelled: str, around: Surroundings) -> list[Found]:
        """Return the names in a text, the longest at each position, without those that the surrounding text rules out.

        Args:
            spelled: the output of `normalise.spell`.
            around: its surroundings.
        """
        found = self._names_in(spelled, around)
        watched = [item for item in found if item.entry.group in WATCHED]
        # Search for digits in place of letters if no watched name is written plainly, or only as the end of a word:
        # acety1fentanyl.
        if not watched or any(_glued(spelled, item.start) for item in watched):
            revealed = reveal(spelled, self._words)
            if revealed is not None:
                around = Surroundings(revealed, chemical=around.chemical)
                read = self._names_in(revealed, around, disguised=True)
                found = [item for item in found if not any(_within(item, other) for other in read)]
                found += [item for item in read if not any(_within(item, other) for other in found)]
        return found

    def without_qualifiers(self, spelled: str, around: Surroundings) -> list[Found]:
        """Return the name of a declared chemical after salt, grade and purity are removed, also from within the name."""
        key = core(spelled)
        entry = self._names.get(key) or self._whole.get(key)
        if entry is None or entry.abbreviation:
            return []
        context, mention = around.context_of(entry.group, 0, len(spelled))
        return [Found(entry, 0, len(spelled), context, mention)]

    def entry(self, name: str) -> Entry | None:
        """Return the entry of a complete name; None if it is unknown."""
        return self._names.get(compact(name))

    def abbreviations(self) -> re.Pattern[str]:
        """Return the pattern of the abbreviations of watched substances in folded text. Call it after the last name was added."""
        if self._abbreviations is None:
            keys = [key for key, entry in self._names.items() if entry.abbreviation and entry.group in WATCHED]
            written = "|".join(_BETWEEN.sub("[ -]?", key) for key in sorted(keys, key=len, reverse=True))
            self._abbreviations = re.compile(rf"(?<![a-z\d])(?:{written})(?![a-z\d])")
        return self._abbreviations

    def watched_names(self) -> tuple[tuple[str, Entry], ...]:
        """Return the names of watched substances as added, with their entries.

        Abbreviations and names from broad sources are excluded. Translations are included.
        """
        return tuple(self._watched)

    def watched_words(self) -> frozenset[str]:
        """Return the words of watched English names, and the joined names, if they consist of letters a to z."""
        return frozenset(self._english)

    def keys_of(self, groups: Collection[str], *, translated: bool = True) -> dict[str, str]:
        """Return key -> substance of the names (letters and digits of ASCII) of some groups, without abbreviations."""
        return {
            key: entry.substance
            for key, entry in self._names.items()
            if entry.group in groups
            and not entry.abbreviation
            and key.isascii()
            and (translated or entry.kind != "translated")
        }

    def other_keys(self, groups: Collection[str]) -> frozenset[str]:
        """Return the keys of the names of all other groups."""
        return frozenset(key for key, entry in self._names.items() if entry.group not in groups)

    def heads(self) -> list[str]:
        """Return the prefixes by which names are indexed, sorted."""
        return sorted(self._lengths)

    def may_begin(self, word: str, heads: list[str]) -> bool:
        """Return whether a name may begin at the start of a word, whatever follows the word.

        Args:
            heads: the result of `heads`.
        """
        if len(word) >= SHORTEST and word[:SHORTEST] not in self._beginnings:
            return False
        # No prefix has more letters than `_HEAD`.
        at = bisect_left(heads, word) if len(word) < _HEAD else len(heads)
        if at < len(heads) and heads[at].startswith(word):
            return True
        found = self._lengths.get(word[:_HEAD], ()) + self._lengths.get(word[:SHORTEST], ())
        return any(length > len(word) or word[:length] in self._names for length in found)

    def glance(self, judge: Callable[[str], int], fewest: int, most: int, remembered: int) -> Glance:
        """Return a `Glance` for a complete set of names. Arguments as in `Glance`."""
        return Glance(judge, self._lengths, self._names, _HEAD, SHORTEST, fewest, most, remembered)

    def _enter(self, key: str, entry: Entry) -> None:
        self._names[key] = entry
        self._beginnings.add(key[:SHORTEST])
        head = key[:_HEAD] if len(key) >= _HEAD else key[:SHORTEST]
        lengths = self._lengths.get(head, ())
        if len(key) not in lengths:
            self._lengths[head] = tuple(sorted({*lengths, len(key)}, reverse=True))

    def _add_words(self, pieces: list[str], key: str, *, english: bool) -> None:
        for word in (*pieces, key):
            if len(word) > SHORTEST and word.isascii() and word.isalpha():
                self._words.setdefault(skeleton(word), word)
                if english:
                    self._english.add(word)

    def _add_variants(self, spelled: str, joined: str, entry: Entry) -> None:
        for variant in variants(spelled):
            key = compact(variant)
            if key not in self._names:
                self._enter(key, entry)
                self._yielding.add(key)
                inverted = key.startswith("fentanyl")
                if inverted:
                    self._inverted.add(key)
        if joined.endswith("fentanyl"):
            # `spell` does not change a name in two pieces, such as fent anil. Its joined key has one of these endings.
            for ending in ("fentanil", "phentanyl"):
                key = joined[: -len("fentanyl")] + ending
                if key not in self._names:
                    self._enter(key, entry)
                    self._yielding.add(key)

    def _names_in(self, spelled: str, around: Surroundings, *, disguised: bool = False) -> list[Found]:
        pieces = around.tokens
        joined = "".join(pieces)
        lengths_of, names = self._lengths, self._names
        found: list[Found] = []
        at, taken, ends = 0, 0, None
        for piece in pieces:
            begin, at = at, at + len(piece)
            # A name inside one already found (piperidine in a longer name) is not a second declaration.
            if begin < taken:
                continue
            begins: tuple[int, ...] = (begin,)
            if _ARABIC_LETTERS[0] <= piece[0] <= _ARABIC_LETTERS[1]:
                begins = _arabic_beginnings(piece, begin)
            for first in begins:
                lengths = lengths_of.get(joined[first : first + _HEAD], ()) + lengths_of.get(
                    joined[first : first + SHORTEST], ()
                )
                if not lengths:
                    continue
                for length in lengths:
                    key = joined[first : first + length]
                    entry = names.get(key)
                    if entry is None:
                        continue
                    if ends is None:
                        ends = _Positions(spelled)
                    last = ends.end(first + length, inflected=length >= _INFLECTED and not entry.abbreviation)
                    if last is None:
                        continue
                    start = ends.start(begin) + (first - begin)
                    if key in self._inverted and _HEAD_WORD.match(spelled, last) is not None:
                        continue
                    judged = self._judge(entry, key, around, start, last, disguised=disguised)
                    if judged is not None:
                        taken = first + length
                        found.append(judged)
                    elif entry.abbreviation:
                        continue
                    # If the name continues into a longer name, a shorter name at this position does not count either.
                    break
                if taken > begin:
                    break
        return found

    def _judge(
        self, entry: Entry, key: str, around: Surroundings, start: int, end: int, *, disguised: bool
    ) -> Found | None:
        if entry.abbreviation and not around.admits_abbreviation(start, end, entry.cas):
            return None
        if key in self._one_word and entry.group == CONTROLLED and len(tokens(around.text[start:end])) > 1:
            # The letters of a drug's name in two words have other meanings: super hero in a box.
            return None
        if entry.substance in self._chemicals and self._is_plural(around.text[start:end]):
            return None
        longer = around.continue_name(start, end)
        if longer and (entry.group not in FAMILIES or entry.abbreviation or entry.kind in SYSTEMATIC):
            # A derivative of a precursor is another chemical. A derivative of a fentanyl or nitazene still counts as a relative.
            # A longer systematic name is read as a whole or not at all.
            return None
        # A primed locant is on the other ring: 3'-methylfentanyl is not 3-methylfentanyl.
        primed = _PRIMED.search(around.text, start, end) is not None
        ambiguous = entry.abbreviation or longer or primed is not (key in self._primed)
        context, mention = around.context_of(entry.group, start, end)
        confidence = 0.6 if entry.abbreviation else 0.8 if ambiguous else 0.95 if disguised else 1.0
        return Found(entry, start, end, context, mention, ambiguous, confidence, disguised=disguised)

    def _is_plural(self, text: str) -> bool:
        return any(
            text.endswith(ending) and "".join(tokens(text[: -len(ending)])) in self._names for ending in _PLURALS
        )


def _within(inner: Found, outer: Found) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


class _Positions:
    """Token boundaries: number of characters before them in the joined text -> position in the spelled text."""

    __slots__ = ("_ends", "_spelled", "_starts")

    def __init__(self, spelled: str) -> None:
        self._spelled = spelled
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        count = 0
        for matched in TOKEN.finditer(spelled):
            self._starts[count] = matched.start()
            count += matched.end() - matched.start()
            self._ends[count] = matched.end()

    def start(self, count: int) -> int:
        return self._starts[count]

    def end(self, count: int, *, inflected: bool) -> int | None:
        """Return the end of a name that ends after ``count`` characters of the joined text; None within a word.

        Args:
            inflected: whether the name may have an ending, which the result includes, or an attached word, which it excludes.
        """
        known = self._ends.get(count)
        if known is not None or not inflected:
            return known
        # The longest ending has two letters.
        for rest in (1, 2):
            end = self._ends.get(count + rest)
            if end is not None:
                return end if self._spelled[end - rest : end] in _ENDINGS else None
        for rest in _COMPOUND_SIZES:
            end = self._ends.get(count + rest)
            if end is not None and self._spelled[end - rest : end] in _COMPOUNDED:
                return end - rest
        return None


def _arabic_beginnings(piece: str, begin: int) -> tuple[int, ...]:
    glued = _ARABIC.match(piece)
    return (begin,) if glued is None else (begin, begin + glued.end())


def _glued(spelled: str, start: int) -> bool:
    """Return whether the name at a position is the end of a word with digits or signs in place of letters."""
    return _GLUED.search(spelled, max(0, start - _LONGEST_GLUED), start) is not None
