"""The command ``tidewaiter substance`` for one text and for files."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from service.cli import run
from service.core.chemistry import set_up
from service.core.settings import Settings
from service.substances.answers import COLUMNS, Question, answer, read_day
from tests.service.cli.conftest import write

pytestmark = pytest.mark.usefixtures("empty_folder")

UNLISTED = "CCCCC(=O)N(c1cccc(Cl)c1)C1CCN(CCc2ccccc2)CC1"
DAY = ["--as-of", "2026-11-04"]


def rows_of(path: str) -> list[dict[str, str]]:
    data = Path(path).read_bytes()
    text = gzip.decompress(data) if path.endswith(".gz") else data
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def resolved(*rows: list[str], **options: str) -> list[dict[str, str]]:
    """Return the rows of a file resolved with ``--file``."""
    write("in.csv", *rows)
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    assert run(["substance", "--file", "in.csv", "out.csv", *DAY, *given]) == 0
    return rows_of("out.csv")


@pytest.mark.parametrize("text", ["fentanyl", UNLISTED, "fentanyl test strips", "2-piperidone", "silicone phone case"])
def test_an_answer_fits_a_terminal_of_80_columns(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", text, *DAY]) == 0
    output = capsys.readouterr()
    assert max(map(len, output.out.splitlines())) <= 80
    assert text[:30] in output.out.replace("\n", "")
    assert output.err == ""


def test_a_listed_substance_is_shown_with_law_list_day_and_verification_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["substance", "437-38-7", *DAY]) == 0
    output = " ".join(capsys.readouterr().out.split())
    for words in (
        "Fentanyl fentanyl: HIT",
        "by an identifier or structure (identifier), confidence 1.00",
        "UN",
        "1964",
    ):
        assert words in output
    assert "unverified" in output


def test_a_class_match_is_shown_with_its_limbs_and_their_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", UNLISTED, *DAY, "--jurisdiction", "US"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    for words in (
        "Class definitions",
        "met",
        "D, aniline ring:",
        "E, N-propionyl group:",
        "as a member of a class in US",
        "Nearest",
    ):
        assert words in output


def test_json_is_the_answer_of_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", "fentanyl", *DAY, "--jurisdiction", "cn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answer(Question("fentanyl", read_day("2026-11-04"), "CN"))


def test_a_drawing_is_written_whole_or_its_absence_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", UNLISTED, "--drawing", "a.svg"]) == 0
    assert ET.fromstring(Path("a.svg").read_text(encoding="utf-8")).tag.endswith("svg")
    assert run(["substance", "silicone phone case", "--drawing", "b.svg"]) == 2
    assert not Path("b.svg").exists()
    assert "nothing was drawn" in capsys.readouterr().err


def test_a_scored_file_keeps_its_rows_and_columns_and_appends_the_documented_columns() -> None:
    rows = resolved(
        ["id", "query", "note"],
        ["1", "fentanyl", "NA"],
        ["2", "", "blank"],
        ["3", UNLISTED, 'with "marks", and\na line'],
        ["4", "2-piperidone", ""],
        ["5", "fentanyl test strips", ""],
        ["6", "  ", ""],
        ["7", "fentanyl", "again"],
    )
    assert [row["id"] for row in rows] == list("1234567")
    assert list(rows[0]) == ["id", "query", "note", *COLUMNS]
    assert (rows[0]["note"], rows[2]["note"]) == ("NA", 'with "marks", and\na line')
    assert [row["hit"] for row in rows] == ["true", "", "true", "false", "false", "", "true"]
    assert (rows[4]["kind"], rows[4]["context"]) == ("mention", "test")
    for blank in (rows[1], rows[5]):
        assert {blank[name] for name in COLUMNS} == {""}
    assert rows[6] == rows[0] | {"id": "7", "note": "again"}


def test_a_class_match_fills_the_limb_and_class_columns() -> None:
    [unlisted, precursor, benign] = resolved(
        ["query"], [UNLISTED], ["CCC(=O)N1CCC(Nc2ccc(F)cc2)CC1"], ["CC(=O)NCCC(=O)NCCCCCC"]
    )
    assert (unlisted["kind"], unlisted["us_class"], unlisted["cn_class"]) == ("class", "true", "true")
    assert {"US:D", "US:E", "CN:1", "CN:2"} <= set(unlisted["limbs"].split(";"))
    assert set(unlisted["listed_in"].split(";")) >= {"US", "CN"}
    assert (unlisted["listed"], unlisted["precursor_class"]) == ("true", "")
    assert 0.5 < float(unlisted["similarity"]) < 1
    assert len(unlisted["similarity"]) <= len("0.1234")
    assert precursor["precursor_class"] == "4-anilinopiperidine"
    assert (precursor["us_class"], precursor["limbs"]) == ("false", "")
    assert (benign["hit"], benign["us_class"], benign["cn_class"]) == ("false",) * 3
    assert benign["listed"] == ""


def test_a_limb_that_may_be_met_is_marked_with_a_question_mark() -> None:
    # China's open-ended limb does not name a cyano group on the piperidine ring.
    [row] = resolved(["query"], ["CCC(=O)N(c1ccccc1)C1(C#N)CCN(CCc2ccccc2)CC1"])
    assert "CN:3?" in row["limbs"].split(";")
    assert row["cn_class"] == "false"


def test_classes_are_empty_where_no_structure_is_known() -> None:
    [row] = resolved(["query"], ["silicone phone case"])
    assert (row["kind"], row["hit"], row["us_class"], row["cn_class"]) == ("", "false", "", "")


def test_the_law_of_a_file_is_that_of_the_day_and_place_given() -> None:
    write("in.csv", ["query"], [UNLISTED])
    for day, listed in (("2018-02-05", "false"), ("2018-02-06", "true")):
        assert run(["substance", "--file", "in.csv", "out.csv", "--as-of", day, "--jurisdiction", "US"]) == 0
        assert rows_of("out.csv")[0]["listed"] == listed


def test_listed_is_empty_where_the_law_is_not_recorded() -> None:
    names = [["query"], ["fentanyl"], ["acetylfentanyl"], ["no such thing"]]
    assert [row["listed"] for row in resolved(*names, jurisdiction="NZ")] == ["true", "true", ""]
    assert [row["listed"] for row in resolved(*names, jurisdiction="CH")] == ["", "", ""]
    assert [row["listed"] for row in resolved(*names)] == ["true", "true", ""]


def test_an_answer_on_an_unrecorded_law_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", "fentanyl", *DAY, "--jurisdiction", "CH"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "the law is not recorded here" in output
    assert "law of CH" in output


def test_the_column_option_accepts_another_spelling_of_the_name() -> None:
    rows = [["Chemical name", "cas"], ["fentanyl", "50-00-0"]]
    [by_name] = resolved(*rows, column="chemical_name")
    assert by_name["substance"] == "Fentanyl"
    # The answer has a column `cas`, so the input's column gets another name.
    assert (by_name["input_cas"], by_name["cas"]) == ("50-00-0", "437-38-7")
    [by_cas] = resolved(*rows, column="cas")
    assert by_cas["hit"] == "false"


def test_a_file_resolved_before_is_resolved_anew() -> None:
    resolved(["query"], ["fentanyl"])
    assert run(["substance", "--file", "out.csv", "again.csv", *DAY]) == 0
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


def test_unquoted_commas_in_a_file_of_one_column_are_part_of_the_name() -> None:
    Path("in.csv").write_text("query\nN,N-dimethylformamide\nfentanyl\n", encoding="utf-8")
    assert run(["substance", "--file", "in.csv", "out.csv"]) == 0
    assert [row["query"] for row in rows_of("out.csv")] == ["N,N-dimethylformamide", "fentanyl"]


def test_a_row_that_does_not_fit_stays_in_its_place_without_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text("id,query\n1,fentanyl\n2,a,b,c\n3,fentanyl\n", encoding="utf-8")
    assert run(["substance", "--file", "in.csv", "out.csv"]) == 0
    rows = rows_of("out.csv")
    assert [(row["id"], row["hit"]) for row in rows] == [("1", "true"), ("2", ""), ("3", "true")]
    output = capsys.readouterr().err
    assert "Line 3 has no answer: 4 cells where the header has 2." in output
    assert "3 rows in and out" in output


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.csv.gz", "out.jsonl", "out.parquet"])
def test_every_format_is_read_and_written(name: str) -> None:
    frame = pd.DataFrame({"n": [1, 2], "query": ["fentanyl", None]})
    frame.to_parquet("in.parquet")
    assert run(["substance", "--file", "in.parquet", name, *DAY]) == 0
    assert run(["substance", "--file", name, "back.jsonl", *DAY]) == 0
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in Path("back.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(int(row["n"]), row["query"], row["hit"]) for row in rows] == [(1, "fentanyl", True), (2, None, None)]
    assert (rows[0]["listed"], rows[0]["confidence"]) == (True, 1.0)


def test_json_lines_keep_their_own_values() -> None:
    lines = ['{"query": "fentanyl", "kind": "mine", "n": 2.50}', '"no object"', '{"query": null, "n": [1]}']
    Path("in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert run(["substance", "--file", "in.jsonl", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (rows[0]["input_kind"], rows[0]["kind"], rows[0]["n"]) == ("mine", "exact", 2.5)
    assert [row["hit"] for row in rows] == [True, None, None]
    assert rows[2]["n"] == [1]


def test_a_file_without_rows_gives_a_file_without_rows() -> None:
    assert resolved(["id", "query"]) == []
    assert Path("out.csv").read_text(encoding="utf-8").split("\n")[0] == ",".join(["id", "query", *COLUMNS])


def test_a_note_says_that_systematic_names_are_not_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("in.csv", ["query"], ["fentanyl"])
    monkeypatch.setenv("TIDEWAITER_OPSIN", "false")
    try:
        assert run(["substance", "N-(2-bromophenyl)-3-oxohexanamide"]) == 0
        assert "Note: Systematic names are not read" in " ".join(capsys.readouterr().out.split())
        assert run(["substance", "--file", "in.csv", "out.csv"]) == 0
        assert "Note: Systematic names are not read" in capsys.readouterr().err
    finally:
        monkeypatch.delenv("TIDEWAITER_OPSIN")
        set_up(Settings())


def test_the_examples_of_the_documentation_run() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "substances.md").read_text(encoding="utf-8")
    examples = [shlex.split(line) for line in page.splitlines() if line.startswith("tidewaiter substance ")]
    write("catalogue.csv", ["Product name"], ["fentanyl"])
    assert len(examples) >= 5
    for _, *arguments in examples:
        assert run(arguments) == 0, arguments
    assert rows_of("answers.csv")[0]["hit"] == "true"
    assert Path("norfentanyl.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "TEXT"),
        (["fentanyl", "citrate"], 2, "quotation marks"),
        (["--file", "in.csv"], 2, "IN and OUT"),
        (["--file", "in.csv", "out.csv", "fentanyl"], 2, "no TEXT"),
        (["fentanyl", "--column", "query"], 2, "--column"),
        (["--file", "in.csv", "out.csv", "--json"], 2, "--json"),
        (["fentanyl", "--as-of", "yesterday"], 2, "YYYY-MM-DD"),
        (["fentanyl", "--jurisdiction", "QQ"], 2, "ISO 3166"),
        ([" "], 2, "1 to 1,000 characters"),
        (["x" * 1001], 2, "1,001"),
        (["--file", "in.csv", "out.csv", "--column", "name"], 2, "it has 'query', 'n'"),
        (["--file", "one.csv", "out.csv"], 2, "the only one is 'Substance'"),
        (["--file", "in.csv", "in.csv"], 2, "overwrite"),
        (["--file", "in.csv", "out.xlsx"], 2, "out.xlsx"),
        (["--file", "in.csv", "nowhere/out.csv"], 2, "nowhere"),
        (["--file", "none.csv", "out.csv"], 3, "none.csv"),
        (["--file", "empty.csv", "out.csv"], 3, "empty"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else str(value),
)
def test_an_error_is_one_line_with_its_exit_status(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("in.csv", ["query", "n"], ["fentanyl", "1"])
    write("one.csv", ["Substance"], ["fentanyl"])
    Path("empty.csv").touch()
    assert run(["substance", *arguments]) == status
    output = capsys.readouterr()
    assert words in output.err
    assert "Traceback" not in output.err
    assert not Path("out.csv").exists()


def test_a_file_contains_no_formula_if_the_option_or_the_setting_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    write("in.csv", ["id", "query"], ["=1+1", "fentanyl @A1"], ["2", "-1+1"])

    def cells(*options: str) -> list[str]:
        assert run(["substance", "--file", "in.csv", "out.csv", *DAY, *options]) == 0
        assert run(["substance", "--file", "in.csv", "out.tsv", *DAY, *options]) == 0
        assert Path("out.csv").read_text(encoding="utf-8") == Path("out.tsv").read_text(encoding="utf-8").replace(
            "\t", ","
        )
        return [rows_of("out.csv")[0]["id"], rows_of("out.csv")[1]["query"], rows_of("out.csv")[0]["kind"]]

    plain = cells()
    assert plain[:2] == ["=1+1", "-1+1"]
    assert cells("--excel-safe") == ["'=1+1", "'-1+1", plain[2]]
    monkeypatch.setenv("TIDEWAITER_EXCEL_SAFE", "true")
    assert cells() == ["'=1+1", "'-1+1", plain[2]]


def test_the_option_for_formulas_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["substance", "fentanyl", "--excel-safe"]) == 2
    assert "--excel-safe need --file" in capsys.readouterr().err
