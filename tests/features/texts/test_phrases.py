"""Searches in addresses, check digits and dialling codes agree with regular expressions."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.groups.filing import s10_fault, waybill_fault
from features.groups.party import _DIALLING, _PHRASES, Mark, dialling_code
from features.texts.folding import folded
from features.texts.phrases import Phrases
from tests.effort import examples

PATTERNS = {
    "forwarder": re.compile(
        r"\b(?:forward\w*|logistic\w*|freight|warehous\w*|storage|mail ?box(?:es)?|po ?box|p\.o\. ?box|pobox|fulfil\w*|"
        r"parcel|locker|reship\w*|postfach|apartado|consolidat\w*|pick ?up|cargo)\b"
    ),
    "unit": re.compile(r"(?:\b(?:unit|suite|ste|apt|flat|room|rm|locker|box)\b|#)\s*\w+"),
}
PIECES = (
    "co", "corp", "s", "a", ".", "s.a", "sa", "inc", "labs", "lab", "pharma", "bio", "new", "material", "materials", "fine",
    "api", "mail", "box", "boxes", "po", "p", "o", "p.o.", "pick", "up", "pobox", "unit", "suite", "#", "flat", "room", "x",
    "12", "_", " ", "  ", "-", "Ü", "é", "ﬁ", "Ｃｏ", "中", "\u0301", "²", "٣", "\u00a0", "\u2003", "\x1c", "LTD", "Import",
    "reship", "\U0001d7d8", "ß", "İ",
)  # fmt: skip
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.text(max_size=24))
NUMBERS = st.text(alphabet="0123456789٣²７ABzß -", max_size=15)


@given(TEXTS)
@examples(1500)
@example("s.a.b")
@example("p.o. box_")
@example("unit\u2003#")
@example("unit\x1c5")
@example("# #5")
@example("mail boxes")
def test_addresses_have_the_marks_of_matching_patterns(text: str) -> None:
    low = folded(text)
    marks = int(_PHRASES.marks([text], folded)[0])
    for kind, pattern in PATTERNS.items():
        assert bool(marks & Mark[kind.upper()]) == (pattern.search(low) is not None), kind
    assert bool(marks & Mark.DIGIT) == any(letter.isdigit() for letter in low)


def test_phrases_end_at_word_boundaries_unless_they_end_in_a_star() -> None:
    phrases = Phrases({"pick up": 1, "chem*": 2, "unit": 4}, followed=4)
    found = phrases.marks(
        ["Pick Up", "pick upper", "pick  up", "CHEMICALS", "biochem", "unit", "unit-5", "unit 5", "#b", "ünit 5"],
        folded,
    )
    assert found.tolist() == [1, 0, 0, 2, 0, 0, 0, 4, 4, 4]


def test_more_phrases_than_a_trie_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 32767"):
        Phrases({f"{number:04d} and then some": 1 for number in range(9000)})


def s10(value: str) -> float:
    match = re.fullmatch(r"[A-Z]{2}(\d{8})(\d)[A-Z]{2}", value.upper().replace(" ", ""))
    if match is None:
        return np.nan
    weighted = sum(int(digit) * weight for digit, weight in zip(match[1], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - weighted % 11
    return float({10: 0, 11: 5}.get(check, check) != int(match[2]))


def waybill(value: str) -> float:
    match = re.fullmatch(r"\d{3}[- ]?(\d{7})(\d)", value)
    return np.nan if match is None else float(int(match[1]) % 7 != int(match[2]))


@given(
    st.one_of(NUMBERS, st.from_regex(r"[A-Za-z]{2} ?\d{8} ?\d ?[A-Za-z]{2}", fullmatch=True), st.just("ß473124829de")),
    st.one_of(NUMBERS, st.from_regex(r"\d{3}[- ]?\d{8}", fullmatch=True)),
)
@examples(1000)
@example("RR473124829DE", "125-12345675")
@example("rr 4731 2482 8 de", "12512345675")
@example("RR473124829", "125-1234567")
@example("RR473124829D", "1251234567")
def test_check_digits_are_verified_in_identifiers_only(house: str, master: str) -> None:
    np.testing.assert_equal(s10_fault(house), s10(house))
    np.testing.assert_equal(waybill_fault(master), waybill(master))


def test_the_check_digits_of_known_numbers() -> None:
    assert [s10_fault(number) for number in ("RR473124829DE", "rr 473124829 de", "RR473124828DE")] == [0.0, 0.0, 1.0]
    assert [waybill_fault(number) for number in ("125-12345675", "125 12345675", "125-12345676")] == [0.0, 0.0, 1.0]


@given(st.text(alphabet="+0123456789٣ -()x", max_size=12))
@examples(1000)
@example("+852 1")
@example("00 1")
@example("0+86")
@example("++86")
def test_the_longest_dialling_code_counts(phone: str) -> None:
    digits = re.sub(r"[^\d+]", "", phone)
    digits = digits[1:] if digits.startswith("+") else digits[2:] if digits.startswith("00") else ""
    code = next((digits[:n] for n in (3, 2, 1) if digits[:n] in _DIALLING), None)
    assert dialling_code(phone) == code
