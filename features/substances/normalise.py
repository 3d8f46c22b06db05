"""Canonical form of the names of chemicals, and the tokens on which names are matched.

Declared names differ in letter case, width, accents, and in hyphens, blanks, brackets and primes between their parts. Greek
letters are written as symbols or words, and look-alike letters of other alphabets occur. Normalisation removes these
differences. Runs of lower-case letters, runs of digits, and the single characters of scripts without blanks remain.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from itertools import combinations
from typing import Final

from features.reference.words import chemical_words
from features.texts.scan import mixes_letters_and_figures, name_tokens

# Greek letters that stand alone are locants and are spelled out. Next to Latin letters they imitate Latin ones (below).
_GREEK_NAMES: Final = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ω": "omega"}
_GREEK: Final = "".join(_GREEK_NAMES)
_LONE_GREEK: Final = re.compile(f"[{_GREEK}](?<![^\\W\\d_][{_GREEK}])(?![^\\W\\d_])")
# A sharp s in the position of a locant is a beta.
_SHARP_S: Final = re.compile(r"(?<!\w)ß(?=['′’]?[-‐‑–])")

# Greek capitals that look like a Latin capital, but whose small letters look like another Latin letter. They are replaced only
# outside Greek words.
_CAPITALS: Final = "\u0396\u0397\u039c\u039d\u03a5"
_GREEK_CAPITAL: Final = re.compile(f"[{_CAPITALS}](?<![\u0370-\u03ff][{_CAPITALS}])(?![\u0370-\u03ff])")
_AS_LATIN: Final = dict(zip(_CAPITALS, "ZHMNY", strict=True))

_SMALL_KANA: Final = dict(zip("ァィゥェォッャュョヮ", "アイウエオツヤユヨワ", strict=True))
# Traditional characters of chemical names and the simplified ones that the lookup uses.
_TRADITIONAL: Final = dict(
    zip("醯鹽氫異環鄰間對羥銨單雙檢測試紙劑無書體號標準", "酰盐氢异环邻间对羟铵单双检测试纸剂无书体号标准", strict=True)
)
# Letters of other alphabets that look like a Latin letter (Unicode's confusables in lower case).
_LOOK_ALIKES: Final = str.maketrans(
    {
        **dict(zip("авеёзикмнорстухіјѕһԁԛԝьүӏ", "abee3ukmhopctyxijshdqwbyl", strict=True)),
        **dict(zip("αβγεηικνορτυχωμδ", "abyenikvoptuxwud", strict=True)),
        **dict(zip("ıɑɡʟℓł", "iaglll", strict=True)),
        "ø": "o",
        **dict(zip("łđð", "ldd", strict=True)),
        **{"æ": "ae", "œ": "oe"},
        # Arabic letters that writers interchange, and the stroke that only stretches a word.
        **dict(zip("ىةٱ", "يها", strict=True)),
        "ـ": "",
        **_SMALL_KANA,
        **_TRADITIONAL,
        # Dashes and minus signs of every length, so that CAS numbers and locants keep their hyphens.
        **dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d", "-"),
    }
)
# A soft hyphen becomes a hyphen, because it stands for one in CAS numbers. Other invisible characters are dropped.
_KEPT_INVISIBLE: Final = "\u00ad"

_WORDS: Final = chemical_words()
# Spelling of a fragment of names -> the one that replaces it.
_SPELLED: Final = {other: one for one, others in _WORDS["spellings"].items() for other in others}
# Fragments with several spellings. 2-phenylethyl is phenethyl. After the locant 1 it is the other isomer and stays.
# Every alternative begins with its first character, and the look-behind follows. The search then skips most of a text, which
# makes it five times as fast.
_FRAGMENTS: Final = re.compile(
    r"2(?<!\d2)[ -]*phenyl[ -]*ethyl"
    r"|1(?<!\d1)(?<!\d 1)[ -]*phenyl[ -]*ethyl(?=[ -]*4[ -]*(?:piperid|anilino))"
    r"|b(?<![a-z]b)(?:eta)?[ .-]*phenyl[ -]*ethyl"
    r"|phenyl(?<![a-z\d')]phenyl)(?<!\d[ -]phenyl)(?<!alpha[ -]phenyl)(?<!alpha\.-phenyl)(?<!\ba[ -]phenyl)[ -]*ethyl(?![a-z])"
    rf"|phenyl(?<=\bn-phenyl)[ -]*ethyl|{'|'.join(_SPELLED)}|phenyl[ -]?amino(?!m)"
    r"|t(?<![a-z]t)(?:ert)?[ -]*but(?:yl)?oxy[ -]*carbonyl|t(?<![a-z]t)[ -]*boc(?![a-z])|t(?<![a-z]t)[ -]*butyl"
)
# Each fragment contains one of these within one word.
_IN_FRAGMENTS: Final = re.compile(rf"phenyl|{'|'.join(_SPELLED)}|butyl|butoxy|boc$")
#: Scripts written without blanks between words, or with attached particles: each character is a token.
UNSPACED: Final = (
    "\u3005\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3131-\u318e\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
)
TOKEN: Final = re.compile(rf"[^\W\d_{UNSPACED}]+|\d+|[{UNSPACED}]")
#: The form of a CAS number in folded text, in its three parts. The check digit is not verified.
CAS: Final = re.compile(r"(?<![\d-])(\d{2,7}) ?- ?(\d{2}) ?- ?(\d)(?![\d-])", re.ASCII)

# Words that describe the form, amount or grade of a substance, not its identity.
_FORMS: Final = (
    r"(?:mono|di|tri|hemi|sesqui)?[ -]?(?:hydrochlor(?:ide?|o)|hydrobrom(?:ide?|o)|hydrat(?:e[ds]?)?)|[2x]?[ ]?[.·*]?hcl"
    rf"|free[ -]?base|{'|'.join(_WORDS['qualifiers']['forms'])}"
)
_GRADES: Final = "|".join(_WORDS["qualifiers"]["grades"])
_UNITS: Final = "|".join(_WORDS["units"]["amounts"])
_QUALIFIERS: Final = re.compile(
    rf"(?:\b(?:{_GRADES})[ -]+grade\b|\b(?:{_FORMS})\b(?:[ ]?\(?1:\d(?::\d)?\))?"
    rf"|\b\d+(?:[.,]\d+)?[ ]?(?:{_UNITS})\b"
    r"|[(\[]?\s*(?:>=|>|≥|min\.?)?\s*\d{1,3}(?:[.,]\d+)?\s*%\s*"
    r"(?:min\b\.?|purity\b|pure\b|\+)?[)\]]?|\bpurity\b|(?:盐酸|塩酸)盐?塩?|水合物|一水|염산염?)"
)

# Digits and signs that imitate letters. The letters i and l, and the digit that resembles both, become the same letter.
_SKELETON: Final = str.maketrans("0134@$!|578962€+i", "oleaasllstbggzetl")
_DISGUISED: Final = re.compile(r"[a-z0-9@$!|€+]{5,}")
# A word whose parts single signs separate: f3nt.anyl. It begins where a run does and never backtracks: texts may be one long run.
_PARTED: Final = re.compile(r"(?<![a-z0-9@$!|€+])[a-z0-9@$!|€+]++(?:[._*-][a-z0-9@$!|€+]++)++")
_PARTING: Final = re.compile(r"[._*-]")
_LETTER: Final = re.compile(r"[a-z]")
_LEADING_LOCANT: Final = re.compile(r"\d{1,2}(?=\D)")


# Next to a Latin letter, the Cyrillic letter imitates an n. In a Russian word it stays unchanged.
_LATIN_BESIDE_PE: Final = re.compile(r"(?<=[a-z])п|п(?=[a-z])")


#: Maximum number of characters that `_Visible` caches.
_KEPT_CHARACTERS: Final = 16_384


class _Visible(dict[int, int | None]):
    """Mapping for `str.translate` that removes accents, vowel signs and invisible characters, and replaces digits of all
    scripts by 0 to 9. It caches each character that occurs, up to a limit, because hostile texts contain many.
    """

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        category = unicodedata.category(char)
        gone = category in ("Mn", "Mc", "Me", "Cf") and char not in _KEPT_INVISIBLE
        # A numeral without a decimal value becomes a blank.
        digit = ord(str(unicodedata.decimal(char))) if category == "Nd" else code
        visible = None if gone else 0x20 if category in ("No", "Nl") else digit
        if len(self) < _KEPT_CHARACTERS:
            self[code] = visible
        return visible


_VISIBLE: Final = _Visible()


def fold(text: str) -> str:
    """Unify compatibility forms, letter case, accents, look-alike letters and dashes; keep punctuation.

    Invisible characters are removed and HTML character references resolved.

    >>> fold("Асetyl-ＦΕNTΑNYL"), fold("α–Méthyl"), fold("&alpha;-methyl")
    ('acetyl-fentanyl', 'alpha-methyl', 'alpha-methyl')
    """
    if "&" in text:
        text = html.unescape(text)
    if text.isascii():
        return text.lower()
    if "ß" in text:
        text = _SHARP_S.sub("β", text)
    text = _GREEK_CAPITAL.sub(lambda match: _AS_LATIN[match[0]], text)
    folded = unicodedata.normalize("NFKC", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    folded = unicodedata.normalize("NFC", decomposed.translate(_VISIBLE)).casefold()
    if "п" in folded:
        folded = _LATIN_BESIDE_PE.sub("n", folded)
    folded = _LONE_GREEK.sub(lambda match: _GREEK_NAMES[match[0]], folded)
    return folded.translate(_LOOK_ALIKES)


def _same_fragment(match: re.Match[str]) -> str:
    found = match[0]
    known = _SPELLED.get(found)
    if known is not None:
        return known
    if found.endswith("amino"):
        return "anilino"
    if found.endswith(("carbonyl", "boc")):
        return "boc"
    if found.endswith("butyl"):
        return "tert-butyl"
    # The locant 1 stays.
    return (found[: found.index("phenyl")] if found[0] == "1" else "") + "phenethyl"


def spell(folded: str) -> str:
    """Return folded text with a single spelling of each fragment of chemical names that has several."""
    # Most goods descriptions contain none of these letter sequences, and the expression is expensive.
    if (
        "phen" in folded
        or "fentan" in folded
        or "piperid" in folded
        or "sulph" in folded
        or "prop" in folded
        or "but" in folded
        or "boc" in folded
    ):
        return _FRAGMENTS.sub(_same_fragment, folded)
    return folded


def may_hold_fragment(word: str) -> bool:
    """Return whether a word of a folded text (letters a to z) may be part of a fragment that `spell` rewrites."""
    return _IN_FRAGMENTS.search(word) is not None


def spellings(folded: str, unspelled: int = 2) -> list[str]:
    """Return the spelled text, then texts in which up to ``unspelled`` fragments stay as written.

    `spell` does not recognise a fragment with a typing error. Misspelt texts are therefore compared with all these spellings.
    """
    found = list(_FRAGMENTS.finditer(folded))
    texts: dict[str, None] = {}
    for count in range(unspelled + 1):
        for left in combinations(range(len(found)), count):
            parts: list[str] = []
            at = 0
            for number, match in enumerate(found):
                parts += (folded[at : match.start()], match[0] if number in left else _same_fragment(match))
                at = match.end()
            texts["".join(parts) + folded[at:]] = None
    return list(texts)


def tokens(spelled: str) -> list[str]:
    """Return runs of letters, runs of digits, and single characters of unspaced scripts, in order."""
    return name_tokens(spelled)


def normalise(text: str) -> str:
    """Return the form on which names are compared: tokens joined by single blanks.

    Idempotent, and the same for any letter case, width and separator.

    >>> normalise("N-(2-Phenylethyl)-4-piperidinone"), normalise("n-PHENETHYL 4 piperidone")
    ('n phenethyl 4 piperidone', 'n phenethyl 4 piperidone')
    """
    return _stable(tokens(spell(fold(text))))


def _stable(pieces: list[str]) -> str:
    """Return the tokens of a spelled text joined by single blanks."""
    current = " ".join(pieces)
    # Without separators, two halves of a fragment can meet. A second round then rewrites them.
    while (again := spell(current)) != current:
        previous, current = current, " ".join(tokens(again))
        if current == previous:
            break
    return current


def compact(text: str) -> str:
    """Return `normalise` without blanks. It is the key of the index, because names are written with and without blanks."""
    return compacted(tokens(spell(fold(text))))


def compacted(pieces: list[str]) -> str:
    """Return `compact` of a text from the tokens of its spelled form."""
    return _stable(pieces).replace(" ", "")


def core(text: str) -> str:
    """Return `compact` of the name without its salt, hydrate, form, grade, purity and amount.

    >>> core("4-Piperidone hydrochloride, AR grade, 98%"), core("Sufentanil citrate"), core("4-piperidone.HCl 25 kg")
    ('4piperidone', 'sufentanyl', '4piperidone')
    """
    # Collapse blanks first, because the optional blanks of the expression backtrack on long runs of blanks.
    return compact(_QUALIFIERS.sub(" ", " ".join(spell(fold(text)).split())))


def skeleton(word: str) -> str:
    """Return the word with the letters that its digits and signs imitate. The length stays the same.

    >>> skeleton("f3nt4ny1") == skeleton("fentanyl") == skeleton("fentanyi")
    True
    """
    # Of the letters, only the i changes.
    return word.replace("i", "l") if word.isalpha() else word.translate(_SKELETON)


def reveal(spelled: str, words: Mapping[str, str]) -> str | None:
    """Return the text with letters in place of digits and signs within words, or None if this gives no known word.

    Only words that mix letters with digits or signs are rewritten, also if single signs part them: ``f3nt.anyl`` is fent.anyl. A
    leading locant stays: ``4piperid0ne`` is 4-piperidone. The length and all positions stay the same.

    Args:
        spelled: the output of `spell`.
        words: skeleton -> the word itself, for all words of interest.
    """
    if not mixes_letters_and_figures(spelled):
        return None
    revealed = _rewritten(spelled, _DISGUISED, words)
    return _rewritten(revealed or spelled, _PARTED, words) or revealed


def _rewritten(spelled: str, pattern: re.Pattern[str], words: Mapping[str, str]) -> str | None:
    parts: list[str] = []
    at = 0
    for found in pattern.finditer(spelled):
        written = found[0]
        word = _PARTING.sub("", written)
        if word.isalpha() or len(_LETTER.findall(word)) < 3:
            continue
        plain = words.get(skeleton(word)) or _ending_in_il(word, words)
        if plain is None:
            locant = _LEADING_LOCANT.match(word)
            if locant is None:
                continue
            rest = word[locant.end() :]
            plain = None if rest.isalpha() else words.get(skeleton(rest))
            if plain is None:
                continue
            plain = locant[0] + plain
        parts += (spelled[at : found.start()], _parted(plain, written))
        at = found.end()
    return "".join(parts) + spelled[at:] if parts else None


def _parted(word: str, written: str) -> str:
    """Return the word with the signs that part it as it is written."""
    letters = iter(word)
    return "".join(char if _PARTING.match(char) else next(letters) for char in written)


def _ending_in_il(word: str, words: Mapping[str, str]) -> str | None:
    """Return the known word in -yl that a disguised word in -il represents, or None."""
    return words.get(skeleton(word[:-2] + "yl")) if word[-2:] in ("il", "i1", "1l") else None


def original(text: str, spelled: str, start: int, end: int) -> str:
    """Return the declared text between two positions of its spelled form.

    If folding moved positions, return the first run of words with the same letters and digits. Without such a run, return the
    piece as spelled.
    """
    wanted = spelled[start:end]
    piece = text[start:end]
    if spell(fold(piece)) == wanted:
        return piece
    key = "".join(tokens(wanted))
    spans = [found.span() for found in TOKEN.finditer(text)]
    # Folding seldom halves or doubles a name, so few runs of words need a comparison.
    least, most = len(key) // 2, 3 * len(wanted) + 8
    for first, _ in spans:
        for _, last in spans:
            if least <= last - first <= most and "".join(tokens(spell(fold(text[first:last])))) == key:
                return text[first:last]
    return wanted
