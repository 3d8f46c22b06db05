"""Tests of name normalisation: all spellings of a name share one key, and the declared text can be recovered."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.substances.normalise import (
    _SKELETON,
    compact,
    core,
    fold,
    normalise,
    original,
    reveal,
    skeleton,
    spell,
    spellings,
    tokens,
)
from tests.effort import examples
from tests.growth import cost_grows_linearly

WORDS = {
    skeleton(word): word
    for word in ("fentanyl", "carfentanyl", "piperidone", "propionyl", "chloride", "fluorofentanyl")
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FENTANYL", "fentanyl"),
        ("ｆｅｎｔａｎｙｌ", "fentanyl"),
        ("Féntanýl", "fentanyl"),
        ("fеntаnyl", "fentanyl"),  # Cyrillic е and а
        ("fentαnyl", "fentanyl"),  # Greek α
        ("fen\u200btanyl", "fentanyl"),
        ("fen\u034ftanyl\ufe0f", "fentanyl"),
        ("\u202efentanyl\u202c", "fentanyl"),
        ("f e n t a n y l", "fentanyl"),
        ("F.E.N.T.A.N.Y.L", "fentanyl"),
        ("fentanil", "fentanyl"),
        ("phentanyl", "fentanyl"),
        ("Sufentanil", "sufentanyl"),
        ("&alpha;-methylfentanyl", "alpha methylfentanyl"),
        ("&#945;-methylfentanyl", "alpha methylfentanyl"),
        ("α-methylfentanyl", "alpha-methylfentanyl"),
        (".ALPHA.-METHYLFENTANYL", "alpha-methylfentanyl"),
        ("ß-hydroxyfentanyl", "beta-hydroxyfentanyl"),
        ("4′-methyl acetylfentanyl", "4'-methyl acetylfentanyl"),
        ("N-(2-Phenylethyl)-4-piperidinone", "n-phenethyl-4-piperidone"),
        ("N-phenyl ethyl-4-piperidone", "n-phenethyl-4-piperidone"),
        ("1-phenylethyl-4-piperidone", "1-phenethyl-4-piperidone"),
        ("phenylethyl bromide", "phenethyl bromide"),
        ("4-(phenylamino)piperidine", "4-anilinopiperidine"),
        ("4-(phenyl amino) piperidine", "4-anilinopiperidine"),
        ("propanoyl chloride", "propionyl chloride"),
        ("propanoic anhydride", "propionic anhydride"),
        ("magnesium sulphate", "magnesium sulfate"),
        ("t-boc-4-piperidone", "boc-4-piperidone"),
        ("1-(tert-butoxycarbonyl)-4-piperidone", "1-boc-4-piperidone"),
        ("t-butyl 4-oxopiperidine-1-carboxylate", "tert-butyl 4-oxopiperidine-1-carboxylate"),
        ("4\u00adanilino", "4-anilino"),
        ("فَنْتَانِيل", "فنتانيل"),
        ("فنتـانيل", "فنتانيل"),
        ("フエンタニル", "フェンタニル"),
        ("ﾌｪﾝﾀﾆﾙ", "フェンタニル"),
        ("펜타닐", "펜타닐"),  # as decomposed jamo
        ("丙醯氯", "丙酰氯"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert compact(one) == compact(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1-phenylethyl bromide", "phenethyl bromide"),
        ("1-(1-phenylethyl)-4-piperidone", "1-phenethyl-4-piperidone"),
        ("2-piperidone", "4-piperidone"),
        ("3-methylfentanyl", "4-methylfentanyl"),
        ("triphenylethyl", "triphenethyl"),
        ("pentanyl", "fentanyl"),
    ],
)
def test_names_of_different_substances_have_different_keys(one: str, other: str) -> None:
    assert compact(one) != compact(other)


def test_each_character_of_a_script_without_spaces_is_a_token() -> None:
    assert tokens(fold("高纯度芬太尼500g fentanyl")) == ["高", "纯", "度", "芬", "太", "尼", "500", "g", "fentanyl"]
    assert tokens(fold("펜타닐은")) == ["펜", "타", "닐", "은"]
    assert tokens(fold("фентанил")) == [fold("фентанил")]


@given(st.text(max_size=60))
@example("1 phenyl ethyl 4 piperid")
@example("2 phenyl-ethyl ½ İ ﬃ")
@example("n-phenyl ethyl")
@example("ß- ゛ｶﾞ ꙁ")
@example("\U00010879")
@example("Σ")
@example("ﬃ 2-phenyl-ethyl ½ İ")
@example("2 phenyl ethyl")
@example("αα β")
def test_normalisation_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert normalise(f"  {text}\t") == once
    assert all(part.isalpha() or part.isdecimal() for part in once.split())


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40))
def test_normalised_text_has_no_capitals_and_no_punctuation(text: str) -> None:
    assert all(part.isalpha() or part.isdecimal() for part in normalise(text).split())
    assert normalise(text) == normalise(text).lower()


@pytest.mark.parametrize(
    "text",
    [
        "4-piperidone",
        "4-Piperidone hydrochloride",
        "4-piperidone HCl",
        "4-piperidone.HCl",
        "4-piperidone · 2HCl",
        "4-piperidone hydrochloride (1:1)",
        "4-piperidone mono hydrochloride monohydrate",
        "hydrochloride of 4-piperidone".replace("of ", ""),
        "4-piperidone (98%)",
        "4-piperidone AR grade",
        "4-Piperidone Hydrate, >= 99.5 % min",
        "4-piperidone crystalline powder 25 kg",
        "clorhidrato 4-piperidone",
    ],
)
def test_the_core_excludes_salt_hydrate_form_grade_purity_and_amount(text: str) -> None:
    assert core(text) == "4piperidone"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("f3ntanyl 5g", "fentanyl 5g"),
        ("fent4nyl", "fentanyl"),
        ("fentany1", "fentanyl"),
        ("f3nt4ny1", "fentanyl"),
        ("f3nt.anyl hci", "fent.anyl hci"),
        ("carf3nt-anil, 5 g", "carfent-anyl, 5 g"),
        ("4-f3n.tanyl", "4-fen.tanyl"),
        ("fent@nyl", "fentanyl"),
        ("fentany| drum", "fentanyl drum"),
        ("c4rfentanyl", "carfentanyl"),
        ("4-pip3rid0ne", "4-piperidone"),
        ("4piperid0ne", "4piperidone"),
        ("propionyl chl0ride", "propionyl chloride"),
        ("p-f1uorofentany1", "p-fluorofentanyl"),
    ],
)
def test_digits_that_imitate_letters_are_read_as_letters_if_that_gives_a_name(text: str, read: str) -> None:
    revealed = reveal(text, WORDS)
    assert revealed == read
    assert len(revealed) == len(text)


@pytest.mark.parametrize("run", ["a1", "a1.", "a-"])
def test_the_cost_of_reading_one_long_run_grows_linearly(run: str) -> None:
    assert cost_grows_linearly(lambda text: reveal(text, WORDS), lambda times: run * times, 8_000)


@pytest.mark.parametrize(
    "text", ["4-piperidone", "A-piperidone", "size 2xl c18 column", "hb2025a1 model", "piperidone", "l0v3 p0w3r", "4"]
)
def test_other_digits_beside_letters_stay_unchanged(text: str) -> None:
    assert reveal(text.lower(), WORDS) is None


LOCANT_KEPT = "1-phenethyl"
#: Fragments and their single spelling, as simple patterns. They are slow, because they look behind before the first character.
FRAGMENTS = (
    (r"(?<!\d)2[ -]*phenyl[ -]*ethyl", "phenethyl"),
    (r"(?<!\d)(?<!\d )1[ -]*phenyl[ -]*ethyl(?=[ -]*4[ -]*(?:piperid|anilino))", LOCANT_KEPT),
    (r"(?<![a-z])(?:beta|b)[ .-]*phenyl[ -]*ethyl", "phenethyl"),
    (r"(?<![a-z\d')])(?<!\d[ -])(?<!alpha[ -])(?<!alpha\.-)(?<!\ba[ -])phenyl[ -]*ethyl(?![a-z])", "phenethyl"),
    (r"(?<=\bn-)phenyl[ -]*ethyl", "phenethyl"),
    ("(?:f|ph)entan[iy]l", "fentanyl"),
    ("piperidinone", "piperidone"),
    ("piperidyl", "piperidinyl"),
    ("phenyl[ -]?amino(?!m)", "anilino"),
    ("sulph", "sulf"),
    ("propionamide", "propanamide"),
    ("propanoyl", "propionyl"),
    ("propanoic", "propionic"),
    ("butanoyl", "butyryl"),
    ("butyramide", "butanamide"),
    (r"(?<![a-z])t(?:ert)?[ -]*but(?:yl)?oxy[ -]*carbonyl", "boc"),
    (r"(?<![a-z])t[ -]*boc(?![a-z])", "boc"),
    (r"(?<![a-z])t[ -]*butyl", "tert-butyl"),
)
PIECES = (
    "phenyl|ethyl|amino|anilino|piperid|inone|yl|n-|a-|alpha-|alpha.-|b|beta|t|tert|but|oxy|carbonyl|boc|butyl|fentanil|phentanyl"
    "|sulph|propanoyl|propanoic|propionamide|butanoyl|butyramide|piperidinone|piperidyl|1|2|4|x|m|(|)|'|.|-|é| "
)


@examples(500)
@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=9).map("".join))
@example("n-2 phenyl ethyl-t-butoxy carbonyl")
@example("1-phenylethyl-4-piperidone 21-phenylethyl alpha-phenylethyl b.phenyl-ethyl a phenylethyl n-phenylethyl")
@example("xb phenylethyl xbetaphenylethyl n-phenylethylx m-phenylethylx")
@example("11-phenylethyl-4-piperidone 1 1-phenylethyl-4-piperidone 1phenylethyl 4 anilino xtboc t boc at-butyl t-butyl")
def test_each_fragment_gets_its_single_spelling(text: str) -> None:
    found = re.compile("|".join(f"(?P<f{number}>{pattern})" for number, (pattern, _) in enumerate(FRAGMENTS)))

    def spelled(match: re.Match[str]) -> str:
        assert match.lastgroup is not None
        one = FRAGMENTS[int(match.lastgroup[1:])][1]
        return match[0][: match[0].index("phenyl")] + "phenethyl" if one == LOCANT_KEPT else one

    assert spell(text) == found.sub(spelled, text)


def test_spellings_include_up_to_two_unabbreviated_fragments() -> None:
    assert spellings("4-(phenylamino)piperidinone") == [
        "4-(anilino)piperidone",
        "4-(phenylamino)piperidone",
        "4-(anilino)piperidinone",
        "4-(phenylamino)piperidinone",
    ]
    assert spellings("xylene") == ["xylene"]


@pytest.mark.parametrize(
    ("text", "name", "declared"),
    [
        ("Powder: Fentanyl, 25 kg", "fentanyl", "Fentanyl"),
        ("raw N-(2-Phenylethyl)-4-piperidinone, drum", "phenethyl)-4-piperidone", "2-Phenylethyl)-4-piperidinone"),
        ("Größe L, α-Méthyl", "alpha-methyl", "α-Méthyl"),
        ("Straße 5, купить Фентанил срочно", "фентанил", "Фентанил"),
        ("Straße 5, 高纯度芬太尼500克", "芬太尼", "芬太尼"),
        ("Straße 5, 펜타닐은", "펜타닐", "펜타닐"),
    ],
)
def test_the_declared_text_is_recovered_after_positions_move(text: str, name: str, declared: str) -> None:
    spelled = spell(fold(text))
    start = spelled.index(fold(name))
    assert original(text, spelled, start, start + len(fold(name))) == declared


def test_a_match_that_cannot_be_located_is_returned_as_normalised() -> None:
    text = "ﬃ f3ntanyl"
    assert original(text, "ffi fentanyl", 4, 12) == "fentanyl"


@given(st.text(max_size=50), st.integers(0, 60), st.integers(0, 60))
def test_any_span_has_an_original_text(text: str, start: int, end: int) -> None:
    spelled = spell(fold(text))
    piece = original(text, spelled, min(start, end), max(start, end))
    assert isinstance(piece, str)


@given(st.text("abcil013|$€äß"))
def test_a_skeleton_replaces_digits_signs_and_the_letter_i(word: str) -> None:
    assert skeleton(word) == word.translate(_SKELETON)
