"""A single-pass scan that decides what to search a text for, and an index of the watched words close to a word."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from features.substances.read.spotting_names import made_of
from features.texts.remembered import LONGEST_REMEMBERED
from features.texts.remembered import remembered as cached

#: Flags of a text that `Glance` returns, one bit each. The text may contain, in this order: a name, a word close to a watched
#: one, a piece of a systematic name, the stem of composed names, a fragment with two spellings, a CAS number, a structure,
#: digits or signs in place of letters.
_NAME = 1
_NEAR = 2
_HINT = 4
_STEM = 8
_FRAGMENT = 16
_NUMBER = 32
_STRUCTURE = 64
_DISGUISE = 128
NAME, NEAR, HINT, STEM, FRAGMENT, NUMBER, STRUCTURE, DISGUISE = (
    _NAME, _NEAR, _HINT, _STEM, _FRAGMENT, _NUMBER, _STRUCTURE, _DISGUISE,
)  # fmt: skip
#: Flags of a word next to others: the beginning or the end of a word close to a watched one, or the label of a CAS
#: number.
_BEGINS = 256
_ENDS = 512
_LABEL = 1024
# Flags of words and of texts: a watched name in another writing, a street name.
_OTHERWISE = 16384
_STREET = 32768
OTHERWISE, STREET = _OTHERWISE, _STREET
BEGINS, ENDS, LABEL = _BEGINS, _ENDS, _LABEL
# Flags that a text inherits from its words.
_OF_WORDS = _HINT | _STEM | _FRAGMENT | _NEAR | _LABEL | _STRUCTURE | _OTHERWISE | _STREET
# Minimum sizes: letters of the first part of an InChIKey; digits of a CAS number; characters of a disguised word, and letters
# among them.
_KEY = 14
_CAS_DIGITS = 5
_DISGUISED = 5
_PLAIN = 3
# Minimum number of atoms of a structure (`features.substances.read.spotting`).
_ATOMS = 5
_SPACED_ATOMS = 10
# Minimum sizes of encoded text: changes from a small to a capital letter in base64, hexadecimal digits, separate pairs of them.
_CHANGES = 2
_HEX = 12
_PAIRS = 6
# Number of letters and digits.
_SIGNS = 36
_ONES = 0xFFFFFFFF


class Glance:
    """Scan that returns the flags of a text in one pass. Most texts have none.

    The flags of a word are cached, because texts repeat the same words.

    Args:
        judge: returns the flags of a word (letters a to z): any except `NUMBER` and `DISGUISE`. ``NAME`` means that a name
            may begin at the start of the word.
        lengths: prefix -> lengths of the names with it. A prefix has ``head`` letters and digits, or ``shortest`` if the
            name is shorter than ``head``.
        names: all names.
        fewest, most: minimum and maximum letters of two adjacent pieces that may form one word close to a watched one.
        remembered: size of the word cache.
    """

    def __init__(
        self,
        judge: Callable[[str], int],
        lengths: dict[str, tuple[int, ...]],
        names: dict[str, Any],
        head: int,
        shortest: int,
        fewest: int,
        most: int,
        remembered: int,
    ) -> None:
        self._judge = judge
        self._made_of = cached(remembered)(made_of)
        self._lengths = lengths
        self._names = names
        self._head = head
        self._shortest = shortest
        self._fewest = fewest
        self._most = most
        self._remembered = remembered
        self._known: dict[str, int] = {}
        # For each three letters or digits, whether a name begins with them.
        prefixes = bytearray(_SIGNS**3)
        for name in lengths:
            first, second, third = (int(char, _SIGNS) for char in name[:3]) if name.isascii() else (0, 0, 0)
            prefixes[(first * _SIGNS + second) * _SIGNS + third] = 1
        self._prefixes = bytes(prefixes)

    def read_declared(self, text: str) -> int:
        """Return the flags of an ASCII text in any letter case."""
        return self.read(text.lower(), _OTHERWISE if _changes_case(text) else 0)

    def read(self, text: str, found: int = 0) -> int:
        """Return the flags of a lower-case text in addition to ``found``. Letters outside a to z only separate words."""
        # Positions where a name may begin.
        places: list[int] = []
        digits = 0
        hyphen = key = branch = False
        before = ""
        earlier = 0
        # Kind of the current run: 1 letters, 2 digits, 0 neither.
        run = begin = 0
        # Characters of the run that may be a disguised word, and letters among them.
        signs = letters = 0
        # Number of such runs of two characters, as bytes in hexadecimal digits.
        pairs = 0
        size = len(text)
        for at in range(size + 1):
            char = text[at] if at < size else " "
            kind = 1 if "a" <= char <= "z" else 2 if "0" <= char <= "9" else 0
            if kind != run:
                if run == 1:
                    word = text[begin:at]
                    bits = self._of(word)
                    if bits & _STREET and begin + 1 == at and kind != 2 and char != "-":
                        # A street name of one letter continues with a digit or hyphen: M30, but not 5 m.
                        bits ^= _STREET
                    found |= bits & _OF_WORDS
                    if bits & _NAME:
                        places.append(begin)
                    if before and (earlier & _BEGINS or bits & _ENDS):
                        both = len(before) + len(word)
                        if self._fewest <= both <= self._most:
                            found |= self._of(before + word) & _NEAR
                    key = key or len(word) >= _KEY
                    before, earlier = word, bits
                elif run == 2:
                    places.append(begin)
                    digits += at - begin
                    before = ""
                begin, run = at, kind
            if kind or char == "@" or char == "$" or char == "!" or char == "|" or char == "+":
                signs += 1
                letters += kind == 1
                if char == "1" and at > 0 and text[at - 1] == "c":
                    branch = True
            else:
                if signs >= _DISGUISED and letters >= _PLAIN and letters < signs:
                    found |= _DISGUISE
                pairs += signs == 2
                if signs >= _HEX and _is_hexadecimal(text, at):
                    found |= _OTHERWISE
                signs = letters = 0
                hyphen = hyphen or char == "-" or char == "_"
                branch = branch or char == "(" or char == "[" or char == "#"
                found |= _of_mark(text, at)
        if pairs >= _PAIRS:
            found |= _OTHERWISE
        if found & _LABEL and digits >= _CAS_DIGITS:
            found |= _NUMBER
        if (key and hyphen) or (branch and _may_be_smiles(text)):
            found |= _STRUCTURE
        if found & _HINT and not self._may_be_systematic(text):
            found ^= _HINT
        if places and self._named(text, places):
            found |= _NAME
        return found & ~_LABEL

    def _of(self, word: str) -> int:
        """Return the flags of a single word."""
        bits = self._known.get(word)
        if bits is None:
            bits = self._judge(word)
            if len(word) > LONGEST_REMEMBERED:
                return bits
            if len(self._known) >= self._remembered:
                self._known = {}
            self._known[word] = bits
        return bits

    def _may_be_systematic(self, text: str) -> bool:
        """Return whether a word is made of building blocks of systematic names, and a word has a distinctive one.

        An everyday word between blanks counts for neither.
        """
        blocks = distinctive = False
        begin = -1
        size = len(text)
        for at in range(size + 1):
            char = text[at] if at < size else " "
            if "a" <= char <= "z":
                if begin < 0:
                    begin = at
            elif begin >= 0:
                of_blocks, has_core, everyday = self._made_of(text[begin:at])
                if not (everyday and char == " " and (begin == 0 or text[begin - 1] == " ")):
                    blocks = blocks or of_blocks
                    distinctive = distinctive or has_core
                begin = -1
        return blocks and distinctive

    def _named(self, text: str, places: list[int]) -> bool:
        """Return whether a name begins at one of the positions, with or without separators."""
        joined = ""
        begin = at = 0
        for place in places:
            if not self._may_begin(text, place):
                continue
            if not joined:
                joined = "".join([char for char in text if char.isalnum()])
            while at < place:
                begin += text[at].isalnum()
                at += 1
            for size in (self._head, self._shortest):
                found = self._lengths.get(joined[begin : begin + size])
                if found is not None:
                    for length in found:
                        if joined[begin : begin + length] in self._names:
                            return True
        return False

    def _may_begin(self, text: str, place: int) -> bool:
        """Return whether a name begins with the three letters or digits at a position."""
        prefixes = self._prefixes
        number = count = 0
        for at in range(place, len(text)):
            char = text[at]
            if "a" <= char <= "z":
                number = number * _SIGNS + ord(char) - 87
            elif "0" <= char <= "9":
                number = number * _SIGNS + ord(char) - 48
            else:
                continue
            count += 1
            if count == 3:
                return prefixes[number] != 0
        return False


def _of_mark(text: str, at: int) -> int:
    """Return the flags of what the mark or blank at a position may be part of; 0 at the end of the text."""
    size = len(text)
    if at >= size:
        return 0
    char = text[at]
    if char == "-" or char == "_":
        return _of_hyphen(text, at) | (_DISGUISE if _is_masked(text, at) else 0)
    if char == "." or char == "*":
        return (_NUMBER if _is_first_separator(text, at) else 0) | (_DISGUISE if _is_masked(text, at) else 0)
    if char == " " or char == "/" or char == "," or char == ":":
        return _NUMBER if _is_first_separator(text, at) else 0
    if char == "=":
        return _STRUCTURE | _OTHERWISE
    if char == "\\" or (char == "%" and at + 2 < size and "2" <= text[at + 1] <= "7" and text[at + 2].isalnum()):
        return _OTHERWISE
    return 0


def _is_masked(text: str, at: int) -> bool:
    """Return whether a sign may part a disguised word: five letters around it, and a digit between two of them (f3nt.anyl)."""
    size = len(text)
    letters = 0
    masked = False
    for step in (-1, 1):
        place = at + step
        while 0 <= place < size and ("a" <= text[place] <= "z" or "0" <= text[place] <= "9"):
            if "a" <= text[place] <= "z":
                letters += 1
            elif 0 < place < size - 1 and _is_letter(text[place - 1]) and _is_letter(text[place + 1]):
                masked = True
            place += step
    return masked and letters >= _DISGUISED


def _changes_case(text: str) -> bool:
    """Return whether a word changes from a small to a capital letter as often as base64 does."""
    changes = 0
    small = False
    for char in text:
        if "A" <= char <= "Z":
            changes += small
            small = False
        elif "a" <= char <= "z":
            small = True
        else:
            small = False
            if not ("0" <= char <= "9") and char != "+" and char != "/" and char != "-" and char != "_":
                changes = 0
        if changes >= _CHANGES:
            return True
    return False


def _is_hexadecimal(text: str, end: int) -> bool:
    """Return whether the run of letters and digits before a position may be hexadecimal: digits, a to f, and x."""
    at = end - 1
    while at >= 1:
        char = text[at]
        if not ("0" <= char <= "9" or "a" <= char <= "z"):
            break
        if not ("0" <= char <= "9" or "a" <= char <= "f" or char == "x"):
            return False
        at -= 1
    return True


def _is_sign_of_number(char: str) -> bool:
    return "0" <= char <= "9" or char == "o" or char == "i" or char == "l" or char == "|"


def _is_first_separator(text: str, at: int) -> bool:
    """Return whether a separator may be the first of a CAS number: two digits, a separator and one digit follow."""
    size = len(text)
    before = at - 1
    if before < 1 or at + 4 >= size or not _is_sign_of_number(text[before]) or not _is_sign_of_number(text[before - 1]):
        return False
    mark = text[at]
    after = at + 1
    while after < size and text[after] == " ":
        after += 1
    if after + 2 >= size or not _is_sign_of_number(text[after]) or not _is_sign_of_number(text[after + 1]):
        return False
    after += 2
    while after < size and text[after] == " ":
        mark = " " if mark == " " else mark
        after += 1
    if after < size and text[after] == mark and mark != " ":
        after += 1
        while after < size and text[after] == " ":
            after += 1
    if after >= size or not _is_sign_of_number(text[after]):
        return False
    return after + 1 >= size or not ("0" <= text[after + 1] <= "9")


def _of_hyphen(text: str, at: int) -> int:
    """Return the flags of what a hyphen may be part of: a CAS number, or a locant in a name."""
    size = len(text)
    found = 0
    before = at - 2 if at > 1 and text[at - 1] == " " else at - 1
    after = at + 2 if at + 1 < size and text[at + 1] == " " else at + 1
    if before >= 0 and after < size and "0" <= text[before] <= "9" and "0" <= text[after] <= "9":
        found |= _NUMBER
    if at > 0 and "0" <= text[at - 1] <= "9":
        if at + 3 < size and _is_letter(text[at + 1]) and _is_letter(text[at + 2]) and _is_letter(text[at + 3]):
            found |= _HINT
    elif at > 1 and at + 1 < size and text[at - 1] == "n" and "0" <= text[at + 1] <= "9":
        vowel = text[at - 2]
        if vowel == "a" or vowel == "e" or vowel == "i" or vowel == "y":
            found |= _HINT
    return found


def _may_be_smiles(text: str) -> bool:
    """Return whether a text may contain five atoms with a ring, a bond or a branch in SMILES notation.

    A square bracket may enclose an atom with any content, or a whole structure.
    """
    atoms = 0
    joined = bracket = False
    # The same counts across blanks, which a structure of many atoms may contain.
    spaced = 0
    spaced_joined = False
    for char in text:
        if char == "[":
            atoms += 1
            spaced += 1
            bracket = True
        elif char == "]":
            bracket = False
        elif char in "bcnopsfilr":
            atoms += 1
            spaced += 1
        elif "0" <= char <= "9" or char in "()=#":
            joined = spaced_joined = True
        elif char not in "+-./\\$:@%" and (not bracket or char.isspace()):
            atoms = 0
            joined = bracket = False
            if char != " " and char != "\t":
                spaced = 0
                spaced_joined = False
        if (joined and atoms >= _ATOMS) or (spaced_joined and spaced >= _SPACED_ATOMS):
            return True
    return False


def _is_letter(char: str) -> bool:
    return "a" <= char <= "z"


class Alike:
    """Words within a few errors of a word, indexed by length and by their set of letters.

    Args:
        reach: words of letters a to z -> the maximum number of errors of each, at most 2.
    """

    def __init__(self, reach: dict[str, int]) -> None:
        words = sorted(reach, key=len)
        self._words = words
        self._reach = bytes([reach[word] for word in words])
        self._letters = array("I", [_letters(word) for word in words])
        self._first = [sum(len(word) < size for word in words) for size in range(max(map(len, words), default=0) + 2)]

    def to(self, word: str) -> list[list[str]]:
        """Return the candidate words, one list for each length, in the order of insertion. No list is empty.

        A replaced letter changes at most two letters of the set. An inserted or deleted letter changes at most one.
        """
        found: list[list[str]] = []
        words, reach, letters = self._words, self._reach, self._letters
        size = len(word)
        own = _letters(word)
        longest = len(self._first) - 2
        for length in range(max(size - 2, 0), min(size + 2, longest) + 1):
            apart = abs(length - size)
            near: list[str] = []
            for at in range(self._first[length], self._first[length + 1]):
                errors = reach[at]
                if errors >= apart and _bits(letters[at] ^ own) <= 2 * errors - apart:
                    near.append(words[at])
            if near:
                found.append(near)
        return found


def _letters(word: str) -> int:
    """Return the set of letters of a word, one bit each."""
    letters = 0
    for char in word:
        letters |= 1 << ((ord(char) - 97) & 31)
    return letters


def _bits(number: int) -> int:
    """Return the number of set bits of a 32-bit number."""
    number = number - ((number >> 1) & 0x55555555)
    number = (number & 0x33333333) + ((number >> 2) & 0x33333333)
    number = (number + (number >> 4)) & 0x0F0F0F0F
    return ((number * 0x01010101) & _ONES) >> 24
