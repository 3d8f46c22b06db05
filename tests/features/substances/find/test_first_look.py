"""Tests of the first look: a text that it rejects contains no match for the later stages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from features.substances import Substances
from features.substances.find.first_look import EVERYTHING
from features.substances.find.glance import (
    BEGINS,
    DISGUISE,
    ENDS,
    LABEL,
    NAME,
    NEAR,
    NUMBER,
    OTHERWISE,
    STRUCTURE,
    Alike,
    Glance,
)
from features.texts.remembered import LONGEST_REMEMBERED
from tests.effort import examples

#: Text pieces that each stage matches, and ordinary words that contain such pieces.
_PIECES = (
    "fentanyl fentanil fent anil nyl fetanyl carfentanil carfntanyl acetyl acetylfentanyl p-fluoro 4-anpp anpp 4 piperidone piperid"
    " one 1-boc-4-ap boc butyl t-butylnitazene nitazene etonitazene etoni tazene isotonitazene fen tai ni fentaini sufen mini"
    " n-phenethyl phenyl ethyl 2-phenylethyl phenylamino phenethyl bromide aniline propionyl chloride sulphuric acid hydrochloride"
    " f3ntanyl fenta1ny1 437-38-7 437 - 38-7 cas 437387 case 40064346 cas no. ZOJBYZNEUISWFT-UHFFFAOYSA-N smiles CCO=C c1ccccc1"
    " inchi=1s/ch4/h1h4 4'-methyl n,n-dimethyl 1-(2-phenylethyl)piperidin-4-one uric acid, 1,3-dimethyl- sodium carbonate"
    " 芬太尼 乙酰芬太尼 数据线 фентанил ацетил кетон فنتانيل والفنتانيل ä é ´ ﬁ ﬂuoro fluór fеntanyl ñ \u0301 \u0338 €"
    " ＣＡＳ ４３７-３８-７ Ｃ１ （ ＝ º"
    " (CCO) CC(C)CO C2CCCCC2 [Na+].[Cl-] ON(C)Cl C1CC[NH2+]C1Br (CC)c1ccccc1 N#CCCC model(a)"
    " nylon acrylic polyester shirt 25 kg 98% drum a of x test strips no for analogue base metal brown butter - / , . ; ( ) [ ] _ #"
)
PIECES = _PIECES.split()
texts = st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).flatmap(
    lambda pieces: st.sampled_from((" ", " ", "-", "", ", ", "_")).map(lambda between: between.join(pieces))
)


@pytest.fixture(scope="module")
def index() -> Substances:
    return Substances.load()


def same_match(index: Substances, text: str) -> bool:
    """Return whether a text has the same match with and without the first look."""
    flags = index._look.flags([text])[0]
    match = index._resolve(text, False, flags) if flags else None
    return match == index._resolve(text, False, EVERYTHING)


@given(texts, st.booleans())
@examples(1500)
def test_texts_rejected_by_the_first_look_have_no_match(index: Substances, text: str, capitals: bool) -> None:
    text = text.upper() if capitals else text
    assert same_match(index, text)


@pytest.mark.long
def test_two_pieces_in_either_order_have_the_same_match_without_the_first_look(index: Substances) -> None:
    for pair in product(PIECES, PIECES):
        text = " ".join(pair)
        assert same_match(index, text), text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # In brackets that could belong to an atom.
        ("sample [c1ccccc1NC1CCN(CCc2ccccc2)CC1] 5 g", "4-Anilino-N-phenethylpiperidine"),
        ("[c1ccccc1NC1CCN(CCc2ccccc2)CC1", "4-Anilino-N-phenethylpiperidine"),
        # Directly after a letter that is folded to a Latin one.
        ("\u2116PJMPHNIQZUBGLI-UHFFFAOYSA-N", "Fentanyl"),
        ("\u00e9PJMPHNIQZUBGLI-UHFFFAOYSA-N", "Fentanyl"),
    ],
)
def test_a_structure_without_separators_around_it_is_found(index: Substances, text: str, name: str) -> None:
    match = index.match(text)
    assert match is not None
    assert match.substance == name
    assert same_match(index, text)


@pytest.mark.parametrize(
    "text",
    [
        "plastic food storage boxes 11 pcs",
        "womens nylon briefs 5 pack size m",
        "usb data cable 1 m f",
        "printing machinery gold",
        "self-adhesive wall sticker orange",
        "phone case tpu 3 pcs",
        "norvane and shirt-blouses ap-225",
    ],
)
def test_the_first_look_rejects_ordinary_goods(index: Substances, text: str) -> None:
    assert index._look.flags([text]) == [0]


def glance(**bits: int) -> Glance:
    names = {"abcdefgh": 1, "abc": 2, "xy1": 3}
    lengths: dict[str, tuple[int, ...]] = {"abcdef": (8,), "abc": (3,), "xy1": (3,)}
    return Glance(lambda word: bits.get(word, 0), lengths, names, 6, 3, 5, 8, 4)


def test_a_name_starts_at_the_start_of_a_word() -> None:
    bits = {"abcdefgh": NAME, "abcd": NAME, "xy": NAME, "zabc": 0}
    for text, begins in (
        ("abcdefgh", True),
        ("12 abcd-efgh", True),
        ("xy 1", True),
        ("zabc y1", False),
        ("xy", False),
        ("", False),
    ):
        assert bool(glance(**bits).read(text) & NAME) is begins, text


def test_a_name_split_into_two_words_is_detected() -> None:
    bits = {"car": BEGINS, "fent": ENDS, "carfent": NEAR, "long": BEGINS, "ca": BEGINS}
    assert glance(**bits).read("car, fent") == NEAR
    assert glance(**bits).read("car 1 fent") == 0
    assert glance(**bits | {"longlonger": NEAR}).read("long longer") == 0
    assert glance(**bits | {"caxy": NEAR}).read("ca xy") == 0


def test_numbers_structures_and_digits_in_words_are_detected() -> None:
    look = glance(cas=LABEL)
    for text, flags in (
        ("cas 437387", NUMBER), ("cas 4373", 0), ("437-38", NUMBER), ("437 - 38", NUMBER), ("a-38", 0), ("c1", 0),
        ("c1ccc1c", STRUCTURE | DISGUISE),
        ("c1 cccc", 0), ("ccccc (x)", 0), ("cc(c)cl", STRUCTURE), ("(c)cc b", 0), ("[13xe]cco#c", STRUCTURE), ("[a b]cc#n", 0),
        ("[cc(c)nc]", STRUCTURE), ("[x-c1ccccc", STRUCTURE | DISGUISE), ("[x c1ccc", DISGUISE),
        ("a=b", STRUCTURE | OTHERWISE), ("abcdefghijklmn-", STRUCTURE), ("abcdefghijklmno-", STRUCTURE), ("abcdefghijklm-", 0),
        ("f3nta", DISGUISE), ("f3nt", 0), ("f3456", 0), ("f3nt.anyl", DISGUISE), ("f3nt anyl", 0), ("usb.c3-p", 0),
        ("fentx", 0), ("3-abc", 0),
    ):  # fmt: skip
        assert look.read(text) == flags, text


def test_words_are_judged_once_until_the_cache_overflows() -> None:
    judged: list[str] = []

    def judge(word: str) -> int:
        judged.append(word)
        return 0

    look = Glance(judge, {}, {}, 6, 3, 5, 8, 2)
    for text in ("a b a", "b a", "c", "c a"):
        look.read(text)
    assert judged == ["a", "b", "c", "a"]


def changed(word: str, letters: str = "aen") -> Iterator[str]:
    for at in range(len(word) + 1):
        yield word[:at] + word[at + 1 :]
        for letter in letters:
            yield word[:at] + letter + word[at:]
            yield word[:at] + letter + word[at + 1 :]
        yield word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]


def test_alike_returns_every_word_within_its_edit_distance() -> None:
    reach = {"fentanyl": 2, "nitazene": 1, "anile": 1, "anil": 0, "sufentanil": 2}
    alike = Alike(reach)
    for word in reach:
        for once in {*changed(word)}:
            for twice in {once, *changed(once, "f")}:
                near = [other for others in alike.to(twice) for other in others]
                assert {other for other, most in reach.items() if OSA.distance(twice, other) <= most} <= {*near}
    assert alike.to("fentanyl") == [["fentanyl"]]
    assert alike.to("zzzzzzzz") == []
    assert Alike({}).to("a") == []


def test_cached_words_are_bounded_in_number_and_length() -> None:
    judged: list[str] = []

    def judge(word: str) -> int:
        judged.append(word)
        return 0

    glance = Glance(judge, {}, {}, head=3, shortest=3, fewest=100, most=0, remembered=3)

    def of(*words: str) -> list[str]:
        judged.clear()
        glance.read(" ".join(words))
        return list(judged)

    assert of("one", "two", "one", "three") == ["one", "two", "three"]
    assert of("one", "two", "three") == []
    # The fourth word empties the cache, which never contains more than three words.
    assert of("four", "one", "four") == ["four", "one"]
    longest = "x" * LONGEST_REMEMBERED
    assert of(longest, longest, longest + "x", longest + "x") == [longest, longest + "x", longest + "x"]
