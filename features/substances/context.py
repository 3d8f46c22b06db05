"""The context of a name: whether the text declares the substance, only mentions it, or contains it in another name.

A text may list several goods, so a word applies to a name only if both are close together in one clause. Semicolons, line
breaks and full stops separate clauses. Commas and "and" separate goods within a clause. If the text also states an amount or
a form of the substance, the context is noted and the substance stays declared.

The words are in `context_cues.toml`, in twenty languages and pinyin. Its `about` entries explain the patterns. All patterns apply
to folded text (`normalise.fold`), so the words are folded here too.
"""

from __future__ import annotations

import re
from typing import Final

from features.reference.words import chemical_words, context_cues
from features.substances.match import CONTROLLED, READ_IN_CONTEXT
from features.substances.normalise import CAS, fold, tokens

# A reference to another key, in braces. The braces of a repetition contain digits instead.
_KEY: Final = re.compile(r"\{([a-z_]+)\}")


def _alternation(words: tuple[str, ...]) -> str:
    """Return an alternation of folded plain words, longest first."""
    folded = {fold(word) for word in words}
    return "|".join(re.escape(word).replace(r"\ ", "[ -]*") for word in sorted(folded, key=lambda w: (-len(w), w)))


def _pattern(section: str, key: str) -> str:
    """Return the pattern of a key. References to other keys are replaced by the patterns of these keys."""
    entry = context_cues()[section][key]
    if not isinstance(entry, str):
        return _alternation(entry)
    return _KEY.sub(
        lambda match: _pattern(section if match[1] in context_cues()[section] else "common", match[1]), entry
    )


def _cue(name: str) -> re.Pattern[str]:
    return re.compile(_pattern(name, "pattern"))


TEST: Final = _cue("test")
TEST_AFTER: Final = _cue("test_after")
PUBLICATION: Final = _cue("publication")
ANTIDOTE: Final = _cue("antidote")
PERMIT: Final = _cue("permit")
PERMIT_NUMBER: Final = _cue("permit_number")
STANDARD: Final = _cue("standard")
IMPURITY: Final = _cue("impurity")
TRACES: Final = _cue("traces")
AMOUNT: Final = _cue("amount")
FORM: Final = _cue("form")
DENIED_BEFORE: Final = _cue("denied_before")
DENIED_LIST: Final = _cue("denied_list")
DENIED_AFTER: Final = _cue("denied_after")
CHEMICAL_TRADE: Final = _cue("chemical_trade")
EVERYDAY_GOODS: Final = _cue("everyday_goods")
NAMED_AFTER: Final = _cue("named_after")
ONLY_NAMED_AFTER: Final = _cue("only_named_after")
JOINED_BY_HYPHEN: Final = _cue("joined_by_hyphen")
PLAIN: Final = _cue("plain")
BULK: Final = _cue("bulk")
AFTER_ISO: Final = _cue("after_iso")
AFTER_KOREAN: Final = _cue("after_korean")
LINK: Final = _cue("link")
BESIDE: Final = _cue("beside")
STREET_TRADE: Final = _cue("street_trade")
STREET_TAKEN: Final = _cue("street_taken")
STREET_OTHER_GOODS: Final = _cue("street_other_goods")


# A name that follows a substituent is part of a longer name, which is that of another substance.
_SUBSTITUENT: Final = re.compile(
    r"(?:[a-z]*(?:yl|oxy|oyl|fluoro|chloro|bromo|iodo|nitro|nitroso|amino|anilino|hydroxy|oxo|aza|thio|cyano|amido|imino|spiro)"
    r"|boc|cbz|fmoc|tert|iso|nor)"
)
# Words with these endings also continue a name if joined to it: benzene is a separate product before a blank, but not before
# a hyphen.
_JOINED_ON: Final = re.compile(r"[a-z]*(?:ene|ane|ine|one|ol|ate|idene|ium)")
# These are locants only if hyphens, commas, brackets or primes alone join them to the name. Stereodescriptors (cis, D, R ...)
# are not in the list, because they do not change the substance.
_LOCANT: Final = re.compile(r"(?:\d{1,2}|[anomp]|alpha|beta|gamma|ortho|meta|para|di|tri|tetra|mono)")
# Letters with brackets or bonds between them are a formula: P(F)F is not pFF.
_FORMULA: Final = re.compile(r"[()\[\]{}=#+/\\@,;:]")
_JOINT: Final = re.compile(r"(?:\.?-\.?|[,'()\[\]{}\u2032])+")
# A single-letter Greek locant after other letters is inside a longer name: p-chloro-b-phenethyl bromide, but b-phenethyl
# bromide is the substance itself.
_GREEK_BEFORE: Final = re.compile(r"[a-z]-[ab]-$")
# Single letters with a mark between any two, and one more such letter before or after them: c.a.m.i.s.o.l.e is not i.s.o.
_SPELLED: Final = re.compile(r"[a-z](?:[^a-z\d][a-z])+")
_SPELLED_BEFORE: Final = re.compile(r"(?<![a-z\d])[a-z][^a-z\d]$")
_SPELLED_AFTER: Final = re.compile(r"[^a-z\d][a-z](?![a-z\d])")
_WORD_BEFORE: Final = re.compile(r"([a-z]+|\d+)([^a-z\d]*)$")
_CONTINUED: Final = re.compile(
    r"-\d{1,2}(?:,\d{1,2})*-\w|-[nos]-\w|-(?:yl|ol|oic|carb)"
    r"|[ -]?(?:(?:thio)?semicarbazone|oxime|lactone|hydrazone|carbox\w+|carbonitrile|carbaldehyde|(?:sulf|phosph|bor)on\w+)"
    r"|\d[a-z]*(?:nitro|fluoro|chloro|bromo|methyl)(?![a-z])|[)\]]+\w*(?:yl|oxy|thio|amino|sulf\w+)(?![a-z])"
    # Indexes invert names: propanoyl chloride, 3-bromo-
    r"|,[ ]?[\w,'()\[\].-]*[a-z)\]]-(?![\w(\[])|,[ ]?\d[\d,']*-[(\[]"
)
# A word of three letters or more, except cis, rac, rel and hcl, that a hyphen joins to the name is part of it, even if misspelt.
_HYPHENATED: Final = re.compile(r"(?:[a-z]{4}|(?<![a-z])(?!cis|rac|rel|hcl)[a-z]{3})-$")
_LONG_WORD: Final = re.compile(r"[^\W\d_]{3,}")
# The number in a manufacturer's code name.
_CODE: Final = re.compile(r"\d{4}")
# The name of the other acid of a mixed anhydride.
_ACID_BEFORE: Final = re.compile(r"(?:^|[^a-z])[a-z]{3,}ic[ -]$")
# A Chinese name after one of these characters, with or without a locant in between, is part of a longer name.
_CHINESE_BEFORE: Final = re.compile(
    r"[五六全聚基氯溴氟碘苯甲乙丙丁戊己异代羟氨硝酰氧硫二三四环氰萘苄叔烯炔对邻间位][-\d,'()]*$"
)
_CHINESE_AFTER: Final = re.compile(r"[-\d,'()]*[羧醚磺肟腙酯胺醇腈甲乙基]")
_RUNNING: Final = re.compile(r"[\u30a1-\u30fa\u30fc\uac00-\ud7a3]")

# Separators of goods, and separators of the items of a list.
_HARD: Final = re.compile(
    r"[;\n\r|•。；]|(?<!incl)(?<!\bno)(?<!\bnr)(?<!\bart)(?<!\bqty)(?<!approx)(?<!spec)\.[ ](?!\d)|\.$|[ ][/+][ ]"
)
_SOFT: Final = re.compile(
    r",[ ]|,(?=[a-z]{3})|[/+&、，]|[ ](?:" + "|".join(chemical_words()["around"]["conjunctions"]) + ")[ ]"
)
# Maximum number of characters between a word and the name. The text "rapid test panel for morphine, cocaine, methadone,
# oxycodone, fentanyl" fits.
_REACH: Final = 64


class Surroundings:
    """The text around the names found in it. Properties of the whole text are computed on first use.

    Args:
        spelled: the output of `normalise.spell`.
        chemical: whether the text is from a field for chemicals.
    """

    __slots__ = ("_chemical", "_field", "_numbers", "_spelled", "_tokens")

    def __init__(self, spelled: str, *, chemical: bool = False) -> None:
        self._spelled = spelled
        self._field = chemical
        self._chemical: bool | None = None
        self._numbers: tuple[str, ...] | None = None
        self._tokens: list[str] | None = None

    @property
    def tokens(self) -> list[str]:
        """The tokens of the text (`normalise.tokens`)."""
        if self._tokens is None:
            self._tokens = tokens(self._spelled)
        return self._tokens

    @property
    def text(self) -> str:
        """The spelled text."""
        return self._spelled

    @property
    def chemical(self) -> bool:
        """True if the text is from a field for chemicals."""
        return self._field

    def context_of(self, group: str, start: int, end: int) -> tuple[str, bool]:
        """Return `context` of the name of a substance of a group; ("", False) for groups whose context does not matter.

        Clothes, prints and perfumes are named after drugs, and goods of hemp state how little of one they contain. Such goods only
        mention a controlled drug.
        """
        if group not in READ_IN_CONTEXT:
            return "", False
        context, mention = self.context(start, end)
        if group == CONTROLLED and not mention:
            if ONLY_NAMED_AFTER.match(self._spelled[end : end + _REACH]) is not None:
                return "denied", True
            if not self._field and self._is_named_after(start, end):
                return "publication", True
        return context, mention

    def _is_named_after(self, start: int, end: int) -> bool:
        """Return whether the clause names goods that are named after the drug, and no amount or form of the drug itself."""
        first, last = self._clause(start, end)
        goods = NAMED_AFTER.search(self._spelled, end, last)
        if goods is not None:
            own = between = self._spelled[end : goods.start()]
        else:
            goods = NAMED_AFTER.search(self._spelled, first, start)
            if goods is None:
                return False
            own = _SOFT.split(self._spelled[end:last], maxsplit=1)[0]
            between = self._spelled[goods.end() : start]
        if BESIDE.search(between) is not None:
            return False
        return FORM.search(own) is None and AMOUNT.search(own) is None

    def context(self, start: int, end: int) -> tuple[str, bool]:
        """Return the context of the name at a position, and whether the text only mentions the substance.

        The context is ``""`` (none), ``denied``, ``standard``, ``antibody``, ``test``, ``antidote``, ``publication`` or
        ``permit``. A declared substance may have a context too: a standard by the gram, or a medicine with its permit.
        """
        text = self._spelled
        # A denial is close to its object; eighty characters fit "does not contain any added" and a short list.
        before, after = text[max(0, start - 80) : start], text[end : end + 24]
        denied = DENIED_AFTER.match(after) or DENIED_BEFORE.search(before)
        if denied is not None:
            return "denied", not self._names_no_other_goods(start, end, denied[0])
        if TEST_AFTER.match(after) is not None:
            return "test", True
        first, last = self._clause(start, end)
        clause = text[first:last]
        at, to = start - first, end - first
        form = _own_form(clause, at, to)
        if not form and DENIED_LIST.search(clause[:at]) is not None:
            return "denied", True
        if IMPURITY.match(clause[to:]) is not None:
            return "standard", True
        if STANDARD.search(clause) is not None:
            traces = TRACES.search(clause) is not None and AMOUNT.search(clause) is None
            return "standard", traces
        for code, cue in (("test", TEST), ("antidote", ANTIDOTE), ("publication", PUBLICATION)):
            about = self._about(cue, clause, at, to, listed=code == "test")
            if about is not None:
                found, mention = about
                antibody = code == "test" and any(found.groupdict().values())
                return ("antibody" if antibody else code), mention
        return self._permit(clause, at, form=form)

    def admits_abbreviation(self, start: int, end: int, cas: str) -> bool:
        """Return whether the letters at a position can be the abbreviation of the substance with that CAS number."""
        text = self._spelled
        piece = text[start:end]
        if " " in piece and _CODE.search(piece) is None:
            return False
        if _SPELLED.fullmatch(piece) is not None and (
            _SPELLED_BEFORE.search(text, max(0, start - 3), start) is not None
            or _SPELLED_AFTER.match(text, end) is not None
        ):
            return False
        if _FORMULA.search(piece) is not None or text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            return False
        if _HYPHENATED.search(self._spelled, max(0, start - 8), start) is not None:
            return False
        numbers = self._cas_numbers()
        if numbers:
            return cas in numbers
        if text[start:end] == "iso" and not self._admits_iso(start, end):
            return False
        if self._chemical is None:
            chemical = CHEMICAL_TRADE.search(text) is not None or (
                self._field and all(PLAIN.fullmatch(word) for word in _LONG_WORD.findall(text[:start] + text[end:]))
            )
            self._chemical = chemical and EVERYDAY_GOODS.search(text) is None
        return self._chemical

    def _admits_iso(self, start: int, end: int) -> bool:
        """Return whether the letters iso stand alone: they neither begin a name nor follow a bracket ([ISO]).

        All other words of the text must be words of chemical trade.
        """
        text = self._spelled
        words = _LONG_WORD.findall(text[:start] + text[end:])
        known = all(PLAIN.fullmatch(word) or CHEMICAL_TRADE.search(word) for word in words)
        return known and text[start - 1 : start] not in ("[", "(") and AFTER_ISO.match(text, end) is not None

    def continue_name(self, start: int, end: int) -> bool:
        """Return whether the name at a position continues into the name of another substance.

        ``1-methyl-4-piperidone`` is not 4-piperidone, and neither is ``4-piperidone-3-carboxylic acid``.
        """
        text = self._spelled
        head, tail = text[max(0, start - 40) : start], text[end : end + 64]
        before = _WORD_BEFORE.search(head)
        if before is not None:
            word, gap = before[1], before[2]
            joined = gap == "" or _JOINT.fullmatch(gap) is not None
            if (joined or gap == " ") and _SUBSTITUENT.fullmatch(word):
                return True
            if joined and gap and (_LOCANT.fullmatch(word) or _JOINED_ON.fullmatch(word)):
                return True
        name = text[start:end]
        if name[:1].isdigit() and _HYPHENATED.search(head) is not None and JOINED_BY_HYPHEN.search(head) is None:
            return True
        if _GREEK_BEFORE.search(head) is not None:
            return True
        if name.endswith("anhydride") and _ACID_BEFORE.search(head) is not None:
            return True
        if _CONTINUED.match(tail) is not None:
            return True
        return not text.isascii() and _continues_unspaced(head, name, tail)

    def _names_no_other_goods(self, start: int, end: int, denied: str) -> bool:
        """Return whether the text names a form such as powder beside the denied name, and otherwise only plain words.

        Such a text names no other goods, so the denial does not make the substance a mention.
        """
        text = self._spelled
        rest = text[:start].removesuffix(denied) + " " + text[end:].removeprefix(denied)
        words = _LONG_WORD.findall(rest)
        return any(BULK.fullmatch(word) for word in words) and all(
            BULK.fullmatch(word) or PLAIN.fullmatch(word) for word in words
        )

    def _clause(self, start: int, end: int) -> tuple[int, int]:
        """Return the bounds of the clause that contains the name, at most twice `_REACH` on each side."""
        text, first = self._spelled, max(0, start - 2 * _REACH)
        for hard in _HARD.finditer(text, first, start):
            first = hard.end()
        after = _HARD.search(text, end, end + 2 * _REACH)
        return first, after.start() if after is not None else min(len(text), end + 2 * _REACH)

    @staticmethod
    def _about(
        cue: re.Pattern[str], clause: str, at: int, to: int, *, listed: bool
    ) -> tuple[re.Match[str], bool] | None:
        """Return the cue that refers to the name, and whether the name is then only mentioned. Return None without such a cue.

        Args:
            listed: whether the cue may refer to all items of a list.
        """
        head, tail = clause[:at], clause[to:]
        for found in cue.finditer(tail):
            between = tail[: found.start()]
            if len(between) > _REACH or AMOUNT.search(between) is not None:
                break
            # After a separator, the cue may be a separate item (fentanyl powder, test strips) or refer to a whole list.
            apart = _SOFT.search(between) is not None
            if apart and (not listed or FORM.search(between) is not None or AMOUNT.search(clause) is not None):
                break
            return found, FORM.search(between) is None or listed
        for found in cue.finditer(head):
            between = head[found.end() :]
            if len(between) > _REACH or AMOUNT.search(between) is not None:
                continue
            link = LINK.search(found[0][-4:] + between) is not None
            if _SOFT.search(between) is not None and not (link and listed):
                continue
            soft = _SOFT.search(tail)
            own = tail[: soft.start()] if soft is not None else tail
            amount = AMOUNT.search(own) is not None
            loose = not link and (FORM.search(own) is not None or FORM.search(between) is not None)
            return found, not (amount or loose)
        return None

    @staticmethod
    def _permit(clause: str, at: int, *, form: bool) -> tuple[str, bool]:
        papers = numbered = permit = linked = False
        for found in PERMIT.finditer(clause):
            if found["paper"] is not None:
                papers = True
                continue
            permit = True
            numbered = numbered or PERMIT_NUMBER.match(clause[found.end() :]) is not None
            between = clause[found.end() : at] if found.end() <= at else ""
            linked = linked or (found.end() <= at and _SOFT.search(between) is None)
        if not permit:
            return "", False
        return "permit", not form and not numbered and (papers or linked)

    def _cas_numbers(self) -> tuple[str, ...]:
        if self._numbers is None:
            from stdnum import casrn

            shaped = ("-".join(found.groups()) for found in CAS.finditer(self._spelled))
            self._numbers = tuple(number for number in shaped if casrn.is_valid(number))
        return self._numbers


def _own_form(clause: str, at: int, to: int) -> bool:
    """Return whether the item of the clause that contains the name, or the next item, states an amount or a form."""
    before = clause[:at]
    for soft in _SOFT.finditer(before):
        before = clause[soft.end() : at]
    after = clause[to:]
    parts = [soft.start() for soft in _SOFT.finditer(after)]
    after = after[: parts[1]] if len(parts) > 1 else after
    return any(FORM.search(side) is not None or AMOUNT.search(side) is not None for side in (before, after))


def _continues_unspaced(head: str, name: str, tail: str) -> bool:
    """Do the same as `Surroundings.continue_name` for scripts without blanks between words."""
    if _CHINESE_BEFORE.search(head) is not None or _CHINESE_AFTER.match(tail) is not None:
        return True
    if head and _RUNNING.match(head[-1]) is not None and _RUNNING.match(name) is not None:
        return True
    if not (tail and _RUNNING.match(tail) is not None and _RUNNING.match(name[-1]) is not None):
        return False
    return tail[0] >= "\uac00" and AFTER_KOREAN.match(tail) is None
