"""Other writings of watched names: by sound, without vowels, backwards, misread by a scanner, cut off, encoded, or joined to words.

Such a writing is replaced by the name itself, and the search for names then reads the new text. This starts only if a word
suggests a watched name, so that nearly all texts cost one dictionary lookup per word.

A name that is joined to ordinary words without a blank (purefentanylpowder) counts only if all other letters of the word are words
of the trade in chemicals and medicines, so that a name inside a longer word by chance is not found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from features.reference.words import chemical_words
from features.substances.find.adulterants import Adulterants
from features.substances.normalise import fold, skeleton, spell, tokens
from features.substances.read.name_parts import fewest_parts, segment
from features.substances.read.sounds import FOREIGN_WORD, Reading, foreign_reading, latin_reading, sounds_watched
from features.substances.rewriting import Rewriting, decoded, rewritten
from features.texts.remembered import remembered
from features.texts.scan import as_scanned, without_vowels

_BESIDE: Final = {word: word for words in chemical_words()["joined"].values() for word in words}
_LONGEST_BESIDE: Final = max(map(len, _BESIDE))
# Minimum letters of a name. Shorter ones are parts of ordinary words.
_HEAD: Final = 7
# Maximum letters of a word. Longer ones are no words.
_MAX_LETTERS: Final = 64
# Digits that stand for letters, between a misspelt name and more letters of the same word: ventani11a is ventanilla. Letters of a
# unit do not continue the word: fentnyl10g.
_GOES_ON: Final = re.compile(
    rf"[01345]{{1,2}}(?!(?:{'|'.join((*chemical_words()['units']['amounts'], *chemical_words()['units']['others'], 'x'))})"
    r"(?![a-z]))[a-z]"
)


class JoinedNames:
    """Search for names within words.

    Args:
        names: names of letters a to z without blanks. Short ones are ignored.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name for name in names if len(name) >= _HEAD)
        self._heads: dict[str, tuple[int, ...]] = {}
        for name in self._names:
            lengths = self._heads.get(name[:_HEAD], ())
            if len(name) not in lengths:
                self._heads[name[:_HEAD]] = tuple(sorted({*lengths, len(name)}, reverse=True))

    def parts(self, word: str) -> str | None:
        """Return a word of letters a to z with blanks around the name in it; None if it is not a name and ordinary words."""
        if not _HEAD < len(word) <= _MAX_LETTERS:
            return None
        for spelled in {word: None, spell(word): None}:
            for start in range(len(spelled) - _HEAD + 1):
                for length in self._heads.get(spelled[start : start + _HEAD], ()):
                    end = start + length
                    if spelled[start:end] not in self._names:
                        continue
                    before, after = _words(spelled[:start]), _words(spelled[end:])
                    if before is not None and after is not None and (before or after):
                        return " ".join((*before, spelled[start:end], *after))
        return None


def goes_on(spelled: str, end: int) -> bool:
    """Return whether a word goes on after a position, with digits in place of its next letters."""
    return _GOES_ON.match(spelled, end) is not None


def _words(letters: str) -> tuple[str, ...] | None:
    """Return the ordinary words that some letters consist of, the fewest; None if they consist of no such words."""
    return fewest_parts(letters, _BESIDE, _LONGEST_BESIDE)


_WORD: Final = re.compile(r"[^\W\d_]+")
_SIGNS: Final = re.compile(r"[^\W_|!$@€+]*[\d|!$@€+][\w|!$@€+]*", re.ASCII)
_HARD_VOWELS: Final = re.compile("[aeiou]")
# Minimum consonants, and letters, of a name that is read without its vowels.
_FEWEST_CONSONANTS: Final = 5
_FEWEST_LETTERS: Final = 6
# A cut word has at least this many letters of the name, and this share of its letters.
_CUT: Final = 5
_CUT_SHARE: Final = 0.7
# The same for a name of several words.
_CUT_NAME: Final = 12
_CUT_NAME_SHARE: Final = 0.75
_MOST_TOKENS: Final = 12
# Stems of one-word names. A word whose end is cut off has at least `_MIN_STEM_LETTERS` letters of the stem. Names that end in a
# salt are not completed.
_FAMILY: Final = re.compile("(?:fentan[iy]l|nitazene|brorphine)$")
_MIN_STEM_LETTERS: Final = 3
_SALT: Final = re.compile("|".join(("hcl$", *chemical_words()["salts"]["at_end"])))
_FENT: Final = re.compile(r"(?P<before>[a-z\d]+)[ -]fents?(?![a-z])")
_ONE_WORD_FENT: Final = re.compile("([a-z]{2,30})fents?")
#: Abbreviations of precursors that follow substituents -> systematic names.
_SHORT: Final = {
    "npp": "1-(2-phenylethyl)piperidin-4-one",
    "anpp": "N-phenyl-1-(2-phenylethyl)piperidin-4-amine",
}
_SUBSTITUTED: Final = re.compile(
    r"(?<![a-z])(?:[a-z]*(?:yl|oxy|oro|omo|odo|carbonyl|carbomethoxy|carboethoxy|boc))-(?P<short>(?:4-?a|a)?npp)(?![a-z])"
)
_NAMES_IN_IL: Final = frozenset(chemical_words()["before_a_stem"]["fentanil"])
_LETTERED: Final = re.compile(r"\d?[fm]|\d?cl|\d?br|[omp]f")
_LAST_WORD: Final = re.compile(r"([A-Za-z]{3,})[ .-]*\Z")
_FIRST_WORD: Final = re.compile(r"[ .-]*([A-Za-z]{3,})")
_CUT_HOW: Final = "Name cut off at the end of the text."
_TRANSLATED_HOW: Final = "Read by its sound in another language."


class OtherWritings:
    """Readings of texts in which a watched name is written in another way.

    Args:
        words: words of watched names, and joined names, of letters a to z (`NameIndex.watched_words`).
        keys: watched names without blanks and hyphens -> their substances.
        adulterants: names of adulterants of letters a to z without blanks.
        drugs: names of drugs under control without blanks. They are not read by their sound.
    """

    def __init__(
        self, words: Iterable[str], keys: Mapping[str, str], adulterants: Adulterants, drugs: Collection[str] = ()
    ) -> None:
        self._words = frozenset(words)
        long = (word for word in self._words if len(word) >= _FEWEST_LETTERS and sounds_watched(word))
        long_words = sorted(long, key=lambda word: (len(word), word))
        self._consonants: dict[str, str] = {}
        self._misread: dict[str, str] = {}
        self._backwards = frozenset(word[::-1] for word in long_words) | frozenset(
            f"li{word[-3::-1]}" for word in long_words if word.endswith("fentanyl")
        )
        self._adulterants = adulterants
        self._never_by_sound = frozenset(drugs) | frozenset(chemical_words()["reserved"]["everyday"])
        self._joined = JoinedNames((*(key for key in keys if key.isalpha()), *adulterants.names))
        self._backwards |= frozenset(name[::-1] for name in adulterants.names)
        for word in (*long_words, *adulterants.names):
            consonants = without_vowels(word)
            self._consonants.setdefault(consonants, word)
            # Names and texts are reduced in the same way.
            self._misread.setdefault(as_scanned(skeleton(word)), word)
        # Piperidine and piperidone have the same consonants. Read them as piperidone.
        if "piperidone" in self._words:
            self._consonants["pprdn"] = "piperidone"
        self._beginnings, self._endings = _cut_pieces(long_words)
        written = self._words | {f"{word[:-2]}il" for word in self._words if word.endswith("fentanyl")}
        self._cut_ends = frozenset(word[:size] for word in written for size in range(3, len(word)))
        self._cut_starts = frozenset(word[-size:] for word in written for size in range(3, len(word)))
        self._keys = keys
        # Build the table of sounds now instead of at the first text.
        latin_reading("fentanil")
        self._forwards = sorted(key for key in keys if _SALT.search(key) is None)
        self._reversed = sorted(key[::-1] for key in self._forwards)
        self.word = remembered(16_384)(self._word)
        self._foreign = remembered(8_192)(foreign_reading)

    def suggested_by(self, word: str) -> bool:
        """Return whether a word of letters a to z may be, or be part of, a watched name in another writing."""
        # U+0066 begins with a word of one letter.
        if word in ("fent", "fents", "u", *_SHORT):
            return True
        return (
            self._word(word) is not None
            or word in self._backwards
            or word in self._beginnings
            or word in self._endings
            or ("fent" in word and _ONE_WORD_FENT.fullmatch(word) is not None)
            or latin_reading(word) is not None
            or self._joined.parts(word) is not None
            or self._adulterants.suggested_by(word)
        ) and not self._is_name(word)

    def suggested_by_text(self, text: str) -> bool:
        """Return whether a text has a word of another alphabet that sounds like the main part of a watched name."""
        return self._adulterants.suggested_by_text(text) or any(
            self._foreign(match[0].lower(), match.lastgroup or "") for match in FOREIGN_WORD.finditer(text)
        )

    def begins_name(self, word: str) -> bool:
        """Return whether a word is, or begins, a word of a watched name."""
        return word in self._words or word in self._cut_ends

    def ends_name(self, word: str) -> bool:
        """Return whether a word is, or ends, a word of a watched name."""
        return word in self._words or word in self._cut_starts

    def readings(self, text: str) -> Iterator[Rewriting]:
        """Yield the text with other writings replaced by names, the likeliest reading first."""
        plain = decoded(text)
        if plain is not None:
            yield plain
        apart = self._apart(text)
        if apart is not None:
            yield apart
        sounds = self.by_sound(text)
        if sounds is not None:
            yield sounds
        base = sounds.text if sounds is not None else text
        for reading in (self._by_letters(base), self._abbreviated(base), _on_short_name(base), self._cut_word(base)):
            if reading is not None:
                yield (
                    reading
                    if sounds is None
                    else rewritten(text, ((0, len(text), reading.text),), reading.kind, reading.how, reading.confidence)
                )
        if any(fold(word[0]) in self._backwards for word in _WORD.finditer(text)):
            yield rewritten(text, ((0, len(text), text[::-1]),), "misspelt", "Read backwards.", 0.85)
        adulterant = self._adulterants.reading(text)
        if adulterant is not None:
            yield adulterant

    def _is_name(self, word: str) -> bool:
        return word in self._words or spell(word) in self._words

    def _word(self, word: str) -> str | None:
        """Return the watched word that a word without vowels, or a misread word, stands for, or None."""
        if len(word) < _FEWEST_CONSONANTS:
            return None
        consonants = without_vowels(word)
        found = self._consonants.get(consonants) if len(consonants) >= _FEWEST_CONSONANTS else None
        if found is not None and len(_HARD_VOWELS.findall(word)) <= 1:
            return found
        return self._misread.get(as_scanned(skeleton(word)))

    def by_sound(self, text: str, *, with_core: bool = True) -> Rewriting | None:
        """Return the text with English parts of names in place of foreign words that sound like them; None without such words.

        Args:
            text: the text.
            with_core: whether one of the words must sound like the main part of a watched name.
        """
        replaced = (
            []
            if text.isascii()
            else [
                (one.start, one.end, f" {one.english} " if one.inside else one.english)
                for one in self._foreign_words(text)
            ]
        )
        is_clear = not with_core or (bool(replaced) and self.suggested_by_text(text))
        taken = [(start, end) for start, end, _ in replaced]
        for match in _WORD.finditer(text):
            word = fold(match[0])
            if not (word.isascii() and word.isalpha()) or any(a < match.end() and match.start() < b for a, b in taken):
                continue
            if self._is_name(word) or word in self._never_by_sound or self.word(word) is not None:
                continue
            english = latin_reading(word, with_core=False)
            if english is not None and spell(english) != spell(word):
                replaced.append((*match.span(), english))
                is_clear = is_clear or latin_reading(word) is not None
        if not replaced or not is_clear:
            return None
        return rewritten(text, sorted(replaced), "translated", _TRANSLATED_HOW, 0.9)

    def _foreign_words(self, text: str) -> Iterator[Reading]:
        """Yield the readings of the words of other alphabets in a text, by position in the text."""
        for match in FOREIGN_WORD.finditer(text):
            reading = self._foreign(match[0].lower(), match.lastgroup or "", with_core=False)
            if reading is not None:
                start = match.start()
                yield replace(reading, start=start + reading.start, end=start + reading.end)

    def _by_letters(self, text: str) -> Rewriting | None:
        """Return the text with watched words in place of words without vowels and words that a scanner misread, or None."""
        replaced: list[tuple[int, int, str]] = []
        for pattern in (_WORD, _SIGNS):
            for match in pattern.finditer(text):
                word = fold(match[0])
                if word.isascii() and not self._is_name(word):
                    plain = self.word(word)
                    if plain is not None and not any(a < match.end() and match.start() < b for a, b, _ in replaced):
                        replaced.append((*match.span(), plain))
        if not replaced:
            return None
        return rewritten(text, sorted(replaced), "misspelt", "Written without vowels, or misread by a scanner.", 0.8)

    def _apart(self, text: str) -> Rewriting | None:
        """Return the text with blanks between names and the ordinary words that are joined to them, or None."""
        replaced: list[tuple[int, int, str]] = []
        for match in _WORD.finditer(text):
            word = fold(match[0])
            parts = self._joined.parts(word) if word.isascii() and not self._is_name(word) else None
            if parts is not None:
                replaced.append((*match.span(), parts))
        if not replaced:
            return None
        return rewritten(text, replaced, "exact", "Name that is joined to other words.", 0.9)

    def _abbreviated(self, text: str) -> Rewriting | None:
        """Return the text with fentanyl in place of fent after another part of a name (carfent, acetyl fent, 4F-fent), or None."""
        folded = fold(text)
        if "fent" not in folded or len(folded) != len(text):
            return None
        replaced: list[tuple[int, int, str]] = []
        for match in _WORD.finditer(folded):
            abbreviation = _ONE_WORD_FENT.fullmatch(match[0])
            if abbreviation is not None and (written := _before_fent(abbreviation[1])) is not None:
                replaced.append((*match.span(), written))
        for match in _FENT.finditer(folded):
            before = match["before"]
            if segment(before) is not None or latin_reading(before, with_core=False) or _LETTERED.fullmatch(before):
                replaced.append((*match.span(), f"{before} fentanyl"))
        if not replaced:
            return None
        return rewritten(text, sorted(replaced), "misspelt", "Abbreviated name.", 0.7, whole_pieces=True)

    def _cut_word(self, text: str) -> Rewriting | None:
        """Return the text with its last or first word completed, if that is cut off; otherwise None."""
        words = list(_WORD.finditer(text))
        if not words:
            return None
        last, first = words[-1], words[0]
        completed = self._beginnings.get(fold(last[0]))
        if completed is not None and not text[last.end() :].strip(" .-"):
            return rewritten(text, ((*last.span(), completed),), "misspelt", _CUT_HOW, 0.7)
        completed = self._endings.get(fold(first[0]))
        if completed is not None and not text[: first.start()].strip(" .-"):
            return rewritten(text, ((*first.span(), completed),), "misspelt", _CUT_HOW, 0.7)
        return None

    def cut_name(self, text: str) -> Rewriting | None:
        """Return the text with a name of several words completed that the end or beginning of the text cuts off, or None."""
        last, first = _LAST_WORD.search(text), _FIRST_WORD.match(text)
        if not (last is not None and last[1].lower() in self._cut_ends) and not (
            first is not None and first[1].lower() in self._cut_starts
        ):
            return None
        pieces = tokens(spell(fold(text)))
        rest = self._rest(pieces[-_MOST_TOKENS:], self._forwards)
        if rest is not None:
            stop = len(text.rstrip(" .-"))
            return rewritten(text, ((stop, len(text), rest),), "misspelt", _CUT_HOW, 0.6)
        rest = self._rest([piece[::-1] for piece in pieces[_MOST_TOKENS - 1 :: -1]], self._reversed)
        if rest is not None:
            begin = len(text) - len(text.lstrip(" .-"))
            return rewritten(text, ((0, begin, rest[::-1]),), "misspelt", _CUT_HOW, 0.6)
        return None

    def _rest(self, pieces: list[str], names: list[str]) -> str | None:
        """Return the letters that complete the last tokens to a name; None if the names found are of no or several substances.

        The last token must have at least three letters.
        """
        backwards = names is self._reversed
        if len(pieces) < 2 or not pieces[-1].isalpha() or len(pieces[-1]) < 3:
            return None
        for first in range(len(pieces) - 1):
            joined = "".join(pieces[first:])
            if len(joined) < _CUT_NAME:
                break
            at = bisect_left(names, joined)
            completed: list[str] = []
            while at < len(names) and names[at].startswith(joined):
                completed.append(names[at])
                at += 1
            near = [name for name in completed if len(joined) >= _CUT_NAME_SHARE * len(name)]
            if not near or joined in near:
                continue
            substances = {self._keys[name[::-1] if backwards else name] for name in completed}
            rest = min(near, key=len)[len(joined) :]
            if len(substances) == 1 and rest[0].isalpha():
                return rest
        return None


def _on_short_name(text: str) -> Rewriting | None:
    """Return the text with the systematic name in place of an abbreviation after a substituent (3-methoxycarbonyl-NPP), or None."""
    replaced = [
        (match.start("short"), match.end("short"), _SHORT[match["short"].replace("-", "").removeprefix("4")])
        for match in _SUBSTITUTED.finditer(text.lower())
    ]
    return rewritten(text, replaced, "exact", "Substituents before an abbreviation.", 0.9) if replaced else None


def _cut_pieces(words: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the beginnings and the endings of names on the stem of a family, each mapped to the shortest such name."""
    beginnings: dict[str, str] = {}
    endings: dict[str, str] = {}
    known = frozenset(words)
    for word in words:
        stem = _FAMILY.search(word)
        if stem is None:
            continue
        least = max(_CUT, int(_CUT_SHARE * len(word) + 0.99))
        for size in range(least, len(word)):
            if size >= stem.start() + _MIN_STEM_LETTERS and word[:size] not in known:
                beginnings.setdefault(word[:size], word)
            if word[-size:] not in known:
                endings.setdefault(word[-size:], word)
    return beginnings, endings


def _before_fent(part: str) -> str | None:
    """Return the name that consists of a part and the abbreviation fent; None if the part begins no name."""
    if part in _NAMES_IN_IL:
        return f"{part}fentanil"
    english = latin_reading(part, with_core=False) or part
    return f"{english}fentanyl" if part == "nor" or segment(english) is not None else None
