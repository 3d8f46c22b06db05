"""Tests of the search for structures and systematic names in texts, and of their readings."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rdkit import Chem

from features.substances import structures_in
from features.substances.read import spotting
from features.substances.read.name_readings import readings
from features.substances.read.opsin import Limits, Opsin
from features.substances.read.spotting import MOST, Piece
from features.substances.read.spotting_names import flatten, hints_at_a_name
from tests.effort import examples
from tests.growth import cost_grows_linearly

FENTANYL = "CCC(=O)N(C1CCN(CCc2ccccc2)CC1)c1ccccc1"
INCHI = (
    "InChI=1S/C22H28N2O/c1-2-22(25)24(20-11-7-4-8-12-20)21-14-17-23(18-15-21)16-13-19-9-5-3-6-10-19"
    "/h3-12,21H,2,13-18H2,1H3"
)
KEY = "PJMPHNIQZUBGLI-UHFFFAOYSA-N"


def of_form(text: str, form: str, *, chemical: bool = False) -> list[Piece]:
    return [piece for piece in structures_in(text, chemical=chemical) if piece.form == form]


def names(text: str, *, chemical: bool = False) -> list[str]:
    return [piece.reading for piece in of_form(text, "systematic", chemical=chemical)]


# InChIKey, InChI and SMILES


@pytest.mark.parametrize("text", [KEY, f"InChIKey={KEY}", f"powder ({KEY}), 5 g", KEY.lower(), f"key:{KEY}."])
def test_an_inchikey_is_found_in_any_text_and_letter_case(text: str) -> None:
    (piece,) = of_form(text, "inchikey")
    assert piece.reading == KEY
    assert piece.text.upper() == KEY


@pytest.mark.parametrize(
    "text", [f"A{KEY}", f"{KEY}-X", KEY.replace("SA", "XA"), KEY[:-2], "ABCDEFGHIJKLMN-ABCDEFGHIJ-N"]
)
def test_a_malformed_inchikey_is_not_found(text: str) -> None:
    assert of_form(text, "inchikey") == []


@pytest.mark.parametrize(
    "text", [INCHI, f"sample {INCHI}, 99 %", f"({INCHI})", INCHI.replace("InChI", "INCHI"), f"{INCHI}; 5 g"]
)
def test_an_inchi_is_found_without_the_punctuation_around_it(text: str) -> None:
    (piece,) = of_form(text, "inchi")
    # An InChI may contain semicolons, so its parser decides about a trailing one.
    assert piece.text.rstrip(";").upper() == INCHI.upper()


@pytest.mark.parametrize(
    "smiles",
    [
        FENTANYL,
        "O=C1CCNCC1",
        "CC(C)(C)OC(=O)N1CCC(=O)CC1",
        "c1ccc(NC2CCNCC2)cc1",
        "BrCCc1ccccc1",
        "C[C@H](N)C(=O)O",
        "Cl.O=C1CCNCC1",
        "c1ccc2[nH]cnc2c1",
        "CCN(CC)CCn1c(Cc2ccc(OCC)cc2)nc2cc(ccc12)[N+](=O)[O-]",
        "C/C=C/C(=O)Cl",
        "N#CCC1CCCCC1",
        "C1CC%10CCCC%10C1",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "{}, 99%", "white powder {} 25 g", "({})", '"{}"', "SMILES: {}", "SMILES={}."]
)
def test_smiles_are_found_in_a_text(smiles: str, around: str) -> None:
    (piece,) = of_form(around.format(smiles), "smiles")
    assert (piece.text, piece.reading) == (smiles, smiles)


@pytest.mark.parametrize(
    "text",
    [
        "CCO",
        "CNC",
        "CNC C1 lathe",
        "BOSCH",
        "BOSCH(C)",
        "NO",
        "SON",
        "SON(2)",
        "C1",
        "C1-C2-C1",
        "ON/OFF switch",
        "PCB(C) CO2 N2O gas COB(12V)",
        "NO.(12)",
        "SOS(2)",
        "USB-C",
        "BNC(2) connector",
        "COB LED 12V",
        "SPC=2",
        "N=10 pcs",
        "I=5A",
        "[NO.1]",
        "(C) 2024",
        "S(2) M(3) L(5)",
        "OCB=OCB",
        "NPN PNP (BC547)",
        "B1/B2/B1",
        "C(C",
        "CC(=O)O)CC1",
        "iPhone 12 case (pink)",
        "P=C=P",
        "NCNCCN1-CN1",
    ],
)
def test_words_and_part_numbers_are_not_smiles(text: str) -> None:
    assert structures_in(text) == []


@pytest.mark.parametrize("text", ["SMILES: CCO", "smiles CCO", "SMILES string = CCO", "canonical smiles:CCO;"])
def test_smiles_with_a_label_need_no_rings(text: str) -> None:
    (piece,) = of_form(text, "smiles")
    assert piece.text == "CCO"


@pytest.mark.parametrize(
    "text", ["SMILES: (not given)", "smiles and laughter", "smiles: C(", "Smiles: C1CC", "smiles", "SMILES:"]
)
def test_invalid_smiles_with_a_label_are_not_proposed(text: str) -> None:
    assert of_form(text, "smiles") == []


def test_a_chemical_field_accepts_weaker_evidence() -> None:
    assert of_form("CCN(CC)CC", "smiles", chemical=True)
    assert not of_form("CCN(CC)CC", "smiles")
    assert names("piperidine", chemical=True) == ["piperidine"]
    assert names("piperidine") == []
    assert names("phenylethylpiperidone") == ["phenylethylpiperidone"]
    assert of_form("CNC", "smiles", chemical=True) == []


# Systematic names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("tert-butyl 4-oxopiperidine-1-carboxylate", "tert-butyl 4-oxopiperidine-1-carboxylate"),
        ("white powder 4-anilino-1-phenethylpiperidine 25 kg drum", "4-anilino-1-phenethylpiperidine"),
        ("N-PHENYL-4-PIPERIDINAMINE,99%,25KG", "N-PHENYL-4-PIPERIDINAMINE"),
        ("98% 1-phenethyl-4-piperidone", "1-phenethyl-4-piperidone"),
        ("1-phenethyl-4-piperidone (98%), 25kg", "1-phenethyl-4-piperidone"),
        ("2 x 1-phenethyl-4-piperidone", "1-phenethyl-4-piperidone"),
        ("10 1-phenethyl-4-piperidone samples", "1-phenethyl-4-piperidone"),
        ("CAS:39742-60-4 Name:N-(2-phenylethyl)-4-piperidone", "N-(2-phenylethyl)-4-piperidone"),
        ("fentanyl intermediate (N-phenyl-4-piperidinamine)", "N-phenyl-4-piperidinamine"),
        ("4-anilinopiperidine白色粉末99%", "4-anilinopiperidine"),
        ("Propanamide, N-phenyl-N-4-piperidinyl-", "Propanamide, N-phenyl-N-4-piperidinyl-"),
        ("Propanamide, N-phenyl-N-4-piperidinyl, 5 g", "Propanamide, N-phenyl-N-4-piperidinyl-"),
        (
            "Propanamide,N-phenyl-N-4-piperidinyl-,hydrochloride",
            "Propanamide, N-phenyl-N-4-piperidinyl-, hydrochloride",
        ),
        ("taurine, N-acetyl-", "taurine, N-acetyl-"),
        ("piperidin - 4 - one", "piperidin-4-one"),
        ("tert-butyl_4-oxopiperidine-1-carboxylate", "tert-butyl-4-oxopiperidine-1-carboxylate"),
        ("n-(1-phenethylpiperidin-4-yl)-n-phenylacetamide", "N-(1-phenethylpiperidin-4-yl)-N-phenylacetamide"),
        ("n-butyl 4-oxopiperidine-1-carboxylate", "n-butyl 4-oxopiperidine-1-carboxylate"),
        ("N-phenylpiperidin-4-amine.HCl", "N-phenylpiperidin-4-amine"),
        ("N-phenylpiperidin-4-amine · 2HCl", "N-phenylpiperidin-4-amine"),
        ("N-[1-(2-phenyl ethyl)-4- piperidinyl]aniline", "N-[1-(2-phenylethyl)-4-piperidinyl]aniline"),
        ("N-(1-phenethyl-\n  piperidin-4-yl)aniline", "N-(1-phenethyl-piperidin-4-yl)aniline"),
        ("N, N-dimethyl-4-aminopyridine", "N,N-dimethyl-4-aminopyridine"),
        ("Ｎ－ｐｈｅｎｙｌｐｉｐｅｒｉｄｉｎ－４－ａｍｉｎｅ", "N-phenylpiperidin-4-amine"),
        ("1-phénéthyl-4-pipéridone poudre", "1-phenethyl-4-piperidone"),
        ("N-рhenylpiperidin-4-amine", "N-phenylpiperidin-4-amine"),
        ("4‑anilino‑piperidine", "4-anilino-piperidine"),
        ("5α-androstan-3-one", "5alpha-androstan-3-one"),
        ("benzenamine, 4-chloro-, (R)-", "benzenamine, 4-chloro-, (R)-"),
        ("dimethyl acetal; 4-chloroaniline", "4-chloroaniline"),
    ],
)
def test_a_systematic_name_is_extracted_in_the_form_that_opsin_reads(text: str, name: str) -> None:
    assert names(text)[0] == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "N-(1-phenethyl piperidin-4-yl)-N-phenyl acetamide hydrochloride 99% 1kg",
            "N-(1-phenethylpiperidin-4-yl)-N-phenylacetamide hydrochloride",
        ),
        ("N phenethyl 4 piperidone 5 kg", "N-phenethyl-4-piperidone"),
        ("2-bromoethyl benzene", "2-bromoethylbenzene"),
        ("1phenethyl4piperidone", "1-phenethyl-4-piperidone"),
        ("NphenylN(piperidin4yl)acetamide", "N-phenyl-N-(piperidin-4-yl)acetamide"),
        ("N (piperidin 4 yl) aniline", "N-(piperidin-4-yl)aniline"),
        ("chloride 4-chloro benzaldehyde", "4-chloro benzaldehyde"),
        ("1-phenethyl-4-piperidone, sodium carbonate", "1-phenethyl-4-piperidone"),
    ],
)
def test_alternative_readings_of_a_name_follow_the_first(text: str, name: str) -> None:
    assert name in names(text)[1:]


def test_each_of_several_names_is_proposed() -> None:
    assert set(names("1-benzyl-4-piperidone; phenethyl bromide; N-phenylpiperidin-4-amine")) == {
        "1-benzyl-4-piperidone",
        "phenethyl bromide",
        "N-phenylpiperidin-4-amine",
    }
    assert set(names("4-piperidone, (2-bromoethyl)benzene")) == {"4-piperidone", "(2-bromoethyl)benzene"}
    assert set(names("ethylene dibromide (1,2-dibromoethane)")) == {"ethylene dibromide", "1,2-dibromoethane"}
    assert names("phenethyl bromide and benzoyl chloride") == ["phenethyl bromide", "benzoyl chloride"]


def test_the_name_with_the_most_building_blocks_comes_first() -> None:
    assert names("2-propanol, N-(1-phenethylpiperidin-4-yl)-N-phenylacetamide")[0].startswith("N-(1-phenethyl")


@pytest.mark.parametrize(
    "text",
    [
        "women cotton dress size L 3 pcs",
        "iPhone case",
        "polyester fleece blanket 150 x 200 cm",
        "nitrile gloves 100 pcs",
        "vinyl records, acrylic paint, nylon rope",
        "3-in-1 charger USB-C 2-pack 4-port",
        "hyaluronic acid serum 30 ml",
        "stainless steel propane torch",
        "methane detector",
        "stylish leather boots, women's, size 40",
        "cyclone vacuum cleaner",
        "hydro flask 32 oz",
        "T-shirt 2-4 years",
        "aluminium oxide sanding discs P120",
        "carbon fibre fishing rod 2.1 m",
        "engine part no. 12-345-6A",
        "one pair of oxford shoes",
        "iron on patches",
        "Thermo acetate sheet A4",
        "alpha lipoic supplement",
        "phone holder",
        "benz car key cover",
        "",
        " ",
        "服装",
        "Größe L, Baumwolle",
        "مفاتيح",
    ],
)
def test_no_structure_is_proposed_for_ordinary_goods(text: str) -> None:
    assert structures_in(text) == []


@pytest.fixture(scope="module")
def reader() -> Opsin:
    return Opsin(limits=Limits(name_s=300.0, start_s=300.0))


@pytest.mark.parametrize(
    ("name", "smiles"),
    [
        ("N-(1-phenethylpiperidin-4-yl)-N-phenylpropanamide", FENTANYL),
        ("PROPANAMIDE, N-PHENYL-N-(1-(2-PHENYLETHYL)-4-PIPERIDINYL)-", FENTANYL),
        ("N-(1-phenethyl piperidin-4-yl)-N-phenyl propanamide", FENTANYL),
        ("n-phenyl-n-[1-(2-phenylethyl)-4-piperidyl]propanamide", FENTANYL),
        ("tert-butyl 4-oxopiperidine-1-carboxylate", "CC(C)(C)OC(=O)N1CCC(=O)CC1"),
        ("2-bromoethyl benzene", "BrCCc1ccccc1"),
        ("Carbonic acid, bis(4-nitrophenyl) ester", "O=C(Oc1ccc([N+](=O)[O-])cc1)Oc1ccc([N+](=O)[O-])cc1"),
        ("Cyclohexanone, oxime", "ON=C1CCCCC1"),
        ("1-boc-4-piperidone", "CC(C)(C)OC(=O)N1CCC(=O)CC1"),
    ],
)
@pytest.mark.parametrize(
    "around",
    ["{}", "{} 99% white powder 1 kg", "lab reagent {}, purity > 98 %", "25kg of {} (CAS 437-38-7)", "chemical: {};"],
)
def test_opsin_reads_the_correct_structure_from_a_declaration(
    reader: Opsin, name: str, smiles: str, around: str
) -> None:
    answers = reader.smiles_many(names(around.format(name)))
    first = next(answer for answer in answers if answer is not None)
    assert Chem.MolToSmiles(Chem.MolFromSmiles(first)) == Chem.MolToSmiles(Chem.MolFromSmiles(smiles))
    reader.close()


# Arbitrary texts

CHEMICAL_TEXT = st.lists(
    st.sampled_from(
        [
            *"()[]{}-,.;:/=#@%' \n\u2032\u0301αé９（",
            "1",
            "2,4",
            "N",
            "n-",
            "methyl",
            "phenyl",
            "piperidin",
            "acid",
            "chloride",
            "SMILES:",
            "InChI=1S/",
            "C",
            "c1",
            "Cl",
            "[nH]",
            "kg",
            "98%",
            "tert",
            "and",
            "compd. with",
            "(+/-)-",
            "(1:1)",
            KEY,
        ]
    ),
    max_size=40,
).map("".join)


@given(st.one_of(st.text(max_size=80), CHEMICAL_TEXT), st.booleans())
@example("(methyl", True)
@example("İ 4-methylaniline", False)
@example("ﬃ4-methylaniline½", True)
@example("methyl)-,'", True)
@example("\x00 4-methyl", False)
@examples(500)
def test_positions_match_the_text_and_the_number_of_proposals_is_bounded(text: str, chemical: bool) -> None:
    pieces = structures_in(text, chemical=chemical)
    for piece in pieces:
        assert piece.text == text[piece.start : piece.end]
        assert piece.text
        assert piece.reading
    for form in ("smiles", "inchi", "inchikey", "systematic"):
        of_this = [(piece.start, piece.end, piece.reading) for piece in pieces if piece.form == form]
        assert len(of_this) == len(set(of_this)) <= MOST


@given(st.text(max_size=60))
@example("İ")
@example("ﬃ")
@example("e\u0301")
def test_flattening_keeps_the_length_of_a_text(text: str) -> None:
    assert len(flatten(text)) == len(text)


@given(CHEMICAL_TEXT)
def test_readings_are_distinct_single_lines(text: str) -> None:
    proposed = readings(text)
    assert len(set(proposed)) == len(proposed) <= 3
    for one in proposed:
        assert "\n" not in one
        assert "  " not in one


def test_identifiers_contain_no_systematic_names() -> None:
    forms = [piece.form for piece in structures_in(f"{INCHI} {FENTANYL} {KEY}")]
    assert sorted(forms) == ["inchi", "inchikey", "smiles"]


@pytest.mark.parametrize(
    ("before", "repeated", "after"),
    [
        ("", "methyl ", ""),
        ("", "methyl", ""),
        ("", "(", ""),
        ("", "(methyl", ""),
        ("", "1,", ""),
        ("", "1,2-", ""),
        ("", "9", ""),
        ("", "c1", ""),
        ("", "C(C", ""),
        ("", "[", ""),
        ("", "-", ""),
        ("", "- ", ""),
        ("", "(rel", ""),
        ("", "(alpha", ""),
        ("", "n-", ""),
        ("", "smiles:", ""),
        ("", "InChI=1S/", ""),
        ("AAAAAAAAAAAAAA-", "AAAAAAAAAA-", ""),
        ("", "α", ""),
        ("", "\u0301", ""),
        ("", " ", "methyl"),
        ("", "acid, ", ""),
        ("", "methyl, ", ""),
        ("", "4-methyl ", ""),
        ("", "1 kg ", ""),
        ("1", " ", "kg methyl"),
    ],
)
@pytest.mark.parametrize("chemical", [False, True])
def test_cost_grows_linearly_with_text_length(before: str, repeated: str, after: str, chemical: bool) -> None:
    def search(text: str) -> None:
        structures_in(text, chemical=chemical)

    times = 100_000 // len(repeated)
    assert cost_grows_linearly(search, lambda times: before + repeated * times + after, times)


def test_ordinary_texts_skip_every_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(text: str, *_: object, **__: object) -> NoReturn:
        pytest.fail(f"{text!r} was searched")

    for search in ("_identifiers", "_smiles_in", "names_in"):
        monkeypatch.setattr(spotting, search, searched)
    for colour in ("grey", "blue", "white"):
        assert structures_in(f"mens cotton oxford shirt {colour} 12 pcs size 40") == []
    assert not hints_at_a_name("women cotton dress size l 3 pcs")


_HINTS = (
    r"yl|oxy|oxo|amin|amid|anil|az(?:ol|in|ep|et)|idin|iper|pyr|thi[aeo]|fur[aoy]|benz|phen|fluor|chlor|brom|iod[oi]|nitr|prop"
    r"|(?:but|pent|hex|hept|oct|non|dec|eth|meth)an|acet|carb[aoi]|sulf|hydro|cyclo|keto|gluco|stear|phosph|acid|quin|indol"
    r"|oic|[0-9]-[a-z]{3}|(?:a|e|i|y)n-[0-9]"
)
_SYLLABLES = "y yl ox oxy am ami amin az azo azol thi thia but an butan carb carbo carba oi oic 2- -abc in-2 dress é"


@given(st.lists(st.sampled_from(_SYLLABLES.split()), max_size=5).map("".join))
@examples(300)
def test_hints_agree_with_a_single_regular_expression(flat: str) -> None:
    assert hints_at_a_name(flat) is (re.search(_HINTS, flat) is not None or not flat.isascii())
