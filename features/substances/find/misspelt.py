"""Search for watched names with one or two typing errors. Real words and other chemicals are rejected.

An error is an inserted, deleted, replaced or transposed letter (optimal string alignment, by RapidFuzz). The search uses the
*anchors* of the names, their long words. The anchors close to a word are looked up and cached. Only if a word of the text has
such anchors, their whole names are compared with the surrounding text.

These are never corrected: digits (2-piperidone is not 4-piperidone) and other locants, real words (pentanol, piperidine),
distinct parts of names (methyl is not a misspelt ethyl), and names closer to another chemical or medicine.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from features.reference.words import chemical_words
from features.substances.context import Surroundings
from features.substances.find.found import FAMILIES, SYSTEMATIC, Entry, Found
from features.substances.find.glance import Alike
from features.substances.find.morphemes import (
    CHEMICAL_WORD,
    ENDING,
    LOCANTS,
    MORPHEME,
    RESERVED,
    SIGNIFICANT_LOCANTS,
    STEMS,
)
from features.substances.match import WATCHED
from features.substances.normalise import TOKEN, compact, fold, skeleton, spellings, tokens
from features.texts.remembered import remembered
from features.texts.scan import near_words

#: Minimum letters of a name for one and for two errors. Too many real words are as close to shorter names.
ONE_ERROR: Final = 8
TWO_ERRORS: Final = 9
# Exception: fentanyl and fentanil, eight letters long, may have two errors.
_FENTANYL: Final = re.compile("f(?:entanyl|entanil)")
# Languages whose names are not searched with typing errors: those in other scripts, and pinyin, because its syllables are too
# similar.
_NOT_LATIN: Final = frozenset({"ar", "el", "he", "hi", "ja", "ko", "ru", "th", "uk", "zh", "zh-Hant", "zh-Latn"})
# A translated name with its salt is skipped, because the name without the salt is found inside it.
_SALT: Final = re.compile("|".join(chemical_words()["salts"]["translated"]))
# Maximum characters of a name. Longer names are hardly typed by hand, and comparing them is expensive.
_MAX_CHARACTERS: Final = 160
# Minimum letters of an anchor.
_ANCHOR: Final = 5
#: Minimum and maximum letters of two pieces that are read as one.
FEWEST_LETTERS: Final = _ANCHOR
MOST_LETTERS: Final = 40
# Maximum anchors of a name. Two errors leave one of three words intact. A fourth anchor covers two words written as one.
_ANCHORS: Final = 4
# Cache sizes, in words. The second cache serves only words close to a watched one.
_REMEMBERED_WORDS: Final = 16_384
_REMEMBERED_ANCHORS: Final = 2_048
# Two pieces are joined if the first begins, or the second ends, a word of a name with at least this many letters, without errors.
_PIECE: Final = 3
# Short words that are never pieces of a name, whatever is next to them.
_LITTLE_WORDS: Final = frozenset(chemical_words()["too_common"]["pieces_of_names"])
# When rival names are ranked, one error weighs as much as this many correct letters.
_COST: Final = 3
# A name without any of these is a trade name. Minimum letters of a trade name with two errors.
_CHEMICAL: Final = re.compile(f"{MORPHEME.pattern}|nitaz|[^a-z]")
_TRADE: Final = 10
# Minimum letters of a word that ends in a family stem for two errors to be allowed.
_MEMBER: Final = 14
# A letter before the stem of a family is a typing error rather than a part of the name.
_LONE_LETTER: Final = re.compile(rf"[a-z](?:{'|'.join(STEMS)})")
_INITIALS: Final = re.compile(r"\b[A-Z]{2,4}\b")
_JOINED: Final = re.compile(r"[^\W_][-,'()\[\]{}]+$")


@dataclass(frozen=True, slots=True, eq=False)
class _Name:
    """A watched name, ready for comparison.

    Attributes:
        key: its words and numbers, joined.
        figures: its numbers, in order.
        initials: its capital letters that stand together, such as BOC.
        errors: maximum number of errors.
    """

    key: str
    words: tuple[str, ...]
    figures: tuple[str, ...]
    locants: frozenset[str]
    initials: frozenset[str]
    errors: int
    entry: Entry


@dataclass(frozen=True, slots=True, eq=False)
class _Anchor:
    """A word of a name: its start in the key, and the maximum number of errors in it."""

    name: _Name
    offset: int
    errors: int


@dataclass(frozen=True, slots=True)
class _Tokenised:
    """A tokenised text. ``begins`` and ``ends`` are positions in the joined tokens, ``spans`` positions in the text."""

    tokens: list[str]
    joined: str
    begins: list[int]
    ends: list[int]
    spans: list[tuple[int, int]]


class MisspeltNames:
    """Search for watched names with typing errors.

    Args:
        named: names as written, with their entries.
        others: names of other substances and goods as written, which are not misspelt watched names.
        words: further real words close to a word of a watched name, folded.
    """

    def __init__(
        self, named: Iterable[tuple[str, Entry]], *, others: Collection[str] = (), words: Collection[str] = ()
    ) -> None:
        self._anchors: dict[str, list[_Anchor]] = {}
        # One key may have several word divisions: acetylfentanyl, acetyl fentanyl.
        names: dict[tuple[str, ...], _Name] = {}
        for name in _names(named):
            names.setdefault(name.words, name)
        self._keys = frozenset(name.key for name in names.values())
        self._members = {
            name.key: name.entry for name in names.values() if name.key.isalpha() and name.key.endswith(STEMS)
        }
        frequency = Counter(word for name in names.values() for word in {*name.words})
        for name in names.values():
            for word, anchor in _anchors(name, frequency):
                self._anchors.setdefault(word, []).append(anchor)
        self._reach = {word: max(anchor.errors for anchor in anchors) for word, anchors in self._anchors.items()}
        self._alike = Alike(self._reach)
        self._beginnings = {word[:size] for word in self._anchors for size in range(_PIECE, len(word))}
        self._endings = {word[-size:] for word in self._anchors for size in range(_PIECE, len(word))}
        self._known = RESERVED | _LITTLE_WORDS | frozenset(words)
        self._others: dict[int, list[str]] = {}
        for key in {compact(other) for other in others} - self._keys:
            self._others.setdefault(len(key), []).append(key)
        self._near = remembered(_REMEMBERED_WORDS)(self._near_anchors)
        self._cached_anchors = remembered(_REMEMBERED_ANCHORS)(self._anchors_of)
        self._nearest_other = remembered(1024)(self._distance_to_others)

    def find(self, spelled: str, around: Surroundings, known: Sequence[Found] = ()) -> list[Found]:
        """Return the misspelt names in a text, at most one at each place: the one with the most correct letters.

        Args:
            spelled: the output of `normalise.spell`.
            around: its surroundings.
            known: names already found, whose positions are skipped.

        Returns:
            Names of kind ``misspelt``, with the number of errors as ``distance``.
        """
        tokens = around.tokens
        seeds = near_words(tokens, self._near, self._beginnings, self._endings, FEWEST_LETTERS, MOST_LETTERS)
        if not seeds:
            return []
        return self._compare(_tokenised(spelled, tokens), seeds, spelled, around, known)

    def role(self, word: str) -> tuple[bool, bool, bool]:
        """Return whether a word is close to a word of a watched name, whether it begins one exactly, and whether it ends one."""
        near = len(word) >= FEWEST_LETTERS - 1 and bool(self._near_anchors(word))
        return near, word in self._beginnings, word in self._endings

    def nearest_member(self, word: str) -> tuple[Entry, int] | None:
        """Return the closest one-word watched name on a family stem, and the number of errors; None if none is close.

        A short part before the stem is recognisable with one error only.
        """
        written = word.replace("rn", "m")
        before = len(word) - len("fentanyl")
        hit = process.extractOne(written, list(self._members), scorer=OSA.distance, score_cutoff=1 if before < 5 else 2)
        return (self._members[hit[0]], max(1, int(hit[1]))) if hit is not None else None

    def _near_anchors(self, token: str) -> tuple[tuple[str, int], ...]:
        """Return the anchors that a token may misspell, each with its number of errors."""
        if not (token.isascii() and token.isalpha()):
            return ()
        found: list[tuple[str, int]] = []
        # Only words of similar length and letters are compared.
        for choices in self._alike.to(token):
            hits = process.extract(token, choices, scorer=OSA.distance, score_cutoff=2, limit=None)
            found += [(word, int(errors)) for word, errors, _ in hits if errors <= self._reach[word]]
        return tuple(found)

    def _anchors_of(self, word: str, errors: int, figures: bool) -> list[_Anchor]:
        """Return the anchors of a word that allow this many errors. Without ``figures``, names with digits are left out."""
        return [
            anchor for anchor in self._anchors[word] if errors <= anchor.errors and (figures or not anchor.name.figures)
        ]

    def _compare(
        self,
        text: _Tokenised,
        seeds: Sequence[tuple[int, int, str, int]],
        spelled: str,
        around: Surroundings,
        known: Sequence[Found],
    ) -> list[Found]:
        best: list[tuple[int, int, int, _Name]] = []
        seen: set[tuple[int, tuple[str, ...]]] = set()
        figures = {token for token in text.tokens if token.isdigit()}
        length = len(text.joined)
        for first, _, word, errors in seeds:
            at = text.begins[first]
            for anchor in self._cached_anchors(word, errors, bool(figures)):
                name, begin = anchor.name, at - anchor.offset
                allowed = name.errors
                # Most names are longer than the rest of the text, or have digits that the text lacks.
                if (
                    begin + allowed < 0
                    or begin + len(name.key) - 2 * allowed > length
                    or not figures.issuperset(name.figures)
                ):
                    continue
                place = (begin, name.words)
                if place in seen:
                    continue
                seen.add(place)
                window = _window(text, begin, name)
                if window is not None:
                    best.append((*window, name))
        finds: list[Found] = []
        taken = bytearray(len(text.tokens))
        rivals: dict[tuple[int, int, int], set[str]] = {}
        for errors, first, last, name in best:
            rivals.setdefault((errors, first, last), set()).add(name.entry.substance)
        # Prefer the name with the most correct letters: "butiryl feentanyl" is butyrylfentanyl, although fentanyl has fewer errors.
        for errors, first, last, name in sorted(best, key=lambda item: (_COST * item[0] - len(item[3].key), item[1])):
            start, end = text.spans[first][0], text.spans[last][1]
            tokens = text.tokens[first : last + 1]
            if any(taken[first : last + 1]) or any(
                start < item.end and item.start < end and not _extends(item, start, end, spelled) for item in known
            ):
                continue
            if not self._is_error(tokens, errors, name):
                continue
            rival = len(rivals[errors, first, last]) > 1
            joined = name.entry.group not in FAMILIES and _joined_on(spelled, start)
            found = _match_of(name, (start, end), errors, tokens, around, rival=rival, joined=joined)
            if found is not None:
                finds.append(found)
                taken[first : last + 1] = b"\x01" * len(tokens)
        return sorted(finds, key=lambda item: item.start)

    def _is_error(self, tokens: Sequence[str], errors: int, name: _Name) -> bool:
        """Return whether the difference is a typing error rather than another word, chemical or position."""
        present = frozenset(tokens)
        if present & LOCANTS - name.locants or name.locants & SIGNIFICANT_LOCANTS - present:
            return False
        parts = _parts(name.words)
        for token in tokens:
            if token not in parts and not token.isdigit():
                chemical = CHEMICAL_WORD if len(token) > _PIECE else ENDING
                if token in self._known or chemical.fullmatch(token) is not None:
                    return False
                own = min(OSA.distance(token, word) for word in name.words)
                if own > 1 and token.endswith(STEMS) and len(token) < _MEMBER:
                    # The stem is intact: mirfentanil is another member of the family, not a misspelt carfentanil.
                    return False
                # Reject a word closer to a word of another watched name: phenathyl is phenethyl, not phentanyl.
                if any(
                    distance < own and all(OSA.distance(word, part, score_cutoff=1) > 1 for part in name.words)
                    for word, distance in self._near(token)
                ):
                    return False
        if errors > 1 and not name.initials <= present:
            return False
        if (len(tokens[0]) < _ANCHOR and "".join(tokens[1:]) in self._keys) or (
            len(tokens[-1]) < _ANCHOR and "".join(tokens[:-1]) in self._keys
        ):
            # A complete name beside a short word is not a longer name: "or fentanyl" is not norfentanyl.
            return False
        text = "".join(tokens)
        return self._nearest_other(text) >= errors

    def _distance_to_others(self, text: str) -> int:
        """Return the number of errors to the closest other name: 0, 1, or 3 if none is that close."""
        nearest = 3
        for size in range(len(text) - 1, len(text) + 2):
            choices = self._others.get(size)
            if choices:
                hit = process.extractOne(text, choices, scorer=OSA.distance, score_cutoff=1)
                if hit is not None:
                    nearest = min(nearest, int(hit[1]))
        return nearest


def _names(named: Iterable[tuple[str, Entry]]) -> Iterator[_Name]:
    for written, entry in named:
        if entry.language in _NOT_LATIN:
            continue
        folded = fold(written)
        if not folded.isascii() or len(folded) > _MAX_CHARACTERS:
            continue
        if entry.kind == "translated" and _SALT.search(folded) is not None:
            continue
        written_out = spellings(folded)
        if "phenethyl" in folded and entry.kind != "translated":
            written_out.append(folded.replace("phenethyl", "2-phenylethyl"))
        # Allow fewer errors in trade names and in other languages, because real words are close to such names.
        trade = written != entry.substance and _CHEMICAL.search(written_out[0]) is None
        narrow = entry.kind == "translated"
        for spelled in written_out:
            words = tuple(tokens(spelled))
            key = "".join(words)
            figures = tuple(word for word in words if word.isdigit())
            # A number of several digits is as distinctive as letters.
            counted = [word for word in words if len(word) > 1 or word.isalpha()]
            letters = sum(len(word) for word in counted if _SALT.match(word) is None)
            if letters < ONE_ERROR or _LONE_LETTER.fullmatch(key) is not None:
                continue
            locants = frozenset(words) & LOCANTS
            initials = frozenset() if written.isupper() else frozenset(map(fold, _INITIALS.findall(written)))
            short = letters < TWO_ERRORS and _FENTANYL.fullmatch(key) is None and not initials
            errors = 1 if short or narrow or (trade and letters < _TRADE) else 2
            yield _Name(key, words, figures, locants, initials, errors, entry)


def _parts(words: tuple[str, ...]) -> frozenset[str]:
    """Return the words of a name, their parts, and all runs of adjacent parts."""
    pieces: list[str] = []
    for word in words:
        made_of = MORPHEME.findall(word)
        pieces += made_of if "".join(made_of) == word else [word]
    runs = range(1, len(pieces) + 1)
    parts = {"".join(pieces[at : at + count]) for count in runs for at in range(len(pieces) - count + 1)}
    # Writers often omit the last e of piperidine and chloride, so the form without it is the same word.
    parts |= {part.removesuffix("e") for part in parts if len(part) > _ANCHOR}
    return frozenset(parts)


def _anchors(name: _Name, frequency: Counter[str]) -> Iterator[tuple[str, _Anchor]]:
    """Yield the anchors of a name by word: its rarest long words, with fewer errors allowed if there are several."""
    offsets: dict[str, int] = {}
    at = 0
    for word in name.words:
        if len(word) >= _ANCHOR and word.isalpha():
            offsets.setdefault(word, at)
        at += len(word)
    # Runs of letters in the key, for words written as one.
    runs = {found.group(): found.start() for found in TOKEN.finditer(name.key) if len(found.group()) >= _ANCHOR}
    lone = len(offsets) <= 1
    rarest = sorted(offsets, key=lambda word: (frequency[word], -len(word), word))[:_ANCHORS]
    errors = name.errors if lone else min(1, name.errors) if len(offsets) == 2 else 0
    for word in rarest:
        yield word, _Anchor(name, offsets[word], errors)
    if len(offsets) <= 2:
        for run, offset in runs.items():
            if run not in offsets and run.isalpha():
                yield run, _Anchor(name, offset, name.errors if len(runs) == 1 else min(1, name.errors))


def _tokenised(spelled: str, tokens: list[str]) -> _Tokenised:
    begins, ends, count = [], [], 0
    for token in tokens:
        begins.append(count)
        count += len(token)
        ends.append(count)
    return _Tokenised(tokens, "".join(tokens), begins, ends, [found.span() for found in TOKEN.finditer(spelled)])


def _window(text: _Tokenised, begin: int, name: _Name) -> tuple[int, int, int] | None:
    """Return errors, first and last token of the piece of text closest to a name that begins near ``begin``, or None."""
    allowed, size = name.errors, len(name.key)
    nearest: tuple[int, int, int] | None = None
    first = bisect_left(text.begins, begin - allowed)
    while first < len(text.begins) and text.begins[first] <= begin + allowed:
        last = bisect_left(text.ends, text.begins[first] + size - allowed)
        while last < len(text.ends) and text.ends[last] <= text.begins[first] + size + allowed:
            if tuple(token for token in text.tokens[first : last + 1] if token.isdigit()) == name.figures:
                piece = text.joined[text.begins[first] : text.ends[last]]
                errors = OSA.distance(piece, name.key, score_cutoff=allowed)
                # Skip exact matches, because the exact search has handled them.
                if 0 < errors <= allowed and (nearest is None or errors < nearest[0]):
                    nearest = errors, first, last
            last += 1
        first += 1
    return nearest


def _extends(item: Found, start: int, end: int, spelled: str) -> bool:
    """Return whether a piece of text contains a watched name already found and at least one more long word."""
    if item.entry.group not in WATCHED or item.entry.abbreviation or not (start <= item.start and item.end <= end):
        return False
    added = [*tokens(spelled[start : item.start]), *tokens(spelled[item.end : end])]
    return any(len(word) >= _ANCHOR for word in added)


def _joined_on(spelled: str, start: int) -> bool:
    """Return whether the piece of text is joined to the word before it by a hyphen, bracket or comma."""
    return _JOINED.search(spelled, max(0, start - 6), start) is not None


def _match_of(
    name: _Name,
    span: tuple[int, int],
    errors: int,
    tokens: Sequence[str],
    around: Surroundings,
    *,
    rival: bool,
    joined: bool,
) -> Found | None:
    """Return a misspelt name with its context, or None if the text around it makes it another substance.

    Args:
        span: start and end in the spelled text.
        errors: number of typing errors in it.
        rival: whether another name is as close.
        joined: whether a hyphen, bracket or comma joins it to the word before it.
    """
    entry, key = name.entry, name.key
    start, end = span
    longer = around.continue_name(start, end) or joined
    if longer and (entry.group not in FAMILIES or entry.kind in SYSTEMATIC):
        return None
    context, mention = around.context(start, end)
    text = "".join(tokens)
    if not mention and text[1:] == key and around.text[max(0, start - 1)] == " ":
        # A displaced blank: boo kfentanyl.
        moved = f"{around.text[: start - 1]}{around.text[start]} {around.text[start + 1 :]}"
        context, mention = Surroundings(moved, chemical=around.chemical).context(start + 1, end)
    # Look-alike characters (I for l, digits for letters) are deliberate, so confidence is high.
    confidence = 0.95 if skeleton(text) == skeleton(key) else round(max(0.5, 1.0 - 1.5 * errors / len(key)), 2)
    return Found(
        replace(entry, kind="misspelt"),
        start,
        end,
        context,
        mention,
        ambiguous=longer or rival,
        confidence=min(confidence, 0.7) if longer or rival else confidence,
        distance=errors,
    )
